#include "report/bench.h"
#include "base/gpu.h"
#include "base/str.h"
#include "report/doubts.h"

#define CELLS_MAX 2000

const char *const bench_keys[BENCH_FIGURES] = {
	[BENCH_OUTPUT] = "output_throughput",
	[BENCH_TOTAL] = "total_throughput",
	[BENCH_TTFT_P50] = "ttft_p50_ms",
	[BENCH_TTFT_P99] = "ttft_p99_ms",
	[BENCH_TPOT_P50] = "tpot_p50_ms",
	[BENCH_TPOT_P99] = "tpot_p99_ms",
	[BENCH_ITL_P50] = "itl_p50_ms",
	[BENCH_ITL_P99] = "itl_p99_ms",
	[BENCH_E2E_P50] = "e2e_p50_ms",
	[BENCH_E2E_P99] = "e2e_p99_ms",
	[BENCH_LATENCY] = "latency_s",
	[BENCH_POWER] = "power_mean_w",
	[BENCH_ENERGY] = "energy_j",
	[BENCH_MEMORY] = "peak_memory_mib",
};

const char *const bench_units[BENCH_FIGURES] = {
	[BENCH_OUTPUT] = "tok/s",
	[BENCH_TOTAL] = "tok/s",
	[BENCH_TTFT_P50] = "ms",
	[BENCH_TTFT_P99] = "ms",
	[BENCH_TPOT_P50] = "ms",
	[BENCH_TPOT_P99] = "ms",
	[BENCH_ITL_P50] = "ms",
	[BENCH_ITL_P99] = "ms",
	[BENCH_E2E_P50] = "ms",
	[BENCH_E2E_P99] = "ms",
	[BENCH_LATENCY] = "s",
	[BENCH_POWER] = "W",
	[BENCH_ENERGY] = "J",
	[BENCH_MEMORY] = "MiB",
};

/* Which rows are which figure. */
static const struct {
	const char *metric;
	enum bench_figure figure;
} rows_of[] = {
	{ "output_throughput", BENCH_OUTPUT },
	{ "total_token_throughput", BENCH_TOTAL },
	{ "median_ttft_ms", BENCH_TTFT_P50 },
	{ "p99_ttft_ms", BENCH_TTFT_P99 },
	{ "median_tpot_ms", BENCH_TPOT_P50 },
	{ "p99_tpot_ms", BENCH_TPOT_P99 },
	{ "median_itl_ms", BENCH_ITL_P50 },
	{ "p99_itl_ms", BENCH_ITL_P99 },
	{ "median_e2el_ms", BENCH_E2E_P50 },
	{ "p99_e2el_ms", BENCH_E2E_P99 },
	{ "median_latency", BENCH_LATENCY },
	{ "power_mean", BENCH_POWER },
	{ "energy", BENCH_ENERGY },
	{ "memory_used_max", BENCH_MEMORY },
};

static int small(const json_t *o, const char *key)
{
	int64_t v = json_int(o, key, 0);

	return v > 0 && v < 100000000 ? (int)v : 0;
}

static struct bench_cell *cell_of(struct bench *b, const json_t *labels)
{
	const char *scenario = json_str(labels, "scenario", "");
	int concurrency = small(labels, "concurrency");
	struct bench_cell *c;

	if (!*scenario)
		return NULL;
	for (size_t k = 0; k < b->cell_count; k++)
		if (!strcmp(b->cells[k].scenario, scenario) && b->cells[k].concurrency == concurrency)
			return &b->cells[k];
	if (b->cell_count == CELLS_MAX)
		return NULL;
	b->cells = xreallocarray(b->cells, b->cell_count + 1, sizeof(*b->cells));
	c = &b->cells[b->cell_count++];
	memset(c, 0, sizeof(*c));
	str_copy(c->scenario, scenario);
	c->input = small(labels, "input");
	c->output = small(labels, "output");
	c->concurrency = concurrency;
	return c;
}

/* What a cell is when no repeat is ok: the nearest to ok that any repeat came. */
static int nearness(const char *status)
{
	static const char *const order[] = { "skipped", "failed", "invalid", "suspect", "ok" };

	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		if (!strcmp(order[k], status))
			return (int)k;
	return 1;
}

/* What each repeat was called. */
struct repeats {
	struct {
		size_t cell_at;
		int repeat;
		const char *status;
	} *items;
	size_t count;
};

