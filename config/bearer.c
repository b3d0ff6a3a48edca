#include "config/bearer.h"
#include "base/rng.h"
#include "base/secret.h"
#include "base/str.h"

#define DIGEST_PREFIX "sha256:"

void bearer_new(char out[BEARER_LEN + 1])
{
	uint8_t bytes[32];
	struct rng r;

	rng_kernel(&r);
	rng_fill(&r, bytes, sizeof(bytes));
	memcpy(out, BEARER_PREFIX, sizeof(BEARER_PREFIX) - 1);
	str_hex(bytes, sizeof(bytes), out + sizeof(BEARER_PREFIX) - 1);
	explicit_bzero(bytes, sizeof(bytes));
	explicit_bzero(&r, sizeof(r));
}

void bearer_digest(const char *token, uint8_t out[SHA256_LEN])
{
	crypto_sha256(token, strlen(token), out);
}

void bearer_digest_text(const uint8_t digest[SHA256_LEN], char out[7 + 2 * SHA256_LEN + 1])
{
	memcpy(out, DIGEST_PREFIX, sizeof(DIGEST_PREFIX) - 1);
	str_hex(digest, SHA256_LEN, out + sizeof(DIGEST_PREFIX) - 1);
}

/* The characters of RFC 6750. */
int bearer_check(const char *token, struct err *e)
{
	size_t n = strlen(token);

	if (n < BEARER_MIN || n > BEARER_MAX)
		return err_set(e, ERR_USAGE, "a token is %d to %d characters; make one with: gpufleetctl token", BEARER_MIN, BEARER_MAX);
	for (const char *s = token; *s; s++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=", *s))
			return err_set(e, ERR_USAGE, "a token is letters, digits and - . _ ~ + / =; make one with: gpufleetctl token");
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_hex(const char *text, uint8_t out[SHA256_LEN])
{
	if (strlen(text) != 2 * SHA256_LEN)
		return false;
	for (size_t k = 0; k < SHA256_LEN; k++) {
		int high = hex_value(text[2 * k]), low = hex_value(text[2 * k + 1]);

		if (high < 0 || low < 0)
			return false;
		out[k] = (uint8_t)(high << 4 | low);
	}
	return true;
}

int bearer_parse(const char *text, uint8_t out[SHA256_LEN], struct err *e)
{
	if (str_starts(text, DIGEST_PREFIX)) {
		if (read_hex(text + sizeof(DIGEST_PREFIX) - 1, out))
			return 0;
		return err_set(e, ERR_USAGE, "behind 'sha256:' stand 64 hexadecimal digits");
	}
	/* Taken for a token, a digest would be one that whoever reads it can present. */
	if (read_hex(text, out))
		return err_set(e, ERR_USAGE, "64 hexadecimal digits may be a token or its digest: write 'sha256:' in front of a digest, "
					     "or make a token with: gpufleetctl token");
	if (bearer_check(text, e) < 0)
		return -1;
	bearer_digest(text, out);
	return 0;
}

int bearer_read_file(const char *path, uint8_t out[SHA256_LEN], struct err *e)
{
	struct secret text = { NULL };
	int rc;

	if (secret_read_file(&text, path, e) < 0)
		return -1;
	rc = bearer_parse(text.value, out, e);
	if (rc < 0)
		err_wrap(e, "'%.200s'", path);
	secret_wipe(&text);
	return rc;
}
