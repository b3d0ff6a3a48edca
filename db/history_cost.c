/*
 * What was spent, grouped in up to sixteen ways in one walk through the ledger. Sums are integers (micro-dollars, microseconds of GPU
 * time) and become decimals only at the edge: rows always add up to the total, and the total to the ledger.
 *
 * What live machines have used since they were booked last is added as if it were booked now.
 */
#include "base/str.h"
#include "base/words.h"
#include "db/db_private.h"
#include "db/history_private.h"

#define NONE    "(none)"
#define TABLES_MAX 16

/* ---- ways to group ---- */

enum way { BY_OWNER, BY_BUDGET, BY_CAMPAIGN, BY_FLEET, BY_PROVIDER, BY_ACCOUNT, BY_GPU, BY_REGION, BY_LABELS, MACHINE_WAYS,
	BY_RECIPE = MACHINE_WAYS, BY_RUN, BY_PART, BY_DAY, BY_WEEK, BY_MONTH, WAYS };
/* The first of them in the order of the columns of SQL_COST_MACHINE. */
static const char *const way_names[WAYS + 1] = { "owner", "budget", "campaign", "fleet", "provider", "account", "gpu", "region", "label:",
	"recipe", "run", "part", "day", "week", "month", NULL };

struct dimension {
	enum way way;
	char label[64]; /* "KEY=" */
};

struct figures {
	int64_t instances, settled, with_bill, runs, runs_ok; /* with_bill: machines, and entries of storage */
	duration gpu_time, run_time, busy_time; /* paid; while a run had it; of that, times how busy the GPUs were */
	duration measured_time; /* of run_time: where that is known */
	money held, metered, billed, gap, loss, failed, parts[PARTS], gaps[GAPS];
	money unread; /* metered: no record of it came, and none will */
	int64_t open; /* entries of storage whose bill is not final yet */
	double tokens;
};

struct group {
	uint32_t words[2];
	struct figures f;
};

struct table {
	struct dimension by[2];
	int dimensions;
	bool by_machine; /* all of a machine is in one group */
	struct group *groups;
	size_t count, cap;
	struct map index; /* words → group number + 1 */
};

struct rented {
	int64_t id;
	uint32_t words[MACHINE_WAYS];
	bool passes, settled, billed, met;
	bool storage; /* no machine at all */
	instant settled_until; /* of storage: its bill is final up to here, whether or not it is settled in all */
	enum gap gap;
	uint32_t group[TABLES_MAX]; /* of tables that go by machine: its group's number + 1 */
};

struct use {
	int64_t id;
	uint32_t recipe, name;
	bool passes, ok, ended;
	double tokens, busy; /* busy < 0: not known */
};

struct walk {
	struct history *h;
	const struct cost_query *q;
	struct words words;
	struct table *tables;
	size_t count;
	struct map machines, uses;
	struct map seen;     /* (group, machine or run) */
	struct dimension filter[8];
	char wanted[8][128];
	int filters;
	sqlite3_stmt *machine, *storage, *use;
	struct figures total;
	struct err *e;
};

static bool dimension_read(struct dimension *d, const char *text, struct err *e)
{
	const char *near;

	for (int k = 0; k < WAYS; k++) {
		if (k == BY_LABELS ? str_starts(text, "label:") && text[6] : !strcmp(way_names[k], text)) {
			d->way = (enum way)k;
			if (k == BY_LABELS)
				snprintf(d->label, sizeof(d->label), "%.60s=", text + 6);
			return true;
		}
	}
	near = str_nearest(text, way_names);
	err_set(e, ERR_USAGE, "cannot group cost by '%.40s'%s%s%s; choose owner, budget, campaign, fleet, provider, account, gpu, region, "
	    "recipe, run, label:KEY, part, day, week or month, or two of them like owner,month", text, near ? "; did you mean '" : "",
	    near ? near : "", near ? "'" : "");
	return false;
}

