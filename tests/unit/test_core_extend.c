/*
 * A longer life: money first, then the new deadline in each machine's name, confirmed by the provider, or nothing (reliability §2.3).
 */
#include "core_world.h"

static struct fleet *fleet(struct world *w, int instances)
{
	struct fleet *f;

	world_simple(w);
	w->want.instances = instances;
	f = world_up(w);
	world_pass(w, 5 * MINUTE);
	assert_true(f->ready_at != 0);
	return f;
}

static struct fact extend(struct world *w, const struct fleet *f, duration span)
{
	struct fact fact = { .kind = FACT_FLEET_EXTEND, .id = f->object.id, .span = span, .actor = "ann" };

	world_fact(w, &fact);
	return fact;
}

static instant deadline_at_provider(struct world *w, size_t unit)
{
	struct mark m;

	assert_int_equal(mark_read(&m, w->units[unit].mark, w->m.mark_key, "cloud", w->m.site), MARK_OURS);
	return m.deadline;
}

static void granted_when_the_name_is_seen(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 2);
	struct instance *i = world_instance(w, 0);
	instant before = f->expires;

	assert_int_equal(extend(w, f, 8 * HOUR).error.code, ERR_NONE);
	w->k.held[ACTION_LIST] = true;
	world_pass(w, 10 * SECOND);
	assert_int_equal(f->expires, before); /* renamed, not yet seen */
	assert_true(*i->new_mark);
	w->k.held[ACTION_LIST] = false;
	world_pass(w, MINUTE);
	assert_int_equal(f->expires, f->ready_at + 8 * HOUR);
	assert_int_equal(f->extend_to, 0);
	assert_true(!*i->new_mark && i->deadline == deadline_at_provider(w, 0));
	assert_true(i->deadline >= f->expires + 10 * MINUTE);
	assert_true(mark_same_intent(i->mark, w->units[0].mark));
	world_pass(w, 5 * HOUR);
	assert_int_equal(f->state, FLEET_OPEN);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 4 * HOUR));
	assert_int_equal(f->cause, CAUSE_EXPIRED);
}

static void refused_by_the_provider(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 1);
	struct instance *i = world_instance(w, 0);
	money held = i->hold;
	instant before = f->expires, deadline = i->deadline;

	w->k.verdict[ACTION_MARK] = VERDICT_REFUSED;
	extend(w, f, 8 * HOUR);
	assert_true(i->hold > held); /* taken before the longer life is promised */
	world_pass(w, MINUTE);
	assert_true(f->expires == before && f->extend_to == 0 && i->deadline == deadline);
	assert_true(*f->extend_error && !*i->new_mark);
	assert_true(i->hold <= held);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 5 * HOUR));
}

/* Taken, but never shown: an extension that cannot be confirmed is refused too. */
static void never_confirmed(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 1);
	instant before = f->expires;

	w->k.idle[ACTION_MARK] = true;
	extend(w, f, 8 * HOUR);
	world_pass(w, 10 * MINUTE);
	assert_true(f->expires == before && f->extend_to == 0 && *f->extend_error);
	assert_in_range(w->count[ACTION_MARK], 3, 10);
}

/* Passing trouble, or an answer that was lost after the rename was done: asked again, and granted. */
static void trouble_on_the_way(void **state)
{
	static const enum verdict verdicts[] = { VERDICT_RETRY, VERDICT_UNSURE };
	struct world *w = *state;
	struct fleet *f = fleet(w, 1);

	for (size_t k = 0; k < ARRAY_LEN(verdicts); k++) {
		duration span = (8 + 4 * (duration)k) * HOUR;
		int before = w->count[ACTION_MARK];

		w->k.verdict[ACTION_MARK] = verdicts[k];
		w->k.held[ACTION_LIST] = true;
		extend(w, f, span);
		world_pass(w, 4 * SECOND);
		assert_int_equal(w->count[ACTION_MARK], before + 2);
		assert_true(f->extend_to == span && !*f->extend_error);
		w->k = (struct knobs){ .list_empty = false };
		world_pass(w, 2 * MINUTE);
		assert_int_equal(f->expires, f->ready_at + span);
	}
}

static void needs_its_money_first(void **state)
{
	struct world *w = *state;
	struct fleet *f;
	struct fact fact;

	w->want.max_cost = 12 * USD; /* 6 h; create, boot, teardown and 4 h are 4 h 21 min */
	f = fleet(w, 1);
	fact = extend(w, f, 8 * HOUR);
	assert_int_equal(fact.error.code, ERR_REFUSED);
	assert_non_null(strstr(fact.error.msg, "--max-cost"));
	assert_int_equal(f->extend_to, 0);
	assert_int_equal(extend(w, f, 5 * HOUR).error.code, ERR_NONE);
	world_pass(w, 2 * MINUTE);
	assert_int_equal(f->expires, f->ready_at + 5 * HOUR);
}

/* Asked for while it boots: the name is changed when the machine is there. */
static void before_it_is_ready(void **state)
{
	struct world *w = *state;
	struct fleet *f;

	world_simple(w);
	f = world_up(w);
	world_pass(w, 2 * SECOND);
	assert_int_equal(extend(w, f, 8 * HOUR).error.code, ERR_NONE);
	world_pass(w, 5 * MINUTE);
	assert_int_equal(f->extend_to, 0);
	assert_true(f->expires > f->ready_at + 7 * HOUR && f->expires <= deadline_at_provider(w, 0) - 10 * MINUTE);
}

static void shorter(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 1);

	extend(w, f, HOUR);
	world_pass(w, MINUTE);
	assert_int_equal(f->expires, f->ready_at + HOUR);
	assert_int_equal(w->count[ACTION_MARK], 0);
}

static void not_of_a_closing_fleet(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 1);

	world_close_fleet(w, f);
	assert_int_equal(extend(w, f, 8 * HOUR).error.code, ERR_CONFLICT);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
}

/* `down` while the rename is under way: the delete goes ahead. */
static void closed_while_pending(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 1);

	extend(w, f, 8 * HOUR);
	w->k.held[ACTION_MARK] = true;
	world_pass(w, 2 * SECOND);
	world_close_fleet(w, f);
	world_pass(w, 10 * SECOND);
	assert_int_equal(w->count[ACTION_DESTROY], 1);
	w->k.held[ACTION_MARK] = false;
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
	assert_int_equal(world_alive(w), 0);
}

/* Two extensions, the second before the first is confirmed: the second counts. */
static void the_last_word_counts(void **state)
{
	struct world *w = *state;
	struct fleet *f = fleet(w, 1);

	extend(w, f, 8 * HOUR);
	world_pass(w, 100 * MSEC);
	extend(w, f, 12 * HOUR);
	world_pass(w, 3 * MINUTE);
	assert_int_equal(f->expires, f->ready_at + 12 * HOUR);
	assert_true(deadline_at_provider(w, 0) >= f->expires);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(granted_when_the_name_is_seen),
		world_test(refused_by_the_provider),
		world_test(never_confirmed),
		world_test(trouble_on_the_way),
		world_test(needs_its_money_first),
		world_test(before_it_is_ready),
		world_test(shorter),
		world_test(not_of_a_closing_fleet),
		world_test(closed_while_pending),
		world_test(the_last_word_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
