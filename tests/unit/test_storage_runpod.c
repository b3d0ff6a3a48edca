/* Network volumes at RunPod, against the sheet's examples (providers/runpod.md §1, §8, §11). */
#include "adapter_world.h"

#include "providers/runpod.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define PROBLEM_OF(status, text) "{\"title\":\"x\",\"status\":" #status ",\"detail\":\"" text "\"}"

extern const struct provider provider_runpod;

static struct storage volume;

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_runpod);
	volume = (struct storage){ .kind = STORAGE_VOLUME, .id = "2q9m7x4c", .name = "models", .region = "EU-RO-1", .size_gb = 500 };
	w->args.storage = &volume;
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

static void the_list_is_everybodys_volumes(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_STORAGE, "GET", "/network-volumes?limit=1000");
	expect_verdict(world_hear_file(w, OP_STORAGE, 200, "volumes.json"), VERDICT_OK);
	assert_int_equal(w->r.storage_count, 2);
	assert_int_equal(w->r.storages[0].kind, STORAGE_VOLUME);
	assert_int_equal(w->r.storages[0].state, STORAGE_READY);
	assert_string_equal(w->r.storages[0].id, "2q9m7x4c");
	assert_string_equal(w->r.storages[0].name, "models");
	assert_string_equal(w->r.storages[0].region, "EU-RO-1");
	assert_int_equal(w->r.storages[0].size_gb, 500);
	assert_string_equal(w->r.storages[0].machine, ""); /* not said */
	assert_string_equal(w->r.storages[1].name, MARK);
}

static void the_list_is_whole_or_none(void **state)
{
	static const char *const bodies[] = { "{}", "{\"networkVolumes\":[{\"name\":\"x\"}]}", "{\"networkVolumes\":[{\"id\":\"a/b\"}]}",
		"{\"networkVolumes\":[],\"pagination\":{\"hasNextPage\":true}}" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_STORAGE, 200, JSON, bodies[i]), VERDICT_RETRY);
	}
	world_forget(w);
	expect_verdict(world_hear(w, OP_STORAGE, 200, JSON, "{\"networkVolumes\":[],\"pagination\":{\"hasNextPage\":true,\"nextCursor\":\"c 2\"}}"),
	    VERDICT_MORE);
	world_asks(w, OP_STORAGE, "GET", "/network-volumes?limit=1000&cursor=c%202");
}

static void a_volume_is_asked_for_in_the_tier_whose_price_is_known(void **state)
{
	struct world *w = *state;

	str_copy(volume.region, "eu-ro-1");
	world_asks(w, OP_VOLUME_MAKE, "POST", "/network-volumes");
	world_asks_with(w, "{\"name\":\"models\",\"size\":500,\"dataCenter\":\"EU-RO-1\",\"type\":\"STANDARD\"}");
	expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 201, "volume-new.json"), VERDICT_OK);
	assert_string_equal(w->r.id, "2q9m7x4c");
}

static void answers_to_what_makes_a_volume(void **state)
{
	static const struct {
		int status;
		const char *type, *body;
		enum verdict v;
	} rows[] = {
		{ 201, JSON, "{}", VERDICT_UNSURE },
		{ 201, JSON, "", VERDICT_UNSURE },
		{ 400, PROBLEM, PROBLEM_OF(400, "data center is out of capacity"), VERDICT_NO_CAPACITY },
		{ 400, PROBLEM, PROBLEM_OF(400, "insufficient balance"), VERDICT_LIMIT },
		{ 400, PROBLEM, PROBLEM_OF(400, "unknown data center"), VERDICT_REFUSED },
		{ 401, PROBLEM, PROBLEM_OF(401, "missing bearer token"), VERDICT_DENIED },
		{ 402, PROBLEM, PROBLEM_OF(402, "not enough credit"), VERDICT_LIMIT },
		{ 403, "text/html", "<html>error code: 1010", VERDICT_UNSURE },
		{ 422, PROBLEM, PROBLEM_OF(422, "size"), VERDICT_REFUSED },
		{ 429, PROBLEM, PROBLEM_OF(429, "rate limit exceeded"), VERDICT_RETRY },
		{ 500, PROBLEM, PROBLEM_OF(500, "oops"), VERDICT_UNSURE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_VOLUME_MAKE, rows[i].status, rows[i].type, rows[i].body), rows[i].v);
		assert_string_not_equal(w->r.message, "");
	}
}

