#include "core/ledger.h"
#include "base/mutant.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/storage.h"

/* `count`: how many there are about this object already. */
static struct posting *next_posting(struct model *m, struct object *about, int *count, enum posting_kind kind)
{
	struct posting *p;

	if (m->posting_count == m->posting_cap) {
		m->posting_cap = m->posting_cap ? 2 * m->posting_cap : 64;
		m->postings = xreallocarray(m->postings, m->posting_cap, sizeof(*m->postings));
	}
	p = &m->postings[m->posting_count++];
	*p = (struct posting){ .seq = m->next_posting++, .time = m->now, .kind = kind, .subject_id = about->id, .part = PARTS };
	if (!MUTANT("posting_without_number", false, true))
		++*count;
	p->number = *count;
	core_dirty(m, about);
	return p;
}

/* What nobody ordered, or ordered once and got twice, is a loss and nobody's cost. */
static bool is_loss(const struct instance *i)
{
	return i->cause == CAUSE_DUPLICATE || i->cause == CAUSE_LATE || i->cause == CAUSE_RESURRECTED || i->cause == CAUSE_ORPHAN;
}

static void book(struct model *m, struct instance *i, enum posting_kind kind, enum part part, int64_t run, instant since, instant until,
    money amount)
{
	struct posting *p = next_posting(m, &i->object, &i->postings, kind);
	struct payer payer = payer_of_instance(m, i);

	p->part = part;
	p->run_id = run;
	p->since = since;
	p->until = until;
	p->amount = amount;
	p->gpu_time = kind == POSTING_USE ? (until - since) * i->gpu_count : 0;
	str_copy(p->debit, kind == POSTING_BILL ? "adjust" : is_loss(i) ? "loss" : "cost");
	snprintf(p->credit, sizeof(p->credit), "provider:%s", i->account);
	budgets_count(m, &payer, p);
}

static void book_hold(struct model *m, struct object *about, int *count, money hold, money *held)
{
	struct posting *p;

	if (hold == *held)
		return;
	p = next_posting(m, about, count, POSTING_HOLD);
	p->amount = hold - *held;
	str_copy(p->debit, "held");
	str_copy(p->credit, "free");
	*held = hold;
}

/* A fleet that was made for one run is that run's from its first minute to its last. */
static int64_t run_of(const struct model *m, const struct instance *i)
{
	const struct fleet *f = model_fleet(m, i->fleet_id);
	const struct run *r = model_run(m, i->run_id);

	if (i->run_id)
		return r && r->ranks > 1 ? r->gang_id : i->run_id; /* what several instances cost is one run's */
	return f && f->for_run && !list_empty(&f->run_list) ? RUN_OF(f->run_list.next)->object.id : 0;
}

static enum part part_of(const struct model *m, const struct instance *i)
{
	const struct run *r = model_run(m, i->run_id);

	switch (i->state) {
	case INSTANCE_PLANNED:
	case INSTANCE_DISPATCHING:
	case INSTANCE_AMBIGUOUS:
	case INSTANCE_BOOTING:
	case INSTANCE_CONNECTING: return PART_BOOT;
	case INSTANCE_READY: return PART_IDLE;
	case INSTANCE_BUSY:
	case INSTANCE_DRAINING: return r && r->state <= RUN_SETUP ? PART_SETUP : PART_RUN;
	case INSTANCE_DELETING:
	case INSTANCE_GONE:
	case INSTANCE_STATES: break;
	}
	return PART_TEARDOWN;
}

/* Cost of its time up to t at the present price, without minimum and rounding: what is booked is the difference of two of these. */
static money accrued(const struct instance *i, instant t)
{
	instant from = i->rate_since ? i->rate_since : i->meter_start;

	return i->rate_before + (t > from ? money_for(i->price_hour, t - from) : 0);
}

