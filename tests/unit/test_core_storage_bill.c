/* Bills of volumes and snapshots: read in steps while they live, booked when they were read twice, revised; and where there are none. */
#include "core/internal.h"
#include "core/budget.h"
#include "core/storage.h"
#include "core_world.h"

#define MONTHLY (50 * USD) /* 500 GB at ten cents */

static struct account_state *billing_world(struct world *w)
{
	struct account_state *a;

	world_simple(w);
	a = model_account(&w->m, "cloud");
	a->facts.volumes = a->facts.snapshots = a->facts.storage_bills = true;
	a->facts.volume_rule = (struct storage_rule){ .gb_month = 10 * CENT, .month = STORAGE_MONTH };
	a->facts.snapshot_rule = (struct storage_rule){ .gb_month = 6 * CENT, .month = STORAGE_MONTH, .minimum = CENT };
	a->facts.billing.settle_delay = 2 * HOUR;
	return a;
}

static struct extra *volume(struct world *w)
{
	struct extra row = { .kind = EXTRA_VOLUME, .name = "models", .owner = "ann", .account = "cloud", .region = "tor1", .size_gb = 500,
		.keep_until = w->now + 90 * DAY };
	struct fact f = { .kind = FACT_STORAGE_WANT, .extra = &row, .actor = "ann" };

	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_NONE);
	world_pass(w, MINUTE);
	return model_extra(&w->m, f.answer_id);
}

static void drop(struct world *w, const struct extra *x)
{
	struct fact f = { .kind = FACT_STORAGE_DROP, .id = x->object.id, .actor = "ann" };

	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_NONE);
	world_pass(w, 10 * MINUTE);
	assert_int_equal(x->state, EXTRA_GONE);
}

/* To the minute behind the next midnight. */
static void next_day(struct world *w)
{
	world_pass(w, (w->now / DAY + 1) * DAY - w->now + MINUTE);
}

static void a_volume_is_settled_day_by_day(void **state)
{
	struct world *w = *state;
	struct extra *x;
	instant midnight;

	billing_world(w);
	x = volume(w);
	w->k.storage_more = 3 * CENT;
	next_day(w);
	midnight = w->now / DAY * DAY;
	assert_int_equal(x->bill_due, midnight);
	assert_int_equal(x->bill_metered, x->posted);
	world_pass(w, HOUR);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 0); /* not before the record can be whole */
	world_pass(w, HOUR);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 1);
	assert_int_equal(x->adjusted, 0); /* one reading is a claim */
	world_pass(w, 10 * MINUTE);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 2);
	assert_int_equal(x->settled_until, midnight);
	assert_int_equal(x->adjusted, 3 * CENT); /* and booked once, as books_check() saw */
	assert_int_equal(x->settled, 0);
	assert_int_equal(x->gap, GAP_UNEXPLAINED);
	assert_string_equal(w->last_event, "settled");
	world_pass(w, 12 * HOUR);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 2);
	/* The next step is of its whole life: what was booked before is not booked again. */
	w->k.storage_more = -2 * CENT;
	next_day(w);
	world_pass(w, 3 * HOUR);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 4);
	assert_int_equal(x->settled_until, midnight + DAY);
	assert_int_equal(x->adjusted, -2 * CENT);
	assert_int_equal(x->gap, GAP_OTHER_MOMENTS);
}

static void its_end_is_the_last_step(void **state)
{
	struct world *w = *state;
	struct extra *x;

	billing_world(w);
	x = volume(w);
	world_pass(w, 5 * HOUR);
	w->k.storage_more = -CENT / 2;
	drop(w, x);
	world_pass(w, HOUR);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 0);
	world_pass(w, 2 * HOUR);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 2);
	assert_true(x->settled && x->settled_until == x->booked_until);
	assert_int_equal(x->billed, x->posted - CENT / 2);
	assert_int_equal(x->adjusted, -CENT / 2);
	assert_int_equal(x->gap, GAP_CLOCK);
	world_pass(w, 10 * DAY); /* bill_reread is off in this world */
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 2);
}

static void what_differs_is_read_until_it_does_not(void **state)
{
	struct world *w = *state;
	struct extra *x;

	billing_world(w);
	x = volume(w);
	drop(w, x);
	world_pass(w, 2 * HOUR - 12 * MINUTE);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 0);
	for (int k = 0; k < 9; k++) {
		w->k.storage_more += CENT; /* the record still grows */
		world_pass(w, 4 * MINUTE);
		assert_false(x->settled);
	}
	assert_true(w->count[ACTION_STORAGE_BILL] >= 5);
	world_pass(w, 20 * MINUTE);
	assert_true(x->settled && x->adjusted == 9 * CENT);
}

