/*
 * vast.ai: volumes (providers/vastai.md §2.15). Each lies inside one machine of one host and can be used only there; instances
 * mount it when they are created (vastai_instance.c). It is charged from its making to its deletion, at the host's own price.
 */
#include "base/str.h"
#include "providers/vastai.h"

#include <math.h>

#define SEARCH_ROWS    64  /* whatever `limit` says (§2.2) */
#define HOURS_IN_MONTH 720 /* of storage_cost (§2.2) */
#define HOURS_HERE     730 /* of storage.gb_month */
#define HTTP_BAD       400

/*
 * Names have no '-' there. Our marks (gf1v-…) have no '_', so that one stands for the other. A name that somebody else gave is read
 * as it is.
 */
static void name_there(const char *name, char out[ID_MAX])
{
	str_copy_n(out, ID_MAX, name);
	for (char *p = out; *p; p++)
		*p = *p == '-' ? '_' : *p;
}

/* "gf", digits, small letters, '_', and no '-' anywhere. */
static bool is_mark_there(const char *name)
{
	size_t digits, letters;

	if (!str_starts(name, "gf") || strchr(name, '-'))
		return false;
	digits = strspn(name + 2, "0123456789");
	letters = strspn(name + 2 + digits, "abcdefghijklmnopqrstuvwxyz");
	return digits && name[2 + digits + letters] == '_';
}

static void name_here(const char *name, char out[ID_MAX])
{
	bool mark = is_mark_there(name);

	str_copy_n(out, ID_MAX, name);
	for (char *p = out; *p && mark; p++)
		*p = *p == '_' ? '-' : *p;
}

/* Would it come back as it was given? */
static bool is_volume_name(const char *name)
{
	static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	char there[ID_MAX], here[ID_MAX];

	name_there(name, there);
	name_here(there, here);
	return *there && strspn(there, allowed) == strlen(there) && !strcmp(name, here);
}

/* ---- the list ---- */

static void request_volumes(const struct op_args *a, const struct op_cursor *c, struct http_request *req)
{
	struct buf b = BUF(4 * sizeof(c->token));

	vastai_put_token(&b, c);
	http_request_url(req, "GET", "%s/api/v0/volumes/?owner=me&type=all_volume%s", vastai_base_url(a), buf_str(&b));
	buf_free(&b);
	vastai_add_headers(a, req);
}

VASTAI_BUILD(storage)
{
	(void)r;
	request_volumes(a, c, req);
}

static int whole_gb(const json_t *row)
{
	double gb = json_num(row, "disk_space", 0);

	return gb > 0 && gb < 1e8 ? (int)ceil(gb) : 0;
}

/* By the GB and month where it is said; else from what the whole volume costs by the hour, as in offers (§2.2). 0: not said. */
static money gb_month(const json_t *row, int gb)
{
	money cost = 0;

	if (json_money(row, "storage_cost", &cost))
		return (money_times(cost, HOURS_HERE) + HOURS_IN_MONTH - 1) / HOURS_IN_MONTH;
	if (!gb || !json_money(row, "storage_total_cost", &cost))
		return 0;
	return (money_times(cost, HOURS_HERE) + gb - 1) / gb;
}

static bool read_volume(const json_t *row, struct storage *s)
{
	char machine[ID_MAX];

	*s = (struct storage){ .kind = STORAGE_VOLUME, .state = STORAGE_READY };
	if (!vastai_read_id(row, "id", s->id))
		return false;
	name_here(json_str(row, "label", ""), s->name);
	vastai_read_region(row, s->region);
	if (vastai_read_id(row, "machine_id", machine))
		str_copy(s->host, machine);
	s->size_gb = whole_gb(row);
	s->gb_month = gb_month(row, s->size_gb);
	if (!vastai_read_id(row, "instances.0.id", s->machine))
		vastai_read_id(row, "instances.0", s->machine);
	json_time(row, "start_date", &s->created);
	return true;
}

VASTAI_READ(storage)
{
	json_t *j = vastai_listing_of(res, r);
	const json_t *rows = json_path(j, "volumes"), *row;
	enum verdict v = VERDICT_OK;
	struct storage s;
	size_t i;

	(void)a;
	if (!j)
		return r->verdict;
	if (!json_is_array(rows))
		v = vastai_unreadable(r, "list of volumes");
	json_array_foreach(rows, i, row) {
		if (!read_volume(row, &s)) { /* the one we cannot read may be ours */
			v = vastai_unreadable(r, "id for one of the volumes");
			break;
		}
		*op_reply_add_storage(r) = s;
	}
	if (v == VERDICT_OK)
		v = vastai_next_page(j, c, r);
	json_decref(j);
	return r->verdict = v;
}

