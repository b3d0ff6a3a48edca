/*
 * A line of text that the daemon keeps in its state directory beside the database: read whole, replaced whole.
 */
#ifndef GPUFLEET_STATE_FILE_H
#define GPUFLEET_STATE_FILE_H

#include "base/err.h"

#define STATE_FILE_MAX 128 /* bytes of a line, its end included */

/* The first line of state_dir/name without its end: 1; there is no such file: 0 and ""; -1: it cannot be read. */
int state_file_read(const char *state_dir, const char *name, char line[STATE_FILE_MAX], struct err *e);
/*
 * Written beside it and renamed: a reader finds the old line or the new one. Not synced: after a power loss the older line may
 * be found, and its owner must be able to live with that.
 */
int state_file_write(const char *state_dir, const char *name, const char *line, struct err *e);

#endif
