/*
 * Batches: copies of rows, and how they become statements.
 */
#include "db/db_private.h"

struct rows {
	char *data;
	size_t count, cap;
};

struct store_batch {
	struct rows fleets, instances, runs, accounts, events, results;
};

struct saver {
	sqlite3 *db;
	sqlite3_stmt *fleet, *instance, *run, *account, *event, *result;
};

static void *rows_add(struct rows *r, const void *row, size_t size)
{
	if (r->count == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 4;
		r->data = xreallocarray(r->data, r->cap, size);
	}
	return memcpy(r->data + r->count++ * size, row, size);
}

struct store_batch *store_batch_new(void)
{
	return xcalloc(1, sizeof(struct store_batch));
}

void store_batch_fleet(struct store_batch *b, const struct fleet *row)
{
	rows_add(&b->fleets, row, sizeof(*row));
}

void store_batch_instance(struct store_batch *b, const struct instance *row)
{
	struct instance *copy = rows_add(&b->instances, row, sizeof(*row));

	copy->offer_spec = xstrdup(row->offer_spec);
	copy->snapshot = xstrdup(row->snapshot);
}

void store_batch_run(struct store_batch *b, const struct run *row)
{
	struct run *copy = rows_add(&b->runs, row, sizeof(*row));

	copy->params = xstrdup(row->params);
	copy->spec = xstrdup(row->spec);
}

void store_batch_account(struct store_batch *b, const struct account_state *row)
{
	rows_add(&b->accounts, row, sizeof(*row));
}

void store_batch_event(struct store_batch *b, const struct event *row)
{
	rows_add(&b->events, row, sizeof(*row));
}

void store_batch_result(struct store_batch *b, const struct result_row *row)
{
	rows_add(&b->results, row, sizeof(*row));
}

int64_t batch_rows(const struct store_batch *b)
{
	return (int64_t)(b->fleets.count + b->instances.count + b->runs.count + b->accounts.count + b->events.count +
			 b->results.count);
}

bool store_batch_empty(const struct store_batch *b)
{
	return !batch_rows(b);
}

void store_batch_free(struct store_batch *b)
{
	if (!b)
		return;
	for (size_t k = 0; k < b->instances.count; k++) {
		struct instance *i = (struct instance *)(void *)b->instances.data + k;

		free(i->offer_spec);
		free(i->snapshot);
	}
	for (size_t k = 0; k < b->runs.count; k++) {
		struct run *r = (struct run *)(void *)b->runs.data + k;

		free(r->params);
		free(r->spec);
	}
	free(b->fleets.data);
	free(b->instances.data);
	free(b->runs.data);
	free(b->accounts.data);
	free(b->events.data);
	free(b->results.data);
	free(b);
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
	if (text)
		sqlite3_bind_text(st, at, text, -1, SQLITE_STATIC);
	else
		sqlite3_bind_null(st, at);
}

static void bind_column(sqlite3_stmt *st, int at, const struct column *c, const char *row)
{
	const char *p = row + c->offset;
	int named;
	uint32_t u;

	switch (c->kind) {
	case COLUMN_I64: sqlite3_bind_int64(st, at, *(const int64_t *)(const void *)p); break;
	case COLUMN_INT: sqlite3_bind_int(st, at, *(const int *)(const void *)p); break;
	case COLUMN_U32:
		memcpy(&u, p, sizeof(u));
		sqlite3_bind_int64(st, at, u);
		break;
	case COLUMN_BOOL: sqlite3_bind_int(st, at, *(const bool *)(const void *)p); break;
	case COLUMN_TEXT: bind_text(st, at, p); break;
	case COLUMN_OWNED: bind_text(st, at, *(char *const *)(const void *)p); break;
	case COLUMN_NAMED:
		memcpy(&named, p, sizeof(named));
		bind_text(st, at, c->to_name(named));
		break;
	}
}

static int step(struct saver *s, sqlite3_stmt *st, const char *what, struct err *e)
{
	int rc = sqlite3_step(st);

	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : sql_error(s->db, e, what);
}

