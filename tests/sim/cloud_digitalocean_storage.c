/*
 * DigitalOcean: block storage volumes (providers/digitalocean.md §6).
 *
 * What is easy to get wrong, and is modelled: an attach is an action and an event of the droplet, which takes no other meanwhile; a
 * volume never leaves its region and has one droplet; it stays attached for seconds after its droplet was deleted, and 409 is the
 * answer to deleting it then; nobody deletes it with its droplet, and it costs the same whether attached or not.
 */
#include "cloud_digitalocean.h"

#include <ctype.h>

#define MONTH    (730 * HOUR) /* a month on average: the sheet names the price of a month, not its length */
#define SIZE_MAX_GIB 16384

static struct sim_store *volume_find(const struct cloud *c, const char *id)
{
	struct sim_store *s = cloud_store_find(c, id);

	return s && s->kind == SIM_VOLUME && cloud_store_shown(c, s) ? s : NULL;
}

static struct sim_store *volume_named(const struct cloud *c, const char *name, const char *region)
{
	for (size_t i = 0; i < c->store_count; i++) {
		struct sim_store *s = c->stores[i];

		if (s->kind == SIM_VOLUME && !s->deleted && !strcmp(s->name, name) && !strcmp(s->place, region))
			return s;
	}
	return NULL;
}

static json_t *volume_view(const struct cloud *c, const struct sim_store *s)
{
	const struct sim_use *u = cloud_store_used(c, s, NULL);
	json_t *j = json_object(), *droplets = json_array();
	char text[32];
	int64_t id = 0;

	if (u && str_to_i64(u->machine->id, 1, INT64_MAX, &id))
		json_array_append_new(droplets, json_integer(id));
	instant_format(s->created, false, text);
	json_put_str(j, "id", s->id);
	json_put_str(j, "name", s->name);
	json_put_str(j, "description", json_str(s->extra, "description", ""));
	json_put_int(j, "size_gigabytes", s->gb);
	json_put(j, "region", ocean_region_view(c, s->place));
	json_put(j, "droplet_ids", droplets);
	json_put_str(j, "filesystem_type", s->format);
	json_put_str(j, "filesystem_label", json_str(s->extra, "label", ""));
	json_put_str(j, "created_at", text);
	json_put(j, "tags", json_deep_copy(json_object_get(s->extra, "tags")));
	return j;
}

/* ---- create ---- */

/* Lower case letters, digits and '-', a letter first, 64 at most. */
static bool good_name(const char *s)
{
	if (!islower((unsigned char)*s) || strlen(s) > 64)
		return false;
	for (; *s; s++)
		if (!islower((unsigned char)*s) && !isdigit((unsigned char)*s) && *s != '-')
			return false;
	return true;
}

static bool stores_volumes(const struct cloud *c, const char *region)
{
	json_t *where = ocean_region_view(c, region), *v;
	bool found = false;
	size_t i;

	json_array_foreach (json_object_get(where, "features"), i, v)
		found = found || !strcmp(json_string_value(v), "storage");
	json_decref(where);
	return found;
}

static bool good_label(const json_t *body)
{
	const char *type = json_str(body, "filesystem_type", ""), *label = json_str(body, "filesystem_label", "");

	if (*type && strcmp(type, "ext4") && strcmp(type, "xfs"))
		return false;
	return strlen(label) <= (strcmp(type, "xfs") ? 16 : 12);
}

/* What the volume begins as: *from NULL is empty. False: answered. */
static bool origin(struct cloud *c, const json_t *body, const struct sim_store **from, struct sim_response *r)
{
	const char *id = json_str(body, "snapshot_id", "");
	const struct sim_store *s = cloud_store_find(c, id);

	*from = NULL;
	if (!*id)
		return true;
	if (!s || s->kind != SIM_VOLUME_SNAPSHOT || !cloud_store_shown(c, s)) {
		ocean_absent(r);
		return false;
	}
	*from = s;
	return true;
}

static bool valid(struct cloud *c, const json_t *body, const struct sim_store *from, int64_t gb, struct sim_response *r)
{
	const char *name = json_str(body, "name", ""), *region = json_str(body, "region", "");

	if (!good_name(name))
		ocean_refuse(r, "Name must begin with a letter and hold lower case letters, numbers and dashes only, up to 64 characters");
	else if (gb < 1 || gb > SIZE_MAX_GIB)
		ocean_refuse(r, "Size must be between 1GB and 16384GB");
	else if (!stores_volumes(c, region))
		ocean_refuse(r, "Region does not support volumes");
	else if (!good_label(body))
		ocean_refuse(r, "Filesystem type must be ext4 or xfs; its label has up to 16 or 12 characters");
	else if (!ocean_tags_valid(json_object_get(body, "tags")))
		ocean_refuse(r, "Tag name is invalid; letters, numbers, colons, dashes and underscores are allowed");
	else if (from && strcmp(from->place, region))
		ocean_refuse(r, "The snapshot is not available in the selected region");
	else if (from && gb < from->gb)
		ocean_refuse(r, "Size is smaller than the snapshot's");
	else if (volume_named(c, name, region))
		ocean_error(r, 409, "conflict", "a volume with the same name already exists in this region");
	else
		return true;
	return false;
}

