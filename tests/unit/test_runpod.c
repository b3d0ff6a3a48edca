/*
 * providers/runpod*.c: answers as the fact sheet has them, hostile ones, and a whole life against the model of the cloud.
 */
#include "adapter_world.h"

#include "providers/runpod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_runpod;
extern const struct cloud_model cloud_runpod;

#define POD "5xpma5eg46tqjq"

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

/* ---- requests ---- */

static void requests_are_as_documented(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_CHECK, "GET", "/pods?includeClusterPods=true&limit=1");
	world_asks(w, OP_LIST, "GET", "/pods?includeClusterPods=true&limit=1000");
	world_asks(w, OP_BILL, "GET", "/billing/pods?bucketSize=hour");
	world_asks(w, OP_BALANCE, "POST", "/graphql");
	world_asks_with(w, "{\"query\":\"query { myself { id clientBalance currentSpendPerHr } }\"}");
	w->args.id = POD;
	world_asks(w, OP_DESCRIBE, "GET", "/pods/" POD);
	assert_null(w->req.body);
	world_asks(w, OP_DESTROY, "DELETE", "/pods/" POD);
	assert_null(w->req.body);
	w->args.mark = MARK;
	world_asks(w, OP_MARK, "PATCH", "/pods/" POD);
	world_asks_with(w, "{\"name\":\"" MARK "\"}");
	w->args.from = DRIVE_START;
	w->args.until = DRIVE_START + 90 * MINUTE;
	world_asks(w, OP_BILL, "GET",
	    "/billing/pods?bucketSize=hour&podId=" POD "&startTime=2026-11-20T00:00:00Z&endTime=2026-11-20T01:30:00Z");
	w->args.id = "../ssh-keys?x";
	world_asks(w, OP_DESTROY, "DELETE", "/pods/..%2Fssh-keys%3Fx");
}

static void graphql_stays_with_the_account(void **state)
{
	static const struct {
		const char *api, *graphql, *url;
	} rows[] = {
		{ "", "", "https://api.runpod.io/graphql" },
		{ "https://api.runpod.io/v2", "", "https://api.runpod.io/graphql" },
		{ "http://127.0.0.1:9/runpod/v2", "", "http://127.0.0.1:9/runpod/graphql" },
		{ "http://127.0.0.1:9", "", "http://127.0.0.1:9/graphql" },
		{ "https://api.runpod.io/v2", "https://g.example/q", "https://g.example/q" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		str_copy(w->account.api_url, rows[i].api);
		str_copy(w->account.graphql_url, rows[i].graphql);
		provider_runpod.op[OP_BALANCE].build(&w->args, &w->cursor, &w->req, &w->r);
		assert_string_equal(w->req.url, rows[i].url);
	}
}

static void the_key_needs_no_request(void **state)
{
	expect_verdict(world_answers_alone(*state, OP_KEY), VERDICT_OK);
}

/* ---- what every operation shares ---- */

static void errors_mean_what_the_sheet_says(void **state)
{
	static const struct {
		int status;
		const char *type, *body;
		enum verdict read, create;
	} rows[] = {
		{ 401, PROBLEM, "{\"title\":\"U\",\"status\":401,\"detail\":\"missing bearer token\"}", VERDICT_DENIED, VERDICT_DENIED },
		{ 401, "text/html", "<html>", VERDICT_RETRY, VERDICT_UNSURE },
		{ 402, PROBLEM, "{\"detail\":\"not enough credit\"}", VERDICT_LIMIT, VERDICT_LIMIT },
		{ 403, PROBLEM, "{\"detail\":\"access denied\"}", VERDICT_DENIED, VERDICT_REFUSED },
		/* The CDN's way of refusing programs without a name. */
		{ 403, "text/plain; charset=UTF-8", "error code: 1010", VERDICT_RETRY, VERDICT_UNSURE },
		{ 403, JSON, "{\"error\":\"1010\"}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 404, PROBLEM, "{\"detail\":\"template not found\"}", VERDICT_REFUSED, VERDICT_REFUSED },
		{ 404, "text/html", "<html>", VERDICT_RETRY, VERDICT_UNSURE },
		{ 408, PROBLEM, "{\"detail\":\"timeout\"}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 409, PROBLEM, "{\"detail\":\"conflict\"}", VERDICT_REFUSED, VERDICT_REFUSED },
		{ 410, JSON, "{\"error\":\"this API is gone\"}", VERDICT_REFUSED, VERDICT_REFUSED },
		{ 413, PROBLEM, "{\"detail\":\"too large\"}", VERDICT_REFUSED, VERDICT_REFUSED },
		{ 418, PROBLEM, "{\"detail\":\"teapot\"}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 422, PROBLEM, "{\"detail\":\"no\"}", VERDICT_REFUSED, VERDICT_REFUSED },
		{ 422, PROBLEM, "{\"id\":\"pod1\",\"detail\":\"no\"}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 429, PROBLEM, "{\"detail\":\"rate limit exceeded for the minute window\"}", VERDICT_RETRY, VERDICT_RETRY },
		{ 500, PROBLEM, "{\"detail\":\"Something went wrong.\"}", VERDICT_RETRY, VERDICT_UNSURE },
		{ 502, "text/html", "<html>", VERDICT_RETRY, VERDICT_UNSURE },
		{ 301, "", "", VERDICT_RETRY, VERDICT_UNSURE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_LIST, rows[i].status, rows[i].type, rows[i].body), rows[i].read);
		assert_string_not_equal(w->r.message, "");
		world_forget(w);
		expect_verdict(world_hear(w, OP_CREATE, rows[i].status, rows[i].type, rows[i].body), rows[i].create);
		assert_string_not_equal(w->r.message, "");
	}
}

static void a_422_names_the_field(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CREATE, 422, "problem-422.json"), VERDICT_REFUSED);
	assert_string_equal(w->r.message, "Request validation failed.: $: additional properties 'bogus' not allowed");
}

/* ---- check ---- */

static void the_check_needs_a_list_of_pods(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CHECK, 200, "pods.json"), VERDICT_OK);
	assert_string_not_equal(w->r.message, "");
	expect_verdict(world_hear(w, OP_CHECK, 200, JSON, "{\"pods\":{}}"), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_CHECK, 200, "text/html", "<html>welcome</html>"), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_CHECK, 401, PROBLEM, "{\"detail\":\"no\"}"), VERDICT_DENIED);
}

