/* What a campaign does with its firings: blackouts, jitter, those that were missed. */
#include "core/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static struct zone *toronto;

static instant at(const char *text)
{
	instant t = 0;

	if (!instant_parse(text, &t))
		fail_msg("%s", text);
	return t;
}

static struct schedule nightly(void)
{
	struct schedule s = { .catch_up = 3 * HOUR, .salt = 42 };
	struct err e;

	assert_int_equal(cron_parse(&s.cron, "0 2 * * *", &e), 0);
	return s;
}

static void begins_once(void **state)
{
	struct schedule s = nightly();
	instant since = at("2026-11-20T12:00:00Z"), two = at("2026-11-21T07:00:00Z");
	struct due d = schedule_due(&s, toronto, 0, since, two - SECOND);

	(void)state;
	assert_false(d.begin);
	assert_true(d.wake == two);
	d = schedule_due(&s, toronto, d.last, since, two);
	assert_true(d.begin);
	assert_true(d.firing.tick == two && d.last == two);
	assert_int_equal(d.missed, 0);
	d = schedule_due(&s, toronto, d.last, since, two + SECOND);
	assert_false(d.begin);
	assert_true(d.wake == two + DAY);
}

/* The daemon was away: within three hours it is made up for, later it is a missed night; of several only the last can begin. */
static void missed_firings(void **state)
{
	struct schedule s = nightly();
	instant since = at("2026-11-20T12:00:00Z"), two = at("2026-11-21T07:00:00Z");
	struct due d = schedule_due(&s, toronto, 0, since, two + 3 * HOUR);

	(void)state;
	assert_true(d.begin);
	d = schedule_due(&s, toronto, 0, since, two + 3 * HOUR + SECOND);
	assert_false(d.begin);
	assert_int_equal(d.missed, 1);
	assert_true(d.last == two && d.firing.tick == two);
	d = schedule_due(&s, toronto, 0, since, two + 4 * DAY + HOUR);
	assert_true(d.begin);
	assert_int_equal(d.missed, 4);
	assert_true(d.firing.tick == two + 4 * DAY);
	d = schedule_due(&s, toronto, d.last, since, two + 4 * DAY + HOUR);
	assert_false(d.begin);
	assert_int_equal(d.missed, 0);
	/* Every minute, asleep for a year: counted up to a thousand, and the present one begins. */
	{
		struct err e;

		assert_int_equal(cron_parse(&s.cron, "* * * * *", &e), 0);
		d = schedule_due(&s, toronto, 0, since, since + 365 * DAY);
		assert_true(d.begin);
		assert_true(d.firing.tick == since + 365 * DAY);
		assert_int_equal(d.missed, 1000);
	}
}

static void blackouts_are_local_days(void **state)
{
	struct schedule s = nightly();

	(void)state;
	s.blackout_count = 1;
	s.blackout[0][0] = instant_days(2026, 12, 24);
	s.blackout[0][1] = instant_days(2026, 12, 26);
	assert_true(schedule_next(&s, toronto, at("2026-12-23T08:00:00Z")).tick == at("2026-12-27T07:00:00Z"));
}

static void jitter_is_the_same_again(void **state)
{
	struct schedule s = nightly(), other;
	instant after = at("2026-11-20T12:00:00Z");
	int different = 0;

	(void)state;
	s.jitter = 10 * MINUTE;
	other = s;
	other.salt = 43;
	for (int k = 0; k < 200; k++) {
		struct firing f = schedule_next(&s, toronto, after), again = schedule_next(&s, toronto, after);

		assert_true(f.begins == again.begins);
		assert_in_range(f.begins - f.tick, 0, 10 * MINUTE);
		different += f.begins != schedule_next(&other, toronto, after).begins;
		after = f.tick;
	}
	assert_true(different > 150);
}

static int group_setup(void **state)
{
	struct err e;

	(void)state;
	toronto = zone_load("America/Toronto", &e);
	return toronto ? 0 : -1;
}

static int group_teardown(void **state)
{
	(void)state;
	zone_free(toronto);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(begins_once),
		cmocka_unit_test(missed_firings),
		cmocka_unit_test(blackouts_are_local_days),
		cmocka_unit_test(jitter_is_the_same_again),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
