/*
 * Remote commands run here: a throw-away home directory, a PATH of chosen tools, and the shell under test as "sh".
 */
#ifndef GPUFLEET_TEST_SHELLS_H
#define GPUFLEET_TEST_SHELLS_H

#include "base/buf.h"

struct shell {
	const char *name;    /* for messages */
	const char *sh;      /* what "sh" is */
	bool bare;           /* only the POSIX tools that we say we need: no setsid, no timeout */
	const char *applets; /* a busybox that is all the tools too, or NULL */
};

struct place {
	const struct shell *shell;
	char dir[64]; /* holds bin/ home/ shm/ */
	char path[256];
};

/* Which shells there are: always dash and bash, with and without setsid; busybox where it is installed. */
const struct shell *shells(size_t *count);

void place_make(struct place *p, const struct shell *s);
void place_remove(struct place *p);

struct outcome {
	int status; /* 128 + n for a signal */
	struct buf out, err;
};
/* sh -c command, as a login would: HOME, PATH and GPUFLEET_SECRET_DIR set, nothing else. Waits for it, not for what it leaves. */
void place_run(
    const struct place *p, const char *command, const void *input, size_t n, struct outcome *o);
void outcome_free(struct outcome *o);

#endif
