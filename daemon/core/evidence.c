/*
 * What was said about an instance: sightings in listings and look-ups, answers to what was asked of it, contact by SSH, bills.
 */
#include "base/mutant.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/ledger.h"
#include "core/mark.h"
#include "core/place.h"

#define AUTH_TRIES       8            /* keys may arrive late at a fresh machine, but not for ever */
#define CLEAN_TRIES      3
#define RETRY_CREATE     (10 * SECOND) /* a provider in passing trouble is not asked again sooner */
#define NO_BILL_AFTER    4            /* settle delays without a charge: what failed to start was not charged */
#define CONNECT_BACKOFF  (10 * SECOND)
#define DESTROY_BACKOFF  (5 * MINUTE)
#define DESTROY_URGENT   (15 * MINUTE) /* for so long it is said each minute at least, however long a provider asks to wait: the machine
					* bills meanwhile; call.c keeps to the published pace */

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
	struct payer p = payer_of_instance(m, i);
	struct instance dearer = *i;
	char why[TEXT_MAX];
	money more, left;

	if (price <= i->price_hour || same_price(i, price))
		return true;
	dearer.price_hour = price;
	more = cost_hold_until(&account_of(m, i)->facts, &dearer, i->deadline) - i->hold;
	return (!f->max_price || price <= money_times(f->max_price, i->gpu_count)) &&
	       more <= place_money_left(m, f, m->now) && budgets_admit(m, &p, more, m->now, &left, why);
}

static void note_price(struct model *m, struct instance *i, money price)
{
	struct fleet *f = model_fleet(m, i->fleet_id);
	const char *state = instance_fsm.state_names[i->state];
	char was[32], is[32], why[TEXT_MAX];
	money held, left;
	bool dearer;

	if (same_price(i, price))
		return;
	money_format(i->price_hour, was);
	money_format(price, is);
	core_event(m, &i->object, state, "price", state, CAUSE_NONE, NULL, "the provider now says %s/h, not %s/h", is, was);
	dearer = price > i->price_hour;
	held = i->hold;
	ledger_price(m, i, price);
	/* Dearer: the difference is reserved (H30); the fleet's cap ends it when that is too much, and so does a budget. */
	hold_until(m, i, i->deadline);
	if (dearer && f && i->hold > held) {
		struct payer p = payer_of_instance(m, i);
		money more = i->hold - held;

		i->hold = held;
		if (budgets_admit(m, &p, more, m->now, &left, why))
			i->hold = held + more;
		else
			fleet_close(m, f, CAUSE_MONEY, NULL, "its price rose to %s/h: %.180s", is, why);
	}
	if (f)
		core_touch(m, &f->object);
}

/* The provider counts time up to where it stopped: what a stopped machine costs there (a disk) is cents, and comes with the bill. */
static bool meter_ends_when_stopped(const struct model *m, const struct instance *i)
{
	return i->cause == CAUSE_PREEMPTED && account_of(m, i)->facts.billing.start == METER_FROM_RUNNING;
}

/* A spot machine that stands still without our doing was outbid or taken back: nobody waits for it to come back (vastai.md §2.12). */
static void preempted(struct model *m, struct instance *i, const struct machine *seen)
{
	struct run *r = model_run(m, i->run_id);

	instance_move(m, i, INSTANCE_EV_ENDED, CAUSE_PREEMPTED, NULL, "the provider stopped it, for a higher bid or for its host%s%.140s",
	    *seen->note ? ": " : "", seen->note);
	if (meter_ends_when_stopped(m, i) && !i->meter_end)
		i->meter_end = m->now;
	if (r)
		run_preempted(m, r);
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
	if (*seen->private_address && strcmp(i->private_address, seen->private_address) != 0) {
		str_copy(i->private_address, seen->private_address);
		core_dirty(m, &i->object);
	}
	if (*seen->user)
		str_copy(i->user, seen->user);
	if (seen->price_hour > 0 && i->state < INSTANCE_DELETING)
		note_price(m, i, seen->price_hour);
	if (seen->state == MACHINE_STOPPED && i->spot && i->state >= INSTANCE_BOOTING && i->state < INSTANCE_DELETING) {
		preempted(m, i, seen);
		return;
	}
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

/* The answer to `what` is here. It may be late: a delete overtakes a connection or a rename that is under way. */
static void answered(struct instance *i, enum activity what)
{
	if (i->activity == what)
		i->activity = ACTIVITY_NONE;
}

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
	/* It may have waited for its turn: the meter, and the time in which it must show itself, begin when it left. */
	i->sent = instant_max(i->sent, f->began);
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
		if (!meter_ends_when_stopped(m, i) || !i->meter_end)
			i->meter_end = m->now; /* of the last one: an earlier one did nothing */
		i->retry_at = m->now + m->policy.poll_boot;
	} else {
		duration most = m->now - i->deleting_at < DESTROY_URGENT ? MINUTE : DESTROY_BACKOFF;
		duration wait = f->retry_after ? instant_min(f->retry_after, most) : core_backoff(i->tries + 2, most);

		i->retry_at = m->now + wait;
		core_event(m, &i->object, "DELETING", f->verdict == VERDICT_DENIED ? "denied" : "retry", "DELETING", CAUSE_NONE, NULL,
		    "delete not taken (%s): %s", verdict_name(f->verdict), f->message);
	}
	core_dirty(m, &i->object);
	instance_touch_around(m, i);
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
	if (!p->gpu_count || !i->gpu_count)
		return true; /* no vendor tool on the machine: cannot be verified here, gpu-check does; or nobody knows what was ordered */
	return p->gpu_count == i->gpu_count && (!*p->gpu || str_ieq(p->gpu, i->gpu) || str_istarts(p->gpu, i->gpu) ||
	    str_istarts(i->gpu, p->gpu));
}

