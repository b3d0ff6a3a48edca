/*
 * The past, as JSON. Queries are named in one table at the top of each question; money is summed as integers and becomes decimal
 * only at the edge.
 */
#include "db/history.h"
#include "base/str.h"
#include "core/cost.h"
#include "core/model.h"

#include <sqlite3.h>

struct history {
	sqlite3 *db;
};

static int failed(const struct history *h, struct err *e, const char *what)
{
	return err_set(e, ERR_FAILED, "history: %s: %s", what, sqlite3_errmsg(h->db));
}

int history_open(struct history **out, const char *path, struct err *e)
{
	struct history *h = xcalloc(1, sizeof(*h));

	if (sqlite3_open_v2(path, &h->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	    sqlite3_exec(h->db, "PRAGMA query_only=ON; PRAGMA wal_autocheckpoint=0; PRAGMA trusted_schema=OFF", NULL, NULL, NULL) !=
		SQLITE_OK) {
		failed(h, e, "cannot open");
		history_close(h);
		return -1;
	}
	sqlite3_busy_timeout(h->db, 2000);
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

static sqlite3_stmt *prepare(struct history *h, const char *sql, struct err *e)
{
	sqlite3_stmt *st;

	if (sqlite3_prepare_v2(h->db, sql, -1, &st, NULL) == SQLITE_OK)
		return st;
	failed(h, e, "cannot ask");
	return NULL;
}

/*
 * A row as an object by column name: "t_x" is an instant, "d_x" a duration in seconds, "m_x" money, "b_x" a boolean, "j_x" JSON
 * text, anything else as it is.
 */
static json_t *row_json(sqlite3_stmt *st)
{
	json_t *o = json_object();

	for (int c = 0; c < sqlite3_column_count(st); c++) {
		const char *name = sqlite3_column_name(st, c), *text;
		int64_t n = sqlite3_column_int64(st, c);

		if (sqlite3_column_type(st, c) == SQLITE_NULL) {
			json_put(o, name[1] == '_' && strchr("tdmbj", name[0]) ? name + 2 : name, json_null());
		} else if (str_starts(name, "t_")) {
			json_put_time(o, name + 2, n);
		} else if (str_starts(name, "d_")) {
			json_put(o, name + 2, json_real((double)n / (double)SECOND));
		} else if (str_starts(name, "m_")) {
			json_put_money(o, name + 2, n);
		} else if (str_starts(name, "b_")) {
			json_put_bool(o, name + 2, n != 0);
		} else if (str_starts(name, "j_")) {
			text = (const char *)sqlite3_column_text(st, c);
			json_t *v = json_read(text, strlen(text), NULL);

			json_put(o, name + 2, v ? v : json_null());
		} else if (sqlite3_column_type(st, c) == SQLITE_INTEGER) {
			json_put_int(o, name, n);
		} else if (sqlite3_column_type(st, c) == SQLITE_FLOAT) {
			json_put(o, name, json_real(sqlite3_column_double(st, c)));
		} else {
			json_put_str(o, name, (const char *)sqlite3_column_text(st, c));
		}
	}
	return o;
}

/* All rows of a prepared statement into an array; finalizes it. */
static json_t *rows_json(struct history *h, sqlite3_stmt *st, struct err *e)
{
	json_t *a = json_array();
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		json_array_append_new(a, row_json(st));
	sqlite3_finalize(st);
	if (rc == SQLITE_DONE)
		return a;
	failed(h, e, "reading");
	json_decref(a);
	return NULL;
}

static int answer(json_t **out, const char *key, json_t *rows)
{
	if (!rows)
		return -1;
	*out = json_object();
	json_put(*out, key, rows);
	return 0;
}

int history_events(struct history *h, const struct history_event_query *q, json_t **out, struct err *e)
{
	static const char oldest[] =
	    "SELECT e.seq, e.time AS t_time, e.kind, e.object_id AS id, coalesce(f.name, '') AS fleet, e.from_state AS \"from\", "
	    "e.event, e.to_state AS \"to\", e.cause, e.actor, e.text FROM events e LEFT JOIN fleets f ON f.id = e.fleet_id "
	    "WHERE e.seq > ?1 AND e.time >= ?2 AND (?3 = 0 OR e.fleet_id = ?3) AND (?4 = 0 OR (e.kind = 'run' AND e.object_id = ?4)) "
	    "AND (?5 = 0 OR (e.kind = 'instance' AND e.object_id = ?5)) ORDER BY e.seq LIMIT ?6";
	char *newest = xasprintf("SELECT * FROM (%.*s ORDER BY e.seq DESC LIMIT ?6) ORDER BY seq",
	    (int)(strstr(oldest, " ORDER BY") - oldest), oldest);
	sqlite3_stmt *st = prepare(h, q->newest ? newest : oldest, e);

	free(newest);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, q->after);
	sqlite3_bind_int64(st, 2, q->since);
	sqlite3_bind_int64(st, 3, q->fleet_id);
	sqlite3_bind_int64(st, 4, q->run_id);
	sqlite3_bind_int64(st, 5, q->instance_id);
	sqlite3_bind_int(st, 6, q->limit > 0 ? q->limit : 200);
	return answer(out, "events", rows_json(h, st, e));
}

#define RUN_FIELDS                                                                                                       \
	"SELECT r.id, r.run_key AS key, coalesce(f.name, '') AS fleet, r.fleet_id, r.instance_id AS instance, r.recipe, r.title, "  \
	"r.owner, r.state, r.outcome, r.cause, r.reason, r.progress, CASE WHEN r.exit_status < 0 THEN NULL ELSE r.exit_status END " \
	"AS exit_status, r.signal, r.created AS t_created, nullif(r.started, 0) AS t_started, nullif(r.ended, 0) AS t_ended, "     \
	"nullif(r.done, 0) AS t_done, r.out_size, r.err_size, r.params AS j_params, r.secrets, r.results_bytes, r.requeues, "      \
	"r.setup_timeout AS d_setup_timeout, r.run_timeout AS d_run_timeout FROM runs r LEFT JOIN fleets f ON f.id = r.fleet_id "

int history_runs(struct history *h, int64_t fleet_id, int limit, json_t **out, struct err *e)
{
	sqlite3_stmt *st = prepare(h, RUN_FIELDS "WHERE ?1 = 0 OR r.fleet_id = ?1 ORDER BY r.id DESC LIMIT ?2", e);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, fleet_id);
	sqlite3_bind_int(st, 2, limit > 0 ? limit : 50);
	return answer(out, "runs", rows_json(h, st, e));
}

