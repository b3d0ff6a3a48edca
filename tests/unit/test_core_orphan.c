/*
 * Machines of ours that the database does not know: adopted or deleted by policy, a few at a time; and a database that is older
 * than what was done with it (reliability §2.9, L11).
 */
#include "core_world.h"

static struct unit *orphan(struct world *w, instant deadline)
{
	char mark[ID_MAX];

	mark_make(mark, w->m.mark_key, "cloud", "abc234", rng_u64(&w->rng), deadline);
	return world_unit(w, "cloud", mark, 0);
}

static void an_orphan_is_adopted(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;
	struct unit *u;

	world_simple(w);
	w->m.policy.adopt_orphans = true;
	u = orphan(w, w->now + 3 * HOUR);
	i = world_until_planned(w, 0, 5 * MINUTE);
	assert_non_null(i);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	f = model_fleet(&w->m, i->fleet_id);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_true(str_starts(f->name, "found-"));
	assert_string_equal(i->provider_id, u->id);
	assert_string_equal(i->mark, u->mark);
	assert_true(i->meter_start <= WORLD_START + MINUTE);
	assert_true(i->hold > 0);
	/* It ends in time for its deadline, and nothing is bought for it. */
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 3 * HOUR + 10 * MINUTE));
	assert_true(u->gone != 0 && u->gone <= WORLD_START + 3 * HOUR);
	assert_int_equal(w->count[ACTION_CREATE], 0);
	assert_int_equal(world_alive(w), 0);
}

static void an_adopted_one_can_be_given_back(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	w->m.policy.adopt_orphans = true;
	orphan(w, w->now + DAY);
	i = world_until_planned(w, 0, 5 * MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	world_close_fleet(w, model_fleet(&w->m, i->fleet_id));
	world_pass(w, MINUTE); /* no grace: somebody said so */
	assert_int_equal(w->count[ACTION_DESTROY], 1);
	assert_true(world_until(w, i, INSTANCE_GONE, 10 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 0);
}

static void an_adopted_one_that_does_not_answer_ends(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	w->m.policy.adopt_orphans = true;
	w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE;
	orphan(w, w->now + DAY);
	i = world_until_planned(w, 0, 5 * MINUTE);
	f = model_fleet(&w->m, i->fleet_id);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, HOUR));
	assert_int_equal(world_alive(w), 0);
	assert_int_equal(w->count[ACTION_CREATE], 0);
	assert_int_equal(world_instances(w), 1);
}

static void what_cannot_be_adopted_is_deleted(void **state)
{
	struct world *w = *state;

	world_simple(w);
	w->m.policy.adopt_orphans = true;
	orphan(w, w->now - MINUTE);
	orphan(w, w->now + 5 * MINUTE);               /* less than its teardown takes */
	orphan(w, w->now + DAY)->state = MACHINE_STOPPED; /* halted: it bills, and nobody can use it */
	world_pass(w, 30 * MINUTE);
	assert_int_equal(world_alive(w), 0);
	assert_int_equal(w->count[ACTION_CONNECT], 0);
}

static void others_are_never_adopted(void **state)
{
	struct world *w = *state;
	uint8_t other[32] = { 1 };
	char mark[ID_MAX];

	world_simple(w);
	w->m.policy.adopt_orphans = true;
	mark_make(mark, other, "cloud", "abc234", 5, w->now + DAY);
	world_unit(w, "cloud", mark, FOREIGN);
	mark_make(mark, w->m.mark_key, "cloud", "zzz777", 5, w->now + DAY);
	world_unit(w, "cloud", mark, FOREIGN);
	world_unit(w, "cloud", "colleague", FOREIGN);
	world_pass(w, HOUR);
	assert_int_equal(world_instances(w), 0);
	assert_int_equal(w->m.accounts[0]->unmanaged, 3);
}

static void an_adopted_one_survives_a_restart(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	w->m.policy.adopt_orphans = true;
	orphan(w, w->now + DAY);
	i = world_until_planned(w, 0, 5 * MINUTE);
	world_restart(w); /* with the policy to delete: what has a row is no orphan any more */
	i = world_instance(w, 0);
	assert_true(world_until(w, i, INSTANCE_READY, 10 * MINUTE));
	world_pass(w, 2 * HOUR);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_int_equal(world_instances(w), 1);
}

/* One account under two names: what was ordered under one is no orphan of the other, whichever lists it first. */
static void one_account_under_two_names(void **state)
{
	struct world *w = *state;
	struct account_state *second;
	struct instance *i;
	struct unit *twin;

	world_simple(w);
	second = world_account(w, "second");
	str_copy(second->facts.provider, "cloud");
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	twin = world_unit(w, "second", i->mark, i->object.id); /* as the second name lists it */
	str_copy(twin->id, i->provider_id);
	world_pass(w, HOUR);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_int_equal(w->count[ACTION_DESTROY], 0);
	assert_int_equal(second->unmanaged, 1);
	assert_non_null(strstr(second->trouble, "machines of 'cloud'"));
}

