/*
 * A disk in memory under the real SQLite: an sqlite3_vfs that remembers what was synced, so that a process can be killed between
 * any two calls and the power can fail with unsynced sectors lost, torn and reordered. One database, one connection at a time.
 *
 *	disk_install();                      once per process: becomes SQLite's default VFS
 *	disk_reset(d, seed);                 empty; or disk_copy(d, template)
 *	disk_current = d;                    the disk the VFS works on
 *	disk_stop(d, DISK_KILLED);           from now on nothing reaches it: the zombie may unwind in peace
 *	disk_restart(d);                     the next process finds what survived
 *
 * The simulated daemon has one connection: locks are granted, but the hook is asked before the one that writing takes (somebody
 * else's shell may hold it).
 */
#ifndef GPUFLEET_NIGHT_DISK_H
#define GPUFLEET_NIGHT_DISK_H

#include "base/mem.h"
#include "base/rng.h"

#define DISK_FILES 12

struct disk_write {
	int64_t offset;
	size_t len;
	uint8_t *data; /* NULL: the file was cut or extended to `offset` */
};

struct disk_file {
	char name[64]; /* "": free */
	uint8_t *data;
	size_t size, cap;
	uint8_t *durable; /* what is on the platter */
	size_t durable_size, durable_cap;
	bool durable_exists;
	struct disk_write *pending; /* not synced */
	size_t pending_count, pending_cap;
};

enum disk_end { DISK_KILLED, DISK_POWER_LOST };
enum disk_call { DISK_WRITE, DISK_SYNC, DISK_TRUNCATE, DISK_DELETE, DISK_READ, DISK_LOCK };

struct disk {
	struct disk_file files[DISK_FILES];
	struct rng rng;
	bool track;   /* remember what is not synced; needed for DISK_POWER_LOST */
	bool stopped; /* nothing reaches it any more */
	int64_t calls, writes;
	/* Asked before every changing call and the lock for them; non-zero is SQLite's error code to fail with. May call disk_stop(). */
	int (*hook)(void *arg, enum disk_call call);
	void *arg;
};

extern struct disk *disk_current;

void disk_install(void);
void disk_reset(struct disk *d, uint64_t seed);
void disk_copy(struct disk *d, const struct disk *from); /* the files; everything synced */
void disk_free(struct disk *d);
/* The process ends here: what survives is decided now. */
void disk_stop(struct disk *d, enum disk_end how);
void disk_restart(struct disk *d);

#endif
