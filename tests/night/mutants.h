/*
 * Planted bugs (daemon/base/mutant.h): does the judge see them? Needs a build with -DGPUFLEET_MUTANTS; make sim-mutants makes it.
 */
#ifndef GPUFLEET_NIGHT_MUTANTS_H
#define GPUFLEET_NIGHT_MUTANTS_H

#include <stdint.h>

/* Lives through nights with one bug after the other. 0: every one was caught within so many nights. */
int mutants_hunt(int jobs, int64_t nights);

#endif