int history_run(struct history *h, int64_t id, json_t **out, struct err *e)
{
	sqlite3_stmt *st = prepare(h, RUN_FIELDS "WHERE r.id = ?1", e);
	json_t *rows;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	rows = rows_json(h, st, e);
	if (!rows)
		return -1;
	*out = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	return *out ? 0 : err_set(e, ERR_NOT_FOUND, "there is no run %lld", (long long)id);
}

int history_results(struct history *h, int64_t run_id, json_t **out, struct err *e)
{
	sqlite3_stmt *st = prepare(h, "SELECT metric, value, text, unit, labels AS j_labels FROM results WHERE run_id = ?1 ORDER BY seq", e);
	json_t *rows, *row;
	size_t k;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, run_id);
	rows = rows_json(h, st, e);
	/* A figure has a value, a fact has a text; never both. */
	json_array_foreach(rows, k, row)
		json_object_del(row, json_is_null(json_object_get(row, "value")) ? "value" : "text");
	return answer(out, "results", rows);
}

int history_fleet(struct history *h, const char *name, int64_t id, json_t **out, struct err *e)
{
	static const char fleet[] =
	    "SELECT id, name, owner, state, cause, reason, labels, gpu, gpu_count, instances AS instances_wanted, created AS t_created, "
	    "nullif(ready_at, 0) AS t_ready_at, nullif(expires, 0) AS t_expires, nullif(idle_since, 0) AS t_idle_since, "
	    "nullif(closed, 0) AS t_closed, nullif(keep_until, 0) AS t_keep_until, lifetime AS d_lifetime, idle_limit AS d_idle_limit, "
	    "max_cost AS m_max_cost, version FROM fleets WHERE (?2 <> 0 AND id = ?2) OR (?2 = 0 AND name = ?1) ORDER BY id DESC LIMIT 1";
	static const char instances[] =
	    "SELECT id, slot, state, cause, reason, account, provider, offer_key AS offer, gpu, gpu_count, region, "
	    "price_hour AS m_price_hour, spot AS b_spot, marketplace AS b_marketplace, mark AS name, provider_id, address, port, user, "
	    "host_key, deadline AS t_deadline, planned AS t_planned, nullif(created, 0) AS t_created, nullif(ready_at, 0) AS t_ready_at, "
	    "nullif(deleting_at, 0) AS t_deleting_at, nullif(gone, 0) AS t_gone, hold AS m_held, metered AS m_metered, "
	    "CASE WHEN billed_known THEN billed END AS m_billed, nullif(settled, 0) AS t_settled_at, settled <> 0 AS b_settled, "
	    "run_id AS run, delete_accepted AS b_accepted FROM instances WHERE fleet_id = ?1 ORDER BY id";
	sqlite3_stmt *st = prepare(h, fleet, e);
	json_t *rows;

	if (!st)
		return -1;
	sqlite3_bind_text(st, 1, name ? name : "", -1, SQLITE_STATIC);
	sqlite3_bind_int64(st, 2, id);
	rows = rows_json(h, st, e);
	if (!rows)
		return -1;
	*out = json_incref(json_array_get(rows, 0));
	json_decref(rows);
	if (!*out)
		return err_set(e, ERR_NOT_FOUND, "there is no fleet '%s'", name ? name : "");
	st = prepare(h, instances, e);
	if (st)
		sqlite3_bind_int64(st, 1, json_int(*out, "id", 0));
	rows = st ? rows_json(h, st, e) : NULL;
	if (!rows) {
		json_decref(*out);
		*out = NULL;
		return -1;
	}
	json_put(*out, "instances", rows);
	return 0;
}

