/* Rows: every member has a column, every column comes back, and the model gets what it wants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "base/rng.h"
#include "base/str.h"

#include <math.h>

static void load(const struct db_place *p, struct model *m, struct rng *rng, instant since)
{
	struct store *s = db_open(p, false);
	struct err e = { 0 };

	rng_seed(rng, 1);
	model_init(m, rng);
	if (store_load(s, m, since, &e) < 0)
		fail_msg("%s", e.msg);
	store_close(s);
}

/* ---- columns ---- */

struct filled {
	struct fleet fleet;
	struct instance instance;
	struct run run;
};

static void set_ids(struct filled *f)
{
	f->fleet.object.id = f->instance.fleet_id = f->run.fleet_id = 5;
	f->instance.object.id = 6;
	f->run.object.id = 7;
}

static void save(const struct db_place *p, const struct filled *f)
{
	struct store *s = db_open(p, false);
	struct store_batch *b = store_batch_new();

	assert_true(store_batch_empty(b));
	store_batch_run(b, &f->run); /* whatever the order: references are kept */
	store_batch_instance(b, &f->instance);
	store_batch_fleet(b, &f->fleet);
	assert_false(store_batch_empty(b));
	db_commit(s, b);
	store_close(s);
}

static void compare(const struct db_place *p, const struct filled *f)
{
	struct model m;
	struct rng rng;

	load(p, &m, &rng, 0);
	assert_non_null(model_fleet(&m, 5));
	assert_non_null(model_instance(&m, 6));
	assert_non_null(model_run(&m, 7));
	db_same(&row_kinds[ROWS_FLEETS], model_fleet(&m, 5), &f->fleet);
	db_same(&row_kinds[ROWS_INSTANCES], model_instance(&m, 6), &f->instance);
	db_same(&row_kinds[ROWS_RUNS], model_run(&m, 7), &f->run);
	model_free(&m);
}

static void test_every_column_comes_back(void **state)
{
	struct filled full, plain;

	memset(&full, 0, sizeof(full));
	db_fill(&row_kinds[ROWS_FLEETS], &full.fleet);
	db_fill(&row_kinds[ROWS_INSTANCES], &full.instance);
	db_fill(&row_kinds[ROWS_RUNS], &full.run);
	set_ids(&full);
	save(*state, &full);
	compare(*state, &full);

	/* The same rows again, with nothing in them: each column is updated too. */
	memset(&plain, 0, sizeof(plain));
	plain.fleet = db_fleet(5);
	plain.instance = db_instance(6, 5);
	plain.run = db_run(7, 5, 0);
	save(*state, &plain);
	compare(*state, &plain);

	row_disown(&row_kinds[ROWS_INSTANCES], &full.instance);
	row_disown(&row_kinds[ROWS_RUNS], &full.run);
}

static void test_every_name_comes_back(void **state)
{
	struct filled f;

	memset(&f, 0, sizeof(f));
	for (int k = 0; k < 40; k++) {
		f.fleet = db_fleet(5);
		f.instance = db_instance(6, 5);
		f.run = db_run(7, 5, 0);
		f.fleet.state = (enum fleet_state)(k % FLEET_STATES);
		f.instance.state = (enum instance_state)(k % INSTANCE_STATES);
		f.run.state = (enum run_state)(k % RUN_STATES);
		f.run.outcome = (enum run_outcome)(k % (OUTCOME_LOST + 1));
		f.fleet.cause = f.instance.cause = f.run.cause = (enum cause)(k % CAUSE_NR);
		save(*state, &f);
		compare(*state, &f);
	}
}

static int by_offset(const void *x, const void *y)
{
	const struct column *a = x, *b = y;

	return a->offset < b->offset ? -1 : a->offset > b->offset;
}

static size_t width(const struct column *c)
{
	switch (c->kind) {
	case COLUMN_I64:
	case COLUMN_REAL:
	case COLUMN_OWNED: return 8;
	case COLUMN_INT:
	case COLUMN_U32:
	case COLUMN_NAMED: return 4;
	case COLUMN_BOOL: return 1;
	case COLUMN_TEXT: return c->size;
	}
	return 0;
}

/* Between `from` and `until` nothing lies but columns and padding: a member without a column is noticed. */
static void all_members(const struct row_kind *k, size_t from, size_t until)
{
	struct column *c = xcalloc(k->count, sizeof(*c));
	size_t at = from;

	memcpy(c, k->columns, k->count * sizeof(*c));
	qsort(c, k->count, sizeof(*c), by_offset);
	for (size_t n = 0; n < k->count; n++) {
		size_t align = c[n].kind == COLUMN_TEXT ? 1 : width(&c[n]);

		if (c[n].offset < from)
			continue;
		if (c[n].offset - at >= align)
			fail_msg("%s: %zu bytes before '%s' are no column", k->table, c[n].offset - at, c[n].name);
		at = c[n].offset + width(&c[n]);
	}
	if (until - at >= 8)
		fail_msg("%s: %zu bytes at the end are no column", k->table, until - at);
	free(c);
}

