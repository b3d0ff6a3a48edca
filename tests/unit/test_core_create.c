/*
 * Creates: every verdict, the next offer after a failure, and creates that nobody answered (reliability §2.4–§2.6).
 */
#include "core_world.h"

static void definite_refusals(void **state)
{
	static const struct {
		enum verdict verdict;
		enum cause cause;
	} cases[] = { { VERDICT_REFUSED, CAUSE_REFUSED }, { VERDICT_NO_CAPACITY, CAUSE_NO_CAPACITY }, { VERDICT_LIMIT, CAUSE_LIMIT },
		{ VERDICT_DENIED, CAUSE_DENIED }, { VERDICT_ABSENT, CAUSE_NO_CAPACITY } };
	struct world *w = *state;

	world_simple(w);
	for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
		struct fleet *f;
		struct instance *i;

		w->k.verdict[ACTION_CREATE] = cases[k].verdict;
		f = world_up(w);
		assert_true(world_until_fleet(w, f, FLEET_CLOSED, MINUTE));
		assert_int_equal(f->cause, CAUSE_UNPLACEABLE);
		i = INSTANCE_OF(f->instance_list.next);
		assert_int_equal(i->state, INSTANCE_GONE);
		assert_int_equal(i->cause, cases[k].cause);
		assert_true(i->settled && i->metered == 0 && i->hold == 0);
	}
	assert_int_equal(w->count[ACTION_CREATE], ARRAY_LEN(cases));
	assert_int_equal(w->unit_count, 0);
}

/* Sold out, then full, then it works: each offer once, each failure with its reason. */
static void next_offer_with_reasons(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	world_offer(w, "cloud", "b", 3 * USD);
	world_account(w, "other");
	world_offer(w, "other", "c", 4 * USD);
	w->k.verdict[ACTION_CREATE] = VERDICT_NO_CAPACITY;
	f = world_up(w);
	i = world_until_planned(w, 1, MINUTE);
	assert_string_equal(i->offer_key, "b");
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_NO_CAPACITY);
	w->k.verdict[ACTION_CREATE] = VERDICT_LIMIT;
	i = world_until_planned(w, 2, MINUTE);
	assert_string_equal(i->offer_key, "c");
	w->k.verdict[ACTION_CREATE] = VERDICT_OK;
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	assert_int_equal(world_instances(w), 3);
	assert_int_equal(f->state, FLEET_OPEN);
}

/* Quota and credentials are the account's matter: its other offers are not tried. */
static void a_full_account_is_left(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	world_offer(w, "cloud", "b", 3 * USD);
	world_account(w, "other");
	world_offer(w, "other", "c", 4 * USD);
	w->k.verdict[ACTION_CREATE] = VERDICT_LIMIT;
	world_up(w);
	i = world_until_planned(w, 1, MINUTE);
	assert_string_equal(i->account, "other");
}

static void unplaceable_says_the_last_reason(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	w->k.boot = FOREVER;
	f = world_up(w);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 30 * MINUTE));
	assert_non_null(strstr(f->reason, "every offer was tried"));
	assert_non_null(strstr(f->reason, "not running in time"));
	assert_int_equal(world_alive(w), 0);
}

/* Passing trouble: the same offer again, but not at the speed of the network and not for ever. */
static void put_off(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	instant began;

	world_simple(w);
	w->k.verdict[ACTION_CREATE] = VERDICT_RETRY;
	f = world_up(w);
	began = w->now;
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, HOUR));
	assert_in_range(w->count[ACTION_CREATE], 3, 8);
	assert_true(w->now - began >= 30 * SECOND);
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_NOT_SENT);
}

static void put_off_as_long_as_told(void **state)
{
	struct world *w = *state;
	struct instance *first, *second;

	world_simple(w);
	w->k.verdict[ACTION_CREATE] = VERDICT_RETRY;
	w->k.retry_after = 90 * SECOND;
	world_up(w);
	first = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, first, INSTANCE_GONE, MINUTE));
	w->k.verdict[ACTION_CREATE] = VERDICT_OK;
	second = world_until_planned(w, 1, 5 * MINUTE);
	assert_non_null(second);
	assert_true(second->planned >= first->gone + 90 * SECOND);
	assert_true(world_until(w, second, INSTANCE_READY, 5 * MINUTE));
	assert_string_not_equal(first->mark, second->mark);
}