/* ---- offers ---- */

static const struct offer *offer_named(const struct world *w, const char *key)
{
	for (size_t i = 0; i < w->r.offer_count; i++)
		if (!strcmp(w->r.offers[i].key, key))
			return &w->r.offers[i];
	fail_msg("no offer %s", key);
	return NULL;
}

static void the_catalogue_is_asked_for_each_count(void **state)
{
	static const char *const tails[] = { "count=1&cloud=SECURE", "count=2&cloud=SECURE", "count=4&cloud=SECURE",
		"count=8&cloud=SECURE" };
	struct world *w = *state;
	char tail[128];

	for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
		snprintf(tail, sizeof(tail), "/catalog/gpus?include=AVAILABILITY&product=POD&%s", tails[i]);
		world_asks(w, OP_OFFERS, "GET", tail);
		expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), i < 3 ? VERDICT_MORE : VERDICT_OK);
	}
	/* H100 in 1, 2, 4, 8; MI300X in 1, 2, 4, 8; H100 PCIe in 1, 2, 4; the slice in 1; the NPU in 1, 2. */
	assert_int_equal(w->r.offer_count, 4 + 4 + 3 + 1 + 2);
}

static void the_community_doubles_the_questions(void **state)
{
	struct world *w = *state;

	w->account.community = true;
	w->args.gpu_count = 1;
	world_asks(w, OP_OFFERS, "GET", "/catalog/gpus?include=AVAILABILITY&product=POD&count=1&cloud=SECURE");
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), VERDICT_MORE);
	world_asks(w, OP_OFFERS, "GET", "/catalog/gpus?include=AVAILABILITY&product=POD&count=1&cloud=COMMUNITY");
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), VERDICT_OK);
	assert_true(offer_named(w, "NVIDIA GeForce RTX 4090/1/community")->marketplace);
	assert_false(offer_named(w, "NVIDIA H100 80GB HBM3/1/secure")->marketplace);
	/* A price alone does not mean that it is sold there. */
	for (size_t i = 0; i < w->r.offer_count; i++)
		assert_string_not_equal(w->r.offers[i].key, "NVIDIA H100 PCIe/1/community");
}

static void prices_are_gpus_and_disk(void **state)
{
	struct world *w = *state;
	const struct offer *o;

	w->args.gpu_count = 2;
	w->args.disk_gb = 72;
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), VERDICT_OK);
	o = offer_named(w, "AMD Instinct MI300X OAM/2/secure");
	assert_string_equal(o->gpu, "MI300X");
	assert_int_equal(o->gpu_count, 2);
	assert_int_equal(o->gpu_memory_gb, 192);
	assert_int_equal(o->disk_gb, 72);
	/* 72 GB at $0.10 per month of 720 hours is one cent an hour. */
	assert_true(o->price_hour == 398 * CENT + CENT);
	assert_int_equal(o->available, 0);
	assert_string_equal(o->spec, "{\"gpuId\":\"AMD Instinct MI300X OAM\",\"count\":2,\"cloud\":\"SECURE\"}");
	o = offer_named(w, "NVIDIA H100 80GB HBM3/2/secure");
	assert_string_equal(o->gpu, "H100");
	assert_int_equal(o->available, -1);
	assert_string_equal(o->region, "");
	/* Only one data center has it: that is where it will be. */
	o = offer_named(w, "NVIDIA H100 PCIe/2/secure/EU-RO-1");
	assert_string_equal(o->gpu, "H100 PCIe");
	assert_string_equal(o->region, "EU-RO-1");
	assert_non_null(strstr(o->spec, "\"dataCenterIds\":[\"EU-RO-1\"]"));
	/* Nothing is known about its stock: it may be tried. */
	assert_int_equal(offer_named(w, "Acme NPU 9000/2/secure")->available, -1);
}

static void a_slice_is_not_the_whole(void **state)
{
	struct world *w = *state;

	w->args.gpu_count = 1;
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), VERDICT_OK);
	assert_string_not_equal(offer_named(w, "NVIDIA H200 MIG 1g.18gb/1/secure")->gpu, "H200");
	world_forget(w);
	str_copy(w->args.gpu, "H200");
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 0);
	world_forget(w);
	str_copy(w->args.gpu, "MI300X");
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 1);
}

