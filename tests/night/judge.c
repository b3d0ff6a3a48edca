/*
 * The judge: invariants of reliability §2.2, checked as the night goes on against what the cloud models say exists and costs.
 * Our rows are consulted for one thing only: whether somebody still looks after a machine.
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/mark.h"
#include "core/storage.h"
#include "months.h"
#include "night.h"
#include "orphan.h"

#define LOOK_EVERY   (10 * SECOND)
#define UNSEEN_BOUND (6 * MINUTE) /* two sweeps, a failed try between, and a minute */

/* ---- who looks after a machine: I1 ---- */

/* The older Hot Aisle API knows a machine by its recycled name only. */
bool judge_names(const struct instance *i, const struct box *b)
{
	return !strcmp(i->provider_id, b->m->id) || (b->m->cloud->model == &cloud_hotaisle && !strcmp(i->provider_id, b->m->host));
}

const struct instance *judge_row(const struct sim_night *n, const struct box *b, bool final_too)
{
	const struct account_state *a = n->p ? model_account(&n->p->model, b->m->cloud->model->name) : NULL;
	const struct instance *gone = NULL;

	if (!a)
		return NULL;
	list_for_each(l, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(l, struct instance, account_link);

		if (!judge_names(i, b))
			continue;
		if (i->state != INSTANCE_GONE)
			return i;
		gone = i;
	}
	return final_too ? gone : NULL;
}

/* Faults that are on now excuse: the listing may fail or lie. */
static bool trouble_on_the_way(const struct sim_night *n, int cloud)
{
	for (int k = 0; k < n->plan.count; k++)
		if (n->active[k] && (n->plan.items[k].cloud == cloud || n->plan.items[k].cloud < 0))
			return true;
	return false;
}

static bool looked_after(const struct sim_night *n, const struct box *b)
{
	const struct instance *i;

	if (!n->p || b->m->visible > n->now || !cloud_billing(b->m->cloud, b->m) || trouble_on_the_way(n, b->cloud))
		return true;
	if (judge_row(n, b, false))
		return true;
	i = model_instance(&n->p->model, b->instance_id);
	return i && (i->state == INSTANCE_DISPATCHING || i->state == INSTANCE_AMBIGUOUS);
}

static bool past_deadline(const struct sim_night *n, const struct box *b)
{
	struct mark mark;

	return mark_read(&mark, b->m->name, n->mark_key, b->m->cloud->model->name, NIGHT_SITE) == MARK_OURS && mark.deadline < n->now;
}

static void check_leaks(struct sim_night *n)
{
	for (size_t k = 0; k < n->box_count; k++) {
		struct box *b = n->boxes[k];

		if (b->foreign)
			continue;
		b->rowed = b->rowed || judge_row(n, b, true);
		if (!n->plan.faults && b->instance_id && cloud_billing(b->m->cloud, b->m) && past_deadline(n, b))
			night_violation(n, "I1: %s at %s lives on behind the deadline in its name", b->m->id, b->m->cloud->model->name);
		if (looked_after(n, b))
			b->excused = n->now;
		else if (n->now - b->excused > UNSEEN_BOUND)
			night_violation(n, "I1: %s at %s is billing and nobody looks after it", b->m->id, b->m->cloud->model->name);
	}
}

/* One kept machine per slot at the most. */
static void check_doubles(struct sim_night *n)
{
	struct fleet *f;
	size_t at = 0;

	while ((f = model_each(&n->p->model.fleets, &at))) {
		uint64_t used = 0;

		list_for_each(l, &f->instance_list) {
			const struct instance *i = INSTANCE_OF(l);

			if (i->state >= INSTANCE_DELETING)
				continue;
			if (used & 1ull << i->slot)
				night_violation(n, "I2: slot %d of fleet %lld has two machines", i->slot, (long long)f->object.id);
			used |= 1ull << i->slot;
		}
	}
}

/* ---- what rows say happened: I5, I7, I9 ---- */

const struct box *judge_box(const struct sim_night *n, const struct instance *i)
{
	for (size_t k = n->box_count; k-- > 0;)
		if (judge_names(i, n->boxes[k]) && !strcmp(n->boxes[k]->m->cloud->model->name, i->account))
			return n->boxes[k];
	return NULL;
}

/* While listings lie, one that never had an id cannot be found: it is taken for absent, and deleted as late when they tell the
 * truth again (§2.16). */
