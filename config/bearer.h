/*
 * Bearer tokens of the API over TCP. What is kept of one is its SHA-256; the token itself stays with whoever presents it.
 *
 *	char token[BEARER_LEN + 1];
 *	uint8_t digest[SHA256_LEN];
 *
 *	bearer_new(token);
 *	bearer_digest(token, digest);
 *
 * The file of a token holds "sha256:" and 64 hexadecimal digits, or the token itself.
 */
#ifndef GPUFLEET_BEARER_H
#define GPUFLEET_BEARER_H

#include "base/crypto.h"
#include "base/err.h"

#define BEARER_PREFIX "gft_"                     /* so that scanners for lost secrets and people know what it is */
#define BEARER_LEN    (sizeof(BEARER_PREFIX) - 1 + 64)
#define BEARER_MIN    24                         /* shorter ones can be guessed */
#define BEARER_MAX    512

void bearer_new(char out[BEARER_LEN + 1]); /* 256 bits from the kernel */
void bearer_digest(const char *token, uint8_t out[SHA256_LEN]);
/* "sha256:…", as it stands in a file. */
void bearer_digest_text(const uint8_t digest[SHA256_LEN], char out[7 + 2 * SHA256_LEN + 1]);

/* May it stand behind "Authorization: Bearer"? The error says what a token is. */
int bearer_check(const char *token, struct err *e);
/* What a file holds becomes a digest. */
int bearer_parse(const char *text, uint8_t out[SHA256_LEN], struct err *e);
int bearer_read_file(const char *path, uint8_t out[SHA256_LEN], struct err *e);

#endif
