#include "remote/result_llama.h"
#include "base/instant.h"
#include "base/str.h"
#include "remote/result_vllm_run.h"

#include <math.h>

#define TOLERANCE  0.001 /* samples have six digits (benchmarks §2) */
#define TESTS_MAX  500
#define TOKENS_MAX 100000000
#define TEST_NAME_MAX 64 /* "512x128@d4096 fa-auto", and any three integers */

/* A scenario as it has been named so far, and with which settings. */
struct test {
	char name[TEST_NAME_MAX], settings[300];
	int repeats;
};

struct tests {
	struct test *all;
	size_t count;
};

static bool has_tail(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && !strcmp(name + n - t, tail);
}

static int tokens(const json_t *row, const char *key)
{
	double v;

	return llama_number(row, key, &v) && v > 0 && v < TOKENS_MAX ? (int)v : 0;
}

/* ---- what it is called ---- */

/* What computed: "CUDA", "ROCm,CPU". Builds of 2023 and 2024 had a truth value for each instead. */
static void backends_of(const json_t *row, char out[64])
{
	static const char *const older[][2] = { { "cuda", "CUDA" }, { "hipblas", "ROCm" }, { "vulkan", "Vulkan" }, { "kompute", "Kompute" },
		{ "metal", "Metal" }, { "sycl", "SYCL" }, { "opencl", "OpenCL" }, { "gpu_blas", "BLAS" }, { "blas", "BLAS" } };
	double on;

	snprintf(out, 64, "%.63s", json_str(row, "backends", ""));
	for (size_t k = 0; !*out && k < ARRAY_LEN(older); k++)
		if (llama_number(row, older[k][0], &on) && on > 0)
			snprintf(out, 64, "%s", older[k][1]);
}

/* Settings that make another measurement of the same test; those that are in the name are not among them. */
static void settings_of(const json_t *row, char out[300])
{
	static const char *const keys[] = { "model_type", "model_filename", "n_gpu_layers", "n_threads", "n_batch", "n_ubatch", "type_k",
		"type_v", "split_mode", "main_gpu", "no_kv_offload", "devices", "tensor_split", "cpu_mask", "n_cpu_moe" };
	struct buf b = BUF(299);
	char backends[64];

	backends_of(row, backends);
	buf_printf(&b, "%s|", backends);
	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		const json_t *v = json_object_get(row, keys[k]);
		double x;

		if (llama_number(row, keys[k], &x))
			buf_printf(&b, "%g|", x);
		else
			buf_printf(&b, "%.60s|", json_is_string(v) ? json_string_value(v) : "");
	}
	str_copy_n(out, 300, buf_str(&b));
	buf_free(&b);
}

static void name_of(const json_t *row, char out[TEST_NAME_MAX])
{
	int prompt = tokens(row, "n_prompt"), answer = tokens(row, "n_gen"), depth = tokens(row, "n_depth");
	char behind[32] = "";
	double flash = 1;

	if (depth)
		snprintf(behind, sizeof(behind), "@d%d", depth);
	/* Whether flash attention is on decides much: never one series with it and without. */
	llama_number(row, "flash_attn", &flash);
	if (flash <= 0)
		snprintf(behind + strlen(behind), sizeof(behind) - strlen(behind), flash < 0 ? " fa-auto" : " fa0");
	if (prompt && answer)
		snprintf(out, TEST_NAME_MAX, "%dx%d%s", prompt, answer, behind);
	else
		snprintf(out, TEST_NAME_MAX, "%s%d%s", prompt ? "pp" : "tg", prompt ? prompt : answer, behind);
}

static struct test *test_of(struct tests *t, const json_t *row)
{
	char name[TEST_NAME_MAX], plain[TEST_NAME_MAX], settings[300];
	unsigned nth = 1;

