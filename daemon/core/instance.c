/*
 * An instance: from the order to the proof that it is gone (reliability §2.4–§2.8).
 *
 *	PLANNED - DISPATCHING - BOOTING - CONNECTING - READY = BUSY - DRAINING
 *	               |            |          |         |      |        |
 *	           AMBIGUOUS        +----------+---------+------+-----DELETING - GONE
 *
 * It rests in AMBIGUOUS, BOOTING and DELETING waiting for listings (listing.c), in CONNECTING for SSH, in READY for work.
 * Here are its moves and what is decided about it; what was said about it is taken in by evidence.c.
 */
#include "base/str.h"
#include "base/mutant.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/ledger.h"
#include "core/mark.h"

#define DESTROY_AGAIN    (30 * SECOND) /* accepted but still there: ask again */
#define ORPHANS_AT_ONCE  3            /* or a fifth of what is known, in one sweep */
#define DRAIN_LIMIT      (10 * MINUTE)
#define PLAN_KEEPS       (10 * MINUTE) /* an order that could not leave by then is made anew */
#define SEEN_LATELY      MINUTE        /* a sighting that spares the look before a delete */

struct account_state *account_of(const struct model *m, const struct instance *i)
{
	struct account_state *a = model_account(m, i->account);

	if (!a)
		BUG("instance %lld belongs to unknown account '%s'", (long long)i->object.id, i->account);
	return a;
}

void instance_touch_around(struct model *m, struct instance *i)
{
	struct fleet *f = model_fleet(m, i->fleet_id);
	struct run *r = model_run(m, i->run_id);

	core_touch(m, &i->object);
	if (f)
		core_touch(m, &f->object);
	if (r)
		core_touch(m, &r->object);
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
		i->metered = cost_until(&a->facts, i, i->meter_end);
		i->hold = 0;
		a->live--;
		extra_account_changed(m, a, model_fleet(m, i->fleet_id));
		storage_released(m, i);
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
	if (moved) {
		enter(m, i);
		night_of_fleet_changed(m, model_fleet(m, i->fleet_id));
	}
	instance_touch_around(m, i);
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
	str_copy(row.host, o->host);
	row.disk_gb = facts->takes_disk && f->disk_gb ? f->disk_gb : o->disk_gb;
	row.spot = o->spot;
	row.marketplace = o->marketplace;
	row.price_hour = o->price_hour;
	row.minimum_charge = o->minimum_charge;
	if (*f->volume)
		row.volume_id = model_storage(m, EXTRA_VOLUME, f->volume)->object.id; /* storage_fits() */
	if (*f->snapshot)
		row.snapshot_id = model_storage(m, EXTRA_SNAPSHOT, f->snapshot)->object.id;
	row.planned = m->now;
	row.traffic_hold = cost_traffic_hold(facts, o);
	row.hold = cost_hold_offer(facts, o, lifetime); /* pays until the deadline */
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
	i->retry_at = 0; /* whoever asked is waiting; a look at the machine can be later */
	core_dirty(m, &i->object);
	core_touch(m, &i->object);
}

/* ---- decisions ---- */

static void act(struct instance *i, enum activity what, struct actions *out, enum action_kind kind)
{
	i->activity = what;
	actions_add(out, kind, i->object.id);
}

