/* Benchmarks as people see them: the founding report's figures, published formats to the byte, doubts, comparisons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "report/compare.h"
#include "report/doubts.h"
#include "report/pages.h"
#include "report/published.h"

#include <math.h>

/* The founding report as it was published: eight rows, the ninth absent. */
static const char founding[] =
    "{\"metadata\":{\"timestamp\":\"2026-01-31T06:02:29.920777Z\",\"model\":\"Llama v3.3 70B\",\"gpu\":\"1x MI300X\","
    "\"server\":\"DO Gradient\",\"precision\":\"FP8\",\"framework\":\"vLLM 0.9.2\",\"gpu_memory_gb\":192},\"benchmarks\":["
    "{\"input_length\":128,\"output_length\":2048,\"throughput_tokens_per_sec\":33.1,\"pp\":1,\"tp\":1},"
    "{\"input_length\":128,\"output_length\":4096,\"throughput_tokens_per_sec\":33.2},"
    "{\"input_length\":2048,\"output_length\":128,\"throughput_tokens_per_sec\":32.4},"
    "{\"input_length\":5000,\"output_length\":500,\"throughput_tokens_per_sec\":32.6},"
    "{\"input_length\":500,\"output_length\":2000,\"throughput_tokens_per_sec\":33.1},"
    "{\"input_length\":1000,\"output_length\":1000,\"throughput_tokens_per_sec\":33.2},"
    "{\"input_length\":1000,\"output_length\":2000,\"throughput_tokens_per_sec\":33.1},"
    "{\"input_length\":2048,\"output_length\":2048,\"throughput_tokens_per_sec\":33}]}";

static const char founding_csv[] =
    "Model,PP,TP,Input Length,Output Length,Throughput,GPU,Server,Precision,Framework\n"
    "Llama v3.3 70B,1,1,128,2048,33.1 output tokens/sec,1x MI300X,DO Gradient,FP8,vLLM\n"
    "Llama v3.3 70B,1,1,20000,2000,0 output tokens/sec,1x MI300X,DO Gradient,FP8,vLLM\n"
    "Llama v3.3 70B,1,1,128,128,\"4,336 output tokens/sec\",2x H200,DO Gradient,FP8,vLLM\n"
    "Llama v3.3 70B,1,1,128,256,N/A,2x H200,DO Gradient,FP8,vLLM\n";

static json_t *imported(const char *text)
{
	struct err e = { 0 };
	json_t *source = published_read("file", text, strlen(text), &e);

	if (!source)
		fail_msg("%s", e.msg);
	return source;
}

static void is_near(double got, double wanted, double tolerance)
{
	if (!(fabs(got - wanted) <= tolerance))
		fail_msg("got %.9g, wanted %.9g", got, wanted);
}

static bool doubts(const struct bench *b, const char *word)
{
	for (size_t k = 0; k < b->doubt_count; k++)
		if (strstr(b->doubts[k], word))
			return true;
	return false;
}

static void test_founding_report(void **state)
{
	json_t *source = imported(founding), *import = json_object_get(source, "import");
	struct bench b;
	struct stats s;

	(void)state;
	json_put(import, "price_hour", json_real(2.0));
	json_put(import, "weights_gib", json_integer(132));
	bench_read(&b, source);
	assert_int_equal(b.cell_count, 8);
	assert_string_equal(b.gpu, "MI300X");
	assert_int_equal(b.gpu_count, 1);
	assert_true(bench_summary(&b, 1, &s));
	is_near(s.mean, 32.9625, 1e-9);
	is_near(floor(s.sd * 100 + 0.5) / 100, 0.30, 1e-9);
	is_near(stats_usd_per_million(b.usd_per_hour, s.mean), 16.85, 0.005);
	is_near(b.cells[0].usd_per_million, 2.0 / (33.1 * 3600) * 1e6, 1e-9);
	/* 132 GiB are the BF16 weights. */
	assert_true(doubts(&b, "called FP8, but 132.0 GiB"));
	assert_int_equal(b.doubt_count, 1);
	bench_free(&b);
	/* Without the claim there is nothing to doubt; neither is there with 70 GB. */
	json_put_str(import, "precision", "BF16");
	bench_read(&b, source);
	assert_int_equal(b.doubt_count, 0);
	bench_free(&b);
	json_put_str(import, "precision", "FP8");
	json_put(import, "weights_gib", json_real(67.7));
	bench_read(&b, source);
	assert_int_equal(b.doubt_count, 0);
	bench_free(&b);
	json_decref(source);
}

