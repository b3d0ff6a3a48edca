#include "ctl/cmd.h"
#include "base/clock.h"
#include "base/str.h"
#include "ctl/show.h"

static const char *const by_words[] = { "fleet", "provider", "account", "gpu", "owner", "recipe", "campaign", "day", "month", NULL };
static const char *const format_words[] = { "table", "csv", "json", "md", NULL };

/* "7d" before now, "2026-11-01", or a full RFC 3339 time. */
static int read_time(const char *option, const char *text, char out[32], struct err *e)
{
	char *day = xasprintf("%.64sT00:00:00Z", text);
	duration back;
	instant t = 0;
	bool ok = instant_parse(text, &t) || instant_parse(day, &t);

	free(day);
	if (!ok && str_to_duration(text, &back)) {
		t = clock_wall() - back;
		ok = back > 0 && back <= 20 * 366 * DAY;
	}
	if (!ok)
		return err_set(e, ERR_USAGE, "--%s wants a day like 2026-11-01 (UTC), a time like 2026-11-01T08:00:00Z, or how long ago, "
					     "like 7d; not '%.64s'",
		    option, text);
	instant_format(t, false, out);
	return 0;
}

static int build_path(const struct args *a, struct buf *path, struct err *e)
{
	static const char *const limits[] = { "since", "until" };
	const char *by = args_text(a, "by");
	char text[32];

	buf_printf(path, "/v1/cost?by=%s", by ? by : "fleet");
	for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
		if (!args_has(a, limits[i]))
			continue;
		if (read_time(limits[i], args_text(a, limits[i]), text, e) < 0)
			return -1;
		buf_printf(path, "&%s=", limits[i]);
		str_percent_encode(path, text);
	}
	return 0;
}

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

/* true, or the number of instances whose bill is final. */
static bool is_settled(const json_t *row)
{
	const json_t *settled = json_path(row, "settled");

	return json_is_true(settled) || (json_is_integer(settled) && json_int(row, "settled", 0) >= json_int(row, "instances", 0));
}

static void cost_row(struct table *t, const json_t *row, const char *key, enum style style, bool exact)
{
	bool settled = is_settled(row);

	table_row(t);
	table_cell(t, style, "%s", key);
	table_cell(t, style, "%s", show_count(row, "instances").s);
	table_cell(t, style, "%s", hours(row).s);
	table_cell(t, style, "%s", amount(row, "held", exact).s);
	table_cell(t, style, "%s", amount(row, "metered", exact).s);
	table_cell(t, style, "%s", amount(row, "billed", exact).s);
	table_cell(t, settled ? STYLE_GREEN : STYLE_YELLOW, "%s", settled ? "yes" : "no");
}

static void show_cost(const json_t *answer, const char *format)
{
	const struct column columns[] = {
		{ json_str(answer, "by", "KEY"), LEFT, 10, 0 },
		{ "INSTANCES", RIGHT, 0, 3 },
		{ "GPU HOURS", RIGHT, 0, 2 },
		{ "HELD", RIGHT, 0, 4 },
		{ "METERED", RIGHT, 0, 0 },
		{ "BILLED", RIGHT, 0, 0 },
		{ "SETTLED", LEFT, 0, 1 },
	};
	bool csv = !strcmp(format, "csv"), md = !strcmp(format, "md");
	const json_t *row;
	struct table t;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(json_path(answer, "rows"), n, row)
		cost_row(&t, row, json_str(row, "key", "-"), STYLE_PLAIN, csv);
	/* A sum among the rows would be added once more by whoever reads the CSV. */
	if (!csv && n != 1)
		cost_row(&t, json_path(answer, "total"), "total", STYLE_BOLD, false);
	if (csv)
		table_csv(&t, stdout);
	else if (md)
		table_markdown(&t, stdout);
	else
		table_print(&t, stdout, term_width(stdout));
	table_free(&t);
	if (!csv && !json_bool(answer, "complete", true))
		ctl_print(md ? stdout : stderr, STYLE_PLAIN, "%snot complete: the providers' own records are still being read",
		    md ? "\n" : "");
}

static int run_cost(struct ctl *c, struct err *e)
{
	const char *format = args_text(&c->args, "format");
	struct buf path = BUF(1024);
	json_t *answer;
	int rc = build_path(&c->args, &path, e);

	if (rc == 0)
		rc = ctl_get(c, buf_str(&path), &answer, e);
	buf_free(&path);
	if (rc < 0)
		return -1;
	if (c->json || (format && !strcmp(format, "json")))
		ctl_print_json(answer);
	else
		show_cost(answer, format ? format : "table");
	json_decref(answer);
	return 0;
}

static const struct opt opts[] = {
	{ "by", 'b', ARG_WORD, "WHAT", "fleet, provider, account, gpu, owner, recipe, campaign, day or month", by_words, 0, 0, false },
	{ "since", 's', ARG_TEXT, "TIME", "from this day or time (UTC) on, or how long ago: 7d", NULL, 0, 0, false },
	{ "until", 'u', ARG_TEXT, "TIME", "up to this day or time", NULL, 0, 0, false },
	{ "format", 'o', ARG_WORD, "FORMAT", "table, csv, json or md", format_words, 0, 0, false },
};

const struct command command_cost = {
	.name = "cost",
	.group = "Money and history",
	.synopsis = "[options]",
	.summary = "what was spent: held, metered by our clock, billed by the providers",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_cost,
};
