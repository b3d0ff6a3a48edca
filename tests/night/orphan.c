/*
 * The daemon is gone for ever, at any step: what bounds the loss is the reaper (reliability §2.10, N2), which knows the key of the
 * site, an account and nothing else. Its decisions are the real ones (daemon/reaper_decide.c).
 */
#include "base/str.h"
#include "core/cost.h"
#include "daemon/operation.h"
#include "daemon/reaper.h"
#include "orphan.h"
#include "visitor.h"

#define REAPER_PERIOD (10 * MINUTE)
#define REAPER_SLACK  (6 * MINUTE) /* a delete that has to be said twice, and is shown for a while */

/* Everything that could still be lost when the daemon died, as it would have been printed (cost_leak_bound). */
void orphan_begins(struct sim_night *n)
{
	for (size_t k = 0; n->p && k < n->box_count; k++) {
		struct box *b = n->boxes[k];
		const struct instance *i = judge_row(n, b, false);
		const struct account_state *a = i ? model_account(&n->p->model, i->account) : NULL;

		/* A price that we have not been told yet is in no bound. */
		if (i && i->price_hour >= b->m->price && *i->mark && !strcmp(b->m->name, i->mark))
			b->bound = cloud_cost(b->m->cloud, b->m) + cost_leak_bound(&a->facts, i, n->now);
	}
	n->orphan_since = n->now;
}

static void end_one(struct visitor *v, struct reap_memory *memory, struct reap_item *item, const struct reap_place *place)
{
	struct op_args args = { .id = item->machine->id, .mark = item->machine->mark };
	static const struct reap_rules rules = { REAP_GRACE, REAP_LIMIT };
	struct call *look = visit(v, OP_DESCRIBE, &args), *end;
	struct op_reply *r = call_reply(look);

	if (r->verdict == VERDICT_OK && r->machine_count && reap_confirm(item, &r->machines[0], place, &rules, v->n->now)) {
		size_t foreign = 0;

		for (size_t k = 0; k < v->n->box_count; k++)
			foreign += v->n->boxes[k]->foreign && !strcmp(v->n->boxes[k]->m->id, item->machine->id);
		if (foreign)
			night_violation(v->n, "I6: the reaper deletes %s, which is somebody else's", item->machine->id);
		end = visit(v, OP_DESTROY, &args);
		night_note(v->n, "the reaper deletes %s: %s", item->machine->id, verdict_name(call_reply(end)->verdict));
		if (call_reply(end)->verdict == VERDICT_OK)
			reap_remember_delete(memory, item->machine->id, v->n->now);
		call_free(end);
	}
	call_free(look);
}

static void pass_account(struct sim_night *n, int at)
{
	struct visitor v = { .n = n, .account = at };
	struct site site = { .id = NIGHT_SITE };
	const struct account *a = &n->accounts[at];
	struct reap_place place = { &site, a->provider, a->exclusive, false, NULL };
	static const struct reap_rules rules = { REAP_GRACE, REAP_LIMIT };
	struct op_args args = { .gpu_count = 0 };
	struct reap_memory *memory = &n->reaper[at];
	struct reap_tally tally;
	struct reap_item *items;
	char why[TEXT_MAX];
	struct op_reply *r;
	struct call *list;

	rng_seed(&v.rng, n->plan.seed + (uint64_t)at);
	memcpy(site.key, n->mark_key, sizeof(site.key));
	list = visit(&v, OP_LIST, &args);
	r = call_reply(list);
	if (r->verdict == VERDICT_OK && reap_believable(memory, r->machine_count, NULL, why)) {
		items = xcalloc(r->machine_count + 1, sizeof(*items));
		reap_decide(memory, r->machines, r->machine_count, &place, &rules, n->now, items, &tally);
		for (size_t k = 0; k < r->machine_count; k++)
			if (items[k].act)
				end_one(&v, memory, &items[k], &place);
		free(items);
	}
	call_free(list);
}

static void pass(struct sim_night *n, struct tick *t)
{
	for (size_t k = 0; k < n->config.account_count; k++)
		pass_account(n, (int)k);
	night_at(n, t, n->now + REAPER_PERIOD, pass);
}

void orphan_open(struct sim_night *n)
{
	n->reaper = xcalloc(CLOUDS, sizeof(*n->reaper));
	night_at(n, &n->reaper_tick, n->now + (duration)(n->plan.seed % 10) * MINUTE, pass);
}

void orphan_close(struct sim_night *n)
{
	for (int k = 0; n->reaper && k < CLOUDS; k++)
		reap_memory_free(&n->reaper[k]);
	free(n->reaper);
}

/* Until when the machine may live without a daemon; 0: nobody can tell that it is ours (an account shared, no name). */
static instant last_moment(const struct sim_night *n, const struct box *b)
{
	struct mark mark;
	bool exclusive = false;
	instant end = 0;

	for (size_t k = 0; k < n->config.account_count; k++)
		exclusive |= n->cloud_of[k] == b->cloud && n->accounts[k].exclusive;
	if (mark_read(&mark, b->m->name, n->mark_key, b->m->cloud->model->name, NIGHT_SITE) == MARK_OURS)
		end = mark.deadline + REAP_GRACE;
	else if (exclusive && !*b->m->name)
		end = instant_max(b->m->visible, NIGHT_START) + REAP_UNMARKED_AFTER;
	else
		return 0;
	/* A cloud that lies or fails, and a machine that is not shown yet, give their time back. */
	end = instant_max(end, NIGHT_START + n->plan.chaos);
	end = instant_max(end, b->m->visible);
	return instant_max(end, n->orphan_since) + REAPER_PERIOD * (1 + REAP_EMPTY_BELIEVED) + REAPER_SLACK;
}

bool orphan_judged(struct sim_night *n)
{
	bool over = n->over;
	char cost[32], bound[32];

	for (size_t k = 0; k < n->box_count; k++) {
		const struct box *b = n->boxes[k];
		instant end = b->foreign ? 0 : last_moment(n, b);

		if (b->foreign || !end || !cloud_billing(b->m->cloud, b->m))
			continue;
		over = false;
		if (n->now > end)
			night_violation(n, "the daemon is gone, and nobody ended %s at %s", b->m->id, b->m->cloud->model->name);
		if (n->plan.faults || !b->bound || cloud_cost(b->m->cloud, b->m) <= b->bound)
			continue;
		money_format(cloud_cost(b->m->cloud, b->m), cost);
		money_format(b->bound, bound);
		night_violation(n, "%s at %s has cost %s; the bound said %s", b->m->id, b->m->cloud->model->name, cost, bound);
	}
	return over && list_empty(&n->packets);
}
