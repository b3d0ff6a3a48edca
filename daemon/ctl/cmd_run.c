#include "ctl/cmd.h"
#include "base/str.h"
#include "ctl/bench.h"
#include "ctl/output.h"
#include "ctl/payload.h"
#include "ctl/plan.h"
#include "ctl/preset.h"
#include "ctl/run.h"
#include "ctl/runs.h"
#include "ctl/show.h"
#include "ctl/watch.h"

/* ---- what is asked for ---- */

static void put_maps(const struct args *a, json_t *body)
{
	json_t *set = json_object(), *secrets = json_object(), *list = json_array();
	const char *text;

	for (size_t n = 0; (text = args_nth(a, "set", n)); n++) {
		char *key = xstrndup(text, strcspn(text, "="));

		json_put_str(set, key, strchr(text, '=') + 1);
		free(key);
	}
	/* From the caller's environment; null: the daemon's configuration has it. */
	for (size_t n = 0; (text = args_nth(a, "secret", n)); n++)
		json_put_str(secrets, text, getenv(text));
	for (size_t n = 0; n < a->rest_count; n++)
		json_array_append_new(list, json_string(a->rest[n]));
	if (json_object_size(set))
		json_object_set(body, "set", set);
	if (json_object_size(secrets))
		json_object_set(body, "secrets", secrets);
	if (json_array_size(list))
		json_object_set(body, "args", list);
	json_decref(set);
	json_decref(secrets);
	json_decref(list);
}

static int check_words(const struct args *a, struct err *e)
{
	for (size_t n = 0; n < a->rest_count; n++)
		if (!str_is_utf8(a->rest[n], strlen(a->rest[n])))
			return err_set(e, ERR_USAGE, "argument %zu behind -- is not UTF-8", n + 1);
	if (args_has(a, "qualify") && args_has(a, "no-qualify"))
		return err_set(e, ERR_USAGE, "--qualify or --no-qualify, not both");
	return 0;
}

int run_put_work(const struct args *a, json_t *body, struct err *e)
{
	if (payload_body(a->words[0], body, e) < 0 || (a->word_count > 1 && payload_directory(a->words[1], body, e) < 0))
		return -1;
	return run_put_options(a, body, e);
}

int run_put_options(const struct args *a, json_t *body, struct err *e)
{
	int64_t us;

	if (check_words(a, e) < 0)
		return -1;
	put_maps(a, body);
	if (args_has(a, "title"))
		json_put_str(body, "title", args_text(a, "title"));
	if (args_number(a, "timeout", &us))
		json_put_int(body, "timeout", us / SECOND);
	if (args_has(a, "qualify") || args_has(a, "no-qualify"))
		json_put_bool(body, "qualify", args_has(a, "qualify"));
	if (args_has(a, "trust-first-use"))
		json_put_bool(body, "trust_first_use", true);
	if (args_number(a, "keep-on-failure", &us))
		json_put_int(body, "keep_on_failure", us / SECOND);
	return 0;
}

/* How many instances it works on at a time; what is rented for it are as many. */
static int put_instances(const struct args *a, json_t *body, json_t *order, struct err *e)
{
	const char *text = args_text(a, "instances");
	bool all = text && !strcmp(text, "all");
	int64_t n = 1;

	if (all && !order)
		json_put_str(body, "instances", "all");
	if (all)
		return order ? err_set(e, ERR_USAGE, "--instances all is for --on FLEET; say how many are to be rented") : 0;
	if (text && !str_to_i64(text, 1, 100, &n))
		return err_set(e, ERR_USAGE, "--instances is a number from 1 to 100, or all; not '%.40s'", text);
	if (order && n > 1)
		json_put_bool(order, "together", true);
	if (order || text)
		json_put_int(order ? order : body, "instances", n);
	return 0;
}

int run_put_place(const struct args *a, json_t *body, struct err *e)
{
	const char *text = args_text(a, "on");
	char name[64];
	int64_t slot;

	if (ctl_fleet_slot(text, name, sizeof(name), &slot, e) < 0)
		return -1;
	json_put_str(body, "fleet", name);
	if (strchr(text, '/'))
		json_put_int(body, "instance", slot);
	return 0;
}

/* `body` for POST /v1/runs; with --gpu *order is the part that is planned. */
static int run_body(const struct args *a, json_t *body, json_t *order, struct err *e)
{
	if (args_has(a, "on") && args_has(a, "gpu"))
		return err_set(e, ERR_USAGE, "--on takes a fleet that is up, --gpu rents a new one; not both");
	if (!args_has(a, "on") && !args_has(a, "gpu"))
		return err_set(e, ERR_USAGE, "where? say --on FLEET, or --gpu GPU:N to rent a machine for it");
	if (run_put_work(a, body, e) < 0)
		return -1;
	if (args_has(a, "gpu"))
		return order_body(a, args_text(a, "gpu"), order, e) < 0 ? -1 : put_instances(a, body, order, e);
	order_env(a, body);
	return run_put_place(a, body, e) < 0 ? -1 : put_instances(a, body, NULL, e);
}

