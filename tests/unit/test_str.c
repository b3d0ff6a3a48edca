/* Strings: strict numbers, durations, names, and text from strangers made safe to show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"

static void test_copy(void **state)
{
	char small[4], big[32];

	(void)state;
	assert_true(str_copy(small, "abc"));
	assert_string_equal(small, "abc");
	assert_false(str_copy(small, "abcd"));
	assert_string_equal(small, "abc");
	assert_true(str_copy(small, ""));
	assert_string_equal(small, "");
	assert_true(str_copy(big, "hello world"));
	assert_true(str_copy(big, big + 6)); /* may overlap */
	assert_string_equal(big, "world");
}

static void test_i64(void **state)
{
	static const struct {
		const char *s;
		int64_t want;
	} good[] = {
		{ "0", 0 }, { "7", 7 }, { "-7", -7 }, { "007", 7 }, { "9223372036854775807", INT64_MAX },
		{ "-9223372036854775808", INT64_MIN },
	};
	static const char *const bad[] = {
		"", "-", "+1", " 1", "1 ", "1x", "0x10", "1.0", "1e3", "--1", "9223372036854775808", "-9223372036854775809",
		"99999999999999999999999", "\xd9\xa1",
	};
	int64_t v;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(str_to_i64(good[i].s, INT64_MIN, INT64_MAX, &v));
		assert_true(v == good[i].want);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		v = 77;
		if (str_to_i64(bad[i], INT64_MIN, INT64_MAX, &v))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(v == 77);
	}
	assert_true(str_to_i64("10", 1, 10, &v));
	assert_false(str_to_i64("11", 1, 10, &v));
	assert_false(str_to_i64("0", 1, 10, &v));
}

static void test_double(void **state)
{
	static const char *const bad[] = { "", " 1", "1 ", "inf", "-inf", "nan", "NaN", "0x1p3", "1,5", "1e400", "abc", "1e", "." };
	double v = 0;

	(void)state;
	assert_true(str_to_double("1.5", &v) && v == 1.5);
	assert_true(str_to_double("-2e3", &v) && v == -2000);
	assert_true(str_to_double("0", &v) && v == 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		v = 7;
		if (str_to_double(bad[i], &v))
			fail_msg("\"%s\" was taken", bad[i]);
		assert_true(v == 7);
	}
}

static void test_duration(void **state)
{
	static const struct {
		const char *s;
		int64_t seconds;
	} good[] = {
		{ "0", 0 }, { "90", 90 }, { "90s", 90 }, { "15m", 900 }, { "4h", 14400 }, { "2d", 172800 }, { "1w", 604800 },
		{ "1h30m", 5400 }, { "1d2h3m4s", 93784 }, { "0s", 0 },
	};
	static const char *const bad[] = {
		"", "s", "h", "-1h", "+1h", "1 h", " 1h", "1h ", "1.5h", "1H", "1y", "1h30", "1hh", "1ms", "h1",
		"9223372036854775807", "9223372036854775807w", "106751991168d", "99999999999999999999999s",
		"9000000000000s9000000000000s",
	};
	int64_t us;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(str_to_duration(good[i].s, &us));
		assert_true(us == good[i].seconds * 1000000);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		us = 77;
		if (str_to_duration(bad[i], &us))
			fail_msg("\"%s\" was taken for %lld", bad[i], (long long)us);
		assert_true(us == 77);
	}
	for (int64_t d = 0; d < 40; d++)
		for (int64_t m = 0; m < 60; m += 7) {
			char text[64];

			snprintf(text, sizeof(text), "%lldd%lldm", (long long)d, (long long)m);
			assert_true(str_to_duration(text, &us));
			assert_true(us == (d * 86400 + m * 60) * 1000000);
		}
}

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_ieq("MI300x", "mi300X") && !str_ieq("a", "ab"));
	assert_true(str_istarts("Hello", "hEL") && !str_istarts("He", "hel"));
	assert_true(str_starts("Hello", "Hel") && str_starts("x", "") && !str_starts("Hello", "hel"));
	assert_string_equal(str_icontains("one TWO three", "two"), "TWO three");
	assert_null(str_icontains("one", "two"));
}

