/*
 * What all operations at vast.ai share: requests, what an error says, and the names of GPUs.
 */
#include "base/gpu.h"
#include "base/str.h"
#include "providers/vastai.h"

#include <math.h>

/* ---- requests -------------------------------------------------------------------------------------------------------- */

const char *vastai_base_url(const struct op_args *a)
{
	return a->account->api_url[0] ? a->account->api_url : VASTAI_API_URL;
}

void vastai_add_headers(const struct op_args *a, struct http_request *req)
{
	const char *token = a->account->token.value;

	http_request_header(req, "Authorization: Bearer %s", token ? token : "");
	http_request_header(req, "Accept: application/json");
}

/* {"field": {"op": value}}, as all filters are written. Steals `value`. */
void vastai_put_filter(json_t *o, const char *field, const char *op, json_t *value)
{
	json_t *filter = json_object_get(o, field);

	if (!filter) {
		filter = json_object();
		json_put(o, field, filter);
	}
	json_put(filter, op, value);
}

/* "&name=" and the JSON text, percent-encoded. Steals `value`. */
void vastai_put_query(struct buf *b, const char *name, json_t *value)
{
	char *text = json_text(value);

	buf_printf(b, "&%s=", name);
	str_percent_encode(b, text);
	free(text);
	json_decref(value);
}

void vastai_put_token(struct buf *b, const struct op_cursor *c)
{
	if (!c->token[0])
		return;
	buf_puts(b, "&after_token=");
	str_percent_encode(b, c->token);
}

/* ---- answers: what every operation shares ---------------------------------------------------------------------------- */

const char *vastai_text_of(const json_t *j)
{
	static const char *const places[] = { "msg", "message", "detail" };
	const char *text = "";

	for (size_t i = 0; !*text && i < ARRAY_LEN(places); i++)
		text = json_str(j, places[i], "");
	return text;
}

/* What an error body says, by its code first and its words second (§1.1). NONE: vast.ai did not write it. */
enum vastai_complaint vastai_complaint_of(const json_t *j)
{
	static const struct { const char *word; enum vastai_complaint kind; } words[] = {
		{ "auth_error", VASTAI_AUTH }, { "no_such_ask", VASTAI_NO_ASK },
		{ "no_such_volume", VASTAI_NO_VOLUME }, { "no_such_instance", VASTAI_NO_INSTANCE }, { "not_found", VASTAI_NO_INSTANCE },
		{ "invalid_id", VASTAI_NO_INSTANCE }, { "insufficient_credit", VASTAI_MONEY },
		{ "missing_billing", VASTAI_MONEY }, { "spend_rate_limit", VASTAI_MONEY },
	};
	const char *code = json_str(j, "error", ""), *text = vastai_text_of(j);

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (!strcmp(code, words[i].word))
			return words[i].kind;
	}
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i].word, "not_found") && strcmp(words[i].word, "invalid_id") && strstr(text, words[i].word))
			return words[i].kind;
	}
	return *code || *text ? VASTAI_OTHER : VASTAI_NONE;
}

/* vast.ai's own sentence, for a person. */
void vastai_own_words(const json_t *j, const struct http_response *res, char out[TEXT_MAX])
{
	struct buf b = BUF(8 * TEXT_MAX);
	const char *code = json_str(j, "error", ""), *text = vastai_text_of(j);

	if (!j && res->body && !memchr(res->body, '<', res->len)) {
		str_safe(&b, res->body, strnlen(res->body, res->len < 120 ? res->len : 120), false);
	} else {
		if (*code && !strstr(text, code))
			buf_printf(&b, "%.64s%s", code, *text ? ": " : "");
		buf_printf(&b, "%.200s", text);
	}
	snprintf(out, TEXT_MAX, "HTTP %d%s%s", res->status, b.len ? ": " : "", buf_str(&b));
	buf_free(&b);
}

bool vastai_is_success(const struct http_response *res)
{
	return res->outcome == HTTP_ANSWERED && res->status >= 200 && res->status <= 299;
}

/* vast.ai promises no Retry-After but was seen to put seconds into the body (§1.2). */
void vastai_read_haste(const json_t *j, struct op_reply *r)
{
	double seconds = json_num(j, "retry_after", 0);

	if (seconds > 0 && seconds < 1e6)
		r->retry_after = (duration)(seconds * (double)SECOND);
}

/*
 * The verdict on an answer that is not what was asked for; for all operations but create. Nothing follows from a body that
 * vast.ai did not write, nor from a 404 that does not name what is missing.
 */
enum verdict vastai_failed(const struct http_response *res, const json_t *j, struct op_reply *r)
{
	enum vastai_complaint kind = vastai_complaint_of(j);
	enum verdict v = VERDICT_RETRY;
	char text[TEXT_MAX];

