/* What the sweep of old files takes, and what it leaves alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "artifacts.h"
#include "base/str.h"
#include "sshd.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64];

static char *below(const char *name)
{
	static char path[4][300];
	static int at;

	at = (at + 1) % 4;
	snprintf(path[at], sizeof(path[0]), "%s/%s", dir, name);
	return path[at];
}

static void set_time(const char *name, int64_t seconds)
{
	const struct timespec t[2] = { { seconds, 0 }, { seconds, 0 } };

	assert_int_equal(utimensat(AT_FDCWD, below(name), t, AT_SYMLINK_NOFOLLOW), 0);
}

static void put(const char *name, int64_t seconds)
{
	int fd = open(below(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	close(fd);
	set_time(name, seconds);
}

/* A run with a file, a result in a directory and a link; all of it as old as `seconds`. */
static void make_run(const char *key, int64_t seconds)
{
	char name[4][64];

	snprintf(name[0], sizeof(name[0]), "runs/%s", key);
	snprintf(name[1], sizeof(name[1]), "runs/%s/results", key);
	snprintf(name[2], sizeof(name[2]), "runs/%s/results/a", key);
	snprintf(name[3], sizeof(name[3]), "runs/%s/stdout", key);
	mkdir(below(name[0]), 0700);
	mkdir(below(name[1]), 0700);
	put(name[2], seconds);
	put(name[3], seconds);
	snprintf(name[2], sizeof(name[2]), "runs/%s/results/link", key);
	assert_int_equal(symlink(below("outside"), below(name[2])), 0);
	set_time(name[1], seconds);
	set_time(name[0], seconds);
}

static bool there(const char *name)
{
	struct stat st;

	return lstat(below(name), &st) == 0;
}

static void test_sweep(void **state)
{
	const char *live[] = { "liverun" };
	struct err e = { 0 };

	(void)state;
	temp_dir(dir);
	mkdir(below("runs"), 0700);
	put("outside", 100);
	make_run("oldrun", 1000);
	make_run("newrun", 3000);
	make_run("grew", 1000);
	put("runs/grew/stdout", 3000);
	make_run("liverun", 1000);
	make_run("NOT-OURS", 1000);
	put("runs/afile1", 1000);
	assert_int_equal(artifacts_sweep(below("runs"), 2000 * SECOND, live, 1, &e), 1);
	assert_false(there("runs/oldrun"));
	assert_true(there("runs/newrun/results/a"));
	assert_true(there("runs/grew/stdout"));
	assert_true(there("runs/liverun/stdout"));
	assert_true(there("runs/NOT-OURS/stdout"));
	assert_true(there("runs/afile1"));
	assert_true(there("outside")); /* links are not followed */
	/* A run that ended is taken the next time. */
	assert_int_equal(artifacts_sweep(below("runs"), 2000 * SECOND, NULL, 0, &e), 1);
	assert_false(there("runs/liverun"));
	assert_int_equal(artifacts_sweep(below("runs"), 2000 * SECOND, NULL, 0, &e), 0);
	assert_int_equal(artifacts_sweep(below("nowhere"), 2000 * SECOND, NULL, 0, &e), -1);
	assert_non_null(strstr(e.msg, "nowhere"));
	assert_int_equal(artifacts_sweep(below("runs"), 9000 * SECOND, NULL, 0, &e), 2);
}

static int tidy(void **state)
{
	(void)state;
	remove_dir(dir);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sweep) };

	return cmocka_run_group_tests(tests, NULL, tidy);
}
