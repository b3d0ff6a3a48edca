/*
 * Nights of a campaign: that every cell is measured once on shared machines, what a failure of each kind costs, that a schedule fires
 * once whatever happens to the daemon, and that the caps hold.
 */
#include "core_world.h"

/* "small;runs=2;parallel=3;cron=0 2 * * *;cells=H100:1,MI300X:8*2,…": words of a plan that the tests need. */
static struct plan *compile(void *arg, const char *text, char trouble[TEXT_MAX])
{
	struct plan *p = xcalloc(1, sizeof(*p));
	char copy[512], *rest = copy, *word;
	struct err e;

	(void)arg;
	*p = (struct plan){ .runs = 1, .parallel = 1, .finish_by = -1, .run_limit = HOUR, .retry_lost = 1, .baseline = 14, .warn_ppm = 30000,
		.alert_ppm = 50000, .schedule.catch_up = 3 * HOUR };
	p->zone = zone_load("UTC", &e);
	str_copy(copy, text);
	while ((word = str_split(&rest, ";"))) {
		char *value = strchr(word, '=');
		int64_t n = 0;

		if (!value) {
			str_copy(p->name, word);
			continue;
		}
		*value++ = '\0';
		str_to_i64(value, 0, INT64_MAX, &n);
		if (!strcmp(word, "runs"))
			p->runs = (int)n;
		else if (!strcmp(word, "parallel"))
			p->parallel = (int)n;
		else if (!strcmp(word, "lost"))
			p->retry_lost = (int)n;
		else if (!strcmp(word, "failed"))
			p->retry_failed = (int)n;
		else if (!strcmp(word, "keep"))
			p->keep_for = n * MINUTE;
		else if (!strcmp(word, "patience"))
			p->retry_no_capacity = n * MINUTE;
		else if (!strcmp(word, "cents"))
			p->per_night = n * CENT;
		else if (!strcmp(word, "until"))
			p->finish_by = (int)n;
		else if (!strcmp(word, "tell")) {
			str_copy(p->notify[0].webhook, "ops");
			p->notify[0].news = news_parse(value);
			p->notify_count = 1;
		} else if (!strcmp(word, "queue"))
			p->queue = n != 0;
		else if (!strcmp(word, "cron"))
			p->scheduled = cron_parse(&p->schedule.cron, value, &e) == 0;
		else if (!strcmp(word, "bad"))
			str_copy_n(trouble, TEXT_MAX, value);
		for (char *one; !strcmp(word, "cells") && (one = str_split(&value, ","));) {
			struct plan_cell *x;
			char *count = strchr(one, ':'), *times = strchr(one, '*');

			p->cells = xreallocarray(p->cells, p->cell_count + 1, sizeof(*p->cells));
			x = &p->cells[p->cell_count++];
			memset(x, 0, sizeof(*x));
			str_copy(x->title, one);
			x->params = xstrdup("{}");
			x->instances = times ? times[1] - '0' : 1;
			if (times)
				*times = '\0';
			*count++ = '\0';
			str_copy(x->gpu, one);
			str_to_i64(count, 1, 100, &n);
			x->gpu_count = (int)n;
		}
	}
	if (!*trouble)
		return p;
	plan_free(p);
	return NULL;
}

static int setup(void **state)
{
	struct world *w;

	world_setup(state);
	w = *state;
	w->compile = w->m.compile = compile;
	world_simple(w);
	str_copy(world_offer(w, "cloud", "m", 2 * USD)->gpu, "MI300X");
	return 0;
}
#define night_test(f) cmocka_unit_test_setup_teardown(f, setup, world_teardown)

static struct campaign *apply(struct world *w, const char *text)
{
	struct fact f = { .kind = FACT_CAMPAIGN_APPLY, .text = text, .actor = "ann" };

	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_NONE);
	return model_campaign(&w->m, f.answer_id);
}

static struct night *run_now(struct world *w, const struct campaign *c, bool poc)
{
	struct fact f = { .kind = FACT_CAMPAIGN_RUN, .id = c->object.id, .flag = poc, .actor = "ann" };

	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_NONE);
	return model_night(&w->m, f.answer_id);
}

