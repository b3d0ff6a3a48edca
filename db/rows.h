/*
 * The one table that says how a row of the model stands in the database: column, member, kind. It makes the upsert, the select
 * and the load; adding a column is one line here and one in a migration.
 */
#ifndef GPUFLEET_DB_ROWS_H
#define GPUFLEET_DB_ROWS_H

#include "core/model.h"

enum column_kind {
	COLUMN_I64,   /* instants, durations, money, ids */
	COLUMN_INT,
	COLUMN_U32,
	COLUMN_BOOL,
	COLUMN_TEXT,  /* char array of `size` bytes */
	COLUMN_OWNED, /* char *, NULL allowed, owned by the row */
	COLUMN_NAMED, /* an enum, stored by name */
};

struct column {
	const char *name;
	enum column_kind kind;
	size_t offset, size;
	const char *(*to_name)(int value);
	int (*from_name)(const char *name); /* -1: no such name */
};

struct row_kind {
	const char *table, *key; /* key: the column of the primary key */
	size_t row_size;
	const struct column *columns;
	size_t count;
};

extern const struct row_kind fleet_rows, instance_rows, run_rows, account_rows;

/* "INSERT INTO t(a,b) VALUES(?,?) ON CONFLICT(key) DO UPDATE SET a=excluded.a,…" and "SELECT a,b FROM t". Caller frees. */
char *rows_upsert_sql(const struct row_kind *k);
char *rows_select_sql(const struct row_kind *k, const char *where);

#endif