	name_of(row, plain);
	settings_of(row, settings);
	str_copy(name, plain);
	for (size_t k = 0; k < t->count; k++) {
		if (strcmp(t->all[k].name, name) != 0)
			continue;
		if (!strcmp(t->all[k].settings, settings))
			return &t->all[k];
		snprintf(name, sizeof(name), "%.26s #%u", plain, ++nth % 1000);
		k = (size_t)-1;
	}
	if (t->count == TESTS_MAX)
		return NULL;
	t->all = xreallocarray(t->all, t->count + 1, sizeof(*t->all));
	memset(&t->all[t->count], 0, sizeof(*t->all));
	str_copy(t->all[t->count].name, name);
	str_copy(t->all[t->count].settings, settings);
	return &t->all[t->count++];
}

/* ---- figures ---- */

static double list_number(const json_t *row, const char *key, size_t k)
{
	const json_t *v = json_array_get(json_object_get(row, key), k);

	return json_is_number(v) && isfinite(json_number_value(v)) ? json_number_value(v) : 0;
}

static bool agrees(double got, double wanted)
{
	return fabs(got - wanted) <= TOLERANCE * fabs(wanted);
}

/* One repeat: `rate` tokens of all kinds per second. */
static void repeat_rows(const struct result_cell *c, double rate, double seconds, const char *doubt, struct results *out)
{
	char labels[TEXT_MAX];

	result_cell_labels(c, labels);
	if (c->output)
		results_number(out, "output_throughput", rate * c->output / (c->input + c->output), "tok/s", labels);
	if (c->input)
		results_number(out, "total_token_throughput", rate, "tok/s", labels);
	if (seconds > 0)
		results_number(out, "duration", seconds, "s", labels);
	result_status(c, *doubt ? "suspect" : "ok", "", doubt, out);
}

/* Does the average say what its samples say? A sentence when not. */
static void check_average(const json_t *row, double sum, size_t n, char doubt[160])
{
	double average;

	if (n && llama_number(row, "avg_ts", &average) && !agrees(sum / (double)n, average))
		snprintf(doubt, 160, "its average of %.6g tok/s is not that of its %zu samples, %.6g", average, n, sum / (double)n);
}

/* test_time is when the test began. Its warm-up and all its repeats follow, of which only the lengths are said. */
static void note_time(const json_t *row, const struct result_cell *c, double seconds, struct results *out)
{
	struct result_cell all = *c;
	struct result_span span = { .each = seconds };
	instant began;

	if (seconds <= 0 || !instant_parse(json_str(row, "test_time", ""), &began))
		return;
	all.repeat = 0;
	result_cell_labels(&all, span.labels);
	span.begin = (double)(began / SECOND);
	results_span(out, &span);
}

static void read_row(const json_t *row, struct tests *all, struct results *out)
{
	struct result_cell c = { .input = tokens(row, "n_prompt"), .output = tokens(row, "n_gen"), .concurrency = 1 };
	size_t n = json_array_size(json_object_get(row, "samples_ns")), rates = json_array_size(json_object_get(row, "samples_ts"));
	double count = c.input + c.output, rate, ns = 0, sum = 0;
	char doubt[160] = "";
	struct test *t = count > 0 ? test_of(all, row) : NULL;

	if (!t) {
		out->bad++;
		return;
	}
	str_copy(c.scenario, t->name);
	n = n > rates ? n : rates;
	n = n < 1000 ? n : 1000;
	for (size_t k = 0; k < n; k++) {
		double took = list_number(row, "samples_ns", k), said = list_number(row, "samples_ts", k);

		sum += took > 0 ? count * 1e9 / took : said;
		if (took > 0 && said > 0 && !agrees(said, count * 1e9 / took))
			snprintf(doubt, sizeof(doubt), "%.6g tok/s are not %.0f tokens in %.0f ns", said, count, took);
	}
	check_average(row, sum, n, doubt);
	note_time(row, &c, n && sum > 0 ? count * (double)n / sum : 0, out);
	for (size_t k = 0; k < n; k++) {
		ns = list_number(row, "samples_ns", k);
		rate = ns > 0 ? count * 1e9 / ns : list_number(row, "samples_ts", k);
		c.repeat = ++t->repeats;
		if (rate > 0)
			repeat_rows(&c, rate, ns / 1e9, doubt, out);
		else
			result_status(&c, "failed", "parse_error", "a sample is no number above 0", out);
	}
	if (n)
		return;
	c.repeat = ++t->repeats;
	llama_number(row, "avg_ns", &ns);
	if (!llama_number(row, "avg_ts", &rate) || rate <= 0) {
		rate = ns > 0 ? count * 1e9 / ns : 0;
		snprintf(doubt, sizeof(doubt), "it says no tokens per second, only how long it took");
	} else if (ns > 0 && fabs(rate - count * 1e9 / ns) > 0.05 * rate) {
		/* A mean of rates is not the rate of a mean, but it is near. */
		snprintf(doubt, sizeof(doubt), "%.6g tok/s are not %.0f tokens in %.0f ns", rate, count, ns);
	}
	if (rate > 0)
		repeat_rows(&c, rate, ns / 1e9, doubt, out);
	else
		result_status(&c, "failed", "parse_error", "the row says no speed", out);
}