/* By number, as a restart moves them. */
static struct night *night(const struct world *w, int64_t number)
{
	struct night *n;
	size_t at = 0;

	while ((n = model_each(&w->m.nights, &at)))
		if (n->number == number)
			return n;
	return NULL;
}

static void until_done(struct world *w, int64_t number, duration most)
{
	for (duration t = 0; t < most && night(w, number)->state != NIGHT_DONE; t += 5 * SECOND)
		world_pass(w, 5 * SECOND);
	if (night(w, number)->state != NIGHT_DONE)
		fail_msg("night %lld is still %s", (long long)number, night_fsm.state_names[night(w, number)->state]);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(world_alive(w), 0);
}

struct tally {
	int trials, ok, given_up, again, runs, fleets;
};

static struct tally count(const struct world *w, int64_t number)
{
	struct night *n = night(w, number);
	struct tally t = { 0 };
	const struct run *r;
	size_t at = 0;

	list_for_each(l, &n->trial_list) {
		const struct trial *x = TRIAL_OF(l);

		t.trials++;
		t.ok += x->state == TRIAL_DONE && x->outcome == OUTCOME_OK;
		t.given_up += x->state == TRIAL_GIVEN_UP;
		t.again += x->again;
	}
	while ((r = model_each(&w->m.runs, &at)))
		t.runs += model_trial(&w->m, r->trial_id) && model_trial(&w->m, r->trial_id)->night_id == n->object.id;
	list_for_each(l, &n->fleet_list)
		t.fleets++;
	return t;
}

static void expect(const struct world *w, int64_t number, enum night_outcome outcome, struct tally want)
{
	struct tally got = count(w, number);

	assert_string_equal(night_outcome_name(night(w, number)->outcome), night_outcome_name(outcome));
	if (memcmp(&got, &want, sizeof(got)) != 0)
		fail_msg("%d trials, %d ok, %d given up, %d once more, %d runs, %d fleets; wanted %d %d %d %d %d %d", got.trials, got.ok, got.given_up,
		    got.again, got.runs, got.fleets, want.trials, want.ok, want.given_up, want.again, want.runs, want.fleets);
}

/* ---- tests ---- */

static void cells_of_a_kind_share_a_machine(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;runs=2;cells=H100:1,MI300X:1,H100:1,MI300X:1"), false);
	until_done(w, 1, 2 * HOUR);
	expect(w, 1, NIGHT_COMPLETE, (struct tally){ .trials = 8, .ok = 8, .runs = 8, .fleets = 2 });
	assert_int_equal(world_instances(w), 2);
}

static void more_fleets_where_they_are_allowed(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;runs=2;parallel=3;cells=H100:1,H100:1,H100:1,H100:1"), false);
	until_done(w, 1, HOUR);
	expect(w, 1, NIGHT_COMPLETE, (struct tally){ .trials = 8, .ok = 8, .runs = 8, .fleets = 3 });
	/* All repeats of a cell were on one machine. */
	list_for_each(a, &night(w, 1)->trial_list)
		list_for_each(b, &night(w, 1)->trial_list)
			assert_true(TRIAL_OF(a)->cell != TRIAL_OF(b)->cell || TRIAL_OF(a)->fleet_id == TRIAL_OF(b)->fleet_id);
}

static void a_proof_of_concept_is_the_first_of_each_kind(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;runs=3;cells=H100:1,H100:1,MI300X:1"), true);
	until_done(w, 1, HOUR);
	expect(w, 1, NIGHT_COMPLETE, (struct tally){ .trials = 2, .ok = 2, .runs = 2, .fleets = 2 });
}

static void nobody_sells_one_of_them(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;cells=B200:8,H100:1,B200:8"), false);
	until_done(w, 1, HOUR);
	expect(w, 1, NIGHT_PARTIAL, (struct tally){ .trials = 3, .ok = 1, .given_up = 2, .runs = 1, .fleets = 2 });
	list_for_each(l, &night(w, 1)->trial_list)
		assert_int_equal(TRIAL_OF(l)->cause, TRIAL_OF(l)->cell == 1 ? CAUSE_NONE : CAUSE_UNPLACEABLE);
}

