/* serve: a model's server on a rented machine, as a run that lasts, with a port of this host that leads to it. */
#include "base/clock.h"
#include "base/str.h"
#include "ctl/cmd.h"
#include "ctl/forward.h"
#include "ctl/payload.h"
#include "ctl/plan.h"
#include "ctl/preset.h"
#include "ctl/run.h"
#include "ctl/runs.h"
#include "ctl/show.h"
#include "ctl/watch.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define SERVER     "vllm-serve"                  /* what serves a model that is only named */
#define SAYS       "serving http://127.0.0.1:" /* the progress line of a serve script, see gpufleet-recipe(5) */
#define OPEN_AGAIN (3 * SECOND)

/* ---- what is asked for ---- */

/* "meta-llama/Llama-3.3-70B-Instruct" is a model of the hub unless a directory of that name is here. */
static bool is_model(const char *word)
{
	const char *slash = strchr(word, '/');

	return slash && slash != word && slash[1] && !strchr(slash + 1, '/') && *word != '.' && access(word, F_OK) < 0;
}

static int serve_body(const struct args *a, json_t *body, json_t *order, struct err *e)
{
	const char *what = a->words[0];
	int64_t idle;
	json_t *set;

	if (args_has(a, "on") == args_has(a, "gpu"))
		return err_set(e, ERR_USAGE, args_has(a, "on") ? "--on takes a fleet that is up, --gpu rents a new one; not both"
							       : "where? say --on FLEET, or --gpu GPU:N to rent a machine for it");
	if (is_model(what)) {
		json_put_str(body, "recipe", SERVER);
		json_put_str(body, "title", what);
	} else if (payload_body(what, body, e) < 0) {
		return -1;
	}
	if (run_put_options(a, body, e) < 0)
		return -1;
	set = json_object_get(body, "set") ? json_incref(json_object_get(body, "set")) : json_object();
	if (is_model(what))
		json_put_str(set, "MODEL", what);
	if (args_number(a, "idle", &idle))
		json_put(set, "IDLE", json_sprintf("%llds", (long long)(idle / SECOND)));
	json_put(body, "set", set);
	json_put_bool(body, "serve", true);
	if (args_has(a, "gpu") && order_body(a, args_text(a, "gpu"), order, e) < 0)
		return -1;
	json_object_del(order, "idle"); /* the server itself knows whether it is asked anything */
	if (args_has(a, "gpu"))
		return 0;
	order_env(a, body);
	return run_put_place(a, body, e);
}

/* ---- the way to it ---- */

struct way {
	struct ctl *c;
	int64_t run;
	struct watch watch;
	struct forward_port port; /* 0: not known yet */
	pid_t ssh;                /* 0: the way is not open */
	duration again;           /* not opened before this moment */
	bool told, ending;
	char said[256];           /* the run's progress line as it was last */
};

static void way_close(struct way *w)
{
	if (w->ssh > 0) {
		kill(w->ssh, SIGTERM);
		waitpid(w->ssh, NULL, 0);
	}
	w->ssh = 0;
}

/* ssh that has ended is opened again: the line broke, or Ctrl-C reached it as well. */
static void way_check(struct way *w)
{
	if (w->ssh <= 0 || waitpid(w->ssh, NULL, WNOHANG) != w->ssh)
		return;
	w->ssh = 0;
	w->again = clock_boot() + OPEN_AGAIN;
}

/* "fleet/0": where the run is. */
static void target_of(struct way *w, const json_t *run, char *target, size_t size)
{
	const char *name = json_str(run, "fleet", "?");
	int64_t slot = 0;
	json_t *fleet;
	const json_t *i;
	size_t n;

	if (ctl_get_fleet(w->c, name, &fleet, NULL) == 0) {
		json_array_foreach(json_path(fleet, "instances"), n, i)
			if (json_int(i, "id", 0) == json_int(run, "instance", -1))
				slot = json_int(i, "slot", 0);
		json_decref(fleet);
	}
	snprintf(target, size, "%s/%lld", name, (long long)slot);
}

static int way_open(struct way *w, const json_t *run, int remote, struct err *e)
{
	char target[128];
	int64_t wanted = remote;
	struct login l;

	args_number(&w->c->args, "port", &wanted);
	if (!w->port.local)
		w->port.local = forward_free_port((int)wanted);
	w->port.remote = remote;
	if (!w->port.local || (args_has(&w->c->args, "port") && w->port.local != wanted))
		return err_set(e, ERR_FAILED, "port %lld of this host is taken; choose another one with --port", (long long)wanted);
	target_of(w, run, target, sizeof(target));
	if (login_open(w->c, target, &l, e) < 0)
		return -1;
	w->ssh = forward_start(&l, &w->port, e);
	login_free(&l);
	return w->ssh < 0 ? -1 : 0;
}

