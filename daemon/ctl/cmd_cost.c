#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/cost.h"
#include "ctl/save.h"
#include "ctl/show.h"

#include <math.h>

#define BAR_WIDTH 12

static const char *const format_words[] = { "table", "csv", "json", "md", "report", "html", "focus", NULL };

static struct word hours(const json_t *row)
{
	struct word w = { "" };
	double n = json_num(row, "gpu_hours", -1);

	if (n >= 0)
		snprintf(w.s, sizeof(w.s), "%.2f", n);
	return w;
}

/* Exact dollars for machines, rounded ones for people. */
static struct word amount(const json_t *row, const char *key, bool exact)
{
	struct word w = { "" };
	char text[32];
	money m;

	if (!exact)
		return show_money(row, key);
	if (json_money_signed(row, key, &m)) {
		money_decimal(m, text);
		str_copy(w.s, text);
	}
	return w;
}

/* What the gap is for the most part; "…" when that is not all. */
static struct word why(const json_t *row)
{
	const json_t *gaps = json_path(row, "gaps");
	struct word w = { "" };

	if (json_array_size(gaps))
		snprintf(w.s, sizeof(w.s), "%s%s", json_str(json_array_get(gaps, 0), "reason", ""), json_array_size(gaps) > 1 ? " …" : "");
	return w;
}

/* What the words under WHY mean. */
static void explain_gaps(const json_t *gaps, FILE *to)
{
	const json_t *gap;
	size_t k, said = 0;

	fflush(stdout); /* below the table, wherever the two go */
	json_array_foreach(gaps, k, gap) {
		if (fabs(json_num(gap, "gap", 0)) >= 0.00005) /* less prints as nothing */
			ctl_print(to, STYLE_PLAIN, "%s%s, %s: %s", said++ ? "" : "\n", json_str(gap, "reason", ""), show_money(gap, "gap").s,
			    json_str(gap, "text", ""));
		if (json_num(gap, "metered", 0) >= 0.00005)
			ctl_print(to, STYLE_PLAIN, "%s%s, %s metered: %s", said++ ? "" : "\n", json_str(gap, "reason", ""),
			    show_money(gap, "metered").s, json_str(gap, "text", ""));
	}
}

/* true, or the number of instances whose bill is final. */
static bool is_settled(const json_t *row)
{
	const json_t *settled = json_path(row, "settled");

	return json_is_true(settled) || (json_is_integer(settled) && json_int(row, "settled", 0) >= json_int(row, "instances", 0));
}

/* "" where there is nothing to divide by. */
static struct word percent(double part, double all)
{
	struct word w = { "" };

	if (all > 0)
		snprintf(w.s, sizeof(w.s), "%.0f%%", 100 * part / all);
	return w;
}

static struct word price(double cost, double count)
{
	struct word w = { "" };

	if (count > 0)
		snprintf(w.s, sizeof(w.s), "$%.4g", cost / count);
	return w;
}

/* How much of all it is, drawn. */
static void share(struct table *t, const json_t *row, double all)
{
	double part = all > 0 ? json_num(row, "metered", 0) / all : 0;
	int n = (int)(part * BAR_WIDTH + 0.5);
	char bar[BAR_WIDTH + 1];

	n = n < 0 ? 0 : n > BAR_WIDTH ? BAR_WIDTH : n;
	memset(bar, '#', sizeof(bar));
	bar[n] = '\0';
	table_cell(t, STYLE_BLUE, "%s", bar);
	table_cell(t, STYLE_PLAIN, "%s", percent(part, all > 0).s);
}

/* The table of one answer: which columns there are is decided once, for heads and rows alike. */
struct view {
	struct table t;
	struct column columns[12];
	bool two_ways, drawn, exact;
	double all;
};

static void view_init(struct view *v, const char *by, const char *second, const char *format, double all)
{
	const struct column figures[] = { { "INSTANCES", RIGHT, 0, 4 }, { "GPU HOURS", RIGHT, 0, 3 }, { "HELD", RIGHT, 0, 7 },
		{ "METERED", RIGHT, 0, 0 }, { "BILLED", RIGHT, 0, 0 }, { "GAP", RIGHT, 0, 5 }, { "WHY", LEFT, 0, 8 },
		{ "SETTLED", LEFT, 0, 2 } };
	size_t n = 0;

	v->two_ways = second != NULL;
	v->drawn = !strcmp(format, "table");
	v->exact = !strcmp(format, "csv");
	v->all = all;
	v->columns[n++] = (struct column){ by, LEFT, 10, 0 };
	if (second)
		v->columns[n++] = (struct column){ second, LEFT, 8, 0 };
	for (size_t k = 0; k < ARRAY_LEN(figures); k++)
		v->columns[n++] = figures[k];
	if (v->drawn) {
		v->columns[n++] = (struct column){ "SHARE", LEFT, 0, 6 };
		v->columns[n++] = (struct column){ "%", RIGHT, 0, 1 };
	}
	table_init(&v->t, v->columns, n);
}

