/*
 * DigitalOcean: the API's frame, catalog, account and keys (providers/digitalocean.md).
 *
 * What is easy to get wrong, and is modelled: lists hide GPU droplets without type=gpus; 202 means nothing yet, the create can
 * end `errored` and the droplet vanish; tags come late; a deleted droplet is shown for a while; powered off bills in full;
 * page links carry the production host; key lists have their own limit.
 */
#include "cloud_digitalocean.h"

#include "base/crypto.h"

void ocean_error(struct sim_response *r, int status, const char *id, const char *message)
{
	sim_answer_json(r, status,
	    json_pack("{ss ss ss}", "id", id, "message", message, "request_id",
		"4d9d8375-3c56-4925-a3e7-eb137fed17e9"));
}

void ocean_absent(struct sim_response *r)
{
	ocean_error(r, 404, "not_found", "The resource you requested could not be found.");
}

void ocean_refuse(struct sim_response *r, const char *message)
{
	ocean_error(r, 422, "unprocessable_entity", message);
}

static void error(struct cloud *c, struct sim_response *r, enum sim_error e)
{
	switch (e) {
	case SIM_E_SERVER:
		ocean_error(r, 500, "server_error", "Unexpected server-side error");
		return;
	case SIM_E_AUTH: ocean_error(r, 401, "unauthorized", "Unable to authenticate you"); return;
	case SIM_E_RATE:
		ocean_error(r, 429, "too_many_requests", "API Rate limit exceeded.");
		sim_add_header(r, "retry-after", "%d", 60 - (int)(c->now / SECOND % 60));
		return;
	case SIM_E_CAPACITY:
		ocean_error(
		    r, 422, "unprocessable_entity", "Size is not available in this region.");
		return;
	case SIM_E_MONEY:
		ocean_error(r, 422, "unprocessable_entity",
		    "Your account must have a valid payment method to create droplets.");
		return;
	case SIM_E_QUOTA:
		ocean_error(r, 422, "unprocessable_entity",
		    "creating this/these droplet(s) will exceed your GPU limit");
		return;
	case SIM_E_DENIED:
		ocean_error(
		    r, 403, "forbidden", "You are not authorized to perform this operation");
		return;
	case SIM_E_BUSY:
		ocean_error(r, 422, "unprocessable_entity", "Droplet already has a pending event.");
		return;
	case SIM_E_ABSENT: break;
	}
	ocean_absent(r);
}

static void open_model(struct cloud *c)
{
	struct ocean *o = xcalloc(1, sizeof(*o));
	json_t *sizes = json_object_get(c->inventory, "sizes"), *row;
	size_t i;

	c->own = o;
	c->next_id = 448543583;
	o->count = json_array_size(sizes);
	o->sizes = xcalloc(o->count + 1, sizeof(*o->sizes));
	o->tags = json_array();
	o->droplet_limit = (int)json_int(c->inventory, "droplet_limit", 25);
	o->gpu_limit = (int)json_int(c->inventory, "gpu_limit", 64);
	o->minimum = json_int(c->inventory, "minimum_seconds", 60) * SECOND;
	json_array_foreach (sizes, i, row) {
		o->sizes[i] = (struct ocean_size){ .row = row,
			.slug = json_str(row, "slug", ""),
			.gpu = json_str(row, "gpu", ""),
			.gpus = (int)json_int(row, "count", 0) };
		json_money(row, "price", &o->sizes[i].price);
	}
}

static void reprice(struct cloud *c, int percent)
{
	struct ocean *o = c->own;

	for (size_t i = 0; i < json_array_size(json_object_get(c->inventory, "sizes")); i++)
		o->sizes[i].price = o->sizes[i].price * percent / 100;
}

static void close_model(struct cloud *c)
{
	struct ocean *o = c->own;

	json_decref(o->tags);
	free(o->sizes);
	free(o->actions);
	free(o->calls);
	free(o);
}

/* ---- pages ---- */

