/* The clock that nobody can set. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

#define WALL ((instant)1795132800 * SECOND)
#define BOOT (3 * HOUR)

static void it_begins_with_the_wall_clock(void **state)
{
	struct clock_steady s = { 0 };

	(void)state;
	assert_true(clock_steady_at(&s, WALL, BOOT) == WALL);
	assert_true(clock_steady_at(&s, WALL + MINUTE, BOOT + MINUTE) == WALL + MINUTE);
	assert_true(s.jump == 0);
}

/* An hour, a day, 1970 and 2100: time goes on as if nothing had happened, and the jump is known. */
static void a_jump_is_not_followed(void **state)
{
	static const instant to[] = { WALL + HOUR, WALL - HOUR, WALL + DAY, WALL - DAY, 0, (instant)4102444800 * SECOND };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		struct clock_steady s = { 0 };
		instant before = clock_steady_at(&s, WALL, BOOT), now;

		for (int k = 1; k <= 100; k++) {
			now = clock_steady_at(&s, to[i] + k * SECOND, BOOT + k * SECOND);
			assert_true(now == before + SECOND);
			before = now;
		}
		assert_true(s.jump == to[i] - WALL);
		/* And back again. */
		now = clock_steady_at(&s, WALL + 101 * SECOND, BOOT + 101 * SECOND);
		assert_true(now == WALL + 101 * SECOND);
		assert_true(s.jump == 0);
	}
}

static void a_correction_is_followed_slowly_and_never_backwards(void **state)
{
	struct clock_steady s = { 0 };
	instant before = clock_steady_at(&s, WALL, BOOT), now = before;

	(void)state;
	for (int k = 1; k <= 200; k++) { /* the wall clock was a second ahead */
		now = clock_steady_at(&s, WALL + k * SECOND - SECOND, BOOT + k * SECOND);
		assert_true(now > before);
		assert_true(now - before >= SECOND * 49 / 50 && now - before <= SECOND);
		before = now;
	}
	assert_true(now == WALL + 199 * SECOND);
}

static void suspended_time_has_passed(void **state)
{
	struct clock_steady s = { 0 };

	(void)state;
	clock_steady_at(&s, WALL, BOOT);
	assert_true(clock_steady_at(&s, WALL + 8 * HOUR, BOOT + 8 * HOUR) == WALL + 8 * HOUR);
}

static void it_is_the_time_of_day(void **state)
{
	instant a = clock_steady(), b = clock_wall();

	(void)state;
	assert_true(b - a < SECOND && a - b < SECOND);
	assert_true(clock_steady() >= a);
	assert_true(clock_jump() == 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_begins_with_the_wall_clock),
		cmocka_unit_test(a_jump_is_not_followed),
		cmocka_unit_test(a_correction_is_followed_slowly_and_never_backwards),
		cmocka_unit_test(suspended_time_has_passed),
		cmocka_unit_test(it_is_the_time_of_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
