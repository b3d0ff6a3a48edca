/* Volumes and snapshots at DigitalOcean, against the sheet's examples (providers/digitalocean.md §5.4–5.6, §6, §9). */
#include "adapter_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define VOLUME "506f78a4-e098-11e5-ad9f-000f53306ae1"
#define ERROR_OF(text) "{\"id\":\"unprocessable_entity\",\"message\":\"" text "\"}"
#define PENDING ERROR_OF("Droplet already has a pending event.")

extern const struct provider provider_digitalocean;

static struct storage volume, image;

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_digitalocean);
	volume = (struct storage){ .kind = STORAGE_VOLUME, .id = VOLUME, .name = "gf-models-tor1", .region = "tor1", .size_gb = 500 };
	image = (struct storage){ .kind = STORAGE_SNAPSHOT, .id = "6372321", .name = "gf-base-2026-11-20", .region = "tor1", .source = "448543583",
		.disk_gb = 720 };
	w->args.storage = &volume;
	w->args.machine = "448543583";
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	free(*state);
	return 0;
}

/* ---- the list ---- */

static void the_list_is_all_volumes_and_all_snapshots(void **state)
{
	struct world *w = *state;
	const struct storage *s;

	world_asks(w, OP_STORAGE, "GET", "/v2/volumes?per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_STORAGE, 200, "volumes-1.json"), VERDICT_MORE);
	world_asks(w, OP_STORAGE, "GET", "/v2/volumes?per_page=200&page=2");
	expect_verdict(world_hear_file(w, OP_STORAGE, 200, "volumes-2.json"), VERDICT_MORE);
	world_asks(w, OP_STORAGE, "GET", "/v2/snapshots?per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_STORAGE, 200, "snapshots.json"), VERDICT_OK);
	assert_int_equal(w->r.storage_count, 4);
	s = &w->r.storages[0];
	assert_int_equal(s->kind, STORAGE_VOLUME);
	assert_string_equal(s->id, VOLUME);
	assert_string_equal(s->name, "gf-models-tor1");
	assert_string_equal(s->region, "tor1");
	assert_int_equal(s->size_gb, 500);
	assert_string_equal(s->machine, "");
	assert_true(s->created > 0 && s->gb_month == 0 && s->state == STORAGE_READY);
	assert_string_equal(w->r.storages[1].machine, "448543583");
	s = &w->r.storages[2];
	assert_int_equal(s->kind, STORAGE_SNAPSHOT);
	assert_string_equal(s->id, "6372321");
	assert_int_equal(s->size_gb, 29); /* 28.1, rounded up */
	assert_int_equal(s->disk_gb, 720);
	assert_string_equal(s->source, "448543583");
	assert_false(s->of_volume);
	assert_true(w->r.storages[3].of_volume);
	assert_string_equal(w->r.storages[3].region, "nyc1");
}

/* Of several regions the one that the account wants. */
static void a_snapshot_is_where_the_account_can_use_it(void **state)
{
	struct world *w = *state;

	str_copy(w->account.regions[0], "NYC2");
	w->account.region_count = 1;
	w->cursor.step = 1;
	expect_verdict(world_hear_file(w, OP_STORAGE, 200, "snapshots.json"), VERDICT_OK);
	assert_string_equal(w->r.storages[0].region, "tor1");
	assert_string_equal(w->r.storages[1].region, "nyc2");
}

static void a_list_that_does_not_add_up_is_void(void **state)
{
	static const char *const bodies[] = {
		"{}",
		"{\"volumes\":[]}garbage",
		"{\"volumes\":[],\"meta\":{\"total\":1}}",
		"{\"volumes\":[{\"name\":\"without an id\"}],\"meta\":{\"total\":1}}",
		"{\"volumes\":[{\"id\":\"../x\"}],\"meta\":{\"total\":1}}",
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_STORAGE, 200, JSON, bodies[i]), VERDICT_RETRY);
	}
	world_forget(w);
	expect_verdict(world_hear_file(w, OP_STORAGE, 200, "volumes-1.json"), VERDICT_MORE);
	expect_verdict(world_hear(w, OP_STORAGE, 200, JSON, "{\"volumes\":[],\"meta\":{\"total\":1}}"), VERDICT_RETRY); /* changed meanwhile */
	world_forget(w);
	expect_verdict(world_hear(w, OP_STORAGE, 403, JSON, ERROR_OF("You are not authorized")), VERDICT_DENIED);
}

/* ---- volumes ---- */

