/*
 * Two months over four providers (make sim-months): what people rent by day and by night, spot and dear, with prices that move, minimum
 * charges, lost machines, lost answers of creates and deletes, and a daemon that dies; volumes that live for weeks and over the end of a
 * month; hard budgets over it.
 */
#ifndef GPUFLEET_NIGHT_MONTHS_H
#define GPUFLEET_NIGHT_MONTHS_H

#include "night.h"

struct months {
	struct tick budgets, prices, books, volumes;
	int set, refused; /* budgets that were heard; fleets that one of them refused */
	int kept;         /* volumes that were heard */
	int settled;      /* bills of them that became final */
};

/* COUNT times from seed FROM on; every fourth without faults. 0: each is as it must be. */
int months_many(int64_t from, int64_t count, bool trace);

/* "" when nothing was wrong in them. */
void months_violation(uint64_t seed, char *out, size_t size);

/* For judge.c: an event that is durable. */
void months_event(struct sim_night *n, const struct event *e);

#endif
