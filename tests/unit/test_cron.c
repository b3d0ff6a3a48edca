/*
 * Schedules: what is read, what is refused, and when they fire; ten years in twelve zones against libc's own reading of the same
 * zones, minute by minute. `make check-cron` compares with croner and cron-parser.
 */
#include "core/cron.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct zone *zone(const char *name)
{
	struct err e;
	struct zone *z = zone_load(name, &e);

	if (!z)
		fail_msg("%s", e.msg);
	return z;
}

static struct cron cron(const char *text)
{
	struct cron c;
	struct err e;

	if (cron_parse(&c, text, &e) < 0)
		fail_msg("%s: %s", text, e.msg);
	return c;
}

static instant at(const char *text)
{
	instant t = 0;

	if (!instant_parse(text, &t))
		fail_msg("%s", text);
	return t;
}

/* ---- what is promised ---- */

static void firings(void **state)
{
	static const struct { const char *schedule, *zone, *after, *next; } cases[] = {
		{ "0 2 * * *", "UTC", "2026-11-20T01:59:59Z", "2026-11-20T02:00:00+00:00" },
		{ "0 2 * * *", "UTC", "2026-11-20T02:00:00Z", "2026-11-21T02:00:00+00:00" }, /* strictly later */
		{ "@nightly", "America/Toronto", "2026-11-20T12:00:00Z", "2026-11-21T02:00:00-05:00" },
		/* 02:30 does not exist: once, at the end of the gap. */
		{ "30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T03:00:00+02:00" },
		{ "30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T02:30:00+02:00" },
		{ "0,30 2 * * *", "Europe/Berlin", "2026-03-29T00:59:00Z", "2026-03-29T03:00:00+02:00" },
		{ "0,30 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T02:00:00+02:00" }, /* … and only once */
		/* 02:30 is shown twice: the first time. */
		{ "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T02:30:00+02:00" },
		{ "30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T02:30:00+01:00" },
		/* A step follows time as it passes. */
		{ "*/30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00+01:00" },
		{ "*/30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T03:00:00+02:00" },
		{ "30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T03:30:00+02:00" },
		/* Half an hour (Lord Howe): 02:00 becomes 02:30, and back to 01:30. */
		{ "15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-04T02:30:00+11:00" },
		{ "*/30 * * * *", "Australia/Lord_Howe", "2026-04-04T14:30:00Z", "2026-04-05T01:30:00+10:30" },
		{ "45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-06T01:45:00+10:30" },
		/* Midnight that does not exist (Cairo, Beirut), a day that does not exist (Samoa 2011). */
		{ "0 0 * * *", "Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-24T01:00:00+03:00" },
		{ "0 12 * * *", "Pacific/Apia", "2011-12-30T00:00:00Z", "2011-12-31T00:00:00+14:00" },
		/* Day and weekday: either is enough. */
		{ "0 0 13 * FRI", "UTC", "2026-11-14T00:00:00Z", "2026-11-20T00:00:00+00:00" },
		{ "0 0 13 * *", "UTC", "2026-11-14T00:00:00Z", "2026-12-13T00:00:00+00:00" },
		{ "0 0 * * 7", "UTC", "2026-11-16T00:00:00Z", "2026-11-22T00:00:00+00:00" },
		{ "0 9-17/4 * jan,dec mon-fri", "UTC", "2026-11-21T00:00:00Z", "2026-12-01T09:00:00+00:00" },
		{ "0 0 29 2 *", "UTC", "2026-11-21T00:00:00Z", "2028-02-29T00:00:00+00:00" },
		{ "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00+00:00" },
		{ "59 23 31 12 *", "Asia/Kathmandu", "2026-11-21T00:00:00Z", "2026-12-31T23:59:00+05:45" },
		{ "@weekly", "UTC", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00+00:00" },
		{ "@yearly", "UTC", "2026-11-21T00:00:00Z", "2027-01-01T00:00:00+00:00" },
		/* Behind what the file lists: the rule at its end. */
		{ "30 2 * * *", "America/New_York", "2051-03-11T12:00:00Z", "2051-03-12T03:00:00-04:00" },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct zone *z = zone(cases[k].zone);
		struct cron c = cron(cases[k].schedule);
		char text[40];

		zone_format(z, cron_next(&c, z, at(cases[k].after)), text);
		if (strcmp(text, cases[k].next) != 0)
			fail_msg("'%s' in %s after %s: %s instead of %s", cases[k].schedule, cases[k].zone, cases[k].after, text, cases[k].next);
		zone_free(z);
	}
}

static void what_never_comes(void **state)
{
	static const char *const never[] = { "0 0 30 2 *", "0 0 31 4,6,9,11 *" };
	struct zone *z = zone("UTC");

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(never); k++) {
		struct cron c = cron(never[k]);

		assert_true(cron_next(&c, z, at("2026-11-20T00:00:00Z")) == FOREVER);
	}
	zone_free(z);
}

