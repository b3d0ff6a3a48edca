/*
 * A secret: bytes the log cannot print, read from a file that only its owner can read, wiped when freed.
 */
#ifndef GPUFLEET_SECRET_H
#define GPUFLEET_SECRET_H

#include "err.h"

struct secret {
	char *value; /* NUL-terminated, or NULL: not set */
};

/*
 * Read a one-line secret (surrounding white space dropped). The file must be regular, not a symbolic link, owned by us or
 * root, and closed to group and others; otherwise the error names the file and the chmod that mends it. The value is
 * registered with log_hide().
 */
int secret_read_file(struct secret *s, const char *path, struct err *e);
void secret_set(struct secret *s, const char *value); /* copies, registers with log_hide() */
void secret_wipe(struct secret *s);                   /* overwrites and frees; safe to repeat */
bool secret_equal(const char *a, const char *b);      /* constant time in the shorter length */

#endif
