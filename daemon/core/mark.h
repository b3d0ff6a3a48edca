/*
 * The name that every machine of ours carries at its provider: gf1-<site:6>-<intent:13>-<deadline:6>-<mac:8>, 40 characters of
 * [a-z0-9-] (reliability §2.3). It says whose it is, which attempt made it and when it must be gone, so a program that knows
 * only the key and an API token can tell "ours and overdue". The key lives in a file of its own, never in the database.
 */
#ifndef GPUFLEET_MARK_H
#define GPUFLEET_MARK_H

#include "core/types.h"

#define MARK_LEN     40
#define MARK_KEY_LEN 32

enum mark_verdict {
	MARK_NONE,    /* does not look like ours */
	MARK_OTHER,   /* well-formed, another site's */
	MARK_FORGED,  /* names our site but the MAC is wrong: report, never touch */
	MARK_OURS,
};

struct mark {
	char intent[16]; /* 13 characters */
	instant deadline; /* whole minutes */
};

/* Writes MARK_LEN characters and the terminator. The deadline is rounded up to the minute. */
void mark_make(char out[ID_MAX], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site, uint64_t intent,
    instant deadline);
/* The same machine with another deadline. */
void mark_extend(char out[ID_MAX], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site,
    const char *old_mark, instant deadline);
enum mark_verdict mark_read(struct mark *out, const char *text, const uint8_t key[MARK_KEY_LEN], const char *provider,
    const char *site);
/*
 * Volumes and snapshots: gf1v-<site:6>-<name>-<mac:8> and gf1s-…, at most 61 characters of [a-z0-9-], a letter first. They have no
 * deadline: nothing deletes them but the daemon that knows until when they are kept.
 */
bool storage_name_ok(const char *name); /* [a-z][a-z0-9-]{0,39}, as people name them */
void storage_mark_make(char out[ID_MAX], const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site, enum storage_kind kind,
    const char *name);
/* `name` holds NAME_MAX_. */
enum mark_verdict storage_mark_read(char *name, const char *text, const uint8_t key[MARK_KEY_LEN], const char *provider, const char *site,
    enum storage_kind kind);

/* Do two marks name the same attempt (whatever their deadlines)? Says nothing about validity. */
bool mark_same_intent(const char *a, const char *b);

#endif