static void mistakes(void **state)
{
	static const struct { const char *text, *words; } cases[] = {
		{ "", "has 0" },
		{ "0 2 * *", "this one has 4" },
		{ "0 2 * * * *", "this one has 6" },
		{ "60 2 * * *", "'60' is no minute: it is 0 to 59" },
		{ "0 24 * * *", "is no hour: it is 0 to 23" },
		{ "0 2 0 * *", "is no day: it is 1 to 31" },
		{ "0 2 * 13 *", "is no month: it is 1 to 12, JAN to DEC" },
		{ "0 2 * * 8", "is no weekday: it is 0 to 7, SUN to SAT" },
		{ "0 2 * * MONDAY", "'MONDAY' is no weekday" },
		{ "0 22-6 * * *", "goes backwards; write it as two" },
		{ "*/0 * * * *", "'0' is no minute" },
		{ "1,,2 * * * *", "'' is no minute" },
		{ "-5 * * * *", "is no minute" },
		{ "+5 * * * *", "is no minute" },
		{ "5- * * * *", "is no minute" },
		{ "*/ * * * *", "is no minute" },
		{ "@noon", "there are @hourly, @daily" },
		{ "0 2 * * L", "'L' is no weekday" },
	};
	struct cron c;
	struct err e;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		if (cron_parse(&c, cases[k].text, &e) == 0)
			fail_msg("'%s' was taken", cases[k].text);
		if (!strstr(e.msg, cases[k].words))
			fail_msg("'%s': %s", cases[k].text, e.msg);
	}
}

static void zones_that_are_none(void **state)
{
	static const char *const names[] = { "", "Mars/Olympus", "../../etc/passwd", "/etc/localtime", "Europe", "Europe/Berlin\n", "tzdata.zi",
		"zone.tab" };
	struct err e;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(names); k++)
		assert_null(zone_load(names[k], &e));
	assert_null(zone_load("America/Torono", &e));
	assert_non_null(strstr(e.msg, "there is no time zone 'America/Torono'"));
}

/* Any prefix of a file, and any byte of it changed, is a zone or an error, and never more. */
static void damaged_files(void **state)
{
	char data[8192], text[40];
	FILE *f = fopen("/usr/share/zoneinfo/America/Toronto", "re");
	size_t n;
	struct err e;

	(void)state;
	assert_non_null(f);
	n = fread(data, 1, sizeof(data), f);
	fclose(f);
	for (size_t k = 0; k < n; k++) {
		struct zone *z = zone_read("x", data, k, &e);

		assert_null(z);
	}
	for (size_t k = 0; k < n; k++) {
		struct zone *z;

		data[k] = (char)(data[k] ^ 0x55);
		z = zone_read("x", data, n, &e);
		if (z)
			zone_format(z, at("2026-11-20T00:00:00Z"), text);
		zone_free(z);
		data[k] = (char)(data[k] ^ 0x55);
	}
}

/* ---- ten years against libc ---- */

