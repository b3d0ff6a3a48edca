/*
 * What we made at a provider beside machines: SSH keys here, volumes and snapshots in storage.c. Each ends by itself.
 *
 *	LIVE ──end──▶ DELETING ──gone──▶ GONE        a key: when the account has had no machine of ours for policy.key_keep;
 *	                                             a fleet's own: when it has no machine there and is not OPEN any more
 *	  ◀────────kept─┘                            who may not delete it keeps it, and asks again when it is next unused
 */
#include "base/str.h"
#include "core/internal.h"
#include "core/ledger.h"
#include "core/storage.h"

#define END_BACKOFF (5 * MINUTE)

bool extra_move(struct model *m, struct extra *x, enum extra_event ev, enum cause cause, const char *actor, const char *fmt, ...)
{
	int next = fsm_next(&extra_fsm, (int)x->state, (int)ev);
	const char *from = extra_fsm.state_names[x->state];
	char text[TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (next < 0) {
		core_event(m, &x->object, from, extra_fsm.event_names[ev], "illegal", cause, actor, "%s", text);
		return false;
	}
	x->state = (enum extra_state)next;
	if (cause) {
		x->cause = cause;
		memcpy(x->reason, text, sizeof(x->reason));
	}
	x->activity = ACTIVITY_NONE;
	x->tries = ev == EXTRA_EV_AGAIN ? x->tries : 0;
	x->retry_at = 0;
	x->absent_listings = 0;
	if (x->state == EXTRA_DELETING)
		x->deleting_at = m->now;
	if (x->state == EXTRA_LIVE)
		x->used_at = m->now;
	if (x->state == EXTRA_GONE) {
		x->gone = m->now;
		x->hold = 0;
	}
	x->version++;
	core_event(m, &x->object, from, extra_fsm.event_names[ev], extra_fsm.state_names[x->state], cause, actor, "%s", text);
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
	return true;
}

/* The row is there before the key is (it is committed with the first order), so that a key is never forgotten. */
void extra_key_wanted(struct model *m, const struct account_state *a, const struct fleet *f)
{
	struct extra row = { .object.id = m->next_id, .kind = EXTRA_KEY, .state = EXTRA_LIVE, .created = m->now, .used_at = m->now,
		.fleet_id = f && f->own_key ? f->object.id : 0 }, *x;

	if (!a->facts.keeps_key || model_key_at(m, a->facts.name, row.fleet_id))
		return;
	str_copy(row.account, a->facts.name);
	str_copy(row.provider, a->facts.provider);
	str_copy(row.name, "gpufleet");
	str_copy(row.owner, row.fleet_id ? f->owner : "daemon");
	x = model_add_extra(m, &row);
	core_event(m, &x->object, "", "wanted", "LIVE", CAUSE_NONE, NULL, "%s public key at %s", x->fleet_id ? f->name : "our", x->account);
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}

static void key_there(struct model *m, const struct fact *f)
{
	struct account_state *a = model_account(m, f->account);
	struct extra *x;

	if (!a || !f->text || !*f->text || (f->id && !model_fleet(m, f->id)))
		return;
	extra_key_wanted(m, a, model_fleet(m, f->id));
	x = model_key_at(m, f->account, f->id);
	if (!x || !strcmp(x->provider_id, f->text))
		return;
	str_copy(x->provider_id, f->text);
	x->version++;
	core_dirty(m, &x->object);
}

static void ended(struct model *m, struct extra *x, const struct fact *f)
{
	struct account_state *a = model_account(m, x->account);

	x->activity = ACTIVITY_NONE;
	if (f->verdict == VERDICT_OK || f->verdict == VERDICT_ABSENT) {
		extra_move(m, x, EXTRA_EV_GONE, CAUSE_NONE, NULL, "%s at %s is gone", extra_kind_name(x->kind), x->account);
	} else if (f->verdict == VERDICT_DENIED || f->verdict == VERDICT_REFUSED) {
		extra_move(m, x, EXTRA_EV_KEPT, CAUSE_NONE, NULL, "%s does not let us delete it: %s", x->account, f->message ? f->message : "");
	} else {
		x->tries++;
		x->retry_at = m->now + instant_max(f->retry_after, core_backoff(x->tries, END_BACKOFF));
		core_touch(m, &x->object);
	}
	if (a)
		account_touch_instances(m, a, INSTANCE_PLANNED);
}

void extra_apply(struct model *m, struct fact *f)
{
	struct extra *x = model_extra(m, f->id);

	if (f->kind == FACT_KEY)
		key_there(m, f);
	else if (x && storage_kind_of(x))
		storage_apply(m, f);
	else if (x && x->state == EXTRA_DELETING)
		ended(m, x, f);
}

static void key_used(struct model *m, struct extra *x)
{
	if (!x)
		return;
	x->used_at = m->now;
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}

void extra_account_changed(struct model *m, const struct account_state *a, const struct fleet *f)
{
	key_used(m, model_key_at(m, a->facts.name, 0));
	if (f && f->own_key)
		key_used(m, model_key_at(m, a->facts.name, f->object.id));
}

void extra_fleet_changed(struct model *m, const struct fleet *f)
{
	if (!f->own_key)
		return;
	for (size_t k = 0; k < m->account_count; k++)
		key_used(m, model_key_at(m, m->accounts[k]->facts.name, f->object.id));
}

/* Its machines there, or those that it may still order. */
static bool fleet_needs_key(const struct fleet *f, const struct extra *x)
{
	if (!f)
		return false; /* long closed */
	if (f->state == FLEET_OPEN)
		return true;
	list_for_each(n, &f->instance_list)
		if (INSTANCE_OF(n)->state != INSTANCE_GONE && !strcmp(INSTANCE_OF(n)->account, x->account))
			return true;
	return false;
}

static instant decide_key(struct model *m, struct extra *x, instant now)
{
	const struct account_state *a = model_account(m, x->account);
	const struct fleet *f = model_fleet(m, x->fleet_id);
	instant due = x->fleet_id ? now : instant_max(x->used_at + m->policy.key_keep, x->keep_until);

	if (!a || !a->configured || (x->fleet_id ? fleet_needs_key(f, x) : a->live))
		return FOREVER; /* the end of the last machine touches it, and of its fleet */
	if (now < due)
		return due;
	extra_move(m, x, EXTRA_EV_END, CAUSE_NONE, NULL, "no machine of %s at %s needs it", x->fleet_id ? "its fleet" : "ours", x->account);
	return now;
}

void extra_decide(struct model *m, struct extra *x, instant now, struct actions *out)
{
	instant wake = FOREVER;

	if (storage_kind_of(x)) {
		wake = storage_decide(m, x, now, out);
		wake = instant_min(wake, storage_bill_decide(m, x, now, out));
		if (now >= ledger_storage_due(x))
			core_dirty(m, &x->object); /* a day is over: it is booked with the next batch */
		core_wake(m, &x->object, instant_min(wake, ledger_storage_due(x)));
		return;
	}
	if (x->state == EXTRA_LIVE)
		wake = decide_key(m, x, now);
	if (x->state == EXTRA_DELETING && !x->activity && now >= x->retry_at) {
		x->activity = ACTIVITY_END;
		actions_add(out, ACTION_END_EXTRA, x->object.id);
	} else if (x->state == EXTRA_DELETING && !x->activity) {
		wake = x->retry_at;
	}
	core_wake(m, &x->object, wake);
}
