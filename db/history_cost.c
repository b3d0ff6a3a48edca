/*
 * What machines cost, by one way of grouping. Sums are integers (micro-dollars, microseconds of GPU time) and become decimals
 * only at the edge; what is shared out between recipes is shared by largest remainder, so rows always add up to the total.
 */
#include "base/str.h"
#include "db/db_private.h"
#include "db/history_private.h"

#define NONE "(none)"

struct figures {
	int64_t instances, settled, with_bill;
	duration gpu_time; /* metered time × GPUs */
	money held, metered, billed;
};

/* An instance's share under one key; after the sort, a row of the answer. */
struct share {
	char key[128];
	struct figures f;
};

struct shares {
	struct share *items;
	size_t count, cap;
};

static const char *const ways[COST_KEYS] = { [COST_FLEET] = "fleet", [COST_PROVIDER] = "provider", [COST_ACCOUNT] = "account",
	[COST_GPU] = "gpu", [COST_OWNER] = "owner", [COST_DAY] = "day", [COST_MONTH] = "month",
	[COST_CAMPAIGN] = "campaign" };
#define BY_RECIPE COST_KEYS

static int way_from_name(const char *by)
{
	for (int k = 0; k < COST_KEYS; k++)
		if (!strcmp(ways[k], by))
			return k;
	return strcmp(by, "recipe") ? -1 : BY_RECIPE;
}

static void add_share(struct shares *s, const char *key, const struct figures *f)
{
	if (s->count == s->cap) {
		s->cap = s->cap ? 2 * s->cap : 64;
		s->items = xreallocarray(s->items, s->cap, sizeof(*s->items));
	}
	str_copy(s->items[s->count].key, key && *key ? key : NONE);
	s->items[s->count++].f = *f;
}

static void sum(struct figures *to, const struct figures *f)
{
	to->instances += f->instances;
	to->settled += f->settled;
	to->with_bill += f->with_bill;
	to->gpu_time += f->gpu_time;
	to->held = money_add(to->held, f->held);
	to->metered = money_add(to->metered, f->metered);
	to->billed = money_add(to->billed, f->billed);
}

/* ---- one instance ---- */

struct span {
	instant from, until;
};

static void read_instance(sqlite3_stmt *st, instant now, struct figures *f, struct span *when)
{
	bool gone = sqlite3_column_int(st, COST_GONE);
	money minimum = sqlite3_column_int64(st, COST_MINIMUM_CHARGE);

	when->from = sqlite3_column_int64(st, COST_METER_START);
	when->until = sqlite3_column_int64(st, COST_METER_END);
	if (!when->until || when->until < when->from)
		when->until = instant_max(when->from, gone ? 0 : now);
	*f = (struct figures){ .instances = 1,
		.settled = sqlite3_column_int(st, COST_SETTLED),
		.with_bill = sqlite3_column_int(st, COST_BILLED_KNOWN),
		.held = sqlite3_column_int64(st, COST_HOLD),
		.metered = sqlite3_column_int64(st, COST_METERED),
		.billed = sqlite3_column_int64(st, COST_BILLED) };
	if (!when->from)
		return;
	f->gpu_time = (when->until - when->from) * sqlite3_column_int(st, COST_GPU_COUNT);
	if (!gone) {
		f->metered = money_for(sqlite3_column_int64(st, COST_PRICE_HOUR), when->until - when->from);
		f->metered = f->metered < minimum ? minimum : f->metered;
	}
}

/* ---- by recipe ---- */

struct weights {
	struct weight {
		char recipe[128];
	} *names;
	int64_t *used;
	size_t count;
};

static void add_weight(struct weights *w, const char *recipe, duration used)
{
	w->names = xreallocarray(w->names, w->count + 1, sizeof(*w->names));
	w->used = xreallocarray(w->used, w->count + 1, sizeof(*w->used));
	str_copy(w->names[w->count].recipe, recipe);
	w->used[w->count++] = used;
}

/* The time that each recipe's runs had the machine; the first weight is the time that nobody's had. */
static int read_weights(struct history *h, struct weights *w, int64_t id, const struct span *when, struct err *e)
{
	sqlite3_stmt *st = history_ask(h, SQL_COST_RUNS, e);
	duration idle = when->until - when->from;
	int rc;

	if (!st)
		return -1;
	add_weight(w, "", 0);
	sqlite3_bind_int64(st, 1, id);
	sqlite3_bind_int64(st, 2, when->from);
	sqlite3_bind_int64(st, 3, when->until);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *recipe = (const char *)sqlite3_column_text(st, 0);
		duration used = sqlite3_column_int64(st, 1);

		if (!*recipe || !used)
			continue;
		add_weight(w, recipe, used);
		idle -= used;
	}
	/* An instance that was never metered, or for no time at all, is nobody's. */
	w->used[0] = idle > 0 ? idle : w->count == 1;
	if (rc != SQLITE_DONE)
		sql_error(h->db, e, "reading runs");
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : -1;
}

