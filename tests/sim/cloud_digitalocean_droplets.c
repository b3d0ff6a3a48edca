/*
 * DigitalOcean: droplets and their actions (providers/digitalocean.md §5, §8–9).
 */
#include "cloud_digitalocean.h"

#include <ctype.h>

/* ---- actions ---- */

struct ocean_action *ocean_action_new(struct cloud *c, const struct sim_machine *m, const char *type, duration length)
{
	struct ocean *o = c->own;
	struct ocean_action *a;

	o->actions = xreallocarray(o->actions, o->action_count + 1, sizeof(*o->actions));
	a = &o->actions[o->action_count];
	*a = (struct ocean_action){ .id = 7515 + (int64_t)o->action_count,
		.droplet = m,
		.started = c->now,
		.ends = length == FOREVER ? FOREVER : c->now + length };
	o->action_count++;
	str_copy(a->type, type);
	return a;
}

static const char *action_status(const struct cloud *c, const struct ocean_action *a)
{
	if (c->now < a->ends)
		return "in-progress";
	return a->errs ? "errored" : "completed";
}

/* Actions of volumes name no resource (§5.5). */
json_t *ocean_action_view(const struct cloud *c, const struct ocean_action *a)
{
	char started[32], ended[32];
	const char *kind = !a->store ? "droplet" : a->store->kind == SIM_VOLUME ? "volume" : "image";
	const char *region = a->store ? a->store->place : a->droplet->host;
	json_t *id = json_null();
	int64_t n = 0;

	if (!a->store || a->store->kind != SIM_VOLUME) {
		str_to_i64(a->store ? a->store->id : a->droplet->id, 1, INT64_MAX, &n);
		id = json_integer(n);
	}
	instant_format(a->started, false, started);
	instant_format(a->ends, false, ended);
	return json_pack("{sI ss ss ss ss? so ss so? ss}", "id", (json_int_t)a->id, "status", action_status(c, a), "type", a->type,
	    "started_at", started, "completed_at", c->now < a->ends ? NULL : ended, "resource_id", id, "resource_type", kind, "region",
	    ocean_region_view(c, region), "region_slug", region);
}

bool ocean_pending(const struct cloud *c, const struct sim_machine *m, const char *type)
{
	const struct ocean *o = c->own;

	for (size_t i = 0; i < o->action_count; i++)
		if (o->actions[i].droplet == m && c->now < o->actions[i].ends && (!type || !strcmp(type, o->actions[i].type)))
			return true;
	return false;
}

void ocean_action_one(struct cloud *c, const char *id, struct sim_response *r)
{
	struct ocean *o = c->own;
	int64_t n = 0;

	str_to_i64(id, 1, INT64_MAX, &n);
	if (n >= 7515 && n < 7515 + (int64_t)o->action_count)
		sim_answer_json(r, 200,
		    json_pack("{so}", "action", ocean_action_view(c, &o->actions[n - 7515])));
	else
		ocean_absent(r);
}

void ocean_action_list(struct cloud *c, const struct sim_request *q, const char *path, const struct sim_machine *m,
    const struct sim_store *s, struct sim_response *r)
{
	const struct ocean *o = c->own;
	json_t *all = json_array();

	for (size_t i = o->action_count; i-- > 0;)
		if (s ? o->actions[i].store == s : o->actions[i].droplet == m && !o->actions[i].store)
			json_array_append_new(all, ocean_action_view(c, &o->actions[i]));
	ocean_page(c, q, path, "actions", all, r);
}

/* ---- views ---- */

const char *ocean_state(const struct cloud *c, const struct sim_machine *m)
{
	if (m->odd_state)
		return "migrating";
	if (c->now < m->running)
		return "new";
	return m->stopped ? "off" : "active";
}

