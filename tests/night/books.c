#include "books.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/ledger.h"
#include "db/history.h"
#include "tests/sim/cloud_storage.h"

#include <math.h>
#include <sqlite3.h>

#define COPY "books.db"

/* What was reserved for a machine, and what was booked on it: what goes beyond is nobody's promise. */
struct book {
	money hold, most, used;
	bool taken_in; /* nobody ordered it */
};

static struct book *book_of(struct sim_night *n, int64_t id)
{
	struct book *b = map_get(&n->books, id);

	if (!b) {
		b = xcalloc(1, sizeof(*b));
		map_set(&n->books, id, b);
	}
	return b;
}

static money beyond(const struct book *b)
{
	money promised = b->taken_in ? 0 : b->most, due = b->used > b->hold ? b->used : b->hold;

	return due > promised ? due - promised : 0;
}

static void keep(struct sim_night *n, const struct posting *p)
{
	const struct instance *i = model_instance(&n->p->model, p->subject_id);
	struct book *b = book_of(n, p->subject_id);

	n->beyond -= beyond(b);
	b->taken_in |= i && (i->cause == CAUSE_DUPLICATE || i->cause == CAUSE_LATE || i->cause == CAUSE_RESURRECTED || i->cause == CAUSE_ORPHAN);
	if (p->kind == POSTING_HOLD)
		b->hold += p->amount;
	else
		b->used += p->amount;
	b->most = b->hold > b->most ? b->hold : b->most;
	n->beyond += beyond(b);
}

static void check_budgets(struct sim_night *n)
{
	const struct model *m = &n->p->model;
	const struct budget *b;
	char spent_text[32], held_text[32], cap[32];
	size_t at = 0;

	while ((b = model_each(&m->budgets, &at))) {
		money spent = budget_spent(b, m->now), held = budget_held(m, b, m->now, NULL);

		if (b->deleted || b->warn_only || !b->counted || spent + held <= b->cap + n->beyond)
			continue;
		money_decimal(spent, spent_text);
		money_decimal(held, held_text);
		money_decimal(b->cap, cap);
		night_violation(n, "I3: budget %s: %s spent and %s held, the cap is %s", b->name, spent_text, held_text, cap);
	}
}

void books_posted(struct sim_night *n, const struct posting *postings, size_t count)
{
	for (size_t k = 0; k < count && n->p; k++)
		keep(n, &postings[k]);
	if (n->p)
		check_budgets(n);
}

/* ---- questions, of a copy: the store's connection is the only one to its file ---- */

static int copy(struct sim_night *n, struct history **h, struct err *e)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	vfs->xDelete(vfs, COPY, 0);
	return store_copy(n->p->store, COPY, e) < 0 ? -1 : history_open(h, COPY, e);
}

void books_count(struct sim_night *n, const struct action *a)
{
	const struct budget *b = model_budget(&n->p->model, a->id);
	struct fact f = { .kind = FACT_COUNTED, .id = a->id, .verdict = VERDICT_RETRY };
	struct buf text = BUF(1024 * 1024);
	struct days days = { 0 };
	struct history *h;
	struct err e;

	if (!b)
		return;
	f.count = b->counted_to;
	if (copy(n, &h, &e) == 0) {
		f.verdict = history_booked(h, b, b->tz, b->counted_to, 0, &days, &e) < 0 ? VERDICT_RETRY : VERDICT_OK;
		history_close(h);
	}
	days_write(&days, &text);
	f.text = buf_str(&text);
	if (n->p && !n->dying)
		process_fact(n, &f);
	buf_free(&text);
	days_free(&days);
}

/* ---- the proof ---- */

static int64_t micro(const json_t *o, const char *key)
{
	return (int64_t)llround(json_num(o, key, 0) * 1e6);
}

static void check_tables(struct sim_night *n, const json_t *doc)
{
	static const char *const sums[] = { "metered", "billed", "gap", "held", "failed" };
	const json_t *table, *row, *total = json_object_get(doc, "total");
	size_t t, k;

	json_array_foreach(json_object_get(doc, "tables"), t, table)
		for (size_t s = 0; s < ARRAY_LEN(sums); s++) {
			int64_t sum = 0;

			json_array_foreach(json_object_get(table, "rows"), k, row)
				sum += micro(row, sums[s]);
			if (sum != micro(total, sums[s]))
				night_violation(n, "I5: by %s, %s adds up to %lld, and is %lld", json_str(table, "by", ""), sums[s], (long long)sum,
				    (long long)micro(total, sums[s]));
		}
}

