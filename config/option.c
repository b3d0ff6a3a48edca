#include "config/option.h"
#include "base/instant.h"
#include "base/money.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <ctype.h>

#define PPM 1000000

/* ---- what may stand in a value ---- */

static bool is_printable(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			return false;
	return true;
}

static bool is_word(const char *s)
{
	if (!*s || *s == '-')
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) && !strchr("._-:/@+", *s))
			return false;
	return true;
}

/* Does `host` (n bytes, maybe in brackets) name this machine? */
static bool is_loopback(const char *host, size_t n)
{
	char text[64];
	struct in_addr v4;

	if (n >= sizeof(text))
		return false;
	memcpy(text, host, n);
	text[n] = '\0';
	if (!strcmp(text, "localhost") || !strcmp(text, "[::1]"))
		return true;
	return inet_pton(AF_INET, text, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}

/* The host of "host:port…" or "host/…"; an address in brackets keeps them. */
static size_t host_length(const char *s)
{
	if (*s == '[') {
		const char *end = strchr(s, ']');

		return end ? (size_t)(end - s) + 1 : 0;
	}
	return strcspn(s, ":/?#@");
}

static bool is_url(const char *s)
{
	const char *host;
	size_t n;

	if (!is_printable(s) || strpbrk(s, " \"'<>\\?#"))
		return false;
	if (str_starts(s, "https://")) {
		host = s + 8;
		n = host_length(host);
		return n && !memchr(host, '@', strcspn(host, "/")); /* no name and password in front of it */
	}
	if (!str_starts(s, "http://"))
		return false;
	host = s + 7;
	n = host_length(host);
	return (host[n] == '\0' || host[n] == ':' || host[n] == '/') && !strchr(host, '@') &&
	       is_loopback(host, n);
}

static bool is_listen(const char *s)
{
	size_t n = host_length(s);
	int64_t port;

	return n && s[n] == ':' && is_loopback(s, n) && str_to_i64(s + n + 1, 1, 65535, &port);
}

/* ---- setting ---- */

static char *member_text(const struct option *o, void *target)
{
	return (char *)target + o->offset;
}

static int set_text(const struct option *o, void *target, const char *text, struct err *e)
{
	if (strlen(text) >= o->size)
		return err_set(e, ERR_USAGE, "'%s' is longer than %zu bytes", o->key, o->size - 1);
	if (!is_printable(text))
		return err_set(e, ERR_USAGE, "'%s' holds a line break or a control character", o->key);
	str_copy_n(member_text(o, target), o->size, text);
	return 0;
}

static int set_path(const struct option *o, void *target, const char *text, struct err *e)
{
	const char *home = getenv("HOME");
	char *path;
	int rc;

	if (*text == '/')
		return set_text(o, target, text, e);
	if (!str_starts(text, "~/"))
		return err_set(e, ERR_USAGE,
		    "'%s' wants an absolute path (or one that begins with ~/), not '%.80s'", o->key, text);
	if (!home || *home != '/')
		return err_set(e, ERR_USAGE, "'%s' begins with ~/ but HOME is not set", o->key);
	path = xasprintf("%s/%s", home, text + 2);
	rc = set_text(o, target, path, e);
	free(path);
	return rc;
}

static int set_url(const struct option *o, void *target, const char *text, struct err *e)
{
	char *s;
	int rc;

	if (!is_url(text))
		return err_set(e, ERR_USAGE,
		    "'%s' wants an https:// URL (http:// only to this machine), not '%.80s'", o->key, text);
	s = xstrdup(text);
	for (size_t n = strlen(s); n && s[n - 1] == '/'; n--)
		s[n - 1] = '\0';
	rc = set_text(o, target, s, e);
	free(s);
	return rc;
}

static int set_choice(const struct option *o, void *target, const char *text, struct err *e)
{
	struct buf words = BUF(256);
	const char *near = str_nearest(text, o->words);

	for (size_t i = 0; o->words[i]; i++)
		if (!strcmp(o->words[i], text))
			return set_text(o, target, text, e);
	for (size_t i = 0; o->words[i]; i++)
		buf_printf(&words, "%s%s", i ? ", " : "", o->words[i]);
	if (near)
		err_set(e, ERR_USAGE, "'%s' cannot be '%.80s' (did you mean '%s'?)", o->key, text, near);
	else
		err_set(e, ERR_USAGE, "'%s' wants one of %s, not '%.80s'", o->key, buf_str(&words), text);
	buf_free(&words);
	return -1;
}

static int set_bool(const struct option *o, void *target, const char *text, struct err *e)
{
	static const char *const yes[] = { "true", "yes", "on" }, *const no[] = { "false", "no", "off" };
	bool *b = (bool *)(void *)member_text(o, target);

	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		if (str_ieq(text, yes[i]) || str_ieq(text, no[i])) {
			*b = str_ieq(text, yes[i]);
			return 0;
		}
	return err_set(e, ERR_USAGE, "'%s' wants true or false, not '%.80s'", o->key, text);
}

static int set_int(const struct option *o, void *target, const char *text, struct err *e)
{
	int64_t v;

	if (!str_to_i64(text, INT64_MIN, INT64_MAX, &v))
		return err_set(e, ERR_USAGE, "'%s' wants a whole number, not '%.80s'", o->key, text);
	if (v < o->min || v > o->max)
		return err_set(e, ERR_USAGE, "'%s' wants a number from %lld to %lld, not %lld", o->key,
		    (long long)o->min, (long long)o->max, (long long)v);
	*(int *)(void *)member_text(o, target) = (int)v;
	return 0;
}

/* The exact text of whole seconds, largest units first: "1h30m", "35d". */
static void duration_text(struct buf *out, duration d)
{
	static const struct {
		duration unit;
		char letter;
	} units[] = { { DAY, 'd' }, { HOUR, 'h' }, { MINUTE, 'm' }, { SECOND, 's' } };

	if (d < SECOND)
		buf_puts(out, "0s");
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (d >= units[i].unit)
			buf_printf(out, "%lld%c", (long long)(d / units[i].unit), units[i].letter);
		d %= units[i].unit;
	}
}

