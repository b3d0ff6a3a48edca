/*
 * From the database into the model, by the column tables (rows.h).
 */
#include "base/str.h"
#include "db/db_private.h"

static int read_name(const char *text, const struct row_kind *k, const struct column *c, void *p, struct err *e)
{
	int value = c->from_name(text);

	if (value < 0)
		return err_set(e, ERR_FAILED, "the database has an unknown %s.%s '%.40s'; it was written by another version", k->table,
		    c->name, text);
	memcpy(p, &value, sizeof(value));
	return 0;
}

static int read_column(sqlite3_stmt *st, int at, const struct row_kind *k, void *row, struct err *e)
{
	const struct column *c = &k->columns[at];
	const char *text = (const char *)sqlite3_column_text(st, at);
	void *p = (char *)row + c->offset;

	switch (c->kind) {
	case COLUMN_I64: *(int64_t *)p = sqlite3_column_int64(st, at); break;
	case COLUMN_INT: *(int *)p = sqlite3_column_int(st, at); break;
	case COLUMN_U32: *(uint32_t *)p = (uint32_t)sqlite3_column_int64(st, at); break;
	case COLUMN_BOOL: *(bool *)p = sqlite3_column_int(st, at) != 0; break;
	case COLUMN_REAL: *(double *)p = sqlite3_column_double(st, at); break;
	case COLUMN_TEXT: str_copy_n(p, c->size, text ? text : ""); break;
	case COLUMN_OWNED: *(char **)p = xstrdup(text); break;
	case COLUMN_NAMED: return read_name(text ? text : "", k, c, p, e);
	}
	return 0;
}

static void add_fleet(struct model *m, const void *row)
{
	model_add_fleet(m, row);
}

/* Machines may belong to an account that is not configured any more: it gets a place of its own, and is never forgotten. */
static struct account_state *place_for(struct model *m, const char *name, const char *provider)
{
	struct account_state *a = model_account(m, name);
	struct account_facts facts = { .billing = { .quantum = SECOND } };

	if (a)
		return a;
	str_copy(facts.name, name);
	str_copy(facts.provider, provider);
	return model_add_account(m, &facts);
}

static void add_instance(struct model *m, const void *row)
{
	const struct instance *i = row;

	place_for(m, i->account, i->provider);
	model_add_instance(m, i);
}

static void add_run(struct model *m, const void *row)
{
	model_add_run(m, row);
}

static void add_account(struct model *m, const void *row)
{
	const struct account_state *from = row;
	struct account_state *a = place_for(m, from->facts.name, from->facts.provider);

	a->window_balance = from->window_balance;
	a->window_since = from->window_since;
	a->window_balance_known = from->window_balance_known;
}

static void add_campaign(struct model *m, const void *row)
{
	model_add_campaign(m, row);
}

static void add_night(struct model *m, const void *row)
{
	model_add_night(m, row);
}

static void add_trial(struct model *m, const void *row)
{
	model_add_trial(m, row);
}

static void add_notice(struct model *m, const void *row)
{
	model_add_notice(m, row);
}

static void add_budget(struct model *m, const void *row)
{
	model_add_budget(m, row);
}

static void add_extra(struct model *m, const void *row)
{
	const struct extra *x = row;

	place_for(m, x->account, x->provider);
	model_add_extra(m, x);
}

/* The owned strings of a row that was read go to the model. */
typedef void add_fn(struct model *m, const void *row);
static add_fn *const add_row[ROW_TABLES] = { [ROWS_FLEETS] = add_fleet, [ROWS_INSTANCES] = add_instance, [ROWS_RUNS] = add_run,
	[ROWS_ACCOUNTS] = add_account, [ROWS_EXTRAS] = add_extra, [ROWS_CAMPAIGNS] = add_campaign, [ROWS_NIGHTS] = add_night, [ROWS_TRIALS] = add_trial,
	[ROWS_NOTICES] = add_notice, [ROWS_BUDGETS] = add_budget };

static int load_rows(sqlite3 *db, struct model *m, enum row_table t, instant since, struct err *e)
{
	const struct row_kind *k = &row_kinds[t];
	char *sql = rows_select_sql(k), *row = xcalloc(1, k->row_size);
	sqlite3_stmt *st = sql_prepare(db, sql, e);
	int rc = SQLITE_ERROR, r = st ? 0 : -1;

	if (st && sqlite3_bind_parameter_count(st))
		sqlite3_bind_int64(st, 1, since);
	while (r == 0 && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		memset(row, 0, k->row_size);
		for (size_t c = 0; c < k->count && r == 0; c++)
			r = read_column(st, (int)c, k, row, e);
		if (r == 0)
			add_row[t](m, row);
		else
			row_disown(k, row);
	}
	if (r == 0 && rc != SQLITE_DONE)
		r = sql_error(db, e, k->table);
	sqlite3_finalize(st);
	free(sql);
	free(row);
	return r;
}

int load_model(sqlite3 *db, struct model *m, instant since, struct err *e)
{
	int64_t next_id, next_event, next_posting;

	if (sql_int(db, statements[SQL_NEXT_ID], &next_id, e) < 0 || sql_int(db, statements[SQL_NEXT_EVENT], &next_event, e) < 0 ||
	    sql_int(db, statements[SQL_NEXT_POSTING], &next_posting, e) < 0)
		return -1;
	for (enum row_table t = 0; t < ROW_TABLES; t++)
		if (add_row[t] && load_rows(db, m, t, since, e) < 0)
			return -1;
	m->next_id = next_id;
	m->next_event = next_event;
	m->next_posting = next_posting;
	return 0;
}