static void test_every_member_has_a_column(void **state)
{
	(void)state;
	all_members(&row_kinds[ROWS_FLEETS], offsetof(struct fleet, name), offsetof(struct fleet, instance_list));
	all_members(&row_kinds[ROWS_INSTANCES], offsetof(struct instance, fleet_id), offsetof(struct instance, fleet_link));
	all_members(&row_kinds[ROWS_RUNS], offsetof(struct run, key), offsetof(struct run, fleet_link));
	all_members(&row_kinds[ROWS_EVENTS], 0, sizeof(struct event));
}

static void test_a_batch_is_a_value(void **state)
{
	struct store *s = db_open(*state, false);
	struct store_batch *b = store_batch_new();
	struct fleet f = db_fleet(1);
	struct instance i = db_instance(2, 1);
	struct model m;
	struct rng rng;

	i.offer_spec = xstrdup("{\"a\":1}");
	store_batch_fleet(b, &f);
	store_batch_instance(b, &i);
	str_copy(f.name, "changed");
	memset(i.offer_spec, 'x', 3);
	free(i.offer_spec);
	db_commit(s, b);
	store_close(s);
	load(*state, &m, &rng, 0);
	assert_string_equal(model_fleet(&m, 1)->name, "fleet-1");
	assert_string_equal(model_instance(&m, 2)->offer_spec, "{\"a\":1}");
	assert_null(model_instance(&m, 2)->snapshot);
	model_free(&m);
}

static void test_events_and_results(void **state)
{
	struct store *s = db_open(*state, false);
	struct store_batch *b = store_batch_new();
	struct result_row r = { .run_id = 3, .number = true, .value = 12.5, .seq = 1, .metric = "tokens", .unit = "1/s" };
	struct fleet f = db_fleet(1);
	struct run run = db_run(3, 1, 0);
	struct event v = db_event(9);
	sqlite3 *db;

	store_batch_result(b, &r);
	r.seq = 2;
	r.number = false;
	str_copy(r.text, "gfx942");
	str_copy(r.labels, "{\"n\":8}");
	store_batch_result(b, &r);
	r.seq = 3;
	r.number = true;
	r.value = HUGE_VAL;
	store_batch_result(b, &r);
	store_batch_run(b, &run);
	store_batch_fleet(b, &f);
	store_batch_event(b, &v);
	db_commit(s, b);

	/* Again, after a commit whose fate was not known: nothing doubles, an event keeps its first words, a result its last. */
	b = store_batch_new();
	str_copy(v.text, "other words");
	store_batch_event(b, &v);
	r.seq = 1;
	r.value = 13;
	store_batch_result(b, &r);
	db_commit(s, b);
	store_close(s);

	db = db_shell(*state);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM events WHERE seq = 9 AND kind = 'fleet' AND event = 'made' AND text = ''"), 1);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM results"), 3);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM results WHERE seq = 1 AND value = 13.0 AND metric = 'tokens'"), 1);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM results WHERE seq = 2 AND value IS NULL AND text = 'gfx942' AND "
				    "labels = '{\"n\":8}'"), 1);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM results WHERE seq = 3 AND value IS NULL"), 1);
	sqlite3_close(db);
}

/* ---- loading ---- */

static void test_what_is_loaded(void **state)
{
	struct store *s = db_open(*state, false);
	struct store_batch *b = store_batch_new();
	struct account_state a = { .facts.name = "old", .facts.provider = "hotaisle", .window_balance = 77, .window_since = 5,
		.window_balance_known = true };
	struct event v = db_event(41);
	struct model m;
	struct rng rng;

	/* Fleets: 10 open; 11 closed lately; 12 closed long ago; 13 the same with a machine not settled; 14 with one gone lately. */
	for (int64_t id = 10; id <= 14; id++) {
		struct fleet f = db_fleet(id);
		struct instance i = db_instance(id + 100, id);
		struct run r = db_run(id + 200, id, id + 100);

		f.state = id == 10 ? FLEET_OPEN : FLEET_CLOSED;
		f.closed = id == 10 ? 0 : id == 11 ? 1000 : 10;
		i.state = id == 10 ? INSTANCE_READY : INSTANCE_GONE;
		i.gone = id == 14 ? 1000 : 10;
		i.settled = id == 13 ? 0 : 20;
		store_batch_fleet(b, &f);
		store_batch_instance(b, &i);
		store_batch_run(b, &r);
	}
	/* Machines without a fleet: alive, gone and settled long ago, gone lately. */
	for (int64_t id = 20; id <= 22; id++) {
		struct instance i = db_instance(id, 0);

		str_copy(i.account, "nobody");
		i.state = id == 20 ? INSTANCE_DELETING : INSTANCE_GONE;
		i.gone = id == 22 ? 1000 : 10;
		i.settled = 20;
		store_batch_instance(b, &i);
	}
	store_batch_account(b, &a);
	store_batch_event(b, &v);
	db_commit(s, b);
	store_close(s);

	load(*state, &m, &rng, 500);
	for (int64_t id = 10; id <= 14; id++) {
		assert_int_equal(!!model_fleet(&m, id), id != 12);
		assert_int_equal(!!model_instance(&m, id + 100), id != 12);
		assert_int_equal(!!model_run(&m, id + 200), id != 12);
	}
	assert_non_null(model_instance(&m, 20));
	assert_null(model_instance(&m, 21));
	assert_non_null(model_instance(&m, 22));
	assert_int_equal(m.next_id, 215);
	assert_int_equal(m.next_event, 42);
	/* Accounts that the configuration does not name any more. */
	assert_int_equal(m.account_count, 3);
	assert_string_equal(model_account(&m, "old")->facts.provider, "hotaisle");
	assert_true(model_account(&m, "old")->window_balance == 77 && model_account(&m, "old")->window_since == 5 &&
		    model_account(&m, "old")->window_balance_known);
	assert_int_equal(model_account(&m, "nobody")->live, 1);
	assert_false(model_account(&m, "nobody")->configured);
	model_free(&m);
}

