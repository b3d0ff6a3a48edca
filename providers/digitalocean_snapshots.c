/*
 * DigitalOcean: snapshots of droplets and of volumes (providers/digitalocean.md §5.4–5.5, §6).
 *
 * That of a volume is there at once. That of a droplet is an action that takes minutes, and does not tell the snapshot's id: when
 * it is done, the snapshot is the one of that name from that droplet.
 */
#include "base/str.h"
#include "providers/digitalocean.h"

#include <math.h>

/* A snapshot may have been copied to several regions: the first that the account wants, or else the first. */
static void read_region(const struct account *a, const json_t *snapshot, char out[REGION_MAX])
{
	const json_t *regions = json_path(snapshot, "regions"), *region;
	size_t i;

	str_copy_n(out, REGION_MAX, json_str(regions, "0", ""));
	json_array_foreach (regions, i, region)
		for (int k = 0; k < a->region_count; k++)
			if (json_is_string(region) && str_ieq(a->regions[k], json_string_value(region))) {
				str_copy_n(out, REGION_MAX, json_string_value(region));
				return;
			}
}

bool digitalocean_read_snapshot(const struct account *a, const json_t *snapshot, struct storage *s)
{
	double gb = json_num(snapshot, "size_gigabytes", 0);

	*s = (struct storage){ .kind = STORAGE_SNAPSHOT, .state = STORAGE_READY };
	if (!digitalocean_read_storage_id(snapshot, "id", s->id))
		return false;
	str_copy(s->name, json_str(snapshot, "name", ""));
	read_region(a, snapshot, s->region);
	s->size_gb = gb > 0 && gb < 1e8 ? (int)ceil(gb) : 0;
	s->disk_gb = digitalocean_whole(snapshot, "min_disk_size");
	digitalocean_read_storage_id(snapshot, "resource_id", s->source);
	s->of_volume = !strcmp(json_str(snapshot, "resource_type", ""), "volume");
	json_time(snapshot, "created_at", &s->created);
	return true;
}

/* ---- make ---- */

DIGITALOCEAN_BUILD(snapshot_make)
{
	const struct storage *wanted = a->storage;
	struct buf path = BUF(8 * ID_MAX);
	json_t *body;

	(void)c;
	if (!*wanted->name || !*wanted->source) {
		digitalocean_refuse(req, r, "a snapshot needs a name, and a droplet or volume that it is taken of");
		return;
	}
	buf_puts(&path, wanted->of_volume ? "volumes/" : "droplets/");
	str_percent_encode(&path, wanted->source);
	buf_puts(&path, wanted->of_volume ? "/snapshots" : "/actions");
	digitalocean_request(a, req, "POST", buf_str(&path));
	buf_free(&path);
	body = json_object();
	json_put_str(body, "name", wanted->name);
	if (wanted->of_volume)
		json_put(body, "tags", json_pack("[s]", DIGITALOCEAN_TAG));
	else
		json_put_str(body, "type", "snapshot");
	http_request_json(req, body);
}

/* While another event runs it passes; a number that is full does not (25 of a volume, §6). */
static enum verdict make_refused(const struct http_response *res, struct op_reply *r)
{
	enum verdict v = digitalocean_failed(res, VERDICT_UNSURE, r);

	if (v != VERDICT_REFUSED)
		return v;
	if (res->status == 409 || digitalocean_is_pending(res, r)) {
		r->retry_after = 30 * SECOND;
		return r->verdict = VERDICT_RETRY;
	}
	if (res->status == 422 && (str_icontains(r->message, "exceed") || str_icontains(r->message, "limit") || str_icontains(r->message, "maximum")))
		r->verdict = VERDICT_LIMIT;
	return r->verdict;
}

DIGITALOCEAN_READ(snapshot_make)
{
	bool of_volume = a->storage->of_volume, known;
	json_t *j;

	(void)c;
	if (!digitalocean_is_success(res))
		return make_refused(res, r);
	j = digitalocean_body_of(res, VERDICT_UNSURE, r);
	if (!j)
		return r->verdict;
	known = of_volume ? digitalocean_read_storage_id(j, "snapshot.id", r->id) : digitalocean_read_id(j, "action.id", r->work);
	if (known)
		r->verdict = VERDICT_OK;
	else
		op_fail(r, VERDICT_UNSURE, "DigitalOcean takes a snapshot and told no usable id");
	json_decref(j);
	return r->verdict;
}

