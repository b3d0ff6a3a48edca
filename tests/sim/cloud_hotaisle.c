/*
 * Hot Aisle: virtual machines and bare metal of one team (providers/hotaisle.md).
 *
 * What is easy to get wrong, and is modelled: plain-text errors; a path without its last slash is 404; a create blocks, ends
 * even when the client hangs up, takes no name; VM names and addresses are recycled, only deployment_id is not; a description
 * comes by PATCH; the minimum reservation is charged at create and a delete before it needs force=true; a stopped machine
 * bills in full; the balance is whole cents and lags.
 */
#include "cloud_hotaisle.h"

#include "base/crypto.h"

#define TEAM "acme"

/* For a VM `cpus` is an object, for bare metal an array. */
static json_t *specs(const json_t *row)
{
	int64_t cores = json_int(row, "cores", 13), sockets = json_int(row, "cpus", 1);
	json_t *cpus = json_pack("{sI ss ss sI sI}", "count", (json_int_t)sockets, "manufacturer",
	    "Intel", "model", json_str(row, "cpu", "Xeon Platinum 8470"), "cores",
	    (json_int_t)(cores / sockets), "frequency",
	    (json_int_t)json_int(row, "hertz", 2000000000));
	json_t *j = json_object();

	json_put_int(j, "cpu_cores", cores);
	json_put_int(j, "ram_capacity", json_int(row, "ram", 240518168576));
	json_put_int(j, "disk_capacity", json_int(row, "disk", 13194139533312));
	json_put(
	    j, "cpus", strcmp(json_str(row, "kind", "vm"), "vm") ? json_pack("[o]", cpus) : cpus);
	json_put(j, "gpus",
	    json_pack("[{sI ss ss}]", "count", (json_int_t)json_int(row, "count", 1),
		"manufacturer", "AMD", "model", json_str(row, "gpu", "MI300X")));
	return j;
}

static void open_model(struct cloud *c)
{
	struct aisle *o = xcalloc(1, sizeof(*o));
	json_t *offers = json_object_get(c->inventory, "offers"), *row;
	size_t i;

	c->own = o;
	o->count = json_array_size(offers);
	o->types = xcalloc(o->count + 1, sizeof(*o->types));
	o->max_vms = (int)json_int(c->inventory, "maximum_virtual_machines", 8);
	o->max_servers = (int)json_int(c->inventory, "maximum_bare_metal_servers", 1);
	json_array_foreach (offers, i, row) {
		o->types[i] = (struct aisle_type){
			.specs = specs(row),
			.kind = json_str(row, "kind", "vm"),
			.gpu = json_str(row, "gpu", "MI300X"),
			.count = (int)json_int(row, "count", 1),
			.stock = (int)json_int(row, "stock", 1),
			.price = json_int(row, "price_cents", 299) * CENT,
			.minimum = json_int(row, "minimum_minutes", 1) * MINUTE,
		};
	}
}

static void reprice(struct cloud *c, int percent)
{
	struct aisle *o = c->own;

	for (size_t i = 0; i < o->count; i++)
		o->types[i].price = o->types[i].price * percent / 100 / CENT * CENT;
}

static void close_model(struct cloud *c)
{
	struct aisle *o = c->own;

	for (size_t i = 0; i < o->count; i++)
		json_decref(o->types[i].specs);
	free(o->types);
	free(o);
}

static const char *error_text(enum sim_error e, int *status)
{
	switch (e) {
	case SIM_E_SERVER: *status = 500; return "Internal Server Error";
	case SIM_E_AUTH: *status = 401; return "Unauthorized";
	case SIM_E_RATE: *status = 429; return "Too Many Requests";
	case SIM_E_CAPACITY:
		*status = 404;
		return "Not Found: No available virtual machine matching requested specifications";
	case SIM_E_MONEY:
		*status = 402;
		return "Payment Required: Insufficient balance to provision virtual machine";
	case SIM_E_QUOTA:
		*status = 401;
		return "Unauthorized: Maximum VMs already provisioned for this team";
	case SIM_E_DENIED: *status = 403; return "Forbidden: Permission denied";
	case SIM_E_BUSY: *status = 409; return "Conflict: Operation in progress";
	case SIM_E_ABSENT: break;
	}
	*status = 404;
	return "Not Found: Resource not found";
}

