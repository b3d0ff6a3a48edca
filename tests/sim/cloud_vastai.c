/*
 * vast.ai: the API's frame, keys and account (providers/vastai.md).
 *
 * What is easy to get wrong, and is modelled: a wrong key is a 404; the v0 list is 410; searches show at most 64 rows and the
 * v1 list 25; an ask is rented once; success:false can carry a contract; a destroyed instance is null with 200; disk is billed
 * from create to destroy, the GPU only while running; minimum intervals per endpoint, told in plain text.
 */
#include "cloud_vastai.h"

void vast_error(struct sim_response *r, int status, const char *name, const char *msg)
{
	sim_answer_json(
	    r, status, json_pack("{sb ss ss}", "success", 0, "error", name, "msg", msg));
}

static void error(struct cloud *c, struct sim_response *r, enum sim_error e)
{
	switch (e) {
	case SIM_E_SERVER: sim_answer_text(r, 500, "Internal Server Error"); return;
	case SIM_E_AUTH:
		vast_error(r, cloud_fault_on(c, FAULT_AUTH_401) ? 401 : 404, "auth_error",
		    "Invalid user key");
		return;
	case SIM_E_RATE:
		if (cloud_fault_on(c, FAULT_RATE_JSON))
			sim_answer_json(r, 429,
			    json_pack("{ss si}", "detail", "API requests too frequent",
				"retry_after", 5));
		else
			sim_answer_text(r, 429, "API requests too frequent");
		return;
	case SIM_E_CAPACITY: {
		int status = cloud_fault_on(c, FAULT_GONE_410)   ? 410
			     : cloud_fault_on(c, FAULT_GONE_400) ? 400
								 : 404;

		vast_error(r, status, status == 400 ? "invalid_args" : "no_such_ask",
		    "error 404/3603: no_such_ask  Instance type by id is not available.");
		return;
	}
	case SIM_E_MONEY:
		vast_error(r, 400, "insufficient_credit",
		    "Your account lacks credit; see the billing page.");
		return;
	case SIM_E_QUOTA:
		vast_error(r, 400, "spend_rate_limit",
		    "error 400/3512: spend_rate_limit for new accounts");
		return;
	case SIM_E_DENIED:
		vast_error(r, 403, "auth_error", "This action requires permission.");
		return;
	case SIM_E_BUSY: vast_error(r, 409, "busy", "The instance is busy."); return;
	case SIM_E_ABSENT: break;
	}
	vast_error(r, 404, "no_such_instance", "error 404/3103: no_such_instance");
}

static void open_model(struct cloud *c)
{
	c->own = xcalloc(1, sizeof(struct vast));
	c->next_id = 12345678;
	vast_asks_open(c);
}

static void close_model(struct cloud *c)
{
	struct vast *o = c->own;

	free(o->asks);
	free(o);
}

/* ---- minimum intervals per endpoint ---- */

static bool too_soon(struct cloud *c, enum vast_endpoint e, struct sim_response *r)
{
	static const int threshold_ms[VAST_ENDPOINTS] = { [VAST_CREATE] = 4500,
		[VAST_DESTROY] = 3000,
		[VAST_SHOW] = 2000,
		[VAST_LIST] = 1000,
		[VAST_MANAGE] = 1000,
		[VAST_SSH] = 1000,
		[VAST_CHARGES] = 1000,
		[VAST_BID] = 5500,
		[VAST_VOLUMES] = 5500 };
	struct vast *o = c->own;
	int pace = c->options.timing.pace, oldest = 0;
	duration least = threshold_ms[e] * MSEC * pace / 100;
	char text[96];

	if (e == VAST_SEARCH) {
		for (int i = 1; i < 10; i++)
			if (o->searches[i] < o->searches[oldest])
				oldest = i;
		if (!o->searches[oldest] || c->now >= o->searches[oldest] + MINUTE * pace / 100) {
			o->searches[oldest] = c->now;
			return false;
		}
	} else if (!o->last[e] || c->now >= o->last[e] + least) {
		o->last[e] = c->now;
		return false;
	}
	if (cloud_fault_on(c, FAULT_RATE_JSON)) {
		error(c, r, SIM_E_RATE);
		return true;
	}
	snprintf(text, sizeof(text), "API requests too frequent: endpoint threshold=%d.%d",
	    threshold_ms[e] / 1000, threshold_ms[e] % 1000 / 100);
	sim_answer_text(r, 429, text);
	return true;
}

/* ---- money ---- */

static money cost(const struct cloud *c, const struct sim_machine *m, instant at)
{
	(void)c;
	return cloud_metered(m, NULL, at, SECOND);
}

static money credit(const struct cloud *c)
{
	return c->deposit - cloud_total(c, c->now);
}

