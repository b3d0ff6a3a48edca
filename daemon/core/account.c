/*
 * One account at a provider: when to list it, what its market offers, and the balance that settles providers without bills.
 */
#include "core/cost.h"
#include "base/mutant.h"
#include "core/internal.h"

#define WINDOW_TRIES   5             /* balance reads before a create goes ahead without one */
#define BALANCE_FRESH  (5 * SECOND)

void account_touch_instances(struct model *m, struct account_state *a, enum instance_state state)
{
	list_for_each(n, &a->instance_list) {
		struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (i->state == state)
			core_touch(m, &i->object);
	}
}

static void touch_open_fleets(struct model *m)
{
	struct fleet *f;
	size_t at = 0;

	while ((f = model_each(&m->fleets, &at)))
		if (f->state == FLEET_OPEN && !f->ready_at)
			core_touch(m, &f->object);
}

static void answered(struct account_state *a, const struct fact *f, const char *what)
{
	/* What is for sale some providers tell everybody: only what an account alone can be told says that our token is good again. */
	if (f->verdict == VERDICT_DENIED || (f->verdict == VERDICT_OK && f->kind != FACT_OFFERS))
		a->denied = f->verdict == VERDICT_DENIED;
	if (f->verdict == VERDICT_OK)
		a->trouble[0] = '\0';
	else
		snprintf(a->trouble, sizeof(a->trouble), "%s: %s (%.180s)", what, verdict_name(f->verdict), f->message ? f->message : "");
}

static void offers(struct model *m, struct account_state *a, struct fact *f)
{
	a->offers_busy = false;
	answered(a, f, "offers");
	if (f->verdict != VERDICT_OK) {
		a->offers_failures++;
		a->offers_retry_at = m->now + core_backoff(a->offers_failures + 3, 2 * MINUTE);
	} else {
		for (size_t k = 0; k < a->offer_count; k++)
			free(a->offers[k].spec);
		free(a->offers);
		a->offers = f->offers;
		a->offer_count = f->offer_count;
		f->offers = NULL;
		f->offer_count = 0;
		a->offers_failures = 0;
		a->offers_at = m->now;
		snprintf(a->offers_gpu, sizeof(a->offers_gpu), "%s", f->gpu ? f->gpu : "");
		a->offers_gpu_count = f->gpu_count;
		a->offers_spot = f->flag;
		a->offers_disk_gb = (int)f->count;
	}
	touch_open_fleets(m);
}

static void listed(struct model *m, struct account_state *a, const struct fact *f)
{
	a->list_busy = f->verdict != VERDICT_OK && MUTANT("failed_listing_is_the_last", false, true);
	answered(a, f, "listing");
	if (f->verdict != VERDICT_OK) {
		a->list_failures++;
		a->list_retry_at = m->now + (f->retry_after ? f->retry_after : core_backoff(a->list_failures, 30 * SECOND));
	} else {
		a->list_failures = 0;
		a->list_retry_at = 0;
		a->listed_at = m->now;
		a->listing_began = f->began;
		if (a->lists_wanted)
			a->lists_wanted--;
		listing_apply(m, a, f);
	}
	core_touch(m, &a->object);
}

/* Not settled yet, and not left over from an earlier window that could not be settled. */
static bool in_window(const struct account_state *a, const struct instance *i)
{
	return !i->settled && (i->state != INSTANCE_GONE || i->gone >= a->window_since);
}

/* Every machine of the window is GONE: share what the balance lost among them (largest remainder), by what we metered. */
static void settle_window(struct model *m, struct account_state *a, money now_available)
{
	money total = a->window_balance - now_available, *weights = NULL, *parts = NULL;
	size_t count = 0, k = 0;

	list_for_each(n, &a->instance_list)
		count += in_window(a, CONTAINER_OF(n, struct instance, account_link));
	if (!count || total < 0) {
		a->window_since = 0; /* credit was bought meanwhile: the movement says nothing; rows stay unsettled */
		core_dirty(m, &a->object);
		return;
	}
	weights = xcalloc(count, sizeof(*weights));
	parts = xcalloc(count, sizeof(*parts));
	list_for_each(n, &a->instance_list) {
		struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (in_window(a, i))
			weights[k++] = i->metered;
	}
	cost_split(total, weights, count, parts);
	k = 0;
	list_for_each(n, &a->instance_list) {
		struct instance *i = CONTAINER_OF(n, struct instance, account_link);
		char bill[32];

		if (!in_window(a, i))
			continue;
		i->billed = parts[k++];
		i->billed_known = true;
		i->gap = i->billed == i->metered ? GAP_NONE : GAP_SHARE;
		i->billed_at = i->settled = m->now;
		money_format(i->billed, bill);
		core_event(m, &i->object, "GONE", "settled", "GONE", CAUSE_NONE, NULL, "%s of the balance's movement", bill);
		core_dirty(m, &i->object);
		if (model_fleet(m, i->fleet_id))
			core_touch(m, &model_fleet(m, i->fleet_id)->object);
	}
	free(weights);
	free(parts);
	a->window_since = 0;
	a->window_balance_known = false;
	core_dirty(m, &a->object);
}

/* The window can be settled: nothing lives, something waits, and the provider has had time to post its charges. */
static bool window_over(const struct account_state *a, instant now, instant *when)
{
	instant last = 0;
	bool waiting = false;

	*when = FOREVER;
	if (!a->window_since || !a->window_balance_known || a->live)
		return false;
	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		waiting |= in_window(a, i);
		last = instant_max(last, i->gone);
	}
	if (waiting || MUTANT("window_for_nobody", false, true))
		*when = last + a->facts.billing.settle_delay;
	return waiting && now >= *when;
}

