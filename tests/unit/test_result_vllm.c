/* Documents of vllm bench across versions, whole and broken: what becomes a figure, what becomes a verdict, what becomes nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/str.h"
#include "remote/result.h"
#include "remote/result_vllm.h"
#include "remote/result_vllm_log.h"

#include <math.h>

/* Three prompts of 128 tokens with 2048 answered each, one at a time: the shape of 0.11-0.13. */
#define WHOLE \
	"{\"date\":\"20260204-061502\",\"endpoint_type\":\"openai\",\"backend\":\"openai\",\"label\":null,\"model_id\":\"m\"," \
	"\"tokenizer_id\":\"m\",\"num_prompts\":3,\"scenario\":\"128x2048\",\"repeat\":\"1\",\"request_rate\":\"inf\"," \
	"\"burstiness\":1.0,\"max_concurrency\":1,\"duration\":185.61934,\"completed\":3,\"failed\":0,\"total_input_tokens\":384," \
	"\"total_output_tokens\":6144,\"request_throughput\":0.016162109,\"request_goodput\":null,\"output_throughput\":33.09999917," \
	"\"total_token_throughput\":35.16874912,\"max_output_tokens_per_s\":35.0,\"max_concurrent_requests\":2," \
	"\"mean_ttft_ms\":71.4,\"median_ttft_ms\":70.9,\"std_ttft_ms\":1.9,\"p50_ttft_ms\":70.9,\"p99_ttft_ms\":74," \
	"\"median_tpot_ms\":30.19,\"p99.9_itl_ms\":32.0,\"median_e2el_ms\":61872.1}"

static const struct result_metric *find(const struct results *r, const char *metric)
{
	for (size_t k = 0; k < r->count; k++)
		if (!strcmp(r->rows[k].metric, metric))
			return &r->rows[k];
	return NULL;
}

static double value(const struct results *r, const char *metric)
{
	const struct result_metric *m = find(r, metric);

	return m && m->number ? m->value : -1;
}

static struct vllm_verdict judge(const char *text, const struct vllm_asked *asked, struct results *out)
{
	struct err e = { 0 };
	json_t *doc = vllm_document(text, strlen(text), NULL, &e);
	struct vllm_verdict v;

	if (!doc)
		fail_msg("%s", e.msg);
	v = vllm_rows(doc, asked, "{\"scenario\":\"s\"}", out);
	json_decref(doc);
	return v;
}