#define QUARTER (15 * MINUTE)

static bool shows(const struct cron *c, const struct tm *tm)
{
	bool day = c->days >> tm->tm_mday & 1, weekday = c->weekdays >> tm->tm_wday & 1;

	return c->minutes >> tm->tm_min & 1 && c->hours >> tm->tm_hour & 1 && c->months >> (tm->tm_mon + 1) & 1 &&
	       (c->any_day || c->any_weekday ? day && weekday : day || weekday);
}

/* What libc says about this quarter of an hour, whose local time is *tm; the one before had *last. */
static bool fires_at(const struct cron *c, instant t, const struct tm *tm, const struct tm *last)
{
	bool fires = shows(c, tm);

	if (!c->on_the_wall)
		return fires;
	/* Shown before, when the clocks were ahead? */
	for (instant back = t - QUARTER; fires && back >= t - 4 * HOUR; back -= QUARTER) {
		time_t b = (time_t)(back / SECOND);
		struct tm earlier;

		localtime_r(&b, &earlier);
		if (earlier.tm_mday == tm->tm_mday && earlier.tm_hour == tm->tm_hour && earlier.tm_min == tm->tm_min)
			fires = false;
	}
	/* The end of a gap: whatever it swallowed. */
	for (long lost = last->tm_gmtoff; lost < tm->tm_gmtoff && !fires; lost += 900) {
		time_t local = (time_t)(t / SECOND) + lost;
		struct tm gone;

		gmtime_r(&local, &gone);
		fires = shows(c, &gone);
	}
	return fires;
}

static void ten_years_in_twelve_zones(void **state)
{
	static const char *const zones[] = { "UTC", "America/Toronto", "America/St_Johns", "America/Santiago", "Europe/Berlin", "Europe/Dublin",
		"Africa/Cairo", "Africa/Casablanca", "Asia/Tehran", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Chatham" };
	static const char *const schedules[] = { "0 2 * * *", "30 2 * * *", "0,15,30,45 1,2 * * *", "*/30 * * * *", "15 */3 * * *", "45 2 * 3,4,9,10,11 SUN",
		"0 0 1,15 * 1" };
	instant from = at("2020-01-01T00:00:00Z"), until = at("2030-01-01T00:00:00Z");
	struct tm tm, last;
	size_t compared = 0;

	(void)state;
	memset(&tm, 0, sizeof(tm));
	for (size_t k = 0; k < ARRAY_LEN(zones); k++) {
		struct zone *z = zone(zones[k]);
		const char *schedule = schedules[k % ARRAY_LEN(schedules)];

		setenv("TZ", zones[k], 1);
		tzset();
		for (size_t j = 0; j < 3; j++) {
			struct cron c = cron(j ? schedules[(k * 3 + j) % ARRAY_LEN(schedules)] : schedule);
			instant next = cron_next(&c, z, from - 1);

			for (instant t = from; t < until; t += QUARTER) {
				time_t seconds = (time_t)(t / SECOND);
				char text[40], said[40];
				bool fires;

				last = tm;
				localtime_r(&seconds, &tm);
				fires = fires_at(&c, t, &tm, t == from ? &tm : &last);
				if (fires != (next == t)) {
					zone_format(z, t, text);
					zone_format(z, next, said);
					fail_msg("%s, schedule %zu: libc says %s at %s, we say %s", zones[k], (k * 3 + j) % ARRAY_LEN(schedules),
					    fires ? "now" : "not", text, said);
				}
				assert_int_equal(tm.tm_gmtoff, zone_offset(z, t) / SECOND);
				if (fires) {
					next = cron_next(&c, z, t);
					compared++;
				}
			}
		}
		zone_free(z);
	}
	assert_true(compared > 100000);
	unsetenv("TZ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(firings),
		cmocka_unit_test(what_never_comes),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(zones_that_are_none),
		cmocka_unit_test(damaged_files),
		cmocka_unit_test(ten_years_in_twelve_zones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