static void a_volume_is_asked_for_without_a_file_system(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_VOLUME_MAKE, "POST", "/v2/volumes");
	world_asks_with(w, "{\"name\":\"gf-models-tor1\",\"size_gigabytes\":500,\"region\":\"tor1\",\"tags\":[\"gpufleet\"]}");
	expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 201, "volume-new.json"), VERDICT_OK);
	assert_string_equal(w->r.id, VOLUME);
	world_forget(w);
	str_copy(volume.source, "8fa70202-873f-11e6-8b68-000f533176b1");
	world_asks(w, OP_VOLUME_MAKE, "POST", "/v2/volumes");
	world_asks_with(w, "{\"name\":\"gf-models-tor1\",\"size_gigabytes\":500,\"region\":\"tor1\",\"tags\":[\"gpufleet\"],"
	    "\"snapshot_id\":\"8fa70202-873f-11e6-8b68-000f533176b1\"}");
}

static void what_cannot_be_a_volume_is_not_asked_for(void **state)
{
	static const struct {
		const char *name, *region;
		int gb;
	} rows[] = { { "9lives", "tor1", 1 }, { "Upper", "tor1", 1 }, { "a_b", "tor1", 1 }, { "", "tor1", 1 }, { "a", "", 1 }, { "a", "tor1", 0 },
		{ "a", "tor1", 16385 } };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		str_copy(volume.name, rows[i].name);
		str_copy(volume.region, rows[i].region);
		volume.size_gb = rows[i].gb;
		expect_verdict(world_answers_alone(w, OP_VOLUME_MAKE), VERDICT_REFUSED);
		assert_string_not_equal(w->r.message, "");
	}
}

/* §6, §9: a name is unique in its region. */
static void a_name_that_is_taken_is_looked_up(void **state)
{
	static const int statuses[] = { 409, 422 };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_VOLUME_MAKE, statuses[i], JSON, ERROR_OF("a volume of that name already exists")), VERDICT_MORE);
		world_asks(w, OP_VOLUME_MAKE, "GET", "/v2/volumes?name=gf-models-tor1&region=tor1");
		expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 200, "volumes-1.json"), VERDICT_OK);
		assert_string_equal(w->r.id, VOLUME);
		world_forget(w);
		w->cursor.step = 1;
		expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 200, "volumes-2.json"), VERDICT_RETRY); /* the call makes it UNSURE */
		assert_string_equal(w->r.id, "");
	}
}

static void answers_to_what_makes_a_volume(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 201, "{\"volume\":{}}", VERDICT_UNSURE },
		{ 201, "<html>", VERDICT_UNSURE },
		{ 422, ERROR_OF("volume size limit exceeded"), VERDICT_LIMIT },
		{ 422, ERROR_OF("region has no capacity"), VERDICT_NO_CAPACITY },
		{ 422, ERROR_OF("invalid name"), VERDICT_REFUSED },
		{ 400, ERROR_OF("invalid region"), VERDICT_REFUSED },
		{ 401, ERROR_OF("Unable to authenticate you"), VERDICT_DENIED },
		{ 429, ERROR_OF("API rate limit exceeded"), VERDICT_RETRY },
		{ 500, ERROR_OF("Unexpected server-side error"), VERDICT_UNSURE },
		{ 409, "<html>", VERDICT_UNSURE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_VOLUME_MAKE, rows[i].status, JSON, rows[i].body), rows[i].v);
		assert_string_not_equal(w->r.message, "");
	}
}

static void a_volume_is_deleted_once_no_droplet_has_it(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_VOLUME_DROP, "DELETE", "/v2/volumes/" VOLUME);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 204, "", ""), VERDICT_OK);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 404, JSON, ERROR_OF("not found")), VERDICT_ABSENT);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 404, "text/html", "<html>"), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_VOLUME_DROP, 409, JSON, ERROR_OF("the volume is attached")), VERDICT_RETRY);
	assert_string_equal(w->r.message, "the volume is attached");
	assert_int_equal(w->r.retry_after, 30 * SECOND);
	volume.id[0] = '\0';
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_VOLUME_DROP), VERDICT_REFUSED); /* never all of them */
}

