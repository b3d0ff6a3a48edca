/* Volumes at vast.ai, against the sheet's examples (providers/vastai.md §1.1, §2.2, §2.4, §2.15). */
#include "adapter_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define VOLUME_MARK "gf1v-abc234-big-models-mmmmmmmm"
#define SAYS(error) "{\"success\":false,\"error\":\"" error "\",\"msg\":\"m\"}"

extern const struct provider provider_vastai;

static struct storage volume;

static int set_up(void **state)
{
	struct world *w = xcalloc(1, sizeof(*w));

	world_open(w, &provider_vastai);
	volume = (struct storage){ .kind = STORAGE_VOLUME, .id = "20118481", .name = VOLUME_MARK, .host = "88888", .size_gb = 500 };
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

static void the_list_says_where_each_volume_lies(void **state)
{
	struct world *w = *state;
	const struct storage *s;

	world_asks(w, OP_STORAGE, "GET", "/api/v0/volumes/?owner=me&type=all_volume");
	expect_verdict(world_hear_file(w, OP_STORAGE, 200, "volumes.json"), VERDICT_OK);
	assert_int_equal(w->r.storage_count, 2);
	s = &w->r.storages[0];
	assert_string_equal(s->id, "20118481");
	assert_string_equal(s->name, VOLUME_MARK); /* sent with '_' for '-' */
	assert_string_equal(s->host, "88888");
	assert_string_equal(s->region, "US");
	assert_string_equal(s->machine, "12345678");
	assert_int_equal(s->size_gb, 500);
	assert_int_equal(s->gb_month, 101324); /* $0.0694 an hour for all of it, and 730 hours */
	assert_true(s->created > 0 && s->state == STORAGE_READY);
	s = &w->r.storages[1];
	assert_string_equal(s->name, "my_models"); /* a person's word stays as it is */
	assert_string_equal(s->machine, "");
	assert_int_equal(s->size_gb, 15);
	assert_int_equal(s->gb_month, 101389); /* $0.10 for 720 hours */
}

/* A body that is no list is no empty list (§2.5). */
static void the_list_is_whole_or_none(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 200, "{}", VERDICT_RETRY },
		{ 200, "{\"success\":false,\"volumes\":[]}", VERDICT_RETRY },
		{ 200, "{\"volumes\":[{\"label\":\"x\"}]}", VERDICT_RETRY },
		{ 200, "{\"volumes\":[],\"next_token\":7}", VERDICT_RETRY },
		{ 200, "{\"volumes\":[],\"next_token\":\"t\"}", VERDICT_MORE },
		{ 200, "{\"volumes\":[]}", VERDICT_OK },
		{ 404, SAYS("auth_error"), VERDICT_DENIED },
		{ 404, SAYS("not_found"), VERDICT_RETRY },
		{ 410, SAYS("deprecated_endpoint"), VERDICT_RETRY },
		{ 429, "API requests too frequent endpoint threshold=5.5", VERDICT_RETRY },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_STORAGE, rows[i].status, JSON, rows[i].body), rows[i].v);
	}
}

/* ---- make ---- */

static void the_cheapest_that_is_large_enough_is_rented(void **state)
{
	struct world *w = *state;

	world_asks(w, OP_VOLUME_MAKE, "POST", "/api/v0/volumes/search/");
	world_asks_with(w, "{\"machine_id\":{\"eq\":88888},\"disk_space\":{\"gte\":500},\"external\":{\"eq\":false},\"allocated_storage\":500,"
	    "\"order\":[[\"storage_cost\",\"asc\"]],\"limit\":64}");
	assert_true(w->req.looks); /* a search may be asked again; what follows may not */
	expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 200, "volume-offers.json"), VERDICT_MORE);
	world_asks(w, OP_VOLUME_MAKE, "PUT", "/api/v0/volumes/");
	world_asks_with(w, "{\"id\":421,\"size\":500,\"name\":\"gf1v_abc234_big_models_mmmmmmmm\"}");
	assert_false(w->req.looks);
	expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 200, "volume-new.json"), VERDICT_OK);
	assert_string_equal(w->r.id, "20118481");
}

