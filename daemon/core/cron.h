/*
 * When a schedule fires next: five cron fields in a time zone (reliability §2.15), pure.
 *
 *	minute 0-59, hour 0-23, day 1-31, month 1-12 or JAN-DEC, weekday 0-7 or SUN-SAT (0 and 7 are Sunday)
 *	lists "1,15", ranges "MON-FRI", steps "0-59/10" and "8-18/2", and @hourly @daily @midnight @nightly (at 2:00) @weekly @monthly
 *	@yearly @annually. When day and weekday are both restricted, either is enough.
 *
 * A schedule whose minute and hour are numbers is one of the clock on the wall: what falls into the hour that does not exist fires
 * once, at its end; what is shown twice fires the first time. One with a "*" or a step there follows time as it passes: what does
 * not exist does not fire, what is shown twice fires twice.
 */
#ifndef GPUFLEET_CRON_H
#define GPUFLEET_CRON_H

#include "base/zone.h"

struct cron {
	uint64_t minutes;
	uint32_t hours, days, months, weekdays;
	bool any_day, any_weekday; /* "*" */
	bool on_the_wall;          /* no "*" and no step in minute and hour */
};

/* ERR_USAGE: names the field and what it may be. */
int cron_parse(struct cron *c, const char *text, struct err *e);
/* The first instant after `after`; FOREVER: it never comes (February 30). */
instant cron_next(const struct cron *c, const struct zone *z, instant after);

#endif
