/*
 * Sanity rules for results (benchmarks §8, derived from real reports that broke them). A broken rule is one sentence for people;
 * it never changes a figure.
 */
#ifndef GPUFLEET_DOUBTS_H
#define GPUFLEET_DOUBTS_H

#include "report/bench.h"

/* Fills doubts of a bench that is otherwise complete. */
void bench_doubts(struct bench *b);
/* Parameters of a model by its name ("Llama-3.3-70B-Instruct" has 70553706496, other names what they say); 0: it says nothing. */
double model_parameters(const char *name);

#endif
