/* Tables: widths in columns, cutting, dropping, escapes, CSV and Markdown; the filter for remote output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "ctl/output.h"
#include "ctl/show.h"
#include "ctl/table.h"

static const struct column columns[] = {
	{ "NAME", LEFT, 6, 0 },
	{ "EMPTY", LEFT, 0, 0 },
	{ "PRICE", RIGHT, 0, 0 },
	{ "NOTE", LEFT, 4, 1 },
};

static char *printed(const struct table *t, int width, void (*how)(const struct table *, FILE *))
{
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	if (how)
		how(t, f);
	else
		table_print(t, f, width);
	fclose(f);
	return text;
}

static void fill(struct table *t)
{
	table_init(t, columns, ARRAY_LEN(columns));
	table_row(t);
	table_cell(t, STYLE_GREEN, "%s", "größer");
	table_cell(t, STYLE_PLAIN, "%s", "");
	table_cell(t, STYLE_PLAIN, "%s", "$1.99");
	table_cell(t, STYLE_PLAIN, "%s", "a note, of \"words\"");
	table_row(t);
	table_cell(t, STYLE_PLAIN, "%s", "機械-with-a-long-name");
	table_cell(t, STYLE_PLAIN, "%s", "");
	table_cell(t, STYLE_PLAIN, "%s", "$120.00");
}

static void test_natural(void **state)
{
	struct table t;
	char *s;

	(void)state;
	fill(&t);
	s = printed(&t, 0, NULL);
	assert_string_equal(s, "NAME                     PRICE  NOTE\n"
			       "größer                   $1.99  a note, of \"words\"\n"
			       "機械-with-a-long-name  $120.00\n");
	free(s);
	table_free(&t);
}

static void test_fit(void **state)
{
	struct table t;

	(void)state;
	fill(&t);
	for (int width = 80; width >= 15; width--) {
		char *s = printed(&t, width, NULL), *rest = s, *line;

		assert_non_null(strstr(s, "$1.99")); /* prices are never cut */
		while ((line = str_split(&rest, "\n")))
			if (text_width(line) > width)
				fail_msg("%d columns at width %d: %s", text_width(line), width, line);
		free(s);
	}
	table_free(&t);
}

static void test_hostile(void **state)
{
	struct table t;
	char *s;

	(void)state;
	table_init(&t, columns, 1);
	table_row(&t);
	table_cell(&t, STYLE_PLAIN, "%s", "a\033[2Jb\nc\xff\xe2\x80\xae");
	s = printed(&t, 0, NULL);
	assert_string_equal(s, "NAME\na\\x1b[2Jb\\x0ac\\xff\\u202e\n");
	free(s);
	table_free(&t);
}

static void test_csv(void **state)
{
	struct table t;
	char *s;

	(void)state;
	fill(&t);
	s = printed(&t, 0, table_csv);
	assert_string_equal(s, "name,empty,price,note\r\n"
			       "größer,,$1.99,\"a note, of \"\"words\"\"\"\r\n"
			       "機械-with-a-long-name,,$120.00,\r\n");
	free(s);
	s = printed(&t, 0, table_markdown);
	assert_non_null(strstr(s, "| NAME | EMPTY | PRICE | NOTE |\n| --- | --- | ---: | --- |\n"));
	free(s);
	table_free(&t);
}

static void test_text_fit(void **state)
{
	struct buf b = BUF(256);

	(void)state;
	text_fit(&b, "機械機械", 5);
	assert_string_equal(buf_str(&b), "機械…");
	buf_reset(&b);
	text_fit(&b, "abc", 3);
	assert_string_equal(buf_str(&b), "abc");
	buf_reset(&b);
	text_fit(&b, "abcd", 3);
	assert_string_equal(buf_str(&b), "ab…");
	buf_free(&b);
}

/* Whatever way the text is cut into chunks, the same comes out. */
static void test_filter(void **state)
{
	static const char text[] = "ok \033[1;31mred\033[0m \033]0;title\007 größe \033[2J \033[6n\rbar\tx\n\033Pq\x9b";
	static const char wanted[] = "ok \033[1;31mred\033[0m \\x1b]0;title\\x07 größe \\x1b[2J \\x1b[6n\rbar\tx\n\\x1bPq\\x9b";

	(void)state;
	for (size_t cut = 1; cut < sizeof(text) - 1; cut++) {
		struct output_filter f = { 0 };
		struct buf out = BUF(1024);

		for (size_t at = 0; at < sizeof(text) - 1; at += cut)
			output_filter(&f, &out, text + at, at + cut < sizeof(text) - 1 ? cut : sizeof(text) - 1 - at, true);
		output_filter(&f, &out, "", 0, true);
		/* A broken character at the very end may wait for more. */
		assert_true(!strncmp(buf_str(&out), wanted, out.len) && out.len + 4 >= sizeof(wanted) - 1);
		buf_free(&out);
	}
	for (size_t cut = 1; cut < 8; cut++) {
		struct output_filter f = { 0 };
		struct buf out = BUF(1024);

		for (size_t at = 0; at < 17; at += cut)
			output_filter(&f, &out, text + at, at + cut < 17 ? cut : 17 - at, false);
		assert_string_equal(buf_str(&out), "ok red");
		buf_free(&out);
	}
}

static void test_show(void **state)
{
	json_t *j = json_pack("{s:f,s:f,s:n,s:i,s:s,s:i,s:i,s:s,s:s}", "price", 1.99, "owed", -2.5, "none", "seconds", 5400, "gpu",
	    "MI300X", "gpu_count", 8, "bytes", 1234567, "state", "DONE", "outcome", "timed_out");

	(void)state;
	assert_string_equal(show_money(j, "price").s, "$1.99");
	assert_string_equal(show_money(j, "owed").s, "-$2.50");
	assert_string_equal(show_money(j, "none").s, "");
	assert_string_equal(show_rate(j, "price").s, "$1.99/h");
	assert_string_equal(show_rate(j, "none").s, "");
	assert_string_equal(show_seconds(j, "seconds").s, "1h 30m");
	assert_string_equal(show_gpu(j).s, "MI300X:8");
	assert_string_equal(show_bytes(j, "bytes").s, "1.2 MB");
	assert_string_equal(show_run_state(j).s, "timed out");
	json_decref(j);
	j = json_pack("{s:s,s:s,s:i}", "state", "DONE", "outcome", "failed", "exit_status", 3);
	assert_string_equal(show_run_state(j).s, "failed (exit 3)");
	json_decref(j);
	j = json_pack("{s:s,s:b,s:b}", "state", "DELETING", "accepted", 1, "shown", 0);
	assert_string_equal(show_instance_state(j), "proving it gone");
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_natural),
		cmocka_unit_test(test_fit),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_text_fit),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_show),
	};

	setenv("LC_ALL", "C.UTF-8", 1);
	term_init(true);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
