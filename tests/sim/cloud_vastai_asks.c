/*
 * vast.ai: offers, searching them, renting one (providers/vastai.md §2.2–2.4).
 */
#include "cloud_vastai.h"

#define MONTH (720 * HOUR)

static struct vast_ask *ask_new(struct vast *o)
{
	if (o->count == o->cap) {
		o->cap = o->cap ? o->cap * 2 : 64;
		o->asks = xreallocarray(o->asks, o->cap, sizeof(*o->asks));
	}
	memset(&o->asks[o->count], 0, sizeof(*o->asks));
	return &o->asks[o->count++];
}

/* `many` rows of the same kind differ in price, up to a tenth, and in host. */
void vast_asks_open(struct cloud *c)
{
	struct vast *o = c->own;
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(c->inventory, "offers"), i, row) {
		int64_t many = json_int(row, "many", 1);

		for (int64_t k = 0; k < many; k++) {
			struct vast_ask *a = ask_new(o);
			money base = USD, cents;

			json_money(row, "price", &base);
			cents = base / 10 / CENT;
			a->id = 44302087 + (int64_t)o->count * 7;
			a->machine_id = 88000 + (int64_t)o->count;
			a->host_id = 55000 + (int64_t)o->count / 3;
			a->name = json_str(row, "gpu_name", "");
			a->gpu = json_str(row, "gpu", "");
			a->gpus = (int)json_int(row, "num_gpus", 1);
			a->disk_gb = (int)json_int(row, "disk_space", 400);
			a->price =
			    base + (k && cents > 0
					   ? (money)rng_below(&c->rng, (uint64_t)cents + 1) * CENT
					   : 0);
			a->min_bid = a->price / 2;
			a->storage = 150000;
			a->volume_gb = json_int(row, "volume_gb", 1000);
			a->volume_price = 100000;
			a->up = a->down = 2000;
			json_money(row, "volume_price", &a->volume_price);
			json_money(row, "inet_up_cost", &a->up);
			json_money(row, "inet_down_cost", &a->down);
			a->reliability = json_num(row, "reliability", 0.99);
			a->inet_down = json_num(row, "inet_down", 1900);
			a->ports = (int)json_int(row, "direct_port_count", 249);
			a->verified = json_bool(row, "verified", true);
			a->datacenter = json_bool(row, "datacenter", true);
			a->place = json_str(row, "geolocation", "Texas, US");
			a->ends = c->options.start + json_int(row, "days", 90) * DAY;
		}
	}
}

static money hourly(money per_month, int64_t gb)
{
	return (per_month * gb + 360) / 720;
}

static json_t *ask_view(const struct cloud *c, const struct vast_ask *a, int64_t disk, bool bid)
{
	const struct sim_gpu *g = sim_gpu_find(a->gpu);
	bool nvidia = !g || !strcmp(g->vendor, "nvidia");
	money base = bid ? a->min_bid : a->price, storage = hourly(a->storage, disk);
	int memory = g ? g->memory_mib : 24564;
	json_t *j = json_object();

	json_put_int(j, "id", a->id);
	json_put_int(j, "ask_contract_id", a->id);
	json_put_int(j, "machine_id", a->machine_id);
	json_put_int(j, "host_id", a->host_id);
	json_put_str(j, "gpu_name", a->name);
	json_put_str(j, "gpu_arch", nvidia ? "nvidia" : "amd");
	json_put_int(j, "num_gpus", a->gpus);
	json_put_int(j, "gpu_ram", memory);
	json_put_int(j, "gpu_total_ram", (int64_t)memory * a->gpus);
	json_put(j, "gpu_frac", json_real(a->gpus >= 8 ? 1.0 : a->gpus / 8.0));
	json_put_int(j, "cpu_cores", 64);
	json_put(j, "cpu_cores_effective", json_real(8.0 * a->gpus));
	json_put_int(j, "cpu_ram", 515000);
	json_put(j, "disk_space", json_real(a->disk_gb));
	json_put_money(j, "dph_base", base);
	json_put_money(j, "dph_total", base + storage);
	json_put_money(j, "min_bid", a->min_bid);
	json_put_money(j, "storage_cost", a->storage);
	json_put_money(j, "storage_total_cost", storage);
	json_put(j, "inet_up", json_real(800.1));
	json_put(j, "inet_down", json_real(a->inet_down));
	json_put_money(j, "inet_up_cost", a->up);
	json_put_money(j, "inet_down_cost", a->down);
	json_put(j, "reliability", json_real(a->reliability));
	json_put(j, "reliability2", json_real(a->reliability));
	json_put_str(j, "verification", a->verified ? "verified" : "unverified");
	json_put_bool(j, "verified", a->verified);
	json_put_bool(j, "rentable", !a->rented);
	json_put_bool(j, "rented", a->rented);
	json_put_bool(j, "external", false);
	json_put_bool(j, "is_bid", bid);
	json_put_int(j, "direct_port_count", a->ports);
	json_put_bool(j, "static_ip", true);
	json_put_str(j, "public_ipaddr", "203.0.113.42");
	json_put_str(j, "geolocation", a->place);
	json_put_int(j, "hosting_type", a->datacenter);
	json_put_bool(j, "datacenter", a->datacenter);
	json_put_str(j, "driver_version", nvidia ? "570.124.04" : "6.10.5");
	json_put(j, "cuda_max_good", nvidia ? json_real(12.8) : json_null());
	json_put_int(j, "compute_cap", nvidia ? 900 : 0);
	json_put_bool(j, "vms_enabled", false);
	json_put(
	    j, "start_date", json_real((double)(c->options.start - 30 * DAY) / (double)SECOND));
	json_put(j, "end_date", json_real((double)a->ends / (double)SECOND));
	json_put(j, "duration", json_real((double)(a->ends - c->now) / (double)SECOND));
	json_put_int(j, "bundle_id", 900000 + a->machine_id);
	json_put(j, "dlperf", json_real(222.2 * a->gpus));
	json_put(j, "score", json_real(310.1));
	return j;
}

