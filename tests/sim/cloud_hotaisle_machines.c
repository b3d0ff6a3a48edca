/*
 * Hot Aisle: virtual machines and bare metal (providers/hotaisle.md §2.3–2.10, §2.13).
 */
#include "cloud_hotaisle.h"

/* ---- views ---- */

static json_t *view(const struct cloud *c, const struct sim_machine *m)
{
	json_t *j = json_object();
	char dns[96];

	snprintf(dns, sizeof(dns), "%s.acme.example", m->host);
	json_put_str(j, "name", m->host);
	if (!cloud_fault_on(c, FAULT_NO_DEPLOYMENT_ID))
		json_put_str(j, "deployment_id", m->id);
	json_put_str(j, "ip_address", m->address);
	json_put_str(j, "description", m->name);
	json_put(j, "ssh_access",
	    json_pack("{ss si ss}", "ip_address", m->address, "port", m->port, "dns_name", dns));
	json_object_update(j, json_object_get(m->extra, "specs"));
	return j;
}

const char *aisle_state(const struct cloud *c, const struct sim_machine *m)
{
	if (m->odd_state)
		return "migrating";
	if (m->stopped || c->now < m->running)
		return "shut off";
	return "running";
}

void aisle_list(struct cloud *c, const char *kind, struct sim_response *r)
{
	struct sim_machine **all;
	json_t *array;
	size_t n;

	if (cloud_list_refused(c, r))
		return;
	all = cloud_listing(c, &n);
	array = json_array();
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i]->kind, kind))
			json_array_append_new(array, view(c, all[i]));
	free(all);
	sim_answer_json(r, 200, array);
}

void aisle_available(struct cloud *c, const char *kind, struct sim_response *r)
{
	const struct aisle *o = c->own;
	json_t *array = json_array();

	for (size_t i = 0; i < o->count; i++) {
		const struct aisle_type *t = &o->types[i];
		json_t *row;

		if (strcmp(t->kind, kind) || (!t->stock && cloud_fault_on(c, FAULT_HIDE_SOLD_OUT)))
			continue;
		row = json_object();
		json_put_int(row, "Quantity", t->stock);
		json_put_int(row, "OnDemandPrice", t->price / CENT);
		json_put_int(row, "MinimumReservationMinutes", t->minimum / MINUTE);
		json_put(row, "Specs", json_deep_copy(t->specs));
		json_array_append_new(array, row);
	}
	sim_answer_json(r, 200, array);
}

/* ---- create ---- */

/* Every field that was sent must agree; fields nobody knows are ignored, missing ones match anything. */
static bool matches(const json_t *want, const json_t *have)
{
	static const char *const numbers[] = { "cpu_cores", "ram_capacity", "disk_capacity" };
	const json_t *gpus = json_object_get(want, "gpus"), *cpus = json_object_get(want, "cpus"),
		     *v;
	const char *key;
	size_t i;

	for (i = 0; i < ARRAY_LEN(numbers); i++)
		if (json_object_get(want, numbers[i]) &&
		    json_int(want, numbers[i], -1) != json_int(have, numbers[i], -2))
			return false;
	json_object_foreach ((json_t *)cpus, key, v)
		if (!json_equal(v, json_object_get(json_object_get(have, "cpus"), key)))
			return false;
	if (!gpus)
		return true;
	if (json_array_size(gpus) != json_array_size(json_object_get(have, "gpus")))
		return false;
	for (i = 0; i < json_array_size(gpus); i++) {
		const json_t *mine = json_array_get(json_object_get(have, "gpus"), i);

		json_object_foreach (json_array_get(gpus, i), key, v)
			if (json_object_get(mine, key) &&
			    !json_equal(v, json_object_get(mine, key)))
				return false;
	}
	return true;
}

