/* Results from elsewhere: whose document a file is, by its content, whatever it is called; and what is refused, in one sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "import.h"
#include "report/bench.h"

#include <dirent.h>
#include <stdio.h>

#define READERS "gpufleet-jsonl, vllm-bench, llama-bench, pace and benchmark_nvidia_format"

static char *text_of(const char *path)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t n;

	if (!f)
		return NULL;
	text = xcalloc(1, 1u << 20);
	n = fread(text, 1, (1u << 20) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

static void add(json_t *files, const char *name, const char *text)
{
	json_t *f = json_object();

	json_put_str(f, "name", name);
	json_put_str(f, "text", text);
	json_array_append_new(files, f);
}

static void add_fixture(json_t *files, const char *fixture, const char *name)
{
	char path[200], *text;

	snprintf(path, sizeof(path), "tests/fixtures/results/%s", fixture);
	text = text_of(path);
	if (!text)
		fail_msg("no %s", path);
	add(files, name, text);
	free(text);
}

/* One file under this name; NULL, and the sentence in e. */
static json_t *import_one(const char *fixture, const char *name, const char *reader, struct err *e)
{
	json_t *files = json_array(), *source;
	char note[256];

	add_fixture(files, fixture, name);
	*e = (struct err){ 0 };
	source = import_read(files, reader, note, e);
	json_decref(files);
	return source;
}

static const json_t *row_of(const json_t *source, const char *metric)
{
	const json_t *row;
	size_t k;

	json_array_foreach(json_object_get(source, "results"), k, row)
		if (!strcmp(json_str(row, "metric", ""), metric))
			return row;
	return NULL;
}

static const struct {
	const char *fixture, *reader;
	const char *metric; /* a row that it must have */
	double value;
	const char *status; /* of the first cell; NULL: there are no cells */
} known[] = {
	{ "vllm-serve.json", "vllm-bench", "output_throughput", 32, "ok" },
	{ "vllm-serve-all-failed.json", "vllm-bench", NULL, 0, "failed" },
	{ "vllm-serve.out", "vllm-bench", "median_ttft_ms", 70, "ok" },
	{ "vllm-throughput.json", "vllm-bench", "total_token_throughput", 1920, "ok" },
	{ "vllm-latency.json", "vllm-bench", "median_latency", 2, "ok" },
	{ "llama-bench.jsonl", "llama-bench", "total_token_throughput", 10000, "ok" },
	{ "llama-bench.csv", "llama-bench", "output_throughput", 32, "ok" },
	{ "llama-bench.sql", "llama-bench", "output_throughput", 32, "ok" },
	{ "llama-bench.md", "llama-bench", "total_token_throughput", 10000, "ok" },
	{ "llama-speculative.out", "llama-bench", "decode_throughput", 86.667, "ok" },
	{ "pace_results.json", "pace", "output_throughput", 80, "ok" },
	{ "figures.jsonl", "gpufleet-jsonl", "matmul", 138.21, NULL },
	{ "benchmark_nvidia_format.json", "benchmark_nvidia_format", "output_throughput", 33.1, "ok" },
	{ "benchmark_nvidia_format.csv", "benchmark_nvidia_format", "output_throughput", 33.1, "ok" },
};

static void check_one(size_t k, const char *name, const char *reader)
{
	struct err e;
	json_t *source = import_one(known[k].fixture, name, reader, &e);
	const json_t *row;
	struct bench b;

	if (!source)
		fail_msg("%s as %s: %s", known[k].fixture, name, e.msg);
	row = known[k].metric ? row_of(source, known[k].metric) : NULL;
	if (known[k].metric && json_num(row, "value", -1) != known[k].value)
		fail_msg("%s as %s: %s is %g", known[k].fixture, name, known[k].metric, json_num(row, "value", -1));
	/* All failed: no figure, no zero. */
	if (!known[k].metric && (row_of(source, "output_throughput") || row_of(source, "mean_ttft_ms")))
		fail_msg("%s: a figure of what failed", known[k].fixture);
	bench_read(&b, source);
	if (known[k].status && (!b.cell_count || strcmp(b.cells[0].status, known[k].status) != 0))
		fail_msg("%s as %s: %s", known[k].fixture, name, b.cell_count ? b.cells[0].status : "no cells");
	bench_free(&b);
	json_decref(source);
}

