/*
 * Runs: how they end, and what losing the machine or the contact and time limits do in each of their states.
 */
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

static struct run *done(struct world *w, enum run_outcome outcome, enum cause cause, duration most)
{
	struct run *r = world_submit(w, fleet(w));

	assert_true(world_until_run(w, r, RUN_DONE, most));
	assert_int_equal(r->outcome, outcome);
	assert_int_equal(r->cause, cause);
	return r;
}

static void script_fails(void **state)
{
	struct world *w = *state;

	w->k.exit_status = 3;
	assert_int_equal(done(w, OUTCOME_FAILED, CAUSE_FAILED, 5 * MINUTE)->exit_status, 3);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_READY); /* the machine is not to blame */
}

/* The machine is to blame: it is given back, the next one is ordered by itself, and the run's output goes on. */
static void an_unfit_machine_is_replaced(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run *r;

	f->for_run = true;
	r = world_submit(w, f);
	w->k.exit_status = STATUS_BAD_MACHINE;
	for (int k = 0; k < 300 && !r->requeues; k++)
		world_pass(w, SECOND);
	assert_int_equal(r->requeues, 1);
	assert_int_equal(r->state, RUN_QUEUED);
	assert_int_equal(r->outcome, OUTCOME_NONE);
	assert_int_equal(r->out_base, r->out_size);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_DELETING);
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_BAD_MACHINE);
	w->k.exit_status = 0;
	assert_true(world_until_run(w, r, RUN_DONE, 30 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(r->cause, CAUSE_NONE);
	assert_int_equal(r->instance_id, world_instance(w, 1)->object.id);
	assert_int_equal(world_instance(w, 1)->slot, world_instance(w, 0)->slot);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 15 * MINUTE));
	assert_int_equal(f->cause, CAUSE_RUN_ENDED);
}

/* Every machine is said to be unfit: then it is probably the run. */
static void three_unfit_machines_are_enough(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.exit_status = STATUS_BAD_MACHINE;
	assert_true(world_until_run(w, r, RUN_DONE, HOUR));
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_int_equal(r->cause, CAUSE_BAD_MACHINE);
	assert_int_equal(r->requeues, 2);
	assert_null(world_instance(w, 3));
	assert_int_equal(world_instance(w, 2)->state, INSTANCE_READY);
}

/* Somebody has released the fleet: nothing is ordered any more. */
static void no_other_machine_for_a_closing_fleet(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run *r = world_submit(w, f);

	w->k.exit_status = STATUS_BAD_MACHINE;
	w->k.run_time = 5 * MINUTE;
	world_pass(w, 2 * MINUTE);
	assert_int_equal(r->state, RUN_RUNNING);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 15 * MINUTE));
	assert_int_equal(r->requeues, 0);
	assert_null(world_instance(w, 1));
}

static void setup_fails(void **state)
{
	struct world *w = *state;
	struct run *r;

	w->k.exit_status = 1;
	w->k.setup_failed = true;
	r = done(w, OUTCOME_FAILED, CAUSE_FAILED, 5 * MINUTE);
	assert_int_equal(r->run_started, 0);
	assert_non_null(strstr(r->reason, "setup"));
}

static void ended_by_a_signal(void **state)
{
	struct world *w = *state;

	w->k.signal = "KILL";
	assert_string_equal(done(w, OUTCOME_FAILED, CAUSE_FAILED, 5 * MINUTE)->signal, "KILL");
}

static void supervisor_says_too_long(void **state)
{
	struct world *w = *state;

	w->k.timed_out = true;
	w->k.exit_status = 124;
	done(w, OUTCOME_TIMED_OUT, CAUSE_TIMED_OUT, 5 * MINUTE);
}

/* The supervisor does not keep the limit: we do, some minutes later. */
static void we_say_too_long(void **state)
{
	struct world *w = *state;
	struct run *r;

	w->k.run_time = 10 * HOUR;
	r = done(w, OUTCOME_TIMED_OUT, CAUSE_TIMED_OUT, 70 * MINUTE);
	assert_true(r->ended - r->run_started >= HOUR);
}

