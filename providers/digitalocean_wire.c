/*
 * What all operations at DigitalOcean share: requests, pages, what an error says.
 */
#include "base/str.h"
#include "providers/digitalocean.h"

/* ---- requests ---- */

static const char *base_url(const struct op_args *a)
{
	return a->account->api_url[0] ? a->account->api_url : DIGITALOCEAN_API_URL;
}

static void add_headers(const struct op_args *a, struct http_request *req)
{
	const char *token = a->account->token.value;

	http_request_header(req, "Authorization: Bearer %s", token ? token : "");
	http_request_header(req, "Accept: application/json");
}

void digitalocean_request(const struct op_args *a, struct http_request *req, const char *method, const char *path)
{
	http_request_url(req, method, "%s/v2/%s", base_url(a), path);
	add_headers(a, req);
}

void digitalocean_request_page(
    const struct op_args *a, const struct op_cursor *c, struct http_request *req, const char *path)
{
	http_request_url(req, "GET", "%s/v2/%s%cper_page=200&page=%d", base_url(a), path, strchr(path, '?') ? '&' : '?',
	    c->page ? c->page : 1);
	add_headers(a, req);
}

void digitalocean_refuse(struct http_request *req, struct op_reply *r, const char *why)
{
	req->answered = true;
	op_fail(r, VERDICT_REFUSED, "%s", why);
}

/* ---- answers ---- */

bool digitalocean_is_success(const struct http_response *res)
{
	return res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299;
}

bool digitalocean_is_pending(const struct http_response *res, const struct op_reply *r)
{
	return res->status == 422 && str_icontains(r->message, "pending event");
}

/* Definite is only an error that DigitalOcean wrote, {"id": kind, "message": sentence}, with a documented status (§1). */
enum verdict digitalocean_failed(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	enum verdict v = doubt;
	json_t *j;

	if (res->outcome != HTTP_ANSWERED)
		return op_fail(r, res->outcome == HTTP_NOT_SENT ? VERDICT_RETRY : doubt, "%s", res->trouble);
	if (res->status >= 300 && res->status <= 399) /* never followed; the AMD host is known to have moved (§13) */
		return op_fail(r, doubt, "HTTP %d: the API has moved to another address; set api_url", res->status);
	j = json_read(res->body, res->len, NULL);
	if (!*json_str(j, "message", "") || !json_is_string(json_path(j, "id"))) {
		json_decref(j);
		return op_fail(r, doubt, "HTTP %d that DigitalOcean's API did not write (a proxy?)", res->status);
	}
	switch (res->status) {
	case 400:
	case 404:
	case 409:
	case 422: v = VERDICT_REFUSED; break;
	case 401:
	case 403: v = VERDICT_DENIED; break;
	case 429: v = VERDICT_RETRY; break;
	}
	op_fail(r, v, "%s", json_str(j, "message", ""));
	json_decref(j);
	return v;
}

/* The same status from anything in front of the API says nothing about the droplet. */
enum verdict digitalocean_failed_or_absent(const struct http_response *res, struct op_reply *r)
{
	enum verdict v = digitalocean_failed(res, VERDICT_RETRY, r);

	return r->verdict = v == VERDICT_REFUSED && res->status == 404 ? VERDICT_ABSENT : v;
}

json_t *digitalocean_body_of(const struct http_response *res, enum verdict doubt, struct op_reply *r)
{
	struct err e;
	json_t *j;

	if (!digitalocean_is_success(res)) {
		digitalocean_failed(res, doubt, r);
		return NULL;
	}
	j = json_read(res->body, res->len, &e);
	if (json_is_object(j))
		return j;
	op_fail(r, doubt, "DigitalOcean answered %d with a body that is %s", res->status, j ? "not an object" : e.msg);
	json_decref(j);
	return NULL;
}

enum verdict digitalocean_unreadable(struct op_reply *r, const char *what)
{
	return op_fail(r, VERDICT_RETRY, "DigitalOcean's answer has no usable %s", what);
}

/* ---- pages ---- */

/* The number in "https://…?page=2&per_page=200"; the rest of the link names the production host. 0: none. */
static int page_in(const char *link)
{
	const char *p = strchr(link, '?');
	char digits[8];
	int64_t page;

	while (p && !str_starts(p + 1, "page="))
		p = strchr(p + 1, '&');
	if (!p)
		return 0;
	p += strlen("?page=");
	snprintf(digits, sizeof(digits), "%.*s", (int)instant_min((int64_t)strcspn(p, "&#"), 7), p);
	return str_to_i64(digits, 1, 100000, &page) ? (int)page : 0;
}

enum verdict digitalocean_next_page(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	const json_t *next = json_path(j, "links.pages.next");
	int page;

	if (!next || json_is_null(next))
		return VERDICT_OK;
	page = json_is_string(next) ? page_in(json_string_value(next)) : 0;
	if (page <= (c->page ? c->page : 1))
		return digitalocean_unreadable(r, "link to the next page");
	c->page = page;
	return VERDICT_MORE;
}

enum verdict digitalocean_end_of_page(
    const json_t *j, size_t shown, const char *what, struct op_cursor *c, struct op_reply *r)
{
	int64_t total = json_int(j, "meta.total", -1);
	enum verdict v;
	char text[24];

	c->number += (int64_t)shown;
	snprintf(text, sizeof(text), "%lld", (long long)total);
	if (c->token[0] && strcmp(c->token, text) != 0)
		return op_fail(r, VERDICT_RETRY, "the list of %s changed while it was read (%s, then %s)", what, c->token, text);
	v = digitalocean_next_page(j, c, r);
	if (v == VERDICT_MORE)
		str_copy(c->token, text);
	if (v == VERDICT_OK && c->number < total)
		return op_fail(r, VERDICT_RETRY, "the list shows %lld of %lld %s", (long long)c->number, (long long)total, what);
	return v;
}

/* ---- facts ---- */

bool digitalocean_read_id(const json_t *j, const char *path, char out[ID_MAX])
{
	int64_t id = json_int(j, path, 0);

	snprintf(out, ID_MAX, "%lld", (long long)id);
	if (id <= 0)
		out[0] = '\0';
	return id > 0;
}

int digitalocean_whole(const json_t *j, const char *path)
{
	int64_t n = json_int(j, path, 0);

	return n > 0 && n < 100000000 ? (int)n : 0;
}