static char *replaced(const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	assert_non_null(at);
	return xasprintf("%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void test_whole(void **state)
{
	struct results r = { 0 };
	struct vllm_verdict v = judge(WHOLE, &(struct vllm_asked){ 128, 2048, 0 }, &r);

	(void)state;
	assert_string_equal(v.status, "ok");
	assert_string_equal(v.detail, "");
	assert_true(fabs(value(&r, "output_throughput") - 33.09999917) < 1e-9);
	assert_true(value(&r, "total_output_tokens") == 6144);
	assert_true(value(&r, "p99_ttft_ms") == 74);
	assert_true(value(&r, "p99.9_itl_ms") == 32);
	assert_string_equal(find(&r, "median_e2el_ms")->unit, "ms");
	assert_string_equal(find(&r, "median_e2el_ms")->labels, "{\"scenario\":\"s\"}");
	/* Not measured is not zero. */
	assert_null(find(&r, "request_goodput"));
	assert_null(find(&r, "rtfx"));
	results_free(&r);
}

/* One thing wrong at a time: status, reason, and a word of the sentence. */
static void test_verdicts(void **state)
{
	static const struct {
		const char *from, *to, *status, *reason, *word;
	} cases[] = {
		{ "\"failed\":0", "\"failed\":1", "invalid", "request_errors", "1 of 4" },
		{ "\"completed\":3,\"failed\":0", "\"completed\":0,\"failed\":3", "failed", "request_errors", "all requests" },
		{ "\"completed\":3,\"failed\":0", "\"completed\":0", "failed", "request_errors", "all requests" },
		{ "\"completed\":3,\"failed\":0", "\"completed\":2", "invalid", "request_errors", "1 of 3" },
		{ "\"total_output_tokens\":6144", "\"total_output_tokens\":0", "failed", "request_errors", "token" },
		{ "\"total_output_tokens\":6144", "\"total_output_tokens\":6140", "suspect", "", "6140" },
		{ "\"duration\":185.61934", "\"duration\":190.0", "suspect", "", "tok/s for 190 s" },
		{ "\"request_throughput\":0.016162109", "\"request_throughput\":0.02", "suspect", "", "req/s" },
		{ "\"num_prompts\":3", "\"num_prompts\":5", "suspect", "", "5 prompts" },
		{ "\"output_throughput\":33.09999917", "\"output_throughput\":NaN", "failed", "parse_error", "output_throughput" },
		{ "\"output_throughput\":33.09999917", "\"output_throughput\":-Infinity", "failed", "parse_error", "output_throughput" },
		{ "\"output_throughput\":33.09999917,", "", "suspect", "", "output_throughput" },
		{ "\"output_throughput\":33.09999917", "\"output_throughput\":0.0", "failed", "parse_error", "output_throughput" },
		{ "\"output_throughput\":33.09999917", "\"output_tokens_rate\":33.1", "suspect", "", "calls it otherwise" },
		{ "\"completed\":3,\"failed\":0,", "", "suspect", "", "how many requests" },
		{ "\"completed\":3", "\"completed\":\"3\"", "suspect", "", "how many requests" },
		{ "\"output_throughput\":33.09999917", "\"output_throughput\":\"33\"", "failed", "parse_error", "output_throughput" },
		{ "\"median_ttft_ms\":70.9", "\"median_ttft_ms\":NaN", "ok", "", "" },
		{ "\"duration\":185.61934,", "", "ok", "", "" },
		{ "\"label\":null", "\"label\":\"NaN: -Infinity \\\" }\"", "ok", "", "" },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		char *text = replaced(WHOLE, cases[k].from, cases[k].to);
		struct results r = { 0 };
		struct vllm_verdict v = judge(text, &(struct vllm_asked){ 128, 2048, 0 }, &r);

		if (strcmp(v.status, cases[k].status) != 0 || strcmp(v.reason, cases[k].reason) != 0 || !strstr(v.detail, cases[k].word))
			fail_msg("%s -> %s: %s '%s' '%s'", cases[k].from, cases[k].to, v.status, v.reason, v.detail);
		if (!strcmp(v.status, "failed") && !strcmp(v.reason, "request_errors"))
			assert_int_equal(r.count, 0);
		assert_true(value(&r, "median_ttft_ms") != 0);
		results_free(&r);
		free(text);
	}
}

static void test_versions(void **state)
{
	struct results r = { 0 };
	char *old = replaced(WHOLE, "\"request_goodput\":null", "\"request_goodput:\":0.015"), *text;

	(void)state;
	text = replaced(old, "\"total_token_throughput\":35.16874912", "\"input_throughput\":2.06875");
	assert_string_equal(judge(text, &(struct vllm_asked){ 0 }, &r).status, "ok");
	assert_true(value(&r, "request_goodput") == 0.015);
	assert_true(fabs(value(&r, "total_token_throughput") - 35.16874917) < 1e-6);
	free(text);
	free(old);
	results_free(&r);
}

/* What each version has that others have not (benchmarks §1.2, §1.7): all of it is read by key, and nothing becomes 0. */
static void test_variants(void **state)
{
	static const struct {
		const char *from, *to, *status, *word;
		const char *metric; /* -1: it has no row */
		double value;
	} cases[] = {
		/* 2024: two halves of the throughput, arrays always, best_of and use_beam_search */
		{ "\"total_token_throughput\":35.16874912", "\"best_of\":1,\"use_beam_search\":false,\"input_throughput\":2.0,\"ttfts\":[0.07,0.07,0.07],"
		  "\"itls\":[[0.03],[],[0.03]],\"output_lens\":[2048,2048,2048],\"errors\":[\"\",\"\",\"\"]", "ok", "", "total_token_throughput", 35.09999917 },
		/* and requests without a token that count as completed */
		{ "\"label\":null", "\"ttfts\":[0.07,0.0,0.07]", "suspect", "1 of its 3 completed requests gave no token", "request_goodput", -1 },
		{ "\"label\":null", "\"output_lens\":[3072,0,3072],\"ttfts\":[0.07,0.0,0.07]", "suspect", "gave no token", "median_ttft_ms", 70.9 },
		{ "\"failed\":0,", "", "ok", "", "failed", -1 },
		{ "\"request_goodput\":null", "\"request_goodput:\":0.0", "ok", "", "request_goodput", 0 },
		{ "\"max_concurrency\":1", "\"max_concurrency\":null", "ok", "", "completed", 3 },
		{ "\"max_output_tokens_per_s\":35.0,\"max_concurrent_requests\":2,", "", "ok", "", "max_output_tokens_per_s", -1 },
		/* above the cap that was asked for */
		{ "\"max_concurrent_requests\":2", "\"max_concurrent_requests\":6", "ok", "", "max_concurrent_requests", 6 },
		{ "\"label\":null", "\"rtfx\":0.0", "ok", "", "rtfx", -1 },
		{ "\"label\":null", "\"spec_decode_acceptance_rate\":62.5,\"spec_decode_acceptance_length\":2.25,\"spec_decode_num_drafts\":9,"
		  "\"spec_decode_per_position_acceptance_rates\":[0.8,0.4]", "ok", "", "spec_decode_acceptance_rate", 62.5 },
		/* 0.25: seconds in arrays that stay, queues, probes */
		{ "\"label\":null", "\"latencies\":[61.8,61.9],\"queue_times\":[0.0,0.1],\"mean_client_queue_time_ms\":50.0,"
		  "\"p99_e2el_including_client_queue_ms\":61950.0,\"probe_ttft_ms\":1.0", "ok", "", "median_latency", -1 },
		{ "\"date\":\"20260204-061502\",", "\"ramp_up_strategy\":\"linear\",\"rps_change_events\":[{\"rps\":1}],", "ok", "", "completed", 3 },
		{ "\"tokenizer_id\":\"m\"", "\"tokenizer_id\":null", "ok", "", "completed", 3 },
		/* integers where floats are expected */
		{ "\"mean_ttft_ms\":71.4", "\"mean_ttft_ms\":71", "ok", "", "mean_ttft_ms", 71 },
		/* one token an answer has no time between tokens: numpy's mean of nothing */
		{ "\"median_tpot_ms\":30.19", "\"median_tpot_ms\":0.0", "ok", "", "median_tpot_ms", -1 },
		{ "\"std_ttft_ms\":1.9", "\"std_ttft_ms\":0.0", "ok", "", "std_ttft_ms", 0 },
		{ "\"median_e2el_ms\":61872.1", "\"std_e2el_ms\":Infinity", "ok", "", "std_e2el_ms", -1 },
		{ "\"total_token_throughput\":35.16874912,", "\"total_token_throughput\":0.0,", "ok", "", "total_token_throughput", -1 },
	};
	struct results r = { 0 };
	struct vllm_verdict v;

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		char *text = replaced(WHOLE, cases[k].from, cases[k].to);

		v = judge(text, &(struct vllm_asked){ 128, 2048, 0 }, &r);
		if (strcmp(v.status, cases[k].status) != 0 || !strstr(v.detail, cases[k].word))
			fail_msg("%s: %s '%s'", cases[k].to, v.status, v.detail);
		if (fabs(value(&r, cases[k].metric) - cases[k].value) > 1e-9)
			fail_msg("%s: %s is %g", cases[k].to, cases[k].metric, value(&r, cases[k].metric));
		results_free(&r);
		free(text);
	}
	/* A harness of somebody's own that kept only latencies: what is there is shown, and nothing is 0. */
	v = judge("{\"num_prompts\":3,\"mean_ttft_ms\":70.5,\"failed\":0}", &(struct vllm_asked){ 0 }, &r);
	assert_string_equal(v.status, "suspect");
	assert_true(value(&r, "mean_ttft_ms") == 70.5);
	assert_null(find(&r, "output_throughput"));
	results_free(&r);
	v = judge("{\"num_prompts\":3,\"date\":\"x\"}", &(struct vllm_asked){ 0 }, &r);
	assert_string_equal(v.status, "failed");
	assert_int_equal(r.count, 0);
	results_free(&r);
}

static void test_other_documents(void **state)
{
	struct results r = { 0 };

	(void)state;
	assert_string_equal(judge("{\"elapsed_time\": 389.57, \"num_requests\": 1000, \"total_num_tokens\": 736330, "
				  "\"requests_per_second\": 2.566932, \"tokens_per_second\": 1890.109}",
	    &(struct vllm_asked){ .output = 128 }, &r).status, "ok");
	assert_true(fabs(value(&r, "total_token_throughput") - 1890.109) < 1e-9);
	assert_true(fabs(value(&r, "output_throughput") - 1000 * 128 / 389.57) < 1e-9);
	results_free(&r);
	/* Without fixed lengths nothing is said about output. */
	assert_string_equal(judge("{\"elapsed_time\": 10, \"num_requests\": 5, \"requests_per_second\": 0.6}", &(struct vllm_asked){ 0 }, &r).status,
	    "suspect");
	assert_null(find(&r, "output_throughput"));
	results_free(&r);
	assert_string_equal(judge("{\"avg_latency\": 8.0, \"latencies\": [12.0, 7.0, 7.2, 6.8, 7.0], \"percentiles\": {\"50\": 7.0}}",
	    &(struct vllm_asked){ .output = 128, .batch = 8 }, &r).status, "ok");
	assert_true(value(&r, "median_latency") == 7.0);
	assert_true(fabs(value(&r, "output_throughput") - 8 * 128 / 7.0) < 1e-9);
	results_free(&r);
	/* Answers that ended early are not as long as was asked for. */
	assert_string_equal(judge("{\"elapsed_time\": 10, \"num_requests\": 10, \"total_num_tokens\": 1000, \"requests_per_second\": 1, "
				  "\"tokens_per_second\": 100}",
	    &(struct vllm_asked){ 100, 100, 0 }, &r).status, "suspect");
	results_free(&r);
	/* std_latency is newer; without the list, its own median, and never 0 iterations. */
	assert_string_equal(judge("{\"avg_latency\": 8.0, \"std_latency\": 0.1, \"percentiles\": {\"10\": 6.5, \"50\": 7.0}}",
	    &(struct vllm_asked){ .output = 128, .batch = 8 }, &r).status, "suspect");
	assert_true(value(&r, "median_latency") == 7.0);
	assert_null(find(&r, "iterations"));
	results_free(&r);
	assert_string_equal(judge("{\"avg_latency\": 0.0, \"latencies\": []}", &(struct vllm_asked){ 0 }, &r).status, "failed");
	assert_string_equal(judge("{\"hello\": 1}", &(struct vllm_asked){ 0 }, &r).reason, "parse_error");
	assert_int_equal(r.count, 0);
	results_free(&r);
}

static void test_surroundings(void **state)
{
	const char *noisy = "WARNING 02-04 06:11 [config.py:12] {not json}\nggml: x\n" WHOLE "\n" WHOLE;
	struct err e;
	size_t used;
	json_t *doc = vllm_document(noisy, strlen(noisy), &used, &e);

	(void)state;
	assert_non_null(doc);
	json_decref(doc);
	assert_int_equal(noisy[used], '\n');
	doc = vllm_document(noisy + used, strlen(noisy + used), &used, &e);
	assert_non_null(doc);
	json_decref(doc);
	/* Cut anywhere: a sentence, never a document. */
	for (size_t n = 0; n + 1 < sizeof(WHOLE); n++) {
		doc = vllm_document(WHOLE, n, NULL, &e);
		if (doc)
			fail_msg("cut at %zu it is a document", n);
		assert_true(*e.msg != '\0');
	}
}

static const char log_of_a_run[] =
    "Namespace(backend='openai')\n"
    "============ Serving Benchmark Result ============\n"
    "Successful requests:                     1\n"
    "Output token throughput (tok/s):         1.00\n"
    "==================================================\n"
    "\r 50%|#####     | 1/2\r100%|##########| 2/2\n"
    "============ Serving Benchmark Result ============\n"
    "Successful requests:                     180\n"
    "Failed requests:                         0\n"
    "Benchmark duration (s):                  195.28\n"
    "Total input tokens:                      37841\n"
    "Total generated tokens:                  38794\n"
    "Request throughput (req/s):              0.92\n"
    "Output token throughput (tok/s):         198.66\n"
    "Peak output token throughput (tok/s):    398.00\n"
    "Total Token throughput (tok/s):          392.45\n"
    "---------------Time to First Token----------------\n"
    "Mean TTFT (ms):                          74.71\n"
    "Median TTFT (ms):                        61.84\n"
    "P99 TTFT (ms):                           180.02\n"
    "-----Time per Output Token (excl. 1st token)------\n"
    "P99.9 TPOT (ms):                         12.50\n"
    "==================================================\n"
    "Mean TTFT (ms):                          1.00\n";

static const char coloured[] = "\x1b[1m============ Serving Benchmark Result ============\x1b[0m\n"
			       "\x1b[32mSuccessful requests:\x1b[0m                     180\n"
			       "Output token throughput (tok/s):         \x1b[1;33m198.66\x1b[0m\n"
			       "Total token throughput (tok/s):          392.45\r\n"
			       "==================================================\n";
static const char offline[] = "Throughput: 1.00 requests/s, 2.00 total tokens/s, 3.00 output tokens/s\n"
			      "\r100%|##########| 1000/1000\rThroughput: 2.57 requests/s, 1890.10 total tokens/s, 640.12 output tokens/s\n"
			      "Total num prompt tokens:  486969\nTotal num output tokens:  249361\n";

static void test_printed(void **state)
{
	json_t *doc = vllm_printed(log_of_a_run, sizeof(log_of_a_run) - 1);
	struct results r = { 0 };
	struct vllm_verdict v;

	(void)state;
	assert_non_null(doc);
	v = vllm_rows(doc, &(struct vllm_asked){ 0 }, "{}", &r);
	assert_string_equal(v.status, "ok");
	assert_true(value(&r, "completed") == 180);
	assert_true(value(&r, "output_throughput") == 198.66);
	assert_true(value(&r, "total_token_throughput") == 392.45);
	assert_true(value(&r, "mean_ttft_ms") == 74.71);
	assert_true(value(&r, "p99_ttft_ms") == 180.02);
	assert_true(value(&r, "p99.9_tpot_ms") == 12.5);
	json_decref(doc);
	results_free(&r);
	/* Colours, and the line of a throughput benchmark, new and old. */
	doc = vllm_printed(coloured, sizeof(coloured) - 1);
	assert_string_equal(vllm_rows(doc, &(struct vllm_asked){ 0 }, "{}", &r).status, "ok");
	assert_true(value(&r, "total_token_throughput") == 392.45 && value(&r, "output_throughput") == 198.66);
	json_decref(doc);
	results_free(&r);
	doc = vllm_printed(offline, sizeof(offline) - 1);
	assert_string_equal(vllm_rows(doc, &(struct vllm_asked){ 128, 2048, 0 }, "{}", &r).status, "ok");
	assert_true(value(&r, "output_throughput") == 640.12 && value(&r, "total_token_throughput") == 1890.1);
	assert_true(value(&r, "total_output_tokens") == 249361);
	assert_null(find(&r, "duration"));
	json_decref(doc);
	results_free(&r);
	doc = vllm_printed("Throughput: 2.57 requests/s, 1890.10 tokens/s\n", 46);
	vllm_rows(doc, &(struct vllm_asked){ 128, 2048, 0 }, "{}", &r);
	assert_true(value(&r, "total_token_throughput") == 1890.1);
	assert_null(find(&r, "output_throughput"));
	json_decref(doc);
	results_free(&r);
	assert_null(vllm_printed("nothing", 7));
	assert_null(vllm_printed("Serving Benchmark Result", 24));
}

/* Whatever a machine sends, the readers end, and no row is a lie about its type. */
static void test_mutated(void **state)
{
	struct rng rng;
	size_t n = sizeof(WHOLE) - 1;
	int read = 0;

	(void)state;
	rng_seed(&rng, 3);
	for (int round = 0; round < 20000; round++) {
		char *text = xstrndup(WHOLE, n);
		struct results r = { 0 };
		struct err e;
		json_t *doc;

		for (uint64_t k = rng_below(&rng, 6); k > 0; k--)
			text[rng_below(&rng, n)] = (char)rng_below(&rng, 256);
		doc = vllm_document(text, n, NULL, &e);
		if (doc) {
			struct vllm_verdict v = vllm_rows(doc, &(struct vllm_asked){ 128, 2048, 0 }, "{}", &r);

			read++;
			assert_true(*v.status != '\0');
			for (size_t k = 0; k < r.count; k++)
				assert_true(r.rows[k].number && isfinite(r.rows[k].value));
		}
		json_decref(doc);
		doc = vllm_printed(text, n);
		json_decref(doc);
		results_free(&r);
		free(text);
	}
	assert_in_range(read, 2000, 19000);
}

/* ---- a whole directory ---- */

#define PLAN(s, c, r, file, rest) \
	"{\"scenario\":\"" s "\",\"input\":128,\"output\":2048,\"concurrency\":" c ",\"repeat\":" r ",\"file\":\"" file "\"," rest "}\n"

static struct result_file file(const char *name, const char *text)
{
	return (struct result_file){ name, text, strlen(text) };
}

static const char *status_of(const struct results *r, const char *label, const char **labels)
{
	for (size_t k = 0; k < r->count; k++)
		if (!strcmp(r->rows[k].metric, "status") && strstr(r->rows[k].labels, label)) {
			*labels = r->rows[k].labels;
			return r->rows[k].text;
		}
	return "none";
}

static void test_directory(void **state)
{
	const struct result_reader *reader = result_reader_find("vllm-bench");
	struct results r = { 0 };
	const char *labels = "", *cut = "{\"num_prompts\":3,";
	const struct result_file files[] = {
		file("marks.jsonl", "{\"t\":100,\"event\":\"begin\",\"scenario\":\"128x2048\",\"concurrency\":1,\"repeat\":1}\n"
				    "{\"t\":110,\"event\":\"end\",\"scenario\":\"128x2048\",\"concurrency\":1,\"repeat\":1}\n"),
		file("s01_c1_r1.json", WHOLE),
		file("s01_c1_r2.json", cut),
		file("s01_c1_r2.out", log_of_a_run),
		file("s01_c1_r3.json", cut),
		file("scenarios.jsonl",
		    PLAN("128x2048", "1", "1", "s01_c1_r1", "\"status\":\"failed\",\"reason\":\"timeout\"")
		    PLAN("128x2048", "1", "2", "s01_c1_r2", "\"status\":\"ran\"") PLAN("128x2048", "1", "3", "s01_c1_r3", "\"status\":\"ran\"")
		    "not json\n" PLAN("20000x2000", "1", "1", "", "\"status\":\"skipped\",\"reason\":\"context_exceeded\",\"detail\":\"22000 > 8192\"")
		    PLAN("128x2048", "1", "1", "s01_c1_r1", "\"status\":\"ran\"") PLAN("128x2048", "4", "1", "../../etc/passwd", "\"status\":\"ran\"")),
		file("server.log", "(EngineCore pid=1) Model loading took 131.40 GiB memory and 61.2 seconds\n"),
		file("telemetry.csv", "99,0,1,0,100,40,Not Active\n"
				      "101,0,80000,90,600,60,Not Active\n101,1,81000,92,610,61,Not Active\n"
				      "103,0,80500,[N/A],620,62,Active\n103,1,80500,94,610,61,Not Active\n"
				      "garbage\n200,0,9,9,9,9,x\n"),
	};

	(void)state;
	assert_non_null(reader);
	for (size_t k = 0; k < ARRAY_LEN(files); k++)
		assert_true(result_wants(reader, files[k].name));
	assert_false(reader->wants("x.pytorch.json"));
	assert_false(reader->wants("manifest.json"));
	assert_false(reader->wants("weights.safetensors"));
	result_read(reader, files, ARRAY_LEN(files), &r);
	assert_int_equal(r.bad, 1);
	assert_true(*r.message != '\0');
	/* Taken up again: the last line counts. */
	assert_string_equal(status_of(&r, "\"concurrency\":1,\"repeat\":1", &labels), "ok");
	/* Cut short: what was printed has 180 requests of another length, and says so. */
	assert_string_equal(status_of(&r, "\"repeat\":2", &labels), "suspect");
	assert_string_equal(status_of(&r, "\"repeat\":3", &labels), "failed");
	assert_non_null(strstr(labels, "parse_error"));
	assert_string_equal(status_of(&r, "20000x2000", &labels), "skipped");
	assert_non_null(strstr(labels, "\"reason\":\"context_exceeded\",\"detail\":\"22000 > 8192\""));
	assert_string_equal(status_of(&r, "\"concurrency\":4", &labels), "failed");
	assert_true(value(&r, "weights") == 131.4);
	assert_true(value(&r, "memory_used_max") == 81000);
	assert_true(value(&r, "power_max") == 1230);
	assert_true(fabs(value(&r, "power_mean") - 1230) < 1e-9);
	assert_true(fabs(value(&r, "energy") - 2460) < 1e-9);
	assert_true(fabs(value(&r, "gpu_busy_mean") - (91 + 94) / 2.0) < 1e-9);
	assert_true(value(&r, "temperature_max") == 62);
	assert_true(value(&r, "throttled") == 1);
	results_free(&r);
}

static void test_loose_files(void **state)
{
	struct results r = { 0 };
	const char *labels = "";
	const struct result_file files[] = { file("a.json", WHOLE "\n" WHOLE), file("b.json", "{\"x\":1}") };

	(void)state;
	result_reader_find("vllm-bench")->read(files, 2, &r);
	assert_string_equal(status_of(&r, "\"input\":128,\"output\":2048,\"concurrency\":1", &labels), "ok");
	results_free(&r);
}

static void test_amd_samples(void **state)
{
	static const char *const shapes[] = {
		"[{\"gpu\":0,\"usage\":{\"gfx_activity\":{\"value\":42,\"unit\":\"%\"}},\"power\":{\"socket_power\":{\"value\":154,\"unit\":\"W\"},"
		"\"throttle_status\":\"UNTHROTTLED\"},\"temperature\":{\"edge\":\"N/A\",\"hotspot\":{\"value\":45,\"unit\":\"C\"}},"
		"\"mem_usage\":{\"used_vram\":{\"value\":283,\"unit\":\"MB\"}}}]",
		"{\"gpu_data\":[{\"gpu\":0,\"usage\":{\"gfx_activity\":42},\"power\":{\"socket_power\":\"154 W\"},"
		"\"temperature\":{\"edge\":45,\"hotspot\":\"N/A\"},\"mem_usage\":{\"used_vram\":\"283\"}},{\"gpu\":1,\"usage\":\"N/A\",\"power\":\"N/A\"}]}",
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
		char *text = xasprintf("{\"t\":100.5,\"d\":%s}\n{\"t\":101,\"d\":null}\n{\"t\":101.5,\"d\":%s}\n", shapes[k], shapes[k]);
		struct results r = { 0 };
		const struct result_file files[] = {
			file("marks.jsonl", "{\"t\":100,\"event\":\"begin\",\"scenario\":\"s\",\"concurrency\":1,\"repeat\":1}\n"),
			file("telemetry.jsonl", text),
		};

		result_read(result_reader_find("vllm-bench"), files, 2, &r);
		assert_true(value(&r, "energy") == 154);
		assert_true(value(&r, "gpu_busy_mean") == 42);
		assert_true(value(&r, "temperature_max") == 45);
		assert_true(value(&r, "memory_used_max") == 283);
		results_free(&r);
		free(text);
	}
}

/* What was marked is what the figures are of: the run in its stretches, or a part of it by whatever name. */
static void test_marks(void **state)
{
	static const char samples[] = "100,0,5,6,100,8,x\n101,0,5,6,100,8,x\n102,0,5,6,900,8,x\n110,0,7,6,200,8,x\n112,0,7,6,200,9,x\n";
	static const char whole[] = "{\"t\":99.5,\"event\":\"begin\"}\n{\"t\":101.5,\"event\":\"end\"}\n{\"t\":109,\"event\":\"begin\"}\n";
	static const char parts[] = "{\"t\":1,\"event\":\"begin\",\"repeat\":2}\n{\"t\":99.5,\"event\":\"begin\",\"repeat\":2}\n"
				    "{\"t\":101.5,\"event\":\"end\",\"repeat\":2}\nnonsense\n[1]\n";
	static const char figures[] = "{\"metric\":\"memory_used_max\",\"value\":3,\"unit\":\"MiB\",\"repeat\":2}\n";
	const struct result_reader *reader = result_reader_find("gpufleet-jsonl");
	struct result_file files[] = { file("results.jsonl", figures), file("marks.jsonl", whole), file("telemetry.csv", samples) };
	struct results r = { 0 };

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(files); k++)
		assert_true(result_wants(reader, files[k].name));
	result_read(reader, files, 3, &r);
	assert_int_equal(r.bad, 0);
	assert_true(value(&r, "energy") == 100 + 2 * 200);
	assert_true(fabs(value(&r, "power_mean") - 500 / 3.0) < 1e-9);
	assert_true(value(&r, "power_max") == 200);
	assert_true(value(&r, "temperature_max") == 9);
	assert_string_equal(find(&r, "energy")->labels, "{}");
	results_free(&r);
	files[1] = file("marks.jsonl", parts);
	result_read(reader, files, 3, &r);
	assert_true(value(&r, "energy") == 100);
	assert_string_equal(find(&r, "energy")->labels, "{\"repeat\":2}");
	/* What the program said of itself stays. */
	assert_true(value(&r, "memory_used_max") == 3);
	results_free(&r);
}