static void rate(struct cloud *c, struct sim_store *s)
{
	cloud_store_rate(c, s, s->gb * (USD / 10), MONTH);
}

static void create(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const struct sim_store *from;
	struct sim_store *s;
	int64_t gb;

	if (!json_is_object(body)) {
		ocean_error(r, 400, "bad_request", "the request body is not valid JSON");
		goto out;
	}
	if (!origin(c, body, &from, r))
		goto out;
	gb = json_int(body, "size_gigabytes", from ? from->gb : 0);
	if (!valid(c, body, from, gb, r) || cloud_store_refused(c, r))
		goto out;
	s = cloud_store_new(c, SIM_VOLUME, json_str(body, "name", ""), json_str(body, "region", ""));
	snprintf(s->id, sizeof(s->id), "506f78a4-e098-11e5-ad9f-%012llx", (unsigned long long)s->serial);
	s->gb = gb;
	s->used_mb = gb * 500;
	s->source = from;
	str_copy(s->format, from ? from->format : json_str(body, "filesystem_type", ""));
	json_put_str(s->extra, "description", json_str(body, "description", ""));
	json_put_str(s->extra, "label", json_str(body, "filesystem_label", ""));
	json_put(s->extra, "tags", ocean_tags_of(body));
	rate(c, s);
	sim_answer_json(r, 201, json_pack("{so}", "volume", volume_view(c, s)));
	cloud_store_answered(c, r);
out:
	json_decref(body);
}

/* ---- list and delete ---- */

static void list(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	char name[256], region[64];
	bool by_name = SIM_QUERY(q, "name", name), by_region = SIM_QUERY(q, "region", region);
	json_t *all;

	if (cloud_store_list_refused(c, r))
		return;
	all = json_array();
	for (size_t i = 0; i < c->store_count; i++) {
		const struct sim_store *s = c->stores[i];

		if (s->kind == SIM_VOLUME && cloud_store_shown(c, s) && (!by_name || !strcmp(name, s->name)) &&
		    (!by_region || !strcmp(region, s->place)))
			json_array_append_new(all, volume_view(c, s));
	}
	ocean_page(c, q, "/v2/volumes", "volumes", all, r);
}

static void delete_one(struct cloud *c, struct sim_store *s, struct sim_response *r)
{
	if (!s)
		ocean_absent(r);
	else if (cloud_store_busy(c, s))
		ocean_error(r, 409, "conflict", "A volume that's attached to a Droplet cannot be deleted.");
	else if (!cloud_store_delete_refused(c, r)) {
		cloud_store_delete(c, s);
		sim_answer_empty(r, 204);
	}
}

static void delete_named(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	char name[256], region[64];

	if (SIM_QUERY(q, "name", name) && SIM_QUERY(q, "region", region))
		delete_one(c, volume_named(c, name, region), r);
	else
		ocean_error(r, 400, "bad_request", "name and region are required");
}

/* ---- actions ---- */

static void act_on_droplet(struct cloud *c, struct sim_store *s, struct sim_machine *m, bool attach, struct sim_response *r)
{
	const struct sim_use *u = cloud_store_used(c, s, NULL);
	struct ocean_action *a;

	if (!m || !cloud_shown(c, m) || m->deleted) {
		ocean_absent(r);
	} else if (ocean_pending(c, m, NULL)) {
		c->model->error(c, r, SIM_E_BUSY);
	} else if (attach && strcmp(m->host, s->place)) {
		ocean_refuse(r, "The volume and the Droplet must be in the same region");
	} else if (attach && cloud_store_busy(c, s)) {
		ocean_refuse(r, "The volume is already attached to a Droplet");
	} else if (attach && cloud_store_count_of(c, m) >= OCEAN_VOLUMES_MAX) {
		ocean_refuse(r, "The Droplet has reached its limit of attached volumes");
	} else if (!attach && (!u || u->machine != m)) {
		ocean_refuse(r, "The volume is not attached to this Droplet");
	} else {
		a = ocean_action_new(c, m, attach ? "attach_volume" : "detach_volume", c->options.timing.attach);
		a->store = s;
		a->errs = cloud_fault(c, FAULT_ATTACH_ERRS);
		if (attach && !a->errs)
			cloud_store_attach(s, m, "", a->ends);
		else if (!a->errs)
			cloud_store_detach(s, m, a->ends);
		sim_answer_json(r, 202, json_pack("{so}", "action", ocean_action_view(c, a)));
	}
}

/* By when the action is over nobody can tell the difference: the size shows at once. */
static void resize(struct cloud *c, struct sim_store *s, int64_t gb, struct sim_response *r)
{
	struct ocean_action *a;

	if (gb <= s->gb || gb > SIZE_MAX_GIB) {
		ocean_refuse(r, "Volumes may only be resized upwards, up to 16384GB");
		return;
	}
	s->gb = gb;
	rate(c, s);
	a = ocean_action_new(c, NULL, "resize_volume", c->options.timing.attach);
	a->store = s;
	sim_answer_json(r, 202, json_pack("{so}", "action", ocean_action_view(c, a)));
}