/* What ran, from the first row: it is the same for all of one build, and models differ by their scenario. */
static void read_facts(const json_t *row, struct results *out)
{
	static const struct {
		const char *key, *metric;
	} texts[] = { { "gpu_info", "gpu_info" }, { "cpu_info", "cpu_info" }, { "model_type", "model_type" } };
	const char *commit = json_str(row, "build_commit", "");
	char text[TEXT_MAX];
	double v, number;

	snprintf(text, sizeof(text), "llama.cpp %.40s", strcmp(commit, "unknown") != 0 ? commit : "");
	/* A shallow clone counts one commit: that is no build number. */
	if (llama_number(row, "build_number", &number) && number > 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), " (b%.0f)", number);
	results_text(out, "framework", str_trim(text), "{}");
	backends_of(row, text);
	if (*str_trim(text))
		results_text(out, "backends", str_trim(text), "{}");
	for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
		snprintf(text, sizeof(text), "%.200s", json_str(row, texts[k].key, ""));
		if (*str_trim(text))
			results_text(out, texts[k].metric, str_trim(text), "{}");
	}
	if (llama_number(row, "model_n_params", &v) && v > 0)
		results_number(out, "model_parameters", v, "1", "{}");
	if (!llama_number(row, "model_size", &v) || v <= 0)
		return;
	results_number(out, "model_size", v / 1e9, "GB", "{}");
	if (*json_str(row, "gpu_info", "") && !strchr(json_str(row, "gpu_info", ""), ','))
		results_number(out, "weights", v / 1073741824.0, "GiB", "{}");
}

static void read_rows(const struct result_file *f, struct tests *all, bool *known, struct results *out)
{
	json_t *rows = llama_rows(f->text, f->n, &out->bad), *row;
	size_t k;

	json_array_foreach(rows, k, row) {
		if (!*known)
			read_facts(row, out);
		*known = true;
		read_row(row, all, out);
	}
	json_decref(rows);
}

/* ---- llama-speculative ---- */

static void read_speculative(const struct result_cell *c, const struct llama_speculative *s, struct results *out)
{
	double seconds = s->prompt_seconds + s->decoded_seconds;
	char labels[TEXT_MAX], doubt[160] = "";

	if (s->decoded <= 0 || seconds <= 0) {
		result_status(c, "failed", "request_errors", "it answered no token", out);
		return;
	}
	result_cell_labels(c, labels);
	/* From the prompt on, as every other benchmark counts; what it prints as its speed leaves the prompt out. */
	results_number(out, "output_throughput", s->decoded / seconds, "tok/s", labels);
	results_number(out, "total_token_throughput", (s->prompt + s->decoded) / seconds, "tok/s", labels);
	results_number(out, "decode_throughput", s->speed, "tok/s", labels);
	results_number(out, "total_input_tokens", s->prompt, "tokens", labels);
	results_number(out, "total_output_tokens", s->decoded, "tokens", labels);
	results_number(out, "duration", seconds, "s", labels);
	if (s->drafted > 0 && s->accepted >= 0)
		results_number(out, "spec_decode_acceptance_rate", 100 * s->accepted / s->drafted, "%", labels);
	else if (s->percent >= 0)
		results_number(out, "spec_decode_acceptance_rate", s->percent, "%", labels);
	if (c->output && s->decoded < c->output)
		snprintf(doubt, sizeof(doubt), "%.0f tokens were answered, %d were asked for", s->decoded, c->output);
	else if (s->decoded_seconds > 0.1 && fabs(s->decoded / s->decoded_seconds - s->speed) > 0.02 * s->speed)
		snprintf(doubt, sizeof(doubt), "%.6g tok/s are not %.0f tokens in %.6g s", s->speed, s->decoded, s->decoded_seconds);
	result_status(c, *doubt ? "suspect" : "ok", "", doubt, out);
}