/* Names are slots of a rack: the lowest free one, and its address with it. */
static int free_slot(const struct cloud *c)
{
	for (int slot = 1;; slot++) {
		bool used = false;

		for (size_t i = 0; i < c->machine_count; i++) {
			const struct sim_machine *m = c->machines[i];

			used = used || (json_int(m->extra, "slot", 0) == slot &&
					   (!m->gone || c->now < m->gone));
		}
		if (!used)
			return slot;
	}
}

static void uuid(struct cloud *c, char out[64])
{
	uint64_t a = rng_u64(&c->rng), b = rng_u64(&c->rng);

	snprintf(out, 64, "%08x-%04x-4%03x-8%03x-%012llx", (unsigned)(a >> 32),
	    (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(b >> 52),
	    (unsigned long long)(b & 0xffffffffffffULL));
}

static struct sim_machine *make(struct cloud *c, size_t index, const json_t *body)
{
	struct aisle *o = c->own;
	struct aisle_type *t = &o->types[index];
	struct sim_machine *m = cloud_machine_new(c, t->gpu, t->count, t->price, body);
	int slot = free_slot(c);

	t->stock--;
	uuid(c, m->id);
	m->offer = index;
	str_copy(m->kind, t->kind);
	snprintf(
	    m->host, sizeof(m->host), "enc1-gpu%s%03d", strcmp(t->kind, "vm") ? "srv" : "vm", slot);
	snprintf(m->address, sizeof(m->address), "127.%d.%d.%d", 60 + c->options.index, slot / 250,
	    slot % 250 + 1);
	/* Visible when the blocked request would answer; billed from the request on. */
	m->visible += c->options.timing.create - c->options.timing.visible;
	m->running = m->running == FOREVER ? FOREVER : m->running + c->options.timing.create;
	m->ssh = m->ssh == FOREVER ? FOREVER : m->ssh + c->options.timing.create;
	json_put_int(m->extra, "slot", slot);
	json_put_int(m->extra, "minimum", t->minimum);
	json_put(m->extra, "specs", json_deep_copy(t->specs));
	cloud_meter_start(c, m, "machine", m->price, HOUR);
	return m;
}

static int count_kind(const struct cloud *c, const char *kind)
{
	int n = 0;

	for (size_t i = 0; i < c->machine_count; i++)
		n += !c->machines[i]->deleted && !strcmp(c->machines[i]->kind, kind);
	return n;
}

void aisle_create(
    struct cloud *c, const struct sim_request *q, const char *kind, struct sim_response *r)
{
	struct aisle *o = c->own;
	bool vm = !strcmp(kind, "vm");
	json_t *body = sim_body(q);
	const json_t *want = vm ? body : json_object_get(body, "specs");
	size_t i, copies = 1;
	struct sim_machine *m = NULL;
	char force[8];

	r->delay = c->options.timing.create;
	if (!json_is_object(want)) {
		sim_answer_text(r, 400, "Bad Request: invalid request body");
		goto out;
	}
	if (vm && !json_array_size(c->keys) &&
	    !(SIM_QUERY(q, "force", force) && !strcmp(force, "true"))) {
		sim_answer_text(r, 428,
		    "Precondition Required: No team member with the user role has an SSH key");
		goto out;
	}
	if (cloud_create_refused(c, r))
		goto out;
	if (count_kind(c, kind) >= (vm ? o->max_vms : o->max_servers)) {
		aisle_error(c, r, vm ? SIM_E_QUOTA : SIM_E_DENIED);
		goto out;
	}
	for (i = 0; i < o->count; i++)
		if (!strcmp(o->types[i].kind, kind) && o->types[i].stock > 0 &&
		    matches(want, o->types[i].specs))
			break;
	if (i == o->count) {
		aisle_error(c, r, SIM_E_CAPACITY);
		goto out;
	}
	if (c->deposit - cloud_total(c, c->now) <
	    money_for(o->types[i].price, instant_max(o->types[i].minimum, MINUTE))) {
		aisle_error(c, r, SIM_E_MONEY);
		goto out;
	}
	copies += cloud_fault(c, FAULT_CREATE_TWICE) && o->types[i].stock > 1;
	while (copies--)
		m = make(c, i, body);
	if (!vm)
		str_copy(m->name, json_str(body, "description", ""));
	sim_answer_json(r, vm && !cloud_fault_on(c, FAULT_CREATE_201) ? 200 : 201, view(c, m));
	cloud_create_answered(c, r);
out:
	json_decref(body);
}

void aisle_released(struct cloud *c, struct sim_machine *m)
{
	((struct aisle *)c->own)->types[m->offer].stock++;
}

/* ---- one machine ---- */

/* By deployment_id, or by the name that some machine bears now. */
static struct sim_machine *find(struct cloud *c, const char *kind, const char *key)
{
	for (size_t i = c->machine_count; i-- > 0;) {
		struct sim_machine *m = c->machines[i];

		if (strcmp(m->kind, kind) || !cloud_shown(c, m) || m->deleted)
			continue;
		if (!strcmp(m->host, key) ||
		    (!strcmp(m->id, key) && !cloud_fault_on(c, FAULT_NO_DEPLOYMENT_ID)))
			return m;
	}
	return NULL;
}

static void patch(
    struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *text = json_str(body, "description", NULL);

	if (!json_is_object(body)) {
		sim_answer_text(r, 400, "Bad Request: invalid request body");
	} else {
		if (text && !cloud_fault(c, FAULT_LOSE_FIRST_PATCH))
			str_copy(m->name, text);
		sim_answer_empty(r, 204);
	}
	json_decref(body);
}

static void delete (
    struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	char force[8];
	duration minimum = json_int(m->extra, "minimum", 0);

	if (!(SIM_QUERY(q, "force", force) && !strcmp(force, "true")) &&
	    c->now < m->created + minimum) {
		sim_answer_text(r, 400, "Bad Request: Minimum reservation time not met");
		return;
	}
	if (!cloud_delete(c, m, r))
		return;
	r->delay = c->options.timing.destroy;
	sim_answer_empty(r, 204);
}

static void power(struct cloud *c, struct sim_machine *m, const char *verb, struct sim_response *r)
{
	static const char *const verbs[] = { "start", "stop", "shutdown", "reboot", "hard-reset",
		"rebuild", "reset" };
	size_t i = 0;

	while (i < ARRAY_LEN(verbs) && strcmp(verbs[i], verb))
		i++;
	if (i == ARRAY_LEN(verbs)) {
		aisle_error(c, r, SIM_E_ABSENT);
		return;
	}
	cloud_power(c, m, i != 1 && i != 2);
	sim_answer_empty(r, 204);
}

void aisle_machine(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	const char *kind = strcmp(p->part[2], "bare_metal") ? "vm" : "bare_metal";
	struct sim_machine *m = find(c, kind, p->part[3]);
	bool get = !strcmp(q->method, "GET"), post = !strcmp(q->method, "POST");

	if (!cloud_answers_for(c, m, q))
		aisle_error(c, r, SIM_E_ABSENT);
	else if (p->n == 4 && get)
		sim_answer_json(r, 200, view(c, m));
	else if (p->n == 4 && !strcmp(q->method, "PATCH"))
		patch(c, q, m, r);
	else if (p->n == 4 && !strcmp(q->method, "DELETE"))
		delete (c, q, m, r);
	else if (p->n == 5 && get && !strcmp(p->part[4], "state"))
		sim_answer_json(
		    r, 200, json_pack("{ss ss}", "state", aisle_state(c, m), "host", "vm-host-01"));
	else if (p->n == 5 && get && !strcmp(p->part[4], "power"))
		sim_answer_json(r, 200, json_pack("{ss}", "state", m->stopped ? "Off" : "On"));
	else if (p->n == 5 && post)
		power(c, m, p->part[4], r);
	else
		sim_answer_text(r, 405, "Method Not Allowed");
}
