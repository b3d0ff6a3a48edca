/*
 * The engine's wheel against a real store: nothing is done before it is durable, and a disk in trouble stops spending only.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "daemon/wheel.h"
#include "db_help.h"

#define START ((instant)1795132800 * SECOND)

struct bench {
	struct db_place *place;
	struct store *store;
	struct rng rng;
	struct model model;
	struct wheel wheel;
	instant now;
	int acts[ACTIONS];
	size_t events;
	int64_t last_seq;
	int answers, refusals;
};

/* An action that is taken and never answered, so that each is counted once. */
static void act(void *arg, const struct action *a)
{
	struct bench *b = arg;

	assert_false(b->wheel.committing);
	b->acts[a->kind]++;
}

static void events(void *arg, const struct event *list, size_t count)
{
	struct bench *b = arg;

	for (size_t k = 0; k < count; k++) {
		assert_int_equal(list[k].seq, b->last_seq + 1);
		b->last_seq = list[k].seq;
	}
	b->events += count;
}

static void answered(void *arg, int64_t id, const struct err *error)
{
	struct bench *b = arg;

	assert_true(id > 0);
	b->answers += !error;
	b->refusals += error != NULL;
}

static void bench_open(struct bench *b, void **state)
{
	struct account_facts facts = { .name = "cloud", .provider = "cloud", .title = "Cloud", .mark_at_create = true,
		.billing = { .quantum = SECOND, .start = METER_FROM_CREATE, .settle_delay = MINUTE }, .create_timeout = MINUTE,
		.boot_allowance = 10 * MINUTE, .teardown_allowance = 10 * MINUTE };

	memset(b, 0, sizeof(*b));
	b->place = *state;
	b->now = START;
	db_disk();
	b->store = db_open(b->place, false);
	rng_seed(&b->rng, 7);
	model_init(&b->model, &b->rng);
	str_copy(b->model.site, "abc234");
	b->model.policy = (struct policy){ .poll_boot = 2 * SECOND, .poll_steady = 30 * SECOND, .poll_sweep = 5 * MINUTE,
		.settle = MINUTE, .settle_single_flight = MINUTE, .absence_listings = 3, .absence_spacing = 10 * SECOND,
		.gone_listings = 2, .gone_spacing = 10 * SECOND, .late_watch = DAY, .orphan_grace = HOUR, .bill_poll = MINUTE,
		.bill_watch = DAY, .key_keep = HOUR, .contact_lost = 10 * MINUTE, .lease = 15 * MINUTE, .run_poll = 5 * SECOND, .run_poll_watched = SECOND };
	model_add_account(&b->model, &facts)->configured = true;
	wheel_init(&b->wheel, &(struct wheel_options){ .store = b->store, .model = &b->model, .act = act, .events = events, .arg = b });
}

static void bench_close(struct bench *b)
{
	wheel_close(&b->wheel);
	store_flush(b->store);
	wheel_free(&b->wheel);
	store_close(b->store);
	model_free(&b->model);
}

static void fact(struct bench *b, struct fact *f)
{
	f->time = b->now;
	wheel_fact(&b->wheel, f);
}

/* As the loop does, for a while of virtual time. */
static void pass(struct bench *b, duration span)
{
	instant end = b->now + span;

	for (int guard = 0; b->now < end; guard++) {
		instant wake = wheel_wake(&b->wheel, b->now);

		assert_true(guard < 10000);
		b->now = wake == FOREVER || wake > end ? end : wake > b->now ? wake : b->now;
		wheel_turn(&b->wheel, b->now);
		store_deliver(b->store);
		if (wake <= b->now)
			b->now += MSEC;
	}
}

static void open_fleet(struct bench *b)
{
	struct fleet want = db_fleet(0);
	struct fact f = { .kind = FACT_FLEET_OPEN, .time = b->now, .fleet = &want };

	memset(&want, 0, sizeof(want));
	str_copy(want.name, "f");
	str_copy(want.gpu, "MI300X");
	want.gpu_count = want.instances = 1;
	want.lifetime = HOUR;
	assert_int_equal(wheel_request(&b->wheel, &f, answered, b), 0);
}

