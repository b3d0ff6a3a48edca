#include "providers/bootlog.h"

#include <string.h>

#define DIGEST_CHARS 43 /* SHA-256 in base64 without padding */

static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* "256 SHA256:… root@host (ED25519)", as `ssh-keygen -l` prints it. NULL: another line; else 50 characters. */
static const char *print_in(const char *line, size_t n)
{
	static const char *const types[] = { "(ED25519)", "(ECDSA)", "(RSA)" };
	size_t bits = 0;

	while (bits < n && line[bits] >= '0' && line[bits] <= '9')
		bits++;
	if (!bits || bits > 5 || n < bits + 1 + 7 + DIGEST_CHARS || strncmp(line + bits, " SHA256:", 8) != 0)
		return NULL;
	for (size_t i = 0; i < DIGEST_CHARS; i++)
		if (bits + 8 + i >= n || !line[bits + 8 + i] || !strchr(base64, line[bits + 8 + i]))
			return NULL;
	if (bits + 8 + DIGEST_CHARS >= n || line[bits + 8 + DIGEST_CHARS] != ' ')
		return NULL;
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (n > strlen(types[i]) && !strncmp(line + n - strlen(types[i]), types[i], strlen(types[i])))
			return line + bits + 1;
	return NULL;
}

/* What start scripts say around the fingerprints. */
static bool belongs(const char *line, size_t n)
{
	static const char heading[] = "fingerprint:";

	return !n || (n >= 4 && !strncmp(line, "Key:", 4)) ||
	    (n >= sizeof(heading) - 1 && !strncmp(line + n - (sizeof(heading) - 1), heading, sizeof(heading) - 1)) ||
	    (n == 14 && !strncmp(line, "SSH host keys:", n));
}

void bootlog_line(struct bootlog *b, const char *line, size_t n)
{
	const char *print;
	size_t had = strlen(b->prints);

	b->lines++;
	while (n && strchr(" \t\r", line[n - 1]))
		n--;
	if (b->at == BOOTLOG_AFTER)
		return;
	print = print_in(line, n);
	if (!print) {
		if (b->at == BOOTLOG_INSIDE && !belongs(line, n))
			b->at = BOOTLOG_AFTER;
		return;
	}
	b->at = BOOTLOG_INSIDE;
	if (had + 7 + DIGEST_CHARS + 2 > sizeof(b->prints))
		return;
	memcpy(b->prints + had, print, 7 + DIGEST_CHARS);
	memcpy(b->prints + had + 7 + DIGEST_CHARS, "\n", 2);
}

void bootlog_text(struct bootlog *b, const char *text, size_t n)
{
	while (n) {
		const char *end = memchr(text, '\n', n);
		size_t len = end ? (size_t)(end - text) : n;

		bootlog_line(b, text, len);
		text += len + (end != NULL);
		n -= len + (end != NULL);
	}
}

bool bootlog_proves(const struct bootlog *b)
{
	return *b->prints && b->lines < BOOTLOG_LINES;
}