static void attaching_and_detaching_are_actions(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_VOLUME_ATTACH, "POST", "/v2/volumes/" VOLUME "/actions");
	world_asks_with(w, "{\"type\":\"attach\",\"droplet_id\":448543583}");
	expect_verdict(world_hear_file(w, OP_VOLUME_ATTACH, 202, "action.json"), VERDICT_OK);
	world_forget(w);
	world_asks(w, OP_VOLUME_DETACH, "POST", "/v2/volumes/" VOLUME "/actions");
	world_asks_with(w, "{\"type\":\"detach\",\"droplet_id\":448543583}");
	expect_verdict(world_hear(w, OP_VOLUME_DETACH, 422, JSON, PENDING), VERDICT_RETRY);
	assert_int_equal(w->r.retry_after, 30 * SECOND);
	world_forget(w);
	w->args.machine = "not a droplet";
	expect_verdict(world_answers_alone(w, OP_VOLUME_ATTACH), VERDICT_REFUSED);
}

/* A no is measured by what is: the sentence alone does not tell which droplet is meant. */
static void a_no_is_measured_by_the_volume_itself(void **state)
{
	static const struct {
		int no;
		const char *holders;
		enum verdict attach, detach;
	} rows[] = {
		{ 422, "[448543583]", VERDICT_OK, VERDICT_REFUSED },
		{ 422, "[]", VERDICT_REFUSED, VERDICT_OK },
		{ 422, "null", VERDICT_REFUSED, VERDICT_OK },
		{ 422, "[77]", VERDICT_RETRY, VERDICT_OK },
		{ 409, "[448543583]", VERDICT_OK, VERDICT_RETRY },
		{ 409, "[]", VERDICT_RETRY, VERDICT_OK },
		{ 404, "[]", VERDICT_REFUSED, VERDICT_OK }, /* no such droplet */
		{ 422, "[\"?\"]", VERDICT_RETRY, VERDICT_RETRY },
	};
	static const enum provider_op_kind ops[] = { OP_VOLUME_ATTACH, OP_VOLUME_DETACH };
	struct world *w = *state;
	char body[200];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(ops); k++) {
			world_forget(w);
			expect_verdict(world_hear(w, ops[k], rows[i].no, JSON, ERROR_OF("Volume is already attached")), VERDICT_MORE);
			world_asks(w, ops[k], "GET", "/v2/volumes/" VOLUME);
			snprintf(body, sizeof(body), "{\"volume\":{\"id\":\"" VOLUME "\",\"droplet_ids\":%s}}", rows[i].holders);
			expect_verdict(world_hear(w, ops[k], 200, JSON, body), k ? rows[i].detach : rows[i].attach);
		}
	}
	world_forget(w);
	w->cursor.step = 1;
	expect_verdict(world_hear(w, OP_VOLUME_ATTACH, 404, JSON, ERROR_OF("not found")), VERDICT_ABSENT);
	w->cursor.step = 1;
	expect_verdict(world_hear_file(w, OP_VOLUME_ATTACH, 200, "volume-new.json"), VERDICT_REFUSED);
	str_copy(volume.id, "another");
	expect_verdict(world_hear_file(w, OP_VOLUME_ATTACH, 200, "volume-new.json"), VERDICT_RETRY); /* told of another volume */
}

/* ---- snapshots ---- */

static void a_droplets_snapshot_is_an_action(void **state)
{
	struct world *w = *state;

	w->args.storage = &image;
	world_asks(w, OP_SNAPSHOT_MAKE, "POST", "/v2/droplets/448543583/actions");
	world_asks_with(w, "{\"type\":\"snapshot\",\"name\":\"gf-base-2026-11-20\"}");
	expect_verdict(world_hear_file(w, OP_SNAPSHOT_MAKE, 201, "action.json"), VERDICT_OK);
	assert_string_equal(w->r.work, "36804636");
	assert_string_equal(w->r.id, "");
	world_forget(w);
	expect_verdict(world_hear(w, OP_SNAPSHOT_MAKE, 422, JSON, PENDING), VERDICT_RETRY);
	expect_verdict(world_hear(w, OP_SNAPSHOT_MAKE, 404, JSON, ERROR_OF("not found")), VERDICT_REFUSED);
	expect_verdict(world_hear(w, OP_SNAPSHOT_MAKE, 422, JSON, ERROR_OF("you have reached the maximum number of snapshots")), VERDICT_LIMIT);
	expect_verdict(world_hear(w, OP_SNAPSHOT_MAKE, 201, JSON, "{\"action\":{}}"), VERDICT_UNSURE);
	image.source[0] = '\0';
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_SNAPSHOT_MAKE), VERDICT_REFUSED);
}

