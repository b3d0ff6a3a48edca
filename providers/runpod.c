/*
 * RunPod: pods of GPUs, spoken to by REST v2. GraphQL only for the balance, which v2 does not have (providers/runpod.md §0, §9).
 *
 * What is particular here:
 *   - a create has no idempotency key and names repeat: the mark is the name, and the core finds it again by listing (§6);
 *   - a 5xx may hide a success, so it is UNSURE and never retried;
 *   - "sold out" is a 400 told apart by its sentence only (§5);
 *   - a 403 that is not a problem document comes from the CDN in front and says nothing about the key (§0.2);
 *   - RUNNING is not readiness: a pod counts as running once `ssh.direct` is there (§0.4); `ssh.proxy` is never used;
 *   - our public key goes into the pod's environment, so the account's list of keys is never written (§7);
 *   - disk is billed beside the GPU: prices here are GPU and disk;
 *   - a network volume is mounted when a pod is created, by several pods if they like, and neither attached nor detached later; its
 *     name may repeat, and there are no snapshots (§11).
 */
#include "base/str.h"
#include "providers/runpod.h"

/* ---- check ---- */

/* The right that matters is to list pods; v2 has nothing that names the account. */
static void check_build(
    const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	http_request_url(req, "GET", "%s/pods?includeClusterPods=true&limit=1", runpod_base_url(a));
	runpod_add_headers(a, req);
}

static enum verdict check_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = runpod_body_of(res, VERDICT_RETRY, r);

	(void)a;
	(void)c;
	if (!j)
		return r->verdict;
	if (json_is_array(json_path(j, "pods")))
		op_fail(r, VERDICT_OK, "the key may list pods; RunPod's own ceiling is $80 an hour unless support raised it");
	else
		runpod_unreadable(r, "list of pods");
	json_decref(j);
	return r->verdict;
}

/* ---- key: nothing to do, it travels in each pod's environment ---- */

static void key_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)a;
	(void)c;
	runpod_answer(req, r, VERDICT_OK);
}

/* Never asked; here because a pair without its second half would mean "not offered". */
static enum verdict key_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	(void)a;
	(void)c;
	(void)res;
	return op_fail(r, VERDICT_REFUSED, "RunPod was not asked about keys");
}

/* ---- balance ---- */

/* Where nothing else is said, GraphQL is looked for beside REST: a simulator's token never goes to the real cloud. */
static void put_graphql_url(const struct account *account, const char *base, struct http_request *req)
{
	size_t n = strlen(base);

	if (account->graphql_url[0]) {
		http_request_url(req, "POST", "%s", account->graphql_url);
		return;
	}
	if (n > 3 && !strcmp(base + n - 3, "/v2"))
		n -= 3;
	http_request_url(req, "POST", "%.*s/graphql", (int)n, base);
}

static void balance_build(
    const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	json_t *body = json_object();

	(void)c;
	(void)r;
	put_graphql_url(a->account, runpod_base_url(a), req);
	runpod_add_headers(a, req);
	json_put_str(body, "query", "query { myself { id clientBalance currentSpendPerHr } }");
	http_request_json(req, body);
}

/* GraphQL reports its errors with status 200 (§9). A negative balance is owed: nothing is left to spend. */
static enum verdict balance_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = runpod_body_of(res, VERDICT_RETRY, r);
	struct balance b = { .machines = -1 };
	char text[TEXT_MAX];

	(void)a;
	(void)c;
	if (!j)
		return r->verdict;
	b.known = json_money_signed(j, "data.myself.clientBalance", &b.available);
	b.hourly_known = json_money(j, "data.myself.currentSpendPerHr", &b.hourly);
	b.available = b.available > 0 ? b.available : 0;
	runpod_own_words(j, text);
	if (!b.known || json_array_size(json_path(j, "errors"))) {
		op_fail(r, VERDICT_RETRY, "RunPod did not tell the balance%s%s", *text ? ": " : "", text);
	} else {
		r->balance = b;
		if (!str_copy(r->account_id, json_str(j, "data.myself.id", "")))
			r->account_id[0] = '\0';
		r->verdict = VERDICT_OK;
	}
	json_decref(j);
	return r->verdict;
}

/* ---- bill ---- */