/* ---- waiting for it to start ---- */

static bool is_waiting(const json_t *run)
{
	const char *state = json_str(run, "state", "");

	return !strcmp(state, "QUEUED") || !strcmp(state, "PUSHING");
}

/* Until its script runs. 1: Ctrl-C. */
static int wait_started(struct ctl *c, struct watch *w, int64_t id, struct err *e)
{
	json_t *run, *fleet;
	char head[192], state[16] = "";
	bool waiting = true;

	while (waiting) {
		if (ctl_get_run(c, id, &run, e) == 0) {
			w->lost_since = 0;
			waiting = is_waiting(run);
			snprintf(head, sizeof(head), "run %lld %s", (long long)id, show_run_state(run).s);
			if (!w->progress.live && strcmp(state, json_str(run, "state", "")) != 0)
				progress_note(&w->progress, "%s", head);
			str_copy(state, json_str(run, "state", ""));
			if (waiting && ctl_get_fleet(c, json_str(run, "fleet", "?"), &fleet, NULL) == 0) {
				watch_show(w, fleet, head);
				json_decref(fleet);
			}
			json_decref(run);
		} else if (watch_excuse(w, e) < 0) {
			return -1;
		}
		if (waiting && term_sleep(SECOND / 2))
			return 1;
	}
	return 0;
}

/* ---- following ---- */

static int cancel(struct ctl *c, int64_t id, struct err *e)
{
	char path[64];

	snprintf(path, sizeof(path), "/v1/runs/%lld", (long long)id);
	return ctl_delete(c, path, NULL, e);
}

/* 0: wait on; 1: leave it alone; -1 */
static int interrupted(struct ctl *c, struct watch *w, int64_t id, bool *cancelled, struct err *e)
{
	char got = 'd';

	progress_clear(&w->progress);
	term_forget_interrupts();
	if (term_can_ask())
		got = term_choose("\ncancel the run, detach from it, or wait on? [c/d/w]", "cdw", 'w');
	term_forget_interrupts();
	if (got == 'w')
		return 0;
	if (got == 'c') {
		*cancelled = true;
		return cancel(c, id, e);
	}
	ctl_say("run %lld goes on without you.\nfollow it:  gpufleetctl logs -f %lld\nend it:     gpufleetctl cancel %lld",
	    (long long)id, (long long)id, (long long)id);
	return 1;
}

/* Follow to the end; *run: as it ended. EXIT_INTERRUPTED: left alone. */
static int follow(struct ctl *c, int64_t id, json_t **run, struct err *e)
{
	struct watch w;
	struct tail t;
	bool cancelled = false;
	int rc;

	watch_begin(&w);
	tail_init(&t, id);
	t.lines = c->json;
	do {
		rc = wait_started(c, &w, id, e);
		progress_clear(&w.progress);
		if (rc == 0)
			rc = tail_read(c, &t, e);
		if (rc > 0 || rc == CLIENT_INTERRUPTED)
			rc = interrupted(c, &w, id, &cancelled, e) == 0 ? CLIENT_INTERRUPTED : e->code ? -1 : EXIT_INTERRUPTED;
	} while (rc == CLIENT_INTERRUPTED);
	if (!t.output.last_newline)
		fputc('\n', stderr);
	if (rc == 0 && json_is_object(t.end))
		*run = json_incref(t.end);
	else if (rc == 0)
		rc = ctl_get_run(c, id, run, e);
	tail_free(&t);
	watch_free(&w);
	return rc;
}

static int report(struct ctl *c, const json_t *run, struct err *e)
{
	const struct word took = show_between(run, "started", "ended");
	json_t *answer = NULL, *bench = NULL;
	struct err problem = { 0 };
	char path[64];
	int rc;

	snprintf(path, sizeof(path), "/v1/runs/%lld/report", (long long)json_int(run, "id", 0));
	if (ctl_get_results(c, json_int(run, "id", 0), &answer, &problem) < 0)
		ctl_say("the results of run %lld cannot be shown: %s", (long long)json_int(run, "id", 0), problem.msg);
	else if (c->json)
		ctl_print_json(answer);
	else if (ctl_get(c, path, &bench, NULL) == 0 && json_array_size(json_path(bench, "bench.cells")))
		bench_print(json_path(bench, "bench"), stderr);
	else if (json_array_size(json_path(answer, "results")))
		ctl_print_results(answer, RESULTS_TABLE, stderr);
	json_decref(bench);
	json_decref(answer);
	rc = ctl_run_exit(run, e);
	/* The status of one script speaks for itself; of several it must be said whose it is. */
	if (!e->code && rc && json_int(run, "instances", 1) > 1)
		err_set(e, ERR_FAILED, "%s", json_str(run, "reason", ""));
	ctl_print(stderr, show_run_style(run), "run %lld: %s%s%s, %s%s%s", (long long)json_int(run, "id", 0),
	    show_run_state(run).s, *took.s ? " in " : "", took.s, show_money(run, "metered").s, e->code ? "; " : "",
	    e->code ? e->msg : "");
	*e = (struct err){ 0 };
	return rc;
}

