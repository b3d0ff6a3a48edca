/*
 * Questions: events, why, providers, doctor.
 */
#include "api_private.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/place.h"
#include "heartbeat.h"
#include "providers/http.h"

#include <sys/statvfs.h>

bool query_time(struct request *r, const char *key, instant *out)
{
	const char *text = query(r, key, "");
	struct err e;

	if (!*text || instant_parse(text, out))
		return true;
	err_set(&e, ERR_USAGE, "'%s' must be a time like 2026-11-20T00:00:00Z", key);
	request_error(r, &e);
	return false;
}

/* ---- events ---- */

static int ask_events(struct history *h, void *arg, json_t **out, struct err *e)
{
	return history_events(h, arg, out, e);
}

struct event_follow {
	int64_t fleet_id, run_id;
};

static void put_event(struct request *r, const struct event *e)
{
	const struct event_follow *f = r->state;

	if ((f->fleet_id && e->fleet_id != f->fleet_id) || (f->run_id && !(e->kind == OBJECT_RUN && e->object_id == f->run_id)))
		return;
	stream_put(r, view_event(engine_model(r->api->en), e));
}

static void events_gone(struct request *r)
{
	free(r->state);
}

void get_events(struct request *r)
{
	const char *name = query(r, "fleet", ""), *run = query(r, "run", "");
	const struct fleet *f = *name ? fleet_named(r, name) : NULL;
	struct history_event_query *q;
	struct event_follow *follow;
	int64_t run_id = 0, fleet_id = f ? f->object.id : 0;
	struct err e;

	if (*name && !f && !str_to_i64(name, 1, INT64_MAX, &fleet_id)) {
		err_set(&e, ERR_NOT_FOUND, "there is no fleet '%.60s'", name);
		request_error(r, &e);
		return;
	}
	if (str_starts(run, "run-"))
		run += 4;
	str_to_i64(run, 1, INT64_MAX, &run_id);
	if (query_bool(r, "follow")) {
		follow = xcalloc(1, sizeof(*follow));
		follow->fleet_id = fleet_id;
		follow->run_id = run_id;
		r->state = follow;
		r->event = put_event;
		r->gone = events_gone;
		request_stream(r);
		return;
	}
	q = xcalloc(1, sizeof(*q));
	q->fleet_id = fleet_id;
	q->run_id = run_id;
	q->after = query_int(r, "after", 0);
	q->newest = !*query(r, "after", "");
	q->limit = (int)query_int(r, "limit", 200);
	request_history(r, ask_events, q);
}

/* ---- why ---- */

struct why_query {
	char name[NAME_MAX_];
	int64_t run_id;
};

static void put_attempts(json_t *out, const json_t *instances)
{
	json_t *list = json_array();
	const json_t *i;
	size_t k;

	json_array_foreach(instances, k, i) {
		json_t *a = json_object();
		const char *cause = json_str(i, "cause", "");
		bool ready = !json_is_null(json_object_get(i, "ready_at"));

		json_put(a, "time", json_incref(json_object_get(i, "planned")));
		json_put_str(a, "account", json_str(i, "account", ""));
		json_put_str(a, "offer", json_str(i, "offer", ""));
		json_put_str(a, "region", json_str(i, "region", ""));
		json_put(a, "price_hour", json_incref(json_object_get(i, "price_hour")));
		json_put_str(a, "outcome", ready ? "ready" : !strcmp(json_str(i, "state", ""), "GONE") ? "failed" : json_str(i, "state", ""));
		json_put_str(a, "cause", cause);
		json_put_str(a, "text", json_str(i, "reason", ""));
		json_array_append_new(list, a);
	}
	json_put(out, "attempts", list);
}

static int ask_why(struct history *h, void *arg, json_t **out, struct err *e)
{
	const struct why_query *q = arg;
	struct history_event_query events = { .limit = 500 };
	json_t *run = NULL, *fleet = NULL, *list = NULL;
	char subject[128], summary[600];
	int64_t id;

	if (q->run_id && history_run(h, q->run_id, &run, e) < 0)
		return -1;
	if (!str_to_i64(q->name, 1, INT64_MAX, &id))
		id = 0;
	if (history_fleet(h, q->name, run ? json_int(run, "fleet_id", 0) : id, &fleet, e) < 0 ||
	    (events.fleet_id = json_int(fleet, "id", 0), history_events(h, &events, &list, e) < 0)) {
		json_decref(run);
		json_decref(fleet);
		return -1;
	}
	if (run) {
		snprintf(subject, sizeof(subject), "run-%lld", (long long)q->run_id);
		snprintf(summary, sizeof(summary), "%s is %s%s%s%s%s", subject, json_str(run, "state", ""),
		    *json_str(run, "outcome", "") ? ", outcome " : "", json_str(run, "outcome", ""), *json_str(run, "reason", "") ? ": " : "",
		    json_str(run, "reason", ""));
	} else {
		snprintf(subject, sizeof(subject), "%s", json_str(fleet, "name", ""));
		snprintf(summary, sizeof(summary), "%s is %s%s%s", subject, json_str(fleet, "state", ""), *json_str(fleet, "reason", "") ? ": " : "",
		    json_str(fleet, "reason", ""));
	}
	*out = json_object();
	json_put_str(*out, "subject", subject);
	json_put_str(*out, "summary", summary);
	put_attempts(*out, json_object_get(fleet, "instances"));
	json_put(*out, "events", json_incref(json_object_get(list, "events")));
	json_decref(run);
	json_decref(fleet);
	json_decref(list);
	return 0;
}

