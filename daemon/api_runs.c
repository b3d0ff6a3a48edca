/*
 * Runs: submit, look, cancel. Their output is in api_output.c.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/gang.h"
#include "wish.h"

static const char *const run_keys[] = { "recipe", "payload", "title", "set", "args", "fleet", "secrets", "timeout", "qualify",
	"prepare", "serve", "snapshot_as", "volume", "snapshot", "trust_first_use", "keep_on_failure", "gpu", "count", "instances", "name", "for", "idle",
	"max_cost", "max_price", "providers", "region", "spot", "own_key", "budget", "image", "disk", "owner", "labels", "retry_for",
	"accept_minimum", "env", "together", "dry_run", "instance", "setup_only", NULL };

static void run_durable(void *arg, int64_t id, const struct err *error)
{
	struct hold *h = arg;
	struct api *a = h->r ? h->r->api : NULL;
	struct request *r = hold_take(h);
	struct run *run = a ? model_run(engine_model(a->en), id) : NULL;
	struct fleet *f = run ? model_fleet(engine_model(a->en), run->fleet_id) : NULL;
	json_t *o;

	(void)error;
	if (!r || !run || !f)
		return;
	o = json_object();
	json_put(o, "run", view_run(engine_model(a->en), run));
	json_put(o, "fleet", view_fleet(engine_model(a->en), f, clock_steady()));
	request_json(r, strcmp(r->method, "POST") ? 202 : 201, o);
}

static void keep_secrets(struct request *r, const struct wish *w)
{
	json_t *v;
	const char *name;

	json_object_foreach(json_object_get(r->in, "secrets"), name, v)
		if (json_is_string(v))
			execute_keep_secret(engine_execute(r->api->en), w->run.key, name, json_string_value(v));
}

static void submit(struct request *r, struct wish *w, struct fleet *f)
{
	struct fact fact = { .kind = FACT_RUN_SUBMIT, .actor = r->actor, .run = &w->run };
	struct err e;
	struct hold *h;

	w->run.fleet_id = f->object.id;
	if (wish_write(w, r->api->en, &e) < 0) {
		request_error(r, &e);
		return;
	}
	keep_secrets(r, w);
	h = request_hold(r);
	if (engine_request(r->api->en, &fact, run_durable, h) < 0) {
		hold_take(h);
		request_error(r, &fact.error);
	}
	w->run.params = w->run.env = w->run.spec = NULL; /* taken by the fact, accepted or not */
}

static void wish_gone(struct request *r)
{
	if (r->state)
		wish_free(r->state);
}

static void place_and_submit(struct request *r, struct fleet *f, const struct market *market, void *arg)
{
	struct wish *w = arg;
	struct fact fact = { .kind = FACT_FLEET_OPEN, .actor = r->actor, .fleet = f };

	if (!fleet_placeable(r, f, market))
		return;
	fleet_name_free(r->api, f);
	if (engine_request(r->api->en, &fact, NULL, NULL) < 0)
		request_error(r, &fact.error);
	else
		submit(r, w, model_fleet(engine_model(r->api->en), fact.answer_id));
}

/* A fleet of its own for so many instances as the run has. */
static int read_fleet(struct request *r, struct wish *w, struct err *e)
{
	bool several = w->run.ranks > 1;

	if (several)
		json_object_set_new(r->in, "together", json_true());
	if (several && *json_str(r->in, "snapshot_as", ""))
		return err_set(e, ERR_USAGE, "a machine is kept as a snapshot by a run of one instance");
	if (json_object_get(r->in, "instance"))
		return err_set(e, ERR_USAGE, "'instance' is for a fleet that is up");
	if (!strcmp(json_str(r->in, "instances", ""), "all"))
		return err_set(e, ERR_USAGE, "'instances' can be \"all\" on a fleet that is up; say how many are to be rented");
	if (fleet_from_body(r, r->in, &w->fleet, e) < 0 || wish_fits(w, w->fleet.gpu, e) < 0)
		return -1;
	w->fleet.instances = several ? w->run.ranks : 1;
	w->fleet.for_run = true;
	return 0;
}

/* One certain instance of the fleet. */
static int pin(struct request *r, struct wish *w, const struct fleet *f, struct err *e)
{
	const json_t *v = json_object_get(r->in, "instance");
	int64_t slot = json_int(r->in, "instance", -1);

	if (!v || json_is_null(v))
		return 0;
	if (w->run.ranks > 1)
		return err_set(e, ERR_USAGE, "'instance' is for a run of one instance");
	if (!json_is_integer(v) || slot < 0 || slot >= f->instances)
		return err_set(e, ERR_USAGE, "fleet '%s' has no such instance; they are numbered from 0 to %d", f->name, f->instances - 1);
	w->run.pinned = (int)slot + 1;
	return 0;
}

/* As many as it has, or as many as were asked for; nothing is written for a run that can never begin. */
static int fit_fleet(struct request *r, struct wish *w, const struct fleet *f, struct err *e)
{
	bool all = !strcmp(json_str(r->in, "instances", ""), "all");

	if (wish_fits(w, f->gpu, e) < 0 || (all && wish_instances(w, f->instances, e) < 0) || pin(r, w, f, e) < 0)
		return -1;
	return gang_admits(engine_model(r->api->en), f, w->run.ranks, e) ? 0 : -1;
}

