/* Errors: filled once, wrapped on the way up, cut visibly, and mapped to what scripts see. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"

#include <errno.h>

static void test_set_and_wrap(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_int_equal(err_set(&e, ERR_USAGE, "'%s' is not a number", "x"), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(e.msg, "'x' is not a number");
	assert_int_equal(err_wrap(&e, "line %d", 3), -1);
	assert_int_equal(e.code, ERR_USAGE);
	assert_string_equal(e.msg, "line 3: 'x' is not a number");
	err_wrap(&e, "%s", e.msg); /* its own text as context */
	assert_string_equal(e.msg, "line 3: 'x' is not a number: line 3: 'x' is not a number");
	errno = ENOENT;
	assert_int_equal(err_errno(&e, ERR_FAILED, "cannot open '%s'", "/x"), -1);
	assert_string_equal(e.msg, "cannot open '/x': No such file or directory");
	assert_int_equal(err_set(NULL, ERR_FAILED, "dropped"), -1);
	assert_int_equal(err_errno(NULL, ERR_FAILED, "dropped"), -1);
	assert_int_equal(err_wrap(NULL, "dropped"), -1);
}

static void test_cut(void **state)
{
	struct err e;
	char text[2000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&e, ERR_FAILED, "%.511s", text);
	assert_int_equal(strlen(e.msg), 511);
	assert_int_equal(e.msg[510], 'x'); /* just fits */
	err_set(&e, ERR_FAILED, "%s", text);
	assert_int_equal(strlen(e.msg), 511);
	assert_string_equal(e.msg + 508, "...");
	for (int i = 0; i < 10; i++)
		err_wrap(&e, "%s", text);
	assert_int_equal(strlen(e.msg), 511);
	assert_string_equal(e.msg + 508, "...");
	errno = EACCES;
	err_errno(&e, ERR_FAILED, "%s", text);
	assert_non_null(strstr(e.msg, ": Permission denied")); /* the reason survives */
}

static void test_codes(void **state)
{
	static const struct {
		enum err_code code;
		const char *name;
		int exit_code, http;
	} rows[] = {
		{ ERR_NONE, "none", 0, 200 },           { ERR_FAILED, "failed", 1, 500 },
		{ ERR_USAGE, "usage", 2, 400 },         { ERR_REFUSED, "refused", 3, 403 },
		{ ERR_CAPACITY, "no_capacity", 4, 409 }, { ERR_UNREACHABLE, "unreachable", 5, 503 },
		{ ERR_TIMEOUT, "timeout", 6, 504 },     { ERR_NOT_FOUND, "not_found", 2, 404 },
		{ ERR_CONFLICT, "conflict", 3, 409 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(err_name(rows[i].code), rows[i].name);
		assert_int_equal(err_from_name(rows[i].name), rows[i].code);
		assert_int_equal(err_exit_code(rows[i].code), rows[i].exit_code);
		assert_int_equal(err_http_status(rows[i].code), rows[i].http);
	}
	assert_int_equal(err_from_name("from a newer daemon"), ERR_FAILED);
	assert_int_equal(err_from_name(""), ERR_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_wrap),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_codes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