static void regions_pin_the_pod(void **state)
{
	struct world *w = *state;
	const struct offer *o;

	w->args.gpu_count = 1;
	w->account.region_count = 3;
	str_copy(w->account.regions[0], "eu-ro-1");
	str_copy(w->account.regions[1], "CA-MTL-1");
	str_copy(w->account.regions[2], "us-ks-2");
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "gpus.json"), VERDICT_OK);
	o = offer_named(w, "NVIDIA H100 80GB HBM3/1/secure/CA-MTL-1");
	assert_int_equal(o->available, -1);
	assert_string_equal(o->region, "CA-MTL-1");
	assert_non_null(strstr(o->spec, "\"dataCenterIds\":[\"CA-MTL-1\"]"));
	offer_named(w, "NVIDIA H100 80GB HBM3/1/secure/US-KS-2");
	/* Where none is now, it is not offered; where no region has one, it is shown as sold out. */
	assert_int_equal(offer_named(w, "AMD Instinct MI300X OAM/1/secure/EU-RO-1")->available, 0);
	assert_int_equal(offer_named(w, "NVIDIA H100 PCIe/1/secure/EU-RO-1")->available, -1);
	assert_int_equal(w->r.offer_count, 2 + 1 + 1 + 1 + 1);
}

static void there_are_no_spot_pods(void **state)
{
	struct world *w = *state;

	w->args.spot = true;
	expect_verdict(world_answers_alone(w, OP_OFFERS), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 0);
}

/* ---- create ---- */

static struct offer mi300x = { .gpu = "MI300X",
	.gpu_count = 2,
	.spec = (char *)"{\"gpuId\":\"AMD Instinct MI300X OAM\",\"count\":2,\"cloud\":\"SECURE\",\"dataCenterIds\":[\"EU-RO-1\"]}" };
static struct offer h100 = {
	.gpu = "H100", .gpu_count = 1, .spec = (char *)"{\"gpuId\":\"NVIDIA H100 80GB HBM3\",\"count\":1,\"cloud\":\"COMMUNITY\"}"
};

static void a_create_says_all_it_must(void **state)
{
	struct world *w = *state;

	w->args.mark = MARK;
	w->args.public_key = DRIVE_KEY;
	w->args.offer = &mi300x;
	w->args.disk_gb = 200;
	world_asks(w, OP_CREATE, "POST", "/pods");
	world_asks_with(w, "{\"name\":\"" MARK "\",\"image\":\"" RUNPOD_IMAGE_AMD "\","
			   "\"gpu\":{\"id\":\"AMD Instinct MI300X OAM\",\"count\":2},\"cloud\":\"SECURE\",\"dataCenterIds\":[\"EU-RO-1\"],"
			   "\"disk\":200,\"ports\":[\"22/tcp\"],\"env\":{\"PUBLIC_KEY\":\"" DRIVE_KEY "\",\"GPUFLEET_MARK\":\"" MARK "\"}}");
	w->args.offer = &h100;
	w->args.disk_gb = 0;
	world_asks(w, OP_CREATE, "POST", "/pods");
	world_asks_with(w, "{\"name\":\"" MARK "\",\"image\":\"" RUNPOD_IMAGE "\","
			   "\"gpu\":{\"id\":\"NVIDIA H100 80GB HBM3\",\"count\":1},\"cloud\":\"COMMUNITY\","
			   "\"disk\":150,\"ports\":[\"22/tcp\"],\"env\":{\"PUBLIC_KEY\":\"" DRIVE_KEY "\",\"GPUFLEET_MARK\":\"" MARK "\"}}");
}

static void other_images_get_a_start_command(void **state)
{
	struct world *w = *state;
	const char *script;
	json_t *body, *args;

	w->args.mark = MARK;
	w->args.public_key = DRIVE_KEY;
	w->args.offer = &h100;
	str_copy(w->account.image, "vllm/vllm-openai:v0.11.0");
	w->account.disk_gb = 80;
	world_asks(w, OP_CREATE, "POST", "/pods");
	body = json_read(w->req.body, strlen(w->req.body), NULL);
	assert_string_equal(json_str(body, "image", ""), "vllm/vllm-openai:v0.11.0");
	assert_int_equal(json_int(body, "disk", 0), 80);
	args = json_read(json_str(body, "args", ""), strlen(json_str(body, "args", "")), NULL);
	assert_string_equal(json_str(args, "entrypoint.0", ""), "/bin/sh");
	assert_string_equal(json_str(args, "entrypoint.1", ""), "-c");
	script = json_str(args, "cmd.0", "");
	assert_non_null(strstr(script, "authorized_keys"));
	assert_non_null(strstr(script, "sshd"));
	assert_null(strstr(script, "ssh-ed25519"));
	json_decref(args);
	json_decref(body);
	w->args.image = "runpod/base:own"; /* what was asked for wins over the account's */
	world_asks(w, OP_CREATE, "POST", "/pods");
	body = json_read(w->req.body, strlen(w->req.body), NULL);
	assert_string_equal(json_str(body, "image", ""), "runpod/base:own");
	assert_null(json_path(body, "args"));
	json_decref(body);
}