static void view_row(struct view *v, const json_t *row, const char *key, enum style style)
{
	static const char *const sums[] = { "held", "metered", "billed", "gap" };
	bool settled = is_settled(row);

	table_row(&v->t);
	table_cell(&v->t, style, "%s", key);
	if (v->two_ways)
		table_cell(&v->t, style, "%s", json_str(row, "key2", ""));
	table_cell(&v->t, style, "%s", show_count(row, "instances").s);
	table_cell(&v->t, style, "%s", hours(row).s);
	for (size_t k = 0; k < ARRAY_LEN(sums); k++)
		table_cell(&v->t, style, "%s", amount(row, sums[k], v->exact).s);
	table_cell(&v->t, STYLE_PLAIN, "%s", why(row).s);
	table_cell(&v->t, settled ? STYLE_GREEN : STYLE_YELLOW, "%s", settled ? "yes" : "no");
	if (v->drawn)
		share(&v->t, row, style == STYLE_BOLD ? 0 : v->all);
}

static void show_cost(const json_t *answer, const char *format)
{
	char by[80], *second;
	bool csv = !strcmp(format, "csv"), md = !strcmp(format, "md");
	const json_t *row;
	struct view v;
	size_t n;

	str_copy(by, json_str(answer, "by", "KEY"));
	second = strchr(by, ',');
	if (second)
		*second++ = '\0';
	view_init(&v, by, second, format, json_num(json_path(answer, "total"), "metered", 0));
	json_array_foreach(json_path(answer, "rows"), n, row)
		view_row(&v, row, json_str(row, "key", "-"), STYLE_PLAIN);
	/* A sum among the rows would be added once more by whoever reads the CSV. */
	if (!csv && n != 1)
		view_row(&v, json_path(answer, "total"), "total", STYLE_BOLD);
	if (csv)
		table_csv(&v.t, stdout);
	else if (md)
		table_markdown(&v.t, stdout);
	else
		table_print(&v.t, stdout, term_width(stdout));
	table_free(&v.t);
	if (!csv)
		explain_gaps(json_path(answer, "total.gaps"), md ? stdout : stderr);
	if (!csv && !json_bool(answer, "complete", true))
		ctl_print(md ? stdout : stderr, STYLE_PLAIN, "%snot complete: the providers' own records are still being read",
		    md ? "\n" : "");
}

/* ---- what it was used for ---- */

static void used_row(struct table *t, const json_t *row, const char *key, enum style style)
{
	double paid = json_num(row, "gpu_hours", 0), cost = json_num(row, "metered", 0);

	table_row(t);
	table_cell(t, style, "%s", key);
	table_cell(t, style, "%s", show_money(row, "metered").s);
	table_cell(t, style, "%.2f", paid);
	table_cell(t, style, "%.2f", json_num(row, "run_gpu_hours", 0));
	table_cell(t, style, "%s", percent(json_num(row, "run_gpu_hours", 0), paid).s);
	table_cell(t, style, "%s", percent(json_num(row, "busy_gpu_hours", 0), json_num(row, "measured_gpu_hours", 0)).s);
	table_cell(t, style, "%s", show_money(row, "parts.setup").s);
	table_cell(t, style, "%s", show_money(row, "parts.idle").s);
	table_cell(t, style, "%s", show_money(row, "failed").s);
	table_cell(t, style, "%s", show_count(row, "runs_ok").s);
	table_cell(t, style, "%s", price(cost, json_num(row, "runs_ok", 0)).s);
	table_cell(t, style, "%s", price(1e6 * cost, json_num(row, "output_tokens", 0)).s);
}

