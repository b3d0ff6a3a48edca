#include "report/pages.h"
#include "report/markup.h"
#include "base/instant.h"
#include "base/str.h"

#include <math.h>

static void fact(struct markup *p, const char *name, const char *value)
{
	markup_row(p);
	markup_cell(p, "%s", name);
	markup_cell(p, "%s", value);
	markup_row_end(p);
}

static void number_fact(struct markup *p, const char *name, bool known, double v, const char *unit)
{
	char text[64] = "";

	if (known)
		snprintf(text, sizeof(text), "%.2f %s", v, unit);
	fact(p, name, text);
}

/* ---- sections ---- */

static void summary(struct markup *p, const struct bench *b)
{
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels)), passed = 0;
	struct stats s;

	for (size_t k = 0; k < b->cell_count; k++)
		passed += !strcmp(b->cells[k].status, "ok");
	markup_heading(p, "Executive Summary");
	markup_line(p, "%zu of %zu scenarios passed.", passed, b->cell_count);
	for (size_t k = 0; k < n; k++)
		if (bench_summary(b, levels[k], &s)) {
			double million = stats_usd_per_million(b->usd_per_hour, s.mean);
			char dollars[64] = "";

			if (million > 0)
				snprintf(dollars, sizeof(dollars), ", $%.2f per 1M output tokens", million);
			markup_line(p, "Concurrency %d: %.1f output tok/s on average over %zu scenarios (%.1f to %.1f)%s.", levels[k], s.mean, s.n,
			    s.min, s.max, dollars);
		}
	if (!b->doubt_count)
		return;
	markup_line(p, "What does not fit together:");
	markup_list(p);
	for (size_t k = 0; k < b->doubt_count; k++)
		markup_item(p, b->doubts[k]);
	markup_list_end(p);
}

static const char *manifest(const struct bench *b, const char *key)
{
	return json_str(b->manifest, key, "");
}

static void infrastructure(struct markup *p, const struct bench *b)
{
	static const char *const columns[] = { "Component", "Value" };
	static const struct {
		const char *name, *key;
	} software[] = { { "Operating system", "os_release" }, { "Kernel", "kernel" }, { "CPU", "cpu_model" }, { "Driver", "driver_version" },
		{ "ROCm", "rocm_version" }, { "CUDA", "cuda_version" }, { "PyTorch", "torch_version" }, { "Python", "python_version" },
		{ "Image", "image" }, { "Image digest", "image_digest" }, { "Model revision", "model_revision" } };
	const json_t *args = json_object_get(b->manifest, "engine_args"), *arg;
	int count = b->gpu_count ? b->gpu_count : 1;
	double available = b->gpu_memory_gb, used = b->weights_gib + b->kv_cache_gib;
	char text[160];
	size_t k;

	markup_heading(p, "Infrastructure Setup");
	markup_table(p, columns, 2);
	snprintf(text, sizeof(text), "%d x %s", count, b->gpu);
	fact(p, "GPU", text);
	fact(p, "Server", b->server);
	number_fact(p, "Price", b->usd_per_hour > 0, b->usd_per_hour, "USD per hour");
	fact(p, "Model", b->model);
	fact(p, "Precision", b->precision);
	fact(p, "Framework", b->framework);
	for (k = 0; k < ARRAY_LEN(software); k++)
		if (*manifest(b, software[k].key))
			fact(p, software[k].name, manifest(b, software[k].key));
	markup_table_end(p);
	if (json_array_size(args)) {
		struct buf line = BUF(1000);

		json_array_foreach(args, k, arg)
			buf_printf(&line, "%s%s", k ? " " : "", json_is_string(arg) ? json_string_value(arg) : "?");
		markup_line(p, "Server command: %s", buf_str(&line));
		buf_free(&line);
	}
	markup_table(p, (const char *const[]){ "GPU memory, per GPU", "GiB" }, 2);
	number_fact(p, "Weights", b->weights_gib > 0, b->weights_gib, "");
	number_fact(p, "KV cache", b->kv_cache_gib > 0, b->kv_cache_gib, "");
	number_fact(p, "Total used", b->weights_gib > 0 && b->kv_cache_gib > 0, used, "");
	number_fact(p, "Available", available > 0, available, "");
	number_fact(p, "Headroom", available > 0 && b->weights_gib > 0 && b->kv_cache_gib > 0, available - used, "");
	markup_table_end(p);
}

