/* budget: caps on what is spent. */
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/show.h"

static const char *period(const json_t *b, char text[40])
{
	if (!strcmp(json_str(b, "per", ""), "rolling"))
		snprintf(text, 40, "%lld days", (long long)json_int(b, "days", 0));
	else
		snprintf(text, 40, "%.30s", json_str(b, "per", ""));
	return text;
}

static enum style style_of(const json_t *b)
{
	const char *state = json_str(b, "state", "");

	return !strcmp(state, "ok") ? STYLE_GREEN : !strcmp(state, "over") ? STYLE_RED : STYLE_YELLOW;
}

static void budget_row(struct table *t, const json_t *b)
{
	char per[40];

	table_row(t);
	table_cell(t, STYLE_BOLD, "%s", json_str(b, "name", ""));
	table_cell(t, STYLE_PLAIN, "%s%s%s", json_str(b, "scope", ""), *json_str(b, "subject", "") ? " " : "", json_str(b, "subject", ""));
	table_cell(t, STYLE_PLAIN, "%s", period(b, per));
	table_cell(t, STYLE_PLAIN, "%s", show_money(b, "cap").s);
	table_cell(t, STYLE_PLAIN, "%s", show_money(b, "spent").s);
	table_cell(t, STYLE_PLAIN, "%s", show_money(b, "held").s);
	table_cell(t, STYLE_PLAIN, "%s", show_money(b, "left").s);
	table_cell(t, STYLE_PLAIN, "%s", show_money(b, "forecast").s);
	table_cell(t, style_of(b), "%s%s", json_str(b, "state", ""), json_bool(b, "warn_only", false) ? " (warns)" : "");
}

static int list(struct ctl *c, struct err *e)
{
	static const struct column columns[] = { { "BUDGET", LEFT, 10, 0 }, { "COUNTS", LEFT, 8, 3 }, { "PER", LEFT, 0, 2 }, { "CAP", RIGHT, 0, 0 },
		{ "SPENT", RIGHT, 0, 0 }, { "HELD", RIGHT, 0, 4 }, { "LEFT", RIGHT, 0, 0 }, { "FORECAST", RIGHT, 0, 5 }, { "STATE", LEFT, 0, 0 } };
	const json_t *b;
	json_t *answer;
	struct table t;
	size_t n;

	if (ctl_get(c, "/v1/budgets", &answer, e) < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
	} else if (!json_array_size(json_path(answer, "budgets"))) {
		ctl_print(stdout, STYLE_PLAIN, "there is no budget; set one: gpufleetctl budget set NAME --cap USD --per month");
	} else {
		table_init(&t, columns, ARRAY_LEN(columns));
		json_array_foreach(json_path(answer, "budgets"), n, b)
			budget_row(&t, b);
		table_print(&t, stdout, term_width(stdout));
		table_free(&t);
	}
	json_decref(answer);
	return 0;
}

