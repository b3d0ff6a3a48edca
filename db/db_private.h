/* Between the files of db/ only. */
#ifndef GPUFLEET_DB_PRIVATE_H
#define GPUFLEET_DB_PRIVATE_H

#include "db/rows.h"
#include "db/store.h"

#include <sqlite3.h>

#define APPLICATION_ID 0x67666c74 /* "gflt" */

/* Fill *e from the connection: disk full, locked, corrupt and read-only get a remedy. Returns -1. */
int sql_error(sqlite3 *db, struct err *e, const char *doing);
int sql_exec(sqlite3 *db, const char *sql, struct err *e);
/* One integer answer of a query without parameters. */
int sql_int(sqlite3 *db, const char *sql, int64_t *out, struct err *e);

int migrate(sqlite3 *db, const char *path, struct err *e);

struct saver; /* prepared upserts */
int saver_open(struct saver **out, sqlite3 *db, struct err *e);
void saver_close(struct saver *s);
int saver_save(struct saver *s, const struct store_batch *b, struct err *e); /* inside a transaction */
int64_t batch_rows(const struct store_batch *b);

int load_model(sqlite3 *db, struct model *m, instant since, struct err *e);

#endif
