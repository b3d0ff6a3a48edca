/*
 * From collected files to figures: gives a recipe's reader (remote/result.h) the files that it wants of a results directory.
 * Works in the thread pool; follows no links.
 */
#ifndef GPUFLEET_COLLECT_H
#define GPUFLEET_COLLECT_H

#include "remote/result.h"

/* A regular file, no link, as far as `out` has room; false: it is not there, or does not fit. */
bool collect_file(int at, const char *name, struct buf *out);

/* *out is the caller's, results_free(). An unknown reader, "" too, reads nothing; a manifest.json is digested in any case. */
void collect_read(const char *dir, const char *reader, struct results *out);

#endif
