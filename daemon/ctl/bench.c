#include "ctl/bench.h"
#include "base/str.h"
#include "ctl/show.h"

#include <unistd.h>

int bench_reference(const char *word, char *out, size_t size, struct err *e)
{
	if (!str_is_name(word, 63))
		return err_set(e, ERR_USAGE, "'%.64s' is neither the number of a run nor the name of an import", word);
	str_copy_n(out, size, word);
	return 0;
}

int bench_copy(struct ctl *c, const char *path, struct err *e)
{
	if (ctl_connect(c, e) < 0)
		return -1;
	fflush(stdout);
	return client_download(c->client, path, STDOUT_FILENO, &c->problem, e);
}

/* ---- one benchmark ---- */

static struct word decimals(const json_t *o, const char *key, int places)
{
	struct word w = { "" };

	if (json_is_number(json_object_get(o, key)))
		snprintf(w.s, sizeof(w.s), "%.*f", places, json_num(o, key, 0));
	return w;
}

static struct word dollars(const json_t *o, const char *key)
{
	struct word w = { "" };

	if (json_num(o, key, 0) > 0)
		snprintf(w.s, sizeof(w.s), "$%.2f", json_num(o, key, 0));
	return w;
}

/* What a cell's speed is called: where nothing was answered, it is that of the prompt's tokens. */
static const char *speed_key(const json_t *cell)
{
	return json_num(cell, "output_throughput", 0) > 0 ? "output_throughput" : "total_throughput";
}

static enum style status_style(const json_t *cell)
{
	const char *status = json_str(cell, "status", "");

	return !strcmp(status, "ok") ? STYLE_GREEN : !strcmp(status, "skipped") ? STYLE_DIM : !strcmp(status, "suspect") ? STYLE_YELLOW : STYLE_RED;
}

static void print_cells(const json_t *cells, FILE *to)
{
	static const struct column columns[] = {
		{ "SCENARIO", LEFT, 8, 0 },
		{ "CONC", RIGHT, 0, 0 },
		{ "STATUS", LEFT, 0, 0 },
		{ "TOK/S", RIGHT, 0, 0 },
		{ "MAD", RIGHT, 0, 4 },
		{ "N", RIGHT, 0, 5 },
		{ "TTFT MS", RIGHT, 0, 2 },
		{ "TPOT MS", RIGHT, 0, 3 },
		{ "E2E MS", RIGHT, 0, 6 },
		{ "$/1M OUT", RIGHT, 0, 1 },
		{ "WHY", LEFT, 12, 0 },
	};
	struct table t;
	const json_t *c;
	size_t k;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(cells, k, c) {
		const char *reason = json_str(c, "reason", ""), *detail = json_str(c, "detail", "");

		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(c, "scenario", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", show_count(c, "concurrency").s);
		table_cell(&t, status_style(c), "%s", json_str(c, "status", "?"));
		table_cell(&t, STYLE_BOLD, "%s", decimals(c, speed_key(c), 1).s);
		table_cell(&t, STYLE_PLAIN, "%s", decimals(c, "mad", 2).s);
		table_cell(&t, STYLE_PLAIN, "%zu", json_array_size(json_object_get(c, "values")));
		table_cell(&t, STYLE_PLAIN, "%s", decimals(c, "ttft_p50_ms", 1).s);
		table_cell(&t, STYLE_PLAIN, "%s", decimals(c, "tpot_p50_ms", 2).s);
		table_cell(&t, STYLE_PLAIN, "%s", decimals(c, "e2e_p50_ms", 0).s);
		table_cell(&t, STYLE_PLAIN, "%s", dollars(c, "usd_per_million_output").s);
		table_cell(&t, STYLE_PLAIN, "%s%s%s", reason, *reason && *detail ? ": " : "", detail);
	}
	table_print(&t, to, term_width(to));
	table_free(&t);
}

void bench_print(const json_t *bench, FILE *to)
{
	const json_t *s, *doubt;
	size_t k;

	print_cells(json_object_get(bench, "cells"), to);
	json_array_foreach(json_object_get(bench, "summaries"), k, s)
		if (json_int(s, "n", 0) > 1)
			ctl_print(to, STYLE_PLAIN, "concurrency %lld: mean %.2f tok/s, standard deviation %.2f (n-1), median %.2f, MAD %.2f over %lld "
						   "scenarios%s%s%s", (long long)json_int(s, "concurrency", 0), json_num(s, "mean", 0), json_num(s, "sd", 0),
			    json_num(s, "median", 0), json_num(s, "mad", 0), (long long)json_int(s, "n", 0),
			    json_num(s, "usd_per_million_output", 0) > 0 ? "; " : "", dollars(s, "usd_per_million_output").s,
			    json_num(s, "usd_per_million_output", 0) > 0 ? " per 1M output tokens" : "");
	json_array_foreach(json_object_get(bench, "doubts"), k, doubt)
		ctl_print(to, STYLE_YELLOW, "suspect: %s", json_is_string(doubt) ? json_string_value(doubt) : "?");
}

/* ---- comparisons ---- */

#define RUNS_MAX 8

static struct word ratio_text(const json_t *o)
{
	struct word w = { "" };

	if (json_num(o, "low", 0) > 0)
		snprintf(w.s, sizeof(w.s), "%.2fx (%.2f-%.2f)", json_num(o, "ratio", 0), json_num(o, "low", 0), json_num(o, "high", 0));
	else if (json_num(o, "ratio", 0) > 0)
		snprintf(w.s, sizeof(w.s), "%.2fx", json_num(o, "ratio", 0));
	return w;
}

static struct word factor(const json_t *o, const char *key)
{
	struct word w = { "" };

	if (json_num(o, key, 0) > 0)
		snprintf(w.s, sizeof(w.s), "%.2fx", json_num(o, key, 0));
	return w;
}

static void print_heads(const json_t *doc, FILE *to)
{
	static const struct column columns[] = { { "", LEFT, 0, 0 }, { "RUN", LEFT, 8, 0 }, { "GPU", LEFT, 0, 0 }, { "SERVER", LEFT, 6, 3 },
		{ "$/H", RIGHT, 0, 0 }, { "FRAMEWORK", LEFT, 8, 2 }, { "MODEL", LEFT, 10, 1 } };
	struct table t;
	const json_t *r;
	size_t k;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(json_object_get(doc, "runs"), k, r) {
		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%c", (int)('A' + k));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "name", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", show_gpu(r).s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "server", ""));
		table_cell(&t, STYLE_PLAIN, "%s", dollars(r, "usd_per_hour").s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "framework", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "model", ""));
	}
	table_print(&t, to, term_width(to));
	table_free(&t);
}

