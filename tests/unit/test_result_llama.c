/* llama-bench in its five formats, llama-speculative's summary and AMD PACE's documents: whole, of several versions, and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"
#include "remote/result_llama.h"
#include "remote/result_pace.h"

#include <math.h>
#include <stdio.h>

static char *text_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = xcalloc(1, 65536);
	n = fread(text, 1, 65535, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static char *fixture(const char *name)
{
	char path[200], *text;

	snprintf(path, sizeof(path), "tests/fixtures/results/%s", name);
	text = text_of(path);
	if (!text)
		fail_msg("no %s", path);
	return text;
}

static void read_one(const struct result_reader *reader, const char *name, const char *text, struct results *r)
{
	const struct result_file f = { name, text, strlen(text) };

	memset(r, 0, sizeof(*r));
	if (!reader->wants(name))
		fail_msg("%s is not wanted", name);
	reader->read(&f, 1, r);
}

/* The value of a metric in a scenario's repeat; -1: there is none. */
static double value(const struct results *r, const char *metric, const char *scenario, int repeat)
{
	char name[64], nth[32];

	snprintf(name, sizeof(name), "\"scenario\":\"%s\"", scenario);
	snprintf(nth, sizeof(nth), "\"repeat\":%d", repeat);
	for (size_t k = 0; k < r->count; k++)
		if (!strcmp(r->rows[k].metric, metric) && (!*scenario || (strstr(r->rows[k].labels, name) && strstr(r->rows[k].labels, nth))))
			return r->rows[k].number ? r->rows[k].value : -1;
	return -1;
}

/* The same where no repeat is named: of a whole scenario, or of the run; `part` is of its labels. */
static double whole(const struct results *r, const char *metric, const char *part)
{
	for (size_t k = 0; k < r->count; k++)
		if (!strcmp(r->rows[k].metric, metric) && strstr(r->rows[k].labels, part) && !strstr(r->rows[k].labels, "repeat"))
			return r->rows[k].value;
	return -1;
}

static const char *text_in(const struct results *r, const char *metric, const char *part)
{
	for (size_t k = 0; k < r->count; k++)
		if (!strcmp(r->rows[k].metric, metric) && strstr(r->rows[k].labels, part))
			return r->rows[k].text;
	return "none";
}

#define NEAR(got, wanted) \
	do { \
		double got_ = (got), wanted_ = (wanted); \
		if (fabs(got_ - wanted_) > 1e-4 * fabs(wanted_)) \
			fail_msg("line %d: %.9g, not %.9g", __LINE__, got_, wanted_); \
	} while (0)

static void jsonl_with_standard_error(void **state)
{
	char *text = fixture("llama-bench.jsonl");
	struct results r;

	(void)state;
	read_one(&result_llama, "bench_fa1_d0.jsonl", text, &r);
	assert_int_equal(r.bad, 0);
	/* A prompt answers nothing: no output rate, never 0. */
	NEAR(value(&r, "total_token_throughput", "pp512", 1), 10000);
	assert_true(value(&r, "output_throughput", "pp512", 1) == -1);
	NEAR(value(&r, "output_throughput", "tg128@d4096", 1), 128e9 / 1020000000);
	NEAR(value(&r, "output_throughput", "tg128@d4096", 2), 128e9 / 980392157);
	/* Both together, without flash attention: half of the tokens are output. */
	NEAR(value(&r, "total_token_throughput", "128x128 fa0", 1), 200);
	NEAR(value(&r, "output_throughput", "128x128 fa0", 1), 100);
	assert_string_equal(text_in(&r, "status", "\"tg128@d4096\",\"output\":128,\"concurrency\":1,\"repeat\":2"), "ok");
	assert_string_equal(text_in(&r, "framework", "{}"), "llama.cpp 5c6e1a90 (b6600)");
	assert_string_equal(text_in(&r, "cpu_info", "{}"), "AMD EPYC 9654 96-Core Processor");
	NEAR(value(&r, "model_size", "", 0), 8.098525888);
	NEAR(value(&r, "weights", "", 0), 8098525888 / 1073741824.0);
	results_free(&r);
	free(text);
}

