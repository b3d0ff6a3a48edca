/* Between the files history*.c only. */
#ifndef GPUFLEET_HISTORY_PRIVATE_H
#define GPUFLEET_HISTORY_PRIVATE_H

#include "db/history.h"
#include "db/statements.h"

#include <sqlite3.h>

struct history {
	sqlite3 *db;
};

sqlite3_stmt *history_ask(struct history *h, enum statement which, struct err *e); /* NULL with *e filled */
/* All rows as an array of objects; finalizes the statement. NULL with *e filled. */
json_t *history_rows(struct history *h, sqlite3_stmt *st, struct err *e);

#endif
