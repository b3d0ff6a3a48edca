#include "base/str.h"
#include "report/compare.h"
#include "report/markup.h"

#include <math.h>

/* What a cell's speed is: where nothing was answered, that of the prompt's tokens. */
static double speed_of(const json_t *c)
{
	double v = json_num(c, "output_throughput", 0);

	return v > 0 ? v : json_num(c, "total_throughput", 0);
}

/* A cell of the table: throughput, and the ratio with its interval behind it. */
static void cell_text(const json_t *c, char *out, size_t size)
{
	double v = speed_of(c), ratio = json_num(c, "ratio", 0), low = json_num(c, "low", 0);

	if (!json_is_object(c))
		snprintf(out, size, "-");
	else if (v <= 0)
		snprintf(out, size, "%.20s%s%.40s", json_str(c, "status", "?"), json_str(c, "reason", NULL) ? ": " : "", json_str(c, "reason", ""));
	else if (ratio > 0 && low > 0)
		snprintf(out, size, "%.1f (%.2fx, %.2f to %.2f at %.0f %%)", v, ratio, low, json_num(c, "high", 0), 100 * json_num(c, "confidence", 0));
	else if (ratio > 0)
		snprintf(out, size, "%.1f (%.2fx)", v, ratio);
	else
		snprintf(out, size, "%.1f", v);
}

static void money_text(const json_t *c, char *out, size_t size)
{
	double v = json_num(c, "usd_per_million_output", 0);

	if (v > 0)
		snprintf(out, size, "$%.2f", v);
	else
		snprintf(out, size, "-");
}

static void run_name(const json_t *run, char *out, size_t size)
{
	snprintf(out, size, "%.40s (%lldx %.30s%s%.20s)", json_str(run, "name", "?"), (long long)json_int(run, "gpu_count", 1),
	    json_str(run, "gpu", "?"), json_str(run, "server", NULL) ? ", " : "", json_str(run, "server", ""));
}

static void put_row(struct markup *w, const char *const *cells, size_t count)
{
	markup_row(w);
	for (size_t k = 0; k < count; k++)
		markup_cell(w, "%s", cells[k]);
	markup_row_end(w);
}

/* One table of all rows; `text` says what a cell shows. */
static void matrix(struct markup *w, const json_t *doc, void (*text)(const json_t *, char *, size_t))
{
	const json_t *runs = json_object_get(doc, "runs"), *row, *cell;
	char words[COMPARE_MAX + 2][160];
	const char *cells[COMPARE_MAX + 2];
	size_t n = json_array_size(runs), k, c;

	for (k = 0; k < n + 2; k++)
		cells[k] = words[k];
	str_copy(words[0], "Scenario");
	str_copy(words[1], "Concurrency");
	for (k = 0; k < n; k++)
		run_name(json_array_get(runs, k), words[k + 2], sizeof(words[0]));
	markup_table(w, cells, n + 2);
	json_array_foreach(json_object_get(doc, "rows"), k, row) {
		str_copy(words[0], json_str(row, "scenario", ""));
		snprintf(words[1], sizeof(words[1]), "%lld", (long long)json_int(row, "concurrency", 0));
		json_array_foreach(json_object_get(row, "cells"), c, cell)
			text(cell, words[c + 2], sizeof(words[0]));
		put_row(w, cells, n + 2);
	}
	markup_table_end(w);
}

/* "138.2 (1.25x, 1.20 to 1.31 at 95 %)" */
static void figure_text(const json_t *c, char *out, size_t size)
{
	double v = json_num(c, "median", 0), ratio = json_num(c, "ratio", 0), low = json_num(c, "low", 0);

	if (!json_is_object(c))
		snprintf(out, size, "-");
	else if (ratio > 0 && low > 0)
		snprintf(out, size, "%.6g (%.2fx, %.2f to %.2f at %.0f %%)", v, ratio, low, json_num(c, "high", 0), 100 * json_num(c, "confidence", 0));
	else if (ratio > 0)
		snprintf(out, size, "%.6g (%.2fx)", v, ratio);
	else
		snprintf(out, size, "%.6g", v);
}

static void figures(struct markup *w, const json_t *doc)
{
	const json_t *runs = json_object_get(doc, "runs"), *row, *cell;
	char words[COMPARE_MAX + 3][240];
	const char *cells[COMPARE_MAX + 3];
	size_t n = json_array_size(runs), k, c;

	markup_heading(w, "Figures, median of repeats");
	markup_line(w, "A factor above 1 is better than the first: of what is better when it is lower, the first one's over its own.");
	for (k = 0; k < n + 3; k++)
		cells[k] = words[k];
	str_copy(words[0], "Figure");
	str_copy(words[1], "Unit");
	str_copy(words[2], "Better");
	for (k = 0; k < n; k++)
		run_name(json_array_get(runs, k), words[k + 3], sizeof(words[0]));
	markup_table(w, cells, n + 3);
	json_array_foreach(json_object_get(doc, "figures"), k, row) {
		const char *label = json_str(row, "label", "");

		snprintf(words[0], sizeof(words[0]), "%.64s%s%.160s", json_str(row, "metric", ""), *label ? " " : "", label);
		str_copy(words[1], json_str(row, "unit", ""));
		str_copy(words[2], json_str(row, "better", "-"));
		json_array_foreach(json_object_get(row, "cells"), c, cell)
			figure_text(cell, words[c + 3], sizeof(words[0]));
		put_row(w, cells, n + 3);
	}
	markup_table_end(w);
}