static void killed_behind_our_back(void **state)
{
	struct world *w = *state;

	w->k.vanish = true;
	done(w, OUTCOME_LOST, CAUSE_LOST, 5 * MINUTE);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_READY);
}

static void exit_status_unknown(void **state)
{
	struct world *w = *state;

	w->k.exit_status = -1;
	assert_int_equal(done(w, OUTCOME_FAILED, CAUSE_FAILED, 5 * MINUTE)->exit_status, -1); /* never guessed */
}

static void push_is_refused(void **state)
{
	struct world *w = *state;

	w->k.refuse = true;
	done(w, OUTCOME_FAILED, CAUSE_PUSH_FAILED, 5 * MINUTE);
	assert_int_equal(w->count[ACTION_PUSH], 1);
	assert_int_equal(w->count[ACTION_START], 0);
}

static void push_fails_a_few_times(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.contact[ACTION_PUSH] = SSH_UNREACHABLE;
	world_pass(w, 3 * SECOND);
	assert_int_equal(r->state, RUN_PUSHING);
	w->k.contact[ACTION_PUSH] = SSH_OK;
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(w->count[ACTION_START], 1);
}

/* Start said twice because the first answer was lost: the machine runs it once, and the files are pushed once. */
static void start_is_repeated(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	w->k.contact[ACTION_START] = SSH_LOST; /* it was done, the answer did not come */
	world_pass(w, 5 * SECOND);
	assert_int_equal(r->state, RUN_PUSHING);
	w->k.contact[ACTION_START] = SSH_OK;
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_true(w->count[ACTION_START] >= 2);
	assert_int_equal(w->count[ACTION_PUSH], 1);
	assert_int_equal(w->job_count, 1);
}

static void results_cannot_be_fetched(void **state)
{
	struct world *w = *state;

	w->k.contact[ACTION_COLLECT] = SSH_LOST;
	done(w, OUTCOME_OK, CAUSE_NONE, 10 * MINUTE);
	assert_in_range(w->count[ACTION_COLLECT], 3, 10);
}

/* ---- the machine is lost in each state ---- */

static void machine_lost_in_each_state(void **state)
{
	static const enum run_state states[] = { RUN_PUSHING, RUN_SETUP, RUN_RUNNING, RUN_STOPPING, RUN_COLLECTING };
	struct world *w = *state;
	struct instance *i;
	struct run *r;

	world_simple(w);
	for (size_t k = 0; k < ARRAY_LEN(states); k++) {
		struct fleet *f = world_up(w);

		memset(&w->k, 0, sizeof(w->k));
		i = world_until_planned(w, (int)k, MINUTE);
		assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
		r = world_submit(w, f);
		w->k.held[ACTION_PUSH] = states[k] == RUN_PUSHING;
		w->k.held[ACTION_COLLECT] = true;
		w->k.idle[ACTION_STOP] = true;
		assert_true(world_until_run(w, r, states[k] == RUN_STOPPING ? RUN_RUNNING : states[k], 5 * MINUTE));
		if (states[k] == RUN_STOPPING)
			world_cancel(w, r);
		world_unit_of(w, i->provider_id)->state = MACHINE_ENDED;
		assert_true(world_until_run(w, r, RUN_DONE, MINUTE));
		assert_int_equal(r->outcome, states[k] == RUN_STOPPING ? OUTCOME_CANCELLED :
		    states[k] == RUN_COLLECTING ? OUTCOME_OK : OUTCOME_LOST);
		assert_int_equal(i->cause, CAUSE_LOST);
		memset(&w->k, 0, sizeof(w->k)); /* late answers come now */
		assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	}
	assert_int_equal(world_alive(w), 0);
}

/* A queued run of a fleet that ends is cancelled with it; the running one saves what it has. */
static void fleet_ends_under_runs(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run *running = world_submit(w, f), *queued = world_submit(w, f);

	assert_true(world_until_run(w, running, RUN_RUNNING, MINUTE));
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(queued->outcome, OUTCOME_CANCELLED);
	assert_int_equal(running->outcome, OUTCOME_CANCELLED);
	assert_int_equal(w->count[ACTION_COLLECT], 1);
	assert_int_equal(world_alive(w), 0);
}