static void a_machine_without_room_has_no_capacity(void **state)
{
	struct world *w = *state;

	volume.size_gb = 901;
	expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 200, "volume-offers.json"), VERDICT_NO_CAPACITY);
	assert_string_equal(w->r.message, "machine 88888 has no volume of 901 GB to rent for $0.30 a GB and month or less");
	world_forget(w);
	expect_verdict(world_hear(w, OP_VOLUME_MAKE, 200, JSON, "{}"), VERDICT_RETRY);
}

/* Its name need not be the id: then the list tells which it is. */
/* What was held before any price was known is the most that one may be. */
static void a_host_that_asks_more_than_was_held_is_left_alone(void **state)
{
	struct world *w = *state;

	expect_verdict(world_hear(w, OP_VOLUME_MAKE, 200, JSON,
	    "{\"success\":true,\"offers\":[{\"id\":420,\"machine_id\":88888,\"disk_space\":900,\"storage_cost\":0.300001}]}"), VERDICT_NO_CAPACITY);
	world_forget(w);
	expect_verdict(world_hear(w, OP_VOLUME_MAKE, 200, JSON,
	    "{\"success\":true,\"offers\":[{\"id\":420,\"machine_id\":88888,\"disk_space\":900,\"storage_cost\":0.3}]}"), VERDICT_MORE);
	assert_int_equal(w->cursor.number, 420);
	assert_true(provider_vastai.volume_most * 720 >= 30 * CENT * 730);
}

static void a_volume_that_is_named_otherwise_is_looked_for(void **state)
{
	struct world *w = *state;

	w->cursor = (struct op_cursor){ .step = 1, .number = 421 };
	expect_verdict(world_hear(w, OP_VOLUME_MAKE, 200, JSON, "{\"success\":true,\"volume_name\":\"gf1_abc234\"}"), VERDICT_MORE);
	world_asks(w, OP_VOLUME_MAKE, "GET", "/api/v0/volumes/?owner=me&type=all_volume");
	expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 200, "volumes.json"), VERDICT_OK);
	assert_string_equal(w->r.id, "20118481");
	world_forget(w);
	str_copy(volume.host, "36683"); /* of the same name, on another machine */
	w->cursor.step = 2;
	expect_verdict(world_hear_file(w, OP_VOLUME_MAKE, 200, "volumes.json"), VERDICT_RETRY); /* the call makes it UNSURE */
	assert_string_equal(w->r.id, "");
}

static void answers_to_what_makes_a_volume(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 200, SAYS("invalid_args"), VERDICT_UNSURE },
		{ 200, "cut", VERDICT_UNSURE },
		{ 400, SAYS("invalid_args"), VERDICT_REFUSED },
		{ 400, SAYS("insufficient_credit"), VERDICT_LIMIT },
		{ 404, SAYS("no_such_ask"), VERDICT_NO_CAPACITY },
		{ 404, SAYS("auth_error"), VERDICT_DENIED },
		{ 404, SAYS("something"), VERDICT_UNSURE },
		{ 429, "API requests too frequent: endpoint threshold=5.5", VERDICT_RETRY },
		{ 429, "<html>", VERDICT_UNSURE },
		{ 502, "<html>", VERDICT_UNSURE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		w->cursor.step = 1;
		expect_verdict(world_hear(w, OP_VOLUME_MAKE, rows[i].status, JSON, rows[i].body), rows[i].v);
		assert_string_not_equal(w->r.message, "");
	}
}

/* A name that would not come back as it was given would never be found again. */
static void what_cannot_be_a_volume_is_not_asked_for(void **state)
{
	static const struct {
		const char *name, *host, *source;
		int gb;
	} rows[] = {
		{ "my-models", "1", "", 10 }, { "gf1v_a-b", "1", "", 10 }, { "gfv-a", "1", "", 10 }, { "a b", "1", "", 10 }, { "", "1", "", 10 },
		{ VOLUME_MARK, "", "", 10 }, { VOLUME_MARK, "x", "", 10 }, { VOLUME_MARK, "1", "s1", 10 }, { VOLUME_MARK, "1", "", 0 },
	};
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		str_copy(volume.name, rows[i].name);
		str_copy(volume.host, rows[i].host);
		str_copy(volume.source, rows[i].source);
		volume.size_gb = rows[i].gb;
		expect_verdict(world_answers_alone(w, OP_VOLUME_MAKE), VERDICT_REFUSED);
		assert_string_not_equal(w->r.message, "");
	}
}

