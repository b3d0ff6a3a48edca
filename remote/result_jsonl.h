/*
 * The result reader "gpufleet-jsonl": one JSON object per line of results.jsonl, {"metric":"triad","value":4.2,"unit":"TB/s", …}
 * or {"metric":"driver","text":"…"}. Every further key is a label. Rows come in the order of the lines; lines that are not
 * results are counted as bad.
 */
#ifndef GPUFLEET_RESULT_JSONL_H
#define GPUFLEET_RESULT_JSONL_H

#include "remote/result.h"

extern const struct result_reader result_jsonl;
void result_jsonl_read(const char *text, size_t n, struct results *out);

#endif
