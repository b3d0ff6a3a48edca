/*
 * How often providers are asked: a hundred machines in one account for hours, and an outage of two hours in between (the last
 * promise of reliability §3 on rates). Measured in the cloud's own log of requests.
 */
#ifndef GPUFLEET_NIGHT_RATE_H
#define GPUFLEET_NIGHT_RATE_H

/* Prints a line per provider; 0 when every promise was kept. */
int rate_measure(void);

#endif
