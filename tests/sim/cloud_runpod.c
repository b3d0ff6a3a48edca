/*
 * RunPod: REST v2 and the little of GraphQL that v2 lacks (providers/runpod.md).
 *
 * What is easy to get wrong, and is modelled: no User-Agent is a 403 that is not a problem document; no stock is a 400 with a
 * sentence; unknown body keys are 422; RUNNING long before SSH; a fresh pod is 404 and unlisted for a while, a deleted one
 * still readable; a page may be shorter than asked; a stopped pod keeps a cost; storage is billed beside the GPU.
 */
#include "cloud_runpod.h"

static void error(struct cloud *c, struct sim_response *r, enum sim_error e)
{
	switch (e) {
	case SIM_E_SERVER:
		runpod_problem(c, r, 500, "Internal Server Error",
		    "Something went wrong. Please try again later or contact support.");
		return;
	case SIM_E_AUTH:
		runpod_problem(c, r, 401, "Unauthorized", "missing or invalid API key");
		return;
	case SIM_E_RATE:
		runpod_problem(
		    c, r, 429, "Too Many Requests", "rate limit exceeded for the minute window");
		sim_add_header(r, "Retry-After", "%d", 60 - (int)(c->now / SECOND % 60));
		return;
	case SIM_E_CAPACITY:
		runpod_problem(c, r, 400, "Bad Request",
		    "There are no longer any instances available with the requested "
		    "specifications. Please refresh and try again.");
		return;
	case SIM_E_MONEY:
		runpod_problem(
		    c, r, 402, "Payment Required", "Your balance is too low to deploy this pod.");
		return;
	case SIM_E_QUOTA:
		runpod_problem(c, r, 402, "Payment Required",
		    "This would exceed your account's hourly spend limit.");
		return;
	case SIM_E_DENIED:
		runpod_problem(c, r, 403, "Forbidden", "the API key may not use this resource");
		return;
	case SIM_E_BUSY:
		runpod_problem(c, r, 409, "Conflict",
		    "the pod is busy; the action is not allowed in its current status");
		return;
	case SIM_E_ABSENT: break;
	}
	runpod_problem(c, r, 404, "Not Found", "resource not found");
}

void runpod_problem(
    struct cloud *c, struct sim_response *r, int status, const char *title, const char *detail)
{
	if (cloud_fault_on(c, FAULT_ERROR_BODY)) {
		sim_answer_json(r, status, json_pack("{ss}", "error", detail));
		return;
	}
	sim_answer_json(
	    r, status, json_pack("{ss si ss}", "title", title, "status", status, "detail", detail));
	str_copy(r->type, "application/problem+json");
}

void runpod_invalid(struct cloud *c, struct sim_response *r, const char *text)
{
	(void)c;
	sim_answer_json(r, 422,
	    json_pack("{ss si ss s[s]}", "title", "Unprocessable Entity", "status", 422, "detail",
		"Request validation failed.", "errors", text));
	str_copy(r->type, "application/problem+json");
}

void runpod_open(struct cloud *c)
{
	struct runpod *o = xcalloc(1, sizeof(*o));
	json_t *gpus = json_object_get(c->inventory, "gpus"), *row, *stock;
	const char *site;
	size_t i;

	c->own = o;
	o->count = json_array_size(gpus);
	o->types = xcalloc(o->count + 1, sizeof(*o->types));
	json_array_foreach (gpus, i, row) {
		struct runpod_type *t = &o->types[i];
		json_t *sites = json_object_get(row, "stock");

		t->row = row;
		t->id = json_str(row, "id", "");
		t->gpu = json_str(row, "gpu", "");
		json_money(row, "secure", &t->secure);
		json_money(row, "community", &t->community);
		t->max_secure = (int)json_int(row, "max_secure", t->secure ? 8 : 0);
		t->max_community = (int)json_int(row, "max_community", t->community ? 8 : 0);
		t->sites = xcalloc(json_object_size(sites) + 1, sizeof(*t->sites));
		json_object_foreach (sites, site, stock)
			t->sites[t->site_count++] =
			    (struct runpod_site){ site, (int)json_integer_value(stock) };
	}
}

