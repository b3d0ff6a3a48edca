#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/runs.h"
#include "ctl/show.h"
#include "ctl/watch.h"

static void show_runs(const json_t *list)
{
	static const struct column columns[] = {
		{ "RUN", RIGHT, 0, 0 },
		{ "STATE", LEFT, 0, 0 },
		{ "TITLE", LEFT, 10, 0 },
		{ "FLEET", LEFT, 8, 4 },
		{ "OWNER", LEFT, 6, 7 },
		{ "STARTED", LEFT, 0, 6 },
		{ "TOOK", RIGHT, 0, 3 },
		{ "COST", RIGHT, 0, 0 },
		{ "PROGRESS", LEFT, 10, 5 },
		{ "WHY", LEFT, 16, 2 },
	};
	struct table t;
	const json_t *r;
	size_t n;

	table_init(&t, columns, ARRAY_LEN(columns));
	json_array_foreach(list, n, r) {
		bool done = !strcmp(json_str(r, "state", ""), "DONE");

		table_row(&t);
		table_cell(&t, STYLE_BOLD, "%lld", (long long)json_int(r, "id", 0));
		table_cell(&t, show_run_style(r), "%s", show_run_state(r).s);
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "title", json_str(r, "recipe", "")));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "fleet", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "owner", ""));
		table_cell(&t, STYLE_PLAIN, "%s", show_ago(r, "started").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_between(r, "started", "ended").s);
		table_cell(&t, STYLE_PLAIN, "%s", show_money(r, "metered").s);
		table_cell(&t, STYLE_PLAIN, "%s", done ? "" : json_str(r, "progress", ""));
		table_cell(&t, STYLE_PLAIN, "%s", json_str(r, "reason", ""));
	}
	if (t.row_count)
		table_print(&t, stdout, term_width(stdout));
	else
		puts("no runs");
	table_free(&t);
}

static int run_runs(struct ctl *c, struct err *e)
{
	int64_t limit = 20;
	char number[32], *path;
	json_t *answer;
	int rc;

	args_number(&c->args, "limit", &limit);
	snprintf(number, sizeof(number), "%lld", (long long)limit);
	if (c->args.word_count)
		path = ctl_path("/v1/runs?limit=%s&fleet=%s", number, c->args.words[0]);
	else
		path = ctl_path("/v1/runs?limit=%s", number);
	rc = ctl_get(c, path, &answer, e);
	free(path);
	if (rc < 0)
		return -1;
	if (c->json)
		ctl_print_json(answer);
	else
		show_runs(json_path(answer, "runs"));
	json_decref(answer);
	return 0;
}

static int run_cancel(struct ctl *c, struct err *e)
{
	char path[64];
	json_t *answer;
	int64_t id;

	for (size_t i = 0; i < c->args.word_count; i++) {
		if (ctl_run_id(c->args.words[i], &id, e) < 0)
			return -1;
		snprintf(path, sizeof(path), "/v1/runs/%lld", (long long)id);
		if (ctl_delete(c, path, &answer, e) < 0)
			return -1;
		if (c->json)
			ctl_print_json(answer);
		else
			ctl_print(stdout, STYLE_PLAIN, "run %lld is being cancelled", (long long)id);
		json_decref(answer);
	}
	return 0;
}

/* ---- wait ---- */

static const char *const until_words[] = { "ready", "down", NULL };

static int wait_run(struct ctl *c, struct watch *w, int64_t id, duration limit, struct err *e)
{
	struct buf text = BUF(512);
	json_t *run;
	int rc = 0;

	for (;;) {
		if (ctl_get_run(c, id, &run, e) == 0) {
			w->lost_since = 0;
			if (!strcmp(json_str(run, "state", ""), "DONE"))
				break;
			buf_reset(&text);
			str_safe(&text, show_run_state(run).s, strlen(show_run_state(run).s), false);
			buf_printf(&text, " run %lld", (long long)id);
			progress_draw(&w->progress, buf_str(&text));
			json_decref(run);
		} else if (watch_excuse(w, e) < 0) {
			buf_free(&text);
			return -1;
		}
		if (limit && progress_elapsed(&w->progress) >= limit) {
			buf_free(&text);
			return err_set(e, ERR_TIMEOUT, "run %lld has not ended", (long long)id);
		}
		term_sleep(SECOND / 2);
	}
	progress_clear(&w->progress);
	rc = ctl_run_exit(run, e);
	if (c->json)
		ctl_print_json(run);
	else
		ctl_print(stdout, show_run_style(run), "run %lld: %s", (long long)id, show_run_state(run).s);
	*e = (struct err){ 0 };
	json_decref(run);
	buf_free(&text);
	return rc;
}