/* ---- filters ---- */

static int order(const json_t *a, const json_t *b)
{
	double x, y;

	if (json_is_string(a) && json_is_string(b))
		return strcmp(json_string_value(a), json_string_value(b));
	x = json_is_true(a) ? 1 : json_number_value(a);
	y = json_is_true(b) ? 1 : json_number_value(b);
	return (x > y) - (x < y);
}

static bool same(const json_t *a, const json_t *b)
{
	if (json_is_null(a) || json_is_null(b))
		return json_is_null(a) && json_is_null(b);
	return json_is_string(a) == json_is_string(b) && !order(a, b);
}

static bool among(const json_t *value, const json_t *list)
{
	json_t *v;
	size_t i;

	json_array_foreach ((json_t *)list, i, v)
		if (same(value, v))
			return true;
	return false;
}

static bool one_filter(const char *op, const json_t *value, const json_t *want)
{
	if (!strcmp(op, "eq"))
		return same(value, want);
	if (!strcmp(op, "neq"))
		return !same(value, want);
	if (!strcmp(op, "in"))
		return among(value, want);
	if (!strcmp(op, "notin"))
		return !among(value, want);
	if (!value || json_is_null(value))
		return false;
	if (!strcmp(op, "gt"))
		return order(value, want) > 0;
	if (!strcmp(op, "gte"))
		return order(value, want) >= 0;
	if (!strcmp(op, "lt"))
		return order(value, want) < 0;
	return !strcmp(op, "lte") && order(value, want) <= 0;
}

bool vast_filter(const json_t *ops, const json_t *value)
{
	const char *op;
	json_t *want;

	json_object_foreach ((json_t *)ops, op, want)
		if (!one_filter(op, value, want))
			return false;
	return true;
}

static bool wanted(const struct cloud *c, const json_t *offer, const json_t *query)
{
	const char *key;
	json_t *ops;

	json_object_foreach ((json_t *)query, key, ops) {
		const json_t *value = json_object_get(offer, key);

		if (!json_is_object(ops))
			continue; /* limit, order, type, allocated_storage */
		/* Seen live: a filter on `id` matches nothing; only ask_contract_id does. */
		if (!strcmp(key, "id"))
			return false;
		if (json_is_number(value) && cloud_fault_on(c, FAULT_IGNORE_FILTERS))
			continue;
		if (!vast_filter(ops, value))
			return false;
	}
	return true;
}

struct sorted {
	json_t *offer;
	const json_t *order; /* [["dph_total", "asc"], …] */
};

