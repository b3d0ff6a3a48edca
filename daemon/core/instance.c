/*
 * An instance: from the order to the proof that it is gone (reliability §2.4–§2.8).
 *
 *	PLANNED - DISPATCHING - BOOTING - CONNECTING - READY = BUSY - DRAINING
 *	               |            |          |         |      |        |
 *	           AMBIGUOUS        +----------+---------+------+-----DELETING - GONE
 *
 * It rests in AMBIGUOUS, BOOTING and DELETING waiting for listings (listing.c), in CONNECTING for SSH, in READY for work.
 */
#include "base/str.h"
#include "base/mutant.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/mark.h"
#include "core/place.h"

#define AUTH_TRIES       8            /* keys may arrive late at a fresh machine, but not for ever */
#define MARK_TRIES       6
#define CLEAN_TRIES      3
#define BILL_TRIES_FAST  6
#define DESTROY_AGAIN    (30 * SECOND) /* accepted but still there: ask again */
#define DRAIN_LIMIT      (10 * MINUTE)
#define PLAN_KEEPS       (10 * MINUTE) /* an order that could not leave by then is made anew */
#define RETRY_CREATE     (10 * SECOND) /* a provider in passing trouble is not asked again sooner */
#define SEEN_LATELY      MINUTE        /* a sighting that spares the look before a delete */
#define NO_BILL_AFTER    4            /* settle delays without a charge: what failed to start was not charged */
#define CONNECT_BACKOFF  (10 * SECOND)
#define DESTROY_BACKOFF  (5 * MINUTE)

struct account_state *account_of(const struct model *m, const struct instance *i)
{
	struct account_state *a = model_account(m, i->account);

	if (!a)
		BUG("instance %lld belongs to unknown account '%s'", (long long)i->object.id, i->account);
	return a;
}

static void touch_around(struct model *m, struct instance *i)
{
	struct fleet *f = model_fleet(m, i->fleet_id);
	struct run *r = model_run(m, i->run_id);

	core_touch(m, &i->object);
	if (f)
		core_touch(m, &f->object);
	if (r)
		core_touch(m, &r->object);
}

/* The answer to `what` is here. It may be late: a delete overtakes a connection or a rename that is under way. */
static void answered(struct instance *i, enum activity what)
{
	if (i->activity == what)
		i->activity = ACTIVITY_NONE;
}

static void enter(struct model *m, struct instance *i)
{
	struct account_state *a = account_of(m, i);

	i->tries = 0;
	i->retry_at = 0;
	switch (i->state) {
	case INSTANCE_BOOTING:
		if (!i->created)
			i->created = m->now;
		if (a->facts.billing.start == METER_FROM_CREATE && !i->meter_start)
			i->meter_start = i->sent;
		break;
	case INSTANCE_CONNECTING:
		i->running_at = m->now;
		if (!i->meter_start)
			i->meter_start = m->now;
		break;
	case INSTANCE_READY:
		if (!i->ready_at)
			i->ready_at = m->now;
		break;
	case INSTANCE_DELETING:
		i->activity = ACTIVITY_NONE;
		i->deleting_at = m->now;
		i->absent_listings = 0;
		i->describe_absent = false;
		break;
	case INSTANCE_GONE:
		i->gone = m->now;
		if (!i->meter_end)
			i->meter_end = m->now;
		i->metered = cost_metered(&a->facts.billing, i->price_hour, i->minimum_charge, i->meter_start, i->meter_end);
		i->hold = 0;
		a->live--;
		extra_account_changed(m, a);
		if (!i->provider_id[0] || a->facts.local) {
			/* Nothing was ever made, or nobody sends a bill: what we metered is the bill. */
			i->settled = m->now;
			i->billed = i->metered;
			i->billed_known = true;
		}
		break;
	case INSTANCE_PLANNED:
	case INSTANCE_DISPATCHING:
	case INSTANCE_AMBIGUOUS:
	case INSTANCE_BUSY:
	case INSTANCE_DRAINING:
	case INSTANCE_STATES: break;
	}
	if (a->create_lock == i->object.id && (i->state == INSTANCE_GONE || i->state == INSTANCE_DELETING)) {
		a->create_lock = 0;
		account_touch_instances(m, a, INSTANCE_PLANNED);
	}
	core_touch(m, &a->object);
}

