/* What will be spent, and the page about what was. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/days.h"
#include "base/str.h"
#include "report/forecast.h"
#include "report/spending.h"

#include <math.h>

/* Single quotes for double ones, so that it can be read. */
static json_t *json(const char *text)
{
	char *copy = xstrdup(text);
	json_t *j;

	for (char *s = copy; *s; s++)
		*s = *s == '\'' ? '"' : *s;
	j = json_read(copy, strlen(copy), NULL);
	free(copy);
	assert_non_null(j);
	return j;
}

static instant at(const char *text)
{
	instant t = 0;

	assert_true(instant_parse(text, &t));
	return t;
}

static bool near(const json_t *o, const char *path, double wanted)
{
	double got = json_num(o, path, NAN);

	if (fabs(got - wanted) < 1e-6 * fmax(1, fabs(wanted)))
		return true;
	fail_msg("%s is %.9g, not %.9g", path, got, wanted);
	return false;
}

/* $8 and $12 in turn for twenty days, the 1st to the 20th of November; today, the 21st at noon, $5 so far. */
static json_t *days_rows(bool grouped)
{
	json_t *rows = json_array();

	for (int d = 1; d <= 21; d++) {
		char day[24];
		json_t *row = json_object();

		snprintf(day, sizeof(day), "2026-11-%02d", d);
		json_put_str(row, grouped ? "key2" : "key", day);
		if (grouped)
			json_put_str(row, "key", d % 2 ? "ana" : "bob");
		json_put(row, "metered", json_real(d == 21 ? 5 : d % 2 ? 8 : 12));
		json_put(row, "gap", json_real(0));
		json_array_append_new(rows, row);
	}
	return rows;
}

static void a_month_goes_on_as_it_went(void **state)
{
	instant now = at("2026-11-21T12:00:00Z");
	json_t *rows = days_rows(false), *f = forecast_of(rows, false, now);

	(void)state;
	assert_int_equal(json_int(f, "days", 0), 20);
	assert_string_equal(json_str(f, "month_end", ""), "2026-11-30");
	near(f, "total.spent", 205);
	near(f, "total.mean", 10);
	near(f, "total.month_end", 205 + 10 * 9.5); /* nine days and a half are left */
	near(f, "total.next_30_days", 300);
	near(f, "total.high", 10 + 1.2816 * sqrt(80.0 / 19));
	near(f, "total.month_end_low", 205 + 95 - 1.2816 * sqrt(80.0 / 19) * sqrt(9.5));
	json_decref(f);
	json_decref(rows);
}

static void each_one_by_itself(void **state)
{
	json_t *rows = days_rows(true), *f = forecast_of(rows, true, at("2026-11-21T12:00:00Z"));

	(void)state;
	assert_int_equal(json_array_size(json_object_get(f, "rows")), 2);
	assert_string_equal(json_str(json_array_get(json_object_get(f, "rows"), 0), "key", ""), "bob"); /* 120 before 85 */
	near(json_array_get(json_object_get(f, "rows"), 0), "mean", 6);
	near(f, "total.spent", 205);
	json_decref(f);
	json_decref(rows);
}

static void too_few_days_say_nothing(void **state)
{
	json_t *rows = json("[{'key':'2026-11-20','metered':9,'gap':0},{'key':'2026-11-21','metered':1,'gap':0}]");
	json_t *f = forecast_of(rows, false, at("2026-11-21T12:00:00Z"));

	(void)state;
	assert_int_equal(json_int(f, "days", 0), 1);
	near(f, "total.spent", 10);
	assert_true(json_is_null(json_path(f, "total.month_end")));
	json_decref(f);
	json_decref(rows);
	rows = json_array();
	f = forecast_of(rows, false, at("2026-11-21T12:00:00Z"));
	near(f, "total.spent", 0);
	json_decref(f);
	json_decref(rows);
}

#define FIGURES "'instances':2,'gpu_hours':4.5,'held':0,'metered':12.5,'billed':12.4,'gap':-0.1," \
		"'gaps':[{'reason':'not started','text':'it was not charged','gap':-0.1}," \
		"{'reason':'no record','text':'none came','gap':0,'metered':3}],'settled':true,'settled_instances':2,'runs':3," \
		"'runs_ok':2,'failed':1.5,'run_gpu_hours':3,'busy_gpu_hours':1.5,'measured_gpu_hours':3,'output_tokens':2500000," \
		"'parts':{'setup':1,'idle':2,'run':9.5}"

static json_t *document(void)
{
	return json("{'since':'2026-11-01T00:00:00Z','until':null,'made':'2026-11-21T12:00:00Z','filter':'owner=<ana>','complete':false,"
		    "'total':{'key':'total'," FIGURES "},'tables':["
		    "{'by':'day,provider','rows':[{'key':'2026-11-20','key2':'runpod'," FIGURES "},{'key':'2026-11-21','key2':'vastai'," FIGURES "}]},"
		    "{'by':'owner','rows':[{'key':'<script>alert(1)</script>'," FIGURES "}]},{'by':'budget','rows':[{'key':'(none)'," FIGURES "}]},"
		    "{'by':'gpu','rows':[{'key':'MI300X'," FIGURES "}]}]}");
}

static void the_page_says_it_all_and_runs_nothing(void **state)
{
	struct buf html = BUF(1 << 20), md = BUF(1 << 20);
	json_t *doc = document();

	(void)state;
	spending_html(doc, &html);
	spending_markdown(doc, &md);
	assert_non_null(strstr(buf_str(&html), "$12.50 metered by our clock on 2 machines; $12.40 billed by the providers for 2 of them"));
	assert_non_null(strstr(buf_str(&html), "-$0.10 of it (not started): it was not charged."));
	assert_non_null(strstr(buf_str(&html), "$3.00 of what was metered (no record): none came."));
	assert_non_null(strstr(buf_str(&md), "| -$0.10 | not started |"));
	assert_non_null(strstr(buf_str(&html), "Not final"));
	assert_non_null(strstr(buf_str(&html), "&lt;script&gt;alert(1)"));
	assert_null(strstr(buf_str(&html), "<script"));
	assert_null(strstr(buf_str(&html), "src="));
	assert_null(strstr(buf_str(&html), "href="));
	assert_non_null(strstr(buf_str(&html), "2026-11-20 runpod: 12.5 $"));
	assert_non_null(strstr(buf_str(&html), "<td>$6.25</td><td>$5</td>")); /* a run that was ok; a million tokens */
	assert_null(strstr(buf_str(&html), "<h2>Budgets</h2>"));             /* a row that says "(none)" says nothing */
	assert_non_null(strstr(buf_str(&md), "## Owners"));
	assert_non_null(strstr(buf_str(&md), "3.00 of them with a run (67 %). $1.00 went for download and setup, $2.00 for idle machines, $1.50 for"));
	buf_free(&html);
	buf_free(&md);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_month_goes_on_as_it_went), cmocka_unit_test(each_one_by_itself),
		cmocka_unit_test(too_few_days_say_nothing), cmocka_unit_test(the_page_says_it_all_and_runs_nothing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
