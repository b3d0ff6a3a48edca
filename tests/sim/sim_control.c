/*
 * The control API below /sim/: what happened, what it cost, and switches to make it happen.
 */
#include "cloud_storage.h"
#include "sim.h"

#include <fnmatch.h>
#include <unistd.h>

static struct cloud *cloud_named(const struct sim *s, const char *name)
{
	for (int i = 0; i < SIM_CLOUDS; i++)
		if (name && !strcmp(s->clouds[i]->model->name, name))
			return s->clouds[i];
	return NULL;
}

static void put_dollars(json_t *j, const char *key, money m)
{
	char text[32];

	money_decimal(m, text);
	json_put_str(j, key, text);
}

static json_t *machine(const struct sim *s, struct cloud *c, const struct sim_machine *m)
{
	const struct host *h = m->front;
	bool gone = m->gone && c->now >= m->gone;
	json_t *j = json_object();

	(void)s;
	json_put_str(j, "cloud", c->model->name);
	json_put_str(j, "id", m->id);
	json_put_str(j, "name", m->name);
	json_put_str(j, "host", m->host);
	json_put_str(j, "gpu", m->gpu ? m->gpu->name : NULL);
	json_put_int(j, "count", m->count);
	json_put_int(j, "delivered", m->delivered);
	json_put_str(j, "state",
	    m->failed && gone ? "failed"
	    : gone            ? "gone"
			      : c->model->state(c, m));
	json_put_bool(j, "listed", cloud_shown(c, m));
	json_put_bool(j, "billing", cloud_billing(c, m));
	json_put_time(j, "created", m->created);
	json_put_time(j, "running", m->running == FOREVER || m->running > c->now ? 0 : m->running);
	json_put_time(j, "deleted", m->deleted);
	json_put_int(j, "cost_micro", cloud_cost(c, m));
	put_dollars(j, "cost", cloud_cost(c, m));
	put_dollars(j, "price_per_hour", m->price);
	json_put_str(j, "address", m->address);
	json_put_int(j, "port", m->port);
	json_put_bool(j, "sshd", h && h->sshd);
	json_put_str(j, "dir", h ? h->dir : NULL);
	return j;
}

static void machines(struct sim *s, struct sim_response *r)
{
	json_t *all = json_array();

	for (int i = 0; i < SIM_CLOUDS; i++)
		for (size_t k = 0; k < s->clouds[i]->machine_count; k++)
			json_array_append_new(
			    all, machine(s, s->clouds[i], s->clouds[i]->machines[k]));
	sim_answer_json(r, 200, json_pack("{so}", "machines", all));
}

static json_t *uses(const struct sim_store *s)
{
	json_t *list = json_array(), *j;

	for (size_t i = 0; i < s->use_count; i++) {
		const struct sim_use *u = &s->uses[i];

		j = json_pack("{ss ss ss}", "machine", u->machine->id, "name", u->machine->name, "path", u->path);
		json_put_time(j, "from", u->from == FOREVER ? 0 : u->from);
		json_put_time(j, "to", u->to);
		json_put_bool(j, "now", cloud_store_used(s->cloud, s, u->machine) == u);
		json_array_append_new(list, j);
	}
	return list;
}

static const char *store_state(const struct cloud *c, const struct sim_store *s)
{
	if (s->deleted)
		return "deleted";
	if (!cloud_store_shown(c, s))
		return "hidden";
	return cloud_store_used(c, s, NULL) ? "attached" : "free";
}

static json_t *store(const struct cloud *c, const struct sim_store *s)
{
	json_t *j = json_object();

	json_put_str(j, "cloud", c->model->name);
	json_put_str(j, "kind", sim_store_kind_name(s->kind));
	json_put_str(j, "id", s->id);
	json_put_str(j, "name", s->name);
	json_put_str(j, "place", s->place);
	json_put_int(j, "size_gb", s->gb);
	json_put_str(j, "source", s->machine ? s->machine->id : s->source ? s->source->id : NULL);
	json_put_str(j, "state", store_state(c, s));
	json_put_bool(j, "billing", cloud_store_billing(c, s));
	json_put_time(j, "created", s->created);
	json_put_time(j, "deleted", s->deleted);
	json_put_int(j, "cost_micro", cloud_store_cost(s, c->now));
	put_dollars(j, "cost", cloud_store_cost(s, c->now));
	json_put(j, "uses", uses(s));
	storage_describe(s, j);
	return j;
}

