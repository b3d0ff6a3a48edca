/* Campaigns: what is measured every night, and what came of it. */
#include "ctl/cmd.h"
#include "base/str.h"
#include "config/campaign.h"
#include "ctl/bench.h"
#include "ctl/night.h"
#include "ctl/save.h"
#include "ctl/show.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define FILE_MAX_ (1024u * 1024)

/* ---- files ---- */

static char *read_text(const char *path, struct err *e)
{
	int fd = !strcmp(path, "-") ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	struct buf text = BUF(FILE_MAX_);
	char chunk[65536];
	ssize_t n = 0;
	bool fits = true;

	while (fd >= 0 && fits && (n = read(fd, chunk, sizeof(chunk))) > 0)
		fits = buf_append(&text, chunk, (size_t)n);
	if (fd < 0 || n < 0)
		err_errno(e, ERR_USAGE, "cannot read '%s'", path);
	else if (!fits || memchr(buf_str(&text), 0, text.len))
		err_set(e, ERR_USAGE, "'%s' is not a campaign: %s", path, fits ? "it is not text" : "it is over 1 MiB");
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && n >= 0 && fits && !memchr(buf_str(&text), 0, text.len))
		return buf_take(&text);
	buf_free(&text);
	return NULL;
}

/* Mistakes of the file itself are found here, all of them at once, and without a daemon. */
static int check_file(const char *path, const char *text, struct err *e)
{
	struct campaign_file f;
	struct buf report = BUF(65536);
	int rc = campaign_read(&f, path, text, strlen(text), &report, e);

	if (rc == 0)
		campaign_free(&f);
	else if (strchr(buf_str(&report), '\n') && strchr(strchr(buf_str(&report), '\n') + 1, '\n'))
		ctl_print(stderr, STYLE_PLAIN, "%s", buf_str(&report));
	buf_free(&report);
	return rc;
}

static int post_text(struct ctl *c, const char *path, const char *text, bool dry, json_t **out, struct err *e)
{
	json_t *body = json_object();
	char key[33];
	int rc;

	ctl_new_key(key);
	json_put_str(body, "text", text);
	json_put_str(body, "file", path);
	json_put_bool(body, "dry_run", dry);
	rc = ctl_post(c, "/v1/campaigns", body, dry ? NULL : key, out, e);
	json_decref(body);
	return rc;
}

static void show_cells(const json_t *plan)
{
	const json_t *cells = json_path(plan, "cells"), *cell;
	size_t k;

	ctl_print(stdout, STYLE_PLAIN, "%s: %zu cell%s of %s, %lld run%s a night", json_str(plan, "campaign", ""), json_array_size(cells),
	    json_array_size(cells) == 1 ? "" : "s", json_str(plan, "recipe", ""), (long long)json_int(plan, "runs", 0),
	    json_int(plan, "runs", 0) == 1 ? "" : "s");
	json_array_foreach(cells, k, cell)
		ctl_print(stdout, STYLE_PLAIN, "  %s", json_str(cell, "title", ""));
}

static void show_firings(const json_t *next)
{
	const json_t *f;
	size_t k;

	json_array_foreach(next, k, f)
		ctl_print(stdout, STYLE_PLAIN, "%s%s  (%s)", k ? "       " : "next:  ", json_str(f, "local", ""), json_str(f, "begins", ""));
	if (!json_array_size(next))
		ctl_print(stdout, STYLE_PLAIN, "next:  only when you say so: gpufleetctl campaign run");
}

static int check(struct ctl *c, struct err *e)
{
	const char *path = c->args.words[1];
	char *text = read_text(path, e);
	json_t *answer = NULL;
	int rc = text ? check_file(path, text, e) : -1;

	if (rc == 0)
		rc = post_text(c, path, text, true, &answer, e);
	if (rc == 0 && c->json) {
		ctl_print_json(answer);
	} else if (rc == 0) {
		show_cells(json_path(answer, "plan"));
		show_firings(json_path(answer, "next"));
	}
	json_decref(answer);
	free(text);
	return rc;
}