static void a_volumes_snapshot_is_there_at_once(void **state)
{
	struct world *w = *state;

	image.of_volume = true;
	str_copy(image.source, VOLUME);
	w->args.storage = &image;
	world_asks(w, OP_SNAPSHOT_MAKE, "POST", "/v2/volumes/" VOLUME "/snapshots");
	world_asks_with(w, "{\"name\":\"gf-base-2026-11-20\",\"tags\":[\"gpufleet\"]}");
	expect_verdict(world_hear_file(w, OP_SNAPSHOT_MAKE, 201, "volume-snapshot-new.json"), VERDICT_OK);
	assert_string_equal(w->r.id, "8fa70202-873f-11e6-8b68-000f533176b1");
	assert_string_equal(w->r.work, "");
}

static void hears_action(struct world *w, const char *status, enum verdict v)
{
	char body[200];

	world_forget(w);
	world_asks(w, OP_SNAPSHOT_LOOK, "GET", "/v2/actions/36804636");
	snprintf(body, sizeof(body), "{\"action\":{\"id\":36804636,\"status\":\"%s\",\"type\":\"snapshot\"}}", status);
	expect_verdict(world_hear(w, OP_SNAPSHOT_LOOK, 200, JSON, body), v);
}

/* The action does not tell the snapshot's id: it is the one of that name from that droplet. */
static void the_action_is_followed_to_the_snapshot(void **state)
{
	struct world *w = *state;

	w->args.storage = &image;
	w->args.work = "36804636";
	hears_action(w, "in-progress", VERDICT_OK);
	assert_int_equal(w->r.storages[0].state, STORAGE_MAKING);
	assert_string_equal(w->r.storages[0].id, "");
	hears_action(w, "errored", VERDICT_OK);
	assert_int_equal(w->r.storages[0].state, STORAGE_FAILED);
	hears_action(w, "unheard-of", VERDICT_RETRY);
	hears_action(w, "completed", VERDICT_MORE);
	world_asks(w, OP_SNAPSHOT_LOOK, "GET", "/v2/snapshots?resource_type=droplet&per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_SNAPSHOT_LOOK, 200, "snapshots.json"), VERDICT_OK);
	assert_int_equal(w->r.storage_count, 1);
	assert_int_equal(w->r.storages[0].state, STORAGE_READY);
	assert_string_equal(w->r.storages[0].id, "6372321");
	assert_int_equal(w->r.storages[0].size_gb, 29);
	assert_int_equal(w->r.storages[0].disk_gb, 720);
	assert_string_equal(w->r.storages[0].region, "tor1");
	world_forget(w);
	str_copy(image.source, "1"); /* the same name, from elsewhere */
	w->cursor.step = 1;
	expect_verdict(world_hear_file(w, OP_SNAPSHOT_LOOK, 200, "snapshots.json"), VERDICT_OK);
	assert_int_equal(w->r.storages[0].state, STORAGE_MAKING); /* the list may be behind */
	world_forget(w);
	expect_verdict(world_hear(w, OP_SNAPSHOT_LOOK, 404, JSON, ERROR_OF("not found")), VERDICT_ABSENT);
	expect_verdict(world_hear(w, OP_SNAPSHOT_LOOK, 200, JSON, "{\"action\":{\"id\":1,\"status\":\"completed\"}}"), VERDICT_RETRY);
}

/* After a broken answer to the order nobody knows the action. */
static void without_an_action_the_name_alone_is_looked_for(void **state)
{
	struct world *w = *state;

	w->args.storage = &image;
	world_asks(w, OP_SNAPSHOT_LOOK, "GET", "/v2/snapshots?resource_type=droplet&per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_SNAPSHOT_LOOK, 200, "snapshots.json"), VERDICT_OK);
	assert_string_equal(w->r.storages[0].id, "6372321");
	world_forget(w);
	str_copy(image.name, "another");
	expect_verdict(world_hear_file(w, OP_SNAPSHOT_LOOK, 200, "snapshots.json"), VERDICT_ABSENT);
	world_forget(w);
	expect_verdict(world_hear(w, OP_SNAPSHOT_LOOK, 200, JSON, "{\"snapshots\":[],\"meta\":{\"total\":5}}"), VERDICT_RETRY);
}

static void a_snapshot_is_deleted_by_its_id(void **state)
{
	struct world *w = *state;

	w->args.storage = &image;
	world_asks(w, OP_SNAPSHOT_DROP, "DELETE", "/v2/snapshots/6372321");
	expect_verdict(world_hear(w, OP_SNAPSHOT_DROP, 204, "", ""), VERDICT_OK);
	expect_verdict(world_hear(w, OP_SNAPSHOT_DROP, 404, JSON, ERROR_OF("not found")), VERDICT_ABSENT);
	expect_verdict(world_hear(w, OP_SNAPSHOT_DROP, 400, JSON, ERROR_OF("the resource is not a snapshot")), VERDICT_REFUSED);
	expect_verdict(world_hear(w, OP_SNAPSHOT_DROP, 500, JSON, ERROR_OF("oops")), VERDICT_RETRY);
	image.id[0] = '\0';
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_SNAPSHOT_DROP), VERDICT_REFUSED);
}

