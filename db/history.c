/*
 * The past, as JSON: one statement of statements.c per question.
 */
#include "db/history_private.h"
#include "base/str.h"
#include "db/db_private.h"

#define LIMIT_MAX 10000

int history_open(struct history **out, const char *path, struct err *e)
{
	struct history *h = xcalloc(1, sizeof(*h));

	if (sqlite3_open_v2(path, &h->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
		err_set(e, ERR_FAILED, "cannot read the database '%s': %s", path, h->db ? sqlite3_errmsg(h->db) : "no memory");
		history_close(h);
		return -1;
	}
	sqlite3_busy_timeout(h->db, 2000);
	sqlite3_db_config(h->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sql_exec(h->db, "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA mmap_size=0; "
			    "PRAGMA temp_store=MEMORY", e) < 0) {
		history_close(h);
		return -1;
	}
	*out = h;
	return 0;
}

void history_close(struct history *h)
{
	if (!h)
		return;
	sqlite3_close(h->db);
	free(h);
}

sqlite3_stmt *history_ask(struct history *h, enum statement which, struct err *e)
{
	return sql_prepare(h->db, statements[which], e);
}

static json_t *text_json(const char *text)
{
	json_t *v = json_read(text, strlen(text), NULL);

	return v ? v : json_null();
}

/* One value under its column's name; the first letter says what it is (statements.h). */
static void put_value(json_t *o, const char *name, sqlite3_stmt *st, int at)
{
	bool marked = name[0] && name[1] == '_' && strchr("tdmbj", name[0]);
	const char *key = marked ? name + 2 : name;
	int64_t n = sqlite3_column_int64(st, at);
	int type = sqlite3_column_type(st, at);

	if (type == SQLITE_NULL)
		json_put(o, key, json_null());
	else if (!marked && type == SQLITE_INTEGER)
		json_put_int(o, key, n);
	else if (!marked && type == SQLITE_FLOAT)
		json_put(o, key, json_real(sqlite3_column_double(st, at)));
	else if (!marked)
		json_put_str(o, key, (const char *)sqlite3_column_text(st, at));
	else if (name[0] == 't')
		json_put_time(o, key, n);
	else if (name[0] == 'd')
		json_put(o, key, json_real((double)n / (double)SECOND));
	else if (name[0] == 'm')
		json_put_money(o, key, n);
	else if (name[0] == 'b')
		json_put_bool(o, key, n != 0);
	else
		json_put(o, key, text_json((const char *)sqlite3_column_text(st, at)));
}

static json_t *row_json(sqlite3_stmt *st)
{
	json_t *o = json_object();

	for (int c = 0; c < sqlite3_column_count(st); c++)
		put_value(o, sqlite3_column_name(st, c), st, c);
	return o;
}

/* All rows of a prepared statement into an array; finalizes it. NULL with *e filled. */
json_t *history_rows(struct history *h, sqlite3_stmt *st, struct err *e)
{
	json_t *a = json_array();
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		json_array_append_new(a, row_json(st));
	if (rc != SQLITE_DONE) {
		sql_error(h->db, e, "reading history");
		json_decref(a);
		a = NULL;
	}
	sqlite3_finalize(st);
	return a;
}

/* The only row of a prepared statement, which is finalized. NULL: an error, or (*e untouched, *none true) there is none. */
static json_t *row_only(struct history *h, sqlite3_stmt *st, bool *none, struct err *e)
{
	json_t *rows = history_rows(h, st, e), *row;

	if (!rows)
		return NULL;
	row = json_incref(json_array_get(rows, 0));
	*none = !row;
	json_decref(rows);
	return row;
}

static int answer(json_t **out, const char *key, json_t *rows)
{
	if (!rows)
		return -1;
	*out = json_object();
	json_put(*out, key, rows);
	return 0;
}

static int limit_of(int wanted, int usual)
{
	return wanted <= 0 ? usual : wanted > LIMIT_MAX ? LIMIT_MAX : wanted;
}

int history_events(struct history *h, const struct history_event_query *q, json_t **out, struct err *e)
{
	enum statement which = q->run_id ? SQL_EVENTS_OF_RUN : q->instance_id ? SQL_EVENTS_OF_INSTANCE :
	    q->fleet_id ? SQL_EVENTS_OF_FLEET : SQL_EVENTS;
	sqlite3_stmt *st = history_ask(h, q->newest ? which - SQL_EVENTS + SQL_NEWEST_EVENTS : which, e);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, q->after);
	sqlite3_bind_int64(st, 2, q->since);
	sqlite3_bind_int64(st, 3, q->run_id ? q->run_id : q->instance_id ? q->instance_id : q->fleet_id);
	sqlite3_bind_int(st, 4, limit_of(q->limit, 200));
	return answer(out, "events", history_rows(h, st, e));
}