static void months_are_steps_where_the_record_is_cut_at_months(void **state)
{
	struct world *w = *state;
	struct extra *x;

	billing_world(w)->facts.billing.storage_by_month = true;
	x = volume(w);
	world_pass(w, 5 * DAY);
	assert_int_equal(x->bill_due, 0);
	world_pass(w, (instant)1796083200 * SECOND - w->now + 3 * HOUR); /* 1 December 2026 */
	assert_int_equal(x->settled_until, (instant)1796083200 * SECOND);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 2);
	world_pass(w, 10 * DAY);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 2);
	drop(w, x);
	world_pass(w, 3 * HOUR);
	assert_true(x->settled && w->count[ACTION_STORAGE_BILL] == 4);
}

static void a_record_that_is_late_is_waited_for(void **state)
{
	struct world *w = *state;
	struct extra *x;
	int asked;

	billing_world(w);
	x = volume(w);
	w->k.storage_silent = true;
	for (int day = 0; day < 5; day++)
		next_day(w);
	asked = w->count[ACTION_STORAGE_BILL];
	assert_in_range(asked, 10, 60); /* now and then */
	assert_true(!x->settled_until && !x->adjusted);
	assert_int_equal(x->bill_due, w->now / DAY * DAY); /* it gave way to the last day */
	w->k.storage_silent = false;
	w->k.storage_more = 9 * CENT;
	world_pass(w, 7 * HOUR);
	assert_int_equal(x->settled_until, x->booked_until);
	assert_int_equal(x->adjusted, 9 * CENT);
}

static void trouble_is_no_record(void **state)
{
	struct world *w = *state;
	struct extra *x;

	billing_world(w);
	x = volume(w);
	drop(w, x);
	w->k.verdict[ACTION_STORAGE_BILL] = VERDICT_RETRY;
	world_pass(w, 5 * HOUR);
	assert_true(!x->settled && !x->billed_at);
	w->k.verdict[ACTION_STORAGE_BILL] = VERDICT_OK;
	world_pass(w, 7 * HOUR);
	assert_true(x->settled);
}

static void without_a_record_the_meter_stands(void **state)
{
	struct world *w = *state;
	struct extra *x;

	billing_world(w);
	x = volume(w);
	w->k.storage_silent = true;
	drop(w, x);
	world_pass(w, 7 * HOUR);
	assert_false(x->settled);
	world_pass(w, 2 * HOUR);
	assert_true(x->settled && !x->settled_until && !x->adjusted);
	assert_int_equal(x->gap, GAP_NO_RECORD);
	assert_string_equal(w->last_event, "unbilled");
}

static void a_record_that_comes_later_yet_is_booked(void **state)
{
	struct world *w = *state;
	struct extra *x;
	int asked;

	billing_world(w);
	w->m.policy.bill_reread = DAY;
	x = volume(w);
	w->k.storage_silent = true;
	drop(w, x);
	world_pass(w, DAY);
	assert_true(x->settled && x->gap == GAP_NO_RECORD);
	asked = w->count[ACTION_STORAGE_BILL];
	world_pass(w, 5 * DAY);
	assert_in_range(w->count[ACTION_STORAGE_BILL] - asked, 4, 6);
	w->k.storage_silent = false;
	w->k.storage_more = 30 * CENT;
	world_pass(w, 3 * DAY);
	assert_int_equal(x->adjusted, 30 * CENT);
	assert_int_equal(x->settled_until, x->booked_until);
	assert_true(x->gap != GAP_NO_RECORD);
}

static void who_sends_none_is_not_asked(void **state)
{
	struct world *w = *state;
	struct extra *x;

	billing_world(w)->facts.storage_bills = false;
	x = volume(w);
	world_pass(w, 3 * DAY);
	assert_int_equal(x->bill_due, 0);
	drop(w, x);
	assert_true(x->settled && x->gap == GAP_NO_RECORD);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 0);
}

static void what_was_never_made_has_no_bill(void **state)
{
	struct world *w = *state;
	struct extra *x;

	billing_world(w);
	w->k.verdict[ACTION_STORAGE_MAKE] = VERDICT_LIMIT;
	x = volume(w);
	assert_int_equal(x->state, EXTRA_GONE);
	world_pass(w, HOUR);
	assert_true(x->settled && x->gap == GAP_NONE);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 0);
}