static json_t *droplet(struct cloud *c, const struct sim_machine *m)
{
	const struct ocean_size *s = &((struct ocean *)c->own)->sizes[m->offer];
	json_t *size = ocean_size_view(s), *v4 = json_array(), *j = json_object();
	bool addressed = m->running != FOREVER && c->now >= m->running + c->options.timing.address;
	bool tagged = c->now >= m->created + c->options.timing.tags;
	const json_t *image = json_object_get(m->extra, "image"); /* the snapshot that it came from, which may be gone */
	char text[32], private[32];
	int64_t id = 0;

	str_to_i64(m->id, 1, INT64_MAX, &id);
	snprintf(private, sizeof(private), "10.118.%d.%d", (int)(id / 250 % 16), (int)(id % 250 + 2)); /* one VPC of the region */
	instant_format(m->created, false, text);
	if (addressed) {
		json_array_append_new(
		    v4, json_pack("{ss ss ss ss}", "ip_address", private, "netmask",
			    "255.255.240.0", "gateway", "nil", "type", "private"));
		json_array_append_new(
		    v4, json_pack("{ss ss ss ss}", "ip_address", m->address, "netmask",
			    "255.255.255.0", "gateway", "192.241.165.1", "type", "public"));
	}
	json_put_int(j, "id", id);
	json_put_str(j, "name", m->name);
	json_put(j, "memory", json_incref(json_object_get(size, "memory")));
	json_put(j, "vcpus", json_incref(json_object_get(size, "vcpus")));
	json_put(j, "disk", json_incref(json_object_get(size, "disk")));
	json_put(j, "disk_info", json_incref(json_object_get(size, "disk_info")));
	json_put_bool(j, "locked", false);
	json_put_str(j, "status", ocean_state(c, m));
	json_put(j, "kernel", json_null());
	json_put_str(j, "created_at", text);
	json_put(j, "features", json_array());
	json_put(j, "backup_ids", json_array());
	json_put(j, "next_backup_window", json_null());
	json_put(j, "snapshot_ids", ocean_snapshot_ids(c, m));
	json_put(j, "image", image ? json_deep_copy(image) : ocean_image_view(ocean_image(c, json_object_get(m->ask, "image"))));
	json_put(j, "volume_ids", ocean_volume_ids(c, m));
	json_put_str(j, "size_slug", s->slug);
	json_put(j, "networks", json_pack("{so so}", "v4", v4, "v6", json_array()));
	json_put(j, "region", ocean_region_view(c, m->host));
	json_put(
	    j, "tags", tagged ? json_deep_copy(json_object_get(m->extra, "tags")) : json_array());
	if (json_object_get(size, "gpu_info"))
		json_put(j, "gpu_info", json_incref(json_object_get(size, "gpu_info")));
	json_put(j, "size", size);
	return j;
}

/* ---- lists ---- */

bool ocean_has_tag(const struct cloud *c, const struct sim_machine *m, const char *tag)
{
	json_t *v;
	size_t i;

	if (c->now < m->created + c->options.timing.tags)
		return false;
	json_array_foreach (json_object_get(m->extra, "tags"), i, v)
		if (str_ieq(json_string_value(v), tag))
			return true;
	return false;
}

static void list(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	char type[32], tag[256], name[256];
	bool by_type = SIM_QUERY(q, "type", type), by_tag = SIM_QUERY(q, "tag_name", tag),
	     by_name = SIM_QUERY(q, "name", name);
	struct sim_machine **all;
	json_t *rows;
	size_t n;

	if (cloud_list_refused(c, r))
		return;
	if (by_tag && (by_type || by_name)) {
		ocean_refuse(r, "tag_name cannot be combined with type or name");
		return;
	}
	if (by_type && strcmp(type, "gpus") && strcmp(type, "droplets")) {
		ocean_refuse(r, "type must be droplets or gpus");
		return;
	}
	all = cloud_listing(c, &n);
	rows = json_array();
	for (size_t i = 0; i < n; i++) {
		bool gpu = all[i]->count > 0, wanted = gpu == !strcmp(type, "gpus");

		if (by_tag)
			wanted = ocean_has_tag(c, all[i], tag);
		if (wanted && (!by_name || str_ieq(name, all[i]->name)))
			json_array_append_new(rows, droplet(c, all[i]));
	}
	free(all);
	ocean_page(c, q, "/v2/droplets", "droplets", rows, r);
}

/* ---- create ---- */

/* ^[a-zA-Z0-9]?[a-z0-9A-Z.\-]*[a-z0-9A-Z]$ */
static bool good_name(const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (!n || n > 255 || !isalnum((unsigned char)s[n - 1]))
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && *s != '.' && *s != '-')
			return false;
	return true;
}

bool ocean_tags_valid(const json_t *tags)
{
	json_t *v;
	size_t i;

	json_array_foreach ((json_t *)tags, i, v) {
		const char *s = json_string_value(v);

		if (!s || !*s || strlen(s) > 255)
			return false;
		for (; *s; s++)
			if (!isalnum((unsigned char)*s) && !strchr("_-:", *s))
				return false;
	}
	return true;
}

