/* What of each shipped recipe's results is judged from night to night: by what its own reader makes of what its scripts leave. */
#include "base/embed.h"
#include "base/str.h"
#include "config/recipe.h"
#include "remote/result.h"
#include "report/figures.h"
#include "report/verdicts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define FILES_MAX 8

struct left {
	const char *name, *text; /* text NULL: tests/fixtures/results/NAME */
};

static char *fixture(const char *name)
{
	struct buf b = BUF(1 << 20);
	char path[256], part[4096];
	size_t n;
	FILE *f;

	snprintf(path, sizeof(path), "tests/fixtures/results/%s", name);
	f = fopen(path, "re");
	assert_non_null(f);
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_append(&b, part, n);
	fclose(f);
	return buf_take(&b);
}

static void shipped(struct recipe *r, const char *name)
{
	const struct embedded *f;
	char path[128];
	struct err e;

	snprintf(path, sizeof(path), "remote/recipes/%s/recipe.yaml", name);
	f = embed_find(path);
	assert_non_null(f);
	if (recipe_read(r, path, f->data, f->size, result_reader_names(), NULL, &e) < 0)
		fail_msg("%s", e.msg);
}

/* As the database answers: rows with labels, and what the recipe says of its figures. */
static json_t *source_of(const struct recipe *recipe, const struct left *left)
{
	struct result_file files[FILES_MAX];
	char *texts[FILES_MAX] = { NULL };
	json_t *o = json_object(), *rows = json_array(), *judge = json_object();
	struct results r = { 0 };
	size_t n = 0;

	for (; left[n].name; n++) {
		texts[n] = left[n].text ? NULL : fixture(left[n].name);
		files[n] = (struct result_file){ left[n].name, left[n].text ? left[n].text : texts[n], 0 };
		files[n].n = strlen(files[n].text);
		assert_true(result_reader_find(recipe->reader)->wants(files[n].name));
	}
	result_reader_find(recipe->reader)->read(files, n, &r);
	for (size_t k = 0; k < r.count; k++) {
		json_t *row = json_pack("{ss ss so}", "metric", r.rows[k].metric, "unit", r.rows[k].unit, "labels",
		    json_read(r.rows[k].labels, strlen(r.rows[k].labels), NULL));

		json_put(row, r.rows[k].number ? "value" : "text", r.rows[k].number ? json_real(r.rows[k].value) : json_string(r.rows[k].text));
		json_array_append_new(rows, row);
	}
	results_free(&r);
	while (n > 0)
		free(texts[--n]);
	for (int k = 0; k < recipe->judge_count; k++)
		json_put_str(judge, recipe->judge[k].metric, recipe->judge[k].better);
	json_put(o, "run", json_pack("{ss}", "recipe", recipe->name));
	json_put(o, "results", rows);
	json_put(o, "judge", judge);
	return o;
}

/* "output_throughput 128x128 at 1: 2 x tok/s, higher is better" of each figure, a line each. */
static char *judged(const struct recipe *recipe, const struct left *left)
{
	json_t *source = source_of(recipe, left), *figures = json_array(), *f;
	json_t *trial = json_pack("{si si ss si ss ss sb}", "id", 1, "run", 1, "gpu", "MI300X", "gpu_count", 1, "provider", "hotaisle", "recipe",
	    recipe->name, "again", 0);
	struct buf b = BUF(65536);
	size_t k;

	verdicts_figures(figures, source, trial);
	json_array_foreach(figures, k, f) {
		buf_printf(&b, "%s %s", json_str(f, "metric", ""), json_str(f, "scenario", ""));
		if (json_int(f, "concurrency", 0))
			buf_printf(&b, " at %d", (int)json_int(f, "concurrency", 0));
		buf_printf(&b, ": %zu x %s, %s\n", json_array_size(json_object_get(f, "measured")), json_str(f, "unit", ""),
		    json_bool(f, "lower_is_better", false) ? "lower" : "higher");
	}
	json_decref(trial);
	json_decref(figures);
	json_decref(source);
	return buf_take(&b);
}

#define PLAN(scenario, in, out, batch, repeat, file)                                                                     \
	"{\"scenario\":\"" scenario "\",\"input\":" in ",\"output\":" out ",\"concurrency\":" batch ",\"repeat\":" repeat           \
	",\"file\":\"" file "\",\"status\":\"ran\"}\n"
