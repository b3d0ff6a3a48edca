/*
 * What providers charge for volumes and snapshots (reliability §2.12). A machine's bill is read once it is gone; storage lives for
 * weeks, so that its bill is read in steps. When a day is over and booked (a month, where the record is cut at months only), the
 * ledger sets the next step: `bill_due`, and what we had metered up to there. The record of its whole life up to there is read until
 * two readings in a row agree, both late enough; what it says beyond the meter is then booked, which corrects earlier steps as well.
 * The last step is its end. After that the record is read once a day, as that of machines is (charges.c): it may be revised.
 *
 * A step without a record gives way to the next one; an end without one is what we metered, and says so (GAP_NO_RECORD). A record that
 * comes later yet is booked like a revision.
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/ledger.h"
#include "core/storage.h"

#define BILL_BACKOFF (6 * HOUR)
#define NO_RECORD_AFTER 4 /* settle delays without a record: what lived for a moment is in none */
#define FIRST_REREAD HOUR /* a daemon that has just begun has other things to ask */

static void tell(struct model *m, struct extra *x)
{
	char record[32], meter[32], until[40];

	money_format(x->billed, record);
	money_format(x->bill_metered, meter);
	instant_format(x->settled_until, false, until);
	core_event(m, &x->object, extra_fsm.state_names[x->state], "settled", extra_fsm.state_names[x->state], CAUSE_NONE, NULL,
	    "%s %s: billed %s up to %s, metered %s%s%s", storage_word(x), x->name, record, until, meter, x->gap > GAP_CLOCK ? ": " : "",
	    x->gap > GAP_CLOCK ? gap_text(x->gap) : "");
}

/* An answer about an earlier day may come when it is gone already. */
static bool is_end(const struct extra *x)
{
	return x->state == EXTRA_GONE && x->bill_due >= (x->dropped_at ? x->dropped_at : x->gone);
}

/* The step is final. Those of a life that goes on are told only where something is odd about them. */
static void step_over(struct model *m, struct extra *x)
{
	const struct account_state *a = model_account(m, x->account);

	x->gap = cost_storage_gap(&a->facts, x);
	ledger_storage_bill(m, x, x->bill_due);
	x->settled_until = x->bill_due;
	if (is_end(x))
		x->settled = m->now;
	if (x->settled || x->gap > GAP_CLOCK)
		tell(m, x);
	x->bill_due = 0;
	x->billed_at = 0;
	x->version++;
}

/* Another sum than what was settled, read twice in a row: the difference is booked. */
static void reread(struct model *m, struct extra *x, money bill)
{
	char was[32], is[32];
	bool same = bill == x->billed && x->settled_until;

	x->bill_at = m->now + m->policy.bill_reread;
	if (same || bill != x->recharged) {
		x->recharged = same ? 0 : bill;
		return;
	}
	money_format(x->billed, was);
	money_format(bill, is);
	x->billed = bill;
	x->recharged = 0;
	x->gap = cost_storage_gap(&model_account(m, x->account)->facts, x);
	ledger_storage_bill(m, x, x->booked_until);
	x->settled_until = x->booked_until;
	x->version++;
	core_event(m, &x->object, "GONE", "revised", "GONE", CAUSE_NONE, NULL, "its bill was %s, and is %s now", was, is);
}

void storage_billed(struct model *m, struct extra *x, const struct fact *f)
{
	bool same = x->billed_at && x->billed == f->price;

	x->bill_busy = false;
	core_touch(m, &x->object);
	if (f->verdict != VERDICT_OK || !f->count) {
		x->bill_tries++;
		x->bill_at = m->now + (x->settled ? m->policy.bill_reread : instant_max(m->policy.bill_poll, core_backoff(x->bill_tries, BILL_BACKOFF)));
		return;
	}
	x->bill_tries = 0;
	x->bill_at = m->now + m->policy.bill_poll;
	if (x->settled) {
		reread(m, x, f->price);
		return;
	}
	if (!x->bill_due)
		return;
	x->billed = f->price;
	x->billed_at = m->now;
	core_dirty(m, &x->object);
	if (same)
		step_over(m, x);
}

/* ---- when it is asked for ---- */

static instant ask(struct extra *x, instant due, instant now, struct actions *out)
{
	if (now < due)
		return due;
	x->bill_busy = true;
	actions_add(out, ACTION_STORAGE_BILL, x->object.id);
	return FOREVER;
}

static void settle_unread(struct model *m, struct extra *x, const char *why)
{
	x->settled = m->now;
	x->gap = x->booked_until ? GAP_NO_RECORD : GAP_NONE;
	x->bill_due = 0;
	if (x->booked_until)
		core_event(m, &x->object, "GONE", "unbilled", "GONE", CAUSE_NONE, NULL, "%s; the metered cost stands", why);
	core_dirty(m, &x->object);
}

static instant decide_gone(struct model *m, struct extra *x, const struct account_state *a, instant now, struct actions *out)
{
	instant late = x->gone + instant_min(m->policy.bill_watch, NO_RECORD_AFTER * a->facts.billing.settle_delay);

	if (x->object.dirty)
		return now + 1; /* its last hours are booked with the next batch */
	if (!x->booked_until || !a->facts.storage_bills || (now > late && !x->billed_at)) {
		settle_unread(m, x, a->facts.storage_bills ? "no bill of it came" : "nobody sends a bill of it");
		return FOREVER;
	}
	if (x->bill_due != x->booked_until) {
		x->bill_due = x->booked_until;
		x->bill_metered = x->posted;
		x->billed_at = 0;
		x->bill_at = 0;
		x->bill_tries = 0;
		core_dirty(m, &x->object);
	}
	return instant_min(late + 1, ask(x, instant_max(x->bill_due + a->facts.billing.settle_delay, x->bill_at), now, out));
}

instant storage_bill_decide(struct model *m, struct extra *x, instant now, struct actions *out)
{
	const struct account_state *a = model_account(m, x->account);

	if (!a || !a->configured || x->bill_busy)
		return FOREVER;
	if (x->settled) {
		if (!x->booked_until || !a->facts.storage_bills || !m->policy.bill_reread || now > x->gone + m->policy.bill_watch)
			return FOREVER;
		if (!x->bill_at)
			x->bill_at = now + FIRST_REREAD;
		return ask(x, x->bill_at, now, out);
	}
	if (x->state == EXTRA_GONE)
		return decide_gone(m, x, a, now, out);
	if (!x->bill_due)
		return FOREVER; /* the end of a day touches it */
	return ask(x, instant_max(x->bill_due + a->facts.billing.settle_delay, x->bill_at), now, out);
}