void get_why(struct request *r)
{
	struct why_query *q = xcalloc(1, sizeof(*q));

	if (!str_starts(r->arg[0], "run-") || !str_to_i64(r->arg[0] + 4, 1, INT64_MAX, &q->run_id))
		str_copy(q->name, r->arg[0]);
	request_history(r, ask_why, q);
}

/* ---- providers ---- */

static json_t *providers_json(const struct api *a)
{
	const struct model *m = engine_model(a->en);
	json_t *o = json_object(), *list = json_array();

	for (size_t k = 0; k < m->account_count; k++) {
		const struct provider *p = provider_find(m->accounts[k]->facts.provider);

		json_array_append_new(list, view_account(m->accounts[k], p ? p->token_where : NULL));
	}
	json_put(o, "providers", list);
	return o;
}

void get_providers(struct request *r)
{
	request_json(r, 200, providers_json(r->api));
}

struct checking {
	struct hold *hold;
	struct api *api;
	int waiting;
	json_t *results; /* account → {ok, message} */
};

static void checked_all(struct checking *c)
{
	struct request *r = hold_take(c->hold);
	json_t *o, *v;
	size_t k;

	if (r) {
		o = providers_json(c->api);
		json_array_foreach(json_object_get(o, "providers"), k, v)
			json_object_update(v, json_object_get(c->results, json_str(v, "account", "")));
		request_json(r, 200, o);
	}
	json_decref(c->results);
	free(c);
}

static void got_balance(void *arg, const struct account *a, struct op_reply *reply)
{
	struct checking *c = arg;
	struct fact f = { .kind = FACT_BALANCE, .account = a->name, .verdict = reply->verdict, .message = reply->message,
		.balance = &reply->balance };

	if (reply->verdict == VERDICT_OK)
		engine_fact(c->api->en, &f);
	if (!--c->waiting)
		checked_all(c);
}

static void got_check(void *arg, const struct account *a, struct op_reply *reply)
{
	struct checking *c = arg;
	struct fact f = { .kind = FACT_CHECKED, .account = a->name, .verdict = reply->verdict, .message = reply->message };
	const struct provider *p = provider_find(a->provider);
	json_t *o = json_object();

	engine_fact(c->api->en, &f);
	json_put_bool(o, "ok", reply->verdict == VERDICT_OK);
	json_put_str(o, "message", reply->message);
	json_put_time(o, "checked", clock_steady());
	json_put(c->results, a->name, o);
	if (reply->verdict == VERDICT_OK && p->op[OP_BALANCE].build) {
		c->waiting++;
		execute_operation(engine_execute(c->api->en), a, OP_BALANCE, &(struct op_args){ .account = a }, got_balance, c);
	}
	if (!--c->waiting)
		checked_all(c);
}

void post_check(struct request *r)
{
	const struct config *cfg = engine_config(r->api->en);
	struct checking *c = xcalloc(1, sizeof(*c));

	c->hold = request_hold(r);
	c->api = r->api;
	c->results = json_object();
	c->waiting = 1;
	for (size_t k = 0; k < cfg->account_count; k++) {
		c->waiting++;
		execute_operation(engine_execute(r->api->en), &cfg->accounts[k], OP_CHECK, &(struct op_args){ .account = &cfg->accounts[k] },
		    got_check, c);
	}
	if (!--c->waiting)
		checked_all(c);
}

/* ---- doctor ---- */

static void add_check(json_t *list, const char *name, int ok, const char *text, const char *remedy)
{
	json_t *o = json_object();

	json_put_str(o, "name", name);
	json_put(o, "ok", ok < 0 ? json_null() : json_boolean(ok));
	json_put_str(o, "text", text);
	json_put_str(o, "remedy", remedy);
	json_array_append_new(list, o);
}