static void json_array_cut_short(void **state)
{
	static const char text[] = "[\n  {\n    \"n_prompt\": 0,\n    \"n_gen\": 64,\n    \"flash_attn\": -1,\n    \"avg_ts\": 32.0,\n"
				   "    \"samples_ns\": [ 2000000000 ],\n    \"samples_ts\": [ 32 ]\n  },\n"
				   "  {\n    \"n_prompt\": 0,\n    \"n_gen\": 6";
	struct results r;

	(void)state;
	read_one(&result_llama, "x.json", text, &r);
	assert_int_equal(r.bad, 1);
	assert_non_null(strstr(r.message, "cut short"));
	NEAR(value(&r, "output_throughput", "tg64 fa-auto", 1), 32);
	results_free(&r);
}

static void csv_sql_and_markdown(void **state)
{
	char *text = fixture("llama-bench.csv");
	struct results r;

	(void)state;
	read_one(&result_llama, "bench.csv", text, &r);
	assert_int_equal(r.bad, 0);
	NEAR(value(&r, "output_throughput", "tg128", 1), 32);
	NEAR(value(&r, "total_token_throughput", "pp512 fa0", 1), 512);
	assert_string_equal(text_in(&r, "cpu_info", "{}"), "AMD EPYC 9654, \"Genoa\"");
	/* No GPU was in it: weights would be set against a GPU's memory. */
	assert_true(value(&r, "weights", "", 0) == -1);
	results_free(&r);
	free(text);

	text = fixture("llama-bench.sql");
	read_one(&result_llama, "bench.sql", text, &r);
	assert_int_equal(r.bad, 0);
	NEAR(value(&r, "output_throughput", "tg128@d512 fa-auto", 1), 32);
	NEAR(value(&r, "total_token_throughput", "pp512", 1), 512);
	results_free(&r);
	free(text);

	text = fixture("llama-bench.md");
	read_one(&result_llama, "bench.log", text, &r);
	assert_int_equal(r.bad, 0);
	NEAR(value(&r, "total_token_throughput", "pp512", 1), 10000);
	NEAR(value(&r, "output_throughput", "tg128", 1), 128.02);
	NEAR(value(&r, "output_throughput", "tg128@d4096", 1), 120);
	NEAR(value(&r, "output_throughput", "128x128", 1), 100);
	results_free(&r);
	free(text);
}

#define ROW(rest) "{\"n_prompt\":0,\"n_gen\":128," rest "}\n"

