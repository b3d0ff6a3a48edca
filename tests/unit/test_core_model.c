/* Rows in memory: ids, links, counts, forgetting; the balance window of accounts that send no bill by machine. */
#include "core_world.h"

static void ids_are_shared_and_never_reused(void **state)
{
	struct world *w = *state;
	struct fleet row = { .object.id = 40, .name = "x" };
	struct run run = { .object.id = 41, .fleet_id = 40 };
	struct instance inst = { .object.id = 39 };
	int64_t next;

	assert_int_equal(w->m.next_id, 1);
	model_add_fleet(&w->m, &row);
	assert_int_equal(w->m.next_id, 41);
	model_add_run(&w->m, &run);
	model_add_instance(&w->m, &inst); /* an older one does not take it back */
	next = w->m.next_id;
	assert_int_equal(next, 42);
	model_drop_fleet(&w->m, model_fleet(&w->m, 40));
	assert_int_equal(w->m.next_id, next);
}

static void found_by_id_and_name(void **state)
{
	struct world *w = *state;
	struct fleet row = { .object.id = 1, .name = "x", .state = FLEET_CLOSED };

	model_add_fleet(&w->m, &row);
	row.object.id = 2;
	model_add_fleet(&w->m, &row);
	assert_int_equal(model_fleet_by_name(&w->m, "x")->object.id, 2); /* the newest of the closed */
	row.object.id = 3;
	row.state = FLEET_OPEN;
	model_add_fleet(&w->m, &row);
	row.object.id = 4;
	row.state = FLEET_CLOSED;
	model_add_fleet(&w->m, &row);
	assert_int_equal(model_fleet_by_name(&w->m, "x")->object.id, 3); /* the open one first */
	assert_null(model_fleet_by_name(&w->m, "y"));
	assert_null(model_fleet(&w->m, 5));
	assert_null(model_instance(&w->m, 0));
	assert_null(model_run(&w->m, 3));
	assert_null(model_account(&w->m, "cloud"));
}

static void links_and_counts(void **state)
{
	struct world *w = *state;
	struct account_state *a = world_account(w, "cloud");
	struct fleet row = { .object.id = 1 }, *f;
	struct instance inst = { .object.id = 2, .fleet_id = 1, .account = "cloud", .state = INSTANCE_READY }, *i;
	struct run run = { .object.id = 4, .fleet_id = 1 };

	f = model_add_fleet(&w->m, &row);
	inst.offer_spec = xstrdup("{}");
	i = model_add_instance(&w->m, &inst);
	assert_string_equal(i->offer_spec, "{}");
	inst = (struct instance){ .object.id = 3, .fleet_id = 1, .account = "cloud", .state = INSTANCE_GONE };
	model_add_instance(&w->m, &inst);
	run.params = xstrdup("{}");
	model_add_run(&w->m, &run);
	assert_int_equal(a->live, 1);
	assert_ptr_equal(INSTANCE_OF(f->instance_list.next), i);
	assert_int_equal(RUN_OF(f->run_list.next)->object.id, 4);
	model_drop_fleet(&w->m, f);
	assert_int_equal(w->m.instances.count + w->m.runs.count + w->m.fleets.count, 0);
	assert_true(list_empty(&a->instance_list));
}

static void each_is_visited_once(void **state)
{
	struct world *w = *state;
	bool seen[301] = { false };
	struct fleet *f;
	size_t at = 0;
	int n = 0;

	for (int k = 1; k <= 300; k++)
		model_add_fleet(&w->m, &(struct fleet){ .object.id = k });
	while ((f = model_each(&w->m.fleets, &at))) {
		assert_false(seen[f->object.id]);
		seen[f->object.id] = true;
		n++;
	}
	assert_int_equal(n, 300);
}

static void names_of_open_fleets_are_unique(void **state)
{
	struct world *w = *state;
	struct fact f = { .kind = FACT_FLEET_OPEN, .fleet = &w->want };
	struct fleet *first;

	world_simple(w);
	first = world_up(w);
	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_CONFLICT);
	world_close_fleet(w, first);
	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_CONFLICT); /* still closing */
	assert_true(world_until_fleet(w, first, FLEET_CLOSED, 10 * MINUTE));
	world_fact(w, &f);
	assert_int_equal(f.error.code, ERR_NONE);
}

/* ---- accounts that tell only a balance ---- */

static struct account_state *balance_only(struct world *w)
{
	world_simple(w);
	w->m.accounts[0]->facts.bill_by_machine = false;
	w->k.available = 100 * USD;
	return w->m.accounts[0];
}

static void one_life(struct world *w)
{
	struct fleet *f = world_up(w);

	world_pass(w, 20 * MINUTE);
	assert_true(f->ready_at != 0);
	world_close_fleet(w, f);
	assert_true(world_until_fleet(w, f, FLEET_CLOSED, 10 * MINUTE));
}