/* All volumes and snapshots ever, or those of one cloud or in one state. */
static void storage(struct sim *s, const struct sim_request *q, struct sim_response *r)
{
	char cloud[32], state[16];
	json_t *all = json_array();

	SIM_QUERY(q, "cloud", cloud);
	SIM_QUERY(q, "state", state);
	for (int i = 0; i < SIM_CLOUDS; i++) {
		const struct cloud *c = s->clouds[i];

		for (size_t k = 0; k < c->store_count && (!*cloud || !strcmp(cloud, c->model->name)); k++)
			if (!*state || !strcmp(state, store_state(c, c->stores[k])))
				json_array_append_new(all, store(c, c->stores[k]));
	}
	sim_answer_json(r, 200, json_pack("{si so}", "count", (int)json_array_size(all), "storage", all));
}

static void bill(struct sim *s, struct sim_response *r)
{
	json_t *rows = json_array(), *kept = json_array(), *clouds = json_object(), *j;
	money total = 0;

	for (int i = 0; i < SIM_CLOUDS; i++) {
		struct cloud *c = s->clouds[i];
		money sum = cloud_total(c, c->now);

		for (size_t k = 0; k < c->machine_count; k++) {
			j = json_pack("{ss ss ss}", "cloud", c->model->name, "id",
			    c->machines[k]->id, "name", c->machines[k]->name);
			json_put_int(j, "cost_micro", cloud_cost(c, c->machines[k]));
			put_dollars(j, "cost", cloud_cost(c, c->machines[k]));
			json_put_bool(j, "billing", cloud_billing(c, c->machines[k]));
			json_array_append_new(rows, j);
		}
		for (size_t k = 0; k < c->store_count; k++)
			json_array_append_new(kept, store(c, c->stores[k]));
		j = json_object();
		json_put_int(j, "cost_micro", sum);
		put_dollars(j, "cost", sum);
		put_dollars(j, "balance", c->deposit - sum);
		json_put(clouds, c->model->name, j);
		total += sum;
	}
	j = json_pack("{so so so}", "machines", rows, "storage", kept, "clouds", clouds);
	json_put_int(j, "total_micro", total);
	put_dollars(j, "total", total);
	sim_answer_json(r, 200, j);
}

/* The count is of all that agree; at most the newest 1,000 are listed. */
static void requests(struct sim *s, const struct sim_request *q, struct sim_response *r)
{
	char cloud[32], method[16], path[512];
	json_t *rows = json_array(), *j;
	int64_t count = 0;

	SIM_QUERY(q, "cloud", cloud);
	SIM_QUERY(q, "method", method);
	SIM_QUERY(q, "path", path);
	for (int i = 0; i < SIM_CLOUDS; i++) {
		struct cloud *c = s->clouds[i];

		if (*cloud && strcmp(cloud, c->model->name))
			continue;
		count += cloud_count_requests(c, method, path);
		for (size_t k = c->log_count > 1000 ? c->log_count - 1000 : 0; k < c->log_count;
		     k++) {
			const struct sim_log *l = &c->log[k];

			if ((*method && strcmp(method, l->method)) ||
			    (*path && fnmatch(path, l->path, 0)))
				continue;
			j = json_pack("{sI ss ss ss ss si}", "number", (json_int_t)l->number,
			    "cloud", c->model->name, "method", l->method, "path", l->path, "query",
			    l->query, "status", l->status);
			json_put_time(j, "time", l->time);
			json_array_append_new(rows, j);
		}
	}
	sim_answer_json(r, 200, json_pack("{sI so}", "count", (json_int_t)count, "requests", rows));
}

static void faults(struct sim *s, struct sim_response *r)
{
	json_t *rows = json_array(), *j;

	for (int i = 0; i < SIM_CLOUDS; i++) {
		struct cloud *c = s->clouds[i];

		for (int f = 0; f < FAULT_NR; f++) {
			if (sim_faults[f].cloud && strcmp(sim_faults[f].cloud, c->model->name))
				continue;
			j = json_pack("{ss ss si ss}", "cloud", c->model->name, "fault",
			    sim_faults[f].name, "left", c->fault_left[f], "help",
			    sim_faults[f].help);
			json_put_int(j, "fired", c->fault_fired[f]);
			if (sim_faults[f].seconds)
				json_put_int(j, "seconds", c->fault_seconds[f]);
			json_array_append_new(rows, j);
		}
	}
	sim_answer_json(r, 200, json_pack("{so}", "faults", rows));
}

static void problem(struct sim_response *r, int status, const char *text)
{
	sim_answer_json(r, status, json_pack("{ss}", "error", text));
}

static void done(struct sim_response *r)
{
	sim_answer_json(r, 200, json_pack("{sb}", "ok", 1));
}