static void test_nearest(void **state)
{
	static const char *const words[] = { "status", "start", "offers", "up", NULL };
	char long_word[200];

	(void)state;
	assert_string_equal(str_nearest("statsu", words), "status");
	assert_string_equal(str_nearest("STATUS", words), "status");
	assert_string_equal(str_nearest("ofers", words), "offers");
	assert_null(str_nearest("zzzzzz", words));
	assert_null(str_nearest("", words));
	memset(long_word, 'a', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	assert_null(str_nearest(long_word, words));
}

static void safe(const char *in, size_t n, bool lines, const char *want)
{
	struct buf b = BUF(4096);

	str_safe(&b, in, n, lines);
	assert_string_equal(buf_str(&b), want);
	buf_free(&b);
}

static void test_safe(void **state)
{
	(void)state;
	safe("plain text 1-2_3", 16, false, "plain text 1-2_3");
	safe("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", 9, false, "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80");
	safe("a\nb\tc\r", 6, false, "a\\x0ab\\x09c\\x0d");
	safe("a\nb\tc\r", 6, true, "a\nb\tc\\x0d");
	safe("\x1b]52;c;QUJD\x07", 12, true, "\\x1b]52;c;QUJD\\x07"); /* would write the clipboard */
	safe("\x1b[31m", 5, true, "\\x1b[31m");
	safe("\xc2\x9b" "31m", 5, true, "\\u009b31m"); /* C1 form of the same */
	safe("\x9b", 1, true, "\\x9b");
	safe("a\xe2\x80\xae" "b", 5, true, "a\\u202eb"); /* right-to-left override */
	safe("\xe2\x81\xa6", 3, true, "\\u2066");
	safe("\xe2\x80\x8b", 3, true, "\\u200b");
	safe("\xe2\x80\xa8", 3, true, "\\u2028");
	safe("\xef\xbb\xbf", 3, true, "\\ufeff");
	safe("\xf3\xa0\x81\x81", 4, true, "\\ue0041"); /* invisible tag letters */
	safe("\x7f", 1, true, "\\x7f");
	safe("a\0b", 3, true, "a\\x00b");
	safe("\xff", 1, true, "\\xff");
	safe("\xc0\xaf", 2, true, "\\xc0\\xaf"); /* overlong */
	safe("\xed\xa0\x80", 3, true, "\\xed\\xa0\\x80"); /* surrogate */
	safe("\xf4\x90\x80\x80", 4, true, "\\xf4\\x90\\x80\\x80"); /* beyond Unicode */
	safe("\xe2\x82", 2, true, "\\xe2\\x82"); /* cut */
	safe("", 0, true, "");
}

/* Whatever goes in: valid UTF-8 without control bytes comes out, and doing it again changes nothing. */
static void test_safe_always(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 1);
	for (int round = 0; round < 20000; round++) {
		char in[24];
		size_t n = (size_t)rng_below(&rng, sizeof(in));
		struct buf once = BUF(4096), twice = BUF(4096);

		rng_fill(&rng, in, sizeof(in));
		if (round % 2)
			for (size_t i = 0; i < n; i++)
				in[i] = "\xe2\x80\xae\xc2\x9b\x1b[a\n\xf0\x9f\x98\x80"[(unsigned char)in[i] % 13];
		str_safe(&once, in, n, round % 3 == 0);
		assert_false(once.overflow);
		assert_true(str_is_utf8(buf_str(&once), once.len));
		for (size_t i = 0; i < once.len; i++) {
			unsigned char c = (unsigned char)once.data[i];

			assert_true(c >= 0x20 || (round % 3 == 0 && (c == '\n' || c == '\t')));
			assert_true(c != 0x7f);
		}
		str_safe(&twice, buf_str(&once), once.len, round % 3 == 0);
		assert_string_equal(buf_str(&once), buf_str(&twice));
		buf_free(&once);
		buf_free(&twice);
	}
}

