/* --env: which names and values are taken, and what the refusals say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "variables.h"

static void refused(const char *json, const char *sentence)
{
	json_t *in = json_read(json, strlen(json), NULL);
	struct err e = { 0 };
	char unset[] = "untouched", *out = unset;

	assert_non_null(in);
	assert_int_equal(variables_read(in, &out, &e), -1);
	assert_null(out);
	if (e.code != ERR_USAGE || !strstr(e.msg, sentence))
		fail_msg("'%s' does not say '%s'", e.msg, sentence);
	json_decref(in);
}

static void good_ones_are_kept(void **state)
{
	static const char text[] = "{\"HTTP_PROXY\":\"http://10.0.0.1:3128\",\"key\":\"a b'c\\n\",\"_x1\":\"\",\"MODEL\":\"hf_hub/llama\"}";
	json_t *in = json_read(text, strlen(text), NULL), *back;
	struct err e = { 0 };
	char *out;

	(void)state;
	assert_int_equal(variables_read(in, &out, &e), 0);
	back = json_read(out, strlen(out), NULL);
	assert_true(json_equal(in, back));
	json_decref(in);
	json_decref(back);
	free(out);
}

static void none_is_none(void **state)
{
	json_t *in = json_object();
	struct err e = { 0 };
	char *out;

	(void)state;
	assert_int_equal(variables_read(NULL, &out, &e), 0);
	assert_null(out);
	assert_int_equal(variables_read(in, &out, &e), 0);
	assert_null(out);
	json_decref(in);
}

static void names_and_values(void **state)
{
	(void)state;
	refused("{\"GPUFLEET_RUN\":\"x\"}", "GPUFLEET_");
	refused("{\"1X\":\"x\"}", "is called [A-Za-z_]");
	refused("{\"A-B\":\"x\"}", "is called [A-Za-z_]");
	refused("{\"PATH\":\"/tmp\"}", "PATH");
	refused("{\"LD_PRELOAD\":\"x.so\"}", "LD_PRELOAD");
	refused("{\"N\":4}", "must be text");
	refused("[\"A=b\"]", "must be an object");
}

/* What is shown to everybody is no place for a token; the remedy is in the sentence, the token is not. */
static void tokens_are_refused(void **state)
{
	static const char *const tokens[] = { "hf_abcdefghijklmnop", "sk-proj-0123456789abcdef", "ghp_0123456789abcdefgh", "dop_v1_0123456789abcdef" };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(tokens); k++) {
		json_t *in = json_pack("{s:s}", "MY_TOKEN", tokens[k]);
		struct err e = { 0 };
		char *out;

		assert_int_equal(variables_read(in, &out, &e), -1);
		assert_non_null(strstr(e.msg, "--secret MY_TOKEN"));
		assert_null(strstr(e.msg, tokens[k]));
		json_decref(in);
	}
}

static void limits(void **state)
{
	json_t *in = json_object();
	struct err e = { 0 };
	char name[16], *big = xmalloc(VARIABLES_BYTES_MAX + 1), *out;

	(void)state;
	for (int k = 0; k < VARIABLES_MAX; k++) {
		snprintf(name, sizeof(name), "V%d", k);
		json_put_str(in, name, "x");
	}
	assert_int_equal(variables_read(in, &out, &e), 0);
	free(out);
	json_put_str(in, "ONE_MORE", "x");
	assert_int_equal(variables_read(in, &out, &e), -1);
	assert_non_null(strstr(e.msg, "51 variables"));
	json_object_clear(in);
	memset(big, 'x', VARIABLES_BYTES_MAX);
	big[VARIABLES_BYTES_MAX] = '\0';
	json_put_str(in, "A", big);
	assert_int_equal(variables_read(in, &out, &e), -1);
	assert_non_null(strstr(e.msg, "32769 bytes"));
	json_put_str(in, "A", big + 1);
	assert_int_equal(variables_read(in, &out, &e), 0);
	free(out);
	free(big);
	json_decref(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_ones_are_kept),
		cmocka_unit_test(none_is_none),
		cmocka_unit_test(names_and_values),
		cmocka_unit_test(tokens_are_refused),
		cmocka_unit_test(limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