void aisle_error(struct cloud *c, struct sim_response *r, enum sim_error e)
{
	int status;
	const char *text = error_text(e, &status);

	if (e == SIM_E_QUOTA && cloud_fault(c, FAULT_LIMIT_403))
		status = 403;
	sim_answer_text(r, status, text);
}

/* ---- money: by started minute, at least the minimum, which is charged at create ---- */

static money cost(const struct cloud *c, const struct sim_machine *m, instant at)
{
	duration minimum = json_int(m->extra, "minimum", 0);
	money used = cloud_metered(m, NULL, at, MINUTE), least;

	(void)c;
	if (at < m->created)
		return 0;
	least = (money)(((__int128)m->price * minimum + HOUR / 2) / HOUR);
	return used > least ? used : least;
}

static json_t *balance(struct cloud *c)
{
	instant posted = c->now - c->options.timing.bill;
	money spent = 0, rate = 0, left;
	int vms = 0, servers = 0;
	json_t *j = json_object();

	for (size_t i = 0; i < c->machine_count; i++) {
		const struct sim_machine *m = c->machines[i];

		/* The minimum is taken at once; use beyond it is posted late. */
		spent += cost(c, m, instant_max(posted, m->created));
		if (m->deleted)
			continue;
		rate += m->price;
		vms += !strcmp(m->kind, "vm");
		servers += strcmp(m->kind, "vm") != 0;
	}
	left = c->deposit - spent;
	json_put_int(
	    j, "available_balance", left >= 0 ? left / CENT : -((-left + CENT - 1) / CENT));
	json_put_int(j, "hourly_rate", rate / CENT);
	json_put_int(j, "virtual_machine_count", vms);
	json_put_int(j, "bare_metal_server_count", servers);
	json_put_int(j, "minimum_balance", 500);
	if (rate) {
		char text[32];

		instant_format(c->now + (duration)((__int128)(left > 0 ? left : 0) * HOUR / rate),
		    false, text);
		json_put_str(j, "estimated_runout_time", text);
	}
	return j;
}

static json_t *team(const struct cloud *c)
{
	const struct aisle *o = c->own;

	return json_pack("{ss ss ss si si s[sss] s[sss]}", "handle", TEAM, "name", "Acme",
	    "description", "", "maximum_virtual_machines", o->max_vms, "maximum_bare_metal_servers",
	    o->max_servers, "roles", "owner", "operator", "user", "effective_roles", "owner",
	    "operator", "user");
}

/* ---- SSH keys of the user: they open every machine of the team, old ones too ---- */

static void fingerprint(const char *base64, char out[64])
{
	size_t n;
	uint8_t digest[SHA256_LEN], *blob = crypto_base64_decode(base64, &n);
	char *text;

	crypto_sha256(blob, n, digest);
	free(blob);
	text = str_base64(digest, sizeof(digest));
	text[strcspn(text, "=")] = '\0';
	str_copy_n(out, 64, text);
	free(text);
}

static void key_add(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q), *row;
	char type[64], base64[2048], comment[256], print[64], full[80];
	size_t i;

	if (!cloud_key_parse(json_str(body, "authorized_key", ""), type, base64, comment)) {
		sim_answer_text(r, 422, "Unprocessable Entity: invalid SSH key format");
		goto out;
	}
	json_array_foreach (c->keys, i, row) {
		if (!strcmp(json_str(row, "public_key", ""), base64)) {
			sim_answer_text(r, 409, "Conflict: SSH key already registered");
			goto out;
		}
	}
	fingerprint(base64, print);
	snprintf(full, sizeof(full), "SHA256:%s", print);
	row = json_pack("{ss ss ss ss}", "type", type, "public_key", base64, "fingerprint", full,
	    "comment", comment);
	json_array_append_new(c->keys, row);
	c->keys_changed++;
	sim_answer_json(r, 200, json_deep_copy(row));
out:
	json_decref(body);
}

