/*
 * Budgets and the ledger: what is spent and held never passes a cap, whoever asks at the same time; what is booked adds up, over
 * midnights, months, prices and restarts.
 */
#include "core/budget.h"
#include "core/ledger.h"
#include "core_world.h"

#define RACES    10000
#define REQUESTS 50

static money left_of(const struct world *w, const struct budget *b)
{
	return b->cap - budget_spent(b, w->now) - budget_held(&w->m, b, w->now, NULL);
}

/* ---- admission ---- */

static void what_does_not_fit_is_refused_with_the_arithmetic(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	books_budget(w, "team", SCOPE_OWNER, "ann", PERIOD_MONTH, 5 * USD);
	world_pass(w, SECOND);
	f = world_up(w); /* 4 h 21 min at $2 */
	world_pass(w, 10 * SECOND);
	assert_int_equal(f->state, FLEET_CLOSED);
	assert_int_equal(f->cause, CAUSE_MONEY);
	assert_string_equal(f->reason, "it needs $8.70 with boot and teardown; budget 'team' has $5.00 left of $5.00 a month ($0.00 spent, $0.00 held). "
				       "1 x $2.00/h; --for 2h 09m would fit");
	assert_int_equal(w->count[ACTION_CREATE], 0);
	w->want.lifetime = 2 * HOUR + 9 * MINUTE;
	f = world_up(w);
	world_pass(w, 2 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_int_equal(w->count[ACTION_CREATE], 1);
}

static void nothing_is_held_back_that_no_budget_counts(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	books_budget(w, "bob", SCOPE_OWNER, "bob", PERIOD_MONTH, USD);
	books_budget(w, "other", SCOPE_PROVIDER, "elsewhere", PERIOD_DAY, USD);
	books_budget(w, "label", SCOPE_LABEL, "team=x", PERIOD_DAY, USD);
	books_budget(w, "named", SCOPE_NAMED, "", PERIOD_TOTAL, USD);
	books_budget(w, "campaign", SCOPE_CAMPAIGN, "founding", PERIOD_WEEK, USD);
	books_budget(w, "warn", SCOPE_ALL, "", PERIOD_WEEK, USD)->warn_only = true;
	f = world_up(w);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	w->beyond = true; /* only by what warns */
	str_copy(w->want.labels, "a=b,team=x");
	f = world_up(w);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->cause, CAUSE_MONEY);
	str_copy(w->want.labels, "a=b,steam=x");
	str_copy(w->want.budget, "named");
	f = world_up(w);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->cause, CAUSE_MONEY);
}

static void a_budget_that_is_not_there_cannot_be_named(void **state)
{
	struct world *w = *state;
	struct fleet row = w->want;
	struct fact f = { .kind = FACT_FLEET_OPEN, .fleet = &row };

	str_copy(row.name, "x");
	str_copy(row.budget, "nightly");
	world_simple(w);
	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_USAGE);
}

static void all_instances_or_none(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	books_budget(w, "all", SCOPE_ALL, "", PERIOD_DAY, 30 * USD); /* three times 8.70 */
	w->want.instances = 4;
	f = world_up(w);
	world_pass(w, MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 0);
	assert_int_equal(f->cause, CAUSE_MONEY);
	w->want.instances = 3;
	f = world_up(w);
	world_pass(w, MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 3);
}

