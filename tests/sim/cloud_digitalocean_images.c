/*
 * DigitalOcean: snapshots of droplets and of volumes; images, which the former are too (providers/digitalocean.md §6).
 *
 * What is easy to get wrong, and is modelled: the action that makes a droplet's snapshot does not name the image; the same snapshot
 * is a string in /v2/snapshots and an integer everywhere else; it needs a disk as large as the one it was made on, however little
 * it holds; it is in one region until it is transferred; an action can err.
 */
#include "cloud_digitalocean.h"

#define MONTH          (730 * HOUR)
#define GB_MONTH       (6 * CENT)
#define DROPLET_MB     28100 /* what a droplet's disk holds: the models know no files, so always the same */
#define OF_VOLUME_MAX  25
#define OF_VOLUME_WAIT (10 * MINUTE)
#define FIRST_IMAGE    213456700

static bool listed(const struct cloud *c, const struct sim_store *s, enum sim_store_kind kind)
{
	return s->kind == kind && cloud_store_shown(c, s);
}

static const char *origin(const struct sim_store *s)
{
	return s->machine ? s->machine->id : s->source->id;
}

/* Where it is by now; a transfer adds a region when it is over. */
static json_t *regions(const struct cloud *c, const struct sim_store *s)
{
	json_t *out = json_array(), *since;
	const char *slug;

	json_object_foreach (json_object_get(s->extra, "regions"), slug, since)
		if (c->now >= json_integer_value(since))
			json_array_append_new(out, json_string(slug));
	return out;
}

bool ocean_snapshot_in(const struct cloud *c, const struct sim_store *s, const char *region)
{
	return c->now >= json_int(json_object_get(s->extra, "regions"), region, FOREVER);
}

struct sim_store *ocean_snapshot_find(const struct cloud *c, const json_t *image)
{
	struct sim_store *s;
	char id[24];

	if (!json_is_integer(image))
		return NULL;
	snprintf(id, sizeof(id), "%lld", (long long)json_integer_value(image));
	s = cloud_store_find(c, id);
	return s && listed(c, s, SIM_DISK_SNAPSHOT) ? s : NULL;
}

/* ---- views ---- */

static json_t *common(const struct cloud *c, const struct sim_store *s)
{
	json_t *j = json_object();
	char text[32];

	instant_format(s->created, false, text);
	json_put_str(j, "name", s->name);
	json_put_str(j, "created_at", text);
	json_put(j, "regions", regions(c, s));
	json_put_int(j, "min_disk_size", s->gb);
	json_put(j, "size_gigabytes", json_real((double)s->used_mb / 1000));
	return j;
}

static int64_t number(const struct sim_store *s)
{
	int64_t n = 0;

	str_to_i64(s->id, 1, INT64_MAX, &n);
	return n;
}

json_t *ocean_snapshot_view(const struct cloud *c, const struct sim_store *s)
{
	json_t *j = common(c, s);

	json_put_str(j, "id", s->id);
	json_put_str(j, "resource_id", origin(s));
	json_put_str(j, "resource_type", s->machine ? "droplet" : "volume");
	json_put(j, "tags", json_deep_copy(json_object_get(s->extra, "tags")));
	return j;
}

json_t *ocean_snapshot_image(const struct cloud *c, const struct sim_store *s)
{
	json_t *j = common(c, s);

	json_put_int(j, "id", number(s));
	json_put_str(j, "distribution", "Ubuntu");
	json_put_str(j, "slug", NULL);
	json_put_bool(j, "public", false);
	json_put_str(j, "type", "snapshot");
	json_put_str(j, "status", "available");
	json_put(j, "tags", json_deep_copy(json_object_get(s->extra, "tags")));
	return j;
}

/* As the droplet it was made of shows it: an integer, and "type". */
static json_t *droplets_view(const struct cloud *c, const struct sim_store *s)
{
	json_t *j = common(c, s);

	json_put_int(j, "id", number(s));
	json_put_str(j, "type", "snapshot");
	return j;
}

json_t *ocean_snapshot_ids(const struct cloud *c, const struct sim_machine *m)
{
	json_t *ids = json_array();

	for (size_t i = 0; i < c->store_count; i++)
		if (listed(c, c->stores[i], SIM_DISK_SNAPSHOT) && c->stores[i]->machine == m)
			json_array_append_new(ids, json_integer(number(c->stores[i])));
	return ids;
}

/* Those of one droplet or volume. */
void ocean_snapshot_list(struct cloud *c, const struct sim_request *q, const char *path, enum sim_store_kind kind, const char *of,
    struct sim_response *r)
{
	json_t *all;

