/*
 * Campaigns, their nights, and what those measured.
 */
#include "db/db_private.h"
#include "db/history_private.h"

static json_t *rows_of(struct history *h, enum statement which, int64_t id, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, which, e);

	if (!st)
		return NULL;
	sqlite3_bind_int64(st, 1, id);
	return history_rows(h, st, e);
}

static json_t *first_of(json_t *rows)
{
	json_t *row = json_incref(json_array_get(rows, 0));

	json_decref(rows);
	return row;
}

int history_campaign(struct history *h, const char *name, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_CAMPAIGN, e);
	json_t *rows;

	if (!st)
		return -1;
	sqlite3_bind_text(st, 1, name, -1, SQLITE_STATIC);
	rows = history_rows(h, st, e);
	if (!rows)
		return -1;
	*out = first_of(rows);
	return *out ? 0 : err_set(e, ERR_NOT_FOUND, "there is no campaign '%.60s'; see: gpufleetctl campaign list", name);
}

int history_nights(struct history *h, int64_t campaign_id, int limit, json_t **out, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_NIGHTS, e);
	json_t *rows;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, campaign_id);
	sqlite3_bind_int(st, 2, limit > 0 ? limit : 50);
	rows = history_rows(h, st, e);
	if (!rows)
		return -1;
	*out = json_object();
	json_put(*out, "nights", rows);
	return 0;
}

int history_night(struct history *h, int64_t campaign_id, int64_t number, json_t **out, struct err *e)
{
	static const struct {
		const char *key;
		enum statement which;
	} parts[] = { { "trials", SQL_TRIALS }, { "machines", SQL_NIGHT_MACHINES }, { "findings", SQL_FINDINGS } };
	sqlite3_stmt *st = history_ask(h, SQL_NIGHT, e);
	json_t *rows, *night;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, campaign_id);
	sqlite3_bind_int64(st, 2, number);
	rows = history_rows(h, st, e);
	if (!rows)
		return -1;
	night = first_of(rows);
	if (!night)
		return number ? err_set(e, ERR_NOT_FOUND, "there is no night %lld", (long long)number) :
				err_set(e, ERR_NOT_FOUND, "no night is over yet");
	for (size_t k = 0; k < sizeof(parts) / sizeof(*parts); k++) {
		rows = rows_of(h, parts[k].which, json_int(night, "id", 0), e);
		if (!rows) {
			json_decref(night);
			return -1;
		}
		json_put(night, parts[k].key, rows);
	}
	*out = night;
	return 0;
}

int history_trials(struct history *h, int64_t night_id, json_t **out, struct err *e)
{
	*out = rows_of(h, SQL_TRIALS, night_id, e);
	return *out ? 0 : -1;
}

static int between(struct history *h, enum statement which, int64_t campaign_id, int64_t first, int64_t last, json_t **out,
    struct err *e)
{
	sqlite3_stmt *st = history_ask(h, which, e);

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, campaign_id);
	sqlite3_bind_int64(st, 2, first);
	sqlite3_bind_int64(st, 3, last);
	*out = history_rows(h, st, e);
	return *out ? 0 : -1;
}

int history_findings(struct history *h, int64_t campaign_id, int64_t first, int64_t last, json_t **out, struct err *e)
{
	return between(h, SQL_FINDINGS_BETWEEN, campaign_id, first, last, out, e);
}

int history_machines(struct history *h, int64_t campaign_id, int64_t first, int64_t last, json_t **out, struct err *e)
{
	return between(h, SQL_MACHINES_BETWEEN, campaign_id, first, last, out, e);
}