/* Its machine ends in the middle of a run. */
static void lose_the_machine(struct world *w)
{
	for (int k = 0; k < 1000; k++) {
		world_pass(w, SECOND);
		for (size_t u = 0; u < w->unit_count; u++)
			if (!w->units[u].gone && w->job_count && !w->jobs[w->job_count - 1].ended) {
				w->units[u].state = MACHINE_ENDED;
				return;
			}
	}
	fail_msg("nothing was begun");
}

static void a_lost_machine_is_replaced(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;cells=H100:1,H100:1"), false);
	lose_the_machine(w);
	until_done(w, 1, 2 * HOUR);
	expect(w, 1, NIGHT_COMPLETE, (struct tally){ .trials = 2, .ok = 2, .runs = 3, .fleets = 2 });
}

/* ---- cells of several machines ---- */

/* What each fleet of the night had, as "3 2": its machines that were ever ready. */
static void expect_machines(const struct world *w, int64_t number, const char *wanted)
{
	char got[64] = "";

	list_for_each(l, &night(w, number)->fleet_list) {
		int ready = 0;

		list_for_each(k, &NIGHT_FLEET_OF(l)->instance_list)
			ready += INSTANCE_OF(k)->ready_at != 0;
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%d", *got ? " " : "", ready);
		assert_true(NIGHT_FLEET_OF(l)->together == (NIGHT_FLEET_OF(l)->instances > 1));
	}
	assert_string_equal(got, wanted);
}

/* Each run of this many ranks began on that many machines at a time, or not at all. */
static void all_or_none(const struct world *w, int64_t number)
{
	list_for_each(l, &night(w, number)->trial_list) {
		const struct trial *t = TRIAL_OF(l);
		const struct run *r = model_run(&w->m, t->run_id);
		int ranks = night(w, number)->plan ? night(w, number)->plan->cells[t->cell].instances : t->instances;
		const struct run *o;
		size_t at = 0;
		int n = 0, began = 0;

		if (!r)
			continue;
		assert_int_equal(t->instances, ranks);
		while ((o = model_each(&w->m.runs, &at)))
			if (o->object.id == r->object.id || (r->gang_id && o->gang_id == r->gang_id)) {
				n++;
				began += o->run_started != 0;
			}
		assert_int_equal(n, ranks);
		assert_true(!began || began == ranks);
	}
}

static void cells_of_two_machines_share_a_fleet_of_two(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;runs=2;cells=H100:1*2,H100:1,H100:1*2"), false);
	until_done(w, 1, 2 * HOUR);
	/* Two ranks for each of four trials, one for each of two. */
	expect(w, 1, NIGHT_COMPLETE, (struct tally){ .trials = 6, .ok = 6, .runs = 10, .fleets = 2 });
	expect_machines(w, 1, "2 1");
	all_or_none(w, 1);
	assert_int_equal(world_instances(w), 3);
}

static struct unit *unit_at_work(struct world *w, size_t from)
{
	for (size_t k = from; k < w->job_count; k++)
		if (w->jobs[k].went && !w->jobs[k].ended)
			return world_unit_of(w, model_instance(&w->m, w->jobs[k].instance_id)->provider_id);
	return NULL;
}

/* One of two is lost: the run is lost once, for all of them, and both machines are replaced. */
static void a_gang_is_lost_as_a_whole(void **state)
{
	for (int lost = 0; lost < 2; lost++) {
		struct world *w = *state;
		size_t from = w->job_count;
		struct unit *u = NULL;

		run_now(w, apply(w, lost ? "small;lost=1;cells=H100:1*2,H100:1*2" : "small;lost=0;cells=H100:1*2"), false);
		for (int k = 0; k < 1000 && !u; k++) {
			world_pass(w, SECOND);
			u = unit_at_work(w, from);
		}
		assert_non_null(u);
		u->state = MACHINE_ENDED;
		until_done(w, lost + 1, 2 * HOUR);
		all_or_none(w, lost + 1);
		if (lost) {
			expect(w, 2, NIGHT_COMPLETE, (struct tally){ .trials = 2, .ok = 2, .runs = 6, .fleets = 2 });
			expect_machines(w, 2, "2 2");
			/* The one that is left is given back at once, not when it has been idle for long. */
			assert_int_equal(NIGHT_FLEET_OF(night(w, 2)->fleet_list.next)->cause, CAUSE_LOST);
		} else {
			expect(w, 1, NIGHT_FAILED, (struct tally){ .trials = 1, .runs = 2, .fleets = 1 });
			assert_int_equal(TRIAL_OF(night(w, 1)->trial_list.next)->outcome, OUTCOME_LOST);
		}
		assert_int_equal(TRIAL_OF(night(w, lost + 1)->trial_list.next)->lost, 1); /* not once for each rank */
	}
}

