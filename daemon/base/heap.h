/*
 * A binary heap of deadlines. Nodes are embedded in the objects that wait; equal deadlines come out in the order in which
 * they were set, so a simulation replays exactly.
 */
#ifndef GPUFLEET_HEAP_H
#define GPUFLEET_HEAP_H

#include "instant.h"

struct heap_node {
	instant due;
	uint64_t order;
	size_t at; /* position + 1; 0: not in the heap */
};

struct heap {
	struct heap_node **nodes;
	size_t count, cap;
	uint64_t next_order;
};

void heap_set(struct heap *h, struct heap_node *n, instant due); /* insert or move */
void heap_remove(struct heap *h, struct heap_node *n);           /* not in the heap: nothing happens */
struct heap_node *heap_first(const struct heap *h);              /* NULL when empty */
void heap_free(struct heap *h);

#endif