static void act(struct cloud *c, const struct sim_request *q, struct sim_store *s, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *type = json_str(body, "type", ""), *region = json_str(body, "region", s ? s->place : "");
	char droplet[24];

	snprintf(droplet, sizeof(droplet), "%lld", (long long)json_int(body, "droplet_id", 0));
	if (!s)
		s = volume_named(c, json_str(body, "volume_name", ""), region);
	if (!s)
		ocean_absent(r);
	else if (strcmp(region, s->place))
		ocean_refuse(r, "The volume is not in this region");
	else if (!strcmp(type, "attach") || !strcmp(type, "detach"))
		act_on_droplet(c, s, cloud_find(c, droplet), *type == 'a', r);
	else if (!strcmp(type, "resize"))
		resize(c, s, json_int(body, "size_gigabytes", 0), r);
	else
		ocean_refuse(r, "You specified an invalid action type.");
	json_decref(body);
}

/* ---- volumes of a new droplet ---- */

/* "id", or {"id": …} as the Go client sends it (§5.1). */
static struct sim_store *named_by(const struct cloud *c, const json_t *v)
{
	return volume_find(c, json_is_object(v) ? json_str(v, "id", "") : json_is_string(v) ? json_string_value(v) : "");
}

bool ocean_volumes_free(struct cloud *c, const json_t *body, int copies, struct sim_response *r)
{
	const json_t *volumes = json_object_get(body, "volumes");
	json_t *v;
	size_t i;

	if (json_array_size(volumes) && copies > 1) {
		ocean_refuse(r, "volumes can be given for a single Droplet only");
		return false;
	}
	if (json_array_size(volumes) > OCEAN_VOLUMES_MAX) {
		ocean_refuse(r, "a Droplet can have 15 volumes at most");
		return false;
	}
	json_array_foreach ((json_t *)volumes, i, v) {
		const struct sim_store *s = named_by(c, v);

		if (!s)
			ocean_refuse(r, "You specified an invalid volume for Droplet creation.");
		else if (strcmp(s->place, json_str(body, "region", "")))
			ocean_refuse(r, "The volume and the Droplet must be in the same region");
		else if (cloud_store_busy(c, s))
			ocean_refuse(r, "The volume is already attached to a Droplet");
		else
			continue;
		return false;
	}
	return true;
}

/* Spoken for at once; attached when the droplet runs. */
void ocean_volumes_take(struct cloud *c, const json_t *body, struct sim_machine *m)
{
	json_t *v;
	size_t i;

	json_array_foreach (json_object_get(body, "volumes"), i, v)
		cloud_store_attach(named_by(c, v), m, "", m->running);
}

json_t *ocean_volume_ids(const struct cloud *c, const struct sim_machine *m)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < c->store_count; i++)
		if (cloud_store_used(c, c->stores[i], m))
			json_array_append_new(ids, json_string(c->stores[i]->id));
	return ids;
}

/* ---- routes ---- */

static void one(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_store *s, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET"), post = !strcmp(q->method, "POST");
	const char *what = p->n > 3 ? p->part[3] : "";

	if (!s)
		ocean_absent(r);
	else if (p->n == 3 && get)
		sim_answer_json(r, 200, json_pack("{so}", "volume", volume_view(c, s)));
	else if (p->n == 3 && !strcmp(q->method, "DELETE"))
		delete_one(c, s, r);
	else if (p->n == 4 && !strcmp(what, "actions") && post)
		act(c, q, s, r);
	else if (p->n == 4 && !strcmp(what, "actions") && get)
		ocean_action_list(c, q, q->path, NULL, s, r);
	else if (p->n == 5 && !strcmp(what, "actions") && get)
		ocean_action_one(c, p->part[4], r);
	else if (p->n == 4 && !strcmp(what, "snapshots") && post)
		ocean_snapshot_volume(c, q, s, r);
	else if (p->n == 4 && !strcmp(what, "snapshots") && get)
		ocean_snapshot_list(c, q, q->path, SIM_VOLUME_SNAPSHOT, s->id, r);
	else
		ocean_absent(r);
}

void ocean_volumes(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET"), post = !strcmp(q->method, "POST"), delete = !strcmp(q->method, "DELETE");

	if (p->n == 2 && get)
		list(c, q, r);
	else if (p->n == 2 && post)
		create(c, q, r);
	else if (p->n == 2 && delete)
		delete_named(c, q, r);
	else if (sim_path_is(p, "v2/volumes/actions") && post)
		act(c, q, NULL, r);
	else if (sim_path_is(p, "v2/volumes/snapshots/?"))
		ocean_snapshots(c, q, p, r);
	else
		one(c, q, p, p->n > 2 ? volume_find(c, p->part[2]) : NULL, r);
}