bool instance_move(struct model *m, struct instance *i, enum instance_event ev, enum cause cause, const char *actor,
    const char *fmt, ...)
{
	int next = fsm_next(&instance_fsm, (int)i->state, (int)ev);
	const char *from = instance_fsm.state_names[i->state];
	char text[TEXT_MAX];
	va_list ap;
	bool moved;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (next < 0) {
		core_event(m, &i->object, from, instance_fsm.event_names[ev], "illegal", cause, actor, "%s", text);
		return false;
	}
	moved = next != (int)i->state;
	i->state = (enum instance_state)next;
	if (cause && !i->cause) {
		i->cause = cause;
		memcpy(i->reason, text, sizeof(i->reason));
	}
	i->version++;
	core_event(m, &i->object, from, instance_fsm.event_names[ev], instance_fsm.state_names[i->state], cause, actor, "%s", text);
	core_dirty(m, &i->object);
	if (moved)
		enter(m, i);
	touch_around(m, i);
	return true;
}

struct instance *instance_plan(struct model *m, struct fleet *f, int slot, const struct offer *o, duration lifetime)
{
	const struct account_state *a = model_account(m, o->account);
	const struct account_facts *facts = &a->facts;
	struct instance row = { .object.id = m->next_id, .fleet_id = f->object.id, .slot = slot }, *i;
	char price[32], hold[32];

	str_copy(row.account, o->account);
	str_copy(row.provider, o->provider);
	str_copy(row.offer_key, o->key);
	row.offer_spec = xstrdup(o->spec);
	str_copy(row.gpu, o->gpu);
	row.gpu_count = o->gpu_count;
	str_copy(row.region, o->region);
	row.spot = o->spot;
	row.marketplace = o->marketplace;
	row.price_hour = o->price_hour;
	row.minimum_charge = o->minimum_charge;
	row.planned = m->now;
	row.hold = cost_hold(facts, o->price_hour, o->minimum_charge, lifetime); /* pays until the deadline */
	row.deadline = m->now + facts->create_timeout + facts->boot_allowance + lifetime + facts->teardown_allowance;
	mark_make(row.mark, m->mark_key, facts->provider, m->site, rng_u64(m->rng), row.deadline);
	i = model_add_instance(m, &row);
	money_format(o->price_hour, price);
	money_format(i->hold, hold);
	core_event(m, &i->object, "", "plan", "PLANNED", CAUSE_NONE, NULL, "%s on %s%s%s for %s/h, %s held", o->key, o->account,
	    *o->region ? " in " : "", o->region, price, hold);
	core_dirty(m, &i->object);
	core_touch(m, &i->object);
	return i;
}

void instance_stop(struct model *m, struct instance *i, enum cause cause, const char *actor, const char *why)
{
	switch (i->state) {
	case INSTANCE_DISPATCHING:
	case INSTANCE_AMBIGUOUS:
		if (!i->stop_requested) {
			i->stop_requested = true;
			instance_move(m, i, INSTANCE_EV_STOP, cause, actor, "%s", why);
		}
		break;
	case INSTANCE_BUSY: {
		struct run *r = model_run(m, i->run_id);

		instance_move(m, i, INSTANCE_EV_STOP, cause, actor, "%s", why);
		if (r)
			run_stop(m, r, cause, actor, why);
		break;
	}
	case INSTANCE_PLANNED:
	case INSTANCE_BOOTING:
	case INSTANCE_CONNECTING:
	case INSTANCE_READY: instance_move(m, i, INSTANCE_EV_STOP, cause, actor, "%s", why); break;
	case INSTANCE_DRAINING:
	case INSTANCE_DELETING:
	case INSTANCE_GONE:
	case INSTANCE_STATES: break;
	}
}

void instance_extend(struct model *m, struct instance *i, instant deadline)
{
	mark_extend(i->new_mark, m->mark_key, i->provider, m->site, i->mark, deadline);
	core_dirty(m, &i->object);
	core_touch(m, &i->object);
}

/* ---- what the provider shows ---- */

static bool ours(const struct model *m, const struct instance *i, const char *mark, struct mark *out)
{
	return mark_read(out, mark, m->mark_key, i->provider, m->site) == MARK_OURS && mark_same_intent(mark, i->mark);
}

bool instance_is_other(const struct model *m, const struct instance *i, const struct machine *seen)
{
	struct mark unused;

	return *seen->mark && i->marked && !ours(m, i, seen->mark, &unused) && !MUTANT("recycled_id_is_ours", false, true);
}

/* What is held pays until the deadline, at the price that is known now. */
static void hold_until(const struct model *m, struct instance *i, instant deadline)
{
	money worst = cost_hold_until(&account_of(m, i)->facts, i, deadline);

	i->hold = worst > i->hold ? worst : i->hold;
}

