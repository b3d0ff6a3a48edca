/* What a night measured, what is thought of it, and how that is told. */
#include "base/str.h"
#include "report/night.h"
#include "report/verdicts.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static json_t *json(const char *fmt, ...) PRINTF_LIKE(1, 2);
static json_t *json(const char *fmt, ...)
{
	char text[4096];
	struct err e;
	va_list ap;
	json_t *j;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (char *s = text; *s; s++)
		*s = *s == '\'' ? '"' : *s;
	j = json_read(text, strlen(text), &e);
	if (!j)
		fail_msg("%s in %s", e.msg, text);
	return j;
}

/* A run of one scenario with three repeats around `level`. */
static json_t *source(double level, const char *stack)
{
	json_t *o = json_object(), *rows = json_array();

	for (int k = 1; k <= 3; k++) {
		json_array_append_new(rows, json("{'metric':'status','text':'ok','labels':{'scenario':'128x2048','concurrency':1,'repeat':%d}}", k));
		json_array_append_new(rows, json("{'metric':'output_throughput','value':%.6f,'unit':'tok/s','labels':{'scenario':'128x2048',"
						 "'concurrency':1,'repeat':%d}}", level * (1 + 0.001 * (k - 2)), k));
	}
	json_array_append_new(rows, json("{'metric':'stack_id','text':'%s','labels':{}}", stack));
	json_put(o, "run", json("{'recipe':'vllm-serve','gpu':'MI300X','gpu_count':1,'provider':'hotaisle'}"));
	json_put(o, "results", rows);
	return o;
}

static json_t *trial(int64_t id, bool again)
{
	return json("{'id':%lld,'run':%lld,'gpu':'MI300X','gpu_count':1,'provider':'hotaisle','recipe':'vllm-serve','again':%s}", (long long)id,
	    (long long)id, again ? "true" : "false");
}

static json_t *figures_of(double level, double again, const char *stack)
{
	json_t *figures = json_array(), *s = source(level, stack), *t = trial(1, false);

	verdicts_figures(figures, s, t);
	json_decref(s);
	json_decref(t);
	if (again > 0) {
		s = source(again, stack);
		t = trial(2, true);
		verdicts_figures(figures, s, t);
		json_decref(s);
		json_decref(t);
	}
	return figures;
}

/* One more night; its verdict is kept in the findings. */
static const char *night(json_t *findings, int number, double level, double again, const char *stack)
{
	json_t *figures = figures_of(level, again, stack), *verdicts = verdicts_judge(figures, findings, &series_rules), *f;

	assert_int_equal(json_array_size(verdicts), 1);
	f = json_array_get(verdicts, 0);
	json_put_int(f, "night", number);
	json_array_append(findings, f);
	json_decref(verdicts);
	json_decref(figures);
	return json_str(json_array_get(findings, json_array_size(findings) - 1), "kind", "");
}

static double wobble(int k)
{
	static const double of[] = { 1.001, 0.998, 1.003, 0.999, 1.000, 0.997, 1.002, 1.001, 0.999, 1.000 };

	return 33.1 * of[k % 10];
}

static void a_drop_is_told_and_a_steady_night_is_not(void **state)
{
	json_t *findings = json_array(), *last;

	(void)state;
	for (int k = 1; k <= 7; k++)
		assert_string_equal(night(findings, k, wobble(k), 0, "aa"), "no_baseline");
	for (int k = 8; k <= 12; k++)
		assert_string_equal(night(findings, k, wobble(k), 0, "aa"), "steady");
	assert_string_equal(night(findings, 13, 33.1 * 0.93, 0, "aa"), "regression");
	last = json_array_get(findings, 12);
	assert_true(fabs(json_num(last, "worse", 0) - 0.07) < 0.003);
	assert_int_equal(json_int(last, "nights", 0), 12);
	assert_true(json_num(last, "p_holm", 1) < 0.01);
	assert_true(verdict_is_worse(last));
	assert_string_equal(night(findings, 14, 33.1 * 1.08, 0, "aa"), "better");
	json_decref(findings);
}

/* Another machine says otherwise: it counts, and the first figure is kept. */
static void what_was_measured_again_counts(void **state)
{
	json_t *findings = json_array(), *last;

	(void)state;
	for (int k = 1; k <= 10; k++)
		night(findings, k, wobble(k), 0, "aa");
	assert_string_equal(night(findings, 11, 33.1 * 0.93, 33.1, "aa"), "steady");
	last = json_array_get(findings, 10);
	assert_int_equal(json_array_size(json_object_get(last, "measured")), 3);
	assert_int_equal(json_array_size(json_object_get(last, "first")), 3);
	assert_true(json_bool(last, "again", false));
	assert_int_equal(json_int(last, "run", 0), 2);
	json_decref(findings);
}