json_t *ocean_tags_of(const json_t *body)
{
	const json_t *tags = json_object_get(body, "tags");

	return json_is_array(tags) ? json_deep_copy(tags) : json_array();
}

static int in_use(const struct cloud *c, bool gpus)
{
	int n = 0;

	for (size_t i = 0; i < c->machine_count; i++)
		if (!c->machines[i]->deleted)
			n += gpus ? c->machines[i]->count : 1;
	return n;
}

/* True when all keys are known; an unknown one has been answered. */
static bool keys_known(struct cloud *c, const json_t *body, struct sim_response *r)
{
	json_t *v;
	size_t i;

	json_array_foreach (json_object_get(body, "ssh_keys"), i, v) {
		char text[200], *shown;

		if (ocean_key_find(c, v))
			continue;
		shown = json_text(v);
		snprintf(text, sizeof(text),
		    "%.80s are invalid key identifiers for Droplet creation.", shown);
		free(shown);
		ocean_refuse(r, text);
		return false;
	}
	return true;
}

/* The provider's own images start anywhere; a snapshot in its regions, on a disk that is large enough, and by its integer (§6). */
static bool image_usable(struct cloud *c, const json_t *body, const struct ocean_size *s, struct sim_response *r)
{
	const json_t *wanted = json_object_get(body, "image");
	const struct sim_store *snapshot = ocean_snapshot_find(c, wanted);
	char text[160];

	if (ocean_image(c, wanted))
		return true;
	if (!snapshot) {
		ocean_refuse(r, "You specified an invalid image for Droplet creation.");
	} else if (!ocean_snapshot_in(c, snapshot, json_str(body, "region", ""))) {
		ocean_refuse(r, "The image you specified is not available in the selected region, please choose a different region.");
	} else if (json_int(s->row, "disk", 25) < snapshot->gb) {
		snprintf(text, sizeof(text), "This image requires a disk of at least %lld GB; choose a larger size.", (long long)snapshot->gb);
		ocean_refuse(r, text);
	} else {
		return true;
	}
	return false;
}

static bool valid(struct cloud *c, const json_t *body, const struct ocean_size *s, int copies,
    struct sim_response *r)
{
	struct ocean *o = c->own;
	const char *region = json_str(body, "region", NULL),
		   *data = json_str(body, "user_data", "");
	json_t *where = region ? ocean_region_view(c, region) : NULL;
	int stock = s && region ? ocean_stock(s, region) : -1;
	bool known = where != NULL;

	json_decref(where);
	if (!s)
		ocean_refuse(r, "You specified an invalid size for Droplet creation.");
	else if (!known)
		ocean_refuse(r, "Region is not available");
	else if (!image_usable(c, body, s, r) || !ocean_volumes_free(c, body, copies, r))
		return false;
	else if (!ocean_tags_valid(json_object_get(body, "tags")))
		ocean_refuse(r,
		    "Tag name is invalid; letters, numbers, colons, dashes and underscores are allowed");
	else if (strlen(data) > 64 * 1024)
		ocean_refuse(r, "User data is too long (maximum is 64 KiB)");
	else if (!keys_known(c, body, r))
		return false;
	else if (in_use(c, true) + s->gpus * copies > o->gpu_limit)
		ocean_refuse(r, "creating this/these droplet(s) will exceed your GPU limit");
	else if (in_use(c, false) + copies > o->droplet_limit)
		ocean_refuse(r, "creating this/these droplet(s) will exceed your droplet limit");
	else if (stock < copies)
		ocean_refuse(r, "Size is not available in this region.");
	else
		return true;
	return false;
}

/* Does this image carry the drivers for these GPUs? */
static bool image_fits(const struct cloud *c, const struct sim_machine *m)
{
	const json_t *image = json_object_get(m->ask, "image");
	const struct sim_store *snapshot = ocean_snapshot_find(c, image);
	const char *drivers = snapshot ? json_str(snapshot->extra, "drivers", "") : json_str(ocean_image(c, image), "drivers", "");

	return m->gpu && !strcmp(drivers, m->gpu->vendor);
}

