/*
 * The result reader "gpufleet-jsonl": one JSON object per line, {"metric":"triad","value":4.2,"unit":"TB/s", …} or
 * {"metric":"driver","text":"…"}. Every further key is a label. Pure; the text comes from an untrusted machine.
 */
#ifndef GPUFLEET_RESULT_JSONL_H
#define GPUFLEET_RESULT_JSONL_H

#include "core/types.h"

#define RESULT_ROWS_MAX 10000

struct result_metric {
	char metric[NAME_MAX_], unit[32];
	bool number;
	double value;
	char text[TEXT_MAX];
	char labels[TEXT_MAX]; /* JSON object; "{}" when there are none or they do not fit */
};

/* Rows in the order of the lines; *rows is the caller's. Lines that are not results are counted in *bad, not believed. */
size_t result_jsonl_read(const char *text, size_t n, struct result_metric **rows, size_t *bad);

#endif
