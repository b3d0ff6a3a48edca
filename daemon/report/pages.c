#include "report/pages.h"
#include "base/instant.h"
#include "base/str.h"

#include <math.h>

/* ---- text ---- */

void markdown_text(struct buf *out, const char *text)
{
	struct buf safe = BUF(4096);

	str_safe(&safe, text, strnlen(text, 2000), false);
	for (const char *s = buf_str(&safe); *s; s++)
		if (*s == '<' || *s == '&') /* Markdown lets HTML through */
			buf_puts(out, *s == '<' ? "&lt;" : "&amp;");
		else
			buf_printf(out, strchr("|*_`>[]#\\", *s) ? "\\%c" : "%c", *s);
	buf_free(&safe);
}

void html_text(struct buf *out, const char *text)
{
	struct buf safe = BUF(4096);

	str_safe(&safe, text, strnlen(text, 2000), false);
	for (const char *s = buf_str(&safe); *s; s++)
		switch (*s) {
		case '&': buf_puts(out, "&amp;"); break;
		case '<': buf_puts(out, "&lt;"); break;
		case '>': buf_puts(out, "&gt;"); break;
		case '"': buf_puts(out, "&quot;"); break;
		case '\'': buf_puts(out, "&#39;"); break;
		default: buf_putc(out, *s);
		}
	buf_free(&safe);
}

/* One report, two languages: what differs is how a heading, a table and a cell are written. */
struct pen {
	struct buf *out;
	bool html;
};

static void heading(struct pen *p, const char *text)
{
	buf_printf(p->out, p->html ? "<h2>%s</h2>\n" : "\n## %s\n\n", text);
}

static void text_line(struct pen *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void text_line(struct pen *p, const char *fmt, ...)
{
	char line[1200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	buf_puts(p->out, p->html ? "<p>" : "");
	(p->html ? html_text : markdown_text)(p->out, line);
	buf_puts(p->out, p->html ? "</p>\n" : "\n\n");
}

static void item(struct pen *p, const char *text)
{
	buf_puts(p->out, p->html ? "<li>" : "- ");
	(p->html ? html_text : markdown_text)(p->out, text);
	buf_puts(p->out, p->html ? "</li>\n" : "\n");
}

static void table_begin(struct pen *p, const char *const *columns, size_t count)
{
	buf_puts(p->out, p->html ? "<table><tr>" : "|");
	for (size_t k = 0; k < count; k++)
		buf_printf(p->out, p->html ? "<th>%s</th>" : " %s |", columns[k]);
	buf_puts(p->out, p->html ? "</tr>\n" : "\n|");
	for (size_t k = 0; !p->html && k < count; k++)
		buf_puts(p->out, "---|");
	if (!p->html)
		buf_putc(p->out, '\n');
}

static void row_begin(struct pen *p)
{
	buf_puts(p->out, p->html ? "<tr>" : "|");
}

static void cell(struct pen *p, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void cell(struct pen *p, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	buf_puts(p->out, p->html ? "<td>" : " ");
	(p->html ? html_text : markdown_text)(p->out, *text ? text : "N/A");
	buf_puts(p->out, p->html ? "</td>" : " |");
}

static void row_end(struct pen *p)
{
	buf_puts(p->out, p->html ? "</tr>\n" : "\n");
}

static void table_end(struct pen *p)
{
	buf_puts(p->out, p->html ? "</table>\n" : "\n");
}

static void fact(struct pen *p, const char *name, const char *value)
{
	row_begin(p);
	cell(p, "%s", name);
	cell(p, "%s", value);
	row_end(p);
}

static void number_fact(struct pen *p, const char *name, bool known, double v, const char *unit)
{
	char text[64] = "";

	if (known)
		snprintf(text, sizeof(text), "%.2f %s", v, unit);
	fact(p, name, text);
}

/* ---- sections ---- */

static void summary(struct pen *p, const struct bench *b)
{
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels)), passed = 0;
	struct stats s;

	for (size_t k = 0; k < b->cell_count; k++)
		passed += !strcmp(b->cells[k].status, "ok");
	heading(p, "Executive Summary");
	text_line(p, "%zu of %zu scenarios passed.", passed, b->cell_count);
	for (size_t k = 0; k < n; k++)
		if (bench_summary(b, levels[k], &s)) {
			double million = stats_usd_per_million(b->usd_per_hour, s.mean);
			char dollars[64] = "";

			if (million > 0)
				snprintf(dollars, sizeof(dollars), ", $%.2f per 1M output tokens", million);
			text_line(p, "Concurrency %d: %.1f output tok/s on average over %zu scenarios (%.1f to %.1f)%s.", levels[k], s.mean, s.n,
			    s.min, s.max, dollars);
		}
	if (!b->doubt_count)
		return;
	text_line(p, "What does not fit together:");
	buf_puts(p->out, p->html ? "<ul>\n" : "");
	for (size_t k = 0; k < b->doubt_count; k++)
		item(p, b->doubts[k]);
	buf_puts(p->out, p->html ? "</ul>\n" : "\n");
}

static const char *manifest(const struct bench *b, const char *key)
{
	return json_str(b->manifest, key, "");
}

static void infrastructure(struct pen *p, const struct bench *b)
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

	heading(p, "Infrastructure Setup");
	table_begin(p, columns, 2);
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
	table_end(p);
	if (json_array_size(args)) {
		struct buf line = BUF(1000);

		json_array_foreach(args, k, arg)
			buf_printf(&line, "%s%s", k ? " " : "", json_is_string(arg) ? json_string_value(arg) : "?");
		text_line(p, "Server command: %s", buf_str(&line));
		buf_free(&line);
	}
	table_begin(p, (const char *const[]){ "GPU memory, per GPU", "GiB" }, 2);
	number_fact(p, "Weights", b->weights_gib > 0, b->weights_gib, "");
	number_fact(p, "KV cache", b->kv_cache_gib > 0, b->kv_cache_gib, "");
	number_fact(p, "Total used", b->weights_gib > 0 && b->kv_cache_gib > 0, used, "");
	number_fact(p, "Available", available > 0, available, "");
	number_fact(p, "Headroom", available > 0 && b->weights_gib > 0 && b->kv_cache_gib > 0, available - used, "");
	table_end(p);
}