/* A share of the night's money is a machine's: the fleet of two has two of the three, and both together keep to it. */
static void a_fleet_of_two_has_two_shares(void **state)
{
	struct world *w = *state;
	money spent = 0, shares[2] = { 0 };
	int n = 0;

	run_now(w, apply(w, "small;runs=100;cents=600;parallel=2;cells=H100:1*2,MI300X:1"), false);
	world_pass(w, MINUTE);
	list_for_each(l, &night(w, 1)->fleet_list)
		shares[n++] = NIGHT_FLEET_OF(l)->max_cost;
	assert_int_equal(n, 2);
	assert_int_equal(shares[0], 400 * CENT);
	assert_int_equal(shares[1], 200 * CENT);
	until_done(w, 1, 6 * HOUR);
	assert_int_equal(night(w, 1)->outcome, NIGHT_PARTIAL);
	list_for_each(l, &night(w, 1)->fleet_list)
		list_for_each(k, &NIGHT_FLEET_OF(l)->instance_list)
			spent += INSTANCE_OF(k)->metered;
	assert_in_range(spent, 300 * CENT, 600 * CENT);
}

static void restarts_change_nothing_for_gangs(void **state)
{
	struct world *w = *state;

	for (int64_t number = 1; number <= 6; number++) {
		run_now(w, apply(w, "small;runs=2;parallel=2;lost=5;cells=H100:1*2,MI300X:1,H100:1*2"), false);
		for (int k = 0; k < 10; k++) {
			world_pass(w, (duration)rng_below(&w->rng, 60) * SECOND + SECOND);
			world_restart(w);
		}
		until_done(w, number, 3 * HOUR);
		assert_int_equal(night(w, number)->outcome, NIGHT_COMPLETE);
		assert_int_equal(count(w, number).ok, 6);
		assert_int_equal(count(w, number).runs, 10); /* none was run twice */
		assert_int_equal(count(w, number).fleets, 2);
	}
}

/* Nobody has two in one place: none is kept, and the cell says so. */
static void two_that_nobody_sells_together(void **state)
{
	struct world *w = *state;

	for (size_t k = 0; k < w->m.account_count; k++)
		w->m.accounts[k]->facts.container = true;
	run_now(w, apply(w, "small;cells=H100:1*2,H100:1"), false);
	until_done(w, 1, HOUR);
	expect(w, 1, NIGHT_PARTIAL, (struct tally){ .trials = 2, .ok = 1, .given_up = 1, .runs = 1, .fleets = 2 });
	assert_int_equal(world_instances(w), 1);
}

static void patience_with_machines_has_an_end(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;lost=0;cells=H100:1"), false);
	lose_the_machine(w);
	until_done(w, 1, 2 * HOUR);
	expect(w, 1, NIGHT_FAILED, (struct tally){ .trials = 1, .runs = 1, .fleets = 1 });
}

static void a_failed_script_is_tried_as_often_as_said(void **state)
{
	struct world *w = *state;

	w->k.exit_status = 3;
	run_now(w, apply(w, "small;failed=2;cells=H100:1"), false);
	until_done(w, 1, 2 * HOUR);
	expect(w, 1, NIGHT_FAILED, (struct tally){ .trials = 1, .runs = 3, .fleets = 1 });
	assert_int_equal(world_instances(w), 1); /* the machine is not to blame */
}