static void test_an_empty_database(void **state)
{
	struct model m;
	struct rng rng;

	load(*state, &m, &rng, 0);
	assert_int_equal(m.next_id, 1);
	assert_int_equal(m.next_event, 1);
	assert_int_equal(m.fleets.count, 0);
	model_free(&m);
}

/* Fleets, instances and runs share one sequence of ids. */
static void test_ids_are_never_given_again(void **state)
{
	int64_t largest[] = { 50, 60, 70 };

	for (size_t k = 0; k < ARRAY_LEN(largest); k++) {
		struct filled f;
		struct model m;
		struct rng rng;

		memset(&f, 0, sizeof(f));
		f.fleet = db_fleet(k == 0 ? largest[k] : 5);
		f.fleet.state = FLEET_CLOSED; /* not loaded, and counted */
		f.fleet.closed = 1;
		f.instance = db_instance(k == 1 ? largest[k] : 6, 5);
		f.instance.state = INSTANCE_GONE;
		f.instance.gone = f.instance.settled = 1;
		f.run = db_run(k == 2 ? largest[k] : 7, f.fleet.object.id, 0);
		save(*state, &f);
		load(*state, &m, &rng, 100);
		assert_int_equal(m.fleets.count + m.instances.count + m.runs.count, 0);
		assert_int_equal(m.next_id, largest[k] + 1);
		model_free(&m);
	}
}

static void test_an_unknown_name_is_not_loaded(void **state)
{
	static const char *const spoil[] = { "UPDATE fleets SET state = 'DREAMING'", "UPDATE fleets SET state = 'OPEN', cause = 'mood'",
		"UPDATE fleets SET cause = ''; UPDATE runs SET outcome = 'so so'", "UPDATE runs SET outcome = ''; UPDATE instances SET state = ''" };
	struct filled f;

	memset(&f, 0, sizeof(f));
	f.fleet = db_fleet(5);
	f.instance = db_instance(6, 5);
	f.run = db_run(7, 5, 0);
	f.instance.offer_spec = xstrdup("{}");
	save(*state, &f);
	free(f.instance.offer_spec);
	for (size_t k = 0; k < ARRAY_LEN(spoil); k++) {
		sqlite3 *db = db_shell(*state);
		struct store *s;
		struct model m;
		struct rng rng;
		struct err e = { 0 };

		db_do(db, spoil[k]);
		sqlite3_close(db);
		s = db_open(*state, false);
		rng_seed(&rng, 1);
		model_init(&m, &rng);
		assert_int_equal(store_load(s, &m, 0, &e), -1);
		assert_non_null(strstr(e.msg, "another version"));
		model_free(&m);
		store_close(s);
	}
}

static void test_meta(void **state)
{
	struct store *s = db_open(*state, true);
	struct err e = { 0 };
	char *value;

	assert_int_equal(store_meta_get(s, "site", &value, &e), 0);
	assert_null(value);
	assert_int_equal(store_meta_set(s, "site", "abc'def", &e), 0);
	assert_int_equal(store_meta_set(s, "other", "x", &e), 0);
	/* Also while the writer is busy. */
	for (int k = 1; k <= 50; k++) {
		store_commit(s, db_event_batch(k), NULL, NULL);
		assert_int_equal(store_meta_set(s, "site", "2nd", &e), 0);
	}
	store_close(s);
	s = db_open(*state, false);
	assert_int_equal(store_meta_get(s, "site", &value, &e), 0);
	assert_string_equal(value, "2nd");
	free(value);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(test_every_column_comes_back),
		DB_TEST(test_every_name_comes_back),
		DB_TEST(test_every_member_has_a_column),
		DB_TEST(test_a_batch_is_a_value),
		DB_TEST(test_events_and_results),
		DB_TEST(test_what_is_loaded),
		DB_TEST(test_an_empty_database),
		DB_TEST(test_ids_are_never_given_again),
		DB_TEST(test_an_unknown_name_is_not_loaded),
		DB_TEST(test_meta),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
