#include "crypto.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

static void *give(size_t n, const char *file, int line)
{
	(void)file;
	(void)line;
	return n ? xmalloc(n) : NULL;
}

static void *give_again(void *p, size_t n, const char *file, int line)
{
	if (!n) {
		free(p);
		return NULL;
	}
	return p ? xrealloc(p, n) : give(n, file, line);
}

static void take(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

void crypto_init(void)
{
	CRYPTO_set_mem_functions(give, give_again, take);
}

static void digest(const EVP_MD *md, const void *data, size_t n, uint8_t *out)
{
	unsigned len;

	if (!EVP_Digest(data, n, out, &len, md, NULL))
		mem_exhausted("libcrypto");
}

void crypto_sha256(const void *data, size_t n, uint8_t out[SHA256_LEN])
{
	digest(EVP_sha256(), data, n, out);
}

void crypto_md5(const void *data, size_t n, uint8_t out[16])
{
	digest(EVP_md5(), data, n, out);
}

bool crypto_equal(const void *a, const void *b, size_t n)
{
	return CRYPTO_memcmp(a, b, n) == 0;
}

void crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t n, uint8_t out[SHA256_LEN])
{
	unsigned len;

	if (!HMAC(EVP_sha256(), key, (int)key_len, data, n, out, &len))
		mem_exhausted("libcrypto");
}

static int value_of(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

uint8_t *crypto_base64_decode(const char *text, size_t *len)
{
	uint8_t *out;
	uint32_t bits = 0;
	int have = 0, v;
	size_t chars = strcspn(text, "="), pad = strlen(text) - chars;

	*len = 0;
	if (chars % 4 == 1 || pad > 2 || strspn(text + chars, "=") != pad || (pad && (chars + pad) % 4))
		return NULL;
	out = xmalloc(chars / 4 * 3 + 3);
	for (; *text && *text != '='; text++) {
		v = value_of(*text);
		if (v < 0) {
			free(out);
			*len = 0;
			return NULL;
		}
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[(*len)++] = (uint8_t)(bits >> have);
		}
	}
	return out;
}