/* ---- logs ---- */

static void test_server_log(void **state)
{
	static const char text[] =
	    "\x1b[1;36m(APIServer pid=7)\x1b[0m INFO vLLM API server version 0.13.0rc2.dev5\n"
	    "(EngineCore_DP0 pid=9) INFO Initializing a V1 LLM engine (v0.13.0) with config: model='m', dtype=torch.bfloat16, "
	    "max_seq_len=8192, quantization=None, kv_cache_dtype=auto, seed=0\n"
	    "INFO Model loading took 131.4 GiB and 61.54 seconds\n"
	    "INFO Available KV cache memory: 34.50 GiB\n"
	    "INFO GPU KV cache size: 112,896 tokens\n";
	struct results r = { 0 };

	(void)state;
	vllm_log_rows(text, sizeof(text) - 1, &r);
	assert_true(value(&r, "weights") == 131.4);
	assert_true(value(&r, "kv_cache") == 34.5);
	assert_true(value(&r, "kv_cache_tokens") == 112896);
	assert_true(value(&r, "max_model_len") == 8192);
	assert_string_equal(find(&r, "vllm_version")->text, "0.13.0rc2.dev5");
	assert_string_equal(find(&r, "quantization")->text, "None");
	assert_string_equal(find(&r, "dtype")->text, "torch.bfloat16");
	results_free(&r);
	/* Where the configuration's line is lost. */
	vllm_log_rows("Maximum concurrency for 65,536 tokens per request: 1.92x\n# cuda blocks: 100, # CPU blocks: 5\n", 93, &r);
	assert_true(value(&r, "max_model_len") == 65536 && value(&r, "kv_cache_tokens") == 1600);
	results_free(&r);
	vllm_log_rows("# rocm blocks: 72800, # CPU blocks: 2048\nthe rest of the memory reserved for KV Cache is 142.19GiB\n", 98, &r);
	assert_true(value(&r, "kv_cache_tokens") == 72800 * 16);
	assert_true(value(&r, "kv_cache") == 142.19);
	results_free(&r);
}

