/*
 * What every adapter needs: requests and replies as values.
 */
#include "providers/provider.h"

#include "base/log.h"
#include "base/str.h"

void http_request_free(struct http_request *r)
{
	free(r->url);
	for (int i = 0; i < r->header_count; i++)
		free(r->headers[i]);
	/* A body may hold a key of the user's. */
	if (r->body)
		explicit_bzero(r->body, strlen(r->body));
	free(r->body);
	*r = (struct http_request){ 0 };
}

static char *PRINTF_LIKE(1, 0) format(const char *fmt, va_list ap)
{
	char *s;

	if (vasprintf(&s, fmt, ap) < 0)
		BUG("cannot format '%s'", fmt);
	return s;
}

void http_request_url(struct http_request *r, const char *method, const char *fmt, ...)
{
	va_list ap;

	free(r->url);
	va_start(ap, fmt);
	r->url = format(fmt, ap);
	va_end(ap);
	r->method = method;
}

void http_request_header(struct http_request *r, const char *fmt, ...)
{
	va_list ap;
	char *s;

	if (r->header_count == HTTP_HEADERS_MAX)
		BUG("more than %d headers in a request", HTTP_HEADERS_MAX);
	va_start(ap, fmt);
	s = format(fmt, ap);
	va_end(ap);
	/* A value from outside must not begin a second header. */
	s[strcspn(s, "\r\n")] = '\0';
	r->headers[r->header_count++] = s;
}

void http_request_json(struct http_request *r, json_t *body)
{
	free(r->body);
	r->body = json_text(body);
	json_decref(body);
	http_request_header(r, "Content-Type: application/json");
}

void op_reply_free(struct op_reply *r)
{
	for (size_t i = 0; i < r->offer_count; i++)
		free(r->offers[i].spec);
	free(r->offers);
	free(r->machines);
	free(r->bills);
	free(r->storages);
	free(r->log);
	*r = (struct op_reply){ 0 };
}

/*
 * Room for one more in an array that doubles at powers of two. At the ceiling the last element is
 * given again and `overflow` says that something was lost.
 */
static void *grow(struct op_reply *r, void **array, size_t *count, size_t size)
{
	size_t n = *count;

	if (n == OP_ITEMS_MAX) {
		r->overflow = true;
		n--;
	} else if (!(n & (n - 1))) {
		*array = xreallocarray(*array, n ? 2 * n : 1, size);
	}
	*count = n + 1;
	return memset((char *)*array + n * size, 0, size);
}

struct offer *op_reply_add_offer(struct op_reply *r)
{
	void *array = r->offers;
	struct offer *o;

	if (r->offer_count == OP_ITEMS_MAX)
		free(r->offers[OP_ITEMS_MAX - 1].spec);
	o = grow(r, &array, &r->offer_count, sizeof(*o));
	r->offers = array;
	return o;
}

struct machine *op_reply_add_machine(struct op_reply *r)
{
	void *array = r->machines;
	struct machine *m = grow(r, &array, &r->machine_count, sizeof(*m));

	r->machines = array;
	return m;
}

struct storage *op_reply_add_storage(struct op_reply *r)
{
	void *array = r->storages;
	struct storage *x = grow(r, &array, &r->storage_count, sizeof(*x));

	r->storages = array;
	return x;
}

struct bill_line *op_reply_add_bill(struct op_reply *r)
{
	void *array = r->bills;
	struct bill_line *b = grow(r, &array, &r->bill_count, sizeof(*b));

	r->bills = array;
	return b;
}

/* Cut at a character, not inside one. */
static void copy_text(char *dst, size_t size, const char *src)
{
	if (str_copy_n(dst, size, src))
		return;
	for (size_t n = strlen(dst); n && !str_is_utf8(dst, n); n--)
		dst[n - 1] = '\0';
}

enum verdict op_fail(struct op_reply *r, enum verdict v, const char *fmt, ...)
{
	struct buf safe = BUF(64u * 1024);
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = format(fmt, ap);
	va_end(ap);
	log_redact(s, strlen(s)); /* some quote what they were sent, key and all */
	str_safe(&safe, s, strnlen(s, 4 * TEXT_MAX), false);
	copy_text(r->message, sizeof(r->message), buf_str(&safe));
	buf_free(&safe);
	free(s);
	r->verdict = v;
	return v;
}

void op_reply_log(struct op_reply *r, const char *text, size_t n)
{
	free(r->log);
	if (n > LOG_MAX) {
		text += n - LOG_MAX;
		n = LOG_MAX;
	}
	r->log = xstrndup(text, n);
	log_redact(r->log, strlen(r->log));
}