/* One that nobody planned is called after what it did. */
static void read_loose(int *repeat, const struct llama_speculative *s, struct results *out)
{
	struct result_cell c = { .concurrency = 1 };

	if (s->prompt <= 0 || s->prompt > TOKENS_MAX || s->decoded <= 0 || s->decoded > TOKENS_MAX)
		return;
	c.repeat = ++*repeat;
	snprintf(c.scenario, sizeof(c.scenario), "%.0fx%.0f", s->prompt, s->decoded);
	read_speculative(&c, s, out);
}

/* ---- all files ---- */

static bool wants(const char *file)
{
	static const char *const others[] = { "manifest.json", "results.jsonl", "telemetry.jsonl", "marks.jsonl" };
	static const char *const tails[] = { ".json", ".jsonl", ".csv", ".sql", ".md", ".txt", ".log", ".out" };

	for (size_t k = 0; k < ARRAY_LEN(others); k++)
		if (!strcmp(file, others[k]))
			return false;
	for (size_t k = 0; k < ARRAY_LEN(tails); k++)
		if (has_tail(file, tails[k]))
			return true;
	return false;
}

static bool owns(const struct result_file *f)
{
	struct llama_speculative s;
	size_t bad = 0;
	json_t *rows;
	bool is = llama_speculative(f->text, f->n, &s);

	if (is)
		return true;
	rows = llama_rows(f->text, f->n, &bad);
	is = json_array_size(rows) > 0;
	json_decref(rows);
	return is;
}

/* Documents say what ran; the plan what did not, and which of the printed summaries is which repeat. */
static void read_planned(const struct result_file *files, size_t count, const struct result_planned *p, struct results *out)
{
	const struct result_file *f;
	struct llama_speculative s;
	char path[160];

	if (strcmp(p->status, "ran") != 0) {
		result_status(&p->cell, p->status, p->cell.reason, p->cell.detail, out);
		return;
	}
	snprintf(path, sizeof(path), "%s.out", p->file);
	f = result_file_find(files, count, path);
	if (f && llama_speculative(f->text, f->n, &s))
		read_speculative(&p->cell, &s, out);
	else if (f)
		result_status(&p->cell, "failed", "parse_error", "llama-speculative printed no summary", out);
}

static void read_files(const struct result_file *files, size_t count, struct results *out)
{
	const struct result_file *plan = result_file_find(files, count, "scenarios.jsonl");
	struct result_planned *planned = xcalloc(RESULT_CELLS_MAX, sizeof(*planned));
	size_t cells = plan ? result_plan(plan, planned, out) : 0;
	struct tests all = { NULL, 0 };
	struct llama_speculative s;
	bool known = false;
	int repeat = 0;

	for (size_t k = 0; k < count; k++)
		if (&files[k] == plan)
			continue;
		else if (!llama_speculative(files[k].text, files[k].n, &s)) /* whose answer may be anything */
			read_rows(&files[k], &all, &known, out);
		else if (!plan)
			read_loose(&repeat, &s, out);
	for (size_t k = 0; k < cells; k++)
		read_planned(files, count, &planned[k], out);
	free(planned);
	free(all.all);
	if (out->bad)
		snprintf(out->message, sizeof(out->message), "%zu rows were not understood: cut short, or of another program", out->bad);
}

const struct result_reader result_llama = { "llama-bench", wants, owns, read_files };
