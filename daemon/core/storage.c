/*
 * Volumes and snapshots: what keeps data between machines, and bills until it is taken away (reliability §2.8.7).
 *
 *	WANTED ─dispatch─▶ MAKING ─made─▶ LIVE ─end─▶ DELETING ─gone─▶ GONE
 *	   ▲ again ┘          │ └─begun─▶ BUILDING ─made─▶ LIVE     a snapshot takes a while
 *	                      └─unsure──▶ DOUBT ─made─▶ LIVE        found by its name in a complete listing
 *	                                        └absent─▶ GONE
 *
 * A request that makes something is sent once; what became of an unsure one only listings tell. GONE is proved by a listing too.
 */
#include "core/storage.h"
#include "base/gpu.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/ledger.h"
#include "core/mark.h"

#define MAKE_BACKOFF   (2 * MINUTE)
#define MAKE_FOR       (30 * MINUTE) /* a provider in passing trouble is asked for this long */
#define DROP_BACKOFF   (5 * MINUTE)
#define LOOK_AGAIN     (10 * SECOND)
#define BUILD_LIMIT    (6 * HOUR)
#define SNAPSHOT_GUESS 100 /* GB: what is held for a snapshot until its size is known, of a machine whose disk is not known either */

bool storage_kind_of(const struct extra *x)
{
	return x->kind == EXTRA_VOLUME || x->kind == EXTRA_SNAPSHOT;
}

const char *storage_word(const struct extra *x)
{
	return x->kind == EXTRA_VOLUME ? "volume" : "snapshot";
}

bool storage_building(const struct model *m, const struct fleet *f)
{
	const struct extra *x;
	size_t at = 0;

	while ((x = model_each(&m->extras, &at)))
		if (x->kind == EXTRA_SNAPSHOT && x->fleet_id == f->object.id && x->state < EXTRA_LIVE)
			return true;
	return false;
}

/* ---- money ---- */

/* A month of it; 0: not known yet. */
static money price_of(const struct account_state *a, const struct extra *x, money gb_month)
{
	const struct storage_rule *rule = x->kind == EXTRA_VOLUME ? &a->facts.volume_rule : &a->facts.snapshot_rule;
	int gb = x->size_gb ? x->size_gb : x->disk_gb ? x->disk_gb : SNAPSHOT_GUESS;

	return gb_month ? money_times(gb_month, gb) : rule->gb_month ? cost_storage(rule, gb, rule->month) : 0;
}

void storage_set_price(struct model *m, struct extra *x, money gb_month)
{
	money price = price_of(model_account(m, x->account), x, gb_month);

	if (price == x->price_month)
		return;
	ledger_storage_price(m, x, price);
	x->hold = storage_hold(x);
}

/* ---- what people say ---- */

struct extra *storage_add_row(struct model *m, const struct account_state *a, const struct extra *wanted)
{
	struct extra row = *wanted;

	row.object.id = m->next_id;
	row.created = row.used_at = m->now;
	str_copy(row.account, a->facts.name);
	str_copy(row.provider, a->facts.provider);
	storage_mark_make(row.mark, m->mark_key, row.provider, m->site, row.kind == EXTRA_VOLUME ? STORAGE_VOLUME : STORAGE_SNAPSHOT, row.name);
	return model_add_extra(m, &row);
}

static int check_name(const struct model *m, const struct extra *w, struct err *e)
{
	const struct extra *same = model_storage(m, w->kind, w->name);

	if (!storage_name_ok(w->name))
		return err_set(e, ERR_USAGE, "a %s is named by up to 40 of a-z, 0-9 and '-', a letter first; not '%.60s'", storage_word(w), w->name);
	if (same)
		return err_set(e, ERR_CONFLICT, "there is a %s '%s' already, at %s", storage_word(w), w->name, same->account);
	return 0;
}