/* ---- while it lasts ---- */

static void tell(struct way *w, const json_t *run, const char *path)
{
	struct word price = { "" }, left = { "" };
	json_t *fleet = NULL, *o;
	char url[160];

	snprintf(url, sizeof(url), "http://127.0.0.1:%d%.64s", w->port.local, path);
	w->told = true;
	if (w->c->json) {
		o = json_object();
		json_put_str(o, "url", url);
		json_put_int(o, "run", w->run);
		json_put_str(o, "fleet", json_str(run, "fleet", "?"));
		ctl_print_json(o);
		json_decref(o);
	} else {
		ctl_print(stdout, STYLE_BOLD, "%s", url);
	}
	fflush(stdout);
	if (ctl_get_fleet(w->c, json_str(run, "fleet", "?"), &fleet, NULL) == 0) {
		price = show_rate(fleet, "hourly");
		left = show_left(fleet, "expires");
	}
	ctl_say("on %s%s%s%s%s; what is served: curl %s/models", json_str(run, "fleet", "?"), *price.s ? ", " : "", price.s,
	    *left.s ? ", it ends by itself in " : "", left.s, url);
	ctl_say("end it: Ctrl-C, or gpufleetctl cancel %lld", (long long)w->run);
	json_decref(fleet);
}

/* What the run says of itself: progress, or where it serves. */
static int look(struct way *w, const json_t *run, struct err *e)
{
	const char *says = json_str(run, "progress", ""), *path;
	const char *state = json_str(run, "state", "");
	bool running = !strcmp(state, "RUNNING"), over = !strcmp(state, "COLLECTING") || !strcmp(state, "STOPPING");
	json_t *fleet;
	int64_t port;
	char *digits;

	if (!running && !w->ending && ctl_get_fleet(w->c, json_str(run, "fleet", "?"), &fleet, NULL) == 0) {
		watch_show(&w->watch, fleet, "serve");
		json_decref(fleet);
	}
	if (running && strcmp(says, w->said) != 0 && !str_starts(says, SAYS))
		progress_note(&w->watch.progress, "%s", says);
	if (!over) /* what it says of its end is shown with the end */
		str_copy(w->said, says);
	if (!running || w->ending || w->ssh || !str_starts(says, SAYS) || clock_boot() < w->again)
		return 0;
	path = says + strlen(SAYS) + strspn(says + strlen(SAYS), "0123456789");
	digits = xstrndup(says + strlen(SAYS), (size_t)(path - says) - strlen(SAYS));
	if (!str_to_i64(digits, 1, 65535, &port))
		port = 0;
	free(digits);
	if (!port)
		return err_set(e, ERR_FAILED, "the machine says '%.80s', which names no port", says);
	progress_clear(&w->watch.progress);
	if (w->told)
		progress_note(&w->watch.progress, "the way to the machine was closed; it is opened again");
	if (way_open(w, run, (int)port, e) < 0)
		return -1;
	if (!w->told)
		tell(w, run, path);
	return 0;
}

/* Ctrl-C. 1: leave it alone. */
static int interrupted(struct way *w, struct err *e)
{
	char path[64], got = 'l';

	progress_clear(&w->watch.progress);
	term_forget_interrupts();
	if (term_can_ask())
		got = term_choose("\nend the server, leave it running, or go on? [e/l/g]", "elg", 'g');
	term_forget_interrupts();
	if (got == 'e') {
		snprintf(path, sizeof(path), "/v1/runs/%lld", (long long)w->run);
		w->ending = true;
		ctl_say("ending it");
		return ctl_delete(w->c, path, NULL, e);
	}
	return got == 'l';
}

static void say_left(const struct way *w, const json_t *run)
{
	const char *fleet = json_str(run, "fleet", "?");

	ctl_say("run %lld goes on without you.\nreach it:  gpufleetctl forward %s %d\nend it:    gpufleetctl cancel %lld", (long long)w->run, fleet,
	    w->port.remote ? w->port.remote : 8000, (long long)w->run);
}