static void what_cannot_be_a_volume_is_not_asked_for(void **state)
{
	struct world *w = *state;

	volume.size_gb = 9;
	expect_verdict(world_answers_alone(w, OP_VOLUME_MAKE), VERDICT_REFUSED);
	volume.size_gb = 4097;
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_VOLUME_MAKE), VERDICT_REFUSED);
	volume.size_gb = 10;
	str_copy(volume.source, "s1");
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_VOLUME_MAKE), VERDICT_REFUSED);
	volume.source[0] = volume.region[0] = '\0';
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_VOLUME_MAKE), VERDICT_REFUSED);
	volume.id[0] = '\0';
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_VOLUME_DROP), VERDICT_REFUSED);
}

static void a_volume_is_deleted_by_its_id(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_VOLUME_DROP, "DELETE", "/network-volumes/2q9m7x4c");
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 204, "", ""), VERDICT_OK);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 404, PROBLEM, PROBLEM_OF(404, "not found")), VERDICT_ABSENT);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 404, "text/html", "<html>"), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 409, PROBLEM, PROBLEM_OF(409, "conflict")), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 400, PROBLEM, PROBLEM_OF(400, "the volume is in use")), VERDICT_RETRY);
	assert_int_equal(w->r.retry_after, 30 * SECOND);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 400, PROBLEM, PROBLEM_OF(400, "bad id")), VERDICT_REFUSED);
}

/* ---- pods with them ---- */

static void orders(struct world *w, struct offer *o)
{
	w->args.offer = o;
	w->args.mark = MARK;
	w->args.public_key = "ssh-ed25519 AAAA";
	w->args.volume = &volume;
	w->args.volume_path = "/workspace";
}

static void a_pod_is_made_where_its_volume_is(void **state)
{
	struct world *w = *state;
	char spec[] = "{\"gpuId\":\"AMD Instinct MI300X OAM\",\"count\":1,\"cloud\":\"SECURE\"}";
	struct offer o = { .spec = spec };

	str_copy(volume.region, "eu-ro-1"); /* upper case only (§3.2) */
	orders(w, &o);
	world_asks(w, OP_CREATE, "POST", "/pods");
	world_asks_with(w, "{\"name\":\"" MARK "\",\"image\":\"" RUNPOD_IMAGE_AMD "\",\"gpu\":{\"id\":\"AMD Instinct MI300X OAM\",\"count\":1},"
	    "\"cloud\":\"SECURE\",\"mounts\":{\"network\":[{\"volumeId\":\"2q9m7x4c\",\"path\":\"/workspace\"}]},\"dataCenterIds\":[\"EU-RO-1\"],"
	    "\"disk\":150,\"ports\":[\"22/tcp\"],\"env\":{\"PUBLIC_KEY\":\"ssh-ed25519 AAAA\",\"GPUFLEET_MARK\":\"" MARK "\"}}");
}

static void where_no_volume_can_be_no_pod_is_asked_for(void **state)
{
	static const struct {
		const char *cloud, *center, *path, *says;
	} rows[] = {
		{ "COMMUNITY", "EU-RO-1", "/workspace", "RunPod's community cloud has no network volumes" },
		{ "SECURE", "US-KS-2", "/workspace", "the offer is in another data center than the volume" },
		{ "SECURE", "EU-RO-1", "workspace", "a network volume needs its id, its data center and an absolute path in the pod" },
		{ "SECURE", "EU-RO-1", NULL, "a network volume needs its id, its data center and an absolute path in the pod" },
	};
	struct world *w = *state;
	char spec[200];
	struct offer o = { .spec = spec };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		snprintf(spec, sizeof(spec), "{\"gpuId\":\"NVIDIA H200\",\"count\":1,\"cloud\":\"%s\",\"dataCenterIds\":[\"%s\"]}", rows[i].cloud,
		    rows[i].center);
		orders(w, &o);
		w->args.volume_path = rows[i].path;
		expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
		assert_string_equal(w->r.message, rows[i].says);
	}
	orders(w, &o);
	w->args.snapshot = &volume;
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
}

