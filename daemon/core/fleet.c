/*
 * A fleet: what somebody wants, until when, and for how much. It opens instances while it is OPEN and some slot is empty; every
 * way in which it ends is here.
 *
 *	OPEN ──close──▶ CLOSING ──empty (every instance GONE, every run DONE)──▶ CLOSED
 */
#include "core/cost.h"
#include "base/mutant.h"
#include "core/budget.h"
#include "core/internal.h"
#include "core/place.h"
#include "core/storage.h"

#define OFFERS_FRESH  (45 * SECOND) /* offers older than this are asked for again before money is spent on them */
#define BALANCE_FRESH MINUTE        /* as a prepaid balance */
#define PLACE_AGAIN   (20 * SECOND) /* between tries while --retry-until-up lasts */
#define PASSED_SAID   5             /* offers whose reasons are told when a fleet finds no place */
#define FORGET_AFTER  (1 * DAY)     /* a settled fleet leaves memory; the database keeps it */

bool fleet_move(struct model *m, struct fleet *f, enum fleet_event ev, enum cause cause, const char *actor, const char *fmt, ...)
{
	int next = fsm_next(&fleet_fsm, (int)f->state, (int)ev);
	const char *from = fleet_fsm.state_names[f->state];
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (next < 0) {
		core_event(m, &f->object, from, fleet_fsm.event_names[ev], "illegal", cause, actor, "%s", text);
		return false;
	}
	f->state = (enum fleet_state)next;
	if (cause && !f->cause) {
		f->cause = cause;
		memcpy(f->reason, text, sizeof(f->reason));
	}
	if (f->state == FLEET_CLOSING && !f->closing_at)
		f->closing_at = m->now;
	if (f->state == FLEET_CLOSED)
		f->closed = m->now;
	f->version++;
	core_event(m, &f->object, from, fleet_fsm.event_names[ev], fleet_fsm.state_names[f->state], cause, actor, "%s", text);
	core_dirty(m, &f->object);
	core_touch(m, &f->object);
	night_of_fleet_changed(m, f);
	extra_fleet_changed(m, f);
	return true;
}

void fleet_close(struct model *m, struct fleet *f, enum cause cause, const char *actor, const char *fmt, ...)
{
	char text[TEXT_MAX];
	va_list ap;

	if (f->state != FLEET_OPEN)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fleet_move(m, f, FLEET_EV_CLOSE, cause, actor, "%s", text);
}

static void open_fleet(struct model *m, struct fact *fact)
{
	struct fleet row = *fact->fleet, *f;
	const struct fleet *same = model_fleet_by_name(m, row.name);

	if (m->closing) {
		err_set(&fact->error, ERR_UNREACHABLE, "the daemon is shutting down and opens nothing new");
		return;
	}
	if (same && same->state != FLEET_CLOSED) {
		err_set(&fact->error, ERR_CONFLICT, "a fleet named '%s' is already %s; choose another --name", row.name,
		    same->state == FLEET_OPEN ? "open" : "closing");
		return;
	}
	/* A night goes on without a budget that somebody took away; a person hears that it is not there. */
	if (*row.budget && !row.night_id && !model_budget_by_name(m, row.budget)) {
		err_set(&fact->error, ERR_USAGE, "there is no budget '%s'; see: gpufleetctl budget list", row.budget);
		return;
	}
	if (storage_order_ok(m, &row, &fact->error) < 0)
		return;
	row.object.id = m->next_id;
	row.state = FLEET_OPEN;
	row.created = m->now;
	row.env = xstrdup(row.env);
	f = model_add_fleet(m, &row);
	core_event(m, &f->object, "", "open", "OPEN", CAUSE_NONE, fact->actor, "%s:%d, %d instance%s", f->gpu, f->gpu_count,
	    f->instances, f->instances == 1 ? "" : "s");
	core_dirty(m, &f->object);
	core_touch(m, &f->object);
	fact->answer_id = f->object.id;
}

