/*
 * Time zones of IANA's database, read from TZif files (RFC 8536: version 2 data and the POSIX rule behind them), without the
 * process-wide TZ of libc. A zone that cannot be read is an error, never UTC.
 *
 *	struct zone *z = zone_load("America/Toronto", e);
 *	zone_offset(z, t)                       seconds are DURATION units: local time as if it were UTC is t + offset
 *	zone_local(z, local, at)                the instants at which the clocks there show that
 */
#ifndef GPUFLEET_ZONE_H
#define GPUFLEET_ZONE_H

#include "err.h"
#include "instant.h"

struct zone;

/* ERR_USAGE: no such zone ("did you mean" is the caller's business); ERR_FAILED: tzdata is missing or damaged. */
struct zone *zone_load(const char *name, struct err *e);
/* The same from memory, pure. */
struct zone *zone_read(const char *name, const void *tzif, size_t n, struct err *e);
void zone_free(struct zone *z);
const char *zone_name(const struct zone *z);

/* How far local time is ahead of UTC at t. */
duration zone_offset(const struct zone *z, instant t);
/* The first change of the offset after t; FOREVER: none. *before and *after are the offsets around it. */
instant zone_next_change(const struct zone *z, instant t, duration *before, duration *after);

/*
 * When do the clocks show `local` (microseconds since 1970 as if local time were UTC)? 1: once. 2: twice, the clocks were set back
 * (at[0] < at[1]). 0: never, they were set forward; at[0] is the end of that gap.
 */
int zone_local(const struct zone *z, int64_t local, instant at[2]);

/* "2026-03-29T02:30:00+02:00" */
void zone_format(const struct zone *z, instant t, char out[40]);

#endif