static void a_changed_stack_begins_a_series(void **state)
{
	json_t *findings = json_array();

	(void)state;
	for (int k = 1; k <= 10; k++)
		night(findings, k, wobble(k), 0, "aa");
	assert_string_equal(night(findings, 11, 33.1 * 0.9, 0, "bb"), "no_baseline");
	assert_string_not_equal(json_str(json_array_get(findings, 9), "series", ""), json_str(json_array_get(findings, 10), "series", ""));
	json_decref(findings);
}

static void a_slow_step_is_found(void **state)
{
	json_t *findings = json_array(), *steps;

	(void)state;
	for (int k = 1; k <= 24; k++)
		night(findings, k, wobble(k) * (k > 14 ? 0.975 : 1), 0, "aa");
	steps = verdicts_steps(findings);
	assert_int_equal(json_array_size(steps), 1);
	assert_int_equal(json_int(json_array_get(steps, 0), "night", 0), 15);
	json_decref(steps);
	json_decref(findings);
}

/* What is no benchmark: rates and times have a direction, anything else is not judged. */
static void other_figures_are_series_too(void **state)
{
	json_t *figures = json_array(), *t = trial(1, false), *f;
	json_t *s = json("{'run':{'recipe':'gpu-check'},'results':[{'metric':'copy','value':4100,'unit':'GB/s','labels':{'gpu':0}},"
			 "{'metric':'load','value':1.5,'unit':'s','labels':{}},{'metric':'gpu_count','value':8,'unit':'','labels':{}},"
			 "{'metric':'gpu','text':'MI300X','unit':'','labels':{}}]}");

	(void)state;
	verdicts_figures(figures, s, t);
	assert_int_equal(json_array_size(figures), 2);
	f = json_array_get(figures, 0);
	assert_false(json_bool(f, "lower_is_better", true));
	assert_true(json_bool(json_array_get(figures, 1), "lower_is_better", false));
	json_decref(s);
	json_decref(t);
	json_decref(figures);
}

/* ---- the report ---- */

static json_t *document(void)
{
	json_t *o = json_object(), *n = json("{'id':5,'number':3,'outcome':'partial','reason':'','begun':'2026-11-21T02:00:00.000Z',"
	    "'ended':'2026-11-21T04:00:00.000Z','metered':3.000001,'billed':null,'ok':1,'definition':2,'poc':false,'tick':'2026-11-21T02:00:00.000Z'}");

	json_put(n, "trials", json("[{'id':1,'title':'MI300X:1','state':'DONE','outcome':'ok','cause':'','reason':'','run':7},"
	    "{'id':2,'title':'<b>H100:2</b>','state':'GIVEN_UP','outcome':'','cause':'unplaceable','reason':'nobody sells it'},"
	    "{'id':3,'title':'H200:1','state':'DONE','outcome':'failed','cause':'failed','reason':'run 9: the script exited with 1',"
	    "'run':9,'cost':0.5,'class':'oom'}]"));
	json_put(n, "machines", json("[{'id':4,'fleet':'c-n3-1','provider':'hotaisle','gpu':'MI300X','gpu_count':1,'metered':3.000001,'billed':null,"
	    "'planned':'2026-11-21T02:00:00.000Z','meter_start':'2026-11-21T02:00:10.000Z','ready':'2026-11-21T02:05:10.000Z',"
	    "'deleting':'2026-11-21T03:55:00.000Z','meter_end':'2026-11-21T03:56:00.000Z',"
	    "'parts':{'boot':129496,'setup':777338,'run':1726619,'idle':340648,'teardown':25900}}]"));
	json_put(n, "findings", json("[{'series':'s','scenario':'128x2048','concurrency':1,'gpu':'MI300X','gpu_count':1,'provider':'hotaisle',"
	    "'stack_id':'bb','metric':'output_throughput','unit':'tok/s','kind':'regression','median':31.4,'baseline':33.1,'worse':0.051,'z':-10.3,"
	    "'p_holm':0.001,'nights':14,'measured':[31.4],'run':7,'night':3}]"));
	json_put_str(o, "campaign", "c");
	json_put(o, "findings", json("[{'series':'s','scenario':'128x2048','concurrency':1,'gpu':'MI300X','gpu_count':1,'provider':'hotaisle',"
	    "'metric':'output_throughput','unit':'tok/s','kind':'steady','median':33.1,'measured':[33.1],'run':3,'night':2},"
	    "{'series':'s','scenario':'128x2048','concurrency':1,'gpu':'MI300X','gpu_count':1,'provider':'hotaisle','metric':'output_throughput',"
	    "'unit':'tok/s','kind':'regression','median':31.4,'measured':[31.4],'run':7,'night':3}]"));
	json_put(o, "machines", json_incref(json_object_get(n, "machines")));
	json_put(o, "nights", json_array());
	json_put(o, "night", n);
	return o;
}

