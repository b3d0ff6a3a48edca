/*
 * The one table that says how a row stands in the database: column, member, kind. It makes the upsert, the select, the copy and
 * the load; adding a column is one line in rows.c and one in a migration. tests/unit/test_migrate.c compares it with the schema.
 */
#ifndef GPUFLEET_DB_ROWS_H
#define GPUFLEET_DB_ROWS_H

#include "core/model.h"

enum column_kind {
	COLUMN_I64,   /* instants, durations, money, ids */
	COLUMN_INT,
	COLUMN_U32,
	COLUMN_BOOL,
	COLUMN_REAL,  /* double; NaN is NULL */
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

/* Rows refer only to rows of tables before their own: in this order they are saved and loaded. */
enum row_table { ROWS_CAMPAIGNS, ROWS_NIGHTS, ROWS_TRIALS, ROWS_FLEETS,
	ROWS_INSTANCES, ROWS_RUNS, ROWS_ACCOUNTS, ROWS_EXTRAS, ROWS_EVENTS, ROWS_RESULTS, ROWS_IMPORTS,
	ROWS_FINDINGS, ROWS_BUDGETS, ROWS_NOTICES, ROWS_POSTINGS,
	ROW_TABLES };

struct row_kind {
	const char *table, *key; /* key: the columns of the primary key, which come first in `columns` */
	size_t key_columns;
	bool append_only;   /* written once; writing it again changes nothing */
	const char *wanted; /* which rows the model holds (?1: instant, how far back); NULL: the model holds none */
	size_t row_size;
	const struct column *columns;
	size_t count;
};

extern const struct row_kind row_kinds[ROW_TABLES];

/* "INSERT INTO t(a,b) VALUES(?,?) ON CONFLICT(key) DO …" and "SELECT a,b FROM t WHERE … ORDER BY key". Caller frees. */
char *rows_upsert_sql(const struct row_kind *k);
char *rows_select_sql(const struct row_kind *k);

/* Give a copied row owned strings of its own; free those of a row. */
void row_own(const struct row_kind *k, void *row);
void row_disown(const struct row_kind *k, void *row);

#endif