static void a_machine_is_kept_for_a_look(void **state)
{
	struct world *w = *state;
	const struct night *n;

	w->k.exit_status = 3;
	n = run_now(w, apply(w, "small;keep=30;cells=H100:1"), false);
	for (int k = 0; k < 1000 && !n->measured; k++)
		world_pass(w, SECOND);
	world_pass(w, 25 * MINUTE);
	assert_int_equal(world_alive(w), 1);
	world_pass(w, 10 * MINUTE);
	until_done(w, 1, HOUR);
	expect(w, 1, NIGHT_FAILED, (struct tally){ .trials = 1, .runs = 1, .fleets = 1 });
}

static void what_cannot_be_run_is_said(void **state)
{
	struct world *w = *state;

	w->k.refuse_trials = true;
	run_now(w, apply(w, "small;cells=H100:1"), false);
	until_done(w, 1, HOUR);
	expect(w, 1, NIGHT_FAILED, (struct tally){ .trials = 1, .given_up = 1, .fleets = 1 });
	list_for_each(l, &night(w, 1)->trial_list)
		assert_string_equal(TRIAL_OF(l)->reason, "the secret is not known");
}

static void it_ends_when_it_must(void **state)
{
	struct world *w = *state;
	instant midnight = w->now / DAY * DAY;
	char text[128];

	/* 20 minutes from now, whatever time the world begins with. */
	snprintf(text, sizeof(text), "small;runs=100;until=%d;cells=H100:1", (int)((w->now - midnight) / MINUTE + 20) % 1440);
	run_now(w, apply(w, text), false);
	until_done(w, 1, HOUR);
	assert_int_equal(night(w, 1)->outcome, NIGHT_PARTIAL);
	assert_int_equal(night(w, 1)->cause, CAUSE_EXPIRED);
	assert_true(night(w, 1)->measured <= night(w, 1)->finish_by + 3 * MINUTE);
	assert_true(count(w, 1).ok > 2);
}

static void a_person_stops_it(void **state)
{
	struct world *w = *state;
	struct night *n = run_now(w, apply(w, "small;runs=5;cells=H100:1"), false);

	world_pass(w, 3 * MINUTE);
	world_fact(w, &(struct fact){ .kind = FACT_NIGHT_STOP, .id = n->object.id, .actor = "ann" });
	until_done(w, 1, HOUR);
	assert_int_equal(night(w, 1)->outcome, NIGHT_CANCELLED);
}

static void a_night_keeps_to_its_money(void **state)
{
	struct world *w = *state;
	money spent = 0;

	/* Two machines for two hours each would take $8. */
	run_now(w, apply(w, "small;runs=100;cents=300;parallel=2;cells=H100:1,MI300X:1"), false);
	until_done(w, 1, 6 * HOUR);
	assert_int_equal(night(w, 1)->outcome, NIGHT_PARTIAL);
	list_for_each(l, &night(w, 1)->fleet_list)
		list_for_each(k, &NIGHT_FLEET_OF(l)->instance_list)
			spent += INSTANCE_OF(k)->metered;
	assert_in_range(spent, 150 * CENT, 300 * CENT);
	assert_true(count(w, 1).given_up > 0);
}

static void what_looks_worse_is_measured_once_more(void **state)
{
	struct world *w = *state;
	char list[32];

	run_now(w, apply(w, "small;cells=H100:1,H100:1"), false);
	list_for_each(l, &night(w, 1)->trial_list)
		snprintf(list, sizeof(list), "%lld", (long long)TRIAL_OF(l)->object.id);
	w->k.again = list;
	until_done(w, 1, 2 * HOUR);
	expect(w, 1, NIGHT_COMPLETE, (struct tally){ .trials = 3, .ok = 3, .again = 1, .runs = 3, .fleets = 2 });
	/* On another machine, of the same account: elsewhere it would be another series. */
	list_for_each(l, &night(w, 1)->trial_list)
		assert_string_equal(TRIAL_OF(l)->account, TRIAL_OF(l)->again ? "cloud" : "");
	list_for_each(l, &night(w, 1)->fleet_list)
		assert_true(NIGHT_FLEET_OF(l)->object.id == TRIAL_OF(night(w, 1)->trial_list.next)->fleet_id ||
		    !strcmp(NIGHT_FLEET_OF(l)->accounts, "cloud"));
}

