#include "disk.h"
#include "base/str.h"

#include <sqlite3.h>

#define SECTOR 512

struct disk *disk_current;

struct handle {
	sqlite3_file base;
	struct disk *disk;
	struct disk_file *file;
};

/* ---- contents ---- */

static void ensure(uint8_t **data, size_t *cap, size_t size)
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

static void put(uint8_t **data, size_t *size, size_t *cap, int64_t offset, const void *from, size_t n)
{
	ensure(data, cap, (size_t)offset + n);
	memcpy(*data + offset, from, n);
	if ((size_t)offset + n > *size)
		*size = (size_t)offset + n;
}

static void set_size(uint8_t **data, size_t *size, size_t *cap, size_t want)
{
	ensure(data, cap, want);
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
		put(&f->durable, &f->durable_size, &f->durable_cap, w->offset, w->data, w->len);
	else
		set_size(&f->durable, &f->durable_size, &f->durable_cap, (size_t)w->offset);
}

static void later(struct disk *d, struct disk_file *f, int64_t offset, const void *data, size_t n)
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

static void synced(struct disk *d, struct disk_file *f)
{
	if (!d->track)
		return;
	for (size_t k = 0; k < f->pending_count; k++)
		apply(f, &f->pending[k]);
	forget_pending(f);
	f->durable_exists = true;
}

static void file_free(struct disk_file *f)
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
		file_free(&d->files[k]);
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

		file_free(to);
		if (!*f->name)
			continue;
		str_copy(to->name, f->name);
		put(&to->data, &to->size, &to->cap, 0, f->data, f->size);
		if (d->track)
			put(&to->durable, &to->durable_size, &to->durable_cap, 0, f->data, f->size);
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
				put(&f->durable, &f->durable_size, &f->durable_cap, w->offset + (int64_t)at, w->data + at, n);
		}
	}
	forget_pending(f);
	/* A name that was never synced may be gone with its file. */
	if (!f->durable_exists && rng_below(&d->rng, 2)) {
		file_free(f);
		return;
	}
	f->durable_exists = true;
	f->size = 0;
	put(&f->data, &f->size, &f->cap, 0, f->durable ? f->durable : (uint8_t *)"", f->durable_size);
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
			file_free(&d->files[k]);
}

/* ---- the VFS ---- */

static int ask(struct disk *d, enum disk_call call)
{
	int rc = 0;

	d->calls++;
	if (d->stopped)
		return SQLITE_IOERR;
	if (d->hook)
		rc = d->hook(d->arg, call);
	return rc ? rc : d->stopped ? SQLITE_IOERR : SQLITE_OK;
}

static struct disk_file *find(struct disk *d, const char *name, bool make)
{
	struct disk_file *unused = NULL;

	for (size_t k = 0; k < DISK_FILES; k++) {
		if (*d->files[k].name && !strcmp(d->files[k].name, name))
			return &d->files[k];
		if (!*d->files[k].name && !unused)
			unused = &d->files[k];
	}
	if (!make)
		return NULL;
	if (!unused)
		BUG("the simulated disk has room for %d files", DISK_FILES);
	str_copy(unused->name, name);
	return unused;
}

static int x_close(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static int x_read(sqlite3_file *file, void *out, int n, sqlite3_int64 offset)
{
	struct disk_file *f = ((struct handle *)file)->file;
	size_t have = (size_t)offset < f->size ? f->size - (size_t)offset : 0;

	if (have >= (size_t)n) {
		memcpy(out, f->data + offset, (size_t)n);
		return SQLITE_OK;
	}
	memset(out, 0, (size_t)n);
	if (have)
		memcpy(out, f->data + offset, have);
	return SQLITE_IOERR_SHORT_READ;
}

static int x_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 offset)
{
	struct handle *h = (struct handle *)file;
	int rc = ask(h->disk, DISK_WRITE);

	if (rc)
		return rc == SQLITE_IOERR ? SQLITE_IOERR_WRITE : rc;
	h->disk->writes++;
	put(&h->file->data, &h->file->size, &h->file->cap, offset, data, (size_t)n);
	later(h->disk, h->file, offset, data, (size_t)n);
	return SQLITE_OK;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct handle *h = (struct handle *)file;
	int rc = ask(h->disk, DISK_TRUNCATE);

	if (rc)
		return rc == SQLITE_IOERR ? SQLITE_IOERR_TRUNCATE : rc;
	set_size(&h->file->data, &h->file->size, &h->file->cap, (size_t)size);
	later(h->disk, h->file, size, NULL, 0);
	return SQLITE_OK;
}

