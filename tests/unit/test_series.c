/* Nights judged: the golden figures, Holm's correction, and sixty nights of noise with a step in them. */
#include "core/series.h"
#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NEAR(a, b, by) assert_true(fabs((a) - (b)) <= (by))

static void put(struct series_night *n, double value)
{
	*n = (struct series_night){ .repeats = { value }, .n = 1 };
}

/* benchmarks §9: medians 33.1 33.2 33.0 33.1 33.2 33.1 33.0; tonight 32.4 is well, 31.4 is an alert. */
static void golden_nights(void **state)
{
	static const double before[] = { 33.1, 33.2, 33.0, 33.1, 33.2, 33.1, 33.0 };
	struct series_night nights[8];
	struct series s = { nights, 8, false };
	struct finding f;

	(void)state;
	for (size_t k = 0; k < 7; k++)
		put(&nights[k], before[k]);
	put(&nights[7], 32.4);
	f = series_judge(&s, &series_rules);
	NEAR(f.drop, 0.02115, 0.00001);
	NEAR(f.z, -4.23, 0.005);
	NEAR(f.baseline, 33.1, 1e-9);
	assert_int_equal(f.nights, 7);
	assert_int_equal(f.level, STATS_OK);
	put(&nights[7], 31.4);
	f = series_judge(&s, &series_rules);
	NEAR(f.drop, 0.05136, 0.00001);
	NEAR(f.z, -10.27, 0.005);
	assert_int_equal(f.level, STATS_ALERT);
	/* Six nights are no baseline. */
	s.nights++;
	s.count--;
	f = series_judge(&s, &series_rules);
	assert_int_equal(f.kind, FINDING_NO_BASELINE);
	assert_string_equal(finding_name(f.kind), "no_baseline");
}

/* One repeat cannot be significant: watched on the first night, told on the second. */
static void told_when_both_agree_or_twice(void **state)
{
	struct series_night nights[16];
	struct series s = { nights, 15, false };
	struct finding f;

	(void)state;
	for (size_t k = 0; k < 16; k++)
		put(&nights[k], 100 + 0.1 * (double)(k % 3));
	put(&nights[14], 94);
	put(&nights[15], 94);
	f = series_judge(&s, &series_rules);
	findings_settle(&f, 1, &series_rules);
	assert_int_equal(f.kind, FINDING_WATCHED);
	s.count = 16;
	f = series_judge(&s, &series_rules);
	findings_settle(&f, 1, &series_rules);
	assert_int_equal(f.kind, FINDING_REGRESSION);
	/* Five repeats are enough for the first. */
	s.count = 15;
	nights[14] = (struct series_night){ { 94, 94.1, 94.2, 93.9, 94 }, 5 };
	for (size_t k = 0; k < 14; k++)
		nights[k] = (struct series_night){ { 100, 100.1, 100.2, 99.9, 100 }, 5 };
	f = series_judge(&s, &series_rules);
	assert_true(f.p < 1e-5);
	findings_settle(&f, 1, &series_rules);
	assert_int_equal(f.kind, FINDING_REGRESSION);
	/* For latency the same change is good. */
	s.lower_is_better = true;
	f = series_judge(&s, &series_rules);
	assert_true(f.drop < 0);
	findings_settle(&f, 1, &series_rules);
	assert_int_equal(f.kind, FINDING_BETTER);
}

static void holm(void **state)
{
	struct finding f[5] = { { .kind = FINDING_STEADY, .p = 0.04 }, { .kind = FINDING_STEADY, .p = 0.001 },
		{ .kind = FINDING_NO_BASELINE, .p = 1, .p_holm = 1 }, { .kind = FINDING_STEADY, .p = 0.03 }, { .kind = FINDING_STEADY, .p = 0.9 } };

	(void)state;
	findings_settle(f, 5, &series_rules);
	NEAR(f[1].p_holm, 0.004, 1e-12);
	NEAR(f[3].p_holm, 0.09, 1e-12);
	NEAR(f[0].p_holm, 0.09, 1e-12); /* 0.08, but never less than the one before it */
	NEAR(f[4].p_holm, 0.9, 1e-12);
	NEAR(f[2].p_holm, 1, 0);
}