static void test_doubts(void **state)
{
	json_t *source = imported("{\"metadata\":{\"model\":\"Llama-3.3-70B-FP8\",\"gpu\":\"1x H100\",\"precision\":\"FP8\",\"weights_gib\":67.7,"
				  "\"price_hour\":2.5,\"max_model_len\":32768},\"benchmarks\":["
				  "{\"input_length\":128,\"output_length\":2048,\"throughput_tokens_per_sec\":47,\"concurrency\":1},"
				  "{\"input_length\":128,\"output_length\":2048,\"throughput_tokens_per_sec\":1.5,\"concurrency\":2},"
				  "{\"input_length\":20000,\"output_length\":2000,\"throughput_tokens_per_sec\":null,"
				  "\"failure_reason\":\"context_exceeded\"}]}");
	struct bench b;

	(void)state;
	bench_read(&b, source);
	assert_true(doubts(&b, "TB/s per GPU")); /* 46.1 tok/s is what an H100's memory allows */
	assert_true(doubts(&b, "per 1M output tokens is outside"));
	assert_true(doubts(&b, "called context_exceeded, but 22000 tokens fit into the 32768"));
	assert_int_equal(b.doubt_count, 3);
	bench_free(&b);
	json_decref(source);
	is_near(model_parameters("meta-llama/Llama-3.3-70B-Instruct"), 70553706496.0, 0);
	is_near(model_parameters("Qwen/Qwen2.5-0.5B"), 0.5e9, 1);
	is_near(model_parameters("mistral-7b-v0.3"), 7e9, 1);
	is_near(model_parameters("v3.3 nothing 8bit"), 0, 0);
	is_near(model_parameters(""), 0, 0);
}

static void test_csv_is_read(void **state)
{
	json_t *source = imported(founding_csv);
	struct bench b;
	double v;

	(void)state;
	bench_read(&b, source);
	assert_int_equal(b.cell_count, 4);
	assert_string_equal(b.cells[0].status, "ok");
	assert_string_equal(b.cells[1].status, "failed"); /* 0 is how a failure was written */
	assert_false(bench_median(&b.cells[1], BENCH_OUTPUT, &v));
	assert_true(bench_median(&b.cells[2], BENCH_OUTPUT, &v));
	is_near(v, 4336, 0);
	assert_string_equal(b.cells[3].status, "failed");
	bench_free(&b);
	json_decref(source);
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "", "columns" },
		{ "hello\n", "line 1" },
		{ "Input Length,Output Length,Throughput\n1,2,3\nx,2,3\n", "line 3" },
		{ "Input Length,Output Length,Throughput\n1\n,\n", "line 2" },
		{ "{\"metadata\":{}}", "benchmarks" },
		{ "{\"benchmarks\":[{\"input_length\":1}]}", "benchmarks.0" },
		{ "{\"benchmarks\":[{\"input_length\":1,\"output_length\":2,\"concurrency\":-4}]}", "benchmarks.0" },
		{ "{\"benchmarks\":", "line" },
		{ "\xff\xfe", "not text" },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct err e = { 0 };
		json_t *source = published_read("bad.csv", cases[k].text, strlen(cases[k].text), &e);

		if (source || !strstr(e.msg, cases[k].word) || !strstr(e.msg, "bad.csv"))
			fail_msg("case %zu: %s", k, e.msg);
	}
}