/* What the account answers before a machine may be ordered. */
static void tell_offers(struct bench *b)
{
	struct offer *o = xcalloc(1, sizeof(*o));
	struct fact listed = { .kind = FACT_LISTED, .account = "cloud", .verdict = VERDICT_OK, .began = b->now };
	struct fact f = { .kind = FACT_OFFERS, .account = "cloud", .verdict = VERDICT_OK, .offers = o, .offer_count = 1, .gpu = "MI300X",
		.gpu_count = 1 };
	struct balance purse = { .available = 100 * USD, .known = true, .machines = -1 };
	struct fact rich = { .kind = FACT_BALANCE, .account = "cloud", .verdict = VERDICT_OK, .balance = &purse };

	str_copy(o->account, "cloud");
	str_copy(o->provider, "cloud");
	str_copy(o->key, "x");
	str_copy(o->gpu, "MI300X");
	o->gpu_count = 1;
	o->available = 1;
	o->price_hour = 2 * USD;
	fact(b, &listed);
	fact(b, &rich);
	fact(b, &f);
	assert_null(f.offers); /* taken */
}

static void nothing_is_done_before_it_is_durable(void **state)
{
	struct bench b;
	sqlite3 *shell;

	bench_open(&b, state);
	open_fleet(&b);
	assert_true(wheel_wake(&b.wheel, b.now) <= b.now);
	wheel_turn(&b.wheel, b.now);
	assert_true(b.wheel.committing);
	assert_int_equal(wheel_wake(&b.wheel, b.now), FOREVER);
	assert_int_equal(b.acts[ACTION_OFFERS], 0);
	assert_int_equal(b.answers, 0);
	assert_int_equal(store_deliver(b.store), 1);
	assert_int_equal(b.answers, 1);
	assert_int_equal(b.acts[ACTION_OFFERS], 1);
	pass(&b, SECOND);
	tell_offers(&b);
	pass(&b, 5 * SECOND);
	assert_int_equal(b.acts[ACTION_CREATE], 1);
	shell = db_shell(b.place);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM instances WHERE state = 'DISPATCHING'"), 1);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), (int64_t)b.events);
	sqlite3_close(shell);
	bench_close(&b);
}

static void a_broken_disk_stops_spending_and_loses_nothing(void **state)
{
	struct bench b;
	sqlite3 *shell;
	int lists;

	bench_open(&b, state);
	open_fleet(&b);
	pass(&b, SECOND);
	tell_offers(&b);
	db_disk_fail(FAULT_ERROR, 1, SQLITE_FULL);
	lists = b.acts[ACTION_LIST];
	pass(&b, 8 * MINUTE); /* a plan that waits for longer is made anew */
	assert_true(b.wheel.degraded);
	assert_non_null(strstr(b.wheel.trouble, "no space left"));
	assert_int_equal(b.acts[ACTION_CREATE], 0);
	assert_true(b.acts[ACTION_LIST] > lists); /* looking costs nothing */
	db_disk_heal();
	pass(&b, 2 * SECOND);
	assert_false(b.wheel.degraded);
	assert_int_equal(b.wheel.trouble[0], 0);
	assert_int_equal(b.acts[ACTION_CREATE], 1);
	shell = db_shell(b.place);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), (int64_t)b.events);
	assert_int_equal(db_ask(shell, "SELECT max(seq) FROM events"), b.last_seq);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM accounts WHERE name = 'cloud'"), 1);
	sqlite3_close(shell);
	bench_close(&b);
}

static void who_asks_on_a_broken_disk_is_told(void **state)
{
	struct bench b;

	bench_open(&b, state);
	db_disk_fail(FAULT_ERROR, 1, SQLITE_IOERR_WRITE);
	open_fleet(&b);
	pass(&b, SECOND);
	assert_int_equal(b.refusals, 1);
	assert_int_equal(b.answers, 0);
	db_disk_heal();
	pass(&b, 2 * SECOND);
	assert_false(b.wheel.degraded);
	bench_close(&b);
}

