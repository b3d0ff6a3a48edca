/*
 * A fleet from `up` to `down`, and every way in which it ends by itself.
 */
#include "core_world.h"

static void up_run_down(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct instance *i;
	struct run *r;

	world_simple(w);
	f = world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_non_null(i);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	world_turn(w);
	assert_true(f->ready_at == i->ready_at && f->expires == f->ready_at + f->lifetime);
	r = world_submit(w, f);
	assert_true(world_until_run(w, r, RUN_RUNNING, MINUTE));
	assert_int_equal(i->state, INSTANCE_BUSY);
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(r->exit_status, 0);
	assert_int_equal(i->state, INSTANCE_READY);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(f->cause, CAUSE_RELEASED);
	assert_int_equal(i->state, INSTANCE_GONE);
	assert_int_equal(world_alive(w), 0);
	assert_int_equal(w->count[ACTION_CREATE], 1);
	assert_int_equal(w->count[ACTION_DESTROY], 1);
	assert_true(i->metered > 0 && i->meter_start == i->sent);
	world_pass(w, HOUR);
	assert_true(i->settled && i->billed_known && i->billed == i->metered);
}

/* After a day a settled fleet leaves memory, with everything of it; not a moment before its rows are stored. */
static void forgotten_after_a_day(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	world_pass(w, 5 * MINUTE);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	world_pass(w, 23 * HOUR);
	assert_int_equal(w->m.fleets.count, 1);
	world_pass(w, 3 * HOUR);
	assert_int_equal(w->m.fleets.count, 0);
	assert_int_equal(world_instances(w), 0);
}

static void ends_when_time_is_up(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	instant due;

	world_simple(w);
	w->want.lifetime = HOUR;
	f = world_up(w);
	world_pass(w, 10 * MINUTE);
	due = f->expires;
	assert_true(due > w->now && due <= w->now + HOUR);
	world_pass(w, due - w->now - SECOND);
	assert_int_equal(f->state, FLEET_OPEN);
	world_pass(w, 2 * SECOND);
	assert_int_equal(f->state, FLEET_CLOSING);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(f->cause, CAUSE_EXPIRED);
	assert_int_equal(world_alive(w), 0);
}

static void ends_when_idle(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct run *r;

	world_simple(w);
	w->want.idle_limit = 15 * MINUTE;
	f = world_up(w);
	world_pass(w, 10 * MINUTE);
	r = world_submit(w, f);
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	world_pass(w, 14 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	world_fact(w, &(struct fact){ .kind = FACT_FLEET_TOUCH, .id = f->object.id }); /* somebody logs in */
	world_pass(w, 14 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(f->cause, CAUSE_IDLE);
}

static void a_machine_in_use_is_not_idle(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	w->want.idle_limit = 15 * MINUTE;
	w->k.in_use = true;
	f = world_up(w);
	world_pass(w, HOUR);
	assert_int_equal(f->state, FLEET_OPEN);
	w->k.in_use = false;
	world_pass(w, 20 * MINUTE);
	assert_int_equal(f->cause, CAUSE_IDLE);
}

/* The whole sequence stays under --max-cost: the lifetime is shortened to what the money buys. */
static void ends_within_its_money(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	w->want.max_cost = 3 * USD;
	f = world_up(w);
	world_pass(w, 5 * MINUTE);
	i = world_instance(w, 0);
	assert_int_equal(f->lifetime, 90 * MINUTE - 21 * MINUTE); /* create 1, boot 10, teardown 10 */
	assert_true(i->hold <= 3 * USD);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 2 * HOUR));
	assert_true(f->cause == CAUSE_EXPIRED || f->cause == CAUSE_MONEY);
	assert_true(i->metered <= 3 * USD);
}

static void too_little_money(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	w->want.max_cost = 50 * CENT; /* 15 minutes, less than create, boot and teardown may take */
	f = world_up(w);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, MINUTE));
	assert_int_equal(f->cause, CAUSE_MONEY);
	assert_non_null(strstr(f->reason, "--max-cost"));
	assert_int_equal(w->count[ACTION_CREATE], 0);
}