	if (res->outcome != HTTP_ANSWERED)
		return op_fail(r, VERDICT_RETRY, "%s", res->trouble);
	vastai_own_words(j, res, text);
	if (res->status == 429)
		vastai_read_haste(j, r);
	else if (res->status >= 500 || res->status == 408)
		v = VERDICT_RETRY;
	else if (kind == VASTAI_AUTH || res->status == 401 || (res->status == 403 && kind != VASTAI_NONE))
		v = VERDICT_DENIED;
	else if (kind == VASTAI_NO_INSTANCE)
		v = VERDICT_ABSENT;
	else if (kind == VASTAI_MONEY)
		v = VERDICT_LIMIT;
	else if (kind != VASTAI_NONE && (res->status == 400 || res->status == 422))
		v = VERDICT_REFUSED;
	return op_fail(r, v, "%s", text);
}

/* The object in a successful answer, or NULL with the reply filled. `success` may be missing; it must not be false (§1). */
json_t *vastai_body_of(const struct http_response *res, struct op_reply *r)
{
	json_t *j = res->outcome == HTTP_ANSWERED ? json_read(res->body, res->len, NULL) : NULL;

	if (vastai_is_success(res) && json_is_object(j) && json_bool(j, "success", true))
		return j;
	if (vastai_is_success(res) && !json_is_object(j))
		op_fail(r, VERDICT_RETRY, "vast.ai answered %d with a body that is not a JSON object", res->status);
	else
		vastai_failed(res, j, r);
	json_decref(j);
	return NULL;
}

/* As body_of, where no instance was asked for: "not found" then says nothing about any machine. */
json_t *vastai_listing_of(const struct http_response *res, struct op_reply *r)
{
	json_t *j = vastai_body_of(res, r);

	if (!j && r->verdict == VERDICT_ABSENT)
		r->verdict = VERDICT_RETRY;
	return j;
}

enum verdict vastai_unreadable(struct op_reply *r, const char *what)
{
	return op_fail(r, VERDICT_RETRY, "vast.ai's answer has no usable %s", what);
}

/* Ids are numbers; a text of digits is as good. Writes "" when there is none. */
bool vastai_read_id(const json_t *j, const char *path, char out[ID_MAX])
{
	int64_t id = json_int(j, path, 0);

	out[0] = '\0';
	if (id > 0)
		snprintf(out, ID_MAX, "%lld", (long long)id);
	return id > 0;
}

/* Pages by token (§1.3). */
enum verdict vastai_next_page(const json_t *j, struct op_cursor *c, struct op_reply *r)
{
	const json_t *next = json_path(j, "next_token");

	if (!next || json_is_null(next))
		return VERDICT_OK;
	if (!json_is_string(next) || !*json_string_value(next) || !strcmp(json_string_value(next), c->token) ||
	    !str_copy(c->token, json_string_value(next)))
		return vastai_unreadable(r, "token for the next page");
	c->page++;
	return VERDICT_MORE;
}

/* ---- facts ----------------------------------------------------------------------------------------------------------- */

int vastai_disk_of(const struct op_args *a)
{
	int gb = a->disk_gb > 0 ? a->disk_gb : a->account->disk_gb > 0 ? a->account->disk_gb : VASTAI_DISK_GB;

	return gb < VASTAI_DISK_MIN ? VASTAI_DISK_MIN : gb;
}

/* The longest AMD name of the catalogue in a spelling that the catalogue does not know. */
static const struct gpu *find_amd(const char *text)
{
	const struct gpu *best = NULL, *all;
	size_t n;

	all = gpu_all(&n);
	for (size_t i = 0; i < n; i++) {
		if (all[i].vendor == GPU_VENDOR_AMD && str_icontains(text, all[i].name) &&
		    (!best || strlen(all[i].name) > strlen(best->name)))
			best = &all[i];
	}
	return best;
}

/* Memory tells apart what vast.ai calls by one name: "A100 SXM4" is a 40 or an 80 GB card. *gb: per GPU, as sold. */
void vastai_name_gpu(const json_t *row, char out[GPU_MAX], int *gb)
{
	const char *name = json_str(row, "gpu_name", "");
	double mb = json_num(row, "gpu_ram", 0); /* usable, so a few percent less than what is sold */
	const struct gpu *gpu = NULL;
	char text[96];

	*gb = mb > 0 && mb < 1e7 ? (int)lround(mb / 1024) : 0;
	snprintf(text, sizeof(text), "%.64s %dGB", name, *gb);
	gpu = gpu_find(*gb ? text : name);
	if (!gpu && !strcmp(json_str(row, "gpu_arch", ""), "amd"))
		gpu = find_amd(name);
	gpu_canonical(gpu ? gpu->name : name, out, GPU_MAX);
	if (gpu && (!*gb || abs(gpu->memory_gb - *gb) * 10 <= gpu->memory_gb))
		*gb = gpu->memory_gb;
}