static void page_link(json_t *pages, const char *rel, const char *path, const char *query,
    int64_t page, int64_t per_page)
{
	struct buf b = BUF(2048);

	/* The real host, whoever serves it: a client keeps its own base address. */
	buf_printf(&b, "https://api.digitalocean.com%s?%spage=%lld&per_page=%lld", path, query,
	    (long long)page, (long long)per_page);
	json_put_str(pages, rel, buf_str(&b));
	buf_free(&b);
}

void ocean_page(struct cloud *c, const struct sim_request *q, const char *path, const char *key,
    json_t *all, struct sim_response *r)
{
	static const char *const kept[] = { "type", "tag_name", "name", "region", "resource_type", "private" };
	int64_t page = 1, size = 20, total = (int64_t)json_array_size(all), last;
	char text[300];
	struct buf query = BUF(1024);
	json_t *rows = json_array(), *pages = json_object(), *j = json_object();
	bool loop = !strcmp(key, "droplets") && cloud_fault(c, FAULT_LIST_LOOP);

	if (SIM_QUERY(q, "page", text))
		str_to_i64(text, 1, 1000000, &page);
	if (SIM_QUERY(q, "per_page", text))
		str_to_i64(text, 1, 1000000, &size);
	size = size > 200 ? 200 : size;
	last = total ? (total + size - 1) / size : 1;
	for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
		if (!SIM_QUERY(q, kept[i], text))
			continue;
		buf_printf(&query, "%s=", kept[i]);
		str_percent_encode(&query, text);
		buf_putc(&query, '&');
	}
	for (int64_t i = (page - 1) * size; i < page * size && i < total; i++)
		json_array_append(rows, json_array_get(all, (size_t)i));
	if (page > 1) {
		page_link(pages, "first", path, buf_str(&query), 1, size);
		page_link(pages, "prev", path, buf_str(&query), page - 1, size);
	}
	if (page < last || loop) {
		page_link(pages, "next", path, buf_str(&query), loop ? page : page + 1, size);
		page_link(pages, "last", path, buf_str(&query), last, size);
	}
	json_put(j, key, rows);
	json_put(j, "links", json_object());
	if (json_object_size(pages))
		json_put(json_object_get(j, "links"), "pages", pages);
	else
		json_decref(pages);
	json_put(j, "meta", json_pack("{sI}", "total", (json_int_t)total));
	sim_answer_json(r, 200, j);
	json_decref(all);
	buf_free(&query);
}

/* ---- sizes, regions, images ---- */

struct ocean_size *ocean_size_find(const struct cloud *c, const char *slug)
{
	struct ocean *o = c->own;

	for (size_t i = 0; i < o->count; i++)
		if (!strcmp(o->sizes[i].slug, slug))
			return &o->sizes[i];
	return NULL;
}

int ocean_stock(const struct ocean_size *s, const char *region)
{
	return (int)json_int(json_object_get(s->row, "stock"), region, -1);
}

/* Regions are listed where the size is sold, whether or not one is free now: only a create tells. */
json_t *ocean_size_view(const struct ocean_size *s)
{
	json_t *regions = json_array(), *n, *j = json_object(), *disks = json_array();
	const struct sim_gpu *gpu = sim_gpu_find(s->gpu);
	int64_t disk = json_int(s->row, "disk", 25), scratch = json_int(s->row, "scratch", 0);
	const char *region;
	char text[64];

	json_object_foreach (json_object_get(s->row, "stock"), region, n)
		json_array_append_new(regions, json_string(region));
	json_put_str(j, "slug", s->slug);
	json_put_int(j, "memory", json_int(s->row, "memory", 1024));
	json_put_int(j, "vcpus", json_int(s->row, "vcpus", 1));
	json_put_int(j, "disk", disk);
	json_put_int(j, "transfer", json_int(s->row, "transfer", 15));
	json_put_money(j, "price_monthly", s->price * 744);
	json_put_money(j, "price_hourly", s->price);
	json_put(j, "regions", regions);
	json_put_bool(j, "available", true);
	snprintf(text, sizeof(text), "%s GPU - %dX", s->gpu, s->gpus);
	json_put_str(j, "description", s->gpus ? text : "Basic");
	json_array_append_new(disks, json_pack("{ss s{sI ss}}", "type", "local", "size", "amount",
					 (json_int_t)disk, "unit", "gib"));
	if (scratch)
		json_array_append_new(disks, json_pack("{ss s{sI ss}}", "type", "scratch", "size",
						 "amount", (json_int_t)scratch, "unit", "gib"));
	json_put(j, "disk_info", disks);
	if (s->gpus)
		json_put(j, "gpu_info",
		    json_pack("{si ss s{sI ss}}", "count", s->gpus, "model",
			json_str(s->row, "model", gpu ? gpu->name : ""), "vram", "amount",
			(json_int_t)json_int(s->row, "vram", 0), "unit", "gib"));
	return j;
}

