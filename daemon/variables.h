/*
 * Environment variables that people give to their runs (`--env NAME=VALUE`): checked when they come in, kept as JSON text with the
 * fleet or the run. They are no secrets: status and history show them.
 */
#ifndef GPUFLEET_VARIABLES_H
#define GPUFLEET_VARIABLES_H

#include "base/err.h"
#include "base/json.h"

#define VARIABLES_MAX       50          /* RunPod's limit, the smallest of the clouds' (providers/runpod.md §4.1) … */
#define VARIABLES_BYTES_MAX (32 * 1024) /* … and vast.ai's on names and values together (vastai.md §2.4) */

/* `in`: an object of strings, NULL or null when there is none. *out is the caller's to free; NULL: no variables. */
int variables_read(const json_t *in, char **out, struct err *e);

#endif