#define LATENCY(s) "{\"avg_latency\": " s ", \"latencies\": [" s ", " s "], \"percentiles\": {\"50\": " s "}}"
#define SERVED                                                                                                           \
	"{\"num_prompts\":3,\"max_concurrency\":1,\"duration\":100.0,\"completed\":3,\"failed\":0,\"total_input_tokens\":384,"     \
	"\"total_output_tokens\":6144,\"request_throughput\":0.03,\"output_throughput\":61.44,\"total_token_throughput\":65.28}"

static const struct {
	const char *recipe, *wanted;
	struct left left[FILES_MAX];
} cases[] = {
	{ "vllm-serve", "output_throughput 128x2048 at 1: 1 x tok/s, higher\n",
	    { { "scenarios.jsonl", PLAN("128x2048", "128", "2048", "1", "1", "a") }, { "a.json", SERVED } } },
	{ "vllm-ray", "output_throughput 128x2048 at 1: 1 x tok/s, higher\n",
	    { { "scenarios.jsonl", PLAN("128x2048", "128", "2048", "1", "1", "a") }, { "a.json", SERVED } } },
	/* Seconds, of which fewer are better, although tokens per second could be made of them. */
	{ "vllm-latency", "latency_s 128x128 at 8: 2 x s, lower\n",
	    { { "scenarios.jsonl", PLAN("128x128", "128", "128", "8", "1", "a") PLAN("128x128", "128", "128", "8", "2", "b") },
		{ "a.json", LATENCY("7.0") }, { "b.json", LATENCY("7.1") } } },
	{ "vllm-throughput", "output_throughput 128x2048: 1 x tok/s, higher\n",
	    { { "scenarios.jsonl", PLAN("128x2048", "128", "2048", "0", "1", "a") },
		{ "a.json", "{\"elapsed_time\": 400.0, \"num_requests\": 1000, \"total_num_tokens\": 2176000, \"requests_per_second\": 2.5, "
			    "\"tokens_per_second\": 5440.0}" } } },
	/* A prompt that nothing answers has the speed of its own tokens. */
	{ "llama-bench", "total_throughput pp512 at 1: 2 x tok/s, higher\noutput_throughput tg128@d4096 at 1: 2 x tok/s, higher\n"
			 "output_throughput 128x128 fa0 at 1: 1 x tok/s, higher\n", { { "llama-bench.jsonl", NULL } } },
	{ "pace", "output_throughput 128x128 at 1: 1 x tok/s, higher\noutput_throughput 128x128 hf at 1: 1 x tok/s, higher\n",
	    { { "scenarios.jsonl", PLAN("128x128", "128", "128", "1", "1", "pace_results") }, { "pace_results.json", NULL },
		{ "results.jsonl", "{\"metric\":\"quality\",\"text\":\"pass\"}\n" } } },
	{ "hf-generate", "output_throughput 128x128 at 1: 2 x tok/s, higher\n",
	    { { "results.jsonl",
		"{\"metric\":\"load_time\",\"value\":12.5,\"unit\":\"s\"}\n{\"metric\":\"weights\",\"value\":14.2,\"unit\":\"GiB\"}\n"
		"{\"metric\":\"output_throughput\",\"scenario\":\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":1,"
		"\"value\":41.0,\"unit\":\"tok/s\"}\n"
		"{\"metric\":\"median_ttft_ms\",\"scenario\":\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":1,"
		"\"value\":30.0,\"unit\":\"ms\"}\n"
		"{\"metric\":\"status\",\"scenario\":\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":1,\"text\":\"ok\"}\n"
		"{\"metric\":\"output_throughput\",\"scenario\":\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":2,"
		"\"value\":41.2,\"unit\":\"tok/s\"}\n"
		"{\"metric\":\"status\",\"scenario\":\"128x128\",\"input\":128,\"output\":128,\"concurrency\":1,\"repeat\":2,\"text\":\"ok\"}\n" } } },
	/* The repeats of a GPU and type are one figure; their median is no second one, a share of the data sheet none at all. */
	{ "matmul", "matmul dtype=fp16 size=8192 gpu=0 with=PyTorch 2.4.1, HIP 6.2: 2 x TFLOPS, higher\n"
		    "matmul dtype=fp16 size=8192 gpu=1 with=PyTorch 2.4.1, HIP 6.2: 1 x TFLOPS, higher\n",
	    { { "results.jsonl",
		"{\"metric\":\"matmul\",\"value\":138.21,\"unit\":\"TFLOPS\",\"dtype\":\"fp16\",\"size\":8192,\"gpu\":0,\"with\":\"PyTorch 2.4.1, HIP 6.2\","
		"\"repeat\":1}\n"
		"{\"metric\":\"matmul\",\"value\":138.40,\"unit\":\"TFLOPS\",\"dtype\":\"fp16\",\"size\":8192,\"gpu\":0,\"with\":\"PyTorch 2.4.1, HIP 6.2\","
		"\"repeat\":2}\n"
		"{\"metric\":\"matmul\",\"value\":137.90,\"unit\":\"TFLOPS\",\"dtype\":\"fp16\",\"size\":8192,\"gpu\":1,\"with\":\"PyTorch 2.4.1, HIP 6.2\","
		"\"repeat\":1}\n"
		"{\"metric\":\"matmul_median\",\"value\":138.30,\"unit\":\"TFLOPS\",\"dtype\":\"fp16\",\"size\":8192,\"gpu\":0,"
		"\"with\":\"PyTorch 2.4.1, HIP 6.2\"}\n"
		"{\"metric\":\"peak_share\",\"value\":76.4,\"unit\":\"%\",\"dtype\":\"fp16\",\"size\":8192,\"gpu\":0,"
		"\"with\":\"PyTorch 2.4.1, HIP 6.2\"}\n" } } },
	{ "hip-kernel", "elapsed_time_kernel : 2 x ms, lower\nfp16_matmul : 1 x GFLOPS, higher\npeak : 1 x PFLOPS, higher\ncopy : 1 x GB/s, higher\n",
	    { { "results.jsonl",
		"{\"metric\":\"elapsed_time_kernel\",\"value\":1.5,\"unit\":\"ms\",\"repeat\":1}\n"
		"{\"metric\":\"elapsed_time_kernel\",\"value\":1.6,\"unit\":\"ms\",\"repeat\":2}\n"
		"{\"metric\":\"fp16_matmul\",\"value\":900,\"unit\":\"GFLOPS\",\"repeat\":1}\n"
		"{\"metric\":\"peak\",\"value\":1.1,\"unit\":\"PFLOPS\",\"repeat\":1}\n"
		"{\"metric\":\"copy\",\"value\":24.5,\"unit\":\"GB/s\",\"repeat\":1}\n"
		"{\"metric\":\"clock\",\"value\":2100,\"unit\":\"MHz\",\"repeat\":1}\n"
		"{\"metric\":\"array\",\"value\":64,\"unit\":\"MiB\",\"repeat\":1}\n"
		"{\"metric\":\"power\",\"value\":300,\"unit\":\"W\",\"repeat\":1}\n" } } },
	/* Its unit says nothing; the recipe does. What it was measured over is no figure of the machine. */
	{ "perplexity", "perplexity : 1 x 1, lower\n",
	    { { "results.jsonl",
		"{\"metric\":\"perplexity\",\"value\":6.1512,\"unit\":\"1\"}\n{\"metric\":\"perplexity_error\",\"value\":0.03,\"unit\":\"1\"}\n"
		"{\"metric\":\"chunks\",\"value\":100,\"unit\":\"1\"}\n{\"metric\":\"context\",\"value\":512,\"unit\":\"tokens\"}\n"
		"{\"metric\":\"dataset\",\"text\":\"wikitext-2\"}\n{\"metric\":\"perplexity_baseline\",\"value\":6.1,\"unit\":\"1\"}\n"
		"{\"metric\":\"perplexity_change\",\"value\":0.84,\"unit\":\"%\"}\n{\"metric\":\"perplexity_limit\",\"value\":2,\"unit\":\"%\"}\n"
		"{\"metric\":\"quality\",\"text\":\"pass\"}\n" } } },
	{ "quantize", "duration : 1 x s, lower\n",
	    { { "results.jsonl", "{\"metric\":\"duration\",\"value\":640,\"unit\":\"s\"}\n"
				 "{\"metric\":\"quantized_size\",\"value\":70.553,\"unit\":\"GB\"}\n" } } },
	{ "gpu-check", "disk_write : 1 x MB/s, higher\ngpu_copy_in : 1 x GB/s, higher\n",
	    { { "results.jsonl",
		"{\"metric\":\"gpu_count\",\"value\":8,\"unit\":\"1\"}\n{\"metric\":\"gpu_memory\",\"value\":192,\"unit\":\"GB\"}\n"
		"{\"metric\":\"gpu_busy\",\"value\":0,\"unit\":\"%\"}\n{\"metric\":\"gpu_power\",\"value\":140,\"unit\":\"W\"}\n"
		"{\"metric\":\"gpu_temperature\",\"value\":41,\"unit\":\"C\"}\n{\"metric\":\"disk_write\",\"value\":950,\"unit\":\"MB/s\"}\n"
		"{\"metric\":\"gpu_copy_in\",\"value\":26.1,\"unit\":\"GB/s\"}\n{\"metric\":\"gpu\",\"text\":\"MI300X\"}\n" } } },
	{ "script", "triad : 1 x TB/s, higher\n",
	    { { "results.jsonl", "{\"metric\":\"triad\",\"value\":4.2,\"unit\":\"TB/s\"}\n{\"metric\":\"score\",\"value\":3,\"unit\":\"\"}\n" } } },
};

