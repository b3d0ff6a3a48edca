/*
 * What listings show that nobody ordered: twins, latecomers, things back from the dead, orphans, other people's machines; and the
 * single-flight creates of a provider that gives machines no name (reliability §2.6, §2.7, §2.9).
 */
#include "core_world.h"

static struct instance *ready(struct world *w)
{
	struct instance *i;

	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_READY, 10 * MINUTE));
	return i;
}

static void one_of_two_is_kept(void **state)
{
	struct world *w = *state;
	struct instance *kept, *twin;

	world_simple(w);
	w->k.copies = 2;
	kept = ready(w);
	world_pass(w, 10 * MINUTE);
	twin = world_instance(w, 1);
	assert_int_equal(twin->cause, CAUSE_DUPLICATE);
	assert_int_equal(twin->state, INSTANCE_GONE);
	assert_int_equal(kept->state, INSTANCE_READY);
	assert_int_equal(world_unit_of(w, kept->provider_id)->gone, 0);
	assert_int_equal(world_alive(w), 1);
	assert_true(twin->metered > 0);
}

/* The same when nobody answered the create: the first is adopted, the second deleted. */
static void unsure_twins(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	w->k.copies = 3;
	w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	i = ready(w);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(world_instances(w), 3);
	assert_int_equal(world_alive(w), 1);
	assert_int_equal(world_unit_of(w, i->provider_id)->gone, 0);
}

static void appears_after_absence_was_proved(void **state)
{
	struct world *w = *state;
	struct instance *i, *late;
	struct fleet *f;

	world_simple(w);
	w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	w->k.hide = 2 * HOUR;
	f = world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_GONE, 20 * MINUTE));
	assert_int_equal(i->cause, CAUSE_ABSENT);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 5 * MINUTE));
	late = world_until_planned(w, 1, 2 * HOUR);
	assert_non_null(late);
	assert_int_equal(late->cause, CAUSE_LATE);
	assert_true(world_until(w, late, INSTANCE_GONE, 10 * MINUTE));
	assert_int_equal(world_alive(w), 0);
	assert_int_equal(i->state, INSTANCE_GONE);
}

static void comes_back_from_the_dead(void **state)
{
	struct world *w = *state;
	struct instance *i, *again;
	struct fleet *f;

	world_simple(w);
	i = ready(w);
	f = model_fleet(&w->m, i->fleet_id);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	world_pass(w, HOUR);
	w->units[0].gone = 0;
	again = world_until_planned(w, 1, 10 * MINUTE);
	assert_non_null(again);
	assert_int_equal(again->cause, CAUSE_RESURRECTED);
	assert_string_equal(again->provider_id, i->provider_id);
	assert_true(world_until(w, again, INSTANCE_GONE, 10 * MINUTE));
	assert_int_equal(world_alive(w), 0);
	world_pass(w, 2 * HOUR);
	assert_int_equal(world_instances(w), 2);
}

static struct unit *with_our_mark(struct world *w, instant deadline, const char *site, uint8_t key)
{
	uint8_t other[MARK_KEY_LEN];
	char mark[ID_MAX];

	memset(other, key, sizeof(other));
	mark_make(mark, other, "cloud", site, rng_u64(&w->rng), deadline);
	return world_unit(w, "cloud", mark, strcmp(site, "abc234") || key != 7 ? FOREIGN : 0);
}

static void an_orphan_has_its_grace(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	with_our_mark(w, w->now + DAY, "abc234", 7);
	i = world_until_planned(w, 0, 5 * MINUTE);
	assert_int_equal(i->cause, CAUSE_ORPHAN);
	assert_int_equal(i->state, INSTANCE_DELETING);
	world_pass(w, 5 * MINUTE);
	world_restart(w); /* neither shortens the grace nor starts it again */
	world_pass(w, 4 * MINUTE);
	assert_int_equal(w->count[ACTION_DESTROY], 0);
	world_pass(w, 2 * MINUTE);
	assert_int_equal(w->count[ACTION_DESTROY], 1);
	world_pass(w, 5 * MINUTE);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_GONE);
	assert_int_equal(world_alive(w), 0);
}

static void an_overdue_orphan_has_none(void **state)
{
	struct world *w = *state;

	world_simple(w);
	with_our_mark(w, w->now - HOUR, "abc234", 7);
	world_pass(w, 30 * SECOND);
	assert_int_equal(w->count[ACTION_DESTROY], 1);
}

