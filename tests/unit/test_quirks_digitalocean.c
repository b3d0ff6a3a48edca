/*
 * The numbered warnings of digitalocean.md §0 and §12, one test each; tests/contract/quirks.txt says which is which.
 */
#include "adapter_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

extern const struct provider provider_digitalocean;

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_digitalocean);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

#define DROPLET "448543583"
#define ERROR(text) "{\"id\":\"unprocessable_entity\",\"message\":\"" text "\"}"

/* ---- §0 ---- */

static void lists_hide_gpu_droplets(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_LIST, "GET", "/v2/droplets?type=gpus&per_page=200&page=1");
	w->cursor.step = 1; /* a tag cannot be asked for together with a type */
	world_asks(w, OP_LIST, "GET", "/v2/droplets?tag_name=gpufleet&per_page=200&page=1");
}

static void a_droplet_that_is_off_bills(void **state)
{
	struct world *w = *state;

	w->args.id = "7";
	expect_verdict(world_hear(w, OP_DESCRIBE, 200, JSON,
			   "{\"droplet\":{\"id\":7,\"status\":\"off\",\"size\":{\"price_hourly\":1.99}}}"),
	    VERDICT_OK);
	assert_int_equal(w->r.machines[0].state, MACHINE_STOPPED);
	assert_true(w->r.machines[0].price_hour == 1990000);
	assert_false(w->r.machines[0].over);
	assert_true(w->p->billing.bills_stopped);
}

static void a_202_promises_nothing(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear_file(w, OP_CREATE, 202, "created.json"), VERDICT_OK);
	world_forget(w);
	w->args.id = DROPLET;
	expect_verdict(world_hear_file(w, OP_DESCRIBE, 200, "droplet-new.json"), VERDICT_OK);
	assert_int_equal(w->r.machines[0].state, MACHINE_STARTING);
	world_forget(w);
	expect_verdict(world_hear(w, OP_DESCRIBE, 404, JSON, "{\"id\":\"not_found\",\"message\":\"gone\"}"), VERDICT_ABSENT);
}

static void names_repeat(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_LIST, 200, JSON,
			   "{\"droplets\":[{\"id\":1,\"name\":\"" MARK "\"},{\"id\":2,\"name\":\"" MARK "\"}],\"meta\":{\"total\":2}}"),
	    VERDICT_MORE);
	assert_int_equal(w->r.machine_count, 2);
	assert_string_equal(w->r.machines[0].mark, w->r.machines[1].mark);
	assert_string_not_equal(w->r.machines[0].id, w->r.machines[1].id);
}

static void available_without_regions_is_not_for_sale(void **state)
{
	static const char size[] = "{\"sizes\":[{\"slug\":\"g\",\"available\":true,\"regions\":[%s],\"price_hourly\":1,"
				   "\"gpu_info\":{\"count\":1,\"model\":\"amd_mi300x\"}}]}";
	struct world *w = *state;
	char body[256];

	snprintf(body, sizeof(body), size, "");
	expect_verdict(world_hear(w, OP_OFFERS, 200, JSON, body), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 0);
	snprintf(body, sizeof(body), size, "\"tor1\"");
	expect_verdict(world_hear(w, OP_OFFERS, 200, JSON, body), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 1);
}

static void the_gpu_limit_shows_only_at_a_create(void **state)
{
	struct world *w = *state;

	expect_verdict(
	    world_hear(w, OP_CREATE, 422, JSON, ERROR("creating this/these droplet(s) will exceed your GPU limit")), VERDICT_LIMIT);
	expect_verdict(world_hear_file(w, OP_CHECK, 200, "account.json"), VERDICT_OK);
	assert_non_null(strstr(w->r.message, "limit of GPUs shows only when a create is refused"));
}

static void the_list_of_keys_is_never_asked_for(void **state)
{
	struct world *w = *state;

	w->args.public_key = DRIVE_KEY;
	for (w->cursor.step = 0; w->cursor.step < 3; w->cursor.step++) {
		world_build(w, OP_KEY);
		assert_true(!strcmp(w->req.method, "POST") || strlen(strrchr(w->req.url, '/')) == 48); /* a fingerprint */
	}
	w->cursor.step = 0;
	world_build(w, OP_KEY_DROP);
	assert_int_equal(strlen(strrchr(w->req.url, '/')), 48);
}

static void a_price_is_for_the_whole_droplet(void **state)
{
	struct world *w = *state;

	str_copy(w->args.gpu, "MI300X");
	w->args.gpu_count = 8;
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "sizes-1.json"), VERDICT_MORE);
	assert_int_equal(w->r.offer_count, 1);
	assert_true(w->r.offers[0].price_hour == 15920000);
}

