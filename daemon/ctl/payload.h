/*
 * What `run` sends: a shipped recipe by name, a directory, or a script.
 */
#ifndef GPUFLEET_CTL_PAYLOAD_H
#define GPUFLEET_CTL_PAYLOAD_H

#include "base/json.h"

#define PAYLOAD_BYTES_MAX ((size_t)64 * 1024 * 1024)
#define PAYLOAD_FILES_MAX 2000

/*
 * Put `recipe`, or `payload` and `title`, into `body`. What `what` means: a path with a '/', a file, or a
 * directory with recipe.yaml or run.sh is sent; anything else is the name of a shipped recipe. Directories named .git are left
 * out; symbolic links, sockets and devices are refused by name.
 */
int payload_body(const char *what, json_t *body, struct err *e);
/* The tree that a recipe takes beside its own files (`run hip-kernel ./my-kernel`), as `payload`; `body` must name a recipe. */
int payload_directory(const char *dir, json_t *body, struct err *e);

#endif
