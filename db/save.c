/*
 * Batches: copies of rows, and how they become statements. Everything follows the column tables (rows.h).
 */
#include "db/db_private.h"
#include "base/str.h"

#include <math.h>

struct store_batch {
	struct rows {
		char *data;
		size_t count, cap;
	} rows[ROW_TABLES];
};

struct saver {
	sqlite3 *db;
	sqlite3_stmt *upsert[ROW_TABLES];
};

static void *add(struct store_batch *b, enum row_table t, const void *row)
{
	const struct row_kind *k = &row_kinds[t];
	struct rows *r = &b->rows[t];
	void *copy;

	if (r->count == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 4;
		r->data = xreallocarray(r->data, r->cap, k->row_size);
	}
	copy = memcpy(r->data + r->count++ * k->row_size, row, k->row_size);
	row_own(k, copy);
	return copy;
}

struct store_batch *store_batch_new(void)
{
	return xcalloc(1, sizeof(struct store_batch));
}

void store_batch_fleet(struct store_batch *b, const struct fleet *row)
{
	add(b, ROWS_FLEETS, row);
}

void store_batch_instance(struct store_batch *b, const struct instance *row)
{
	add(b, ROWS_INSTANCES, row);
}

void store_batch_run(struct store_batch *b, const struct run *row)
{
	add(b, ROWS_RUNS, row);
}

void store_batch_account(struct store_batch *b, const struct account_state *row)
{
	add(b, ROWS_ACCOUNTS, row);
}

void store_batch_extra(struct store_batch *b, const struct extra *row)
{
	add(b, ROWS_EXTRAS, row);
}

void store_batch_campaign(struct store_batch *b, const struct campaign *row)
{
	add(b, ROWS_CAMPAIGNS, row);
}

void store_batch_night(struct store_batch *b, const struct night *row)
{
	add(b, ROWS_NIGHTS, row);
}

void store_batch_trial(struct store_batch *b, const struct trial *row)
{
	add(b, ROWS_TRIALS, row);
}

void store_batch_notice(struct store_batch *b, const struct notice *row)
{
	add(b, ROWS_NOTICES, row);
}

void store_batch_budget(struct store_batch *b, const struct budget *row)
{
	add(b, ROWS_BUDGETS, row);
}

void store_batch_posting(struct store_batch *b, const struct posting *row)
{
	add(b, ROWS_POSTINGS, row);
}

void store_batch_event(struct store_batch *b, const struct event *row)
{
	add(b, ROWS_EVENTS, row);
}

void store_batch_import(struct store_batch *b, const struct import_row *row)
{
	add(b, ROWS_IMPORTS, row);
}

void store_batch_finding(struct store_batch *b, const struct finding_row *row)
{
	add(b, ROWS_FINDINGS, row);
}

void store_batch_result(struct store_batch *b, const struct result_row *row)
{
	struct result_row *copy = add(b, ROWS_RESULTS, row);

	if (!copy->number || !isfinite(copy->value))
		copy->value = NAN;
	if (!*copy->labels)
		str_copy(copy->labels, "{}");
}

int64_t batch_rows(const struct store_batch *b)
{
	size_t n = 0;

	for (size_t t = 0; t < ROW_TABLES; t++)
		n += b->rows[t].count;
	return (int64_t)n;
}

bool store_batch_empty(const struct store_batch *b)
{
	return !batch_rows(b);
}

void store_batch_free(struct store_batch *b)
{
	if (!b)
		return;
	for (size_t t = 0; t < ROW_TABLES; t++) {
		for (size_t n = 0; n < b->rows[t].count; n++)
			row_disown(&row_kinds[t], b->rows[t].data + n * row_kinds[t].row_size);
		free(b->rows[t].data);
	}
	free(b);
}

static int bind_text(sqlite3_stmt *st, int at, const char *text)
{
	return text ? sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC) : sqlite3_bind_null(st, at);
}

static int bind_column(sqlite3_stmt *st, int at, const struct column *c, const void *row)
{
	const void *p = (const char *)row + c->offset;
	int named;

	switch (c->kind) {
	case COLUMN_I64: return sqlite3_bind_int64(st, at, *(const int64_t *)p);
	case COLUMN_INT: return sqlite3_bind_int(st, at, *(const int *)p);
	case COLUMN_U32: return sqlite3_bind_int64(st, at, *(const uint32_t *)p);
	case COLUMN_BOOL: return sqlite3_bind_int(st, at, *(const bool *)p);
	case COLUMN_REAL: return sqlite3_bind_double(st, at, *(const double *)p);
	case COLUMN_TEXT: return bind_text(st, at, p);
	case COLUMN_OWNED: return bind_text(st, at, *(char *const *)p);
	case COLUMN_NAMED:
		memcpy(&named, p, sizeof(named));
		return bind_text(st, at, c->to_name(named));
	}
	return SQLITE_MISUSE;
}

static int save_row(struct saver *s, enum row_table t, const void *row, struct err *e)
{
	const struct row_kind *k = &row_kinds[t];
	sqlite3_stmt *st = s->upsert[t];
	int rc = SQLITE_OK;

	for (size_t c = 0; c < k->count && rc == SQLITE_OK; c++)
		rc = bind_column(st, (int)c + 1, &k->columns[c], row);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	if (rc != SQLITE_DONE)
		sql_error(s->db, e, k->table);
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

int saver_save(struct saver *s, const struct store_batch *b, struct err *e)
{
	for (enum row_table t = 0; t < ROW_TABLES; t++)
		for (size_t n = 0; n < b->rows[t].count; n++)
			if (save_row(s, t, b->rows[t].data + n * row_kinds[t].row_size, e) < 0)
				return -1;
	return 0;
}

int saver_open(struct saver **out, sqlite3 *db, struct err *e)
{
	struct saver *s = xcalloc(1, sizeof(*s));

	s->db = db;
	for (enum row_table t = 0; t < ROW_TABLES; t++) {
		char *sql = rows_upsert_sql(&row_kinds[t]);
		int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &s->upsert[t], NULL);

		free(sql);
		if (rc != SQLITE_OK) {
			sql_error(db, e, row_kinds[t].table);
			saver_close(s);
			return -1;
		}
	}
	*out = s;
	return 0;
}

void saver_close(struct saver *s)
{
	if (!s)
		return;
	for (size_t t = 0; t < ROW_TABLES; t++)
		sqlite3_finalize(s->upsert[t]);
	free(s);
}
