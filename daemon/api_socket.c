#include "api_private.h"
#include "base/str.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static bool somebody_answers(const struct sockaddr_un *to)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool yes = fd >= 0 && connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0;

	if (fd >= 0)
		close(fd);
	return yes;
}

/* Bound under a temporary name with its final mode and renamed into place: nobody ever meets a half-made socket. */
int api_listen(const char *path, bool groups, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX }, final = { .sun_family = AF_UNIX };
	char dir[512], *slash;
	int fd;

	if (!str_copy(final.sun_path, path) || strlen(path) + 5 > sizeof(addr.sun_path))
		return err_set(e, ERR_USAGE, "the socket path '%s' is longer than %zu bytes; set 'socket:' to a shorter one", path,
		    sizeof(addr.sun_path) - 6);
	if (somebody_answers(&final))
		return err_set(e, ERR_CONFLICT, "another daemon answers on '%s'", path);
	str_copy(dir, path);
	slash = strrchr(dir, '/');
	if (slash && slash != dir) {
		*slash = '\0';
		if (mkdir(dir, groups ? 0755 : 0700) < 0 && errno != EEXIST)
			return err_errno(e, ERR_FAILED, "cannot make the directory of the socket '%s'", dir);
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s.new", path);
	unlink(addr.sun_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 || listen(fd, 128) < 0 ||
	    chmod(addr.sun_path, groups ? 0666 : 0600) < 0 || rename(addr.sun_path, path) < 0) {
		err_errno(e, ERR_FAILED, "cannot listen on '%s'", path);
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}
