/*
 * RunPod: network volumes (providers/runpod.md §11), and what they cost (§8).
 *
 * What is easy to get wrong, and is modelled: names are not unique, so a create that nobody answered is found by nothing but its
 * name being new; the list does not say who has a volume; a pod has it from its creation or never, in its data center only and on
 * the secure cloud only; several pods may have it at once; sizes only grow.
 */
#include "cloud_runpod.h"

#define MONTH    (730 * HOUR) /* a month on average: the sheet names the price of a month, not its length */
#define CHEAP_GB 1000         /* what is beyond costs less */

static bool high_performance(const struct sim_store *s)
{
	return !strcmp(json_str(s->extra, "type", ""), "HIGH_PERFORMANCE");
}

/* The sheet has no price of the faster kind: twice the standard one. */
static void rate(struct cloud *c, struct sim_store *s)
{
	int64_t dear = s->gb < CHEAP_GB ? s->gb : CHEAP_GB;
	money month = dear * 7 * CENT + (s->gb - dear) * 5 * CENT;

	cloud_store_rate(c, s, high_performance(s) ? 2 * month : month, MONTH);
}

static struct sim_store *volume_find(const struct cloud *c, const char *id)
{
	struct sim_store *s = cloud_store_find(c, id);

	return s && cloud_store_shown(c, s) ? s : NULL;
}

static json_t *volume_view(const struct sim_store *s)
{
	return json_pack("{ss ss sI ss ss}", "id", s->id, "name", s->name, "size", (json_int_t)s->gb, "dataCenter", s->place, "type",
	    json_str(s->extra, "type", "STANDARD"));
}

/* ---- create and change ---- */

static bool size_ok(const json_t *body)
{
	const json_t *size = json_object_get(body, "size");

	return json_is_integer(size) && json_integer_value(size) >= 10 && json_integer_value(size) <= 4096;
}

/* Kinds of volume that a data center has; the first is what it gives unasked. NULL: there is no such data center. */
static const json_t *kinds_at(const struct cloud *c, const char *site)
{
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(c->inventory, "dataCenters"), i, row)
		if (!strcmp(json_str(row, "id", ""), site))
			return json_object_get(row, "networkVolumeTypes");
	return NULL;
}

static bool has_kind(const json_t *kinds, const char *type)
{
	json_t *v;
	size_t i;

	json_array_foreach ((json_t *)kinds, i, v)
		if (!strcmp(json_string_value(v), type))
			return true;
	return false;
}

static bool valid_create(struct cloud *c, struct sim_response *r, const json_t *b, const char *type)
{
	static const char *const keys[] = { "name", "size", "dataCenter", "type", NULL };
	const json_t *kinds = kinds_at(c, json_str(b, "dataCenter", ""));

	if (!json_is_object(b)) {
		runpod_invalid(c, r, "$: object required");
		return false;
	}
	if (!runpod_only_keys(c, r, b, "$", keys))
		return false;
	if (!*json_str(b, "name", ""))
		runpod_invalid(c, r, "$: missing property 'name'");
	else if (!size_ok(b))
		runpod_invalid(c, r, "$.size: integer within 10..4096 required");
	else if (!*json_str(b, "dataCenter", ""))
		runpod_invalid(c, r, "$: missing property 'dataCenter'");
	else if (json_object_get(b, "type") && strcmp(type, "STANDARD") && strcmp(type, "HIGH_PERFORMANCE"))
		runpod_invalid(c, r, "$.type: value must be one of 'STANDARD', 'HIGH_PERFORMANCE'");
	else if (!json_array_size(kinds) || (*type && !has_kind(kinds, type)))
		runpod_problem(c, r, 400, "Bad Request", "the data center is not known or does not offer this type of network volume");
	else
		return true;
	return false;
}

/* Letters and digits that differ from volume to volume, without asking chance. */
static void make_id(const struct sim_store *s, char out[64])
{
	uint64_t n = (uint64_t)s->serial * 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 10; i++, n /= 36)
		out[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36];
	out[10] = '\0';
}

static void create(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *type = json_str(body, "type", "");
	struct sim_store *s;

	if (valid_create(c, r, body, type) && !cloud_store_refused(c, r)) {
		s = cloud_store_new(c, SIM_VOLUME, json_str(body, "name", ""), json_str(body, "dataCenter", ""));
		make_id(s, s->id);
		s->gb = json_int(body, "size", 0);
		s->used_mb = s->gb * 500;
		json_put_str(s->extra, "type", *type ? type : json_str(kinds_at(c, s->place), "0", ""));
		rate(c, s);
		sim_answer_json(r, 201, volume_view(s));
		cloud_store_answered(c, r);
	}
	json_decref(body);
}