static void book_until(struct model *m, struct instance *i, instant until)
{
	money amount;

	if (until <= i->booked_until)
		return;
	amount = accrued(i, until) - accrued(i, i->booked_until);
	book(m, i, POSTING_USE, i->part, i->part_run, i->booked_until, until, amount);
	i->posted = money_add(i->posted, amount);
	i->booked_until = until;
}

static void book_use(struct model *m, struct instance *i)
{
	instant end = i->meter_end ? instant_min(i->meter_end, m->now) : m->now, midnight;
	enum part part = part_of(m, i);
	int64_t run = run_of(m, i);

	if (!i->booked_until) {
		i->booked_until = i->meter_start;
		i->part = part > PART_BOOT && i->ready_at ? PART_UNSPLIT : part; /* its beginning was before there was a ledger */
		i->part_run = run;
		core_dirty(m, &i->object);
	}
	while ((midnight = (i->booked_until / DAY + 1) * DAY) <= end)
		book_until(m, i, midnight);
	if (i->part == part && i->part_run == run && i->state != INSTANCE_GONE)
		return;
	book_until(m, i, end);
	i->part = part;
	i->part_run = run;
	core_dirty(m, &i->object);
}

/* Minimum charge and rounding: what the provider's rule makes of its whole life, less what was booked piece by piece. */
static void book_end(struct model *m, struct instance *i)
{
	money rest = i->metered - i->posted;

	if (!rest || MUTANT("end_not_booked", false, true))
		return;
	book(m, i, POSTING_USE, PART_ROUNDING, run_of(m, i), i->meter_end, i->meter_end, rest);
	i->posted = i->metered;
}

static void book_bill(struct model *m, struct instance *i)
{
	money change = i->billed - i->metered - i->adjusted;

	if (!i->settled || !i->billed_known || !change || MUTANT("bill_not_booked", false, true))
		return;
	book(m, i, POSTING_BILL, PART_ROUNDING, run_of(m, i), i->meter_end, i->meter_end, change);
	i->adjusted += change;
}

static void book_instance(struct model *m, struct instance *i)
{
	if (!i)
		return;
	book_hold(m, &i->object, &i->postings, i->hold, &i->held);
	if (i->meter_start)
		book_use(m, i);
	if (i->state == INSTANCE_GONE) {
		book_end(m, i);
		book_bill(m, i);
	}
}

/* ---- storage: one part, by the day ---- */

static void book_storage_as(struct model *m, struct extra *x, enum posting_kind kind, enum part part, instant since, instant until, money amount)
{
	struct posting *p = next_posting(m, &x->object, &x->postings, kind);
	struct payer payer = payer_of_extra(x);

	p->part = part;
	p->since = since;
	p->until = until;
	p->amount = amount;
	str_copy(p->debit, kind == POSTING_BILL ? "adjust" : "cost");
	snprintf(p->credit, sizeof(p->credit), "provider:%s", x->account);
	budgets_count(m, &payer, p);
}

static void book_storage(struct model *m, struct extra *x, enum part part, instant until, money amount)
{
	book_storage_as(m, x, POSTING_USE, part, x->booked_until, until, amount);
	x->posted = money_add(x->posted, amount);
}

/* The end of a day, or of a month where the record is cut at months only, is the next step of its bill. */
static void next_step(const struct model *m, struct extra *x)
{
	const struct account_state *a = model_account(m, x->account);
	int64_t day = x->booked_until / DAY;

	if (!a || !a->facts.storage_bills || x->bill_busy || x->state == EXTRA_GONE || x->booked_until % DAY ||
	    (a->facts.billing.storage_by_month && day_of_month_begin(day) != day))
		return;
	x->bill_due = x->booked_until;
	x->bill_metered = x->posted;
	x->billed_at = 0;
}

static void book_storage_until(struct model *m, struct extra *x, instant until, money amount)
{
	if (x->price_month || x->posted)
		book_storage(m, x, PART_STORAGE, until, amount);
	x->booked_until = until;
	next_step(m, x);
	core_dirty(m, &x->object);
}