static int compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	json_t *rule;
	size_t i;

	json_array_foreach ((json_t *)x->order, i, rule) {
		const char *field = json_str(rule, "0", "id");
		int way = order(json_object_get(x->offer, field), json_object_get(y->offer, field));

		if (way)
			return !strcmp(json_str(rule, "1", "asc"), "desc") ? -way : way;
	}
	return order(json_object_get(x->offer, "id"), json_object_get(y->offer, "id"));
}

void vast_offers(struct cloud *c, const json_t *query, json_t *all, struct sim_response *r)
{
	struct sorted *rows = xcalloc(json_array_size(all) + 1, sizeof(*rows));
	int64_t limit = json_int(query, "limit", 64);
	json_t *out = json_array(), *offer;
	size_t n = 0, i;

	json_array_foreach (all, i, offer)
		if (wanted(c, offer, query))
			rows[n++] = (struct sorted){ offer, json_object_get(query, "order") };
	qsort(rows, n, sizeof(*rows), compare);
	limit = limit < 1 || limit > 64 ? 64 : limit;
	for (i = 0; i < n && (int64_t)i < limit; i++)
		json_array_append(out, rows[i].offer);
	free(rows);
	json_decref(all);
	sim_answer_json(r, 200, json_pack("{so}", "offers", out));
}

void vast_search(struct cloud *c, const json_t *query, struct sim_response *r)
{
	struct vast *o = c->own;
	bool bid = !strcmp(json_str(query, "type", "ondemand"), "bid");
	int64_t disk = json_int(query, "allocated_storage", 8);
	json_t *all = json_array();

	for (size_t i = 0; i < o->count; i++)
		json_array_append_new(all, ask_view(c, &o->asks[i], disk, bid));
	vast_offers(c, query, all, r);
}

/* ---- rent ---- */

/* sshd and the account's keys are put into the container unless it runs its own arguments. */
static void login(struct cloud *c, struct sim_machine *m)
{
	const char *type = json_str(
		       m->ask, "runtype", json_object_get(m->ask, "args") ? "args" : "ssh"),
		   *name;
	json_t *v;
	size_t i;

	json_array_foreach (c->keys, i, v)
		buf_printf(&m->keys, "%s\n", json_str(v, "key", ""));
	if (!str_starts(type, "ssh") && !str_starts(type, "jupyter"))
		m->ssh = FOREVER;
	/* Flags in docker form given as text are not applied. */
	json_object_foreach (json_object_get(m->ask, "env"), name, v)
		if (name[0] != '-' && json_is_string(v))
			json_object_set(m->env, name, v);
	json_put_str(m->env, "CONTAINER_ID", m->id);
	json_put_str(m->env, "CONTAINER_API_KEY", json_str(m->extra, "key", ""));
	m->drivers = !m->gpu || strcmp(m->gpu->vendor, "amd") ||
		     str_icontains(json_str(m->ask, "image", ""), "rocm");
}

/* The pull of its image, within a minute. No part of dph_total; billed per byte (§3). */
static void traffic(struct cloud *c, struct sim_machine *m, const struct vast_ask *a)
{
	int64_t gb = c->fault_seconds[FAULT_TRAFFIC];

	if (!cloud_fault(c, FAULT_TRAFFIC))
		return;
	cloud_meter_start(c, m, "bwd", a->down * gb, MINUTE);
	m->meters[m->meter_count - 1].to = c->now + MINUTE;
	cloud_meter_start(c, m, "bwu", a->up * gb / 20, MINUTE);
	m->meters[m->meter_count - 1].to = c->now + MINUTE;
}

static struct sim_machine *make(struct cloud *c, struct vast_ask *a, const json_t *body, bool bid)
{
	money price = a->price;
	struct sim_machine *m;
	char key[65];
	uint8_t raw[32];

	if (bid)
		json_money(body, "price", &price);
	m = cloud_machine_new(c, a->gpu, a->gpus, price, body);
	buf_printf(&m->log, "Debug: starting %s\n", json_str(body, "image", ""));
	snprintf(m->id, sizeof(m->id), "%lld", (long long)c->next_id++);
	rng_fill(&c->rng, raw, sizeof(raw));
	str_hex(raw, sizeof(raw), key);
	json_put_str(m->extra, "key", key);
	json_put_bool(m->extra, "bid", bid);
	json_put_bool(m->extra, "image_fails", cloud_fault(c, FAULT_IMAGE_FAILS));
	str_copy(m->name, json_str(body, "label", ""));
	str_copy(m->host, a->place);
	m->offer = (size_t)(a - ((struct vast *)c->own)->asks);
	m->port = cloud_random_port(c);
	if (json_bool(m->extra, "image_fails", false))
		m->running = m->ssh = FOREVER;
	a->rented = true;
	login(c, m);
	cloud_meter_start(c, m, "disk", a->storage * json_int(body, "disk", 8), MONTH);
	/* The GPU is not billed while the image is pulled. */
	cloud_meter_start(c, m, "gpu", m->price, HOUR);
	m->meters[m->meter_count - 1].from = m->running;
	traffic(c, m, a);
	vast_volume_take(c, m, a);
	if (!strcmp(json_str(body, "target_state", "running"), "stopped"))
		vast_stop(c, m);
	return m;
}