static void patch(struct cloud *c, const struct sim_request *q, struct sim_store *s, struct sim_response *r)
{
	static const char *const keys[] = { "name", "size", NULL };
	json_t *body = sim_body(q);
	const json_t *name = json_object_get(body, "name");

	if (!json_object_size(body)) {
		runpod_invalid(c, r, "$: minimum 1 property");
	} else if (!runpod_only_keys(c, r, body, "$", keys)) {
		;
	} else if (name && !*json_str(body, "name", "")) {
		runpod_invalid(c, r, "$.name: minimum length 1");
	} else if (json_object_get(body, "size") && !size_ok(body)) {
		runpod_invalid(c, r, "$.size: integer within 10..4096 required");
	} else if (json_int(body, "size", s->gb) < s->gb) {
		runpod_problem(c, r, 400, "Bad Request", "the size of a network volume cannot be reduced");
	} else {
		if (name)
			str_copy(s->name, json_string_value(name));
		if (json_int(body, "size", s->gb) > s->gb) {
			s->gb = json_int(body, "size", 0);
			rate(c, s);
		}
		sim_answer_json(r, 200, volume_view(s));
	}
	json_decref(body);
}

/* Unknown what the provider says while a pod has it: 400, or 409 by a switch. */
static void delete(struct cloud *c, struct sim_store *s, struct sim_response *r)
{
	if (cloud_store_busy(c, s)) {
		if (cloud_fault_on(c, FAULT_VOLUME_BUSY_409))
			runpod_problem(c, r, 409, "Conflict", "the network volume is in use by a pod");
		else
			runpod_problem(c, r, 400, "Bad Request", "the network volume is in use by a pod");
	} else if (!cloud_store_delete_refused(c, r)) {
		cloud_store_delete(c, s);
		sim_answer_empty(r, 204);
	}
}

static void list(struct cloud *c, struct sim_response *r)
{
	json_t *all;

	if (cloud_store_list_refused(c, r))
		return;
	all = json_array();
	for (size_t i = 0; i < c->store_count; i++)
		if (cloud_store_shown(c, c->stores[i]))
			json_array_append_new(all, volume_view(c->stores[i]));
	sim_answer_json(r, 200, json_pack("{so}", "networkVolumes", all));
}

void runpod_volumes(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET");
	struct sim_store *s = p->n == 3 ? volume_find(c, p->part[2]) : NULL;

	if (p->n == 2 && get)
		list(c, r);
	else if (p->n == 2 && !strcmp(q->method, "POST"))
		create(c, q, r);
	else if (!s)
		c->model->error(c, r, SIM_E_ABSENT);
	else if (get)
		sim_answer_json(r, 200, volume_view(s));
	else if (!strcmp(q->method, "PATCH"))
		patch(c, q, s, r);
	else if (!strcmp(q->method, "DELETE"))
		delete (c, s, r);
	else
		c->model->error(c, r, SIM_E_ABSENT);
}

/* ---- pods that have one ---- */

struct sim_store *runpod_volume_of(const struct cloud *c, const json_t *body)
{
	return volume_find(c, json_str(body, "mounts.network.0.volumeId", ""));
}

bool runpod_mount_valid(struct cloud *c, struct sim_response *r, const json_t *body)
{
	static const char *const keys[] = { "volumeId", "path", NULL };
	const json_t *network = json_path(body, "mounts.network"), *mount = json_array_get(network, 0);

	if (!network)
		return true;
	if (!json_is_array(network) || json_array_size(network) > 1)
		runpod_invalid(c, r, "$.mounts.network: array of maximum 1 item required");
	else if (!mount)
		return true;
	else if (!json_is_object(mount) || !*json_str(mount, "volumeId", "") || *json_str(mount, "path", "") != '/')
		runpod_invalid(c, r, "$.mounts.network[0]: volumeId and an absolute path required");
	else
		return runpod_only_keys(c, r, mount, "$.mounts.network[0]", keys);
	return false;
}