/* The name at the provider is the truth about the deadline (reliability §2.14 C32). */
static void note_mark(struct model *m, struct instance *i, const char *mark)
{
	struct fleet *f = model_fleet(m, i->fleet_id);
	struct mark seen;

	if (!ours(m, i, mark, &seen))
		return;
	if (!i->marked) {
		struct account_state *a = account_of(m, i);

		i->marked = true;
		core_dirty(m, &i->object);
		if (a->create_lock == i->object.id) {
			a->create_lock = 0;
			account_touch_instances(m, a, INSTANCE_PLANNED);
		}
	}
	if (*i->new_mark && !strcmp(mark, i->new_mark)) {
		str_copy(i->mark, mark);
		i->deadline = seen.deadline;
		hold_until(m, i, i->deadline); /* the price may have moved since the extension was asked for */
		i->new_mark[0] = '\0';
		i->tries = 0;
		core_dirty(m, &i->object);
		if (f)
			core_touch(m, &f->object);
	}
}

/* Providers quote and list with different rounding: only a difference that matters is a new rate. */
static bool same_price(const struct instance *i, money price)
{
	money change = price > i->price_hour ? price - i->price_hour : i->price_hour - price;

	return change < CENT && change * 200 < i->price_hour;
}

/* Made at a higher price than was offered: is it still within what the fleet may spend (H29)? */
static bool affordable(const struct model *m, const struct fleet *f, const struct instance *i, money price)
{
	struct instance dearer = *i;

	if (price <= i->price_hour || same_price(i, price))
		return true;
	dearer.price_hour = price;
	return (!f->max_price || price <= money_times(f->max_price, i->gpu_count)) &&
	       cost_hold_until(&account_of(m, i)->facts, &dearer, i->deadline) - i->hold <= place_money_left(m, f, m->now);
}

static void note_price(struct model *m, struct instance *i, money price)
{
	struct fleet *f = model_fleet(m, i->fleet_id);
	const char *state = instance_fsm.state_names[i->state];
	char was[32], is[32];

	if (same_price(i, price))
		return;
	money_format(i->price_hour, was);
	money_format(price, is);
	core_event(m, &i->object, state, "price", state, CAUSE_NONE, NULL, "the provider now says %s/h, not %s/h", is, was);
	i->price_hour = price;
	hold_until(m, i, i->deadline); /* dearer: the difference is reserved; the fleet's cap ends it when that is too much */
	core_dirty(m, &i->object);
	if (f)
		core_touch(m, &f->object);
}

void instance_seen(struct model *m, struct instance *i, const struct machine *seen)
{
	struct account_state *a = account_of(m, i);

	i->last_seen = m->now;
	i->absent_listings = 0;
	i->first_absent = i->absent_at = 0;
	/* A 404 on a machine that is not visible yet is no proof: it has to be looked at, and deleted, again (§2.8). */
	i->describe_absent = MUTANT("404_stays_proof", false, i->describe_absent);
	if (*seen->mark)
		note_mark(m, i, seen->mark);
	if (*seen->address && (strcmp(i->address, seen->address) != 0 || i->port != seen->port)) {
		str_copy(i->address, seen->address);
		i->port = seen->port;
		core_dirty(m, &i->object);
	}
	if (*seen->user)
		str_copy(i->user, seen->user);
	if (seen->price_hour > 0 && i->state < INSTANCE_DELETING)
		note_price(m, i, seen->price_hour);
	/* Stopped is ended for us: it bills on and has no claim on its GPUs (vastai.md §2.7, runpod.md §4.5). */
	if ((seen->state == MACHINE_ENDED || (seen->state == MACHINE_STOPPED && i->state >= INSTANCE_CONNECTING)) &&
	    i->state < INSTANCE_DELETING && i->state >= INSTANCE_BOOTING) {
		struct run *r = model_run(m, i->run_id);

		instance_move(m, i, INSTANCE_EV_ENDED, i->ready_at ? CAUSE_LOST : CAUSE_BOOT_FAILED, NULL,
		    "the provider says it ended%s%.180s", *seen->note ? ": " : "", seen->note);
		if (r)
			run_machine_lost(m, r, "the provider says that the machine ended");
	} else if (i->state == INSTANCE_BOOTING && seen->state == MACHINE_RUNNING && *i->address && i->port &&
	    (i->marked || a->facts.mark_at_create || a->facts.local || MUTANT("used_without_name", false, true))) {
		instance_move(m, i, INSTANCE_EV_RUNNING, CAUSE_NONE, NULL, "running at %s port %d", i->address, i->port);
	}
	core_touch(m, &i->object);
}

void instance_adopt(struct model *m, struct instance *i, const struct machine *seen)
{
	str_copy(i->provider_id, seen->id);
	instance_move(m, i, INSTANCE_EV_FOUND, CAUSE_NONE, NULL, "found in a listing as %s", seen->id);
	if (i->stop_requested)
		instance_move(m, i, INSTANCE_EV_STOP, i->cause, NULL, "%s", *i->reason ? i->reason : "stop was asked for");
	else
		instance_seen(m, i, seen);
}

/* ---- answers ---- */