/* The deadline that an instance's name must carry for the fleet to live `lifetime` from READY; names know whole minutes. */
static instant extended_deadline(const struct fleet *f, const struct account_facts *facts, instant now, duration lifetime)
{
	instant end = (f->ready_at ? f->ready_at : now + facts->create_timeout + facts->boot_allowance) + lifetime +
	    facts->teardown_allowance;

	return (end + MINUTE - 1) / MINUTE * MINUTE;
}

/* Do the budgets of every account that it has machines at admit what a longer life needs? */
static bool budgets_extend(const struct model *m, const struct fleet *f, money more, struct err *e)
{
	char why[TEXT_MAX];
	money left;

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);
		struct payer p = payer_of_instance(m, i);

		if (i->state >= INSTANCE_DELETING || budgets_admit(m, &p, more, m->now, &left, why))
			continue;
		err_set(e, ERR_REFUSED, "extending '%s': %s", f->name, why);
		return false;
	}
	return true;
}

static void extend_fleet(struct model *m, struct fleet *f, struct fact *fact)
{
	money more = 0;
	char need[32], left[32];

	if (f->state != FLEET_OPEN) {
		err_set(&fact->error, ERR_CONFLICT, "fleet '%s' is %s and cannot be extended", f->name,
		    f->state == FLEET_CLOSING ? "closing" : "closed");
		return;
	}
	/* The hold of a longer life is taken before the longer life is promised. */
	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);
		const struct account_facts *facts = &account_of(m, i)->facts;
		money hold = cost_hold_until(facts, i, extended_deadline(f, facts, m->now, fact->span));

		if (i->state < INSTANCE_DELETING && hold > i->hold)
			more = money_add(more, hold - i->hold);
	}
	if (more > 0 && !budgets_extend(m, f, more, &fact->error))
		return;
	if (more > 0 && more > place_money_left(m, f, m->now)) {
		money_format(more, need);
		money_format(place_money_left(m, f, m->now), left);
		err_set(&fact->error, ERR_REFUSED, "extending '%s' needs another %s; %s is left of --max-cost", f->name, need, left);
		return;
	}
	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);
		const struct account_facts *facts = &account_of(m, i)->facts;
		money hold = cost_hold_until(facts, i, extended_deadline(f, facts, m->now, fact->span));

		if (i->state >= INSTANCE_DELETING || hold <= i->hold)
			continue;
		i->hold = hold;
		core_dirty(m, &i->object);
	}
	f->extend_to = fact->span;
	f->version++;
	core_event(m, &f->object, fleet_fsm.state_names[f->state], "extend", fleet_fsm.state_names[f->state], CAUSE_NONE,
	    fact->actor, "to %lld s after ready", (long long)(fact->span / SECOND));
	core_dirty(m, &f->object);
	core_touch(m, &f->object);
	list_for_each(n, &f->instance_list)
		core_touch(m, &INSTANCE_OF(n)->object);
}

void fleet_apply(struct model *m, struct fact *fact)
{
	struct fleet *f;

	if (fact->kind == FACT_FLEET_OPEN) {
		open_fleet(m, fact);
		return;
	}
	f = model_fleet(m, fact->id);
	if (!f) {
		err_set(&fact->error, ERR_NOT_FOUND, "no such fleet");
		return;
	}
	fact->answer_id = f->object.id;
	if (fact->kind == FACT_FLEET_CLOSE) {
		f->keep_until = 0;
		fleet_close(m, f, fact->cause ? fact->cause : CAUSE_RELEASED, fact->actor, "released by %s",
		    fact->actor ? fact->actor : "the daemon");
	} else if (fact->kind == FACT_FLEET_EXTEND) {
		extend_fleet(m, f, fact);
	} else if (f->idle_since) {
		f->idle_since = m->now;
		core_touch(m, &f->object);
	}
}

