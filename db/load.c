#include "db/db_private.h"
#include "base/str.h"

static int read_column(sqlite3_stmt *st, int at, const struct row_kind *k, const struct column *c, char *row, struct err *e)
{
	char *p = row + c->offset;
	const char *text;
	int named;
	uint32_t u;

	switch (c->kind) {
	case COLUMN_I64: *(int64_t *)(void *)p = sqlite3_column_int64(st, at); break;
	case COLUMN_INT: *(int *)(void *)p = sqlite3_column_int(st, at); break;
	case COLUMN_U32:
		u = (uint32_t)sqlite3_column_int64(st, at);
		memcpy(p, &u, sizeof(u));
		break;
	case COLUMN_BOOL: *(bool *)(void *)p = sqlite3_column_int(st, at) != 0; break;
	case COLUMN_TEXT:
		text = (const char *)sqlite3_column_text(st, at);
		str_copy_n(p, c->size, text ? text : "");
		break;
	case COLUMN_OWNED: *(char **)(void *)p = xstrdup((const char *)sqlite3_column_text(st, at)); break;
	case COLUMN_NAMED:
		text = (const char *)sqlite3_column_text(st, at);
		named = c->from_name(text ? text : "");
		if (named < 0)
			return err_set(e, ERR_FAILED, "the database has an unknown %s.%s '%.40s'; it was written by another version",
			    k->table, c->name, text ? text : "");
		memcpy(p, &named, sizeof(named));
		break;
	}
	return 0;
}

typedef void add_fn(struct model *m, const void *row);

static int load_rows(sqlite3 *db, struct model *m, const struct row_kind *k, const char *where, instant since, add_fn *add,
    struct err *e)
{
	char *sql = rows_select_sql(k, where), *row = xcalloc(1, k->row_size);
	sqlite3_stmt *st = NULL;
	int rc, r = -1;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK) {
		sql_error(db, e, "loading");
		goto out;
	}
	if (sqlite3_bind_parameter_count(st))
		sqlite3_bind_int64(st, 1, since);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		memset(row, 0, k->row_size);
		for (size_t c = 0; c < k->count; c++)
			if (read_column(st, (int)c, k, &k->columns[c], row, e) < 0)
				goto out;
		add(m, row);
	}
	r = rc == SQLITE_DONE ? 0 : sql_error(db, e, "loading");
out:
	sqlite3_finalize(st);
	free(sql);
	free(row);
	return r;
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

#define WANTED_FLEETS                                                                                                    \
	"state <> 'CLOSED' OR closed >= ?1 OR id IN (SELECT fleet_id FROM instances WHERE settled = 0 OR gone >= ?1)"

int load_model(sqlite3 *db, struct model *m, instant since, struct err *e)
{
	int64_t next, event;

	if (sql_int(db,
		"SELECT 1 + max(coalesce((SELECT max(id) FROM fleets), 0), coalesce((SELECT max(id) FROM instances), 0), "
		"coalesce((SELECT max(id) FROM runs), 0))",
		&next, e) < 0 ||
	    sql_int(db, "SELECT 1 + coalesce(max(seq), 0) FROM events", &event, e) < 0)
		return -1;
	if (load_rows(db, m, &account_rows, "", since, add_account, e) < 0 ||
	    load_rows(db, m, &fleet_rows, WANTED_FLEETS " ORDER BY id", since, add_fleet, e) < 0 ||
	    load_rows(db, m, &instance_rows,
		"state <> 'GONE' OR fleet_id IN (SELECT id FROM fleets WHERE " WANTED_FLEETS ") OR settled = 0 ORDER BY id", since,
		add_instance, e) < 0 ||
	    load_rows(db, m, &run_rows, "fleet_id IN (SELECT id FROM fleets WHERE " WANTED_FLEETS ") ORDER BY id", since, add_run, e) < 0)
		return -1;
	m->next_id = next;
	m->next_event = event;
	return 0;
}