/* With --retry-until-up what was sold out is tried again later. */
static void retry_until_up(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	w->want.retry_for = HOUR;
	w->k.verdict[ACTION_CREATE] = VERDICT_NO_CAPACITY;
	f = world_up(w);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_in_range(w->count[ACTION_CREATE], 4, 12);
	w->k.verdict[ACTION_CREATE] = VERDICT_OK;
	world_pass(w, 5 * MINUTE);
	assert_true(f->ready_at != 0);
}

static void retry_ends(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	w->want.retry_for = 30 * MINUTE;
	w->k.verdict[ACTION_CREATE] = VERDICT_NO_CAPACITY;
	f = world_up(w);
	assert_false(world_until_fleet(w, f, FLEET_CLOSED, 29 * MINUTE));
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 5 * MINUTE));
	assert_int_equal(f->cause, CAUSE_UNPLACEABLE);
}

/* vast.ai: a failure that carries an id. The machine is recorded and deleted, and the next offer gets its turn (H34). */
static void made_in_spite_of_a_failure(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	world_offer(w, "cloud", "b", 3 * USD);
	w->k.verdict[ACTION_CREATE] = VERDICT_REFUSED;
	w->k.spite = true;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_DELETING, MINUTE));
	w->k = (struct knobs){ .list_empty = false };
	assert_true(world_until(w, i, INSTANCE_GONE, 10 * MINUTE));
	assert_true(w->units[0].gone != 0);
	i = world_until_planned(w, 1, MINUTE);
	assert_string_equal(i->offer_key, "b");
}

/* ---- nobody answered ---- */

static struct instance *ambiguous(struct world *w, bool made)
{
	struct instance *i;

	w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	w->k.idle[ACTION_CREATE] = !made;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_AMBIGUOUS, MINUTE));
	w->k.verdict[ACTION_CREATE] = VERDICT_OK;
	w->k.idle[ACTION_CREATE] = false;
	assert_true(i->hold > 0);
	return i;
}

static void unsure_and_found(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	w->k.hide = 4 * MINUTE;
	i = ambiguous(w, true);
	assert_false(world_until(w, i, INSTANCE_BOOTING, 3 * MINUTE));
	assert_true(world_until(w, i, INSTANCE_READY, 5 * MINUTE));
	assert_string_equal(i->provider_id, w->units[0].id);
	assert_int_equal(w->count[ACTION_CREATE], 1);
	assert_int_equal(world_instances(w), 1);
}

