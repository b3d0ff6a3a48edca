/*
 * How often providers are asked (the last promise of reliability §3 on rates): two hundred machines over the four clouds without
 * one 429, a hundred machines in one account with an outage of two hours, and bursts of 429s (burst.h). Measured in the clouds' own
 * logs of requests; the models enforce what the sheets publish.
 */
#ifndef GPUFLEET_NIGHT_RATE_H
#define GPUFLEET_NIGHT_RATE_H

/* Prints a line per provider; 0 when every promise was kept. */
int rate_measure(void);
int rate_short(void); /* what fits into `make check` */

#endif
