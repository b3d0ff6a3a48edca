/*
 * Machines and their volumes: orders that name one, who has it, and those that come and go while a machine runs.
 */
#include "core/internal.h"
#include "core/storage.h"
#include "base/gpu.h"
#include "base/str.h"

const struct instance *storage_user(const struct model *m, const struct extra *x)
{
	const struct account_state *a = model_account(m, x->account);

	if (!a || x->kind != EXTRA_VOLUME)
		return NULL;
	list_for_each(n, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(n, struct instance, account_link);

		if (i->volume_id == x->object.id && i->state != INSTANCE_GONE && i->object.id != x->left_by)
			return i;
	}
	return NULL;
}

static const struct extra *named(const struct model *m, enum extra_kind kind, const char *name, struct err *e)
{
	const struct extra *x = model_storage(m, kind, name);

	if (!x)
		err_set(e, ERR_USAGE, "there is no %s '%.40s'; see: gpufleetctl %ss", kind == EXTRA_VOLUME ? "volume" : "snapshot", name,
		    kind == EXTRA_VOLUME ? "volume" : "snapshot");
	else if (x->state != EXTRA_LIVE)
		err_set(e, ERR_CONFLICT, "%s '%s' is not ready: it is %s", storage_word(x), name, extra_fsm.state_names[x->state]);
	else
		return x;
	return NULL;
}

int storage_order_ok(const struct model *m, const struct fleet *f, struct err *e)
{
	const struct extra *v = *f->volume ? named(m, EXTRA_VOLUME, f->volume, e) : NULL, *s = *f->snapshot ? named(m, EXTRA_SNAPSHOT, f->snapshot, e) : NULL;
	const struct instance *user = v ? storage_user(m, v) : NULL;
	const struct account_state *a = v ? model_account(m, v->account) : NULL;

	if ((*f->volume && !v) || (*f->snapshot && !s))
		return -1;
	if (s && s->of_volume)
		return err_set(e, ERR_USAGE, "snapshot '%s' is of a volume; a machine starts from one of a machine", s->name);
	if (v && s && strcmp(v->account, s->account) != 0)
		return err_set(e, ERR_USAGE, "volume '%s' is at %s and snapshot '%s' at %s", v->name, v->account, s->name, s->account);
	if (v && !a->facts.volume_shared && f->instances > 1)
		return err_set(e, ERR_USAGE, "%s gives a volume to one machine at a time: not with --instances %d", a->facts.title, f->instances);
	if (v && !a->facts.volume_shared && user && user->state < INSTANCE_DELETING)
		return err_set(e, ERR_CONFLICT, "volume '%s' is in use by '%s'", v->name,
		    model_fleet(m, user->fleet_id) ? model_fleet(m, user->fleet_id)->name : user->mark);
	return 0;
}

bool storage_waits(const struct model *m, const struct fleet *f)
{
	const struct extra *v = *f->volume ? model_storage(m, EXTRA_VOLUME, f->volume) : NULL;
	const struct account_state *a = v ? model_account(m, v->account) : NULL;
	const struct instance *user = a && !a->facts.volume_shared ? storage_user(m, v) : NULL;

	return user && user->fleet_id != f->object.id;
}

static bool fits_place(const struct extra *x, const struct offer *o, char why[TEXT_MAX])
{
	if (strcmp(x->account, o->account) != 0)
		snprintf(why, TEXT_MAX, "%s '%s' is at %s", storage_word(x), x->name, x->account);
	else if (*x->region && strcmp(x->region, o->region) != 0)
		snprintf(why, TEXT_MAX, "%s '%s' is in %s", storage_word(x), x->name, x->region);
	else if (*x->host && strcmp(x->host, o->host) != 0)
		snprintf(why, TEXT_MAX, "%s '%s' is inside another machine", storage_word(x), x->name);
	else
		return true;
	return false;
}

bool storage_fits(const struct model *m, const struct fleet *f, const struct offer *o, char why[TEXT_MAX])
{
	const struct extra *v = *f->volume ? model_storage(m, EXTRA_VOLUME, f->volume) : NULL;
	const struct extra *s = *f->snapshot ? model_storage(m, EXTRA_SNAPSHOT, f->snapshot) : NULL;
	const struct gpu *mine = gpu_find(o->gpu), *its = s ? gpu_find(s->gpu) : NULL;

	if ((*f->volume && !v) || (*f->snapshot && !s)) {
		snprintf(why, TEXT_MAX, "%s '%.40s' is no more", *f->volume && !v ? "volume" : "snapshot", *f->volume && !v ? f->volume : f->snapshot);
		return false;
	}
	if ((v && !fits_place(v, o, why)) || (s && !fits_place(s, o, why)))
		return false;
	if (s && s->disk_gb && o->disk_gb && o->disk_gb < s->disk_gb) {
		snprintf(why, TEXT_MAX, "snapshot '%s' needs %d GB of disk; it has %d", s->name, s->disk_gb, o->disk_gb);
		return false;
	}
	if (mine && its && mine->vendor != its->vendor) {
		snprintf(why, TEXT_MAX, "snapshot '%s' has the driver of %s", s->name, s->gpu);
		return false;
	}
	return true;
}

/* ---- while a machine runs ---- */

#define MOVE_BACKOFF MINUTE
#define MOVE_TRIES   8

