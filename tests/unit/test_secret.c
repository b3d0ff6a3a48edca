/* Secrets: only from files that nobody else can read, wiped, compared without a hint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/secret.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/gpufleet-secret-XXXXXX";
static char path[128];

static void put(const char *text, size_t n, mode_t mode)
{
	int fd;

	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, n), (ssize_t)n);
	assert_int_equal(fchmod(fd, mode), 0);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/token", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void test_reads(void **state)
{
	struct secret s = { 0 };
	struct err e;

	(void)state;
	put("  tok-123456 \r\n\n", 16, 0600);
	assert_int_equal(secret_read_file(&s, path, &e), 0);
	assert_string_equal(s.value, "tok-123456");
	put("second", 6, 0400);
	assert_int_equal(secret_read_file(&s, path, &e), 0); /* replaces */
	assert_string_equal(s.value, "second");
	secret_wipe(&s);
	assert_null(s.value);
	secret_wipe(&s);
}

static void refused(const char *word)
{
	struct secret s = { 0 };
	struct err e = { 0 };

	assert_int_equal(secret_read_file(&s, path, &e), -1);
	assert_null(s.value);
	assert_non_null(strstr(e.msg, path)); /* names the file */
	if (!strstr(e.msg, word))
		fail_msg("\"%s\" does not say '%s'", e.msg, word);
	assert_int_equal(secret_read_file(&s, path, NULL), -1);
}

static void test_refuses(void **state)
{
	static const mode_t open_modes[] = { 0640, 0604, 0660, 0644, 0620, 0601, 0777 };
	char *big = malloc(20000);
	char other[160];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(open_modes); i++) {
		put("secret-text", 11, open_modes[i]);
		refused("chmod 600");
	}
	put("", 0, 0600);
	refused("empty");
	put(" \n\t ", 4, 0600);
	refused("empty");
	put("a\0b", 3, 0600);
	refused("not text");
	memset(big, 'x', 20000);
	put(big, 16384, 0600);
	struct secret s = { 0 };

	assert_int_equal(secret_read_file(&s, path, NULL), 0);
	assert_int_equal(strlen(s.value), 16384);
	secret_wipe(&s);
	put(big, 16385, 0600);
	refused("too long");
	free(big);

	snprintf(other, sizeof(other), "%s-real", path);
	put("secret-text", 11, 0600);
	assert_int_equal(rename(path, other), 0);
	assert_int_equal(symlink(other, path), 0);
	refused("symbolic link");
	unlink(path);
	unlink(other);
	refused("cannot read");
	assert_int_equal(mkdir(path, 0700), 0);
	refused("not a regular file");
	rmdir(path);
	assert_int_equal(mkfifo(path, 0600), 0); /* must not wait for a writer */
	refused("not a regular file");
}

static void test_set_and_equal(void **state)
{
	struct secret s = { 0 };

	(void)state;
	secret_set(&s, "one-value");
	secret_set(&s, "other");
	assert_string_equal(s.value, "other");
	secret_wipe(&s);
	assert_true(secret_equal("", ""));
	assert_true(secret_equal("abc", "abc"));
	assert_false(secret_equal("abc", "abd"));
	assert_false(secret_equal("abc", "ab"));
	assert_false(secret_equal("", "a"));
	assert_false(secret_equal("a", ""));
	assert_false(secret_equal("abc", "Abc"));
	assert_false(secret_equal("\x80", "\x00"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reads),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_set_and_equal),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