/* What is written is read again as the same, and the ten columns are the published ones. */
static void test_written(void **state)
{
	json_t *source = imported(founding), *again, *doc;
	struct buf out = BUF(1 << 20);
	struct bench b, c;

	(void)state;
	bench_read(&b, source);
	published_csv(&b, false, &out);
	assert_true(str_starts(buf_str(&out), "Model,PP,TP,Input Length,Output Length,Throughput,GPU,Server,Precision,Framework\n"
					      "Llama v3.3 70B,1,1,128,2048,33.1 output tokens/sec,1x MI300X,DO Gradient,FP8,vLLM 0.9.2\n"));
	assert_non_null(strstr(buf_str(&out), "\nLlama v3.3 70B,1,1,2048,2048,33.0 output tokens/sec,"));
	again = imported(buf_str(&out));
	bench_read(&c, again);
	assert_int_equal(c.cell_count, b.cell_count);
	bench_free(&c);
	json_decref(again);
	buf_reset(&out);
	published_json(&b, &out);
	doc = json_read(buf_str(&out), out.len, NULL);
	assert_non_null(doc);
	assert_string_equal(json_str(doc, "metadata.gpu", ""), "1x MI300X");
	assert_string_equal(json_str(doc, "metadata.framework", ""), "vLLM 0.9.2");
	assert_true(str_starts(json_str(doc, "metadata.timestamp", ""), "2026-01-31T06:02:29.920"));
	assert_int_equal(strlen(json_str(doc, "metadata.timestamp", "")), 27);
	is_near(json_num(doc, "benchmarks.0.throughput_tokens_per_sec", 0), 33.1, 1e-9);
	assert_int_equal(json_int(doc, "benchmarks.0.tp", 0), 1);
	json_decref(doc);
	again = imported(buf_str(&out));
	bench_read(&c, again);
	assert_int_equal(c.cell_count, 8);
	bench_free(&c);
	json_decref(again);
	buf_reset(&out);
	published_csv(&b, true, &out);
	assert_non_null(strstr(buf_str(&out), ",Framework,GPU Version,Status,Failure Reason,Concurrency,Runs,Throughput Median,"));
	buf_free(&out);
	bench_free(&b);
	json_decref(source);
}

static void test_failures_are_written(void **state)
{
	json_t *source = imported("{\"metadata\":{\"model\":\"=cmd|x\",\"gpu\":\"8x MI300X\"},\"benchmarks\":["
				  "{\"input_length\":20000,\"output_length\":2000,\"failure_reason\":\"context_exceeded\"}]}"), *doc;
	struct buf out = BUF(1 << 20);
	struct bench b;

	(void)state;
	bench_read(&b, source);
	published_csv(&b, false, &out);
	assert_non_null(strstr(buf_str(&out), "\n\"'=cmd|x\",1,8,20000,2000,N/A,8x MI300X,,,\n"));
	buf_reset(&out);
	published_json(&b, &out);
	doc = json_read(buf_str(&out), out.len, NULL);
	assert_true(json_is_null(json_path(doc, "benchmarks.0.throughput_tokens_per_sec")));
	assert_string_equal(json_str(doc, "benchmarks.0.failure_reason", ""), "context_exceeded");
	json_decref(doc);
	buf_free(&out);
	bench_free(&b);
	json_decref(source);
}

/* ---- repeats ---- */

static void add(json_t *rows, const char *metric, double value, const char *status, const char *scenario, int concurrency, int repeat)
{
	json_t *labels = json_pack("{s:s, s:i, s:i}", "scenario", scenario, "concurrency", concurrency, "repeat", repeat);

	json_array_append_new(rows, status ? json_pack("{s:s, s:s, s:o}", "metric", metric, "text", status, "labels", labels) :
					     json_pack("{s:s, s:f, s:o}", "metric", metric, "value", value, "labels", labels));
}

