/*
 * Runs of several instances: machines all or none, scripts that begin together or not at all, one end for all of them.
 */
#include "core/gang.h"
#include "core_world.h"

static struct fleet *fleet(struct world *w, int instances)
{
	struct fleet *f;

	world_simple(w);
	w->want.instances = instances;
	f = world_up(w);
	world_pass(w, 2 * MINUTE);
	for (int k = 0; k < instances; k++)
		assert_int_equal(world_instance(w, k)->state, INSTANCE_READY);
	return f;
}

static bool any_went(const struct world *w)
{
	for (size_t k = 0; k < w->job_count; k++)
		if (w->jobs[k].went)
			return true;
	return false;
}

static void starts_were_single(const struct world *w)
{
	for (size_t k = 0; k < w->job_count; k++)
		for (size_t j = 0; j < k; j++)
			assert_false(w->jobs[k].run_id == w->jobs[j].run_id || w->jobs[k].instance_id == w->jobs[j].instance_id);
}

static struct run *rank(const struct world *w, const struct run *r, int n)
{
	struct run *o = gang_rank(&w->m, r, n);

	assert_non_null(o);
	return o;
}

/* ---- beginning ---- */

static void they_begin_together(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 3), 3);

	w->k.setup_more = MINUTE;
	world_pass(w, MINUTE);
	assert_int_equal(rank(w, r, 0)->state, RUN_SETUP); /* ready long ago */
	assert_true(rank(w, r, 0)->set_up);
	assert_false(any_went(w));
	assert_true(world_until_run(w, rank(w, r, 2), RUN_RUNNING, 3 * MINUTE));
	assert_int_equal(w->count[ACTION_GO], 3);
	for (size_t k = 0; k < w->job_count; k++) {
		assert_true(w->jobs[k].went >= w->jobs[2].started + 10 * SECOND + 2 * MINUTE);
		assert_true(w->jobs[k].went <= w->jobs[0].went + SECOND && w->jobs[0].went <= w->jobs[k].went + SECOND);
	}
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	for (int k = 0; k < 3; k++) {
		assert_int_equal(rank(w, r, k)->outcome, OUTCOME_OK);
		assert_int_equal(rank(w, r, k)->instance_id, world_instance(w, k)->object.id);
		assert_int_equal(world_instance(w, k)->state, INSTANCE_READY);
	}
	assert_int_equal(w->job_count, 3);
	starts_were_single(w);
}

static void keys_are_their_own(void **state)
{
	char a[16], b[16], c[16];

	(void)state;
	gang_key(a, "abcdefghijkl2", 0);
	gang_key(b, "abcdefghijkl2", 1);
	gang_key(c, "abcdefghijkl2", 33);
	assert_string_equal(a, "abcdefghijkl2");
	assert_string_equal(b, "abcdefghijkl2ab");
	assert_string_equal(c, "abcdefghijkl2bb");
}

static void one_setup_fails_and_none_begins(void **state)
{
	struct world *w = *state;
	struct run *r;

	w->k.one_rank = w->k.setup_failed = true;
	w->k.rank = 1;
	w->k.exit_status = 4;
	r = world_submit_ranks(w, fleet(w, 2), 2);
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	world_pass(w, MINUTE);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_int_equal(r->exit_status, 4);
	assert_string_equal(r->reason, "rank 1: setup exited with 4");
	assert_int_equal(rank(w, r, 1)->state, RUN_DONE);
	assert_false(any_went(w));
	assert_int_equal(w->count[ACTION_GO], 0);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_READY);
	assert_int_equal(world_instance(w, 1)->state, INSTANCE_READY);
}

/* What could not be pushed is not set up: who is waits in vain and is stopped. */
static void one_is_lost_before(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 2), 2);

	w->k.setup_more = 5 * MINUTE;
	world_pass(w, MINUTE);
	world_unit_of(w, world_instance(w, 1)->provider_id)->state = MACHINE_ENDED;
	assert_true(world_until_run(w, r, RUN_DONE, 2 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_LOST);
	assert_int_equal(rank(w, r, 1)->outcome, OUTCOME_LOST);
	assert_non_null(strstr(r->reason, "rank 1: "));
	assert_false(any_went(w));
}