/* ---- cost ---- */

struct group {
	char key[128];
	int64_t instances, settled, unsettled;
	double gpu_hours;
	money held, metered, billed;
};

struct groups {
	struct group *rows;
	size_t count;
};

static struct group *group_for(struct groups *g, const char *key)
{
	for (size_t k = 0; k < g->count; k++)
		if (!strcmp(g->rows[k].key, key))
			return &g->rows[k];
	g->rows = xreallocarray(g->rows, g->count + 1, sizeof(*g->rows));
	memset(&g->rows[g->count], 0, sizeof(*g->rows));
	str_copy(g->rows[g->count].key, key);
	return &g->rows[g->count++];
}

static int by_metered(const void *x, const void *y)
{
	const struct group *a = x, *b = y;

	return a->metered != b->metered ? (a->metered < b->metered ? 1 : -1) : strcmp(a->key, b->key);
}

static void add_part(struct groups *g, const char *key, money metered, money billed, double hours)
{
	struct group *row = group_for(g, *key ? key : "(none)");

	row->metered += metered;
	row->billed += billed;
	row->gpu_hours += hours;
}

/* An instance's cost by the recipes of its runs, by share of time; what no run used is "(none)". Exact to the micro-dollar. */
static int split_by_recipe(struct history *h, struct groups *g, int64_t id, instant from, instant until, money metered, money billed,
    double hours, struct err *e)
{
	sqlite3_stmt *st = prepare(h, "SELECT recipe, assigned, CASE WHEN done > 0 THEN done ELSE ?2 END FROM runs WHERE instance_id = ?1 "
				      "AND assigned > 0 ORDER BY id LIMIT 62", e);
	char names[63][128] = { "" };
	money weights[63] = { 0 }, part[63], bill[63];
	duration rest = until > from ? until - from : 0, whole = rest;
	size_t n = 1;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, until);
	while (sqlite3_step(st) == SQLITE_ROW) {
		duration used = sqlite3_column_int64(st, 2) - sqlite3_column_int64(st, 1);

		used = used < 0 ? 0 : used > rest ? rest : used;
		str_copy(names[n], (const char *)sqlite3_column_text(st, 0));
		weights[n++] = used;
		rest -= used;
	}
	sqlite3_finalize(st);
	weights[0] = rest;
	cost_split(metered, weights, n, part);
	cost_split(billed, weights, n, bill);
	for (size_t k = 0; k < n; k++)
		if (weights[k] || part[k] || bill[k])
			add_part(g, names[k], part[k], bill[k], whole ? hours * (double)weights[k] / (double)whole : 0);
	return 0;
}

static const char *key_sql(const char *by)
{
	static const struct {
		const char *by, *sql;
	} keys[] = { { "fleet", "f.name" }, { "provider", "i.provider" }, { "account", "i.account" }, { "gpu", "i.gpu" },
		{ "owner", "f.owner" }, { "recipe", "''" }, { "day", "strftime('%Y-%m-%d', i.planned / 1000000, 'unixepoch')" },
		{ "month", "strftime('%Y-%m', i.planned / 1000000, 'unixepoch')" } };

	for (size_t k = 0; k < ARRAY_LEN(keys); k++)
		if (!strcmp(keys[k].by, by))
			return keys[k].sql;
	return NULL;
}