/* Against R's t.test(c(...), c(...)): a known pair of samples. */
static void welch(void **state)
{
	static const double a[] = { 27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4 };
	static const double b[] = { 27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.4 };
	static const double same[] = { 1, 1, 1 };

	(void)state;
	NEAR(stats_welch(a, 15, b, 15), 0.00844, 0.0005);
	NEAR(stats_welch(a, 15, a, 15), 1, 1e-12);
	NEAR(stats_welch(same, 3, same, 3), 1, 0);
	NEAR(stats_welch(a, 1, b, 15), 1, 0);
}

/* ---- sixty nights ---- */

#define NIGHTS 60
#define SERIES 18

static double normal(struct rng *r)
{
	double u = ((double)rng_below(r, 1000000007) + 1) / 1000000008.0, v = (double)rng_below(r, 1000000007) / 1000000007.0;

	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

/* Nights vary by 0.6 %, repeats by 0.3 %. From `step` on the level is 4 % lower; NIGHTS: never. */
static void make(struct series_night *nights, struct rng *r, size_t step)
{
	for (size_t k = 0; k < NIGHTS; k++) {
		double level = 1000 * (k >= step ? 0.96 : 1) * (1 + 0.006 * normal(r));

		nights[k].n = 3;
		for (size_t i = 0; i < nights[k].n; i++)
			nights[k].repeats[i] = level * (1 + 0.003 * normal(r));
	}
}

/* Eighteen series, one of them with a step at night 40; over many seeds. */
static void a_step_is_found_and_noise_is_not(void **state)
{
	static struct series_night nights[SERIES][NIGHTS];
	const size_t step = 40;
	int late = 0, false_alarms = 0, worst = 0, seeds = 25;

	(void)state;
	for (int seed = 1; seed <= seeds; seed++) {
		struct rng r;
		int alarms = 0;
		size_t found = NIGHTS;

		rng_seed(&r, (uint64_t)seed);
		for (size_t k = 0; k < SERIES; k++)
			make(nights[k], &r, k ? NIGHTS : step);
		for (size_t night = 1; night <= NIGHTS; night++) {
			struct finding f[SERIES];

			for (size_t k = 0; k < SERIES; k++)
				f[k] = series_judge(&(struct series){ nights[k], night, false }, &series_rules);
			findings_settle(f, SERIES, &series_rules);
			for (size_t k = 0; k < SERIES; k++) {
				if (f[k].kind != FINDING_WARNING && f[k].kind != FINDING_REGRESSION)
					continue;
				if (!k && night > step)
					found = night - 1 < found ? night - 1 : found;
				else
					alarms++;
			}
		}
		late += found > step + 1;
		false_alarms += alarms;
		worst = alarms > worst ? alarms : worst;
	}
	/* Within two nights, and one false alarm at the most in sixty nights of all series. */
	if (late > seeds / 20 || worst > 1)
		fail_msg("late in %d of %d seeds, %d false alarms in all, %d in one", late, seeds, false_alarms, worst);
}

static void steps_are_found_weekly(void **state)
{
	static struct series_night nights[NIGHTS];
	struct series s = { nights, NIGHTS, false };
	struct step steps[8];
	int exact = 0, invented = 0;

	(void)state;
	for (int seed = 1; seed <= 100; seed++) {
		struct rng r;
		size_t n;

		rng_seed(&r, (uint64_t)seed);
		make(nights, &r, 40);
		n = series_steps(&s, steps, 8);
		/* A step of seven times the nights' noise is placed within three nights. */
		exact += n >= 1 && steps[0].at >= 37 && steps[0].at <= 43 && fabs(steps[0].after / steps[0].before - 0.96) < 0.015;
		make(nights, &r, NIGHTS);
		invented += series_steps(&s, steps, 8) > 0;
	}
	if (exact < 99 || invented > 0)
		fail_msg("found in %d of 100, invented in %d", exact, invented);
	/* Down and up again: two. */
	for (size_t k = 0; k < NIGHTS; k++)
		put(&nights[k], (k >= 20 && k < 40 ? 90 : 100) + 0.1 * (double)(k % 5));
	assert_int_equal(series_steps(&s, steps, 8), 2);
	assert_int_equal(steps[0].at, 20);
	assert_int_equal(steps[1].at, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(golden_nights),
		cmocka_unit_test(told_when_both_agree_or_twice),
		cmocka_unit_test(holm),
		cmocka_unit_test(welch),
		cmocka_unit_test(a_step_is_found_and_noise_is_not),
		cmocka_unit_test(steps_are_found_weekly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