static int wait_fleet(struct ctl *c, struct watch *w, const char *name, bool down, duration limit, struct err *e)
{
	enum watch_end end = WATCH_ENDED;
	json_t *fleet;
	int rc = down ? watch_down(c, w, name, limit, &fleet, &end, e) : watch_ready(c, w, name, limit, &fleet, &end, e);

	progress_clear(&w->progress);
	if (rc == 0 && end == WATCH_TIMEOUT)
		rc = err_set(e, ERR_TIMEOUT, "'%s' is not %s", name, down ? "down" : "ready");
	if (rc == 0 && !down && end == WATCH_ENDED)
		rc = err_set(e, ctl_cause_code(json_str(fleet, "cause", "")), "fleet '%s' has ended: %s", name,
		    json_str(fleet, "reason", json_str(fleet, "cause", "no reason given")));
	if (rc == 0 && c->json)
		ctl_print_json(fleet);
	else if (rc == 0)
		ctl_print(stdout, STYLE_PLAIN, "%s is %s", name, down ? "down" : "ready");
	json_decref(fleet);
	return rc;
}

static int run_wait(struct ctl *c, struct err *e)
{
	const char *until = args_text(&c->args, "until");
	bool down = until && !strcmp(until, "down");
	duration limit = 0;
	struct watch w;
	int64_t id;
	int rc = 0, got;

	args_number(&c->args, "timeout", &limit);
	watch_begin(&w);
	for (size_t i = 0; i < c->args.word_count && rc >= 0; i++) {
		const char *word = c->args.words[i];

		if (ctl_run_id(word, &id, NULL) == 0)
			got = wait_run(c, &w, id, limit, e);
		else if (str_is_name(word, 63))
			got = wait_fleet(c, &w, word, down, limit, e);
		else
			got = err_set(e, ERR_USAGE, "'%.64s' is neither a run nor the name of a fleet", word);
		rc = got < 0 ? got : rc ? rc : got;
	}
	watch_free(&w);
	return rc;
}

/* ---- tables ---- */

static const struct opt runs_opts[] = {
	{ "limit", 'l', ARG_COUNT, "N", "at most this many; 20 when not given", NULL, 1, 10000, false },
};

const struct command command_runs = {
	.name = "runs",
	.group = "Work",
	.synopsis = "[FLEET] [options]",
	.summary = "runs and how they ended, the newest first",
	.max = 1,
	.operand = "fleet",
	.opts = runs_opts,
	.opt_count = ARRAY_LEN(runs_opts),
	.run = run_runs,
};

const struct command command_cancel = {
	.name = "cancel",
	.group = "Work",
	.synopsis = "RUN ...",
	.summary = "end runs",
	.min = 1,
	.max = -1,
	.operand = "run",
	.run = run_cancel,
};

static const struct opt wait_opts[] = {
	{ "until", 'u', ARG_WORD, "STATE", "ready or down, for fleets; ready when not given", until_words, 0, 0, false },
	{ "timeout", 't', ARG_DURATION, "DURATION", "give up after this long, with exit status 6", NULL, 0, 0, false },
};

const struct command command_wait = {
	.name = "wait",
	.group = "Work",
	.synopsis = "FLEET|RUN ... [options]",
	.summary = "wait until fleets are ready or runs have ended",
	.details = "For runs the exit status is that of the first script that failed.",
	.min = 1,
	.max = -1,
	.operand = "run",
	.opts = wait_opts,
	.opt_count = ARRAY_LEN(wait_opts),
	.run = run_wait,
};
