/*
 * What the ledger says as a whole: what a budget has to know of it, and the proof that it is whole.
 */
#include "base/str.h"
#include "db/db_private.h"
#include "db/history_private.h"

int history_booked(struct history *h, const struct budget *b, const struct zone *tz, int64_t before, instant since, struct days *out,
    struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_BOOKED, e);
	int rc;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, since);
	sqlite3_bind_int64(st, 2, before);
	sqlite3_bind_text(st, 3, scope_name(b->scope), -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 4, b->scope == SCOPE_NAMED ? b->name : b->subject, -1, SQLITE_STATIC);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		days_spread(out, tz, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2));
	if (rc != SQLITE_DONE)
		sql_error(h->db, e, "reading the ledger");
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : -1;
}