static json_t *run_of(int id, const char *gpu, int count, double price, const double *speeds, size_t n)
{
	json_t *rows = json_array(), *source = json_object();

	json_put(source, "run", json_pack("{s:i, s:s, s:i, s:f, s:s}", "id", id, "gpu", gpu, "gpu_count", count, "price_hour", price, "title", "t"));
	for (size_t k = 0; k < n; k++) {
		add(rows, "output_throughput", speeds[k], NULL, "128x2048", 1, (int)k + 1);
		add(rows, "status", 0, "ok", "128x2048", 1, (int)k + 1);
	}
	json_put(source, "results", rows);
	return source;
}

static void test_repeats(void **state)
{
	json_t *source = run_of(7, "MI300X", 1, 2.0, (double[]){ 33.1, 33.3, 33.2 }, 3), *rows = json_object_get(source, "results");
	struct bench b;
	double v;

	(void)state;
	add(rows, "output_throughput", 99, NULL, "128x2048", 1, 4);
	add(rows, "status", 0, "invalid", "128x2048", 1, 4);
	add(rows, "output_throughput", 99, NULL, "128x2048", 1, 5);
	add(rows, "status", 0, "suspect", "128x2048", 1, 5);
	add(rows, "output_throughput", 50, NULL, "128x2048", 8, 1);
	add(rows, "status", 0, "suspect", "128x2048", 8, 1);
	add(rows, "status", 0, "skipped", "20000x2000", 1, 1);
	bench_read(&b, source);
	assert_int_equal(b.cell_count, 3);
	assert_int_equal(b.cells[0].figures[BENCH_OUTPUT].n, 3);
	assert_int_equal(b.cells[0].repeats, 5);
	assert_int_equal(b.cells[0].left_out, 2);
	assert_true(bench_median(&b.cells[0], BENCH_OUTPUT, &v));
	is_near(v, 33.2, 0);
	assert_string_equal(b.cells[1].status, "suspect");
	assert_true(bench_median(&b.cells[1], BENCH_OUTPUT, &v));
	assert_string_equal(b.cells[2].status, "skipped");
	assert_string_equal(b.name, "run 7");
	bench_free(&b);
	json_decref(source);
}

/* ---- comparisons ---- */

static json_t *compared(json_t *a, json_t *b, double adopt_if)
{
	struct bench all[2];
	json_t *doc;

	bench_read(&all[0], a);
	bench_read(&all[1], b);
	doc = compare_json(all, 2, &(struct compare_options){ adopt_if });
	bench_free(&all[0]);
	bench_free(&all[1]);
	json_decref(a);
	json_decref(b);
	return doc;
}

static const double slow[] = { 33.1, 33.2, 33.0, 33.1, 33.2 }, fast[] = { 70, 70.5, 69.8, 70.1, 70.2 };

static void test_compared(void **state)
{
	json_t *doc = compared(run_of(1, "MI300X", 1, 2.0, slow, 5), run_of(2, "H100", 2, 5.0, fast, 5), 2.0);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(doc, "rows")), 1);
	is_near(json_num(doc, "rows.0.cells.1.ratio", 0), 70.1 / 33.1, 1e-12);
	assert_true(json_num(doc, "rows.0.cells.1.low", 0) < 70.1 / 33.1);
	assert_true(json_num(doc, "rows.0.cells.1.high", 0) > 70.1 / 33.1);
	is_near(json_num(doc, "rows.0.cells.1.confidence", 0), 1 - 2 * 4.0 / 252, 1e-12);
	is_near(json_num(doc, "rows.0.cells.1.per_gpu_ratio", 0), 70.1 / 33.1 / 2, 1e-12);
	is_near(json_num(doc, "rows.0.cells.1.per_dollar_ratio", 0), 70.1 / 33.1 * 2 / 5, 1e-12);
	is_near(json_num(doc, "rows.0.cells.0.usd_per_million_output", 0), 2 / (33.1 * 3600) * 1e6, 1e-9);
	assert_string_equal(json_str(doc, "overall.1.verdict", ""), "adopt");
	json_decref(doc);
	doc = compared(run_of(1, "MI300X", 1, 2.0, slow, 5), run_of(2, "H100", 2, 5.0, fast, 5), 2.5);
	assert_string_equal(json_str(doc, "overall.1.verdict", ""), "keep");
	json_decref(doc);
	doc = compared(run_of(1, "MI300X", 1, 2.0, slow, 5), run_of(2, "H100", 2, 5.0, fast, 5), 2.118);
	assert_string_equal(json_str(doc, "overall.1.verdict", ""), "undecided");
	json_decref(doc);
	doc = compared(run_of(1, "MI300X", 1, 2.0, slow, 1), run_of(2, "H100", 2, 5.0, fast, 5), 2.0);
	assert_string_equal(json_str(doc, "overall.1.verdict", ""), "undecided");
	assert_true(json_is_null(json_path(doc, "rows.0.cells.1.low")));
	json_decref(doc);
	doc = compared(run_of(1, "MI300X", 1, 0, slow, 5), run_of(2, "H100", 2, 5.0, fast, 5), 0);
	assert_true(json_is_null(json_path(doc, "overall.1.per_dollar_ratio")));
	assert_null(json_path(doc, "overall.1.verdict"));
	json_decref(doc);
}

