#include "parallel.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define JOBS_MAX 64

struct lane {
	int64_t at; /* the case under way */
	int64_t failed;
	bool done;
};

struct cases {
	int jobs;
	int64_t count, shown;
	case_fn *fn;
	void (*name)(void *arg, int64_t index, char *out, size_t size);
	void *arg;
};

static void tell(const struct cases *c, struct lane *l, const char *why)
{
	char name[256];

	if (l->failed++ >= c->shown)
		return;
	c->name(c->arg, l->at, name, sizeof(name));
	printf("%s: %s\n", name, why);
	fflush(stdout);
}

static void walk(const struct cases *c, struct lane *l, int64_t from)
{
	char why[1024];

	for (int64_t k = from; k < c->count; k += c->jobs) {
		l->at = k;
		if (!c->fn(c->arg, k, why, sizeof(why)))
			tell(c, l, why);
	}
	l->done = true;
}

static pid_t start(const struct cases *c, struct lane *l, int64_t from)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		BUG("cannot start a process");
	if (!pid) {
		walk(c, l, from);
		exit(0);
	}
	return pid;
}

int64_t parallel_cases(int jobs, int64_t count, case_fn *fn, void (*name)(void *arg, int64_t index, char *out, size_t size), void *arg,
    int64_t shown)
{
	struct cases c = { jobs < 1 ? 1 : jobs > JOBS_MAX ? JOBS_MAX : jobs, count, shown, fn, name, arg };
	struct lane *lanes = mmap(NULL, sizeof(*lanes) * JOBS_MAX, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pids[JOBS_MAX];
	int64_t failed = 0;
	char why[64];

	if (lanes == MAP_FAILED)
		BUG("no shared memory");
	for (int j = 0; j < c.jobs; j++)
		pids[j] = start(&c, &lanes[j], j);
	for (int j = 0; j < c.jobs; j++) {
		int status;

		while (waitpid(pids[j], &status, 0) == pids[j] && !lanes[j].done) {
			snprintf(why, sizeof(why), "the simulator ended by %s %d", WIFSIGNALED(status) ? "signal" : "status",
			    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			tell(&c, &lanes[j], why);
			pids[j] = start(&c, &lanes[j], lanes[j].at + c.jobs);
		}
		failed += lanes[j].failed;
	}
	munmap(lanes, sizeof(*lanes) * JOBS_MAX);
	return failed;
}
