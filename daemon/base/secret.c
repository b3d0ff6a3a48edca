#include "secret.h"
#include "log.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_MAX 16384

static int check_file(int fd, const char *path, struct err *e)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(e, ERR_FAILED, "cannot examine '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_USAGE, "'%s' is not a regular file", path);
	if (st.st_uid != geteuid() && st.st_uid != 0)
		return err_set(e, ERR_USAGE, "'%s' belongs to another user (uid %u); run: chown %u '%s'", path,
		    (unsigned)st.st_uid, (unsigned)geteuid(), path);
	if (st.st_mode & 077)
		return err_set(e, ERR_USAGE, "'%s' can be read by others (mode %04o); run: chmod 600 '%s'", path,
		    (unsigned)(st.st_mode & 07777), path);
	return 0;
}

int secret_read_file(struct secret *s, const char *path, struct err *e)
{
	char text[SECRET_MAX + 1];
	size_t from = 0, n = 0;
	ssize_t got;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0 && errno == ELOOP)
		return err_set(e, ERR_USAGE, "'%s' is a symbolic link; name the file itself", path);
	if (fd < 0)
		return err_errno(e, errno == ENOENT ? ERR_USAGE : ERR_FAILED, "cannot read secret file '%s'", path);
	if (check_file(fd, path, e) < 0) {
		close(fd);
		return -1;
	}
	while (n < sizeof(text) && (got = read(fd, text + n, sizeof(text) - n)) > 0)
		n += (size_t)got;
	close(fd);
	if (n > SECRET_MAX || memchr(text, '\0', n)) {
		explicit_bzero(text, sizeof(text));
		return err_set(e, ERR_USAGE, "secret file '%s' is %s", path, n > SECRET_MAX ? "too long" : "not text");
	}
	while (n && isspace((unsigned char)text[n - 1]))
		n--;
	while (from < n && isspace((unsigned char)text[from]))
		from++;
	text[n] = '\0';
	if (from == n)
		return err_set(e, ERR_USAGE, "secret file '%s' is empty", path);
	secret_set(s, text + from);
	explicit_bzero(text, sizeof(text));
	return 0;
}

void secret_set(struct secret *s, const char *value)
{
	secret_wipe(s);
	s->value = xstrdup(value);
	log_hide(value);
}

void secret_wipe(struct secret *s)
{
	if (s->value)
		explicit_bzero(s->value, strlen(s->value));
	free(s->value);
	s->value = NULL;
}

bool secret_equal(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned char diff = la != lb;

	for (size_t i = 0; i < la && i < lb; i++)
		diff |= (unsigned char)(a[i] ^ b[i]);
	return !diff;
}
