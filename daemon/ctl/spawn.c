#include "ctl/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* One of the two streams that are collected. */
struct drain {
	int fd; /* -1: closed or not wanted */
	struct buf *to;
};

static void drain_once(struct drain *d)
{
	char chunk[8192];
	ssize_t n = read(d->fd, chunk, sizeof(chunk));

	if (n < 0 && errno == EINTR)
		return;
	if (n > 0) {
		buf_append(d->to, chunk, (size_t)n); /* beyond the ceiling it is dropped and the program goes on */
		return;
	}
	close(d->fd);
	d->fd = -1;
}

/* Until both ends are closed, or the program has ended and left a child of its own holding them. */
static void drain_all(struct drain *d, pid_t pid, int *status)
{
	bool ended = false;

	while (d[0].fd >= 0 || d[1].fd >= 0) {
		struct pollfd p[2] = { { d[0].fd, POLLIN, 0 }, { d[1].fd, POLLIN, 0 } };
		int got = poll(p, 2, ended ? 0 : 100);

		for (int i = 0; i < 2 && got > 0; i++)
			if (p[i].revents)
				drain_once(&d[i]);
		if (ended && got <= 0)
			break;
		if (!ended && waitpid(pid, status, WNOHANG) == pid)
			ended = true;
	}
	for (int i = 0; i < 2; i++)
		if (d[i].fd >= 0)
			close(d[i].fd);
	while (!ended && waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
}

static void wire(posix_spawn_file_actions_t *fa, int from, int to, bool drop)
{
	if (from >= 0)
		posix_spawn_file_actions_adddup2(fa, from, to);
	else if (drop)
		posix_spawn_file_actions_addopen(fa, to, "/dev/null", O_WRONLY, 0);
}

int spawn_wait(char *const argv[], struct buf *out, struct buf *errors, struct err *e)
{
	int po[2] = { -1, -1 }, pe[2] = { -1, -1 }, status = 0, rc;
	posix_spawn_file_actions_t fa;
	struct drain d[2];
	pid_t pid;

	if ((out && pipe2(po, O_CLOEXEC) < 0) || (errors && pipe2(pe, O_CLOEXEC) < 0))
		return err_errno(e, ERR_FAILED, "no pipe for %s", argv[0]);
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	wire(&fa, po[1], STDOUT_FILENO, true);
	wire(&fa, pe[1], STDERR_FILENO, false);
	rc = posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&fa);
	if (out)
		close(po[1]);
	if (errors)
		close(pe[1]);
	d[0] = (struct drain){ po[0], out };
	d[1] = (struct drain){ pe[0], errors };
	if (rc) {
		for (int i = 0; i < 2; i++)
			if (d[i].fd >= 0)
				close(d[i].fd);
		errno = rc;
		return err_errno(e, ERR_FAILED, "cannot run '%s'", argv[0]);
	}
	drain_all(d, pid, &status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
