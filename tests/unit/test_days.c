/* Money by days of a calendar, and texts by number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/days.h"
#include "base/rng.h"
#include "base/str.h"
#include "base/words.h"

static instant at(const char *text)
{
	instant t = 0;

	assert_true(instant_parse(text, &t));
	return t;
}

static void calendars(void **state)
{
	static const struct {
		const char *day, *week, *month, *next;
	} cases[] = { { "2026-11-21", "2026-11-16", "2026-11-01", "2026-12-01" }, { "2026-11-16", "2026-11-16", "2026-11-01", "2026-12-01" },
		{ "2026-11-22", "2026-11-16", "2026-11-01", "2026-12-01" }, { "2024-02-29", "2024-02-26", "2024-02-01", "2024-03-01" },
		{ "2027-01-01", "2026-12-28", "2027-01-01", "2027-02-01" }, { "2026-12-31", "2026-12-28", "2026-12-01", "2027-01-01" },
		{ "1970-01-01", "1969-12-29", "1970-01-01", "1970-02-01" }, { "2000-02-29", "2000-02-28", "2000-02-01", "2000-03-01" },
		{ "2100-03-01", "2100-03-01", "2100-03-01", "2100-04-01" } };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		char text[40];
		int64_t day;

		snprintf(text, sizeof(text), "%sT12:00:00Z", cases[k].day);
		day = day_of(NULL, at(text));
		day_format(day, text);
		assert_string_equal(text, cases[k].day);
		day_format(day_of_week_begin(day), text);
		assert_string_equal(text, cases[k].week);
		day_format(day_of_month_begin(day), text);
		assert_string_equal(text, cases[k].month);
		day_format(day_of_next_month(day), text);
		assert_string_equal(text, cases[k].next);
	}
}

static void a_zone_has_its_own_midnights(void **state)
{
	struct err e;
	struct zone *berlin = zone_load("Europe/Berlin", &e), *delhi = zone_load("Asia/Kolkata", &e);
	int64_t day;

	(void)state;
	assert_non_null(berlin);
	assert_non_null(delhi);
	day = day_of(berlin, at("2026-11-30T23:30:00Z"));
	assert_int_equal(day, at("2026-12-01T00:00:00Z") / DAY);
	assert_int_equal(day_begin(berlin, day), at("2026-11-30T23:00:00Z"));
	assert_int_equal(day_begin(delhi, day), at("2026-11-30T18:30:00Z"));
	/* The day on which clocks are set forward has 23 hours. */
	day = at("2026-03-29T00:00:00Z") / DAY;
	assert_int_equal(day_begin(berlin, day + 1) - day_begin(berlin, day), 23 * HOUR);
	zone_free(berlin);
	zone_free(delhi);
}

/* A stretch of time is shared among its days by their length, to the micro-dollar. */
static void shares_add_up(void **state)
{
	struct err e;
	struct zone *z = zone_load("America/Toronto", &e);
	struct rng r;

	(void)state;
	rng_seed(&r, 3);
	for (int k = 0; k < 3000; k++) {
		struct days d = { 0 };
		instant since = at("2026-10-01T00:00:00Z") + (duration)rng_below(&r, 90 * (uint64_t)DAY),
			until = since + (duration)rng_below(&r, 5 * (uint64_t)DAY);
		money amount = (money)rng_below(&r, 1000 * (uint64_t)USD) - USD;

		days_spread(&d, k % 2 ? z : NULL, since, until, amount);
		assert_int_equal(days_sum(&d, INT64_MIN, INT64_MAX), amount);
		for (size_t j = 1; j < d.count; j++)
			assert_true(d.items[j].day > d.items[j - 1].day);
		days_free(&d);
	}
	zone_free(z);
}

static void half_of_it_is_yesterdays(void **state)
{
	struct days d = { 0 };
	int64_t day = at("2026-12-01T00:00:00Z") / DAY;
	struct buf text = BUF(1024);
	struct days again = { 0 };

	(void)state;
	days_spread(&d, NULL, at("2026-11-30T23:00:00Z"), at("2026-12-01T01:00:00Z"), 2 * USD + 1);
	days_add(&d, day - 5, -USD); /* an older one comes later */
	assert_int_equal(days_sum(&d, day - 1, day - 1), USD);
	assert_int_equal(days_sum(&d, day, day), USD + 1);
	assert_int_equal(days_sum(&d, day - 9, day - 2), -USD);
	days_write(&d, &text);
	assert_true(days_read(&again, buf_str(&text)));
	assert_int_equal(days_sum(&again, INT64_MIN, INT64_MAX), USD + 1);
	assert_false(days_read(&again, "7:"));
	assert_false(days_read(&again, "seven:8"));
	assert_true(days_read(&again, ""));
	buf_free(&text);
	days_free(&d);
	days_free(&again);
}

static void each_word_once(void **state)
{
	struct words w = { 0 };
	char text[24];

	(void)state;
	for (uint32_t k = 0; k < 5000; k++) {
		snprintf(text, sizeof(text), "word %u", k);
		assert_int_equal(words_number(&w, text), k);
	}
	for (uint32_t k = 0; k < 5000; k += 7) {
		snprintf(text, sizeof(text), "word %u", k);
		assert_int_equal(words_number(&w, text), k);
		assert_string_equal(w.text[k], text);
	}
	assert_int_equal(words_number(&w, ""), 5000);
	words_free(&w);
	assert_int_equal(words_number(&w, "word 9"), 0);
	words_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(calendars), cmocka_unit_test(a_zone_has_its_own_midnights),
		cmocka_unit_test(shares_add_up), cmocka_unit_test(half_of_it_is_yesterdays), cmocka_unit_test(each_word_once) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
