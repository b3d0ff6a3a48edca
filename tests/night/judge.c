/*
 * The judge: invariants of reliability §2.2, checked as the night goes on against what the cloud models say exists and costs.
 * Our rows are consulted for one thing only: whether somebody still looks after a machine.
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/mark.h"
#include "night.h"
#include "orphan.h"

#define LOOK_EVERY   (10 * SECOND)
#define UNSEEN_BOUND (6 * MINUTE) /* two sweeps, a failed try between, and a minute */

/* ---- orders: I2 ---- */

static struct order *order_of(struct night *n, const struct instance *i)
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

void judge_sent(struct night *n, const struct action *a, const struct op_args *args, enum provider_op_kind op)
{
	const struct instance *i = op == OP_CREATE ? model_instance(&n->p->model, a->id) : NULL;
	struct order *o;

	(void)args;
	if (!i)
		return;
	o = order_of(n, i);
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

void judge_made(struct night *n, int cloud, size_t before, int64_t instance_id, bool replayed)
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
void judge_answered(struct night *n, int cloud, int status)
{
	if (status == 429 && !n->plan.faults && !n->reaper)
		night_violation(n, "%s says that we ask too often", n->clouds[cloud]->model->name);
}

/* What was sent was written down first, so the next process knows of it. */
void judge_restarted(struct night *n)
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
void judge_foreign(struct night *n, int cloud, bool after)
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

/* ---- who looks after a machine: I1 ---- */

/* The older Hot Aisle API knows a machine by its recycled name only. */
static bool names(const struct instance *i, const struct box *b)
{
	return !strcmp(i->provider_id, b->m->id) || (b->m->cloud->model == &cloud_hotaisle && !strcmp(i->provider_id, b->m->host));
}

static const struct instance *row_of(const struct night *n, const struct box *b, bool final_too)
{
	const struct account_state *a = n->p ? model_account(&n->p->model, b->m->cloud->model->name) : NULL;
	const struct instance *gone = NULL;

	if (!a)
		return NULL;
	list_for_each(l, &a->instance_list) {
		const struct instance *i = CONTAINER_OF(l, struct instance, account_link);

		if (!names(i, b))
			continue;
		if (i->state != INSTANCE_GONE)
			return i;
		gone = i;
	}
	return final_too ? gone : NULL;
}

const struct instance *judge_row(const struct night *n, const struct box *b)
{
	return row_of(n, b, false);
}

/* Faults that are on now excuse: the listing may fail or lie. */
static bool trouble_on_the_way(const struct night *n, int cloud)
{
	for (int k = 0; k < n->plan.count; k++)
		if (n->active[k] && (n->plan.items[k].cloud == cloud || n->plan.items[k].cloud < 0))
			return true;
	return false;
}

static bool looked_after(const struct night *n, const struct box *b)
{
	const struct instance *i;

	if (!n->p || b->m->visible > n->now || !cloud_billing(b->m->cloud, b->m) || trouble_on_the_way(n, b->cloud))
		return true;
	if (row_of(n, b, false))
		return true;
	i = model_instance(&n->p->model, b->instance_id);
	return i && (i->state == INSTANCE_DISPATCHING || i->state == INSTANCE_AMBIGUOUS);
}

static bool past_deadline(const struct night *n, const struct box *b)
{
	struct mark mark;

	return mark_read(&mark, b->m->name, n->mark_key, b->m->cloud->model->name, NIGHT_SITE) == MARK_OURS && mark.deadline < n->now;
}

static void check_leaks(struct night *n)
{
	for (size_t k = 0; k < n->box_count; k++) {
		struct box *b = n->boxes[k];

		if (b->foreign)
			continue;
		b->rowed = b->rowed || row_of(n, b, true);
		if (!n->plan.faults && b->instance_id && cloud_billing(b->m->cloud, b->m) && past_deadline(n, b))
			night_violation(n, "I1: %s at %s lives on behind the deadline in its name", b->m->id, b->m->cloud->model->name);
		if (looked_after(n, b))
			b->excused = n->now;
		else if (n->now - b->excused > UNSEEN_BOUND)
			night_violation(n, "I1: %s at %s is billing and nobody looks after it", b->m->id, b->m->cloud->model->name);
	}
}

/* One kept machine per slot at the most. */
static void check_doubles(struct night *n)
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

static const struct box *box_by_id(const struct night *n, const struct instance *i)
{
	for (size_t k = n->box_count; k-- > 0;)
		if (names(i, n->boxes[k]) && !strcmp(n->boxes[k]->m->cloud->model->name, i->account))
			return n->boxes[k];
	return NULL;
}

/* While listings lie, one that never had an id cannot be found: it is taken for absent, and deleted as late when they tell the
 * truth again (§2.16). */
static bool listing_lies(const struct cloud *c)
{
	return cloud_fault_on(c, FAULT_LIST_EMPTY) || cloud_fault_on(c, FAULT_LIST_DROPS_ONE) || cloud_fault_on(c, FAULT_LIST_STALE);
}

static void check_absent(struct night *n, const struct instance *i)
{
	if (n->now - i->sent < n->config.proof.settle || i->absent_listings < n->config.proof.absence_listings)
		night_violation(n, "I7: instance %lld is called absent after %lld s and %d listings", (long long)i->object.id,
		    (long long)((n->now - i->sent) / SECOND), i->absent_listings);
}

/* What is in use can be told from others' by anybody who knows the key. */
static void check_name(struct night *n, const struct instance *i)
{
	const struct box *b = box_by_id(n, i);

	if (b && !mark_same_intent(b->m->name, i->mark))
		night_violation(n, "I1: %s at %s is in use without its name", b->m->id, i->account);
}

static void check_gone(struct night *n, const struct instance *i)
{
	for (size_t k = 0; k < n->box_count; k++) {
		struct box *b = n->boxes[k];
		bool same = *i->provider_id ? b == box_by_id(n, i) : b->instance_id == i->object.id;

		if (same && !*i->provider_id && listing_lies(b->m->cloud)) {
			b->hidden = true;
			continue;
		}
		if (same && cloud_billing(b->m->cloud, b->m) && b->m->visible + MINUTE < n->now && !row_of(n, b, false))
			night_violation(n, "I7: instance %lld is GONE while %s is there and billing", (long long)i->object.id, b->m->id);
	}
}

/* What the provider's record can say at best: vast.ai tells thousandths, DigitalOcean and Hot Aisle cents, per line or window (providers' sheets). */
static money precision(const struct cloud *c)
{
	return c->model == &cloud_vastai ? 2 * USD / 1000 : c->model == &cloud_runpod ? 0 : CENT;
}

static void check_bill(struct night *n, const struct instance *i)
{
	const struct account_state *a = model_account(&n->p->model, i->account);
	const struct box *b = box_by_id(n, i);
	const struct instance *other;
	char ours[32], theirs[32];
	money off, booked = 0;
	size_t at = 0;

	if (!b || !a->facts.bill_by_machine)
		return;
	while ((other = model_each(&n->p->model.instances, &at))) {
		if (strcmp(other->account, i->account) != 0 || strcmp(other->provider_id, i->provider_id) != 0)
			continue;
		if (!other->settled)
			return; /* one that came back has two rows: the last of them says the sum */
		booked += other->billed;
	}
	off = booked - cloud_cost(b->m->cloud, b->m);
	if (off <= precision(b->m->cloud) && -off <= precision(b->m->cloud))
		return;
	money_decimal(booked, ours);
	money_decimal(cloud_cost(b->m->cloud, b->m), theirs);
	night_violation(n, "I5: %s at %s cost %s, and %s was settled", b->m->id, i->account, theirs, ours);
}

static void check_run(struct night *n, const struct run *r)
{
	if (r->outcome == OUTCOME_OK && !box_finished_well(n, r->key))
		night_violation(n, "I9: run %lld is called ok, but its script never ended with 0", (long long)r->object.id);
}

void judge_event(struct night *n, const struct event *e)
{
	const struct instance *i = e->kind == OBJECT_INSTANCE ? model_instance(&n->p->model, e->object_id) : NULL;
	const struct run *r = e->kind == OBJECT_RUN ? model_run(&n->p->model, e->object_id) : NULL;

	if (!strcmp(e->to, "illegal"))
		night_violation(n, "an illegal move: %s -%s of %lld: %s", e->from, e->event, (long long)e->object_id, e->text);
	if (i && !strcmp(e->event, "dispatch"))
		order_of(n, i)->durable = true;
	if (i && !strcmp(e->event, "absent"))
		check_absent(n, i);
	if (i && !strcmp(e->event, "reachable"))
		check_name(n, i);
	if (i && !strcmp(e->event, "settled"))
		check_bill(n, i);
	else if (i && !strcmp(e->to, "GONE"))
		check_gone(n, i);
	else if (r && !strcmp(e->to, "DONE"))
		check_run(n, r);
}

/* ---- steps ---- */

/* An account that tells only a balance says nothing about what was there before the first look at it. */
static bool waits_for_bill(const struct night *n, const struct instance *i)
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
static void unsettled(const struct night *n, char *out, size_t size)
{
	const struct model *m = &n->p->model;
	const struct instance *i;
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
	for (size_t k = 0; k < ARRAY_LEN(n->clouds); k++) {
		if (!n->clouds[k] || !key_left(n->clouds[k]))
			continue;
		snprintf(out, size, "our key is still at %s", n->clouds[k]->model->name);
		return;
	}
	snprintf(out, size, "%s", list_empty(&m->dirty) && !n->p->wheel.committing ? "" : "something is not committed");
}

/* The last object that asked to be looked at, for a loop that never waits. */
static void restless(const struct night *n, char *out, size_t size)
{
	const struct model *m = &n->p->model;
	const struct heap_node *first = heap_first(&m->wakes);
	const struct object *o = !list_empty(&m->touched) ? CONTAINER_OF(m->touched.next, const struct object, touch_link) :
			   first ? CONTAINER_OF(first, const struct object, wake) : NULL;

	snprintf(out, size, "%s %lld", !o ? "nothing" : o->kind == OBJECT_FLEET ? "fleet" : o->kind == OBJECT_RUN ? "run" :
	    o->kind == OBJECT_INSTANCE ? "instance" : "account", o ? (long long)o->id : 0);
}

void judge_overdue(struct night *n, bool spinning)
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

void judge_step(struct night *n)
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
	if (!n->over || !n->p || n->now < NIGHT_START + n->plan.work * 3 / 2)
		return;
	unsettled(n, what, sizeof(what));
	if (!*what)
		n->settled = n->now;
}