static void each_recipe_is_judged(void **state)
{
	int wrong = 0;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct recipe r;
		char *got;

		shipped(&r, cases[k].recipe);
		got = judged(&r, cases[k].left);
		if (strcmp(got, cases[k].wanted) != 0) {
			print_error("%s:\n%swanted:\n%s\n", cases[k].recipe, got, cases[k].wanted);
			wrong++;
		}
		free(got);
		recipe_free(&r);
	}
	assert_int_equal(wrong, 0);
}

static void none_is_forgotten(void **state)
{
	(void)state;
	for (const struct embedded *f = NULL; (f = embed_next("remote/recipes/", f));) {
		const char *name = f->name + strlen("remote/recipes/"), *end = strchr(name, '/');
		bool known = !end || strcmp(end, "/recipe.yaml") != 0;

		for (size_t k = 0; k < ARRAY_LEN(cases); k++)
			known |= end && strlen(cases[k].recipe) == (size_t)(end - name) && !strncmp(cases[k].recipe, name, (size_t)(end - name));
		if (!known)
			fail_msg("nobody says what is judged of %s", f->name);
	}
}

/* ---- figures ---- */

static void a_recipe_has_the_last_word(void **state)
{
	json_t *judge = json_pack("{ss ss ss}", "score", "higher", "load", "none", "loss", "lower");
	bool lower;

	(void)state;
	assert_true(figure_judged(judge, "score", "", &lower) && !lower);
	assert_true(figure_judged(judge, "loss", "1", &lower) && lower);
	assert_false(figure_judged(judge, "load", "s", &lower));
	assert_true(figure_judged(judge, "other", "s", &lower) && lower);
	assert_true(figure_judged(NULL, "speed", "images/s", &lower) && !lower);
	assert_false(figure_judged(NULL, "count", "1", &lower));
	assert_false(figure_judged(NULL, "share", "%", &lower));
	json_decref(judge);
}

