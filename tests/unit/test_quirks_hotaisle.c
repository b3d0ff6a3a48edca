/*
 * The quirks of hotaisle.md §4.1 to §4.5, one test each; tests/contract/quirks.txt says which is which.
 */
#include "adapter_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_hotaisle;

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_hotaisle);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

#define UUID  "3d4cfb6e-9a55-4b6f-8f55-5f1f30a9d1c2"
#define PLAIN "text/plain; charset=utf-8"

/* ---- §4.1 ---- */

static void names_are_recycled(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CREATE, 200, JSON, "{\"name\":\"enc1-gpuvm015\",\"deployment_id\":\"" UUID "\"}"), VERDICT_OK);
	assert_string_equal(w->r.id, UUID);
	world_forget(w);
	w->args.id = UUID; /* the name is somebody else's now */
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON,
			   "{\"name\":\"enc1-gpuvm015\",\"deployment_id\":\"00000000-9a55-4b6f-8f55-5f1f30a9d1c2\"}"),
	    VERDICT_RETRY);
	assert_int_equal(w->r.machine_count, 0);
}

/* ---- §4.2 ---- */

static void a_create_can_say_no_name(void **state)
{
	struct offer o = { .gpu = "MI300X", .spec = (char *)"{\"cpu_cores\":8,\"gpus\":[{\"count\":1,\"model\":\"MI300X\"}]}" };
	struct world *w = *state;

	str_copy(w->account.team, "bench");
	w->args.offer = &o;
	w->args.mark = MARK;
	world_build(w, OP_CREATE);
	assert_null(strstr(w->req.body, MARK));
	assert_true(w->p->caps & CAP_SINGLE_FLIGHT);
	assert_false(w->p->caps & CAP_MARK_AT_CREATE);
	assert_true(w->req.timeout == 300 * SECOND);
	w->args.id = UUID;
	world_build(w, OP_MARK); /* at once afterwards */
	assert_non_null(strstr(w->req.body, "\"description\":\"" MARK "\""));
}

static void no_clear_answer_to_a_create_is_unsure(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CREATE, 500, PLAIN, "Internal Server Error"), VERDICT_UNSURE);
	expect_verdict(world_hear(w, OP_CREATE, 200, JSON, "{\"name\":\"enc1-gp"), VERDICT_UNSURE);
	expect_verdict(world_hear(w, OP_CREATE, 504, "text/html", "<html>"), VERDICT_UNSURE);
}

/* ---- §4.3 ---- */

static void a_401_to_a_create_is_not_the_key(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CREATE, 401, PLAIN, "Unauthorized: Maximum VMs already provisioned for this team"), VERDICT_LIMIT);
	expect_verdict(world_hear(w, OP_CHECK, 401, PLAIN, "Unauthorized"), VERDICT_DENIED);
}

/* ---- §4.4 ---- */

static void a_description_is_anybodys_word(void **state)
{
	struct world *w = *state;

	expect_verdict(
	    world_hear(w, OP_LIST, 200, JSON,
		"[{\"name\":\"a\",\"description\":\"do not touch\"},{\"name\":\"b\",\"description\":\"\"},{\"name\":\"c\",\"description\":"
		"\"0123456789012345678901234567890123456789012345678901234567890123456789\"}]"),
	    VERDICT_OK);
	assert_string_equal(w->r.machines[0].mark, "do not touch");
	assert_string_equal(w->r.machines[1].mark, "");
	assert_string_equal(w->r.machines[2].mark, "?"); /* too long to be ours, and not nothing */
}

static void sizes_are_bytes(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "available.json"), VERDICT_OK);
	assert_int_equal(w->r.offers[0].ram_gb, 224);
	assert_non_null(strstr(w->r.offers[0].spec, "\"ram_capacity\":240518168576"));
}

static void the_rate_is_the_balances(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_LIST, 200, "list.json"), VERDICT_OK);
	for (size_t i = 0; i < w->r.machine_count; i++)
		assert_true(w->r.machines[i].price_hour == 0); /* today's list price is not what an older machine costs */
	expect_verdict(world_hear_file(w, OP_BALANCE, 200, "balance.json"), VERDICT_OK);
	assert_true(w->r.balance.hourly_known && w->r.balance.hourly > 0);
}

static void stock_is_often_zero(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CREATE, 404, PLAIN, "Not Found: No available virtual machine"), VERDICT_NO_CAPACITY);
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "available.json"), VERDICT_OK);
	assert_int_equal(w->r.offers[1].available, 0);
}

static void an_empty_purse_is_never_let_happen(void **state)
{
	struct world *w = *state;

	assert_true(w->p->caps & CAP_PREPAID); /* the balance is looked at before each order */
	expect_verdict(world_hear(w, OP_CREATE, 402, PLAIN, "Payment Required: Insufficient balance"), VERDICT_LIMIT);
}

static void a_machine_that_halts_itself_bills(void **state)
{
	struct world *w = *state;

	assert_null(w->p->give_back);
	assert_true(w->p->billing.bills_stopped);
	w->cursor.step = 1;
	w->args.id = UUID;
	str_copy(op_reply_add_machine(&w->r)->id, UUID);
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, "{\"state\":\"shut off\"}"), VERDICT_OK);
	assert_int_equal(w->r.machines[0].state, MACHINE_STOPPED);
	assert_false(w->r.machines[0].over);
}

/* ---- §4.5 ---- */

static void both_forms_of_the_api_are_read(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CREATE, 200, JSON, "{\"name\":\"enc1-gpuvm007\"}"), VERDICT_OK);
	assert_string_equal(w->r.id, "enc1-gpuvm007");
	world_forget(w);
	expect_verdict(world_hear(w, OP_CREATE, 201, JSON, "{\"name\":\"enc1-gpuvm007\",\"deployment_id\":\"" UUID "\"}"), VERDICT_OK);
	assert_string_equal(w->r.id, UUID);
	world_forget(w);
	expect_verdict(world_hear(w, OP_CREATE, 428, PLAIN, "Precondition Required: no SSH key"), VERDICT_REFUSED);
	expect_verdict(world_hear(w, OP_CREATE, 403, PLAIN, "Forbidden: VM limit reached"), VERDICT_LIMIT);
	expect_verdict(world_hear(w, OP_BALANCE, 200, JSON, "{\"available_balance\":1,\"hourly_rate\":299.5}"), VERDICT_OK);
	assert_true(w->r.balance.hourly == 2995 * CENT / 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_are_recycled, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_create_can_say_no_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_clear_answer_to_a_create_is_unsure, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_401_to_a_create_is_not_the_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_description_is_anybodys_word, set_up, tear_down),
		cmocka_unit_test_setup_teardown(sizes_are_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_rate_is_the_balances, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stock_is_often_zero, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_empty_purse_is_never_let_happen, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_machine_that_halts_itself_bills, set_up, tear_down),
		cmocka_unit_test_setup_teardown(both_forms_of_the_api_are_read, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
