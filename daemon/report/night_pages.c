/* The report of a night as Markdown and HTML. */
#include "base/instant.h"
#include "base/str.h"
#include "report/markup.h"
#include "report/night.h"

#include <math.h>

#define COLUMNS_MAX 12

/* ---- words ---- */

static const char *money_of(const json_t *o, const char *key, char out[32])
{
	if (json_is_number(json_object_get(o, key)))
		snprintf(out, 32, "$%.4f", json_num(o, key, 0));
	else
		str_copy_n(out, 32, "N/A");
	return out;
}

/* "12 % slower than the median of 14 nights" */
static void change_words(const json_t *f, char *out, size_t size)
{
	double worse = json_num(f, "worse", 0) * 100;

	if (!json_is_number(json_object_get(f, "worse")))
		snprintf(out, size, "no baseline: %d night%s before this one", (int)json_int(f, "nights", 0),
		    json_int(f, "nights", 0) == 1 ? "" : "s");
	else
		snprintf(out, size, "%.1f %% %s than the median of %d nights", fabs(worse), worse >= 0 ? "worse" : "better",
		    (int)json_int(f, "nights", 0));
}

/* ---- sections ---- */

static void head(struct markup *p, const json_t *doc)
{
	const json_t *n = json_object_get(doc, "night");
	char metered[32], billed[32];

	markup_line(p, "%s %s%s%s. %s%s%s", json_bool(n, "poc", false) ? "A proof of concept, begun" : json_is_null(json_object_get(n, "tick")) ?
	    "Begun by hand" : "Begun by schedule", json_str(n, "begun", ""), *json_str(n, "ended", "") ? ", ended " : "", json_str(n, "ended", ""),
	    !strcmp(json_str(n, "outcome", ""), "complete") ? "Complete" : !strcmp(json_str(n, "outcome", ""), "partial") ? "PARTIAL" :
	    *json_str(n, "outcome", "") ? json_str(n, "outcome", "") : "Still running", *json_str(n, "reason", "") ? ": " : "",
	    json_str(n, "reason", ""));
	markup_line(p, "%d of %d runs are ok. Cost: %s by our clock, %s billed. Definition %d.", (int)json_int(n, "ok", 0),
	    (int)json_int(n, "count", 0), money_of(n, "metered", metered), money_of(n, "billed", billed), (int)json_int(n, "definition", 0));
}

static bool is_kind(const json_t *f, const char *kind)
{
	return !strcmp(json_str(f, "kind", ""), kind);
}

static void verdicts(struct markup *p, const json_t *series)
{
	static const char *const told[] = { "regression", "warning", "watched", "better" };
	const json_t *f;
	size_t k, none = 0, steady = 0;
	char line[600], name[128], machine[80], change[120];

	markup_heading(p, "Verdicts");
	json_array_foreach(series, k, f) {
		none += is_kind(f, "no_baseline");
		steady += is_kind(f, "steady");
	}
	markup_list(p);
	for (size_t t = 0; t < ARRAY_LEN(told); t++)
		json_array_foreach(series, k, f) {
			if (!is_kind(f, told[t]))
				continue;
			night_row(f, name, sizeof(name));
			night_machine(f, machine, sizeof(machine));
			change_words(f, change, sizeof(change));
			snprintf(line, sizeof(line), "%s: %s on %s: %.5g %s, %s (z %.1f, p %.2g)%s", told[t], name, machine, json_num(f, "median", 0),
			    json_str(f, "unit", ""), change, json_num(f, "z", 0), json_num(f, "p_holm", 1),
			    json_is_array(json_object_get(f, "first")) ? "; measured once more on another machine" : "");
			markup_item(p, line);
		}
	snprintf(line, sizeof(line), "%zu series steady, %zu without a baseline yet (seven nights make one)", steady, none);
	markup_item(p, line);
	json_array_foreach(series, k, f) {
		if (!json_int(f, "run_of_old_stack", 0))
			continue;
		night_row(f, name, sizeof(name));
		snprintf(line, sizeof(line), "%s: the stack changed, a new series begins; in full: gpufleetctl diff run-%lld run-%lld", name,
		    (long long)json_int(f, "run_of_old_stack", 0), (long long)json_int(f, "run", 0));
		markup_item(p, line);
	}
	markup_list_end(p);
}