void runpod_close(struct cloud *c)
{
	struct runpod *o = c->own;

	for (size_t i = 0; i < o->count; i++)
		free(o->types[i].sites);
	free(o->types);
	free(o);
}

struct runpod_type *runpod_type_find(const struct cloud *c, const char *id)
{
	struct runpod *o = c->own;

	for (size_t i = 0; i < o->count; i++)
		if (!strcmp(o->types[i].id, id))
			return &o->types[i];
	return NULL;
}

struct runpod_site *runpod_place(struct runpod_type *t, int count, const json_t *wanted)
{
	for (size_t i = 0; i < t->site_count; i++) {
		bool allowed = !json_array_size(wanted);
		const json_t *name;
		size_t k;

		json_array_foreach ((json_t *)wanted, k, name)
			allowed = allowed ||
				  !strcmp(json_string_value(name) ? json_string_value(name) : "",
				      t->sites[i].id);
		if (allowed && t->sites[i].stock >= count)
			return &t->sites[i];
	}
	return NULL;
}

/* Per second; the pod's GPU, its container disk, its host volume. */
static money cost(const struct cloud *c, const struct sim_machine *m, instant at)
{
	(void)c;
	return cloud_metered(m, NULL, at, SECOND);
}

static void released(struct cloud *c, struct sim_machine *m)
{
	struct runpod_type *t = &((struct runpod *)c->own)->types[m->offer];

	if (m->stopped)
		return; /* a stop has already given the GPUs back */
	for (size_t i = 0; i < t->site_count; i++)
		if (!strcmp(t->sites[i].id, m->host))
			t->sites[i].stock += m->count;
}

static void keys(struct cloud *c, const struct sim_machine *m, struct buf *out)
{
	(void)c;
	buf_append(out, buf_str(&m->keys), m->keys.len);
}

/* At balance 0 every pod is stopped, and without a network volume terminated. */
static void tick(struct cloud *c)
{
	if (!c->machine_count || cloud_total(c, c->now) < c->deposit)
		return;
	for (size_t i = 0; i < c->machine_count; i++) {
		struct sim_machine *m = c->machines[i];

		if (m->deleted)
			continue;
		if (!runpod_volume_of(c, m->ask)) {
			cloud_end(c, m);
			m->gone = c->now;
		} else if (!m->stopped) {
			runpod_stop(c, m);
		}
	}
}

/* ---- the account ---- */

static bool key_ok(const char *s)
{
	static const char *const types[] = { "ssh-", "ecdsa-", "sk-" };
	size_t n = strcspn(s, " ");
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		known = known || (str_starts(s, types[i]) && n > strlen(types[i]));
	return known && s[n] && s[n + 1] && s[n + 1] != ' ' && !strchr(s, '\n');
}

static void account_keys(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = NULL, *list, *key;
	size_t i;

	if (!strcmp(q->method, "PUT")) {
		body = sim_body(q);
		list = json_object_get(body, "keys");
		if (!json_is_array(list)) {
			runpod_invalid(c, r, "$.keys: array required");
			goto out;
		}
		json_array_foreach (list, i, key) {
			if (!json_is_string(key) || !key_ok(json_string_value(key))) {
				runpod_invalid(c, r,
				    "$.keys: does not match '^(ssh|ecdsa|sk)-\\S+ \\S+( .*)?$'");
				goto out;
			}
		}
		json_decref(c->keys);
		c->keys = json_deep_copy(list);
	} else if (strcmp(q->method, "GET")) {
		runpod_problem(c, r, 405, "Method Not Allowed", "method not allowed");
		goto out;
	}
	sim_answer_json(r, 200, json_pack("{sO}", "keys", c->keys));
out:
	json_decref(body);
}

/* ---- rate limits: three fixed windows, told in every authenticated answer ---- */