static void created(struct model *m, struct instance *i, const struct fact *f)
{
	static const enum cause causes[] = { [VERDICT_REFUSED] = CAUSE_REFUSED, [VERDICT_NO_CAPACITY] = CAUSE_NO_CAPACITY,
		[VERDICT_LIMIT] = CAUSE_LIMIT, [VERDICT_RETRY] = CAUSE_NOT_SENT, [VERDICT_DENIED] = CAUSE_DENIED,
		[VERDICT_UNSURE] = CAUSE_REFUSED, [VERDICT_ABSENT] = CAUSE_NO_CAPACITY };
	struct account_state *a = account_of(m, i);
	struct fleet *fleet = model_fleet(m, i->fleet_id);

	answered(i, ACTIVITY_CREATE);
	if (i->state != INSTANCE_DISPATCHING)
		return;
	if (*f->text) {
		str_copy(i->provider_id, f->text);
		i->marked = a->facts.mark_at_create;
		instance_move(m, i, INSTANCE_EV_CREATED, CAUSE_NONE, NULL, "created as %s", i->provider_id);
		if (f->flag)
			instance_move(m, i, INSTANCE_EV_STOP, CAUSE_NO_CAPACITY, NULL, "made in spite of a failure: %s", f->message);
		else if (i->stop_requested)
			instance_move(m, i, INSTANCE_EV_STOP, i->cause, NULL, "%s", i->reason);
		else if (f->price > 0 && fleet && !affordable(m, fleet, i, f->price))
			instance_move(m, i, INSTANCE_EV_STOP, CAUSE_WRONG_MACHINE, NULL,
			    "it costs more than was offered, and more than may be spent");
		if (f->price > 0)
			note_price(m, i, f->price);
		if (f->machine_count && i->state == INSTANCE_BOOTING)
			instance_seen(m, i, &f->machines[0]); /* a host that is there already */
	} else if (f->verdict == VERDICT_OK || f->verdict == MUTANT("unsure_is_refused", VERDICT_UNSURE, VERDICT_OK) ||
	    f->verdict == VERDICT_MORE) {
		instance_move(m, i, INSTANCE_EV_UNSURE, CAUSE_NONE, NULL, "no definite answer: %s", f->message);
	} else {
		instance_move(m, i, INSTANCE_EV_REFUSED, causes[f->verdict], NULL, "%s", f->message);
		if (f->verdict == VERDICT_RETRY && fleet)
			fleet->place_retry_at = m->now + (f->retry_after ? f->retry_after : RETRY_CREATE);
	}
	core_touch(m, &a->object);
}

/* Read before a delete, and after it as proof. */
static void described(struct model *m, struct instance *i, const struct fact *f)
{
	answered(i, ACTIVITY_DESCRIBE);
	if (f->verdict == VERDICT_ABSENT) {
		if (i->state == INSTANCE_DELETING) {
			i->describe_absent = true;
			if (!i->meter_end)
				i->meter_end = i->last_seen ? i->last_seen : m->now;
			core_dirty(m, &i->object);
		}
	} else if (f->verdict == VERDICT_OK && f->machine_count && instance_is_other(m, i, &f->machines[0])) {
		/* Ids and names may be given to another machine: what carries another mark is not ours to touch (H41). */
		core_event(m, &i->object, instance_fsm.state_names[i->state], "foreign", "", CAUSE_NONE, NULL,
		    "%s now carries another name; it is left alone", i->provider_id);
		if (i->state == INSTANCE_DELETING)
			i->describe_absent = i->delete_accepted = true; /* nothing of ours is left under this id */
		core_dirty(m, &i->object);
	} else if (f->verdict == VERDICT_OK && f->machine_count && i->state == INSTANCE_DELETING) {
		i->last_seen = m->now;
		i->describe_absent = f->machines[0].over && i->delete_accepted;
	} else if (f->verdict == VERDICT_OK && f->machine_count) {
		instance_seen(m, i, &f->machines[0]);
	} else {
		i->tries++;
		i->retry_at = m->now + core_backoff(i->tries, 30 * SECOND);
	}
	core_touch(m, &i->object);
}

