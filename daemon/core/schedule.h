/*
 * When a night of a campaign begins (reliability §2.15): the cron expression in its zone, without the days that are blacked out,
 * each firing moved by its own jitter; and what becomes of firings that nobody was there for. Pure.
 */
#ifndef GPUFLEET_SCHEDULE_H
#define GPUFLEET_SCHEDULE_H

#include "core/cron.h"

#define SCHEDULE_BLACKOUTS_MAX 64

struct schedule {
	struct cron cron;
	duration jitter;   /* a firing begins up to this much later, the same for the same firing */
	duration catch_up; /* a firing that was missed is made up for within this time */
	int64_t blackout[SCHEDULE_BLACKOUTS_MAX][2]; /* local days since 1970, first and last */
	int blackout_count;
	uint64_t salt; /* of the jitter; of the campaign's name, say */
};

/* A firing is known by `tick`, what cron says; it begins at `begins`. */
struct firing {
	instant tick, begins;
};

/* The first firing whose tick is after `after`; tick FOREVER: none. */
struct firing schedule_next(const struct schedule *s, const struct zone *z, instant after);

/*
 * What is due at `now`, when `last` was the tick that was dealt with last (0: none; the campaign is as old as `since`). At most one
 * firing is begun, the newest that has begun within catch_up; what lies before it was missed, and is counted.
 */
struct due {
	bool begin;
	struct firing firing; /* to begin; else the newest one that was missed, tick 0: none */
	int missed;           /* ticks that nobody began, up to 1000 */
	instant last;         /* the tick to remember from now on */
	instant wake;         /* when to look again */
};
struct due schedule_due(const struct schedule *s, const struct zone *z, instant last, instant since, instant now);

#endif