static void nothing_is_sent_without_offer_mark_and_key(void **state)
{
	struct offer bad[] = { { .spec = NULL }, { .spec = (char *)"" }, { .spec = (char *)"[]" }, { .spec = (char *)"{}" },
		{ .spec = (char *)"{\"gpuId\":\"x\",\"count\":0,\"cloud\":\"SECURE\"}" }, { .spec = (char *)"{\"gpuId\":\"x\",\"count\":1}" } };
	struct world *w = *state;

	w->args.mark = MARK;
	w->args.public_key = DRIVE_KEY;
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		w->args.offer = &bad[i];
		expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	}
	w->args.offer = &h100;
	w->args.mark = NULL;
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	w->args.mark = MARK;
	w->args.public_key = "";
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
}

static void a_create_is_sure_only_with_an_id(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CREATE, 201, "pod-new.json"), VERDICT_OK);
	assert_string_equal(w->r.id, POD);
	assert_true(w->r.price_hour == 399 * CENT); /* two GPUs and a disk of 72 GB */
	world_forget(w);
	expect_verdict(world_hear(w, OP_CREATE, 201, JSON, "{\"id\":\"p\"}"), VERDICT_OK);
	assert_true(w->r.price_hour == 0);
	world_forget(w);
	expect_verdict(world_hear(w, OP_CREATE, 201, JSON, "{}"), VERDICT_UNSURE);
	expect_verdict(world_hear(w, OP_CREATE, 201, JSON, "{\"id\":7}"), VERDICT_UNSURE);
	expect_verdict(world_hear(w, OP_CREATE, 201, "", ""), VERDICT_UNSURE);
	expect_verdict(world_hear(w, OP_CREATE, 200, "text/html", "<html>"), VERDICT_UNSURE);
	assert_string_equal(w->r.id, "");
}

static void a_400_is_told_apart_by_its_sentence(void **state)
{
	static const struct {
		const char *detail;
		enum verdict v;
	} rows[] = {
		{ "There are no longer any instances available with the request specifications. Please try again later.", VERDICT_NO_CAPACITY },
		{ "There are no instances currently available", VERDICT_NO_CAPACITY },
		{ "There are not enough free GPUs on the host machine to start this pod.", VERDICT_NO_CAPACITY },
		{ "This machine DOES NOT HAVE THE RESOURCES to deploy your pod. Please try a different machine", VERDICT_NO_CAPACITY },
		{ "Sold out.", VERDICT_NO_CAPACITY },
		{ "Something went wrong: check the template id or pod configuration parameters.", VERDICT_REFUSED },
		{ "exactly one of gpu and cpu must be given", VERDICT_REFUSED },
		{ "gpu type 'x' was not found", VERDICT_REFUSED },
		{ "Your balance is too low", VERDICT_LIMIT },
		{ "This exceeds your spend limit", VERDICT_LIMIT },
	};
	struct world *w = *state;
	char body[256];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		snprintf(body, sizeof(body), "{\"title\":\"Bad Request\",\"status\":400,\"detail\":\"%s\"}", rows[i].detail);
		expect_verdict(world_hear(w, OP_CREATE, 400, PROBLEM, body), rows[i].v);
		assert_string_equal(w->r.message, rows[i].detail);
		snprintf(body, sizeof(body), "{\"error\":\"%s\"}", rows[i].detail);
		expect_verdict(world_hear(w, OP_CREATE, 400, JSON, body), rows[i].v);
		/* The words count for a 400 only. */
		expect_verdict(world_hear(w, OP_CREATE, 422, JSON, body), VERDICT_REFUSED);
		expect_verdict(world_hear(w, OP_CREATE, 500, JSON, body), VERDICT_UNSURE);
	}
	expect_verdict(world_hear_file(w, OP_CREATE, 400, "problem-capacity.json"), VERDICT_NO_CAPACITY);
}

/* ---- describe and list ---- */

static void a_pod_runs_when_ssh_has_an_address(void **state)
{
	struct world *w = *state;
	const struct machine *m;

	w->args.id = POD;
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "pod-new.json"), VERDICT_OK);
	assert_int_equal(w->r.machines[0].state, MACHINE_STARTING);
	assert_string_equal(w->r.machines[0].address, "");
	assert_int_equal(w->r.machines[0].port, 0);
	world_forget(w);
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "pod.json"), VERDICT_OK);
	m = &w->r.machines[0];
	assert_string_equal(m->id, POD);
	assert_string_equal(m->mark, MARK);
	assert_int_equal(m->state, MACHINE_RUNNING);
	assert_string_equal(m->address, "203.0.113.74");
	assert_int_equal(m->port, 35558);
	assert_string_equal(m->user, "root");
	assert_string_equal(m->gpu, "MI300X");
	assert_int_equal(m->gpu_count, 2);
	assert_true(m->price_hour == 399 * CENT);
	assert_true(m->created == DRIVE_START + 6 * HOUR + 16 * MINUTE + 19436 * MSEC);
}

static void the_account_may_say_port_and_user(void **state)
{
	struct world *w = *state;

	w->args.id = POD;
	w->account.ssh_port = 2222;
	str_copy(w->account.user, "bench");
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "pod.json"), VERDICT_OK);
	assert_int_equal(w->r.machines[0].port, 2222);
	assert_string_equal(w->r.machines[0].user, "");
	world_forget(w);
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "pod-new.json"), VERDICT_OK);
	assert_int_equal(w->r.machines[0].port, 0);
}

static void another_pod_is_no_answer(void **state)
{
	struct world *w = *state;

	w->args.id = "another";
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "pod.json"), VERDICT_RETRY);
	assert_int_equal(w->r.machine_count, 0);
}

