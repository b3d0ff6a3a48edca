/*
 * The only place that asks the machine for the time. The engine reads it once per turn and passes it on as a value.
 */
#ifndef GPUFLEET_CLOCK_H
#define GPUFLEET_CLOCK_H

#include "instant.h"

instant clock_wall(void);        /* UTC */
/*
 * UTC as everything that is counted, waited for and stored uses it: the wall clock of the process's start plus the time since,
 * which nobody can set (reliability L12). A clock that is slowly corrected is followed; one that jumps is not, until the next
 * start, and clock_jump() says how far away it is.
 */
instant clock_steady(void);
struct clock_steady;
void clock_continue(const struct clock_steady *s); /* go on from there; before anybody asks */
void clock_mark(struct clock_steady *out);         /* what a later process may go on from */
duration clock_jump(void); /* wall minus steady; 0 while they agree within CLOCK_JUMP */
#define CLOCK_JUMP (2 * SECOND)
#define CLOCK_BORN ((instant)1793491200 * SECOND) /* 2026-11-01: a wall clock before this was never set */

/* The rule behind it, pure: what to call `now` given both clocks. Zero-initialised at the start. */
struct clock_steady {
	instant wall;  /* what we say at `boot` */
	duration boot;
	duration jump;
};
instant clock_steady_at(struct clock_steady *s, instant wall, duration boot);

duration clock_boot(void);       /* since boot, suspend included: for lengths of time */
duration clock_thread_cpu(void); /* CPU time of the calling thread */

#endif
