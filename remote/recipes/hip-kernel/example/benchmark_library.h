/*
 * What main.cpp wants from a GPU; hip/ and cuda/ have it, and the machine's own one is built. All matrices have n rows and n columns,
 * by rows.
 */
#ifndef BENCHMARK_LIBRARY_H
#define BENCHMARK_LIBRARY_H

#include <cstddef>

struct elapsed {
	float to_device, kernel, to_host; /* milliseconds, by the GPU's clock */
};

/* c = a b. Ends the program with a sentence when the GPU refuses. */
void multiply_on_device(const float *a, const float *b, float *c, size_t n, struct elapsed *time);
/* The same on the CPU, only the rows that are named. */
void multiply_rows_on_cpu(const float *a, const float *b, float *c, size_t n, const size_t *rows, size_t count);

#endif
