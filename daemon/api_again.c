/*
 * Answers by Idempotency-Key: a POST whose answer was lost is sent again, and is not done again.
 */
#include "api_private.h"
#include "base/crypto.h"
#include "base/str.h"

#define REMEMBER_MAX 1000

struct remembered {
	struct list link;
	uid_t uid;
	char actor[NAME_MAX_]; /* two tokens are two callers */
	char key[65];
	uint8_t digest[SHA256_LEN];
	int status;
	char *text;
	const char *type;
};

static struct remembered *recall(const struct request *r, const char *key)
{
	list_for_each(n, &r->api->remembered) {
		struct remembered *m = CONTAINER_OF(n, struct remembered, link);

		if (m->uid == r->uid && !strcmp(m->actor, r->actor) && !strcmp(m->key, key))
			return m;
	}
	return NULL;
}

static void request_digest(const struct request *r, uint8_t out[SHA256_LEN])
{
	struct buf b = BUF(RUN_BODY_MAX + 1024);

	buf_printf(&b, "%s %s\n", r->method, r->path);
	buf_append(&b, r->body.data, r->body.len);
	crypto_sha256(buf_str(&b), b.len, out);
	buf_free(&b);
}

static const char *idempotency_key(const struct request *r)
{
	const char *key = strcmp(r->method, "POST") ? NULL : MHD_lookup_connection_value(r->mc, MHD_HEADER_KIND, "Idempotency-Key");

	return key && *key && strlen(key) <= 64 ? key : NULL;
}

static void forget(struct remembered *m)
{
	list_remove(&m->link);
	free(m->text);
	free(m);
}

bool request_again(struct request *r)
{
	const char *key = idempotency_key(r);
	const struct remembered *old = key ? recall(r, key) : NULL;
	uint8_t digest[SHA256_LEN];
	struct err e;

	if (!old)
		return false;
	request_digest(r, digest);
	if (!memcmp(old->digest, digest, SHA256_LEN)) {
		request_answer(r, old->status, old->type, xstrdup(old->text), strlen(old->text));
	} else {
		err_set(&e, ERR_CONFLICT, "this Idempotency-Key was used with another request");
		request_error(r, &e);
	}
	return true;
}

void request_remember(struct request *r)
{
	const char *key = idempotency_key(r);
	struct api *a = r->api;
	struct remembered *m;

	if (!key || r->streaming || r->status >= 400)
		return;
	m = xcalloc(1, sizeof(*m));
	m->uid = r->uid;
	str_copy(m->actor, r->actor);
	str_copy(m->key, key);
	request_digest(r, m->digest);
	m->status = r->status;
	m->text = xstrndup(r->text, r->text_len);
	m->type = r->type;
	list_append(&a->remembered, &m->link);
	if (++a->remembered_count > REMEMBER_MAX) {
		forget(CONTAINER_OF(a->remembered.next, struct remembered, link));
		a->remembered_count--;
	}
}

void again_free(struct api *a)
{
	list_for_each_safe(n, &a->remembered)
		forget(CONTAINER_OF(n, struct remembered, link));
}