static struct sim_machine *make(
    struct cloud *c, const struct ocean_size *s, const json_t *body, const char *name)
{
	struct sim_machine *m = cloud_machine_new(c, s->gpu, s->gpus, s->price, body);
	const struct sim_store *snapshot = ocean_snapshot_find(c, json_object_get(body, "image"));
	json_t *stock, *v;
	struct ocean_action *a;
	size_t i;

	snprintf(m->id, sizeof(m->id), "%lld", (long long)c->next_id++);
	str_copy(m->name, name);
	str_copy(m->host, json_str(body, "region", ""));
	m->offer = (size_t)(s - ((struct ocean *)c->own)->sizes);
	m->visible = m->visible > c->now + c->options.timing.visible ? m->visible : c->now;
	json_put(m->extra, "tags", ocean_tags_of(body));
	if (snapshot) {
		json_put(m->extra, "image", ocean_snapshot_image(c, snapshot));
		m->disk = snapshot;
	}
	json_array_foreach (json_object_get(body, "ssh_keys"), i, v)
		buf_printf(&m->keys, "%s\n", json_str(ocean_key_find(c, v), "public_key", ""));
	m->drivers = image_fits(c, m);
	stock = json_object_get(json_object_get(s->row, "stock"), m->host);
	json_integer_set(stock, json_integer_value(stock) - 1);
	a = ocean_action_new(c, m, "create", m->running == FOREVER ? FOREVER : m->running - c->now);
	json_put_int(m->extra, "action", a->id);
	ocean_volumes_take(c, body, m);
	if (cloud_fault(c, FAULT_CREATE_ASYNC_FAIL)) {
		/* Accepted, placed nowhere: the action errs, the droplet goes, nothing is billed. */
		a->errs = true;
		a->ends = c->now + c->options.timing.boot;
		m->failed = true;
		m->running = m->ssh = FOREVER;
		m->deleted = c->now;
		m->gone = a->ends;
		cloud_store_release(c, m);
		json_integer_set(stock, json_integer_value(stock) + 1);
		return m;
	}
	cloud_meter_start(c, m, "droplet", m->price, HOUR);
	return m;
}

static json_t *created(struct cloud *c, struct sim_machine *const *made, int n, bool many)
{
	json_t *droplets = json_array(), *actions = json_array(), *one;

	for (int i = 0; i < n; i++) {
		json_int_t id = json_int(made[i]->extra, "action", 0);
		char href[96];

		snprintf(href, sizeof(href), "https://api.digitalocean.com/v2/actions/%lld",
		    (long long)id);
		json_array_append_new(droplets, droplet(c, made[i]));
		json_array_append_new(
		    actions, json_pack("{sI ss ss}", "id", id, "rel", "create", "href", href));
	}
	if (many)
		return json_pack("{so s{so}}", "droplets", droplets, "links", "actions", actions);
	one = json_pack(
	    "{sO s{so}}", "droplet", json_array_get(droplets, 0), "links", "actions", actions);
	json_decref(droplets);
	return one;
}

static void create(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q), *names = json_object_get(body, "names"), *v;
	const struct ocean_size *s = ocean_size_find(c, json_str(body, "size", ""));
	struct sim_machine *made[10];
	int n = names ? (int)json_array_size(names) : 1, count = 0;
	bool named = n >= 1 && n <= 10;
	size_t i;

	json_array_foreach (names, i, v)
		named = named && good_name(json_string_value(v));
	named = named && (names || good_name(json_str(body, "name", NULL)));
	if (!json_is_object(body))
		ocean_error(r, 400, "bad_request", "the request body is not valid JSON");
	else if (!named)
		ocean_refuse(r, "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)");
	else if (!cloud_create_refused(c, r) && valid(c, body, s, n, r)) {
		for (; count < n; count++)
			made[count] = make(c, s, body,
			    names ? json_string_value(json_array_get(names, (size_t)count))
				  : json_str(body, "name", ""));
		if (cloud_fault(c, FAULT_CREATE_TWICE) && ocean_stock(s, made[0]->host) > 0)
			make(c, s, body, made[0]->name);
		sim_answer_json(r, 202, created(c, made, count, names != NULL));
		cloud_create_answered(c, r);
	}
	json_decref(body);
}

/* ---- one droplet ---- */

