/* The daemon's clock from one process to the next (reliability L12). */
#include "daemon/hostclock.h"
#include "base/str.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define WALL ((instant)1795132800 * SECOND)

static const struct hostclock note = { .boot_id = "this-boot", .wall = WALL, .boot = 3 * HOUR };

/* Whatever the host's clock was set to meanwhile: the next process goes on where the last one was. */
static void a_restart_goes_on(void **state)
{
	static const instant to[] = { WALL + HOUR, WALL - HOUR, WALL + DAY, WALL - DAY, 0, (instant)4102444800 * SECOND };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(to); i++) {
		struct hostclock now = { .boot_id = "this-boot", .wall = to[i], .boot = 3 * HOUR + MINUTE };
		struct clock_steady s;
		struct err e;

		assert_int_equal(hostclock_decide(&s, &note, &now, &e), 0);
		assert_true(clock_steady_at(&s, now.wall, now.boot) == WALL + MINUTE);
		assert_true(s.jump == to[i] - (WALL + MINUTE));
	}
}

static void a_reboot_believes_the_host(void **state)
{
	struct hostclock now = { .boot_id = "next-boot", .wall = WALL + DAY, .boot = MINUTE };
	struct clock_steady s;
	struct err e;

	(void)state;
	assert_int_equal(hostclock_decide(&s, &note, &now, &e), 0);
	assert_true(clock_steady_at(&s, now.wall, now.boot) == WALL + DAY);
	now.wall = WALL - HOUR;
	assert_int_equal(hostclock_decide(&s, &note, &now, &e), -1);
	assert_non_null(strstr(e.msg, "but the daemon ran at"));
	now.wall = HOUR;
	assert_int_equal(hostclock_decide(&s, &note, &now, &e), -1);
	assert_non_null(strstr(e.msg, "1970-01-01"));
}

static void without_a_note_the_host_is_believed(void **state)
{
	struct hostclock none = { 0 }, now = { .boot_id = "this-boot", .wall = WALL, .boot = HOUR };
	struct clock_steady s;
	struct err e;

	(void)state;
	assert_int_equal(hostclock_decide(&s, &none, &now, &e), 0);
	assert_true(clock_steady_at(&s, WALL, HOUR) == WALL);
	now.wall = 0;
	assert_int_equal(hostclock_decide(&s, &none, &now, &e), -1);
}

static void put(const char *dir, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/clock", dir);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void the_file_is_written_and_read(void **state)
{
	static const char *const damaged[] = { "", "x", "boot 12", "boot 12 y", "boot -1 5",
		"a-boot-id-that-is-much-longer-than-any-boot-id 12 5" };
	char dir[] = "/tmp/gf-clock-XXXXXX", path[300];
	struct err e;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(hostclock_open(dir, &e), 0);
	assert_int_equal(hostclock_open(dir, &e), 0);
	assert_true(clock_jump() == 0);
	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		put(dir, damaged[i]);
		assert_int_equal(hostclock_open(dir, &e), -1);
		assert_non_null(strstr(e.msg, "is damaged; remove it"));
	}
	snprintf(path, sizeof(path), "%s/clock", dir);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_restart_goes_on),
		cmocka_unit_test(a_reboot_believes_the_host),
		cmocka_unit_test(without_a_note_the_host_is_believed),
		cmocka_unit_test(the_file_is_written_and_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
