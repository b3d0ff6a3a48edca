/* The arithmetic of results against the golden figures of benchmarks §8.1 and §9, and against counting every case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "core/stats.h"

#include <math.h>
#include <string.h>

static const double report[] = { 33.1, 33.2, 32.4, 32.6, 33.1, 33.2, 33.1, 33.0 };

static void is_near(double got, double wanted, double tolerance)
{
	if (fabs(got - wanted) > tolerance)
		fail_msg("got %.9g, wanted %.9g", got, wanted);
}

static void test_founding_report(void **state)
{
	struct stats s;

	(void)state;
	assert_true(stats_of(report, 8, &s));
	is_near(s.mean, 32.9625, 1e-9);
	is_near(s.sd, 0.29731, 5e-6);
	is_near(s.population_sd, 0.27811, 5e-6);
	is_near(s.sd * s.sd, 0.0884, 5e-5);
	is_near(s.cv, 0.00902, 5e-6);
	is_near(s.median, 33.1, 1e-12);
	is_near(s.mad, 0.10, 1e-12);
	is_near(s.mad * STATS_MAD_SCALE, 0.148, 5e-4);
	is_near(s.min, 32.4, 0);
	is_near(s.max, 33.2, 0);
	is_near((s.max - s.min) / s.mean, 0.0243, 5e-5);
}

static void test_money(void **state)
{
	(void)state;
	is_near(stats_usd_per_million(2.00, 33), 16.835, 5e-4);
	is_near(stats_usd_per_million(2.00, 32.9625), 16.854, 5e-4);
	is_near(stats_usd_per_million(2.50, 47), 14.775, 5e-4);
	is_near(stats_usd_per_million(2.00, 33) / stats_usd_per_million(2.50, 47), 1.1394, 5e-5);
	is_near(stats_usd_per_million(1.99, 600), 0.9213, 5e-5);
	is_near(stats_usd_per_million(0.50, 600), 0.2315, 5e-5);
	is_near(stats_break_even(2.00, 0.017), 32680, 1);
	/* Zero is no measurement, and no infinity either. */
	is_near(stats_usd_per_million(2.00, 0), 0, 0);
	is_near(stats_usd_per_million(0, 33), 0, 0);
	is_near(stats_break_even(2.00, 0), 0, 0);
}

static void test_small_samples(void **state)
{
	const double one[] = { 5 }, pair[] = { 4, 1 };
	struct stats s;

	(void)state;
	assert_false(stats_of(one, 0, &s));
	assert_int_equal(s.n, 0);
	assert_true(stats_of(one, 1, &s));
	is_near(s.sd, 0, 0);
	is_near(s.median, 5, 0);
	assert_true(stats_of(pair, 2, &s));
	is_near(s.median, 2.5, 0);
	is_near(s.mad, 1.5, 0);
	is_near(s.sd, sqrt(4.5), 1e-12);
}

static void test_nights(void **state)
{
	const double base[] = { 33.1, 33.2, 33.0, 33.1, 33.2, 33.1, 33.0 }, flat[] = { 33, 33, 33, 33, 33, 33, 33 };
	struct stats_night n = stats_night(32.4, base, 7, false);

	(void)state;
	is_near(n.drop, 0.02115, 5e-6);
	is_near(n.z, -4.23, 5e-3);
	assert_int_equal(n.level, STATS_OK);
	n = stats_night(31.4, base, 7, false);
	is_near(n.drop, 0.05136, 5e-6);
	is_near(n.z, -10.27, 5e-3);
	assert_int_equal(n.level, STATS_ALERT);
	assert_int_equal(stats_night(31.4, base, 7, true).level, STATS_OK);
	assert_int_equal(stats_night(34.9, base, 7, false).level, STATS_OK);
	assert_int_equal(stats_night(34.9, base, 7, true).level, STATS_ALERT);
	assert_int_equal(stats_night(31.9, base, 7, false).level, STATS_WARN);
	assert_int_equal(stats_night(31.4, base, 6, false).level, STATS_NO_BASELINE);
	/* A MAD of 0 makes no alarm of a rounding. */
	is_near(stats_night(32.9, flat, 7, false).z, -0.1 / (0.005 * 33), 1e-9);
	assert_int_equal(stats_night(32.9, flat, 7, false).level, STATS_OK);
}

