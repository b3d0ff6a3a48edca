#include "service.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static int ready_fd = -1, log_fd = -1;

/* mkdir -p with mode 0700; existing directories are left as they are. */
static int make_dirs(const char *path, struct err *e)
{
	char part[600];

	for (size_t n = 1; n <= strlen(path) && n < sizeof(part); n++) {
		if (path[n] != '/' && path[n])
			continue;
		memcpy(part, path, n);
		part[n] = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_errno(e, ERR_FAILED, "cannot make directory '%s'", part);
	}
	return 0;
}

int service_lock(const char *state_dir, struct err *e)
{
	char path[600], pid[32];
	struct stat st;
	int fd, n;

	if (make_dirs(state_dir, e) < 0)
		return -1;
	if (stat(state_dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return err_set(e, ERR_FAILED, "state directory '%s' is not a directory", state_dir);
	if (st.st_uid != geteuid() || (st.st_mode & 022))
		return err_set(e, ERR_FAILED, "state directory '%s' can be changed by others; run: chown %u '%s' && chmod 700 '%s'",
		    state_dir, (unsigned)geteuid(), state_dir, state_dir);
	snprintf(path, sizeof(path), "%s/runs", state_dir);
	if (make_dirs(path, e) < 0)
		return -1;
	snprintf(path, sizeof(path), "%s/lock", state_dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(e, ERR_FAILED, "cannot open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t got = read(fd, pid, sizeof(pid) - 1);

		pid[got > 0 ? strcspn(pid, "\n") : 0] = '\0';
		close(fd);
		return err_set(e, ERR_CONFLICT, "another gpufleetd%s%.16s works on '%s'", *pid ? ", pid " : "", pid, state_dir);
	}
	n = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) < 0 || write(fd, pid, (size_t)n) != n)
		return err_errno(e, ERR_FAILED, "cannot write '%s'", path);
	return 0; /* the descriptor stays open: it is the lock */
}

void service_notify(const char *state)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t len = path ? strlen(path) : 0;
	int fd;

	if (!len || len >= sizeof(to.sun_path))
		return;
	memcpy(to.sun_path, path, len);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0';
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
		fprintf(stderr, "cannot notify the service manager: %s\n", strerror(errno));
	close(fd);
}

uint64_t service_watchdog_ms(void)
{
	const char *text = getenv("WATCHDOG_USEC");
	int64_t us;

	return text && str_to_i64(text, 1000, INT64_MAX, &us) ? (uint64_t)us / 2000 : 0;
}

static int wait_for_child(pid_t pid, int fd)
{
	char byte;
	int status = 0;
	ssize_t n;

	do
		n = read(fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		return 0;
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int service_background(const char *state_dir, struct err *e)
{
	char log_path[600];
	int fds[2];
	pid_t pid;

	if (make_dirs(state_dir, e) < 0)
		return -1;
	snprintf(log_path, sizeof(log_path), "%s/gpufleetd.log", state_dir);
	log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (log_fd < 0)
		return err_errno(e, ERR_FAILED, "cannot open the log '%s'", log_path);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(e, ERR_FAILED, "cannot make a pipe");
	pid = fork();
	if (pid < 0)
		return err_errno(e, ERR_FAILED, "cannot go to the background");
	if (pid > 0) {
		close(fds[1]);
		_exit(wait_for_child(pid, fds[0]));
	}
	close(fds[0]);
	ready_fd = fds[1];
	setsid();
	return 0;
}

void service_ready(void)
{
	int null;

	service_notify("READY=1");
	if (ready_fd < 0)
		return;
	if (write(ready_fd, "", 1) != 1)
		fprintf(stderr, "the starting process is gone\n");
	close(ready_fd);
	ready_fd = -1;
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		close(null);
	}
	dup2(log_fd, STDERR_FILENO);
	close(log_fd);
	if (chdir("/") < 0)
		fprintf(stderr, "cannot leave the working directory: %s\n", strerror(errno));
}