static void put_time(struct buf *b, const char *name, instant t)
{
	char text[32];

	if (t <= 0) /* RunPod's defaults: 30 days ago, now (§8) */
		return;
	instant_format(t, false, text);
	buf_printf(b, "&%s=%s", name, text);
}

/* `query` says of what: "pods?bucketSize=hour&podId=". NULL: of all. */
static void request_charges(const struct op_args *a, const char *query, const char *id, struct http_request *req)
{
	struct buf b = BUF(1024);

	buf_puts(&b, query);
	if (id)
		str_percent_encode(&b, id);
	put_time(&b, "startTime", a->from);
	put_time(&b, "endTime", a->until);
	http_request_url(req, "GET", "%s/billing/%s", runpod_base_url(a), buf_str(&b));
	buf_free(&b);
	runpod_add_headers(a, req);
}

static void bill_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	request_charges(a, a->id ? "pods?bucketSize=hour&podId=" : "pods?bucketSize=hour", a->id, req);
}

static bool read_charge(const struct op_args *a, const json_t *record, struct op_reply *r)
{
	struct bill_line line = { .amount = 0 };

	if (!str_copy(line.id, json_str(record, "podId", "")) || !line.id[0] ||
	    !json_money_signed(record, "totalAmount", &line.amount))
		return false;
	json_time(record, "startTime", &line.from);
	json_time(record, "endTime", &line.until);
	/* Unknown parameters are ignored silently (§1): filter again. */
	if (!a->id || !strcmp(a->id, line.id))
		*op_reply_add_bill(r) = line;
	return true;
}

typedef bool charge_fn(const struct op_args *a, const json_t *record, struct op_reply *r);

static enum verdict read_charges(const struct op_args *a, const json_t *j, charge_fn *read, struct op_reply *r)
{
	const json_t *records = json_path(j, "records"), *record;
	int64_t count = (int64_t)json_array_size(records);
	size_t i;

	if (!json_is_array(records) || json_int(j, "metadata.recordCount", count) != count)
		return runpod_unreadable(r, "and complete list of charges");
	json_array_foreach (records, i, record)
		if (!read(a, record, r))
			return runpod_unreadable(r, "id or amount in one of the charges");
	return VERDICT_OK;
}

static enum verdict bill_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = runpod_body_of(res, VERDICT_RETRY, r);
	enum verdict v;

	(void)c;
	if (!j)
		return r->verdict;
	v = read_charges(a, j, read_charge, r);
	json_decref(j);
	return v;
}

/* ---- bill of a volume, in days ---- */

static void storage_bill_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
{
	(void)c;
	(void)r;
	request_charges(a, "network-volumes?bucketSize=day&networkVolumeId=", a->storage->id, req);
}

/* Filtered again, as above: a day that begins later is not asked for. */
static bool read_volume_charge(const struct op_args *a, const json_t *record, struct op_reply *r)
{
	struct bill_line line = { .amount = 0 };

	if (!str_copy(line.id, json_str(record, "networkVolumeId", "")) || !line.id[0] ||
	    !json_money_signed(record, "totalAmount", &line.amount))
		return false;
	json_time(record, "startTime", &line.from);
	json_time(record, "endTime", &line.until);
	if (!strcmp(a->storage->id, line.id) && (!a->until || line.from < a->until))
		*op_reply_add_bill(r) = line;
	return true;
}

/* The answer says which time it is about: one that begins later than was asked for, as it does unasked, is a part of the bill only. */
static enum verdict storage_bill_read(
    const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)
{
	json_t *j = runpod_body_of(res, VERDICT_RETRY, r);
	instant from = 0;
	enum verdict v;

	(void)c;
	if (!j)
		return r->verdict;
	json_time(j, "metadata.query.startTime", &from);
	v = a->from && from > a->from ? runpod_unreadable(r, "list of charges from the beginning") : read_charges(a, j, read_volume_charge, r);
	json_decref(j);
	return v;
}

/* ---- the table ---- */

/*
 * Network volumes: $0.07 a GB and month up to 1 TB, then $0.05. The container disk, which is all that we ask for, $0.10 while the
 * pod runs and nothing while it is stopped; a host volume, which we do not ask for, would be $0.20 then (§8).
 */