/* Fifty ask at once, on two accounts with several prices; whoever comes later gets what is left. */
static void races_never_pass_a_cap(void **state)
{
	struct rng chance;

	(void)state;
	rng_seed(&chance, 7);
	for (int race = 0; race < RACES; race++) {
		struct world *w;
		struct budget *b;
		int opened = 0;
		struct fleet *f;
		size_t at = 0;

		world_setup((void **)&w);
		rng_seed(&w->rng, (uint64_t)race + 1);
		world_account(w, "one");
		world_account(w, "two");
		world_offer(w, "one", "a", 2 * USD)->available = 1 + (int)rng_below(&chance, 6);
		world_offer(w, "one", "b", 3 * USD);
		world_offer(w, "two", "c", 5 * USD / 2)->minimum_charge = USD;
		w->want.accept_minimum = 20 * USD;
		b = books_budget(w, "all", SCOPE_ALL, "", PERIOD_DAY, (money)(1 + rng_below(&chance, 40)) * USD);
		books_budget(w, "two", SCOPE_PROVIDER, "two", PERIOD_MONTH, (money)(1 + rng_below(&chance, 30)) * USD);
		world_pass(w, SECOND);
		for (int k = 0; k < REQUESTS; k++) {
			w->want.lifetime = (duration)(1 + rng_below(&chance, 240)) * MINUTE;
			w->want.instances = 1 + (int)rng_below(&chance, 3);
			world_up(w);
			if (rng_below(&chance, 10) == 0)
				world_pass(w, (duration)rng_below(&chance, 2 * SECOND));
		}
		world_pass(w, 90 * SECOND); /* world_check() looks at every commit */
		while ((f = model_each(&w->m.fleets, &at)))
			opened += !list_empty(&f->instance_list);
		assert_true(left_of(w, b) >= 0);
		if (!opened && b->cap >= 3 * USD)
			fail_msg("race %d: nobody got anything of %lld: %s", race, (long long)b->cap, w->last_text);
		world_teardown((void **)&w);
	}
}

static void two_extensions_race_for_one_rest(void **state)
{
	struct world *w = *state;
	struct fact e[2];
	struct fleet *f[2];

	world_simple(w);
	w->want.lifetime = HOUR;
	books_budget(w, "all", SCOPE_ALL, "", PERIOD_DAY, 10 * USD);
	world_pass(w, SECOND);
	for (int k = 0; k < 2; k++)
		f[k] = world_up(w);
	world_pass(w, 5 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 2);
	for (int k = 0; k < 2; k++) {
		e[k] = (struct fact){ .kind = FACT_FLEET_EXTEND, .id = f[k]->object.id, .span = 3 * HOUR };
		world_fact(w, &e[k]);
	}
	assert_int_equal(e[0].error.code, ERR_NONE);
	assert_int_equal(e[1].error.code, ERR_REFUSED);
	assert_non_null(strstr(e[1].error.msg, "budget 'all' has"));
	world_pass(w, 5 * MINUTE);
	assert_int_equal(f[0]->lifetime, 3 * HOUR);
	assert_int_equal(f[1]->lifetime, HOUR);
}

static void a_balance_that_does_not_cover_it_admits_nothing(void **state)
{
	struct world *w = *state;
	struct account_state *a;
	struct fleet *f;

	world_simple(w);
	a = w->m.accounts[0];
	a->facts.prepaid = true;
	w->k.available = 5 * USD;
	f = world_up(w);
	world_pass(w, 2 * MINUTE);
	assert_int_equal(f->cause, CAUSE_MONEY);
	assert_non_null(strstr(f->reason, "the balance at cloud, less what is promised to running machines, is $5.00"));
	w->k.verdict[ACTION_BALANCE] = VERDICT_RETRY; /* nobody knows what it is now: that holds nobody up */
	world_pass(w, 10 * MINUTE);
	f = world_up(w);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	w->k.verdict[ACTION_BALANCE] = VERDICT_OK;
	w->k.available = 20 * USD; /* less what is promised to that one */
	f = world_up(w);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	f = world_up(w);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->cause, CAUSE_MONEY);
	w->k.available = 40 * USD;
	world_pass(w, MINUTE);
	f = world_up(w);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
}

/* ---- prices ---- */

static void a_price_that_rises_makes_a_segment(void **state)
{
	struct world *w = *state;
	struct instance *i;
	money before;

	world_simple(w);
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	world_pass(w, i->meter_start + HOUR - w->now);
	w->k.price = 3 * USD;
	world_pass(w, MINUTE);
	assert_int_equal(i->price_hour, 3 * USD);
	before = i->rate_before;
	assert_true(before >= 2 * USD && before < 2 * USD + 2 * USD / 60 + 10);
	world_pass(w, i->rate_since + HOUR - w->now);
	assert_in_range(cost_of_instance(&w->m.accounts[0]->facts, i, i->rate_since + HOUR), before + 3 * USD, before + 3 * USD + 1);
	world_close_fleet(w, model_fleet(&w->m, i->fleet_id));
	assert_true(world_until(w, i, INSTANCE_GONE, 30 * MINUTE));
	assert_int_equal(i->posted, i->metered); /* and books_check() has seen that every part of it was booked */
	assert_true(i->metered > before + 3 * USD && i->metered < before + 4 * USD);
}