static void absence_is_the_apis_word(void **state)
{
	static const enum provider_op_kind ops[] = { OP_DESCRIBE, OP_MARK, OP_DESTROY };
	struct world *w = *state;

	w->args.id = POD;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		expect_verdict(world_hear(w, ops[i], 404, PROBLEM, "{\"detail\":\"resource not found\"}"), VERDICT_ABSENT);
		expect_verdict(world_hear(w, ops[i], 404, JSON, "{\"error\":\"pod not found to terminate\"}"), VERDICT_ABSENT);
		expect_verdict(world_hear(w, ops[i], 404, "text/html", "<html>not found</html>"), VERDICT_RETRY);
		expect_verdict(world_hear(w, ops[i], 404, "", ""), VERDICT_RETRY);
		expect_verdict(world_hear(w, ops[i], 401, PROBLEM, "{\"detail\":\"bad key\"}"), VERDICT_DENIED);
		expect_verdict(world_hear(w, ops[i], 403, "text/plain", "error code: 1010"), VERDICT_RETRY);
		expect_verdict(world_hear(w, ops[i], 500, PROBLEM, "{\"detail\":\"oops\"}"), VERDICT_RETRY);
	}
	expect_verdict(world_hear(w, OP_DESTROY, 204, "", ""), VERDICT_OK);
	expect_verdict(world_hear_file(w, OP_MARK, 200, "pod.json"), VERDICT_OK);
	w->r.retry_after = 0;
	expect_verdict(world_hear(w, OP_DESTROY, 409, PROBLEM, "{\"detail\":\"busy\"}"), VERDICT_RETRY);
	assert_true(w->r.retry_after == 30 * SECOND);
	/* A terminated pod that is still readable. */
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON, "{\"id\":\"" POD "\",\"status\":\"TERMINATED\"}"), VERDICT_OK);
	assert_int_equal(w->r.machines[0].state, MACHINE_ENDED);
}

static void the_list_shows_everybodys_pods(void **state)
{
	static const struct {
		const char *id, *mark;
		enum machine_state state;
	} rows[] = {
		{ POD, MARK, MACHINE_RUNNING },
		{ "aaaaaaaaaaaaaa", "somebody's work", MACHINE_STOPPED },
		{ "bbbbbbbbbbbbbb", "gf1-look-alike", MACHINE_STOPPED },
		{ "cccccccccccccc", "node0", MACHINE_RUNNING },
		{ "dddddddddddddd", "cpu", MACHINE_STARTING },
		{ "eeeeeeeeeeeeee", "odd", MACHINE_UNKNOWN },
		{ "ffffffffffffff", "dead", MACHINE_ENDED },
	};
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_LIST, 200, "pods.json"), VERDICT_OK);
	assert_int_equal(w->r.machine_count, ARRAY_LEN(rows));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(w->r.machines[i].id, rows[i].id);
		assert_string_equal(w->r.machines[i].mark, rows[i].mark);
		assert_int_equal(w->r.machines[i].state, rows[i].state);
	}
	/* The cost that a stopped pod still shows is not believed. */
	assert_true(w->r.machines[1].price_hour == 0);
	assert_string_equal(w->r.machines[2].gpu, "H100");
	assert_non_null(strstr(w->r.machines[3].note, "cluster"));
	assert_int_equal(w->r.machines[4].gpu_count, 0);
	assert_string_equal(w->r.machines[5].note, "MIGRATING\\x1b[2J");
}

static void pages_are_followed_to_the_end(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_LIST, 200, "pods-page1.json"), VERDICT_MORE);
	world_asks(w, OP_LIST, "GET", "/pods?includeClusterPods=true&limit=1000&cursor=eyJ%2F%2B%3D%20n");
	expect_verdict(world_hear_file(w, OP_LIST, 200, "pods-page2.json"), VERDICT_OK);
	assert_int_equal(w->r.machine_count, 3);
	world_forget(w);
	expect_verdict(world_hear_file(w, OP_LIST, 200, "pods-page1.json"), VERDICT_MORE);
	expect_verdict(world_hear_file(w, OP_LIST, 200, "pods-page1.json"), VERDICT_RETRY); /* the same cursor again */
	world_forget(w);
	expect_verdict(world_hear_file(w, OP_LIST, 200, "pods-page1.json"), VERDICT_MORE);
	expect_verdict(world_hear(w, OP_LIST, 422, PROBLEM, "{\"detail\":\"bad cursor\"}"), VERDICT_REFUSED);
}

static void a_list_is_whole_or_none(void **state)
{
	static const char *const bodies[] = { "{}", "{\"pods\":null}", "{\"pods\":[{\"id\":\"a\"},null]}", "{\"pods\":[{\"id\":\"a\"},{\"id\":\"\"}]}",
		"{\"pods\":[{\"id\":\"a\"}],\"pagination\":{\"hasNextPage\":true}}",
		"{\"pods\":[{\"id\":\"a\"}],\"pagination\":{\"hasNextPage\":1,\"nextCursor\":\"x\"}}" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_LIST, 200, JSON, bodies[i]), VERDICT_RETRY);
	}
	world_forget(w);
	expect_verdict(world_hear(w, OP_LIST, 200, JSON, "{\"pods\":[],\"pagination\":{\"hasNextPage\":false}}"), VERDICT_OK);
	expect_verdict(world_hear(w, OP_LIST, 200, JSON, "{\"pods\":[],\"pagination\":null}"), VERDICT_OK);
}