static void decide_planned(struct model *m, struct instance *i, struct account_state *a, struct actions *out)
{
	const struct fleet *f = model_fleet(m, i->fleet_id);
	const struct extra *key = model_key_at(m, i->account, f && f->own_key ? i->fleet_id : 0);

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
	if (a->denied) { /* H14: creates stop, deletes go on */
		instance_move(m, i, INSTANCE_EV_STOP, CAUSE_DENIED, NULL, "%s does not accept our credentials at present", i->account);
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
	extra_key_wanted(m, a, f);
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

/* Until when a run that nobody can reach may be going on; the end of its fleet comes first. */
static instant may_run_until(const struct model *m, const struct run *r)
{
	duration limit = r->state == RUN_SETUP ? r->setup_timeout : r->run_timeout;
	instant since = r->state == RUN_SETUP ? r->started : r->run_started;

	return limit && since ? since + limit + m->policy.contact_lost : FOREVER;
}

/* READY and BUSY: keep contact. Only while the provider answers is silence the machine's fault (architecture §5). */
static instant decide_contact(struct model *m, struct instance *i, struct account_state *a, instant now, struct actions *out)
{
	struct run *r = model_run(m, i->run_id);
	bool provider_answers = a->facts.local || now - a->listed_at < m->policy.contact_lost;
	bool may_finish = m->policy.finish_lost && i->state == INSTANCE_BUSY && r && now < may_run_until(m, r);

	if (*i->new_mark && !i->activity && now >= i->retry_at) {
		act(i, ACTIVITY_MARK, out, ACTION_MARK);
		return now + m->policy.poll_steady;
	}
	if (provider_answers && !may_finish && i->last_contact && i->tries > 1 && now - i->last_contact > m->policy.contact_lost) {
		instance_move(m, i, INSTANCE_EV_LOST, CAUSE_LOST, NULL, "no contact by SSH although the provider shows it running");
		if (r)
			run_machine_lost(m, r, "the machine does not answer any more");
		return FOREVER;
	}
	if (i->activity)
		return FOREVER;
	if (now < i->retry_at)
		return i->retry_at;
	if (i->state == INSTANCE_BUSY && r && now - i->last_contact < m->policy.poll_steady && !i->tries && !lease_due(m, i, now))
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

/*
 * Orphans end few at a time, so that a mistake of ours (a restored database, a copied key) shows before it is complete
 * (reliability §2.9). Those behind their deadline wait for nobody. Returns when to ask again; 0: now.
 */
static instant orphan_turn(struct model *m, const struct instance *i, struct account_state *a, instant now)
{
	int limit = a->live / 5 > ORPHANS_AT_ONCE ? a->live / 5 : ORPHANS_AT_ONCE;

	if (i->cause != CAUSE_ORPHAN || i->delete_sent || (i->deadline && i->deadline <= now))
		return 0;
	if (now - a->orphan_window >= m->policy.poll_sweep || now < a->orphan_window) {
		a->orphan_window = now;
		a->orphan_deletes = 0;
	}
	if (a->orphan_deletes < limit) {
		a->orphan_deletes++;
		return 0;
	}
	if (a->orphan_deletes++ == limit)
		core_event(m, &a->object, "", "limit", "", CAUSE_ORPHAN, NULL,
		    "%s: %d machines that nobody knows were deleted in one sweep; the others wait for the next", a->facts.name, limit);
	return a->orphan_window + m->policy.poll_sweep;
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
		instant turn;

		/* Look first: an id may belong to somebody else by now. A failed look does not hold the delete up for long. */
		if (!i->delete_sent && !i->describe_absent && i->tries == 0 && i->marked && now - i->last_seen > SEEN_LATELY) {
			act(i, ACTIVITY_DESCRIBE, out, ACTION_DESCRIBE);
			return FOREVER;
		}
		turn = orphan_turn(m, i, a, now);
		if (turn)
			return turn;
		if (i->volume_id && i->ready_at && !i->released && !i->delete_sent && i->cause != CAUSE_LOST) {
			act(i, ACTIVITY_RELEASE, out, ACTION_RELEASE);
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
		i->gap = GAP_NO_RECORD;
		core_event(m, &i->object, "GONE", "unbilled", "GONE", CAUSE_NONE, NULL, "no bill of it came; the metered cost stands");
		core_dirty(m, &i->object);
		instance_touch_around(m, i);
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
	/* The day is booked at its end, whatever else happens. */
	if (now >= ledger_due(i))
		core_dirty(m, &i->object);
	else
		wake = instant_min(wake, ledger_due(i));
	core_wake(m, &i->object, wake);
}
