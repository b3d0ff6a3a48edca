#include "disk_private.h"
#include "base/str.h"

#include <sqlite3.h>

#define SECTOR 512

struct handle {
	sqlite3_file base;
	struct disk *disk;
	struct disk_file *file;
};

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
	disk_put(&h->file->data, &h->file->size, &h->file->cap, offset, data, (size_t)n);
	disk_later(h->disk, h->file, offset, data, (size_t)n);
	return SQLITE_OK;
}

static int x_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct handle *h = (struct handle *)file;
	int rc = ask(h->disk, DISK_TRUNCATE);

	if (rc)
		return rc == SQLITE_IOERR ? SQLITE_IOERR_TRUNCATE : rc;
	disk_set_size(&h->file->data, &h->file->size, &h->file->cap, (size_t)size);
	disk_later(h->disk, h->file, size, NULL, 0);
	return SQLITE_OK;
}

static int x_sync(sqlite3_file *file, int flags)
{
	struct handle *h = (struct handle *)file;
	int rc = ask(h->disk, DISK_SYNC);

	(void)flags;
	if (rc)
		return rc == SQLITE_IOERR ? SQLITE_IOERR_FSYNC : rc;
	disk_synced(h->disk, h->file);
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
	disk_ensure(&f->data, &f->cap, (size_t)size);
	f->size = (size_t)size;
	*out = f->data;
	return SQLITE_OK;
}

/* Lock 0 of the WAL's index is the one of the writer. */
static int x_shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	struct disk *d = ((struct handle *)file)->disk;

	(void)n;
	if (offset || flags != (SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE) || d->stopped || !d->hook)
		return SQLITE_OK;
	return d->hook(d->arg, DISK_LOCK);
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
			disk_file_free(&h->disk->files[k]);
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
		disk_file_free(f);
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
