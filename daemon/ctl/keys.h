/*
 * The caller's own public keys: what the agent holds, and ~/.ssh/id_*.pub.
 */
#ifndef GPUFLEET_CTL_KEYS_H
#define GPUFLEET_CTL_KEYS_H

#include "base/json.h"

#define KEYS_MAX 16

/* An array of authorized_keys lines, the caller's. NULL: there is none, and *e says how to make one. */
json_t *keys_collect(struct err *e);
/* The private halves of ~/.ssh/id_*.pub that are there, as paths: ssh by itself tries a few names only. */
json_t *keys_private_files(void);
/* One line "ssh-ed25519 AAAA… comment": a kind that OpenSSH knows, base64, no control bytes. */
bool keys_is_public(const char *line);

#endif
