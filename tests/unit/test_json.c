/* JSON from strangers: ceilings before parsing, getters that never trust, setters that round-trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "base/rng.h"

#include <math.h>

static json_t *read_text(const char *s)
{
	struct err e;

	return json_read(s, strlen(s), &e);
}

static void test_rejects(void **state)
{
	static const char *const bad[] = {
		"", " ", "{", "[1,", "{\"a\":}", "nul", "{\"a\":1}x", "{\"a\":1}{}", "{\"a\":1,\"a\":2}", "{'a':1}", "[1,]", "\"\xff\"",
		"\"\xc0\x80\"", "\"\xed\xa0\x80\"", "NaN", "Infinity", "-", "01", "1e999", "\"\\ud800\"", "{\"a\":\"\\u0000\"}", "\"\x01\"",
		"123456789012345678901234567890", "<html>",
	};
	struct err e;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		e = (struct err){ 0 };
		json_t *j = json_read(bad[i], strlen(bad[i]), &e);

		if (j)
			fail_msg("%s was taken", bad[i]);
		assert_int_equal(e.code, ERR_USAGE);
		assert_true(*e.msg);
		assert_null(json_read(bad[i], strlen(bad[i]), NULL));
	}
	assert_null(json_read("{}\0", 3, &e)); /* a byte behind the end */
	json_read("{\n  \"a\": x}", 11, &e);
	assert_non_null(strstr(e.msg, "line 2"));
}

static void test_depth(void **state)
{
	char text[256];
	json_t *j;

	(void)state;
	for (int depth = 1; depth <= 100; depth++) {
		size_t n = 0;

		for (int i = 0; i < depth; i++)
			text[n++] = '[';
		for (int i = 0; i < depth; i++)
			text[n++] = ']';
		j = json_read(text, n, NULL);
		assert_int_equal(j != NULL, depth <= JSON_DEPTH_MAX);
		json_decref(j);
	}
	/* Brackets in strings do not count, quotes behind a backslash do not end one. */
	j = read_text("{\"a\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\\\"[[[[[[\"}");
	assert_non_null(j);
	json_decref(j);
	/* Many side by side are not deep. */
	j = read_text("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[]]");
	assert_non_null(j);
	json_decref(j);
}

static void test_size(void **state)
{
	size_t n = JSON_BYTES_MAX;
	char *text = malloc(n + 2);
	struct err e;
	json_t *j;

	(void)state;
	memset(text, ' ', n + 1);
	text[0] = '7';
	j = json_read(text, n, &e);
	assert_non_null(j);
	json_decref(j);
	assert_null(json_read(text, n + 1, &e));
	assert_non_null(strstr(e.msg, "limit"));
	free(text);
}

static void test_getters(void **state)
{
	json_t *j = read_text("{\"s\":\"text\",\"i\":7,\"r\":7.0,\"h\":7.5,\"d\":\"42\",\"n\":null,\"t\":true,\"f\":false,\"neg\":-3,"
			      "\"big\":9223372036854775807,\"huge\":1e17,\"o\":{\"p\":[{\"q\":\"deep\"},5]},\"dec\":\"1.25\",\"e\":\"\"}");

	(void)state;
	assert_non_null(j);
	assert_string_equal(json_str(j, "s", "-"), "text");
	assert_string_equal(json_str(j, "i", "-"), "-");
	assert_string_equal(json_str(j, "absent", "-"), "-");
	assert_null(json_str(j, "n", NULL));
	assert_string_equal(json_str(j, "o.p.0.q", "-"), "deep");
	assert_string_equal(json_str(j, "o.p.1.q", "-"), "-");
	assert_string_equal(json_str(j, "o.p.9.q", "-"), "-");
	assert_string_equal(json_str(j, "o.p.-1.q", "-"), "-");
	assert_string_equal(json_str(j, "o.p.x.q", "-"), "-");
	assert_string_equal(json_str(j, "s.p", "-"), "-");
	assert_string_equal(json_str(NULL, "s", "-"), "-");
	assert_int_equal(json_int(j, "i", -1), 7);
	assert_int_equal(json_int(j, "r", -1), 7);
	assert_int_equal(json_int(j, "h", -1), -1);
	assert_int_equal(json_int(j, "d", -1), 42);
	assert_int_equal(json_int(j, "neg", -1), -3);
	assert_true(json_int(j, "big", -1) == INT64_MAX);
	assert_int_equal(json_int(j, "huge", -1), -1); /* no exact integer any more */
	assert_int_equal(json_int(j, "t", -1), -1);
	assert_int_equal(json_int(j, "s", -1), -1);
	assert_int_equal(json_int(j, "o.p.1", -1), 5);
	assert_true(json_num(j, "h", 0) == 7.5 && json_num(j, "dec", 0) == 1.25 && json_num(j, "i", 0) == 7);
	assert_true(json_num(j, "s", 3) == 3 && json_num(j, "e", 3) == 3 && json_num(j, "n", 3) == 3);
	assert_true(json_bool(j, "t", false) && !json_bool(j, "f", true));
	assert_true(json_bool(j, "i", true) && !json_bool(j, "absent", false) && !json_bool(j, "n", false));
	assert_true(json_path(j, "") == j);
	char long_path[300];

	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_null(json_path(j, long_path));
	json_decref(j);
}

