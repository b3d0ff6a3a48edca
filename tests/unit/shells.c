#include "shells.h"

#include "base/str.h"
#include "sshd.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const needed[] = { "cat", "chmod", "cp", "cut", "date", "dd", "df", "du", "env",
	"expr", "false", "find", "grep", "head", "id", "ln", "ls", "mkdir", "mktemp", "mv", "nohup",
	"ps", "rm", "sed", "sha256sum", "sleep", "sort", "sync", "tail", "tar", "touch", "tr", "true", "uname",
	"wc" };

static void die(const char *what)
{
	perror(what);
	abort();
}

const struct shell *shells(size_t *count)
{
	static struct shell list[8];
	static size_t n;
	const char *busybox = getenv("GPUFLEET_BUSYBOX");

	if (!n) {
		list[n++] = (struct shell){ .name = "dash", .sh = "/bin/dash" };
		list[n++] = (struct shell){ .name = "bash --posix", .sh = "/bin/bash" };
		list[n++] = (struct shell){
			.name = "dash without setsid", .sh = "/bin/dash", .bare = true
		};
		list[n++] = (struct shell){
			.name = "bash without setsid", .sh = "/bin/bash", .bare = true
		};
		if (!busybox && !access("/bin/busybox", X_OK))
			busybox = "/bin/busybox";
		if (busybox)
			list[n++] = (struct shell){
				.name = "busybox", .sh = busybox, .bare = true, .applets = busybox
			};
	}
	*count = n;
	return list;
}

static void link_as(const struct place *p, const char *target, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/bin/%s", p->dir, name);
	if (symlink(target, path) < 0)
		die(path);
}

static void link_needed(const struct place *p)
{
	char from[64];

	for (size_t i = 0; i < ARRAY_LEN(needed); i++) {
		snprintf(from, sizeof(from), "/usr/bin/%s", needed[i]);
		if (access(from, X_OK) < 0)
			snprintf(from, sizeof(from), "/bin/%s", needed[i]);
		link_as(p, p->shell->applets ? p->shell->applets : from, needed[i]);
	}
	if (p->shell->applets)
		link_as(p, p->shell->applets, "setsid");
}

void place_make(struct place *p, const struct shell *s)
{
	static const char *const dirs[] = { "bin", "home", "shm" };
	char path[128];

	*p = (struct place){ .shell = s };
	temp_dir(p->dir);
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(path, sizeof(path), "%s/%s", p->dir, dirs[i]);
		if (mkdir(path, 0700) < 0)
			die(path);
	}
	link_as(p, s->sh, "sh");
	if (s->bare)
		link_needed(p);
	snprintf(p->path, sizeof(p->path), "%s/bin%s", p->dir, s->bare ? "" : ":/usr/bin:/bin");
}

void place_remove(struct place *p)
{
	if (!getenv("GPUFLEET_KEEP_TEST_DIRS"))
		remove_dir(p->dir);
}

static void slurp(int fd, struct buf *b)
{
	char chunk[65536];
	ssize_t n;

	lseek(fd, 0, SEEK_SET);
	while ((n = read(fd, chunk, sizeof(chunk))) > 0)
		buf_append(b, chunk, (size_t)n);
	close(fd);
}

static void become(const struct place *p, const char *command, const int fd[3])
{
	char path[300], home[128], shm[128], sh[128];
	char *env[4] = { path, home, shm, NULL };

	snprintf(path, sizeof(path), "PATH=%s", p->path);
	snprintf(home, sizeof(home), "HOME=%s/home", p->dir);
	snprintf(shm, sizeof(shm), "GPUFLEET_SECRET_DIR=%s/shm", p->dir);
	snprintf(sh, sizeof(sh), "%s/bin/sh", p->dir);
	for (int i = 0; i < 3; i++)
		dup2(fd[i], i);
	setsid(); /* what it starts must not hang on the test's own session */
	execve(sh,
	    (char *const[]){ (char *)(uintptr_t) "sh", (char *)(uintptr_t) "-c",
		(char *)(uintptr_t)command, NULL },
	    env);
	_exit(126);
}

void place_run(
    const struct place *p, const char *command, const void *input, size_t n, struct outcome *o)
{
	int fd[3], status;
	pid_t pid;

	*o = (struct outcome){ .out = BUF(64u * 1024 * 1024), .err = BUF(16u * 1024 * 1024) };
	for (int i = 0; i < 3; i++)
		fd[i] = memfd_create("io", MFD_CLOEXEC);
	if (fd[2] < 0 || (n && write(fd[0], input, n) != (ssize_t)n))
		die("memfd");
	lseek(fd[0], 0, SEEK_SET);
	/* Several processes write at a time, and Linux does not guard the shared offset of a memfd: one line would lie on another. */
	if (fcntl(fd[1], F_SETFL, O_APPEND) < 0 || fcntl(fd[2], F_SETFL, O_APPEND) < 0)
		die("fcntl");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid)
		become(p, command, fd);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid");
	o->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
	close(fd[0]);
	slurp(fd[1], &o->out);
	slurp(fd[2], &o->err);
}

void outcome_free(struct outcome *o)
{
	buf_free(&o->out);
	buf_free(&o->err);
}
