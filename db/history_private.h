/* Between history.c and history_cost.c only. */
#ifndef GPUFLEET_HISTORY_PRIVATE_H
#define GPUFLEET_HISTORY_PRIVATE_H

#include "db/history.h"
#include "db/statements.h"

#include <sqlite3.h>

struct history {
	sqlite3 *db;
};

sqlite3_stmt *history_ask(struct history *h, enum statement which, struct err *e); /* NULL with *e filled */

#endif
