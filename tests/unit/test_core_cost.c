/* Billing rules, holds and the leak bound: pure arithmetic. */
#include "core_world.h"

static const struct billing_rule SECONDS = { .quantum = SECOND }, MINUTES = { .quantum = MINUTE, .minimum = 5 * MINUTE },
	HOURS = { .quantum = HOUR }, EXACT = { .quantum = 0 };

static void billed_time(void **state)
{
	static const struct {
		const struct billing_rule *rule;
		duration lived, billed;
	} cases[] = { { &SECONDS, 0, 0 }, { &SECONDS, 1, SECOND }, { &SECONDS, SECOND, SECOND }, { &SECONDS, SECOND + 1, 2 * SECOND },
		{ &MINUTES, 1, 5 * MINUTE }, { &MINUTES, 5 * MINUTE, 5 * MINUTE }, { &MINUTES, 5 * MINUTE + 1, 6 * MINUTE },
		{ &HOURS, 1, HOUR }, { &HOURS, HOUR, HOUR }, { &HOURS, 25 * HOUR + 1, 26 * HOUR }, { &EXACT, 1234567, 1234567 } };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++)
		assert_int_equal(cost_billed_time(cases[k].rule, 1000, 1000 + cases[k].lived), cases[k].billed);
	assert_int_equal(cost_billed_time(&HOURS, 0, 5 * HOUR), 0);             /* never started */
	assert_int_equal(cost_billed_time(&MINUTES, HOUR, HOUR - 1), 5 * MINUTE); /* a clock that went back */
}

static void metered(void **state)
{
	(void)state;
	assert_int_equal(cost_metered(&SECONDS, 2 * USD, 0, 1, 1 + HOUR / 2), USD);
	assert_int_equal(cost_metered(&SECONDS, 2 * USD, 0, 0, HOUR), 0);
	assert_int_equal(cost_metered(&SECONDS, 2 * USD, 20 * USD, 1, 1 + HOUR), 20 * USD);
	assert_int_equal(cost_metered(&SECONDS, 2 * USD, 20 * USD, 1, 1 + 11 * HOUR), 22 * USD);
	assert_int_equal(cost_metered(&SECONDS, 2 * USD, 20 * USD, 0, HOUR), 0); /* nothing was made */
	assert_int_equal(cost_metered(&HOURS, 2 * USD, 0, 1, 2), 2 * USD);
	assert_int_equal(cost_metered(&EXACT, 1, 0, 1, 2), 1); /* rounded up, never down */
}

/* The founding reports' figures (benchmarks §8.1): what is right is reproduced, what is wrong is computed right. */
static void golden_figures(void **state)
{
	static const struct storage_rule volume = { .gb_month = 10 * CENT, .month = 730 * HOUR };
	static const struct {
		money price;
		duration time;
		money cost; /* rounded up to the micro-dollar */
	} cases[] = { { 2 * USD, 25 * MINUTE, 833334 }, { 199 * CENT, 25 * MINUTE, 829167 }, { 2 * USD, 25 * MINUTE + 30 * SECOND, 850000 },
		{ 2 * USD, DAY, 48 * USD }, { 250 * CENT, DAY, 60 * USD }, { 2 * USD, 720 * HOUR, 1440 * USD }, { 250 * CENT, 720 * HOUR, 1800 * USD },
		{ 2 * USD, 730 * HOUR, 1460 * USD }, { 250 * CENT, 730 * HOUR, 1825 * USD }, { 8 * 199 * CENT, HOUR, 1592 * CENT },
		{ 1592 * CENT, 40 * HOUR, 63680 * CENT }, { 850 * CENT, 20 * HOUR, 170 * USD }, { 150 * CENT, 8 * HOUR, 12 * USD },
		{ 120 * CENT, 8 * HOUR, 960 * CENT }, { 180 * CENT, 8 * HOUR, 1440 * CENT } };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++)
		assert_int_equal(cost_metered(&SECONDS, cases[k].price, 0, 1, 1 + cases[k].time), cases[k].cost);
	assert_int_equal(63680 * CENT + 170 * USD, 80680 * CENT); /* the budget of both, not 810 */
	assert_int_equal(cost_storage(&volume, 500, 730 * HOUR), 50 * USD);
	assert_int_equal(cost_storage(&volume, 500, 25 * MINUTE), 28539); /* $0.0285 of the run's total */
}

