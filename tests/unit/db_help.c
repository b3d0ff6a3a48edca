#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "base/str.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

int db_place_make(void **state)
{
	struct db_place *p = xmalloc(sizeof(*p));
	const char *tmp = getenv("TMPDIR");

	snprintf(p->dir, sizeof(p->dir), "%.30s/gpufleet-db-XXXXXX", tmp && strlen(tmp) < 30 ? tmp : "/tmp");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->path, sizeof(p->path), "%s/test.db", p->dir);
	*state = p;
	return 0;
}

int db_place_remove(void **state)
{
	struct db_place *p = *state;
	DIR *d = opendir(p->dir);
	struct dirent *de;
	char path[400];

	db_disk_heal();
	while (d && (de = readdir(d))) {
		snprintf(path, sizeof(path), "%s/%s", p->dir, de->d_name);
		if (de->d_name[0] != '.' && unlink(path) < 0)
			rmdir(path);
	}
	if (d)
		closedir(d);
	rmdir(p->dir);
	free(p);
	return 0;
}

/* ---- rows ---- */

static void fill_text(char *p, size_t size, const char *name)
{
	static const char odd[] = "'\"\\%;\x01\xc3\xa9|";

	for (size_t k = 0; k + 1 < size; k++)
		p[k] = k < strlen(name) ? name[k] : odd[k % (sizeof(odd) - 1)];
	p[size - 1] = '\0';
}

void db_fill(const struct row_kind *k, void *row)
{
	for (size_t c = 0; c < k->count; c++) {
		const struct column *col = &k->columns[c];
		void *p = (char *)row + col->offset;

		switch (col->kind) {
		case COLUMN_I64: *(int64_t *)p = ((int64_t)7 << 40) + (int64_t)c; break;
		case COLUMN_INT: *(int *)p = 1000 + (int)c; break;
		case COLUMN_U32: *(uint32_t *)p = 4000000000u + (uint32_t)c; break;
		case COLUMN_BOOL: *(bool *)p = true; break;
		case COLUMN_REAL: *(double *)p = 0.1 + (double)c; break;
		case COLUMN_TEXT: fill_text(p, col->size, col->name); break;
		case COLUMN_OWNED: *(char **)p = xasprintf("{\"%s\":\"it's \xc3\xa9\"}", col->name); break;
		case COLUMN_NAMED: memcpy(p, &(int){ 1 }, sizeof(int)); break;
		}
	}
}

static bool same(const struct column *c, const void *a, const void *b)
{
	const char *s = NULL, *t = NULL;

	switch (c->kind) {
	case COLUMN_I64: return *(const int64_t *)a == *(const int64_t *)b;
	case COLUMN_INT: return *(const int *)a == *(const int *)b;
	case COLUMN_U32: return *(const uint32_t *)a == *(const uint32_t *)b;
	case COLUMN_BOOL: return *(const bool *)a == *(const bool *)b;
	case COLUMN_REAL: return *(const double *)a == *(const double *)b;
	case COLUMN_TEXT: return !strcmp(a, b);
	case COLUMN_OWNED:
		s = *(char *const *)a;
		t = *(char *const *)b;
		return s == t || (s && t && !strcmp(s, t));
	case COLUMN_NAMED: return !memcmp(a, b, sizeof(int));
	}
	return false;
}

void db_same(const struct row_kind *k, const void *a, const void *b)
{
	for (size_t c = 0; c < k->count; c++)
		if (!same(&k->columns[c], (const char *)a + k->columns[c].offset, (const char *)b + k->columns[c].offset))
			fail_msg("%s.%s came back as something else", k->table, k->columns[c].name);
}

struct fleet db_fleet(int64_t id)
{
	struct fleet f = { .object.id = id, .gpu_count = 1, .instances = 1 };

	snprintf(f.name, sizeof(f.name), "fleet-%d", (int)id);
	str_copy(f.owner, "ann");
	str_copy(f.gpu, "MI300X");
	return f;
}

struct instance db_instance(int64_t id, int64_t fleet_id)
{
	struct instance i = { .object.id = id, .fleet_id = fleet_id, .gpu_count = 1 };

	str_copy(i.account, "runpod");
	str_copy(i.provider, "runpod");
	str_copy(i.gpu, "MI300X");
	return i;
}

struct run db_run(int64_t id, int64_t fleet_id, int64_t instance_id)
{
	struct run r = { .object.id = id, .fleet_id = fleet_id, .instance_id = instance_id, .exit_status = -1 };

	snprintf(r.key, sizeof(r.key), "key%d", (int)id);
	str_copy(r.recipe, "gpu-check");
	str_copy(r.owner, "ann");
	return r;
}

struct event db_event(int64_t seq)
{
	struct event v = { .seq = seq, .time = 1000 + seq, .kind = OBJECT_FLEET, .object_id = 1 };

	str_copy(v.event, "made");
	return v;
}

struct store_batch *db_event_batch(int64_t seq)
{
	struct store_batch *b = store_batch_new();
	struct event v = db_event(seq);

	store_batch_event(b, &v);
	return b;
}

/* ---- the store ---- */

struct store *db_open(const struct db_place *p, bool threaded)
{
	struct store *s = NULL;
	struct err e = { 0 };

	if (store_open(&s, &(struct store_options){ .path = p->path, .threaded = threaded }, &e) < 0)
		fail_msg("%s", e.msg);
	return s;
}

static void no_error(void *arg, const struct err *error)
{
	if (error)
		fail_msg("%s", error->msg);
	++*(int *)arg;
}