static void overall(struct markup *w, const json_t *doc)
{
	const json_t *runs = json_object_get(doc, "runs"), *o;
	char words[6][240];
	const char *cells[6] = { words[0], words[1], words[2], words[3], words[4], words[5] };
	static const char *const heads[] = { "Run", "Scenarios in common", "Throughput", "Per GPU", "Per dollar", "Decision" };
	size_t k;

	markup_table(w, heads, 6);
	json_array_foreach(json_object_get(doc, "overall"), k, o) {
		if (!json_is_object(o))
			continue;
		run_name(json_array_get(runs, k), words[0], sizeof(words[0]));
		snprintf(words[1], sizeof(words[1]), "%lld", (long long)json_int(o, "n", 0));
		if (json_num(o, "low", 0) > 0)
			snprintf(words[2], sizeof(words[2]), "%.2fx (%.2f to %.2f)", json_num(o, "ratio", 0), json_num(o, "low", 0), json_num(o, "high", 0));
		else
			snprintf(words[2], sizeof(words[2]), "%.2fx", json_num(o, "ratio", 0));
		snprintf(words[3], sizeof(words[3]), "%.2fx", json_num(o, "per_gpu_ratio", 0));
		snprintf(words[4], sizeof(words[4]), json_num(o, "per_dollar_ratio", 0) > 0 ? "%.2fx" : "-", json_num(o, "per_dollar_ratio", 0));
		snprintf(words[5], sizeof(words[5]), "%s%s%s", json_str(o, "verdict", "-"), json_str(o, "why", NULL) ? ": " : "", json_str(o, "why", ""));
		put_row(w, cells, 6);
	}
	markup_table_end(w);
}

static void differences(struct markup *w, const json_t *doc)
{
	const json_t *row, *v;
	char words[COMPARE_MAX + 1][160];
	const char *cells[COMPARE_MAX + 1];
	size_t k, c, n = json_array_size(json_object_get(doc, "runs"));

	if (!json_array_size(json_object_get(doc, "manifest")))
		return;
	markup_heading(w, "What differs in the stacks");
	for (k = 0; k <= n; k++)
		cells[k] = words[k];
	str_copy(words[0], "Field");
	for (k = 0; k < n; k++)
		str_copy(words[k + 1], json_str(json_array_get(json_object_get(doc, "runs"), k), "name", "?"));
	markup_table(w, cells, n + 1);
	json_array_foreach(json_object_get(doc, "manifest"), k, row) {
		str_copy(words[0], json_str(row, "key", ""));
		json_array_foreach(json_object_get(row, "values"), c, v) {
			char *text = json_dumps(v, JSON_ENCODE_ANY);

			str_copy(words[c + 1], json_is_string(v) ? json_string_value(v) : text ? text : "?");
			free(text);
		}
		put_row(w, cells, n + 1);
	}
	markup_table_end(w);
}

static void notes(struct markup *w, const json_t *doc)
{
	const json_t *v;
	size_t k;

	if (!json_array_size(json_object_get(doc, "warnings")))
		return;
	markup_heading(w, "Before you believe it");
	markup_list(w);
	json_array_foreach(json_object_get(doc, "warnings"), k, v)
		markup_item(w, json_is_string(v) ? json_string_value(v) : "?");
	markup_list_end(w);
}

/* One chart per concurrency: they never share one. */
static void bars(struct markup *w, const json_t *doc)
{
	const json_t *runs = json_object_get(doc, "runs"), *rows = json_object_get(doc, "rows"), *row;
	char names[COMPARE_MAX][160], title[120];
	const char *series[COMPARE_MAX], *labels[24];
	double values[24 * COMPARE_MAX];
	size_t n = json_array_size(runs), k;
	int64_t seen[16];
	size_t levels = 0, at;

	for (k = 0; k < n; k++) {
		run_name(json_array_get(runs, k), names[k], sizeof(names[0]));
		series[k] = names[k];
	}
	json_array_foreach(rows, k, row) {
		for (at = 0; at < levels && seen[at] != json_int(row, "concurrency", 0); at++)
			;
		if (at == levels && levels < ARRAY_LEN(seen))
			seen[levels++] = json_int(row, "concurrency", 0);
	}
	for (at = 0; at < levels; at++) {
		struct chart c = { title, "tok/s", labels, 0, series, n, values, false };

		snprintf(title, sizeof(title), "Output throughput at concurrency %lld (tok/s)", (long long)seen[at]);
		json_array_foreach(rows, k, row) {
			if (json_int(row, "concurrency", 0) != seen[at] || c.label_count == ARRAY_LEN(labels))
				continue;
			for (size_t s = 0; s < n; s++) {
				double v = speed_of(json_array_get(json_object_get(row, "cells"), s));

				values[c.label_count * n + s] = v > 0 ? v : NAN;
			}
			labels[c.label_count++] = json_str(row, "scenario", "");
		}
		html_bars(w->out, &c);
	}
}