/* ---- what it cost (§8) ---- */

static void asks_for_its_bill(struct world *w)
{
	w->args.from = (instant)1794960000 * SECOND + 5 * HOUR; /* 18 November 2026 */
	w->args.until = (instant)1795132800 * SECOND;           /* the end of the 19th */
}

static void a_bill_is_read_by_the_day(void **state)
{
	struct world *w = *state;

	asks_for_its_bill(w);
	world_asks(w, OP_STORAGE_BILL, "GET",
	    "/billing/network-volumes?bucketSize=day&networkVolumeId=2q9m7x4c&startTime=2026-11-18T05:00:00Z&endTime=2026-11-20T00:00:00Z");
	expect_verdict(world_hear_file(w, OP_STORAGE_BILL, 200, "volume-billing.json"), VERDICT_OK);
	assert_int_equal(w->r.bill_count, 2); /* nobody else's, and not of the day behind */
	for (size_t k = 0; k < w->r.bill_count; k++) {
		assert_string_equal(w->r.bills[k].id, "2q9m7x4c");
		assert_int_equal(w->r.bills[k].amount, 1150685);
	}
	assert_int_equal(w->r.bills[1].from, w->args.until - DAY);
	assert_int_equal(w->r.bills[1].until, w->args.until);
}

static void a_bill_is_whole_or_none(void **state)
{
	static const char *const bodies[] = { "{}", "{\"records\":{}}", "{\"records\":[],\"metadata\":{\"recordCount\":1}}",
		"{\"records\":[{\"networkVolumeId\":\"2q9m7x4c\"}],\"metadata\":{\"recordCount\":1}}",
		"{\"records\":[{\"totalAmount\":1}],\"metadata\":{\"recordCount\":1}}",
		/* It answered for its own thirty days. */
		"{\"records\":[],\"metadata\":{\"recordCount\":0,\"query\":{\"startTime\":\"2026-11-19T00:00:00Z\"}}}" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		world_forget(w);
		asks_for_its_bill(w);
		expect_verdict(world_hear(w, OP_STORAGE_BILL, 200, JSON, bodies[i]), VERDICT_RETRY);
	}
	world_forget(w);
	expect_verdict(world_hear(w, OP_STORAGE_BILL, 200, JSON, "{\"records\":[],\"metadata\":{\"recordCount\":0}}"), VERDICT_OK);
	assert_int_equal(w->r.bill_count, 0);
	world_forget(w);
	expect_verdict(world_hear(w, OP_STORAGE_BILL, 404, JSON, PROBLEM_OF(404, "no such volume")), VERDICT_REFUSED);
}

static void cut_and_mutated_answers_are_never_facts(void **state)
{
	struct world *w = *state;

	world_hears_cut_answers(w, OP_STORAGE_BILL, 200, "volume-billing.json", VERDICT_RETRY);
	world_hears_mutations(w, OP_STORAGE_BILL, 200, "volume-billing.json");
	world_hears_cut_answers(w, OP_STORAGE, 200, "volumes.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_VOLUME_MAKE, 201, "volume-new.json", VERDICT_UNSURE);
	world_hears_mutations(w, OP_STORAGE, 200, "volumes.json");
	world_hears_mutations(w, OP_VOLUME_MAKE, 201, "volume-new.json");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_list_is_everybodys_volumes),
		TEST(the_list_is_whole_or_none),
		TEST(a_volume_is_asked_for_in_the_tier_whose_price_is_known),
		TEST(answers_to_what_makes_a_volume),
		TEST(what_cannot_be_a_volume_is_not_asked_for),
		TEST(a_volume_is_deleted_by_its_id),
		TEST(a_pod_is_made_where_its_volume_is),
		TEST(where_no_volume_can_be_no_pod_is_asked_for),
		TEST(a_bill_is_read_by_the_day),
		TEST(a_bill_is_whole_or_none),
		TEST(cut_and_mutated_answers_are_never_facts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