static const struct storage_rule volume = { .gb_month = 7 * CENT, .above_gb = 1000, .above_gb_month = 5 * CENT, .month = 730 * HOUR };
static const struct storage_rule disk = { .gb_month = RUNPOD_DISK_MONTH, .month = RUNPOD_MONTH_HOURS * HOUR };
static const struct storage_rule disk_stopped = { .gb_month = 0, .month = RUNPOD_MONTH_HOURS * HOUR };

const struct provider provider_runpod = {
	.name = "runpod",
	.title = "RunPod",
	.api_url = RUNPOD_API_URL,
	.token_env = "RUNPOD_API_KEY",
	.token_where = "https://console.runpod.io/user/settings, \"API Keys\": a key that may read and write pods and read billing",
	.user = "root",
	.ssh_port = 0,
	.image_amd = RUNPOD_IMAGE_AMD,
	.image_nvidia = RUNPOD_IMAGE,
	.disk_gb = RUNPOD_DISK_GB,
	.caps = CAP_MARK_AT_CREATE | CAP_BILL_BY_MACHINE | CAP_CONTAINER | CAP_PREPAID | CAP_VOLUME_SHARED,
	.create_timeout = 60 * SECOND,
	.boot_allowance = 20 * MINUTE, /* a large image is pulled first (§4.4) */
	.teardown_allowance = 5 * MINUTE,
	/* By the second from the 201 on (§8). A stopped pod's container disk is free, and no other disk is ever asked for. */
	.volume = &volume,
	.disk = &disk,
	.disk_stopped = &disk_stopped,
	.billing = { .quantum = SECOND, .start = METER_FROM_CREATE, .settle_delay = 2 * HOUR, .bills_stopped = false },
	/* Each pod has a key for itself (providers/runpod.md §6). */
	.give_back = "/pods/",
	.give_back_tail = "",
	.own_id = "RUNPOD_POD_ID",
	.own_key = "RUNPOD_API_KEY",
	/* 60 a minute and 3,000 an hour for all operations together (§1), the balance apart: the refills add up to 50 a minute. */
	.rate = {
		[OP_CHECK] = { MINUTE, 3 },
		[OP_OFFERS] = { 10 * SECOND, 8 },
		[OP_CREATE] = { 10 * SECOND, 8 },
		[OP_DESCRIBE] = { 10 * SECOND, 6 },
		[OP_LIST] = { 6 * SECOND, 6 },
		[OP_MARK] = { MINUTE, 4 },
		[OP_DESTROY] = { 5 * SECOND, 10 },
		[OP_BALANCE] = { 30 * SECOND, 3 },
		[OP_BILL] = { 30 * SECOND, 4 },
		[OP_LOG] = { 15 * SECOND, 12 },
		[OP_STORAGE] = { MINUTE, 4 },
		[OP_VOLUME_MAKE] = { 4 * MINUTE, 4 },
		[OP_VOLUME_DROP] = { 2 * MINUTE, 6 },
		[OP_STORAGE_BILL] = { 4 * MINUTE, 6 },
	},
	.op = {
		[OP_CHECK] = { check_build, check_read },
		[OP_OFFERS] = { runpod_offers_build, runpod_offers_read },
		[OP_KEY] = { key_build, key_read },
		[OP_CREATE] = { runpod_create_build, runpod_create_read },
		[OP_DESCRIBE] = { runpod_describe_build, runpod_describe_read },
		[OP_LIST] = { runpod_list_build, runpod_list_read },
		[OP_MARK] = { runpod_mark_build, runpod_mark_read },
		[OP_DESTROY] = { runpod_destroy_build, runpod_destroy_read },
		[OP_BALANCE] = { balance_build, balance_read },
		[OP_BILL] = { bill_build, bill_read },
		[OP_LOG] = { runpod_log_build, runpod_log_read },
		[OP_STORAGE] = { runpod_storage_build, runpod_storage_read },
		[OP_VOLUME_MAKE] = { runpod_volume_make_build, runpod_volume_make_read },
		[OP_VOLUME_DROP] = { runpod_volume_drop_build, runpod_volume_drop_read },
		[OP_STORAGE_BILL] = { storage_bill_build, storage_bill_read },
	},
};
