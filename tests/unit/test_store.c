/* The store: every column comes back, what was acknowledged is there, what failed fails alone and says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int make_place(void **state)
{
	struct db_place *p = xmalloc(sizeof(*p));

	db_place_make(p);
	*state = p;
	return 0;
}

static int remove_place(void **state)
{
	db_disk_heal();
	db_place_remove(*state);
	free(*state);
	return 0;
}

static struct event event(int64_t seq)
{
	struct event v = { .seq = seq, .time = 1000 + seq, .kind = OBJECT_FLEET, .object_id = 1 };

	str_copy(v.event, "made");
	return v;
}

static struct store_batch *event_batch(int64_t seq)
{
	struct store_batch *b = store_batch_new();
	struct event v = event(seq);

	store_batch_event(b, &v);
	return b;
}

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
	struct event v = event(9);
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
	assert_int_equal(db_ask(db, "SELECT count(*) FROM results WHERE seq = 2 AND value IS NULL AND text = 'gfx942' AND labels = '{\"n\":8}'"), 1);
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
	struct event v = event(41);
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
		store_commit(s, event_batch(k), NULL, NULL);
		assert_int_equal(store_meta_set(s, "site", "2nd", &e), 0);
	}
	store_close(s);
	s = db_open(*state, false);
	assert_int_equal(store_meta_get(s, "site", &value, &e), 0);
	assert_string_equal(value, "2nd");
	free(value);
	store_close(s);
}

/* ---- groups ---- */

struct ring {
	int pipe[2];
	pthread_t owner;
	int answers, failures;
	int64_t last;
	char text[512];
};

static struct ring ring;

static void ring_wake(void *arg)
{
	struct ring *r = arg;

	assert_true(write(r->pipe[1], "x", 1) == 1 || errno == EAGAIN);
}

struct numbered {
	int64_t seq;
};

static void answered(void *arg, const struct err *error)
{
	struct numbered *n = arg;

	assert_true(pthread_equal(pthread_self(), ring.owner));
	assert_int_equal(n->seq, ring.last + 1); /* in the order of the commits */
	ring.last = n->seq;
	ring.answers++;
	if (error) {
		ring.failures++;
		str_copy(ring.text, error->msg);
	}
	free(n);
}

static struct store *open_ringing(const struct db_place *p)
{
	struct store *s;
	struct err e = { 0 };

	memset(&ring, 0, sizeof(ring));
	ring.owner = pthread_self();
	assert_int_equal(pipe(ring.pipe), 0);
	if (store_open(&s, &(struct store_options){ .path = p->path, .threaded = true, .wake = ring_wake, .wake_arg = &ring }, &e) < 0)
		fail_msg("%s", e.msg);
	return s;
}

static void close_ringing(struct store *s)
{
	store_close(s);
	close(ring.pipe[0]);
	close(ring.pipe[1]);
}

static void commit_numbered(struct store *s, struct store_batch *b, int64_t seq)
{
	struct numbered *n = xmalloc(sizeof(*n));

	n->seq = seq;
	store_commit(s, b, answered, n);
}

/* As the loop does: sleep until the writer calls, then deliver. */
static void wait_for(struct store *s, int answers)
{
	struct pollfd fd = { .fd = ring.pipe[0], .events = POLLIN };
	char c;

	while (ring.answers < answers) {
		assert_int_equal(poll(&fd, 1, 60000), 1);
		assert_int_equal(read(ring.pipe[0], &c, 1), 1);
		store_deliver(s);
	}
}

static void test_order_and_groups(void **state)
{
	enum { N = 300 };
	struct store *s = open_ringing(*state);
	sqlite3 *shell = db_shell(*state);
	struct store_stats stats;

	/* While somebody else holds the lock everything waits; then it goes in few commits. */
	db_do(shell, "BEGIN IMMEDIATE");
	for (int64_t k = 1; k <= N; k++)
		commit_numbered(s, event_batch(k), k);
	assert_int_equal(store_deliver(s), 0);
	db_do(shell, "COMMIT");
	wait_for(s, N);
	assert_int_equal(ring.failures, 0);
	store_get_stats(s, &stats);
	assert_in_range(stats.commits, 1, 2);
	assert_int_equal(stats.rows, N);
	assert_true(stats.slowest > 0);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), N);

	/* One by one each has a commit of its own. */
	for (int64_t k = N + 1; k <= N + 10; k++) {
		commit_numbered(s, event_batch(k), k);
		wait_for(s, (int)k);
		assert_int_equal(db_ask(shell, "SELECT max(seq) FROM events"), k); /* durable before the answer */
	}
	store_get_stats(s, &stats);
	assert_int_equal(stats.rows, N + 10);
	assert_true(stats.commits >= 11);
	sqlite3_close(shell);
	close_ringing(s);
}

