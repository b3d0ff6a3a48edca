/*
 * Digests and the MAC that marks our machines, by libcrypto.
 */
#ifndef GPUFLEET_CRYPTO_H
#define GPUFLEET_CRYPTO_H

#include "mem.h"

#define SHA256_LEN 32

/*
 * First of all in a program: memory that is refused to libcrypto ends the process with the documented sentence (mem.h). Not every
 * library looks at what libcrypto gives it: libssh2 1.10 computes each packet's MAC with a context that may be NULL.
 */
void crypto_init(void);

void crypto_sha256(const void *data, size_t n, uint8_t out[SHA256_LEN]);
/* Are n secret bytes the same? Takes as long whatever they are. */
bool crypto_equal(const void *a, const void *b, size_t n);
void crypto_hmac_sha256(const void *key, size_t key_len, const void *data, size_t n, uint8_t out[SHA256_LEN]);
void crypto_md5(const void *data, size_t n, uint8_t out[16]); /* only for DigitalOcean's key fingerprints */
/* Decode standard base64 (padding optional). Caller frees; NULL when it is not base64. */
uint8_t *crypto_base64_decode(const char *text, size_t *len);

#endif
