/* Runs that are cancelled, in each of their states, and stops that meet something under way. */
#include "core_world.h"

static struct fleet *fleet(struct world *w)
{
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	assert_true(world_until(w, world_until_planned(w, 0, MINUTE), INSTANCE_READY, 10 * MINUTE));
	world_turn(w);
	return f;
}

static void cancelled_in_each_state(void **state)
{
	static const enum run_state states[] = { RUN_PUSHING, RUN_SETUP, RUN_RUNNING };
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run *r;

	for (size_t k = 0; k < ARRAY_LEN(states); k++) {
		r = world_submit(w, f);
		assert_true(world_until_run(w, r, states[k], 5 * MINUTE));
		world_cancel(w, r);
		world_cancel(w, r);
		assert_int_equal(r->state, RUN_STOPPING);
		assert_true(world_until_run(w, r, RUN_DONE, MINUTE));
		assert_int_equal(r->outcome, OUTCOME_CANCELLED);
		assert_int_equal(r->cause, CAUSE_CANCELLED);
		assert_int_equal(world_instance(w, 0)->state, INSTANCE_READY);
	}
	world_cancel(w, r); /* after its end: the same answer, nothing changes */
	world_pass(w, SECOND);
	assert_int_equal(r->outcome, OUTCOME_CANCELLED);
}

static void cancelled_in_the_queue(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run *first = world_submit(w, f), *second = world_submit(w, f);

	assert_true(world_until_run(w, first, RUN_RUNNING, MINUTE));
	world_cancel(w, second);
	world_turn(w);
	assert_int_equal(second->state, RUN_DONE);
	assert_int_equal(second->outcome, OUTCOME_CANCELLED);
	assert_int_equal(first->state, RUN_RUNNING);
}

/* While results are being saved a cancel does not throw them away. */
static void cancelled_while_collecting(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.held[ACTION_COLLECT] = true;
	assert_true(world_until_run(w, r, RUN_COLLECTING, 5 * MINUTE));
	world_cancel(w, r);
	world_pass(w, SECOND);
	w->k.held[ACTION_COLLECT] = false;
	assert_true(world_until_run(w, r, RUN_DONE, MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
}

/* The start is on its way: the stop waits for its answer, or the script could begin after it was stopped. */
static void cancelled_while_it_starts(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.held[ACTION_START] = true;
	world_pass(w, 2 * SECOND);
	assert_int_equal(w->count[ACTION_START], 1);
	world_cancel(w, r);
	world_pass(w, 2 * SECOND);
	assert_int_equal(w->count[ACTION_STOP], 0);
	w->k.held[ACTION_START] = false;
	assert_true(world_until_run(w, r, RUN_DONE, MINUTE));
	assert_int_equal(w->count[ACTION_STOP], 1);
	assert_true(w->jobs[0].stopped);
}

/* A push is overtaken by the stop: its late answer is not taken for that of the stop. */
static void cancelled_while_it_is_pushed(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.held[ACTION_PUSH] = true;
	w->k.delay[ACTION_STOP] = 10 * SECOND;
	world_pass(w, 2 * SECOND);
	world_cancel(w, r);
	world_pass(w, 2 * SECOND);
	assert_int_equal(w->count[ACTION_STOP], 1);
	w->k.held[ACTION_PUSH] = false;
	world_pass(w, 2 * SECOND);
	assert_int_equal(w->count[ACTION_STOP] + w->count[ACTION_POLL], 1);
	assert_true(world_until_run(w, r, RUN_DONE, MINUTE));
	assert_int_equal(w->job_count, 0);
}

/* A look at the output is under way: the stop leaves as soon as that is answered, not at the pace of looking. */
static void stop_follows_a_poll(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.delay[ACTION_POLL] = 3 * SECOND;
	assert_true(world_until_run(w, r, RUN_RUNNING, MINUTE));
	world_pass(w, SECOND); /* the next one has left */
	world_cancel(w, r);
	world_pass(w, 2500 * MSEC);
	assert_int_equal(w->count[ACTION_STOP], 1);
}

/* A stop that did not reach the machine is said again. */
static void stop_is_repeated(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	assert_true(world_until_run(w, r, RUN_RUNNING, MINUTE));
	w->k.contact[ACTION_STOP] = SSH_UNREACHABLE;
	world_cancel(w, r);
	world_pass(w, 10 * SECOND);
	assert_int_equal(r->state, RUN_STOPPING);
	w->k.contact[ACTION_STOP] = SSH_OK;
	assert_true(world_until_run(w, r, RUN_DONE, MINUTE));
	assert_true(w->jobs[0].stopped);
}

static void will_not_stop(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.run_time = HOUR;
	w->k.idle[ACTION_STOP] = true;
	assert_true(world_until_run(w, r, RUN_RUNNING, MINUTE));
	world_cancel(w, r);
	assert_true(world_until_run(w, r, RUN_DONE, 4 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_CANCELLED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(cancelled_in_each_state),
		world_test(cancelled_in_the_queue),
		world_test(cancelled_while_collecting),
		world_test(cancelled_while_it_starts),
		world_test(cancelled_while_it_is_pushed),
		world_test(stop_follows_a_poll),
		world_test(stop_is_repeated),
		world_test(will_not_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