static void destroyed(struct model *m, struct instance *i, const struct fact *f)
{
	answered(i, ACTIVITY_DESTROY);
	i->delete_sent = m->now;
	i->tries++;
	if (f->verdict == VERDICT_OK || f->verdict == VERDICT_ABSENT) {
		if (!i->delete_accepted)
			core_event(m, &i->object, "DELETING", "accepted", "DELETING", CAUSE_NONE, NULL,
			    f->verdict == VERDICT_OK ? "the provider took the delete" : "the provider says it is not there");
		i->delete_accepted = true;
		if (f->verdict == VERDICT_ABSENT ? MUTANT("404_is_gone", false, true) : MUTANT("accepted_is_gone", false, true))
			instance_move(m, i, INSTANCE_EV_GONE, CAUSE_NONE, NULL, "the provider said so once");
		i->meter_end = m->now; /* of the last one: an earlier one did nothing */
		i->retry_at = m->now + m->policy.poll_boot;
	} else {
		duration wait = f->retry_after ? f->retry_after : core_backoff(i->tries + 2, DESTROY_BACKOFF);

		i->retry_at = m->now + wait;
		core_event(m, &i->object, "DELETING", f->verdict == VERDICT_DENIED ? "denied" : "retry", "DELETING", CAUSE_NONE, NULL,
		    "delete not taken (%s): %s", verdict_name(f->verdict), f->message);
	}
	core_dirty(m, &i->object);
	touch_around(m, i);
}

static void marked(struct model *m, struct instance *i, const struct fact *f)
{
	struct fleet *fleet = model_fleet(m, i->fleet_id);

	bool perhaps = f->verdict == VERDICT_OK || f->verdict == VERDICT_RETRY || f->verdict == VERDICT_UNSURE;

	answered(i, ACTIVITY_MARK);
	if (i->state >= INSTANCE_DELETING)
		return;
	i->tries++;
	i->retry_at = m->now + core_backoff(i->tries, 30 * SECOND);
	if (*i->new_mark && fleet && (!perhaps || i->tries > MARK_TRIES)) {
		/* An extension that cannot be confirmed is refused: the old deadline stays (reliability §2.3). */
		snprintf(fleet->extend_error, sizeof(fleet->extend_error), "the provider did not take the new deadline: %.180s",
		    *f->message ? f->message : verdict_name(f->verdict));
		i->new_mark[0] = '\0';
		i->hold = cost_hold_until(&account_of(m, i)->facts, i, i->deadline);
		fleet->extend_to = 0;
		fleet->version++;
		core_event(m, &fleet->object, "OPEN", "extend_refused", "OPEN", CAUSE_NONE, NULL, "%s", fleet->extend_error);
		core_dirty(m, &fleet->object);
		core_dirty(m, &i->object);
	}
	core_touch(m, &i->object);
}

static bool right_machine(const struct instance *i, const struct fact_probe *p)
{
	if (!p->gpu_count)
		return true; /* no vendor tool on the machine: cannot be verified here, gpu-check does */
	return p->gpu_count == i->gpu_count && (!*p->gpu || str_ieq(p->gpu, i->gpu) || str_istarts(p->gpu, i->gpu) ||
	    str_istarts(i->gpu, p->gpu));
}

static void connected(struct model *m, struct instance *i, const struct fact *f)
{
	bool first = i->state == INSTANCE_CONNECTING;
	struct run *r = model_run(m, i->run_id);

	answered(i, ACTIVITY_CONNECT);
	if (i->state < INSTANCE_CONNECTING || i->state >= INSTANCE_DELETING)
		return;
	if (f->contact == SSH_OK) {
		i->tries = 0;
		i->last_contact = m->now;
		i->retry_at = m->now + m->policy.poll_steady;
		if (first && !*i->host_key)
			str_copy(i->host_key, f->text);
		if (f->probe) {
			str_copy(i->boot_id, f->probe->boot_id);
			str_copy(i->seen_gpu, f->probe->gpu);
			i->seen_gpu_count = f->probe->gpu_count;
			i->docker = f->probe->docker;
		}
		if (first && f->probe && !right_machine(i, f->probe))
			instance_move(m, i, INSTANCE_EV_WRONG, CAUSE_WRONG_MACHINE, NULL, "ordered %s:%d, got %s:%d", i->gpu,
			    i->gpu_count, f->probe->gpu, f->probe->gpu_count);
		else if (first)
			instance_move(m, i, INSTANCE_EV_REACHABLE, CAUSE_NONE, NULL, "SSH answers, %s:%d",
			    i->seen_gpu_count ? i->seen_gpu : i->gpu, i->seen_gpu_count ? i->seen_gpu_count : i->gpu_count);
		else if (f->probe && f->probe->in_use && model_fleet(m, i->fleet_id) && model_fleet(m, i->fleet_id)->idle_since)
			model_fleet(m, i->fleet_id)->idle_since = m->now;
		core_dirty(m, &i->object);
		touch_around(m, i);
		return;
	}
	i->tries++;
	i->retry_at = m->now + core_backoff(i->tries, CONNECT_BACKOFF);
	core_touch(m, &i->object);
	if (f->contact == SSH_HOST_KEY && i->state >= INSTANCE_CONNECTING && i->state <= INSTANCE_BUSY) {
		instance_move(m, i, first ? INSTANCE_EV_WRONG : INSTANCE_EV_LOST, CAUSE_HOST_KEY, NULL,
		    "the SSH host key is not the one seen before; nothing was sent");
		if (r)
			run_machine_lost(m, r, "the SSH host key of the machine changed");
	} else if (first && f->contact == SSH_AUTH && i->tries >= AUTH_TRIES) {
		instance_move(m, i, INSTANCE_EV_TIMEOUT, CAUSE_SSH_AUTH, NULL, "SSH refused our key %d times: %s", i->tries, f->message);
	}
}

