/*
 * What a provider's listing says of volumes and snapshots: which are found, which are gone, which nobody here knew (reliability §2.7).
 */
#include "core/internal.h"
#include "core/mark.h"
#include "core/storage.h"
#include "base/str.h"

#define DROP_BACKOFF  (5 * MINUTE)
#define SWEEPS_USED   5  /* as many sweeps of machines to one of storage, where there is some … */
#define SWEEPS_UNUSED 30 /* … and where there is none that we know */

static struct extra *known(const struct model *m, const struct account_state *a, const struct storage *s)
{
	enum extra_kind kind = s->kind == STORAGE_VOLUME ? EXTRA_VOLUME : EXTRA_SNAPSHOT;
	struct extra *x, *by_name = NULL;
	size_t at = 0;

	while ((x = model_each(&m->extras, &at))) {
		if (x->kind != kind || x->state == EXTRA_GONE || strcmp(x->account, a->facts.name) != 0)
			continue;
		if (*x->provider_id && !strcmp(x->provider_id, s->id))
			return x;
		if (!*x->provider_id && !strcmp(x->mark, s->name))
			by_name = x;
	}
	return by_name;
}

/* Ours by its name, and the database does not know it: it is kept, and bills, until somebody says otherwise. */
static void adopt(struct model *m, struct account_state *a, const struct storage *s, const char *name)
{
	struct extra row = { .kind = s->kind == STORAGE_VOLUME ? EXTRA_VOLUME : EXTRA_SNAPSHOT, .state = EXTRA_LIVE, .of_volume = s->of_volume }, *x;

	snprintf(row.name, sizeof(row.name), "%.40s%s", name, model_storage(m, row.kind, name) ? "-found" : "");
	if (model_storage(m, row.kind, row.name))
		return; /* twice the same, twice found: a person has to look */
	str_copy(row.owner, "daemon");
	str_copy(row.region, s->region);
	str_copy(row.host, s->host);
	str_copy(row.provider_id, s->id);
	x = storage_add_row(m, a, &row);
	storage_learn(m, x, s);
	core_event(m, &x->object, "", "found", "LIVE", CAUSE_ORPHAN, NULL, "%s %s at %s is ours and nobody knew it; it is kept until it is deleted",
	    storage_word(x), x->name, x->account);
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}

/* Its machine's delete was taken and the provider shows it free: the next one need not wait for the proof that the machine is gone. */
static void is_free(struct model *m, const struct account_state *a, struct extra *x, const struct storage *s, instant began)
{
	const struct instance *i = storage_user(m, x);
	struct fleet *f;
	size_t at = 0;

	if (!i || !a->facts.attaches || *s->machine || i->state != INSTANCE_DELETING || !i->delete_accepted || began <= i->delete_sent)
		return;
	x->left_by = i->object.id;
	while ((f = model_each(&m->fleets, &at)))
		if (f->state == FLEET_OPEN && !strcmp(f->volume, x->name))
			core_touch(m, &f->object);
}

static void seen(struct model *m, const struct account_state *a, struct extra *x, const struct storage *s, instant began)
{
	x->absent_listings = 0;
	if (x->state == EXTRA_DOUBT || x->state == EXTRA_BUILDING) {
		if (s->state == STORAGE_READY)
			storage_is_there(m, x, s->id, s);
		return;
	}
	if (x->state == EXTRA_MAKING || x->state == EXTRA_WANTED)
		return; /* its answer is on its way */
	storage_learn(m, x, s);
	is_free(m, a, x, s, began);
	if (x->state == EXTRA_DELETING && x->dropped_at && x->dropped_at < began) {
		x->dropped_at = 0; /* it was taken, and is there all the same */
		x->retry_at = m->now + core_backoff(++x->tries, DROP_BACKOFF);
	}
	core_touch(m, &x->object);
}

/* Enough complete listings without it, far enough apart? */
static bool absent(const struct model *m, struct extra *x, int wanted, duration spacing)
{
	if (m->now - x->absent_at < spacing && x->absent_listings)
		return false;
	x->absent_at = m->now;
	return ++x->absent_listings >= wanted;
}