/* Its last day is asked about while it is being deleted: that answer is not the end. */
static void a_step_under_way_is_not_its_end(void **state)
{
	struct world *w = *state;
	struct extra *x;
	instant midnight;

	billing_world(w);
	x = volume(w);
	next_day(w);
	midnight = w->now / DAY * DAY;
	world_pass(w, 2 * HOUR);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], 1);
	w->k.delay[ACTION_STORAGE_BILL] = 30 * MINUTE;
	world_pass(w, 5 * MINUTE);
	drop(w, x);
	assert_true(x->bill_busy);
	world_pass(w, 30 * MINUTE);
	assert_int_equal(x->settled_until, midnight);
	assert_false(x->settled);
	world_pass(w, 4 * HOUR);
	assert_true(x->settled && x->settled_until == x->booked_until);
}

static void a_restart_goes_on(void **state)
{
	struct world *w = *state;
	struct extra *x;
	int64_t id;

	billing_world(w);
	x = volume(w);
	id = x->object.id;
	w->k.storage_more = 4 * CENT;
	drop(w, x);
	world_pass(w, 2 * HOUR - 9 * MINUTE);
	w->k.held[ACTION_STORAGE_BILL] = true;
	world_pass(w, 5 * MINUTE);
	world_restart(w);
	w->k.held[ACTION_STORAGE_BILL] = false;
	world_pass(w, HOUR);
	x = model_extra(&w->m, id);
	assert_non_null(x);
	assert_true(x->settled && x->adjusted == 4 * CENT);
}

static void a_bill_is_revised_when_it_was_read_twice(void **state)
{
	struct world *w = *state;
	struct extra *x;
	int asked;

	billing_world(w);
	w->m.policy.bill_reread = DAY;
	x = volume(w);
	drop(w, x);
	world_pass(w, 3 * HOUR);
	assert_true(x->settled && !x->adjusted);
	asked = w->count[ACTION_STORAGE_BILL];
	w->k.storage_more = 7 * CENT;
	world_pass(w, DAY);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], asked + 1);
	assert_int_equal(x->adjusted, 0);
	world_pass(w, DAY);
	assert_int_equal(x->adjusted, 7 * CENT);
	assert_string_equal(w->last_event, "revised");
	w->k.storage_more = 8 * CENT;
	world_pass(w, DAY);
	w->k.storage_more = 7 * CENT; /* once only */
	world_pass(w, 2 * DAY);
	assert_int_equal(x->adjusted, 7 * CENT);
	world_pass(w, 40 * DAY);
	asked = w->count[ACTION_STORAGE_BILL];
	world_pass(w, 10 * DAY);
	assert_int_equal(w->count[ACTION_STORAGE_BILL], asked); /* not for ever */
}

/* A budget counts what the record says, on the days that it is about. */
static void budgets_count_the_bill(void **state)
{
	struct world *w = *state;
	struct budget *b;
	struct extra *x;
	money spent;

	billing_world(w);
	b = books_budget(w, "ann", SCOPE_OWNER, "ann", PERIOD_DAY, 500 * USD);
	world_pass(w, MINUTE);
	x = volume(w);
	next_day(w);
	w->k.storage_more = USD;
	spent = budget_spent(b, w->now);
	world_pass(w, 3 * HOUR);
	assert_int_equal(x->adjusted, USD);
	assert_int_equal(budget_spent(b, w->now), spent); /* of yesterday, and not of today */
}

int main(void)
{
	const struct CMUnitTest tests[] = { world_test(a_volume_is_settled_day_by_day), world_test(its_end_is_the_last_step),
		world_test(what_differs_is_read_until_it_does_not), world_test(months_are_steps_where_the_record_is_cut_at_months),
		world_test(a_record_that_comes_later_yet_is_booked),
		world_test(a_record_that_is_late_is_waited_for), world_test(trouble_is_no_record), world_test(without_a_record_the_meter_stands),
		world_test(who_sends_none_is_not_asked), world_test(what_was_never_made_has_no_bill), world_test(a_step_under_way_is_not_its_end),
		world_test(a_restart_goes_on), world_test(a_bill_is_revised_when_it_was_read_twice), world_test(budgets_count_the_bill) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