static void a_schedule_fires_once_a_day(void **state)
{
	struct world *w = *state;

	apply(w, "small;cron=0 2 * * *;cells=H100:1");
	for (int day = 1; day <= 3; day++) {
		world_pass(w, 12 * HOUR);
		world_restart(w);
		world_pass(w, 12 * HOUR);
		world_restart(w);
	}
	for (int64_t k = 1; k <= 3; k++) {
		assert_int_equal(night(w, k)->outcome, NIGHT_COMPLETE); /* its fleets have left memory by now */
		assert_int_equal(count(w, k).ok, 1);
		assert_int_equal(night(w, k)->tick % DAY, 2 * HOUR);
	}
	assert_null(night(w, 4));
}

static void what_was_missed_is_in_the_history(void **state)
{
	struct world *w = *state;

	apply(w, "small;cron=0 2 * * *;cells=H100:1");
	w->m.compile = NULL; /* as if the daemon were away: nothing fires */
	w->compile = NULL;
	world_restart(w);
	world_pass(w, MINUTE);
	w->now += 2 * DAY + 12 * HOUR;
	w->compile = compile;
	world_restart(w);
	world_pass(w, MINUTE);
	assert_non_null(night(w, 1));
	assert_int_equal(night(w, 1)->outcome, NIGHT_MISSED);
	assert_non_null(strstr(night(w, 1)->reason, "nobody was there"));
	assert_null(night(w, 2));
}

static void the_next_night_is_skipped_or_waits(void **state)
{
	struct world *w = *state;
	const struct campaign *c = apply(w, "slow;cron=0 * * * *;runs=60;cells=H100:1"); /* each night takes 80 minutes */

	world_pass(w, 3 * HOUR);
	assert_int_equal(night(w, 1)->outcome, NIGHT_COMPLETE);
	assert_int_equal(night(w, 2)->outcome, NIGHT_MISSED);
	assert_non_null(strstr(night(w, 2)->reason, "was still running"));
	world_fact(w, &(struct fact){ .kind = FACT_CAMPAIGN_DELETE, .id = c->object.id });
	world_pass(w, HOUR);
	assert_int_equal(world_alive(w), 0);
	apply(w, "slow;queue=1;cron=30 * * * *;runs=60;cells=H100:1");
	world_pass(w, 3 * HOUR);
	assert_int_equal(world_alive(w), 1); /* one after the other */
}

static void a_pause_makes_up_for_nothing(void **state)
{
	struct world *w = *state;
	const struct campaign *c = apply(w, "small;cron=0 2 * * *;cells=H100:1");

	world_fact(w, &(struct fact){ .kind = FACT_CAMPAIGN_PAUSE, .id = c->object.id, .flag = true });
	world_pass(w, 2 * DAY);
	world_fact(w, &(struct fact){ .kind = FACT_CAMPAIGN_PAUSE, .id = c->object.id, .flag = false });
	world_pass(w, MINUTE);
	assert_null(night(w, 1));
	world_pass(w, DAY);
	assert_non_null(night(w, 1));
	assert_null(night(w, 2));
}

/* Killed at ten moments by chance, the same set of results comes out: each cell and repeat once ok, and no machine more than needed. */
static void restarts_change_nothing(void **state)
{
	struct world *w = *state;

	for (int64_t number = 1; number <= 6; number++) {
		run_now(w, apply(w, "small;runs=2;parallel=2;lost=5;cells=H100:1,MI300X:1,H100:1"), false);
		for (int k = 0; k < 10; k++) {
			world_pass(w, (duration)rng_below(&w->rng, 60) * SECOND + SECOND);
			world_restart(w);
		}
		until_done(w, number, 3 * HOUR);
		assert_int_equal(night(w, number)->outcome, NIGHT_COMPLETE);
		assert_int_equal(count(w, number).ok, 6);
		assert_int_equal(count(w, number).runs, 6); /* none was run twice */
		assert_int_equal(count(w, number).fleets, 2);
	}
}

static const struct notice *notice_of(const struct world *w)
{
	size_t at = 0;

	return model_each(&w->m.notices, &at);
}

