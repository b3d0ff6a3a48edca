/*
 * Texts by number: each different one is kept once. For grouping by names without comparing them again and again.
 */
#ifndef GPUFLEET_WORDS_H
#define GPUFLEET_WORDS_H

#include "mem.h"

#include <stdint.h>

#define WORDS_MAX (1u << 20)

struct words {
	char **text; /* owned; text[number] */
	uint32_t *slots;
	size_t count, cap;
};

/* From 0 on, in the order in which they come. Beyond WORDS_MAX what is new can not be told from the last one. */
uint32_t words_number(struct words *w, const char *text);
void words_free(struct words *w);

#endif