/* The kinds of machine, in the order in which they come. */
static size_t machines_of(const json_t *series, char names[COLUMNS_MAX][80])
{
	size_t k, n = 0, at;
	const json_t *f;
	char name[80];

	json_array_foreach(series, k, f) {
		night_machine(f, name, sizeof(name));
		for (at = 0; at < n && strcmp(names[at], name) != 0; at++)
			;
		if (at == n && n < COLUMNS_MAX)
			str_copy_n(names[n++], 80, name);
	}
	return n;
}

static const json_t *cell_of(const json_t *series, const char *row, const char *machine)
{
	char a[128], b[80];
	const json_t *f;
	size_t k;

	json_array_foreach(series, k, f) {
		night_row(f, a, sizeof(a));
		night_machine(f, b, sizeof(b));
		if (!strcmp(a, row) && !strcmp(b, machine))
			return f;
	}
	return NULL;
}

/* Machines side by side: AMD beside NVIDIA, one row for each scenario and concurrency. */
static void figures(struct markup *p, const json_t *series)
{
	char names[COLUMNS_MAX][80], row[128], seen[128];
	const char *columns[COLUMNS_MAX + 1] = { "What" };
	size_t n = machines_of(series, names), k, i;
	const json_t *f, *old;

	if (!n)
		return;
	markup_heading(p, "Figures");
	markup_line(p, "Medians of the night's repeats; in brackets the change against the median of the baseline.");
	for (k = 0; k < n; k++)
		columns[k + 1] = names[k];
	markup_table(p, columns, n + 1);
	json_array_foreach(series, k, f) {
		bool first = true;

		night_row(f, row, sizeof(row));
		for (i = 0; i < k && first; i++) {
			old = json_array_get(series, i);
			night_row(old, seen, sizeof(seen));
			first = strcmp(seen, row) != 0;
		}
		if (!first)
			continue;
		markup_row(p);
		markup_cell(p, "%s", row);
		for (i = 0; i < n; i++) {
			const json_t *c = cell_of(series, row, names[i]);

			if (!c)
				markup_cell(p, "%s", "");
			else if (json_is_number(json_object_get(c, "baseline")))
				markup_cell(p, "%.5g %s (%+.1f %%)", json_num(c, "median", 0), json_str(c, "unit", ""),
				    100 * (json_num(c, "median", 0) / json_num(c, "baseline", 1) - 1));
			else
				markup_cell(p, "%.5g %s", json_num(c, "median", 0), json_str(c, "unit", ""));
		}
		markup_row_end(p);
	}
	markup_table_end(p);
}

static void value_words(const json_t *values, size_t at, char *out, size_t size)
{
	const json_t *v = json_array_get(values, at);
	char *text = v && !json_is_string(v) ? json_text((json_t *)(uintptr_t)v) : NULL;

	snprintf(out, size, "%.200s", text ? text : v ? json_string_value(v) : "");
	free(text);
}

/* A step may be a changed stack: what changed stands beside it. */
static void stack_changes(struct markup *p, const json_t *list)
{
	static const char *const columns[] = { "What", "Before", "Now" };
	const json_t *c, *d;
	char text[256];
	size_t k, i;

	if (!json_array_size(list))
		return;
	markup_heading(p, "Stack changes");
	json_array_foreach(list, k, c) {
		markup_line(p, "run-%lld, compared with run-%lld; the series begin anew.", (long long)json_int(c, "now", 0),
		    (long long)json_int(c, "before", 0));
		markup_table(p, columns, ARRAY_LEN(columns));
		json_array_foreach(json_object_get(c, "differences"), i, d) {
			markup_row(p);
			markup_cell(p, "%s", json_str(d, "key", ""));
			for (size_t side = 0; side < 2; side++) {
				value_words(json_object_get(d, "values"), side, text, sizeof(text));
				markup_cell(p, "%s", text);
			}
			markup_row_end(p);
		}
		markup_table_end(p);
	}
}