/* The action does not tell which image it makes (§6). */
static void snapshot(struct cloud *c, struct sim_machine *m, const char *name, struct sim_response *r)
{
	struct ocean_action *a;
	char own[300];

	if (cloud_store_refused(c, r))
		return;
	snprintf(own, sizeof(own), "%.255s-%lld", m->name, (long long)(c->now / MSEC));
	a = ocean_action_new(c, m, "snapshot", c->options.timing.snapshot);
	ocean_snapshot_droplet(c, m, name && *name ? name : own, a);
	sim_answer_json(r, 201, json_pack("{so}", "action", ocean_action_view(c, a)));
	cloud_store_answered(c, r);
}

static void act(
    struct cloud *c, const struct sim_request *q, struct sim_machine *m, struct sim_response *r)
{
	static const char *const types[] = { "reboot", "power_cycle", "shutdown", "power_off",
		"power_on", "rename", "snapshot" };
	json_t *body = sim_body(q);
	const char *type = json_str(body, "type", ""), *name = json_str(body, "name", NULL);
	size_t i = 0;

	while (i < ARRAY_LEN(types) && strcmp(types[i], type))
		i++;
	if (i == ARRAY_LEN(types)) {
		ocean_refuse(r, "You specified an invalid action type.");
	} else if (!strcmp(type, "rename") && !good_name(name)) {
		ocean_refuse(r, "Only valid hostname characters are allowed. (a-z, A-Z, 0-9, . and -)");
	} else if (m->deleted || ocean_pending(c, m, NULL)) {
		c->model->error(c, r, SIM_E_BUSY);
	} else if (!strcmp(type, "snapshot")) {
		snapshot(c, m, name, r);
	} else {
		struct ocean_action *a = ocean_action_new(c, m, type, c->options.timing.address);

		if (!strcmp(type, "rename"))
			str_copy(m->name, name);
		else if (i <= 4)
			cloud_power(c, m, i != 2 && i != 3);
		sim_answer_json(r, 201, json_pack("{so}", "action", ocean_action_view(c, a)));
	}
	json_decref(body);
}

static void delete_one(struct cloud *c, struct sim_machine *m, struct sim_response *r)
{
	if (!m->deleted && ocean_pending(c, m, "snapshot"))
		c->model->error(c, r, SIM_E_BUSY);
	else if (cloud_delete(c, m, r))
		sim_answer_empty(r, 204);
}

/* Deletes every droplet with the tag, as the provider does: here so that a client that calls it is found out. */
static void delete_tagged(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	char tag[256];

	if (!SIM_QUERY(q, "tag_name", tag)) {
		ocean_error(r, 400, "bad_request", "tag_name is required");
		return;
	}
	for (size_t i = 0; i < c->machine_count; i++) {
		if (!cloud_shown(c, c->machines[i]) || c->machines[i]->deleted ||
		    !ocean_has_tag(c, c->machines[i], tag))
			continue;
		cloud_end(c, c->machines[i]);
		c->machines[i]->gone = c->now + c->options.timing.destroy;
	}
	sim_answer_empty(r, 204);
}

void ocean_droplets(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	bool get = !strcmp(q->method, "GET"), post = !strcmp(q->method, "POST"),
	     delete = !strcmp(q->method, "DELETE");
	struct sim_machine *m = NULL;

	if (!strcmp(p->part[1], "actions")) {
		if (p->n == 3 && get)
			ocean_action_one(c, p->part[2], r);
		else
			ocean_absent(r);
		return;
	}
	if (p->n >= 3)
		m = cloud_find(c, p->part[2]);
	if (p->n == 2 && get)
		list(c, q, r);
	else if (p->n == 2 && post)
		create(c, q, r);
	else if (p->n == 2 && delete)
		delete_tagged(c, q, r);
	else if (!cloud_answers_for(c, m, q))
		ocean_absent(r);
	else if (p->n == 3 && get)
		sim_answer_json(r, 200, json_pack("{so}", "droplet", droplet(c, m)));
	else if (p->n == 3 && delete)
		delete_one(c, m, r);
	else if (p->n == 4 && post && !strcmp(p->part[3], "actions"))
		act(c, q, m, r);
	else if (p->n == 4 && get && !strcmp(p->part[3], "actions"))
		ocean_action_list(c, q, q->path, m, NULL, r);
	else if (p->n == 4 && get && !strcmp(p->part[3], "snapshots"))
		ocean_snapshot_list(c, q, q->path, SIM_DISK_SNAPSHOT, m->id, r);
	else if (p->n == 5 && get && !strcmp(p->part[3], "actions"))
		ocean_action_one(c, p->part[4], r);
	else
		ocean_absent(r);
}
