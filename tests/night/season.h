/*
 * Sixty nights of a campaign (make sim-season): the real core, adapters, store and verdicts over the simulated clouds in virtual
 * time, with machines that are lost, gaps of capacity and a daemon that dies; one series drops by 4 % at some night.
 */
#ifndef GPUFLEET_NIGHT_SEASON_H
#define GPUFLEET_NIGHT_SEASON_H

#include "night.h"

#define SEASON_NIGHTS 60

struct season {
	json_t *findings;       /* of all nights, as the database would hold them */
	int64_t campaign;
	struct tick apply, end;
	int step_night, step_series; /* from this night on that series is 4 % slower */
	int found;              /* the night that said so; 0: none */
	int alarms;             /* warnings and regressions of anything else */
};

/* Seasons FROM … FROM + COUNT - 1; 0: each is as it must be. */
int season_many(int64_t from, int64_t count, bool trace);

/* For process.c and box.c: what the daemon's executors do. */
struct plan *season_compile(void *arg, const char *text, char trouble[TEXT_MAX]);
void season_action(struct sim_night *n, const struct action *a);

#endif