static void test_close_writes_what_waits(void **state)
{
	struct store *s = open_ringing(*state);
	sqlite3 *shell;

	for (int64_t k = 1; k <= 200; k++)
		commit_numbered(s, event_batch(k), k);
	close_ringing(s);
	assert_int_equal(ring.answers, 200);
	assert_int_equal(ring.failures, 0);
	shell = db_shell(*state);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), 200);
	sqlite3_close(shell);
}

static void commit_more(void *arg, const struct err *error)
{
	struct store *s = arg;

	assert_null(error);
	store_commit(s, event_batch(2), NULL, NULL);
}

static void test_a_callback_may_commit(void **state)
{
	for (int threaded = 0; threaded < 2; threaded++) {
		struct store *s = db_open(*state, threaded);
		sqlite3 *shell;

		store_commit(s, event_batch(1), commit_more, s);
		store_close(s);
		shell = db_shell(*state);
		assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), 2);
		db_do(shell, "DELETE FROM events");
		sqlite3_close(shell);
	}
}

static void test_inline(void **state)
{
	struct store *s = db_open(*state, false);
	struct numbered *n = xmalloc(sizeof(*n));
	sqlite3 *shell = db_shell(*state);

	memset(&ring, 0, sizeof(ring));
	ring.owner = pthread_self();
	n->seq = 1;
	store_commit(s, event_batch(1), answered, n);
	/* Written already, said only when asked. */
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), 1);
	assert_int_equal(ring.answers, 0);
	assert_int_equal(store_deliver(s), 1);
	assert_int_equal(ring.answers, 1);
	assert_int_equal(store_deliver(s), 0);
	sqlite3_close(shell);
	store_close(s);
}

/* ---- failures ---- */

static void test_a_bad_batch_fails_alone(void **state)
{
	struct store *s = open_ringing(*state);
	sqlite3 *shell = db_shell(*state);
	struct store_batch *bad = event_batch(2), *dangling = event_batch(4);
	struct fleet none = db_fleet(1);
	struct run lost = db_run(9, 8, 0);

	none.gpu_count = 0; /* a CHECK */
	store_batch_fleet(bad, &none);
	store_batch_run(dangling, &lost); /* a reference: there is no fleet 8 */

	/* All five in one group. */
	db_do(shell, "BEGIN IMMEDIATE");
	commit_numbered(s, event_batch(1), 1);
	commit_numbered(s, bad, 2);
	commit_numbered(s, event_batch(3), 3);
	commit_numbered(s, dangling, 4);
	commit_numbered(s, event_batch(5), 5);
	db_do(shell, "COMMIT");
	wait_for(s, 5);
	assert_int_equal(ring.failures, 2);
	assert_non_null(strstr(ring.text, "runs"));
	assert_non_null(strstr(ring.text, "FOREIGN KEY"));
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), 3);
	assert_int_equal(db_ask(shell, "SELECT sum(seq) FROM events"), 1 + 3 + 5);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM fleets"), 0);

	/* Inline, and its words. */
	sqlite3_close(shell);
	close_ringing(s);
	memset(&ring, 0, sizeof(ring));
	ring.owner = pthread_self();
	s = db_open(*state, false);
	bad = event_batch(6);
	store_batch_fleet(bad, &none);
	commit_numbered(s, bad, 1);
	commit_numbered(s, event_batch(7), 2);
	assert_int_equal(store_deliver(s), 2);
	assert_int_equal(ring.failures, 1);
	assert_non_null(strstr(ring.text, "fleets: CHECK constraint failed"));
	store_close(s);
}

