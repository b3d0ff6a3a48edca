/*
 * The reproducibility manifest of a run (benchmarks §6): one JSON document, kept as the machine wrote it.
 */
#ifndef GPUFLEET_MANIFEST_H
#define GPUFLEET_MANIFEST_H

#include "base/json.h"

#define MANIFEST_SCHEMA "gpufleet-manifest-1"

/* Is this field part of the stack's identity? Time, instance, price and the text of pip freeze (its digest counts) are not. */
bool manifest_counts(const char *key);
/* stack_id: SHA-256 of the canonical form (sorted keys, no blanks) of the fields that count, in hexadecimal. */
void manifest_stack_id(const json_t *manifest, char out[65]);
/* From a file that an untrusted machine wrote; NULL with *e: not a manifest. */
json_t *manifest_read(const char *text, size_t n, struct err *e);

#endif
