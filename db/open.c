/*
 * Opening the database: nothing is written before place, owner, kind, version and contents are known to be right.
 */
#include "db/db_private.h"
#include "base/mutant.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Locks and the shared memory of the WAL index do not work between machines (libraries.md §6). statfs(2). */
const char *network_file_system(long f_type)
{
	static const struct {
		uint32_t type;
		const char *name;
	} known[] = { { 0x6969, "NFS" }, { 0x517b, "SMB" }, { 0xff534d42, "CIFS" }, { 0xfe534d42, "SMB2" }, { 0x5346414f, "AFS" },
		{ 0x00c36400, "Ceph" }, { 0x73757245, "Coda" }, { 0x564c, "NCP" }, { 0x0bd00bd0, "Lustre" }, { 0x01161970, "GFS2" },
		{ 0x7461636f, "OCFS2" } };

	for (size_t k = 0; k < ARRAY_LEN(known); k++)
		if ((uint32_t)f_type == known[k].type)
			return known[k].name;
	return NULL;
}

static int check_file_system(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/'), *network;
	char *dir = !slash ? xstrdup(".") : slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
	struct statfs fs;
	int r = 0;

	if (statfs(dir, &fs) < 0)
		r = err_errno(e, ERR_FAILED, "cannot use '%s' for the database", dir);
	else if ((network = network_file_system((long)fs.f_type)))
		r = err_set(e, ERR_FAILED, "'%s' is on a network file system (%s); put state_dir on a local disk", dir, network);
	free(dir);
	return r;
}

static int check_file(const char *path, struct err *e)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(e, ERR_FAILED, "cannot look at the database '%s'", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_FAILED, "the database '%s' is not a plain file; links are not followed", path);
	if (st.st_uid != geteuid())
		return err_set(e, ERR_FAILED, "the database '%s' belongs to uid %u, the daemon runs as %u; chown it or run as its owner",
		    path, (unsigned)st.st_uid, (unsigned)geteuid());
	if (st.st_mode & 077)
		return err_set(e, ERR_FAILED, "the database '%s' can be read by others; run: chmod 600 '%s'", path, path);
	return 0;
}

int database_library_ok(int version_number, struct err *e)
{
	if (version_number == 3052000)
		return err_set(e, ERR_FAILED, "SQLite 3.52.0 was withdrawn because it can lose data; install another version");
	if (version_number < 3037000)
		return err_set(e, ERR_FAILED, "SQLite is too old (%d.%d); 3.37 or newer is needed", version_number / 1000000,
		    version_number / 1000 % 1000);
	return 0;
}

static int check_contents(sqlite3 *db, const char *path, struct err *e)
{
	int64_t id, version, tables;
	sqlite3_stmt *st;
	const char *text;
	int rc;

	if (sql_int(db, "PRAGMA application_id", &id, e) < 0 || sql_int(db, "PRAGMA user_version", &version, e) < 0 ||
	    sql_int(db, "SELECT count(*) FROM sqlite_schema", &tables, e) < 0)
		return -1;
	if (id != APPLICATION_ID && (id || version || tables))
		return err_set(e, ERR_FAILED, "'%s' is another program's database; name another file or move it away", path);
	st = sql_prepare(db, "PRAGMA quick_check(1)", e);
	if (!st)
		return -1;
	rc = sqlite3_step(st);
	text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	if (rc != SQLITE_ROW)
		sql_error(db, e, "checking");
	else if (!text || strcmp(text, "ok") != 0)
		rc = SQLITE_ERROR, err_set(e, ERR_FAILED, "the database '%s' is damaged (%.200s); move it away and restore a backup", path,
		    text ? text : "no answer");
	sqlite3_finalize(st);
	return rc == SQLITE_ROW ? 0 : -1;
}

static int use_wal(sqlite3 *db, const char *path, struct err *e)
{
	sqlite3_stmt *st = sql_prepare(db, "PRAGMA journal_mode=WAL", e);
	const char *mode;
	bool wal;
	int rc;

	if (!st)
		return -1;
	rc = sqlite3_step(st);
	mode = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
	wal = mode && !strcmp(mode, "wal");
	if (rc != SQLITE_ROW)
		sql_error(db, e, "switching to write-ahead logging");
	else if (!wal)
		err_set(e, ERR_FAILED, "write-ahead logging does not work for '%s' (no shared memory there?); put state_dir on a local disk",
		    path);
	sqlite3_finalize(st);
	return wal ? sql_exec(db, "PRAGMA wal_autocheckpoint=1000; PRAGMA journal_size_limit=67108864", e) : -1;
}

static int prepare_connection(sqlite3 *db, struct err *e)
{
	sqlite3_busy_timeout(db, BUSY_MS);
	sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sql_exec(db, MUTANT("commits_not_synced", "PRAGMA synchronous=FULL", "PRAGMA synchronous=OFF"), e) < 0)
		return -1;
	return sql_exec(db,
	    "PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; "
	    "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0",
	    e);
}

int database_open(sqlite3 **out, const char *path, struct err *e)
{
	sqlite3 *db = NULL;
	mode_t old;
	int rc;

	*out = NULL;
	if (database_library_ok(sqlite3_libversion_number(), e) < 0 || check_file_system(path, e) < 0 || check_file(path, e) < 0)
		return -1;
	/* The -wal and -shm files take the mode of the database. */
	old = umask(077);
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		err_set(e, ERR_FAILED, "cannot open the database '%s': %s; is its directory there and writable?", path,
		    db ? sqlite3_errmsg(db) : sqlite3_errstr(rc));
	else if (prepare_connection(db, e) == 0 && check_contents(db, path, e) == 0 && migrate(db, path, e) == 0 &&
		 use_wal(db, path, e) == 0)
		*out = db;
	umask(old);
	if (*out)
		return 0;
	sqlite3_close(db);
	return -1;
}

bool database_moved(sqlite3 *db)
{
	int moved = 0;

	return sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK && moved;
}

const char *store_library_version(void)
{
	return sqlite3_libversion();
}