static int apply(struct ctl *c, struct err *e)
{
	const char *path = c->args.words[1], *old;
	char *text = read_text(path, e);
	json_t *before = NULL, *answer = NULL;
	int rc = text ? check_file(path, text, e) : -1;

	if (rc == 0)
		rc = post_text(c, path, text, true, &before, e);
	old = json_str(before, "applied", NULL);
	if (rc == 0 && !c->json && old) {
		if (!strcmp(old, text))
			ctl_say("nothing changes");
		else
			night_print_changes(old, text);
	}
	if (rc == 0)
		rc = post_text(c, path, text, false, &answer, e);
	if (rc == 0 && c->json) {
		ctl_print_json(answer);
	} else if (rc == 0) {
		show_cells(json_path(answer, "campaign.plan"));
		show_firings(json_path(before, "next"));
		ctl_print(stdout, STYLE_DIM, "definition %lld of '%s'; run it now: gpufleetctl campaign run %s",
		    (long long)json_int(answer, "campaign.definition", 0), json_str(answer, "campaign.name", ""),
		    json_str(answer, "campaign.name", ""));
	}
	json_decref(before);
	json_decref(answer);
	free(text);
	return rc;
}

/* ---- looking ---- */

static int get_named(struct ctl *c, const char *tail, json_t **out, struct err *e)
{
	char *path = ctl_path("/v1/campaigns/%s", c->args.words[1]), *whole = xasprintf("%s%s", path, tail);
	int rc = ctl_get(c, whole, out, e);

	free(path);
	free(whole);
	return rc;
}