static void key_delete(struct cloud *c, const char *print, struct sim_response *r)
{
	json_t *row;
	size_t i;

	json_array_foreach (c->keys, i, row) {
		if (strcmp(json_str(row, "fingerprint", "") + strlen("SHA256:"), print))
			continue;
		json_array_remove(c->keys, i);
		c->keys_changed++;
		sim_answer_empty(r, 204);
		return;
	}
	aisle_error(c, r, SIM_E_ABSENT);
}

static void keys(struct cloud *c, const struct sim_machine *m, struct buf *out)
{
	json_t *row;
	size_t i;

	(void)m;
	json_array_foreach (c->keys, i, row)
		buf_printf(out, "%s %s %s\n", json_str(row, "type", ""),
		    json_str(row, "public_key", ""), json_str(row, "comment", ""));
}

/* ---- routes ---- */

static void user_route(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET");
	char created[32];

	instant_format(c->options.start - 90 * DAY, false, created);
	if (p->n == 1 && get)
		sim_answer_json(r, 200,
		    json_pack("{s{ss ss ss} s[o]}", "user", "name", "Jane Doe", "email",
			"jane@example.com", "created", created, "teams", team(c)));
	else if (sim_path_is(p, "user/ssh_keys") && get)
		sim_answer_json(r, 200, json_deep_copy(c->keys));
	else if (sim_path_is(p, "user/ssh_keys") && !strcmp(q->method, "POST"))
		key_add(c, q, r);
	else if (sim_path_is(p, "user/ssh_keys/?") && !strcmp(q->method, "DELETE"))
		key_delete(c, p->part[2], r);
	else
		aisle_error(c, r, SIM_E_ABSENT);
}

static void team_route(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET"), post = !strcmp(q->method, "POST");
	const char *kind;

	if (p->n == 1 && get) {
		sim_answer_json(r, 200, json_pack("[o]", team(c)));
		return;
	}
	if (p->n < 2 || strcmp(p->part[1], TEAM)) {
		aisle_error(c, r, SIM_E_ABSENT);
		return;
	}
	kind = p->n > 2 && !strcmp(p->part[2], "bare_metal") ? "bare_metal" : "vm";
	if (p->n == 2 && get)
		sim_answer_json(r, 200, team(c));
	else if (sim_path_is(p, "teams/?/balance") && get)
		sim_answer_json(r, 200, balance(c));
	else if (p->n < 3 ||
		 (strcmp(p->part[2], "virtual_machines") && strcmp(p->part[2], "bare_metal")))
		aisle_error(c, r, SIM_E_ABSENT);
	else if (p->n == 3 && get)
		aisle_list(c, kind, r);
	else if (p->n == 3 && post)
		aisle_create(c, q, kind, r);
	else if (p->n == 4 && get && !strcmp(p->part[3], "available"))
		aisle_available(c, kind, r);
	else if (p->n >= 4)
		aisle_machine(c, q, p, r);
	else
		sim_answer_text(r, 405, "Method Not Allowed");
}

static void handle(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	const char *auth = sim_header(q, "Authorization");
	struct sim_path p;

	sim_path_parse(&p, q->path);
	if (!auth || !str_starts(auth, "Token ") || strcmp(auth + 6, c->model->token))
		aisle_error(c, r, SIM_E_AUTH);
	else if (!p.slash)
		sim_answer_text(r, 404, "404 page not found");
	else if (p.n && !strcmp(p.part[0], "user"))
		user_route(c, q, &p, r);
	else if (p.n && !strcmp(p.part[0], "teams"))
		team_route(c, q, &p, r);
	else
		aisle_error(c, r, SIM_E_ABSENT);
}

const struct cloud_model cloud_hotaisle = {
	.name = "hotaisle",
	.prefix = "/hotaisle/api",
	.token =
	    "5e1f0c0de5e1f0c0de5e1f0c.00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
	.inventory = hotaisle_inventory,
	.open = open_model,
	.handle = handle,
	.error = aisle_error,
	.cost = cost,
	.keys = keys,
	.state = aisle_state,
	.released = aisle_released,
	.reprice = reprice,
	.close = close_model,
};