static void test_encode_and_quote(void **state)
{
	struct buf b = BUF(256);

	(void)state;
	str_percent_encode(&b, "aZ9-._~ /?&=%\xc3\xa4\n");
	assert_string_equal(buf_str(&b), "aZ9-._~%20%2F%3F%26%3D%25%C3%A4%0A");
	buf_reset(&b);
	str_shell_quote(&b, "");
	assert_string_equal(buf_str(&b), "''");
	buf_reset(&b);
	str_shell_quote(&b, "a'b $x `y` \"z\" \\");
	assert_string_equal(buf_str(&b), "'a'\\''b $x `y` \"z\" \\'");
	buf_free(&b);
}

static void test_names(void **state)
{
	static const char *const good[] = { "a", "A1", "fleet-1", "a.b_c-d", "0" };
	static const char *const bad[] = { "", "-a", ".a", "_a", "a b", "a/b", "a\n", "a'b", "\xc3\xa4", "abcdefghijk" };

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(str_is_name(good[i], 10));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_false(str_is_name(bad[i], 10));
	assert_true(str_is_name("abcdefghij", 10));
}

static void test_utf8(void **state)
{
	(void)state;
	assert_true(str_is_utf8("", 0));
	assert_true(str_is_utf8("a\xc3\xa4\xf0\x9f\x98\x80", 7));
	assert_false(str_is_utf8("\xc3", 1));
	assert_false(str_is_utf8("\xc3\xa4", 1));
	assert_false(str_is_utf8("\x80", 1));
	assert_false(str_is_utf8("\xe0\x80\x80", 3));
	assert_false(str_is_utf8("\xfe", 1));
}

static void base64(const char *in, const char *want)
{
	char *text = str_base64(in, strlen(in));

	assert_string_equal(text, want);
	free(text);
}

static void test_digits(void **state)
{
	char out[32];

	(void)state;
	str_hex("\x00\x9f\xff", 3, out);
	assert_string_equal(out, "009fff");
	str_hex("", 0, out);
	assert_string_equal(out, "");
	base64("", ""); /* RFC 4648 §10 */
	base64("f", "Zg==");
	base64("fo", "Zm8=");
	base64("foo", "Zm9v");
	base64("foobar", "Zm9vYmFy");
	str_base32((const uint8_t *)"foobar", 6, out);
	assert_string_equal(out, "mzxw6ytboi");
	str_base32((const uint8_t *)"\xff\xff\xff\xff\xff\xff\xff\xff", 8, out);
	assert_string_equal(out, "777777777777" "6");
	assert_int_equal(strlen(out), 13);
	str_base32((const uint8_t *)"\0\0\0\0\0", 5, out);
	assert_string_equal(out, "aaaaaaaa");
	str_base32((const uint8_t *)"", 0, out);
	assert_string_equal(out, "");
}

static void test_split(void **state)
{
	char text[] = "a,b;;c";
	char *rest = text;

	(void)state;
	assert_string_equal(str_split(&rest, ",;"), "a");
	assert_string_equal(str_split(&rest, ",;"), "b");
	assert_string_equal(str_split(&rest, ",;"), "");
	assert_string_equal(str_split(&rest, ",;"), "c");
	assert_null(str_split(&rest, ",;"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy),    cmocka_unit_test(test_i64),
		cmocka_unit_test(test_double),  cmocka_unit_test(test_duration),
		cmocka_unit_test(test_compare), cmocka_unit_test(test_nearest),
		cmocka_unit_test(test_safe),    cmocka_unit_test(test_safe_always),
		cmocka_unit_test(test_names),   cmocka_unit_test(test_encode_and_quote),
		cmocka_unit_test(test_utf8),    cmocka_unit_test(test_digits),
		cmocka_unit_test(test_split),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
