/*
 * A payload in pieces, each known by its SHA-256, so that a machine needs to be sent only those that it does not have: from an
 * earlier run, or from a push that was cut. The cuts lie between the files of the tar, so that a change of one file leaves the
 * pieces of the others what they were; a big file is cut every MiB.
 */
#ifndef GPUFLEET_PIECES_H
#define GPUFLEET_PIECES_H

#include "base/buf.h"
#include "base/err.h"

#define PIECE_NAME 65 /* hex and NUL */

struct piece {
	char name[PIECE_NAME];
	size_t at, size;
	bool wanted;
};

struct pieces {
	struct piece *items; /* owned */
	size_t count;
};

/* Any bytes: what is no tar is cut every MiB. */
void pieces_cut(struct pieces *p, const void *tar, size_t n);
/* Mark what the machine asked for, a name in each line; "all": every one. False: a line is no piece of this payload. */
bool pieces_want(struct pieces *p, const char *text, size_t n);
/* The wanted ones, each once, as a tar of files with their names. */
int pieces_pack(const struct pieces *p, const void *tar, struct buf *out, struct err *e);
void pieces_free(struct pieces *p);

#endif
