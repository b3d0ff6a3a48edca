/*
 * People: what the API would hand to the engine after it has checked a request. Some of it cannot be, and must be refused.
 */
#include "base/str.h"
#include "core/gang.h"
#include "night.h"

static const struct wish {
	const char *gpu;
	int count;
} wishes[] = { { "MI300X", 1 }, { "MI300X", 1 }, { "MI300X", 2 }, { "MI300X", 8 }, { "H100", 1 }, { "H100", 8 }, { "H200", 1 },
	{ "L40S", 1 }, { "RTX 4090", 1 }, { "RTX 4090", 4 }, { "A100", 1 }, { "MI325X", 1 }, { "B200", 1 }, { "H100 NVL", 1 } };

/* A scenario says what it wants (scenario.c): 1000 + wish × 10 + instances. */
static void ask_written(struct sim_night *n, int index, int count)
{
	const struct wish *w = &wishes[count / 10 % 100];
	struct fleet f = { .gpu_count = w->count, .instances = count % 10, .lifetime = 20 * MINUTE, .idle_limit = 5 * MINUTE,
		.accept_minimum = 20 * USD };
	struct fact fact = { .kind = FACT_FLEET_OPEN, .actor = "ann", .fleet = &f };

	if (n->plan.crowd) {
		f.instances = 25;
		f.lifetime = n->plan.work;
		f.idle_limit = 0;
		f.retry_for = n->plan.work;
		if (n->plan.items[index].cloud >= 0)
			str_copy(f.accounts, cloud_models[n->plan.items[index].cloud]->name);
	}
	snprintf(f.name, sizeof(f.name), "written%d", index);
	str_copy(f.owner, "ann");
	str_copy(f.gpu, w->gpu);
	if (process_request(n, &fact) == 0)
		n->fleet_ids[index] = fact.answer_id;
}

static void ask_up(struct sim_night *n, int index, struct rng *r)
{
	const struct wish *w = &wishes[rng_below(r, ARRAY_LEN(wishes))];
	struct fleet f = { .gpu_count = w->count, .instances = rng_below(r, 3) ? 1 : 2 + (int)rng_below(r, 2) };
	struct fact fact = { .kind = FACT_FLEET_OPEN, .actor = "ann", .fleet = &f };

	snprintf(f.name, sizeof(f.name), "fleet%d", index);
	str_copy(f.owner, "ann");
	str_copy(f.gpu, w->gpu);
	f.lifetime = night_random(r, 5 * MINUTE, 90 * MINUTE);
	f.idle_limit = rng_below(r, 3) ? night_random(r, 3 * MINUTE, 30 * MINUTE) : 0;
	f.retry_for = rng_below(r, 3) ? 0 : night_random(r, MINUTE, 30 * MINUTE);
	f.max_price = rng_below(r, 4) ? 0 : 3 * USD;
	f.max_cost = rng_below(r, 3) ? 0 : (money)night_random(r, 2 * USD, 40 * USD);
	f.together = f.instances > 1 && index % 2;
	f.accept_minimum = rng_below(r, 4) ? 20 * USD : 300 * USD;
	f.spot = !rng_below(r, 8);
	f.for_run = !rng_below(r, 5);
	f.keep_on_failure = f.for_run && rng_below(r, 2) ? 10 * MINUTE : 0;
	if (!rng_below(r, 4))
		str_copy(f.accounts, n->accounts[rng_below(r, n->config.account_count)].name);
	if (process_request(n, &fact) == 0)
		n->fleet_ids[index] = fact.answer_id;
}

static void ask_run(struct sim_night *n, int index, const struct item *i, struct rng *r)
{
	struct run run = { .fleet_id = n->fleet_ids[i->what] };
	struct fact fact = { .kind = FACT_RUN_SUBMIT, .actor = "ann", .run = &run };
	const struct fleet *f;
	struct err e;
	uint8_t random[8];

	rng_fill(r, random, sizeof(random));
	str_base32(random, sizeof(random), run.key);
	str_copy(run.recipe, "script");
	str_copy(run.owner, "ann");
	run.setup_timeout = rng_below(r, 4) ? 10 * MINUTE : MINUTE;
	run.run_timeout = rng_below(r, 4) ? HOUR : 5 * MINUTE;
	run.params = xstrdup("{}");
	run.spec = xstrdup("{}");
	/* Half of those whose fleet has several machines that reach each other take all of them. */
	f = n->p ? model_fleet(&n->p->model, run.fleet_id) : NULL;
	if (f && run.key[0] < 'q' && gang_admits(&n->p->model, f, f->instances, &e))
		run.ranks = f->instances;
	else if (f && run.key[0] > 'u') /* some want one certain machine */
		run.pinned = 1 + run.key[1] % f->instances;
	if (!n->p || n->dying) {
		free(run.params);
		free(run.spec);
	} else if (process_request(n, &fact) == 0) {
		n->run_ids[index] = fact.answer_id;
	}
}

static void refused(struct sim_night *n, struct fact *f, const char *what)
{
	if (n->p && !n->dying && process_request(n, f) == 0)
		night_violation(n, "%s was not refused", what);
}

static void ask_nonsense(struct sim_night *n, const struct item *i, struct rng *r)
{
	const struct fleet *f = n->p ? model_fleet(&n->p->model, n->fleet_ids[i->what]) : NULL;
	struct fleet same = { .gpu_count = 1, .instances = 1, .lifetime = HOUR };

	switch (rng_below(r, 4)) {
	case 0: refused(n, &(struct fact){ .kind = FACT_FLEET_CLOSE, .id = 999999, .actor = "bob" }, "closing an unknown fleet"); break;
	case 1: refused(n, &(struct fact){ .kind = FACT_RUN_CANCEL, .id = 999999, .actor = "bob" }, "cancelling an unknown run"); break;
	case 2:
		if (f && f->state != FLEET_OPEN)
			refused(n, &(struct fact){ .kind = FACT_FLEET_EXTEND, .id = f->object.id, .span = HOUR, .actor = "bob" },
			    "extending a closing fleet");
		break;
	default:
		if (!f || f->state == FLEET_CLOSED)
			break;
		str_copy(same.name, f->name);
		str_copy(same.gpu, "H100");
		refused(n, &(struct fact){ .kind = FACT_FLEET_OPEN, .fleet = &same, .actor = "bob" }, "a second fleet of one name");
	}
}

void person_asks(struct sim_night *n, int index)
{
	const struct item *i = &n->plan.items[index];
	struct rng r;

	rng_seed(&r, i->luck);
	switch (i->kind) {
	case ITEM_UP:
		if (i->count >= 1000)
			ask_written(n, index, i->count - 1000);
		else
			ask_up(n, index, &r);
		break;
	case ITEM_RUN: ask_run(n, index, i, &r); break;
	case ITEM_DOWN:
		process_request(n, &(struct fact){ .kind = FACT_FLEET_CLOSE, .id = n->fleet_ids[i->what], .actor = "ann" });
		break;
	case ITEM_EXTEND:
		process_request(n, &(struct fact){ .kind = FACT_FLEET_EXTEND, .id = n->fleet_ids[i->what], .actor = "ann",
					.span = night_random(&r, 10 * MINUTE, 2 * HOUR) });
		break;
	case ITEM_CANCEL:
		process_request(n, &(struct fact){ .kind = FACT_RUN_CANCEL, .id = n->run_ids[i->what], .actor = "ann" });
		break;
	case ITEM_NONSENSE: ask_nonsense(n, i, &r); break;
	case ITEM_SWITCH:
	case ITEM_TROUBLE: break;
	}
}