/* Long labels that begin alike are two series. */
static void long_labels_are_told_apart(void **state)
{
	char words[2][61];

	(void)state;
	for (int k = 0; k < 2; k++) {
		struct figure f = { .labels = json_pack("{ss si}", "kernel", "a_name_that_takes_all_the_room_there_is_and_then_some_more", "gpu", k) };

		figure_words(&f, words[k], sizeof(words[k]));
		assert_int_equal(strlen(words[k]), 60);
		json_decref(f.labels);
	}
	assert_memory_equal(words[0], words[1], 40);
	assert_string_not_equal(words[0], words[1]);
}

/* One machine and two never share a series. */
static void instances_are_part_of_the_series(void **state)
{
	static const char *const wanted[] = { "|MI300X:8|", "|MI300X:8x2|" };

	(void)state;
	for (int k = 0; k < 2; k++) {
		json_t *figures = json_array(), *trial = json_pack("{si ss si ss si}", "run", 1, "gpu", "MI300X", "gpu_count", 8, "provider", "hotaisle",
		    "instances", k + 1);
		json_t *source = json_pack("{s[{ss sf ss}]}", "results", "metric", "speed", "value", 3.5, "unit", "GB/s");

		verdicts_figures(figures, source, trial);
		assert_non_null(strstr(json_str(json_array_get(figures, 0), "series", ""), wanted[k]));
		assert_int_equal(json_int(json_array_get(figures, 0), "instances", 0), k + 1);
		json_decref(source);
		json_decref(trial);
		json_decref(figures);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_recipe_is_judged),
		cmocka_unit_test(none_is_forgotten),
		cmocka_unit_test(a_recipe_has_the_last_word),
		cmocka_unit_test(long_labels_are_told_apart),
		cmocka_unit_test(instances_are_part_of_the_series),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