/* Without credit everything is stopped. */
static void tick(struct cloud *c)
{
	if (!c->machine_count || credit(c) > 0)
		return;
	for (size_t i = 0; i < c->machine_count; i++)
		if (!c->machines[i]->deleted && !c->machines[i]->stopped)
			vast_stop(c, c->machines[i]);
}

/* ---- account and keys ---- */

static void user(struct cloud *c, struct sim_response *r)
{
	json_t *first = json_array_get(c->keys, 0);

	sim_answer_json(r, 200,
	    json_pack("{si ss sf si ss si ss}", "id", 123456, "email", "ops@example.com", "credit",
		(double)credit(c) / (double)USD, "balance", 0, "ssh_key",
		json_str(first, "key", ""), "key_id", 77, "sid", "S1"));
}

static json_t *key_find(struct cloud *c, const char *text, size_t *at)
{
	json_t *row;
	size_t i;

	json_array_foreach (c->keys, i, row)
		if (!strcmp(json_str(row, "key", ""), text)) {
			*at = i;
			return row;
		}
	return NULL;
}

static void key_add(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q), *row;
	const char *line = json_str(body, "ssh_key", "");
	char type[64], base64[2048], comment[256], created[32];
	size_t at;

	if (!cloud_key_parse(line, type, base64, comment)) {
		vast_error(r, 400, "no_ssh_key", "No ssh key provided");
		goto out;
	}
	row = key_find(c, line, &at);
	if (!row) {
		instant_format(c->now, false, created);
		row = json_pack("{sI si ss ss sn}", "id", (json_int_t)(123 + c->keys_changed),
		    "user_id", 123456, "key", line, "created_at", created, "deleted_at");
		json_array_append_new(c->keys, row);
		c->keys_changed++;
	}
	sim_answer_json(r, 200,
	    json_pack("{sb s{sI sI ss ss sn}}", "success", 1, "key", "id",
		(json_int_t)json_int(row, "id", 0), "user_id", (json_int_t)123456, "public_key",
		line, "created_at", json_str(row, "created_at", ""), "deleted_at"));
out:
	json_decref(body);
}

static void account_keys(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	json_t *row;
	size_t i;
	int64_t id = 0;

	if (p->n == 3 && !strcmp(q->method, "POST")) {
		key_add(c, q, r);
	} else if (p->n == 3 && !strcmp(q->method, "GET")) {
		if (json_array_size(c->keys))
			sim_answer_json(r, 200, json_deep_copy(c->keys));
		else
			vast_error(r, 404, "not_found", "No ssh keys found");
	} else if (p->n == 4 && !strcmp(q->method, "DELETE")) {
		str_to_i64(p->part[3], 1, INT64_MAX, &id);
		json_array_foreach (c->keys, i, row)
			if (json_int(row, "id", 0) == id)
				break;
		if (i < json_array_size(c->keys)) {
			json_array_remove(c->keys, i);
			sim_answer_json(r, 200, json_pack("{sb}", "success", 1));
		} else {
			vast_error(r, 400, "no_ssh_key", "ssh key not found");
		}
	} else {
		sim_answer_text(r, 405, "Method Not Allowed");
	}
}

static void keys(struct cloud *c, const struct sim_machine *m, struct buf *out)
{
	(void)c;
	buf_append(out, buf_str(&m->keys), m->keys.len);
}

static const char *state(const struct cloud *c, const struct sim_machine *m)
{
	const char *s = vast_status(c, m);

	return s ? s : "null";
}

/* ---- routes ---- */

/* An instance's own key may show, stop and destroy that instance, nothing else. */
static bool own_key(struct cloud *c, const char *key, const struct sim_path *p)
{
	struct sim_machine *m =
	    p->n >= 4 && !strcmp(p->part[2], "instances") ? cloud_find(c, p->part[3]) : NULL;

	return m && *key && !strcmp(json_str(m->extra, "key", ""), key);
}

static enum vast_endpoint endpoint(const struct sim_request *q, const struct sim_path *p)
{
	const char *what = p->part[2];

	if (!strcmp(what, "asks"))
		return VAST_CREATE;
	if (!strcmp(what, "bundles") || !strcmp(what, "search"))
		return VAST_SEARCH;
	if (!strcmp(what, "charges"))
		return VAST_CHARGES;
	if (!strcmp(what, "ssh"))
		return VAST_SSH;
	if (!strcmp(what, "volumes"))
		return VAST_VOLUMES;
	if (strcmp(what, "instances"))
		return VAST_OTHER;
	if (p->n == 3)
		return VAST_LIST;
	if (!strcmp(p->part[3], "bid_price"))
		return VAST_BID;
	if (!strcmp(q->method, "DELETE") && p->n == 4)
		return VAST_DESTROY;
	return !strcmp(q->method, "GET") ? VAST_SHOW : VAST_MANAGE;
}