static int64_t micro(const json_t *o, const char *key)
{
	return (int64_t)llround(json_num(o, key, 0) * 1e6);
}

static void the_parts_of_the_cost_add_up(void **state)
{
	json_t *s = document(), *doc = night_report(s);
	const json_t *parts = json_path(doc, "cost.parts");

	(void)state;
	assert_int_equal(micro(json_path(doc, "cost"), "total"), 3000001);
	assert_int_equal(micro(parts, "boot") + micro(parts, "setup") + micro(parts, "run") + micro(parts, "idle") +
	    micro(parts, "teardown"), 3000001);
	assert_int_equal(micro(parts, "boot"), 129496);
	assert_int_equal(micro(parts, "teardown"), 25900);
	assert_null(json_object_get(parts, "rounding"));
	json_decref(s);
	json_decref(doc);
}

static void pages_tell_it(void **state)
{
	json_t *s = document(), *doc = night_report(s);
	struct buf md = BUF(1 << 20), html = BUF(1 << 20);

	(void)state;
	night_markdown(doc, &md);
	night_html(doc, &html);
	assert_non_null(strstr(buf_str(&md), "regression: 128x2048 at 1 on MI300X:1 hotaisle: 31.4 tok/s, 5.1 % worse than the median of 14 nights"));
	assert_non_null(strstr(buf_str(&md), "| provider | unplaceable |"));
	assert_non_null(strstr(buf_str(&md), "| script | failed: oom |"));
	assert_non_null(strstr(buf_str(&md), "31.4 tok/s (-5.1 %)"));
	assert_non_null(strstr(buf_str(&md), "No series has changed for good."));
	assert_non_null(strstr(buf_str(&html), "<svg"));
	assert_non_null(strstr(buf_str(&html), "&lt;b&gt;H100:2"));
	assert_null(strstr(buf_str(&html), "<b>H100"));
	assert_null(strstr(buf_str(&html), "<script"));
	buf_free(&md);
	buf_free(&html);
	json_decref(s);
	json_decref(doc);
}

static void a_message_says_what_matters(void **state)
{
	json_t *s = document(), *m = night_message("c", json_object_get(s, "night"), "failed,regression");
	const char *text = json_str(m, "text", "");

	(void)state;
	assert_true(str_starts(text, "c, night 3 is partial: 1 of 3 runs ok, $3.00"));
	assert_non_null(strstr(text, "\nregression: 128x2048 at 1"));
	assert_non_null(strstr(text, "\nnot measured: H200:1 (script: run 9: the script exited with 1, oom)"));
	assert_int_equal(json_array_size(json_object_get(m, "events")), 2);
	assert_int_equal(json_array_size(json_object_get(m, "failed")), 2);
	assert_int_equal(json_array_size(json_object_get(m, "worse")), 1);
	json_decref(s);
	json_decref(m);
}

/* Every cause has somebody to blame, and only words of the manual. */
static void blame_has_six_names(void **state)
{
	static const char *const causes[] = { "unplaceable", "provider", "bad_machine", "machine", "failed", "script", "money", "limit",
		"cancelled", "person", "secret", "gpufleet", "", "gpufleet", "nonsense", "gpufleet" };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(causes); k += 2)
		assert_string_equal(blame_of(causes[k]), causes[k + 1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_drop_is_told_and_a_steady_night_is_not),
		cmocka_unit_test(what_was_measured_again_counts),
		cmocka_unit_test(a_changed_stack_begins_a_series),
		cmocka_unit_test(a_slow_step_is_found),
		cmocka_unit_test(other_figures_are_series_too),
		cmocka_unit_test(the_parts_of_the_cost_add_up),
		cmocka_unit_test(pages_tell_it),
		cmocka_unit_test(a_message_says_what_matters),
		cmocka_unit_test(blame_has_six_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