/* ---- money ---- */

static void the_balance_comes_from_graphql(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_BALANCE, 200, "balance.json"), VERDICT_OK);
	assert_true(w->r.balance.known && w->r.balance.available == 4127 * CENT);
	assert_true(w->r.balance.hourly_known && w->r.balance.hourly == 72 * CENT);
	assert_int_equal(w->r.balance.machines, -1);
	assert_string_equal(w->r.account_id, "user_2abcXYZ");
	world_forget(w);
	expect_verdict(world_hear(w, OP_BALANCE, 200, JSON, "{\"data\":{\"myself\":{\"clientBalance\":-3.5}}}"), VERDICT_OK);
	assert_true(w->r.balance.known && w->r.balance.available == 0);
	assert_false(w->r.balance.hourly_known);
	world_forget(w);
	expect_verdict(
	    world_hear(w, OP_BALANCE, 200, JSON, "{\"errors\":[{\"message\":\"not\\u001b authorised\"}],\"data\":null}"), VERDICT_RETRY);
	assert_non_null(strstr(w->r.message, "not\\x1b authorised"));
	assert_false(w->r.balance.known);
	expect_verdict(world_hear(w, OP_BALANCE, 200, JSON,
			   "{\"errors\":[{\"message\":\"partly\"}],\"data\":{\"myself\":{\"clientBalance\":9}}}"),
	    VERDICT_RETRY);
	assert_false(w->r.balance.known);
	expect_verdict(world_hear(w, OP_BALANCE, 410, JSON, "{\"error\":\"GraphQL is gone\"}"), VERDICT_REFUSED);
}

static void charges_are_per_hour_and_pod(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_BILL, 200, "billing.json"), VERDICT_OK);
	assert_int_equal(w->r.bill_count, 3);
	assert_string_equal(w->r.bills[0].id, POD);
	assert_true(w->r.bills[0].amount == 399 * CENT);
	assert_true(w->r.bills[0].from == DRIVE_START && w->r.bills[0].until == DRIVE_START + HOUR);
	assert_true(w->r.bills[2].amount == -50 * CENT);
	world_forget(w);
	w->args.id = POD; /* a server that ignores the filter */
	expect_verdict(world_hear_file(w, OP_BILL, 200, "billing.json"), VERDICT_OK);
	assert_int_equal(w->r.bill_count, 2);
	world_forget(w);
	expect_verdict(world_hear(w, OP_BILL, 200, JSON, "{\"records\":[],\"metadata\":{\"recordCount\":1}}"), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_BILL, 200, JSON, "{\"records\":[{\"podId\":\"p\"}]}"), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_BILL, 200, JSON, "{\"records\":[]}"), VERDICT_OK);
}

/* ---- answers nobody should believe ---- */

static void hostile_answers_are_survived(void **state)
{
	struct world *w = *state;

	world_hears_hostile_answers(w);
	w->account.community = true;
	w->account.region_count = 1;
	str_copy(w->account.regions[0], "EU-RO-1");
	world_hears_hostile_answers(w);
}

