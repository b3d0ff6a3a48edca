/*
 * Nights with many machines and clouds that have them, for measuring how often providers are asked (rate.c, burst.c).
 */
#ifndef GPUFLEET_NIGHT_CROWD_H
#define GPUFLEET_NIGHT_CROWD_H

#include "night.h"

#define CROWD 25 /* machines of a fleet (people.c) */

/* What the sheets publish; 0: nothing. */
struct limit {
	const char *inventory;
	int wish; /* of people.c */
	int minute, hour;
};
extern const struct limit limits[CLOUDS];

struct crowd {
	struct sim_night night;
	json_t *inventory[CLOUDS];
};

/* Somebody opens a fleet of CROWD machines at this cloud. Returns the number of the item. */
int crowd_up(struct sim_plan *p, int cloud, instant at);
void crowd_live(struct crowd *c, const struct sim_plan *p);
void crowd_close(struct crowd *c);
int crowd_born(const struct sim_night *n, int cloud); /* machines of ours there, ever */
int crowd_refused(const struct cloud *c);             /* requests that were told "too often" */

#endif
