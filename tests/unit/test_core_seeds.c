/*
 * Random lives: for each seed a market, some fleets and runs, and thousands of turns in which the cloud fails at random, the
 * daemon restarts, people change their minds, facts come twice and machines appear and die. world_check() asserts after every
 * turn; then the faults end, everything is closed, and within bounded time nothing of ours may be left and nothing foreign touched.
 */
#include "core/gang.h"
#include "core_world.h"

#include <stdlib.h>

#define SEEDS 25
#define STEPS 2500

static uint64_t lived; /* the seed that is being lived */

static bool one_in(struct world *w, uint64_t n)
{
	return rng_below(&w->rng, n) == 0;
}

static void build_market(struct world *w)
{
	static const char *const names[] = { "north", "south", "east" };

	for (size_t k = 0; k < 1 + rng_below(&w->rng, ARRAY_LEN(names)); k++) {
		struct account_state *a = world_account(w, names[k]);

		a->facts.mark_at_create = !one_in(w, 3);
		a->facts.single_flight = !a->facts.mark_at_create;
		a->facts.exclusive = a->facts.single_flight;
		a->facts.bill_by_machine = !one_in(w, 3);
		a->facts.billing.quantum = one_in(w, 3) ? MINUTE : SECOND;
		a->facts.billing.start = one_in(w, 2) ? METER_FROM_CREATE : METER_FROM_RUNNING;
		for (int j = 0; j < 2; j++) {
			char key[16];

			snprintf(key, sizeof(key), "%s%d", k == 0 ? "n" : k == 1 ? "s" : "e", j);
			world_offer(w, names[k], key, (money)(1 + rng_below(&w->rng, 5)) * USD);
		}
		if (!a->facts.exclusive)
			world_unit(w, names[k], one_in(w, 2) ? "jupyter" : NULL, FOREIGN);
	}
	w->k.available = 1000 * USD;
}

/* One knob is turned, or all go back: trouble comes and goes. */
static void turn_a_knob(struct world *w)
{
	static const enum action_kind asked[] = { ACTION_OFFERS, ACTION_LIST, ACTION_BALANCE, ACTION_CREATE, ACTION_DESCRIBE, ACTION_MARK,
		ACTION_DESTROY, ACTION_BILL };
	enum action_kind kind = asked[rng_below(&w->rng, ARRAY_LEN(asked))];
	enum action_kind far = (enum action_kind)(ACTION_CONNECT + rng_below(&w->rng, ACTION_NR - ACTION_CONNECT));
	struct knobs *k = &w->k;

	switch (rng_below(&w->rng, 16)) {
	case 0: k->verdict[kind] = (enum verdict)rng_below(&w->rng, VERDICT_ABSENT + 1); break;
	case 1: k->contact[far] = (enum ssh_outcome)rng_below(&w->rng, SSH_REFUSED + 1); break;
	case 2: k->held[rng_below(&w->rng, ACTION_NR)] = true; break;
	case 3: k->idle[one_in(w, 2) ? kind : ACTION_STOP] = true; break;
	case 4: k->delay[rng_below(&w->rng, ACTION_NR)] = (duration)rng_below(&w->rng, 2 * MINUTE) + 1; break;
	case 5: k->copies = 1 + (int)rng_below(&w->rng, 2); break;
	case 6: k->hide = (duration)rng_below(&w->rng, 15 * MINUTE); break;
	case 7: k->boot = one_in(w, 3) ? FOREVER : (duration)rng_below(&w->rng, 12 * MINUTE) + 1; break;
	case 8: k->list_empty = true; break;
	case 9: k->price = (money)rng_below(&w->rng, 8 * USD); break;
	case 10: k->gpu_count = (int)rng_below(&w->rng, 3); break;
	case 11: k->vanish = true; break;
	case 12: k->exit_status = (int)rng_below(&w->rng, 3); break;
	case 13: k->run_time = (duration)rng_below(&w->rng, 3 * HOUR) + 1; break;
	case 14: k->spite = one_in(w, 2); break;
	default:
		memset(k, 0, sizeof(*k));
		k->available = 1000 * USD;
		break;
	}
}

static struct fleet *any_fleet(struct world *w)
{
	struct fleet *f, *found = NULL;
	size_t at = 0, n = 0;

	while ((f = model_each(&w->m.fleets, &at)))
		if (rng_below(&w->rng, ++n) == 0)
			found = f;
	return found;
}

/* The world has everything in it that may go beyond a cap; whether caps are kept otherwise is for test_core_budget. */
static void somebody_sets_a_budget(struct world *w)
{
	static const struct {
		enum scope scope;
		const char *subject;
	} of[] = { { SCOPE_ALL, "" }, { SCOPE_OWNER, "ann" }, { SCOPE_PROVIDER, "one" } };
	size_t k = (size_t)rng_below(&w->rng, ARRAY_LEN(of));
	char name[16];

	w->beyond = true;
	snprintf(name, sizeof(name), "b%zu", k);
	books_budget(w, name, of[k].scope, of[k].subject, (enum period)rng_below(&w->rng, PERIODS), (money)(1 + rng_below(&w->rng, 200)) * USD);
}

/* For all machines of the fleet, for a certain one, or for any. */
static void somebody_submits(struct world *w, const struct fleet *f)
{
	struct err e;

	if (one_in(w, 4))
		world_submit_pinned(w, f, (int)rng_below(&w->rng, (uint64_t)f->instances));
	else
		world_submit_ranks(w, f, one_in(w, 2) && gang_admits(&w->m, f, f->instances, &e) ? f->instances : 0);
}

