/*
 * vast.ai: a marketplace where each offer ("ask") is a slice of one stranger's machine (providers/vastai.md).
 *
 * What is particular here:
 *   - a wrong key may answer 404, so a 404 is judged by its `error`, never by its number (§1.1);
 *   - the old list answers 410; anything but 200 with an `instances` array is no listing, least of all an empty one (§2.5);
 *   - any answer to a create may carry `new_contract`: a machine that costs money, whatever else the answer says (§2.4);
 *   - a search shows 64 offers at most and does not always apply numeric filters: it is paged by price and checked again (§2.2);
 *   - the price of an offer holds for the disk named in the search, so search and create name the same one;
 *   - an ask is rented once; a create is found again by its label, which is set atomically (§4);
 *   - traffic is billed apart, by the byte, and is in no price here (§3);
 *   - a volume lies inside one machine, and is mounted by the create of an instance there; what vast.ai calls a snapshot is an image
 *     pushed into a registry of the user's, with the user's password, and so is none of ours (§2.15).
 */
#include "base/str.h"
#include "providers/vastai.h"

#define CHARGE_ROWS 500

/* ---- check and balance: one request -------------------------------------------------------------------------------------- */

static void user_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	http_request_url(req, "GET", "%s/api/v0/users/current/", vastai_base_url(a));
	vastai_add_headers(a, req);
}

/* `credit` is what can be spent; older answers have `balance` only (§2.1). Owed money is nothing to spend. */
static enum verdict user_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = vastai_listing_of(res, r);
	struct balance *b = &r->balance;

	(void)a;
	(void)c;
	if (!j)
		return r->verdict;
	b->machines = -1;
	b->known = json_money_signed(j, "credit", &b->available) || json_money_signed(j, "balance", &b->available);
	b->available = b->available > 0 ? b->available : 0;
	r->verdict = VERDICT_OK;
	if (!vastai_read_id(j, "id", r->account_id))
		vastai_unreadable(r, "account");
	json_decref(j);
	return r->verdict;
}

static enum verdict check_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	char credit[32];

	if (user_read(a, c, res, r) != VERDICT_OK)
		return r->verdict;
	money_format(r->balance.available, credit);
	return op_fail(r, VERDICT_OK, "account %s%s%s", r->account_id, r->balance.known ? ", credit " : "",
	    r->balance.known ? credit : "");
}

static enum verdict balance_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res,
    struct op_reply *r)
{
	if (user_read(a, c, res, r) == VERDICT_OK && !r->balance.known)
		vastai_unreadable(r, "credit");
	return r->verdict;
}

/* ---- key: all keys of the account go onto every new instance; a create cannot name one (§2.9) ------------------------------ */

static void key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	json_t *body;

	(void)r;
	http_request_url(req, c->step ? "POST" : "GET", "%s/api/v0/ssh/", vastai_base_url(a));
	vastai_add_headers(a, req);
	if (!c->step)
		return;
	body = json_object();
	json_put_str(body, "ssh_key", a->public_key);
	http_request_json(req, body);
}

/* Type and base64 decide; the comment behind them does not. */
static bool same_key(const char *a, const char *b)
{
	size_t type = strcspn(a, " "), n = type;

	if (a[type])
		n += 1 + strcspn(a + type + 1, " \r\n");
	return n > type + 1 && !strncmp(a, b, n) && (!b[n] || strchr(" \r\n", b[n]));
}

/* Is our key among `rows`? */
static bool has_key(const json_t *rows, const char *key, struct op_reply *r)
{
	const json_t *row, *gone;
	size_t i;

	json_array_foreach(rows, i, row) {
		gone = json_path(row, "deleted_at");
		if (gone && !json_is_null(gone))
			continue;
		if (same_key(key, json_str(row, "key", json_str(row, "public_key", "")))) {
			vastai_read_id(row, "id", r->key_id);
			return true;
		}
	}
	return false;
}

