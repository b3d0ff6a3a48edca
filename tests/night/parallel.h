/*
 * Many independent cases in a few processes. A case that ends its process counts as failed, and the others go on.
 */
#ifndef GPUFLEET_NIGHT_PARALLEL_H
#define GPUFLEET_NIGHT_PARALLEL_H

#include "base/mem.h"

/* Lives through case `index`; false and a sentence when something was wrong. */
typedef bool case_fn(void *arg, int64_t index, char *why, size_t size);

/* Returns how many failed. The first `shown` are printed with what name() says of them. */
int64_t parallel_cases(int jobs, int64_t count, case_fn *fn, void (*name)(void *arg, int64_t index, char *out, size_t size), void *arg,
    int64_t shown);

#endif