/* A create of an account that tells only a balance waits for the window to be open. */
static bool wants_window(const struct account_state *a)
{
	if (a->facts.bill_by_machine || a->facts.local || a->window_since)
		return false;
	list_for_each(n, &a->instance_list)
		if (CONTAINER_OF(n, struct instance, account_link)->state == INSTANCE_PLANNED)
			return true;
	return false;
}

static void open_window(struct model *m, struct account_state *a, bool known)
{
	a->balance_failures = 0;
	a->window_since = m->now;
	a->window_balance = known ? a->balance.available : 0;
	a->window_balance_known = known;
	core_dirty(m, &a->object);
	account_touch_instances(m, a, INSTANCE_PLANNED);
}

static void balance(struct model *m, struct account_state *a, const struct fact *f)
{
	bool known = f->verdict == VERDICT_OK && f->balance && f->balance->known;
	bool same = known && a->balance.known && a->balance.available == f->balance->available;
	instant when, before = a->balance_at;

	a->balance_busy = false;
	answered(a, f, "balance");
	a->balance_at = m->now;
	if (f->balance && f->verdict == VERDICT_OK) {
		a->balance = *f->balance;
		a->balance_read_at = m->now;
	}
	if (f->balance && f->verdict == VERDICT_OK && f->balance->machines >= 0) {
		a->counted = f->balance->machines;
		a->counted_at = m->now;
	}
	/* A window is opened for an order, and for nothing else: what moves the balance before it is not of this window. */
	if (wants_window(a) && (known || ++a->balance_failures >= WINDOW_TRIES))
		open_window(m, a, known);
	else if (window_over(a, m->now, &when) && same && before >= when)
		settle_window(m, a, f->balance->available);
	core_touch(m, &a->object);
	touch_open_fleets(m); /* an order may wait for it */
}

void account_apply(struct model *m, struct fact *f)
{
	struct account_state *a = model_account(m, f->account);

	if (!a)
		return;
	if (f->kind == FACT_OFFERS)
		offers(m, a, f);
	else if (f->kind == FACT_LISTED)
		listed(m, a, f);
	else if (f->kind == FACT_BALANCE)
		balance(m, a, f);
	else if (f->kind == FACT_CHARGES)
		charges_apply(m, a, f);
	else
		answered(a, f, "check");
}

/* How soon the account must be listed again: the most urgent of its instances decides. */
static duration list_interval(const struct model *m, const struct account_state *a, instant now)
{
	const struct policy *p = &m->policy;
	duration best = a->live ? p->poll_steady : MUTANT("no_sweep", p->poll_sweep, DAY);

	if (a->lists_wanted)
		return 0;
	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);
		duration want = best;

		switch (i->state) {
		case INSTANCE_AMBIGUOUS: want = now - i->sent < MINUTE ? p->poll_boot : p->absence_spacing; break;
		case INSTANCE_BOOTING: want = p->poll_boot; break;
		case INSTANCE_DELETING: want = now - i->deleting_at < 2 * MINUTE ? p->poll_boot : p->gone_spacing; break;
		case INSTANCE_PLANNED:
		case INSTANCE_DISPATCHING:
		case INSTANCE_CONNECTING:
		case INSTANCE_READY:
		case INSTANCE_BUSY:
		case INSTANCE_DRAINING:
		case INSTANCE_GONE:
		case INSTANCE_STATES: break;
		}
		best = want < best ? want : best;
	}
	return best;
}

static instant decide_balance(struct account_state *a, struct model *m, instant now, struct actions *out)
{
	instant when, again = a->balance_at + m->policy.bill_poll;

	if (a->balance_busy)
		return FOREVER;
	if (wants_window(a)) {
		/* It was asked for beside the offers. */
		if (a->balance.known && a->balance_read_at && now - a->balance_read_at < BALANCE_FRESH) {
			open_window(m, a, true);
			return FOREVER;
		}
		if (a->balance_at && now - a->balance_at < SECOND)
			return a->balance_at + SECOND;
	} else if (count_due(a, now) <= now) {
		/* Asked below. */
	} else if (window_over(a, now, &when)) {
		if (now < again && a->balance_at >= when)
			return instant_min(again, count_due(a, now));
	} else {
		return instant_min(when, count_due(a, now));
	}
	a->balance_busy = true;
	actions_add(out, ACTION_BALANCE, a->object.id);
	return FOREVER;
}

/* What is settled and old needs no listing any more; late arrivals are watched until then. */
static void forget_settled(const struct model *m, struct account_state *a, instant now)
{
	list_for_each_safe(n, &a->instance_list) {
		struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (i->state == INSTANCE_GONE && i->settled && now > i->gone + m->policy.late_watch)
			list_remove(n);
	}
}

void account_decide(struct model *m, struct account_state *a, instant now, struct actions *out)
{
	instant due;

	if (!a->configured || a->facts.local)
		return;
	forget_settled(m, a, now);
	if (a->window_since && !a->window_balance_known && !a->live) {
		a->window_since = 0; /* opened without knowing the balance: nothing can be learned from its end */
		core_dirty(m, &a->object);
	}
	core_wake(m, &a->object, decide_balance(a, m, now, out));
	core_wake(m, &a->object, charges_decide(m, a, now, out));
	core_wake(m, &a->object, storage_decide_account(m, a, now, out));
	if (a->list_busy)
		return;
	due = a->list_retry_at ? a->list_retry_at : a->listed_at + list_interval(m, a, now);
	if (a->lists_wanted && !a->list_retry_at)
		due = now;
	if (now < due) {
		core_wake(m, &a->object, due);
		return;
	}
	a->list_busy = true;
	actions_add(out, ACTION_LIST, a->object.id);
}
