/* forecast and what-if: what will be spent, and what would be. */
#include "base/gpu.h"
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/cost.h"
#include "ctl/show.h"

/* ---- what will be spent ---- */

static void forecast_row(struct table *t, const json_t *f, const char *key, enum style style)
{
	table_row(t);
	table_cell(t, style, "%s", key);
	table_cell(t, style, "%s", show_money(f, "spent").s);
	table_cell(t, style, "%s", show_money(f, "mean").s);
	table_cell(t, style, "%s", show_money(f, "month_end").s);
	table_cell(t, style, "%s%s%s", show_money(f, "month_end_low").s, *show_money(f, "month_end_low").s ? " to " : "",
	    show_money(f, "month_end_high").s);
	table_cell(t, style, "%s", show_money(f, "next_30_days").s);
}

static int run_forecast(struct ctl *c, struct err *e)
{
	const struct column columns[] = { { args_has(&c->args, "by") ? args_text(&c->args, "by") : "-", LEFT, 8, 0 }, { "THIS MONTH", RIGHT, 0, 0 },
		{ "A DAY", RIGHT, 0, 1 }, { "AT ITS END", RIGHT, 0, 0 }, { "FOUR IN FIVE", LEFT, 0, 0 }, { "NEXT 30 DAYS", RIGHT, 0, 2 } };
	struct buf path = BUF(4096);
	const json_t *row;
	json_t *answer;
	struct table t;
	size_t n;
	int rc;

	buf_puts(&path, "/v1/forecast?by=");
	str_percent_encode(&path, args_has(&c->args, "by") ? args_text(&c->args, "by") : "");
	rc = args_has(&c->args, "by") ? cost_check_by(args_text(&c->args, "by"), e) : 0;
	if (rc == 0)
		rc = cost_put_query(&c->args, &path, e);
	if (rc == 0)
		rc = ctl_get(c, buf_str(&path), &answer, e);
	buf_free(&path);
	if (rc < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		table_init(&t, columns, ARRAY_LEN(columns));
		json_array_foreach(json_path(answer, "rows"), n, row)
			forecast_row(&t, row, json_str(row, "key", ""), STYLE_PLAIN);
		forecast_row(&t, json_path(answer, "total"), n ? "total" : "", STYLE_BOLD);
		table_print(&t, stdout, term_width(stdout));
		table_free(&t);
		if (json_is_null(json_path(answer, "total.mean")))
			ctl_say("too few whole days to look ahead: there are %lld, it takes three", (long long)json_int(answer, "days", 0));
		else
			ctl_say("to %s, as the last %lld whole day%s went", json_str(answer, "month_end", ""), (long long)json_int(answer, "days", 0),
			    json_int(answer, "days", 0) == 1 ? "" : "s");
	}
	json_decref(answer);
	return 0;
}

static const struct opt forecast_opts[] = {
	{ "by", 'b', ARG_TEXT, "WHAT", "owner, budget, campaign, provider, gpu, recipe or label:KEY", cost_ways, 0, 0, false },
	{ "filter", 'f', ARG_PAIR, "WHAT=VALUE", "only that, like owner=ana", NULL, 0, 0, true },
};

const struct command command_forecast = {
	.name = "forecast",
	.group = "Money and history",
	.synopsis = "[options]",
	.summary = "what this month will have cost at its end, as the last four weeks went",
	.opts = forecast_opts,
	.opt_count = ARRAY_LEN(forecast_opts),
	.run = run_forecast,
};

/* ---- what it would cost ---- */

static struct word storage_of(const json_t *row)
{
	struct word w = { "" };

	if (json_is_null(json_path(row, "storage")))
		str_copy(w.s, "not sold");
	else if (json_num(row, "storage", 0) > 0)
		w = show_money(row, "storage");
	return w;
}

