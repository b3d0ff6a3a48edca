/*
 * Ending fleets, as `down` does it, `up` when Ctrl-C says so.
 */
#ifndef GPUFLEET_CTL_DOWN_H
#define GPUFLEET_CTL_DOWN_H

#include "ctl/watch.h"

/*
 * Close a fleet and, unless `detach`, wait until its machines are given back. *last (may be NULL): the last picture, the caller's.
 * Returns 0, EXIT_INTERRUPTED when Ctrl-C cut the waiting short (the fleet ends all the same), or -1.
 */
int down_fleet(struct ctl *c, const char *name, bool detach, json_t **last, struct err *e);

#endif
