/*
 * What all operations at RunPod share: requests, pages, what an error says, the price of a disk, names of GPUs.
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/runpod.h"

#define PAGE_MAX 1000 /* the largest `limit` that lists accept (§1) */

/* ---- requests ---- */

const char *runpod_base_url(const struct op_args *a)
{
	return a->account->api_url[0] ? a->account->api_url : RUNPOD_API_URL;
}

void runpod_add_headers(const struct op_args *a, struct http_request *req)
{
	const char *token = a->account->token.value;

	http_request_header(req, "Authorization: Bearer %s", token ? token : "");
	http_request_header(req, "Accept: application/json, application/problem+json");
}

/* Newer servers page by cursor, older ones ignore both parameters and send everything (§1). */
void runpod_request_page(const struct op_args *a, const struct op_cursor *c, struct http_request *req, const char *path)
{
	struct buf b = BUF(4 * sizeof(c->token));

	if (c->token[0]) {
		buf_puts(&b, "&cursor=");
		str_percent_encode(&b, c->token);
	}
	http_request_url(
	    req, "GET", "%s/%s%climit=%d%s", runpod_base_url(a), path, strchr(path, '?') ? '&' : '?', PAGE_MAX, buf_str(&b));
	buf_free(&b);
	runpod_add_headers(a, req);
}

void runpod_answer(struct http_request *req, struct op_reply *r, enum verdict v)
{
	req->answered = true;
	r->verdict = v;
}

void runpod_refuse(struct http_request *req, struct op_reply *r, const char *why)
{
	op_fail(r, VERDICT_REFUSED, "%s", why);
	runpod_answer(req, r, VERDICT_REFUSED);
}

/* ---- answers ---- */

/* Problem documents say `detail`, older bodies `error` or `message`, GraphQL a list (§1). */
void runpod_own_words(const json_t *j, char out[TEXT_MAX])
{
	static const char *const places[] = { "detail", "error", "message", "error.message", "errors.0.message",
		"errors.0" };
	const char *text = "", *first = json_str(j, "errors.0", "");

	for (size_t i = 0; !*text && i < ARRAY_LEN(places); i++)
		text = json_str(j, places[i], "");
	/* A 422 names the offending field only in its list. */
	snprintf(out, TEXT_MAX, "%s%s%s", text, *first && first != text ? ": " : "", first != text ? first : "");
}

bool runpod_is_success(const struct http_response *res)
{
	return res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299;
}

/*
 * Did RunPod's API write this error? Only then is it definite. A 403 must be a problem document: the CDN in front answers
 * 403 too, and that says nothing about the key (§0.2).
 */
static bool own_error(const json_t *j, const struct http_response *res, const char *text)
{
	const char *type = res->status == 403 ? "problem+json" : "json";

	return *text && str_icontains(res->content_type, type) && !json_path(j, "id");
}

enum verdict runpod_failed(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	enum verdict v = doubt;
	char text[TEXT_MAX];
	json_t *j;
	bool own;

	if (res->outcome != HTTP_ANSWERED)
		return op_fail(r, res->outcome == HTTP_NOT_SENT ? VERDICT_RETRY : doubt, "%s", res->trouble);
	j = json_read(res->body, res->len, NULL);
	runpod_own_words(j, text);
	own = own_error(j, res, text);
	json_decref(j);
	if (!own)
		return op_fail(r, doubt, "HTTP %d that RunPod's API did not write (a proxy or its CDN)", res->status);
	switch (res->status) {
	case 400:
	case 404:
	case 409:
	case 410:
	case 413:
	case 422: v = VERDICT_REFUSED; break;
	case 401: v = VERDICT_DENIED; break;
	case 402: v = VERDICT_LIMIT; break;
	/* To a create it means: not this pool (§1). */
	case 403: v = doubt == VERDICT_UNSURE ? VERDICT_REFUSED : VERDICT_DENIED; break;
	case 429: v = VERDICT_RETRY; break;
	}
	return op_fail(r, v, "%s", text);
}

/* The same status from anything in front of the API says nothing about the pod. */
enum verdict runpod_failed_or_absent(const struct http_response *res, struct op_reply *r)
{
	enum verdict v = runpod_failed(res, VERDICT_RETRY, r);

	return r->verdict = v == VERDICT_REFUSED && res->status == 404 ? VERDICT_ABSENT : v;
}

json_t *runpod_body_of(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	struct err e;
	json_t *j;

	if (!runpod_is_success(res)) {
		runpod_failed(res, doubt, r);
		return NULL;
	}
	j = json_read(res->body, res->len, &e);
	if (json_is_object(j))
		return j;
	op_fail(r, doubt, "RunPod answered %d with a body that is %s", res->status, j ? "not an object" : e.msg);
	json_decref(j);
	return NULL;
}

enum verdict runpod_unreadable(struct op_reply *r, const char *what)
{
	return op_fail(r, VERDICT_RETRY, "RunPod's answer has no usable %s", what);
}

static bool has_any(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (str_icontains(text, *words))
			return true;
	return false;
}

/* What a 400 means only its sentence tells (§5). What is not known to pass is a fault of the request. */
enum verdict runpod_refusal_kind(const char *text)
{
	static const char *const request[] = { "template id or pod configuration parameters", NULL };
	static const char *const sold_out[] = { "no longer any instances available", "no instances currently available",
		"no instances available", "not enough free gpus", "does not have the resources", "try a different machine",
		"insufficient capacity", "out of capacity", "out of stock", "sold out", "please refresh and try again", NULL };
	static const char *const limits[] = { "balance", "funds", "credit", "spend limit", "spending limit", "quota", NULL };

	if (has_any(text, request)) /* the late form of "no disk size" */
		return VERDICT_REFUSED;
	if (has_any(text, sold_out))
		return VERDICT_NO_CAPACITY;
	return has_any(text, limits) ? VERDICT_LIMIT : VERDICT_REFUSED;
}

/* A page that promises more and does not say where makes the whole listing void. */
enum verdict runpod_next_page(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	const char *next = json_str(j, "pagination.nextCursor", "");
	const json_t *more = json_path(j, "pagination.hasNextPage");

	if (!more || json_is_null(more) || json_is_false(more))
		return VERDICT_OK;
	if (!json_is_true(more) || !*next || !strcmp(next, c->token) || !str_copy(c->token, next))
		return runpod_unreadable(r, "cursor for the next page");
	c->page++;
	return VERDICT_MORE;
}

/* ---- facts ---- */

void runpod_data_center(const char *region, char out[REGION_MAX])
{
	str_copy_n(out, REGION_MAX, region);
	for (char *p = out; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
}

int runpod_disk_of(const struct op_args *a)
{
	if (a->disk_gb > 0)
		return a->disk_gb;
	return a->account->disk_gb > 0 ? a->account->disk_gb : RUNPOD_DISK_GB;
}

money runpod_disk_price(int64_t gb)
{
	if (gb <= 0 || gb > 1000000)
		return 0;
	return (money_times(RUNPOD_DISK_MONTH, gb) + RUNPOD_MONTH_HOURS - 1) / RUNPOD_MONTH_HOURS;
}

/* MIG slices have ids of their own and must not pass for the whole GPU; only the id tells them apart (§3.1). */
void runpod_name_gpu(const char *id, const char *name, char out[GPU_MAX])
{
	if (*name && !gpu_find(id) && !str_icontains(id, "MIG ") && gpu_find(name))
		id = name;
	gpu_canonical(id, out, GPU_MAX);
}