/* Twice as fast is not enough: the repeats must agree with each other, and the run must not have found its answers wrong. */
static void test_adopted_only_if_stable_and_right(void **state)
{
	static const double shaky[] = { 70, 78, 90, 69, 85 };
	static const struct {
		const double *speeds;
		const char *quality, *verdict, *word;
	} cases[] = {
		{ fast, NULL, "adopt", "nothing is known of its answers" },
		{ fast, "pass", "adopt", "its answers are right" },
		{ fast, "fail", "keep", "not as good" },
		{ shaky, "pass", "undecided", "not stable" },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		json_t *b = run_of(2, "EPYC", 2, 5.0, cases[k].speeds, 5), *doc;

		if (cases[k].quality)
			json_array_append_new(json_object_get(b, "results"),
			    json_pack("{s:s, s:s, s:{}}", "metric", "quality", "text", cases[k].quality, "labels"));
		doc = compared(run_of(1, "EPYC", 2, 2.0, slow, 5), b, 2.0);
		assert_string_equal(json_str(doc, "overall.1.verdict", ""), cases[k].verdict);
		if (!strstr(json_str(doc, "overall.1.why", ""), cases[k].word))
			fail_msg("%s", json_str(doc, "overall.1.why", ""));
		json_decref(doc);
	}
}

/* A prompt that nothing answers has the speed of its own tokens, no price per answer, and compares with its like. */
static void test_prompts_alone(void **state)
{
	json_t *sources[2], *doc;
	struct bench b;

	(void)state;
	for (int k = 0; k < 2; k++) {
		json_t *rows = json_array();

		for (int r = 1; r <= 3; r++) {
			json_array_append_new(rows, json_pack("{s:s, s:f, s:{s:s, s:i, s:i, s:i}}", "metric", "total_token_throughput", "value",
							1000.0 * (k + 1), "labels", "scenario", "pp512", "input", 512, "concurrency", 1, "repeat", r));
			json_array_append_new(rows, json_pack("{s:s, s:s, s:{s:s, s:i, s:i, s:i}}", "metric", "status", "text", "ok", "labels",
							"scenario", "pp512", "input", 512, "concurrency", 1, "repeat", r));
		}
		sources[k] = json_pack("{s:{s:i, s:s, s:f}, s:o}", "run", "id", k + 1, "gpu", "MI300X", "price_hour", 2.0, "results", rows);
	}
	bench_read(&b, sources[0]);
	assert_string_equal(b.cells[0].status, "ok");
	assert_int_equal(b.cells[0].left_out, 0);
	is_near(b.cells[0].usd_per_million, 0, 0);
	bench_free(&b);
	doc = compared(sources[0], sources[1], 0);
	is_near(json_num(doc, "rows.0.cells.1.ratio", 0), 2, 1e-12);
	json_decref(doc);
}