static int x_sync(sqlite3_file *file, int flags)
{
	struct handle *h = (struct handle *)file;
	int rc = ask(h->disk, DISK_SYNC);

	(void)flags;
	if (rc)
		return rc == SQLITE_IOERR ? SQLITE_IOERR_FSYNC : rc;
	synced(h->disk, h->file);
	return SQLITE_OK;
}

static int x_size(sqlite3_file *file, sqlite3_int64 *size)
{
	*size = (sqlite3_int64)((struct handle *)file)->file->size;
	return SQLITE_OK;
}

static int x_lock(sqlite3_file *f, int level)
{
	(void)f;
	(void)level;
	return SQLITE_OK;
}

static int x_reserved(sqlite3_file *f, int *out)
{
	(void)f;
	*out = 0;
	return SQLITE_OK;
}

static int x_control(sqlite3_file *f, int op, void *arg)
{
	(void)f;
	(void)op;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int x_sector(sqlite3_file *f)
{
	(void)f;
	return SECTOR;
}

static int x_traits(sqlite3_file *f)
{
	(void)f;
	return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

/* The index of the WAL is memory of the processes that use it: none outlives ours. */
static int x_shm_map(sqlite3_file *file, int region, int size, int extend, void volatile **out)
{
	struct handle *h = (struct handle *)file;
	char name[16];
	struct disk_file *f;

	snprintf(name, sizeof(name), "shm:%d", region);
	f = find(h->disk, name, extend != 0);
	*out = NULL;
	if (!f)
		return SQLITE_OK;
	ensure(&f->data, &f->cap, (size_t)size);
	f->size = (size_t)size;
	*out = f->data;
	return SQLITE_OK;
}

static int x_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	(void)f;
	(void)offset;
	(void)n;
	(void)flags;
	return SQLITE_OK;
}

static void x_shm_barrier(sqlite3_file *f)
{
	(void)f;
}

static int x_shm_unmap(sqlite3_file *file, int delete)
{
	struct handle *h = (struct handle *)file;

	(void)delete;
	for (size_t k = 0; k < DISK_FILES; k++)
		if (str_starts(h->disk->files[k].name, "shm:"))
			file_free(&h->disk->files[k]);
	return SQLITE_OK;
}

static const sqlite3_io_methods methods = { 2, x_close, x_read, x_write, x_truncate, x_sync, x_size, x_lock, x_lock, x_reserved,
	x_control, x_sector, x_traits, x_shm_map, x_shm_lock, x_shm_barrier, x_shm_unmap, NULL, NULL };

static int v_open(sqlite3_vfs *v, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct handle *h = (struct handle *)file;

	(void)v;
	memset(h, 0, sizeof(*h));
	h->disk = disk_current;
	h->file = find(disk_current, name ? name : "temp", flags & SQLITE_OPEN_CREATE && !disk_current->stopped);
	if (!h->file)
		return SQLITE_CANTOPEN;
	h->base.pMethods = &methods;
	if (out_flags)
		*out_flags = flags;
	return SQLITE_OK;
}

static int v_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	struct disk_file *f = find(disk_current, name, false);
	int rc = ask(disk_current, DISK_DELETE);

	(void)v;
	(void)sync_dir;
	if (rc)
		return rc == SQLITE_IOERR ? SQLITE_IOERR_DELETE : rc;
	if (f)
		file_free(f);
	return f ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
}

static int v_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
	struct disk_file *f = find(disk_current, name, false);

	(void)v;
	(void)flags;
	*out = f && f->size;
	return SQLITE_OK;
}

static int v_full(sqlite3_vfs *v, const char *name, int n, char *out)
{
	(void)v;
	str_copy_n(out, (size_t)n, name);
	return SQLITE_OK;
}

static int v_random(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	rng_fill(&disk_current->rng, out, (size_t)n);
	return n;
}

static int v_sleep(sqlite3_vfs *v, int us)
{
	(void)v;
	return us;
}

static int v_time(sqlite3_vfs *v, double *out)
{
	(void)v;
	*out = 2461000.5;
	return SQLITE_OK;
}

static int v_time64(sqlite3_vfs *v, sqlite3_int64 *out)
{
	(void)v;
	*out = 212630443200000LL;
	return SQLITE_OK;
}

static int v_error(sqlite3_vfs *v, int n, char *out)
{
	(void)v;
	(void)n;
	(void)out;
	return 0;
}

void disk_install(void)
{
	static sqlite3_vfs vfs = { .iVersion = 2, .szOsFile = sizeof(struct handle), .mxPathname = 64, .zName = "night",
		.xOpen = v_open, .xDelete = v_delete, .xAccess = v_access, .xFullPathname = v_full, .xRandomness = v_random,
		.xSleep = v_sleep, .xCurrentTime = v_time, .xGetLastError = v_error, .xCurrentTimeInt64 = v_time64 };

	sqlite3_vfs_register(&vfs, 1);
}