static int set_duration(const struct option *o, void *target, const char *text, struct err *e)
{
	struct buf least = BUF(64), most = BUF(64);
	int64_t d;

	if (!str_to_duration(text, &d))
		return err_set(e, ERR_USAGE, "'%s' wants a duration like 90s, 15m, 4h or 1h30m, not '%.80s'",
		    o->key, text);
	if (d >= o->min && d <= o->max) {
		*(duration *)(void *)member_text(o, target) = d;
		return 0;
	}
	duration_text(&least, o->min);
	duration_text(&most, o->max);
	err_set(e, ERR_USAGE, "'%s' wants a duration from %s to %s, not '%.80s'", o->key, buf_str(&least),
	    buf_str(&most), text);
	buf_free(&least);
	buf_free(&most);
	return -1;
}

static int set_money(const struct option *o, void *target, const char *text, struct err *e)
{
	money m;

	if (!money_parse(text, &m))
		return err_set(e, ERR_USAGE, "'%s' wants dollars like 12 or 3.50, not '%.80s'", o->key, text);
	*(money *)(void *)member_text(o, target) = m;
	return 0;
}

static int set_ratio(const struct option *o, void *target, const char *text, struct err *e)
{
	double v;

	if (!str_to_double(text, &v) || v < 0 || v > 1)
		return err_set(e, ERR_USAGE, "'%s' wants a fraction from 0 to 1, not '%.80s'", o->key, text);
	*(int *)(void *)member_text(o, target) = (int)(v * PPM + 0.5);
	return 0;
}

static int *list_count(const struct option *o, const void *target)
{
	return (int *)(void *)((char *)(uintptr_t)target + o->count_offset);
}

int option_append(const struct option *o, void *target, const char *text, struct err *e)
{
	int *count = list_count(o, target);

	if (!is_word(text))
		return err_set(e, ERR_USAGE,
		    "'%s' holds '%.80s', which is not one word of letters, digits and . _ - : / @ +", o->key,
		    text);
	if (strlen(text) >= o->size)
		return err_set(e, ERR_USAGE, "'%s' holds '%.80s', which is longer than %zu bytes", o->key,
		    text, o->size - 1);
	if (*count >= o->max)
		return err_set(e, ERR_USAGE, "'%s' holds more than %lld values", o->key, (long long)o->max);
	str_copy_n(member_text(o, target) + (size_t)*count * o->size, o->size, text);
	++*count;
	return 0;
}

int option_set(const struct option *o, void *target, const char *text, struct err *e)
{
	switch (o->type) {
	case OPTION_NAME:
		if (!str_is_name(text, o->size - 1))
			return err_set(e, ERR_USAGE,
			    "'%s' wants a name of at most %zu letters, digits and . _ -, not '%.80s'", o->key,
			    o->size - 1, text);
		return set_text(o, target, text, e);
	case OPTION_WORD:
		if (!is_word(text))
			return err_set(e, ERR_USAGE,
			    "'%s' wants one word of letters, digits and . _ - : / @ +, not '%.80s'", o->key,
			    text);
		return set_text(o, target, text, e);
	case OPTION_LISTEN:
		if (*text && !is_listen(text))
			return err_set(e, ERR_USAGE,
			    "'%s' wants a loopback address and a port like 127.0.0.1:8470, not '%.80s'; for "
			    "other machines put a reverse proxy with TLS in front",
			    o->key, text);
		return set_text(o, target, text, e);
	case OPTION_TEXT: return set_text(o, target, text, e);
	case OPTION_PATH: return set_path(o, target, text, e);
	case OPTION_URL: return set_url(o, target, text, e);
	case OPTION_CHOICE: return set_choice(o, target, text, e);
	case OPTION_INT: return set_int(o, target, text, e);
	case OPTION_BOOL: return set_bool(o, target, text, e);
	case OPTION_DURATION: return set_duration(o, target, text, e);
	case OPTION_MONEY: return set_money(o, target, text, e);
	case OPTION_RATIO: return set_ratio(o, target, text, e);
	case OPTION_LIST: *list_count(o, target) = 0; return option_append(o, target, text, e);
	case OPTION_TREE: break;
	}
	BUG("option '%s' has no text", o->key);
}

