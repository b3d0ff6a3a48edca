/*
 * What a provider charged an account in the last weeks, read once a day (reliability §2.12): records that were revised after they were
 * settled, and charges with no machine of ours behind them, which are leaks.
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/mark.h"

#define TRY_AGAIN HOUR
#define EDGE      DAY /* what was ordered this near to the beginning of the record may be in it in part */

/* Rows of one account by the provider's id, so that a record of thousands is looked up quickly. */
struct index {
	struct instance **rows;
	size_t count;
};

static int by_id(const void *x, const void *y)
{
	const struct instance *a = *(struct instance *const *)x, *b = *(struct instance *const *)y;
	int c = strcmp(a->provider_id, b->provider_id);

	return c ? c : a->object.id < b->object.id ? -1 : a->object.id > b->object.id;
}

static struct index index_of(const struct model *m, const struct account_state *a)
{
	struct index x = { xcalloc(m->instances.count + 1, sizeof(struct instance *)), 0 };
	struct instance *i;
	size_t at = 0;

	while ((i = model_each(&m->instances, &at)))
		if (*i->provider_id && !strcmp(i->account, a->facts.name))
			x.rows[x.count++] = i;
	if (x.count)
		qsort(x.rows, x.count, sizeof(struct instance *), by_id);
	return x;
}

/* The first row of that id; rows of one id stand together. NULL: there is none. */
static struct instance **rows_of(const struct index *x, const char *id)
{
	size_t low = 0, high = x->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (strcmp(x->rows[middle]->provider_id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low < x->count && !strcmp(x->rows[low]->provider_id, id) ? &x->rows[low] : NULL;
}

/* Another sum than what was settled, read twice in a row: the difference is booked. */
static void compare(struct model *m, const struct index *x, struct instance **row, const struct machine *charge, instant since)
{
	struct instance *last = NULL;
	char was[32], is[32];
	money booked = 0, sum = charge->price_hour;

	for (; row < x->rows + x->count && !strcmp((*row)->provider_id, charge->id); row++) {
		if (!(*row)->settled || (*row)->planned < since + EDGE)
			return;
		booked += (*row)->billed;
		last = *row;
	}
	if (!last || booked == sum || sum < 0) {
		if (last)
			last->recharged = 0;
		return;
	}
	if (last->recharged != sum) {
		last->recharged = sum;
		return;
	}
	money_format(last->billed, was);
	last->billed += sum - booked;
	last->billed_known = true;
	last->billed_at = m->now;
	last->recharged = 0;
	last->gap = cost_gap(&model_account(m, last->account)->facts, last);
	last->version++;
	money_format(last->billed, is);
	core_event(m, &last->object, "GONE", "revised", "GONE", CAUSE_NONE, NULL, "its bill was %s, and is %s now", was, is);
	core_dirty(m, &last->object);
}

/* Made by us, as its name says or nobody else can have, and nobody here knows it. */
static bool is_stray(const struct model *m, const struct account_state *a, const struct machine *charge)
{
	struct mark unused;

	return charge->price_hour > 0 &&
	       (a->facts.exclusive || mark_read(&unused, charge->mark, m->mark_key, a->facts.provider, m->site) == MARK_OURS);
}

static void note_strays(struct model *m, struct account_state *a, int strays, money sum, const char *first)
{
	char text[32];

	if (strays && (strays != a->strays || sum != a->stray_sum)) {
		money_format(sum, text);
		core_event(m, &a->object, "", "stray_charge", "", CAUSE_ORPHAN, NULL, "%s charges %s for %d machine%s that nobody here knows, %s among them",
		    a->facts.name, text, strays, strays == 1 ? "" : "s", first);
	}
	a->strays = strays;
	a->stray_sum = sum;
	snprintf(a->stray, sizeof(a->stray), "%s", first);
}

void charges_apply(struct model *m, struct account_state *a, const struct fact *f)
{
	struct index x;
	const char *first = "";
	int strays = 0;
	money sum = 0;

	a->charges_busy = false;
	a->charges_at = m->now + (f->verdict == VERDICT_OK ? m->policy.bill_reread : TRY_AGAIN);
	core_touch(m, &a->object);
	if (f->verdict != VERDICT_OK)
		return;
	x = index_of(m, a);
	for (size_t k = 0; k < f->machine_count; k++) {
		const struct machine *charge = &f->machines[k];
		struct instance **row = rows_of(&x, charge->id);

		if (row) {
			compare(m, &x, row, charge, f->began);
		} else if (is_stray(m, a, charge)) {
			first = strays++ ? first : charge->id;
			sum = money_add(sum, charge->price_hour);
		}
	}
	free(x.rows);
	note_strays(m, a, strays, sum, first);
}

instant charges_decide(const struct model *m, struct account_state *a, instant now, struct actions *out)
{
	if (!m->policy.bill_reread || !a->facts.bill_by_machine || a->charges_busy)
		return FOREVER;
	if (!a->charges_at)
		a->charges_at = now + TRY_AGAIN; /* a daemon that has just begun has other things to ask */
	if (now < a->charges_at)
		return a->charges_at;
	a->charges_busy = true;
	actions_add(out, ACTION_CHARGES, a->object.id);
	return FOREVER;
}