static void not_seen(struct model *m, struct extra *x, instant began)
{
	duration settle = m->policy.settle * (x->kind == EXTRA_SNAPSHOT ? 6 : 1); /* a snapshot is listed when it is finished */

	if (x->state == EXTRA_DELETING && x->dropped_at && x->dropped_at < began) {
		extra_move(m, x, EXTRA_EV_GONE, CAUSE_NONE, NULL, "%s at %s is gone", x->name, x->account);
	} else if (x->state == EXTRA_LIVE && x->used_at < began && absent(m, x, m->policy.gone_listings, m->policy.gone_spacing)) {
		extra_move(m, x, EXTRA_EV_GONE, CAUSE_LOST, NULL, "%s does not have it any more: somebody deleted it there", x->account);
	} else if (x->state == EXTRA_DOUBT && absent(m, x, m->policy.absence_listings, m->policy.absence_spacing) && m->now - x->created >= settle) {
		extra_move(m, x, EXTRA_EV_ABSENT, CAUSE_FAILED, NULL, "it was never made");
		storage_tell_fleet(m, x);
	}
	core_touch(m, &x->object);
}

void storage_listed(struct model *m, struct account_state *a, const struct fact *f)
{
	struct extra *x;
	char name[NAME_MAX_];
	size_t at = 0;
	int foreign = 0;

	a->storage_busy = false;
	core_touch(m, &a->object);
	if (f->verdict != VERDICT_OK) {
		a->storage_retry_at = m->now + instant_max(f->retry_after, MINUTE);
		return;
	}
	a->storage_at = m->now;
	a->storage_retry_at = 0;
	for (size_t k = 0; k < f->storage_count; k++) {
		const struct storage *s = &f->storages[k];

		x = known(m, a, s);
		if (x)
			seen(m, a, x, s, f->began);
		else if (storage_mark_read(name, s->name, m->mark_key, a->facts.provider, m->site, s->kind) == MARK_OURS)
			adopt(m, a, s, name);
		else
			foreign++;
	}
	a->foreign_storage = foreign;
	while ((x = model_each(&m->extras, &at))) {
		bool there = false;

		if (!storage_kind_of(x) || strcmp(x->account, a->facts.name) != 0)
			continue;
		for (size_t k = 0; k < f->storage_count && !there; k++)
			there = known(m, a, &f->storages[k]) == x;
		if (!there)
			not_seen(m, x, f->began);
	}
}

/* ---- when it is asked for ---- */

/* How soon its storage is listed again: the most urgent of it decides. */
static duration list_interval(const struct model *m, const struct account_state *a)
{
	duration best = m->policy.poll_sweep * SWEEPS_UNUSED;
	const struct extra *x;
	size_t at = 0;

	if (a->storage_wanted)
		return m->policy.poll_boot;
	while ((x = model_each(&m->extras, &at))) {
		duration want = m->policy.poll_sweep * SWEEPS_USED;
		const struct instance *user = storage_user(m, x);

		if (!storage_kind_of(x) || x->state == EXTRA_GONE || strcmp(x->account, a->facts.name) != 0)
			continue;
		if (x->state == EXTRA_DOUBT)
			want = m->policy.absence_spacing;
		if ((x->state == EXTRA_DELETING && x->dropped_at) || (a->facts.attaches && user && user->state == INSTANCE_DELETING && user->delete_accepted))
			want = m->policy.poll_boot;
		best = want < best ? want : best;
	}
	return best;
}

instant storage_decide_account(const struct model *m, struct account_state *a, instant now, struct actions *out)
{
	instant due;

	if ((!a->facts.volumes && !a->facts.snapshots) || a->storage_busy)
		return FOREVER;
	if (!a->storage_at)
		a->storage_at = now; /* a daemon that has just begun has other things to ask first */
	due = instant_max(a->storage_at + list_interval(m, a), a->storage_retry_at);
	if (now < due)
		return due;
	a->storage_busy = true;
	a->storage_wanted = false;
	actions_add(out, ACTION_STORAGE, a->object.id);
	return FOREVER;
}
