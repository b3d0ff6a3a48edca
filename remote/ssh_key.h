/*
 * The site's ed25519 key pair: made once, kept in a 0600 file of our own, parsed once, used by every session through a sign
 * callback (libraries.md §2: ten times cheaper than handing the key file to libssh2 for each host).
 */
#ifndef GPUFLEET_SSH_KEY_H
#define GPUFLEET_SSH_KEY_H

#include "base/buf.h"
#include "base/err.h"

struct ssh_key;

/* Read the key at `path` (PEM, PKCS#8, mode 0600 enforced as in secret.h), or make it when the file does not exist (atomic). */
int ssh_key_load(struct ssh_key **out, const char *path, const char *comment, struct err *e);
/* From 32 bytes that nobody else knows: the same key again. NULL: libcrypto cannot. */
struct ssh_key *ssh_key_from_seed(const uint8_t seed[32], const char *comment);
const char *ssh_key_public(
    const struct ssh_key *k); /* "ssh-ed25519 AAAA… comment", owned by the key */
const uint8_t *ssh_key_blob(const struct ssh_key *k, size_t *len); /* public key in SSH wire form */
int ssh_key_sign(
    const struct ssh_key *k, const void *data, size_t n, uint8_t out[64]); /* 0 or -1 */
int ssh_key_openssh(const struct ssh_key *k, struct buf *out); /* the private key as ssh -i reads it; wipe it. 0 or -1 */
void ssh_key_free(struct ssh_key *k);

#define SSH_PRINT_MAX 51 /* "SHA256:" and 43 characters, NUL */
/* The fingerprint of a public key line, as `ssh-keygen -l` shows it. False: not a key. */
bool ssh_key_print(const char *public_line, char out[SSH_PRINT_MAX]);
bool ssh_print_valid(const char *text); /* "SHA256:" and 43 characters of base64? */
/* Is its fingerprint one of `prints`, one per line? */
bool ssh_key_printed(const char *public_line, const char *prints);

#endif