static void show_what_if(const json_t *answer)
{
	static const struct column columns[] = { { "ACCOUNT", LEFT, 8, 0 }, { "OFFER", LEFT, 10, 3 }, { "REGION", LEFT, 0, 4 },
		{ "$/GPU-H", RIGHT, 0, 1 }, { "$/H", RIGHT, 0, 0 },
		{ "STORAGE", RIGHT, 0, 5 }, { "TRAFFIC", RIGHT, 0, 3 }, { "COST", RIGHT, 0, 0 }, { "AT WORST", RIGHT, 0, 2 }, { "NOW", LEFT, 0, 0 } };
	const json_t *row;
	struct table t;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(json_path(answer, "rows"), n, row) {
		bool there = json_bool(row, "available", false);

		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%s", json_str(row, "account", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "offer", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(row, "region", ""));
		table_cell(&t, STYLE_PLAIN, "%s", show_money(row, "price_gpu_hour").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(row, "price_hour").s);
		table_cell(&t, STYLE_PLAIN, "%s", storage_of(row).s);
		table_cell(&t, STYLE_PLAIN, "%s", json_num(row, "traffic", 0) > 0 ? show_money(row, "traffic").s : "");
		table_cell(&t, STYLE_BOLD, "%s", show_money(row, "cost").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(row, "worst_case").s);
		table_cell(&t, there ? STYLE_GREEN : STYLE_YELLOW, "%s", there ? "for sale" : "sold out");
	}
	table_print(&t, stdout, term_width(stdout));
	table_free(&t);
}

static int run_what_if(struct ctl *c, struct err *e)
{
	const char *gpu = args_text(&c->args, "gpu"), *hours_text = args_text(&c->args, "hours");
	char name[64];
	int count;
	int64_t instances = 1, volume, traffic;
	struct buf path = BUF(1024);
	json_t *answer;
	int rc;

	if (!gpu || !gpu_spec_parse(gpu, name, sizeof(name), &count))
		return err_set(e, ERR_USAGE, "which GPU? say --gpu MI300X:8");
	if (!hours_text)
		return err_set(e, ERR_USAGE, "for how long? say --hours 40");
	args_number(&c->args, "instances", &instances);
	buf_puts(&path, "/v1/what-if?gpu=");
	str_percent_encode(&path, name);
	buf_printf(&path, "&count=%d&instances=%lld&hours=", count ? count : 1, (long long)instances);
	str_percent_encode(&path, hours_text);
	if (args_number(&c->args, "traffic", &traffic))
		buf_printf(&path, "&traffic=%lld", (long long)traffic);
	if (args_number(&c->args, "volume", &volume))
		buf_printf(&path, "&volume=%lld", (long long)volume);
	buf_puts(&path, args_has(&c->args, "spot") ? "&spot=1" : "");
	rc = ctl_get(c, buf_str(&path), &answer, e);
	buf_free(&path);
	if (rc < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else if (!json_array_size(json_path(answer, "rows")))
		rc = err_set(e, ERR_CAPACITY, "nobody sells %s:%d in one instance; see: gpufleetctl offers %s", name, count ? count : 1, name);
	else
		show_what_if(answer);
	json_decref(answer);
	return rc;
}

static const struct opt what_if_opts[] = {
	{ "gpu", 'g', ARG_TEXT, "GPU[:N]", "which, and how many in each instance", NULL, 0, 0, false },
	{ "hours", 0, ARG_TEXT, "HOURS", "for how long", NULL, 0, 0, false },
	{ "instances", 'n', ARG_COUNT, "N", "how many instances", NULL, 1, 1000, false },
	{ "volume", 0, ARG_COUNT, "GB", "and a volume of this size for that time", NULL, 1, 1000000, false },
	{ "traffic", 0, ARG_COUNT, "GB", "and so much that each instance receives, where that is charged", NULL, 1, 1000000, false },
	{ "spot", 0, ARG_FLAG, NULL, "interruptible machines", NULL, 0, 0, false },
};

const struct command command_what_if = {
	.name = "what-if",
	.group = "Money and history",
	.synopsis = "--gpu GPU[:N] --hours HOURS",
	.summary = "what it would cost at each provider at its price of now",
	.details =
	    "COST is the price under the provider's rule, minimum charge and rounding included; AT WORST adds what boot and teardown may take.",
	.opts = what_if_opts,
	.opt_count = ARRAY_LEN(what_if_opts),
	.run = run_what_if,
};