/* Where it is made is where its source is. */
static int check_source(const struct model *m, struct extra *w, struct err *e)
{
	const struct instance *i = model_instance(m, w->source_id);
	const struct extra *from = model_extra(m, w->source_id);

	if (!w->source_id)
		return w->kind == EXTRA_VOLUME ? 0 : err_set(e, ERR_USAGE, "a snapshot is of a machine or a volume: say which");
	if (i && w->kind == EXTRA_SNAPSHOT) {
		if (i->state != INSTANCE_READY && i->state != INSTANCE_BUSY)
			return err_set(e, ERR_CONFLICT, "that machine is not up");
		str_copy(w->account, i->account);
		str_copy(w->region, i->region);
		str_copy(w->source, i->provider_id);
		str_copy(w->gpu, i->gpu);
		w->disk_gb = i->disk_gb; /* no more than that is in it */
		return 0;
	}
	if (!from || from->state != EXTRA_LIVE || from->kind == w->kind || (w->kind == EXTRA_VOLUME && !from->of_volume))
		return err_set(e, ERR_USAGE, w->kind == EXTRA_VOLUME ? "a volume is made from a snapshot of a volume" :
								       "a snapshot is made of a volume that is there");
	str_copy(w->account, from->account);
	str_copy(w->region, from->region);
	str_copy(w->source, from->provider_id);
	w->of_volume = w->kind == EXTRA_SNAPSHOT;
	/* A snapshot is paid for by what is in it, and is restored to a volume as big as the one it was taken of. */
	if (w->kind == EXTRA_SNAPSHOT)
		w->disk_gb = w->size_gb = from->size_gb;
	else if (w->size_gb < from->disk_gb)
		w->size_gb = from->disk_gb;
	return 0;
}

static int check_account(const struct account_state *a, const struct extra *w, struct err *e)
{
	if (!a || !a->configured)
		return err_set(e, ERR_USAGE, "no account '%s' is configured", w->account);
	if (w->kind == EXTRA_VOLUME ? !a->facts.volumes : !a->facts.snapshots)
		return err_set(e, ERR_USAGE, "%s has no %ss that we can make", a->facts.title, storage_word(w));
	if (a->denied)
		return err_set(e, ERR_REFUSED, "%s does not accept our credentials at present", a->facts.name);
	return 0;
}

static int check_money(const struct model *m, const struct extra *x, money more, struct err *e)
{
	struct payer p = payer_of_extra(x);
	char why[TEXT_MAX];
	money left;

	if (budgets_admit(m, &p, more, m->now, &left, why))
		return 0;
	return err_set(e, ERR_REFUSED, "%s '%s': %s", storage_word(x), x->name, why);
}

static void want(struct model *m, struct fact *f)
{
	struct extra w = *f->extra, *x;
	struct account_state *a;

	w.state = EXTRA_WANTED;
	if (m->closing) {
		err_set(&f->error, ERR_UNREACHABLE, "the daemon is shutting down and makes nothing new");
		return;
	}
	if (check_name(m, &w, &f->error) < 0 || check_source(m, &w, &f->error) < 0)
		return;
	a = model_account(m, w.account);
	if (check_account(a, &w, &f->error) < 0)
		return;
	str_copy(w.provider, a->facts.provider);
	w.created = m->now;
	w.price_month = price_of(a, &w, 0);
	w.hold = storage_hold(&w);
	if (check_money(m, &w, w.hold, &f->error) < 0)
		return;
	x = storage_add_row(m, a, &w);
	core_event(m, &x->object, "", "wanted", "WANTED", CAUSE_NONE, f->actor, "%s %s at %s%s%s, %d GB", storage_word(x), x->name, x->account,
	    *x->region ? " in " : "", x->region, x->size_gb);
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
	f->answer_id = x->object.id;
}