static bool table_read(struct table *t, const char *by, struct err *e)
{
	char copy[160], *rest = copy, *one;

	if (!str_copy_n(copy, sizeof(copy), by)) {
		err_set(e, ERR_USAGE, "'by' is too long");
		return false;
	}
	while ((one = str_split(&rest, ","))) {
		if (t->dimensions == 2) {
			err_set(e, ERR_USAGE, "cost is grouped in two ways at the most");
			return false;
		}
		if (!dimension_read(&t->by[t->dimensions++], one, e))
			return false;
	}
	if (!t->dimensions) {
		err_set(e, ERR_USAGE, "'by' is empty");
		return false;
	}
	t->by_machine = t->by[0].way < MACHINE_WAYS && t->by[t->dimensions - 1].way < MACHINE_WAYS;
	return true;
}

/* "owner=ana,gpu=H100" */
static bool filter_read(struct walk *w, const char *text, struct err *e)
{
	char copy[1024], *rest = copy, *one, *value;

	str_copy(copy, text);
	while ((one = str_split(&rest, ","))) {
		if (!*one)
			continue;
		value = strchr(one, '=');
		if (!value || w->filters == (int)ARRAY_LEN(w->filter)) {
			err_set(e, ERR_USAGE, value ? "too many filters" : "a filter is WHAT=VALUE, like owner=ana; not '%.60s'", one);
			return false;
		}
		*value++ = '\0';
		if (!dimension_read(&w->filter[w->filters], one, e))
			return false;
		str_copy(w->wanted[w->filters++], *value ? value : NONE);
	}
	return true;
}

/* ---- machines and runs, looked up once each ---- */

static uint32_t named(struct walk *w, const char *text)
{
	return words_number(&w->words, text && *text ? text : NONE);
}

/* The value of one label in "k=v,k=v". */
static const char *label_of(const char *labels, const char *key, char out[128])
{
	size_t n = strlen(key);

	for (const char *p = labels; *p; p += strcspn(p, ","), p += *p == ',')
		if (!strncmp(p, key, n)) {
			snprintf(out, 128, "%.*s", (int)strcspn(p + n, ","), p + n);
			return out;
		}
	return "";
}

static const char *word_of(const struct walk *w, const struct dimension *d, const struct rented *m, char text[128])
{
	const char *all = w->words.text[m->words[d->way]];

	return d->way == BY_LABELS ? label_of(!strcmp(all, NONE) ? "" : all, d->label, text) : all;
}

static bool same_word(const char *value, const char *wanted)
{
	return str_ieq(*value ? value : NONE, wanted);
}

/* False: no such row. */
static bool read_subject(struct walk *w, sqlite3_stmt *st, struct rented *m)
{
	bool found;

	sqlite3_bind_int64(st, 1, m->id);
	found = sqlite3_step(st) == SQLITE_ROW;
	if (found) {
		for (int k = 0; k < MACHINE_WAYS; k++)
			m->words[k] = named(w, (const char *)sqlite3_column_text(st, k));
		m->settled = sqlite3_column_int(st, MACHINE_WAYS);
		m->billed = sqlite3_column_int(st, MACHINE_WAYS + 1);
		m->gap = gap_from_name((const char *)sqlite3_column_text(st, MACHINE_WAYS + 2));
		if (sqlite3_column_count(st) > MACHINE_WAYS + 3)
			m->settled_until = sqlite3_column_int64(st, MACHINE_WAYS + 3);
	}
	sqlite3_reset(st);
	return found;
}

static struct rented *machine_of(struct walk *w, int64_t id)
{
	struct rented *m = map_get(&w->machines, id);
	char text[128];

	if (m)
		return m;
	m = xcalloc(1, sizeof(*m));
	m->id = id;
	m->passes = true;
	map_set(&w->machines, id, m);
	m->storage = !read_subject(w, w->machine, m) && read_subject(w, w->storage, m);
	for (int k = 0; k < w->filters; k++)
		if (w->filter[k].way < MACHINE_WAYS)
			m->passes &= same_word(word_of(w, &w->filter[k], m, text), w->wanted[k]);
	return m;
}

static struct use *use_of(struct walk *w, int64_t id)
{
	struct use *u = map_get(&w->uses, id + 1);
	char name[24];