/* Builds drop, add and retype keys (benchmarks §2). */
static void versions(void **state)
{
	static const struct {
		const char *text, *scenario, *status, *word;
		double rate;
	} cases[] = {
		{ ROW("\"cuda\":true,\"vulkan\":false,\"avg_ns\":4000000000,\"avg_ts\":32.0"), "tg128", "ok", "", 32 },
		{ ROW("\"flash_attn\":1,\"load_mode\":\"mmap\",\"avg_ts\":32,\"samples_ns\":[4000000000]"), "tg128", "ok", "", 32 },
		{ ROW("\"flash_attn\":\"on\",\"avg_ts\":32"), "tg128", "ok", "", 32 },
		{ ROW("\"flash_attn\":\"auto\",\"avg_ts\":32"), "tg128 fa-auto", "ok", "", 32 },
		{ ROW("\"flash_attn\":false,\"avg_ts\":32"), "tg128 fa0", "ok", "", 32 },
		{ ROW("\"avg_ts\":32,\"samples_ts\":[32]"), "tg128", "ok", "", 32 },
		{ ROW("\"avg_ns\":4000000000"), "tg128", "suspect", "only how long", 32 },
		{ ROW("\"avg_ns\":2000000000,\"avg_ts\":32"), "tg128", "suspect", "32 tok/s are not 128 tokens", 32 },
		{ ROW("\"avg_ts\":40,\"samples_ns\":[4000000000,4000000000]"), "tg128", "suspect", "is not that of its 2 samples", 32 },
		{ ROW("\"avg_ts\":32,\"samples_ns\":[4000000000],\"samples_ts\":[31]"), "tg128", "suspect", "31 tok/s are not", 32 },
		{ ROW("\"avg_ts\":NaN,\"avg_ns\":0"), "tg128", "failed", "no speed", -1 },
		{ ROW("\"avg_ts\":0.0,\"avg_ns\":0"), "tg128", "failed", "no speed", -1 },
		{ ROW("\"avg_ts\":\"fast\""), "tg128", "failed", "no speed", -1 },
		{ ROW("\"avg_ts\":32,\"samples_ns\":[0],\"samples_ts\":[0]"), "tg128", "failed", "above 0", -1 },
		{ "{\"n_gen\":128,\"n_prompt\":null,\"avg_ts\":32}", "tg128", "ok", "", 32 },
		{ "{\"avg_ts\":32,\"avg_ns\":1}", "tg128", "none", "", -1 },
		{ "{\"n_prompt\":-5,\"n_gen\":1e300,\"avg_ts\":32}", "tg128", "none", "", -1 },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		char label[80];
		struct results r;

		snprintf(label, sizeof(label), "\"scenario\":\"%s\"", cases[k].scenario);
		read_one(&result_llama, "x.jsonl", cases[k].text, &r);
		if (strcmp(text_in(&r, "status", label), cases[k].status) != 0)
			fail_msg("%s: %s", cases[k].text, text_in(&r, "status", label));
		NEAR(value(&r, "output_throughput", cases[k].scenario, 1), cases[k].rate);
		for (size_t i = 0; *cases[k].word && i <= r.count; i++)
			if (i == r.count)
				fail_msg("%s: nowhere '%s'", cases[k].text, cases[k].word);
			else if (strstr(r.rows[i].labels, cases[k].word))
				break;
		assert_int_equal(r.bad, !strcmp(cases[k].status, "none"));
		results_free(&r);
	}
}

/* Builds of 2023 and 2024 said by truth values what computed: the same test on the CPU is another one. */
static void older_backends(void **state)
{
	struct results r;

	(void)state;
	read_one(&result_llama, "x.jsonl", ROW("\"cuda\":true,\"blas\":true,\"avg_ts\":32") ROW("\"cuda\":false,\"blas\":false,\"avg_ts\":2"), &r);
	assert_string_equal(text_in(&r, "backends", "{}"), "CUDA");
	NEAR(value(&r, "output_throughput", "tg128", 1), 32);
	NEAR(value(&r, "output_throughput", "tg128 #2", 1), 2);
	results_free(&r);
}

/* Eight threads and sixteen are two measurements; the same twice is one with more repeats. */
static void settings_are_kept_apart(void **state)
{
	struct results r;

	(void)state;
	read_one(&result_llama, "x.jsonl",
	    ROW("\"n_threads\":8,\"avg_ts\":8") ROW("\"n_threads\":16,\"avg_ts\":16") ROW("\"n_threads\":8,\"avg_ts\":9")
	        ROW("\"n_threads\":32,\"avg_ts\":32") ROW("\"n_threads\":16,\"avg_ts\":17"),
	    &r);
	NEAR(value(&r, "output_throughput", "tg128", 1), 8);
	NEAR(value(&r, "output_throughput", "tg128", 2), 9);
	NEAR(value(&r, "output_throughput", "tg128 #2", 1), 16);
	NEAR(value(&r, "output_throughput", "tg128 #2", 2), 17);
	NEAR(value(&r, "output_throughput", "tg128 #3", 1), 32);
	results_free(&r);
}

