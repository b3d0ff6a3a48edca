/*
 * Files of runs on this host, and how long they are kept (keep.artifacts): payload, output and collected files of a run go when
 * it ended that long ago. Its figures stay in the database.
 */
#ifndef GPUFLEET_ARTIFACTS_H
#define GPUFLEET_ARTIFACTS_H

#include "engine.h"

struct artifacts;

/* Looks a minute after the start and every hour, in the thread pool; keep 0: never. *out may be NULL then. */
void artifacts_open(struct artifacts **out, struct engine *en, duration keep);
void artifacts_close(struct artifacts *a); /* frees itself when its handle and its work have ended; NULL is fine */

/*
 * Delete the directories of `runs` in which nothing has changed since `before`, but not those named in `live`. Follows no links,
 * stays on the file system. Returns how many; -1 with *e when `runs` cannot be read. For tests apart from the timer.
 */
int artifacts_sweep(const char *runs, instant before, const char *const *live, size_t live_count, struct err *e);

/* A tree, following no links; for the thread pool. 0, or -1: something is left, or it was not there. */
int artifacts_remove(const char *path);

#endif
