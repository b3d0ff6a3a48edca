/*
 * The only place that asks the machine for the time. The engine reads it once per turn and passes it on as a value.
 */
#ifndef GPUFLEET_CLOCK_H
#define GPUFLEET_CLOCK_H

#include "instant.h"

instant clock_wall(void);        /* UTC */
duration clock_boot(void);       /* since boot, suspend included: for lengths of time */
duration clock_thread_cpu(void); /* CPU time of the calling thread */

#endif
