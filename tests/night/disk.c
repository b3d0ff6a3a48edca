#include "disk_private.h"
#include "base/str.h"

#define SECTOR 512

struct disk *disk_current;

/* ---- contents ---- */

void disk_ensure(uint8_t **data, size_t *cap, size_t size)
{
	size_t want = *cap ? *cap : 4096;

	if (size <= *cap)
		return;
	while (want < size)
		want *= 2;
	*data = xreallocarray(*data, want, 1);
	memset(*data + *cap, 0, want - *cap);
	*cap = want;
}

void disk_put(uint8_t **data, size_t *size, size_t *cap, int64_t offset, const void *from, size_t n)
{
	disk_ensure(data, cap, (size_t)offset + n);
	memcpy(*data + offset, from, n);
	if ((size_t)offset + n > *size)
		*size = (size_t)offset + n;
}

void disk_set_size(uint8_t **data, size_t *size, size_t *cap, size_t want)
{
	disk_ensure(data, cap, want);
	if (want < *size)
		memset(*data + want, 0, *size - want);
	*size = want;
}

static void forget_pending(struct disk_file *f)
{
	for (size_t k = 0; k < f->pending_count; k++)
		free(f->pending[k].data);
	f->pending_count = 0;
}

static void apply(struct disk_file *f, const struct disk_write *w)
{
	if (w->data)
		disk_put(&f->durable, &f->durable_size, &f->durable_cap, w->offset, w->data, w->len);
	else
		disk_set_size(&f->durable, &f->durable_size, &f->durable_cap, (size_t)w->offset);
}

void disk_later(struct disk *d, struct disk_file *f, int64_t offset, const void *data, size_t n)
{
	struct disk_write *w;

	if (!d->track)
		return;
	if (f->pending_count == f->pending_cap) {
		f->pending_cap = f->pending_cap ? 2 * f->pending_cap : 16;
		f->pending = xreallocarray(f->pending, f->pending_cap, sizeof(*f->pending));
	}
	w = &f->pending[f->pending_count++];
	*w = (struct disk_write){ offset, n, NULL };
	if (data) {
		w->data = xmalloc(n + 1);
		memcpy(w->data, data, n);
	}
}

void disk_synced(struct disk *d, struct disk_file *f)
{
	if (!d->track)
		return;
	for (size_t k = 0; k < f->pending_count; k++)
		apply(f, &f->pending[k]);
	forget_pending(f);
	f->durable_exists = true;
}

void disk_file_free(struct disk_file *f)
{
	forget_pending(f);
	free(f->pending);
	free(f->data);
	free(f->durable);
	memset(f, 0, sizeof(*f));
}

void disk_free(struct disk *d)
{
	for (size_t k = 0; k < DISK_FILES; k++)
		disk_file_free(&d->files[k]);
}

void disk_reset(struct disk *d, uint64_t seed)
{
	disk_free(d);
	memset(d, 0, sizeof(*d));
	rng_seed(&d->rng, seed);
}

void disk_copy(struct disk *d, const struct disk *from)
{
	for (size_t k = 0; k < DISK_FILES; k++) {
		const struct disk_file *f = &from->files[k];
		struct disk_file *to = &d->files[k];

		disk_file_free(to);
		if (!*f->name)
			continue;
		str_copy(to->name, f->name);
		disk_put(&to->data, &to->size, &to->cap, 0, f->data, f->size);
		if (d->track)
			disk_put(&to->durable, &to->durable_size, &to->durable_cap, 0, f->data, f->size);
		to->durable_exists = true;
	}
}

/* ---- the end of a process ---- */

/* Each unsynced write survives whole, not at all, or in some of its sectors; a later one may survive an earlier one. */
static void lose_power(struct disk *d, struct disk_file *f)
{
	for (size_t k = 0; k < f->pending_count; k++) {
		struct disk_write *w = &f->pending[k];
		uint64_t luck = rng_below(&d->rng, 3);

		if (luck == 0 || (!w->data && luck == 2))
			continue;
		if (luck == 1) {
			apply(f, w);
			continue;
		}
		for (size_t at = 0; at < w->len; at += SECTOR) {
			size_t n = w->len - at < SECTOR ? w->len - at : SECTOR;

			if (rng_below(&d->rng, 2))
				disk_put(&f->durable, &f->durable_size, &f->durable_cap, w->offset + (int64_t)at, w->data + at, n);
		}
	}
	forget_pending(f);
	/* A name that was never synced may be gone with its file. */
	if (!f->durable_exists && rng_below(&d->rng, 2)) {
		disk_file_free(f);
		return;
	}
	f->durable_exists = true;
	f->size = 0;
	disk_put(&f->data, &f->size, &f->cap, 0, f->durable ? f->durable : (uint8_t *)"", f->durable_size);
}

void disk_stop(struct disk *d, enum disk_end how)
{
	if (d->stopped)
		return;
	d->stopped = true;
	for (size_t k = 0; k < DISK_FILES && how == DISK_POWER_LOST; k++)
		if (*d->files[k].name && !str_starts(d->files[k].name, "shm:"))
			lose_power(d, &d->files[k]);
}

void disk_restart(struct disk *d)
{
	d->stopped = false;
	for (size_t k = 0; k < DISK_FILES; k++)
		if (str_starts(d->files[k].name, "shm:"))
			disk_file_free(&d->files[k]);
}