static void few_orphans_at_a_time(void **state)
{
	struct world *w = *state;
	int least = 0;

	world_simple(w);
	for (int k = 0; k < 10; k++)
		orphan(w, w->now + DAY);
	world_pass(w, 10 * MINUTE + 30 * SECOND);
	assert_int_equal(w->count[ACTION_DESTROY], 3);
	world_pass(w, MINUTE);
	assert_int_equal(w->count[ACTION_DESTROY], 3);
	for (int sweep = 0; sweep < 4; sweep++) {
		int before = w->count[ACTION_DESTROY];

		world_pass(w, 2 * MINUTE);
		assert_true(w->count[ACTION_DESTROY] - before <= 4); /* a sweep may begin at either end */
		least += w->count[ACTION_DESTROY] > before;
	}
	assert_true(least >= 3);
	world_pass(w, HOUR);
	assert_int_equal(world_alive(w), 0);
}

static void a_fifth_of_many_at_a_time(void **state)
{
	struct world *w = *state;

	world_simple(w);
	for (int k = 0; k < 40; k++)
		orphan(w, w->now + DAY);
	world_pass(w, 10 * MINUTE + 30 * SECOND);
	assert_int_equal(w->count[ACTION_DESTROY], 8);
}

static void overdue_orphans_wait_for_nobody(void **state)
{
	struct world *w = *state;

	world_simple(w);
	for (int k = 0; k < 10; k++)
		orphan(w, w->now - HOUR);
	world_pass(w, MINUTE);
	assert_int_equal(w->count[ACTION_DESTROY], 10);
}

/* ---- a database that was rolled back ---- */

static struct instance *plan_in_an_old_copy(struct world *w)
{
	struct instance *i;

	world_simple(w);
	world_offer(w, "cloud", "b", 3 * USD);
	world_up(w);
	w->k.held[ACTION_CREATE] = true;
	i = world_until_planned(w, 0, MINUTE);
	while (i->state == INSTANCE_PLANNED)
		world_turn(w);
	/* As the copy has it: planned, and nothing more is known. */
	i->state = INSTANCE_PLANNED;
	i->activity = ACTIVITY_NONE;
	i->sent = 0;
	w->last_state[i->object.id] = INSTANCE_PLANNED;
	w->creates[i->object.id] = 0;
	w->answer_count = 0;
	w->unit_count = 0;
	w->k.held[ACTION_CREATE] = false;
	memset(w->count, 0, sizeof(w->count));
	return i;
}

static void a_plan_of_an_old_copy_was_perhaps_sent(void **state)
{
	struct world *w = *state;
	struct instance *i = plan_in_an_old_copy(w);

	world_unit(w, "cloud", i->mark, i->object.id); /* it was */
	world_fact(w, &(struct fact){ .kind = FACT_RESTARTED, .flag = true });
	assert_int_equal(i->state, INSTANCE_AMBIGUOUS);
	assert_true(world_until(w, i, INSTANCE_READY, 10 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 0);
	assert_int_equal(world_alive(w), 1);
}

static void a_plan_of_an_old_copy_was_perhaps_not_sent(void **state)
{
	struct world *w = *state;
	struct instance *i = plan_in_an_old_copy(w), *next;

	world_fact(w, &(struct fact){ .kind = FACT_RESTARTED, .flag = true });
	assert_true(world_until(w, i, INSTANCE_GONE, 30 * MINUTE));
	assert_int_equal(i->cause, CAUSE_ABSENT);
	next = world_until_planned(w, 1, 10 * MINUTE); /* a new attempt with a new name */
	assert_non_null(next);
	assert_true(world_until(w, next, INSTANCE_READY, 30 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 1);
	assert_int_equal(world_alive(w), 1);
}

static void a_plan_of_the_newest_database_was_not_sent(void **state)
{
	struct world *w = *state;
	struct instance *i = plan_in_an_old_copy(w);

	world_fact(w, &(struct fact){ .kind = FACT_RESTARTED });
	assert_int_equal(i->state, INSTANCE_PLANNED);
	assert_true(world_until(w, i, INSTANCE_READY, 10 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(an_orphan_is_adopted),
		world_test(an_adopted_one_can_be_given_back),
		world_test(an_adopted_one_that_does_not_answer_ends),
		world_test(what_cannot_be_adopted_is_deleted),
		world_test(others_are_never_adopted),
		world_test(an_adopted_one_survives_a_restart),
		world_test(one_account_under_two_names),
		world_test(few_orphans_at_a_time),
		world_test(a_fifth_of_many_at_a_time),
		world_test(overdue_orphans_wait_for_nobody),
		world_test(a_plan_of_an_old_copy_was_perhaps_sent),
		world_test(a_plan_of_an_old_copy_was_perhaps_not_sent),
		world_test(a_plan_of_the_newest_database_was_not_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