	if (u)
		return u;
	u = xcalloc(1, sizeof(*u));
	u->id = id;
	u->busy = -1;
	u->recipe = u->name = words_number(&w->words, NONE);
	map_set(&w->uses, id + 1, u);
	if (!id)
		return u;
	sqlite3_bind_int64(w->use, 1, id);
	sqlite3_bind_int(w->use, 2, w->q->efficiency);
	if (sqlite3_step(w->use) == SQLITE_ROW) {
		const char *outcome = (const char *)sqlite3_column_text(w->use, 1);

		snprintf(name, sizeof(name), "%lld", (long long)id);
		u->recipe = named(w, (const char *)sqlite3_column_text(w->use, 0));
		u->name = named(w, name);
		u->ok = !strcmp(outcome, "ok");
		u->ended = *outcome != '\0';
		u->tokens = sqlite3_column_double(w->use, 2);
		if (sqlite3_column_type(w->use, 3) != SQLITE_NULL)
			u->busy = sqlite3_column_double(w->use, 3);
	}
	sqlite3_reset(w->use);
	return u;
}

/* ---- one entry ---- */

struct entry {
	enum posting_kind kind;
	enum part part;
	instant since;
	duration gpu_time;
	money amount, held;
	bool loss;
};

static uint32_t time_word(struct walk *w, enum way way, instant t)
{
	int64_t day = day_of(NULL, t);
	char text[16];

	day_format(way == BY_WEEK ? day_of_week_begin(day) : day, text);
	if (way == BY_MONTH)
		text[7] = '\0';
	return named(w, text);
}

static uint32_t key_of(struct walk *w, const struct dimension *d, const struct entry *x, const struct rented *m, const struct use *u)
{
	char text[128];

	switch (d->way) {
	case BY_LABELS: return named(w, word_of(w, d, m, text));
	case BY_RECIPE: return u->recipe;
	case BY_RUN: return u->name;
	case BY_PART: return named(w, part_name(x->part));
	case BY_DAY:
	case BY_WEEK:
	case BY_MONTH: return time_word(w, d->way, x->since);
	case BY_OWNER: case BY_BUDGET: case BY_CAMPAIGN: case BY_FLEET: case BY_PROVIDER: case BY_ACCOUNT: case BY_GPU: case BY_REGION:
	case WAYS: break;
	}
	return m->words[d->way];
}

static bool passes(struct walk *w, const struct entry *x, const struct rented *m, const struct use *u)
{
	if (!m->passes)
		return false;
	for (int k = 0; k < w->filters; k++)
		if (w->filter[k].way >= MACHINE_WAYS && !same_word(w->words.text[key_of(w, &w->filter[k], x, m, u)], w->wanted[k]))
			return false;
	return true;
}

/* Is it the first time that this machine, or run, is met in this group? */
static bool first_of(struct walk *w, uint64_t group, int64_t id)
{
	int64_t key = (int64_t)(group << 38 | (uint64_t)id); /* sixteen tables of a million groups fit */

	if (map_get(&w->seen, key))
		return false;
	map_set(&w->seen, key, w);
	return true;
}

/* Is it a part of what the provider's own record says? Storage is settled step by step while it lives. */
static bool is_read(const struct entry *x, const struct rented *m)
{
	if (!m->storage)
		return m->settled && m->billed;
	return x->kind == POSTING_BILL || x->since < m->settled_until || (m->settled && m->billed && m->gap != GAP_NO_RECORD);
}

/* `group` is unique among those of all tables; fresh: it has not met this machine. */
static void add(struct walk *w, uint64_t group, bool fresh, struct figures *f, const struct entry *x, const struct rented *m,
    const struct use *u)
{
	enum part part = x->part < PARTS ? x->part : PART_UNSPLIT;

	if (fresh && !m->storage) {
		f->instances++;
		f->settled += m->settled;
		f->with_bill += m->settled && m->billed;
	}
	f->held = money_add(f->held, x->held);
	if (x->kind == POSTING_BILL) {
		f->gap = money_add(f->gap, x->amount);
		f->gaps[m->gap % GAPS] = money_add(f->gaps[m->gap % GAPS], x->amount);
	} else {
		f->metered = money_add(f->metered, x->amount);
		f->gpu_time += x->gpu_time;
		f->loss += x->loss ? x->amount : 0;
		f->parts[part] = money_add(f->parts[part], x->amount);
	}
	if (is_read(x, m))
		f->billed = money_add(f->billed, x->amount);
	else if (m->settled && m->gap == GAP_NO_RECORD)
		f->unread = money_add(f->unread, x->amount);
	if (m->storage) {
		f->with_bill += is_read(x, m);
		f->open += !m->settled && !is_read(x, m);
	}
	if (!u->id || x->kind == POSTING_BILL)
		return;
	if (u->ended && !u->ok)
		f->failed = money_add(f->failed, x->amount);
	if (x->part == PART_RUN) {
		f->run_time += x->gpu_time;
		if (u->busy >= 0) {
			f->measured_time += x->gpu_time;
			f->busy_time += (duration)((double)x->gpu_time * u->busy / 100);
		}
	}
	if (first_of(w, group, u->id)) {
		f->runs++;
		f->runs_ok += u->ok;
		f->tokens += u->tokens;
	}
}