/* ---- droplets with them ---- */

static void a_droplet_has_its_volume_and_its_image_from_the_beginning(void **state)
{
	struct world *w = *state;
	char spec[] = "{\"size\":\"gpu-mi300x1-192gb\",\"region\":\"tor1\",\"disk\":720}";
	struct offer o = { .spec = spec, .gpu = "MI300X", .gpu_count = 1 };

	w->args.offer = &o;
	w->args.mark = MARK;
	w->args.key_id = "512189";
	w->args.volume = &volume;
	w->args.snapshot = &image;
	world_asks(w, OP_CREATE, "POST", "/v2/droplets");
	world_asks_with(w, "{\"name\":\"" MARK "\",\"region\":\"tor1\",\"size\":\"gpu-mi300x1-192gb\",\"image\":6372321,"
	    "\"ssh_keys\":[512189],\"tags\":[\"gpufleet\"],\"volumes\":[\"" VOLUME "\"],\"backups\":false,\"ipv6\":false,\"monitoring\":false}");
	expect_verdict(world_hear(w, OP_CREATE, 422, JSON, ERROR_OF("Volume " VOLUME " is already attached to a droplet")), VERDICT_REFUSED);
}

static void what_does_not_fit_is_not_asked_for(void **state)
{
	struct world *w = *state;
	char spec[] = "{\"size\":\"gpu-l40sx1-48gb\",\"region\":\"tor1\",\"disk\":500}";
	struct offer o = { .spec = spec, .gpu = "L40S", .gpu_count = 1, .disk_gb = 500 };

	w->args.offer = &o;
	w->args.mark = MARK;
	w->args.key_id = "512189";
	w->args.snapshot = &image;
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	assert_string_equal(w->r.message, "the snapshot needs a disk of 720 GB, and gpu-l40sx1-48gb has 500");
	image.disk_gb = 500;
	world_forget(w);
	world_asks(w, OP_CREATE, "POST", "/v2/droplets");
	image.of_volume = true;
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	w->args.snapshot = NULL;
	w->args.volume = &volume;
	str_copy(volume.region, "nyc2");
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	assert_string_equal(w->r.message, "the volume is in nyc2 and cannot be used in tor1");
}

/* ---- what it cost (§10) ---- */

