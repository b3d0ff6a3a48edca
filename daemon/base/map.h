/*
 * A hash map from 64-bit ids to pointers (never owned). Ids are positive; open addressing, grows by itself.
 */
#ifndef GPUFLEET_MAP_H
#define GPUFLEET_MAP_H

#include "mem.h"

struct map {
	struct map_slot {
		int64_t key; /* 0: free */
		void *value;
	} *slots;
	size_t count, cap;
};

void map_set(struct map *m, int64_t key, void *value);
void *map_get(const struct map *m, int64_t key); /* NULL when absent */
void map_remove(struct map *m, int64_t key);
void map_free(struct map *m);

#endif