static void share_out(struct shares *s, const struct weights *w, const struct figures *f)
{
	int64_t *parts = xcalloc(4 * w->count, sizeof(*parts));
	int64_t *time = parts, *held = time + w->count, *metered = held + w->count, *billed = metered + w->count;

	money_split(f->gpu_time, w->used, w->count, time);
	money_split(f->held, w->used, w->count, held);
	money_split(f->metered, w->used, w->count, metered);
	money_split(f->billed, w->used, w->count, billed);
	for (size_t k = 0; k < w->count; k++) {
		struct figures part = *f;

		if (!w->used[k])
			continue;
		part.gpu_time = time[k];
		part.held = held[k];
		part.metered = metered[k];
		part.billed = billed[k];
		add_share(s, w->names[k].recipe, &part);
	}
	free(parts);
}

static int split_by_recipe(struct history *h, struct shares *s, int64_t id, const struct span *when, const struct figures *f,
    struct err *e)
{
	struct weights w = { NULL, NULL, 0 };
	int r = read_weights(h, &w, id, when, e);

	if (r == 0)
		share_out(s, &w, f);
	free(w.names);
	free(w.used);
	return r;
}

/* ---- the answer ---- */

static int by_key(const void *x, const void *y)
{
	const struct share *a = x, *b = y;

	return strcmp(a->key, b->key);
}

static int by_metered(const void *x, const void *y)
{
	const struct share *a = x, *b = y;

	return a->f.metered != b->f.metered ? (a->f.metered < b->f.metered ? 1 : -1) : strcmp(a->key, b->key);
}

static void merge(struct shares *s)
{
	size_t kept = 0;

	if (!s->count)
		return;
	qsort(s->items, s->count, sizeof(*s->items), by_key);
	for (size_t k = 1; k < s->count; k++) {
		if (!strcmp(s->items[kept].key, s->items[k].key))
			sum(&s->items[kept].f, &s->items[k].f);
		else
			s->items[++kept] = s->items[k];
	}
	s->count = kept + 1;
	qsort(s->items, s->count, sizeof(*s->items), by_metered);
}

static json_t *figures_json(const char *key, const struct figures *f)
{
	json_t *o = json_object();

	json_put_str(o, "key", key);
	json_put_int(o, "instances", f->instances);
	json_put(o, "gpu_hours", json_real((double)f->gpu_time / (double)HOUR));
	json_put_money(o, "held", f->held);
	json_put_money(o, "metered", f->metered);
	if (f->with_bill || !f->instances)
		json_put_money(o, "billed", f->billed);
	else
		json_put(o, "billed", json_null());
	json_put_bool(o, "settled", f->settled == f->instances);
	json_put_int(o, "settled_instances", f->settled);
	return o;
}

static int read_shares(struct history *h, int way, struct shares *s, struct figures *total, sqlite3_stmt *st, instant now,
    struct err *e)
{
	int rc;

	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct figures f;
		struct span when;

		read_instance(st, now, &f, &when);
		sum(total, &f);
		if (way != BY_RECIPE)
			add_share(s, (const char *)sqlite3_column_text(st, way), &f);
		else if (split_by_recipe(h, s, sqlite3_column_int64(st, COST_ID), &when, &f, e) < 0)
			return -1;
	}
	return rc == SQLITE_DONE ? 0 : sql_error(h->db, e, "reading cost");
}

/* One snapshot for the instances and the runs that share them. */
int history_cost(struct history *h, const char *by, instant since, instant until, instant now, json_t **out, struct err *e)
{
	struct shares s = { NULL, 0, 0 };
	struct figures total = { 0 };
	int way = way_from_name(by), r;
	json_t *rows = NULL;
	sqlite3_stmt *st;

	if (way < 0)
		return err_set(e, ERR_USAGE,
		    "cannot group cost by '%.40s'; choose fleet, provider, account, gpu, owner, recipe, day or month", by);
	st = history_ask(h, SQL_COST, e);
	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, since);
	sqlite3_bind_int64(st, 2, until);
	r = read_shares(h, way, &s, &total, st, now, e);
	sqlite3_finalize(st);
	if (r == 0) {
		merge(&s);
		rows = json_array();
		for (size_t k = 0; k < s.count; k++)
			json_array_append_new(rows, figures_json(s.items[k].key, &s.items[k].f));
		*out = json_object();
		json_put_str(*out, "by", by);
		json_put(*out, "rows", rows);
		json_put(*out, "total", figures_json("total", &total));
		json_put_bool(*out, "complete", total.settled == total.instances);
	}
	free(s.items);
	return r;
}
