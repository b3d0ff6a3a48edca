/* Money: exact, never wrapping, never less than what will be charged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/money.h"
#include "base/rng.h"

#include <math.h>

static money clamp(__int128 v)
{
	return v > INT64_MAX ? INT64_MAX : v < -INT64_MAX ? -INT64_MAX : (money)v;
}

static void test_saturates(void **state)
{
	static const int64_t edges[] = { 0, 1, -1, 2, -2, 1000000, INT64_MAX, -INT64_MAX, INT64_MIN, INT64_MAX - 1, INT64_MAX / 2,
		INT64_MAX / 2 + 1, -INT64_MAX / 2 - 1, 3037000499, 3037000500, -3037000500 };
	struct rng rng;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(edges); i++)
		for (size_t k = 0; k < ARRAY_LEN(edges); k++) {
			assert_true(money_add(edges[i], edges[k]) == clamp((__int128)edges[i] + edges[k]));
			assert_true(money_times(edges[i], edges[k]) == clamp((__int128)edges[i] * edges[k]));
		}
	rng_seed(&rng, 2);
	for (int i = 0; i < 100000; i++) {
		int64_t a = (int64_t)rng_u64(&rng) >> rng_below(&rng, 63), b = (int64_t)rng_u64(&rng) >> rng_below(&rng, 63);

		assert_true(money_add(a, b) == clamp((__int128)a + b));
		assert_true(money_times(a, b) == clamp((__int128)a * b));
	}
}

static void test_for(void **state)
{
	struct rng rng;

	(void)state;
	assert_true(money_for(2 * USD, HOUR) == 2 * USD);
	assert_true(money_for(2 * USD, 90 * MINUTE) == 3 * USD);
	assert_true(money_for(1, 1) == 1); /* rounded up */
	assert_true(money_for(3600 * USD, SECOND) == USD);
	assert_true(money_for(0, HOUR) == 0 && money_for(USD, 0) == 0 && money_for(-USD, HOUR) == 0 && money_for(USD, -1) == 0);
	assert_true(money_for(INT64_MAX, FOREVER) == INT64_MAX);
	rng_seed(&rng, 3);
	for (int i = 0; i < 100000; i++) {
		money rate = (money)rng_below(&rng, 1000 * (uint64_t)USD);
		duration a = (duration)rng_below(&rng, 30 * (uint64_t)DAY), b = (duration)rng_below(&rng, 30 * (uint64_t)DAY);
		money whole = money_for(rate, a + b), parts = money_for(rate, a) + money_for(rate, b);

		/* Pieces never cost less than the whole, nor a micro-dollar more for each piece. */
		assert_true(parts >= whole && parts <= whole + 1);
		assert_true((__int128)money_for(rate, a) * HOUR >= (__int128)rate * a);
	}
}

static void test_from_double(void **state)
{
	money m = 77;

	(void)state;
	assert_true(money_from_double(2.4189, &m) && m == 2418900);
	assert_true(money_from_double(0.00743999984115362, &m) && m == 7440);
	assert_true(money_from_double(0, &m) && m == 0);
	assert_true(money_from_double(1e9, &m) && m == MONEY_MAX);
	m = 77;
	assert_false(money_from_double(-0.01, &m));
	assert_false(money_from_double(NAN, &m));
	assert_false(money_from_double(INFINITY, &m));
	assert_false(money_from_double(1.1e9, &m));
	assert_true(m == 77);
}

