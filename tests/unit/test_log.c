/* The log: no secret, no control byte and no second line ever leaves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/instant.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"

#include <fcntl.h>
#include <unistd.h>

static char written[65536];

/* What was logged since begin(). */
static int saved, file;

static void begin(void)
{
	char name[] = "/tmp/gpufleet-log-XXXXXX";

	fflush(stderr);
	saved = dup(STDERR_FILENO);
	file = mkstemp(name);
	assert_true(saved >= 0 && file >= 0);
	unlink(name);
	dup2(file, STDERR_FILENO);
}

static const char *end(void)
{
	ssize_t n;

	dup2(saved, STDERR_FILENO);
	close(saved);
	n = pread(file, written, sizeof(written) - 1, 0);
	close(file);
	written[n > 0 ? n : 0] = '\0';
	return written;
}

static void test_line(void **state)
{
	char when[32];
	const char *line;
	instant t;

	(void)state;
	begin();
	log_info("hello %s %d", "world", 7);
	line = end();
	assert_non_null(strstr(line, "Z info hello world 7\n"));
	snprintf(when, sizeof(when), "%.24s", line);
	assert_true(instant_parse(when, &t));
	begin();
	log_warn("a\nb\x1b]52;c;QUJD\x07\xff");
	line = end();
	assert_non_null(strstr(line, " warn a\\x0ab\\x1b]52;c;QUJD\\x07\\xff\n"));
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void test_levels(void **state)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	enum log_level l;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_true(log_level_from_name(names[i], &l));
		assert_int_equal(l, i);
	}
	assert_false(log_level_from_name("loud", &l));
	assert_false(log_level_from_name("", &l));
	log_set_level(LOG_ERROR);
	begin();
	log_debug("d1");
	log_info("i1");
	log_warn("w1");
	log_error("e1");
	assert_null(strstr(end(), "w1"));
	assert_non_null(strstr(written, "e1"));
	log_set_level(LOG_DEBUG);
	begin();
	log_debug("d2");
	assert_non_null(strstr(end(), " debug d2"));
	log_set_level(LOG_INFO);
}

static void test_hides(void **state)
{
	char *b64 = str_base64("tok-abcdef-999", 14);
	char text[64] = "x tok-abcdef-999 y";

	(void)state;
	log_hide("tok-abcdef-999");
	log_hide("tok-abcdef-999");
	log_hide("tiny1"); /* too short to hide: would eat words */
	begin();
	log_info("Bearer tok-abcdef-999, tok-abcdef-999tok-abcdef-999, basic %s, tiny1", b64);
	end();
	assert_null(strstr(written, "tok-abcdef"));
	assert_null(strstr(written, b64));
	assert_non_null(strstr(written, "tiny1"));
	assert_non_null(strstr(written, "Bearer ***"));
	log_redact(text, strlen(text));
	assert_string_equal(text, "x ************** y");
	memcpy(text, "tok-abcdef-99", 14);
	log_redact(text, 13); /* only a part of it */
	assert_string_equal(text, "tok-abcdef-99");
	log_redact(text, 0);
	free(b64);
}

/* A secret that begins with another one, and one that looks like what replaces it. */
static void test_hides_awkward_secrets(void **state)
{
	char text[] = "key=prefix-secret-and-more;";
	char stars[] = "a ******** b ********";

	(void)state;
	log_hide("prefix-secret");
	log_hide("prefix-secret-and-more");
	log_redact(text, strlen(text));
	assert_string_equal(text, "key=**********************;");
	log_hide("******");
	log_redact(stars, strlen(stars));
	assert_string_equal(stars, "a ******** b ********");
}

static void test_long_lines(void **state)
{
	char *text = malloc(20001);

	(void)state;
	/* A secret across the place where lines are cut must not leave its beginning. */
	log_hide("cut-secret-0123456789");
	for (size_t at = 8192 - 22; at <= 8193; at++) {
		memset(text, 'a', 20000);
		text[20000] = '\0';
		memcpy(text + at, "cut-secret-0123456789", 21);
		begin();
		log_info("%s", text);
		end();
		assert_null(strstr(written, "cut"));
		assert_int_equal(written[strlen(written) - 1], '\n');
		assert_true(strlen(written) < 8300);
	}
	memset(text, 0x01, 20000); /* the longest that a line can become */
	begin();
	log_info("%s", text);
	end();
	assert_int_equal(strlen(written), strlen("2026-11-20T00:00:00.123Z info ") + 4 * 8192 + 1);
	assert_int_equal(written[strlen(written) - 1], '\n');
	free(text);
}

/* Wherever and however often a secret stands in a text of any bytes, it is gone afterwards and nothing else has changed. */
static void test_redaction_always(void **state)
{
	static const char secret[] = "s3cr3t-value";
	struct rng rng;
	char text[400], before[400];

	(void)state;
	log_hide(secret);
	rng_seed(&rng, 11);
	for (int round = 0; round < 5000; round++) {
		size_t n = 50 + (size_t)rng_below(&rng, 300), spots = (size_t)rng_below(&rng, 5);
		bool hit[400] = { false };

		for (size_t i = 0; i < n; i++)
			text[i] = (char)rng_below(&rng, 256);
		for (size_t i = 0; i < spots; i++) {
			size_t at = (size_t)rng_below(&rng, n - (sizeof(secret) - 1) + 1);

			memcpy(text + at, secret, sizeof(secret) - 1);
		}
		for (size_t i = 0; i + sizeof(secret) - 1 <= n; i++)
			if (!memcmp(text + i, secret, sizeof(secret) - 1))
				memset(hit + i, 1, sizeof(secret) - 1);
		memcpy(before, text, n);
		log_redact(text, n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(text[i], hit[i] ? '*' : before[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_hides),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_redaction_always),
		cmocka_unit_test(test_hides_awkward_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
