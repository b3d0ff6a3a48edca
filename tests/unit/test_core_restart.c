/*
 * The daemon dies and starts again in every state of instances and runs: nothing leaks, nothing is made or started twice
 * (reliability §2.14). And clocks that jump.
 */
#include "core_world.h"

/* Whatever happened, `down` must end with nothing left at the provider. */
static void wind_up(struct world *w)
{
	struct fleet *f;
	size_t at = 0;

	memset(&w->k, 0, sizeof(w->k));
	while ((f = model_each(&w->m.fleets, &at)))
		world_close_fleet(w, f);
	world_pass(w, 2 * HOUR);
	for (at = 0; (f = model_each(&w->m.fleets, &at));)
		assert_int_equal(f->state, FLEET_CLOSED);
	for (int n = 0; n < world_instances(w); n++)
		assert_int_equal(world_instance(w, n)->state, INSTANCE_GONE);
	assert_int_equal(world_alive(w), 0);
}

/* A world in which the first instance has just come to the state. */
static struct instance *brought_to(struct world *w, enum instance_state s)
{
	struct instance *i;
	struct fleet *f;

	f = world_up(w);
	if (s == INSTANCE_PLANNED || s == INSTANCE_DISPATCHING)
		w->k.held[s == INSTANCE_PLANNED ? ACTION_LIST : ACTION_CREATE] = true;
	if (s == INSTANCE_AMBIGUOUS)
		w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	if (s == INSTANCE_CONNECTING)
		w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE;
	w->k.hide = s == INSTANCE_AMBIGUOUS ? 3 * MINUTE : 0;
	i = world_until_planned(w, 0, MINUTE);
	if (s >= INSTANCE_BUSY) {
		assert_true(world_until(w, i, INSTANCE_READY, 10 * MINUTE));
		world_submit(w, f);
	}
	if (s >= INSTANCE_DRAINING) {
		w->k.run_time = HOUR;
		w->k.held[ACTION_STOP] = s == INSTANCE_DRAINING;
		world_pass(w, 30 * SECOND);
		world_close_fleet(w, f);
	}
	assert_true(world_until(w, i, s, 10 * MINUTE));
	return i;
}

static void in_each_instance_state(void **state, bool single_flight)
{
	for (int s = INSTANCE_PLANNED; s <= INSTANCE_GONE; s++) {
		struct world *w;
		struct instance *i;
		int64_t id;

		world_setup((void **)&w);
		single_flight ? world_single_flight(w) : world_simple(w);
		if (s == INSTANCE_PLANNED && !single_flight) {
			world_teardown((void **)&w); /* leaves for DISPATCHING in the next turn; see the next test */
			continue;
		}
		i = brought_to(w, (enum instance_state)s);
		id = i->object.id;
		memset(&w->k, 0, sizeof(w->k));
		w->k.hide = s == INSTANCE_AMBIGUOUS ? 3 * MINUTE : 0;
		world_restart(w);
		i = model_instance(&w->m, id);
		assert_int_equal(i->state, s == INSTANCE_DISPATCHING ? INSTANCE_AMBIGUOUS : s);
		world_pass(w, 30 * MINUTE);
		if (s < INSTANCE_DRAINING) {
			assert_int_equal(i->state, INSTANCE_READY);
			assert_int_equal(world_alive(w), 1);
			assert_int_equal(w->count[ACTION_CREATE], 1);
		}
		wind_up(w);
		world_teardown((void **)&w);
	}
	(void)state;
}

static void with_names_at_create(void **state)
{
	in_each_instance_state(state, false);
}

static void with_single_flight(void **state)
{
	in_each_instance_state(state, true);
}

/* DISPATCHING, but nothing was sent: proved absent, then made anew under another name. */
static void dispatched_but_not_sent(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	world_offer(w, "cloud", "b", 3 * USD);
	w->k.held[ACTION_CREATE] = w->k.idle[ACTION_CREATE] = true;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_DISPATCHING, MINUTE));
	memset(&w->k, 0, sizeof(w->k));
	world_restart(w);
	world_pass(w, 9 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 1);
	world_pass(w, 20 * MINUTE);
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_ABSENT);
	assert_int_equal(world_instance(w, 1)->state, INSTANCE_READY);
	wind_up(w);
}

