#include "runner.h"
#include "base/clock.h"
#include "base/str.h"
#include "shrink.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

struct shared {
	struct totals totals;
	int64_t seed; /* the one this process is at */
	bool done;
};

bool seed_has_faults(int64_t seed)
{
	return seed % 4 != 0;
}

/* Early steps hold the creates, later ones the rest: half of the deaths are among the first hundreds. */
static int64_t orphan_step(int64_t seed)
{
	struct rng r;

	rng_seed(&r, (uint64_t)seed * 3 + 1);
	return 1 + (int64_t)rng_below(&r, rng_below(&r, 2) ? 500 : 3000);
}

static void add(struct totals *t, const struct sim_night *n)
{
	t->nights++;
	t->steps += n->steps;
	t->requests += n->requests;
	t->machines += (int64_t)n->box_count;
	t->restarts += n->epochs - 1;
	t->virtual_hours += (n->now - NIGHT_START) / HOUR;
	for (int k = 0; k < CLOUDS; k++)
		for (int f = 0; f < FAULT_NR && n->clouds[k]; f++)
			t->switches[f] += n->clouds[k]->fault_fired[f];
	for (int f = 0; f < TROUBLE_NR; f++)
		t->troubles[f] += n->trouble_fired[f];
	if (!*n->violation)
		return;
	t->failed++;
	if (!t->first_failed) {
		t->first_failed = (int64_t)n->plan.seed;
		str_copy(t->first_violation, n->violation);
	}
}

uint64_t runner_night(const struct sim_plan *p, const struct night_options *o, struct totals *t, char *violation, size_t size)
{
	struct sim_night *n = xmalloc(sizeof(*n));
	uint64_t digest;

	night_open(n, p, o);
	night_live(n);
	digest = n->digest;
	if (t)
		add(t, n);
	if (violation)
		str_copy_n(violation, size, n->violation);
	night_close(n);
	free(n);
	return digest;
}

int runner_single(const struct run_options *o)
{
	struct night_options no = { .trace = o->trace, .digest = o->digest };
	char violation[1024];
	struct sim_plan p;
	uint64_t digest;

	if (o->orphan)
		no.orphan_step = orphan_step(o->from);

	plan_make(&p, (uint64_t)o->from, seed_has_faults(o->from));
	if (o->shrink && shrink(&p, &no, violation, sizeof(violation)))
		shrink_print(&p);
	digest = runner_night(&p, &no, NULL, violation, sizeof(violation));
	if (o->digest)
		printf("seed %lld digest %016llx\n", (long long)o->from, (unsigned long long)digest);
	if (*violation)
		printf("seed %lld: %s\n", (long long)o->from, violation);
	return *violation ? 1 : 0;
}

int runner_regressions(const struct run_options *o)
{
	FILE *f = fopen(o->regressions, "r");
	struct night_options no = { .trace = false };
	char line[512], violation[1024];
	int bad = 0, count = 0;
	struct sim_plan p;

	if (!f)
		BUG("cannot read '%s'", o->regressions);
	while (fgets(line, sizeof(line), f)) {
		int64_t seed = strtoll(line, NULL, 10);

		if (seed <= 0)
			continue;
		plan_make(&p, (uint64_t)seed, seed_has_faults(seed));
		runner_night(&p, &no, NULL, violation, sizeof(violation));
		count++;
		bad += *violation != '\0';
		if (*violation)
			printf("seed %lld: %s\n  once: %s", (long long)seed, violation, line);
	}
	fclose(f);
	printf("%d nights that once found something, %d of them do again\n", count, bad);
	return bad ? 1 : 0;
}

static void work(const struct run_options *o, int64_t job, struct shared *s)
{
	struct night_options no = { .digest = o->digest || o->again };
	char violation[1024];
	struct sim_plan p;

	for (int64_t seed = s->seed ? s->seed + o->jobs : o->from + job; seed < o->from + o->count; seed += o->jobs) {
		uint64_t digest;

		s->seed = seed;
		if (o->orphan)
			no.orphan_step = orphan_step(seed);
		plan_make(&p, (uint64_t)seed, seed_has_faults(seed));
		digest = runner_night(&p, &no, &s->totals, violation, sizeof(violation));
		if (o->digest)
			printf("seed %lld digest %016llx\n", (long long)seed, (unsigned long long)digest);
		if (o->again && runner_night(&p, &no, NULL, NULL, 0) != digest) {
			printf("seed %lld: the same night went another way\n", (long long)seed);
			s->totals.failed++;
		}
		if (*violation && s->totals.failed <= 10)
			printf("seed %lld: %s\n", (long long)seed, violation);
		fflush(stdout);
	}
	s->done = true;
}

