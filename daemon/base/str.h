/*
 * Strings: bounded copies, strict numbers, words people type, and text made safe for a terminal, a URL or a shell.
 */
#ifndef GPUFLEET_STR_H
#define GPUFLEET_STR_H

#include "buf.h"
#include "err.h"

/* Copy with truncation; dst is always terminated. Returns false when src did not fit. Macro form for arrays. */
bool str_copy_n(char *dst, size_t size, const char *src);
#define str_copy(array, src) str_copy_n((array), sizeof(array), (src))

/* Strict decimal: the whole string, range checked. Return false and leave *out alone otherwise. */
bool str_to_i64(const char *s, int64_t min, int64_t max, int64_t *out);
bool str_to_double(const char *s, double *out); /* finite only, "C" locale */

/* "90", "90s", "15m", "4h", "2d", "1h30m" → microseconds; a bare number is seconds. False: not a duration. */
bool str_to_duration(const char *s, int64_t *us);

bool str_ieq(const char *a, const char *b); /* ASCII case-insensitive */
bool str_istarts(const char *s, const char *prefix);
bool str_starts(const char *s, const char *prefix);
const char *str_icontains(const char *haystack, const char *needle); /* ASCII case-insensitive strstr */

/* The word of `words` (NULL-terminated) nearest to `s`, or NULL when none is near enough to suggest. */
const char *str_nearest(const char *s, const char *const *words);

/* Printable form of untrusted text: control, ANSI, C1, bidi and invalid UTF-8 become visible escapes; tab and newline stay
 * only with keep_lines. */
void str_safe(struct buf *out, const char *s, size_t n, bool keep_lines);

void str_percent_encode(struct buf *out, const char *s); /* all but RFC 3986 unreserved characters */
void str_shell_quote(struct buf *out, const char *s);    /* 'single quoted' for a POSIX shell */

/* A cell of RFC 4180; what a spreadsheet would take for a formula becomes text. */
void str_csv(struct buf *out, const char *text);

/* A name a person gives (fleet, owner, label): 1..max of [A-Za-z0-9._-], beginning with a letter or digit. */
bool str_is_name(const char *s, size_t max);
bool str_is_utf8(const char *s, size_t n);

void str_hex(const void *data, size_t n, char *out); /* writes 2n+1 bytes */
char *str_base64(const void *data, size_t n);        /* caller frees */
/* Lower-case base32 ([a-z2-7]) of up to 8 bytes: 13 characters for 8 bytes, 8 for 5. Writes the terminator. */
void str_base32(const uint8_t *data, size_t n, char *out);

/* Cut `line` at any of `seps`; *rest moves behind it. NULL at the end. Modifies the string (a strsep that skips nothing). */
char *str_split(char **rest, const char *seps);
/* Without white space at either end; in place, what is returned lies in s. */
char *str_trim(char *s);

#endif