static void read_statuses(struct bench *b, const json_t *rows, struct repeats *all)
{
	const json_t *row;
	size_t k;

	json_array_foreach(rows, k, row) {
		const json_t *labels = json_object_get(row, "labels");
		const char *status = json_str(row, "text", "");
		struct bench_cell *c = !strcmp(json_str(row, "metric", ""), "status") ? cell_of(b, labels) : NULL;

		if (!c)
			continue;
		c->repeats++;
		if (!*c->status || nearness(status) > nearness(c->status)) {
			str_copy(c->status, status);
			str_copy(c->reason, json_str(labels, "reason", ""));
			str_copy(c->detail, json_str(labels, "detail", ""));
		}
		all->items = xreallocarray(all->items, all->count + 1, sizeof(*all->items));
		all->items[all->count].cell_at = (size_t)(c - b->cells);
		all->items[all->count].repeat = small(labels, "repeat");
		all->items[all->count++].status = status;
	}
}

/* Does this repeat count: is it as good as its cell? A suspect one counts only where there is none better. 0: of all repeats. */
static bool counts(const struct bench *b, const struct repeats *all, const struct bench_cell *c, int repeat)
{
	size_t at = (size_t)(c - b->cells);

	if (strcmp(c->status, "ok") != 0 && strcmp(c->status, "suspect") != 0)
		return false;
	for (size_t k = 0; k < all->count; k++)
		if (all->items[k].cell_at == at && all->items[k].repeat == repeat)
			return !strcmp(all->items[k].status, c->status);
	return !repeat;
}

static void read_figures(struct bench *b, const json_t *rows, const struct repeats *all)
{
	const json_t *row;
	size_t k, f;

	json_array_foreach(rows, k, row) {
		const char *metric = json_str(row, "metric", "");
		const json_t *labels = json_object_get(row, "labels"), *value = json_object_get(row, "value");
		struct bench_cell *c;
		struct bench_values *v;

		for (f = 0; f < ARRAY_LEN(rows_of) && strcmp(rows_of[f].metric, metric) != 0; f++)
			;
		if (!json_is_number(value) || (f == ARRAY_LEN(rows_of) && strcmp(metric, "throttled") != 0))
			continue;
		c = cell_of(b, labels);
		if (!c || !counts(b, all, c, small(labels, "repeat")))
			continue;
		if (f == ARRAY_LEN(rows_of)) {
			c->throttled = true;
			continue;
		}
		v = &c->figures[rows_of[f].figure];
		if (v->n < BENCH_REPEATS_MAX)
			v->v[v->n++] = json_number_value(value);
	}
}

static const json_t *row_of(const json_t *rows, const char *metric)
{
	const json_t *row;
	size_t k;

	json_array_foreach(rows, k, row)
		if (!strcmp(json_str(row, "metric", ""), metric) && !json_object_size(json_object_get(row, "labels")))
			return row;
	return NULL;
}

/* The first that says something. */
static void choose(char *out, size_t size, const char *a, const char *b, const char *c)
{
	str_copy_n(out, size, a && *a ? a : b && *b ? b : c ? c : "");
}
#define CHOOSE(array, a, b, c) choose((array), sizeof(array), (a), (b), (c))

static void read_facts(struct bench *b, const json_t *source)
{
	const json_t *run = json_object_get(source, "run"), *import = json_object_get(source, "import");
	const json_t *rows = json_object_get(source, "results"), *m = json_object_get(source, "manifest");
	const char *version = json_str(row_of(rows, "vllm_version"), "text", json_str(m, "vllm_version", ""));
	const struct gpu *g;
	const char *quantization = json_str(m, "quantization", ""), *dtype = json_str(m, "dtype", "");
	const char *said = json_str(row_of(rows, "framework"), "text", "");
	char framework[64] = "";
	double x;

	if (json_int(run, "id", 0))
		snprintf(b->name, sizeof(b->name), "run %lld", (long long)json_int(run, "id", 0));
	else
		CHOOSE(b->name, json_str(import, "name", ""), NULL, NULL);
	if (*version)
		snprintf(framework, sizeof(framework), "vLLM %.50s", version);
	CHOOSE(b->title, json_str(import, "title", ""), json_str(run, "title", ""), NULL);
	CHOOSE(b->model, json_str(import, "model", ""), json_str(m, "model_id", ""), json_str(run, "params.MODEL", ""));
	CHOOSE(b->gpu, json_str(import, "gpu", ""), json_str(run, "gpu", ""), json_str(m, "gpu_model", ""));
	CHOOSE(b->server, json_str(import, "server", ""), json_str(run, "provider", ""), json_str(m, "provider", ""));
	CHOOSE(b->precision, json_str(import, "precision", ""), json_str(run, "params.PRECISION", ""),
	    *quantization && !str_ieq(quantization, "none") ? quantization : str_starts(dtype, "torch.") ? dtype + 6 : dtype);
	/* The manifest knows the version where the documents do not. */
	CHOOSE(b->framework, json_str(import, "framework", ""), framework, *json_str(m, "framework", "") ? json_str(m, "framework", "") : said);
	CHOOSE(b->quality, json_str(row_of(rows, "quality"), "text", ""), NULL, NULL);
	CHOOSE(b->recipe, json_str(run, "recipe", ""), json_str(import, "recipe", ""), NULL);
	CHOOSE(b->fleet, json_str(run, "fleet", ""), NULL, NULL);
	CHOOSE(b->made, json_str(import, "timestamp", ""), json_str(run, "ended", ""), json_str(run, "created", ""));
	CHOOSE(b->stack_id, json_str(row_of(rows, "stack_id"), "text", ""), NULL, NULL);
	b->gpu_count = small(import, "gpu_count") ? small(import, "gpu_count") : small(run, "gpu_count");
	x = json_num(import, "price_hour", 0);
	b->usd_per_hour = x > 0 ? x : json_num(run, "price_hour", 0);
	g = gpu_find(b->gpu);
	b->gpu_memory_gb = small(import, "gpu_memory_gb") ? small(import, "gpu_memory_gb") : g ? g->memory_gb : 0;
	x = json_num(import, "weights_gib", 0);
	b->weights_gib = x > 0 ? x : json_num(row_of(rows, "weights"), "value", 0);
	b->kv_cache_gib = json_num(row_of(rows, "kv_cache"), "value", 0);
	b->max_model_len = small(import, "max_model_len") ? small(import, "max_model_len") : small(row_of(rows, "max_model_len"), "value");
	b->manifest = json_incref((json_t *)(uintptr_t)m);
}