static void search_route(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	char text[8192];
	json_t *body;

	if (!strcmp(p->part[2], "bundles") && !strcmp(q->method, "GET")) {
		SIM_QUERY(q, "q", text);
		body = json_read(text, strlen(text), NULL);
	} else {
		body = sim_body(q);
	}
	if (!json_is_object(body))
		vast_error(r, 400, "invalid_args",
		    "error 400/2101: Invalid args: a JSON object is required");
	else if (!strcmp(p->part[2], "search"))
		vast_search(c, json_object_get(body, "q"), r);
	else
		vast_search(c, body, r);
	json_decref(body);
}

static void route(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool v1 = !strcmp(p->part[1], "v1"), get = !strcmp(q->method, "GET"),
	     put = !strcmp(q->method, "PUT");

	if (sim_path_is(p, "api/v1/instances") && get)
		vast_list(c, q, r);
	else if (sim_path_is(p, "api/v0/instances") && get)
		vast_error(r, 410, "deprecated_endpoint",
		    "/api/v0/instances/ is deprecated. Use /api/v1/instances/ instead.");
	else if (sim_path_is(p, "api/v1/invoices") && get)
		sim_answer_json(r, 200,
		    json_pack("{sb si sn s[]}", "success", 1, "count", 0, "next_token", "results"));
	else if (v1)
		sim_answer_text(r, 404, "Not Found");
	else if (sim_path_is(p, "api/v0/users/current") && get)
		user(c, r);
	else if (sim_path_is(p, "api/v0/bundles") || sim_path_is(p, "api/v0/search/asks"))
		search_route(c, q, p, r);
	else if (sim_path_is(p, "api/v0/asks/?") && put)
		vast_create(c, q, p->part[3], r);
	else if (!strcmp(p->part[2], "ssh"))
		account_keys(c, q, p, r);
	else if (!strcmp(p->part[2], "volumes"))
		vast_volumes(c, q, p, r);
	else if (sim_path_is(p, "api/v0/charges") && get)
		vast_charges(c, q, r);
	else if (sim_path_is(p, "api/v0/instances/pending-price-increases") && get)
		sim_answer_json(r, 200, json_pack("{sb s[]}", "success", 1, "results"));
	else if (p->n >= 4 && !strcmp(p->part[2], "instances"))
		vast_instance(c, q, p->part[3], r);
	else
		sim_answer_text(r, 404, "Not Found");
}

static void handle(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	const char *auth = sim_header(q, "Authorization");
	const char *key = auth && str_starts(auth, "Bearer ") ? auth + 7 : "";
	char in_url[256];
	struct sim_path p;
	bool open;

	sim_path_parse(&p, q->path);
	if (sim_path_is(&p, "instance_logs/?")) {
		vast_stored_log(c, q, p.part[1], r);
		return;
	}
	if (p.n < 3 || strcmp(p.part[0], "api")) {
		sim_answer_text(r, 404, "Not Found");
		return;
	}
	if (!*key && SIM_QUERY(q, "api_key", in_url))
		key = in_url;
	open = !strcmp(p.part[2], "bundles"); /* offers are public */
	if (!open && !*key)
		vast_error(r, 403, "auth_error", "This action requires login.");
	else if (*key && strcmp(key, c->model->token) && !own_key(c, key, &p))
		error(c, r, SIM_E_AUTH);
	else if (!p.slash && strcmp(p.part[p.n >= 4 ? 3 : 2], "request_logs")) {
		/* Unknown what the provider does; a client that forgets the slash should notice. */
		sim_answer_empty(r, 308);
		sim_add_header(r, "Location", "https://console.vast.ai%s/", q->path);
	} else if (!too_soon(c, endpoint(q, &p), r))
		route(c, q, &p, r);
}

static void released(struct cloud *c, struct sim_machine *m)
{
	struct vast *o = c->own;
	struct vast_ask *a = &o->asks[m->offer];

	/* Relisted under a new id. */
	a->rented = false;
	a->id = 44302087 + (int64_t)rng_below(&c->rng, 50000000);
}

static void reprice(struct cloud *c, int percent)
{
	struct vast *o = c->own;

	for (size_t i = 0; i < o->count; i++) {
		o->asks[i].price = o->asks[i].price * percent / 100;
		o->asks[i].min_bid = o->asks[i].price / 2;
	}
}

const struct cloud_model cloud_vastai = {
	.name = "vastai",
	.prefix = "/vastai",
	.token = "fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210",
	.inventory = vast_inventory,
	.open = open_model,
	.handle = handle,
	.error = error,
	.cost = cost,
	.keys = keys,
	.state = state,
	.released = released,
	.stop = vast_stop,
	.tick = tick,
	.reprice = reprice,
	.close = close_model,
};