static void page(struct markup *w, const json_t *doc)
{
	bool plain = json_array_size(json_object_get(doc, "figures")) > 0;

	if (json_array_size(json_object_get(doc, "rows")) || !plain) {
		if (w->html)
			bars(w, doc);
		markup_heading(w, "Output throughput (tok/s), median of repeats");
		matrix(w, doc, cell_text);
		markup_heading(w, "USD per 1M output tokens");
		matrix(w, doc, money_text);
		markup_heading(w, "Over all scenarios in common, against the first");
		overall(w, doc);
	}
	if (plain)
		figures(w, doc);
	differences(w, doc);
	notes(w, doc);
}

void compare_markdown(const json_t *doc, struct buf *out)
{
	buf_puts(out, "# Comparison\n");
	page(&(struct markup){ out, false }, doc);
}

void compare_html(const json_t *doc, struct buf *out)
{
	html_head(out, "Comparison");
	page(&(struct markup){ out, true }, doc);
	html_tail(out);
}

static void csv_numbers(const json_t *cell, const char *const *keys, size_t count, struct buf *out)
{
	for (size_t k = 0; k < count; k++)
		if (json_is_number(json_object_get(cell, keys[k])))
			buf_printf(out, ",%.6g", json_num(cell, keys[k], 0));
		else
			buf_putc(out, ',');
	buf_putc(out, '\n');
}

static void csv_rows(const json_t *doc, struct buf *out)
{
	static const char *const numbers[] = { "n", "output_throughput", "per_gpu", "usd_per_million_output", "tokens_per_dollar", "ttft_p50_ms",
		"tpot_p50_ms", "e2e_p50_ms", "ratio", "low", "high", "confidence", "per_gpu_ratio", "per_dollar_ratio" };
	const json_t *row, *cell;
	size_t k, c;

	buf_puts(out, "scenario,input,output,concurrency,run,status");
	for (k = 0; k < ARRAY_LEN(numbers); k++)
		buf_printf(out, ",%s", numbers[k]);
	buf_putc(out, '\n');
	json_array_foreach(json_object_get(doc, "rows"), k, row)
		json_array_foreach(json_object_get(row, "cells"), c, cell) {
			if (!json_is_object(cell))
				continue;
			str_csv(out, json_str(row, "scenario", ""));
			buf_printf(out, ",%lld,%lld,%lld,", (long long)json_int(row, "input", 0), (long long)json_int(row, "output", 0),
			    (long long)json_int(row, "concurrency", 0));
			str_csv(out, json_str(json_array_get(json_object_get(doc, "runs"), c), "name", "?"));
			buf_putc(out, ',');
			str_csv(out, json_str(cell, "status", ""));
			csv_numbers(cell, numbers, ARRAY_LEN(numbers), out);
		}
}

static void csv_figures(const json_t *doc, struct buf *out)
{
	static const char *const texts[] = { "metric", "label", "unit", "better" };
	static const char *const numbers[] = { "n", "median", "mad", "ratio", "low", "high", "confidence" };
	const json_t *row, *cell;
	size_t k, c;

	buf_puts(out, "metric,labels,unit,better,run");
	for (k = 0; k < ARRAY_LEN(numbers); k++)
		buf_printf(out, ",%s", numbers[k]);
	buf_putc(out, '\n');
	json_array_foreach(json_object_get(doc, "figures"), k, row)
		json_array_foreach(json_object_get(row, "cells"), c, cell) {
			if (!json_is_object(cell))
				continue;
			for (size_t t = 0; t < ARRAY_LEN(texts); t++) {
				str_csv(out, json_str(row, texts[t], ""));
				buf_putc(out, ',');
			}
			str_csv(out, json_str(json_array_get(json_object_get(doc, "runs"), c), "name", "?"));
			csv_numbers(cell, numbers, ARRAY_LEN(numbers), out);
		}
}

/* Where both kinds are there, two tables with an empty line between. */
void compare_csv(const json_t *doc, struct buf *out)
{
	bool plain = json_array_size(json_object_get(doc, "figures")) > 0, rows = json_array_size(json_object_get(doc, "rows")) || !plain;

	if (rows)
		csv_rows(doc, out);
	if (rows && plain)
		buf_putc(out, '\n');
	if (plain)
		csv_figures(doc, out);
}