static struct group *group_of(struct table *t, const uint32_t key[2])
{
	int64_t word = (int64_t)((uint64_t)key[0] << 32 | key[1]) + 1;
	size_t at = (size_t)(uintptr_t)map_get(&t->index, word);

	if (at)
		return &t->groups[at - 1];
	if (t->count == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 64;
		t->groups = xreallocarray(t->groups, t->cap, sizeof(*t->groups));
	}
	t->groups[t->count] = (struct group){ .words = { key[0], key[1] } };
	map_set(&t->index, word, (void *)(uintptr_t)(t->count + 1));
	return &t->groups[t->count++];
}

static void take(struct walk *w, const struct entry *x, int64_t machine, int64_t run)
{
	struct rented *m = machine_of(w, machine);
	struct use *u = use_of(w, run);

	if (!passes(w, x, m, u))
		return;
	add(w, 0, !m->met, &w->total, x, m, u);
	m->met = true;
	for (size_t k = 0; k < w->count; k++) {
		struct table *t = &w->tables[k];
		uint32_t key[2] = { 0, 0 }, at = m->group[k];
		bool fresh = !at;
		uint64_t number;

		if (!at) {
			for (int d = 0; d < t->dimensions; d++)
				key[d] = key_of(w, &t->by[d], x, m, u);
			at = (uint32_t)(group_of(t, key) - t->groups) + 1;
		}
		number = (uint64_t)k * WORDS_MAX + at;
		if (t->by_machine)
			m->group[k] = at;
		else
			fresh = first_of(w, number, m->id);
		add(w, number, fresh, &t->groups[at - 1].f, x, m, u);
	}
}

/* ---- the walk ---- */

static int walk_ledger(struct walk *w)
{
	sqlite3_stmt *st = history_ask(w->h, SQL_COST, w->e);
	int rc;

	if (!st)
		return -1;
	sqlite3_bind_int64(st, 1, w->q->since);
	sqlite3_bind_int64(st, 2, w->q->until ? w->q->until : INT64_MAX);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		struct entry x = { .kind = sqlite3_column_int(st, 0) ? POSTING_BILL : POSTING_USE,
			.part = part_from_name((const char *)sqlite3_column_text(st, 3)), .since = sqlite3_column_int64(st, 4),
			.gpu_time = sqlite3_column_int64(st, 5), .amount = sqlite3_column_int64(st, 6), .loss = sqlite3_column_int(st, 7) };

		take(w, &x, sqlite3_column_int64(st, 1), sqlite3_column_int64(st, 2));
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : sql_error(w->h->db, w->e, "reading the ledger");
}

/* What lives has used a part of what is held for it: as if that were booked now. */
static int walk_live(struct walk *w)
{
	sqlite3_stmt *st;
	int rc;

	if (w->q->until && w->q->until <= w->q->now)
		return 0;
	st = history_ask(w->h, SQL_COST_LIVE, w->e);
	if (!st)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		instant from = sqlite3_column_int64(st, 1), end = sqlite3_column_int64(st, 2);
		money rest;
		struct entry x = { .kind = POSTING_USE, .part = part_from_name((const char *)sqlite3_column_text(st, 5)),
			.held = sqlite3_column_int64(st, 4) };

		end = end ? instant_min(end, w->q->now) : w->q->now;
		x.since = instant_max(from, 1);
		if (from && end > from) {
			x.amount = money_for(sqlite3_column_int64(st, 3), end - from);
			x.gpu_time = (end - from) * sqlite3_column_int(st, 7);
		}
		if (!from || x.since < w->q->since)
			x.since = w->q->now;
		take(w, &x, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 6));
		/* A minimum charge is owed from the beginning. */
		rest = from ? sqlite3_column_int64(st, 9) - sqlite3_column_int64(st, 8) - x.amount : 0;
		if (rest > 0)
			take(w, &(struct entry){ .kind = POSTING_USE, .part = PART_ROUNDING, .since = x.since, .amount = rest },
			    sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 6));
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : sql_error(w->h->db, w->e, "reading machines");
}