static int list(struct ctl *c, struct err *e)
{
	static const struct column columns[] = {
		{ "CAMPAIGN", LEFT, 10, 0 }, { "STATE", LEFT, 0, 0 }, { "RECIPE", LEFT, 8, 2 }, { "RUNS", RIGHT, 0, 3 },
		{ "NIGHTS", RIGHT, 0, 4 }, { "NOW", LEFT, 0, 0 }, { "NEXT", LEFT, 0, 1 }, { "OWNER", LEFT, 6, 5 },
	};
	json_t *answer = NULL, *x;
	struct table t;
	size_t k;

	if (ctl_get(c, "/v1/campaigns", &answer, e) < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
		json_decref(answer);
		return 0;
	}
	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(json_path(answer, "campaigns"), k, x) {
		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%s", json_str(x, "name", ""));
		table_cell(&t, !strcmp(json_str(x, "state", ""), "unusable") ? STYLE_RED : STYLE_PLAIN, "%s", json_str(x, "state", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(x, "plan.recipe", ""));
		table_cell(&t, STYLE_PLAIN, "%lld", (long long)json_int(x, "plan.runs", 0));
		table_cell(&t, STYLE_PLAIN, "%lld", (long long)json_int(x, "nights", 0));
		if (json_int(x, "night.number", 0))
			table_cell(&t, STYLE_PLAIN, "night %lld, %lld of %lld", (long long)json_int(x, "night.number", 0),
			    (long long)json_int(x, "night.trials_ended", 0), (long long)json_int(x, "night.count", 0));
		else
			table_cell(&t, STYLE_PLAIN, "%s", "");
		table_cell(&t, STYLE_PLAIN, "%s", json_str(x, "next.local", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(x, "owner", ""));
	}
	if (t.row_count)
		table_print(&t, stdout, term_width(stdout));
	else
		ctl_say("there is no campaign; write a file (gpufleet-campaign(5)) and: gpufleetctl campaign apply FILE");
	table_free(&t);
	json_decref(answer);
	return 0;
}

static int show(struct ctl *c, struct err *e)
{
	json_t *answer = NULL;
	const json_t *x;

	if (get_named(c, "", &answer, e) < 0)
		return -1;
	x = json_path(answer, "campaign");
	if (c->json) {
		ctl_print_json(answer);
	} else {
		ctl_print(stdout, STYLE_BOLD, "%s (%s), definition %lld, applied %s by %s", json_str(x, "name", ""), json_str(x, "state", ""),
		    (long long)json_int(x, "definition", 0), json_str(x, "updated", ""), json_str(x, "owner", ""));
		if (*json_str(x, "trouble", ""))
			ctl_print(stdout, STYLE_RED, "%s", json_str(x, "trouble", ""));
		if (json_is_object(json_path(x, "plan")))
			show_cells(json_path(x, "plan"));
		if (json_is_object(json_path(x, "next")))
			ctl_print(stdout, STYLE_PLAIN, "next:  %s", json_str(x, "next.local", ""));
		if (json_is_object(json_path(x, "night")))
			night_print(json_path(x, "night"));
		ctl_print(stdout, STYLE_DIM, "the file as it was applied: gpufleetctl campaign show %s --json; the past: gpufleetctl campaign history %s",
		    json_str(x, "name", ""), json_str(x, "name", ""));
	}
	json_decref(answer);
	return 0;
}

static bool same_kind(const json_t *a, const json_t *b)
{
	return !strcmp(json_str(a, "gpu", ""), json_str(b, "gpu", "")) && json_int(a, "gpu_count", 0) == json_int(b, "gpu_count", 0) &&
	       json_int(a, "instances", 1) == json_int(b, "instances", 1) &&
	       !strcmp(json_str(a, "providers", ""), json_str(b, "providers", "")) && !strcmp(json_str(a, "region", ""), json_str(b, "region", ""));
}

/* What the first of a kind costs an hour at today's cheapest offer; < 0: nobody says. */
static double price_of(struct ctl *c, const json_t *plan, const json_t *cell)
{
	json_t *body = json_object(), *providers = json_array(), *answer = NULL;
	char list[TEXT_MAX], *rest = list, *one;
	struct err none;
	double price = -1;

	json_put_str(body, "gpu", json_str(cell, "gpu", ""));
	json_put_int(body, "count", json_int(cell, "gpu_count", 1));
	json_put_int(body, "instances", json_int(cell, "instances", 1));
	json_put_bool(body, "together", json_int(cell, "instances", 1) > 1);
	if (*json_str(plan, "image", ""))
		json_put_str(body, "image", json_str(plan, "image", ""));
	if (json_int(plan, "disk", 0))
		json_put_int(body, "disk", json_int(plan, "disk", 0));
	str_copy(list, json_str(cell, "providers", ""));
	while ((one = str_split(&rest, ",")))
		if (*one)
			json_array_append_new(providers, json_string(one));
	if (json_array_size(providers))
		json_put(body, "providers", json_incref(providers));
	if (*json_str(cell, "region", ""))
		json_put_str(body, "region", json_str(cell, "region", ""));
	if (json_is_number(json_path(plan, "max_price")))
		json_put(body, "max_price", json_incref((json_t *)(uintptr_t)json_path(plan, "max_price")));
	if (ctl_post(c, "/v1/plans", body, NULL, &answer, &none) == 0 && json_array_size(json_path(answer, "offers")))
		price = json_num(answer, "price_hour", -1);
	json_decref(answer);
	json_decref(body);
	json_decref(providers);
	return price;
}

static void say_price(const json_t *cell, double price)
{
	long long instances = json_int(cell, "instances", 1);
	char several[24] = "";

	if (instances > 1)
		snprintf(several, sizeof(several), "%lld x ", instances);
	if (price < 0)
		ctl_print(stdout, STYLE_PLAIN, "%s%s: nobody sells it now", several, show_gpu(cell).s);
	else
		ctl_print(stdout, STYLE_PLAIN, "%s%s: $%.2f an hour with the cheapest offer now", several, show_gpu(cell).s, price);
}

/* Where no night has told yet what one costs: what it can cost at the most, each run taking all the time that it may. */
static void show_estimate(struct ctl *c, const json_t *plan)
{
	const json_t *cells = json_path(plan, "cells"), *cell, *other;
	double per_cell = json_num(plan, "runs", 0) / (double)(json_array_size(cells) ? json_array_size(cells) : 1), most = 0;
	size_t k, i;

	json_array_foreach(cells, k, cell) {
		double price, hours = 0;
		bool first = true;

		json_array_foreach(cells, i, other) {
			first &= i >= k || !same_kind(cell, other);
			hours += same_kind(cell, other) ? per_cell * json_num(plan, "run_limit", 0) / 3600 : 0;
		}
		price = first ? price_of(c, plan, cell) : -1;
		if (first)
			say_price(cell, price);
		most += price > 0 ? price * hours : 0;
	}
	if (most > 0)
		ctl_print(stdout, STYLE_PLAIN, "each at most $%.2f, if every run takes all the time that it may", most);
}

static int next(struct ctl *c, struct err *e)
{
	int64_t count = 5;
	json_t *answer = NULL, *campaign = NULL;
	const json_t *f;
	char tail[32];
	size_t k;

	args_number(&c->args, "count", &count);
	snprintf(tail, sizeof(tail), "/next?n=%lld", (long long)count);
	if (get_named(c, tail, &answer, e) < 0)
		return -1;
	if (c->json) {
		ctl_print_json(answer);
	} else {
		json_array_foreach(json_path(answer, "next"), k, f)
			ctl_print(stdout, STYLE_PLAIN, "%s  (%s)", json_str(f, "local", ""), json_str(f, "begins", ""));
		if (!json_array_size(json_path(answer, "next")))
			ctl_say("it has no schedule");
		if (json_bool(answer, "paused", false))
			ctl_say("it is paused: none of these will begin");
		if (json_is_number(json_path(answer, "cost")))
			ctl_print(stdout, STYLE_PLAIN, "each about %s, as the last complete nights", show_money(answer, "cost").s);
		else if (get_named(c, "", &campaign, e) == 0)
			show_estimate(c, json_path(campaign, "campaign.plan"));
		if (json_is_number(json_path(answer, "per_night")))
			ctl_print(stdout, STYLE_PLAIN, "each at most %s (limits.per_night)", show_money(answer, "per_night").s);
	}
	json_decref(campaign);
	json_decref(answer);
	return 0;
}

static int history(struct ctl *c, struct err *e)
{
	int64_t limit = 30;
	json_t *answer = NULL;
	char tail[40];

	args_number(&c->args, "count", &limit);
	snprintf(tail, sizeof(tail), "/nights?limit=%lld", (long long)limit);
	if (get_named(c, tail, &answer, e) < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else
		night_print_list(json_path(answer, "nights"));
	json_decref(answer);
	return 0;
}

static const char *format_of(struct ctl *c)
{
	const char *format = args_text(&c->args, "format"), *out = args_text(&c->args, "output"), *dot = out ? strrchr(out, '.') : NULL;

	if (format)
		return format;
	return c->json ? "json" : dot && !strcmp(dot, ".html") ? "html" : dot && !strcmp(dot, ".json") ? "json" : "md";
}

static int report(struct ctl *c, struct err *e)
{
	int64_t night = 0;
	char *path = ctl_path("/v1/campaigns/%s/report?format=%s", c->args.words[1], format_of(c)), *whole;
	int rc;

	args_number(&c->args, "night", &night);
	whole = xasprintf("%s&night=%lld", path, (long long)night);
	free(path);
	rc = save_answer(c, whole, args_text(&c->args, "output"), e);
	free(whole);
	return rc;
}

/* ---- doing ---- */

static int post_named(struct ctl *c, const char *tail, json_t *body, json_t **out, struct err *e)
{
	char *path = ctl_path("/v1/campaigns/%s", c->args.words[1]), *whole = xasprintf("%s%s", path, tail), key[33];
	int rc;

	ctl_new_key(key);
	rc = ctl_post(c, whole, body, key, out, e);
	json_decref(body);
	free(path);
	free(whole);
	return rc;
}

static int run(struct ctl *c, struct err *e)
{
	json_t *answer = NULL;
	int rc = post_named(c, "/run", json_pack("{sb}", "poc", args_has(&c->args, "poc")), &answer, e);
	int64_t number = json_int(answer, "night.number", 0);

	if (rc == 0 && args_has(&c->args, "detach")) {
		if (c->json)
			ctl_print_json(answer);
		else
			ctl_print(stdout, STYLE_PLAIN, "night %lld of '%s' has begun; see: gpufleetctl campaign show %s", (long long)number,
			    c->args.words[1], c->args.words[1]);
	} else if (rc == 0) {
		rc = night_follow(c, c->args.words[1], number, e);
	}
	json_decref(answer);
	return rc;
}

static int pause_or_resume(struct ctl *c, bool pause, struct err *e)
{
	json_t *answer = NULL;
	int rc = post_named(c, "/pause", json_pack("{sb}", "paused", pause), &answer, e);

	if (rc == 0 && c->json)
		ctl_print_json(answer);
	else if (rc == 0 && pause)
		ctl_print(stdout, STYLE_PLAIN, "'%s' is paused%s; go on with: gpufleetctl campaign resume %s", c->args.words[1],
		    json_is_object(json_path(answer, "campaign.night")) ? " after this night" : "", c->args.words[1]);
	else if (rc == 0)
		ctl_print(stdout, STYLE_PLAIN, "'%s' goes on; next %s", c->args.words[1], json_str(answer, "campaign.next.local", "when you say so"));
	json_decref(answer);
	return rc;
}

static int stop(struct ctl *c, struct err *e)
{
	json_t *answer = NULL;
	int rc = post_named(c, "/stop", json_object(), &answer, e);

	if (rc == 0 && c->json)
		ctl_print_json(answer);
	else if (rc == 0)
		ctl_print(stdout, STYLE_PLAIN, "night %lld of '%s' ends: what was measured is kept, its machines are given back",
		    (long long)json_int(answer, "night.number", 0), c->args.words[1]);
	json_decref(answer);
	return rc;
}

static int drop(struct ctl *c, struct err *e)
{
	char *path = ctl_path("/v1/campaigns/%s", c->args.words[1]);
	json_t *answer = NULL;
	int rc = ctl_delete(c, path, &answer, e);

	free(path);
	if (rc == 0 && c->json)
		ctl_print_json(answer);
	else if (rc == 0)
		ctl_print(stdout, STYLE_PLAIN, "'%s' is deleted; its nights stay: gpufleetctl campaign history %s", c->args.words[1],
		    c->args.words[1]);
	json_decref(answer);
	return rc;
}

static int pause_it(struct ctl *c, struct err *e)
{
	return pause_or_resume(c, true, e);
}

static int resume_it(struct ctl *c, struct err *e)
{
	return pause_or_resume(c, false, e);
}

static int run_campaign(struct ctl *c, struct err *e)
{
	static const struct {
		const char *word, *operand;
		int (*run)(struct ctl *c, struct err *e);
	} subs[] = {
		{ "check", "FILE", check }, { "apply", "FILE", apply }, { "list", NULL, list }, { "show", "NAME", show }, { "next", "NAME", next },
		{ "run", "NAME", run }, { "stop", "NAME", stop }, { "pause", "NAME", pause_it }, { "resume", "NAME", resume_it },
		{ "history", "NAME", history }, { "report", "NAME", report }, { "delete", "NAME", drop },
	};
	const char *words[ARRAY_LEN(subs) + 1] = { NULL }, *word = c->args.words[0], *near;

	for (size_t k = 0; k < ARRAY_LEN(subs); k++) {
		words[k] = subs[k].word;
		if (strcmp(subs[k].word, word) != 0)
			continue;
		if ((subs[k].operand != NULL) != (c->args.word_count == 2))
			return err_set(e, ERR_USAGE, "usage: gpufleetctl campaign %s%s%s", word, subs[k].operand ? " " : "",
			    subs[k].operand ? subs[k].operand : "");
		return subs[k].run(c, e);
	}
	near = str_nearest(word, words);
	return err_set(e, ERR_USAGE, near ? "there is no 'campaign %.30s'; did you mean 'campaign %s'?" : "there is no 'campaign %.30s'; see: "
	    "gpufleetctl campaign --help", word, near);
}

static const char *const formats[] = { "md", "html", "json", NULL };
static const struct opt opts[] = {
	{ "poc", 0, ARG_FLAG, NULL, "run: only the first cell of each kind of machine, once", NULL, 0, 0, false },
	{ "detach", 'd', ARG_FLAG, NULL, "run: do not wait for the end of the night", NULL, 0, 0, false },
	{ "count", 'n', ARG_COUNT, "N", "next, history: how many", NULL, 1, 1000, false },
	{ "night", 0, ARG_COUNT, "N", "report: of this night; the last one that is over when not given", NULL, 1, 1000000000, false },
	{ "format", 0, ARG_WORD, "FORMAT", "report: md, html or json; by the name of the file when not given, else md", formats, 0, 0, false },
	{ "output", 'o', ARG_FILE, "FILE", "report: into this file", NULL, 0, 0, false },
};

const struct command command_campaign = {
	.name = "campaign",
	.group = "Work",
	.synopsis = "check|apply FILE | list | show|next|run|stop|pause|resume|history|report|delete NAME",
	.summary = "measure the same every night, and be told about what changed",
	.details =
	    "check FILE says every mistake of a campaign file (gpufleet-campaign(5)), its cells and its next nights; apply FILE shows what "
	    "changes and makes it so. A file names a recipe, or a preset (gpufleetctl presets) and what is to be different; any recipe will do, "
	    "also on several instances.\n"
	    "run NAME begins a night now and follows it; stop NAME ends the one that runs, and keeps what was measured. next NAME shows when "
	    "the next ones begin and what they cost.\n"
	    "report NAME tells what a night measured against the nights before, what it cost and where the money went.",
	.min = 1,
	.max = 2,
	.operand = "file",
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_campaign,
};
