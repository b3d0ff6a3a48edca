/*
 * Deleting, until the provider has shown often enough that it is gone (reliability §2.8), and what ends a machine while it boots.
 */
#include "core_world.h"

static struct instance *ready(struct world *w)
{
	struct instance *i;

	world_simple(w);
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 10 * MINUTE));
	return i;
}

static void down(struct world *w, const struct instance *i)
{
	world_close_fleet(w, model_fleet(&w->m, i->fleet_id));
}

/* Accepted is not gone: two complete listings a minute apart, begun after the delete, and a look-up. */
static void proved_by_spaced_listings(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);
	instant began = w->now;

	down(w, i);
	assert_false(world_until(w, i, INSTANCE_GONE, 59 * SECOND));
	assert_true(i->delete_accepted && i->describe_absent);
	assert_true(world_until(w, i, INSTANCE_GONE, 2 * MINUTE));
	assert_true(i->gone >= began + MINUTE && i->absent_listings >= 2);
	assert_true(i->meter_end < i->gone);
}

/* 404 is a claim: the provider does not show the machine for a while, then it is there again and must be deleted. */
static void not_found_is_a_claim(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);

	w->k.verdict[ACTION_DESTROY] = VERDICT_ABSENT;
	w->units[0].hidden_until = w->now + 40 * SECOND;
	down(w, i);
	assert_false(world_until(w, i, INSTANCE_GONE, 30 * SECOND));
	assert_true(i->describe_absent && i->delete_accepted);
	w->k.verdict[ACTION_DESTROY] = VERDICT_OK;
	assert_true(world_until(w, i, INSTANCE_GONE, 20 * MINUTE));
	assert_int_equal(world_alive(w), 0);
	assert_true(w->count[ACTION_DESTROY] >= 2);
}

static void failed_listings_are_no_proof(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);

	w->k.verdict[ACTION_LIST] = VERDICT_RETRY;
	down(w, i);
	world_pass(w, 6 * HOUR);
	assert_int_equal(i->state, INSTANCE_DELETING);
	w->k.verdict[ACTION_LIST] = VERDICT_OK;
	assert_true(world_until(w, i, INSTANCE_GONE, 5 * MINUTE));
}

/* Listings that show nothing while another machine answers are void and do not count as absence. */
static void void_listings_are_no_proof(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w), *other;

	world_up(w);
	other = world_until_planned(w, 1, MINUTE);
	assert_true(world_until(w, other, INSTANCE_READY, 5 * MINUTE));
	w->k.list_empty = true;
	down(w, i);
	world_pass(w, HOUR);
	assert_int_equal(i->state, INSTANCE_DELETING);
	assert_int_equal(i->absent_listings, 0);
	w->k.list_empty = false;
	assert_true(world_until(w, i, INSTANCE_GONE, 5 * MINUTE));
	assert_int_equal(other->state, INSTANCE_READY);
}

/* A provider that takes the delete and does nothing is asked again and again, at a pace. */
static void taken_but_still_there(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);

	w->k.idle[ACTION_DESTROY] = true;
	down(w, i);
	world_pass(w, HOUR);
	assert_int_equal(i->state, INSTANCE_DELETING);
	assert_in_range(w->count[ACTION_DESTROY], 10, 150);
	assert_in_range(w->count[ACTION_DESCRIBE], 10, 1000);
	w->k.idle[ACTION_DESTROY] = false;
	assert_true(world_until(w, i, INSTANCE_GONE, 10 * MINUTE));
	assert_int_equal(world_alive(w), 0);
}

/* A provider that wants a quarter of an hour is asked again each minute: the machine bills. */
static void an_order_to_wait_does_not_hold_a_delete(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);

	w->k.verdict[ACTION_DESTROY] = VERDICT_RETRY;
	w->k.retry_after = 15 * MINUTE;
	down(w, i);
	world_pass(w, 10 * MINUTE);
	assert_in_range(w->count[ACTION_DESTROY], 9, 13);
	w->k.verdict[ACTION_DESTROY] = VERDICT_OK;
	assert_true(world_until(w, i, INSTANCE_GONE, 5 * MINUTE));
}

/* Refused for days: it never gives up, and backs off to minutes. */
static void never_gives_up(void **state)
{
	static const enum verdict verdicts[] = { VERDICT_RETRY, VERDICT_DENIED, VERDICT_REFUSED, VERDICT_UNSURE, VERDICT_LIMIT };
	struct world *w = *state;
	struct instance *i = ready(w);

	down(w, i);
	for (size_t k = 0; k < ARRAY_LEN(verdicts); k++) {
		int before = w->count[ACTION_DESTROY];

		w->k.verdict[ACTION_DESTROY] = verdicts[k];
		world_pass(w, DAY);
		assert_int_equal(i->state, INSTANCE_DELETING);
		assert_in_range(w->count[ACTION_DESTROY] - before, DAY / (6 * MINUTE), DAY / (4 * MINUTE));
	}
	w->k.verdict[ACTION_DESTROY] = VERDICT_OK;
	assert_true(world_until(w, i, INSTANCE_GONE, 20 * MINUTE));
	assert_int_equal(world_alive(w), 0);
}

/* What nobody has seen for a while is looked at first; a look that fails does not hold the delete up. */
static void looked_at_first(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);

	w->k.verdict[ACTION_LIST] = VERDICT_RETRY;
	world_pass(w, 5 * MINUTE);
	w->k.held[ACTION_DESCRIBE] = true;
	down(w, i);
	world_pass(w, 10 * SECOND);
	assert_int_equal(w->count[ACTION_DESTROY], 0);
	assert_int_equal(w->count[ACTION_DESCRIBE], 1);
	w->k.held[ACTION_DESCRIBE] = false;
	w->k.verdict[ACTION_DESCRIBE] = VERDICT_RETRY;
	world_pass(w, MINUTE);
	assert_true(w->units[0].gone != 0);
}