/* Columns A, then for each other run its figure and how it stands to A. */
static void print_rows(const json_t *doc, FILE *to)
{
	static const char *const names[] = { "A", "B", "C", "D", "E", "F", "G", "H" };
	struct column columns[2 + 2 * RUNS_MAX] = { { "SCENARIO", LEFT, 8, 0 }, { "CONC", RIGHT, 0, 0 } };
	char titles[2 * RUNS_MAX][24];
	size_t n = json_array_size(json_object_get(doc, "runs")), used = 2, k, c;
	const json_t *row, *cell;
	struct table t;

	for (k = 0; k < n && k < RUNS_MAX; k++) {
		snprintf(titles[2 * k], sizeof(titles[0]), "%s TOK/S", names[k]);
		columns[used++] = (struct column){ titles[2 * k], RIGHT, 0, 0 };
		if (!k)
			continue;
		snprintf(titles[2 * k + 1], sizeof(titles[0]), "%s / A", names[k]);
		columns[used++] = (struct column){ titles[2 * k + 1], LEFT, 6, 0 };
	}
	table_init(&t, columns, used);
	json_array_foreach(json_object_get(doc, "rows"), k, row) {
		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "scenario", "?"));
		table_cell(&t, STYLE_PLAIN, "%s", show_count(row, "concurrency").s);
		json_array_foreach(json_object_get(row, "cells"), c, cell) {
			const char *why = json_str(cell, "reason", json_str(cell, "status", "-"));
			double v = json_num(cell, speed_key(cell), 0), ratio = json_num(cell, "ratio", 0);

			table_cell(&t, v > 0 ? STYLE_BOLD : STYLE_DIM, "%s", v > 0 ? decimals(cell, speed_key(cell), 1).s : why);
			if (c)
				table_cell(&t, ratio >= 1 ? STYLE_GREEN : ratio > 0 ? STYLE_YELLOW : STYLE_DIM, "%s", ratio_text(cell).s);
		}
	}
	table_print(&t, to, term_width(to));
	table_free(&t);
}

