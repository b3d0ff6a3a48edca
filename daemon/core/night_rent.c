/*
 * The machines of a night: which kinds are rented when, for how long and how much, which trial goes to which, and when they go back.
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/internal.h"

#define SLACK         (5 * MINUTE)  /* pushing, collecting: beside what a run may take by itself */
#define LONGEST_FLEET (7 * DAY)
#define SHORTEST_FLEET (10 * MINUTE)
#define IDLE_NET      (15 * MINUTE) /* should nobody submit anything */

static bool of_fleet(const struct trial *t, const struct fleet *f)
{
	return t->fleet_id == f->object.id;
}

/* The fleet is no more: what still waited for it waits for another one, or is given up, by the cause of its end. */
void night_take_back(struct model *m, struct night *n, const struct fleet *f)
{
	bool for_good = f->cause == CAUSE_UNPLACEABLE || f->cause == CAUSE_MONEY || f->cause == CAUSE_RELEASED || f->cause == CAUSE_DENIED;

	list_for_each(l, &n->trial_list) {
		struct trial *t = TRIAL_OF(l);

		if (!of_fleet(t, f) || t->state != TRIAL_WAITING)
			continue;
		t->fleet_id = 0;
		t->activity = ACTIVITY_NONE;
		core_dirty(m, &t->object);
		if (for_good)
			trial_give_up(m, t, f->cause, f->reason);
		else if (!t->run_id && ++t->lost > n->plan->retry_lost)
			trial_give_up(m, t, CAUSE_LOST, f->reason);
	}
}

/* What the night may still spend on each of `more` fleets: what the others have spent, or may spend, is taken. */
static money left_for(const struct night *n, int more)
{
	money taken = 0, left;

	if (!n->plan->per_night)
		return 0;
	list_for_each(l, &n->fleet_list) {
		const struct fleet *f = NIGHT_FLEET_OF(l);
		money cost = 0;

		list_for_each(k, &f->instance_list)
			cost = money_add(cost, INSTANCE_OF(k)->metered);
		taken = money_add(taken, f->state == FLEET_CLOSED ? cost : f->max_cost);
	}
	left = n->plan->per_night - taken;
	return left > 0 ? left / (more > 0 ? more : 1) : -1;
}

static duration life_of(const struct night *n, int trials, instant now)
{
	const struct plan *p = n->plan;
	duration life = (duration)trials * (p->run_limit + SLACK) + SLACK;

	if (n->finish_by)
		life = instant_min(life, n->finish_by - now + SLACK);
	return instant_max(SHORTEST_FLEET, instant_min(life, LONGEST_FLEET));
}

static struct fleet *open_fleet(struct model *m, struct night *n, const struct plan_cell *x, int trials, money money_left, instant now)
{
	const struct campaign *c = model_campaign(m, n->campaign_id);
	const struct plan *p = n->plan;
	struct fleet row = { .gpu_count = x->gpu_count, .instances = 1, .max_price = p->max_price, .accept_minimum = p->accept_minimum,
		.max_cost = money_left, .lifetime = life_of(n, trials, now), .idle_limit = IDLE_NET, .retry_for = p->retry_no_capacity,
		.night_id = n->object.id };
	struct fact f = { .kind = FACT_FLEET_OPEN, .time = now, .fleet = &row };

	for (int k = 1; !*row.name || (model_fleet_by_name(m, row.name) && model_fleet_by_name(m, row.name)->state != FLEET_CLOSED); k++)
		snprintf(row.name, sizeof(row.name), "%.40s-n%lld-%d", c ? c->name : "night", (long long)n->number, k);
	str_copy(row.owner, *p->owner ? p->owner : c ? c->owner : "");
	str_copy(row.gpu, x->gpu);
	str_copy(row.accounts, x->accounts);
	str_copy(row.region, x->region);
	snprintf(row.labels, sizeof(row.labels), "campaign=%.60s,night=%lld", p->name, (long long)n->number);
	fleet_apply(m, &f);
	return model_fleet(m, f.answer_id);
}

static bool unplaced(const struct trial *t)
{
	return t->state == TRIAL_WAITING && !t->fleet_id;
}

/* How many kinds of machine still have to be rented. */
static int kinds_unplaced(const struct night *n)
{
	int kinds = 0;

	list_for_each(l, &n->trial_list) {
		const struct trial *t = TRIAL_OF(l);
		bool first = unplaced(t);

		for (const struct list *k = n->trial_list.next; first && k != l; k = k->next)
			first = !unplaced(TRIAL_OF(k)) || !plan_same_machine(&n->plan->cells[TRIAL_OF(k)->cell], &n->plan->cells[t->cell]);
		kinds += first;
	}
	return kinds;
}