static void methodology(struct pen *p, const struct bench *b)
{
	int repeats = 0, left_out = 0;

	for (size_t k = 0; k < b->cell_count; k++) {
		repeats += b->cells[k].repeats;
		left_out += b->cells[k].left_out;
	}
	heading(p, "Methodology");
	text_line(p, "%zu cells of scenario and concurrency, %d repeats in all, %d of them not counted. A cell's figure is the median of its "
		     "repeats; throughput is output tokens of all requests over the wall time.", b->cell_count, repeats, left_out);
	if (b->max_model_len)
		text_line(p, "max-model-len was %d.", b->max_model_len);
}

static void result_rows(struct pen *p, const struct bench *b)
{
	static const char *const columns[] = { "Input Tokens", "Output Tokens", "Concurrency", "Throughput (tok/s)", "MAD", "Runs",
		"TTFT p50 (ms)", "TPOT p50 (ms)", "E2E p50 (ms)", "USD per 1M output", "Status" };

	heading(p, "Results");
	table_begin(p, columns, ARRAY_LEN(columns));
	for (size_t k = 0; k < b->cell_count; k++) {
		const struct bench_cell *c = &b->cells[k];
		struct stats s;
		bool some = stats_of(c->figures[BENCH_OUTPUT].v, c->figures[BENCH_OUTPUT].n, &s);
		static const enum bench_figure latencies[] = { BENCH_TTFT_P50, BENCH_TPOT_P50, BENCH_E2E_P50 };
		char number[32];
		double v;

		row_begin(p);
		cell(p, "%d", c->input);
		cell(p, "%d", c->output);
		snprintf(number, sizeof(number), "%d", c->concurrency);
		cell(p, "%s", c->concurrency ? number : "");
		snprintf(number, sizeof(number), "%.1f", s.median);
		cell(p, "%s", some ? number : "");
		snprintf(number, sizeof(number), "%.2f", s.mad);
		cell(p, "%s", some ? number : "");
		cell(p, "%zu", c->figures[BENCH_OUTPUT].n);
		for (size_t i = 0; i < ARRAY_LEN(latencies); i++) {
			bool known = bench_median(c, latencies[i], &v);

			snprintf(number, sizeof(number), "%.1f", known ? v : 0);
			cell(p, "%s", known ? number : "");
		}
		snprintf(number, sizeof(number), "$%.2f", c->usd_per_million);
		cell(p, "%s", c->usd_per_million > 0 ? number : "");
		if (!strcmp(c->status, "ok"))
			cell(p, "\xe2\x9c\x85 Pass");
		else
			cell(p, "\xe2\x9a\xa0\xef\xb8\x8f %s%s%s", *c->reason ? c->reason : c->status, *c->detail ? ": " : "", c->detail);
		row_end(p);
	}
	table_end(p);
}