static void test_log_reasons(void **state)
{
	static const struct {
		const char *line, *reason;
	} cases[] = {
		{ "torch.OutOfMemoryError: HIP out of memory. Tried to allocate", "oom" },
		{ "torch.OutOfMemoryError: CUDA out of memory. Tried", "oom" },
		{ "OSError: Cannot access gated repo for url https://", "model_access" },
		{ "Memory access fault by GPU node-1\nRuntimeError: Engine core initialization failed. See root cause above.", "gpu_fault" },
		{ "RuntimeError: HSA_STATUS_ERROR_OUT_OF_RESOURCES", "oom" },
		{ "HSA_STATUS_ERROR_INVALID_PACKET_FORMAT: x", "gpu_fault" },
		{ "Memory access fault by GPU node-1 on address", "gpu_fault" },
		{ "huggingface_hub.errors.GatedRepoError: 401 Client Error.", "model_access" },
		{ "OSError: [Errno 28] No space left on device", "disk_full" },
		{ "User-specified max_model_len (999999) is greater than the derived max_model_len", "context_exceeded" },
		{ "INFO all is well", NULL },
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		const char *got = vllm_log_reason(cases[k].line, strlen(cases[k].line));

		if (cases[k].reason ? !got || strcmp(got, cases[k].reason) != 0 : got != NULL)
			fail_msg("%s: %s", cases[k].line, got ? got : "nothing");
	}
}

