#include "state_file.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int state_file_read(const char *state_dir, const char *name, char line[STATE_FILE_MAX], struct err *e)
{
	char path[600];
	ssize_t n;
	int fd;

	*line = '\0';
	snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot read '%s'", path);
	n = read(fd, line, STATE_FILE_MAX - 1);
	close(fd);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	return 1;
}

int state_file_write(const char *state_dir, const char *name, const char *line, struct err *e)
{
	char path[600], temp[608], text[STATE_FILE_MAX + 1];
	int fd, n = snprintf(text, sizeof(text), "%s\n", line);
	bool ok;

	snprintf(path, sizeof(path), "%s/%s", state_dir, name);
	snprintf(temp, sizeof(temp), "%s.new", path);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot make '%s'", temp);
	ok = write(fd, text, (size_t)n) == n;
	if (close(fd) < 0 || !ok || rename(temp, path) < 0)
		return err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	return 0;
}