static void speculative(void **state)
{
	static const char share[] = "encoded  128 tokens in    1.000 seconds, speed:  128.000 t/s\n"
				    "decoded  100 tokens in    1.000 seconds, speed:  100.000 t/s\n\naccept    = 81.250%\n";
	char *text = fixture("llama-speculative.out");
	const struct result_file files[] = {
		{ "spec_r1.out", text, strlen(text) },
		{ "spec_r2.out", "error: unable to load draft model\n", 34 },
		{ "scenarios.jsonl",
		    "{\"scenario\":\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":1,\"file\":\"spec_r1\",\"status\":\"ran\"}\n"
		    "{\"scenario\":\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":2,\"file\":\"spec_r2\",\"status\":\"ran\"}\n"
		    "{\"scenario\":\"tg128@d4096\",\"output\":128,\"concurrency\":1,\"repeat\":1,\"status\":\"failed\",\"reason\":\"oom\"}\n", 0 },
	};
	struct result_file all[3];
	struct results r = { 0 };

	(void)state;
	memcpy(all, files, sizeof(all));
	all[2].n = strlen(all[2].text);
	result_llama.read(all, 3, &r);
	assert_int_equal(r.bad, 0);
	NEAR(value(&r, "output_throughput", "128x128", 1), 130 / 2.0);
	NEAR(value(&r, "decode_throughput", "128x128", 1), 86.667);
	NEAR(value(&r, "spec_decode_acceptance_rate", "128x128", 1), 75);
	assert_string_equal(text_in(&r, "status", "\"repeat\":2,\"reason\":\"parse_error\""), "failed");
	assert_string_equal(text_in(&r, "status", "tg128@d4096"), "failed");
	assert_string_equal(text_in(&r, "status", "\"reason\":\"oom\""), "failed");
	results_free(&r);
	/* Where only the share is printed, it is that. */
	result_llama.read(&(struct result_file){ "a.out", share, sizeof(share) - 1 }, 1, &r);
	NEAR(value(&r, "spec_decode_acceptance_rate", "128x100", 1), 81.25);
	results_free(&r);
	/* By itself it is called after what it did. */
	result_llama.read(files, 1, &r);
	NEAR(value(&r, "output_throughput", "128x130", 1), 65);
	results_free(&r);
	free(text);
}

/* Samples belong to the test that was running, from its own time on; to the run where no test was long enough. */
static void samples_of_the_gpu(void **state)
{
	static const char rows[] = ROW("\"test_time\":\"2026-02-04T06:15:02Z\",\"avg_ts\":32,\"samples_ns\":[4000000000,4000000000]")
	    "{\"n_prompt\":512,\"n_gen\":0,\"test_time\":\"2026-02-04T06:15:14Z\",\"avg_ts\":512,\"samples_ns\":[1000000000]}\n";
	/* 1770185702 is 06:15:02. The last one is behind the end of the command. */
	static const char samples[] = "1770185702.5,0,70000,99,900,80,Active\n1770185704,0,8000,90,300,50,Not Active\n"
				      "1770185706,0,8100,92,310,51,Not Active\n1770185713.9,0,8200,94,320,52,Not Active\n"
				      "1770185714.5,0,1,1,1,1,Not Active\n1770185716,0,9000,99,500,60,Active\n1770185717,0,9000,99,500,60,Active\n"
				      "1770185719,0,99999,99,999,99,Active\n";
	static const char marks[] = "{\"t\":1770185700.5,\"event\":\"begin\"}\n{\"t\":1770185718.2,\"event\":\"end\"}\n";
	const struct result_file files[] = { { "bench.jsonl", rows, sizeof(rows) - 1 }, { "marks.jsonl", marks, sizeof(marks) - 1 },
		{ "telemetry.csv", samples, sizeof(samples) - 1 } };
	static const char short_rows[] = ROW("\"test_time\":\"2026-02-04T06:15:02Z\",\"avg_ts\":32")
	    ROW("\"n_depth\":9,\"test_time\":\"2026-02-04T06:15:02Z\",\"avg_ts\":32");
	const struct result_file quick[] = { { "bench.jsonl", short_rows, sizeof(short_rows) - 1 },
		{ "marks.jsonl", marks, sizeof(marks) - 1 }, { "telemetry.csv", "1770185701,0,5,6,7,8,Active\n", 28 } };
	struct results r = { 0 };

	(void)state;
	result_read(&result_llama, files, 3, &r);
	assert_true(whole(&r, "power_mean", "\"scenario\":\"tg128\"") > 300 && whole(&r, "power_mean", "\"scenario\":\"tg128\"") < 320);
	/* Of one repeat of four seconds, not of all that was sampled. */
	NEAR(whole(&r, "energy", "\"scenario\":\"tg128\""), whole(&r, "power_mean", "\"scenario\":\"tg128\"") * 4);
	NEAR(whole(&r, "memory_used_max", "\"scenario\":\"tg128\""), 8200);
	assert_true(whole(&r, "throttled", "\"scenario\":\"tg128\"") == -1);
	NEAR(whole(&r, "power_max", "\"scenario\":\"pp512\""), 500);
	NEAR(whole(&r, "energy", "\"scenario\":\"pp512\""), 500);
	assert_true(whole(&r, "throttled", "\"scenario\":\"pp512\"") == 2);
	/* What is of its tests is not of the run once more. */
	assert_true(whole(&r, "power_mean", "{}") == -1);
	results_free(&r);
	result_read(&result_llama, quick, 3, &r);
	NEAR(whole(&r, "memory_used_max", "{}"), 5);
	assert_true(whole(&r, "memory_used_max", "scenario") == -1);
	results_free(&r);
	/* No samples: no rows, and no zeros. */
	result_read(&result_llama, files, 2, &r);
	assert_true(whole(&r, "power_mean", "") == -1 && whole(&r, "energy", "") == -1);
	results_free(&r);
}

