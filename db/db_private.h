/* Between the files of db/ only. */
#ifndef GPUFLEET_DB_PRIVATE_H
#define GPUFLEET_DB_PRIVATE_H

#include "db/rows.h"
#include "db/statements.h"
#include "db/store.h"

#include <sqlite3.h>

#define APPLICATION_ID 0x67666c74 /* "gflt" */
#define BUSY_MS        5000       /* how long somebody's sqlite3 shell may hold the lock before a commit fails */

/* ---- sql.c ---- */

/* Fill *e from the connection: disk full, locked, corrupt and read-only get a remedy. Returns -1. */
int sql_error(sqlite3 *db, struct err *e, const char *doing);
int sql_exec(sqlite3 *db, const char *sql, struct err *e);
/* NULL with *e filled when it does not compile. */
sqlite3_stmt *sql_prepare(sqlite3 *db, const char *sql, struct err *e);
/* One integer answer of a query without parameters; 0 when it has no row. */
int sql_int(sqlite3 *db, const char *sql, int64_t *out, struct err *e);

/* ---- open.c ---- */

/* Check the place and the file, open, check the contents, migrate, switch to WAL. */
int database_open(sqlite3 **out, const char *path, struct err *e);
/* Was the file renamed or deleted while it is open? What is written then is lost with the process. */
bool database_moved(sqlite3 *db);
int database_library_ok(int version_number, struct err *e); /* as sqlite3_libversion_number() */
const char *network_file_system(long f_type);               /* its name; NULL: not one of them */

/* ---- migrate.c ---- */

struct migration {
	int64_t version; /* 1, 2, 3 …: what the database is after it */
	const char *name, *sql;
};
/* Bring the database to the last of the list; a copy is made before an older one is changed. */
int migrate_with(sqlite3 *db, const char *path, const struct migration *list, size_t count, struct err *e);
int migrate(sqlite3 *db, const char *path, struct err *e); /* with the files of db/migrations/ */

/* ---- save.c, load.c ---- */

struct saver; /* prepared upserts */
int saver_open(struct saver **out, sqlite3 *db, struct err *e);
void saver_close(struct saver *s);
int saver_save(struct saver *s, const struct store_batch *b, struct err *e); /* inside a transaction */
int64_t batch_rows(const struct store_batch *b);

int load_model(sqlite3 *db, struct model *m, instant since, struct err *e);

#endif
