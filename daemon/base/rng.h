/*
 * Random bytes behind a seam: the kernel's in the daemon, a seeded sequence in the simulator.
 */
#ifndef GPUFLEET_RNG_H
#define GPUFLEET_RNG_H

#include "mem.h"

struct rng {
	bool seeded;       /* false: the kernel's generator */
	uint64_t state[4]; /* xoshiro256** when seeded */
};

void rng_kernel(struct rng *r);
void rng_seed(struct rng *r, uint64_t seed);
void rng_fill(struct rng *r, void *out, size_t n);
uint64_t rng_u64(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t bound); /* uniform in [0, bound); bound > 0 */

#endif