static void troubles(struct markup *p, const json_t *trials)
{
	static const char *const columns[] = { "What", "To blame", "Cause", "Reason", "Cost", "Run" };
	const json_t *t;
	char text[32];
	size_t k;
	int bad = 0;

	json_array_foreach(trials, k, t)
		bad += *json_str(t, "blame", "") != '\0';
	if (!bad)
		return;
	markup_heading(p, "What was not measured");
	markup_table(p, columns, ARRAY_LEN(columns));
	json_array_foreach(trials, k, t) {
		if (!*json_str(t, "blame", ""))
			continue;
		markup_row(p);
		markup_cell(p, "%s", json_str(t, "title", ""));
		markup_cell(p, "%s", json_str(t, "blame", ""));
		markup_cell(p, "%s%s%s", json_str(t, "cause", ""), *json_str(t, "class", "") ? ": " : "", json_str(t, "class", ""));
		markup_cell(p, "%.250s", json_str(t, "reason", ""));
		markup_cell(p, "%s", money_of(t, "cost", text));
		if (json_int(t, "run", 0))
			markup_cell(p, "run-%lld", (long long)json_int(t, "run", 0));
		else
			markup_cell(p, "%s", "");
		markup_row_end(p);
	}
	markup_table_end(p);
}

static void cost(struct markup *p, const json_t *c)
{
	static const char *const columns[] = { "Machine", "Provider", "GPU", "Boot", "Setup", "Run", "Idle", "Teardown", "Rounding", "Total", "Billed" };
	static const char *const parts[] = { "boot", "setup", "run", "idle", "teardown", "rounding" };
	const json_t *m, *machines = json_object_get(c, "machines");
	char text[32];
	size_t k;

	markup_heading(p, "Cost");
	markup_table(p, columns, ARRAY_LEN(columns));
	json_array_foreach(machines, k, m) {
		markup_row(p);
		markup_cell(p, "%s", json_str(m, "fleet", ""));
		markup_cell(p, "%s", json_str(m, "provider", ""));
		markup_cell(p, "%s:%d", json_str(m, "gpu", ""), (int)json_int(m, "gpu_count", 0));
		for (size_t i = 0; i < ARRAY_LEN(parts); i++)
			markup_cell(p, "%s", money_of(json_object_get(m, "parts"), parts[i], text));
		markup_cell(p, "%s", money_of(m, "metered", text));
		markup_cell(p, "%s", money_of(m, "billed", text));
		markup_row_end(p);
	}
	markup_row(p);
	markup_cell(p, "%s", "all");
	markup_cell(p, "%s", "-");
	markup_cell(p, "%s", "-");
	for (size_t i = 0; i < ARRAY_LEN(parts); i++)
		markup_cell(p, "%s", money_of(json_object_get(c, "parts"), parts[i], text));
	markup_cell(p, "%s", money_of(c, "total", text));
	markup_cell(p, "%s", "-");
	markup_row_end(p);
	markup_table_end(p);
}

static void providers(struct markup *p, const json_t *list)
{
	static const char *const columns[] = { "Provider", "Machines", "Ready", "Time to SSH" };
	const json_t *o;
	size_t k;

	markup_heading(p, "Providers");
	markup_line(p, "Over the last 60 nights: machines that were ordered, those that came to answer, and the median time to that.");
	markup_table(p, columns, ARRAY_LEN(columns));
	json_array_foreach(list, k, o) {
		markup_row(p);
		markup_cell(p, "%s", json_str(o, "provider", ""));
		markup_cell(p, "%d", (int)json_int(o, "machines", 0));
		markup_cell(p, "%d", (int)json_int(o, "ready", 0));
		if (json_is_number(json_object_get(o, "time_to_ssh")))
			markup_cell(p, "%.0f s", json_num(o, "time_to_ssh", 0));
		else
			markup_cell(p, "%s", "");
		markup_row_end(p);
	}
	markup_table_end(p);
}