static void drop(struct model *m, struct extra *x, struct fact *f)
{
	const struct instance *i = storage_user(m, x);
	const struct fleet *user = i ? model_fleet(m, i->fleet_id) : NULL;

	if (i && i->state < INSTANCE_DELETING) {
		err_set(&f->error, ERR_CONFLICT, "volume '%s' is in use by '%s'; first: gpufleetctl down %s", x->name, user ? user->name : i->mark,
		    user ? user->name : "");
		return;
	}
	x->keep_until = m->now;
	core_dirty(m, &x->object);
	if (x->state == EXTRA_WANTED)
		extra_move(m, x, EXTRA_EV_END, CAUSE_RELEASED, f->actor, "not wanted any more");
	else if (x->state == EXTRA_LIVE && !i)
		extra_move(m, x, EXTRA_EV_END, CAUSE_RELEASED, f->actor, "deleted");
	core_touch(m, &x->object); /* what is under way is deleted when it is known, what is in use when its machine is gone */
}

static void keep(struct model *m, struct extra *x, struct fact *f)
{
	struct extra longer = *x;
	char until[40];

	if (x->state >= EXTRA_DELETING) {
		err_set(&f->error, ERR_CONFLICT, "%s '%s' is being deleted", storage_word(x), x->name);
		return;
	}
	longer.keep_until = m->now + f->span;
	if (check_money(m, x, storage_hold(&longer) - x->hold, &f->error) < 0)
		return;
	x->keep_until = longer.keep_until;
	x->hold = storage_hold(x);
	x->version++;
	instant_format(x->keep_until, false, until);
	core_event(m, &x->object, extra_fsm.state_names[x->state], "keep", extra_fsm.state_names[x->state], CAUSE_NONE, f->actor, "until %s", until);
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}

bool storage_snapshot_machine(struct model *m, struct fleet *f, const struct instance *i)
{
	struct extra row = { .kind = EXTRA_SNAPSHOT, .source_id = i->object.id, .fleet_id = f->object.id, .keep_until = m->now + STORAGE_KEEP };
	struct fact fact = { .kind = FACT_STORAGE_WANT, .time = m->now, .extra = &row };

	str_copy(row.name, f->snapshot_as);
	str_copy(row.owner, f->owner);
	str_copy(row.budget, f->budget);
	want(m, &fact);
	if (!fact.error.code)
		return true;
	core_event(m, &f->object, "OPEN", "no_snapshot", "OPEN", CAUSE_FAILED, NULL, "%s", fact.error.msg);
	return false;
}

/* ---- what providers say ---- */

/* A fleet that waited for its snapshot has nothing left to do. */
void storage_tell_fleet(struct model *m, const struct extra *x)
{
	struct fleet *f = x->kind == EXTRA_SNAPSHOT && x->fleet_id ? model_fleet(m, x->fleet_id) : NULL;

	if (f && f->for_run)
		fleet_close(m, f, CAUSE_RUN_ENDED, NULL, x->state == EXTRA_LIVE ? "snapshot %s is taken" : "snapshot %s came to nothing", x->name);
}

static void refused(struct model *m, struct extra *x, const char *why)
{
	extra_move(m, x, EXTRA_EV_REFUSED, CAUSE_FAILED, NULL, "%s", why);
	storage_tell_fleet(m, x);
}

void storage_learn(struct model *m, struct extra *x, const struct storage *s)
{
	if (s->size_gb && s->size_gb != x->size_gb) {
		x->size_gb = s->size_gb;
		core_dirty(m, &x->object);
	}
	if (s->disk_gb && s->disk_gb != x->disk_gb) {
		x->disk_gb = s->disk_gb;
		core_dirty(m, &x->object);
	}
	if (*s->region && !*x->region)
		str_copy(x->region, s->region);
	str_copy(x->machine, s->machine);
	storage_set_price(m, x, s->gb_month);
}

void storage_is_there(struct model *m, struct extra *x, const char *id, const struct storage *s)
{
	str_copy(x->provider_id, id);
	if (s)
		storage_learn(m, x, s);
	extra_move(m, x, EXTRA_EV_MADE, CAUSE_NONE, NULL, "%s %s is there, %d GB", storage_word(x), x->name, x->size_gb);
	storage_tell_fleet(m, x);
	if (!s)
		model_account(m, x->account)->storage_wanted = true; /* its size and its price */
}