static int save_rows(struct saver *s, sqlite3_stmt *st, const struct row_kind *k, const struct rows *r, struct err *e)
{
	for (size_t n = 0; n < r->count; n++) {
		for (size_t c = 0; c < k->count; c++)
			bind_column(st, (int)c + 1, &k->columns[c], r->data + n * k->row_size);
		if (step(s, st, k->table, e) < 0)
			return -1;
	}
	return 0;
}

static int save_events(struct saver *s, const struct rows *r, struct err *e)
{
	static const char *const kinds[] = { "fleet", "instance", "run", "account" };
	sqlite3_stmt *st = s->event;

	for (size_t n = 0; n < r->count; n++) {
		const struct event *v = (const struct event *)(const void *)r->data + n;

		sqlite3_bind_int64(st, 1, v->seq);
		sqlite3_bind_int64(st, 2, v->time);
		bind_text(st, 3, kinds[v->kind]);
		sqlite3_bind_int64(st, 4, v->object_id);
		sqlite3_bind_int64(st, 5, v->fleet_id);
		bind_text(st, 6, v->from);
		bind_text(st, 7, v->event);
		bind_text(st, 8, v->to);
		bind_text(st, 9, cause_name(v->cause));
		bind_text(st, 10, v->actor);
		bind_text(st, 11, v->text);
		if (step(s, st, "events", e) < 0)
			return -1;
	}
	return 0;
}

static int save_results(struct saver *s, const struct rows *r, struct err *e)
{
	sqlite3_stmt *st = s->result;

	for (size_t n = 0; n < r->count; n++) {
		const struct result_row *v = (const struct result_row *)(const void *)r->data + n;

		sqlite3_bind_int64(st, 1, v->run_id);
		sqlite3_bind_int(st, 2, v->seq);
		bind_text(st, 3, v->metric);
		bind_text(st, 4, v->unit);
		if (v->number)
			sqlite3_bind_double(st, 5, v->value);
		else
			sqlite3_bind_null(st, 5);
		bind_text(st, 6, v->text);
		bind_text(st, 7, *v->labels ? v->labels : "{}");
		if (step(s, st, "results", e) < 0)
			return -1;
	}
	return 0;
}

int saver_save(struct saver *s, const struct store_batch *b, struct err *e)
{
	if (save_rows(s, s->fleet, &fleet_rows, &b->fleets, e) < 0 ||
	    save_rows(s, s->instance, &instance_rows, &b->instances, e) < 0 || save_rows(s, s->run, &run_rows, &b->runs, e) < 0 ||
	    save_rows(s, s->account, &account_rows, &b->accounts, e) < 0 || save_events(s, &b->events, e) < 0 ||
	    save_results(s, &b->results, e) < 0)
		return -1;
	return 0;
}

static int prepare(struct saver *s, sqlite3_stmt **st, const char *sql, struct err *e)
{
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL) != SQLITE_OK)
		return sql_error(s->db, e, "preparing a statement");
	return 0;
}

static int prepare_rows(struct saver *s, sqlite3_stmt **st, const struct row_kind *k, struct err *e)
{
	char *sql = rows_upsert_sql(k);
	int r = prepare(s, st, sql, e);

	free(sql);
	return r;
}

int saver_open(struct saver **out, sqlite3 *db, struct err *e)
{
	struct saver *s = xcalloc(1, sizeof(*s));

	s->db = db;
	if (prepare_rows(s, &s->fleet, &fleet_rows, e) < 0 || prepare_rows(s, &s->instance, &instance_rows, e) < 0 ||
	    prepare_rows(s, &s->run, &run_rows, e) < 0 || prepare_rows(s, &s->account, &account_rows, e) < 0 ||
	    prepare(s, &s->event, "INSERT INTO events VALUES(?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT(seq) DO NOTHING", e) < 0 ||
	    prepare(s, &s->result, "INSERT OR REPLACE INTO results VALUES(?,?,?,?,?,?,?)", e) < 0) {
		saver_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void saver_close(struct saver *s)
{
	if (!s)
		return;
	sqlite3_finalize(s->fleet);
	sqlite3_finalize(s->instance);
	sqlite3_finalize(s->run);
	sqlite3_finalize(s->account);
	sqlite3_finalize(s->event);
	sqlite3_finalize(s->result);
	free(s);
}