/* Results that do not come hold the delete up for ten minutes, not for ever. */
static void draining_has_a_limit(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run *r = world_submit(w, f);
	struct instance *i = world_instance(w, 0);

	w->k.held[ACTION_COLLECT] = true;
	assert_true(world_until_run(w, r, RUN_COLLECTING, 5 * MINUTE));
	world_close_fleet(w, f);
	assert_false(world_until(w, i, INSTANCE_DELETING, 9 * MINUTE));
	assert_int_equal(i->state, INSTANCE_DRAINING);
	assert_true(world_until(w, i, INSTANCE_DELETING, 2 * MINUTE));
	assert_int_equal(r->state, RUN_DONE);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
}

/* Silence is the machine's fault only while the provider answers. */
static void contact_lost(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit(w, fleet(w));

	assert_true(world_until_run(w, r, RUN_RUNNING, MINUTE));
	for (int k = ACTION_CONNECT; k < ACTION_NR; k++)
		w->k.contact[k] = SSH_UNREACHABLE;
	w->k.verdict[ACTION_LIST] = VERDICT_RETRY;
	w->k.run_time = HOUR;
	world_pass(w, 40 * MINUTE);
	assert_int_equal(r->state, RUN_RUNNING); /* our own network: nothing is given up */
	w->k.verdict[ACTION_LIST] = VERDICT_OK;
	assert_true(world_until_run(w, r, RUN_DONE, 15 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_LOST);
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_LOST);
}

/* A run that nobody can reach gets the time that it may take; then, or when it can be reached again, it is seen to. */
static void silence_is_waited_out(void **state)
{
	struct world *w = *state;
	struct run *r;

	w->m.policy.finish_lost = true;
	r = world_submit(w, fleet(w));
	r->run_timeout = 2 * HOUR;
	w->k.run_time = HOUR;
	assert_true(world_until_run(w, r, RUN_RUNNING, MINUTE));
	for (int k = ACTION_CONNECT; k < ACTION_NR; k++)
		w->k.contact[k] = SSH_UNREACHABLE;
	world_pass(w, 50 * MINUTE);
	assert_int_equal(r->state, RUN_RUNNING);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_BUSY);
	for (int k = ACTION_CONNECT; k < ACTION_NR; k++)
		w->k.contact[k] = SSH_OK;
	assert_true(world_until_run(w, r, RUN_DONE, 20 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);

	r = world_submit(w, model_fleet(&w->m, r->fleet_id));
	r->run_timeout = 30 * MINUTE;
	assert_true(world_until_run(w, r, RUN_RUNNING, MINUTE));
	for (int k = ACTION_CONNECT; k < ACTION_NR; k++)
		w->k.contact[k] = SSH_UNREACHABLE;
	world_pass(w, 29 * MINUTE);
	assert_int_equal(r->state, RUN_RUNNING);
	assert_true(world_until_run(w, r, RUN_DONE, HOUR));
	assert_int_equal(r->outcome, OUTCOME_TIMED_OUT);
}

static void a_closing_fleet_takes_no_runs(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w);
	struct run row = { .fleet_id = f->object.id, .params = xstrdup("{}") };
	struct fact fact = { .kind = FACT_RUN_SUBMIT, .run = &row };

	world_close_fleet(w, f);
	world_fact(w, &fact);
	assert_int_equal(fact.error.code, ERR_CONFLICT);
	fact = (struct fact){ .kind = FACT_RUN_CANCEL, .id = 999 };
	world_fact(w, &fact);
	assert_int_equal(fact.error.code, ERR_NOT_FOUND);
}