void option_defaults(const struct option_table *t, void *target)
{
	struct err e = { 0 };

	for (size_t i = 0; i < t->count; i++)
		if (t->rows[i].fallback && option_set(&t->rows[i], target, t->rows[i].fallback, &e) < 0)
			BUG("default of '%s': %s", t->rows[i].key, e.msg);
}

/* ---- writing ---- */

void option_yaml(struct buf *out, const char *text)
{
	size_t n = strlen(text);
	bool plain = n && (isalnum((unsigned char)text[0]) || strchr("/~.", text[0]));

	for (size_t i = 0; i < n && plain; i++)
		plain = isalnum((unsigned char)text[i]) || strchr("._/+@%-~", text[i]) ||
			(text[i] == ':' && i + 1 < n);
	if (plain && strcmp(text, "~") && strcmp(text, "null")) {
		buf_puts(out, text);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < n; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_putc(out, '\\');
		buf_putc(out, text[i]);
	}
	buf_putc(out, '"');
}

static void ratio_text(struct buf *out, int ppm)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d.%06d", ppm / PPM, ppm % PPM);

	while (n > 2 && text[n - 1] == '0' && text[n - 2] != '.')
		text[--n] = '\0';
	buf_puts(out, text);
}

static void list_text(const struct option *o, const void *target, struct buf *out)
{
	buf_putc(out, '[');
	for (int i = 0; i < *list_count(o, target); i++) {
		buf_puts(out, i ? ", " : "");
		option_yaml(out, (const char *)target + o->offset + (size_t)i * o->size);
	}
	buf_putc(out, ']');
}

void option_text(const struct option *o, const void *target, struct buf *out)
{
	const void *member = (const char *)target + o->offset;
	char text[32];

	switch (o->type) {
	case OPTION_TEXT:
	case OPTION_NAME:
	case OPTION_WORD:
	case OPTION_PATH:
	case OPTION_URL:
	case OPTION_LISTEN:
	case OPTION_CHOICE: buf_puts(out, member); return;
	case OPTION_INT: buf_printf(out, "%d", *(const int *)member); return;
	case OPTION_BOOL: buf_puts(out, *(const bool *)member ? "true" : "false"); return;
	case OPTION_DURATION: duration_text(out, *(const duration *)member); return;
	case OPTION_MONEY:
		money_decimal(*(const money *)member, text);
		buf_puts(out, text);
		return;
	case OPTION_RATIO: ratio_text(out, *(const int *)member); return;
	case OPTION_LIST: list_text(o, target, out); return;
	case OPTION_TREE: return;
	}
}

bool option_is_default(const struct option *o, const void *target)
{
	struct buf now = BUF(64 * 1024), fresh = BUF(64 * 1024);
	size_t size = o->offset + o->size * (o->type == OPTION_LIST ? (size_t)o->max : 1);
	void *blank = xcalloc(1, size > o->count_offset + sizeof(int) ? size : o->count_offset + sizeof(int));
	bool same;

	if (o->fallback)
		option_set(o, blank, o->fallback, NULL);
	option_text(o, target, &now);
	option_text(o, blank, &fresh);
	same = !strcmp(buf_str(&now), buf_str(&fresh));
	buf_free(&now);
	buf_free(&fresh);
	free(blank);
	return same;
}

const struct option *option_find(const struct option_table *t, const char *key)
{
	for (size_t i = 0; i < t->count; i++)
		if (!strcmp(t->rows[i].key, key))
			return &t->rows[i];
	return NULL;
}

const char *option_type_words(enum option_type t)
{
	switch (t) {
	case OPTION_TEXT: return "text";
	case OPTION_NAME: return "name";
	case OPTION_WORD: return "word";
	case OPTION_PATH: return "path";
	case OPTION_URL: return "url";
	case OPTION_LISTEN: return "address:port";
	case OPTION_CHOICE: return "word";
	case OPTION_INT: return "number";
	case OPTION_BOOL: return "true | false";
	case OPTION_DURATION: return "duration";
	case OPTION_MONEY: return "dollars";
	case OPTION_RATIO: return "fraction";
	case OPTION_LIST: return "word | list";
	case OPTION_TREE: return "map";
	}
	return "";
}

bool option_allowed(const struct option *o, const char *provider)
{
	size_t n = strlen(provider);

	if (!o->only)
		return true;
	for (const char *at = o->only; (at = strstr(at, provider)); at += n)
		if ((at == o->only || at[-1] == ',') && (at[n] == '\0' || at[n] == ','))
			return true;
	return false;
}