bool runpod_mount_fits(struct cloud *c, struct sim_response *r, const json_t *body)
{
	const struct sim_store *s = runpod_volume_of(c, body);
	const json_t *sites = json_object_get(body, "dataCenterIds");
	bool here = !json_array_size(sites);
	json_t *v;
	size_t i;

	if (!json_array_size(json_path(body, "mounts.network")))
		return true;
	json_array_foreach ((json_t *)sites, i, v)
		here = here || (s && !strcmp(json_string_value(v), s->place));
	if (!s)
		runpod_problem(c, r, 404, "Not Found", "network volume not found");
	else if (strcmp(json_str(body, "cloud", "SECURE"), "SECURE"))
		runpod_problem(c, r, 400, "Bad Request", "network volumes are available on SECURE cloud only");
	else if (!here)
		runpod_problem(c, r, 400, "Bad Request", "the network volume is in another data center");
	else
		return true;
	return false;
}

/* What a pod has, it has for good: only the path may change. */
bool runpod_mount_kept(struct cloud *c, struct sim_response *r, const json_t *mounts, const json_t *now)
{
	const json_t *had = json_object_get(now, "network"), *wants = json_object_get(mounts, "network");
	bool other = json_object_get(mounts, "persistent") && !json_object_get(now, "persistent");

	if (!mounts)
		return true;
	if (wants && (!json_array_size(wants) || !json_array_size(had) ||
			 strcmp(json_str(wants, "0.volumeId", ""), json_str(had, "0.volumeId", ""))))
		other = true;
	if (other)
		runpod_problem(c, r, 400, "Bad Request", "the kind of mount and its network volume are fixed at create");
	return !other;
}

void runpod_mount(struct cloud *c, struct sim_machine *m)
{
	struct sim_store *s = runpod_volume_of(c, m->ask);

	if (s)
		cloud_store_attach(s, m, json_str(m->ask, "mounts.network.0.path", ""), c->now);
}

/* ---- money ---- */

static money within(const struct sim_store *s, instant from, instant to)
{
	return to > from ? cloud_store_cost(s, to) - cloud_store_cost(s, from) : 0;
}

void runpod_volumes_cost(const struct cloud *c, instant from, instant to, money *standard, money *high)
{
	*standard = *high = 0;
	for (size_t i = 0; i < c->store_count; i++)
		*(high_performance(c->stores[i]) ? high : standard) += within(c->stores[i], from, to);
}

static void put_amounts(json_t *j, money standard, money high)
{
	json_put_money(j, "totalAmount", standard + high);
	json_put_money(j, "standardAmount", standard);
	json_put_money(j, "highPerformanceAmount", high);
}

void runpod_volumes_billing(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	instant posted = c->now - c->options.timing.bill, end;
	char only[64], from[32], to[32];
	json_t *records, *totals, *query;
	money standard = 0, high = 0;
	struct runpod_span s;
	int64_t volumes = 0;

	if (!runpod_span_read(c, q, r, &s))
		return;
	SIM_QUERY(q, "networkVolumeId", only);
	end = instant_min(s.to, posted);
	records = json_array();
	for (size_t i = 0; i < c->store_count; i++) {
		const struct sim_store *v = c->stores[i];
		size_t before = json_array_size(records);

		for (instant at = instant_max(s.from, v->created / s.bucket * s.bucket); at < end; at += s.bucket) {
			money cost = within(v, at, instant_min(at + s.bucket, end));
			json_t *row;

			if (!cost || (*only && strcmp(only, v->id)))
				continue;
			*(high_performance(v) ? &high : &standard) += cost;
			instant_format(at, false, from);
			instant_format(at + s.bucket, false, to);
			row = json_pack("{ss ss ss}", "startTime", from, "endTime", to, "networkVolumeId", v->id);
			put_amounts(row, high_performance(v) ? 0 : cost, high_performance(v) ? cost : 0);
			json_array_append_new(records, row);
		}
		volumes += json_array_size(records) > before;
	}
	instant_format(s.from, false, from);
	instant_format(s.to, false, to);
	totals = json_object();
	put_amounts(totals, standard, high);
	query = json_pack("{ss ss ss ss?}", "startTime", from, "endTime", to, "bucketSize", s.name, "networkVolumeId", *only ? only : NULL);
	sim_answer_json(r, 200,
	    json_pack("{so s{so sI sI so}}", "records", records, "metadata", "query", query, "recordCount",
		(json_int_t)json_array_size(records), "uniqueNetworkVolumeCount", (json_int_t)volumes, "totals", totals));
}
