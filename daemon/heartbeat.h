/*
 * What the reaper left behind after its last pass, as the daemon sees it: `doctor` and `up` warn when nothing would end the
 * machines of a dead daemon (reliability §2.10). The file is state_dir/reaper.heartbeat, written by a reaper on this host or
 * copied here by one on another.
 */
#ifndef GPUFLEET_HEARTBEAT_H
#define GPUFLEET_HEARTBEAT_H

#include "core/types.h"

#define HEARTBEAT_FRESH HOUR

struct heartbeat {
	int ok;                /* 1: every account is watched; 0: not; -1: there has never been a reaper */
	instant time;          /* of the last pass; 0: none */
	char text[TEXT_MAX];   /* one sentence, safe for a terminal */
	const char *remedy;    /* "" when all is well */
};

/* Is each of `accounts` (names; the clouds', not static hosts') listed and armed, less than an hour ago? */
void heartbeat_read(struct heartbeat *out, const char *state_dir, const char *site, const char *const *accounts, size_t count,
    instant now);

#endif