int history_runs(struct history *h, int64_t fleet_id, int limit, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, fleet_id ? SQL_RUNS_OF_FLEET : SQL_RUNS, e);

	if (!st)
		return -1;
	sqlite3_bind_int(st, 1, limit_of(limit, 50));
	if (fleet_id)
		sqlite3_bind_int64(st, 2, fleet_id);
	return answer(out, "runs", history_rows(h, st, e));
}

int history_run(struct history *h, int64_t id, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_RUN, e);
	bool none = false;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	*out = row_only(h, st, &none, e);
	if (none)
		err_set(e, ERR_NOT_FOUND, "there is no run %lld", (long long)id);
	return *out ? 0 : -1;
}

int history_results(struct history *h, int64_t run_id, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_RESULTS, e);
	json_t *rows, *row;
	size_t k;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run_id);
	rows = history_rows(h, st, e);
	/* A figure has a value, a fact has a text; never both. */
	json_array_foreach(rows, k, row)
		json_object_del(row, json_is_null(json_object_get(row, "value")) ? "value" : "text");
	return answer(out, "results", rows);
}

int history_judge(struct history *h, int64_t run_id, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_JUDGE, e);
	bool none = false;
	json_t *row;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run_id);
	row = row_only(h, st, &none, e);
	if (none)
		err_set(e, ERR_NOT_FOUND, "there is no run %lld", (long long)run_id);
	*out = row ? json_incref(json_object_get(row, "judge")) : NULL;
	json_decref(row);
	return *out ? 0 : -1;
}

int history_imports(struct history *h, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_IMPORTS, e);

	return st ? answer(out, "imports", history_rows(h, st, e)) : -1;
}

int history_import(struct history *h, const char *name, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_IMPORT, e);
	bool none = false;

	if (!st)
		return -1;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	*out = row_only(h, st, &none, e);
	if (none)
		err_set(e, ERR_NOT_FOUND, "there is no import '%.60s'", name);
	return *out ? 0 : -1;
}

int history_fleet(struct history *h, const char *name, int64_t id, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, id ? SQL_FLEET_BY_ID : SQL_FLEET_BY_NAME, e);
	json_t *fleet, *instances = NULL;
	bool none = false;

	*out = NULL;
	if (!st)
		return -1;
	if (id)
		sqlite3_bind_int64(st, 1, id);
	else
		sqlite3_bind_text(st, 1, name ? name : "", -1, SQLITE_STATIC);
	fleet = row_only(h, st, &none, e);
	if (none)
		return id ? err_set(e, ERR_NOT_FOUND, "there is no fleet %lld", (long long)id) :
			    err_set(e, ERR_NOT_FOUND, "there is no fleet '%.60s'", name ? name : "");
	if (!fleet)
		return -1;
	st = history_ask(h, SQL_INSTANCES, e);
	if (st) {
		sqlite3_bind_int64(st, 1, json_int(fleet, "id", 0));
		instances = history_rows(h, st, e);
	}
	if (!instances) {
		json_decref(fleet);
		return -1;
	}
	json_put(fleet, "instances", instances);
	*out = fleet;
	return 0;
}