/* The cells of one kind are dealt out to `shards` fleets; all repeats of a cell go to the same one. `others` will want money, too. */
static void place_kind(struct model *m, struct night *n, const struct plan_cell *kind, int shards, int others, instant now)
{
	struct fleet *fleets[100] = { NULL };
	int trials[100] = { 0 }, order = -1, last_cell = -1;
	money each = left_for(n, shards + others);

	if (each < 0) {
		list_for_each(l, &n->trial_list)
			if (unplaced(TRIAL_OF(l)) && plan_same_machine(&n->plan->cells[TRIAL_OF(l)->cell], kind))
				trial_give_up(m, TRIAL_OF(l), CAUSE_MONEY, "nothing is left of limits.per_night");
		return;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t cell = 0; cell < n->plan->cell_count; cell++) {
			if (!plan_same_machine(&n->plan->cells[cell], kind))
				continue;
			list_for_each(l, &n->trial_list) {
				struct trial *t = TRIAL_OF(l);

				if (!unplaced(t) || t->cell != (int)cell)
					continue;
				order += (int)cell != last_cell;
				last_cell = (int)cell;
				if (!pass) {
					trials[order % shards]++;
					continue;
				}
				if (!fleets[order % shards])
					fleets[order % shards] = open_fleet(m, n, kind, trials[order % shards], each, now);
				if (!fleets[order % shards])
					return; /* the daemon is closing */
				t->fleet_id = fleets[order % shards]->object.id;
				core_dirty(m, &t->object);
			}
		}
		order = last_cell = -1;
	}
}

static int cells_unplaced(const struct night *n, const struct plan_cell *kind)
{
	int cells = 0;

	for (size_t cell = 0; cell < n->plan->cell_count; cell++) {
		bool any = false;

		list_for_each(l, &n->trial_list)
			any |= unplaced(TRIAL_OF(l)) && TRIAL_OF(l)->cell == (int)cell;
		cells += any && plan_same_machine(&n->plan->cells[cell], kind);
	}
	return cells;
}

void night_rent(struct model *m, struct night *n, instant now)
{
	int open = 0, spare, shards;

	list_for_each(l, &n->fleet_list)
		open += NIGHT_FLEET_OF(l)->state == FLEET_OPEN;
	list_for_each(l, &n->trial_list) {
		const struct plan_cell *kind;
		int others;

		if (!unplaced(TRIAL_OF(l)))
			continue;
		kind = &n->plan->cells[TRIAL_OF(l)->cell];
		others = kinds_unplaced(n) - 1;
		spare = n->plan->parallel - open - others;
		if (n->plan->parallel <= open || m->closing)
			return;
		shards = cells_unplaced(n, kind);
		shards = spare < 1 ? 1 : shards < spare ? shards : spare;
		open += shards;
		place_kind(m, n, kind, shards, others, now);
	}
}

/* The machine of a fleet is free: its next trial. */
void night_feed(struct model *m, struct night *n, struct fleet *f, struct actions *out)
{
	struct trial *next = NULL;
	bool free_machine = false;

	list_for_each(l, &f->instance_list)
		free_machine |= INSTANCE_OF(l)->state == INSTANCE_READY && !INSTANCE_OF(l)->run_id;
	list_for_each(l, &n->trial_list) {
		struct trial *t = TRIAL_OF(l);

		if (!of_fleet(t, f) || t->state > TRIAL_RUNNING)
			continue;
		if (t->state == TRIAL_RUNNING || t->activity)
			return;
		next = next ? next : t;
	}
	if (!next || !free_machine || m->closing)
		return;
	next->activity = ACTIVITY_SUBMIT;
	actions_add(out, ACTION_SUBMIT, next->object.id);
}

/* Nothing is left for it to do. A machine whose run failed may be kept for a look. */
void night_release(struct model *m, struct night *n, struct fleet *f)
{
	bool failed = false;
	char text[24];

	list_for_each(l, &n->trial_list) {
		const struct trial *t = TRIAL_OF(l);

		if (!of_fleet(t, f))
			continue;
		if (t->state == TRIAL_WAITING || t->state == TRIAL_RUNNING)
			return;
		failed |= t->failed > 0;
	}
	if (!failed || !n->plan->keep_for || !f->ready_at || n->stop_requested) {
		fleet_close(m, f, CAUSE_RUN_ENDED, NULL, "its part of the night is done");
	} else if (!f->keep_until) {
		f->keep_until = m->now + n->plan->keep_for;
		duration_format(n->plan->keep_for, text);
		core_event(m, &f->object, "OPEN", "keep", "OPEN", CAUSE_FAILED, NULL, "kept for %s after a failed run", text);
		core_dirty(m, &f->object);
		core_touch(m, &f->object);
	}
}