/* A machine that came back after it was gone has two rows: each charge is booked on one of them. */
static money not_booked_yet(const struct model *m, const struct instance *i, money bill)
{
	const struct instance *other;
	size_t at = 0;

	while ((other = model_each(&m->instances, &at)))
		if (other != i && !strcmp(other->provider_id, i->provider_id) && !strcmp(other->account, i->account))
			bill -= other->billed;
	return bill > 0 ? bill : 0;
}

static void billed(struct model *m, struct instance *i, const struct fact *f)
{
	money bill = MUTANT("booked_twice", not_booked_yet(m, i, f->price), f->price);
	bool same = i->billed_known && i->billed == bill;

	answered(i, ACTIVITY_BILL);
	i->tries++;
	i->retry_at = m->now + m->policy.bill_poll;
	if (f->verdict != VERDICT_OK) {
		i->retry_at = m->now + core_backoff(i->tries, 10 * MINUTE);
	} else if (bill > 0 || i->metered == 0 ||
	    m->now >= i->gone + NO_BILL_AFTER * account_of(m, i)->facts.billing.settle_delay) {
		i->billed = bill;
		i->billed_known = true;
		i->billed_at = m->now;
		core_dirty(m, &i->object);
		/* Final when two readings agree, the second of them late enough for the provider to have written everything. */
		if (MUTANT("first_bill_is_final", same && m->now >= i->gone + account_of(m, i)->facts.billing.settle_delay, true)) {
			char record[32], meter[32];

			i->settled = m->now;
			money_format(i->billed, record);
			money_format(i->metered, meter);
			core_event(m, &i->object, "GONE", "settled", "GONE", CAUSE_NONE, NULL, "billed %s, metered %s", record, meter);
		}
	}
	touch_around(m, i);
}

static void cleaned(struct model *m, struct instance *i, const struct fact *f)
{
	answered(i, ACTIVITY_CLEAN);
	if (i->state != INSTANCE_DELETING)
		return;
	if (f->contact == SSH_OK || ++i->tries >= CLEAN_TRIES)
		instance_move(m, i, INSTANCE_EV_GONE, CAUSE_NONE, NULL,
		    f->contact == SSH_OK ? "returned and cleaned" : "returned; it could not be reached for cleaning");
	else
		i->retry_at = m->now + core_backoff(i->tries, 10 * SECOND);
	core_touch(m, &i->object);
}

void instance_apply(struct model *m, struct fact *f)
{
	struct instance *i = model_instance(m, f->id);

	if (!i)
		return;
	switch ((int)f->kind) {
	case FACT_CREATED: created(m, i, f); break;
	case FACT_DESCRIBED: described(m, i, f); break;
	case FACT_DESTROYED: destroyed(m, i, f); break;
	case FACT_MARKED: marked(m, i, f); break;
	case FACT_CONNECTED: connected(m, i, f); break;
	case FACT_BILLED: billed(m, i, f); break;
	case FACT_CLEANED: cleaned(m, i, f); break;
	default: BUG("fact %d is not about an instance", (int)f->kind);
	}
}

/* ---- decisions ---- */

static void act(struct instance *i, enum activity what, struct actions *out, enum action_kind kind)
{
	i->activity = what;
	actions_add(out, kind, i->object.id);
}

static void decide_planned(struct model *m, struct instance *i, struct account_state *a, struct actions *out)
{
	const struct extra *key = model_extra_at(m, i->account, EXTRA_KEY);

	/* The plan and its hold must be on disk in a transaction of their own before anything else happens (§2.4). */
	if (i->object.dirty) {
		core_wake(m, &i->object, m->now + 1);
		return;
	}
	if (m->closing)
		return;
	if (m->now >= i->planned + PLAN_KEEPS) {
		instance_move(m, i, INSTANCE_EV_STOP, CAUSE_NOT_SENT, NULL, "planned too long ago: its price and its deadline are stale");
		return;
	}
	core_wake(m, &i->object, i->planned + PLAN_KEEPS);
	if (key && key->state == EXTRA_DELETING)
		return; /* a key that is just being taken away cannot be named in an order; its end touches us */
	if (!a->facts.bill_by_machine && !a->facts.local && !a->window_since) {
		/* The bill will be a movement of the balance: know it before the first machine. account_decide asks. */
		core_touch(m, &a->object);
		return;
	}
	if (a->facts.single_flight) {
		if (a->create_lock && a->create_lock != i->object.id)
			return;
		if (!a->create_lock) {
			a->create_lock = i->object.id;
			a->lists_wanted++;
			core_touch(m, &a->object);
		}
		if (!i->snapshot)
			return; /* the next complete listing fills it and touches us */
	}
	i->sent = m->now;
	extra_key_wanted(m, a);
	instance_move(m, i, INSTANCE_EV_DISPATCH, CAUSE_NONE, NULL, "asking %s for %s", i->account, i->offer_key);
	act(i, ACTIVITY_CREATE, out, ACTION_CREATE);
}