/* It is over: by whom, and what it cost. */
static int report(const struct way *w, const json_t *run, struct err *e)
{
	int rc = ctl_run_exit(run, e);

	if (w->ending) {
		ctl_say("run %lld has ended as asked, %s", (long long)w->run, show_money(run, "metered").s);
		*e = (struct err){ 0 };
		return 0;
	}
	if (rc == 0) {
		ctl_say("%s\nrun %lld has ended, %s", json_str(run, "progress", ""), (long long)w->run, show_money(run, "metered").s);
		return 0;
	}
	/* A serve script's last progress line says why it ends. */
	if (strcmp(json_str(run, "progress", ""), w->said) != 0 && !str_starts(json_str(run, "progress", ""), SAYS))
		ctl_print(stderr, STYLE_RED, "%s", json_str(run, "progress", ""));
	if (!e->code)
		err_set(e, ERR_FAILED, "run %lld %s", (long long)w->run, show_run_state(run).s);
	ctl_print(stderr, STYLE_RED, "the server is gone: %s, %s; what it wrote: gpufleetctl logs %lld", e->msg, show_money(run, "metered").s,
	    (long long)w->run);
	*e = (struct err){ 0 };
	return rc;
}

static int attend(struct way *w, struct err *e)
{
	json_t *run = NULL, *now;
	int rc = 0;

	for (;;) {
		if (ctl_get_run(w->c, w->run, &now, e) == 0) {
			json_decref(run);
			run = now;
			w->watch.lost_since = 0;
			way_check(w);
			if (!strcmp(json_str(run, "state", ""), "DONE")) {
				rc = report(w, run, e);
				break;
			}
			rc = look(w, run, e);
		} else if (watch_excuse(&w->watch, e) < 0) {
			rc = -1;
		}
		if (rc < 0)
			break;
		if (term_sleep(SECOND / 2) && (rc = interrupted(w, e)) != 0) {
			if (rc > 0) {
				say_left(w, run);
				rc = EXIT_INTERRUPTED;
			}
			break;
		}
	}
	json_decref(run);
	return rc;
}

static int serve(struct ctl *c, const json_t *body, struct err *e)
{
	struct way w = { .c = c };
	json_t *answer = NULL;
	char key[33];
	int rc;

	ctl_new_key(key);
	term_catch(true); /* an order that was sent must not be forgotten */
	watch_begin(&w.watch);
	rc = ctl_post(c, "/v1/runs", body, key, &answer, e);
	w.run = json_int(answer, "run.id", 0);
	json_decref(answer);
	if (rc == 0) {
		ctl_say("run %lld; ending this program does not end it", (long long)w.run);
		rc = attend(&w, e);
	}
	way_close(&w);
	watch_free(&w.watch);
	term_catch(false);
	return rc;
}

static int run_serve(struct ctl *c, struct err *e)
{
	json_t *body = json_object(), *order = json_object();
	int rc = preset_apply(&c->args, e);

	if (rc == 0)
		rc = serve_body(&c->args, body, order, e);
	return run_ordered(c, rc, body, order, args_has(&c->args, "detach") ? run_start : serve, e);
}

static const struct opt opts[] = {
	{ "on", 0, ARG_TEXT, "FLEET[/I]", "a fleet that is up, or one certain instance of it", NULL, 0, 0, false },
	{ "port", 0, ARG_COUNT, "PORT", "of this host; the server's own, or the next one that is free, when not given", NULL, 1, 65535, false },
	RUN_OPTS,
	{ "detach", 'd', ARG_FLAG, NULL, "start it and return; see: gpufleetctl forward", NULL, 0, 0, false },
	ORDER_OPTS,
};

const struct command command_serve = {
	.name = "serve",
	.group = "Work",
	.synopsis = "MODEL|RECIPE|DIRECTORY|--preset PRESET --on FLEET | --gpu GPU[:N] [options]",
	.summary = "keep an inference server up, and print the address where it is reached from here",
	.details =
	    "A model of the hub, ORGANISATION/NAME, is served by vLLM (the recipe vllm-serve); any recipe that has a 'serve' script serves with it. The "
	    "address is a port of this host's loopback that leads to the machine as long as this program runs; the server stays until the run is "
	    "cancelled, --for is over or --max-cost is reached. With --idle it ends, and its machine is given back, when no request came for so long "
	    "(the recipe's parameter IDLE). A server that ends by itself otherwise is told, with status 1 or its own.",
	.max = 1,
	.operand = "recipe",
	.remote_status = true,
	.opts = opts,
	.opt_count = ARRAY_LEN(opts),
	.run = run_serve,
};
