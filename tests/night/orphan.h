/*
 * A night whose daemon is removed for ever at some step.
 */
#ifndef GPUFLEET_NIGHT_ORPHAN_H
#define GPUFLEET_NIGHT_ORPHAN_H

#include "night.h"

void orphan_open(struct sim_night *n);   /* the reaper makes its rounds from now on */
void orphan_close(struct sim_night *n);
void orphan_begins(struct sim_night *n); /* right before the daemon dies: what it would have said can be lost */
/* Nothing of ours is left; a violation when it is left for too long or costs more than the bound. */
bool orphan_judged(struct sim_night *n);

#endif