static money precision(const struct cloud *c)
{
	return c->model == &cloud_vastai ? 2 * USD / 1000 : c->model == &cloud_runpod ? 0 : CENT;
}

/* What the ledger owes a provider, beside what its model bills. */
static void check_provider(struct sim_night *n, const struct cloud *c, const json_t *balances)
{
	const struct account_state *a = model_account(&n->p->model, c->model->name);
	char account[48], ours[32], theirs[32];
	money owed = 0, bill = 0, slack = 0;
	const json_t *row;
	size_t k;

	snprintf(account, sizeof(account), "provider:%s", c->model->name);
	json_array_foreach(balances, k, row)
		if (!strcmp(json_str(row, "account", ""), account))
			owed = -json_int(row, "micro", 0);
	for (k = 0; k < n->box_count; k++) {
		const struct box *b = n->boxes[k];

		/* One that vanished before anybody saw it has no row to book its cents on; a balance does not tell whose it was. */
		if (b->m->cloud != c || b->foreign)
			continue;
		if (!b->rowed && !a->facts.bill_by_machine)
			return;
		if (!b->rowed)
			continue;
		bill += cloud_cost(c, b->m);
		slack += precision(c);
	}
	for (k = 0; k < c->store_count; k++) {
		bill += cloud_store_cost(c->stores[k], c->now);
		slack += 3 * precision(c); /* a line for each month */
	}
	if ((n->plan.shared_hotaisle && !a->facts.bill_by_machine) || n->unbilled || (owed - bill <= slack && bill - owed <= slack))
		return;
	money_decimal(owed, ours);
	money_decimal(bill, theirs);
	night_violation(n, "I5: the ledger owes %s %s, its bill is %s", c->model->name, ours, theirs);
}

/* What budgets believe was spent in their period, and what the ledger says. */
static void check_counts(struct sim_night *n, struct history *h)
{
	const struct model *m = &n->p->model;
	const struct budget *b;
	size_t at = 0;

	if (n->p->wheel.committing || n->p->wheel.posting_count || m->posting_count)
		return; /* the ledger is about to get more */
	while ((b = model_each(&m->budgets, &at))) {
		struct days days = { 0 };
		int64_t first, last;
		struct err e;
		money booked, believed = budget_spent(b, m->now);

		if (b->deleted || !b->counted || history_booked(h, b, b->tz, INT64_MAX, 0, &days, &e) < 0)
			continue;
		budget_period(b, m->now, &first, &last);
		booked = days_sum(&days, first, last);
		days_free(&days);
		if (booked != believed)
			night_violation(n, "I3: budget %s believes that %lld were spent; %lld were", b->name, (long long)believed, (long long)booked);
	}
}

void books_prove(struct sim_night *n, bool settled)
{
	static const char *const ways[] = { "owner", "budget", "campaign", "fleet", "provider", "gpu", "recipe", "run", "part", "day", "week",
		"month", "owner,part", "label:team" };
	struct cost_query q = { .count = ARRAY_LEN(ways), .now = process_now(n), .filter = "", .efficiency = true };
	json_t *proof = NULL, *doc = NULL;
	struct history *h;
	struct err e;
	char *text;

	if (!n->p || copy(n, &h, &e) < 0)
		return; /* a disk in trouble: the next one will do */
	for (size_t k = 0; k < ARRAY_LEN(ways); k++)
		q.by[k] = ways[k];
	if (history_ledger(h, &proof, &e) < 0 || history_cost(h, &q, &doc, &e) < 0) {
		night_violation(n, "the books cannot be read: %s", e.msg);
	} else {
		if (!json_bool(proof, "ok", false)) {
			text = json_text(json_object_get(proof, "wrong"));
			night_violation(n, "I5: the ledger does not prove itself: %.700s", text);
			free(text);
		}
		check_tables(n, doc);
		check_counts(n, h);
		for (int k = 0; settled && k < CLOUDS; k++)
			if (n->clouds[k])
				check_provider(n, n->clouds[k], json_object_get(proof, "balances"));
	}
	json_decref(proof);
	json_decref(doc);
	history_close(h);
}

void books_close(struct sim_night *n)
{
	for (size_t at = 0; at < n->books.cap; at++)
		if (n->books.slots[at].key)
			free(n->books.slots[at].value);
	map_free(&n->books);
}
