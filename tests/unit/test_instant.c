/* Points in time and lengths of time: the calendar, RFC 3339, HTTP dates, what people read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/instant.h"
#include "base/rng.h"

static void test_days(void **state)
{
	(void)state;
	assert_int_equal(instant_days(1970, 1, 1), 0);
	assert_int_equal(instant_days(1969, 12, 31), -1);
	assert_int_equal(instant_days(2000, 2, 29), 11016);
	assert_int_equal(instant_days(2000, 3, 1), 11017);
	assert_int_equal(instant_days(1900, 3, 1) - instant_days(1900, 2, 28), 1); /* no leap year */
	assert_int_equal(instant_days(2026, 11, 20), 20777);
	/* Every day of 400 years follows the one before. */
	int64_t day = instant_days(1800, 1, 1);

	for (int y = 1800; y < 2200; y++)
		for (int m = 1; m <= 12; m++) {
			int last = m == 2 ? 28 + (y % 4 == 0 && (y % 100 || y % 400 == 0)) : 30 + ((m + m / 8) & 1);

			for (int d = 1; d <= last; d++)
				assert_true(instant_days(y, m, d) == day++);
		}
}

static void test_format(void **state)
{
	char out[32];

	(void)state;
	instant_format(0, true, out);
	assert_string_equal(out, "-");
	instant_format(1, false, out);
	assert_string_equal(out, "1970-01-01T00:00:00Z");
	instant_format(1795132800 * SECOND + 123999, true, out);
	assert_string_equal(out, "2026-11-20T00:00:00.123Z");
	instant_format(-1, true, out);
	assert_string_equal(out, "1969-12-31T23:59:59.999Z");
	instant_format(FOREVER, true, out);
	assert_true(strlen(out) < 32);
	instant_format(INT64_MIN, true, out);
	assert_true(strlen(out) < 32);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds, us;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "2026-11-20T00:00:00Z", 1795132800, 0 },
		{ "2026-11-20 00:00:00z", 1795132800, 0 },
		{ "2026-11-20t00:00:00.5Z", 1795132800, 500000 },
		{ "2026-11-20T00:00:00.123456789Z", 1795132800, 123456 },
		{ "2026-11-20T02:30:00+02:30", 1795132800, 0 },
		{ "2026-11-19T19:00:00-05:00", 1795132800, 0 },
		{ "2026-11-20T00:00:00+00:00", 1795132800, 0 },
		{ "2024-02-29T12:00:00Z", 1709208000, 0 },
		{ "2000-02-29T00:00:00Z", 951782400, 0 },
		{ "2016-12-31T23:59:60Z", 1483228800, 0 }, /* a leap second */
		{ "1969-12-31T23:59:59Z", -1, 0 },
		{ "9999-12-31T23:59:59Z", 253402300799, 0 },
	};
	static const char *const bad[] = {
		"", "2026", "2026-11-20", "2026-11-20T00:00:00", "2026-11-20T00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
		"2026-11-31T00:00:00Z", "2026-11-00T00:00:00Z", "2023-02-29T00:00:00Z", "1900-02-29T00:00:00Z",
		"2026-02-30T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T00:60:00Z", "2026-11-20T00:00:61Z",
		"2026-11-20T00:00:00.Z", "2026-11-20T00:00:00ZZ", "2026-11-20T00:00:00+0200", "2026-11-20T00:00:00+02",
		"2026-11-20T00:00:00+24:00", "2026-11-20T00:00:00+02:60", "2026-11-20T00:00:00 Z", " 2026-11-20T00:00:00Z",
		"26-11-20T00:00:00Z", "2026/11/20T00:00:00Z", "2026-11-20X00:00:00Z", "20261120T000000Z", "-026-11-20T00:00:00Z",
		"2026-1-20T00:00:00Z", "now",
	};
	instant t;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		t = -77;
		if (!instant_parse(good[i].text, &t) || t != good[i].seconds * SECOND + good[i].us)
			fail_msg("%s: %lld", good[i].text, (long long)t);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		t = 77;
		if (instant_parse(bad[i], &t) || t != 77)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void test_format_and_parse_agree(void **state)
{
	struct rng rng;
	char text[32];
	instant t, back;

	(void)state;
	rng_seed(&rng, 4);
	for (int i = 0; i < 50000; i++) {
		t = (instant)rng_below(&rng, 253402300800u) * SECOND + (instant)rng_below(&rng, 1000) * MSEC;
		if (!t)
			continue;
		instant_format(t, true, text);
		if (!instant_parse(text, &back) || back != t)
			fail_msg("%lld: %s: %lld", (long long)t, text, (long long)back);
	}
	/* Every prefix of a time is no time. */
	for (size_t n = 0; n < 24; n++) {
		char cut[32];

		snprintf(cut, sizeof(cut), "%.*s", (int)n, "2026-11-20T00:00:00.123Z");
		assert_false(instant_parse(cut, &back));
	}
}

static void test_http_date(void **state)
{
	static const char *const bad[] = {
		"", "120", "Sun, 06 Nov 1994", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 CET",
		"Sun, 06 Nov 1994 08:49:37 GMT+1", "Sun, 32 Jan 1994 08:49:37 GMT", "Sun, 30 Feb 1994 08:49:37 GMT",
		"Sun, 06 anF 1994 08:49:37 GMT", "Sun, 06 Xyz 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
		"Sun, 06 Nov 1994 08:99:37 GMT", "Sun, 06 Nov 1994 08:49:99 GMT", "Sun, 06 Nov 1900 08:49:37 GMT",
		"Sun, 06 Nov 1994 -8:49:37 GMT", "Sun, 06 Nov 99999999999 08:49:37 GMT", "Sun, 06 No 1994 08:49:37 GMT",
	};
	instant t;

	(void)state;
	assert_true(instant_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &t));
	assert_true(t == 784111777 * SECOND);
	assert_true(instant_parse_http("Thu, 29 Feb 2024 00:00:00 GMT", &t));
	assert_true(t == 1709164800 * SECOND);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		t = 77;
		if (instant_parse_http(bad[i], &t) || t != 77)
			fail_msg("\"%s\" was taken", bad[i]);
	}
}

static void test_duration_format(void **state)
{
	static const struct {
		duration d;
		const char *want;
	} rows[] = {
		{ 0, "0s" }, { -5, "0s" }, { 4200 * MSEC, "4.2s" }, { 4 * SECOND, "4s" }, { 59 * SECOND, "59s" },
		{ 59999 * MSEC, "59s" }, { 200 * SECOND, "3m 20s" }, { 65 * MINUTE, "1h 05m" }, { 51 * HOUR, "2d 03h" },
		{ DAY - 1, "23h 59m" }, { MINUTE, "1m 00s" }, { FOREVER, "106751991d 04h" },
	};
	char out[24];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		duration_format(rows[i].d, out);
		assert_string_equal(out, rows[i].want);
	}
	assert_true(instant_min(1, 2) == 1 && instant_max(1, 2) == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_days),      cmocka_unit_test(test_format),
		cmocka_unit_test(test_parse),     cmocka_unit_test(test_format_and_parse_agree),
		cmocka_unit_test(test_http_date), cmocka_unit_test(test_duration_format),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