static void reads_items(struct world *w, const struct storage *s)
{
	world_forget(w);
	w->args.storage = s;
	w->args.from = (instant)1793491200 * SECOND + HOUR; /* 1 November 2026 */
	w->args.until = (instant)1796083200 * SECOND;       /* 1 December */
	world_asks(w, OP_STORAGE_BILL, "GET", "/v2/customers/my/invoices?per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_STORAGE_BILL, 200, "invoices.json"), VERDICT_MORE);
	world_asks(w, OP_STORAGE_BILL, "GET", "/v2/customers/my/invoices/1afe95e6-0958-4eb0-8d9a-9c5060d3ef03?per_page=200&page=1");
	expect_verdict(world_hear_file(w, OP_STORAGE_BILL, 200, "items-storage.json"), VERDICT_MORE); /* October, for its last day */
	expect_verdict(world_hear(w, OP_STORAGE_BILL, 200, JSON, "{\"invoice_items\":[],\"links\":{},\"meta\":{\"total\":0}}"), VERDICT_OK);
}

/* A volume by its UUID, in either field; a droplet's snapshot by its number, which a droplet has too. */
static void a_bill_is_what_the_invoices_say_of_it(void **state)
{
	struct world *w = *state;
	struct storage other = volume;

	reads_items(w, &volume);
	assert_int_equal(w->r.bill_count, 1); /* without what December charges */
	assert_string_equal(w->r.bills[0].id, VOLUME);
	assert_int_equal(w->r.bills[0].amount, 2740 * CENT);
	reads_items(w, &image);
	assert_int_equal(w->r.bill_count, 1);
	assert_int_equal(w->r.bills[0].amount, 117 * CENT);
	str_copy(other.id, "8d49b4a2-0f52-11f0-9c4b-0a58ac14d0c1");
	reads_items(w, &other);
	assert_int_equal(w->r.bill_count, 1);
	str_copy(other.id, "00000000-0f52-11f0-9c4b-0a58ac14d0c1");
	reads_items(w, &other);
	assert_int_equal(w->r.bill_count, 0);
}

static void an_amount_that_cannot_be_read_is_none(void **state)
{
	struct world *w = *state;

	w->cursor = (struct op_cursor){ .step = 1, .token = VOLUME };
	expect_verdict(world_hear(w, OP_STORAGE_BILL, 200, JSON,
	    "{\"invoice_items\":[{\"product\":\"Volumes\",\"resource_uuid\":\"" VOLUME "\",\"amount\":\"much\"}],\"links\":{},\"meta\":{\"total\":1}}"),
	    VERDICT_RETRY);
}

/* ---- nothing is believed that is not whole ---- */

static void cut_answers_are_never_facts(void **state)
{
	struct world *w = *state;

	world_hears_cut_answers(w, OP_STORAGE, 200, "volumes-1.json", VERDICT_RETRY);
	w->cursor = (struct op_cursor){ .step = 1 };
	world_hears_cut_answers(w, OP_STORAGE, 200, "snapshots.json", VERDICT_RETRY);
	w->cursor = (struct op_cursor){ .step = 1, .token = VOLUME };
	world_hears_cut_answers(w, OP_STORAGE_BILL, 200, "items-storage.json", VERDICT_RETRY);
	world_forget(w);
	world_hears_cut_answers(w, OP_VOLUME_MAKE, 201, "volume-new.json", VERDICT_UNSURE);
	w->cursor = (struct op_cursor){ .step = 1 };
	world_hears_cut_answers(w, OP_VOLUME_MAKE, 200, "volumes-1.json", VERDICT_RETRY);
	world_forget(w);
	w->args.storage = &image;
	w->args.work = "36804636";
	world_hears_cut_answers(w, OP_SNAPSHOT_MAKE, 201, "action.json", VERDICT_UNSURE);
	world_hears_cut_answers(w, OP_SNAPSHOT_LOOK, 200, "action.json", VERDICT_RETRY);
	w->cursor = (struct op_cursor){ .step = 1 };
	world_hears_cut_answers(w, OP_SNAPSHOT_LOOK, 200, "snapshots.json", VERDICT_RETRY);
}

static void mutated_answers_are_survived(void **state)
{
	struct world *w = *state;

	w->args.work = "36804636";
	world_hears_mutations(w, OP_STORAGE, 200, "volumes-1.json");
	w->cursor.step = 1;
	world_hears_mutations(w, OP_STORAGE, 200, "snapshots.json");
	w->cursor = (struct op_cursor){ .step = 1, .token = VOLUME };
	world_hears_mutations(w, OP_STORAGE_BILL, 200, "items-storage.json");
	world_forget(w);
	world_hears_mutations(w, OP_VOLUME_MAKE, 201, "volume-new.json");
	w->args.storage = &image;
	world_hears_mutations(w, OP_SNAPSHOT_LOOK, 200, "action.json");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_list_is_all_volumes_and_all_snapshots),
		TEST(a_snapshot_is_where_the_account_can_use_it),
		TEST(a_list_that_does_not_add_up_is_void),
		TEST(a_volume_is_asked_for_without_a_file_system),
		TEST(what_cannot_be_a_volume_is_not_asked_for),
		TEST(a_name_that_is_taken_is_looked_up),
		TEST(answers_to_what_makes_a_volume),
		TEST(a_volume_is_deleted_once_no_droplet_has_it),
		TEST(attaching_and_detaching_are_actions),
		TEST(a_no_is_measured_by_the_volume_itself),
		TEST(a_droplets_snapshot_is_an_action),
		TEST(a_volumes_snapshot_is_there_at_once),
		TEST(the_action_is_followed_to_the_snapshot),
		TEST(without_an_action_the_name_alone_is_looked_for),
		TEST(a_snapshot_is_deleted_by_its_id),
		TEST(a_droplet_has_its_volume_and_its_image_from_the_beginning),
		TEST(what_does_not_fit_is_not_asked_for),
		TEST(a_bill_is_what_the_invoices_say_of_it),
		TEST(an_amount_that_cannot_be_read_is_none),
		TEST(cut_answers_are_never_facts),
		TEST(mutated_answers_are_survived),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
