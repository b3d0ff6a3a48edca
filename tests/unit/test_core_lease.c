/* The lease of a machine: given before work, renewed while there is contact, as long as its run may take, never past the deadline. */
#include "core_world.h"

static struct fleet *fleet(struct world *w)
{
	world_simple(w);
	w->k.watchdog = WATCHDOG_DELETES;
	return world_up(w);
}

static duration leased(const struct world *w, const struct instance *i)
{
	return i->leased_until - w->now;
}

static void armed_before_ready_and_renewed(void **state)
{
	struct world *w = *state;
	struct instance *i;

	fleet(w);
	world_pass(w, 5 * SECOND);
	i = world_instance(w, 0);
	assert_true(world_until(w, i, INSTANCE_CONNECTING, 5 * MINUTE));
	assert_int_equal(i->watchdog, WATCHDOG_NONE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	assert_int_equal(i->watchdog, WATCHDOG_DELETES);
	assert_true(leased(w, i) > 14 * MINUTE && leased(w, i) <= 15 * MINUTE);
	for (int k = 0; k < 10; k++) {
		world_pass(w, 7 * MINUTE);
		assert_true(leased(w, i) > 13 * MINUTE && leased(w, i) <= 15 * MINUTE);
	}
}

/* One renewal covers the run: a daemon that is away for hours costs no night. */
static void a_run_is_covered_whole(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));
	struct instance *i;
	int connects;

	r->run_timeout = 2 * HOUR;
	w->k.run_time = 100 * MINUTE;
	assert_true(world_until_run(w, r, RUN_RUNNING, 5 * MINUTE));
	i = world_instance(w, 0);
	world_pass(w, MINUTE);
	assert_true(i->leased_until >= r->run_started + 2 * HOUR);
	connects = w->count[ACTION_CONNECT];
	world_pass(w, 80 * MINUTE);
	assert_int_equal(r->state, RUN_RUNNING);
	assert_int_equal(w->count[ACTION_CONNECT], connects); /* polling the run is contact enough */
	assert_true(world_until_run(w, r, RUN_DONE, HOUR));
	world_pass(w, 2 * MINUTE);
	assert_true(i->leased_until <= w->now + 15 * MINUTE); /* and not a minute longer than it goes on */
}

static void never_past_the_deadline(void **state)
{
	struct world *w = *state;
	struct run *r;
	struct instance *i;

	w->want.lifetime = HOUR;
	r = world_submit(w, fleet(w));
	r->run_timeout = 0;
	w->k.run_time = 10 * HOUR;
	assert_true(world_until_run(w, r, RUN_RUNNING, 5 * MINUTE));
	i = world_instance(w, 0);
	world_pass(w, 5 * MINUTE);
	assert_true(i->leased_until > w->now + 40 * MINUTE);
	assert_true(i->leased_until <= i->deadline + 2 * SECOND);
}

/* Work without a watchdog goes on; it is tried again at the pace of looking, and once it is armed it is known. */
static void one_that_cannot_be_armed(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run *r;
	struct instance *i;
	int connects;

	w->k.watchdog = WATCHDOG_NONE;
	r = world_submit(w, f);
	r->run_timeout = 2 * HOUR;
	w->k.run_time = HOUR;
	assert_true(world_until_run(w, r, RUN_RUNNING, 5 * MINUTE));
	i = world_instance(w, 0);
	assert_int_equal(i->leased_until, 0);
	connects = w->count[ACTION_CONNECT];
	world_pass(w, 10 * MINUTE);
	assert_true(w->count[ACTION_CONNECT] - connects <= 21);
	assert_int_equal(i->watchdog, WATCHDOG_NONE);
	w->k.watchdog = WATCHDOG_STOPS;
	world_pass(w, MINUTE);
	assert_int_equal(i->watchdog, WATCHDOG_STOPS);
	assert_true(i->leased_until >= r->run_started + 2 * HOUR);
}

/* What the watchdog ended was lost with its lease; the script did nothing wrong. */
static void a_lapsed_run_is_lost(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	assert_true(world_until_run(w, r, RUN_RUNNING, 5 * MINUTE));
	w->k.lapsed = true;
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_LOST);
	assert_non_null(strstr(r->reason, "lease"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(armed_before_ready_and_renewed),
		world_test(a_run_is_covered_whole),
		world_test(never_past_the_deadline),
		world_test(one_that_cannot_be_armed),
		world_test(a_lapsed_run_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