json_t *ocean_region_view(const struct cloud *c, const char *slug)
{
	struct ocean *o = c->own;
	json_t *row, *j, *sizes;
	size_t i;

	json_array_foreach (json_object_get(c->inventory, "regions"), i, row) {
		if (strcmp(json_str(row, "slug", ""), slug))
			continue;
		j = json_deep_copy(row);
		sizes = json_array();
		for (size_t k = 0; k < o->count; k++)
			if (json_object_get(json_object_get(o->sizes[k].row, "stock"), slug))
				json_array_append_new(sizes, json_string(o->sizes[k].slug));
		if (!json_object_get(row, "features"))
			json_put(j, "features", json_pack("[sss]", "storage", "metadata", "backups"));
		json_put_bool(j, "available", true);
		json_put(j, "sizes", sizes);
		return j;
	}
	return NULL;
}

json_t *ocean_image(const struct cloud *c, const json_t *wanted)
{
	json_t *row;
	size_t i;

	json_array_foreach (json_object_get(c->inventory, "images"), i, row)
		if ((json_is_string(wanted) &&
			!strcmp(json_str(row, "slug", ""), json_string_value(wanted))) ||
		    (json_is_integer(wanted) &&
			json_int(row, "id", 0) == json_integer_value(wanted)))
			return row;
	return NULL;
}

json_t *ocean_image_view(const json_t *image)
{
	json_t *j = json_deep_copy(image);

	json_object_del(j, "drivers"); /* the simulator's own */
	return j;
}

void ocean_catalog(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	struct ocean *o = c->own;
	json_t *all = json_array(), *row;
	size_t i;

	if (strcmp(q->method, "GET")) {
		json_decref(all);
		ocean_error(r, 405, "method_not_allowed", "Method not allowed");
	} else if (sim_path_is(p, "v2/sizes")) {
		for (i = 0; i < o->count; i++)
			json_array_append_new(all, ocean_size_view(&o->sizes[i]));
		ocean_page(c, q, "/v2/sizes", "sizes", all, r);
	} else if (sim_path_is(p, "v2/regions")) {
		json_array_foreach (json_object_get(c->inventory, "regions"), i, row)
			json_array_append_new(all, ocean_region_view(c, json_str(row, "slug", "")));
		ocean_page(c, q, "/v2/regions", "regions", all, r);
	} else {
		json_decref(all);
		ocean_absent(r);
	}
}

/* ---- account and keys ---- */

json_t *ocean_key_find(const struct cloud *c, const json_t *wanted)
{
	const char *text = json_string_value(wanted);
	int64_t id = json_is_integer(wanted) ? json_integer_value(wanted) : 0;
	json_t *row;
	size_t i;

	if (text)
		str_to_i64(text, 1, INT64_MAX, &id);
	json_array_foreach (c->keys, i, row)
		if ((id && json_int(row, "id", 0) == id) ||
		    (text && !strcmp(json_str(row, "fingerprint", ""), text)))
			return row;
	return NULL;
}