/* ---- drop ---- */

static void a_volume_is_deleted_by_its_id(void **state)
{
	static const struct {
		int status;
		const char *body;
		enum verdict v;
	} rows[] = {
		{ 200, "{\"success\":true}", VERDICT_OK },
		{ 200, "{}", VERDICT_RETRY },
		{ 200, "", VERDICT_RETRY },
		{ 404, SAYS("no_such_volume"), VERDICT_ABSENT },
		{ 404, SAYS("auth_error"), VERDICT_DENIED },
		{ 404, SAYS("no_such_instance"), VERDICT_RETRY },
		{ 404, "<html>", VERDICT_RETRY },
		{ 400, "{\"success\":false,\"error\":\"invalid_args\",\"msg\":\"volume is in use by instance 5\"}", VERDICT_RETRY },
		{ 400, SAYS("invalid_args"), VERDICT_REFUSED },
		{ 500, SAYS("oops"), VERDICT_RETRY },
	};
	struct world *w = *state;

	world_asks(w, OP_VOLUME_DROP, "DELETE", "/api/v0/volumes/");
	world_asks_with(w, "{\"id\":20118481}");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_VOLUME_DROP, rows[i].status, JSON, rows[i].body), rows[i].v);
	}
	str_copy(volume.id, "all");
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_VOLUME_DROP), VERDICT_REFUSED);
}

/* ---- instances with them ---- */

static void orders(struct world *w, struct offer *o)
{
	str_copy(o->host, "88888");
	w->args.offer = o;
	w->args.mark = MARK;
	w->args.volume = &volume;
	w->args.volume_path = "/data";
}

static void an_instance_is_made_where_its_volume_lies(void **state)
{
	struct world *w = *state;
	char spec[] = "{\"ask\":\"44302087\",\"disk\":100,\"arch\":\"nvidia\"}";
	struct offer o = { .spec = spec };

	orders(w, &o);
	world_asks(w, OP_CREATE, "PUT", "/api/v0/asks/44302087/");
	assert_non_null(strstr(w->req.body, "\"volume_info\":{\"create_new\":false,\"volume_id\":20118481,\"mount_path\":\"/data\"}"));
	str_copy(o.host, "36683");
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	assert_string_equal(w->r.message, "the offer is on another machine than the volume");
	o.host[0] = volume.host[0] = '\0'; /* nobody knows where: not there */
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	orders(w, &o);
	w->args.volume_path = "data";
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
	w->args.volume = NULL;
	w->args.snapshot = &volume;
	world_forget(w);
	expect_verdict(world_answers_alone(w, OP_CREATE), VERDICT_REFUSED);
}

/* §2.2: the machine behind an offer, and what each GB of traffic costs there. */
static void an_offer_names_its_machine_and_its_traffic(void **state)
{
	struct world *w = *state;

	str_copy(w->args.gpu, "H100");
	w->args.gpu_count = 1;
	expect_verdict(world_hear_file(w, OP_OFFERS, 200, "offers.json"), VERDICT_OK);
	assert_int_equal(w->r.offer_count, 1);
	assert_string_equal(w->r.offers[0].host, "88888");
	assert_int_equal(w->r.offers[0].in_gb, 2000);
	assert_int_equal(w->r.offers[0].out_gb, 2000);
	assert_true(provider_vastai.traffic);
}

static void cut_and_mutated_answers_are_never_facts(void **state)
{
	struct world *w = *state;

	world_hears_cut_answers(w, OP_STORAGE, 200, "volumes.json", VERDICT_RETRY);
	world_hears_cut_answers(w, OP_VOLUME_MAKE, 200, "volume-offers.json", VERDICT_RETRY);
	w->cursor.step = 1;
	world_hears_cut_answers(w, OP_VOLUME_MAKE, 200, "volume-new.json", VERDICT_UNSURE);
	w->cursor = (struct op_cursor){ .step = 2 };
	world_hears_cut_answers(w, OP_VOLUME_MAKE, 200, "volumes.json", VERDICT_RETRY);
	w->cursor = (struct op_cursor){ 0 };
	world_hears_mutations(w, OP_STORAGE, 200, "volumes.json");
	world_hears_cut_answers(w, OP_STORAGE_BILL, 200, "volume-charges.json", VERDICT_RETRY);
	w->cursor = (struct op_cursor){ 0 };
	world_hears_mutations(w, OP_STORAGE_BILL, 200, "volume-charges.json");
	w->cursor = (struct op_cursor){ 0 };
	world_hears_mutations(w, OP_VOLUME_MAKE, 200, "volume-offers.json");
	w->cursor.step = 1;
	world_hears_mutations(w, OP_VOLUME_MAKE, 200, "volume-new.json");
}

