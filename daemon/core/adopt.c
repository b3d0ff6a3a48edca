/*
 * A database that is lost or was rolled back does not know machines that the site made. Their names say that they are ours and
 * until when; with `on_orphan: adopt` each becomes a fleet of its own, open until that deadline, so that people can go on with it or
 * end it (reliability §2.9, L11). Nothing is bought for such a fleet, whatever happens to its machine.
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/internal.h"
#include "core/mark.h"

static struct fleet *open_fleet(struct model *m, const struct account_state *a, const struct machine *seen, instant made, instant expires)
{
	struct fleet row = { .object.id = m->next_id, .state = FLEET_OPEN, .instances = 1, .created = m->now }, *f;

	snprintf(row.name, sizeof(row.name), "found-%lld", (long long)row.object.id);
	str_copy(row.owner, "root");
	str_copy(row.gpu, seen->gpu);
	row.gpu_count = seen->gpu_count > 0 ? seen->gpu_count : 1;
	str_copy(row.accounts, a->facts.name);
	row.ready_at = made;
	row.expires = expires;
	row.lifetime = expires - made;
	f = model_add_fleet(m, &row);
	core_event(m, &f->object, "", "found", "OPEN", CAUSE_NONE, NULL, "for %s, which the database did not know", seen->id);
	core_dirty(m, &f->object);
	core_touch(m, &f->object);
	return f;
}

bool instance_adopt_orphan(struct model *m, const struct account_state *a, const struct machine *seen)
{
	struct instance row = { .state = INSTANCE_BOOTING }, *i;
	instant made = seen->created && seen->created < m->now ? seen->created : m->now, expires;
	struct fleet *f;
	struct mark mark;

	if (mark_read(&mark, seen->mark, m->mark_key, a->facts.provider, m->site) != MARK_OURS)
		return false;
	expires = mark.deadline - a->facts.teardown_allowance;
	if (expires <= m->now || seen->state == MACHINE_ENDED || seen->state == MACHINE_STOPPED)
		return false;
	f = open_fleet(m, a, seen, made, expires);
	row.object.id = m->next_id;
	row.fleet_id = f->object.id;
	str_copy(row.account, a->facts.name);
	str_copy(row.provider, a->facts.provider);
	str_copy(row.provider_id, seen->id);
	str_copy(row.mark, seen->mark);
	str_copy(row.gpu, seen->gpu);
	row.gpu_count = seen->gpu_count;
	row.price_hour = seen->price_hour;
	row.hold = cost_hold(&a->facts, seen->price_hour, 0, expires - made);
	row.deadline = mark.deadline;
	row.marked = true;
	/* Its meter runs since it was made; its time to answer begins now. That it was ready once keeps it from being bought again. */
	row.planned = row.sent = row.meter_start = row.ready_at = made;
	row.created = m->now;
	i = model_add_instance(m, &row);
	core_event(m, &i->object, "", "found", "BOOTING", CAUSE_NONE, NULL, "%s carries our mark, but the database did not know it", seen->id);
	core_dirty(m, &i->object);
	instance_seen(m, i, seen);
	return true;
}