static void fingerprint(const char *base64, char out[64])
{
	uint8_t digest[16], *blob;
	size_t n;

	blob = crypto_base64_decode(base64, &n);
	crypto_md5(blob, n, digest);
	free(blob);
	for (int i = 0; i < 16; i++)
		snprintf(out + i * 3, 4, "%02x%s", digest[i], i < 15 ? ":" : "");
}

static void key_add(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	json_t *body = sim_body(q), *row, *print;
	char type[64], base64[2048], comment[256], text[64];
	const char *line = json_str(body, "public_key", ""), *name = json_str(body, "name", "");

	if (!*name || !cloud_key_parse(line, type, base64, comment)) {
		ocean_error(r, 422, "unprocessable_entity",
		    *name ? "Key invalid, key should be of the format `type key [comment]`"
			  : "Name can't be blank");
		goto out;
	}
	fingerprint(base64, text);
	print = json_string(text);
	row = ocean_key_find(c, print);
	json_decref(print);
	if (row) {
		ocean_error(
		    r, 422, "unprocessable_entity", "SSH Key is already in use on your account");
		goto out;
	}
	row = json_pack("{sI ss ss ss}", "id", (json_int_t)(512189 + (c->next_id++ - 448543583)),
	    "fingerprint", text, "public_key", line, "name", name);
	json_array_append_new(c->keys, row);
	sim_answer_json(r, 201, json_pack("{sO}", "ssh_key", row));
out:
	json_decref(body);
}

static void key_one(
    struct cloud *c, const struct sim_request *q, const char *which, struct sim_response *r)
{
	json_t *wanted = json_string(which), *row = ocean_key_find(c, wanted), *other;
	size_t i;

	json_decref(wanted);
	if (!row) {
		ocean_absent(r);
	} else if (!strcmp(q->method, "GET")) {
		sim_answer_json(r, 200, json_pack("{sO}", "ssh_key", row));
	} else if (!strcmp(q->method, "DELETE")) {
		json_array_foreach (c->keys, i, other)
			if (other == row)
				break;
		json_array_remove(c->keys, i);
		sim_answer_empty(r, 204);
	} else {
		ocean_error(r, 405, "method_not_allowed", "Method not allowed");
	}
}

/* Ten lists in sixty seconds, on its own. */
static bool key_list_limited(struct cloud *c)
{
	struct ocean *o = c->own;
	int oldest = 0;

	for (int i = 1; i < 10; i++)
		if (o->key_lists[i] < o->key_lists[oldest])
			oldest = i;
	if (o->key_lists[oldest] &&
	    o->key_lists[oldest] > c->now - MINUTE * c->options.timing.pace / 100)
		return true;
	o->key_lists[oldest] = c->now;
	return false;
}

void ocean_account(
    struct cloud *c, const struct sim_request *q, const struct sim_path *p, struct sim_response *r)
{
	struct ocean *o = c->own;
	bool get = !strcmp(q->method, "GET");

	if (p->n == 2 && get)
		sim_answer_json(r, 200,
		    json_pack("{s{si si ss ss ss sb ss ss s{ss ss}}}", "account", "droplet_limit",
			o->droplet_limit, "floating_ip_limit", 5, "email", "ops@example.com",
			"name", "Ops", "uuid", "b6fr89dbf6d9156cace5f3c78dc9851d957381ef",
			"email_verified", 1, "status", "active", "status_message", "", "team",
			"uuid", "5df3e3004a17e242b7c20ca6c9fc25b701a47ece", "name", "My Team"));
	else if (sim_path_is(p, "v2/account/keys") && get && key_list_limited(c))
		error(c, r, SIM_E_RATE);
	else if (sim_path_is(p, "v2/account/keys") && get)
		ocean_page(c, q, "/v2/account/keys", "ssh_keys", json_deep_copy(c->keys), r);
	else if (sim_path_is(p, "v2/account/keys") && !strcmp(q->method, "POST"))
		key_add(c, q, r);
	else if (sim_path_is(p, "v2/account/keys/?"))
		key_one(c, q, p->part[3], r);
	else
		ocean_absent(r);
}