static void test_jsonl(void **state)
{
	static const char text[] = "{\"metric\":\"triad\",\"value\":4.2,\"unit\":\"TB/s\",\"gpu\":1}\n{\"metric\":\"driver\",\"text\":\"6.10\"}\n"
				   "nonsense\n{\"metric\":\"x\",\"value\":[1]}\n\n{\"value\":1}\n";
	const struct result_file f = { "results.jsonl", text, sizeof(text) - 1 };
	const struct result_reader *reader = result_reader_find("gpufleet-jsonl");
	struct results r = { 0 };

	(void)state;
	assert_true(reader->wants("results.jsonl"));
	assert_false(reader->wants("other.jsonl"));
	reader->read(&f, 1, &r);
	assert_int_equal(r.count, 2);
	assert_int_equal(r.bad, 3);
	assert_true(value(&r, "triad") == 4.2);
	assert_string_equal(find(&r, "triad")->labels, "{\"gpu\":1}");
	assert_string_equal(find(&r, "driver")->text, "6.10");
	results_free(&r);
	assert_null(result_reader_find("no-such"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_variants),
		cmocka_unit_test(test_other_documents),
		cmocka_unit_test(test_surroundings),
		cmocka_unit_test(test_printed),
		cmocka_unit_test(test_mutated),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_loose_files),
		cmocka_unit_test(test_amd_samples),
		cmocka_unit_test(test_marks),
		cmocka_unit_test(test_server_log),
		cmocka_unit_test(test_log_reasons),
		cmocka_unit_test(test_jsonl),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