static json_t *group_json(const struct group *g)
{
	json_t *o = json_object();

	json_put_str(o, "key", g->key);
	json_put_int(o, "instances", g->instances);
	json_put(o, "gpu_hours", json_real(g->gpu_hours));
	json_put_money(o, "held", g->held);
	json_put_money(o, "metered", g->metered);
	json_put_money(o, "billed", g->billed);
	json_put_int(o, "settled", g->settled);
	return o;
}

static int add_instance(struct history *h, struct groups *g, struct group *total, sqlite3_stmt *st, bool recipe, instant now, struct err *e)
{
	int64_t id = sqlite3_column_int64(st, 1);
	const char *key = (const char *)sqlite3_column_text(st, 0);
	money price = sqlite3_column_int64(st, 2), minimum = sqlite3_column_int64(st, 3), held = sqlite3_column_int64(st, 4),
	      metered = sqlite3_column_int64(st, 5), billed = sqlite3_column_int64(st, 6);
	bool gone = sqlite3_column_int(st, 7), settled = sqlite3_column_int(st, 8);
	instant from = sqlite3_column_int64(st, 9), until = sqlite3_column_int64(st, 10);
	int gpus = sqlite3_column_int(st, 11);
	struct group *row;
	double hours;

	if (!until && from)
		until = now;
	if (!gone && from) {
		metered = money_for(price, until - from);
		metered = metered < minimum ? minimum : metered;
	}
	hours = from ? (double)(until - from) / (double)HOUR * gpus : 0;
	if (!recipe)
		add_part(g, key ? key : "", metered, billed, hours);
	else if (split_by_recipe(h, g, id, from, until, metered, billed, hours, e) < 0)
		return -1;
	row = recipe ? NULL : group_for(g, key && *key ? key : "(none)");
	if (row) {
		row->instances++;
		row->held += held;
		row->settled += settled;
	}
	total->instances++;
	total->held += held;
	total->settled += settled;
	total->unsettled += !settled;
	total->metered += metered;
	total->billed += billed;
	total->gpu_hours += hours;
	return 0;
}

int history_cost(struct history *h, const char *by, instant since, instant until, instant now, json_t **out, struct err *e)
{
	struct groups g = { NULL, 0 };
	struct group total = { .key = "total" };
	const char *key = key_sql(by);
	sqlite3_stmt *st;
	json_t *rows;
	char *sql;
	int rc, r = -1;

	if (!key)
		return err_set(e, ERR_USAGE, "cannot group cost by '%.40s'; choose fleet, provider, account, gpu, owner, recipe, day or month", by);
	/* Orders that never became a machine cost nothing and are left out. */
	sql = xasprintf("SELECT %s, i.id, i.price_hour, i.minimum_charge, i.hold, i.metered, i.billed, i.state = 'GONE', i.settled <> 0, "
			"i.meter_start, i.meter_end, i.gpu_count FROM instances i LEFT JOIN fleets f ON f.id = i.fleet_id "
			"WHERE i.planned >= ?1 AND (?2 = 0 OR i.planned < ?2) AND (i.provider_id <> '' OR i.state <> 'GONE') ORDER BY i.id", key);
	st = prepare(h, sql, e);
	free(sql);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, since);
	sqlite3_bind_int64(st, 2, until);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW)
		if (add_instance(h, &g, &total, st, !strcmp(by, "recipe"), now, e) < 0)
			goto out;
	if (rc != SQLITE_DONE) {
		failed(h, e, "reading cost");
		goto out;
	}
	if (g.count)
		qsort(g.rows, g.count, sizeof(*g.rows), by_metered);
	rows = json_array();
	for (size_t k = 0; k < g.count; k++)
		json_array_append_new(rows, group_json(&g.rows[k]));
	*out = json_object();
	json_put_str(*out, "by", by);
	json_put(*out, "rows", rows);
	json_put(*out, "total", group_json(&total));
	json_put_bool(*out, "complete", !total.unsettled);
	r = 0;
out:
	sqlite3_finalize(st);
	free(g.rows);
	return r;
}