/* Who is set up waits for the others' sake: the limit of its setup is not its business any more, theirs is. */
static void setup_takes_too_long(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 2), 2);

	w->k.setup_more = HOUR;
	assert_true(world_until_run(w, r, RUN_DONE, 20 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_TIMED_OUT);
	assert_non_null(strstr(r->reason, "rank 1: "));
	assert_false(any_went(w));
}

/* ---- machines ---- */

static void all_machines_or_none(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 2);
	struct run *single = world_submit(w, f), *r, *later;

	w->k.run_time = 5 * MINUTE;
	world_pass(w, SECOND);
	r = world_submit_ranks(w, f, 2);
	later = world_submit(w, f);
	world_pass(w, 2 * MINUTE);
	assert_int_equal(single->state, RUN_RUNNING);
	assert_int_equal(r->state, RUN_QUEUED);
	assert_int_equal(rank(w, r, 1)->state, RUN_QUEUED);
	assert_int_equal(later->state, RUN_QUEUED); /* or the two would never be free at a time */
	assert_true(world_until_run(w, r, RUN_DONE, 15 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_true(world_until_run(w, later, RUN_DONE, 15 * MINUTE));
	assert_int_equal(later->outcome, OUTCOME_OK);
	assert_true(later->assigned >= rank(w, r, 1)->ended);
}

static void never_enough_machines(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 2);
	struct run *single = world_submit(w, f), *r;

	w->k.run_time = 30 * MINUTE;
	world_pass(w, SECOND);
	r = world_submit_ranks(w, f, 2);
	world_unit_of(w, world_instance(w, 1)->provider_id)->state = MACHINE_ENDED;
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_LOST);
	assert_int_equal(rank(w, r, 1)->state, RUN_DONE);
	assert_int_not_equal(single->state, RUN_DONE);
}

static void refused(struct world *w, const struct fleet *f, int ranks, const char *words)
{
	struct run row = { .fleet_id = f->object.id, .key = "x", .recipe = "script", .ranks = ranks };
	struct fact fact = { .kind = FACT_RUN_SUBMIT, .run = &row };
	size_t runs = w->m.runs.count;

	world_fact(w, &fact);
	assert_int_equal(fact.error.code, ERR_CONFLICT);
	assert_non_null(strstr(fact.error.msg, words));
	assert_int_equal(w->m.runs.count, runs);
}

static void where_it_cannot_work(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 2);

	refused(w, f, 3, "has 2");
	str_copy(world_instance(w, 1)->region, "elsewhere");
	refused(w, f, 2, "of one account and region");
	str_copy(world_instance(w, 1)->region, "");
	w->m.accounts[0]->facts.container = true;
	refused(w, f, 2, "mapped ports");
}

/* The second machine comes from where the first one is, whatever it costs elsewhere; and only from where there are two. */
static void rented_in_one_place(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_account(w, "boxes")->facts.container = true;
	world_account(w, "cloud");
	world_offer(w, "boxes", "c", USD);
	str_copy(world_offer(w, "cloud", "last", USD)->region, "ams");
	w->market[1].available = 1;
	str_copy(world_offer(w, "cloud", "a", 3 * USD)->region, "tor");
	w->market[2].available = 2;
	w->want.instances = 2;
	w->want.together = true;
	f = world_up(w);
	world_pass(w, 2 * MINUTE);
	assert_int_equal(world_instances(w), 2);
	for (int k = 0; k < 2; k++)
		assert_string_equal(world_instance(w, k)->region, "tor");
	assert_int_equal(f->state, FLEET_OPEN);
}