/* How the instances stand: one walk, used by everything below. */
struct tally {
	int live, ready, gone, busy, ever_ready, had_chance; /* had_chance: and is gone */
	bool runs_left, settled, dirty, preempted;
	instant last_ready;
};

static bool work_waits(const struct fleet *f)
{
	list_for_each(n, &f->run_list)
		if (RUN_OF(n)->state == RUN_QUEUED)
			return true;
	return false;
}

/* What was READY once is not bought again, unless it turned out not to be fit, or was preempted and a run waits for a machine. */
static bool had_chance(const struct fleet *f, const struct instance *i)
{
	return i->ready_at && i->cause != CAUSE_BAD_MACHINE && (i->cause != CAUSE_PREEMPTED || !work_waits(f));
}

bool fleet_slot_is_over(const struct fleet *f, int slot)
{
	bool over = false;

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->slot != slot)
			continue;
		if (i->state < INSTANCE_DRAINING)
			return false;
		over |= had_chance(f, i);
	}
	return over;
}

static struct tally count(const struct fleet *f)
{
	struct tally t = { .settled = true };

	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->state == INSTANCE_GONE)
			t.gone++;
		else
			t.live++;
		t.ready += i->state == INSTANCE_READY || i->state == INSTANCE_BUSY;
		t.busy += i->state == INSTANCE_BUSY || i->state == INSTANCE_DRAINING;
		t.ever_ready += had_chance(f, i);
		t.had_chance += had_chance(f, i) && i->state >= INSTANCE_DELETING;
		t.preempted |= i->cause == CAUSE_PREEMPTED;
		t.last_ready = instant_max(t.last_ready, i->ready_at);
		t.settled &= i->settled != 0;
		t.dirty |= i->object.dirty;
	}
	list_for_each(n, &f->run_list) {
		t.runs_left |= RUN_OF(n)->state != RUN_DONE;
		t.dirty |= RUN_OF(n)->object.dirty;
	}
	return t;
}

/* Nothing is on its way any more: every slot has its machine, or had one and lost it. */
static bool complete(const struct fleet *f, const struct tally *t)
{
	return t->ready && t->ready + MUTANT("waits_for_the_dead", t->had_chance, 0) >= f->instances;
}

/* The money that will be gone when the teardown that starts now has finished. */
static money cost_if_ended_now(const struct model *m, const struct fleet *f, instant now, money *hourly)
{
	money sum = 0;

	*hourly = 0;
	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);
		const struct account_facts *facts = &account_of(m, i)->facts;

		if (i->state == INSTANCE_GONE) {
			sum = money_add(sum, i->metered);
			continue;
		}
		*hourly = money_add(*hourly, i->price_hour);
		sum = money_add(sum, cost_until(facts, i, (i->meter_end ? i->meter_end : now) + facts->teardown_allowance));
	}
	return sum;
}

/* The deadline in a machine's name is kept by us first: others only see to it when we do not. */
static instant check_deadlines(struct model *m, struct fleet *f, instant now)
{
	instant wake = FOREVER;

	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);
		instant end = i->deadline - account_of(m, i)->facts.teardown_allowance;

		if (!i->deadline || i->state < INSTANCE_READY || i->state > INSTANCE_BUSY)
			continue;
		if (MUTANT("waits_for_the_dead", false, true))
			continue;
		if (now >= end)
			instance_stop(m, i, CAUSE_EXPIRED, NULL, "its deadline has come");
		else
			wake = instant_min(wake, end);
	}
	return wake;
}

