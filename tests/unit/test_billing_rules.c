/* How providers charge: the rules of their tables, against the examples of the fact sheets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/cost.h"
#include "providers/provider.h"

static const struct {
	const char *provider;
	money price, minimum_charge; /* as an offer says them */
	duration lived;
	money cost;
	const char *why;
} cases[] = {
	/* hotaisle.md: by the minute, from the request on; the minimum reservation is charged at create and not refunded */
	{ "hotaisle", 199 * CENT, 0, 1, 33167, "one started minute" },
	{ "hotaisle", 199 * CENT, 0, 61 * SECOND, 66334, "two started minutes" },
	{ "hotaisle", 398 * CENT, 398 * CENT, 10 * MINUTE, 398 * CENT, "the 2x VM has a minimum of an hour" },
	{ "hotaisle", 398 * CENT, 398 * CENT, 90 * MINUTE, 597 * CENT, "… and above it by the minute" },
	{ "hotaisle", 1592 * CENT, 0, HOUR, 1592 * CENT, "eight at $1.99" },
	/* runpod.md §8: by the second, from the 201 on */
	{ "runpod", 1592 * CENT, 0, SECOND, 4423, "one second of eight MI300X" },
	{ "runpod", 1592 * CENT, 0, HOUR + 1, 15924423, "a started second counts" },
	/* digitalocean.md §10: by the second since 2026, one minute at the least; off bills on */
	{ "digitalocean", 259 * CENT, 0, 10 * SECOND, 43167, "a minute at the least" },
	{ "digitalocean", 259 * CENT, 0, 61 * SECOND, 43887, "then by the second" },
	{ "digitalocean", 760 * CENT, 0, 2 * HOUR, 1520 * CENT, "two hours" },
	/* vastai.md §3: by the second, no minimum, the GPU not while it loads */
	{ "vastai", 150 * CENT, 0, 8 * HOUR, 12 * USD, "eight hours at $1.50" },
	{ "vastai", 240 * CENT, 0, SECOND, 667, "one second" },
	/* what one has costs what one says that it costs */
	{ "static", 2 * USD, 0, 25 * MINUTE, 833334, "25 minutes at $2.00" },
};

static void examples_of_the_sheets(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		const struct provider *p = provider_find(cases[k].provider);
		money cost;

		assert_non_null(p);
		cost = cost_metered(&p->billing, cases[k].price, cases[k].minimum_charge, 1000, 1000 + cases[k].lived);
		if (cost != cases[k].cost)
			fail_msg("%s, %s: %lld, the sheet says %lld", cases[k].provider, cases[k].why, (long long)cost, (long long)cases[k].cost);
	}
}

static void when_the_meter_runs(void **state)
{
	static const struct {
		const char *provider;
		enum meter_start start;
		bool stopped;
	} rules[] = { { "hotaisle", METER_FROM_CREATE, true }, { "runpod", METER_FROM_CREATE, false }, { "digitalocean", METER_FROM_CREATE, true },
		{ "vastai", METER_FROM_RUNNING, true } };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(rules); k++) {
		assert_int_equal(provider_find(rules[k].provider)->billing.start, rules[k].start);
		assert_int_equal(provider_find(rules[k].provider)->billing.bills_stopped, rules[k].stopped);
	}
}

static void volumes(void **state)
{
	const struct storage_rule *ocean = provider_find("digitalocean")->volume, *pod = provider_find("runpod")->volume;

	(void)state;
	assert_int_equal(cost_storage(ocean, 500, 730 * HOUR), 50 * USD); /* "500 GiB about $50 a month" */
	assert_int_equal(cost_storage(pod, 500, 730 * HOUR), 35 * USD);
	assert_int_equal(cost_storage(pod, 1500, 730 * HOUR), 95 * USD); /* 1 TB at $0.07, the rest at $0.05 */
	assert_null(provider_find("hotaisle")->volume); /* local disk is included */
	assert_null(provider_find("vastai")->volume);   /* local to one machine, at its host's price */
}

static void snapshots(void **state)
{
	const struct storage_rule *ocean = provider_find("digitalocean")->snapshot;

	(void)state;
	assert_int_equal(cost_storage(ocean, 29, 730 * HOUR), 174 * CENT); /* 28.1 GB at $0.06 are $1.69, reserved as 29 */
	assert_true(cost_storage(ocean, 29, 730 * HOUR) >= 1686000);
	assert_int_equal(cost_storage(ocean, 29, HOUR), CENT); /* a cent at the least */
	assert_int_equal(cost_storage(ocean, 29, 4 * HOUR + 15 * MINUTE), 10130);
	assert_int_equal(cost_storage(ocean, 0, 730 * HOUR), 0);
	assert_null(provider_find("runpod")->snapshot);
	assert_null(provider_find("vastai")->snapshot);
	assert_null(provider_find("hotaisle")->snapshot);
}

/* runpod.md §8: the container disk costs while the pod runs, and nothing while it is stopped. */
static void disks_running_and_stopped(void **state)
{
	const struct storage_rule *running = provider_find("runpod")->disk, *stopped = provider_find("runpod")->disk_stopped;
	static const char *const included[] = { "hotaisle", "digitalocean", "static", "vastai" };

	(void)state;
	assert_int_equal(cost_storage(running, 150, 720 * HOUR), 15 * USD); /* $0.10 a GB and month */
	assert_int_equal(cost_storage(running, 150, HOUR), 20833);
	assert_int_equal(cost_storage(stopped, 150, 720 * HOUR), 0);
	for (size_t i = 0; i < ARRAY_LEN(included); i++)
		assert_true(!provider_find(included[i])->disk && !provider_find(included[i])->disk_stopped);
}

static void traffic(void **state)
{
	const int64_t gb = 1000000000;

	(void)state;
	assert_int_equal(cost_traffic(2000, 2000, 140 * gb, 0), 28 * CENT); /* a model of 70 billion parameters, at $0.002 */
	assert_int_equal(cost_traffic(2000, 5000, 140 * gb, 10 * gb), 33 * CENT);
	assert_int_equal(cost_traffic(2000, 2000, 1, 0), 1); /* never less than it will be */
	assert_int_equal(cost_traffic(2000, 2000, 0, 0), 0);
	assert_int_equal(cost_traffic(0, 0, 140 * gb, 140 * gb), 0); /* included */
	assert_int_equal(cost_traffic(2000, 2000, -gb, -gb), 0);
	assert_int_equal(cost_traffic(MONEY_MAX, MONEY_MAX, INT64_MAX, INT64_MAX), INT64_MAX);
	assert_true(provider_find("vastai")->traffic); /* of the others none charges each GB, as far as their sheets say */
	assert_false(provider_find("hotaisle")->traffic || provider_find("runpod")->traffic || provider_find("digitalocean")->traffic);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(examples_of_the_sheets), cmocka_unit_test(when_the_meter_runs),
		cmocka_unit_test(volumes), cmocka_unit_test(snapshots), cmocka_unit_test(disks_running_and_stopped), cmocka_unit_test(traffic) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