	if (cloud_store_list_refused(c, r))
		return;
	all = json_array();
	for (size_t i = 0; i < c->store_count; i++) {
		const struct sim_store *s = c->stores[i];

		if (listed(c, s, kind) && !strcmp(origin(s), of))
			json_array_append_new(all, kind == SIM_DISK_SNAPSHOT ? droplets_view(c, s) : ocean_snapshot_view(c, s));
	}
	ocean_page(c, q, path, "snapshots", all, r);
}

/* ---- making ---- */

static void priced(struct cloud *c, struct sim_store *s)
{
	s->least = CENT;
	cloud_store_rate(c, s, GB_MONTH * s->used_mb / 1000, MONTH);
}

static void placed(struct sim_store *s)
{
	json_put(s->extra, "regions", json_pack("{sI}", s->place, (json_int_t)s->ready));
}

void ocean_snapshot_droplet(struct cloud *c, struct sim_machine *m, const char *name, struct ocean_action *a)
{
	struct ocean *o = c->own;
	const json_t *image = json_object_get(m->ask, "image");
	const char *drivers = m->disk ? json_str(m->disk->extra, "drivers", "") : json_str(ocean_image(c, image), "drivers", "");
	struct sim_store *s;

	a->errs = cloud_fault(c, FAULT_SNAPSHOT_ERRS);
	if (a->errs)
		return;
	s = cloud_store_new(c, SIM_DISK_SNAPSHOT, name, m->host);
	snprintf(s->id, sizeof(s->id), "%lld", (long long)(FIRST_IMAGE + ++o->images));
	s->machine = m;
	s->gb = json_int(o->sizes[m->offer].row, "disk", 25);
	s->used_mb = DROPLET_MB;
	s->ready = a->ends;
	s->visible = instant_max(s->visible, s->ready);
	json_put_str(s->extra, "drivers", drivers);
	json_put(s->extra, "tags", json_array());
	placed(s);
	priced(c, s);
}

void ocean_snapshot_volume(struct cloud *c, const struct sim_request *q, struct sim_store *volume, struct sim_response *r)
{
	json_t *body = sim_body(q);
	const char *name = json_str(body, "name", "");
	duration wait = OF_VOLUME_WAIT * c->options.timing.pace / 100;
	struct sim_store *s;
	instant latest = 0;
	int n = 0;

	for (size_t i = 0; i < c->store_count; i++) {
		if (c->stores[i]->kind != SIM_VOLUME_SNAPSHOT || c->stores[i]->source != volume)
			continue;
		latest = c->stores[i]->created;
		n += !c->stores[i]->deleted;
	}
	if (!*name)
		ocean_refuse(r, "Name can't be blank");
	else if (!ocean_tags_valid(json_object_get(body, "tags")))
		ocean_refuse(r, "Tag name is invalid; letters, numbers, colons, dashes and underscores are allowed");
	else if (n >= OF_VOLUME_MAX)
		ocean_refuse(r, "The volume has reached its limit of 25 snapshots");
	else if (latest && c->now < latest + wait)
		ocean_refuse(r, "A snapshot of this volume can be made once every 10 minutes");
	else if (!cloud_store_refused(c, r)) {
		s = cloud_store_new(c, SIM_VOLUME_SNAPSHOT, name, volume->place);
		snprintf(s->id, sizeof(s->id), "8fa70202-873f-11e6-8b68-%012llx", (unsigned long long)s->serial);
		s->source = volume;
		s->gb = volume->gb;
		s->used_mb = volume->used_mb;
		str_copy(s->format, volume->format);
		json_put(s->extra, "tags", ocean_tags_of(body));
		placed(s);
		priced(c, s);
		sim_answer_json(r, 201, json_pack("{so}", "snapshot", ocean_snapshot_view(c, s)));
		cloud_store_answered(c, r);
	}
	json_decref(body);
}

void ocean_snapshot_delete(struct cloud *c, struct sim_store *s, struct sim_response *r)
{
	if (cloud_store_delete_refused(c, r))
		return;
	cloud_store_delete(c, s);
	sim_answer_empty(r, 204);
}

/* ---- /v2/snapshots ---- */

static void list(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	char type[32];
	bool by_type = SIM_QUERY(q, "resource_type", type), droplets = !by_type || !strcmp(type, "droplet"),
	     volumes = !by_type || !strcmp(type, "volume");
	json_t *all;

	if (cloud_store_list_refused(c, r))
		return;
	if (!droplets && !volumes) {
		ocean_refuse(r, "resource_type must be droplet or volume");
		return;
	}
	all = json_array();
	for (size_t i = 0; i < c->store_count; i++)
		if ((droplets && listed(c, c->stores[i], SIM_DISK_SNAPSHOT)) || (volumes && listed(c, c->stores[i], SIM_VOLUME_SNAPSHOT)))
			json_array_append_new(all, ocean_snapshot_view(c, c->stores[i]));
	ocean_page(c, q, "/v2/snapshots", "snapshots", all, r);
}