static void test_by_content(void **state)
{
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(known); k++) {
		check_one(k, known[k].fixture, "");
		check_one(k, "results-of-last-year", "");
		check_one(k, "x.json", "");
		check_one(k, "x.csv", "");
		check_one(k, "x.txt", known[k].reader);
	}
}

/* Each of them is refused by all others, and nothing is made of it. */
static void test_wrong_reader(void **state)
{
	static const char *const readers[] = { "gpufleet-jsonl", "vllm-bench", "llama-bench", "pace", "benchmark_nvidia_format" };
	struct err e;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(known); k++)
		for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
			json_t *source = strcmp(readers[i], known[k].reader) != 0 ? import_one(known[k].fixture, "x.txt", readers[i], &e) : NULL;

			if (source)
				fail_msg("%s is no document for %s", known[k].fixture, readers[i]);
		}
	assert_null(import_one("figures.jsonl", "x", "llama-bench", &e));
	assert_string_equal(e.msg, "the reader llama-bench finds no figure in x");
	assert_null(import_one("figures.jsonl", "x", "nothing", &e));
	assert_string_equal(e.msg, "there is no reader 'nothing'; there are " READERS);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "", "x.json is empty; the readers are " READERS },
		{ "once upon a time\n", "x.json is no document of any reader; the readers are " READERS },
		{ "{\"hello\": 1}", "x.json is no document of any reader; the readers are " READERS },
		{ "[1, 2]", "x.json is no document of any reader; the readers are " READERS },
		{ "a,b\n1,2\n", "x.json is no document of any reader; the readers are " READERS },
		{ "{\"num_prompts\": 3, \"comp", "x.json is not whole JSON (" },
		{ "{\"benchmarks\": 7}", "x.json is no document of any reader; the readers are " READERS },
		{ "{\"benchmarks\": [{\"throughput_tokens_per_sec\": 1}]}", "x.json: benchmarks.0: it has no input_length and output_length" },
	};
	char note[256];
	struct err e;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		json_t *files = json_array();

		add(files, "x.json", cases[k].text);
		assert_null(import_read(files, "", note, &e));
		if (!str_starts(e.msg, cases[k].says))
			fail_msg("%s: %s", cases[k].text, e.msg);
		add(files, "y.json", "also nothing");
		if (!strstr(cases[k].text, "[{")) {
			assert_null(import_read(files, "", note, &e));
			assert_string_equal(e.msg, "x.json and 1 other files hold no document of any reader; the readers are " READERS);
		}
		json_decref(files);
	}
}

