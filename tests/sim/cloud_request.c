/*
 * Reading requests and writing answers: shared by the four models.
 */
#include "cloud.h"

#include "base/crypto.h"

#include <ctype.h>

#define BODY_MAX (64u * 1024 * 1024)

void sim_response_init(struct sim_response *r)
{
	memset(r, 0, sizeof(*r));
	r->body.max = BODY_MAX;
	r->headers.max = 64 * 1024;
}

void sim_response_free(struct sim_response *r)
{
	buf_free(&r->body);
	buf_free(&r->headers);
}

const char *sim_header(const struct sim_request *q, const char *name)
{
	for (size_t i = 0; i < q->header_count; i++)
		if (str_ieq(q->headers[i].name, name))
			return q->headers[i].value;
	return NULL;
}

static int hex_digit(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decode s[0..n); '+' is a space only in queries. Truncates to size; an escaped NUL ends the text. */
static void decode(const char *s, size_t n, bool plus, char *out, size_t size)
{
	size_t used = 0;

	for (size_t i = 0; i < n && used + 1 < size; i++) {
		char c = s[i];

		if (c == '%' && i + 2 < n && hex_digit(s[i + 1]) >= 0 && hex_digit(s[i + 2]) >= 0) {
			c = (char)(hex_digit(s[i + 1]) * 16 + hex_digit(s[i + 2]));
			i += 2;
		} else if (c == '+' && plus) {
			c = ' ';
		}
		out[used++] = c;
	}
	out[used] = '\0';
}

bool sim_query(const struct sim_request *q, const char *name, char *out, size_t size)
{
	const char *s = q->query ? q->query : "";

	out[0] = '\0';
	while (*s) {
		size_t n = strcspn(s, "&"), key = strcspn(s, "=&");
		char text[128];

		decode(s, key, true, text, sizeof(text));
		if (!strcmp(text, name)) {
			if (key < n)
				decode(s + key + 1, n - key - 1, true, out, size);
			return true;
		}
		s += n + (s[n] == '&');
	}
	return false;
}

void sim_path_parse(struct sim_path *p, const char *path)
{
	size_t used = 0;

	memset(p, 0, sizeof(*p));
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n && p->n < (int)ARRAY_LEN(p->part) && used + n + 1 < sizeof(p->text)) {
			p->part[p->n++] = p->text + used;
			decode(path, n, false, p->text + used, n + 1);
			used += n + 1;
		}
		p->slash = path[n] == '/';
		path += n + (path[n] == '/');
	}
}

bool sim_path_is(const struct sim_path *p, const char *pattern)
{
	struct sim_path want;

	sim_path_parse(&want, pattern);
	if (want.n != p->n)
		return false;
	for (int i = 0; i < p->n; i++)
		if (strcmp(want.part[i], "?") && strcmp(want.part[i], p->part[i]))
			return false;
	return true;
}

json_t *sim_body(const struct sim_request *q)
{
	return q->body && q->len ? json_read(q->body, q->len, NULL) : NULL;
}

void sim_answer_text(struct sim_response *r, int status, const char *text)
{
	r->status = status;
	str_copy(r->type, "text/plain; charset=utf-8");
	buf_reset(&r->body);
	buf_puts(&r->body, text);
}

void sim_answer_json(struct sim_response *r, int status, json_t *j)
{
	char *text = json_text(j);

	r->status = status;
	str_copy(r->type, "application/json");
	buf_reset(&r->body);
	buf_puts(&r->body, text);
	free(text);
	json_decref(j);
}

void sim_answer_empty(struct sim_response *r, int status)
{
	r->status = status;
	r->type[0] = '\0';
	buf_reset(&r->body);
}

void sim_add_header(struct sim_response *r, const char *name, const char *fmt, ...)
{
	char value[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	buf_printf(&r->headers, "%s: %s\n", name, value);
}

bool cloud_key_parse(const char *line, char type[64], char base64[2048], char comment[256])
{
	static const char *const types[] = { "ssh-", "ecdsa-", "sk-" };
	size_t n = strcspn(line, " "), len;
	uint8_t *blob;
	bool known = false;

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		known = known || str_starts(line, types[i]);
	if (!known || n >= 64 || !line[n] || strchr(line, '\n'))
		return false;
	str_copy_n(type, n + 1 < 64 ? n + 1 : 64, line);
	line += n + 1;
	n = strcspn(line, " ");
	if (!n || n >= 2048)
		return false;
	str_copy_n(base64, n + 1, line);
	str_copy_n(comment, 256, line[n] ? line + n + 1 : "");
	/* A key blob begins with its own type; anything else never came from a key file. */
	blob = crypto_base64_decode(base64, &len);
	known = blob && len > 4 + strlen(type) && !memcmp(blob + 4, type, strlen(type));
	free(blob);
	return known;
}