/*
 * ---- make ----
 *
 * What the machine has to offer is searched, and the cheapest that is large enough is rented, once: unlike an ask, such an offer may
 * be rented many times. `number` is the offer. The answer tells a name, "V." and the id; where it tells another, the list is asked.
 */
enum make_step { MAKE_SEARCH, MAKE_RENT, MAKE_FIND };

static void build_search(const struct op_args *a, struct http_request *req)
{
	json_t *q = json_object();

	vastai_put_filter(q, "machine_id", "eq", json_integer(strtoll(a->storage->host, NULL, 10)));
	vastai_put_filter(q, "disk_space", "gte", json_integer(a->storage->size_gb));
	vastai_put_filter(q, "external", "eq", json_false());
	json_put_int(q, "allocated_storage", a->storage->size_gb);
	json_put(q, "order", json_pack("[[s,s]]", "storage_cost", "asc"));
	json_put_int(q, "limit", SEARCH_ROWS);
	http_request_url(req, "POST", "%s/api/v0/volumes/search/", vastai_base_url(a));
	vastai_add_headers(a, req);
	http_request_json(req, q);
	req->looks = true;
}

static void build_rent(const struct op_args *a, const struct op_cursor *c, struct http_request *req)
{
	json_t *body = json_object();
	char name[ID_MAX];

	name_there(a->storage->name, name);
	json_put_int(body, "id", c->number);
	json_put_int(body, "size", a->storage->size_gb);
	json_put_str(body, "name", name);
	http_request_url(req, "PUT", "%s/api/v0/volumes/", vastai_base_url(a));
	vastai_add_headers(a, req);
	http_request_json(req, body);
}

static void refuse(struct http_request *req, struct op_reply *r, const char *why)
{
	op_fail(r, VERDICT_REFUSED, "%s", why);
	req->answered = true;
}

VASTAI_BUILD(volume_make)
{
	int64_t machine;

	if (*a->storage->source)
		refuse(req, r, "vast.ai has no snapshots to make a volume from");
	else if (!str_to_i64(a->storage->host, 1, INT64_MAX, &machine))
		refuse(req, r, "a volume at vast.ai lies inside one machine, and none is named");
	else if (!is_volume_name(a->storage->name))
		refuse(req, r, "a volume at vast.ai needs a name of letters, digits and '_'");
	else if (a->storage->size_gb < 1)
		refuse(req, r, "a volume needs a size");
	else if (c->step == MAKE_SEARCH)
		build_search(a, req);
	else if (c->step == MAKE_RENT)
		build_rent(a, c, req);
	else
		request_volumes(a, c, req);
}

/*
 * Filters are not always applied (§2.2): everything that was asked for is looked at again. A price that is not told is none to take, nor
 * one above what was held for it: what a host asks is known here first.
 */
static bool is_offered(const struct op_args *a, const json_t *row, int64_t *id, money *cost)
{
	char machine[ID_MAX];

	*id = json_int(row, "id", 0);
	return *id > 0 && vastai_read_id(row, "machine_id", machine) && !strcmp(machine, a->storage->host) &&
	    json_num(row, "disk_space", 0) >= a->storage->size_gb && !json_bool(row, "external", false) &&
	    json_money(row, "storage_cost", cost) && *cost <= VASTAI_VOLUME_MOST;
}

static enum verdict read_search(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = vastai_listing_of(res, r);
	const json_t *rows = json_path(j, "offers"), *row;
	money cost, best = 0;
	int64_t id;
	size_t i;

	if (!j)
		return r->verdict;
	r->verdict = VERDICT_MORE;
	json_array_foreach(rows, i, row) {
		if (!is_offered(a, row, &id, &cost) || (c->number && cost >= best))
			continue;
		c->number = id;
		best = cost;
	}
	if (!json_is_array(rows))
		vastai_unreadable(r, "list of volumes to rent");
	else if (!c->number)
		op_fail(r, VERDICT_NO_CAPACITY, "machine %s has no volume of %d GB to rent for $%.2f a GB and month or less", a->storage->host,
		    a->storage->size_gb, (double)VASTAI_VOLUME_MOST / (double)USD);
	else
		c->step = MAKE_RENT;
	json_decref(j);
	return r->verdict;
}