void db_commit(struct store *s, struct store_batch *b)
{
	int done = 0;

	store_commit(s, b, no_error, &done);
	assert_int_equal(store_deliver(s), 1);
	assert_int_equal(done, 1);
}

sqlite3 *db_shell(const struct db_place *p)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open_v2(p->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL), SQLITE_OK);
	return db;
}

void db_do(sqlite3 *db, const char *sql)
{
	char *text = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &text) != SQLITE_OK)
		fail_msg("%s: %s", sql, text);
}

int64_t db_ask(sqlite3 *db, const char *sql)
{
	struct err e = { 0 };
	int64_t n = 0;

	if (sql_int(db, sql, &n, &e) < 0)
		fail_msg("%s: %s", sql, e.msg);
	return n;
}

/* ---- a disk with faults ---- */

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_vfs faulty, *real_vfs;
static _Atomic int fault, changes, fault_at, fault_code; /* the writer's thread looks too */

static int change(void)
{
	if (++changes < fault_at || fault == FAULT_NONE)
		return SQLITE_OK;
	if (fault == FAULT_CRASH)
		_exit(77);
	return fault_code;
}

static sqlite3_file *real_file(sqlite3_file *f)
{
	return ((struct faulty_file *)(void *)f)->real;
}

#define PASS(name, params, args)                                                                                         \
	static int file_##name params                                                                                    \
	{                                                                                                                \
		return real_file(f)->pMethods->name args;                                                                \
	}
#define CHANGE(name, params, args)                                                                                       \
	static int file_##name params                                                                                    \
	{                                                                                                                \
		int rc = change();                                                                                       \
                                                                                                                         \
		return rc ? rc : real_file(f)->pMethods->name args;                                                      \
	}

PASS(xRead, (sqlite3_file *f, void *p, int n, sqlite3_int64 at), (real_file(f), p, n, at))
CHANGE(xWrite, (sqlite3_file *f, const void *p, int n, sqlite3_int64 at), (real_file(f), p, n, at))
CHANGE(xTruncate, (sqlite3_file *f, sqlite3_int64 size), (real_file(f), size))
CHANGE(xSync, (sqlite3_file *f, int flags), (real_file(f), flags))
PASS(xFileSize, (sqlite3_file *f, sqlite3_int64 *size), (real_file(f), size))
PASS(xLock, (sqlite3_file *f, int level), (real_file(f), level))
PASS(xUnlock, (sqlite3_file *f, int level), (real_file(f), level))
PASS(xCheckReservedLock, (sqlite3_file *f, int *out), (real_file(f), out))
PASS(xFileControl, (sqlite3_file *f, int op, void *arg), (real_file(f), op, arg))
PASS(xSectorSize, (sqlite3_file *f), (real_file(f)))
PASS(xDeviceCharacteristics, (sqlite3_file *f), (real_file(f)))
PASS(xShmMap, (sqlite3_file *f, int page, int size, int extend, void volatile **out), (real_file(f), page, size, extend, out))
PASS(xShmLock, (sqlite3_file *f, int at, int n, int flags), (real_file(f), at, n, flags))
PASS(xShmUnmap, (sqlite3_file *f, int remove_too), (real_file(f), remove_too))

static void file_xShmBarrier(sqlite3_file *f)
{
	real_file(f)->pMethods->xShmBarrier(real_file(f));
}

static int file_xClose(sqlite3_file *f)
{
	return real_file(f)->pMethods->xClose(real_file(f));
}

static const sqlite3_io_methods faulty_methods = { .iVersion = 2, .xClose = file_xClose, .xRead = file_xRead, .xWrite = file_xWrite,
	.xTruncate = file_xTruncate, .xSync = file_xSync, .xFileSize = file_xFileSize, .xLock = file_xLock, .xUnlock = file_xUnlock,
	.xCheckReservedLock = file_xCheckReservedLock, .xFileControl = file_xFileControl, .xSectorSize = file_xSectorSize,
	.xDeviceCharacteristics = file_xDeviceCharacteristics, .xShmMap = file_xShmMap, .xShmLock = file_xShmLock,
	.xShmBarrier = file_xShmBarrier, .xShmUnmap = file_xShmUnmap };

static int faulty_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out_flags)
{
	struct faulty_file *file = (struct faulty_file *)(void *)f;
	int rc;

	(void)v;
	file->real = (sqlite3_file *)(void *)(file + 1);
	rc = real_vfs->xOpen(real_vfs, name, file->real, flags, out_flags);
	file->base.pMethods = rc == SQLITE_OK ? &faulty_methods : NULL;
	return rc;
}

static int faulty_delete(sqlite3_vfs *v, const char *name, int sync_dir)
{
	int rc = change();

	(void)v;
	return rc ? rc : real_vfs->xDelete(real_vfs, name, sync_dir);
}

void db_disk(void)
{
	if (real_vfs)
		return;
	real_vfs = sqlite3_vfs_find(NULL);
	faulty = *real_vfs;
	faulty.zName = "faulty";
	faulty.szOsFile = (int)sizeof(struct faulty_file) + real_vfs->szOsFile;
	faulty.xOpen = faulty_open;
	faulty.xDelete = faulty_delete;
	sqlite3_vfs_register(&faulty, 1);
}

void db_disk_fail(enum db_fault what, int nth, int sqlite_code)
{
	fault = FAULT_NONE;
	fault_at = nth;
	fault_code = sqlite_code;
	changes = 0;
	fault = (int)what;
}

void db_disk_heal(void)
{
	db_disk_fail(FAULT_NONE, 0, SQLITE_OK);
}

int db_disk_changes(void)
{
	return changes;
}