/* A fleet that was made for one run ends with it, or is kept for a look when it failed. */
static void fleet_for_one_run(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct run *r;

	w->want.for_run = true;
	w->want.keep_on_failure = 30 * MINUTE;
	w->k.exit_status = 1;
	f = fleet(w);
	r = world_submit(w, f);
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	world_pass(w, 29 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(f->cause, CAUSE_RUN_ENDED);
	w->k.exit_status = 0;
	f = world_up(w);
	r = world_submit(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 15 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(f->cause, CAUSE_RUN_ENDED);
}

/* ---- one certain instance ---- */

static struct fleet *pair(struct world *w)
{
	world_simple(w);
	w->want.instances = 2;
	return world_up(w);
}

/* They are asked for before there is any machine, the second one first; each has its own, and they run at the same time. */
static void a_run_has_the_instance_that_it_wants(void **state)
{
	struct world *w = *state;
	struct fleet *f = pair(w);
	struct run *second = world_submit_pinned(w, f, 1), *again = world_submit_pinned(w, f, 1), *first = world_submit_pinned(w, f, 0);

	assert_true(world_until_run(w, second, RUN_RUNNING, 5 * MINUTE));
	assert_true(world_until_run(w, first, RUN_RUNNING, MINUTE));
	assert_int_equal(world_instance(w, 0)->slot, 0);
	assert_int_equal(first->instance_id, world_instance(w, 0)->object.id);
	assert_int_equal(second->instance_id, world_instance(w, 1)->object.id);
	assert_true(world_until_run(w, first, RUN_DONE, HOUR));
	assert_true(world_until_run(w, again, RUN_DONE, HOUR)); /* it waited for its own, though the other one was free */
	assert_int_equal(again->instance_id, world_instance(w, 1)->object.id);
	assert_null(world_submit_pinned(w, f, 2));
}

static void it_does_not_wait_for_one_that_is_gone(void **state)
{
	struct world *w = *state;
	struct fleet *f = pair(w);
	struct run *busy, *waits, *other;

	world_pass(w, 2 * MINUTE);
	busy = world_submit_pinned(w, f, 1);
	waits = world_submit_pinned(w, f, 1);
	assert_true(world_until_run(w, busy, RUN_RUNNING, 5 * MINUTE));
	world_unit_of(w, world_instance(w, 1)->provider_id)->state = MACHINE_ENDED;
	assert_true(world_until_run(w, waits, RUN_DONE, 5 * MINUTE));
	assert_int_equal(waits->outcome, OUTCOME_LOST);
	assert_non_null(strstr(waits->reason, "/1 is gone"));
	other = world_submit_pinned(w, f, 0);
	assert_true(world_until_run(w, other, RUN_DONE, HOUR));
	assert_int_equal(other->outcome, OUTCOME_OK);
}

static void it_waits_for_what_takes_the_place_of_an_unfit_one(void **state)
{
	struct world *w = *state;
	struct fleet *f = pair(w);
	struct run *r;

	world_pass(w, 2 * MINUTE);
	r = world_submit_pinned(w, f, 1);
	w->k.exit_status = STATUS_BAD_MACHINE;
	for (int k = 0; k < 300 && !r->requeues; k++)
		world_pass(w, SECOND);
	w->k.exit_status = 0;
	assert_true(world_until_run(w, r, RUN_DONE, HOUR));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(world_instances(w), 3);
	assert_int_equal(r->instance_id, world_instance(w, 2)->object.id);
	assert_int_equal(world_instance(w, 2)->slot, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(script_fails),
		world_test(an_unfit_machine_is_replaced),
		world_test(three_unfit_machines_are_enough),
		world_test(no_other_machine_for_a_closing_fleet),
		world_test(setup_fails),
		world_test(ended_by_a_signal),
		world_test(supervisor_says_too_long),
		world_test(we_say_too_long),
		world_test(killed_behind_our_back),
		world_test(exit_status_unknown),
		world_test(push_is_refused),
		world_test(push_fails_a_few_times),
		world_test(start_is_repeated),
		world_test(results_cannot_be_fetched),
		world_test(machine_lost_in_each_state),
		world_test(fleet_ends_under_runs),
		world_test(draining_has_a_limit),
		world_test(contact_lost),
		world_test(silence_is_waited_out),
		world_test(a_closing_fleet_takes_no_runs),
		world_test(fleet_for_one_run),
		world_test(a_run_has_the_instance_that_it_wants),
		world_test(it_does_not_wait_for_one_that_is_gone),
		world_test(it_waits_for_what_takes_the_place_of_an_unfit_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