/* A list, plain or wrapped; a 404 that is not about the credentials means that there is none yet. */
static enum verdict keys_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = res->outcome == HTTP_ANSWERED ? json_read(res->body, res->len, NULL) : NULL;
	const json_t *rows = json_is_array(j) ? j : json_path(j, "ssh_keys");
	bool none = res->outcome == HTTP_ANSWERED && res->status == 404 && vastai_complaint_of(j) != VASTAI_AUTH &&
	    (j || !memchr(res->body, '<', res->len));

	if (vastai_is_success(res) && json_is_array(rows) && has_key(rows, a->public_key, r)) {
		r->verdict = VERDICT_OK;
	} else if ((vastai_is_success(res) && json_is_array(rows)) || none) {
		c->step = 1;
		r->verdict = VERDICT_MORE;
	} else if (vastai_is_success(res)) {
		vastai_unreadable(r, "list of SSH keys");
	} else if (vastai_failed(res, j, r) == VERDICT_ABSENT) {
		r->verdict = VERDICT_RETRY;
	}
	json_decref(j);
	return r->verdict;
}

static enum verdict key_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j;

	if (!c->step)
		return keys_read(a, c, res, r);
	j = vastai_listing_of(res, r);
	if (!j)
		return r->verdict;
	vastai_read_id(j, "key.id", r->key_id);
	r->verdict = json_bool(j, "success", false) || r->key_id[0] ? VERDICT_OK : vastai_unreadable(r, "word on the SSH key");
	json_decref(j);
	return r->verdict;
}

/* First which it is, then away with it. */
static void key_drop_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)r;
	if (c->step)
		http_request_url(req, "DELETE", "%s/api/v0/ssh/%s/", vastai_base_url(a), c->token);
	else
		http_request_url(req, "GET", "%s/api/v0/ssh/", vastai_base_url(a));
	vastai_add_headers(a, req);
}

/* What is gone already is a 400 with one of two wordings (§2.9). */
static enum verdict key_drop_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j;

	if (!c->step) {
		keys_read(a, c, res, r);
		if (r->verdict == VERDICT_MORE)
			return op_fail(r, VERDICT_ABSENT, "our key is not there");
		if (r->verdict != VERDICT_OK || !*r->key_id)
			return r->verdict == VERDICT_OK ? vastai_unreadable(r, "id of our SSH key") : r->verdict;
		str_copy(c->token, r->key_id);
		c->step = 1;
		return op_fail(r, VERDICT_MORE, "%s", "");
	}
	j = vastai_listing_of(res, r);
	if (j)
		r->verdict = VERDICT_OK;
	else if ((res->status == 400 || res->status == 404) && r->verdict != VERDICT_DENIED &&
		 (str_icontains(r->message, "no_ssh_key") || str_icontains(r->message, "not found")))
		r->verdict = VERDICT_ABSENT;
	json_decref(j);
	return r->verdict;
}

/* ---- bill ------------------------------------------------------------------------------------------------------------ */

/* `day` is required and must have both ends (§2.13). Whole days, since nothing says how a part of one is cut. */
static void request_charges(const struct op_args *a, const struct op_cursor *c, const char *type, int64_t from, int64_t until, struct http_request *req)
{
	struct buf b = BUF(4 * sizeof(c->token) + 512);
	json_t *filters = json_object();

	vastai_put_filter(filters, "day", "gte", json_integer(from * (DAY / SECOND)));
	vastai_put_filter(filters, "day", "lte", json_integer((until + 1) * (DAY / SECOND) - 1));
	vastai_put_filter(filters, "type", "in", json_pack("[s]", type));
	vastai_put_query(&b, "select_filters", filters);
	vastai_put_token(&b, c);
	http_request_url(req, "GET", "%s/api/v0/charges/?limit=%d%s", vastai_base_url(a), CHARGE_ROWS, buf_str(&b));
	buf_free(&b);
	vastai_add_headers(a, req);
}

static void bill_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	int64_t from = a->from > 0 ? a->from / DAY : 0;

	(void)r;
	request_charges(a, c, "instance", from, a->until > 0 ? a->until / DAY : from + 366, req);
}