static json_t *image_of(const struct cloud *c, const char *id)
{
	int64_t n = 0;
	json_t *wanted = json_integer(str_to_i64(id, 1, INT64_MAX, &n) ? n : 0), *image = ocean_image(c, wanted);

	json_decref(wanted);
	return image;
}

void ocean_snapshots(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	const char *id = p->part[p->n - 1];
	struct sim_store *s = cloud_store_find(c, id);
	bool get = !strcmp(q->method, "GET");

	if (p->n == 2 && get)
		list(c, q, r);
	else if (p->n > 2 && image_of(c, id))
		ocean_error(r, 400, "bad_request", "the resource is not a snapshot");
	else if (p->n == 2 || !s || s->kind == SIM_VOLUME || !cloud_store_shown(c, s))
		ocean_absent(r);
	else if (get)
		sim_answer_json(r, 200, json_pack("{so}", "snapshot", ocean_snapshot_view(c, s)));
	else if (!strcmp(q->method, "DELETE"))
		ocean_snapshot_delete(c, s, r);
	else
		ocean_absent(r);
}

/* ---- /v2/images ---- */

static void list_images(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	char type[32], private[8];
	bool typed = SIM_QUERY(q, "type", type), own = SIM_QUERY(q, "private", private) && !strcmp(private, "true");
	json_t *all, *row;
	size_t i;

	if (own && cloud_store_list_refused(c, r))
		return;
	all = json_array();
	if (!own)
		json_array_foreach (json_object_get(c->inventory, "images"), i, row)
			json_array_append_new(all, ocean_image_view(row));
	for (i = 0; i < c->store_count && !typed; i++)
		if (listed(c, c->stores[i], SIM_DISK_SNAPSHOT))
			json_array_append_new(all, ocean_snapshot_image(c, c->stores[i]));
	ocean_page(c, q, "/v2/images", "images", all, r);
}

static void transfer(struct cloud *c, const struct sim_request *q, struct sim_store *s, struct sim_response *r)
{
	json_t *body = sim_body(q), *where;
	const char *region = json_str(body, "region", "");
	struct ocean_action *a;

	where = ocean_region_view(c, region);
	if (strcmp(json_str(body, "type", ""), "transfer")) {
		ocean_refuse(r, "You specified an invalid action type.");
	} else if (!where) {
		ocean_refuse(r, "Region is not available");
	} else if (json_object_get(json_object_get(s->extra, "regions"), region)) {
		ocean_refuse(r, "The image is already available in this region");
	} else {
		a = ocean_action_new(c, NULL, "transfer", c->options.timing.snapshot);
		a->store = s;
		a->errs = cloud_fault(c, FAULT_SNAPSHOT_ERRS);
		if (!a->errs)
			json_put_int(json_object_get(s->extra, "regions"), region, a->ends);
		sim_answer_json(r, 201, json_pack("{so}", "action", ocean_action_view(c, a)));
	}
	json_decref(where);
	json_decref(body);
}

/* An image of the provider's own, by its integer or slug: to look at only. */
static void public_image(struct cloud *c, const struct sim_request *q, const char *id, struct sim_response *r)
{
	json_t *slug = json_string(id), *image = image_of(c, id);

	image = image ? image : ocean_image(c, slug);
	if (!image)
		ocean_absent(r);
	else if (!strcmp(q->method, "GET"))
		sim_answer_json(r, 200, json_pack("{so}", "image", ocean_image_view(image)));
	else
		ocean_error(r, 403, "forbidden", "You do not have access for the attempted action.");
	json_decref(slug);
}

void ocean_images(struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET");
	struct sim_store *s = p->n > 2 ? cloud_store_find(c, p->part[2]) : NULL;

	if (s && !listed(c, s, SIM_DISK_SNAPSHOT))
		s = NULL;
	if (p->n == 2 && get)
		list_images(c, q, r);
	else if (p->n == 3 && !s)
		public_image(c, q, p->part[2], r);
	else if (!s)
		ocean_absent(r);
	else if (p->n == 3 && get)
		sim_answer_json(r, 200, json_pack("{so}", "image", ocean_snapshot_image(c, s)));
	else if (p->n == 3 && !strcmp(q->method, "DELETE"))
		ocean_snapshot_delete(c, s, r);
	else if (p->n == 4 && !strcmp(p->part[3], "actions") && get)
		ocean_action_list(c, q, q->path, NULL, s, r);
	else if (p->n == 4 && !strcmp(p->part[3], "actions") && !strcmp(q->method, "POST"))
		transfer(c, q, s, r);
	else if (p->n == 5 && !strcmp(p->part[3], "actions") && get)
		ocean_action_one(c, p->part[4], r);
	else
		ocean_absent(r);
}
