/* Between disk.c (what is stored, what survives) and disk_vfs.c (SQLite's view of it) only. */
#ifndef GPUFLEET_NIGHT_DISK_PRIVATE_H
#define GPUFLEET_NIGHT_DISK_PRIVATE_H

#include "disk.h"

void disk_ensure(uint8_t **data, size_t *cap, size_t size);
void disk_put(uint8_t **data, size_t *size, size_t *cap, int64_t offset, const void *from, size_t n);
void disk_set_size(uint8_t **data, size_t *size, size_t *cap, size_t want);
void disk_later(struct disk *d, struct disk_file *f, int64_t offset, const void *data, size_t n); /* written, not synced */
void disk_synced(struct disk *d, struct disk_file *f);
void disk_file_free(struct disk_file *f);

#endif