static const char *fleet_of(const struct model *m, const struct instance *i)
{
	const struct fleet *f = i ? model_fleet(m, i->fleet_id) : NULL;

	return f ? f->name : i ? i->mark : "";
}

static int can_attach(const struct model *m, const struct extra *x, const struct instance *i, struct err *e)
{
	const struct instance *user = storage_user(m, x);

	if (user)
		return err_set(e, ERR_CONFLICT, "volume '%s' is in use by '%s'", x->name, fleet_of(m, user));
	if (i->volume_id)
		return err_set(e, ERR_CONFLICT, "'%s' has a volume already; a machine has one at a time", fleet_of(m, i));
	if (strcmp(i->account, x->account) != 0 || strcmp(i->region, x->region) != 0)
		return err_set(e, ERR_USAGE, "volume '%s' is at %s in %s, '%s' at %s in %s", x->name, x->account, x->region, fleet_of(m, i), i->account,
		    i->region);
	return 0;
}

void volume_move(struct model *m, struct extra *x, struct fact *f)
{
	struct instance *i = model_instance(m, f->count);
	const struct account_state *a = model_account(m, x->account);

	if (!i || (i->state != INSTANCE_READY && i->state != INSTANCE_BUSY)) {
		err_set(&f->error, ERR_CONFLICT, "that machine is not up");
	} else if (!a || !a->facts.attaches) {
		err_set(&f->error, ERR_USAGE, "at %s a machine has its volume from its order to its end: up --volume %s", x->account, x->name);
	} else if (x->state != EXTRA_LIVE || x->mover) {
		err_set(&f->error, ERR_CONFLICT, "volume '%s' is %s", x->name, x->mover ? "on its way to or from a machine" : "not ready");
	} else if (f->flag ? can_attach(m, x, i, &f->error) == 0 : i->volume_id == x->object.id) {
		x->mover = i->object.id;
		x->detaching = !f->flag;
		x->tries = 0;
		x->retry_at = 0;
		core_event(m, &x->object, "LIVE", f->flag ? "attach" : "detach", "LIVE", CAUSE_NONE, f->actor, "%s, %s", x->name, fleet_of(m, i));
		core_touch(m, &x->object);
		f->answer_id = x->object.id;
	} else if (!f->error.code) {
		err_set(&f->error, ERR_CONFLICT, "'%s' does not have volume '%s'", fleet_of(m, i), x->name);
	}
}

static void give_up(struct model *m, struct extra *x, const char *why)
{
	core_event(m, &x->object, "LIVE", x->detaching ? "not_detached" : "not_attached", "LIVE", CAUSE_FAILED, NULL, "%s: %s", x->name, why);
	snprintf(x->reason, sizeof(x->reason), "%s", why);
	x->mover = 0;
	core_dirty(m, &x->object);
	core_touch(m, &x->object);
}

void volume_moved(struct model *m, struct extra *x, const struct fact *f)
{
	struct instance *i = model_instance(m, x->mover);

	x->activity = ACTIVITY_NONE;
	core_touch(m, &x->object);
	if (!i)
		return;
	if (f->verdict == VERDICT_RETRY && ++x->tries < MOVE_TRIES) {
		x->retry_at = m->now + instant_max(f->retry_after, core_backoff(x->tries, MOVE_BACKOFF));
		return;
	}
	if (f->verdict != VERDICT_OK) {
		give_up(m, x, f->message ? f->message : "");
		return;
	}
	x->reason[0] = '\0';
	x->mover = 0;
	i->volume_id = f->flag ? x->object.id : 0;
	i->mounted = false;
	i->retry_at = 0; /* the next contact mounts it */
	core_event(m, &x->object, "LIVE", f->flag ? "attached" : "detached", "LIVE", CAUSE_NONE, NULL, "%s, %s", x->name, fleet_of(m, i));
	core_dirty(m, &x->object);
	core_dirty(m, &i->object);
	core_touch(m, &i->object);
}

/* Taken off only when it could be unmounted: what is open on it would be lost. */
void volume_released(struct model *m, struct instance *i, bool unmounted)
{
	struct extra *x = model_extra(m, i->volume_id);

	i->released = true; /* or it cannot be: a machine that ends goes all the same */
	core_touch(m, &i->object);
	if (!x || x->mover != i->object.id || !x->detaching)
		return;
	if (!unmounted)
		give_up(m, x, "it is in use on the machine, or the machine does not answer; nothing was changed");
	core_touch(m, &x->object);
}

instant volume_decide(struct model *m, struct extra *x, instant now, struct actions *out)
{
	struct instance *i = model_instance(m, x->mover);

	if (!i || i->state < INSTANCE_READY || i->state > INSTANCE_BUSY) {
		give_up(m, x, "its machine is no more");
		return now;
	}
	if (now < x->retry_at)
		return x->retry_at;
	if (x->detaching && !i->released) {
		if (i->activity)
			return now + SECOND;
		i->activity = ACTIVITY_RELEASE;
		actions_add(out, ACTION_RELEASE, i->object.id);
		return FOREVER;
	}
	i->released = false;
	x->activity = ACTIVITY_MOVE;
	actions_add(out, x->detaching ? ACTION_VOLUME_DETACH : ACTION_VOLUME_ATTACH, x->object.id);
	return FOREVER;
}