/* "V.20118481", as volumes are also named in other commands. */
static bool read_made(const char *text, char out[ID_MAX])
{
	int64_t id;

	out[0] = '\0';
	if (!str_starts(text, "V.") || !str_to_i64(text + 2, 1, INT64_MAX, &id))
		return false;
	snprintf(out, ID_MAX, "%lld", (long long)id);
	return true;
}

static enum verdict read_rent(struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = res->outcome == HTTP_ANSWERED ? json_read(res->body, res->len, NULL) : NULL;
	char text[TEXT_MAX];

	if (res->outcome != HTTP_ANSWERED)
		return op_fail(r, res->outcome == HTTP_NOT_SENT ? VERDICT_RETRY : VERDICT_UNSURE, "%s", res->trouble);
	vastai_own_words(j, res, text);
	if (!vastai_is_success(res)) {
		if (res->status == 429)
			vastai_read_haste(j, r);
		op_fail(r, vastai_refusal_of(res, j), "%s", text);
	} else if (!json_is_object(j) || !json_bool(j, "success", true)) {
		op_fail(r, VERDICT_UNSURE, "vast.ai did not say what it made: %s", text);
	} else if (read_made(json_str(j, "volume_name", ""), r->id)) {
		r->verdict = VERDICT_OK;
	} else {
		*c = (struct op_cursor){ .step = MAKE_FIND };
		r->verdict = VERDICT_MORE;
	}
	json_decref(j);
	return r->verdict;
}

static enum verdict read_find(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = vastai_listing_of(res, r);
	const json_t *rows = json_path(j, "volumes"), *row;
	enum verdict v;
	struct storage s;
	size_t i;

	if (!j)
		return r->verdict;
	json_array_foreach(rows, i, row)
		if (!*r->id && read_volume(row, &s) && !strcmp(s.name, a->storage->name) && !strcmp(s.host, a->storage->host))
			str_copy(r->id, s.id);
	if (*r->id)
		v = VERDICT_OK;
	else if (!json_is_array(rows))
		v = vastai_unreadable(r, "list of volumes");
	else
		v = vastai_next_page(j, c, r);
	if (v == VERDICT_OK && !*r->id)
		v = op_fail(r, VERDICT_RETRY, "vast.ai made a volume and does not show it yet");
	json_decref(j);
	return r->verdict = v;
}

VASTAI_READ(volume_make)
{
	if (c->step == MAKE_SEARCH)
		return read_search(a, c, res, r);
	return c->step == MAKE_RENT ? read_rent(c, res, r) : read_find(a, c, res, r);
}

/* ---- drop ---- */

VASTAI_BUILD(volume_drop)
{
	json_t *body;
	int64_t id;

	(void)c;
	if (!str_to_i64(a->storage->id, 1, INT64_MAX, &id)) {
		refuse(req, r, "the volume to delete has no id");
		return;
	}
	http_request_url(req, "DELETE", "%s/api/v0/volumes/", vastai_base_url(a));
	vastai_add_headers(a, req);
	body = json_object();
	json_put_int(body, "id", id);
	http_request_json(req, body);
}

/* All instances that use it must be gone; it is let go about 30 s after them (§2.15). How that is said is not known. */
VASTAI_READ(volume_drop)
{
	json_t *j = res->outcome == HTTP_ANSWERED ? json_read(res->body, res->len, NULL) : NULL;
	bool gone = vastai_complaint_of(j) == VASTAI_NO_VOLUME;

	(void)a;
	(void)c;
	if (vastai_is_success(res) && json_is_object(j) && json_bool(j, "success", false)) {
		r->verdict = VERDICT_OK;
	} else if (vastai_failed(res, j, r) == VERDICT_ABSENT || (gone && r->verdict != VERDICT_DENIED)) {
		r->verdict = gone ? VERDICT_ABSENT : VERDICT_RETRY; /* of an instance is no word on the volume */
	} else if (r->verdict == VERDICT_REFUSED && res->status == HTTP_BAD && (str_icontains(r->message, "in use") || str_icontains(r->message, "instance"))) {
		r->verdict = VERDICT_RETRY;
		r->retry_after = 30 * SECOND;
	}
	json_decref(j);
	return r->verdict;
}