bool bench_median(const struct bench_cell *c, enum bench_figure f, double *out)
{
	struct stats s;

	if (!stats_of(c->figures[f].v, c->figures[f].n, &s))
		return false;
	*out = s.median;
	return true;
}

enum bench_figure bench_headline(const struct bench_cell *c)
{
	bool only_total = !c->figures[BENCH_OUTPUT].n && c->figures[BENCH_TOTAL].n;

	return (c->input && !c->output) || only_total ? BENCH_TOTAL : BENCH_OUTPUT;
}

enum bench_figure bench_judged(const struct bench_cell *c)
{
	return c->figures[BENCH_LATENCY].n ? BENCH_LATENCY : bench_headline(c);
}

/* Offline benchmarks from elsewhere do not say what part of their tokens was answers: all of them, or a latency, is a measurement, too. */
static bool has_figures(const struct bench_cell *c)
{
	for (size_t f = 0; f < BENCH_FIGURES; f++)
		if (c->figures[f].n && f != BENCH_POWER && f != BENCH_ENERGY && f != BENCH_MEMORY)
			return true;
	return false;
}

void bench_read(struct bench *b, const json_t *source)
{
	const json_t *rows = json_object_get(source, "results");
	struct repeats all = { NULL, 0 };

	memset(b, 0, sizeof(*b));
	read_facts(b, source);
	read_statuses(b, rows, &all);
	read_figures(b, rows, &all);
	if (!b->cell_count)
		figures_read(&b->figures, source);
	free(all.items);
	for (size_t k = 0; k < b->cell_count; k++) {
		struct bench_cell *c = &b->cells[k];
		double rate;

		c->left_out = c->repeats - (int)c->figures[bench_headline(c)].n;
		if (bench_median(c, BENCH_OUTPUT, &rate))
			c->usd_per_million = stats_usd_per_million(b->usd_per_hour, rate);
		else if (!strcmp(c->status, "ok") && !has_figures(c))
			str_copy(c->status, "failed");
	}
	bench_doubts(b);
}

void bench_free(struct bench *b)
{
	json_decref(b->manifest);
	figures_free(&b->figures);
	free(b->cells);
	memset(b, 0, sizeof(*b));
}

const struct bench_cell *bench_find(const struct bench *b, const char *scenario, int concurrency)
{
	for (size_t k = 0; k < b->cell_count; k++)
		if (!strcmp(b->cells[k].scenario, scenario) && b->cells[k].concurrency == concurrency)
			return &b->cells[k];
	return NULL;
}

size_t bench_concurrencies(const struct bench *b, int *out, size_t max)
{
	size_t n = 0, at;

	for (size_t k = 0; k < b->cell_count; k++) {
		int c = b->cells[k].concurrency;

		for (at = 0; at < n && out[at] < c; at++)
			;
		if ((at < n && out[at] == c) || n == max)
			continue;
		memmove(out + at + 1, out + at, (n - at) * sizeof(*out));
		out[at] = c;
		n++;
	}
	return n;
}

