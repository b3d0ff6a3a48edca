/*
 * What the audit asks: how every create intent ended, which are open, and whose row a machine has.
 */
#include "base/str.h"
#include "db/db_private.h"
#include "db/history_private.h"

/* How an instance left the living is the event that moved it to GONE (core/states.c). */
static void count_end(json_t *intents, const char *event, int64_t n)
{
	static const struct {
		const char *event, *key;
	} ends[] = { { "stop", "never_sent" }, { "refused", "refused" }, { "absent", "absent" }, { "gone", "gone" } };

	for (size_t k = 0; k < ARRAY_LEN(ends); k++)
		if (!strcmp(ends[k].event, event))
			json_put_int(intents, ends[k].key, n);
}

static int ask_ends(struct history *h, json_t *intents, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_AUDIT_ENDS, e);
	int64_t total = 0;
	int rc;

	if (!st)
		return -1;
	json_put_int(intents, "total", 0);
	json_put_int(intents, "open", 0);
	json_put_int(intents, "never_sent", 0);
	json_put_int(intents, "refused", 0);
	json_put_int(intents, "absent", 0);
	json_put_int(intents, "gone", 0);
	json_put_int(intents, "unproved", 0);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		count_end(intents, (const char *)sqlite3_column_text(st, 0), sqlite3_column_int64(st, 1));
		total += sqlite3_column_int64(st, 1);
	}
	json_put_int(intents, "total", total);
	if (rc != SQLITE_DONE)
		sql_error(h->db, e, "reading history");
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int ask_rows(struct history *h, enum statement which, const char *key, json_t *intents, json_t *out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, which, e);
	json_t *rows = st ? history_rows(h, st, e) : NULL;

	if (!rows)
		return -1;
	json_put_int(intents, key, (int64_t)json_array_size(rows));
	json_put(out, key, rows);
	return 0;
}

int history_audit(struct history *h, json_t **out, struct err *e)
{
	json_t *o = json_object(), *intents = json_object();

	json_put(o, "intents", intents);
	if (ask_ends(h, intents, e) < 0 || ask_rows(h, SQL_AUDIT_OPEN, "open", intents, o, e) < 0 ||
	    ask_rows(h, SQL_AUDIT_UNPROVED, "unproved", intents, o, e) < 0 || ask_rows(h, SQL_EXTRAS, "extras", intents, o, e) < 0) {
		json_decref(o);
		return -1;
	}
	json_object_del(intents, "extras"); /* they are no intents to create a machine */
	*out = o;
	return 0;
}

int history_machine(struct history *h, const char *account, const char *id, const char *mark, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_INSTANCE_OF_MACHINE, e);
	json_t *rows;

	*out = NULL;
	if (!st)
		return -1;
	sqlite3_bind_text(st, 1, account, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, id, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 3, mark, -1, SQLITE_STATIC);
	rows = history_rows(h, st, e);
	if (!rows)
		return -1;
	*out = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	return 0;
}