/* With `dry_run`: all that can be said before it is known where. */
static void answer_checked(struct request *r, const struct wish *w)
{
	json_t *o = json_object();

	json_put_bool(o, "checked", true);
	json_put_str(o, "recipe", w->run.recipe);
	json_put_int(o, "instances", w->run.ranks);
	request_json(r, 200, o);
}

/* Where it is to run: the body has been read, nothing has been bought. */
static void find_place(struct request *r)
{
	struct wish *w = r->state;
	const char *name = json_str(r->in, "fleet", "");
	bool dry = json_bool(r->in, "dry_run", false);
	struct fleet *f = *name ? fleet_named(r, name) : NULL;
	struct err e;

	if (*name && !f) {
		err_set(&e, ERR_NOT_FOUND, "there is no fleet '%.60s'; see: gpufleetctl status", name);
		request_error(r, &e);
	} else if (f) {
		if (!may_touch(r, f->owner))
			return;
		if (fit_fleet(r, w, f, &e) < 0)
			request_error(r, &e);
		else if (dry)
			answer_checked(r, w);
		else
			submit(r, w, f);
	} else if (read_fleet(r, w, &e) < 0) {
		request_error(r, &e);
	} else if (dry) {
		answer_checked(r, w);
	} else {
		str_copy(w->fleet.snapshot_as, json_str(r->in, "snapshot_as", ""));
		fleet_market(r, &w->fleet, place_and_submit, w);
	}
}

static void model_known(void *arg, const struct err *refusal)
{
	struct request *r = hold_take(arg);

	if (r && refusal)
		request_error(r, refusal);
	else if (r)
		find_place(r);
}

/* False: there is nothing to ask, go on. */
static bool ask_for_model(struct request *r, const struct wish *w)
{
	json_t *params = *w->recipe.model && w->has_recipe ? json_read(w->run.params, strlen(w->run.params), NULL) : NULL;
	const char *model = json_str(params, w->recipe.model, ""), *token = json_str(r->in, "secrets.HF_TOKEN", NULL);
	struct secret configured = { NULL };
	struct hold *h;
	struct err e;
	bool asked;

	if (!token && strstr(w->run.secrets, "HF_TOKEN") &&
	    config_secret_read(engine_config(r->api->en), "HF_TOKEN", r->user, &configured, &e) == 0)
		token = configured.value;
	h = request_hold(r);
	asked = params && execute_hub(engine_execute(r->api->en), model, token, model_known, h);
	if (!asked)
		hold_take(h);
	secret_wipe(&configured);
	json_decref(params);
	return asked;
}

void post_runs(struct request *r)
{
	struct wish *w = wish_new();
	const char *name = json_str(r->in, "fleet", "");
	struct err e;

	r->state = w;
	r->gone = wish_gone;
	if (!check_keys(r, run_keys))
		return;
	if ((*name != '\0') == (json_object_get(r->in, "gpu") != NULL)) {
		err_set(&e, ERR_USAGE, "say where to run: 'fleet' or 'gpu', one of them");
		request_error(r, &e);
	} else if (wish_build(w, r->api->en, r->user, r->in, &e) < 0) {
		request_error(r, &e);
	} else if (!ask_for_model(r, w)) {
		find_place(r);
	}
}

/* ---- looking ---- */

int64_t run_in_path(const struct request *r)
{
	const char *text = r->arg[0];
	int64_t id;

	if (str_starts(text, "run-"))
		text += 4;
	return str_to_i64(text, 1, INT64_MAX, &id) ? id : 0;
}

static struct run *live_run(struct request *r)
{
	return model_run(engine_model(r->api->en), run_in_path(r));
}

int ask_run(struct history *h, void *arg, json_t **out, struct err *e)
{
	json_t *run;

	if (history_run(h, *(int64_t *)arg, &run, e) < 0)
		return -1;
	*out = json_object();
	json_put(*out, "run", run);
	return 0;
}

static void *id_arg(int64_t id)
{
	int64_t *p = xmalloc(sizeof(*p));

	*p = id;
	return p;
}

void get_run(struct request *r)
{
	struct run *run = live_run(r);
	json_t *o;

	if (!run) {
		request_history(r, ask_run, id_arg(run_in_path(r)));
		return;
	}
	o = json_object();
	json_put(o, "run", view_run(engine_model(r->api->en), run));
	request_json(r, 200, o);
}

void delete_run(struct request *r)
{
	struct run *run = live_run(r);
	struct fact fact = { .kind = FACT_RUN_CANCEL, .actor = r->actor };
	struct hold *h;

	if (!run) {
		request_history(r, ask_run, id_arg(run_in_path(r))); /* ended long ago: cancelling it again changes nothing */
		return;
	}
	if (!may_touch(r, run->owner))
		return;
	fact.id = gang_leader(engine_model(r->api->en), run)->object.id;
	h = request_hold(r);
	if (engine_request(r->api->en, &fact, run_durable, h) < 0) {
		hold_take(h);
		request_error(r, &fact.error);
	}
}

struct runs_query {
	int64_t fleet_id;
	int limit;
};

static int ask_runs(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct runs_query *q = arg;

	return history_runs(h, q->fleet_id, q->limit, out, e);
}

void get_runs(struct request *r)
{
	struct runs_query *q = xcalloc(1, sizeof(*q));
	const char *name = query(r, "fleet", "");
	const struct fleet *f = *name ? fleet_named(r, name) : NULL;

	q->fleet_id = f ? f->object.id : *name ? -1 : 0;
	q->limit = (int)query_int(r, "limit", 50);
	request_history(r, ask_runs, q);
}