/* ---- what it cost (§2.13) ---- */

static void a_bill_is_read_in_whole_days(void **state)
{
	struct world *w = *state;
	const char *first = "/api/v0/charges/?limit=500&select_filters=%7B%22day%22%3A%7B%22gte%22%3A1795046400%2C%22lte%22%3A1795219199%7D%2C"
			    "%22type%22%3A%7B%22in%22%3A%5B%22volume%22%5D%7D%7D";

	w->args.from = (instant)1795046400 * SECOND + 9 * HOUR;
	w->args.until = (instant)1795219200 * SECOND; /* midnight: the day behind it is not asked for */
	world_asks(w, OP_STORAGE_BILL, "GET", first);
	expect_verdict(world_hear_file(w, OP_STORAGE_BILL, 200, "volume-charges.json"), VERDICT_MORE);
	assert_int_equal(w->r.bill_count, 1);
	assert_string_equal(w->r.bills[0].id, "20118481");
	assert_int_equal(w->r.bills[0].amount, 3288 * USD / 1000);
	expect_verdict(world_hear(w, OP_STORAGE_BILL, 200, JSON, "{\"success\":true,\"results\":[],\"next_token\":null}"), VERDICT_OK);
	assert_int_equal(w->r.bill_count, 1);
}

static void a_bill_is_whole_or_none(void **state)
{
	static const char *const bodies[] = { "{\"success\":true}", "{\"success\":false,\"results\":[]}",
		"{\"success\":true,\"results\":[{\"type\":\"volume\",\"source\":\"volume-20118481\"}]}",
		"{\"success\":true,\"results\":[{\"type\":\"volume\",\"source\":\"20118481\",\"amount\":1}]}" };
	struct world *w = *state;

	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		world_forget(w);
		expect_verdict(world_hear(w, OP_STORAGE_BILL, 200, JSON, bodies[i]), VERDICT_RETRY);
	}
}

/* §1.2: volumes may be asked for every 5.5 seconds, charges every second; there is no attaching later, and no snapshot that is ours (§2.15). */
static void the_table_is_complete(void **state)
{
	(void)state;
	for (enum provider_op_kind op = OP_STORAGE; op < OP_NR; op++) {
		assert_int_equal(provider_vastai.op[op].build && provider_vastai.op[op].read, op < OP_VOLUME_ATTACH || op == OP_STORAGE_BILL);
		assert_true(!provider_vastai.op[op].build ||
		    provider_vastai.paced_with[op] == (op == OP_STORAGE_BILL ? OP_BILL : op > OP_STORAGE ? OP_STORAGE : 0));
		assert_true(!provider_vastai.op[op].build || provider_vastai.rate[op].every >= (op == OP_STORAGE_BILL ? SECOND : 5500 * MSEC));
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_list_says_where_each_volume_lies),
		TEST(the_list_is_whole_or_none),
		TEST(the_cheapest_that_is_large_enough_is_rented),
		TEST(a_machine_without_room_has_no_capacity),
		TEST(a_host_that_asks_more_than_was_held_is_left_alone),
		TEST(a_volume_that_is_named_otherwise_is_looked_for),
		TEST(answers_to_what_makes_a_volume),
		TEST(what_cannot_be_a_volume_is_not_asked_for),
		TEST(a_volume_is_deleted_by_its_id),
		TEST(an_instance_is_made_where_its_volume_lies),
		TEST(an_offer_names_its_machine_and_its_traffic),
		TEST(a_bill_is_read_in_whole_days),
		TEST(a_bill_is_whole_or_none),
		TEST(cut_and_mutated_answers_are_never_facts),
		cmocka_unit_test(the_table_is_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