static void characteristics(struct pen *p, const struct bench *b)
{
	static const char *const columns[] = { "Concurrency", "Scenarios", "Mean", "Standard deviation (n-1)", "Coefficient of variation",
		"Median", "MAD", "Range" };
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels));
	struct stats s;

	heading(p, "Performance Characteristics");
	table_begin(p, columns, ARRAY_LEN(columns));
	for (size_t k = 0; k < n; k++) {
		if (!bench_summary(b, levels[k], &s))
			continue;
		row_begin(p);
		cell(p, "%d", levels[k]);
		cell(p, "%zu", s.n);
		cell(p, "%.2f", s.mean);
		cell(p, "%.2f", s.sd);
		cell(p, "%.2f %%", s.cv * 100);
		cell(p, "%.2f", s.median);
		cell(p, "%.2f", s.mad);
		cell(p, "%.1f to %.1f", s.min, s.max);
		row_end(p);
	}
	table_end(p);
}

static void analysis(struct pen *p, const struct bench *b)
{
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels));
	struct stats first, s;

	heading(p, "Analysis");
	if (n > 1 && bench_summary(b, levels[0], &first))
		for (size_t k = 1; k < n; k++)
			if (bench_summary(b, levels[k], &s))
				text_line(p, "Concurrency %d gives %.2f times the throughput of concurrency %d (medians over scenarios).", levels[k],
				    s.median / first.median, levels[0]);
	for (size_t k = 0; k < b->cell_count; k++)
		if (strcmp(b->cells[k].status, "ok") != 0)
			text_line(p, "%s at concurrency %d is %s: %s%s%s", b->cells[k].scenario, b->cells[k].concurrency, b->cells[k].status,
			    *b->cells[k].reason ? b->cells[k].reason : "no reason known", *b->cells[k].detail ? ", " : "", b->cells[k].detail);
}

static void costs(struct pen *p, const struct bench *b)
{
	int levels[32];
	size_t n = bench_concurrencies(b, levels, ARRAY_LEN(levels));
	struct stats s;

	heading(p, "Cost Analysis");
	if (b->usd_per_hour <= 0) {
		text_line(p, "No price is known.");
		return;
	}
	text_line(p, "$%.4f per hour for the instance, $%.4f per GPU-hour.", b->usd_per_hour, b->usd_per_hour / (b->gpu_count ? b->gpu_count : 1));
	for (size_t k = 0; k < n; k++)
		if (bench_summary(b, levels[k], &s))
			text_line(p, "Concurrency %d: $%.2f per 1M output tokens at %.4f tok/s.", levels[k],
			    stats_usd_per_million(b->usd_per_hour, s.mean), s.mean);
}

