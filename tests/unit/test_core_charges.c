/* Records of charges read again: what was revised is booked when it was read twice; what nobody knows is a leak. */
#include "core/internal.h"
#include "core_world.h"

/* A machine that lived for an hour and was settled. */
static struct instance *settled_one(struct world *w)
{
	struct fleet *f;
	struct instance *i;

	world_simple(w);
	w->m.policy.bill_reread = DAY;
	w->m.policy.bill_watch = 35 * DAY;
	f = world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	world_pass(w, HOUR);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 30 * MINUTE));
	world_pass(w, HOUR);
	assert_true(i->settled && i->billed_known);
	return i;
}

static void read_charges(struct world *w, const struct machine *list, size_t count)
{
	struct fact f = { .kind = FACT_CHARGES, .account = "cloud", .machines = list, .machine_count = count, .began = w->now - 35 * DAY };

	world_fact(w, &f);
	world_turn(w);
}

static struct machine charge(const char *id, const char *mark, money amount)
{
	struct machine m = { .price_hour = amount };

	str_copy(m.id, id);
	str_copy(m.mark, mark);
	return m;
}

static void a_bill_is_revised_when_it_was_read_twice(void **state)
{
	struct world *w = *state;
	struct instance *i = settled_one(w);
	money before = i->billed;
	struct machine m = charge(i->provider_id, "", before + 7 * CENT), again = charge(i->provider_id, "", before);

	world_pass(w, 5 * DAY); /* it stays in memory for this */
	read_charges(w, &m, 1);
	assert_int_equal(i->billed, before);
	read_charges(w, &again, 1);
	read_charges(w, &m, 1);
	assert_int_equal(i->billed, before); /* not twice in a row */
	read_charges(w, &m, 1);
	assert_int_equal(i->billed, before + 7 * CENT);
	assert_string_equal(w->last_event, "revised");
	assert_int_equal(i->adjusted, i->billed - i->metered); /* and booked, as books_check() saw */
	read_charges(w, &m, 1);
	assert_int_equal(i->billed, before + 7 * CENT);
}

static void a_record_that_begins_later_says_nothing(void **state)
{
	struct world *w = *state;
	struct instance *i = settled_one(w);
	struct machine m = charge(i->provider_id, "", CENT);
	struct fact f = { .kind = FACT_CHARGES, .account = "cloud", .machines = &m, .machine_count = 1, .began = i->planned - HOUR };
	money before = i->billed;

	for (int k = 0; k < 3; k++) {
		world_fact(w, &f);
		world_turn(w);
	}
	assert_int_equal(i->billed, before);
}

static void a_charge_without_a_machine_is_a_leak(void **state)
{
	struct world *w = *state;
	struct instance *i = settled_one(w);
	struct account_state *a = w->m.accounts[0];
	struct machine list[] = { charge(i->provider_id, "", i->billed), charge("theirs", "somebody-else", 9 * USD), charge("lost", i->mark, 3 * USD) };

	read_charges(w, list, 2);
	assert_int_equal(a->strays, 0);
	read_charges(w, list, 3);
	assert_int_equal(a->strays, 1);
	assert_string_equal(a->stray, "lost");
	assert_int_equal(a->stray_sum, 3 * USD);
	assert_string_equal(w->last_event, "stray_charge");
	str_copy(w->last_event, "");
	read_charges(w, list, 3); /* told once */
	assert_string_equal(w->last_event, "");
	a->facts.exclusive = true; /* nobody else is in it: everything is ours */
	read_charges(w, list, 3);
	assert_int_equal(a->strays, 2);
	read_charges(w, list, 1);
	assert_int_equal(a->strays, 0);
}

static void it_is_read_once_a_day(void **state)
{
	struct world *w = *state;
	int before;

	settled_one(w);
	before = w->count[ACTION_CHARGES];
	assert_true(before >= 1);
	world_pass(w, 3 * DAY);
	assert_int_equal(w->count[ACTION_CHARGES], before + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = { world_test(a_bill_is_revised_when_it_was_read_twice),
		world_test(a_record_that_begins_later_says_nothing), world_test(a_charge_without_a_machine_is_a_leak),
		world_test(it_is_read_once_a_day) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