/* A day that ends when the time asked for does is its last. */
static void storage_bill_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	int64_t from = a->from > 0 ? a->from / DAY : 0;

	(void)r;
	request_charges(a, c, "volume", from, a->until > 0 ? (a->until - 1) / DAY : from + 366, req);
}

/* "instance-12345678", or for a charge that names no instance the label that we gave to ours. */
static bool charged_id(const struct op_args *a, const json_t *row, char out[ID_MAX])
{
	const char *source = json_str(row, "source", "");
	int64_t id;

	if (str_starts(source, "instance-") && str_to_i64(source + 9, 1, INT64_MAX, &id)) {
		snprintf(out, ID_MAX, "%lld", (long long)id);
		return true;
	}
	return a->id && a->mark && *a->mark && !strcmp(json_str(row, "metadata.label", ""), a->mark) &&
	    str_copy_n(out, ID_MAX, a->id);
}

static bool read_charge(const struct op_args *a, const json_t *row, struct op_reply *r)
{
	struct bill_line line = { .amount = 0 };

	if (strcmp(json_str(row, "type", "instance"), "instance")) /* volumes and serverless are none of ours */
		return true;
	if (!charged_id(a, row, line.id) || !json_money_signed(row, "amount", &line.amount))
		return false;
	str_copy(line.mark, json_str(row, "metadata.label", ""));
	json_time(row, "start", &line.from);
	json_time(row, "end", &line.until);
	if (!a->id || !strcmp(a->id, line.id))
		*op_reply_add_bill(r) = line;
	return true;
}

/* "volume-20118481" */
static bool read_volume_charge(const struct op_args *a, const json_t *row, struct op_reply *r)
{
	const char *source = json_str(row, "source", "");
	struct bill_line line = { .amount = 0 };
	int64_t id;

	if (strcmp(json_str(row, "type", "volume"), "volume"))
		return true;
	if (!str_starts(source, "volume-") || !str_to_i64(source + 7, 1, INT64_MAX, &id) || !json_money_signed(row, "amount", &line.amount))
		return false;
	snprintf(line.id, sizeof(line.id), "%lld", (long long)id);
	json_time(row, "start", &line.from);
	json_time(row, "end", &line.until);
	if (!strcmp(a->storage->id, line.id))
		*op_reply_add_bill(r) = line;
	return true;
}

typedef bool charge_fn(const struct op_args *a, const json_t *row, struct op_reply *r);

static enum verdict read_charges(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, charge_fn *read, struct op_reply *r)
{
	json_t *j = vastai_listing_of(res, r);
	const json_t *rows = json_path(j, "results"), *row;
	enum verdict v = VERDICT_OK;
	size_t i;

	if (!j)
		return r->verdict;
	if (!json_is_array(rows))
		v = vastai_unreadable(r, "list of charges");
	json_array_foreach(rows, i, row) {
		if (v == VERDICT_OK && !read(a, row, r))
			v = vastai_unreadable(r, "id or amount in one of the charges");
	}
	if (v == VERDICT_OK)
		v = vastai_next_page(j, c, r);
	json_decref(j);
	return r->verdict = v;
}

static enum verdict bill_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	return read_charges(a, c, res, read_charge, r);
}

static enum verdict storage_bill_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	return read_charges(a, c, res, read_volume_charge, r);
}

/* ---- the table ------------------------------------------------------------------------------------------------------- */