static void test_somebody_holds_the_lock(void **state)
{
	struct store *s = open_ringing(*state);
	sqlite3 *shell = db_shell(*state);
	duration began;

	db_do(shell, "BEGIN IMMEDIATE");
	began = clock_boot();
	commit_numbered(s, event_batch(1), 1);
	wait_for(s, 1);
	assert_true(clock_boot() - began >= 4 * SECOND);
	assert_int_equal(ring.failures, 1);
	assert_non_null(strstr(ring.text, "locked by another program"));
	db_do(shell, "COMMIT");
	commit_numbered(s, event_batch(2), 2);
	wait_for(s, 2);
	assert_int_equal(ring.failures, 1);
	assert_int_equal(db_ask(shell, "SELECT count(*) FROM events"), 1);
	sqlite3_close(shell);
	close_ringing(s);
}

static void test_the_file_goes_away(void **state)
{
	struct db_place *p = *state;
	struct store *s = open_ringing(p);
	char away[128];

	snprintf(away, sizeof(away), "%s/away", p->dir);
	assert_int_equal(rename(p->path, away), 0);
	commit_numbered(s, event_batch(1), 1);
	wait_for(s, 1);
	assert_int_equal(ring.failures, 1);
	assert_non_null(strstr(ring.text, "moved or deleted"));
	assert_int_equal(rename(away, p->path), 0);
	commit_numbered(s, event_batch(2), 2);
	wait_for(s, 2);
	assert_int_equal(ring.failures, 1);
	close_ringing(s);
}

/* A batch of several pages, so that a commit is several writes. */
static struct store_batch *big_batch(int64_t seq)
{
	struct store_batch *b = event_batch(seq);
	struct fleet f = db_fleet(1000 + seq);

	memset(f.reason, 'r', sizeof(f.reason) - 1);
	for (int64_t k = 0; k < 20; k++) {
		f.object.id = 1000 * seq + k;
		store_batch_fleet(b, &f);
	}
	return b;
}

static void count_acks(void *arg, const struct err *error)
{
	int64_t *at = arg;

	if (!error)
		*at = -*at;
	else
		assert_true(*error->msg);
}

/*
 * The disk fails at its n-th operation and stays broken for the rest of two commits, for every n, for every way to fail: what was
 * acknowledged is there afterwards, and the store goes on when the disk does.
 */
static void sweep(struct db_place *p, int code, const char *words)
{
	bool touched = true;

	for (int n = 1; touched; n++) {
		struct store *s = db_open(p, false);
		int64_t acks[3] = { 3 * n, 3 * n + 1, 3 * n + 2 };
		sqlite3 *shell;
		struct err e = { 0 };

		db_disk_fail(FAULT_ERROR, n, code);
		store_commit(s, big_batch(acks[0]), count_acks, &acks[0]);
		store_commit(s, big_batch(acks[1]), count_acks, &acks[1]);
		touched = db_disk_changes() >= n;
		store_deliver(s);
		assert_true(acks[1] < 0 || touched);
		if (touched && n == 1) {
			memset(&ring, 0, sizeof(ring));
			ring.owner = pthread_self();
			commit_numbered(s, event_batch(9999999), 1);
			store_deliver(s);
			assert_int_equal(ring.failures, 1);
			assert_non_null(strstr(ring.text, words));
		}
		db_disk_heal();
		store_commit(s, big_batch(acks[2]), count_acks, &acks[2]);
		store_deliver(s);
		assert_true(acks[2] < 0);
		store_close(s);

		assert_int_equal(store_open(&s, &(struct store_options){ .path = p->path }, &e), 0); /* quick_check */
		store_close(s);
		shell = db_shell(p);
		for (size_t k = 0; k < 3; k++) {
			char sql[128];

			snprintf(sql, sizeof(sql), "SELECT count(*) FROM fleets WHERE id / 1000 = %lld", (long long)llabs(acks[k]));
			assert_true(acks[k] > 0 || db_ask(shell, sql) == 20);
			/* Whole or not at all. */
			assert_true(db_ask(shell, sql) == 20 || db_ask(shell, sql) == 0);
		}
		sqlite3_close(shell);
		assert_true(n < 500);
	}
}