/* Absence needs five complete listings, spaced, over the settling time; only then may another create leave. */
static void unsure_and_proved_absent(void **state)
{
	struct world *w = *state;
	struct instance *i;
	instant sent;

	world_simple(w);
	world_offer(w, "cloud", "b", 3 * USD);
	i = ambiguous(w, false);
	sent = i->sent;
	assert_false(world_until(w, i, INSTANCE_GONE, 9 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 1);
	assert_true(i->hold > 0);
	assert_true(world_until(w, i, INSTANCE_GONE, 3 * MINUTE));
	assert_true(i->gone >= sent + 10 * MINUTE && i->absent_listings >= 5);
	assert_int_equal(i->cause, CAUSE_ABSENT);
	assert_true(i->metered == 0 && i->settled);
	assert_true(world_until(w, world_until_planned(w, 1, MINUTE), INSTANCE_READY, 5 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 2);
}

/* Failed listings prove nothing, however many there are. */
static void failed_listings_do_not_count(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	w->k.verdict[ACTION_LIST] = VERDICT_RETRY;
	i = ambiguous(w, false);
	world_pass(w, 2 * HOUR);
	assert_int_equal(i->state, INSTANCE_AMBIGUOUS);
	assert_int_equal(i->absent_listings, 0);
	w->k.verdict[ACTION_LIST] = VERDICT_OK;
	assert_false(world_until(w, i, INSTANCE_GONE, 90 * SECOND));
	assert_true(world_until(w, i, INSTANCE_GONE, 5 * MINUTE));
}

static void stop_while_unsure(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	w->k.hide = 3 * MINUTE;
	i = ambiguous(w, true);
	f = model_fleet(&w->m, i->fleet_id);
	world_close_fleet(w, f);
	world_close_fleet(w, f); /* twice is as good as once */
	world_pass(w, MINUTE);
	assert_int_equal(i->state, INSTANCE_AMBIGUOUS);
	assert_true(i->stop_requested);
	assert_true(world_until(w, i, INSTANCE_DELETING, 5 * MINUTE));
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(i->cause, CAUSE_RELEASED);
	assert_int_equal(world_alive(w), 0);
}

static void stop_while_unsure_and_absent(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	i = ambiguous(w, false);
	f = model_fleet(&w->m, i->fleet_id);
	world_close_fleet(w, f);
	assert_false(world_until_fleet(w, f, FLEET_CLOSED, 9 * MINUTE));
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 5 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 1);
}

/* Stop between asking and the answer: nothing is sent about it until the answer names the machine. */
static void stop_while_dispatching(void **state)
{
	static const enum verdict verdicts[] = { VERDICT_OK, VERDICT_UNSURE, VERDICT_REFUSED, VERDICT_RETRY };
	struct world *w = *state;

	world_simple(w);
	for (size_t k = 0; k < ARRAY_LEN(verdicts); k++) {
		struct fleet *f;

		w->k.verdict[ACTION_CREATE] = verdicts[k];
		w->k.held[ACTION_CREATE] = true;
		f = world_up(w);
		world_pass(w, 10 * SECOND);
		world_close_fleet(w, f);
		world_pass(w, 10 * MINUTE);
		assert_int_equal(INSTANCE_OF(f->instance_list.next)->state, INSTANCE_DISPATCHING);
		w->k.held[ACTION_CREATE] = false;
		assert_true(world_until_fleet(w, f, FLEET_CLOSED, 30 * MINUTE));
		assert_int_equal(world_alive(w), 0);
	}
	assert_int_equal(w->count[ACTION_CREATE], ARRAY_LEN(verdicts));
}

/* Stop before anything was sent: nothing is. */
static void stop_while_planned(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_single_flight(w);
	w->k.held[ACTION_LIST] = true;
	f = world_up(w);
	assert_non_null(world_until_planned(w, 0, MINUTE));
	world_pass(w, 5 * SECOND);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_PLANNED);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, SECOND));
	assert_int_equal(w->count[ACTION_CREATE], 0);
}

/* A plan that could not leave for long is made anew: its deadline and its price are stale. */
static void stale_plan(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_single_flight(w);
	w->k.verdict[ACTION_LIST] = VERDICT_RETRY;
	world_up(w);
	world_pass(w, 30 * MINUTE);
	w->k.verdict[ACTION_LIST] = VERDICT_OK;
	world_pass(w, 10 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 1);
	i = world_instance(w, world_instances(w) - 1);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_true(i->sent - i->planned <= 10 * MINUTE);
	assert_int_equal(world_instance(w, 0)->cause, CAUSE_NOT_SENT);
}

/* H14: what the provider said last was that our token is no good: no create is tried with it, and it works again when it does. */
static void a_revoked_token_orders_nothing(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	assert_true(world_until_fleet(w, f, FLEET_OPEN, MINUTE));
	world_pass(w, 5 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 1);
	w->k.verdict[ACTION_LIST] = VERDICT_DENIED;
	world_pass(w, 3 * MINUTE);
	f = world_up(w);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 5 * MINUTE));
	assert_int_equal(w->count[ACTION_CREATE], 1);
	assert_non_null(strstr(f->reason, "credentials"));
	w->k.verdict[ACTION_LIST] = VERDICT_OK;
	world_pass(w, 3 * MINUTE);
	f = world_up(w);
	world_pass(w, 5 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(definite_refusals),
		world_test(next_offer_with_reasons),
		world_test(a_full_account_is_left),
		world_test(unplaceable_says_the_last_reason),
		world_test(put_off),
		world_test(put_off_as_long_as_told),
		world_test(retry_until_up),
		world_test(retry_ends),
		world_test(made_in_spite_of_a_failure),
		world_test(unsure_and_found),
		world_test(unsure_and_proved_absent),
		world_test(failed_listings_do_not_count),
		world_test(stop_while_unsure),
		world_test(stop_while_unsure_and_absent),
		world_test(stop_while_dispatching),
		world_test(stop_while_planned),
		world_test(stale_plan),
		world_test(a_revoked_token_orders_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