static bool listing_lies(const struct cloud *c)
{
	return cloud_fault_on(c, FAULT_LIST_EMPTY) || cloud_fault_on(c, FAULT_LIST_DROPS_ONE) || cloud_fault_on(c, FAULT_LIST_STALE);
}

/* By the daemon's own clock, which runs a little fast or slow where the host's is being corrected (L12). */
static void check_absent(struct sim_night *n, const struct instance *i)
{
	if (n->now - i->sent < n->config.proof.settle - n->config.proof.settle / 100 || i->absent_listings < n->config.proof.absence_listings)
		night_violation(n, "I7: instance %lld is called absent after %lld s and %d listings", (long long)i->object.id,
		    (long long)((n->now - i->sent) / SECOND), i->absent_listings);
}

/* What is in use can be told from others' by anybody who knows the key. */
static void check_name(struct sim_night *n, const struct instance *i)
{
	const struct box *b = judge_box(n, i);

	if (b && !mark_same_intent(b->m->name, i->mark))
		night_violation(n, "I1: %s at %s is in use without its name", b->m->id, i->account);
}

/* `decided`: a disk that lets nobody write keeps what was decided from being said for many minutes. */
static void check_gone(struct sim_night *n, const struct instance *i, instant decided)
{
	for (size_t k = 0; k < n->box_count; k++) {
		struct box *b = n->boxes[k];
		bool same = *i->provider_id ? b == judge_box(n, i) : b->instance_id == i->object.id;

		/* The same when a cloud changes what it calls its machines while one has no name of ours yet. */
		if (same && (*i->provider_id ? cloud_fault_on(b->m->cloud, FAULT_NO_DEPLOYMENT_ID) : listing_lies(b->m->cloud))) {
			b->hidden = true;
			continue;
		}
		if (same && cloud_billing(b->m->cloud, b->m) && b->m->visible + MINUTE < decided && !judge_row(n, b, false))
			night_violation(n, "I7: instance %lld is GONE while %s is there and billing", (long long)i->object.id, b->m->id);
	}
}

static void check_run(struct sim_night *n, const struct run *r)
{
	const struct instance *i = model_instance(&n->p->model, r->instance_id);

	if (r->pinned && i && i->slot != r->pinned - 1)
		night_violation(n, "run %lld wants the machine in slot %d and had the one in %d", (long long)r->object.id, r->pinned - 1, i->slot);
	if (r->outcome == OUTCOME_OK && !box_finished_well(n, r->key))
		night_violation(n, "I9: run %lld is called ok, but its script never ended with 0", (long long)r->object.id);
}

void judge_event(struct sim_night *n, const struct event *e)
{
	const struct instance *i = e->kind == OBJECT_INSTANCE ? model_instance(&n->p->model, e->object_id) : NULL;
	const struct run *r = e->kind == OBJECT_RUN ? model_run(&n->p->model, e->object_id) : NULL;
	const struct extra *x = e->kind == OBJECT_EXTRA ? model_extra(&n->p->model, e->object_id) : NULL;

	if (!strcmp(e->to, "illegal"))
		night_violation(n, "an illegal move: %s -%s of %lld: %s", e->from, e->event, (long long)e->object_id, e->text);
	if (i && !strcmp(e->event, "dispatch"))
		judge_order(n, i)->durable = true;
	if (i && !strcmp(e->event, "absent"))
		check_absent(n, i);
	if (i && !strcmp(e->event, "reachable"))
		check_name(n, i);
	if (n->months)
		months_event(n, e);
	n->unbilled |= i && !strcmp(e->event, "unbilled");
	if (i && !strcmp(e->event, "settled"))
		judge_bill(n, i);
	else if (x && !strcmp(e->event, "settled"))
		judge_storage_bill(n, x);
	else if (i && !strcmp(e->to, "GONE"))
		check_gone(n, i, e->time);
	else if (r && !strcmp(e->to, "DONE"))
		check_run(n, r);
}

/* ---- steps ---- */

/* An account that tells only a balance says nothing about what was there before the first look at it. */
static bool waits_for_bill(const struct sim_night *n, const struct instance *i)
{
	const struct account_state *a = model_account(&n->p->model, i->account);

	return a->facts.bill_by_machine || a->window_since;
}

