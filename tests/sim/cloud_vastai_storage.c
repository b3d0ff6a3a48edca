/*
 * vast.ai: volumes (providers/vastai.md §2.15), each inside one machine of one host.
 *
 * What is easy to get wrong, and is modelled: the id that makes a volume is an offer's, the id that deletes it its own, and the
 * answer to the create has neither but a name with the number in it; a volume is of use only to instances on its own machine; it is
 * free some half a minute after its instance is gone; it bills until it is deleted, and has a line of its own among the charges.
 */
#include "cloud_vastai.h"

#include <ctype.h>

#define MONTH       (720 * HOUR) /* thirty days (§2.2) */
#define FIRST_OFFER 61000000     /* a machine's offer of volumes has this and the machine's number */

/* One offer for each machine, whatever the number of its asks. */
static const struct vast_ask *machine_find(const struct cloud *c, int64_t machine_id)
{
	const struct vast *o = c->own;

	for (size_t i = 0; i < o->count; i++)
		if (o->asks[i].machine_id == machine_id)
			return &o->asks[i];
	return NULL;
}

static int64_t space_left(const struct cloud *c, const struct vast_ask *a)
{
	int64_t left = a->volume_gb;

	for (size_t i = 0; i < c->store_count; i++)
		if (!c->stores[i]->deleted && c->stores[i]->machine_id == a->machine_id)
			left -= c->stores[i]->gb;
	return left;
}

static json_t *offer_view(const struct cloud *c, const struct vast_ask *a)
{
	json_t *j = json_object();

	json_put_int(j, "id", FIRST_OFFER + a->machine_id);
	json_put_int(j, "ask_contract_id", FIRST_OFFER + a->machine_id);
	json_put_int(j, "machine_id", a->machine_id);
	json_put_int(j, "host_id", a->host_id);
	json_put(j, "disk_space", json_real((double)space_left(c, a)));
	json_put_str(j, "disk_name", "nvme");
	json_put_money(j, "storage_cost", a->volume_price);
	json_put_money(j, "storage_total_cost", a->volume_price / 720);
	json_put(j, "inet_down", json_real(a->inet_down));
	json_put(j, "inet_up", json_real(800.1));
	json_put(j, "reliability2", json_real(a->reliability));
	json_put_str(j, "verification", a->verified ? "verified" : "unverified");
	json_put_str(j, "geolocation", a->place);
	json_put(j, "end_date", json_real((double)a->ends / (double)SECOND));
	json_put(j, "duration", json_real((double)(a->ends - c->now) / (double)SECOND));
	json_put_bool(j, "vms_enabled", false);
	return j;
}

static void search(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	const struct vast *o = c->own;
	json_t *body = sim_body(q), *all;
	const json_t *query = json_object_get(body, "q") ? json_object_get(body, "q") : body;

	if (body && !json_is_object(query)) {
		vast_error(r, 400, "invalid_args", "Invalid query: must be dict of conditions");
	} else if (!cloud_store_list_refused(c, r)) {
		all = json_array();
		for (size_t i = 0; i < o->count; i++)
			if (o->asks[i].volume_gb && machine_find(c, o->asks[i].machine_id) == &o->asks[i])
				json_array_append_new(all, offer_view(c, &o->asks[i]));
		vast_offers(c, query, all, r);
	}
	json_decref(body);
}

/* ---- volumes ---- */

static int64_t number(const struct sim_store *s)
{
	int64_t n = 0;

	str_to_i64(s->id, 1, INT64_MAX, &n);
	return n;
}

static struct sim_store *volume_find(const struct cloud *c, int64_t id)
{
	struct sim_store *s;
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)id);
	s = cloud_store_find(c, text);
	return s && cloud_store_shown(c, s) ? s : NULL;
}

static json_t *users(const struct cloud *c, const struct sim_store *s)
{
	const struct sim_use *u = cloud_store_used(c, s, NULL);
	json_t *list = json_array();
	int64_t id = 0;

	if (u && str_to_i64(u->machine->id, 1, INT64_MAX, &id))
		json_array_append_new(list, json_pack("{sI}", "id", (json_int_t)id));
	return list;
}

static json_t *volume_view(const struct cloud *c, const struct sim_store *s)
{
	const struct vast_ask *a = machine_find(c, s->machine_id);
	json_t *j = json_object();

	json_put_int(j, "id", number(s));
	json_put_str(j, "label", s->name);
	json_put_str(j, "status", cloud_store_busy(c, s) ? "in-use" : "created");
	json_put_int(j, "machine_id", s->machine_id);
	json_put_int(j, "host_id", a->host_id);
	json_put(j, "disk_space", json_real((double)s->gb));
	json_put_str(j, "disk_name", "nvme");
	json_put_money(j, "storage_cost", a->volume_price);
	json_put_money(j, "storage_total_cost", (a->volume_price * s->gb + 360) / 720);
	json_put(j, "start_date", json_real((double)s->created / (double)SECOND));
	json_put(j, "end_date", json_real((double)a->ends / (double)SECOND));
	json_put_str(j, "geolocation", a->place);
	json_put_str(j, "verification", a->verified ? "verified" : "unverified");
	json_put_str(j, "public_ipaddr", "203.0.113.42");
	json_put(j, "instances", users(c, s));
	return j;
}

static bool good_name(const char *s)
{
	size_t n = strlen(s);

	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '_')
			return false;
	return n <= 64;
}

