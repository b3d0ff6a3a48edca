#include "providers/hotaisle.h"
#include "base/gpu.h"
#include "base/str.h"

#include <math.h>

#define ERROR_MAX 4096 /* the provider's error sentences are short; a page is not */

/* ---- requests ---- */

void hotaisle_answer(struct http_request *req, struct op_reply *r, const char *why)
{
	req->answered = true;
	op_fail(r, VERDICT_REFUSED, "%s", why);
}

void hotaisle_authenticate(const struct op_args *a, struct http_request *req)
{
	http_request_header(
	    req, "Authorization: Token %s", a->account->token.value ? a->account->token.value : "");
	http_request_header(req, "Accept: application/json");
}

/*
 * What goes into a path is a plain name: nothing else is an id or a team, and "..", '/' and '?'
 * would be other requests.
 */
bool hotaisle_team_ok(const struct op_args *a, struct http_request *req, struct op_reply *r)
{
	if (str_is_name(a->account->team, NAME_MAX_ - 1))
		return true;
	hotaisle_answer(req, r,
	    "no usable team: set providers.hotaisle.team to the handle of the Hot Aisle team");
	return false;
}

bool hotaisle_machine_url(const struct op_args *a, struct http_request *req, struct op_reply *r,
    const char *method, const char *tail)
{
	if (!hotaisle_team_ok(a, req, r))
		return false;
	if (!a->id || !str_is_name(a->id, ID_MAX - 1)) {
		hotaisle_answer(req, r, "not an id of a Hot Aisle machine");
		return false;
	}
	http_request_url(req, method, "%s/teams/%s/virtual_machines/%s/%s", a->account->api_url,
	    a->account->team, a->id, tail);
	hotaisle_authenticate(a, req);
	return true;
}

bool hotaisle_team_url(const struct op_args *a, struct http_request *req, struct op_reply *r,
    const char *method, const char *tail)
{
	if (!hotaisle_team_ok(a, req, r))
		return false;
	http_request_url(
	    req, method, "%s/teams/%s/%s", a->account->api_url, a->account->team, tail);
	hotaisle_authenticate(a, req);
	return true;
}

/* ---- answers ---- */

bool hotaisle_is_success(const struct http_response *res)
{
	return res->status >= 200 && res->status < 300;
}

/* Is this an error sentence as this provider writes them (§1)? */
bool hotaisle_is_plain_text(const struct http_response *res)
{
	const char *p = res->body;

	if (*res->content_type && !str_istarts(res->content_type, "text/plain"))
		return false;
	while (p && (*p == ' ' || *p == '\n' || *p == '\r' || *p == '\t'))
		p++;
	return p && *p && !strchr("<{[", *p) && res->len <= ERROR_MAX &&
	       strlen(res->body) == res->len && str_is_utf8(res->body, res->len);
}

enum verdict hotaisle_fail(
    const struct http_response *res, struct op_reply *r, enum verdict v, const char *more)
{
	struct buf line = BUF(ERROR_MAX);

	if (hotaisle_is_plain_text(res)) {
		buf_append(&line, res->body, strcspn(res->body, "\r\n"));
		op_fail(r, v, "Hot Aisle: %s (%d)%s", buf_str(&line), res->status, more);
	} else {
		op_fail(r, v, "Hot Aisle answered %d%s", res->status, more);
	}
	buf_free(&line);
	return v;
}

/* Errors of everything but create. A claim that a machine is gone must be the provider's own. */
enum verdict hotaisle_failed(const struct http_response *res, struct op_reply *r, bool machine)
{
	switch (res->status) {
	case 401: return hotaisle_fail(res, r, VERDICT_DENIED, ": the API key is not accepted");
	case 403: return hotaisle_fail(res, r, VERDICT_DENIED, ": the API key lacks a role");
	case 404:
		if (machine && hotaisle_is_plain_text(res))
			return hotaisle_fail(res, r, VERDICT_ABSENT, "");
		return hotaisle_fail(res, r, machine ? VERDICT_RETRY : VERDICT_REFUSED,
		    ": is the team handle right?");
	case 400:
	case 422: return hotaisle_fail(res, r, VERDICT_REFUSED, "");
	default: return hotaisle_fail(res, r, VERDICT_RETRY, "");
	}
}

json_t *hotaisle_body_of(const struct http_response *res, struct op_reply *r, enum verdict otherwise)
{
	struct err e = { 0 };
	json_t *j = json_read(res->body, res->len, &e);

	if (!j)
		op_fail(r, otherwise, "Hot Aisle's answer cannot be read: %s", e.msg);
	return j;
}

enum verdict hotaisle_json(const struct http_response *res, struct op_reply *r, bool machine, json_t **j)
{
	*j = NULL;
	if (!hotaisle_is_success(res))
		return hotaisle_failed(res, r, machine);
	*j = hotaisle_body_of(res, r, VERDICT_RETRY);
	return *j ? VERDICT_OK : VERDICT_RETRY;
}

/* Whole cents or, in newer servers, a fraction of them (§2.2). */
bool hotaisle_cents(const json_t *j, const char *key, money *out)
{
	double c = json_num(json_object_get(j, key), "", NAN);

	if (!isfinite(c) || fabs(c) > (double)(MONEY_MAX / CENT))
		return false;
	*out = (money)llround(c * (double)CENT);
	return true;
}

/* The GPUs of a machine: one model, any number. False: none, or mixed, or not a number. */
bool hotaisle_gpus_of(const json_t *specs, char name[GPU_MAX], int *count)
{
	const json_t *gpus = json_object_get(specs, "gpus"), *row;
	char model[GPU_MAX];
	int64_t total = 0;
	size_t i;

	json_array_foreach (gpus, i, row) {
		int64_t n = json_int(row, "count", 0);

		gpu_canonical(json_str(row, "model", ""), model, sizeof(model));
		if (n < 1 || n > 64 || !*model || (i && strcmp(model, name)) || i > 64)
			return false;
		str_copy_n(name, GPU_MAX, model);
		total += n;
	}
	*count = (int)total;
	return total > 0;
}