/* A message waits for whoever listens, over restarts, keeps its id, and is sent once. */
static void a_message_is_not_lost(void **state)
{
	struct world *w = *state;
	int64_t id;

	w->k.deaf = true;
	run_now(w, apply(w, "small;tell=failed,summary;cells=H100:1"), false);
	until_done(w, 1, HOUR);
	assert_int_equal(notice_of(w)->state, NOTICE_WAITING);
	assert_string_equal(notice_of(w)->news, "summary");
	assert_string_equal(notice_of(w)->reason, "it answered 500");
	assert_true(notice_of(w)->tries > 2);
	id = notice_of(w)->object.id;
	world_restart(w);
	w->k.deaf = false;
	world_pass(w, 2 * HOUR);
	assert_int_equal(notice_of(w)->object.id, id);
	assert_int_equal(notice_of(w)->state, NOTICE_SENT);
	world_restart(w);
	world_pass(w, 2 * HOUR);
	assert_int_equal(w->m.notices.count, 1);
}

static void messages_are_chosen(void **state)
{
	struct world *w = *state;

	run_now(w, apply(w, "small;tell=failed,budget;cells=H100:1"), false);
	until_done(w, 1, HOUR);
	assert_null(notice_of(w)); /* nothing of that happened */
	run_now(w, apply(w, "small;tell=failed,budget;cells=B200:8"), false);
	until_done(w, 2, HOUR);
	assert_string_equal(notice_of(w)->news, "failed");
	w->k.deaf = true;
	apply(w, "other;tell=missed;cron=0 2 * * *;cells=H100:1");
	world_pass(w, 5 * DAY);
	assert_int_equal(w->m.notices.count, 1);
}

static void a_message_is_given_up_in_the_end(void **state)
{
	struct world *w = *state;

	w->k.deaf = true;
	run_now(w, apply(w, "small;tell=summary;cells=H100:1"), false);
	world_pass(w, 4 * DAY);
	assert_int_equal(notice_of(w)->state, NOTICE_GIVEN_UP);
	assert_in_range(notice_of(w)->tries, 70, 90);
}

static void a_bad_definition_changes_nothing(void **state)
{
	struct world *w = *state;
	struct fact f = { .kind = FACT_CAMPAIGN_APPLY, .text = "small;bad=no such recipe", .actor = "ann" };
	const struct campaign *c = apply(w, "small;cells=H100:1");

	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_USAGE);
	assert_string_equal(f.error.msg, "no such recipe");
	assert_int_equal(c->number, 1);
	assert_string_equal(c->text, "small;cells=H100:1");
	apply(w, "small;cells=H100:1,H100:1");
	assert_int_equal(c->number, 2);
	assert_int_equal(c->plan->cell_count, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		night_test(cells_of_a_kind_share_a_machine),
		night_test(more_fleets_where_they_are_allowed),
		night_test(a_proof_of_concept_is_the_first_of_each_kind),
		night_test(nobody_sells_one_of_them),
		night_test(a_lost_machine_is_replaced),
		night_test(cells_of_two_machines_share_a_fleet_of_two),
		night_test(a_gang_is_lost_as_a_whole),
		night_test(a_fleet_of_two_has_two_shares),
		night_test(restarts_change_nothing_for_gangs),
		night_test(two_that_nobody_sells_together),
		night_test(patience_with_machines_has_an_end),
		night_test(a_failed_script_is_tried_as_often_as_said),
		night_test(a_machine_is_kept_for_a_look),
		night_test(what_cannot_be_run_is_said),
		night_test(it_ends_when_it_must),
		night_test(a_person_stops_it),
		night_test(a_night_keeps_to_its_money),
		night_test(what_looks_worse_is_measured_once_more),
		night_test(a_schedule_fires_once_a_day),
		night_test(what_was_missed_is_in_the_history),
		night_test(the_next_night_is_skipped_or_waits),
		night_test(a_pause_makes_up_for_nothing),
		night_test(restarts_change_nothing),
		night_test(a_message_is_not_lost),
		night_test(messages_are_chosen),
		night_test(a_message_is_given_up_in_the_end),
		night_test(a_bad_definition_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