/* A fleet whose price rises is ended before its money is overdrawn. */
static void price_rises(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;
	money before;

	world_simple(w);
	w->want.max_cost = 9 * USD; /* 4 h 21 min at 2 USD are 8.70 */
	f = world_up(w);
	world_pass(w, 30 * MINUTE);
	i = world_instance(w, 0);
	before = i->hold;
	w->k.price = 6 * USD;
	world_pass(w, 2 * MINUTE);
	assert_int_equal(i->price_hour, 6 * USD);
	assert_true(i->hold > 2 * before);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 4 * HOUR));
	assert_int_equal(f->cause, CAUSE_MONEY);
	assert_true(i->metered <= 9 * USD);
}

/* One of two machines is lost: the fleet still counts its idle time and its end. */
static void half_a_fleet_ends_too(void **state)
{
	struct world *w = *state;
	struct instance *lost;
	struct fleet *f;

	world_simple(w);
	w->want.instances = 2;
	w->want.idle_limit = 30 * MINUTE;
	f = world_up(w);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(world_alive(w), 2);
	lost = world_instance(w, 0);
	world_unit_of(w, lost->provider_id)->gone = w->now;
	assert_true(world_until(w, lost, INSTANCE_GONE, 25 * MINUTE));
	assert_int_equal(lost->cause, CAUSE_LOST);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, HOUR));
	assert_int_equal(f->cause, CAUSE_IDLE);
	assert_int_equal(world_instances(w), 2); /* what was READY once is not bought again */
}

/* One machine dies before the other is there: the fleet becomes ready with what there is, so that its clock starts. */
static void never_whole(void **state)
{
	struct world *w = *state;
	struct instance *first, *second;
	struct fleet *f;

	world_simple(w);
	w->want.instances = 2;
	w->want.lifetime = HOUR;
	f = world_up(w);
	w->k.held[ACTION_CREATE] = true;
	world_pass(w, 10 * SECOND);
	first = world_instance(w, 0);
	second = world_instance(w, 1);
	assert_int_equal(second->state, INSTANCE_DISPATCHING);
	w->k.held[ACTION_CREATE] = false;
	w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE;
	assert_true(world_until(w, second, INSTANCE_CONNECTING, 5 * MINUTE));
	w->k.contact[ACTION_CONNECT] = SSH_OK;
	assert_true(world_until(w, first, INSTANCE_READY, 5 * MINUTE));
	world_unit_of(w, first->provider_id)->state = MACHINE_ENDED;
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 3 * HOUR));
	assert_true(f->ready_at != 0);
	assert_int_equal(world_alive(w), 0);
}

/* The last machine dies: the fleet ends, it does not wait for its time. */
static void all_lost(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	world_pass(w, 10 * MINUTE);
	w->units[0].state = MACHINE_ENDED;
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 20 * MINUTE));
	assert_int_equal(f->cause, CAUSE_LOST);
}

/* Slots that are filled late do not make the early machines outlive what is held for them. */
static void late_slot_shortens(void **state)
{
	struct world *w = *state;
	struct instance *early;
	struct fleet *f;

	world_simple(w);
	world_offer(w, "cloud", "b", 3 * USD);
	w->want.instances = 2;
	w->want.lifetime = HOUR;
	f = world_up(w);
	world_pass(w, 2 * SECOND);
	w->k.boot = FOREVER; /* the second boots only at the second try, after the first became ready */
	early = world_instance(w, 0);
	world_pass(w, 2 * SECOND);
	assert_true(w->unit_count == 2);
	w->units[0].state = MACHINE_RUNNING;
	assert_true(world_until(w, early, INSTANCE_READY, MINUTE));
	world_pass(w, 12 * MINUTE);
	assert_int_equal(world_instances(w), 3);
	world_pass(w, 6 * MINUTE);
	w->k.boot = 0;
	world_pass(w, 3 * MINUTE);
	assert_true(f->ready_at > early->ready_at + 15 * MINUTE);
	assert_true(f->expires <= early->deadline - 10 * MINUTE);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 3 * HOUR));
	assert_true(early->metered <= cost_hold(&w->m.accounts[0]->facts, 2 * USD, 0, HOUR));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(up_run_down),
		world_test(forgotten_after_a_day),
		world_test(ends_when_time_is_up),
		world_test(ends_when_idle),
		world_test(a_machine_in_use_is_not_idle),
		world_test(ends_within_its_money),
		world_test(too_little_money),
		world_test(price_rises),
		world_test(half_a_fleet_ends_too),
		world_test(never_whole),
		world_test(all_lost),
		world_test(late_slot_shortens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