bool bench_summary(const struct bench *b, int concurrency, struct stats *out)
{
	double v[STATS_MAX];
	size_t n = 0;

	for (size_t k = 0; k < b->cell_count && n < STATS_MAX; k++)
		if (b->cells[k].concurrency == concurrency && bench_median(&b->cells[k], BENCH_OUTPUT, &v[n]))
			n++;
	return stats_of(v, n, out);
}

/* ---- the document ---- */

static json_t *number_or_null(double v)
{
	return v > 0 ? json_real(v) : json_null();
}

static json_t *text_or_null(const char *s)
{
	return *s ? json_string(s) : json_null();
}

static json_t *cell_json(const struct bench *b, const struct bench_cell *c)
{
	json_t *o = json_object(), *all = json_array();
	const struct bench_values *speed = &c->figures[bench_headline(c)];
	struct stats s;

	json_put_str(o, "scenario", c->scenario);
	json_put(o, "input", c->input ? json_integer(c->input) : json_null());
	json_put(o, "output", c->output ? json_integer(c->output) : json_null());
	json_put(o, "concurrency", c->concurrency ? json_integer(c->concurrency) : json_null());
	json_put_str(o, "status", c->status);
	json_put(o, "reason", text_or_null(c->reason));
	json_put(o, "detail", text_or_null(c->detail));
	json_put_int(o, "repeats", c->repeats);
	json_put_int(o, "left_out", c->left_out);
	for (size_t k = 0; k < speed->n; k++)
		json_array_append_new(all, json_real(speed->v[k]));
	json_put(o, "values", all);
	for (enum bench_figure f = 0; f < BENCH_FIGURES; f++)
		json_put(o, bench_keys[f], stats_of(c->figures[f].v, c->figures[f].n, &s) ? json_real(s.median) : json_null());
	if (stats_of(speed->v, speed->n, &s)) {
		json_put(o, "mad", json_real(s.mad));
		json_put(o, "mean", json_real(s.mean));
		json_put(o, "sd", json_real(s.sd));
		json_put(o, "per_gpu", json_real(s.median / (b->gpu_count ? b->gpu_count : 1)));
	}
	json_put(o, "usd_per_million_output", number_or_null(c->usd_per_million));
	json_put_bool(o, "throttled", c->throttled);
	return o;
}

static json_t *summary_json(const struct bench *b, int concurrency)
{
	json_t *o = json_object();
	struct stats s;

	json_put(o, "concurrency", concurrency ? json_integer(concurrency) : json_null());
	if (!bench_summary(b, concurrency, &s)) {
		json_put_int(o, "n", 0);
		return o;
	}
	json_put_int(o, "n", (int64_t)s.n);
	json_put(o, "mean", json_real(s.mean));
	json_put(o, "sd", json_real(s.sd));
	json_put(o, "cv", json_real(s.cv));
	json_put(o, "median", json_real(s.median));
	json_put(o, "mad", json_real(s.mad));
	json_put(o, "min", json_real(s.min));
	json_put(o, "max", json_real(s.max));
	json_put(o, "usd_per_million_output", number_or_null(stats_usd_per_million(b->usd_per_hour, s.mean)));
	return o;
}

json_t *bench_json(const struct bench *b)
{
	json_t *o = json_object(), *cells = json_array(), *doubts = json_array(), *summaries = json_array();
	int levels[64];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels));

	json_put_str(o, "name", b->name);
	json_put(o, "title", text_or_null(b->title));
	json_put(o, "model", text_or_null(b->model));
	json_put(o, "gpu", text_or_null(b->gpu));
	json_put(o, "gpu_count", b->gpu_count ? json_integer(b->gpu_count) : json_null());
	json_put(o, "server", text_or_null(b->server));
	json_put(o, "precision", text_or_null(b->precision));
	json_put(o, "framework", text_or_null(b->framework));
	json_put(o, "made", text_or_null(b->made));
	json_put(o, "stack_id", text_or_null(b->stack_id));
	json_put(o, "quality", text_or_null(b->quality));
	json_put(o, "usd_per_hour", number_or_null(b->usd_per_hour));
	json_put(o, "weights_gib", number_or_null(b->weights_gib));
	json_put(o, "kv_cache_gib", number_or_null(b->kv_cache_gib));
	json_put(o, "max_model_len", b->max_model_len ? json_integer(b->max_model_len) : json_null());
	for (size_t k = 0; k < b->cell_count; k++)
		json_array_append_new(cells, cell_json(b, &b->cells[k]));
	for (size_t k = 0; k < n; k++)
		json_array_append_new(summaries, summary_json(b, levels[k]));
	for (size_t k = 0; k < b->doubt_count; k++)
		json_array_append_new(doubts, json_string(b->doubts[k]));
	json_put(o, "cells", cells);
	json_put(o, "summaries", summaries);
	json_put(o, "doubts", doubts);
	return o;
}
