/*
 * DigitalOcean: volumes, and the list of all storage (providers/digitalocean.md §6).
 */
#include "base/str.h"
#include "providers/digitalocean.h"

#define VOLUME_GB_MAX 16384

/* ---- facts ---- */

bool digitalocean_read_storage_id(const json_t *j, const char *path, char out[ID_MAX])
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-";
	const char *text = json_str(j, path, "");

	if (!*text)
		return digitalocean_read_id(j, path, out);
	if (strlen(text) < ID_MAX && strspn(text, allowed) == strlen(text))
		return str_copy_n(out, ID_MAX, text);
	out[0] = '\0';
	return false;
}

static bool read_volume(const json_t *volume, struct storage *s)
{
	*s = (struct storage){ .kind = STORAGE_VOLUME, .state = STORAGE_READY };
	if (!digitalocean_read_storage_id(volume, "id", s->id))
		return false;
	str_copy(s->name, json_str(volume, "name", ""));
	str_copy(s->region, json_str(volume, "region.slug", ""));
	s->size_gb = digitalocean_whole(volume, "size_gigabytes");
	digitalocean_read_id(volume, "droplet_ids.0", s->machine); /* one at a time (§0.8) */
	json_time(volume, "created_at", &s->created);
	return true;
}

/* ---- the list: all volumes, then all snapshots ---- */

enum list_step { LIST_VOLUMES, LIST_SNAPSHOTS };

DIGITALOCEAN_BUILD(storage)
{
	(void)r;
	digitalocean_request_page(a, c, req, c->step == LIST_VOLUMES ? "volumes" : "snapshots");
}

static enum verdict read_rows(const struct op_args *a, const json_t *rows, enum list_step step, struct op_reply *r)
{
	struct storage s;
	const json_t *row;
	size_t i;

	if (!json_is_array(rows))
		return digitalocean_unreadable(r, step == LIST_VOLUMES ? "list of volumes" : "list of snapshots");
	json_array_foreach (rows, i, row) {
		/* the one that we cannot read may be ours */
		if (step == LIST_VOLUMES ? !read_volume(row, &s) : !digitalocean_read_snapshot(a->account, row, &s))
			return digitalocean_unreadable(r, step == LIST_VOLUMES ? "id for one of the volumes" : "id for one of the snapshots");
		*op_reply_add_storage(r) = s;
	}
	return VERDICT_OK;
}

DIGITALOCEAN_READ(storage)
{
	json_t *j = digitalocean_body_of(res, VERDICT_RETRY, r);
	enum list_step step = c->step == LIST_VOLUMES ? LIST_VOLUMES : LIST_SNAPSHOTS;
	const char *what = step == LIST_VOLUMES ? "volumes" : "snapshots";
	const json_t *rows = json_path(j, what);
	enum verdict v;

	if (!j)
		return r->verdict;
	v = read_rows(a, rows, step, r);
	if (v == VERDICT_OK)
		v = digitalocean_end_of_page(j, json_array_size(rows), what, c, r);
	if (v == VERDICT_OK && step == LIST_VOLUMES) {
		*c = (struct op_cursor){ .step = LIST_SNAPSHOTS };
		v = VERDICT_MORE;
	}
	json_decref(j);
	return v;
}

/* ---- make: a name is unique in its region, so one that is taken is looked up, and is ours when the name is ---- */

enum make_step { MAKE_ASK, MAKE_FIND };

