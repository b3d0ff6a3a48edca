/*
 * How far the database has come, noted beside the key and apart from the database (reliability §2.3, L11): when the database that is
 * found at the next start is behind this note, it was lost or is an older copy. Then nothing that it calls "certainly not sent" is
 * believed, and machines that it does not know are found by their names.
 *
 * state_dir/site.generation: "GENERATION EVENTS", one line. The generation counts how often this happened.
 */
#ifndef GPUFLEET_GENERATION_H
#define GPUFLEET_GENERATION_H

#include "base/err.h"

struct generation {
	int64_t number; /* 1 at first */
	int64_t events; /* newest event that was ever durable, as far as noted */
};

/* A missing file is {1, 0}; a damaged one is an error that says what to do. */
int generation_load(struct generation *g, const char *state_dir, struct err *e);
/* Does a database whose newest event is `events` lag behind? Then the generation is counted up, in memory. */
bool generation_rolled_back(struct generation *g, int64_t events);
/* Note that this event is durable; writes the file when it is news. Errors are logged: a full disk stops nobody. */
void generation_note(struct generation *g, const char *state_dir, int64_t events);
#endif
