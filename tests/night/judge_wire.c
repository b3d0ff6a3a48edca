/*
 * The judge at the wire: what leaves, what it makes, and whom it touches (I2, I6).
 */
#include "base/str.h"
#include "night.h"

/* ---- orders: I2 ---- */

struct order *judge_order(struct sim_night *n, const struct instance *i)
{
	struct order *o;

	for (size_t k = 0; k < n->order_count; k++)
		if (n->orders[k].instance_id == i->object.id)
			return &n->orders[k];
	n->orders = xreallocarray(n->orders, n->order_count + 1, sizeof(*n->orders));
	o = &n->orders[n->order_count++];
	*o = (struct order){ .instance_id = i->object.id, .fleet_id = i->fleet_id, .slot = i->slot };
	str_copy(o->mark, i->mark);
	return o;
}

void judge_sent(struct sim_night *n, const struct action *a, enum provider_op_kind op)
{
	const struct instance *i = op == OP_CREATE ? model_instance(&n->p->model, a->id) : NULL;
	struct order *o;

	if (!i)
		return;
	o = judge_order(n, i);
	if (!o->durable)
		night_violation(n, "I2: the create of instance %lld is sent before it is written down", (long long)i->object.id);
	if (o->sent++)
		night_violation(n, "I2: the create of instance %lld was sent %d times", (long long)i->object.id, o->sent);
	for (size_t k = 0; k < n->order_count; k++)
		if (&n->orders[k] != o && !strcmp(n->orders[k].mark, o->mark))
			night_violation(n, "I2: two creates with the name %s", o->mark);
	for (size_t k = 0; k < n->box_count && !*n->violation; k++) {
		const struct box *b = n->boxes[k];

		if (b->instance_id && !b->replayed && !b->hidden && b->instance_id != i->object.id && b->fleet_id == i->fleet_id && b->slot == i->slot &&
		    cloud_billing(b->m->cloud, b->m) && cloud_shown(b->m->cloud, b->m))
			night_violation(n, "I2: slot %d of fleet %lld is ordered again while %s lives", i->slot,
			    (long long)i->fleet_id, b->m->id);
	}
}

void judge_made(struct sim_night *n, int cloud, size_t before, int64_t instance_id, bool replayed)
{
	struct cloud *c = n->clouds[cloud];

	for (size_t k = before; k < c->machine_count; k++) {
		struct box *b = box_of(n, c->machines[k]);

		b->instance_id = instance_id;
		b->replayed = replayed || c->machine_count > before + 1;
		for (size_t o = 0; o < n->order_count; o++) {
			if (n->orders[o].instance_id == instance_id) {
				b->fleet_id = n->orders[o].fleet_id;
				b->slot = n->orders[o].slot;
			}
		}
		night_note(n, "%s made %s for instance %lld", c->model->name, b->m->id, (long long)instance_id);
	}
}

/* Without faults, and alone, nobody may be told that he asks too often. */
void judge_answered(struct sim_night *n, int cloud, int status)
{
	if (status == 429 && !n->plan.faults && !n->reaper)
		night_violation(n, "%s says that we ask too often", n->clouds[cloud]->model->name);
}

/* What was sent was written down first, so the next process knows of it. */
void judge_restarted(struct sim_night *n)
{
	for (size_t k = 0; k < n->box_count; k++) {
		const struct box *b = n->boxes[k];

		if (b->instance_id && cloud_billing(b->m->cloud, b->m) && !model_instance(&n->p->model, b->instance_id))
			night_violation(n, "I1: the new process does not know instance %lld, which made %s", (long long)b->instance_id,
			    b->m->id);
	}
}

static bool changed(const struct box *b)
{
	return b->m->deleted != b->was_deleted || b->m->stopped != b->was_stopped || strcmp(b->name, b->m->name) != 0;
}

/* Machines that are not ours, before and after a request of ours that may change something: I6. */
void judge_foreign(struct sim_night *n, int cloud, bool after)
{
	for (size_t k = 0; k < n->box_count; k++) {
		struct box *b = n->boxes[k];

		if (!b->foreign || b->cloud != cloud)
			continue;
		if (after && changed(b))
			night_violation(n, "I6: %s at %s, which is somebody else's, was changed", b->m->id, b->m->cloud->model->name);
		b->was_deleted = b->m->deleted;
		b->was_stopped = b->m->stopped;
	}
}