static bool limited(struct cloud *c, struct sim_response *r)
{
	static const struct {
		const char *name;
		int quota;
		duration length;
	} windows[3] = { { "minute", 60, MINUTE }, { "hour", 3000, HOUR }, { "day", 50000, DAY } };
	struct runpod *o = c->own;
	int pace = c->options.timing.pace;
	struct buf policy = BUF(512), left = BUF(512);
	bool over = false;

	for (int i = 0; pace && i < 3; i++) {
		int64_t quota = (int64_t)windows[i].quota * 100 / pace,
			number = c->now / windows[i].length;

		if (o->window[i] != number) {
			o->window[i] = number;
			o->used[i] = 0;
		}
		over = over || o->used[i] >= quota;
		o->used[i] += o->used[i] < quota;
		buf_printf(&policy, "%s\"%s\";q=%lld;w=%d", i ? ", " : "", windows[i].name,
		    (long long)quota, (int)(windows[i].length / SECOND));
		buf_printf(&left, "%s\"%s\";r=%lld;t=%d", i ? ", " : "", windows[i].name,
		    (long long)(quota - o->used[i]),
		    (int)((windows[i].length - c->now % windows[i].length) / SECOND));
	}
	if (pace) {
		sim_add_header(r, "RateLimit-Policy", "%s", buf_str(&policy));
		sim_add_header(r, "RateLimit", "%s", buf_str(&left));
	}
	buf_free(&policy);
	buf_free(&left);
	if (over)
		error(c, r, SIM_E_RATE);
	return over;
}

/* A pod's own key may stop or end that pod, nothing else. */
static bool own_key(struct cloud *c, const char *key, const struct sim_path *p)
{
	struct sim_machine *m =
	    p->n >= 3 && !strcmp(p->part[1], "pods") ? cloud_find(c, p->part[2]) : NULL;

	return m && !strcmp(json_str(m->extra, "key", ""), key);
}

static void handle(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	const char *agent = sim_header(q, "User-Agent"), *auth = sim_header(q, "Authorization");
	const char *key = auth && str_starts(auth, "Bearer ") ? auth + 7 : "";
	char in_url[256];
	struct sim_path p;

	sim_path_parse(&p, q->path);
	if (!agent || !*agent) {
		sim_answer_text(r, 403, "error code: 1010");
		return;
	}
	if (q->len > 102400) {
		runpod_problem(c, r, 413, "Content Too Large", "request body over 102400 bytes");
		return;
	}
	if (sim_path_is(&p, "graphql") && SIM_QUERY(q, "api_key", in_url))
		key = in_url;
	if (strcmp(key, c->model->token) && !own_key(c, key, &p)) {
		error(c, r, SIM_E_AUTH);
		return;
	}
	if (limited(c, r))
		return;
	if (sim_path_is(&p, "graphql"))
		runpod_graphql(c, q, r);
	else if (p.n < 2 || strcmp(p.part[0], "v2") || p.slash)
		error(c, r, SIM_E_ABSENT);
	else if (sim_path_is(&p, "v2/account/ssh-keys"))
		account_keys(c, q, r);
	else if (!strcmp(p.part[1], "pods"))
		runpod_pods(c, q, &p, r);
	else if (!strcmp(p.part[1], "network-volumes"))
		runpod_volumes(c, q, &p, r);
	else if (!strcmp(p.part[1], "catalog"))
		runpod_catalog(c, q, &p, r);
	else if (!strcmp(p.part[1], "billing"))
		runpod_billing(c, q, &p, r);
	else
		error(c, r, SIM_E_ABSENT);
}

static void reprice(struct cloud *c, int percent)
{
	struct runpod *o = c->own;

	for (size_t i = 0; i < o->count; i++) {
		o->types[i].secure = o->types[i].secure * percent / 100 / CENT * CENT;
		o->types[i].community = o->types[i].community * percent / 100 / CENT * CENT;
	}
}

const struct cloud_model cloud_runpod = {
	.name = "runpod",
	.prefix = "/runpod",
	.token = "rpa_SIM0000000000000000000000000000000000RUNPOD",
	.inventory = runpod_inventory,
	.open = runpod_open,
	.handle = handle,
	.error = error,
	.cost = cost,
	.keys = keys,
	.state = runpod_state,
	.released = released,
	.stop = runpod_stop,
	.reprice = reprice,
	.tick = tick,
	.close = runpod_close,
};