static void made(struct model *m, struct extra *x, const struct fact *f)
{
	x->activity = ACTIVITY_NONE;
	if (x->state != EXTRA_MAKING)
		return;
	switch (f->verdict) {
	case VERDICT_OK:
		if (f->text && *f->text) {
			storage_is_there(m, x, f->text, NULL);
		} else if (f->work && *f->work) {
			str_copy(x->work, f->work);
			extra_move(m, x, EXTRA_EV_BEGUN, CAUSE_NONE, NULL, "the provider is taking it");
		} else {
			extra_move(m, x, EXTRA_EV_UNSURE, CAUSE_NONE, NULL, "taken, and not said what became of it");
		}
		break;
	case VERDICT_RETRY:
		if (m->now - x->created > MAKE_FOR) {
			refused(m, x, f->message ? f->message : "");
			break;
		}
		x->tries++;
		extra_move(m, x, EXTRA_EV_AGAIN, CAUSE_NONE, NULL, "not now: %s", f->message ? f->message : "");
		x->retry_at = m->now + instant_max(f->retry_after, core_backoff(x->tries, MAKE_BACKOFF));
		break;
	case VERDICT_UNSURE:
	case VERDICT_MORE: extra_move(m, x, EXTRA_EV_UNSURE, CAUSE_NONE, NULL, "perhaps made: %s", f->message ? f->message : ""); break;
	case VERDICT_REFUSED:
	case VERDICT_NO_CAPACITY:
	case VERDICT_LIMIT:
	case VERDICT_DENIED:
	case VERDICT_ABSENT: refused(m, x, f->message ? f->message : ""); break;
	}
	core_touch(m, &x->object);
}

static void looked(struct model *m, struct extra *x, const struct fact *f)
{
	const struct storage *s = f->storage_count ? &f->storages[0] : NULL;

	x->activity = ACTIVITY_NONE;
	x->retry_at = m->now + instant_max(f->retry_after, LOOK_AGAIN);
	core_touch(m, &x->object);
	if (x->state == EXTRA_BUILDING && f->verdict == VERDICT_ABSENT)
		extra_move(m, x, EXTRA_EV_UNSURE, CAUSE_NONE, NULL, "the provider does not know of it; looked for in listings");
	if (x->state != EXTRA_BUILDING || f->verdict != VERDICT_OK || !s)
		return;
	if (s->state == STORAGE_FAILED)
		refused(m, x, "the provider failed to take it");
	else if (s->state == STORAGE_READY)
		storage_is_there(m, x, s->id, s);
}

static void dropped(struct model *m, struct extra *x, const struct fact *f)
{
	x->activity = ACTIVITY_NONE;
	if (f->verdict == VERDICT_OK || f->verdict == VERDICT_ABSENT) {
		x->dropped_at = m->now;
		x->tries = 0;
		model_account(m, x->account)->storage_wanted = true;
		core_touch(m, &model_account(m, x->account)->object);
		core_dirty(m, &x->object);
	} else {
		x->tries++;
		x->retry_at = m->now + instant_max(f->retry_after, core_backoff(x->tries, DROP_BACKOFF));
		if (f->message)
			snprintf(x->reason, sizeof(x->reason), "cannot be deleted yet: %.200s", f->message);
	}
	core_touch(m, &x->object);
}

void storage_apply(struct model *m, struct fact *f)
{
	struct account_state *a = f->kind == FACT_STORAGE ? model_account(m, f->account) : NULL;
	struct extra *x = a || f->kind == FACT_STORAGE_WANT ? NULL : model_extra(m, f->id);

	if (f->kind == FACT_STORAGE_WANT)
		want(m, f);
	if (a)
		storage_listed(m, a, f);
	if (!x)
		return;
	switch ((int)f->kind) {
	case FACT_STORAGE_DROP: drop(m, x, f); break;
	case FACT_STORAGE_KEEP: keep(m, x, f); break;
	case FACT_STORAGE_MADE: made(m, x, f); break;
	case FACT_STORAGE_LOOKED: looked(m, x, f); break;
	case FACT_VOLUME_MOVE: volume_move(m, x, f); break;
	case FACT_VOLUME_MOVED: volume_moved(m, x, f); break;
	case FACT_EXTRA_ENDED: dropped(m, x, f); break;
	case FACT_STORAGE_BILLED: storage_billed(m, x, f); break;
	default: break;
	}
	if (f->kind != FACT_VOLUME_MOVE || !f->error.code)
		f->answer_id = x->object.id;
}