bool judge_settled(const struct night *n)
{
	return n->settled != 0;
}

/* ---- the end: the sums ---- */

/* What our rows say the machines of the account cost. False: something of it is not known, or has left memory. */
static bool booked_sum(const struct night *n, const struct cloud *c, money *sum)
{
	const struct model *m = &n->p->model;
	const struct instance *i;
	size_t at = 0;

	*sum = 0;
	while ((i = model_each(&m->instances, &at))) {
		if (strcmp(i->account, c->model->name) != 0)
			continue;
		if (!i->billed_known)
			return false;
		*sum += i->billed;
	}
	return n->now < NIGHT_START + DAY;
}

static void check_account(struct night *n, struct cloud *c)
{
	const struct account_state *a = model_account(&n->p->model, c->model->name);
	money bill = 0, booked, slack = 0;
	char ours[32], theirs[32];

	for (size_t k = 0; k < n->box_count; k++) {
		const struct box *b = n->boxes[k];

		/* One that vanished before anybody saw it has no row to book its cents on. */
		if (b->m->cloud != c || b->foreign || (a->facts.bill_by_machine && !b->rowed))
			continue;
		if (!b->rowed)
			return; /* and a balance does not tell whose it was */
		bill += cloud_cost(c, b->m);
		slack += precision(c);
	}
	if (!booked_sum(n, c, &booked) || (n->plan.shared_hotaisle && !a->facts.bill_by_machine) ||
	    (bill - booked <= slack && booked - bill <= slack))
		return;
	money_decimal(bill, theirs);
	money_decimal(booked, ours);
	night_violation(n, "I5: %s bills %s, the ledger has %s", c->model->name, theirs, ours);
}

static void check_caps(struct night *n)
{
	const struct fleet *f;
	size_t at = 0;
	char cost[32], cap[32];

	while ((f = model_each(&n->p->model.fleets, &at))) {
		money spent = 0;

		for (size_t k = 0; k < n->box_count; k++)
			if (n->boxes[k]->fleet_id == f->object.id)
				spent += cloud_cost(n->boxes[k]->m->cloud, n->boxes[k]->m);
		if (!f->max_cost || spent <= f->max_cost)
			continue;
		money_format(spent, cost);
		money_format(f->max_cost, cap);
		night_violation(n, "I3: fleet %s cost %s of the %s allowed", f->name, cost, cap);
	}
}

void judge_end(struct night *n)
{
	if (*n->violation || !n->p)
		return;
	for (int k = 0; k < CLOUDS; k++)
		if (n->clouds[k])
			check_account(n, n->clouds[k]);
	if (!n->plan.faults)
		check_caps(n);
}