/* The offer that may give so many GB under this name. NULL: answered. */
static const struct vast_ask *offered(struct cloud *c, int64_t offer, int64_t gb, const char *name, struct sim_response *r)
{
	const struct vast_ask *a = machine_find(c, offer - FIRST_OFFER);

	if (!a || !a->volume_gb)
		vast_error(r, 404, "no_such_ask", "error 404/3603: no_such_ask  Volume offer is not available.");
	else if (gb < 1 || gb > space_left(c, a))
		vast_error(r, 400, "invalid_args", "Invalid args: 'size' is larger than the offer has, or none");
	else if (!good_name(name))
		vast_error(r, 400, "invalid_args", "Invalid args: 'name' holds letters, digits and underscores, 64 at most");
	else if (c->deposit - cloud_total(c, c->now) <= 0)
		c->model->error(c, r, SIM_E_MONEY);
	else
		return a;
	return NULL;
}

static struct sim_store *make(struct cloud *c, const struct vast_ask *a, int64_t gb, const char *name)
{
	struct sim_store *s = cloud_store_new(c, SIM_VOLUME, name, a->place);

	snprintf(s->id, sizeof(s->id), "%lld", (long long)c->next_id++);
	if (!*name)
		snprintf(s->name, sizeof(s->name), "V.%s", s->id);
	s->machine_id = a->machine_id;
	s->gb = gb;
	s->used_mb = gb * 500;
	cloud_store_rate(c, s, a->volume_price * gb, MONTH);
	return s;
}

static void create(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *name = json_str(body, "name", "");
	int64_t gb = json_int(body, "size", 15);
	const struct vast_ask *a = offered(c, json_int(body, "id", 0), gb, name, r);
	const struct sim_store *s;
	char text[80];

	if (a && !cloud_store_refused(c, r)) {
		s = make(c, a, gb, name);
		snprintf(text, sizeof(text), "V.%s", s->id);
		sim_answer_json(r, 200, json_pack("{sb ss}", "success", 1, "volume_name", text));
		cloud_store_answered(c, r);
	}
	json_decref(body);
}

static void list(struct cloud *c, struct sim_response *r)
{
	json_t *all;

	if (cloud_store_list_refused(c, r))
		return;
	all = json_array();
	for (size_t i = 0; i < c->store_count; i++)
		if (cloud_store_shown(c, c->stores[i]))
			json_array_append_new(all, volume_view(c, c->stores[i]));
	sim_answer_json(r, 200, json_pack("{so}", "volumes", all));
}

static void delete(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q);
	int64_t id = json_int(body, "id", 0);
	struct sim_store *s;
	char text[32];

	if (SIM_QUERY(q, "id", text))
		str_to_i64(text, 1, INT64_MAX, &id);
	s = volume_find(c, id);
	if (!id)
		vast_error(r, 400, "invalid_args", "Please provide a valid volume ID.");
	else if (!s)
		vast_error(r, 404, "no_such_volume", "Volume with that ID does not exist.");
	else if (cloud_store_busy(c, s))
		vast_error(r, 400, "invalid_args", "The volume is in use; destroy its instances first.");
	else if (!cloud_store_delete_refused(c, r)) {
		cloud_store_delete(c, s);
		sim_answer_json(r, 200, json_pack("{sb}", "success", 1));
	}
	json_decref(body);
}

void vast_volumes(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	if (p->n == 4 && !strcmp(p->part[3], "search") && !strcmp(q->method, "POST"))
		search(c, q, r);
	else if (p->n == 3 && !strcmp(q->method, "GET"))
		list(c, r);
	else if (p->n == 3 && !strcmp(q->method, "PUT"))
		create(c, q, r);
	else if (p->n == 3 && !strcmp(q->method, "DELETE"))
		delete (c, q, r);
	else
		sim_answer_text(r, 404, "Not Found");
}

/* ---- instances that have one (§2.4) ---- */

bool vast_volume_fits(struct cloud *c, const json_t *body, const struct vast_ask *a, struct sim_response *r)
{
	const json_t *info = json_object_get(body, "volume_info");
	int64_t id = json_int(info, "volume_id", 0);
	const struct sim_store *s = volume_find(c, id);
	bool new = json_bool(info, "create_new", false);

	if (!info || json_is_null(info))
		return true;
	if (*json_str(info, "mount_path", "") != '/')
		vast_error(r, 400, "invalid_args", "error 400/3481: Invalid args: 'mount_path' must be absolute");
	else if (new && id != FIRST_OFFER + a->machine_id)
		vast_error(r, 400, "invalid_args", "error 400/3482: Invalid args: the volume offer is on another machine");
	else if (new)
		return offered(c, id, json_int(info, "size", 15), json_str(info, "name", ""), r) != NULL;
	else if (!s)
		vast_error(r, 400, "invalid_args", "error 400/3483: Invalid args: no_such_volume");
	else if (s->machine_id != a->machine_id)
		vast_error(r, 400, "invalid_args", "error 400/3482: Invalid args: the volume is on another machine");
	else if (cloud_store_busy(c, s))
		vast_error(r, 400, "invalid_args", "error 400/3484: Invalid args: the volume is in use");
	else
		return true;
	return false;
}

void vast_volume_take(struct cloud *c, struct sim_machine *m, const struct vast_ask *a)
{
	const json_t *info = json_object_get(m->ask, "volume_info");
	struct sim_store *s = volume_find(c, json_int(info, "volume_id", 0));

	if (json_bool(info, "create_new", false))
		s = make(c, a, json_int(info, "size", 15), json_str(info, "name", ""));
	if (s && info)
		cloud_store_attach(s, m, json_str(info, "mount_path", ""), c->now);
}

json_t *vast_volume_info(const struct cloud *c, const struct sim_machine *m)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->store_count; i++) {
		const struct sim_use *u = cloud_store_used(c, c->stores[i], m);

		if (u)
			json_array_append_new(list,
			    json_pack("{sI ss}", "id", (json_int_t)number(c->stores[i]), "mount_path", u->path));
	}
	return list;
}