/* ---- decisions ---- */

static void act(struct extra *x, enum activity activity, struct actions *out, enum action_kind kind)
{
	x->activity = activity;
	actions_add(out, kind, x->object.id);
}

static instant decide_wanted(struct model *m, struct extra *x, const struct account_state *a, instant now, struct actions *out)
{
	const struct instance *i = x->kind == EXTRA_SNAPSHOT && !x->of_volume ? model_instance(m, x->source_id) : NULL;

	/* The row and its money are on the disk before anything is sent. */
	if (x->object.dirty)
		return now + 1;
	if (m->closing || now < x->retry_at)
		return m->closing ? FOREVER : x->retry_at;
	if (a->denied) {
		refused(m, x, "the credentials are not accepted at present");
		return FOREVER;
	}
	if (x->kind == EXTRA_SNAPSHOT && !x->of_volume && (!i || i->state < INSTANCE_READY || i->state > INSTANCE_BUSY)) {
		refused(m, x, "its machine is no more");
		return FOREVER;
	}
	extra_move(m, x, EXTRA_EV_DISPATCH, CAUSE_NONE, NULL, "asking %s for it", x->account);
	act(x, ACTIVITY_MAKE, out, ACTION_STORAGE_MAKE);
	return FOREVER;
}

static instant decide_live(struct model *m, struct extra *x, instant now)
{
	if (!x->keep_until || now < x->keep_until)
		return x->keep_until ? x->keep_until : FOREVER;
	if (storage_user(m, x))
		return FOREVER; /* the end of its machine touches it */
	extra_move(m, x, EXTRA_EV_END, CAUSE_EXPIRED, NULL, "nobody wanted it for longer");
	return now;
}

instant storage_decide(struct model *m, struct extra *x, instant now, struct actions *out)
{
	struct account_state *a = model_account(m, x->account);

	if (!a || !a->configured || x->activity)
		return FOREVER;
	switch (x->state) {
	case EXTRA_WANTED: return decide_wanted(m, x, a, now, out);
	case EXTRA_BUILDING:
		if (now - x->created > BUILD_LIMIT)
			extra_move(m, x, EXTRA_EV_UNSURE, CAUSE_NONE, NULL, "it takes too long; looked for in listings");
		else if (now >= x->retry_at)
			act(x, ACTIVITY_LOOK, out, ACTION_STORAGE_LOOK);
		return x->retry_at > now ? x->retry_at : FOREVER;
	case EXTRA_MAKING: /* loaded: the daemon ended before its answer came */
		extra_move(m, x, EXTRA_EV_UNSURE, CAUSE_NONE, NULL, "the daemon ended before the answer came");
		core_touch(m, &a->object);
		return now;
	case EXTRA_LIVE: return x->mover ? volume_decide(m, x, now, out) : decide_live(m, x, now);
	case EXTRA_DELETING:
		if (x->dropped_at)
			return FOREVER; /* a listing tells */
		if (now >= x->retry_at)
			act(x, ACTIVITY_END, out, ACTION_END_EXTRA);
		return x->retry_at > now ? x->retry_at : FOREVER;
	case EXTRA_DOUBT:
	case EXTRA_GONE:
	case EXTRA_STATES: break;
	}
	return FOREVER;
}

void storage_released(struct model *m, const struct instance *i)
{
	struct extra *x = model_extra(m, i->volume_id);

	if (!x)
		return;
	x->used_at = m->now;
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}
