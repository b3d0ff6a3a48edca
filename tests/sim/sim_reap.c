/*
 * Ending processes: all of one machine, or all below this process.
 *
 * A machine's processes are those below its sshd, and those that carry its mark in their environment or stand in its
 * directory: a job started with setsid outlives its sshd and is adopted by this process, the nearest subreaper.
 */
#include "sim.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

struct process {
	pid_t pid, parent;
	bool below; /* this process */
	bool hit;
};

static pid_t parent_of(pid_t pid)
{
	char path[64], text[512], *end;
	int fd, parent = 0;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	end = strrchr(text, ')'); /* the name may hold anything */
	if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static size_t processes(struct process **out)
{
	struct process *list = NULL;
	size_t n = 0, cap = 0;
	DIR *d = opendir("/proc");
	struct dirent *entry;
	int64_t pid;

	while (d && (entry = readdir(d))) {
		if (!str_to_i64(entry->d_name, 1, INT_MAX, &pid))
			continue;
		if (n == cap) {
			cap = cap ? cap * 2 : 256;
			list = xreallocarray(list, cap, sizeof(*list));
		}
		list[n++] = (struct process){ .pid = (pid_t)pid, .parent = parent_of((pid_t)pid) };
	}
	if (d)
		closedir(d);
	*out = list;
	return n;
}

static void spread(struct process *list, size_t n)
{
	bool more = true;

	while (more) {
		more = false;
		for (size_t i = 0; i < n; i++) {
			for (size_t k = 0; !list[i].hit && k < n; k++)
				if (list[k].hit && list[k].pid == list[i].parent)
					list[i].hit = more = true;
		}
	}
}

/* All processes, those below this one marked; nobody else's are ever touched. */
static size_t snapshot(struct process **out)
{
	size_t n = processes(out);

	for (size_t i = 0; i < n; i++)
		(*out)[i].hit = (*out)[i].pid == getpid();
	spread(*out, n);
	for (size_t i = 0; i < n; i++) {
		(*out)[i].below = (*out)[i].hit && (*out)[i].pid != getpid();
		(*out)[i].hit = false;
	}
	return n;
}

static bool carries(pid_t pid, const char *mark)
{
	static char text[256 * 1024];
	char path[64];
	size_t want = strlen(mark) + 1, used = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	while (used < sizeof(text) - 1 && (n = read(fd, text + used, sizeof(text) - 1 - used)) > 0)
		used += (size_t)n;
	close(fd);
	text[used] = '\0';
	for (size_t at = 0; at + want <= used + 1; at += strlen(text + at) + 1)
		if (!strcmp(text + at, mark))
			return true;
	return false;
}

static bool stands_in(pid_t pid, const char *dir)
{
	char path[64], cwd[PATH_MAX];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	n = readlink(path, cwd, sizeof(cwd) - 1);
	if (n <= 0)
		return false;
	cwd[n] = '\0';
	return str_starts(cwd, dir) && (cwd[strlen(dir)] == '/' || !cwd[strlen(dir)]);
}

static void kill_hits(const struct process *list, size_t n, bool *any)
{
	*any = false;
	for (size_t i = 0; i < n; i++)
		if (list[i].hit && list[i].below && kill(list[i].pid, SIGKILL) == 0)
			*any = true;
}

/* Zombies of ours would be found again for ever. */
static void collect(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

void reap_marked(const char *mark, const char *dir, pid_t root)
{
	bool any = true;

	for (int round = 0; any && round < 50; round++) {
		struct process *list;
		size_t n = snapshot(&list);

		for (size_t i = 0; i < n; i++)
			list[i].hit = list[i].below && ((root && list[i].pid == root) ||
							   carries(list[i].pid, mark) ||
							   stands_in(list[i].pid, dir));
		spread(list, n);
		kill_hits(list, n, &any);
		free(list);
		if (any)
			usleep(round ? 5000 : 500);
		collect();
	}
}

void reap_descendants(void)
{
	bool any = true;

	for (int round = 0; any && round < 200; round++) {
		struct process *list;
		size_t n = snapshot(&list);

		for (size_t i = 0; i < n; i++)
			list[i].hit = list[i].below;
		kill_hits(list, n, &any);
		free(list);
		if (any)
			usleep(round ? 5000 : 500);
		collect();
	}
}