static void storage(void **state)
{
	static const struct storage_rule tiers = { .gb_month = 7 * CENT, .above_gb = 1000, .above_gb_month = 5 * CENT, .month = 730 * HOUR },
		least = { .gb_month = 6 * CENT, .month = 730 * HOUR, .minimum = CENT };

	(void)state;
	assert_int_equal(cost_storage(&tiers, 1000, 730 * HOUR), 70 * USD);
	assert_int_equal(cost_storage(&tiers, 2000, 730 * HOUR), 120 * USD);
	assert_int_equal(cost_storage(&tiers, 0, 730 * HOUR), 0);
	assert_int_equal(cost_storage(&least, 10, 1), CENT);
	assert_int_equal(cost_storage(&least, 0, DAY), 0);
	assert_int_equal(cost_storage(&least, 100, 730 * HOUR), 6 * USD);
}

static struct account_facts facts(struct rng *r)
{
	static const duration quanta[] = { 0, 1, MSEC, SECOND, MINUTE, HOUR };
	struct account_facts f = { .create_timeout = (duration)rng_below(r, 5) * MINUTE,
		.boot_allowance = (duration)rng_below(r, 31) * MINUTE, .teardown_allowance = (duration)rng_below(r, 11) * MINUTE };

	f.billing.quantum = quanta[rng_below(r, ARRAY_LEN(quanta))];
	f.billing.minimum = rng_below(r, 3) ? 0 : (duration)rng_below(r, 3 * HOUR);
	return f;
}

/* The lifetime that some money buys never has a hold above that money, and is not needlessly short. */
static void lifetime_fits_the_money(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 5);
	for (int k = 0; k < 20000; k++) {
		struct account_facts f = facts(&r);
		money price = (money)rng_below(&r, 100 * USD) + 1, minimum = rng_below(&r, 3) ? 0 : (money)rng_below(&r, 50 * USD);
		money limit = (money)rng_below(&r, 500 * USD);
		duration life = cost_lifetime_for(&f, price, minimum, limit);
		duration step = f.billing.quantum > SECOND ? f.billing.quantum : SECOND;

		if (life >= 0) {
			assert_true(cost_hold(&f, price, minimum, life) <= limit);
			assert_true(life > 300 * DAY || cost_hold(&f, price, minimum, life + 2 * step + f.billing.minimum) > limit ||
			    price < 10000);
		} else {
			assert_true(cost_hold(&f, price, minimum, 0) > limit || cost_hold(&f, price, minimum, step) > limit);
		}
	}
}

static void holds_grow(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 6);
	for (int k = 0; k < 5000; k++) {
		struct account_facts f = facts(&r);
		money price = (money)rng_below(&r, 100 * USD) + 1, minimum = (money)rng_below(&r, 50 * USD);
		duration life = (duration)rng_below(&r, 100 * HOUR);
		instant sent = WORLD_START, end = sent + f.create_timeout + f.boot_allowance + life + f.teardown_allowance;
		struct instance i = { .price_hour = price, .minimum_charge = minimum, .sent = sent };

		assert_true(cost_hold(&f, price, minimum, life) >= minimum);
		assert_true(cost_hold(&f, price, minimum, life) <= cost_hold(&f, price, minimum, life + HOUR));
		assert_true(cost_hold(&f, price, minimum, life) >= cost_metered(&f.billing, price, minimum, sent, end));
		assert_true(cost_hold_until(&f, &i, end) <= cost_hold(&f, price, minimum, life));
	}
	assert_int_equal(cost_lifetime_for(&(struct account_facts){ .billing = SECONDS }, 0, 0, 0), FOREVER);
}

static void of_an_instance(void **state)
{
	struct account_facts f = { .billing = SECONDS };
	struct instance i = { .state = INSTANCE_READY, .price_hour = 2 * USD, .meter_start = WORLD_START };

	(void)state;
	assert_int_equal(cost_of_instance(&f, &i, WORLD_START + HOUR), 2 * USD);
	i.meter_end = WORLD_START + HOUR;
	assert_int_equal(cost_of_instance(&f, &i, WORLD_START + 5 * HOUR), 2 * USD);
	i.state = INSTANCE_GONE;
	i.metered = 7;
	assert_int_equal(cost_of_instance(&f, &i, WORLD_START + 5 * HOUR), 7);
}