/* Another site's, a forged mark, a person's: counted, reported, never touched (I6; world_check asserts it). */
static void others_are_left_alone(void **state)
{
	struct world *w = *state;

	world_simple(w);
	with_our_mark(w, w->now - HOUR, "zzz234", 7);
	with_our_mark(w, w->now - HOUR, "abc234", 8);
	world_unit(w, "cloud", "gf1-lookalike", FOREIGN);
	world_unit(w, "cloud", "jupyter", FOREIGN);
	world_unit(w, "cloud", NULL, FOREIGN);
	ready(w);
	world_pass(w, 2 * HOUR);
	assert_int_equal(w->m.accounts[0]->unmanaged, 5);
	assert_int_equal(world_instances(w), 1);
	assert_int_equal(w->count[ACTION_DESTROY], 0);
}

/* The id of a machine that is gone is given to somebody else. */
static void an_id_is_used_again(void **state)
{
	struct world *w = *state;
	struct instance *i;
	struct fleet *f;

	world_simple(w);
	i = ready(w);
	f = model_fleet(&w->m, i->fleet_id);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	str_copy(world_unit(w, "cloud", "jupyter", FOREIGN)->id, i->provider_id);
	w->units[0].id[0] = 'x';
	world_pass(w, 3 * HOUR);
	assert_int_equal(world_instances(w), 1);
	assert_int_equal(w->count[ACTION_DESTROY], 1);
}

/* The same while we think that it lives: it is looked at before the delete, and left alone (H41). */
static void an_id_changes_hands(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	i = ready(w);
	str_copy(world_unit(w, "cloud", "jupyter", FOREIGN)->id, i->provider_id);
	w->units[0].gone = w->now;
	w->units[0].id[0] = 'x';
	assert_true(world_until(w, i, INSTANCE_GONE, 30 * MINUTE));
	assert_int_equal(i->cause, CAUSE_LOST);
	assert_int_equal(w->count[ACTION_DESTROY], 0);
}

/* A listing that shows nothing while machines answer by SSH is void: nothing is lost by it, however often it comes (H25). */
static void void_listings(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	i = ready(w);
	w->k.list_empty = true;
	world_pass(w, 2 * HOUR);
	assert_int_equal(i->state, INSTANCE_READY);
	assert_int_equal(i->absent_listings, 0);
	assert_true(w->m.accounts[0]->trouble[0] != '\0');
	w->k.list_empty = false;
	world_pass(w, 2 * MINUTE);
	assert_int_equal(i->state, INSTANCE_READY);
}

/* A machine that is really gone is LOST after the absences are counted, and its meter stops when it was last seen. */
static void gone_by_hand(void **state)
{
	struct world *w = *state;
	struct instance *i;
	instant died;

	world_simple(w);
	i = ready(w);
	world_pass(w, HOUR);
	died = w->now;
	w->units[0].gone = died;
	w->k.contact[ACTION_CONNECT] = SSH_UNREACHABLE;
	assert_true(world_until(w, i, INSTANCE_GONE, 20 * MINUTE));
	assert_int_equal(i->cause, CAUSE_LOST);
	assert_true(i->meter_end != 0 && i->meter_end <= i->gone);
}

/* ---- single flight ---- */

static void named_after_the_create(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_single_flight(w);
	i = ready(w);
	assert_true(i->marked);
	assert_string_equal(w->units[0].mark, i->mark);
	assert_int_equal(w->m.accounts[0]->create_lock, 0);
}

/* Two machines: the second create waits until the first machine carries its name. */
static void one_create_at_a_time(void **state)
{
	struct world *w = *state;

	world_single_flight(w);
	w->want.instances = 2;
	w->k.idle[ACTION_MARK] = true;
	world_up(w);
	world_pass(w, 20 * SECOND);
	assert_int_equal(w->count[ACTION_CREATE], 1);
	w->k.idle[ACTION_MARK] = false;
	world_pass(w, 5 * MINUTE);
	assert_int_equal(w->count[ACTION_CREATE], 2);
	assert_int_equal(world_instance(w, 0)->state, INSTANCE_READY);
	assert_int_equal(world_instance(w, 1)->state, INSTANCE_READY);
}