static void test_disk_full(void **state)
{
	db_disk();
	sweep(*state, SQLITE_FULL, "no space left");
}

static void test_disk_broken(void **state)
{
	db_disk();
	sweep(*state, SQLITE_IOERR_WRITE, "reading or writing");
}

static void test_disk_read_only(void **state)
{
	db_disk();
	sweep(*state, SQLITE_READONLY, "cannot be written");
}

/* ---- kill -9 ---- */

static void say_ack(void *arg, const struct err *error)
{
	struct numbered *n = arg;

	if (error || write(ring.pipe[1], &n->seq, sizeof(n->seq)) != sizeof(n->seq))
		_exit(1);
	free(n);
}

static void child_writes(const struct db_place *p)
{
	struct store *s;
	int64_t next = 1;

	if (store_open(&s, &(struct store_options){ .path = p->path, .threaded = true }, NULL) < 0)
		_exit(2);
	for (;;) {
		for (int k = 0; k < 5; k++) {
			struct numbered *n = xmalloc(sizeof(*n));

			n->seq = next++;
			store_commit(s, big_batch(n->seq), say_ack, n);
		}
		while (!store_deliver(s))
			usleep(200);
	}
}

static void test_kill_9(void **state)
{
	struct db_place *p = *state;

	for (int trial = 1; trial <= 5; trial++) {
		int64_t last = 0, seq;
		sqlite3 *shell;
		char sql[128];
		pid_t pid;
		int status;

		assert_int_equal(pipe(ring.pipe), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(ring.pipe[0]);
			child_writes(p);
		}
		close(ring.pipe[1]);
		while (last < 7 * trial && read(ring.pipe[0], &seq, sizeof(seq)) == sizeof(seq))
			last = seq;
		assert_true(last >= 7 * trial);
		kill(pid, SIGKILL);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		while (read(ring.pipe[0], &seq, sizeof(seq)) == sizeof(seq))
			last = seq;
		close(ring.pipe[0]);

		store_close(db_open(p, false));
		shell = db_shell(p);
		snprintf(sql, sizeof(sql), "SELECT count(*) FROM fleets WHERE id / 1000 <= %lld", (long long)last);
		assert_int_equal(db_ask(shell, sql), 20 * last);
		/* Nothing is half there. */
		assert_int_equal(db_ask(shell, "SELECT count(*) % 20 FROM fleets"), 0);
		assert_int_equal(db_ask(shell, "SELECT 20 * count(*) - (SELECT count(*) FROM fleets) FROM events"), 0);
		db_do(shell, "DELETE FROM events; DELETE FROM fleets");
		sqlite3_close(shell);
	}
}

static void test_nobody_else_can_read(void **state)
{
	struct db_place *p = *state;
	static const char *const ends[] = { "", "-wal", "-shm" };
	mode_t old = umask(0);
	struct store *s = db_open(p, true);
	struct stat st;
	char path[128];

	assert_int_equal(umask(old), 0); /* as it was before */
	for (size_t k = 0; k < ARRAY_LEN(ends); k++) {
		snprintf(path, sizeof(path), "%s%s", p->path, ends[k]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
	store_close(s);
	store_close(NULL);
	store_batch_free(NULL);
	/* Closed cleanly: all is in the one file. */
	snprintf(path, sizeof(path), "%s-wal", p->path);
	assert_int_equal(stat(path, &st), -1);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_every_column_comes_back), TEST(test_every_name_comes_back), TEST(test_every_member_has_a_column),
		TEST(test_a_batch_is_a_value), TEST(test_events_and_results), TEST(test_what_is_loaded), TEST(test_an_empty_database),
		TEST(test_an_unknown_name_is_not_loaded), TEST(test_meta), TEST(test_order_and_groups),
		TEST(test_close_writes_what_waits), TEST(test_a_callback_may_commit), TEST(test_inline), TEST(test_a_bad_batch_fails_alone),
		TEST(test_somebody_holds_the_lock), TEST(test_the_file_goes_away), TEST(test_kill_9), TEST(test_nobody_else_can_read),
		TEST(test_disk_full), TEST(test_disk_broken), TEST(test_disk_read_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