static void storage_stays_in_its_region_and_a_snapshot_wants_its_disk(void **state)
{
	struct offer o = { .gpu = "MI300X", .gpu_count = 1, .spec = (char *)"{\"size\":\"s\",\"region\":\"tor1\",\"disk\":720}", .disk_gb = 720 };
	struct storage volume = { .kind = STORAGE_VOLUME, .id = "506f78a4-e098-11e5-ad9f-000f53306ae1", .region = "nyc2" };
	struct storage snapshot = { .kind = STORAGE_SNAPSHOT, .id = "6372321", .region = "tor1", .disk_gb = 2046 };
	struct world *w = *state;

	w->args.offer = &o;
	w->args.mark = MARK;
	w->args.key_id = "1";
	w->args.volume = &volume;
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	world_forget(w);
	w->args.volume = NULL;
	w->args.snapshot = &snapshot;
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	world_forget(w);
	str_copy(volume.region, "tor1");
	snapshot.disk_gb = 720;
	w->args.volume = &volume;
	world_build(w, OP_CREATE);
	assert_non_null(strstr(w->req.body, "\"image\":6372321,"));
	assert_non_null(strstr(w->req.body, "\"volumes\":[\"506f78a4-e098-11e5-ad9f-000f53306ae1\"]"));
}

static void a_moved_host_is_a_setting_to_change(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CHECK, 301, "", ""), VERDICT_RETRY);
	assert_non_null(strstr(w->r.message, "set api_url"));
	expect_verdict(world_hear(w, OP_CREATE, 301, "", ""), VERDICT_UNSURE);
}

/* ---- §12 ---- */

static void the_create_action_is_kept_with_the_id(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_CREATE, 202, JSON,
			   "{\"droplet\":{\"id\":7},\"links\":{\"actions\":[{\"id\":7515,\"rel\":\"create\"}]}}"),
	    VERDICT_OK);
	assert_string_equal(w->r.id, "7");
	assert_string_equal(w->r.message, "create action 7515");
}

static void creates(struct world *w, const char *image)
{
	struct offer o = { .gpu = "MI300X", .gpu_count = 1, .spec = (char *)"{\"size\":\"s\",\"region\":\"tor1\"}" };

	w->args.offer = &o;
	w->args.mark = MARK;
	w->args.key_id = "1";
	w->args.image = image;
	world_build(w, OP_CREATE);
	assert_non_null(w->req.body);
}

static void an_image_is_a_number_or_a_slug(void **state)
{
	struct world *w = *state;

	creates(w, "6372321");
	assert_non_null(strstr(w->req.body, "\"image\":6372321,"));
	creates(w, "ubuntu-24-04-x64");
	assert_non_null(strstr(w->req.body, "\"image\":\"ubuntu-24-04-x64\""));
}

static void money_is_text_or_a_binary_float(void **state)
{
	struct world *w = *state;

	w->args.id = "7";
	expect_verdict(
	    world_hear(w, OP_DESCRIBE, 200, JSON, "{\"droplet\":{\"id\":7,\"size\":{\"price_hourly\":0.00743999984115362}}}"),
	    VERDICT_OK);
	assert_true(w->r.machines[0].price_hour == 7440);
	world_forget(w);
	w->cursor.step = 1;
	str_copy(w->cursor.token, "506f78a4-e098-11e5-ad9f-000f53306ae1");
	expect_verdict(world_hear(w, OP_BILL, 200, JSON,
			   "{\"invoice_items\":[{\"product\":\"Droplets\",\"resource_id\":\"7\",\"amount\":\"7.60\"}]}"),
	    VERDICT_OK);
	assert_true(w->r.bills[0].amount == 7600000);
}

static void a_404_to_a_destroy_is_a_claim(void **state)
{
	struct world *w = *state;

	w->args.id = DROPLET;
	expect_verdict(world_hear(w, OP_DESTROY, 404, JSON, "{\"id\":\"not_found\",\"message\":\"gone\"}"), VERDICT_ABSENT);
	expect_verdict(world_hear(w, OP_DESTROY, 404, "text/html", "<html>"), VERDICT_RETRY);
}

static void a_pending_event_passes(void **state)
{
	struct world *w = *state;

	w->args.id = DROPLET;
	expect_verdict(world_hear(w, OP_DESTROY, 422, JSON, ERROR("Droplet already has a pending event.")), VERDICT_RETRY);
	assert_true(w->r.retry_after == 30 * SECOND);
}

static void empty_fields_are_left_out(void **state)
{
	struct world *w = *state;

	creates(w, NULL);
	assert_null(strstr(w->req.body, "null"));
	assert_null(strstr(w->req.body, "\"\""));
	assert_null(strstr(w->req.body, "user_data"));
}

static void the_region_is_always_named(void **state)
{
	struct world *w = *state;
	struct offer o = { .gpu = "MI300X", .gpu_count = 1, .spec = (char *)"{\"size\":\"s\"}" };

	creates(w, NULL);
	assert_non_null(strstr(w->req.body, "\"region\":\"tor1\""));
	w->args.offer = &o;
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lists_hide_gpu_droplets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_droplet_that_is_off_bills, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_202_promises_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_repeat, set_up, tear_down),
		cmocka_unit_test_setup_teardown(available_without_regions_is_not_for_sale, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_gpu_limit_shows_only_at_a_create, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_list_of_keys_is_never_asked_for, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_price_is_for_the_whole_droplet, set_up, tear_down),
		cmocka_unit_test_setup_teardown(storage_stays_in_its_region_and_a_snapshot_wants_its_disk, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_moved_host_is_a_setting_to_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_create_action_is_kept_with_the_id, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_image_is_a_number_or_a_slug, set_up, tear_down),
		cmocka_unit_test_setup_teardown(money_is_text_or_a_binary_float, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_404_to_a_destroy_is_a_claim, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_pending_event_passes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(empty_fields_are_left_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_region_is_always_named, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