/* ---- look: the action, and when it is done the snapshot of that name from there, page by page ---- */

enum look_step { LOOK_ACTION, LOOK_FIND };

static bool has_work(const struct op_args *a)
{
	return a->work && *a->work;
}

static bool at_action(const struct op_args *a, const struct op_cursor *c)
{
	return c->step == LOOK_ACTION && has_work(a);
}

DIGITALOCEAN_BUILD(snapshot_look)
{
	struct buf path = BUF(8 * ID_MAX);

	(void)r;
	if (at_action(a, c)) {
		buf_puts(&path, "actions/");
		str_percent_encode(&path, a->work);
		digitalocean_request(a, req, "GET", buf_str(&path));
	} else {
		buf_printf(&path, "snapshots?resource_type=%s", a->storage->of_volume ? "volume" : "droplet");
		digitalocean_request_page(a, c, req, buf_str(&path));
	}
	buf_free(&path);
}

static enum verdict found(struct op_reply *r, const struct op_args *a, enum storage_state state)
{
	struct storage *s = op_reply_add_storage(r);

	*s = *a->storage;
	s->kind = STORAGE_SNAPSHOT;
	s->state = state;
	s->id[0] = '\0';
	return r->verdict = VERDICT_OK;
}

static enum verdict read_action(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	const char *status;
	char id[ID_MAX];
	enum verdict v;
	json_t *j;

	if (!digitalocean_is_success(res))
		return digitalocean_failed_or_absent(res, r);
	j = digitalocean_body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	status = json_str(j, "action.status", "");
	if (!digitalocean_read_id(j, "action.id", id) || strcmp(id, a->work) != 0) {
		v = digitalocean_unreadable(r, "action of that id");
	} else if (!strcmp(status, "completed")) {
		*c = (struct op_cursor){ .step = LOOK_FIND };
		v = VERDICT_MORE;
	} else if (!strcmp(status, "in-progress") || !strcmp(status, "errored")) {
		v = found(r, a, *status == 'i' ? STORAGE_MAKING : STORAGE_FAILED);
	} else {
		v = digitalocean_unreadable(r, "state of the snapshot's action");
	}
	json_decref(j);
	return v;
}

static bool is_it(const struct storage *s, const struct storage *wanted)
{
	return !strcmp(s->name, wanted->name) && !strcmp(s->source, wanted->source) && s->of_volume == wanted->of_volume;
}

/* The list may be behind the action. Without an action nobody knows whether one was begun. */
static enum verdict not_listed(const struct op_args *a, struct op_reply *r)
{
	if (has_work(a))
		return found(r, a, STORAGE_MAKING);
	return op_fail(r, VERDICT_ABSENT, "no snapshot '%s' of %s is listed", a->storage->name, a->storage->source);
}

static enum verdict read_snapshots(const struct op_args *a, struct op_cursor *c, const json_t *j, struct op_reply *r)
{
	const json_t *rows = json_path(j, "snapshots"), *row;
	struct storage s;
	enum verdict v;
	size_t i;

	if (!json_is_array(rows))
		return digitalocean_unreadable(r, "list of snapshots");
	json_array_foreach (rows, i, row) {
		if (!digitalocean_read_snapshot(a->account, row, &s))
			return digitalocean_unreadable(r, "id for one of the snapshots");
		if (is_it(&s, a->storage)) {
			*op_reply_add_storage(r) = s;
			return VERDICT_OK;
		}
	}
	v = digitalocean_end_of_page(j, json_array_size(rows), "snapshots", c, r);
	return v == VERDICT_OK ? not_listed(a, r) : v;
}

DIGITALOCEAN_READ(snapshot_look)
{
	enum verdict v;
	json_t *j;

	if (at_action(a, c))
		return read_action(a, c, res, r);
	j = digitalocean_body_of(res, VERDICT_RETRY, r);
	if (!j)
		return r->verdict;
	v = read_snapshots(a, c, j, r);
	json_decref(j);
	return r->verdict = v;
}

/* ---- drop ---- */

DIGITALOCEAN_BUILD(snapshot_drop)
{
	struct buf path = BUF(8 * ID_MAX);

	(void)c;
	if (!*a->storage->id) {
		digitalocean_refuse(req, r, "the snapshot to delete has no id");
		return;
	}
	buf_puts(&path, "snapshots/");
	str_percent_encode(&path, a->storage->id);
	digitalocean_request(a, req, "DELETE", buf_str(&path));
	buf_free(&path);
}
