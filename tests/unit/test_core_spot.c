/* Spot machines: taken away under a run, while idle, while booting; what is bought again, what it costs, and when it is enough. */
#include "core_world.h"

/* A marketplace that counts time from running on, as vast.ai does, with as many spot offers as asked for, each on a host of its own. */
static struct fleet *market(struct world *w, int offers)
{
	static const char *const keys[] = { "a", "b", "c", "d", "e", "f", "g" };
	struct account_state *a = world_account(w, "cloud");

	a->facts.billing.start = METER_FROM_RUNNING;
	world_offer(w, "cloud", "on-demand", USD / 100);
	for (int k = 0; k < offers; k++) {
		struct offer *o = world_offer(w, "cloud", keys[k], USD + k * CENT);

		o->spot = o->marketplace = true;
		str_copy(o->host, keys[k]);
	}
	w->want.spot = true;
	w->want.lifetime = 8 * HOUR;
	w->want.idle_limit = 0;
	return world_up(w);
}

static void outbid(struct world *w, const struct instance *i)
{
	world_unit_of(w, i->provider_id)->state = MACHINE_STOPPED;
}

static void a_run_goes_on_elsewhere(void **state)
{
	struct world *w = *state;
	struct fleet *f = market(w, 2);
	struct instance *first, *second;
	struct run *r;
	instant stopped;

	w->k.run_time = 10 * MINUTE;
	r = world_submit(w, f);
	assert_true(world_until_run(w, r, RUN_RUNNING, 5 * MINUTE));
	first = world_instance(w, 0);
	assert_string_equal(first->offer_key, "a");
	world_pass(w, 2 * MINUTE);
	stopped = w->now;
	outbid(w, first);
	assert_true(world_until(w, first, INSTANCE_DELETING, MINUTE));
	assert_int_equal(first->cause, CAUSE_PREEMPTED);
	assert_int_equal(r->state, RUN_QUEUED);
	second = world_until_planned(w, 1, 10 * MINUTE); /* when the first is proved gone */
	assert_non_null(second);
	assert_string_equal(second->offer_key, "b"); /* the first rests: somebody pays more there */
	assert_int_equal(first->state, INSTANCE_GONE);
	/* The clock stops when the listing shows it, not when the delete is proved. */
	assert_in_range(first->meter_end, stopped, stopped + 31 * SECOND);
	assert_int_equal(first->metered, cost_until(&model_account(&w->m, "cloud")->facts, first, first->meter_end));
	assert_true(world_until_run(w, r, RUN_DONE, HOUR));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(r->requeues, 1);
	assert_int_equal(r->instance_id, second->object.id);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_int_equal(w->illegal, 0);
}

/* The data on it is lost, and nobody waits for a machine: no other one is bought. */
static void an_idle_one_is_not_bought_again(void **state)
{
	struct world *w = *state;
	struct fleet *f = market(w, 2);

	world_pass(w, 2 * MINUTE);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_READY);
	outbid(w, world_instance(w, 0));
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(f->cause, CAUSE_PREEMPTED);
	assert_int_equal(world_instances(w), 1);
	assert_int_equal(world_alive(w), 0);
}

/* What waits for work that comes later is another matter: the slot is filled for it. */
static void one_of_two_and_then_work(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct run *r[2];

	w->want.instances = 2;
	f = market(w, 4);
	world_pass(w, 2 * MINUTE);
	outbid(w, world_instance(w, 0));
	world_pass(w, 5 * MINUTE);
	assert_int_equal(world_instances(w), 2);
	r[0] = world_submit(w, f);
	r[1] = world_submit(w, f);
	for (int k = 0; k < 2; k++) {
		assert_true(world_until_run(w, r[k], RUN_DONE, 20 * MINUTE));
		assert_int_equal(r[k]->outcome, OUTCOME_OK);
	}
	assert_int_equal(world_instances(w), 3);
}

/* Outbid while its image is pulled: nobody waits until the time for booting is over, and the next offer gets its turn. */
static void outbid_before_it_runs(void **state)
{
	struct world *w = *state;
	struct fleet *f = market(w, 2);
	instant at;

	w->k.boot = FOREVER;
	world_pass(w, 20 * SECOND);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_BOOTING);
	at = w->now;
	outbid(w, world_instance(w, 0));
	w->k.boot = 0;
	assert_true(world_until(w, world_instance(w, 0), INSTANCE_GONE, 5 * MINUTE));
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_PREEMPTED);
	assert_int_equal(world_instance(w, 0)->metered, 0);
	world_pass(w, at + 8 * MINUTE - w->now);
	assert_true(f->ready_at != 0);
	assert_string_equal(world_instance(w, 1)->offer_key, "b");
}

/* A machine that is not spot and stands still was lost: nothing is bid for it. */
static void on_demand_is_lost(void **state)
{
	struct world *w = *state;
	struct run *r;

	world_simple(w);
	r = world_submit(w, world_up(w));
	assert_true(world_until_run(w, r, RUN_RUNNING, 5 * MINUTE));
	outbid(w, world_instance(w, 0));
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_LOST);
	assert_int_equal(r->cause, CAUSE_LOST);
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_LOST);
}

static void at_last_it_is_enough(void **state)
{
	struct world *w = *state;
	struct fleet *f = market(w, 7);
	struct run *r = world_submit(w, f);

	w->k.run_time = HOUR;
	for (int k = 0; k < 5; k++) {
		assert_true(world_until_run(w, r, RUN_RUNNING, 20 * MINUTE));
		outbid(w, model_instance(&w->m, r->instance_id));
		world_pass(w, MINUTE);
	}
	assert_int_equal(r->state, RUN_DONE);
	assert_int_equal(r->outcome, OUTCOME_LOST);
	assert_int_equal(r->cause, CAUSE_PREEMPTED);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 20 * MINUTE));
	assert_int_equal(world_instances(w), 5);
	assert_int_equal(world_alive(w), 0);
}

/* The daemon dies between the interruption and the next machine. */
static void over_a_restart(void **state)
{
	struct world *w = *state;
	struct fleet *f = market(w, 2);
	struct run *r = world_submit(w, f);
	int64_t id = r->object.id;

	w->k.run_time = 10 * MINUTE;
	assert_true(world_until_run(w, r, RUN_RUNNING, 5 * MINUTE));
	outbid(w, world_instance(w, 0));
	assert_true(world_until(w, world_instance(w, 0), INSTANCE_DELETING, MINUTE));
	world_restart(w);
	world_pass(w, 30 * MINUTE);
	r = model_run(&w->m, id);
	assert_int_equal(r->state, RUN_DONE);
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_PREEMPTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(a_run_goes_on_elsewhere),
		world_test(an_idle_one_is_not_bought_again),
		world_test(one_of_two_and_then_work),
		world_test(outbid_before_it_runs),
		world_test(on_demand_is_lost),
		world_test(at_last_it_is_enough),
		world_test(over_a_restart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