static void methodology(struct markup *p, const struct bench *b)
{
	int repeats = 0, left_out = 0;

	for (size_t k = 0; k < b->cell_count; k++) {
		repeats += b->cells[k].repeats;
		left_out += b->cells[k].left_out;
	}
	markup_heading(p, "Methodology");
	markup_line(p, "%zu cells of scenario and concurrency, %d repeats in all, %d of them not counted. A cell's figure is the median of its "
		     "repeats; throughput is output tokens of all requests over the wall time.", b->cell_count, repeats, left_out);
	if (b->max_model_len)
		markup_line(p, "max-model-len was %d.", b->max_model_len);
}

static void result_rows(struct markup *p, const struct bench *b)
{
	static const char *const columns[] = { "Input Tokens", "Output Tokens", "Concurrency", "Throughput (tok/s)", "MAD", "Runs",
		"TTFT p50 (ms)", "TPOT p50 (ms)", "E2E p50 (ms)", "USD per 1M output", "Status" };

	markup_heading(p, "Results");
	markup_table(p, columns, ARRAY_LEN(columns));
	for (size_t k = 0; k < b->cell_count; k++) {
		const struct bench_cell *c = &b->cells[k];
		struct stats s;
		bool some = stats_of(c->figures[BENCH_OUTPUT].v, c->figures[BENCH_OUTPUT].n, &s);
		static const enum bench_figure latencies[] = { BENCH_TTFT_P50, BENCH_TPOT_P50, BENCH_E2E_P50 };
		char number[32];
		double v;

		markup_row(p);
		markup_cell(p, "%d", c->input);
		markup_cell(p, "%d", c->output);
		snprintf(number, sizeof(number), "%d", c->concurrency);
		markup_cell(p, "%s", c->concurrency ? number : "");
		snprintf(number, sizeof(number), "%.1f", s.median);
		markup_cell(p, "%s", some ? number : "");
		snprintf(number, sizeof(number), "%.2f", s.mad);
		markup_cell(p, "%s", some ? number : "");
		markup_cell(p, "%zu", c->figures[BENCH_OUTPUT].n);
		for (size_t i = 0; i < ARRAY_LEN(latencies); i++) {
			bool known = bench_median(c, latencies[i], &v);

			snprintf(number, sizeof(number), "%.1f", known ? v : 0);
			markup_cell(p, "%s", known ? number : "");
		}
		snprintf(number, sizeof(number), "$%.2f", c->usd_per_million);
		markup_cell(p, "%s", c->usd_per_million > 0 ? number : "");
		if (!strcmp(c->status, "ok"))
			markup_cell(p, "\xe2\x9c\x85 Pass");
		else
			markup_cell(p, "\xe2\x9a\xa0\xef\xb8\x8f %s%s%s", *c->reason ? c->reason : c->status, *c->detail ? ": " : "", c->detail);
		markup_row_end(p);
	}
	markup_table_end(p);
}

static void characteristics(struct markup *p, const struct bench *b)
{
	static const char *const columns[] = { "Concurrency", "Scenarios", "Mean", "Standard deviation (n-1)", "Coefficient of variation",
		"Median", "MAD", "Range" };
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels));
	struct stats s;

	markup_heading(p, "Performance Characteristics");
	markup_table(p, columns, ARRAY_LEN(columns));
	for (size_t k = 0; k < n; k++) {
		if (!bench_summary(b, levels[k], &s))
			continue;
		markup_row(p);
		markup_cell(p, "%d", levels[k]);
		markup_cell(p, "%zu", s.n);
		markup_cell(p, "%.2f", s.mean);
		markup_cell(p, "%.2f", s.sd);
		markup_cell(p, "%.2f %%", s.cv * 100);
		markup_cell(p, "%.2f", s.median);
		markup_cell(p, "%.2f", s.mad);
		markup_cell(p, "%.1f to %.1f", s.min, s.max);
		markup_row_end(p);
	}
	markup_table_end(p);
}

static void analysis(struct markup *p, const struct bench *b)
{
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels));
	struct stats first, s;

	markup_heading(p, "Analysis");
	if (n > 1 && bench_summary(b, levels[0], &first))
		for (size_t k = 1; k < n; k++)
			if (bench_summary(b, levels[k], &s))
				markup_line(p, "Concurrency %d gives %.2f times the throughput of concurrency %d (medians over scenarios).", levels[k],
				    s.median / first.median, levels[0]);
	for (size_t k = 0; k < b->cell_count; k++)
		if (strcmp(b->cells[k].status, "ok") != 0)
			markup_line(p, "%s at concurrency %d is %s: %s%s%s", b->cells[k].scenario, b->cells[k].concurrency, b->cells[k].status,
			    *b->cells[k].reason ? b->cells[k].reason : "no reason known", *b->cells[k].detail ? ", " : "", b->cells[k].detail);
}