/* A run of figures that are no benchmark: each metric and label three times. */
static json_t *kernel_of(int id, const char *with, double tflops, double ms)
{
	json_t *rows = json_array();

	for (int r = 1; r <= 3; r++) {
		json_array_append_new(rows, json_pack("{ss sf ss s{ss si ss si}}", "metric", "matmul", "value", tflops + r * 0.1, "unit", "TFLOPS",
						"labels", "dtype", "fp16", "gpu", 0, "with", with, "repeat", r));
		json_array_append_new(rows, json_pack("{ss sf ss s{si}}", "metric", "elapsed", "value", ms + r * 0.001, "unit", "ms", "labels",
						"repeat", r));
	}
	json_array_append_new(rows, json_pack("{ss sf ss s{}}", "metric", "perplexity", "value", 3 + 3.0 / id, "unit", "1", "labels"));
	json_array_append_new(rows, json_pack("{ss sf ss s{}}", "metric", "chunks", "value", 100.0, "unit", "1", "labels"));
	json_array_append_new(rows, json_pack("{ss sf ss s{}}", "metric", "matmul_median", "value", tflops, "unit", "TFLOPS", "labels"));
	if (id == 2)
		json_array_append_new(rows, json_pack("{ss sf ss s{}}", "metric", "copy", "value", 24.5, "unit", "GB/s", "labels"));
	return json_pack("{s{si ss si} so s{ss ss}}", "run", "id", id, "gpu", id == 1 ? "MI300X" : "<b>", "gpu_count", 1, "results", rows, "judge",
	    "perplexity", "lower", "matmul_median", "none");
}

/* What is no benchmark of tokens is compared as well, each figure the way in which it is better. */
static void test_figures_compared(void **state)
{
	static const char *const wanted[] = { "matmul", "elapsed", "perplexity", "chunks", "copy" };
	json_t *doc = compared(kernel_of(1, "rocBLAS 4.2", 100, 2), kernel_of(2, "cuBLAS 12.4", 150, 1), 2.0);
	const json_t *rows = json_object_get(doc, "figures");
	struct buf out = BUF(1 << 20);

	(void)state;
	assert_int_equal(json_array_size(json_object_get(doc, "rows")), 0);
	assert_int_equal(json_array_size(rows), ARRAY_LEN(wanted));
	for (size_t k = 0; k < ARRAY_LEN(wanted); k++)
		assert_string_equal(json_str(json_array_get(rows, k), "metric", ""), wanted[k]);
	is_near(json_num(doc, "figures.0.cells.1.median", 0), 150.2, 1e-9);
	is_near(json_num(doc, "figures.0.cells.1.ratio", 0), 150.2 / 100.2, 1e-9);
	assert_true(json_num(doc, "figures.0.cells.1.low", 0) > 1.49 && json_num(doc, "figures.0.cells.1.low", 0) < 150.2 / 100.2);
	is_near(json_num(doc, "figures.0.cells.1.confidence", 0), 0.9, 1e-9);
	assert_string_equal(json_str(doc, "figures.1.better", ""), "lower");
	is_near(json_num(doc, "figures.1.cells.1.ratio", 0), 2.002 / 1.002, 1e-9); /* a half of the time is twice as good */
	is_near(json_num(doc, "figures.2.cells.1.ratio", 0), 6 / 4.5, 1e-9);
	assert_true(json_is_null(json_path(doc, "figures.2.cells.1.low"))); /* once on each side */
	assert_true(json_is_null(json_path(doc, "figures.3.cells.1.ratio")) && json_is_null(json_path(doc, "figures.3.better")));
	assert_true(json_is_null(json_path(doc, "figures.4.cells.0")));
	assert_string_equal(json_str(doc, "overall.1.verdict", ""), "undecided"); /* that is about throughput */
	compare_markdown(doc, &out);
	assert_non_null(strstr(buf_str(&out), "| elapsed | ms | lower | 2.002 | 1.002 (2.00x, "));
	assert_null(strstr(buf_str(&out), "tok/s"));
	buf_reset(&out);
	compare_html(doc, &out);
	assert_non_null(strstr(buf_str(&out), "matmul dtype=fp16"));
	assert_null(strstr(buf_str(&out), "<b>"));
	buf_reset(&out);
	compare_csv(doc, &out);
	assert_true(str_starts(buf_str(&out), "metric,labels,unit,better,run,n,median,mad,ratio,low,high,confidence\n"));
	assert_non_null(strstr(buf_str(&out), "\nchunks,,1,,run 2,1,100,0,,,,\n"));
	buf_free(&out);
	json_decref(doc);
}