/* A look that shows the machine leads to the delete, once. */
static void seen_and_deleted(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);

	w->k.verdict[ACTION_LIST] = VERDICT_RETRY;
	world_pass(w, 5 * MINUTE);
	down(w, i);
	world_pass(w, 20 * SECOND);
	assert_int_equal(w->count[ACTION_DESTROY], 1);
	assert_in_range(w->count[ACTION_DESCRIBE], 1, 6);
}

/* ---- while it boots ---- */

static void expect_failure(struct world *w, enum cause cause, duration most)
{
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_GONE, most));
	assert_int_equal(i->cause, cause);
	assert_int_equal(i->ready_at, 0);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, MINUTE));
	assert_int_equal(f->cause, CAUSE_UNPLACEABLE);
	assert_int_equal(world_alive(w), 0);
	assert_int_equal(w->count[ACTION_CREATE], 1);
}

static void boot_timeout(void **state)
{
	struct world *w = *state;

	w->k.boot = FOREVER;
	expect_failure(w, CAUSE_BOOT_TIMEOUT, 20 * MINUTE);
}

static void ssh_timeout(void **state)
{
	struct world *w = *state;

	w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE;
	expect_failure(w, CAUSE_SSH_TIMEOUT, 20 * MINUTE);
}

static void ssh_auth(void **state)
{
	struct world *w = *state;

	w->k.contact[ACTION_CONNECT] = SSH_AUTH;
	expect_failure(w, CAUSE_SSH_AUTH, 8 * MINUTE);
}

static void host_key(void **state)
{
	struct world *w = *state;

	w->k.contact[ACTION_CONNECT] = SSH_HOST_KEY;
	expect_failure(w, CAUSE_HOST_KEY, 5 * MINUTE);
}

static void wrong_gpu(void **state)
{
	struct world *w = *state;

	w->k.gpu = "A100";
	expect_failure(w, CAUSE_WRONG_MACHINE, 5 * MINUTE);
}

static void wrong_count(void **state)
{
	struct world *w = *state;

	w->k.gpu_count = 2;
	expect_failure(w, CAUSE_WRONG_MACHINE, 5 * MINUTE);
}

static void too_dear_at_create(void **state)
{
	struct world *w = *state;

	w->want.max_price = 3 * USD;
	w->k.price = 4 * USD;
	expect_failure(w, CAUSE_WRONG_MACHINE, 5 * MINUTE);
}

static void over_the_cap_at_create(void **state)
{
	struct world *w = *state;

	w->want.max_cost = 4 * USD; /* spent to the last cent on the offer's price */
	w->k.price = 3 * USD;
	expect_failure(w, CAUSE_WRONG_MACHINE, 5 * MINUTE);
}

/* Dearer than offered, and nobody forbids it: kept, and the hold covers it (world_check compares). */
static void dearer_but_allowed(void **state)
{
	struct world *w = *state;
	struct instance *i;

	w->k.price = 4 * USD;
	i = ready(w);
	assert_int_equal(i->price_hour, 4 * USD);
	assert_int_equal(i->state, INSTANCE_READY);
}

static void ended_while_booting(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_BOOTING, MINUTE));
	w->units[0].state = MACHINE_ENDED;
	assert_true(world_until(w, i, INSTANCE_GONE, 10 * MINUTE));
	assert_int_equal(i->cause, CAUSE_BOOT_FAILED);
	assert_int_equal(world_alive(w), 0); /* ended may still bill: it is deleted */
}

/* A late answer of a connection that a delete has overtaken changes nothing. */
static void late_connection(void **state)
{
	struct world *w = *state;
	struct instance *i = ready(w);
	int before;

	w->k.held[ACTION_CONNECT] = true;
	w->k.delay[ACTION_DESTROY] = 20 * SECOND;
	w->k.idle[ACTION_DESTROY] = true;
	world_pass(w, 2 * MINUTE);
	down(w, i);
	world_pass(w, 2 * SECOND);
	before = w->count[ACTION_DESTROY];
	assert_int_equal(before, 1);
	w->k.held[ACTION_CONNECT] = false; /* comes while the delete is under way, and listings still show the machine */
	world_pass(w, 15 * SECOND);
	assert_int_equal(w->count[ACTION_DESTROY], before);
	w->k = (struct knobs){ .list_empty = false };
	assert_true(world_until(w, i, INSTANCE_GONE, 5 * MINUTE));
	assert_int_equal(world_alive(w), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(proved_by_spaced_listings),
		world_test(not_found_is_a_claim),
		world_test(failed_listings_are_no_proof),
		world_test(void_listings_are_no_proof),
		world_test(taken_but_still_there),
		world_test(an_order_to_wait_does_not_hold_a_delete),
		world_test(never_gives_up),
		world_test(looked_at_first),
		world_test(seen_and_deleted),
		world_test(boot_timeout),
		world_test(ssh_timeout),
		world_test(ssh_auth),
		world_test(host_key),
		world_test(wrong_gpu),
		world_test(wrong_count),
		world_test(too_dear_at_create),
		world_test(over_the_cap_at_create),
		world_test(dearer_but_allowed),
		world_test(ended_while_booting),
		world_test(late_connection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