static void book_storage_time(struct model *m, struct extra *x, instant end)
{
	instant next;

	while (x->booked_until && (next = instant_min(end, (x->booked_until / DAY + 1) * DAY)) > x->booked_until)
		book_storage_until(m, x, next, money_share(x->price_month, next - x->booked_until, STORAGE_MONTH));
}

/* A provider may charge a least sum for what lived only a minute. */
static void book_storage_end(struct model *m, struct extra *x)
{
	const struct account_state *a = model_account(m, x->account);
	money least = a && x->kind == EXTRA_SNAPSHOT ? a->facts.snapshot_rule.minimum : 0;

	book_storage_time(m, x, x->dropped_at ? x->dropped_at : x->gone);
	if (x->booked_until && x->posted < least)
		book_storage(m, x, PART_ROUNDING, x->booked_until, least - x->posted);
}

static void book_extra(struct model *m, struct extra *x)
{
	if (!storage_kind_of(x))
		return;
	if (!x->booked_until && x->state >= EXTRA_LIVE && *x->provider_id)
		x->booked_until = x->kind == EXTRA_VOLUME ? x->created : m->now; /* a snapshot is not charged while it is taken */
	if (x->state == EXTRA_GONE)
		book_storage_end(m, x);
	else if (m->now >= ledger_storage_due(x))
		book_storage_time(m, x, m->now / DAY * DAY);
	book_hold(m, &x->object, &x->postings, x->hold, &x->held);
}

money storage_hold(const struct extra *x)
{
	instant from = x->booked_until ? x->booked_until : x->created;

	return x->posted + (x->keep_until > from ? money_share(x->price_month, x->keep_until - from, STORAGE_MONTH) : 0);
}

void ledger_storage_price(struct model *m, struct extra *x, money price_month)
{
	book_storage_time(m, x, m->now);
	x->price_month = price_month;
	core_dirty(m, &x->object);
}

void ledger_storage_bill(struct model *m, struct extra *x, instant until)
{
	money change = x->billed - x->bill_metered - x->adjusted;

	if (change)
		book_storage_as(m, x, POSTING_BILL, PART_STORAGE, instant_min(until, instant_max(x->settled_until, x->created)), until, change);
	x->adjusted += change;
	core_dirty(m, &x->object);
}

instant ledger_storage_due(const struct extra *x)
{
	return !x->booked_until || x->state == EXTRA_GONE ? FOREVER : (x->booked_until / DAY + 1) * DAY;
}

money ledger_storage_held(const struct extra *x)
{
	return x->state == EXTRA_GONE || x->hold < x->posted ? 0 : x->hold - x->posted;
}

void ledger_post(struct model *m)
{
	list_for_each(n, &m->dirty) { /* what is booked is appended, and looked at again without effect */
		struct object *o = CONTAINER_OF(n, struct object, dirty_link);

		if (o->kind == OBJECT_INSTANCE)
			book_instance(m, CONTAINER_OF(o, struct instance, object));
		else if (o->kind == OBJECT_RUN)
			book_instance(m, model_instance(m, CONTAINER_OF(o, struct run, object)->instance_id));
		else if (o->kind == OBJECT_EXTRA)
			book_extra(m, CONTAINER_OF(o, struct extra, object));
	}
}

void ledger_price(struct model *m, struct instance *i, money price_hour)
{
	instant now = i->meter_end ? instant_min(i->meter_end, m->now) : m->now;

	if (i->meter_start && now > i->meter_start) {
		book_use(m, i);
		book_until(m, i, now);
		i->rate_before = accrued(i, now);
		i->rate_since = now;
	}
	i->price_hour = price_hour;
	core_dirty(m, &i->object);
}

instant ledger_due(const struct instance *i)
{
	if (!i->booked_until || i->state == INSTANCE_GONE || i->meter_end)
		return FOREVER;
	return (i->booked_until / DAY + 1) * DAY;
}

money ledger_held(const struct instance *i)
{
	return i->state == INSTANCE_GONE || i->hold < i->posted ? 0 : i->hold - i->posted;
}
