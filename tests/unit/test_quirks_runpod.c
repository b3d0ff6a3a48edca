/*
 * The numbered warnings of runpod.md §0 and §12, one test each; tests/contract/quirks.txt says which is which.
 */
#include "adapter_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_runpod;

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_runpod);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

#define POD "5xpma5eg46tqjq"

static struct offer offer = {
	.gpu = "H100", .gpu_count = 1, .spec = (char *)"{\"gpuId\":\"NVIDIA H200\",\"count\":1,\"cloud\":\"SECURE\"}"
};

static void give_arguments(struct world *w)
{
	static const struct storage storage = {
		.kind = STORAGE_VOLUME, .id = "2q9m7x4c", .name = "models", .region = "EU-RO-1", .size_gb = 500
	};

	w->args.storage = &storage;
	w->args.machine = POD;
	w->args.work = "";
	w->args.offer = &offer;
	w->args.mark = MARK;
	w->args.public_key = DRIVE_KEY;
	w->args.id = POD;
}

/* ---- §0 ---- */

static void the_second_rest_api_is_spoken(void **state)
{
	struct world *w = *state;

	w->account.api_url[0] = '\0';
	give_arguments(w);
	for (enum provider_op_kind op = 0; op < OP_NR; op++) {
		if (!w->p->op[op].build)
			continue;
		world_build(w, op);
		if (w->req.answered)
			continue;
		assert_true(str_starts(w->req.url, op == OP_BALANCE ? "https://api.runpod.io/graphql" : "https://api.runpod.io/v2/"));
	}
}

static void an_edge_block_is_not_a_bad_key(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CHECK, 403, "text/plain", "error code: 1010"), VERDICT_RETRY);
	expect_verdict(
	    world_hear(w, OP_CHECK, 403, PROBLEM, "{\"title\":\"Forbidden\",\"status\":403,\"detail\":\"access denied\"}"),
	    VERDICT_DENIED);
	expect_verdict(world_hear(w, OP_CREATE, 403, "text/plain", "error code: 1010"), VERDICT_UNSURE);
}

static void names_repeat(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_LIST, 200, JSON,
			   "{\"pods\":[{\"id\":\"a\",\"name\":\"" MARK "\"},{\"id\":\"b\",\"name\":\"" MARK "\"}]}"),
	    VERDICT_OK);
	assert_int_equal(w->r.machine_count, 2);
	assert_string_equal(w->r.machines[0].mark, w->r.machines[1].mark);
}

static void running_is_not_readiness(void **state)
{
	struct world *w = *state;

	w->args.id = POD;
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON,
			   "{\"id\":\"" POD "\",\"status\":\"RUNNING\",\"runtime\":null,\"ssh\":{\"direct\":null,\"proxy\":"
			   "{\"host\":\"ssh.runpod.io\",\"port\":22}}}"),
	    VERDICT_OK);
	assert_int_equal(w->r.machines[0].state, MACHINE_STARTING);
	assert_string_equal(w->r.machines[0].address, "");
}

static void no_capacity_is_a_400(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CREATE, 400, "problem-capacity.json"), VERDICT_NO_CAPACITY);
	expect_verdict(world_hear(w, OP_CREATE, 400, PROBLEM, "{\"detail\":\"request could not be processed\"}"), VERDICT_REFUSED);
}

static void what_the_api_lacks_is_not_offered(void **state)
{
	struct world *w = *state;

	assert_false(w->p->caps & CAP_SPOT);
	assert_null(w->p->op[OP_SNAPSHOT_MAKE].build);
	assert_non_null(w->p->give_back); /* nothing at RunPod ends a pod at its time: the pod does */
	w->args.spot = true;
	expect_verdict(world_answers_alone(w, OP_OFFERS), VERDICT_OK);
}

/* ---- §12 ---- */

static void a_create_may_take_a_minute(void **state)
{
	struct world *w = *state;

	give_arguments(w);
	world_build(w, OP_CREATE);
	assert_true(w->req.timeout == 0 && w->p->create_timeout == MINUTE);
}

static void the_disk_is_always_sent_in_whole_gigabytes(void **state)
{
	struct world *w = *state;
	json_t *body;

	give_arguments(w);
	for (int gb = 0; gb <= 500; gb += 250) {
		w->args.disk_gb = gb;
		world_build(w, OP_CREATE);
		body = json_read(w->req.body, strlen(w->req.body), NULL);
		assert_true(json_is_integer(json_path(body, "disk")));
		assert_int_equal(json_int(body, "disk", 0), gb ? gb : w->p->disk_gb);
		json_decref(body);
	}
}

/* The port is another one after each restart. */
static void an_address_is_read_anew_each_time(void **state)
{
	struct world *w = *state;
	char body[256];

	w->args.id = POD;
	for (int port = 35558; port < 35560; port++) {
		snprintf(body, sizeof(body),
		    "{\"id\":\"" POD "\",\"status\":\"RUNNING\",\"ssh\":{\"direct\":{\"host\":\"192.0.2.1\",\"port\":%d}}}", port);
		world_forget(w);
		expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, body), VERDICT_OK);
		assert_int_equal(w->r.machines[0].port, port);
	}
}

static void the_environment_is_never_repeated(void **state)
{
	struct world *w = *state;

	w->args.id = POD;
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON,
			   "{\"id\":\"" POD "\",\"name\":\"n\",\"status\":\"RUNNING\",\"env\":{\"HF_TOKEN\":\"hf_hush\"},\"error\":\"x\"}"),
	    VERDICT_OK);
	assert_null(memmem(&w->r, sizeof(w->r), "hf_hush", 7));
	assert_null(memmem(w->r.machines, w->r.machine_count * sizeof(*w->r.machines), "hf_hush", 7));
}

static void prices_are_rounded_once(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CREATE, 201, JSON, "{\"id\":\"p\",\"cost\":0.7200000000000001}"), VERDICT_OK);
	assert_true(w->r.price_hour == 72 * CENT);
}

static void times_have_a_fraction_or_none(void **state)
{
	struct world *w = *state;

	w->args.id = POD;
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, "{\"id\":\"" POD "\",\"createdAt\":\"2026-11-20T00:00:01Z\"}"), VERDICT_OK);
	assert_true(w->r.machines[0].created == DRIVE_START + SECOND);
	world_forget(w);
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, "{\"id\":\"" POD "\",\"createdAt\":\"2026-11-20T00:00:01.25Z\"}"), VERDICT_OK);
	assert_true(w->r.machines[0].created == DRIVE_START + SECOND + 250 * MSEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_second_rest_api_is_spoken, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_edge_block_is_not_a_bad_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_repeat, set_up, tear_down),
		cmocka_unit_test_setup_teardown(running_is_not_readiness, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_capacity_is_a_400, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_the_api_lacks_is_not_offered, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_create_may_take_a_minute, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_disk_is_always_sent_in_whole_gigabytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_address_is_read_anew_each_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_environment_is_never_repeated, set_up, tear_down),
		cmocka_unit_test_setup_teardown(prices_are_rounded_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(times_have_a_fraction_or_none, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