/* Nobody answered: what is new since the snapshot is ours, once; what was there before is not. */
static void claimed_by_difference(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_single_flight(w);
	w->m.accounts[0]->facts.exclusive = true;
	w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	w->k.copies = 2;
	w->k.hide = MINUTE;
	i = ready(w);
	assert_string_equal(i->provider_id, w->units[0].id);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(world_instances(w), 2);
	assert_int_equal(world_instance(w, 1)->cause, CAUSE_DUPLICATE);
	assert_int_equal(world_alive(w), 1);
}

/* In a shared account nothing unmarked is ever claimed or deleted, and the ambiguity stays (quarantine). */
static void never_claimed_in_a_shared_account(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_single_flight(w);
	w->m.accounts[0]->facts.exclusive = false;
	w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	world_pass(w, 3 * HOUR);
	assert_int_equal(i->state, INSTANCE_AMBIGUOUS);
	assert_int_equal(w->count[ACTION_DESTROY], 0);
	assert_int_equal(w->m.accounts[0]->unmanaged, 1);
	assert_true(i->hold > 0);
}

static struct fact resolve(struct world *w, const struct instance *i, const char *machine)
{
	struct fact f = { .kind = FACT_RESOLVE, .id = i->object.id, .actor = "ada", .text = machine };

	world_fact(w, &f);
	return f;
}

/* In a shared account a person says which machine it is, or that there is none; what cannot be is refused. */
static void a_person_resolves_it(void **state)
{
	struct world *w = *state;
	struct unit *before;
	struct instance *i;
	struct fact f;

	world_single_flight(w);
	w->m.accounts[0]->facts.exclusive = false;
	before = world_unit(w, "cloud", "", 0);
	w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	f = resolve(w, i, "");
	assert_int_equal(f.error.code, ERR_CONFLICT);
	world_pass(w, HOUR);
	assert_int_equal(i->state, INSTANCE_AMBIGUOUS);
	f = resolve(w, i, before->id);
	assert_int_equal(f.error.code, ERR_REFUSED);
	assert_non_null(strstr(f.error.msg, "was there before the order"));
	assert_int_equal(i->state, INSTANCE_AMBIGUOUS);
	f = resolve(w, i, w->units[1].id);
	assert_int_equal(f.error.code, ERR_NONE);
	assert_int_equal(f.answer_id, i->fleet_id);
	assert_true(world_until(w, i, INSTANCE_READY, 20 * MINUTE));
	assert_true(i->marked);
	assert_int_equal(w->m.accounts[0]->create_lock, 0);
	f = resolve(w, i, "");
	assert_int_equal(f.error.code, ERR_CONFLICT);
	assert_int_equal(before->gone, 0);
}

static void a_person_says_that_there_is_none(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_single_flight(w);
	w->m.accounts[0]->facts.exclusive = false;
	w->k.verdict[ACTION_CREATE] = VERDICT_UNSURE;
	w->k.idle[ACTION_CREATE] = true;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	world_pass(w, HOUR);
	assert_int_equal(i->state, INSTANCE_AMBIGUOUS);
	assert_int_equal(resolve(w, i, "").error.code, ERR_NONE);
	assert_int_equal(i->state, INSTANCE_GONE);
	assert_int_equal(i->cause, CAUSE_ABSENT);
	assert_int_equal(i->hold, 0);
	assert_int_equal(w->m.accounts[0]->create_lock, 0);
}

static void no_name_can_be_put_on_it(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_single_flight(w);
	w->k.verdict[ACTION_MARK] = VERDICT_REFUSED;
	world_up(w);
	i = world_until_planned(w, 0, MINUTE);
	assert_true(world_until(w, i, INSTANCE_GONE, 20 * MINUTE));
	assert_int_equal(i->cause, CAUSE_BOOT_FAILED);
	assert_int_equal(world_alive(w), 0);
	assert_int_equal(w->m.accounts[0]->create_lock, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(one_of_two_is_kept),
		world_test(unsure_twins),
		world_test(appears_after_absence_was_proved),
		world_test(comes_back_from_the_dead),
		world_test(an_orphan_has_its_grace),
		world_test(an_overdue_orphan_has_none),
		world_test(others_are_left_alone),
		world_test(an_id_is_used_again),
		world_test(an_id_changes_hands),
		world_test(void_listings),
		world_test(gone_by_hand),
		world_test(named_after_the_create),
		world_test(one_create_at_a_time),
		world_test(claimed_by_difference),
		world_test(never_claimed_in_a_shared_account),
		world_test(a_person_resolves_it),
		world_test(a_person_says_that_there_is_none),
		world_test(no_name_can_be_put_on_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
