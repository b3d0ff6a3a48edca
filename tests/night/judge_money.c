/*
 * The judge of money: every bill that was settled, and the sums at the end, against the meters of the cloud models (I3, I5).
 */
#include "base/str.h"
#include "books.h"
#include "core/cost.h"
#include "night.h"
#include "tests/sim/cloud_storage.h"

/* What the provider's record can say at best, per line or window: vast.ai thousandths, DigitalOcean and Hot Aisle cents (their
 * sheets). */
static money precision(const struct cloud *c)
{
	return c->model == &cloud_vastai ? 2 * USD / 1000 : c->model == &cloud_runpod ? 0 : CENT;
}

/* Our own clock comes near the bill: a quantum, and what answers take (I5). Faults make answers late, so only without them. */
static void check_meter(struct sim_night *n, const struct instance *i, const struct box *b, const struct account_facts *facts)
{
	money cost = cloud_cost(b->m->cloud, b->m), off = i->metered > cost ? i->metered - cost : cost - i->metered;
	char ours[32], theirs[32];

	if (n->plan.faults || !b->instance_id || off <= cost_meter_bound(facts, i))
		return;
	money_decimal(i->metered, ours);
	money_decimal(cost, theirs);
	night_violation(n, "I5: %s at %s was metered at %s and cost %s", b->m->id, i->account, ours, theirs);
}

void judge_bill(struct sim_night *n, const struct instance *i)
{
	const struct account_state *a = model_account(&n->p->model, i->account);
	const struct box *b = judge_box(n, i);
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
	check_meter(n, i, b, &a->facts);
	off = booked - cloud_cost(b->m->cloud, b->m);
	if (off <= precision(b->m->cloud) && -off <= precision(b->m->cloud))
		return;
	money_decimal(booked, ours);
	money_decimal(cloud_cost(b->m->cloud, b->m), theirs);
	night_violation(n, "I5: %s at %s cost %s, and %s was settled", b->m->id, i->account, theirs, ours);
}

/* ---- the end: the sums ---- */

/* What our rows say the machines of the account cost. False: something of it is not known, or has left memory. */
static bool booked_sum(const struct sim_night *n, const struct cloud *c, money *sum)
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

static void check_account(struct sim_night *n, struct cloud *c)
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

static void check_caps(struct sim_night *n)
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

void judge_end(struct sim_night *n)
{
	if (*n->violation || !n->p)
		return;
	for (int k = 0; k < CLOUDS; k++)
		if (n->clouds[k])
			check_account(n, n->clouds[k]);
	if (!n->plan.faults)
		check_caps(n);
	books_prove(n, true);
}

void judge_storage_bill(struct sim_night *n, const struct extra *x)
{
	const struct sim_store *s = NULL;
	char ours[32], theirs[32];
	money cost, off;

	for (int k = 0; k < CLOUDS && !s; k++)
		if (n->clouds[k] && !strcmp(n->clouds[k]->model->name, x->account))
			s = cloud_store_find(n->clouds[k], x->provider_id);
	if (!s || !x->settled)
		return;
	cost = cloud_store_cost(s, s->cloud->now);
	off = x->posted + x->adjusted - cost;
	if (off <= 2 * precision(s->cloud) && -off <= 2 * precision(s->cloud)) /* a line for each month */
		return;
	money_decimal(x->posted + x->adjusted, ours);
	money_decimal(cost, theirs);
	night_violation(n, "I5: %s %s at %s cost %s, and %s was settled", extra_kind_name(x->kind), x->name, x->account, theirs, ours);
}