void instance_trust(struct model *m, struct fact *f)
{
	struct instance *i = model_instance(m, f->id);
	const char *state;

	if (!i || i->state >= INSTANCE_DELETING) {
		err_set(&f->error, ERR_CONFLICT, "the instance is being given back");
		return;
	}
	f->answer_id = i->fleet_id;
	state = instance_fsm.state_names[i->state];
	if (*i->host_key && i->trust == TRUST_TOFU)
		i->trust = TRUST_OOB;
	else if (!*i->host_key)
		str_copy(i->host_print, f->text);
	i->version++;
	core_event(m, &i->object, state, "trust", state, CAUSE_NONE, f->actor, *i->host_key ? "its host key was compared: %s" :
	    "its host key must be %s", f->text);
	core_dirty(m, &i->object);
}

static void connected(struct model *m, struct instance *i, const struct fact *f)
{
	bool first = i->state == INSTANCE_CONNECTING;
	struct run *r = model_run(m, i->run_id);

	answered(i, ACTIVITY_CONNECT);
	if (i->state < INSTANCE_CONNECTING || i->state >= INSTANCE_DELETING)
		return;
	if (f->contact == SSH_OK && f->flag && i->ready_at) { /* a volume that came later: the machine is as good as before */
		core_event(m, &i->object, instance_fsm.state_names[i->state], "not_mounted", instance_fsm.state_names[i->state], CAUSE_FAILED, NULL, "%s",
		    f->message);
		i->mounted = true; /* nobody tries it over and over; detach and attach do */
		core_touch(m, &i->object);
		return;
	}
	if (f->contact == SSH_OK && f->flag) {
		instance_move(m, i, first ? INSTANCE_EV_WRONG : INSTANCE_EV_LOST, CAUSE_BOOT_FAILED, NULL, "%s", f->message);
		return;
	}
	if (f->contact == SSH_OK) {
		i->mounted |= i->volume_id != 0;
		i->tries = 0;
		i->last_contact = m->now;
		i->retry_at = m->now + m->policy.poll_steady;
		if (first && !*i->host_key) {
			str_copy(i->host_key, f->text);
			i->trust = f->probe ? f->probe->trust : TRUST_TOFU;
		}
		if (f->probe) {
			str_copy(i->boot_id, f->probe->boot_id);
			str_copy(i->seen_gpu, f->probe->gpu);
			i->seen_gpu_count = f->probe->gpu_count;
			i->docker = f->probe->docker;
			lease_renewed(m, i, f->probe);
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
		instance_touch_around(m, i);
		return;
	}
	i->tries++;
	i->retry_at = m->now + core_backoff(i->tries, CONNECT_BACKOFF);
	core_touch(m, &i->object);
	if (f->contact == SSH_HOST_KEY && i->state >= INSTANCE_CONNECTING && i->state <= INSTANCE_BUSY) {
		instance_move(m, i, first ? INSTANCE_EV_WRONG : INSTANCE_EV_LOST, CAUSE_HOST_KEY, NULL,
		    "the SSH host key is not %s; nothing was sent", *i->host_key ? "the one seen before" :
		    *i->host_print ? "the one that a person said" : "the one that the provider proves");
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
			char record[32], meter[32], bound[32];

			i->settled = m->now;
			i->gap = cost_gap(&account_of(m, i)->facts, i);
			money_format(i->billed, record);
			money_format(i->metered, meter);
			money_format(cost_meter_bound(&account_of(m, i)->facts, i), bound);
			core_event(m, &i->object, "GONE", "settled", "GONE", CAUSE_NONE, NULL, "billed %s, metered %s (our clock is good to %s)%s%s", record,
			    meter, bound, i->gap > GAP_CLOCK ? ": " : "", i->gap > GAP_CLOCK ? gap_text(i->gap) : "");
		}
	}
	instance_touch_around(m, i);
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
	case FACT_RELEASED:
		answered(i, ACTIVITY_RELEASE);
		volume_released(m, i, f->contact == SSH_OK && !f->flag);
		break;
	default: BUG("fact %d is not about an instance", (int)f->kind);
	}
}
