/*
 * A provider that says "too often" to everything for a while, with and without Retry-After, while machines are to be deleted and
 * others are ordered: creates wait, deletes do not. The same night without the burst is the measure.
 */
#ifndef GPUFLEET_NIGHT_BURST_H
#define GPUFLEET_NIGHT_BURST_H

#include <stdbool.h>

/* Prints a line per provider and burst; true when every promise was kept. `quick`: one burst at one provider. */
bool burst_measure(bool quick);

#endif
