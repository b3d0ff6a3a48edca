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

/* ---- the proof ---- */

static int ask_balances(struct history *h, json_t *out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_LEDGER_BALANCES, e);
	json_t *rows = st ? history_rows(h, st, e) : NULL, *row;
	double sum = 0;
	size_t k;

	if (!rows)
		return -1;
	json_array_foreach(rows, k, row)
		sum += json_num(row, "micro", 0);
	json_put(out, "balances", rows);
	json_put(out, "sum", json_real(sum / 1e6));
	return 0;
}

int history_ledger(struct history *h, json_t **out, struct err *e)
{
	static const enum statement checks[] = { SQL_LEDGER_KEYS, SQL_LEDGER_ROWS, SQL_LEDGER_STORAGE, SQL_LEDGER_GAPS };
	json_t *o = json_object(), *wrong = json_array();
	int64_t postings = 0;
	int r = sql_exec(h->db, "BEGIN", e);

	if (r == 0)
		r = sql_int(h->db, "SELECT count(*) FROM postings", &postings, e) < 0 || ask_balances(h, o, e) < 0 ? -1 : 0;
	for (size_t k = 0; r == 0 && k < ARRAY_LEN(checks); k++) {
		sqlite3_stmt *st = history_ask(h, checks[k], e);
		json_t *rows = st ? history_rows(h, st, e) : NULL;

		r = rows ? 0 : -1;
		json_array_extend(wrong, rows);
		json_decref(rows);
	}
	sqlite3_exec(h->db, "COMMIT", NULL, NULL, NULL);
	json_put_int(o, "postings", postings);
	json_put_bool(o, "ok", r == 0 && !json_array_size(wrong) && json_num(o, "sum", 1) == 0);
	json_put(o, "wrong", wrong);
	if (r == 0)
		*out = o;
	else
		json_decref(o);
	return r;
}

/* ---- FOCUS 1.0 ---- */

/* A field of RFC 4180; "" is null there. */
static void field(struct buf *out, const char *text)
{
	bool quote = text && strpbrk(text, ",\"\r\n");

	if (quote)
		buf_putc(out, '"');
	for (const char *s = text ? text : ""; *s; s++)
		buf_printf(out, *s == '"' ? "\"\"" : "%c", *s);
	if (quote)
		buf_putc(out, '"');
}

static void put_row(struct buf *out, sqlite3_stmt *st)
{
	for (int k = 0; k < sqlite3_column_count(st); k++) {
		const char *name = sqlite3_column_name(st, k);
		char text[32];

		if (k)
			buf_putc(out, ',');
		if (sqlite3_column_type(st, k) == SQLITE_NULL)
			continue;
		if (str_starts(name, "m_")) {
			money_decimal(sqlite3_column_int64(st, k), text);
			buf_puts(out, text);
		} else {
			field(out, (const char *)sqlite3_column_text(st, k));
		}
	}
	buf_puts(out, "\r\n");
}

static void put_head(struct buf *out, sqlite3_stmt *st)
{
	for (int k = 0; k < sqlite3_column_count(st); k++) {
		const char *name = sqlite3_column_name(st, k);

		buf_printf(out, "%s%s", k ? "," : "", str_starts(name, "m_") ? name + 2 : name);
	}
	buf_puts(out, "\r\n");
}

int history_focus(struct history *h, instant since, instant until, struct buf *out, struct err *e)
{
	static const enum statement parts[] = { SQL_FOCUS, SQL_FOCUS_STORAGE };
	int rc = SQLITE_DONE;

	for (size_t k = 0; k < ARRAY_LEN(parts) && rc == SQLITE_DONE; k++) {
		sqlite3_stmt *st = history_ask(h, parts[k], e);

		if (!st)
			return -1;
		sqlite3_bind_int64(st, 1, since);
		sqlite3_bind_int64(st, 2, until ? until : INT64_MAX);
		if (!k)
			put_head(out, st);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW)
			put_row(out, st);
		if (rc != SQLITE_DONE)
			sql_error(h->db, e, "reading the ledger");
		sqlite3_finalize(st);
	}
	return rc == SQLITE_DONE ? 0 : -1;
}