static void in_each_run_state(void **state)
{
	static const enum run_state states[] = { RUN_QUEUED, RUN_PUSHING, RUN_SETUP, RUN_RUNNING, RUN_STOPPING, RUN_COLLECTING };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(states); k++) {
		struct world *w;
		struct fleet *f;
		struct run *r;
		int64_t id;

		world_setup((void **)&w);
		world_simple(w);
		f = world_up(w);
		if (states[k] != RUN_QUEUED)
			world_pass(w, 5 * MINUTE);
		r = world_submit(w, f);
		id = r->object.id;
		w->k.held[ACTION_COLLECT] = true;
		w->k.held[ACTION_STOP] = true;
		if (states[k] != RUN_STOPPING)
			assert_true(world_until_run(w, r, states[k], 5 * MINUTE));
		else if (world_until_run(w, r, RUN_RUNNING, 5 * MINUTE))
			world_cancel(w, r);
		world_turn(w);
		memset(&w->k, 0, sizeof(w->k));
		world_restart(w);
		r = model_run(&w->m, id);
		assert_int_equal(r->state, states[k]);
		assert_true(world_until_run(w, r, RUN_DONE, 10 * MINUTE));
		assert_int_equal(r->outcome, states[k] == RUN_STOPPING ? OUTCOME_CANCELLED : OUTCOME_OK);
		assert_int_equal(w->job_count, 1);
		world_teardown((void **)&w);
	}
}

/* The answer to the start was lost with the daemon: the script is attached to, not started again. */
static void start_under_way(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct run *r;
	int64_t id;

	world_simple(w);
	f = world_up(w);
	world_pass(w, 5 * MINUTE);
	r = world_submit(w, f);
	id = r->object.id;
	w->k.held[ACTION_START] = true;
	world_pass(w, 2 * SECOND);
	assert_int_equal(w->job_count, 1);
	w->k.held[ACTION_START] = false;
	world_restart(w);
	assert_true(world_until_run(w, model_run(&w->m, id), RUN_DONE, 5 * MINUTE));
	assert_int_equal(w->job_count, 1);
}

/* Every few seconds of a whole life, one restart each. */
static void at_any_moment(void **state)
{
	(void)state;
	for (duration at = 0; at < 8 * MINUTE; at += 1700 * MSEC) {
		struct world *w;
		struct fleet *f;
		struct run *r;

		world_setup((void **)&w);
		world_simple(w);
		w->want.for_run = true;
		f = world_up(w);
		r = world_submit(w, f);
		world_pass(w, at);
		world_restart(w);
		world_pass(w, HOUR);
		r = model_run(&w->m, 2);
		assert_non_null(r);
		assert_int_equal(r->outcome, OUTCOME_OK);
		assert_int_equal(model_fleet(&w->m, 1)->state, FLEET_CLOSED);
		assert_int_equal(w->job_count, 1);
		assert_int_equal(world_alive(w), 0);
		world_teardown((void **)&w);
	}
}

/* Lifetimes, deadlines and extensions survive. */
static void with_an_extension_pending(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	world_pass(w, 5 * MINUTE);
	w->k.held[ACTION_LIST] = true;
	world_fact(w, &(struct fact){ .kind = FACT_FLEET_EXTEND, .id = f->object.id, .span = 9 * HOUR });
	world_pass(w, 10 * SECOND);
	w->k.held[ACTION_LIST] = false;
	world_restart(w);
	world_pass(w, 2 * MINUTE);
	f = model_fleet(&w->m, 1);
	assert_int_equal(f->expires, f->ready_at + 9 * HOUR);
}

/* Going down: nothing new is asked for, what lives is left under its deadline. */
static void shutdown_starts_nothing(void **state)
{
	struct world *w = *state;
	struct fleet want;
	struct fact f = { .kind = FACT_FLEET_OPEN, .fleet = &want };

	world_simple(w);
	world_up(w);
	world_turn(w);
	world_fact(w, &(struct fact){ .kind = FACT_SHUTDOWN });
	world_pass(w, MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 0);
	want = w->want;
	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_UNREACHABLE);
	world_restart(w);
	world_pass(w, 5 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 1);
}

/* Asleep for eight hours: what is overdue happens at once on waking, before anything else is done. */
static void suspended(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	w->want.lifetime = HOUR;
	f = world_up(w);
	world_pass(w, 5 * MINUTE);
	w->now += 8 * HOUR;
	world_turn(w);
	assert_int_equal(f->state, FLEET_CLOSING);
	wind_up(w);
	assert_int_equal(w->count[ACTION_CREATE], 1);
}

/* Time goes back: nothing ends early, nothing is made twice, and all goes on when the old time is reached again. */
static void clock_goes_back(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	world_pass(w, 30 * MINUTE);
	i = world_instance(w, 0);
	w->now -= 20 * MINUTE;
	world_turn(w);
	world_pass(w, 25 * MINUTE);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_int_equal(w->count[ACTION_CREATE], 1);
	wind_up(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(with_names_at_create),
		cmocka_unit_test(with_single_flight),
		world_test(dispatched_but_not_sent),
		cmocka_unit_test(in_each_run_state),
		world_test(start_under_way),
		cmocka_unit_test(at_any_moment),
		world_test(with_an_extension_pending),
		world_test(shutdown_starts_nothing),
		world_test(suspended),
		world_test(clock_goes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
