/*
 * The books of the world: every posting is kept, and after every turn they are compared with the rows, with each other and with
 * what the budgets believe.
 */
#include "core/budget.h"
#include "core/ledger.h"
#include "core_world.h"

/* Who pays: a machine's fleet, or whoever wanted the storage. */
static void remember(const struct world *w, struct book *b, const struct instance *i, const struct extra *x)
{
	if (i && !b->fleetless)
		b->fleet = *model_fleet(&w->m, i->fleet_id);
	if (x) {
		str_copy(b->fleet.owner, x->owner);
		str_copy(b->fleet.budget, x->budget);
	}
	str_copy(b->account, i ? i->account : x->account);
}

void books_take(struct world *w)
{
	for (size_t k = 0; k < w->m.posting_count; k++) {
		const struct posting *p = &w->m.postings[k];
		const struct instance *i = model_instance(&w->m, p->subject_id);
		const struct extra *x = model_extra(&w->m, p->subject_id);

		assert_true(i || x);
		assert_int_equal(p->seq, (int64_t)w->book_count + 1);
		assert_true(p->until >= p->since);
		assert_string_not_equal(p->debit, p->credit);
		assert_int_equal(p->number, w->booked[p->subject_id].count + 1);
		w->booked[p->subject_id].count = p->number;
		w->booked[p->subject_id].sum[p->kind] += p->amount;
		/* A stretch of time begins where the last one ended, and lies within one day. */
		if (p->kind == POSTING_USE && p->part != PART_ROUNDING) {
			if (w->booked[p->subject_id].until)
				assert_int_equal(p->since, w->booked[p->subject_id].until);
			assert_true(p->since / DAY == (p->until - 1) / DAY);
			w->booked[p->subject_id].until = p->until;
		}
		w->books = xreallocarray(w->books, w->book_count + 1, sizeof(*w->books));
		w->books[w->book_count++] = (struct book){ .p = *p, .fleetless = i && !model_fleet(&w->m, i->fleet_id) };
		remember(w, &w->books[w->book_count - 1], i, x);
	}
	w->m.posting_count = 0;
}

static bool is_counted(const struct world *w, const struct budget *b, const struct book *k)
{
	struct account_facts a = { .traffic = false };
	struct payer payer;

	str_copy(a.name, k->account);
	str_copy(a.provider, k->account);
	payer = payer_of_fleet(&w->m, k->fleetless ? NULL : &k->fleet, &a);
	return k->p.kind != POSTING_HOLD && budget_counts(b, &payer);
}

void books_count(struct world *w, int64_t budget, struct fact *f)
{
	const struct budget *b = model_budget(&w->m, budget);
	struct days days = { 0 };

	for (size_t k = 0; k < w->book_count; k++)
		if (w->books[k].p.seq < b->counted_to && is_counted(w, b, &w->books[k]))
			days_spread(&days, b->tz, w->books[k].p.since, w->books[k].p.until, w->books[k].p.amount);
	buf_reset(&w->text);
	days_write(&days, &w->text);
	days_free(&days);
	*f = (struct fact){ .kind = FACT_COUNTED, .id = budget, .count = b->counted_to, .text = buf_str(&w->text), .message = "" };
}

static void check_rows(const struct world *w)
{
	const struct instance *i;
	const struct extra *x;
	size_t at = 0;

	while ((x = model_each(&w->m.extras, &at))) {
		assert_int_equal(w->booked[x->object.id].sum[POSTING_HOLD], x->hold);
		assert_int_equal(w->booked[x->object.id].sum[POSTING_USE], x->posted);
		assert_int_equal(w->booked[x->object.id].sum[POSTING_BILL], x->adjusted);
		if (x->settled && x->settled_until && x->gap != GAP_NO_RECORD)
			assert_int_equal(x->posted + x->adjusted, x->billed);
		assert_true(x->state != EXTRA_GONE || !x->hold);
	}
	at = 0;

	while ((i = model_each(&w->m.instances, &at))) {
		const struct booked *b = &w->booked[i->object.id];

		assert_int_equal(b->sum[POSTING_HOLD], i->hold);
		assert_int_equal(b->sum[POSTING_USE], i->posted);
		assert_int_equal(b->sum[POSTING_BILL], i->adjusted);
		if (i->state == INSTANCE_GONE)
			assert_int_equal(i->posted, i->metered);
		if (i->settled && i->billed_known)
			assert_int_equal(i->posted + i->adjusted, i->billed);
	}
}

/* What a budget believes is what was booked; and (I3) it is kept, where nothing went beyond what was reserved. */
static void check_budgets(const struct world *w)
{
	const struct budget *b;
	size_t at = 0;

	while ((b = model_each(&w->m.budgets, &at))) {
		money booked = 0, spent = budget_spent(b, w->now), held = budget_held(&w->m, b, w->now, NULL);

		if (b->deleted || !b->counted)
			continue;
		for (size_t k = 0; k < w->book_count; k++)
			booked += is_counted(w, b, &w->books[k]) ? w->books[k].p.amount : 0;
		assert_int_equal(booked, days_sum(&b->days, INT64_MIN, INT64_MAX));
		if (!b->warn_only && !w->beyond && spent + held > b->cap)
			fail_msg("I3: budget %s: %lld spent and %lld held, the cap is %lld", b->name, (long long)spent, (long long)held,
			    (long long)b->cap);
	}
}

void books_check(struct world *w)
{
	check_rows(w);
	check_budgets(w);
}

struct budget *books_budget(struct world *w, const char *name, enum scope scope, const char *subject, enum period period, money cap)
{
	struct budget want = { .scope = scope, .period = period, .rolling_days = 3, .cap = cap };
	struct fact f = { .kind = FACT_BUDGET_SET, .actor = "ann", .budget = &want };

	str_copy(want.name, name);
	str_copy(want.subject, subject);
	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_NONE);
	return model_budget(&w->m, f.answer_id);
}