static void cut_answers_are_never_facts(void **state)
{
	struct world *w = *state;

	w->args.id = POD;
	world_hears_cut_answers(w, OP_CHECK, 200, "pods.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_OFFERS, 200, "gpus.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_CREATE, 201, "pod-new.json", VERDICT_UNSURE);
	world_hears_cut_answers(w, OP_CREATE, 422, "problem-422.json", VERDICT_UNSURE);
	world_hears_cut_answers(w, OP_CREATE, 400, "problem-capacity.json", VERDICT_UNSURE);
	world_hears_cut_answers(w, OP_DESCRIBE, 200, "pod.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_LIST, 200, "pods-page1.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_BALANCE, 200, "balance.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_BILL, 200, "billing.json", VERDICT_RETRY);
}

static void mutated_answers_are_survived(void **state)
{
	struct world *w = *state;

	w->args.id = POD;
	world_hears_mutations(w, OP_OFFERS, 200, "gpus.json");
	world_hears_mutations(w, OP_CREATE, 201, "pod-new.json");
	world_hears_mutations(w, OP_CREATE, 400, "problem-capacity.json");
	world_hears_mutations(w, OP_DESCRIBE, 200, "pod.json");
	world_hears_mutations(w, OP_LIST, 200, "pods.json");
	world_hears_mutations(w, OP_LIST, 200, "pods-page1.json");
	world_hears_mutations(w, OP_BALANCE, 200, "balance.json");
	world_hears_mutations(w, OP_BILL, 200, "billing.json");
}

/* ---- against the model of the cloud ---- */

static void a_whole_life(void **state)
{
	struct op_args args = { .mark = MARK, .public_key = DRIVE_KEY };
	struct life l;
	struct op_reply *r;
	struct offer o;
	char id[ID_MAX];
	money before, billed = 0;

	(void)state;
	life_begins(&l, &provider_runpod, &cloud_runpod, "/v2");
	expect_verdict(perform(&l, OP_CHECK, &args)->verdict, VERDICT_OK);
	before = perform(&l, OP_BALANCE, &args)->balance.available;
	assert_true(before > 0);
	o = life_offer(&l, "H100", 2);
	args.offer = &o;
	r = perform(&l, OP_CREATE, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	str_copy(id, r->id);
	assert_true(r->price_hour == o.price_hour);
	args.id = id;
	drive_pass(&l.d, 5 * MINUTE);
	r = perform(&l, OP_LIST, &args);
	assert_int_equal(r->machine_count, 1);
	assert_string_equal(r->machines[0].id, id);
	assert_string_equal(r->machines[0].mark, MARK);
	assert_true(r->machines[0].price_hour == o.price_hour);
	r = perform(&l, OP_DESCRIBE, &args);
	assert_int_equal(r->machines[0].state, MACHINE_RUNNING);
	assert_string_not_equal(r->machines[0].address, "");
	assert_string_equal(r->machines[0].gpu, "H100");
	assert_int_equal(r->machines[0].gpu_count, 2);
	args.mark = MARK "2";
	expect_verdict(perform(&l, OP_MARK, &args)->verdict, VERDICT_OK);
	assert_string_equal(perform(&l, OP_DESCRIBE, &args)->machines[0].mark, MARK "2");
	drive_pass(&l.d, HOUR - 5 * MINUTE);

	expect_verdict(perform(&l, OP_DESTROY, &args)->verdict, VERDICT_OK);
	drive_pass(&l.d, 3 * HOUR);
	expect_verdict(perform(&l, OP_DESTROY, &args)->verdict, VERDICT_ABSENT);
	expect_verdict(perform(&l, OP_DESCRIBE, &args)->verdict, VERDICT_ABSENT);
	assert_int_equal(perform(&l, OP_LIST, &args)->machine_count, 0);
	r = perform(&l, OP_BILL, &args);
	expect_verdict(r->verdict, VERDICT_OK);
	for (size_t i = 0; i < r->bill_count; i++)
		billed += r->bills[i].amount;
	/* An hour and the time that calls took, at the price that was offered, whose disk part was rounded up to a micro-dollar. */
	assert_true(billed >= o.price_hour - 1 && billed < o.price_hour * 103 / 100);
	assert_true(before - perform(&l, OP_BALANCE, &args)->balance.available >= o.price_hour * 99 / 100);
	free(o.spec);
	life_ends(&l);
}

static void many_pods_come_in_pages(void **state)
{
	struct op_args args = { .public_key = DRIVE_KEY };
	struct life l;
	struct offer o;
	char mark[ID_MAX];

	(void)state;
	life_begins(&l, &provider_runpod, &cloud_runpod, "/v2");
	l.account.rate_factor = 1000;
	l.d.cloud->options.timing.pace = 0;
	o = life_offer(&l, "RTX 4090", 1);
	args.offer = &o;
	for (int i = 0; i < 30; i++) {
		snprintf(mark, sizeof(mark), "%s%d", MARK, i);
		args.mark = mark;
		expect_verdict(perform(&l, OP_CREATE, &args)->verdict, VERDICT_OK);
	}
	drive_pass(&l.d, 5 * MINUTE);
	assert_int_equal(perform(&l, OP_LIST, &args)->machine_count, 30);
	assert_int_equal(call_requests_sent(l.c), 2);
	drive_fault(&l.d, "no_paging");
	assert_int_equal(perform(&l, OP_LIST, &args)->machine_count, 30);
	assert_int_equal(call_requests_sent(l.c), 1);
	free(o.spec);
	life_ends(&l);
}

static void troubles_of_the_model_are_understood(void **state)
{
	static const struct trouble rows[] = {
		{ "create_no_capacity", OP_CREATE, VERDICT_NO_CAPACITY },
		{ "create_no_money", OP_CREATE, VERDICT_LIMIT },
		{ "create_quota", OP_CREATE, VERDICT_LIMIT },
		{ "create_denied", OP_CREATE, VERDICT_REFUSED },
		{ "create_500_before", OP_CREATE, VERDICT_UNSURE },
		{ "create_500_after", OP_CREATE, VERDICT_UNSURE },
		{ "create_cut_before", OP_CREATE, VERDICT_UNSURE },
		{ "create_cut_after", OP_CREATE, VERDICT_UNSURE },
		{ "create_truncated", OP_CREATE, VERDICT_UNSURE },
		{ "create_no_id", OP_CREATE, VERDICT_UNSURE },
		{ "create_twice", OP_CREATE, VERDICT_OK },
		{ "rate_limit", OP_CREATE, VERDICT_RETRY },
		{ "cdn_502", OP_CREATE, VERDICT_UNSURE },
		{ "redirect", OP_CREATE, VERDICT_UNSURE },
		{ "auth_revoked", OP_CREATE, VERDICT_DENIED },
		{ "auth_revoked", OP_LIST, VERDICT_DENIED },
		{ "auth_revoked", OP_DESTROY, VERDICT_DENIED },
		{ "rate_limit=1", OP_LIST, VERDICT_OK },
		{ "list_500=1", OP_LIST, VERDICT_OK },
		{ "list_loop", OP_LIST, VERDICT_RETRY },
		{ "list_repeats", OP_LIST, VERDICT_OK },
		{ "garbage_body=1", OP_LIST, VERDICT_OK },
		{ "cut_body=1", OP_LIST, VERDICT_OK },
		{ "truncate_body=1", OP_LIST, VERDICT_OK },
		{ "cdn_502=1", OP_LIST, VERDICT_OK },
		{ "redirect", OP_LIST, VERDICT_RETRY },
		{ "state_unknown", OP_DESCRIBE, VERDICT_OK },
		{ "delete_500", OP_DESTROY, VERDICT_RETRY },
		{ "delete_busy", OP_DESTROY, VERDICT_RETRY },
		{ "delete_404", OP_DESTROY, VERDICT_ABSENT },
		{ "delete_ignored", OP_DESTROY, VERDICT_OK },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (int legacy = 0; legacy < 2; legacy++) {
			struct life l;

			if (legacy && !strcmp(rows[i].fault, "create_denied"))
				continue; /* a 403 that is not a problem document is the CDN's */
			life_begins(&l, &provider_runpod, &cloud_runpod, "/v2");
			if (legacy)
				drive_fault(&l.d, "legacy_errors");
			life_has_trouble(&l, &rows[i], "H100");
			life_ends(&l);
		}
	}
}

static void the_cdn_turns_away_programs_without_a_name(void **state)
{
	struct op_args args = { .mark = MARK };
	struct life l;

	(void)state;
	life_begins(&l, &provider_runpod, &cloud_runpod, "/v2");
	l.d.agent = NULL;
	expect_verdict(perform(&l, OP_CHECK, &args)->verdict, VERDICT_RETRY);
	life_ends(&l);
}

static void the_table_is_complete(void **state)
{
	int64_t per_hour = 0;

	(void)state;
	for (enum provider_op_kind op = 0; op < OP_NR; op++) {
		/* The key travels with each pod (§7), so there is none to take away; volumes are mounted at create, and there are no snapshots (§11). */
		assert_int_equal(provider_runpod.op[op].build && provider_runpod.op[op].read,
		    op != OP_KEY_DROP && (op < OP_VOLUME_ATTACH || op == OP_STORAGE_BILL));
		if (op != OP_BALANCE && provider_runpod.rate[op].every)
			per_hour += HOUR / provider_runpod.rate[op].every;
	}
	assert_true(per_hour <= 3000); /* the published hour, for all together */
	assert_ptr_equal(provider_find("runpod"), &provider_runpod);
}

/* §4.3: what the container said when it booted; not the system, and not what came later. */
static void a_log_tells_the_host_keys(void **state)
{
	struct world *w = *state;
	char *log = world_fixture(w, "logs.sse");

	w->args.id = "pod1";
	world_asks(w, OP_LOG, "GET", "/pods/pod1/logs?source=container&tail=5000");
	assert_true(w->req.open);
	expect_verdict(world_hear(w, OP_LOG, 200, "text/event-stream", log), VERDICT_OK);
	assert_string_equal(w->r.host_keys, "SHA256:HmIxk+UMm5oEShasvw/pCI7ZGycMhfY4sDzhs9kAZWI\n");
	world_forget(w);
	/* Cut inside the line that matters. */
	*strstr(log, "pCI7ZGy") = '\0';
	expect_verdict(world_hear(w, OP_LOG, 200, "text/event-stream", log), VERDICT_OK);
	assert_string_equal(w->r.host_keys, "");
	assert_string_equal(w->r.log, "Pod Started\nSSH host keys:\nKey: /etc/ssh/ssh_host_ed25519_key.pub\n");
	expect_verdict(world_hear(w, OP_LOG, 200, "text/event-stream", ""), VERDICT_OK);
	assert_string_equal(w->r.host_keys, "");
	expect_verdict(world_hear(w, OP_LOG, 404, PROBLEM, "{\"title\":\"Not Found\",\"status\":404,\"detail\":\"pod not found\"}"),
	    VERDICT_ABSENT);
	free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_log_tells_the_host_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(requests_are_as_documented, set_up, tear_down),
		cmocka_unit_test_setup_teardown(graphql_stays_with_the_account, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_key_needs_no_request, set_up, tear_down),
		cmocka_unit_test_setup_teardown(errors_mean_what_the_sheet_says, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_422_names_the_field, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_check_needs_a_list_of_pods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_catalogue_is_asked_for_each_count, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_community_doubles_the_questions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(prices_are_gpus_and_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_slice_is_not_the_whole, set_up, tear_down),
		cmocka_unit_test_setup_teardown(regions_pin_the_pod, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_are_no_spot_pods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_create_says_all_it_must, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_images_get_a_start_command, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_sent_without_offer_mark_and_key, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_create_is_sure_only_with_an_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_400_is_told_apart_by_its_sentence, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pod_runs_when_ssh_has_an_address, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_account_may_say_port_and_user, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_pod_is_no_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(absence_is_the_apis_word, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_list_shows_everybodys_pods, set_up, tear_down),
		cmocka_unit_test_setup_teardown(pages_are_followed_to_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_list_is_whole_or_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_balance_comes_from_graphql, set_up, tear_down),
		cmocka_unit_test_setup_teardown(charges_are_per_hour_and_pod, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile_answers_are_survived, set_up, tear_down),
		cmocka_unit_test_setup_teardown(cut_answers_are_never_facts, set_up, tear_down),
		cmocka_unit_test_setup_teardown(mutated_answers_are_survived, set_up, tear_down),
		cmocka_unit_test(a_whole_life),
		cmocka_unit_test(many_pods_come_in_pages),
		cmocka_unit_test(troubles_of_the_model_are_understood),
		cmocka_unit_test(the_cdn_turns_away_programs_without_a_name),
		cmocka_unit_test(the_table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
