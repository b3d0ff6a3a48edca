/*
 * The machines of a night: which kinds are rented when, for how long and how much, which trial goes to which, and when they go back.
 */
#include "base/str.h"
#include "core/cost.h"
#include "core/gang.h"
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

/* What the night may still spend on each of `more` machines: what the others have spent, or may spend, is taken. */
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

static struct fleet *open_fleet(struct model *m, struct night *n, const struct trial *first, int trials, money money_left, instant now)
{
	const struct plan_cell *x = &n->plan->cells[first->cell];
	const struct campaign *c = model_campaign(m, n->campaign_id);
	const struct plan *p = n->plan;
	struct fleet row = { .gpu_count = x->gpu_count, .instances = x->instances, .together = x->instances > 1, .disk_gb = p->disk_gb,
		.max_price = p->max_price, .accept_minimum = p->accept_minimum, .max_cost = money_left, .lifetime = life_of(n, trials, now),
		.idle_limit = IDLE_NET, .retry_for = p->retry_no_capacity, .night_id = n->object.id };
	struct fact f = { .kind = FACT_FLEET_OPEN, .time = now, .fleet = &row };

	for (int k = 1; !*row.name || (model_fleet_by_name(m, row.name) && model_fleet_by_name(m, row.name)->state != FLEET_CLOSED); k++)
		snprintf(row.name, sizeof(row.name), "%.40s-n%lld-%d", c ? c->name : "night", (long long)n->number, k);
	str_copy(row.owner, *p->owner ? p->owner : c ? c->owner : "");
	str_copy(row.budget, p->budget);
	str_copy(row.gpu, x->gpu);
	str_copy(row.accounts, *first->account ? first->account : x->accounts);
	str_copy(row.region, x->region);
	str_copy(row.image, p->image);
	snprintf(row.labels, sizeof(row.labels), "campaign=%.60s,night=%lld", p->name, (long long)n->number);
	fleet_apply(m, &f);
	return model_fleet(m, f.answer_id);
}

static bool unplaced(const struct trial *t)
{
	return t->state == TRIAL_WAITING && !t->fleet_id;
}

/* Do they want machines of the same kind, from the same place? */
static bool same_kind(const struct night *n, const struct trial *a, const struct trial *b)
{
	return plan_same_machine(&n->plan->cells[a->cell], &n->plan->cells[b->cell]) && !strcmp(a->account, b->account);
}

static int instances_of(const struct night *n, const struct trial *t)
{
	return n->plan->cells[t->cell].instances;
}

/* How many kinds of machine still have to be rented, and how many machines one fleet of each has together. */
static int kinds_unplaced(const struct night *n, int *machines)
{
	int kinds = 0;

	*machines = 0;

	list_for_each(l, &n->trial_list) {
		bool first = unplaced(TRIAL_OF(l));

		for (const struct list *k = n->trial_list.next; first && k != l; k = k->next)
			first = !unplaced(TRIAL_OF(k)) || !same_kind(n, TRIAL_OF(k), TRIAL_OF(l));
		kinds += first;
		*machines += first ? instances_of(n, TRIAL_OF(l)) : 0;
	}
	return kinds;
}

/* Those of one kind that wait, in the order of their cells; caller frees. */
static struct trial **unplaced_of(const struct night *n, const struct trial *like, size_t *count)
{
	struct trial **out = NULL;

	*count = 0;
	for (size_t cell = 0; cell < n->plan->cell_count; cell++)
		list_for_each(l, &n->trial_list) {
			struct trial *t = TRIAL_OF(l);

			if (!unplaced(t) || t->cell != (int)cell || !same_kind(n, t, like))
				continue;
			out = xreallocarray(out, *count + 1, sizeof(struct trial *));
			out[(*count)++] = t;
		}
	return out;
}

static int cells_of(struct trial *const *trials, size_t count)
{
	int cells = 0;

	for (size_t k = 0; k < count; k++)
		cells += !k || trials[k]->cell != trials[k - 1]->cell;
	return cells;
}

/*
 * The cells of one kind are dealt out to `shards` fleets; all repeats of a cell go to the same one. `others`: so many machines of other
 * kinds will want money, too.
 */
static void place(struct model *m, struct night *n, struct trial **trials, size_t count, int shards, int others, instant now)
{
	int size = instances_of(n, trials[0]);
	money each = left_for(n, shards * size + others);

	for (int shard = 0; shard < shards; shard++) {
		int order = -1, mine = 0;
		struct fleet *f = NULL;

		for (int pass = 0; pass < 2; pass++, order = -1)
			for (size_t k = 0; k < count; k++) {
				order += !k || trials[k]->cell != trials[k - 1]->cell;
				if (order % shards != shard)
					continue;
				if (!pass) {
					mine++;
				} else if (each < 0) {
					trial_give_up(m, trials[k], CAUSE_MONEY, "nothing is left of limits.per_night");
				} else {
					f = f ? f : open_fleet(m, n, trials[k], mine, each * size, now);
					if (!f)
						return; /* the daemon is closing */
					trials[k]->fleet_id = f->object.id;
					core_dirty(m, &trials[k]->object);
				}
			}
	}
}

void night_rent(struct model *m, struct night *n, instant now)
{
	int open = 0;

	list_for_each(l, &n->fleet_list)
		open += NIGHT_FLEET_OF(l)->state == FLEET_OPEN;
	list_for_each(l, &n->trial_list) {
		int others, machines, spare, shards;
		struct trial **trials;
		size_t count;

		if (!unplaced(TRIAL_OF(l)))
			continue;
		if (n->plan->parallel <= open || m->closing)
			return;
		others = kinds_unplaced(n, &machines) - 1;
		machines -= instances_of(n, TRIAL_OF(l));
		spare = n->plan->parallel - open - others;
		trials = unplaced_of(n, TRIAL_OF(l), &count);
		shards = cells_of(trials, count);
		shards = spare < 1 ? 1 : shards < spare ? shards : spare;
		open += shards;
		place(m, n, trials, count, shards, machines, now);
		free(trials);
	}
}

/* The machines of a fleet are free: its next trial. Where one of several is lost, no trial that wants all of them can begin here any more. */
void night_feed(struct model *m, struct night *n, struct fleet *f, struct actions *out)
{
	struct trial *next = NULL;
	int free_machines = 0;
	struct err e = { 0 };

	list_for_each(l, &f->instance_list)
		free_machines += INSTANCE_OF(l)->state == INSTANCE_READY && !INSTANCE_OF(l)->run_id;
	list_for_each(l, &n->trial_list) {
		struct trial *t = TRIAL_OF(l);

		if (!of_fleet(t, f) || t->state > TRIAL_RUNNING)
			continue;
		if (t->state == TRIAL_RUNNING || t->activity)
			return;
		next = next ? next : t;
	}
	if (next && !gang_admits(m, f, f->instances, &e)) {
		fleet_close(m, f, CAUSE_LOST, NULL, "%s", e.msg);
		return;
	}
	if (!next || free_machines < f->instances || m->closing)
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