static void show_use(const json_t *answer, const char *format)
{
	const struct column columns[] = { { json_str(answer, "by", "KEY"), LEFT, 10, 0 }, { "METERED", RIGHT, 0, 0 }, { "PAID GPU-H", RIGHT, 0, 0 },
		{ "RUN GPU-H", RIGHT, 0, 0 }, { "USED", RIGHT, 0, 0 }, { "BUSY", RIGHT, 0, 1 }, { "SETUP", RIGHT, 0, 3 }, { "IDLE", RIGHT, 0, 2 },
		{ "FAILED", RIGHT, 0, 4 }, { "RUNS OK", RIGHT, 0, 6 }, { "$/RUN", RIGHT, 0, 5 }, { "$/1M OUT", RIGHT, 0, 7 } };
	const json_t *row;
	struct table t;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(json_path(answer, "rows"), n, row)
		used_row(&t, row, json_str(row, "key", "-"), STYLE_PLAIN);
	if (n != 1 && strcmp(format, "csv") != 0)
		used_row(&t, json_path(answer, "total"), "total", STYLE_BOLD);
	if (!strcmp(format, "csv"))
		table_csv(&t, stdout);
	else if (!strcmp(format, "md"))
		table_markdown(&t, stdout);
	else
		table_print(&t, stdout, term_width(stdout));
	table_free(&t);
}

static const char *format_of(const struct ctl *c)
{
	const char *format = args_text(&c->args, "format"), *out = args_text(&c->args, "output"), *dot = out ? strrchr(out, '.') : NULL;

	return format ? format : c->json ? "json" : dot && !strcmp(dot, ".html") ? "html" : dot && !strcmp(dot, ".md") ? "report" : "table";
}

static bool is_page(const char *format)
{
	return !strcmp(format, "html") || !strcmp(format, "report") || !strcmp(format, "focus");
}

static int run_cost(struct ctl *c, struct err *e)
{
	const char *format = format_of(c), *by = args_text(&c->args, "by"), *out = args_text(&c->args, "output");
	bool use = args_has(&c->args, "efficiency");
	struct buf path = BUF(4096);
	json_t *answer = NULL;
	int rc = 0;

	if (is_page(format)) {
		buf_puts(&path, !strcmp(format, "focus") ? "/v1/cost/focus?" : !strcmp(format, "html") ? "/v1/cost/report?format=html" :
		    "/v1/cost/report?format=md");
	} else {
		buf_puts(&path, "/v1/cost?by=");
		str_percent_encode(&path, by ? by : "fleet");
		buf_puts(&path, use ? "&efficiency=1" : "");
		if (out)
			rc = err_set(e, ERR_USAGE, "--output is for html, report and focus; a table goes to standard output");
	}
	if (rc == 0 && by)
		rc = cost_check_by(by, e);
	if (rc == 0)
		rc = cost_put_query(&c->args, &path, e);
	if (rc == 0)
		rc = is_page(format) ? save_answer(c, buf_str(&path), out, e) : ctl_get(c, buf_str(&path), &answer, e);
	buf_free(&path);
	if (rc < 0 || !answer)
		return rc;
	if (c->json || !strcmp(format, "json"))
		ctl_print_json(answer);
	else if (use)
		show_use(answer, format);
	else
		show_cost(answer, format);
	json_decref(answer);
	return 0;
}

static const struct opt opts[] = {
	{ "by", 'b', ARG_TEXT, "WHAT", "owner, budget, campaign, fleet, provider, account, gpu, region, recipe, run, label:KEY, part, day, week or "
	  "month; or two of them, like owner,month", cost_ways, 0, 0, false },
	{ "since", 's', ARG_TEXT, "TIME", "from then on (UTC): 2026-11-01, last-month, this-week, yesterday, or how long ago: 7d", cost_periods, 0, 0,
	    false },
	{ "until", 'u', ARG_TEXT, "TIME", "up to then", cost_periods, 0, 0, false },
	{ "filter", 'f', ARG_PAIR, "WHAT=VALUE", "only that, like owner=ana or label:team=x", NULL, 0, 0, true },
	{ "efficiency", 'e', ARG_FLAG, NULL, "what it was used for: GPU-hours paid, used and busy; setup, idle, failed runs", NULL, 0, 0, false },
	{ "format", 'o', ARG_WORD, "FORMAT", "table, csv, json, md; report (Markdown) or html, the whole page with charts; focus (FinOps CSV)",
	    format_words, 0, 0, false },
	{ "output", 0, ARG_FILE, "FILE", "report, html, focus: into this file", NULL, 0, 0, false },
};

const struct command command_cost = {
	.name = "cost",
	.group = "Money and history",
	.synopsis = "[options]",
	.summary = "what was spent: held, metered by our clock, billed by the providers",
	.details =
	    "From the ledger: every row adds up to the total, and the total to the ledger, to the micro-dollar. A month has what its own days cost. "
	    "GAP is what providers billed beyond our meter and WHY the reason; SETTLED says whether their record is final for all of a row's "
	    "machines, volumes and snapshots. A volume's bill is read step by step while it lives: what of it is final counts as BILLED.",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_cost,
};
