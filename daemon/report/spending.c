#include "report/spending.h"
#include "base/money.h"
#include "base/str.h"
#include "report/markup.h"

#include <math.h>

const char *const spending_tables[] = { "day,provider", "provider", "gpu", "owner", "budget", "campaign", "recipe", "fleet", "part", NULL };

#define TOP      15 /* rows of a table of spenders */
#define DAYS_MAX 92 /* of the chart */
#define STACKS   8  /* providers told apart in it */

static const json_t *rows_of(const json_t *doc, const char *by)
{
	const json_t *table;
	size_t k;

	json_array_foreach(json_object_get(doc, "tables"), k, table)
		if (!strcmp(json_str(table, "by", ""), by))
			return json_object_get(table, "rows");
	return NULL;
}

static const char *dollars(const json_t *o, const char *key, char text[32])
{
	money m;

	text[0] = '\0';
	if (json_money_signed(o, key, &m))
		money_format(m, text);
	return text;
}

static const char *hours(double h, char text[32])
{
	snprintf(text, 32, h >= 100 ? "%.0f" : "%.2f", h);
	return text;
}

static const char *percent(double part, double all, char text[32])
{
	if (all > 0)
		snprintf(text, 32, "%.0f %%", 100 * part / all);
	else
		text[0] = '\0';
	return text;
}

/* ---- the head ---- */

static void what_for(struct markup *p, const json_t *t)
{
	const json_t *parts = json_object_get(t, "parts");
	char paid[32], run[32], share[32], setup[32], idle[32], failed[32];

	hours(json_num(t, "gpu_hours", 0), paid);
	hours(json_num(t, "run_gpu_hours", 0), run);
	percent(json_num(t, "run_gpu_hours", 0), json_num(t, "gpu_hours", 0), share);
	dollars(parts, "setup", setup);
	dollars(parts, "idle", idle);
	dollars(t, "failed", failed);
	markup_line(p, "%s GPU-hours paid, %s of them with a run%s%s%s. %s went for download and setup, %s for idle machines, %s for runs that failed.",
	    paid, run, *share ? " (" : "", share, *share ? ")" : "", *setup ? setup : "$0.00", *idle ? idle : "$0.00", failed);
}

static void head(struct markup *p, const json_t *doc)
{
	const json_t *t = json_object_get(doc, "total");
	const char *since = json_str(doc, "since", ""), *until = json_str(doc, "until", "");
	char metered[32], billed[32], gap[32];
	double ok = json_num(t, "runs_ok", 0);
	const json_t *part;
	size_t k;

	markup_line(p, "%s%s to %s.", *since ? "From " : "From the beginning", since, *until ? until : json_str(doc, "made", ""));
	if (*json_str(doc, "filter", ""))
		markup_line(p, "Only %s.", json_str(doc, "filter", ""));
	dollars(t, "metered", metered);
	dollars(t, "billed", billed);
	dollars(t, "gap", gap);
	markup_line(p, "%s metered by our clock on %lld machines; %s billed by the providers for %lld of them, which is %s beyond the meter.",
	    metered, (long long)json_int(t, "instances", 0), *billed ? billed : "nothing", (long long)json_int(t, "settled_instances", 0), gap);
	json_array_foreach(json_object_get(t, "gaps"), k, part)
		if (json_num(part, "metered", 0) > 0) /* nothing to differ from */
			markup_line(p, "%s of what was metered (%s): %s.", dollars(part, "metered", gap), json_str(part, "reason", ""),
			    json_str(part, "text", ""));
		else
			markup_line(p, "%s of it (%s): %s.", dollars(part, "gap", gap), json_str(part, "reason", ""), json_str(part, "text", ""));
	if (!json_bool(doc, "complete", true))
		markup_line(p, "Not final: the providers' own records are still being read.");
	what_for(p, t);
	if (ok > 0)
		markup_line(p, "%lld runs, %.0f of them ok: $%.4g for each of those.", (long long)json_int(t, "runs", 0), ok,
		    json_num(t, "metered", 0) / ok);
}

/* ---- days ---- */

struct stacks {
	const char *names[STACKS];
	size_t count;
};

static size_t stack_of(struct stacks *s, const char *name)
{
	size_t k = 0;

	while (k < s->count && strcmp(s->names[k], name) != 0)
		k++;
	if (k == s->count && k < STACKS)
		s->names[s->count++] = name;
	return k < STACKS ? k : STACKS - 1;
}

static void days_chart(struct markup *p, const json_t *rows)
{
	const char *labels[DAYS_MAX] = { NULL };
	double *values = xcalloc(DAYS_MAX * STACKS, sizeof(*values)), *packed = xcalloc(DAYS_MAX * STACKS, sizeof(*packed));
	struct stacks s = { { NULL }, 0 };
	const json_t *row;
	size_t n = 0, k, skip = 0;
	const char *last = "";

	/* The newest days, when there are more than fit. */
	json_array_foreach(rows, k, row) {
		n += strcmp(json_str(row, "key", ""), last) != 0;
		last = json_str(row, "key", "");
	}
	skip = n > DAYS_MAX ? n - DAYS_MAX : 0;
	n = 0;
	last = "";
	json_array_foreach(rows, k, row) {
		const char *day = json_str(row, "key", "");
		bool next = strcmp(day, last) != 0;

		last = day;
		if (next && skip) {
			skip--;
			continue;
		}
		if (next)
			labels[n++] = day;
		if (n)
			values[(n - 1) * STACKS + stack_of(&s, json_str(row, "key2", ""))] += fmax(0, json_num(row, "metered", 0));
	}
	for (k = 0; k < n; k++)
		memcpy(packed + k * s.count, values + k * STACKS, s.count * sizeof(*packed));
	if (n && p->html)
		html_bars(p->out, &(struct chart){ .title = "Dollars a day, by provider", .unit = "$", .labels = labels, .label_count = n,
		    .series = s.names, .series_count = s.count, .values = packed, .stacked = true });
	free(values);
	free(packed);
}

