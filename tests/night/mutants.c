#include "mutants.h"
#include "base/clock.h"
#include "base/str.h"
#include "months.h"
#include "parallel.h"
#include "runner.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const mutants[] = {
	/* durable before done */
	"act_before_commit", "spend_while_degraded", "failed_commit_forgotten", "commits_not_synced", "commit_error_ignored",
	"restart_forgets_orders",
	/* at most one */
	"unsure_is_refused", "broken_is_not_sent", "500_is_refused", "create_tried_again", "ambiguous_is_empty",
	"absent_at_once", "one_absence_is_proof",
	/* nothing leaks */
	"404_is_gone", "accepted_is_gone", "404_stays_proof", "gone_unlisted", "delete_gives_up", "delete_said_once", "boots_for_ever",
	"used_without_name", "unnamed_not_claimed", "late_ones_ignored", "resurrected_ones_ignored", "twins_ignored", "orphans_ignored",
	"unnamed_twins_ignored", "ended_is_over", "no_sweep", "failed_listing_is_the_last", "name_not_read",
	/* everything ends */
	"waits_for_the_dead", "never_expires", "later_wake_wins", "window_for_nobody",
	/* nothing foreign is touched */
	"any_mark_is_ours", "mac_not_checked", "every_account_is_ours",
	/* money */
	"money_ignored", "first_bill_is_final", "booked_twice", "one_line_of_the_bill",
	"posting_without_number", "end_not_booked", "bill_not_booked", "held_is_free", "spending_not_counted",
	/* runs, rates */
	"any_end_is_ok", "vanished_is_ok", "no_pace",
	/* time */
	"clock_followed",
};

#define MONTHS 4

static bool needs_months(const char *name)
{
	return !strcmp(name, "held_is_free") || !strcmp(name, "spending_not_counted");
}

struct hunt {
	int64_t nights;
};

/* In a process of its own: some bugs end it, and that counts as caught. */
static int hunt_one(const struct hunt *h, const char *name)
{
	struct night_options no = { .trace = false };
	char violation[1024];
	struct sim_plan p;

	setenv("GPUFLEET_MUTANT", name, 1);
	for (int64_t seed = 1; seed <= (needs_months(name) ? 0 : h->nights); seed++) {
		plan_make(&p, (uint64_t)seed, seed_has_faults(seed));
		runner_night(&p, &no, NULL, violation, sizeof(violation));
		if (!*violation)
			continue;
		printf("%-28s seed %lld: %.140s\n", name, (long long)seed, violation);
		return 1;
	}
	/* What only budgets, or many days, would show. */
	for (int64_t seed = 1; seed <= MONTHS; seed++) {
		months_violation((uint64_t)seed, violation, sizeof(violation));
		if (!*violation)
			continue;
		printf("%-28s months %lld: %.140s\n", name, (long long)seed, violation);
		return 1;
	}
	return 0;
}

static bool one(void *arg, int64_t index, char *why, size_t size)
{
	const struct hunt *h = arg;
	int status = 0;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid == 0)
		exit(hunt_one(h, mutants[index]));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		BUG("cannot run a process");
	if (WIFSIGNALED(status))
		printf("%-28s ended by signal %d\n", mutants[index], WTERMSIG(status));
	snprintf(why, size, "survived %lld nights", (long long)h->nights);
	return WIFSIGNALED(status) || WEXITSTATUS(status) == 1;
}

static void name(void *arg, int64_t index, char *out, size_t size)
{
	(void)arg;
	str_copy_n(out, size, mutants[index]);
}

int mutants_hunt(int jobs, int64_t nights)
{
	struct hunt h = { nights };
	instant began = clock_boot();
	int64_t count = (int64_t)ARRAY_LEN(mutants), survived;

#ifndef GPUFLEET_MUTANTS
	fprintf(stderr, "gpufleet-night: built without planted bugs; use make sim-mutants\n");
	return 2;
#endif
	survived = parallel_cases(jobs, count, one, name, &h, count);
	printf("%lld planted bugs, %lld caught, in %.1f s\n", (long long)count, (long long)(count - survived),
	    (double)(clock_boot() - began) / SECOND);
	return survived ? 1 : 0;
}