/* ---- limits: 5,000 in any hour, 250 in any minute ---- */

static bool limited(struct cloud *c, struct sim_response *r)
{
	struct ocean *o = c->own;
	int pace = c->options.timing.pace;
	int64_t hour = pace ? 5000 * 100 / pace : INT32_MAX,
		minute = pace ? 250 * 100 / pace : INT32_MAX, burst = 0;
	size_t old = 0;

	while (old < o->call_count && o->calls[old] <= c->now - HOUR)
		old++;
	if (old)
		memmove(o->calls, o->calls + old, (o->call_count - old) * sizeof(*o->calls));
	o->call_count -= old;
	for (size_t i = o->call_count; i-- > 0 && o->calls[i] > c->now - MINUTE;)
		burst++;
	if (burst < minute && (int64_t)o->call_count < hour) {
		if (o->call_count == o->call_cap) {
			o->call_cap = o->call_cap ? o->call_cap * 2 : 256;
			o->calls = xreallocarray(o->calls, o->call_cap, sizeof(*o->calls));
		}
		o->calls[o->call_count++] = c->now;
	} else {
		ocean_error(r, 429, "too_many_requests", "API Rate limit exceeded.");
		sim_add_header(r, "ratelimit-remaining", "0");
		if (burst >= minute)
			sim_add_header(r, "retry-after", "%d", (int)(MINUTE / SECOND));
		return true;
	}
	sim_add_header(r, "ratelimit-limit", "%lld", (long long)hour);
	sim_add_header(
	    r, "ratelimit-remaining", "%lld", (long long)(hour - (int64_t)o->call_count));
	sim_add_header(r, "ratelimit-reset", "%lld", (long long)((o->calls[0] + HOUR) / SECOND));
	return false;
}

static void keys(struct cloud *c, const struct sim_machine *m, struct buf *out)
{
	(void)c;
	buf_append(out, buf_str(&m->keys), m->keys.len); /* fixed at first boot */
}

static void released(struct cloud *c, struct sim_machine *m)
{
	const struct ocean_size *s = &((struct ocean *)c->own)->sizes[m->offer];
	json_t *n = json_object_get(json_object_get(s->row, "stock"), m->host);

	json_integer_set(n, json_integer_value(n) + 1);
}

static void handle(struct cloud *c, const struct sim_request *q, struct sim_response *r)
{
	const char *auth = sim_header(q, "Authorization"), *what;
	struct sim_path p;

	sim_path_parse(&p, q->path);
	what = p.n > 1 ? p.part[1] : "";
	if (!auth || !str_starts(auth, "Bearer ") || strcmp(auth + 7, c->model->token))
		error(c, r, SIM_E_AUTH);
	else if (limited(c, r))
		return;
	else if (p.n < 2 || strcmp(p.part[0], "v2"))
		ocean_absent(r);
	else if (!strcmp(what, "droplets") || !strcmp(what, "actions"))
		ocean_droplets(c, q, &p, r);
	else if (!strcmp(what, "account"))
		ocean_account(c, q, &p, r);
	else if (!strcmp(what, "tags"))
		ocean_tags(c, q, &p, r);
	else if (!strcmp(what, "volumes"))
		ocean_volumes(c, q, &p, r);
	else if (!strcmp(what, "snapshots"))
		ocean_snapshots(c, q, &p, r);
	else if (!strcmp(what, "images"))
		ocean_images(c, q, &p, r);
	else if (!strcmp(what, "customers"))
		ocean_money(c, q, &p, r);
	else
		ocean_catalog(c, q, &p, r);
}

const struct cloud_model cloud_digitalocean = {
	.name = "digitalocean",
	.prefix = "/digitalocean",
	.token = "dop_v1_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	.inventory = ocean_inventory,
	.open = open_model,
	.handle = handle,
	.error = error,
	.cost = ocean_cost,
	.keys = keys,
	.state = ocean_state,
	.released = released,
	.reprice = reprice,
	.close = close_model,
};
