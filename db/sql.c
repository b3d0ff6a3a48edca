#include "db/db_private.h"

int sql_error(sqlite3 *db, struct err *e, const char *doing)
{
	const char *file = sqlite3_db_filename(db, "main");

	switch (sqlite3_errcode(db)) {
	case SQLITE_FULL:
		return err_set(e, ERR_FAILED, "no space left for the database '%s'; free some, the daemon tries again", file);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_FAILED, "the database '%s' is locked by another program (a sqlite3 shell?); end that", file);
	case SQLITE_READONLY:
		return err_set(e, ERR_FAILED, "the database '%s' cannot be written (%s); is the disk mounted read-only, or the file "
		    "somebody else's?", file, sqlite3_errmsg(db));
	case SQLITE_IOERR:
		return err_set(e, ERR_FAILED, "reading or writing the database '%s' failed (%s: %s); see the kernel's log about the disk",
		    file, sqlite3_errstr(sqlite3_extended_errcode(db)), strerror(sqlite3_system_errno(db)));
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(e, ERR_FAILED, "the database '%s' is damaged (%s); move it away and restore a backup", file,
		    sqlite3_errmsg(db));
	case SQLITE_CONSTRAINT:
		return err_set(e, ERR_CONFLICT, "a row breaks a rule of the database '%s': %s: %s", file, doing, sqlite3_errmsg(db));
	default: return err_set(e, ERR_FAILED, "database '%s': %s: %s", file, doing, sqlite3_errmsg(db));
	}
}

int sql_exec(sqlite3 *db, const char *sql, struct err *e)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_error(db, e, "cannot execute");
}

sqlite3_stmt *sql_prepare(sqlite3 *db, const char *sql, struct err *e)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK)
		return st;
	sql_error(db, e, "cannot ask");
	return NULL;
}

int sql_int(sqlite3 *db, const char *sql, int64_t *out, struct err *e)
{
	sqlite3_stmt *st = sql_prepare(db, sql, e);
	int rc;

	if (!st)
		return -1;
	rc = sqlite3_step(st);
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		sql_error(db, e, "cannot read");
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}