static void costs(struct markup *p, const struct bench *b)
{
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels));
	struct stats s;

	markup_heading(p, "Cost Analysis");
	if (b->usd_per_hour <= 0) {
		markup_line(p, "No price is known.");
		return;
	}
	markup_line(p, "$%.4f per hour for the instance, $%.4f per GPU-hour.", b->usd_per_hour, b->usd_per_hour / (b->gpu_count ? b->gpu_count : 1));
	for (size_t k = 0; k < n; k++)
		if (bench_summary(b, levels[k], &s))
			markup_line(p, "Concurrency %d: $%.2f per 1M output tokens at %.4f tok/s.", levels[k],
			    stats_usd_per_million(b->usd_per_hour, s.mean), s.mean);
}

static void appendix(struct markup *p, const struct bench *b)
{
	char *text = b->manifest ? json_dumps(b->manifest, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;

	markup_heading(p, "Raw Data Files");
	markup_line(p, "The documents of vllm bench are kept as they were written: gpufleetctl results %s --save DIRECTORY", b->name);
	markup_heading(p, "Appendix: Manifest");
	if (*b->stack_id)
		markup_line(p, "stack_id %s", b->stack_id);
	if (!text) {
		markup_line(p, "There is no manifest.");
		return;
	}
	if (p->html) {
		buf_puts(p->out, "<pre>");
		for (const char *s = text; *s; s++)
			buf_printf(p->out, *s == '<' ? "&lt;" : *s == '&' ? "&amp;" : "%c", *s);
		buf_puts(p->out, "</pre>\n");
	} else {
		buf_printf(p->out, "~~~json\n%s\n~~~\n", text);
	}
	free(text);
}

static void title_block(struct markup *p, const struct bench *b)
{
	char line[400];

	snprintf(line, sizeof(line), "%s: %s", *b->title ? b->title : b->name, *b->model ? b->model : "benchmark");
	if (!p->html) {
		buf_puts(p->out, "# ");
		markup_text(p, line);
		buf_puts(p->out, "\n\n");
	}
	markup_line(p, "%s%s%d x %s%s%s%s%s", b->made, *b->made ? " \xc2\xb7 " : "", b->gpu_count ? b->gpu_count : 1, b->gpu,
	    *b->server ? " \xc2\xb7 " : "", b->server, *b->framework ? " \xc2\xb7 " : "", b->framework);
}

/* ---- charts ---- */

static size_t scenario_names(const struct bench *b, const char **names, size_t max)
{
	size_t n = 0, k;

	for (size_t i = 0; i < b->cell_count; i++) {
		for (k = 0; k < n && strcmp(names[k], b->cells[i].scenario) != 0; k++)
			;
		if (k == n && n < max)
			names[n++] = b->cells[i].scenario;
	}
	return n;
}

static void charts(struct markup *p, const struct bench *b)
{
	const char *labels[24], *series[8];
	char words[8][24];
	int levels[8];
	struct chart c = { "Output throughput by scenario and concurrency (tok/s, median of repeats)", "tok/s", labels, 0, series, 0, NULL,
			false };
	double values[24 * 8];

	if (!p->html)
		return;
	c.label_count = scenario_names(b, labels, ARRAY_LEN(labels));
	c.series_count = bench_concurrencies(b, levels, ARRAY_LEN(levels));
	for (size_t s = 0; s < c.series_count; s++) {
		snprintf(words[s], sizeof(words[s]), "concurrency %d", levels[s]);
		series[s] = words[s];
	}
	for (size_t l = 0; l < c.label_count; l++)
		for (size_t s = 0; s < c.series_count; s++) {
			const struct bench_cell *cell_at = bench_find(b, labels[l], levels[s]);

			if (!cell_at || !bench_median(cell_at, BENCH_OUTPUT, &values[l * c.series_count + s]))
				values[l * c.series_count + s] = NAN;
		}
	c.values = values;
	html_bars(p->out, &c);
}

/* ---- pages ---- */

static void sections(struct markup *p, const struct bench *b)
{
	title_block(p, b);
	summary(p, b);
	charts(p, b);
	infrastructure(p, b);
	methodology(p, b);
	result_rows(p, b);
	characteristics(p, b);
	analysis(p, b);
	costs(p, b);
	appendix(p, b);
}

void page_markdown(const struct bench *b, struct buf *out)
{
	sections(&(struct markup){ out, false }, b);
}

void page_html(const struct bench *b, struct buf *out)
{
	char title[300];

	snprintf(title, sizeof(title), "%s: %s", *b->title ? b->title : b->name, *b->model ? b->model : "benchmark");
	html_head(out, title);
	sections(&(struct markup){ out, true }, b);
	html_tail(out);
}