static struct vast_ask *ask_find(struct cloud *c, const char *id)
{
	struct vast *o = c->own;
	int64_t n = 0;

	str_to_i64(id, 1, INT64_MAX, &n);
	for (size_t i = 0; i < o->count; i++)
		if (o->asks[i].id == n && !o->asks[i].rented)
			return &o->asks[i];
	return NULL;
}

static bool valid(const json_t *body, const struct vast_ask *a, struct sim_response *r)
{
	money price = 0;
	const json_t *bid = json_object_get(body, "price");

	if (!json_is_object(body))
		vast_error(r, 400, "invalid_args",
		    "error 400/3467: Invalid args: a JSON object is required");
	else if (!*json_str(body, "image", "") && !json_object_get(body, "template_hash_id"))
		vast_error(
		    r, 400, "invalid_args", "error 400/3470: Invalid args: 'image' is required");
	else if (strlen(json_str(body, "image", "")) > 1024 ||
		 strlen(json_str(body, "label", "")) > 256)
		vast_error(r, 400, "invalid_args", "error 400/3471: Invalid args: too long");
	else if (json_object_get(body, "disk") && json_num(body, "disk", 0) < 8)
		vast_error(r, 400, "invalid_args",
		    "error 400/3475: Invalid args: 'disk' must be at least 8");
	else if (a && json_num(body, "disk", 8) > a->disk_gb)
		vast_error(r, 400, "invalid_args",
		    "error 400/3476: Invalid args: 'disk' is larger than the offer has");
	else if (bid && !json_is_null(bid) &&
		 (!json_money(body, "price", &price) || price < 1000 || price > 128 * USD))
		vast_error(r, 400, "invalid_price", "error 400/3490: invalid_price");
	else
		return true;
	return false;
}

void vast_create(
    struct cloud *c, const struct sim_request *q, const char *id, struct sim_response *r)
{
	json_t *body = sim_body(q), *j;
	struct vast_ask *a = ask_find(c, id);
	const json_t *price = json_object_get(body, "price");
	bool bid = price && !json_is_null(price), fails = false;
	struct sim_machine *m;
	money offered = 0;
	int64_t contract = 0;

	if (!valid(body, a, r) || cloud_create_refused(c, r))
		goto out;
	if (!a) {
		c->model->error(c, r, SIM_E_CAPACITY);
		goto out;
	}
	if (c->deposit - cloud_total(c, c->now) <= 0) {
		c->model->error(c, r, SIM_E_MONEY);
		goto out;
	}
	if (!vast_volume_fits(c, body, a, r))
		goto out;
	m = make(c, a, body, bid);
	if (bid)
		json_money(body, "price", &offered);
	fails = cloud_fault(c, FAULT_CREATE_SUCCESS_FALSE_WITH_ID) || (bid && offered < a->min_bid);
	str_to_i64(m->id, 1, INT64_MAX, &contract);
	j = json_pack("{sb sI ss}", "success", !fails, "new_contract", (json_int_t)contract,
	    "instance_api_key", json_str(m->extra, "key", ""));
	if (fails) {
		vast_stop(c, m);
		json_put_str(j, "error", "bid_too_low");
		json_put_str(j, "msg", "The instance was created but could not be started.");
	}
	sim_answer_json(r, fails && bid ? 400 : 200, j);
	if (cloud_fault(c, FAULT_CREATE_TWICE)) {
		struct vast_ask *twin = ask_new(c->own);

		*twin = ((struct vast *)c->own)->asks[m->offer];
		twin->id += 3;
		make(c, twin, body, bid);
	}
	cloud_create_answered(c, r);
out:
	json_decref(body);
}
