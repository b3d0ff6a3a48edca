#include "str.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>

bool str_copy_n(char *dst, size_t size, const char *src)
{
	size_t n = strlen(src);
	bool fits = n < size;

	if (!fits)
		n = size - 1;
	memmove(dst, src, n);
	dst[n] = '\0';
	return fits;
}

bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)s[0]) && !(s[0] == '-' && isdigit((unsigned char)s[1])))
		return false;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (errno || *end || v < min || v > max)
		return false;
	*out = v;
	return true;
}

bool str_to_double(const char *s, double *out)
{
	char *end;
	double v;

	if (!*s || isspace((unsigned char)*s) || strpbrk(s, "xXnN"))
		return false;
	errno = 0;
	v = strtod(s, &end);
	if (errno || *end || !isfinite(v))
		return false;
	*out = v;
	return true;
}

bool str_to_duration(const char *s, int64_t *us)
{
	int64_t total = 0, n, unit, part;
	bool first = true;

	if (!*s)
		return false;
	for (; *s; first = false) {
		if (!isdigit((unsigned char)*s))
			return false;
		for (n = 0; isdigit((unsigned char)*s); s++)
			if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *s - '0', &n))
				return false;
		if (!*s && !first) /* "1h30": minutes or seconds? */
			return false;
		switch (*s) {
		case '\0': unit = 1; break;
		case 's': unit = 1; break;
		case 'm': unit = 60; break;
		case 'h': unit = 3600; break;
		case 'd': unit = 86400; break;
		case 'w': unit = 7 * 86400; break;
		default: return false;
		}
		if (*s)
			s++;
		if (__builtin_mul_overflow(n, unit * 1000000, &part) ||
		    __builtin_add_overflow(total, part, &total))
			return false;
	}
	*us = total;
	return true;
}

bool str_ieq(const char *a, const char *b)
{
	return !strcasecmp(a, b);
}

bool str_istarts(const char *s, const char *prefix)
{
	return !strncasecmp(s, prefix, strlen(prefix));
}

bool str_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

const char *str_icontains(const char *haystack, const char *needle)
{
	return strcasestr(haystack, needle);
}

/* Edit distance, cut off: anything beyond 16 characters or 3 edits is not worth suggesting. */
static unsigned distance(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned row[65], prev, old;

	if (la > 64 || lb > 64)
		return 99;
	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		prev = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned same = tolower((unsigned char)a[i - 1]) != tolower((unsigned char)b[j - 1]);
			unsigned best = prev + same;

			old = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			prev = old;
		}
	}
	return row[lb];
}

const char *str_nearest(const char *s, const char *const *words)
{
	const char *best = NULL;
	unsigned best_distance = 99, d;

	for (; *words; words++) {
		d = distance(s, *words);
		if (d < best_distance) {
			best_distance = d;
			best = *words;
		}
	}
	return best && best_distance <= 3 && best_distance * 2 < strlen(best) + 1 ? best : NULL;
}

/* Length of the valid UTF-8 sequence at s (0: invalid); *cp receives the code point. */
static size_t utf8_at(const unsigned char *s, size_t n, uint32_t *cp)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : s[0] >> 5 == 6 ? 2 : s[0] >> 4 == 14 ? 3 : s[0] >> 3 == 30 ? 4 : 0;

	if (!len || len > n)
		return 0;
	*cp = len == 1 ? s[0] : s[0] & (0xffu >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if (s[i] >> 6 != 2)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

static bool unsafe(uint32_t cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || (cp >= 0x200b && cp <= 0x200f) ||
	       (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2060 && cp <= 0x206f) || cp == 0xfeff || cp == 0x61c ||
	       (cp >= 0xfff9 && cp <= 0xfffb) || (cp >= 0xe0000 && cp <= 0xe007f);
}

void str_safe(struct buf *out, const char *s, size_t n, bool keep_lines)
{
	const unsigned char *p = (const unsigned char *)s;
	uint32_t cp = 0;

	for (size_t i = 0, len; i < n; i += len) {
		len = utf8_at(p + i, n - i, &cp);
		if (!len) {
			buf_printf(out, "\\x%02x", p[i]);
			len = 1;
		} else if (keep_lines && (cp == '\n' || cp == '\t')) {
			buf_putc(out, (char)cp);
		} else if (!unsafe(cp)) {
			buf_append(out, s + i, len);
		} else if (cp < 0x80) {
			buf_printf(out, "\\x%02x", cp);
		} else {
			buf_printf(out, "\\u%04x", cp);
		}
	}
}

bool str_is_utf8(const char *s, size_t n)
{
	uint32_t cp;
	size_t len;

	for (size_t i = 0; i < n; i += len) {
		len = utf8_at((const unsigned char *)s + i, n - i, &cp);
		if (!len)
			return false;
	}
	return true;
}

void str_percent_encode(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (isalnum((unsigned char)*s) || strchr("-._~", *s))
			buf_putc(out, *s);
		else
			buf_printf(out, "%%%02X", (unsigned char)*s);
	}
}

void str_shell_quote(struct buf *out, const char *s)
{
	buf_putc(out, '\'');
	for (; *s; s++) {
		if (*s == '\'')
			buf_puts(out, "'\\''");
		else
			buf_putc(out, *s);
	}
	buf_putc(out, '\'');
}

void str_csv(struct buf *out, const char *text)
{
	bool formula = *text && strchr("=+-@", *text) && text[1] && !(text[1] >= '0' && text[1] <= '9');

	if (!formula && !strpbrk(text, ",\"\r\n")) {
		buf_puts(out, text);
		return;
	}
	buf_puts(out, formula ? "\"'" : "\"");
	for (; *text; text++)
		buf_printf(out, *text == '"' ? "\"\"" : "%c", *text);
	buf_putc(out, '"');
}

bool str_is_name(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	if (!n || n > max || !isalnum((unsigned char)s[0]))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !strchr("._-", s[i]))
			return false;
	return true;
}

void str_hex(const void *data, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *p = data;

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[p[i] >> 4];
		out[2 * i + 1] = digits[p[i] & 15];
	}
	out[2 * n] = '\0';
}

char *str_base64(const void *data, size_t n)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const uint8_t *p = data;
	char *out = xmalloc((n + 2) / 3 * 4 + 1), *q = out;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) |
			     (i + 2 < n ? p[i + 2] : 0);

		*q++ = set[v >> 18];
		*q++ = set[v >> 12 & 63];
		*q++ = i + 1 < n ? set[v >> 6 & 63] : '=';
		*q++ = i + 2 < n ? set[v & 63] : '=';
	}
	*q = '\0';
	return out;
}

void str_base32(const uint8_t *data, size_t n, char *out)
{
	static const char set[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint32_t bits = 0, have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | data[i];
		for (have += 8; have >= 5; have -= 5)
			*out++ = set[bits >> (have - 5) & 31];
	}
	if (have)
		*out++ = set[bits << (5 - have) & 31];
	*out = '\0';
}

char *str_trim(char *s)
{
	size_t n;

	while (isspace((unsigned char)*s))
		s++;
	for (n = strlen(s); n && isspace((unsigned char)s[n - 1]);)
		s[--n] = '\0';
	return s;
}

char *str_split(char **rest, const char *seps)
{
	return strsep(rest, seps);
}