static instant decide_booting(struct model *m, struct instance *i, struct account_state *a, instant now, struct actions *out)
{
	instant limit = MUTANT("boots_for_ever", i->created + a->facts.boot_allowance, FOREVER);

	if (now >= limit) {
		instance_move(m, i, INSTANCE_EV_TIMEOUT, i->state == INSTANCE_BOOTING ? CAUSE_BOOT_TIMEOUT : CAUSE_SSH_TIMEOUT, NULL,
		    i->state == INSTANCE_BOOTING ? "not running in time" : "SSH did not answer in time");
		return FOREVER;
	}
	if (i->state == INSTANCE_BOOTING && !i->marked && !a->facts.mark_at_create && !a->facts.local &&
	    !MUTANT("used_without_name", false, true)) {
		if (i->activity || now < i->retry_at)
			return instant_min(limit, i->retry_at > now ? i->retry_at : limit);
		if (i->tries > MARK_TRIES) {
			instance_move(m, i, INSTANCE_EV_TIMEOUT, CAUSE_BOOT_FAILED, NULL, "our name could not be put on it");
			return FOREVER;
		}
		act(i, ACTIVITY_MARK, out, ACTION_MARK);
		return limit;
	}
	if (i->state == INSTANCE_BOOTING && a->facts.local && !i->activity) {
		if (now < i->retry_at)
			return instant_min(limit, i->retry_at);
		act(i, ACTIVITY_DESCRIBE, out, ACTION_DESCRIBE); /* no listing tells where a host of one's own is */
		return limit;
	}
	if (i->state == INSTANCE_CONNECTING) {
		if (i->activity)
			return limit;
		if (now < i->retry_at)
			return instant_min(limit, i->retry_at);
		act(i, ACTIVITY_CONNECT, out, ACTION_CONNECT);
	}
	return limit;
}

/* READY and BUSY: keep contact. Only while the provider answers is silence the machine's fault (architecture §5). */
static instant decide_contact(struct model *m, struct instance *i, struct account_state *a, instant now, struct actions *out)
{
	struct run *r = model_run(m, i->run_id);
	bool provider_answers = a->facts.local || now - a->listed_at < m->policy.contact_lost;

	if (*i->new_mark && !i->activity && now >= i->retry_at) {
		act(i, ACTIVITY_MARK, out, ACTION_MARK);
		return now + m->policy.poll_steady;
	}
	if (provider_answers && i->last_contact && i->tries > 1 && now - i->last_contact > m->policy.contact_lost) {
		instance_move(m, i, INSTANCE_EV_LOST, CAUSE_LOST, NULL, "no contact by SSH although the provider shows it running");
		if (r)
			run_machine_lost(m, r, "the machine does not answer any more");
		return FOREVER;
	}
	if (i->activity)
		return FOREVER;
	if (now < i->retry_at)
		return i->retry_at;
	if (i->state == INSTANCE_BUSY && r && now - i->last_contact < m->policy.poll_steady && !i->tries)
		return i->last_contact + m->policy.poll_steady; /* polling the run is contact enough */
	act(i, ACTIVITY_CONNECT, out, ACTION_CONNECT);
	return FOREVER;
}

static instant believable_from(const struct model *m, const struct instance *i, const struct account_state *a)
{
	return i->sent + (a->facts.single_flight ? m->policy.settle_single_flight : m->policy.settle);
}

/* Nobody may have meant to end what the database does not know: people get a while to say so, and a restart does not shorten it. */
static instant grace_end(const struct model *m, const struct instance *i)
{
	if (i->cause != CAUSE_ORPHAN || i->delete_sent || (i->deadline && i->deadline <= m->now))
		return 0;
	return i->deleting_at + (i->marked ? m->policy.orphan_grace : 2 * m->policy.orphan_grace);
}