static void nights(struct markup *p, const json_t *list)
{
	static const char *const columns[] = { "Night", "Begun", "Outcome", "Ok", "Worse", "Cost" };
	const json_t *n;
	char text[32];
	size_t k;

	markup_heading(p, "Nights");
	markup_table(p, columns, ARRAY_LEN(columns));
	json_array_foreach(list, k, n) {
		if (k == 30)
			break;
		markup_row(p);
		markup_cell(p, "%lld", (long long)json_int(n, "number", 0));
		markup_cell(p, "%s", json_str(n, "begun", ""));
		markup_cell(p, "%s%s", *json_str(n, "outcome", "") ? json_str(n, "outcome", "") : "running", json_bool(n, "poc", false) ? ", poc" : "");
		markup_cell(p, "%d of %d", (int)json_int(n, "ok", 0), (int)json_int(n, "trials", 0));
		markup_cell(p, "%d", (int)json_int(n, "worse", 0));
		markup_cell(p, "%s", money_of(n, "metered", text));
		markup_row_end(p);
	}
	markup_table_end(p);
}

/* ---- history ---- */

struct point {
	int64_t night;
	double median, baseline;
	const char *kind;
};

static size_t points_of(const json_t *history, struct point *out, size_t max)
{
	size_t size = json_array_size(history), from = size > max ? size - max : 0, n = 0;

	for (size_t k = from; k < size; k++) {
		const json_t *f = json_array_get(history, k);

		out[n++] = (struct point){ json_int(f, "night", 0), json_num(f, "median", 0),
			json_is_number(json_object_get(f, "baseline")) ? json_num(f, "baseline", 0) : (double)NAN, json_str(f, "kind", "") };
	}
	return n;
}

/* Points, the band of 3 % around the median of the baseline, and marks where a verdict was told or the level changed. */
static void history_chart(struct buf *out, const json_t *f)
{
	const double width = 900, height = 180, left = 60, top = 14;
	struct point p[400];
	size_t n = points_of(json_object_get(f, "history"), p, ARRAY_LEN(p)), k;
	double low = INFINITY, high = -INFINITY, step;
	const json_t *change;
	char name[128], machine[80];

	if (n < 2)
		return;
	for (k = 0; k < n; k++) {
		low = fmin(low, fmin(p[k].median, isnan(p[k].baseline) ? p[k].median : 0.97 * p[k].baseline));
		high = fmax(high, fmax(p[k].median, isnan(p[k].baseline) ? p[k].median : 1.03 * p[k].baseline));
	}
	low -= (high - low) * 0.08 + 1e-9;
	high += (high - low) * 0.08 + 1e-9;
	step = (width - left - 20) / (double)(n - 1);
#define X(i) (left + 10 + step * (double)(i))
#define Y(v) (top + height - height * ((v) - low) / (high - low))
	buf_printf(out, "<figure><svg viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n", width, height + top + 24);
	for (int g = 0; g <= 3; g++)
		buf_printf(out, "<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\" class=\"grid\"/><text x=\"%.0f\" y=\"%.1f\" "
				"text-anchor=\"end\">%.5g</text>\n", left, width, Y(low + (high - low) * g / 3), Y(low + (high - low) * g / 3),
		    left - 6, Y(low + (high - low) * g / 3) + 4, low + (high - low) * g / 3);
	for (k = 0; k < n; k++)
		if (!isnan(p[k].baseline))
			buf_printf(out, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"#2563eb\" opacity=\"0.12\"/>\n", X(k) - step / 2,
			    Y(1.03 * p[k].baseline), step, Y(0.97 * p[k].baseline) - Y(1.03 * p[k].baseline));
	buf_puts(out, "<polyline fill=\"none\" stroke=\"#2563eb\" stroke-width=\"1.5\" points=\"");
	for (k = 0; k < n; k++)
		buf_printf(out, "%.1f,%.1f ", X(k), Y(p[k].median));
	buf_puts(out, "\"/>\n");
	for (k = 0; k < n; k++) {
		bool bad = !strcmp(p[k].kind, "regression") || !strcmp(p[k].kind, "warning");

		buf_printf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\"><title>night %lld: %.6g (%s)</title></circle>\n", X(k),
		    Y(p[k].median), bad ? "5" : "3", bad ? "#dc2626" : !strcmp(p[k].kind, "better") ? "#059669" : "#2563eb", (long long)p[k].night,
		    p[k].median, p[k].kind);
	}
	json_array_foreach(json_object_get(f, "steps"), k, change)
		for (size_t i = 0; i < n; i++)
			if (p[i].night == json_int(change, "night", 0))
				buf_printf(out, "<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.1f\" stroke=\"#dc2626\" stroke-dasharray=\"4 3\"/>"
						"<text x=\"%.1f\" y=\"%.0f\">%+.1f %%</text>\n", X(i) - step / 2, X(i) - step / 2, top, top + height,
				    X(i) - step / 2 + 4, top + 10, 100 * (json_num(change, "after", 0) / json_num(change, "before", 1) - 1));
	buf_printf(out, "<text x=\"%.0f\" y=\"%.1f\">night %lld</text><text x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">night %lld</text></svg>"
			"<figcaption>", left, top + height + 18, (long long)p[0].night, width - 4, top + height + 18, (long long)p[n - 1].night);
