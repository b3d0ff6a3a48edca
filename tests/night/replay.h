/*
 * What a real daemon recorded (daemon/trace.h) lived through again in this process: the same rows, facts, turns and answers of
 * the store at the same instants, the real wheel and core. Whatever the core does otherwise than it did then is a difference.
 */
#ifndef GPUFLEET_NIGHT_REPLAY_H
#define GPUFLEET_NIGHT_REPLAY_H

#include "base/err.h"

struct replayed {
	int64_t facts, turns, actions;
	int64_t different;    /* line of the trace where the core first did or said something else; 0: nowhere */
	char difference[512];
};

/* `state_dir` holds the site.key of the traced daemon: a trace does not. -1: the trace cannot be read. */
int replay(const char *dir, const char *state_dir, struct replayed *out, struct err *e);

#endif