const struct provider provider_vastai = {
	.name = "vastai",
	.title = "vast.ai",
	.api_url = VASTAI_API_URL,
	.token_env = "VAST_API_KEY",
	.token_where = "https://cloud.vast.ai/manage-keys/: a key with the scopes misc, instance_read, instance_write, user_read, "
		       "user_write and billing_read",
	.user = "root",
	.ssh_port = 0,
	.image_amd = "rocm/vllm:rocm6.4.1_vllm_0.10.1_20250909",
	.image_nvidia = "vastai/base-image:@vastai-automatic-tag",
	.disk_gb = VASTAI_DISK_GB,
	.volume_most = VASTAI_VOLUME_MOST * 730 / 720 + 1,
	.caps = CAP_MARK_AT_CREATE | CAP_BILL_BY_MACHINE | CAP_SPOT | CAP_CONTAINER | CAP_PREPAID,
	.traffic = true, /* both ways, in any state (§3) */
	.create_timeout = 90 * SECOND,
	.boot_allowance = 30 * MINUTE, /* a large image on a slow line (§2.7) */
	.teardown_allowance = 5 * MINUTE,
	/* By the second, the GPU from running on (§3); the disk, from create on, is cents and comes with the bill. */
	.billing = { .quantum = SECOND, .start = METER_FROM_RUNNING, .settle_delay = 2 * HOUR, .bills_stopped = true },
	/* That key can only start, stop and destroy the instance that it is in (§2.4). */
	.give_back = "/api/v0/instances/",
	.give_back_tail = "/",
	.own_id = "CONTAINER_ID",
	.own_key = "CONTAINER_API_KEY",
	.relay = ".vast.ai", /* sshN.vast.ai, where no port of the machine is mapped (§2.8) */
	/* Minimum intervals per endpoint and a tenth more, since requests do not arrive evenly; 10 searches a minute (§1.2). */
	.rate = {
		[OP_CHECK] = { 2 * SECOND, 1 },
		[OP_OFFERS] = { 10 * SECOND, 4 },
		[OP_KEY] = { 1100 * MSEC, 1 },
		[OP_KEY_DROP] = { 1100 * MSEC, 1 },
		[OP_CREATE] = { 5 * SECOND, 1 },
		[OP_DESCRIBE] = { 2200 * MSEC, 1 },
		[OP_LIST] = { 1100 * MSEC, 1 },
		[OP_MARK] = { 1100 * MSEC, 1 },
		[OP_DESTROY] = { 3300 * MSEC, 1 },
		[OP_BALANCE] = { 2 * SECOND, 1 },
		[OP_BILL] = { 1100 * MSEC, 1 },
		[OP_LOG] = { 1100 * MSEC, 1 },
		[OP_STORAGE] = { 6 * SECOND, 1 },
		[OP_VOLUME_MAKE] = { 6 * SECOND, 1 },
		[OP_VOLUME_DROP] = { 6 * SECOND, 1 },
		[OP_STORAGE_BILL] = { 1100 * MSEC, 1 },
	},
	.paced_with = { [OP_VOLUME_MAKE] = OP_STORAGE, [OP_VOLUME_DROP] = OP_STORAGE, [OP_STORAGE_BILL] = OP_BILL },
	.op = {
		[OP_CHECK] = { user_build, check_read },
		[OP_OFFERS] = { vastai_offers_build, vastai_offers_read },
		[OP_KEY] = { key_build, key_read },
		[OP_KEY_DROP] = { key_drop_build, key_drop_read },
		[OP_CREATE] = { vastai_create_build, vastai_create_read },
		[OP_DESCRIBE] = { vastai_describe_build, vastai_describe_read },
		[OP_LIST] = { vastai_list_build, vastai_list_read },
		[OP_MARK] = { vastai_mark_build, vastai_mark_read },
		[OP_DESTROY] = { vastai_destroy_build, vastai_destroy_read },
		[OP_BALANCE] = { user_build, balance_read },
		[OP_BILL] = { bill_build, bill_read },
		[OP_LOG] = { vastai_log_build, vastai_log_read },
		[OP_STORAGE] = { vastai_storage_build, vastai_storage_read },
		[OP_VOLUME_MAKE] = { vastai_volume_make_build, vastai_volume_make_read },
		[OP_VOLUME_DROP] = { vastai_volume_drop_build, vastai_volume_drop_read },
		[OP_STORAGE_BILL] = { storage_bill_build, storage_bill_read },
	},
};
