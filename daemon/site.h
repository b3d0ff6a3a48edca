/*
 * Who this installation is: a six-character site id and the key that marks its machines. Both live in state_dir/site.key (0600),
 * apart from the database, so that losing or rolling back the database does not make us blind to our own machines
 * (reliability §2.3). Back the file up on its own.
 */
#ifndef GPUFLEET_SITE_H
#define GPUFLEET_SITE_H

#include "base/err.h"
#include "core/mark.h"

struct site {
	char id[8];
	uint8_t key[MARK_KEY_LEN];
};

/* Read the file, or make it (atomic) when `may_create`. A missing file that may not be made is an error that says what to do. */
int site_load(struct site *s, const char *state_dir, bool may_create, struct err *e);
/* A copy of the file, wherever it lies: all that the reaper has of the site. */
int site_read(struct site *s, const char *path, struct err *e);
void site_wipe(struct site *s);

#endif