/* The same for what is no benchmark of tokens. */
static void print_figures(const json_t *doc, FILE *to)
{
	static const char *const names[] = { "A", "B", "C", "D", "E", "F", "G", "H" };
	struct column columns[2 + 2 * RUNS_MAX] = { { "FIGURE", LEFT, 12, 0 }, { "UNIT", LEFT, 0, 0 } };
	char titles[RUNS_MAX][24];
	size_t n = json_array_size(json_object_get(doc, "runs")), used = 2, k, c;
	bool lower = false;
	const json_t *row, *cell;
	struct table t;

	for (k = 0; k < n && k < RUNS_MAX; k++) {
		columns[used++] = (struct column){ names[k], RIGHT, 0, 0 };
		snprintf(titles[k], sizeof(titles[0]), "%s / A", names[k]);
		if (k)
			columns[used++] = (struct column){ titles[k], LEFT, 6, 0 };
	}
	table_init(&t, columns, used);
	json_array_foreach(json_object_get(doc, "figures"), k, row) {
		const char *label = json_str(row, "label", "");

		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s%s%s", json_str(row, "metric", ""), *label ? " " : "", label);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "unit", ""));
		lower |= !strcmp(json_str(row, "better", ""), "lower");
		json_array_foreach(json_object_get(row, "cells"), c, cell) {
			double ratio = json_num(cell, "ratio", 0);

			if (json_is_object(cell))
				table_cell(&t, STYLE_BOLD, "%.6g", json_num(cell, "median", 0));
			else
				table_cell(&t, STYLE_DIM, "-");
			if (c)
				table_cell(&t, ratio >= 1 ? STYLE_GREEN : ratio > 0 ? STYLE_YELLOW : STYLE_DIM, "%s", ratio_text(cell).s);
		}
	}
	if (t.row_count)
		table_print(&t, to, term_width(to));
	table_free(&t);
	if (lower)
		ctl_print(to, STYLE_DIM, "above 1 is better: of what is better when it is lower, the factor is A's over the other's");
}

static void print_tables(const json_t *doc, FILE *to)
{
	bool plain = json_array_size(json_object_get(doc, "figures")) > 0;

	if (json_array_size(json_object_get(doc, "rows")) || !plain)
		print_rows(doc, to);
	if (plain)
		print_figures(doc, to);
}

static void print_overall(const json_t *doc, FILE *to)
{
	bool rows = json_array_size(json_object_get(doc, "rows")) > 0;
	const json_t *o, *w;
	size_t k;

	json_array_foreach(json_object_get(doc, "overall"), k, o) {
		const char *verdict = json_str(o, "verdict", "");

		if (!json_is_object(o) || (!rows && !*verdict))
			continue;
		ctl_print(to, STYLE_PLAIN, "%c against A, %lld in common: throughput %s%s%s%s%s", (int)('A' + k), (long long)json_int(o, "n", 0),
		    *ratio_text(o).s ? ratio_text(o).s : "-", *factor(o, "per_gpu_ratio").s ? ", per GPU " : "", factor(o, "per_gpu_ratio").s,
		    *factor(o, "per_dollar_ratio").s ? ", per dollar " : "", factor(o, "per_dollar_ratio").s);
		if (*verdict)
			ctl_print(to, !strcmp(verdict, "adopt") ? STYLE_GREEN : STYLE_YELLOW, "%s: %s", verdict, json_str(o, "why", ""));
	}
	json_array_foreach(json_object_get(doc, "warnings"), k, w)
		ctl_print(to, STYLE_YELLOW, "suspect: %s", json_is_string(w) ? json_string_value(w) : "?");
}

void bench_print_comparison(const json_t *doc, FILE *to)
{
	size_t stacks = json_array_size(json_object_get(doc, "manifest"));

	print_heads(doc, to);
	print_tables(doc, to);
	print_overall(doc, to);
	if (stacks)
		ctl_print(to, STYLE_DIM, "the stacks differ in %zu fields; see: gpufleetctl diff", stacks);
}

void bench_print_diff(const json_t *doc, FILE *to)
{
	static const struct column columns[] = { { "FIELD", LEFT, 10, 0 }, { "A", LEFT, 12, 0 }, { "B", LEFT, 12, 0 } };
	const json_t *row, *v;
	struct table t;
	size_t k, c;

	print_heads(doc, to);
	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(json_object_get(doc, "manifest"), k, row) {
		table_row(&t);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "key", ""));
		json_array_foreach(json_object_get(row, "values"), c, v) {
			char *text = json_is_string(v) ? xstrdup(json_string_value(v)) : json_is_null(v) ? xstrdup("(not there)") : json_text(v);

			table_cell(&t, STYLE_PLAIN, "%s", text);
			free(text);
		}
	}
	if (t.row_count)
		table_print(&t, to, term_width(to));
	else if (json_str(doc, "runs.0.stack_id", NULL) && json_str(doc, "runs.1.stack_id", NULL))
		ctl_print(to, STYLE_GREEN, "the stacks are the same");
	table_free(&t);
	print_tables(doc, to);
	print_overall(doc, to);
}