/* One stream and maximum load never meet in a ratio. */
static void test_equal_concurrency_only(void **state)
{
	json_t *a = run_of(1, "MI300X", 1, 2.0, slow, 5), *b = json_object(), *rows = json_array(), *doc;

	(void)state;
	json_put(b, "run", json_pack("{s:i, s:s}", "id", 2, "gpu", "H200"));
	add(rows, "output_throughput", 4336, NULL, "128x2048", 64, 1);
	add(rows, "status", 0, "ok", "128x2048", 64, 1);
	json_put(b, "results", rows);
	doc = compared(a, b, 2.0);
	assert_int_equal(json_array_size(json_object_get(doc, "rows")), 2);
	assert_true(json_is_null(json_path(doc, "rows.0.cells.1")));
	assert_true(json_is_null(json_path(doc, "rows.1.cells.0")));
	assert_null(json_path(doc, "rows.1.cells.1.ratio"));
	assert_string_equal(json_str(doc, "overall.1.verdict", ""), "undecided");
	json_decref(doc);
}

static void test_lost_scenario(void **state)
{
	json_t *a = run_of(1, "MI300X", 1, 2.0, slow, 5), *b = run_of(2, "H100", 1, 2.0, fast, 5), *doc;

	(void)state;
	add(json_object_get(a, "results"), "output_throughput", 30, NULL, "20000x2000", 1, 1);
	add(json_object_get(a, "results"), "status", 0, "ok", "20000x2000", 1, 1);
	add(json_object_get(b, "results"), "status", 0, "failed", "20000x2000", 1, 1);
	doc = compared(a, b, 2.0);
	assert_int_equal(json_int(doc, "overall.1.lost", 0), 1);
	assert_string_equal(json_str(doc, "overall.1.verdict", ""), "keep");
	json_decref(doc);
}

static void test_manifests(void **state)
{
	json_t *a = run_of(1, "MI300X", 1, 2.0, slow, 5), *b = run_of(2, "MI300X", 1, 2.0, slow, 5), *doc;

	(void)state;
	json_put(a, "manifest", json_pack("{s:s, s:s, s:s, s:{s:s, s:s}}", "collected_at", "x", "kernel", "6.8", "vllm_version", "0.13.0", "env",
	    "A", "1", "B", "2"));
	json_put(b, "manifest", json_pack("{s:s, s:s, s:s, s:{s:s}}", "collected_at", "y", "kernel", "6.8", "vllm_version", "0.14.0", "env", "A",
	    "1"));
	doc = compared(a, b, 0);
	assert_int_equal(json_array_size(json_object_get(doc, "manifest")), 2);
	assert_string_equal(json_str(doc, "manifest.0.key", ""), "vllm_version");
	assert_string_equal(json_str(doc, "manifest.0.values.1", ""), "0.14.0");
	assert_string_equal(json_str(doc, "manifest.1.key", ""), "env.B");
	assert_true(json_is_null(json_path(doc, "manifest.1.values.1")));
	assert_int_equal(json_array_size(json_object_get(doc, "warnings")), 0);
	json_decref(doc);
	/* Where one is missing nothing differs, and that is said. */
	a = run_of(1, "MI300X", 1, 2.0, slow, 5);
	json_put(a, "manifest", json_pack("{s:s, s:s, s:s}", "kernel", "6.8", "dtype", "torch.bfloat16", "quantization", "fp8"));
	doc = compared(a, run_of(2, "MI300X", 1, 2.0, slow, 5), 0);
	assert_int_equal(json_array_size(json_object_get(doc, "manifest")), 0);
	assert_string_equal(json_str(doc, "warnings.0", ""), "run 2 has no manifest: its stack is not known");
	assert_string_equal(json_str(doc, "runs.0.precision", ""), "fp8");
	json_decref(doc);
}

