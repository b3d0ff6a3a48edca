/*
 * Death at every point. Core scenarios are nights that somebody wrote, not drew: each way a machine lives and dies, on each
 * cloud. Every one is lived through again and again, with the process killed at one point after the other, the power lost at
 * every write and sync, one disk call after the other failing; and with pairs of deaths, the second while the first is being
 * recovered from (reliability §2.14, L01, L02, L05, L06).
 */
#ifndef GPUFLEET_NIGHT_CRASH_H
#define GPUFLEET_NIGHT_CRASH_H

#include "night.h"

struct scenario {
	const char *name;
	struct sim_plan plan;
};

#define SCENARIOS_MAX 64
/* Fills the list; returns how many there are. The first is the short one whose pairs are tried exhaustively. */
int scenarios_make(struct scenario *list);

/* Everything above in `jobs` processes. 0: no violation. */
int crash_sweep(int jobs);
/* One case again, told: "scenario:kind:first:second" as the sweep prints it. */
int crash_again(const char *text);

#endif