static void test_mann_whitney_golden(void **state)
{
	const double a[] = { 1, 2, 3, 4, 5 }, b[] = { 6, 7, 8, 9, 10 }, three[] = { 4, 5, 6 };
	double base[20], u;

	(void)state;
	is_near(stats_mann_whitney(a, 3, three, 3, &u), 0.1, 1e-12);
	is_near(u, 0, 0);
	is_near(stats_mann_whitney(a, 4, b, 4, NULL), 0.0286, 5e-5);
	is_near(stats_mann_whitney(a, 5, b, 5, NULL), 0.00794, 5e-6);
	is_near(stats_mann_whitney(b, 5, a, 5, &u), 0.00794, 5e-6);
	is_near(u, 0, 0);
	for (int k = 0; k < 20; k++)
		base[k] = 100 + k;
	is_near(stats_mann_whitney(a, 3, base, 14, NULL), 0.0029, 5e-5);
	is_near(stats_mann_whitney(a, 3, base, 20, NULL), 0.00113, 5e-6);
	is_near(stats_mann_whitney(a, 5, base, 20, NULL), 0.000038, 5e-7);
	is_near(stats_mann_whitney(a, 0, base, 20, NULL), 1, 0);
	/* All alike: nothing can be said. */
	is_near(stats_mann_whitney((double[]){ 2, 2, 2 }, 3, (double[]){ 2, 2 }, 2, NULL), 1, 1e-12);
}

/* Every way to share out the pooled values, with ties: what exact means. */
static double by_counting(const double *x, size_t n, size_t na)
{
	double ranks[12], centre = (double)(na * (n + 1)) / 2, seen = 0;
	int all = 0, far = 0;

	for (size_t k = 0; k < n; k++) {
		double below = 0, same = 0;

		for (size_t i = 0; i < n; i++) {
			below += x[i] < x[k];
			same += x[i] == x[k];
		}
		ranks[k] = below + (same + 1) / 2;
		seen += k < na ? ranks[k] : 0;
	}
	for (unsigned pick = 0; pick < 1u << n; pick++) {
		double sum = 0;
		size_t count = 0;

		for (size_t k = 0; k < n; k++)
			if (pick & 1u << k) {
				sum += ranks[k];
				count++;
			}
		if (count != na)
			continue;
		all++;
		far += fabs(sum - centre) >= fabs(seen - centre) - 1e-9;
	}
	return (double)far / all;
}

static void test_mann_whitney_counted(void **state)
{
	struct rng rng;
	double x[12];

	(void)state;
	rng_seed(&rng, 7);
	for (int round = 0; round < 300; round++) {
		size_t n = 2 + (size_t)rng_below(&rng, 9), na = 1 + (size_t)rng_below(&rng, n - 1);

		for (size_t k = 0; k < n; k++)
			x[k] = (double)rng_below(&rng, 6);
		is_near(stats_mann_whitney(x, na, x + na, n - na, NULL), by_counting(x, n, na), 1e-9);
	}
}

static void test_ratio(void **state)
{
	const double fast[] = { 66, 67, 66.5, 66.2, 66.8 }, slow[] = { 33, 33.2, 33.1, 33.3, 32.9 }, zero[] = { 0, 1 };
	struct stats_ratio r;

	(void)state;
	assert_true(stats_ratio(fast, 5, slow, 5, &r));
	is_near(r.ratio, 66.5 / 33.1, 1e-12);
	assert_true(r.low < r.ratio && r.ratio < r.high);
	/* 5 against 5: the third of 25, P(U <= 2) = 4/252 on each side. */
	is_near(r.confidence, 1 - 2 * 4.0 / 252, 1e-12);
	assert_true(stats_ratio(fast, 3, slow, 3, &r));
	is_near(r.confidence, 0.9, 1e-12);
	is_near(r.low, 66 / 33.2, 1e-12);
	is_near(r.high, 67.0 / 33, 1e-12);
	assert_true(stats_ratio(fast, 1, slow, 5, &r));
	is_near(r.confidence, 0, 0);
	assert_false(stats_ratio(fast, 5, zero, 2, &r));
	assert_false(stats_ratio(fast, 0, slow, 5, &r));
}

/* The interval holds the truth as often as it says. */
static void test_ratio_covers(void **state)
{
	struct rng rng;
	int inside = 0;

	(void)state;
	rng_seed(&rng, 11);
	for (int round = 0; round < 2000; round++) {
		double a[5], b[5];
		struct stats_ratio r;

		for (int k = 0; k < 5; k++) {
			a[k] = 2 * (100 + (double)rng_below(&rng, 1000) / 100);
			b[k] = 100 + (double)rng_below(&rng, 1000) / 100;
		}
		assert_true(stats_ratio(a, 5, b, 5, &r));
		inside += r.low <= 2 && 2 <= r.high;
	}
	assert_in_range(inside, 1910, 1970); /* 96.8 % of 2000 is 1937 */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_founding_report),
		cmocka_unit_test(test_money),
		cmocka_unit_test(test_small_samples),
		cmocka_unit_test(test_nights),
		cmocka_unit_test(test_mann_whitney_golden),
		cmocka_unit_test(test_mann_whitney_counted),
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_ratio_covers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