/* To the deadline in the name, the reaper's grace and period, and the slowest delete (reliability §2.10). */
/* What is known of a machine decides what is said of its bill. */
static void why_a_bill_differs(void **state)
{
	static const struct {
		money billed;
		duration delete_took;
		bool traffic, ready;
		enum cause cause;
		enum gap gap;
	} rows[] = {
		{ 10 * USD, 0, false, true, CAUSE_RELEASED, GAP_NONE },
		{ 10 * USD + CENT, 0, false, true, CAUSE_RELEASED, GAP_CLOCK },
		{ 10 * USD - CENT, 0, false, true, CAUSE_RELEASED, GAP_CLOCK },
		{ 12 * USD, 10 * MINUTE, true, true, CAUSE_RELEASED, GAP_LATE_DELETE },
		{ 12 * USD, MINUTE, true, true, CAUSE_RELEASED, GAP_TRAFFIC },
		{ 12 * USD, MINUTE, false, true, CAUSE_RELEASED, GAP_UNEXPLAINED },
		{ 0, 0, false, false, CAUSE_BOOT_TIMEOUT, GAP_NOT_STARTED },
		{ 8 * USD, 0, false, true, CAUSE_LOST, GAP_ENDED_UNSEEN },
		{ 8 * USD, 0, false, true, CAUSE_RELEASED, GAP_OTHER_MOMENTS },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
		struct account_facts f = { .billing = SECONDS, .traffic = rows[k].traffic };
		struct instance i = { .price_hour = 6 * USD, .metered = 10 * USD, .billed = rows[k].billed, .cause = rows[k].cause,
			.deleting_at = WORLD_START, .delete_sent = WORLD_START + rows[k].delete_took, .ready_at = rows[k].ready ? WORLD_START : 0 };

		assert_string_equal(gap_name(cost_gap(&f, &i)), gap_name(rows[k].gap));
		assert_int_equal(gap_from_name(gap_name(rows[k].gap)), rows[k].gap);
	}
	assert_int_equal(gap_from_name("nonsense"), GAPS);
}

static void traffic_is_held_where_it_is_charged(void **state)
{
	struct account_facts f = { .billing = SECONDS, .traffic = true, .traffic_gb = 200 };
	struct offer o = { .price_hour = 2 * USD, .gpu_count = 1, .in_gb = 2000, .out_gb = 4000 };
	struct instance i = { .price_hour = 2 * USD, .planned = WORLD_START };

	(void)state;
	assert_int_equal(cost_traffic_hold(&f, &o), 44 * CENT); /* 200 GB in at $0.002, 10 out at $0.004 */
	assert_int_equal(cost_hold_offer(&f, &o, HOUR), 244 * CENT);
	i.traffic_hold = cost_traffic_hold(&f, &o);
	assert_int_equal(cost_hold_until(&f, &i, WORLD_START + HOUR), 244 * CENT);
	assert_int_equal(cost_lifetime_of_offer(&f, &o, 244 * CENT), HOUR);
	assert_int_equal(cost_lifetime_of_offer(&f, &o, 43 * CENT), -1);
	f.traffic = false;
	assert_int_equal(cost_hold_offer(&f, &o, HOUR), 2 * USD);
}

static void leak_bound(void **state)
{
	struct account_facts f = { .billing = SECONDS, .teardown_allowance = 10 * MINUTE };
	struct instance i = { .state = INSTANCE_READY, .price_hour = 6 * USD, .deadline = WORLD_START + HOUR };

	(void)state;
	assert_int_equal(cost_leak_bound(&f, &i, WORLD_START), 9 * USD);
	assert_int_equal(cost_leak_bound(&f, &i, WORLD_START + 2 * HOUR), 3 * USD);
	/* A machine that deletes itself is gone before the reaper comes: 15 minutes, two to end its work, ten for the delete. */
	i.watchdog = WATCHDOG_DELETES;
	i.leased_until = WORLD_START + 15 * MINUTE;
	assert_int_equal(cost_leak_bound(&f, &i, WORLD_START), 27 * USD / 10);
	i.watchdog = WATCHDOG_STOPS;
	assert_int_equal(cost_leak_bound(&f, &i, WORLD_START), 9 * USD);
	i.minimum_charge = 20 * USD;
	assert_int_equal(cost_leak_bound(&f, &i, WORLD_START), 20 * USD);
}

static void split_adds_up(void **state)
{
	struct rng r;

	(void)state;
	rng_seed(&r, 8);
	for (int k = 0; k < 2000; k++) {
		money weights[9], parts[9], total = (money)rng_below(&r, 1000 * USD), sum = 0;
		size_t n = 1 + rng_below(&r, 9);

		for (size_t j = 0; j < n; j++)
			weights[j] = rng_below(&r, 4) ? (money)rng_below(&r, 90 * USD) : 0;
		cost_split(total, weights, n, parts);
		for (size_t j = 0; j < n; j++) {
			assert_true(parts[j] >= 0);
			sum += parts[j];
		}
		assert_int_equal(sum, total);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(billed_time), cmocka_unit_test(golden_figures),
		cmocka_unit_test(storage),
		cmocka_unit_test(metered),
		cmocka_unit_test(lifetime_fits_the_money),
		cmocka_unit_test(holds_grow),
		cmocka_unit_test(of_an_instance),
		cmocka_unit_test(why_a_bill_differs),
		cmocka_unit_test(traffic_is_held_where_it_is_charged),
		cmocka_unit_test(leak_bound),
		cmocka_unit_test(split_adds_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