static void check_accounts(struct request *r, json_t *list)
{
	const struct model *m = engine_model(r->api->en);
	char name[64], text[TEXT_MAX];

	if (!m->account_count)
		add_check(list, "providers", false, "no provider is configured", "gpufleetctl init");
	for (size_t k = 0; k < m->account_count; k++) {
		const struct account_state *a = m->accounts[k];

		snprintf(name, sizeof(name), "provider %s", a->facts.name);
		if (a->facts.local)
			add_check(list, name, true, "hosts of your own", "");
		else if (*a->trouble)
			add_check(list, name, false, a->trouble, a->denied ? "check the token file and its permissions" : "gpufleetctl providers");
		else if (!a->listed_at)
			add_check(list, name, -1, "not listed yet", "");
		else
			add_check(list, name, true, "answers", "");
		if (a->unmanaged) {
			snprintf(text, sizeof(text), "%d machine%s of this account %s not ours; left alone", a->unmanaged,
			    a->unmanaged == 1 ? "" : "s", a->unmanaged == 1 ? "is" : "are");
			add_check(list, name, -1, text, "");
		}
	}
}

static void check_disk(struct request *r, json_t *list)
{
	const char *dir = engine_config(r->api->en)->state_dir;
	struct statvfs fs;
	char text[TEXT_MAX];
	int64_t mb;

	if (statvfs(dir, &fs) < 0)
		return;
	mb = (int64_t)(fs.f_bavail * fs.f_frsize / (1024 * 1024));
	snprintf(text, sizeof(text), "%lld MB free", (long long)mb);
	add_check(list, "disk", mb >= 64, text, mb >= 64 ? "" : "free some space; nothing is rented without 64 MB");
}

/* A clock that was set: what is stored and waited for goes by the time since the start. */
static void check_clock(json_t *list)
{
	duration jump = clock_jump();
	char text[96] = "steady", by[32];

	duration_format(jump < 0 ? -jump : jump, by);
	if (jump)
		snprintf(text, sizeof(text), "was set %s by %s since the daemon began", jump < 0 ? "back" : "forward", by);
	add_check(list, "clock", !jump, text, jump ? "when it is right: stop the daemon, remove 'clock' in its state directory, start it again" : "");
}

bool api_reaper(struct request *r, struct heartbeat *h)
{
	const struct model *m = engine_model(r->api->en);
	const char *names[CONFIG_ACCOUNTS_MAX];
	size_t n = 0;

	for (size_t k = 0; k < m->account_count && n < ARRAY_LEN(names); k++)
		if (m->accounts[k]->configured && !m->accounts[k]->facts.local)
			names[n++] = m->accounts[k]->facts.name;
	if (!n)
		return false; /* hosts of one's own bill nobody */
	heartbeat_read(h, engine_config(r->api->en)->state_dir, m->site, names, n, clock_wall()); /* written by another process */
	return true;
}

void get_doctor(struct request *r)
{
	json_t *o = json_object(), *list = json_array(), *loop = json_object(), *versions = json_object();
	struct engine_health h;
	struct heartbeat reaper;
	struct store_stats stats;
	char text[TEXT_MAX];

	engine_get_health(r->api->en, &h);
	store_get_stats(engine_store(r->api->en), &stats);
	check_accounts(r, list);
	check_disk(r, list);
	snprintf(text, sizeof(text), "%lld commits, %lld rows, slowest %.1f ms", (long long)stats.commits, (long long)stats.rows,
	    (double)stats.slowest / (double)MSEC);
	add_check(list, "database", !h.degraded, h.degraded ? h.trouble : text, "");
	snprintf(text, sizeof(text), "worst callback %.1f ms of CPU (%s), %lld over 10 ms", (double)h.worst_cpu / (double)MSEC,
	    h.worst_name ? h.worst_name : "none", (long long)h.over_limit);
	add_check(list, "loop", h.over_limit == 0, text, "");
	check_clock(list);
	if (api_reaper(r, &reaper))
		add_check(list, "reaper", reaper.ok, reaper.text, reaper.remedy);
	json_put(loop, "worst_callback_ms", json_real((double)h.worst_cpu / (double)MSEC));
	json_put_int(loop, "callbacks_over_10ms", h.over_limit);
	json_put_str(loop, "worst_name", h.worst_name ? h.worst_name : "");
	json_put_int(loop, "turns", h.turns);
	json_put_int(loop, "ssh_connections", execute_ssh_connections(engine_execute(r->api->en)));
	json_put_int(loop, "http_in_flight", execute_http_in_flight(engine_execute(r->api->en)));
	json_put_str(versions, "gpufleet", r->api->version);
	json_put_str(versions, "libuv", uv_version_string());
	json_put_str(versions, "libcurl", http_library_version());
	json_put_str(versions, "sqlite", store_library_version());
	json_put_str(versions, "libmicrohttpd", MHD_get_version());
	json_put_str(versions, "jansson", JANSSON_VERSION);
	json_put(o, "checks", list);
	json_put(o, "loop", loop);
	json_put(o, "versions", versions);
	request_json(r, 200, o);
}
