/*
 * The four traps of vastai.md and the other quirks of its §4, one test each; tests/contract/quirks.txt says which is which.
 */
#include "adapter_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_vastai;

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_vastai);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

#define AUTH "{\"success\":false,\"error\":\"auth_error\",\"msg\":\"Invalid user key\"}"

/* ---- the four traps ---- */

static void the_old_list_is_never_asked_for(void **state)
{
	struct world *w = *state;

	world_build(w, OP_LIST);
	assert_non_null(strstr(w->req.url, "/api/v1/instances/?"));
	expect_verdict(world_hear_file(w, OP_LIST, 410, "error-deprecated.json"), VERDICT_RETRY); /* never an empty list */
}

static void a_bad_key_may_answer_404(void **state)
{
	static const struct storage storage = { .kind = STORAGE_VOLUME, .id = "1", .name = "models", .host = "88888", .size_gb = 500 };
	struct world *w = *state;

	w->args.id = "1";
	w->args.public_key = DRIVE_KEY;
	w->args.storage = &storage;
	w->args.machine = "1";
	w->args.work = "";
	for (enum provider_op_kind op = 0; op < OP_NR; op++) {
		world_forget(w);
		if (w->p->op[op].read)
			expect_verdict(world_hear(w, op, 404, JSON, AUTH), VERDICT_DENIED);
	}
}

static void a_failed_create_may_leave_a_contract(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CREATE, 400, "create-failed-with-contract.json"), VERDICT_OK);
	assert_string_equal(w->r.id, "12345679");
	assert_true(w->r.destroy_now);
}

static void a_search_shows_64_rows(void **state)
{
	struct buf b = BUF(65536);
	struct world *w = *state;

	str_copy(w->args.gpu, "RTX 4090");
	for (int rows = 63; rows <= 64; rows++) {
		world_forget(w);
		buf_reset(&b);
		buf_puts(&b, "{\"offers\":[");
		for (int i = 0; i < rows; i++)
			buf_printf(&b,
			    "%s{\"id\":%d,\"gpu_name\":\"RTX 4090\",\"num_gpus\":1,\"dph_total\":%d,\"disk_space\":500,\"reliability\":0.99}",
			    i ? "," : "", i + 1, i + 1);
		buf_puts(&b, "]}");
		expect_verdict(world_hear(w, OP_OFFERS, 200, JSON, buf_str(&b)), rows < 64 ? VERDICT_OK : VERDICT_MORE);
	}
	world_build(w, OP_OFFERS);
	assert_non_null(strstr(w->req.body, "\"dph_total\":{\"gte\":63.999")); /* goes on where the page ended */
	buf_free(&b);
}

/* ---- §4, other quirks ---- */

static void an_unset_label_is_null(void **state)
{
	struct world *w = *state;

	w->args.id = "5";
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, "{\"instances\":{\"id\":5,\"label\":null}}"), VERDICT_OK);
	assert_string_equal(w->r.machines[0].mark, "");
	world_forget(w);
	expect_verdict(world_hear(w, OP_LIST, 200, JSON, "{\"instances\":[],\"label_counts\":{\"\":0},\"total_instances\":0}"), VERDICT_OK);
	assert_int_equal(w->r.machine_count, 0);
}

/* A filter of the wrong type finds nothing and says nothing. */
static void filters_have_their_types(void **state)
{
	static const char *const numbers[] = { "num_gpus.eq", "reliability.gte", "direct_port_count.gte", "inet_down.gte",
		"disk_space.gte", "duration.gte", "allocated_storage", "limit" };
	static const char *const flags[] = { "verified.eq", "rentable.eq", "rented.eq" };
	struct world *w = *state;
	json_t *body;

	w->args.gpu_count = 8;
	str_copy(w->args.gpu, "H100");
	world_build(w, OP_OFFERS);
	body = json_read(w->req.body, strlen(w->req.body), NULL);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		assert_true(json_is_number(json_path(body, numbers[i])));
	for (size_t i = 0; i < ARRAY_LEN(flags); i++)
		assert_true(json_is_boolean(json_path(body, flags[i])));
	assert_true(json_is_array(json_path(body, "gpu_name.in")));
	json_decref(body);
}

static void an_offer_names_its_host(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "offers.json"), VERDICT_MORE);
	assert_non_null(strstr(w->r.offers[0].key, "/host-88888"));
}

static void verified_alone_is_weak(void **state)
{
	static const char *const weak[] = { "\"reliability\":0.9", "\"reliability\":0.99,\"inet_down\":50",
		"\"reliability\":0.99,\"duration\":3600" };
	struct world *w = *state;
	char body[256];

	str_copy(w->args.gpu, "H200");
	for (size_t i = 0; i < ARRAY_LEN(weak); i++) {
		snprintf(body, sizeof(body),
		    "{\"offers\":[{\"id\":1,\"verified\":true,\"verification\":\"verified\",\"gpu_name\":\"H200\",\"num_gpus\":1,\"dph_total\":2,"
		    "\"disk_space\":500,%s}]}",
		    weak[i]);
		world_forget(w);
		expect_verdict(world_hear(w, OP_OFFERS, 200, JSON, body), VERDICT_OK);
		assert_int_equal(w->r.offer_count, 0);
	}
}

static void the_hosts_owner_sees_everything(void **state)
{
	struct offer o = { .gpu = "H200", .spec = (char *)"{\"ask\":7,\"disk\":60,\"arch\":\"nvidia\"}" };
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "offers.json"), VERDICT_MORE);
	for (size_t i = 0; i < w->r.offer_count; i++)
		assert_true(w->r.offers[i].marketplace);
	w->args.offer = &o;
	w->args.mark = MARK;
	world_build(w, OP_CREATE);
	assert_null(strstr(w->req.body, WORLD_TOKEN));
	assert_null(strstr(w->req.body, "\"env\""));
	assert_string_equal(w->p->own_key, "CONTAINER_API_KEY"); /* which can do nothing but end this one instance */
}

static void times_are_float_seconds(void **state)
{
	struct world *w = *state;

	w->args.id = "5";
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, "{\"instances\":{\"id\":5,\"start_date\":1795132800.25}}"), VERDICT_OK);
	assert_true(w->r.machines[0].created == DRIVE_START + 250 * MSEC);
}

static void a_slice_has_its_share_of_the_host(void **state)
{
	struct world *w = *state;

	str_copy(w->args.gpu, "H200");
	expect_verdict(
	    world_hear(w, OP_OFFERS, 200, JSON,
		"{\"offers\":[{\"id\":1,\"gpu_name\":\"H200\",\"num_gpus\":1,\"dph_total\":2,\"disk_space\":500,\"reliability\":0.99,"
		"\"gpu_frac\":0.125,\"cpu_ram\":512000,\"cpu_cores\":64,\"cpu_cores_effective\":8.0}]}"),
	    VERDICT_OK);
	assert_int_equal(w->r.offers[0].cpus, 8);
	assert_int_equal(w->r.offers[0].ram_gb, 64);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_old_list_is_never_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_bad_key_may_answer_404, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failed_create_may_leave_a_contract, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_search_shows_64_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unset_label_is_null, set_up, tear_down),
		cmocka_unit_test_setup_teardown(filters_have_their_types, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_offer_names_its_host, set_up, tear_down),
		cmocka_unit_test_setup_teardown(verified_alone_is_weak, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_hosts_owner_sees_everything, set_up, tear_down),
		cmocka_unit_test_setup_teardown(times_are_float_seconds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_slice_has_its_share_of_the_host, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