static pid_t start(const struct run_options *o, int64_t job, struct shared *s)
{
	pid_t pid = fork();

	if (pid < 0)
		BUG("cannot start a process");
	if (pid)
		return pid;
	work(o, job, s);
	exit(0);
}

/* What a person wants to know first of a night that went wrong: the least of it that still does. */
static void explain(const struct run_options *o, int64_t seed)
{
	struct night_options no = { .orphan_step = o->orphan ? orphan_step(seed) : 0 };
	char violation[1024];
	struct sim_plan p;

	plan_make(&p, (uint64_t)seed, seed_has_faults(seed));
	if (!shrink(&p, &no, violation, sizeof(violation)))
		return;
	printf("seed %lld, made smaller: %s\n", (long long)seed, violation);
	shrink_print(&p);
	printf("  gpufleet-night --seed %lld --shrink --trace%s tells it\n", (long long)seed, o->orphan ? " --orphan" : "");
}

static void sum(struct totals *to, const struct totals *t)
{
	to->nights += t->nights;
	to->failed += t->failed;
	to->steps += t->steps;
	to->requests += t->requests;
	to->machines += t->machines;
	to->restarts += t->restarts;
	to->virtual_hours += t->virtual_hours;
	if (t->first_failed && (!to->first_failed || t->first_failed < to->first_failed))
		to->first_failed = t->first_failed;
	for (int f = 0; f < FAULT_NR; f++)
		to->switches[f] += t->switches[f];
	for (int f = 0; f < TROUBLE_NR; f++)
		to->troubles[f] += t->troubles[f];
}

/* Which faults struck how often; returns how many did less than once in a hundred nights (reliability §4). */
static int table(const struct totals *t, bool print)
{
	int rare = 0;

	for (int k = 0; k < FAULT_NIGHTS + TROUBLE_NR; k++) {
		const char *name = k < FAULT_NIGHTS ? sim_faults[k].name : trouble_names[k - FAULT_NIGHTS];
		int64_t count = k < FAULT_NIGHTS ? t->switches[k] : t->troubles[k - FAULT_NIGHTS];

		if (print)
			printf("%-30s %9lld%s", name, (long long)count, k % 3 == 2 ? "\n" : "   ");
		rare += count < t->nights / 100 || !count;
	}
	if (print)
		printf("\n");
	return rare;
}

int runner_many(const struct run_options *o)
{
	struct shared *s = mmap(NULL, sizeof(*s) * (size_t)o->jobs, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct totals t = { .nights = 0 };
	pid_t pids[64];
	instant began = clock_boot();
	double took;
	int rare;

	if (s == MAP_FAILED)
		BUG("no shared memory");
	fflush(stdout);
	for (int64_t j = 0; j < o->jobs; j++)
		pids[j] = start(o, j, &s[j]);
	for (int64_t j = 0; j < o->jobs; j++) {
		int status;

		while (waitpid(pids[j], &status, 0) == pids[j] && !s[j].done) {
			printf("seed %lld: the simulator ended by %s %d\n", (long long)s[j].seed,
			    WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
			s[j].totals.failed++;
			s[j].totals.nights++;
			pids[j] = start(o, j, &s[j]);
		}
		sum(&t, &s[j].totals);
	}
	took = (double)(clock_boot() - began) / SECOND;
	printf("%lld nights, %lld h of virtual time, %lld steps, %lld requests, %lld machines, %lld restarts in %.1f s\n",
	    (long long)t.nights, (long long)t.virtual_hours, (long long)t.steps, (long long)t.requests, (long long)t.machines,
	    (long long)t.restarts, took);
	rare = table(&t, o->table);
	munmap(s, sizeof(*s) * (size_t)o->jobs);
	if (t.failed)
		printf("%lld of %lld nights went wrong\n", (long long)t.failed, (long long)t.nights);
	if (t.first_failed)
		explain(o, t.first_failed);
	if (rare && o->count >= 5000 && !o->orphan)
		printf("%d kinds of fault struck less than once in a hundred nights; see --table\n", rare);
	return t.failed || (rare && o->count >= 5000 && !o->orphan) ? 1 : 0;
}
