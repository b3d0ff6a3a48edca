/*
 * The formats that results are published in (benchmarks §7.2, §7.3), written and read exactly.
 */
#ifndef GPUFLEET_PUBLISHED_H
#define GPUFLEET_PUBLISHED_H

#include "report/bench.h"

/* benchmark_nvidia_format.json: the seven metadata keys, then rows; a scenario that failed stays, with throughput null. */
void published_json(const struct bench *b, struct buf *out);
/* benchmark_nvidia_format.csv: the ten columns; extended: eleven and ours behind them. */
void published_csv(const struct bench *b, bool extended, struct buf *out);

/* Does this look like one of them: JSON with "benchmarks", CSV with their columns? */
bool published_owns(const char *text, size_t n);

/*
 * A published file of either kind as a source for bench_read(): {"import":{…},"results":[…]}.
 * `text` is from anywhere. The legacy spellings of failure (row absent, 0) are read as failures. NULL with *e: what it is not,
 * with the place. Rows carry concurrency 1 unless they say another.
 */
json_t *published_read(const char *name, const char *text, size_t n, struct err *e);

#endif