/* Several files: of one run, of two kinds, with what lies beside them. */
static void test_together(void **state)
{
	json_t *files = json_array(), *source;
	char note[256];
	struct err e = { 0 };

	(void)state;
	add_fixture(files, "vllm-serve.json", "a.json");
	add_fixture(files, "vllm-serve.json", "b.json");
	add_fixture(files, "vllm-serve.out", "a.out"); /* the same once more, as it was printed */
	add(files, "manifest.json", "{\"schema\":\"gpufleet-manifest-1\"}");
	add(files, "marks.jsonl", "{\"t\":100,\"event\":\"begin\"}\n");
	add(files, "telemetry.csv", "101,0,5,6,7,8,x\n102,0,5,6,7,8,x\n");
	source = import_read(files, "", note, &e);
	if (!source)
		fail_msg("%s", e.msg);
	assert_true(json_num(row_of(source, "power_mean"), "value", 0) == 7);
	json_decref(source);
	add_fixture(files, "llama-bench.csv", "c.csv");
	assert_null(import_read(files, "", note, &e));
	assert_string_equal(e.msg, "a.json is for the reader vllm-bench and c.csv for llama-bench: import them apart, or name a reader (--reader)");
	source = import_read(files, "llama-bench", note, &e);
	assert_non_null(source);
	assert_string_equal(json_str(source, "import.model", ""), "qwen2 7B Q8_0");
	json_decref(source);
	json_array_clear(files);
	/* What PACE's run says of its answers lies in a file that is another reader's by itself. */
	add_fixture(files, "pace_results.json", "s01_c1_r1.json");
	add(files, "results.jsonl", "{\"metric\":\"quality\",\"text\":\"pass\"}\n");
	source = import_read(files, "", note, &e);
	assert_non_null(source);
	assert_string_equal(json_str(row_of(source, "quality"), "text", ""), "pass");
	json_decref(source);
	json_array_clear(files);
	/* A run that measured nothing has only its plan. */
	add(files, "scenarios.jsonl", "{\"scenario\":\"128x64\",\"concurrency\":1,\"repeat\":1,\"status\":\"failed\",\"reason\":\"oom\"}\n");
	source = import_read(files, "", note, &e);
	assert_string_equal(json_str(row_of(source, "status"), "text", ""), "failed");
	json_decref(source);
	json_array_clear(files);
	add_fixture(files, "benchmark_nvidia_format.csv", "a.csv");
	add_fixture(files, "benchmark_nvidia_format.csv", "b.csv");
	assert_null(import_read(files, "", note, &e));
	assert_string_equal(e.msg, "a benchmark_nvidia_format file is imported by itself, not 2 files together");
	json_decref(files);
}

/* What could not be understood of a document that could is said. */
static void test_note(void **state)
{
	json_t *files = json_array(), *source;
	char note[256];
	struct err e;

	(void)state;
	add(files, "x", "{\"n_prompt\":0,\"n_gen\":128,\"avg_ts\":32}\n{\"n_prompt\":0,\"n_g");
	source = import_read(files, "", note, &e);
	assert_non_null(source);
	assert_string_equal(note, "1 rows were not understood: cut short, or of another program");
	json_decref(source);
	json_decref(files);
}

/* Published documents, where they are at hand: each is imported, or refused in one sentence. */
static void test_samples(void **state)
{
	static const struct {
		const char *name, *status;
		double value; /* of output_throughput; 0: it has none */
	} wanted[] = {
		{ "vllm-bench-serve-0.25.1.json", "ok", 82.89297074037474 },
		{ "vllm-bench-serve-0.25.1-all-failed.json", "failed", 0 },
		{ "llama-bench-lhl-tune-decode.jsonl", "ok", 128e9 / 664092895 },
		{ "benchmark_nvidia_format.csv", "ok", 33.1 },
	};
	const char *samples = getenv("SAMPLES") ? getenv("SAMPLES") : "../shared/samples";
	DIR *d = opendir(samples);
	struct dirent *de;
	char note[256];

	(void)state;
	if (!d) {
		print_message("not run: no %s; SAMPLES names another place\n", samples);
		return;
	}
	while ((de = readdir(d))) {
		json_t *files = json_array(), *source;
		struct err e = { 0 };
		char path[600], *text;
		size_t k = 0;

		snprintf(path, sizeof(path), "%s/%.255s", samples, de->d_name);
		text = *de->d_name == '.' ? NULL : text_of(path);
		if (text) {
			add(files, de->d_name, text);
			source = import_read(files, "", note, &e);
			while (k < ARRAY_LEN(wanted) && strcmp(wanted[k].name, de->d_name) != 0)
				k++;
			if (k == ARRAY_LEN(wanted) && !source && !strstr(e.msg, READERS))
				fail_msg("%s: %s", de->d_name, e.msg);
			if (k < ARRAY_LEN(wanted)) {
				struct bench b;

				if (!source)
					fail_msg("%s: %s", de->d_name, e.msg);
				bench_read(&b, source);
				assert_string_equal(b.cells[0].status, wanted[k].status);
				assert_true(json_num(row_of(source, "output_throughput"), "value", 0) == wanted[k].value);
				bench_free(&b);
			}
			json_decref(source);
		}
		free(text);
		json_decref(files);
	}
	closedir(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_content),
		cmocka_unit_test(test_wrong_reader),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_together),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