/* What the balance lost between the first machine and the end is the bill; it is shared out exactly. */
static void settled_by_the_balance(void **state)
{
	struct world *w = *state;
	struct account_state *a = balance_only(w);
	money sum = 0;

	w->want.instances = 3;
	one_life(w);
	w->k.available = 100 * USD - 2 * USD - 1;
	world_pass(w, HOUR);
	for (int n = 0; n < 3; n++) {
		struct instance *i = world_instance(w, n);

		assert_true(i->settled && i->billed_known);
		sum += i->billed;
	}
	assert_int_equal(sum, 2 * USD + 1);
	assert_int_equal(a->window_since, 0);
	assert_int_equal(w->count[ACTION_BILL], 0);
}

/* The balance cannot be read: the machine is made all the same after some tries, and the next window is a new one. */
static void a_blind_window(void **state)
{
	struct world *w = *state;
	struct account_state *a = balance_only(w);
	struct instance *second;

	w->k.verdict[ACTION_BALANCE] = VERDICT_RETRY;
	one_life(w);
	assert_int_equal(a->window_since, 0);
	assert_int_equal(world_instance(w, 0)->settled, 0);
	w->k.verdict[ACTION_BALANCE] = VERDICT_OK;
	one_life(w);
	w->k.available = 99 * USD;
	world_pass(w, HOUR);
	second = world_instance(w, 1);
	assert_true(second->settled && second->billed == USD); /* all of it: the first one is not of this window */
	assert_int_equal(world_instance(w, 0)->settled, 0);
	world_pass(w, 36 * DAY); /* no record ever comes for the first: the metered cost stands, and all is forgotten */
	assert_int_equal(world_instances(w), 0);
}

/* Credit was bought meanwhile: the movement says nothing, and is not booked on anybody. */
static void credit_bought_meanwhile(void **state)
{
	struct world *w = *state;

	balance_only(w);
	one_life(w);
	w->k.available = 500 * USD;
	world_pass(w, HOUR);
	assert_int_equal(w->m.accounts[0]->window_since, 0);
	assert_false(world_instance(w, 0)->billed_known);
}

/* ---- accounts that send a bill by machine ---- */

/* A record is believed when two readings agree, the later of them late enough for the provider to have written everything. */
static void a_bill_that_grows(void **state)
{
	struct world *w = *state;
	struct instance *i;

	world_simple(w);
	w->k.bill = 50 * CENT;
	one_life(w);
	i = world_instance(w, 0);
	world_pass(w, MINUTE);
	assert_true(i->billed_known && i->billed == 50 * CENT && !i->settled);
	w->k.bill = 90 * CENT;
	world_pass(w, 6 * MINUTE);
	assert_true(i->billed == 90 * CENT && !i->settled);
	world_pass(w, 6 * MINUTE);
	assert_true(i->settled && i->billed == 90 * CENT);
}

/* What is settled at last must be stored before it is forgotten. */
static void stored_before_forgotten(void **state)
{
	struct world *w = *state;
	struct actions out = { NULL, 0, 0 };
	struct fact f = { .kind = FACT_BILLED, .verdict = VERDICT_OK, .price = USD };
	int64_t fleet;

	world_simple(w);
	w->k.verdict[ACTION_BILL] = VERDICT_RETRY;
	one_life(w);
	world_pass(w, 3 * DAY);
	f.id = world_instance(w, 0)->object.id;
	fleet = world_instance(w, 0)->fleet_id;
	world_fact(w, &f);
	world_turn(w);
	world_fact(w, &f);
	assert_true(model_instance(&w->m, f.id)->settled);
	core_decide(&w->m, w->now, &out);
	assert_non_null(model_fleet(&w->m, fleet));
	actions_free(&out);
	world_pass(w, 5 * MINUTE);
	assert_null(model_fleet(&w->m, fleet));
}

/* A machine that came back has two rows and one record: each cent is booked once. */
static void one_record_for_two_rows(void **state)
{
	struct world *w = *state;
	struct instance *again;

	world_simple(w);
	w->k.bill = USD;
	one_life(w);
	world_pass(w, HOUR);
	assert_int_equal(world_instance(w, 0)->billed, USD);
	w->units[0].gone = 0;
	again = world_until_planned(w, 1, 10 * MINUTE);
	w->k.bill = 3 * USD;
	assert_true(world_until(w, again, INSTANCE_GONE, 10 * MINUTE));
	world_pass(w, HOUR);
	assert_true(again->settled && again->billed == 2 * USD);
	assert_int_equal(world_instance(w, 0)->billed, USD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		world_test(ids_are_shared_and_never_reused),
		world_test(found_by_id_and_name),
		world_test(links_and_counts),
		world_test(each_is_visited_once),
		world_test(names_of_open_fleets_are_unique),
		world_test(settled_by_the_balance),
		world_test(a_blind_window),
		world_test(credit_bought_meanwhile),
		world_test(a_bill_that_grows),
		world_test(one_record_for_two_rows),
		world_test(stored_before_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