static void a_price_that_a_budget_does_not_bear_ends_the_fleet(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;
	struct budget *b;

	world_simple(w);
	b = books_budget(w, "all", SCOPE_ALL, "", PERIOD_DAY, 9 * USD);
	f = world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	w->k.price = 3 * USD;
	world_pass(w, 2 * MINUTE);
	assert_int_equal(f->cause, CAUSE_MONEY);
	assert_non_null(strstr(f->reason, "its price rose to $3.00/h"));
	assert_true(world_until(w, i, INSTANCE_GONE, 30 * MINUTE));
	assert_true(left_of(w, b) > 8 * USD);
}

/* ---- parts, days, periods ---- */

static void parts_add_up(void **state)
{
	struct world *w = *state;
	money sum[PARTS] = { 0 };
	struct instance *i;
	struct run *r;
	struct fleet *f;

	world_simple(w);
	w->m.accounts[0]->facts.billing.quantum = HOUR;
	f = world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	world_pass(w, 10 * MINUTE);
	w->k.setup_time = 5 * MINUTE;
	w->k.run_time = 20 * MINUTE;
	r = world_submit(w, f);
	assert_true(world_until_run(w, r, RUN_DONE, HOUR));
	world_close_fleet(w, f);
	assert_true(world_until(w, i, INSTANCE_GONE, 30 * MINUTE));
	for (size_t k = 0; k < w->book_count; k++)
		if (w->books[k].p.kind == POSTING_USE)
			sum[w->books[k].p.part] += w->books[k].p.amount;
	assert_true(sum[PART_BOOT] > 0 && sum[PART_TEARDOWN] > 0 && sum[PART_ROUNDING] > 0);
	assert_in_range(sum[PART_IDLE], 2 * USD / 6, 2 * USD / 6 + CENT);
	assert_in_range(sum[PART_SETUP], 2 * USD / 12, 2 * USD / 12 + CENT);
	assert_in_range(sum[PART_RUN], 2 * USD / 3, 2 * USD / 3 + 2 * CENT);
	assert_int_equal(sum[PART_BOOT] + sum[PART_SETUP] + sum[PART_RUN] + sum[PART_IDLE] + sum[PART_TEARDOWN] + sum[PART_ROUNDING], 2 * USD);
	for (size_t k = 0; k < w->book_count; k++)
		if (w->books[k].p.part == PART_RUN || w->books[k].p.part == PART_SETUP)
			assert_int_equal(w->books[k].p.run_id, r->object.id);
}

static void a_day_pays_for_its_own_hours(void **state)
{
	struct world *w = *state;
	struct budget *b;
	struct instance *i;
	instant midnight;
	money yesterday;

	world_simple(w);
	b = books_budget(w, "day", SCOPE_ALL, "", PERIOD_DAY, 200 * USD);
	w->want.lifetime = 60 * HOUR;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	midnight = (w->now / DAY + 1) * DAY;
	world_pass(w, midnight + MINUTE - w->now);
	yesterday = days_sum(&b->days, midnight / DAY - 1, midnight / DAY - 1);
	assert_int_equal(yesterday, money_for(2 * USD, midnight - i->meter_start));
	assert_int_equal(budget_spent(b, w->now), 0);
	world_pass(w, DAY);
	assert_int_equal(days_sum(&b->days, midnight / DAY, midnight / DAY), 48 * USD);
	assert_int_equal(budget_spent(b, midnight + DAY - 1), 48 * USD);
}