static int64_t make_run(struct bench *b)
{
	struct run want = { .run_timeout = HOUR };
	struct fact f = { .kind = FACT_RUN_SUBMIT, .time = b->now, .run = &want };

	want.fleet_id = model_fleet_by_name(&b->model, "f")->object.id;
	str_copy(want.recipe, "script");
	str_copy(want.key, "r1");
	if (wheel_request(&b->wheel, &f, NULL, NULL) < 0)
		fail_msg("%s", f.error.msg);
	return f.answer_id;
}

static void figures_wait_for_the_disk_but_hold_up_nothing(void **state)
{
	struct result_row good = { .number = true, .value = 1.0, .metric = "tokens", .labels = "{}" }, bad = good;
	struct bench b;
	sqlite3 *shell;

	bench_open(&b, state);
	open_fleet(&b);
	pass(&b, SECOND);
	good.run_id = make_run(&b);
	bad.run_id = 4711; /* there is no such run */
	pass(&b, SECOND);

	wheel_results(&b.wheel, &bad, 1);
	pass(&b, SECOND);
	assert_false(b.wheel.degraded);

	db_disk_fail(FAULT_ERROR, 1, SQLITE_IOERR_FSYNC);
	wheel_results(&b.wheel, &good, 1);
	good.seq = 1;
	pass(&b, 2 * SECOND);
	assert_true(b.wheel.degraded);
	wheel_results(&b.wheel, &good, 1);
	pass(&b, 2 * SECOND);
	db_disk_heal();
	pass(&b, 3 * SECOND);
	assert_false(b.wheel.degraded);
	shell = db_shell(b.place);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM results"), 2);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM results WHERE run_id = 4711"), 0);
	sqlite3_close(shell);
	bench_close(&b);
}

/* Whoever is told that a run is durable finds its figures in the database, also those that came while a commit was in flight. */
static void a_run_is_durable_with_its_figures(void **state)
{
	struct result_row row = { .number = true, .value = 1.0, .metric = "tokens", .labels = "{}" };
	struct bench b;
	sqlite3 *shell;
	const struct object *run;

	bench_open(&b, state);
	open_fleet(&b);
	row.run_id = make_run(&b);
	run = &model_run(&b.model, row.run_id)->object;
	assert_false(wheel_is_durable(&b.wheel, run));
	wheel_turn(&b.wheel, b.now);
	assert_false(wheel_is_durable(&b.wheel, run));
	wheel_results(&b.wheel, &row, 1); /* a commit is in flight now */
	store_deliver(b.store);
	assert_false(wheel_is_durable(&b.wheel, run));
	wheel_turn(&b.wheel, b.now);
	assert_false(wheel_is_durable(&b.wheel, run));
	store_deliver(b.store);
	assert_true(wheel_is_durable(&b.wheel, run));
	shell = db_shell(b.place);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM results"), 1);
	sqlite3_close(shell);
	bench_close(&b);
}

/* What happens between the last turn and the end is in the database, and nothing is done about it any more. */
static void the_end_commits_and_does_nothing_more(void **state)
{
	struct bench b;
	sqlite3 *shell;
	int before;

	bench_open(&b, state);
	open_fleet(&b);
	wheel_turn(&b.wheel, b.now); /* a commit is in flight now */
	make_run(&b);
	before = b.acts[ACTION_OFFERS];
	wheel_close(&b.wheel);
	store_flush(b.store);
	assert_int_equal(b.acts[ACTION_OFFERS], before);
	assert_int_equal(b.answers, 1);
	shell = db_shell(b.place);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM runs"), 1);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), (int64_t)b.events);
	sqlite3_close(shell);
	bench_close(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(nothing_is_done_before_it_is_durable),
		DB_TEST(a_broken_disk_stops_spending_and_loses_nothing),
		DB_TEST(who_asks_on_a_broken_disk_is_told),
		DB_TEST(figures_wait_for_the_disk_but_hold_up_nothing),
		DB_TEST(a_run_is_durable_with_its_figures),
		DB_TEST(the_end_commits_and_does_nothing_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
