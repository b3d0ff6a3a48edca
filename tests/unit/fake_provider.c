/*
 * "Cumulus", a cloud that does not exist: what the smallest adapter looks like that the core can rent from, mark, count the money of
 * and end. A real one is this and what provider.h lists beside it. The API, in the words of a fact sheet:
 *
 *	GET    /me              {"account", "credit"}
 *	GET    /prices          {"prices": [{"type", "gpu", "gpus", "usd", "left"}]}
 *	POST   /machines        {"type", "label", "ssh_key"} → 201 {"id"}; 409 sold out
 *	GET    /machines        {"machines": [M], "next"}, and ?after=next for the next page
 *	GET    /machines/ID     M = {"id", "label", "state", "ip", "gpu", "gpus", "usd"}; state: booting, up, off
 *	PATCH  /machines/ID     {"label"} → 204, DELETE /machines/ID → 204
 *	Errors are {"reason"}: 400 wrong request, 401 wrong key, 402 no credit, 404 no such machine, 429 too fast.
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/provider.h"

#pragma GCC diagnostic ignored "-Wunused-parameter"
#define BUILD(name) \
	static void name##_build(const struct op_args *a, const struct op_cursor *c, struct http_request *req, struct op_reply *r)
#define READ(name) \
	static enum verdict name##_read(const struct op_args *a, struct op_cursor *c, const struct http_response *res, struct op_reply *r)

/* `id` is data and never part of the path's grammar. */
static void request(const struct op_args *a, struct http_request *req, const char *method, const char *path, const char *id)
{
	struct buf b = BUF(2048);

	str_percent_encode(&b, id);
	http_request_url(req, method, "%s/%s%s", a->account->api_url, path, buf_str(&b));
	http_request_header(req, "Authorization: Bearer %s", a->account->token.value);
	buf_free(&b);
}

BUILD(me) { request(a, req, "GET", "me", ""); }
BUILD(offers) { request(a, req, "GET", "prices", ""); }
BUILD(list) { request(a, req, "GET", *c->token ? "machines?after=" : "machines", c->token); }
BUILD(describe) { request(a, req, "GET", "machines/", a->id); }
BUILD(destroy) { request(a, req, "DELETE", "machines/", a->id); }

BUILD(mark)
{
	request(a, req, "PATCH", "machines/", a->id);
	http_request_json(req, json_pack("{ss}", "label", a->mark));
}

BUILD(create)
{
	request(a, req, "POST", "machines", "");
	http_request_json(req, json_pack("{ss ss ss}", "type", a->offer->spec, "label", a->mark, "ssh_key", a->public_key));
}

/*
 * The object of a successful answer, or NULL with the verdict in the reply. Definite is only what the API itself wrote; for all
 * else, a proxy's page or half a body, it is `doubt`.
 */
static json_t *body_of(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	static const struct { int status; enum verdict v; } errors[] = { { 400, VERDICT_REFUSED }, { 401, VERDICT_DENIED },
		{ 402, VERDICT_LIMIT }, { 404, VERDICT_ABSENT }, { 409, VERDICT_NO_CAPACITY }, { 429, VERDICT_RETRY } };
	json_t *j = json_read(res->body, res->len, NULL);
	const char *reason = json_str(j, "reason", "");

	if (res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299 && json_is_object(j))
		return j;
	for (size_t i = 0; res->outcome == HTTP_ANSWERED && *reason && i < ARRAY_LEN(errors); i++)
		if (errors[i].status == res->status)
			doubt = errors[i].v;
	op_fail(r, doubt, "HTTP %d %s", res->status, reason);
	json_decref(j);
	return NULL;
}

/* Of a read: OK when its body says what it should. Frees the body. */
static enum verdict end(json_t *j, bool usable, struct op_reply *r)
{
	if (j)
		r->verdict = usable ? VERDICT_OK : op_fail(r, VERDICT_RETRY, "Cumulus answered what cannot be read");
	json_decref(j);
	return r->verdict;
}

static bool read_id(const json_t *j, char out[ID_MAX])
{
	if (!str_copy_n(out, ID_MAX, json_str(j, "id", "")))
		out[0] = '\0';
	return *out;
}

static int count_of(const json_t *j, const char *key)
{
	return (int)instant_max(0, instant_min(json_int(j, key, 0), 1000));
}

READ(me)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);

	r->balance.machines = -1;
	r->balance.known = json_money(j, "credit", &r->balance.available);
	return end(j, r->balance.known && str_copy(r->account_id, json_str(j, "account", "")) && *r->account_id, r);
}