/* Every reason for which an open fleet ends by itself. Returns when to look again. */
static instant check_endings(struct model *m, struct fleet *f, const struct tally *t, instant now)
{
	instant wake = FOREVER;
	money hourly, cost;
	char spent[32], cap[32];

	if (f->max_cost && t->live && !MUTANT("money_ignored", false, true)) {
		cost = cost_if_ended_now(m, f, now, &hourly);
		if (cost >= f->max_cost) {
			money_format(cost, spent);
			money_format(f->max_cost, cap);
			fleet_close(m, f, CAUSE_MONEY, NULL, "ending now costs %s of the %s allowed", spent, cap);
			return FOREVER;
		}
		if (hourly > 0)
			wake = now + (duration)((__int128)(f->max_cost - cost) * HOUR / hourly) + 1;
	}
	if (f->expires) {
		if (now >= f->expires && !MUTANT("never_expires", false, true)) {
			fleet_close(m, f, CAUSE_EXPIRED, NULL, "its time ran out");
			return FOREVER;
		}
		wake = instant_min(wake, f->expires);
	}
	if (f->keep_until) {
		if (now >= f->keep_until) {
			fleet_close(m, f, CAUSE_RUN_ENDED, NULL, "kept after a failed run, time is up");
			return FOREVER;
		}
		wake = instant_min(wake, f->keep_until);
	}
	if (t->busy || t->runs_left || !complete(f, t) || storage_building(m, f)) {
		f->idle_since = 0;
	} else if (!f->idle_since) {
		f->idle_since = now;
		core_dirty(m, &f->object);
	}
	if (f->idle_since && f->idle_limit && !f->keep_until) {
		if (now >= f->idle_since + f->idle_limit) {
			char text[24];

			duration_format(f->idle_limit, text);
			fleet_close(m, f, CAUSE_IDLE, NULL, "idle for %s", text);
			return FOREVER;
		}
		wake = instant_min(wake, f->idle_since + f->idle_limit);
	}
	return wake;
}

/* An account keeps the offers of one GPU: two fleets that gathered different ones at a time would take them from each other. */
static bool market_taken(const struct model *m, const struct fleet *f)
{
	const struct fleet *other = model_fleet(m, m->market_of);

	return other && other != f && other->state == FLEET_OPEN && (strcmp(other->gpu, f->gpu) != 0 || other->gpu_count != f->gpu_count ||
	    other->spot != f->spot || other->disk_gb != f->disk_gb);
}

/* Are they answers to what this fleet asks? Prices hold for one disk, and spot machines are another market. */
static bool offers_are_for(const struct account_state *a, const struct fleet *f)
{
	return !strcmp(a->offers_gpu, f->gpu) && (!a->offers_gpu_count || a->offers_gpu_count == f->gpu_count) &&
	       a->offers_spot == f->spot && a->offers_disk_gb == f->disk_gb;
}

/* Nobody may be cut off at zero: what is left of a prepaid balance is asked for beside the offers. A failure holds nobody up. */
static bool balance_asked(struct account_state *a, instant now, struct actions *out)
{
	if (!a->facts.prepaid || (!a->balance_busy && a->balance_at && now - a->balance_at < BALANCE_FRESH))
		return true;
	if (!a->balance_busy)
		actions_add(out, ACTION_BALANCE, a->object.id);
	a->balance_busy = true;
	return false;
}

/* Are the offers of every allowed account fresh? Asks where not. False: wait for answers. */
static bool market_ready(struct model *m, struct fleet *f, instant now, struct actions *out)
{
	bool ready = true;

	if (market_taken(m, f))
		return false;
	m->market_of = f->object.id;
	for (size_t k = 0; k < m->account_count; k++) {
		struct account_state *a = m->accounts[k];

		if (!place_account_allowed(f, a))
			continue;
		ready &= balance_asked(a, now, out);
		if (a->offers_at && now - a->offers_at < OFFERS_FRESH && offers_are_for(a, f))
			continue;
		/* A provider that fails holds nobody up: it is asked again later. */
		if (a->offers_failures && now < a->offers_retry_at)
			continue;
		ready = false;
		if (a->offers_busy)
			continue;
		a->offers_busy = true;
		actions_add(out, ACTION_OFFERS, a->object.id);
		memcpy(out->items[out->count - 1].gpu, f->gpu, sizeof(f->gpu));
		out->items[out->count - 1].gpu_count = f->gpu_count;
		out->items[out->count - 1].disk_gb = f->disk_gb;
		out->items[out->count - 1].spot = f->spot;
	}
	if (ready)
		m->market_of = 0;
	return ready;
}