/* Is our public key still among those of the account? */
static bool key_left(const struct cloud *c)
{
	char *text = json_text(c->keys);
	bool left = text && strstr(text, NIGHT_KEY_BLOB);

	free(text);
	return left;
}

/* What is not settled yet, in words; "" when everything is. */
static void unsettled(const struct sim_night *n, char *out, size_t size)
{
	const struct model *m = &n->p->model;
	const struct instance *i;
	const struct extra *x;
	const struct fleet *f;
	size_t at;

	for (size_t k = 0; k < n->box_count; k++) {
		if (n->boxes[k]->foreign || !cloud_billing(n->boxes[k]->m->cloud, n->boxes[k]->m))
			continue;
		snprintf(out, size, "%s at %s is billing", n->boxes[k]->m->id, n->boxes[k]->m->cloud->model->name);
		return;
	}
	for (at = 0; (i = model_each(&m->instances, &at));) {
		if (i->state == INSTANCE_GONE && (i->settled || !waits_for_bill(n, i)))
			continue;
		snprintf(out, size, "instance %lld is %s%s", (long long)i->object.id, instance_fsm.state_names[i->state],
		    i->state == INSTANCE_GONE ? " and its bill is not known" : "");
		return;
	}
	for (at = 0; (f = model_each(&m->fleets, &at));) {
		if (f->state == FLEET_CLOSED)
			continue;
		snprintf(out, size, "fleet %s is %s", f->name, fleet_fsm.state_names[f->state]);
		return;
	}
	for (at = 0; (x = model_each(&m->extras, &at));) {
		if (!storage_kind_of(x) || (x->state == EXTRA_GONE && x->settled))
			continue;
		snprintf(out, size, "%s %s is %s%s", extra_kind_name(x->kind), x->name, extra_fsm.state_names[x->state],
		    x->state == EXTRA_GONE ? " and its bill is not known" : "");
		return;
	}
	for (size_t k = 0; k < ARRAY_LEN(n->clouds); k++) {
		if (!n->clouds[k] || !key_left(n->clouds[k]))
			continue;
		snprintf(out, size, "our key is still at %s", n->clouds[k]->model->name);
		return;
	}
	snprintf(out, size, "%s", list_empty(&m->dirty) && !n->p->wheel.committing ? "" : "something is not committed");
}

/* The last object that asked to be looked at, for a loop that never waits. */
static void restless(const struct sim_night *n, char *out, size_t size)
{
	const struct model *m = &n->p->model;
	const struct heap_node *first = heap_first(&m->wakes);
	const struct object *o = !list_empty(&m->touched) ? CONTAINER_OF(m->touched.next, const struct object, touch_link) :
			   first ? CONTAINER_OF(first, const struct object, wake) : NULL;

	snprintf(out, size, "%s %lld", !o ? "nothing" : o->kind == OBJECT_FLEET ? "fleet" : o->kind == OBJECT_RUN ? "run" :
	    o->kind == OBJECT_INSTANCE ? "instance" : "account", o ? (long long)o->id : 0);
}

void judge_overdue(struct sim_night *n, bool spinning)
{
	char what[128] = "the daemon is not there";

	if (n->p && spinning)
		restless(n, what, sizeof(what));
	else if (n->p)
		unsettled(n, what, sizeof(what));
	if (spinning)
		night_violation(n, "too many steps: something is done over and over, about %s", what);
	else
		night_violation(n, "not everything has settled %lld h after the last fault: %s", (long long)(NIGHT_BOUND / HOUR), what);
}

void judge_step(struct sim_night *n)
{
	char what[128];

	if (n->now < n->judged + LOOK_EVERY || *n->violation)
		return;
	n->judged = n->now;
	for (int k = 0; k < CLOUDS; k++)
		if (n->clouds[k])
			cloud_tick(n->clouds[k], n->now);
	if (n->orphaned) {
		n->settled = orphan_judged(n) ? n->now : 0;
		return;
	}
	check_leaks(n);
	if (n->p)
		check_doubles(n);
	if (!n->over || !n->p || n->now < NIGHT_START + (n->plan.season ? n->plan.chaos : n->plan.work * 3 / 2))
		return;
	unsettled(n, what, sizeof(what));
	if (!*what)
		n->settled = n->now;
}

bool judge_settled(const struct sim_night *n)
{
	return n->settled != 0;
}