/* {"cloud": "runpod", "fault": "create_500_after", "count": 1, "seconds": 30}; count 0 switches off; no cloud: all. */
static void set_fault(struct sim *s, const json_t *body, struct sim_response *r)
{
	const char *name = json_str(body, "fault", ""), *cloud = json_str(body, "cloud", NULL);
	int count = (int)json_int(body, "count", -1), seconds = (int)json_int(body, "seconds", -1);
	struct err e = { 0 };
	bool any = false;

	for (int i = 0; i < SIM_CLOUDS; i++)
		if (!cloud || cloud_named(s, cloud) == s->clouds[i])
			any = !cloud_set_fault(s->clouds[i], name, count, seconds, &e) || any;
	if (any)
		done(r);
	else
		problem(r, 400, e.msg[0] ? e.msg : "there is no such cloud");
}

/* {"id": …, "how": "host" | "vanish" | "stop" | "reboot" | "rekey"}; rekey is a reboot with another host key */
static void kill_machine(struct sim *s, const json_t *body, struct sim_response *r)
{
	const char *id = json_str(body, "id", ""), *how = json_str(body, "how", "host");

	for (int i = 0; i < SIM_CLOUDS; i++) {
		struct sim_machine *m = cloud_find(s->clouds[i], id);

		if (!m)
			continue;
		if (!strcmp(how, "rekey")) {
			how = "reboot";
			if (m->front)
				((struct host *)m->front)->rekey = true;
		}
		if (cloud_happen(s->clouds[i], m, how))
			done(r);
		else
			problem(r, 400, "how is host, vanish, stop, reboot or rekey");
		return;
	}
	problem(r, 404, "there is no such machine");
}

static void advance(struct sim *s, const json_t *body, struct sim_response *r)
{
	double seconds = json_num(body, "seconds", -1);

	if (seconds < 0 || seconds > 4e8) {
		problem(r, 400, "seconds is missing");
		return;
	}
	s->advanced += (duration)(seconds * (double)SECOND);
	done(r);
}

static void on_stop(uv_timer_t *t)
{
	sim_stop(t->data);
}

/* A moment later, so that the answer still leaves. */
static void stop(struct sim *s, struct sim_response *r)
{
	done(r);
	s->stopping = true;
	uv_timer_start(&s->wake, on_stop, 50, 0);
}

json_t *control_describe(const struct sim *s)
{
	json_t *j = json_object(), *urls = json_object(), *tokens = json_object();
	char text[128], now[32];

	for (int i = 0; i < SIM_CLOUDS; i++) {
		const struct cloud_model *m = cloud_models[i];

		snprintf(text, sizeof(text), "http://127.0.0.1:%d%s%s", s->port, m->prefix,
		    strcmp(m->name, "runpod") ? "" : "/v2");
		json_put_str(urls, m->name, text);
		json_put_str(tokens, m->name, m->token);
	}
	snprintf(text, sizeof(text), "http://127.0.0.1:%d/runpod/graphql", s->port);
	json_put_str(urls, "runpod_graphql", text);
	snprintf(text, sizeof(text), "http://127.0.0.1:%d/sim", s->port);
	json_put_str(urls, "sim", text);
	json_put_int(j, "port", s->port);
	json_put_int(j, "pid", (int64_t)getppid());
	json_put(j, "urls", urls);
	json_put(j, "tokens", tokens);
	json_put_str(j, "team", "acme");
	json_put_str(j, "ssh_user", s->user);
	json_put_int(j, "ssh_port", s->ssh_port);
	json_put_str(j, "dir", s->dir);
	json_put(j, "speed", json_real(s->options.speed));
	instant_format(sim_now(s), true, now);
	json_put_str(j, "time", now);
	return j;
}

void control_handle(struct sim *s, const struct sim_request *q, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET"), post = !strcmp(q->method, "POST");
	json_t *body = NULL;
	struct sim_path p;

	for (int i = 0; i < SIM_CLOUDS; i++)
		cloud_tick(s->clouds[i], sim_now(s));
	sim_path_parse(&p, q->path);
	if (post)
		body = sim_body(q);
	if (get && p.n == 1)
		sim_answer_json(r, 200, control_describe(s));
	else if (get && sim_path_is(&p, "sim/machines"))
		machines(s, r);
	else if (get && sim_path_is(&p, "sim/storage"))
		storage(s, q, r);
	else if (get && sim_path_is(&p, "sim/bill"))
		bill(s, r);
	else if (get && sim_path_is(&p, "sim/requests"))
		requests(s, q, r);
	else if (get && sim_path_is(&p, "sim/faults"))
		faults(s, r);
	else if (post && sim_path_is(&p, "sim/faults"))
		set_fault(s, body, r);
	else if (post && sim_path_is(&p, "sim/kill-machine"))
		kill_machine(s, body, r);
	else if (post && sim_path_is(&p, "sim/advance"))
		advance(s, body, r);
	else if (post && sim_path_is(&p, "sim/stop"))
		stop(s, r);
	else
		problem(r, 404,
		    "GET machines, storage, bill, requests, faults; POST faults, kill-machine, advance, stop");
	json_decref(body);
}