static void addresses(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 2), 2), *alone;

	str_copy(world_instance(w, 0)->address, "203.0.113.1");
	str_copy(world_instance(w, 1)->address, "203.0.113.2");
	assert_string_equal(gang_address(&w->m, r, 1), ""); /* nobody knows yet which machine that will be */
	world_turn(w);
	assert_string_equal(gang_address(&w->m, rank(w, r, 1), 0), "203.0.113.1");
	str_copy(world_instance(w, 1)->private_address, "10.0.0.2");
	assert_string_equal(gang_address(&w->m, r, 1), "203.0.113.2"); /* not all have one */
	str_copy(world_instance(w, 0)->private_address, "10.0.0.1");
	assert_string_equal(gang_address(&w->m, r, 0), "10.0.0.1");
	assert_string_equal(gang_address(&w->m, r, 1), "10.0.0.2");
	alone = world_submit(w, model_fleet(&w->m, r->fleet_id));
	assert_string_equal(gang_address(&w->m, alone, 0), "127.0.0.1");
	assert_ptr_equal(gang_leader(&w->m, alone), alone);
}

/* ---- end ---- */

static void one_rank_fails(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 3);
	struct run *r;

	f->for_run = true;
	r = world_submit_ranks(w, f, 3);
	assert_true(world_until_run(w, r, RUN_RUNNING, 2 * MINUTE));
	w->k.one_rank = true;
	w->k.rank = 2;
	w->k.exit_status = 3;
	w->k.run_time = SECOND;
	assert_true(world_until_run(w, rank(w, r, 2), RUN_COLLECTING, 2 * MINUTE));
	w->k.run_time = HOUR;
	assert_true(world_until_run(w, r, RUN_DONE, 2 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_int_equal(r->cause, CAUSE_FAILED);
	assert_int_equal(r->exit_status, 3);
	assert_string_equal(r->reason, "rank 2: the script exited with 3");
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 15 * MINUTE));
	assert_int_equal(f->cause, CAUSE_RUN_ENDED);
	assert_int_equal(world_alive(w), 0);
}

/* Rank 0 has ended well and waits; what befalls another one is the run's end all the same. */
static void fails_when_rank_0_is_done(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 2), 2);

	w->k.run_more = 2 * MINUTE;
	assert_true(world_until_run(w, r, RUN_COLLECTING, 2 * MINUTE));
	world_pass(w, MINUTE);
	assert_int_equal(rank(w, r, 1)->state, RUN_RUNNING);
	assert_int_equal(r->state, RUN_COLLECTING);
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_int_equal(w->count[ACTION_COLLECT], 1); /* its results are here */
	w->k.one_rank = true;
	w->k.rank = 1;
	w->k.exit_status = 7;
	assert_true(world_until_run(w, r, RUN_DONE, 10 * MINUTE));
	assert_int_equal(rank(w, r, 1)->exit_status, 7);
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_int_equal(r->exit_status, 7);
	assert_string_equal(r->reason, "rank 1: the script exited with 7");
}

static void cancelled(void **state)
{
	static const int who[] = { 0, 1 };
	struct world *w = *state;
	struct fleet *f = fleet(w, 2);

	for (size_t k = 0; k < ARRAY_LEN(who); k++) {
		struct run *r = world_submit_ranks(w, f, 2);

		assert_true(world_until_run(w, r, RUN_RUNNING, 2 * MINUTE));
		world_cancel(w, rank(w, r, who[k]));
		assert_true(world_until_run(w, r, RUN_DONE, 2 * MINUTE));
		world_pass(w, 10 * SECOND);
		assert_int_equal(r->outcome, OUTCOME_CANCELLED);
		assert_int_equal(rank(w, r, 1)->outcome, OUTCOME_CANCELLED);
		assert_int_equal(rank(w, r, 1)->state, RUN_DONE);
	}
}

static void machine_lost_while_they_run(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 2), 2);

	w->k.run_time = HOUR;
	assert_true(world_until_run(w, rank(w, r, 1), RUN_RUNNING, 2 * MINUTE));
	world_unit_of(w, world_instance(w, 0)->provider_id)->state = MACHINE_ENDED;
	assert_true(world_until_run(w, rank(w, r, 1), RUN_DONE, 3 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_LOST);
	assert_int_equal(rank(w, r, 1)->outcome, OUTCOME_LOST);
	assert_non_null(strstr(rank(w, r, 1)->reason, "rank 0: "));
	assert_int_equal(world_instance(w, 1)->state, INSTANCE_READY);
}