static void a_restart_counts_anew(void **state)
{
	struct world *w = *state;
	struct budget *b;
	struct fleet *f;
	money before;

	world_simple(w);
	b = books_budget(w, "month", SCOPE_ALL, "", PERIOD_MONTH, 60 * USD);
	f = world_up(w);
	world_pass(w, 6 * HOUR);
	assert_int_equal(f->state, FLEET_CLOSED);
	before = budget_spent(b, w->now);
	assert_true(before > 8 * USD);
	world_restart(w);
	b = model_budget_by_name(&w->m, "month");
	assert_false(b->counted);
	world_pass(w, 2 * SECOND);
	assert_true(b->counted);
	assert_int_equal(budget_spent(b, w->now), before);
}

/* ---- what people change ---- */

static void a_cap_that_is_lowered_stops_or_drains(void **state)
{
	struct world *w = *state;
	struct budget want = { .scope = SCOPE_ALL, .period = PERIOD_MONTH };
	struct fact f = { .kind = FACT_BUDGET_SET, .actor = "root", .budget = &want };
	struct fleet *first, *second;
	struct budget *b;

	world_simple(w);
	b = books_budget(w, "all", SCOPE_ALL, "", PERIOD_MONTH, 20 * USD);
	first = world_up(w);
	second = world_up(w);
	world_pass(w, 5 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 2);
	w->beyond = true; /* said, not hidden: what lives lives on */
	str_copy(want.name, "all");
	want.cap = 10 * USD;
	world_fact(w, &f);
	assert_int_equal(b->cap, 10 * USD);
	world_pass(w, MINUTE);
	assert_int_equal(first->state, FLEET_OPEN);
	assert_int_equal(second->state, FLEET_OPEN);
	assert_true(left_of(w, b) < 0);
	f.flag = true;
	world_fact(w, &f);
	assert_int_equal(first->state, FLEET_OPEN);
	assert_int_equal(second->state, FLEET_CLOSING); /* the newest */
	assert_true(world_until_fleet(w, second, FLEET_CLOSED, HOUR));
	assert_true(left_of(w, b) >= 0);
	w->beyond = false;
	world_pass(w, HOUR);
}

static int told(const struct world *w, const char *what)
{
	int n = 0;

	for (size_t k = 0; k < w->m.notices.cap; k++) {
		const struct notice *x = w->m.notices.slots[k].value;

		n += x && !strcmp(x->news, what);
	}
	return n;
}

static void thresholds_are_told_once(void **state)
{
	struct world *w = *state;
	struct budget *b;

	world_simple(w);
	w->want.lifetime = 30 * HOUR;
	w->k.deaf = true; /* so that they stay */
	b = books_budget(w, "all", SCOPE_ALL, "", PERIOD_TOTAL, 62 * USD);
	str_copy(b->notify, "team");
	world_up(w);
	world_pass(w, 15 * HOUR);
	assert_int_equal(told(w, "50%"), 0);
	world_pass(w, HOUR);
	assert_int_equal(told(w, "50%"), 1);
	world_pass(w, 10 * HOUR);
	assert_int_equal(told(w, "80%"), 1);
	world_restart(w);
	world_pass(w, 10 * HOUR);
	assert_int_equal(told(w, "50%"), 1);
	assert_int_equal(told(w, "80%"), 1);
	assert_int_equal(told(w, "100%"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { world_test(what_does_not_fit_is_refused_with_the_arithmetic),
		world_test(nothing_is_held_back_that_no_budget_counts), world_test(a_budget_that_is_not_there_cannot_be_named),
		world_test(all_instances_or_none), world_test(two_extensions_race_for_one_rest),
		world_test(a_balance_that_does_not_cover_it_admits_nothing), world_test(a_price_that_rises_makes_a_segment),
		world_test(a_price_that_a_budget_does_not_bear_ends_the_fleet), world_test(parts_add_up), world_test(a_day_pays_for_its_own_hours),
		world_test(a_restart_counts_anew), world_test(a_cap_that_is_lowered_stops_or_drains), world_test(thresholds_are_told_once),
		cmocka_unit_test(races_never_pass_a_cap) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