static int walk_storage(struct walk *w)
{
	sqlite3_stmt *st;
	int rc;

	if (w->q->until && w->q->until <= w->q->now)
		return 0;
	st = history_ask(w->h, SQL_COST_STORAGE_LIVE, w->e);
	if (!st)
		return -1;
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		instant from = sqlite3_column_int64(st, 1);
		struct entry x = { .kind = POSTING_USE, .part = PART_STORAGE, .since = instant_max(from, w->q->since), .held = sqlite3_column_int64(st, 3) };

		if (w->q->now > from)
			x.amount = money_share(sqlite3_column_int64(st, 2), w->q->now - from, STORAGE_MONTH);
		take(w, &x, sqlite3_column_int64(st, 0), 0);
	}
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : sql_error(w->h->db, w->e, "reading volumes and snapshots");
}

/* ---- the answer ---- */

struct order {
	const struct words *words;
	bool calendar;
};

/* Calendars in their order, everything else by what it cost. */
static int by_cost(const void *x, const void *y, void *arg)
{
	const struct group *a = x, *b = y;
	const struct order *o = arg;
	int names = strcmp(o->words->text[a->words[0]], o->words->text[b->words[0]]);

	if (o->calendar && names)
		return names;
	if (a->f.metered != b->f.metered)
		return a->f.metered < b->f.metered ? 1 : -1;
	return names ? names : strcmp(o->words->text[a->words[1]], o->words->text[b->words[1]]);
}

static void put_efficiency(json_t *o, const struct figures *f)
{
	json_t *parts = json_object();

	for (enum part p = 0; p < PARTS; p++)
		if (f->parts[p])
			json_put_money(parts, part_name(p), f->parts[p]);
	json_put(o, "parts", parts);
	json_put_int(o, "runs", f->runs);
	json_put_int(o, "runs_ok", f->runs_ok);
	json_put_money(o, "failed", f->failed);
	json_put(o, "run_gpu_hours", json_real((double)f->run_time / (double)HOUR));
	json_put(o, "busy_gpu_hours", f->measured_time ? json_real((double)f->busy_time / (double)HOUR) : json_null());
	json_put(o, "measured_gpu_hours", json_real((double)f->measured_time / (double)HOUR));
	json_put(o, "output_tokens", f->tokens > 0 ? json_real(f->tokens) : json_null());
}

/* What the gap is made of, the largest part first; and what has no record to differ from. */
static json_t *gaps_json(const struct figures *f)
{
	json_t *out = json_array();
	bool done[GAPS] = { false };

	for (;;) {
		enum gap most = GAPS;
		json_t *o;

		for (enum gap g = 0; g < GAPS; g++)
			if (!done[g] && (f->gaps[g] || (g == GAP_NO_RECORD && f->unread)) && (most == GAPS || llabs(f->gaps[g]) > llabs(f->gaps[most])))
				most = g;
		if (most == GAPS)
			return out;
		done[most] = true;
		o = json_object();
		json_put_str(o, "reason", most == GAP_NONE ? "not said" : gap_name(most));
		json_put_str(o, "text", most == GAP_NONE ? "settled before reasons were kept; its events say it" : gap_text(most));
		json_put_money(o, "gap", f->gaps[most]);
		if (most == GAP_NO_RECORD && f->unread)
			json_put_money(o, "metered", f->unread);
		json_array_append_new(out, o);
	}
}

static bool is_settled(const struct figures *f)
{
	return f->settled == f->instances && !f->open;
}