static bool slot_needs_instance(const struct fleet *f, int slot)
{
	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->slot == slot && (i->state != INSTANCE_GONE || had_chance(f, i)) &&
		    i->state != MUTANT("ambiguous_is_empty", INSTANCE_STATES, INSTANCE_AMBIGUOUS))
			return false;
	}
	return true;
}

/* For `why`: the nearest of what was sold and not taken. */
static void say_passed(struct model *m, const struct fleet *f, int slot, instant now)
{
	struct passed passed[PASSED_SAID];
	size_t n = place_passed(m, f, slot, now, passed, ARRAY_LEN(passed));

	for (size_t k = 0; k < n; k++) {
		const struct offer *o = passed[k].offer;

		core_event(m, &f->object, "OPEN", "passed", "OPEN", CAUSE_NONE, NULL, "%s:%d at %s%s%s %.160s", o->gpu, o->gpu_count, o->account,
		    *o->region ? " in " : "", o->region, passed[k].why);
	}
}

/* Fill the empty slots. Returns when to look again. */
static instant place(struct model *m, struct fleet *f, instant now, struct actions *out)
{
	char why[TEXT_MAX];
	bool empty = false, stuck = false, money_stops = false;
	int at = 0;

	for (int slot = 0; slot < f->instances; slot++)
		empty |= slot_needs_instance(f, slot);
	if (!empty || m->closing)
		return FOREVER;
	if (!budgets_counted(m))
		return FOREVER; /* the count touches us */
	if (now < f->place_retry_at)
		return f->place_retry_at;
	if (storage_waits(m, f))
		return now + SECOND;
	if (!market_ready(m, f, now, out))
		return now + SECOND; /* the answers touch the fleet; this is the net below, and the turn after another fleet's */
	for (int slot = 0; slot < f->instances && !stuck; slot++) {
		const struct offer *o;
		duration lifetime;

		if (!slot_needs_instance(f, slot))
			continue;
		o = place_next(m, f, slot, now, &lifetime, &money_stops, why);
		if (o) {
			if (lifetime < f->lifetime) {
				char text[24];

				f->lifetime = lifetime;
				duration_format(lifetime, text);
				core_event(m, &f->object, "OPEN", "shorten", "OPEN", CAUSE_MONEY, NULL,
				    "lifetime shortened to %s to fit --max-cost", text);
				core_dirty(m, &f->object);
			}
			instance_plan(m, f, slot, o, lifetime);
		} else {
			stuck = true;
			at = slot;
		}
	}
	if (!stuck)
		return FOREVER;
	if (now < f->created + f->retry_for) {
		f->place_retry_at = now + PLACE_AGAIN;
		return f->place_retry_at;
	}
	say_passed(m, f, at, now);
	fleet_close(m, f, money_stops ? CAUSE_MONEY : CAUSE_UNPLACEABLE, NULL, "%s", why);
	return FOREVER;
}

/* `lifetime` from READY, and never so late that a machine would pass the deadline in its name: the hold pays until then. */
static void set_expiry(const struct model *m, struct fleet *f)
{
	if (!f->ready_at)
		return;
	f->expires = f->ready_at + f->lifetime;
	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->deadline && i->state < INSTANCE_DELETING)
			f->expires = instant_min(f->expires, i->deadline - account_of(m, i)->facts.teardown_allowance);
	}
}

static void became_ready(struct model *m, struct fleet *f, const struct tally *t)
{
	f->ready_at = t->last_ready;
	set_expiry(m, f);
	f->version++;
	core_event(m, &f->object, "OPEN", "ready", "OPEN", CAUSE_NONE, NULL, "every instance that can be had is ready");
	core_dirty(m, &f->object);
}