static void appendix(struct pen *p, const struct bench *b)
{
	char *text = b->manifest ? json_dumps(b->manifest, JSON_INDENT(2) | JSON_SORT_KEYS | JSON_ENSURE_ASCII) : NULL;

	heading(p, "Raw Data Files");
	text_line(p, "The documents of vllm bench are kept as they were written: gpufleetctl results %s --save DIRECTORY", b->name);
	heading(p, "Appendix: Manifest");
	if (*b->stack_id)
		text_line(p, "stack_id %s", b->stack_id);
	if (!text) {
		text_line(p, "There is no manifest.");
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

static void title_block(struct pen *p, const struct bench *b)
{
	char line[400];

	snprintf(line, sizeof(line), "%s: %s", *b->title ? b->title : b->name, *b->model ? b->model : "benchmark");
	if (!p->html) {
		buf_puts(p->out, "# ");
		markdown_text(p->out, line);
		buf_puts(p->out, "\n\n");
	}
	text_line(p, "%s%s%d x %s%s%s%s%s", b->made, *b->made ? " \xc2\xb7 " : "", b->gpu_count ? b->gpu_count : 1, b->gpu,
	    *b->server ? " \xc2\xb7 " : "", b->server, *b->framework ? " \xc2\xb7 " : "", b->framework);
}

/* ---- charts ---- */

static const char *const colours[] = { "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0891b2", "#be185d", "#4d7c0f" };

void html_bars(struct buf *out, const struct chart *c)
{
	const double width = 900, height = 260, left = 60, bottom = 46, top = 30;
	double most = 0, group = (width - left) / (double)(c->label_count ? c->label_count : 1);
	double bar = group * 0.8 / (double)(c->series_count ? c->series_count : 1);

	for (size_t k = 0; k < c->label_count * c->series_count; k++)
		if (!isnan(c->values[k]))
			most = fmax(most, c->values[k]);
	if (most <= 0)
		return;
	buf_printf(out, "<figure><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\"><title>", width, height + bottom + top);
	html_text(out, c->title);
	buf_puts(out, "</title>\n");
	for (int k = 0; k <= 4; k++) {
		double y = top + height - height * k / 4;

		buf_printf(out, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/><text x=\"%.0f\" y=\"%.1f\" "
				"text-anchor=\"end\">%.4g</text>\n", left, width, y, y, left - 6, y + 4, most * k / 4);
	}
	for (size_t l = 0; l < c->label_count; l++) {
		double x = left + group * (double)l + group * 0.1;

		for (size_t s = 0; s < c->series_count; s++) {
			double v = c->values[l * c->series_count + s], h = isnan(v) ? 0 : height * v / most;

			if (isnan(v))
				continue;
			buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"><title>%.5g %s</title></rect>\n",
			    x + bar * (double)s, top + height - h, bar * 0.92, h, colours[s % ARRAY_LEN(colours)], v, c->unit);
		}
		buf_printf(out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">", x + group * 0.4, top + height + 18);
		html_text(out, c->labels[l]);
		buf_puts(out, "</text>\n");
	}
	for (size_t s = 0; s < c->series_count; s++) {
		double x = left + (width - left) / (double)c->series_count * (double)s;

		buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"10\" height=\"10\" fill=\"%s\"/><text x=\"%.1f\" y=\"%.1f\">", x,
		    top + height + 28, colours[s % ARRAY_LEN(colours)], x + 14, top + height + 37);
		html_text(out, c->series[s]);
		buf_puts(out, "</text>\n");
	}
	buf_puts(out, "</svg><figcaption>");
	html_text(out, c->title);
	buf_puts(out, "</figcaption></figure>\n");
}

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

static void charts(struct pen *p, const struct bench *b)
{
	const char *labels[24], *series[8];
	char words[8][24];
	int levels[8];
	struct chart c = { "Output throughput by scenario and concurrency (tok/s, median of repeats)", "tok/s", labels, 0, series, 0, NULL };
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

void html_head(struct buf *out, const char *title)
{
	buf_puts(out, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
		      "content=\"width=device-width,initial-scale=1\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
		      "'none'; style-src 'unsafe-inline'\"><title>");
	html_text(out, title);
	buf_puts(out, "</title><style>\nbody{font:15px/1.5 system-ui,sans-serif;max-width:960px;margin:2rem auto;padding:0 1rem;"
		      "color:#111;background:#fff}\ntable{border-collapse:collapse;margin:.8rem 0;font-size:14px}\n"
		      "td,th{border:1px solid #ccc;padding:.25rem .6rem;text-align:left}\nth{background:#f3f4f6}\n"
		      "pre{overflow:auto;background:#f3f4f6;padding:.8rem;font-size:12px}\nfigure{margin:1rem 0}\n"
		      "svg text{font-size:11px;fill:currentColor}\n.grid{stroke:#9995}\n"
		      "@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}th,pre{background:#262626}td,th{border-color:#444}}\n"
		      "</style></head><body><h1>");
	html_text(out, title);
	buf_puts(out, "</h1>\n");
}

void html_tail(struct buf *out)
{
	buf_puts(out, "</body></html>\n");
}

static void sections(struct pen *p, const struct bench *b)
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
	sections(&(struct pen){ out, false }, b);
}

void page_html(const struct bench *b, struct buf *out)
{
	char title[300];

	snprintf(title, sizeof(title), "%s: %s", *b->title ? b->title : b->name, *b->model ? b->model : "benchmark");
	html_head(out, title);
	sections(&(struct pen){ out, true }, b);
	html_tail(out);
}