static json_t *figures_json(const struct figures *f, const char *key, const char *second, bool efficiency)
{
	json_t *o = json_object(), *gaps = gaps_json(f);

	json_put_str(o, "key", key);
	if (second)
		json_put_str(o, "key2", second);
	json_put_int(o, "instances", f->instances);
	json_put(o, "gpu_hours", json_real((double)f->gpu_time / (double)HOUR));
	json_put_money(o, "held", f->held);
	json_put_money(o, "metered", f->metered);
	if (f->with_bill || (!f->instances && !f->metered))
		json_put_money(o, "billed", f->billed);
	else
		json_put(o, "billed", json_null());
	json_put_money(o, "gap", f->gap);
	if (json_array_size(gaps))
		json_put(o, "gaps", json_incref(gaps));
	if (f->loss)
		json_put_money(o, "loss", f->loss);
	json_put_bool(o, "settled", is_settled(f));
	json_put_int(o, "settled_instances", f->settled);
	json_decref(gaps);
	if (efficiency)
		put_efficiency(o, f);
	return o;
}

static json_t *table_json(struct walk *w, struct table *t, const char *by)
{
	json_t *o = json_object(), *rows = json_array();

	struct order order = { &w->words, t->by[0].way >= BY_DAY };

	if (t->count)
		qsort_r(t->groups, t->count, sizeof(*t->groups), by_cost, &order);
	for (size_t k = 0; k < t->count; k++)
		json_array_append_new(rows, figures_json(&t->groups[k].f, w->words.text[t->groups[k].words[0]],
		    t->dimensions == 2 ? w->words.text[t->groups[k].words[1]] : NULL, w->q->efficiency));
	json_put_str(o, "by", by);
	json_put(o, "rows", rows);
	return o;
}

static void free_all(struct map *m)
{
	void *p;
	size_t at = 0;

	while (at < m->cap) {
		p = m->slots[at].key ? m->slots[at].value : NULL;
		free(p);
		at++;
	}
	map_free(m);
}

static void walk_end(struct walk *w)
{
	for (size_t k = 0; k < w->count; k++) {
		map_free(&w->tables[k].index);
		free(w->tables[k].groups);
	}
	free(w->tables);
	free_all(&w->machines);
	free_all(&w->uses);
	map_free(&w->seen);
	words_free(&w->words);
	sqlite3_finalize(w->machine);
	sqlite3_finalize(w->storage);
	sqlite3_finalize(w->use);
}

static int walk_begin(struct walk *w, const struct cost_query *q, struct err *e)
{
	w->count = q->count;
	w->tables = xcalloc(q->count, sizeof(*w->tables));
	for (size_t k = 0; k < q->count; k++)
		if (!table_read(&w->tables[k], q->by[k], e))
			return -1;
	if (!filter_read(w, q->filter, e))
		return -1;
	w->machine = history_ask(w->h, SQL_COST_MACHINE, e);
	w->storage = w->machine ? history_ask(w->h, SQL_COST_STORAGE, e) : NULL;
	w->use = w->storage ? history_ask(w->h, SQL_COST_RUN, e) : NULL;
	return w->use ? 0 : -1;
}

/* One transaction: what is booked and what lives are of the same moment. */
int history_cost(struct history *h, const struct cost_query *q, json_t **out, struct err *e)
{
	struct walk w = { .h = h, .q = q, .e = e };
	json_t *tables;
	int r = walk_begin(&w, q, e);

	if (r == 0)
		r = sql_exec(h->db, "BEGIN", e);
	if (r == 0) {
		r = walk_ledger(&w) < 0 || walk_live(&w) < 0 || walk_storage(&w) < 0 ? -1 : 0;
		sqlite3_exec(h->db, "COMMIT", NULL, NULL, NULL);
	}
	if (r == 0) {
		*out = json_object();
		tables = json_array();
		for (size_t k = 0; k < w.count; k++)
			json_array_append_new(tables, table_json(&w, &w.tables[k], q->by[k]));
		json_put(*out, "tables", tables);
		json_put(*out, "total", figures_json(&w.total, "total", NULL, q->efficiency));
		json_put_bool(*out, "complete", is_settled(&w.total));
	}
	walk_end(&w);
	return r;
}