static void somebody_wants_something(struct world *w)
{
	struct fleet *f = any_fleet(w);
	struct run *r;
	size_t at = 0;

	switch (rng_below(&w->rng, 7)) {
	case 6: somebody_sets_a_budget(w); break;
	case 0:
		w->want.instances = 1 + (int)rng_below(&w->rng, 3);
		w->want.lifetime = (duration)(1 + rng_below(&w->rng, 6)) * HOUR;
		w->want.idle_limit = one_in(w, 2) ? 20 * MINUTE : 0;
		w->want.max_cost = one_in(w, 2) ? (money)(1 + rng_below(&w->rng, 40)) * USD : 0;
		w->want.max_price = one_in(w, 3) ? (money)(1 + rng_below(&w->rng, 6)) * USD : 0;
		w->want.retry_for = one_in(w, 3) ? HOUR : 0;
		w->want.for_run = one_in(w, 4);
		if (w->m.fleets.count < 6)
			world_up(w);
		break;
	case 1:
		if (f && one_in(w, 3))
			world_close_fleet(w, f);
		break;
	case 2:
	case 3:
		if (f && f->state == FLEET_OPEN && w->m.runs.count < 200 && w->job_count < 200)
			somebody_submits(w, f);
		break;
	case 4:
		if ((r = model_each(&w->m.runs, &at)))
			world_cancel(w, r);
		break;
	default:
		if (f)
			world_fact(w, &(struct fact){ .kind = one_in(w, 4) ? FACT_FLEET_TOUCH : FACT_FLEET_EXTEND, .id = f->object.id,
			    .span = (duration)(1 + rng_below(&w->rng, 12)) * HOUR });
		break;
	}
}

/* A machine dies, is taken away, or comes back. */
static void something_happens_to_a_machine(struct world *w)
{
	struct unit *u = w->unit_count ? &w->units[rng_below(&w->rng, w->unit_count)] : NULL;

	if (!u || u->instance == FOREIGN)
		return;
	if (u->gone && w->now - u->gone < 2 * HOUR && one_in(w, 4) && *u->mark)
		u->gone = 0; /* back from the dead */
	else if (!u->gone && one_in(w, 2))
		u->state = one_in(w, 2) ? MACHINE_ENDED : MACHINE_STOPPED;
	else if (!u->gone)
		u->gone = w->now;
}

/* An answer that was given already is given once more. */
static void an_answer_comes_twice(struct world *w)
{
	struct answer a;

	if (!w->answer_count)
		return;
	a = w->answers[rng_below(&w->rng, w->answer_count)];
	if (a.action.kind != ACTION_CREATE && a.action.kind != ACTION_POLL)
		world_answer(w, &a);
}

static void settle(struct world *w, uint64_t seed)
{
	struct fleet *f;
	size_t at = 0;

	memset(&w->k, 0, sizeof(w->k));
	w->k.available = 1000 * USD;
	while ((f = model_each(&w->m.fleets, &at)))
		world_close_fleet(w, f);
	world_pass(w, 6 * HOUR);
	for (at = 0; (f = model_each(&w->m.fleets, &at));)
		if (f->state != FLEET_CLOSED)
			fail_msg("seed %llu: fleet %s does not close", (unsigned long long)seed, f->name);
	for (int64_t id = 1; id < w->m.next_id; id++) {
		const struct instance *i = model_instance(&w->m, id);

		if (i && i->state != INSTANCE_GONE)
			fail_msg("seed %llu: instance %lld stays %s", (unsigned long long)seed, (long long)id,
			    instance_fsm.state_names[i->state]);
	}
	for (size_t k = 0; k < w->unit_count; k++)
		if (!w->units[k].gone && w->units[k].instance != FOREIGN)
			fail_msg("seed %llu: %s of instance %lld is left and bills", (unsigned long long)seed, w->units[k].id,
			    (long long)w->units[k].instance);
}

static void live(uint64_t seed, bool junk)
{
	struct world *w;
	int steps = 0;

	world_setup((void **)&w);
	rng_seed(&w->rng, seed);
	w->junk = junk;
	build_market(w);
	while (steps < STEPS && w->m.next_id < WORLD_IDS / 2 && w->unit_count < 500) {
		switch (rng_below(&w->rng, 10)) {
		case 0: turn_a_knob(w); break;
		case 1: somebody_wants_something(w); break;
		case 2:
			if (one_in(w, 20))
				something_happens_to_a_machine(w);
			break;
		case 3:
			if (one_in(w, 60))
				world_restart(w);
			break;
		case 4:
			if (junk && one_in(w, 4))
				an_answer_comes_twice(w);
			break;
		default: break;
		}
		world_pass(w, (duration)rng_below(&w->rng, one_in(w, 20) ? 20 * MINUTE : 5 * SECOND));
		steps++;
	}
	settle(w, seed);
	world_teardown((void **)&w);
}

/* CORE_SEEDS=N lives through more of them, CORE_SEED=N through one. */
static void many_lives(bool junk)
{
	const char *many = getenv("CORE_SEEDS"), *one = getenv("CORE_SEED");
	uint64_t n = many ? strtoull(many, NULL, 10) : SEEDS;

	if (one) {
		live(strtoull(one, NULL, 10), junk);
		return;
	}
	for (uint64_t seed = 1; seed <= n; seed++) {
		lived = seed;
		live(seed, junk);
	}
	lived = 0;
}

static void random_lives(void **state)
{
	(void)state;
	many_lives(false);
}

/* The executor answers each action once. Should it ever answer twice, nothing leaks either. */
static void answers_come_twice(void **state)
{
	(void)state;
	many_lives(true);
}

static int say_seed(void **state)
{
	(void)state;
	if (lived)
		print_message("the seed was %llu: run again with CORE_SEED=%llu\n", (unsigned long long)lived, (unsigned long long)lived);
	lived = 0;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_teardown(random_lives, say_seed),
		cmocka_unit_test_teardown(answers_come_twice, say_seed) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