/* ---- pages ---- */

static void in_order(const char *text, const char *const *parts)
{
	for (; *parts; parts++) {
		const char *at = strstr(text, *parts);

		if (!at)
			fail_msg("'%s' is missing or not in its place", *parts);
		text = at;
	}
}

static void test_pages(void **state)
{
	static const char *const sections[] = { "Executive Summary", "Infrastructure Setup", "Methodology", "Results",
		"Performance Characteristics", "Analysis", "Cost Analysis", "Raw Data Files", "Appendix", NULL };
	json_t *source = imported(founding), *import = json_object_get(source, "import");
	struct buf out = BUF(1 << 20);
	struct bench b;

	(void)state;
	json_put(import, "price_hour", json_real(2.0));
	json_put_str(import, "title", "<script>alert(1)</script>");
	json_put_str(import, "server", "a|b \x1b[31m");
	bench_read(&b, source);
	page_markdown(&b, &out);
	in_order(buf_str(&out), sections);
	assert_non_null(strstr(buf_str(&out), "\xe2\x9c\x85 Pass"));
	assert_non_null(strstr(buf_str(&out), "$16.85 per 1M output tokens"));
	assert_non_null(strstr(buf_str(&out), "a\\|b"));
	assert_null(strchr(buf_str(&out), 0x1b));
	assert_null(strstr(buf_str(&out), "<script"));
	buf_reset(&out);
	page_html(&b, &out);
	in_order(buf_str(&out), sections);
	assert_null(strstr(buf_str(&out), "<script"));
	assert_non_null(strstr(buf_str(&out), "<svg"));
	assert_null(strstr(buf_str(&out), "http://"));
	assert_null(strstr(buf_str(&out), "https://"));
	buf_free(&out);
	bench_free(&b);
	json_decref(source);
}

static void test_comparison_pages(void **state)
{
	json_t *doc = compared(run_of(1, "MI300X", 1, 2.0, slow, 5), run_of(2, "<b>", 2, 5.0, fast, 5), 2.0);
	struct buf out = BUF(1 << 20);

	(void)state;
	compare_markdown(doc, &out);
	assert_non_null(strstr(buf_str(&out), "2.12x"));
	assert_non_null(strstr(buf_str(&out), "adopt: "));
	buf_reset(&out);
	compare_html(doc, &out);
	assert_null(strstr(buf_str(&out), "<b>"));
	assert_non_null(strstr(buf_str(&out), "&lt;b&gt;"));
	assert_non_null(strstr(buf_str(&out), "<svg"));
	buf_reset(&out);
	compare_csv(doc, &out);
	assert_non_null(strstr(buf_str(&out), "\n128x2048,0,0,1,run 1,ok,5,33.1,33.1,16.7842,"));
	buf_free(&out);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_founding_report),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_csv_is_read),
		cmocka_unit_test(test_bad_files),
		cmocka_unit_test(test_written),
		cmocka_unit_test(test_failures_are_written),
		cmocka_unit_test(test_repeats),
		cmocka_unit_test(test_compared),
		cmocka_unit_test(test_adopted_only_if_stable_and_right),
		cmocka_unit_test(test_prompts_alone),
		cmocka_unit_test(test_equal_concurrency_only),
		cmocka_unit_test(test_lost_scenario),
		cmocka_unit_test(test_manifests),
		cmocka_unit_test(test_pages),
		cmocka_unit_test(test_figures_compared),
		cmocka_unit_test(test_comparison_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