static void test_money_and_time(void **state)
{
	json_t *j = read_text("{\"a\":1.5,\"b\":\"2.50\",\"c\":3,\"neg\":-1,\"negs\":\"-0.5\",\"x\":\"x\",\"huge\":1e300,\"n\":null,"
			      "\"t\":\"2026-11-20T00:00:00Z\",\"epoch\":1795132800.5,\"far\":1e12,\"early\":-5,\"bad\":\"2026\"}");
	money m = 77;
	instant t = 77;

	(void)state;
	assert_true(json_money(j, "a", &m) && m == 1500000);
	assert_true(json_money(j, "b", &m) && m == 2500000);
	assert_true(json_money(j, "c", &m) && m == 3000000);
	m = 77;
	assert_false(json_money(j, "neg", &m) || json_money(j, "negs", &m) || json_money(j, "x", &m) || json_money(j, "huge", &m) ||
		     json_money(j, "n", &m) || json_money(j, "absent", &m));
	assert_true(m == 77);
	assert_true(json_money_signed(j, "neg", &m) && m == -USD);
	assert_true(json_money_signed(j, "negs", &m) && m == -USD / 2);
	assert_true(json_money_signed(j, "a", &m) && m == 1500000);
	m = 77;
	assert_false(json_money_signed(j, "huge", &m) || json_money_signed(j, "x", &m) || json_money_signed(j, "absent", &m));
	assert_true(m == 77);
	assert_true(json_time(j, "t", &t) && t == 1795132800 * SECOND);
	assert_true(json_time(j, "epoch", &t) && t == 1795132800 * SECOND + 500 * MSEC);
	t = 77;
	assert_false(json_time(j, "far", &t) || json_time(j, "early", &t) || json_time(j, "bad", &t) || json_time(j, "n", &t));
	assert_true(t == 77);
	json_decref(j);
}

static void test_setters(void **state)
{
	json_t *j = json_object(), *back;
	char *text;
	money m;
	instant t;

	(void)state;
	json_put_str(j, "s", "a\"b\n");
	json_put_str(j, "null", NULL);
	json_put_str(j, "bytes", "a\xff" "b");
	json_put_int(j, "i", INT64_MIN);
	json_put_bool(j, "t", true);
	json_put_money(j, "m", 12345678);
	json_put_time(j, "at", 1795132800 * SECOND + 123 * MSEC);
	json_put_time(j, "never", 0);
	json_put(j, "list", json_pack("[i,i]", 1, 2));
	text = json_text(j);
	json_decref(j);
	assert_string_equal(text, "{\"s\":\"a\\\"b\\n\",\"null\":null,\"bytes\":\"a\\\\xffb\",\"i\":-9223372036854775808,\"t\":true,"
				  "\"m\":12.345678,\"at\":\"2026-11-20T00:00:00.123Z\",\"never\":null,\"list\":[1,2]}");
	back = read_text(text);
	assert_true(json_money(back, "m", &m) && m == 12345678);
	assert_true(json_time(back, "at", &t) && t == 1795132800 * SECOND + 123 * MSEC);
	json_decref(back);
	free(text);
}

static void test_money_survives_the_trip(void **state)
{
	struct rng rng;

	(void)state;
	rng_seed(&rng, 8);
	for (int i = 0; i < 20000; i++) {
		money m = (money)(rng_below(&rng, (uint64_t)MONEY_MAX) >> rng_below(&rng, 50)), got;
		json_t *j = json_object(), *back;
		char *text;

		json_put_money(j, "m", m);
		text = json_text(j);
		back = read_text(text);
		assert_true(json_money(back, "m", &got) && got == m);
		json_decref(j);
		json_decref(back);
		free(text);
	}
}

/* Every prefix and many damaged copies of a document: taken or refused, never a crash. */
static void test_damage(void **state)
{
	static const char good[] = "{\"a\":[1,2.5,\"x\\u00e4\",null,true,{\"b\":{}}],\"c\":\"\\\"\\\\\",\"d\":-1e-3}";
	struct rng rng;
	char text[sizeof(good)];

	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++)
		assert_null(json_read(good, n, NULL));
	rng_seed(&rng, 5);
	for (int i = 0; i < 50000; i++) {
		memcpy(text, good, sizeof(good));
		for (int k = 0; k < 3; k++)
			text[rng_below(&rng, sizeof(good) - 1)] = "{}[]\",:\\0a\xff"[rng_below(&rng, 12)];
		json_decref(json_read(text, sizeof(good) - 1, NULL));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rejects),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_getters),
		cmocka_unit_test(test_money_and_time),
		cmocka_unit_test(test_setters),
		cmocka_unit_test(test_money_survives_the_trip),
		cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