/* An extension is granted when every live instance carries its new deadline at the provider. */
static void finish_extension(struct model *m, struct fleet *f)
{
	list_for_each(n, &f->instance_list) {
		const struct instance *i = INSTANCE_OF(n);

		if (i->state != INSTANCE_GONE && i->state != INSTANCE_DELETING && *i->new_mark)
			return;
	}
	f->lifetime = f->extend_to;
	f->extend_to = 0;
	set_expiry(m, f);
	f->version++;
	core_event(m, &f->object, "OPEN", "extended", "OPEN", CAUSE_NONE, NULL, "new end is confirmed at the provider");
	core_dirty(m, &f->object);
}

/* Start the renames that an extension needs; true while some are under way. */
static void start_extension(struct model *m, struct fleet *f)
{
	list_for_each(n, &f->instance_list) {
		struct instance *i = INSTANCE_OF(n);
		const struct account_facts *facts = &account_of(m, i)->facts;
		instant deadline = extended_deadline(f, facts, m->now, f->extend_to);

		if (i->state >= INSTANCE_DELETING || *i->new_mark || deadline <= i->deadline)
			continue;
		if (facts->local) {
			i->deadline = deadline;
			core_dirty(m, &i->object);
			continue;
		}
		instance_extend(m, i, deadline);
	}
}

void fleet_decide(struct model *m, struct fleet *f, instant now, struct actions *out)
{
	struct tally t = count(f);
	instant wake = FOREVER;

	if (f->state == FLEET_OPEN && !f->ready_at && complete(f, &t))
		became_ready(m, f, &t);
	if (f->state == FLEET_OPEN && f->extend_to > 0) {
		start_extension(m, f);
		finish_extension(m, f);
	}
	/* A machine that became free takes what waits; whoever waits for several, or for a certain one, hears also that it will never come. */
	if (f->state == FLEET_OPEN)
		list_for_each(n, &f->run_list)
			if (RUN_OF(n)->state == RUN_QUEUED && (t.ready > t.busy || RUN_OF(n)->ranks > 1 || RUN_OF(n)->pinned))
				core_touch(m, &RUN_OF(n)->object);
	if (f->state == FLEET_OPEN)
		wake = check_endings(m, f, &t, now);
	if (f->state == FLEET_OPEN)
		wake = instant_min(wake, check_deadlines(m, f, now));
	if (f->state == FLEET_OPEN)
		wake = instant_min(wake, place(m, f, now, out));
	if (f->state == FLEET_OPEN && t.ever_ready && !count(f).live)
		fleet_close(m, f, t.preempted ? CAUSE_PREEMPTED : CAUSE_LOST, NULL, t.preempted ? "its spot machines were taken away" :
		    "every instance is gone");
	if (f->state == FLEET_CLOSING) {
		list_for_each(n, &f->run_list)
			run_stop(m, RUN_OF(n), f->cause, NULL, f->reason);
		list_for_each(n, &f->instance_list)
			instance_stop(m, INSTANCE_OF(n), f->cause, NULL, f->reason);
		t = count(f);
		if (!t.live && !t.runs_left)
			fleet_move(m, f, FLEET_EV_EMPTY, CAUSE_NONE, NULL, "every instance is gone");
	}
	if (f->state == FLEET_CLOSED) {
		duration keep = m->policy.late_watch > FORGET_AFTER ? m->policy.late_watch : FORGET_AFTER;

		if (m->policy.bill_reread && keep < m->policy.bill_watch)
			keep = m->policy.bill_watch; /* its bill may still be revised */
		if (t.settled && !t.dirty && !f->object.dirty && now >= f->closed + keep && !night_needs(m, f)) {
			model_drop_fleet(m, f);
			return;
		}
		wake = instant_max(now + MINUTE, f->closed + keep);
	}
	core_wake(m, &f->object, wake);
}