static void line(const char *key, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void line(const char *key, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (*text)
		ctl_print(stdout, STYLE_PLAIN, "  %-9s %s", key, text);
}

static void show_budget(const json_t *b)
{
	char per[40];

	ctl_print(stdout, STYLE_BOLD, "%s: %s", json_str(b, "name", ""), json_str(b, "state", ""));
	line("counts", "%s%s%s", json_str(b, "scope", ""), *json_str(b, "subject", "") ? " " : "", json_str(b, "subject", ""));
	line("cap", "%s per %s (%s)%s", show_money(b, "cap").s, period(b, per), json_str(b, "zone", ""),
	    json_bool(b, "warn_only", false) ? ", warns only" : "");
	if (*json_str(b, "from", ""))
		line("now", "%s to %s", json_str(b, "from", ""), json_str(b, "to", ""));
	line("spent", "%s booked, %s used since by what is running", show_money(b, "spent").s, show_money(b, "running").s);
	line("held", "%s", show_money(b, "held").s);
	line("left", "%s", show_money(b, "left").s);
	if (*show_money(b, "forecast").s)
		line("forecast", "%s at the end of the %s, at the rate so far", show_money(b, "forecast").s, json_str(b, "per", ""));
	line("notify", "%s", json_str(b, "notify", ""));
	line("set by", "%s, %s", json_str(b, "set_by", ""), show_when(b, "updated").s);
}

static int answer_budget(struct ctl *c, json_t *answer, struct err *e)
{
	const json_t *b = json_path(answer, "budget");

	(void)e;
	if (c->json)
		ctl_print_json(answer);
	else
		show_budget(b);
	json_decref(answer);
	return 0;
}

static int show(struct ctl *c, struct err *e)
{
	char *path = ctl_path("/v1/budgets/%s", c->args.words[1]);
	json_t *answer;
	int rc = ctl_get(c, path, &answer, e);

	free(path);
	return rc < 0 ? -1 : answer_budget(c, answer, e);
}

static int drop(struct ctl *c, struct err *e)
{
	char *path = ctl_path("/v1/budgets/%s", c->args.words[1]);
	json_t *answer;
	int rc = ctl_delete(c, path, &answer, e);

	free(path);
	if (rc < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else
		ctl_print(stdout, STYLE_PLAIN, "budget '%s' caps nothing any more", c->args.words[1]);
	json_decref(answer);
	return 0;
}

/* --owner ana, --provider runpod … say what it counts; --all and --named that it counts everything, or what names it. */
static int put_scope(const struct args *a, json_t *body, struct err *e)
{
	static const char *const scopes[] = { "all", "named", "owner", "campaign", "provider", "label" };
	int n = 0;

	for (size_t k = 0; k < ARRAY_LEN(scopes); k++) {
		if (!args_has(a, scopes[k]))
			continue;
		n++;
		json_put_str(body, "scope", scopes[k]);
		if (k > 1)
			json_put_str(body, "subject", args_text(a, scopes[k]));
	}
	return n > 1 ? err_set(e, ERR_USAGE, "a budget counts one thing: --all, --named, --owner, --campaign, --provider or --label") : 0;
}

static int set(struct ctl *c, struct err *e)
{
	const struct args *a = &c->args;
	json_t *body = json_object(), *answer;
	int64_t n;
	char key[33];
	int rc;

	ctl_new_key(key);
	json_put_str(body, "name", a->words[1]);
	rc = put_scope(a, body, e);
	if (args_number(a, "cap", &n))
		json_put_money(body, "cap", n);
	if (args_has(a, "per"))
		json_put_str(body, "per", args_text(a, "per"));
	if (args_number(a, "days", &n)) {
		json_put_str(body, "per", "rolling");
		json_put_int(body, "days", n);
	}
	if (args_has(a, "zone"))
		json_put_str(body, "zone", args_text(a, "zone"));
	if (args_has(a, "notify"))
		json_put_str(body, "notify", args_text(a, "notify"));
	if (args_has(a, "warn") || args_has(a, "hard"))
		json_put_bool(body, "warn_only", args_has(a, "warn"));
	if (args_has(a, "drain"))
		json_put_bool(body, "drain", true);
	if (rc == 0 && args_has(a, "warn") && args_has(a, "hard"))
		rc = err_set(e, ERR_USAGE, "--warn and --hard contradict each other");
	if (rc == 0)
		rc = ctl_post(c, "/v1/budgets", body, key, &answer, e);
	json_decref(body);
	return rc < 0 ? -1 : answer_budget(c, answer, e);
}

static int run_budget(struct ctl *c, struct err *e)
{
	static const struct {
		const char *word;
		bool name;
		int (*run)(struct ctl *c, struct err *e);
	} subs[] = { { "set", true, set }, { "list", false, list }, { "show", true, show }, { "delete", true, drop } };
	const char *words[ARRAY_LEN(subs) + 1] = { NULL }, *word = c->args.words[0], *near;

	for (size_t k = 0; k < ARRAY_LEN(subs); k++) {
		words[k] = subs[k].word;
		if (strcmp(subs[k].word, word) != 0)
			continue;
		if (subs[k].name != (c->args.word_count == 2))
			return err_set(e, ERR_USAGE, "usage: gpufleetctl budget %s%s", word, subs[k].name ? " NAME" : "");
		return subs[k].run(c, e);
	}
	near = str_nearest(word, words);
	return err_set(e, ERR_USAGE, near ? "there is no 'budget %.30s'; did you mean 'budget %s'?" : "there is no 'budget %.30s'; see: "
	    "gpufleetctl budget --help", word, near);
}

static const char *const per_words[] = { "day", "week", "month", "total", NULL };
static const struct opt opts[] = {
	{ "cap", 0, ARG_MONEY, "USD", "how much may be spent and held in each period", NULL, 0, 0, false },
	{ "per", 0, ARG_WORD, "PERIOD", "day, week (from Monday), month or total", per_words, 0, 0, false },
	{ "days", 0, ARG_COUNT, "N", "a window that rolls: today and the days before it", NULL, 1, 366, false },
	{ "zone", 0, ARG_TEXT, "ZONE", "whose midnights count, like Europe/Berlin; UTC when not given", NULL, 0, 0, false },
	{ "all", 0, ARG_FLAG, NULL, "it counts everything (so it does when nothing else is said)", NULL, 0, 0, false },
	{ "named", 0, ARG_FLAG, NULL, "it counts what names it: up --budget, run --budget, 'budget:' of a campaign", NULL, 0, 0, false },
	{ "owner", 0, ARG_NAME, "NAME", "it counts the fleets of this owner", NULL, 0, 60, false },
	{ "campaign", 0, ARG_NAME, "NAME", "it counts the nights of this campaign", NULL, 0, 60, false },
	{ "provider", 'p', ARG_NAME, "ACCOUNT", "it counts this account or provider", NULL, 0, 0, false },
	{ "label", 'l', ARG_PAIR, "KEY=VALUE", "it counts the fleets with this label", NULL, 0, 0, false },
	{ "warn", 0, ARG_FLAG, NULL, "tell, and refuse nothing", NULL, 0, 0, false },
	{ "hard", 0, ARG_FLAG, NULL, "refuse what does not fit (so it does when nothing else is said)", NULL, 0, 0, false },
	{ "notify", 0, ARG_NAME, "WEBHOOK", "hear of 50, 80, 90 and 100 %", NULL, 0, 60, false },
	{ "drain", 0, ARG_FLAG, NULL, "when it holds more than the new cap: end the newest fleets until the rest fits", NULL, 0, 0, false },
};

const struct command command_budget = {
	.name = "budget",
	.group = "Money and history",
	.synopsis = "set NAME --cap USD [options] | list | show|delete NAME",
	.summary = "caps that cannot be overrun: what is spent and what is held stay below",
	.details =
	    "An order is taken only when every budget that counts it has room for the worst that it can cost; the refusal says how much is "
	    "missing and how long would fit. set changes what it is told of a budget that is there, and keeps the rest.\n"
	    "A cap below what is spent and held already refuses everything new; what runs ends by itself, or at once with --drain.",
	.min = 1,
	.max = 2,
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_budget,
};