#undef X
#undef Y
	night_row(f, name, sizeof(name));
	night_machine(f, machine, sizeof(machine));
	{
		struct markup m = { out, true };
		char caption[260];

		snprintf(caption, sizeof(caption), "%s on %s, %s", name, machine, json_str(f, "unit", ""));
		markup_text(&m, caption);
	}
	buf_puts(out, "</figcaption></figure>\n");
}

/* The steps of one series, as items. */
static void steps(struct markup *p, const json_t *f)
{
	char line[300], name[128], machine[80];
	const json_t *change;
	size_t k;

	night_row(f, name, sizeof(name));
	night_machine(f, machine, sizeof(machine));
	json_array_foreach(json_object_get(f, "steps"), k, change) {
		snprintf(line, sizeof(line), "%s on %s changed with night %lld: %.5g to %.5g %s (p %.2g)", name, machine,
		    (long long)json_int(change, "night", 0), json_num(change, "before", 0), json_num(change, "after", 0), json_str(f, "unit", ""),
		    json_num(change, "p", 1));
		markup_item(p, line);
	}
}

static void history(struct markup *p, const json_t *series)
{
	size_t k, count = 0;
	const json_t *f;

	json_array_foreach(series, k, f)
		count += json_array_size(json_object_get(f, "steps"));
	markup_heading(p, "History");
	if (!count) {
		markup_line(p, "No series has changed for good.");
	} else {
		markup_list(p);
		json_array_foreach(series, k, f)
			steps(p, f);
		markup_list_end(p);
	}
	json_array_foreach(series, k, f)
		if (p->html)
			history_chart(p->out, f);
}

static void page(struct markup *p, const json_t *doc)
{
	const json_t *series = json_object_get(doc, "series");

	head(p, doc);
	verdicts(p, series);
	figures(p, series);
	stack_changes(p, json_object_get(doc, "stack_changes"));
	troubles(p, json_object_get(json_object_get(doc, "night"), "trials"));
	cost(p, json_object_get(doc, "cost"));
	providers(p, json_object_get(doc, "providers"));
	history(p, series);
	nights(p, json_object_get(doc, "nights"));
}

static void title_of(const json_t *doc, char *out, size_t size)
{
	snprintf(out, size, "%.60s, night %lld", json_str(doc, "campaign", ""),
	    (long long)json_int(json_object_get(doc, "night"), "number", 0));
}

void night_markdown(const json_t *doc, struct buf *out)
{
	struct markup p = { out, false };
	char title[128];

	title_of(doc, title, sizeof(title));
	buf_puts(out, "# ");
	markup_text(&p, title);
	buf_puts(out, "\n\n");
	page(&p, doc);
}

void night_html(const json_t *doc, struct buf *out)
{
	struct markup p = { out, true };
	char title[128];

	title_of(doc, title, sizeof(title));
	html_head(out, title);
	page(&p, doc);
	html_tail(out);
}