/* ---- who, where, on what ---- */

static void bar(struct markup *p, double share)
{
	if (p->html)
		buf_printf(p->out, "<td><span class=\"bar\" style=\"width:%.1f%%\"></span></td>", fmax(0, fmin(100, 100 * share)));
}

static void spenders(struct markup *p, const json_t *doc, const char *by, const char *title)
{
	/* What matters stands first: a phone shows no more of a row. */
	static const char *const columns[] = { "", "Metered", "Share", "Billed", "Gap", "Why", "GPU-hours", "Machines", "" };
	const json_t *rows = rows_of(doc, by), *row;
	double all = json_num(json_object_get(doc, "total"), "metered", 0);
	char a[32];
	size_t k;

	/* One row that says "(none)" says nothing. */
	if (!json_array_size(rows) || (json_array_size(rows) == 1 && !strcmp(json_str(json_array_get(rows, 0), "key", ""), "(none)")))
		return;
	markup_heading(p, title);
	markup_table(p, columns, p->html ? ARRAY_LEN(columns) : ARRAY_LEN(columns) - 1);
	json_array_foreach(rows, k, row) {
		if (k == TOP)
			break;
		markup_row(p);
		markup_cell(p, "%s", json_str(row, "key", ""));
		markup_cell(p, "%s", dollars(row, "metered", a));
		markup_cell(p, "%s", percent(json_num(row, "metered", 0), all, a));
		markup_cell(p, "%s", dollars(row, "billed", a));
		markup_cell(p, "%s", dollars(row, "gap", a));
		markup_cell(p, "%s", json_str(json_array_get(json_object_get(row, "gaps"), 0), "reason", ""));
		markup_cell(p, "%s", hours(json_num(row, "gpu_hours", 0), a));
		markup_cell(p, "%lld", (long long)json_int(row, "instances", 0));
		bar(p, all > 0 ? json_num(row, "metered", 0) / all : 0);
		markup_row_end(p);
	}
	markup_table_end(p);
	if (json_array_size(rows) > TOP)
		markup_line(p, "and %zu more", json_array_size(rows) - TOP);
}

static void efficiency(struct markup *p, const json_t *rows)
{
	static const char *const columns[] = { "GPU", "Paid GPU-hours", "With a run", "GPUs busy", "Setup", "Idle", "Failed runs", "Runs ok",
		"Dollars a run", "Per 1M output tokens" };
	const json_t *row;
	char a[32], b[32];
	size_t k;

	if (!json_array_size(rows))
		return;
	markup_heading(p, "What it was used for");
	markup_table(p, columns, ARRAY_LEN(columns));
	json_array_foreach(rows, k, row) {
		const json_t *parts = json_object_get(row, "parts");
		double paid = json_num(row, "gpu_hours", 0), ok = json_num(row, "runs_ok", 0), tokens = json_num(row, "output_tokens", 0),
		       cost = json_num(row, "metered", 0);

		markup_row(p);
		markup_cell(p, "%s", json_str(row, "key", ""));
		markup_cell(p, "%s", hours(paid, a));
		markup_cell(p, "%s (%s)", hours(json_num(row, "run_gpu_hours", 0), a), percent(json_num(row, "run_gpu_hours", 0), paid, b));
		markup_cell(p, "%s", percent(json_num(row, "busy_gpu_hours", 0), json_num(row, "measured_gpu_hours", 0), a));
		markup_cell(p, "%s", dollars(parts, "setup", a));
		markup_cell(p, "%s", dollars(parts, "idle", a));
		markup_cell(p, "%s", dollars(row, "failed", a));
		markup_cell(p, "%lld of %lld", (long long)json_int(row, "runs_ok", 0), (long long)json_int(row, "runs", 0));
		snprintf(a, sizeof(a), "$%.2f", ok > 0 ? cost / ok : 0);
		markup_cell(p, "%s", ok > 0 ? a : "");
		snprintf(a, sizeof(a), "$%.4g", tokens > 0 ? cost / tokens * 1e6 : 0);
		markup_cell(p, "%s", tokens > 0 ? a : "");
		markup_row_end(p);
	}
	markup_table_end(p);
	markup_line(p, "Dollars include what the machines cost before, between and after their runs. Busy is the mean over the runs that told it.");
}

static void page(struct markup *p, const json_t *doc)
{
	head(p, doc);
	days_chart(p, rows_of(doc, "day,provider"));
	spenders(p, doc, "provider", "Providers");
	spenders(p, doc, "gpu", "GPUs");
	spenders(p, doc, "owner", "Owners");
	spenders(p, doc, "budget", "Budgets");
	spenders(p, doc, "campaign", "Campaigns");
	spenders(p, doc, "recipe", "Recipes");
	spenders(p, doc, "part", "Parts of a machine's life");
	spenders(p, doc, "fleet", "Fleets");
	efficiency(p, rows_of(doc, "gpu"));
}

void spending_markdown(const json_t *doc, struct buf *out)
{
	struct markup p = { out, false };

	buf_puts(out, "# What was spent\n\n");
	page(&p, doc);
}

void spending_html(const json_t *doc, struct buf *out)
{
	struct markup p = { out, true };

	html_head(out, "What was spent");
	page(&p, doc);
	html_tail(out);
}