static instant decide_deleting(struct model *m, struct instance *i, struct account_state *a, instant now, struct actions *out)
{
	if (i->activity || (i->tries > 5 && MUTANT("delete_gives_up", false, true)))
		return FOREVER;
	if (a->facts.local) {
		if (now < i->retry_at)
			return i->retry_at;
		act(i, ACTIVITY_CLEAN, out, ACTION_CLEAN);
		return FOREVER;
	}
	if (i->describe_absent && i->absent_listings >= MUTANT("gone_unlisted", m->policy.gone_listings, 0)) {
		/* What was never shown yet may only not be visible yet: absence says nothing before the settling time (§2.7). */
		if (!i->last_seen && now < believable_from(m, i, a))
			return believable_from(m, i, a);
		instance_move(m, i, INSTANCE_EV_GONE, CAUSE_NONE, NULL, "absent in %d listings and on request", i->absent_listings);
		actions_add(out, ACTION_DISCONNECT, i->object.id);
		return FOREVER;
	}
	if (now < i->retry_at)
		return i->retry_at;
	if (now < grace_end(m, i))
		return grace_end(m, i);
	if (!i->delete_accepted) {
		/* Look first: an id may belong to somebody else by now. A failed look does not hold the delete up for long. */
		if (!i->delete_sent && !i->describe_absent && i->tries == 0 && i->marked && now - i->last_seen > SEEN_LATELY) {
			act(i, ACTIVITY_DESCRIBE, out, ACTION_DESCRIBE);
			return FOREVER;
		}
		act(i, ACTIVITY_DESTROY, out, ACTION_DESTROY);
		return FOREVER;
	}
	if (!i->describe_absent) {
		act(i, ACTIVITY_DESCRIBE, out, ACTION_DESCRIBE);
		i->retry_at = now + m->policy.poll_boot;
		/* Taken long ago and still there: say it again. */
		if (!MUTANT("delete_said_once", false, true) && now - i->delete_sent > DESTROY_AGAIN &&
		    i->last_seen > i->delete_sent + DESTROY_AGAIN / 2) {
			i->activity = ACTIVITY_DESTROY;
			out->items[out->count - 1].kind = ACTION_DESTROY;
		}
		return FOREVER;
	}
	return now + m->policy.gone_spacing; /* waiting for listings */
}

static instant decide_gone(struct model *m, struct instance *i, struct account_state *a, instant now, struct actions *out)
{
	if (i->settled || i->activity)
		return FOREVER;
	if (now > i->gone + m->policy.bill_watch) {
		/* No record ever came, or none that can be told apart: what we metered is left to stand. */
		i->settled = now;
		core_event(m, &i->object, "GONE", "unbilled", "GONE", CAUSE_NONE, NULL, "no bill of it came; the metered cost stands");
		core_dirty(m, &i->object);
		touch_around(m, i);
		return FOREVER;
	}
	if (!a->facts.bill_by_machine) {
		core_touch(m, &a->object); /* settled by the account's balance */
		return i->gone + m->policy.bill_watch + 1;
	}
	if (now < i->retry_at)
		return i->retry_at;
	act(i, ACTIVITY_BILL, out, ACTION_BILL);
	return FOREVER;
}

/* A stopped run saves its results here, for a while and never past the deadline. */
static instant decide_draining(struct model *m, struct instance *i, instant now)
{
	struct run *r = model_run(m, i->run_id);

	if (!r || r->state == RUN_DONE) {
		instance_move(m, i, INSTANCE_EV_RELEASED, CAUSE_NONE, NULL, "its run has ended");
		return FOREVER;
	}
	if (!i->drain_until)
		i->drain_until = instant_min(now + DRAIN_LIMIT, i->deadline ? i->deadline : FOREVER);
	if (now < i->drain_until)
		return i->drain_until;
	instance_move(m, i, INSTANCE_EV_TIMEOUT, CAUSE_NONE, NULL, "its run did not end in time");
	run_machine_lost(m, r, "its results could not be saved in time");
	return FOREVER;
}

void instance_decide(struct model *m, struct instance *i, instant now, struct actions *out)
{
	struct account_state *a = account_of(m, i);
	instant wake = FOREVER;

	switch (i->state) {
	case INSTANCE_PLANNED: decide_planned(m, i, a, out); break;
	case INSTANCE_DISPATCHING: break;
	case INSTANCE_AMBIGUOUS: core_touch(m, &a->object); break;
	case INSTANCE_BOOTING:
	case INSTANCE_CONNECTING: wake = decide_booting(m, i, a, now, out); break;
	case INSTANCE_READY:
	case INSTANCE_BUSY: wake = decide_contact(m, i, a, now, out); break;
	case INSTANCE_DRAINING:
		wake = decide_draining(m, i, now);
		break;
	case INSTANCE_DELETING: wake = decide_deleting(m, i, a, now, out); break;
	case INSTANCE_GONE: wake = decide_gone(m, i, a, now, out); break;
	case INSTANCE_STATES: break;
	}
	core_wake(m, &i->object, wake);
}