/* ---- AMD PACE ---- */

static void pace_document(void **state)
{
	char *text = fixture("pace_results.json");
	struct results r;

	(void)state;
	read_one(&result_pace, "pace_x_results.json", text, &r);
	assert_int_equal(r.bad, 0);
	NEAR(value(&r, "output_throughput", "128x128", 1), 80);
	NEAR(value(&r, "total_token_throughput", "128x128", 1), 160);
	NEAR(value(&r, "mean_e2el_ms", "128x128", 1), 1600);
	NEAR(value(&r, "mean_accepted_tokens", "128x128", 1), 4.25);
	assert_true(value(&r, "mean_ttft_ms", "128x128", 1) == -1);
	NEAR(value(&r, "output_throughput", "128x128 hf", 1), 16);
	NEAR(value(&r, "mean_ttft_ms", "128x128 hf", 1), 250);
	NEAR(value(&r, "peak_ram", "128x128 hf", 1), 15234.5);
	assert_string_equal(text_in(&r, "status", "\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":1"), "ok");
	assert_string_equal(text_in(&r, "framework", "{}"), "AMD PACE");
	assert_string_equal(text_in(&r, "dtype", "{}"), "bfloat16");
	assert_string_equal(text_in(&r, "draft_model", "{}"), "amd/PARD-Qwen2.5-0.5B");
	results_free(&r);
	free(text);
}

static void pace_verdicts(void **state)
{
	static const struct {
		const char *from, *to, *status, *word;
		double rate;
	} cases[] = {
		{ "\"output_tps\": 80.0", "\"output_tps\": null", "failed", "no output_tps", -1 },
		{ "\"output_tps\": 80.0", "\"output_tps\": 0.0", "failed", "no output_tps", -1 },
		{ "\"output_tps\": 80.0", "\"output_tps\": NaN", "failed", "no output_tps", -1 },
		{ "\"output_tps\": 80.0", "\"tokens_per_second\": 80.0", "suspect", "no output_tps", -1 },
		{ "\"output_tps\": 80.0", "\"output_tps\": 160.0", "suspect", "are not its 384 tokens", 160 },
		{ "\"output_tps\": 80.0", "\"output_tps\": \"80\"", "failed", "no output_tps", -1 },
		{ "\"output_tokens\": 128", "\"output_tokens\": 256", "suspect", "are not the 768", 80 },
		{ "\"num_runs\": 3,", "", "ok", "", 80 },
		{ "\"average_gen_time\": 1.6,", "", "ok", "", 80 },
		{ "\"average_gen_time\": 1.6,", "\"new_key\": [1],", "ok", "", 80 },
	};
	char *whole = fixture("pace_results.json");

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		const char *at = strstr(whole, cases[k].from);
		char *text;
		struct results r;

		assert_non_null(at);
		text = xasprintf("%.*s%s%s", (int)(at - whole), whole, cases[k].to, at + strlen(cases[k].from));
		read_one(&result_pace, "x_results.json", text, &r);
		if (strcmp(text_in(&r, "status", "\"concurrency\":1"), cases[k].status) != 0)
			fail_msg("%s: %s", cases[k].to, text_in(&r, "status", "\"concurrency\":1"));
		for (size_t i = 0; *cases[k].word && i <= r.count; i++)
			if (i == r.count)
				fail_msg("%s: nowhere '%s'", cases[k].to, cases[k].word);
			else if (strstr(r.rows[i].labels, cases[k].word))
				break;
		results_free(&r);
		free(text);
	}
	free(whole);
}

/* ---- both ---- */

/* Whatever bytes come, no row has a value that is not finite, and nothing is read behind the end (AddressSanitizer says so). */
static void hostile(void **state)
{
	static const char *const names[] = { "llama-bench.jsonl", "llama-bench.csv", "llama-bench.sql", "llama-bench.md", "llama-speculative.out",
		"pace_results.json" };
	static const char *const readers[][2] = { { "x.json", "x_results.json" } };
	struct rng rng;

	(void)state;
	rng_seed(&rng, 7);
	for (size_t k = 0; k < ARRAY_LEN(names); k++) {
		char *whole = fixture(names[k]);
		size_t n = strlen(whole);

		for (int round = 0; round < 400; round++) {
			size_t cut = (size_t)rng_below(&rng, (uint32_t)n + 1);
			char *text = xstrndup(whole, cut);
			struct results r;

			for (int hits = (int)rng_below(&rng, 6); hits && cut; hits--)
				text[rng_below(&rng, (uint32_t)cut)] = "\"'{}[]|,()\n9-\xff"[rng_below(&rng, 14)];
			read_one(&result_llama, readers[0][0], text, &r);
			for (size_t i = 0; i < r.count; i++)
				assert_true(!r.rows[i].number || isfinite(r.rows[i].value));
			results_free(&r);
			read_one(&result_pace, readers[0][1], text, &r);
			results_free(&r);
			free(text);
		}
		free(whole);
	}
}

/* Published documents, where they are at hand. */
static void published_sample(void **state)
{
	const char *samples = getenv("SAMPLES");
	char path[300], *text;
	struct results r;

	(void)state;
	snprintf(path, sizeof(path), "%s/llama-bench-lhl-tune-decode.jsonl", samples ? samples : "../shared/samples");
	text = text_of(path);
	if (!text) {
		print_message("not run: no %s; SAMPLES names another place\n", path);
		return;
	}
	read_one(&result_llama, "x.jsonl", text, &r);
	assert_int_equal(r.bad, 0);
	NEAR(value(&r, "output_throughput", "tg128", 1), 192.744);
	assert_string_equal(text_in(&r, "status", "tg128"), "ok");
	assert_string_equal(text_in(&r, "framework", "{}"), "llama.cpp 1c1409e1 (b6865)");
	assert_string_equal(text_in(&r, "model_type", "{}"), "llama 1B Q4_K - Medium");
	results_free(&r);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jsonl_with_standard_error),
		cmocka_unit_test(json_array_cut_short),
		cmocka_unit_test(csv_sql_and_markdown),
		cmocka_unit_test(versions),
		cmocka_unit_test(older_backends),
		cmocka_unit_test(settings_are_kept_apart),
		cmocka_unit_test(speculative),
		cmocka_unit_test(samples_of_the_gpu),
		cmocka_unit_test(pace_document),
		cmocka_unit_test(pace_verdicts),
		cmocka_unit_test(hostile),
		cmocka_unit_test(published_sample),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