int run_start(struct ctl *c, const json_t *body, struct err *e)
{
	char key[33];
	json_t *answer = NULL, *run = NULL;
	int64_t id;
	int rc;

	ctl_new_key(key);
	term_catch(true); /* an order that was sent must not be forgotten */
	rc = ctl_post(c, "/v1/runs", body, key, &answer, e);
	id = json_int(answer, "run.id", 0);
	if (rc == 0 && args_has(&c->args, "detach")) {
		if (c->json)
			ctl_print_json(answer);
		else
			ctl_print(stdout, STYLE_PLAIN, "run %lld on %s; follow it: gpufleetctl logs -f %lld", (long long)id,
			    json_str(answer, "run.fleet", json_str(answer, "fleet.name", "?")), (long long)id);
	} else if (rc == 0) {
		ctl_say("run %lld on %s", (long long)id, json_str(answer, "run.fleet", json_str(answer, "fleet.name", "?")));
		rc = follow(c, id, &run, e);
		if (rc == 0)
			rc = report(c, run, e);
	}
	term_catch(false);
	json_decref(answer);
	json_decref(run);
	return rc;
}

int run_check(struct ctl *c, const json_t *body, const json_t *order, struct err *e)
{
	json_t *whole = json_copy((json_t *)(uintptr_t)body), *answer = NULL;
	int rc;

	json_object_update(whole, (json_t *)(uintptr_t)order);
	json_put_bool(whole, "dry_run", true);
	rc = ctl_post(c, "/v1/runs", whole, NULL, &answer, e);
	json_decref(answer);
	json_decref(whole);
	return rc;
}

int run_ordered(struct ctl *c, int rc, json_t *body, json_t *order, int (*start)(struct ctl *c, const json_t *body, struct err *e), struct err *e)
{
	enum consent consent = CONSENT_YES;

	if (rc == 0 && args_has(&c->args, "gpu"))
		rc = run_check(c, body, order, e);
	if (rc == 0 && args_has(&c->args, "gpu"))
		rc = order_consent(c, order, &consent, e);
	json_object_update(body, order);
	if (rc == 0 && consent == CONSENT_NO)
		rc = err_set(e, ERR_FAILED, "nothing was bought");
	if (rc == 0 && consent == CONSENT_YES)
		rc = start(c, body, e);
	json_decref(order);
	json_decref(body);
	return rc;
}

static int run_run(struct ctl *c, struct err *e)
{
	json_t *body = json_object(), *order = json_object();
	int rc = preset_apply(&c->args, e);

	if (rc == 0)
		rc = run_body(&c->args, body, order, e);
	return run_ordered(c, rc, body, order, run_start, e);
}

static const struct opt opts[] = {
	{ "on", 0, ARG_TEXT, "FLEET[/I]", "a fleet that is up, or one certain instance of it", NULL, 0, 0, false },
	{ "instances", 'm', ARG_TEXT, "M|all", "so many instances at a time, each with its rank; all begin together", NULL, 0, 0, false },
	RUN_OPTS,
	{ "detach", 'd', ARG_FLAG, NULL, "start it and return", NULL, 0, 0, false },
	ORDER_OPTS,
};

const struct command command_run = {
	.name = "run",
	.group = "Work",
	.synopsis = "RECIPE [DIRECTORY] | DIRECTORY | SCRIPT | --preset PRESET --on FLEET | --gpu GPU[:N] [options] [-- ARGUMENT ...]",
	.summary = "run a benchmark or script, show its output, collect its results",
	.details =
	    "A file is sent and executed; a directory with recipe.yaml or run.sh is sent whole; anything else is a recipe that is part "
	    "of gpufleet, see: gpufleetctl recipes; one that takes a directory, such as hip-kernel, has it sent along. Returns the exit "
	    "status of the script; own failures are 120 + the code.\n"
	    "With --instances the script runs on several machines at a time, and finds in its environment which one it is and where the "
	    "others are (GPUFLEET_RANK, GPUFLEET_ADDRESSES and more, see gpufleet-recipe(5)). When one fails, the others are stopped. "
	    "What is shown is rank 0's output; see: gpufleetctl logs RUN --rank N.",
	.max = 2,
	.operand = "recipe",
	.rest = true,
	.remote_status = true,
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_run,
};