/* The ranks share their work: none of them moves to another machine by itself. */
static void an_unfit_machine_fails_it(void **state)
{
	struct world *w = *state;
	struct run *r;

	w->k.one_rank = true;
	w->k.rank = 1;
	w->k.exit_status = STATUS_BAD_MACHINE;
	r = world_submit_ranks(w, fleet(w, 2), 2);
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_FAILED);
	assert_int_equal(r->cause, CAUSE_BAD_MACHINE);
	assert_int_equal(rank(w, r, 1)->requeues, 0);
}

/* ---- restarts ---- */

/* Every few seconds a restart, through every state: the same end, each script started once, and none before the others. */
static void restarts(void **state)
{
	static const duration every[] = { 700 * MSEC, 3 * SECOND, 7 * SECOND, 13 * SECOND };
	struct world *w = *state;
	struct fleet *f = fleet(w, 2);
	int64_t fleet_id = f->object.id;

	for (size_t k = 0; k < ARRAY_LEN(every); k++) {
		struct run *r = world_submit_ranks(w, model_fleet(&w->m, fleet_id), 2);
		int64_t id = r->object.id;
		size_t jobs = w->job_count;

		w->k.setup_more = 20 * SECOND;
		for (int n = 0; n < 2000 && model_run(&w->m, id)->state != RUN_DONE; n++) {
			world_pass(w, every[k]);
			world_restart(w);
		}
		r = model_run(&w->m, id);
		assert_int_equal(r->state, RUN_DONE);
		assert_int_equal(r->outcome, OUTCOME_OK);
		assert_int_equal(rank(w, r, 1)->outcome, OUTCOME_OK);
		assert_int_equal(w->job_count, jobs + 2);
		for (size_t j = jobs; j < w->job_count; j++)
			assert_true(w->jobs[j].went >= w->jobs[jobs].started + 30 * SECOND);
		world_pass(w, MINUTE);
	}
}

/* The first is told to begin, then everything stops for a while: the second is told after the restart. */
static void restart_between_the_two(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 2), 2);
	int64_t id = r->object.id;

	w->k.contact[ACTION_GO] = SSH_UNREACHABLE; /* decided, and nobody has heard it */
	for (int k = 0; k < 100 && !r->released; k++)
		world_pass(w, SECOND);
	assert_true(r->released && rank(w, r, 1)->released);
	world_restart(w);
	assert_false(any_went(w));
	w->k.contact[ACTION_GO] = SSH_OK;
	r = model_run(&w->m, id);
	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	assert_int_equal(r->outcome, OUTCOME_OK);
	assert_true(w->jobs[0].went && w->jobs[1].went);
}

static void what_it_cost_is_one_runs(void **state)
{
	struct world *w = *state;
	struct run *r = world_submit_ranks(w, fleet(w, 2), 2);
	int64_t second = rank(w, r, 1)->object.id;
	int whole = 0;

	assert_true(world_until_run(w, r, RUN_DONE, 5 * MINUTE));
	world_pass(w, 5 * MINUTE);
	for (size_t k = 0; k < w->book_count; k++) {
		assert_int_not_equal(w->books[k].p.run_id, second);
		whole += w->books[k].p.run_id == r->object.id && w->books[k].p.part == PART_RUN;
	}
	assert_true(whole >= 2); /* of both machines */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(they_begin_together), world_test(keys_are_their_own), world_test(one_setup_fails_and_none_begins),
		world_test(one_is_lost_before), world_test(setup_takes_too_long), world_test(all_machines_or_none),
		world_test(never_enough_machines), world_test(where_it_cannot_work), world_test(rented_in_one_place),
		world_test(addresses), world_test(one_rank_fails), world_test(fails_when_rank_0_is_done), world_test(cancelled),
		world_test(machine_lost_while_they_run), world_test(an_unfit_machine_fails_it), world_test(restarts),
		world_test(restart_between_the_two), world_test(what_it_cost_is_one_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