static bool is_volume_name(const char *s)
{
	return *s >= 'a' && *s <= 'z' && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

/* No file system: the machine makes one, and only where it finds none. */
static json_t *make_body(const struct storage *wanted)
{
	json_t *body = json_object();

	json_put_str(body, "name", wanted->name);
	json_put_int(body, "size_gigabytes", wanted->size_gb);
	json_put_str(body, "region", wanted->region);
	if (*wanted->source)
		json_put_str(body, "snapshot_id", wanted->source);
	json_put(body, "tags", json_pack("[s]", DIGITALOCEAN_TAG));
	return body;
}

static void find_volume(const struct op_args *a, struct http_request *req)
{
	struct buf path = BUF(8 * ID_MAX);

	buf_puts(&path, "volumes?name=");
	str_percent_encode(&path, a->storage->name);
	buf_puts(&path, "&region=");
	str_percent_encode(&path, a->storage->region);
	digitalocean_request(a, req, "GET", buf_str(&path));
	buf_free(&path);
}

DIGITALOCEAN_BUILD(volume_make)
{
	const struct storage *wanted = a->storage;

	if (!is_volume_name(wanted->name) || !*wanted->region) {
		digitalocean_refuse(req, r, "a volume needs a region and a name of small letters, digits and '-' that begins with a letter");
	} else if (wanted->size_gb < 1 || wanted->size_gb > VOLUME_GB_MAX) {
		digitalocean_refuse(req, r, "a volume at DigitalOcean has 1 to 16384 GB");
	} else if (c->step == MAKE_FIND) {
		find_volume(a, req);
	} else {
		digitalocean_request(a, req, "POST", "volumes");
		http_request_json(req, make_body(wanted));
	}
}

static bool has_any(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (str_icontains(text, *words))
			return true;
	return false;
}

/* A definite no, told apart by its sentence as with droplets (§8). */
static enum verdict refusal_kind(const char *text)
{
	static const char *const quota[] = { "exceed", "limit", "payment", NULL };
	static const char *const sold_out[] = { "capacity", "unavailable", "not available", NULL };

	return has_any(text, quota) ? VERDICT_LIMIT : has_any(text, sold_out) ? VERDICT_NO_CAPACITY : VERDICT_REFUSED;
}

static enum verdict make_refused(struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	enum verdict v = digitalocean_failed(res, VERDICT_UNSURE, r);

	if (v != VERDICT_REFUSED)
		return v;
	/* That the name is taken is said with 409, as far as is known (§6). */
	if (res->status == 409 || (res->status == 422 && str_icontains(r->message, "already"))) {
		c->step = MAKE_FIND;
		return r->verdict = VERDICT_MORE;
	}
	return r->verdict = res->status == 422 ? refusal_kind(r->message) : v;
}

static enum verdict made_is(const json_t *volume, struct op_reply *r)
{
	if (digitalocean_read_storage_id(volume, "id", r->id))
		return r->verdict = VERDICT_OK;
	return op_fail(r, VERDICT_UNSURE, "DigitalOcean made a volume and told no usable id");
}

static enum verdict read_found(const struct op_args *a, const struct http_response *res, struct op_reply *r)
{
	json_t *j = digitalocean_body_of(res, VERDICT_RETRY, r);
	const json_t *volumes = json_path(j, "volumes"), *volume;
	size_t i;

	if (!j)
		return r->verdict;
	op_fail(r, VERDICT_RETRY, "DigitalOcean says that there is a volume '%s' in %s, and does not show it", a->storage->name, a->storage->region);
	json_array_foreach (volumes, i, volume)
		if (r->verdict != VERDICT_OK && !strcmp(json_str(volume, "name", ""), a->storage->name) &&
		    !strcmp(json_str(volume, "region.slug", ""), a->storage->region))
			made_is(volume, r);
	json_decref(j);
	return r->verdict;
}

DIGITALOCEAN_READ(volume_make)
{
	json_t *j;

	if (c->step == MAKE_FIND)
		return read_found(a, res, r);
	if (!digitalocean_is_success(res))
		return make_refused(c, res, r);
	j = digitalocean_body_of(res, VERDICT_UNSURE, r);
	if (!j)
		return r->verdict;
	made_is(json_path(j, "volume"), r);
	json_decref(j);
	return r->verdict;
}

/* ---- drop, attach, detach ---- */

static void request_volume(const struct op_args *a, struct http_request *req, const char *method, const char *suffix)
{
	struct buf path = BUF(8 * ID_MAX);

	buf_puts(&path, "volumes/");
	str_percent_encode(&path, a->storage->id);
	buf_puts(&path, suffix);
	digitalocean_request(a, req, method, buf_str(&path));
	buf_free(&path);
}

/* By id only: by name would take one that was made anew. 409 while a droplet has it, and for seconds after that one is gone (§5.6). */
DIGITALOCEAN_BUILD(volume_drop)
{
	(void)c;
	if (!*a->storage->id)
		digitalocean_refuse(req, r, "the volume to delete has no id");
	else
		request_volume(a, req, "DELETE", "");
}

/* A no may mean that it is so already: then the volume itself tells. `number` and `token` keep status and sentence of the no. */
enum change_step { CHANGE_ASK, CHANGE_SEE };

/* Without the region, which is optional and whose list in the API's document is old (§15). */
static void build_change(const struct op_args *a, const struct op_cursor *c, const char *type, struct http_request *req, struct op_reply *r)
{
	int64_t droplet;
	json_t *body;

	if (!*a->storage->id || !a->machine || !str_to_i64(a->machine, 1, INT64_MAX, &droplet)) {
		digitalocean_refuse(req, r, "the volume or the droplet is not known by its id");
		return;
	}
	if (c->step == CHANGE_SEE) {
		request_volume(a, req, "GET", "");
		return;
	}
	body = json_object();
	json_put_str(body, "type", type);
	json_put_int(body, "droplet_id", droplet);
	request_volume(a, req, "POST", "/actions");
	http_request_json(req, body);
}

DIGITALOCEAN_BUILD(volume_attach)
{
	build_change(a, c, "attach", req, r);
}

DIGITALOCEAN_BUILD(volume_detach)
{
	build_change(a, c, "detach", req, r);
}

static enum verdict read_change(struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	if (digitalocean_is_success(res))
		return r->verdict = VERDICT_OK;
	if (digitalocean_failed(res, VERDICT_RETRY, r) != VERDICT_REFUSED)
		return r->verdict;
	if (digitalocean_is_pending(res, r)) {
		r->retry_after = 30 * SECOND;
		return r->verdict = VERDICT_RETRY;
	}
	c->step = CHANGE_SEE;
	c->number = res->status;
	str_copy(c->token, r->message);
	return r->verdict = VERDICT_MORE;
}

/* The volume as it is. Anything but OK: the verdict, with the reply filled. */
static enum verdict see_volume(const struct op_args *a, const struct http_response *res, struct storage *s, struct op_reply *r)
{
	json_t *j;

	if (!digitalocean_is_success(res))
		return digitalocean_failed_or_absent(res, r);
	j = digitalocean_body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	r->verdict = VERDICT_OK;
	if (!read_volume(json_path(j, "volume"), s) || strcmp(s->id, a->storage->id) != 0)
		digitalocean_unreadable(r, "volume of that id");
	else if (json_array_size(json_path(j, "volume.droplet_ids")) && !*s->machine)
		digitalocean_unreadable(r, "droplet that has the volume");
	json_decref(j);
	return r->verdict;
}

/* It is not as it was wanted: what the no said counts. A conflict passes. */
static enum verdict still_no(const struct op_cursor *c, struct op_reply *r)
{
	if (c->number == 409)
		r->retry_after = 30 * SECOND;
	return op_fail(r, c->number == 409 ? VERDICT_RETRY : VERDICT_REFUSED, "%s", c->token);
}

DIGITALOCEAN_READ(volume_attach)
{
	struct storage s;

	if (c->step != CHANGE_SEE)
		return read_change(c, res, r);
	if (see_volume(a, res, &s, r) != VERDICT_OK || !strcmp(s.machine, a->machine))
		return r->verdict;
	if (!*s.machine)
		return still_no(c, r);
	r->retry_after = 30 * SECOND;
	return op_fail(r, VERDICT_RETRY, "droplet %s has the volume", s.machine);
}

DIGITALOCEAN_READ(volume_detach)
{
	struct storage s;

	if (c->step != CHANGE_SEE)
		return read_change(c, res, r);
	if (see_volume(a, res, &s, r) != VERDICT_OK || strcmp(s.machine, a->machine) != 0)
		return r->verdict;
	return still_no(c, r);
}