static void test_parse(void **state)
{
	static const struct {
		const char *s;
		money want;
	} good[] = {
		{ "12", 12000000 }, { "12.5", 12500000 }, { "$12.50", 12500000 }, { "0.000001", 1 }, { "0.0000019", 1 }, { "0", 0 },
		{ "1000000000", MONEY_MAX }, { "007", 7000000 }, { "1.123456789", 1123456 },
	};
	static const char *const bad[] = { "", "$", "-1", "+1", "1.", ".5", "1,5", "1e3", "1 ", " 1", "1$", "nan", "0x1", "1000000001",
		"1000000000.5", "99999999999999999999999999", "$$1", "1..2" };
	money m;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(money_parse(good[i].s, &m));
		assert_true(m == good[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		m = 77;
		if (money_parse(bad[i], &m) || m != 77)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void shown(money m, const char *want, const char *exact)
{
	char out[32];

	money_format(m, out);
	assert_string_equal(out, want);
	money_decimal(m, out);
	assert_string_equal(out, exact);
}

static void test_format(void **state)
{
	(void)state;
	shown(0, "$0.00", "0.00");
	shown(12340000, "$12.34", "12.34");
	shown(12345678, "$12.35", "12.345678");
	shown(4200, "$0.0042", "0.0042");
	shown(-USD, "-$1.00", "-1.00");
	shown(100000, "$0.10", "0.10");
	shown(99999, "$0.1000", "0.099999");
	shown(999999, "$1.00", "0.999999");
	shown(-1, "-$0.0000", "-0.000001");
	shown(INT64_MAX, "$9223372036854.78", "9223372036854.775807");
	shown(-INT64_MAX, "-$9223372036854.78", "-9223372036854.775807");
	shown(INT64_MIN, "-$9223372036854.78", "-9223372036854.775808");
}

static void test_decimal_and_parse_agree(void **state)
{
	struct rng rng;
	char out[32];
	money back;

	(void)state;
	rng_seed(&rng, 6);
	for (int i = 0; i < 100000; i++) {
		money m = (money)(rng_below(&rng, (uint64_t)MONEY_MAX) >> rng_below(&rng, 50));

		money_decimal(m, out);
		assert_true(money_parse(out, &back) && back == m);
		assert_true(money_from_double((double)m / (double)USD, &back) && back == m);
	}
}

/* Parts add up to the whole, and none is further from its exact share than one unit. */
static void test_split(void **state)
{
	static const money whole = 100, odd = 6000001;
	int64_t weights[40] = { 1, 1, 1 };
	money parts[40];
	struct rng rng;

	(void)state;
	money_split(whole, weights, 3, parts);
	assert_true(parts[0] == 34 && parts[1] == 33 && parts[2] == 33);
	money_split(-whole, weights, 3, parts);
	assert_true(parts[0] == -34 && parts[1] == -33 && parts[2] == -33);
	weights[0] = 1, weights[1] = 3, weights[2] = 2;
	money_split(odd, weights, 3, parts);
	assert_true(parts[0] == 1000000 && parts[1] == 3000001 && parts[2] == 2000000);
	weights[0] = weights[1] = weights[2] = 0;
	money_split(5, weights, 3, parts);
	assert_true(parts[0] + parts[1] + parts[2] == 5 && parts[0] - parts[2] <= 1);
	money_split(5, weights, 0, parts);
	rng_seed(&rng, 7);
	for (int i = 0; i < 20000; i++) {
		size_t n = 1 + rng_below(&rng, ARRAY_LEN(parts));
		money total = (money)(rng_u64(&rng) >> (1 + rng_below(&rng, 62))), sum = 0;
		__int128 all = 0;

		if (i % 3 == 0)
			total = -total;
		for (size_t k = 0; k < n; k++)
			all += weights[k] = rng_below(&rng, 4) ? (int64_t)(rng_u64(&rng) >> (1 + rng_below(&rng, 62))) : 0;
		money_split(total, weights, n, parts);
		for (size_t k = 0; k < n; k++) {
			sum += parts[k];
			if (all) {
				__int128 off = (__int128)total * weights[k] / all - parts[k];

				assert_true(off >= -1 && off <= 1);
				assert_true(weights[k] || !parts[k]);
			}
		}
		assert_true(sum == total);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_saturates), cmocka_unit_test(test_for),    cmocka_unit_test(test_from_double),
		cmocka_unit_test(test_parse),     cmocka_unit_test(test_format), cmocka_unit_test(test_decimal_and_parse_agree),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
