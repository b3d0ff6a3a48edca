/* A provider that counts its machines must count them away, too, before an absence is believed (reliability §2.7, §2.8). */
#include "core_world.h"

/* The count is what is there, plus a lie; asked for through ACTION_BALANCE, which the world answers without one. */
struct teller {
	struct world *w;
	int lie, told;
	bool silent;
};

static int there(const struct world *w)
{
	int n = 0;

	for (size_t k = 0; k < w->unit_count; k++)
		n += !w->units[k].gone;
	return n;
}

static void tell(struct teller *t)
{
	struct balance b = { .machines = there(t->w) + t->lie };

	world_fact(t->w, &(struct fact){ .kind = FACT_BALANCE, .account = "cloud", .verdict = VERDICT_OK, .balance = &b, .message = "" });
	t->told++;
}

static void pass(struct teller *t, duration span)
{
	instant end = t->w->now + span;

	while (t->w->now < end) {
		int before = t->w->count[ACTION_BALANCE];

		world_pass(t->w, 2 * SECOND);
		if (t->w->count[ACTION_BALANCE] > before && !t->silent)
			tell(t);
	}
}

static struct instance *one_ready(struct world *w)
{
	struct instance *i;

	world_account(w, "cloud")->facts.counts = true;
	w->m.accounts[0]->facts.exclusive = true;
	world_offer(w, "cloud", "a", 2 * USD);
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 10 * MINUTE));
	return i;
}

static void nothing_is_asked_while_all_is_listed(void **state)
{
	struct world *w = *state;

	one_ready(w);
	world_pass(w, HOUR);
	assert_int_equal(w->count[ACTION_BALANCE], 0);
}

static void an_empty_listing_that_the_count_denies_is_void(void **state)
{
	struct world *w = *state;
	struct teller t = { .w = w };
	struct instance *i = one_ready(w);

	w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE; /* no canary: only the count knows */
	w->k.list_empty = true;
	pass(&t, 9 * MINUTE);
	assert_true(t.told > 3);
	assert_int_equal(i->absent_listings, 0);
	assert_int_equal(i->state, INSTANCE_READY);
	w->k.list_empty = false;
	memset(w->k.contact, 0, sizeof(w->k.contact));
	pass(&t, 10 * MINUTE);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_int_equal(w->count[ACTION_CREATE], 1);
}

static void an_absence_that_the_count_confirms_is_believed(void **state)
{
	struct world *w = *state;
	struct teller t = { .w = w };
	struct instance *i = one_ready(w);

	world_unit_of(w, i->provider_id)->gone = w->now;
	w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE;
	pass(&t, 20 * MINUTE);
	assert_true(i->state >= INSTANCE_DELETING);
	pass(&t, 20 * MINUTE);
	assert_int_equal(i->state, INSTANCE_GONE);
}

static void a_provider_that_does_not_count_keeps_nothing_for_ever(void **state)
{
	struct world *w = *state;
	struct teller t = { .w = w, .silent = true };
	struct instance *i = one_ready(w);

	world_unit_of(w, i->provider_id)->gone = w->now;
	w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE;
	pass(&t, 9 * MINUTE);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_true(w->count[ACTION_BALANCE] <= 9 * 6 + 1); /* ten seconds apart */
	pass(&t, 40 * MINUTE);
	assert_int_equal(i->state, INSTANCE_GONE);
}

static void a_provider_that_counts_wrong_keeps_nothing_for_ever(void **state)
{
	struct world *w = *state;
	struct teller t = { .w = w, .lie = 1 };
	struct instance *i = one_ready(w);

	world_close_fleet(w, model_fleet(&w->m, i->fleet_id));
	pass(&t, 9 * MINUTE);
	assert_int_equal(i->state, INSTANCE_DELETING);
	pass(&t, 20 * MINUTE);
	assert_int_equal(i->state, INSTANCE_GONE);
}

static void a_delete_is_proved_by_the_count_too(void **state)
{
	struct world *w = *state;
	struct teller t = { .w = w };
	struct instance *i = one_ready(w);

	world_close_fleet(w, model_fleet(&w->m, i->fleet_id));
	pass(&t, 8 * MINUTE);
	assert_int_equal(i->state, INSTANCE_GONE);
	assert_true(t.told > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(nothing_is_asked_while_all_is_listed),
		world_test(an_empty_listing_that_the_count_denies_is_void),
		world_test(an_absence_that_the_count_confirms_is_believed),
		world_test(a_provider_that_does_not_count_keeps_nothing_for_ever),
		world_test(a_provider_that_counts_wrong_keeps_nothing_for_ever),
		world_test(a_delete_is_proved_by_the_count_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