static void read_offer(const struct op_args *a, const json_t *row, struct op_reply *r)
{
	struct offer o = { .gpu_count = count_of(row, "gpus"), .available = count_of(row, "left") };

	gpu_canonical(json_str(row, "gpu", ""), o.gpu, sizeof(o.gpu));
	if (!str_copy(o.key, json_str(row, "type", "")) || !*o.key || !*o.gpu || !o.gpu_count || !json_money(row, "usd", &o.price_hour) ||
	    (*a->gpu && !str_ieq(a->gpu, o.gpu)) || (a->gpu_count && a->gpu_count != o.gpu_count))
		return;
	o.spec = xstrdup(o.key); /* what create wants to know again */
	*op_reply_add_offer(r) = o;
}

READ(offers)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const json_t *rows = json_path(j, "prices"), *row;
	size_t i;

	json_array_foreach (rows, i, row)
		read_offer(a, row, r);
	return end(j, json_is_array(rows), r);
}

READ(create)
{
	json_t *j = body_of(res, VERDICT_UNSURE, r); /* what was not refused may have been made */

	if (j)
		r->verdict = read_id(j, r->id) ? VERDICT_OK : op_fail(r, VERDICT_UNSURE, "Cumulus took the create and told no id");
	json_decref(j);
	return r->verdict;
}

/* A state that is not known is UNKNOWN, which bills, and never "gone". `id`: only this one; NULL: any. */
static bool add_machine(const json_t *j, const char *id, struct op_reply *r)
{
	struct machine m = { .gpu_count = count_of(j, "gpus") };
	const char *state = json_str(j, "state", ""), *ip = json_str(j, "ip", "");

	if (!read_id(j, m.id) || (id && strcmp(m.id, id)))
		return false;
	if (str_is_name(ip, ADDRESS_MAX - 1) && str_copy(m.address, ip))
		m.port = 22;
	m.state = !strcmp(state, "off") ? MACHINE_STOPPED : !strcmp(state, "booting") ? MACHINE_STARTING : MACHINE_UNKNOWN;
	if (!strcmp(state, "up"))
		m.state = m.port ? MACHINE_RUNNING : MACHINE_STARTING;
	str_copy(m.mark, json_str(j, "label", ""));
	gpu_canonical(json_str(j, "gpu", ""), m.gpu, sizeof(m.gpu));
	json_money(j, "usd", &m.price_hour);
	*op_reply_add_machine(r) = m;
	return true;
}

READ(describe)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);

	return end(j, j && add_machine(j, a->id, r), r);
}

/* Complete or nothing: the machine that cannot be read may be ours. */
READ(list)
{
	json_t *j = body_of(res, VERDICT_RETRY, r);
	const json_t *rows = json_path(j, "machines"), *row;
	bool whole = json_is_array(rows);
	size_t i;

	json_array_foreach (rows, i, row)
		whole = add_machine(row, NULL, r) && whole;
	whole = whole && str_copy(c->token, json_str(j, "next", ""));
	return end(j, whole, r) == VERDICT_OK && *c->token ? VERDICT_MORE : r->verdict;
}

READ(change)
{
	if (res->outcome == HTTP_ANSWERED && res->status == 204)
		return VERDICT_OK;
	json_decref(body_of(res, VERDICT_RETRY, r));
	return r->verdict;
}

const struct provider provider_fake = {
	.name = "cumulus", .title = "Cumulus", .api_url = "https://api.cumulus.example/v1", .user = "root",
	.token_env = "CUMULUS_TOKEN", .token_where = "https://cumulus.example/keys: a key that may write machines",
	.caps = CAP_MARK_AT_CREATE | CAP_PREPAID,
	.create_timeout = MINUTE, .boot_allowance = 10 * MINUTE, .teardown_allowance = 5 * MINUTE,
	.billing = { .quantum = SECOND, .start = METER_FROM_CREATE, .settle_delay = HOUR, .bills_stopped = true },
	.op = {
		[OP_CHECK] = { me_build, me_read }, [OP_OFFERS] = { offers_build, offers_read },
		[OP_CREATE] = { create_build, create_read }, [OP_DESCRIBE] = { describe_build, describe_read },
		[OP_LIST] = { list_build, list_read }, [OP_MARK] = { mark_build, change_read },
		[OP_DESTROY] = { destroy_build, change_read }, [OP_BALANCE] = { me_build, me_read },
	},
};
