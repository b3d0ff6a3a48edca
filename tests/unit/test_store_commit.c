/* Commits: what was acknowledged is there, what fails fails alone and says why, and the store goes on when the disk does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "base/clock.h"
#include "base/str.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

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
		commit_numbered(s, db_event_batch(k), k);
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
		commit_numbered(s, db_event_batch(k), k);
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
		commit_numbered(s, db_event_batch(k), k);
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
	store_commit(s, db_event_batch(2), NULL, NULL);
}

static void test_a_callback_may_commit(void **state)
{
	for (int threaded = 0; threaded < 2; threaded++) {
		struct store *s = db_open(*state, threaded);
		sqlite3 *shell;

		store_commit(s, db_event_batch(1), commit_more, s);
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
	store_commit(s, db_event_batch(1), answered, n);
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
	struct store_batch *bad = db_event_batch(2), *dangling = db_event_batch(4);
	struct fleet none = db_fleet(1), good = db_fleet(3);
	struct run lost = db_run(9, 8, 0);

	none.gpu_count = 0; /* a CHECK */
	store_batch_fleet(bad, &good); /* goes with the one that does not */
	store_batch_fleet(bad, &none);
	store_batch_run(dangling, &lost); /* a reference: there is no fleet 8 */

	/* All five in one group. */
	db_do(shell, "BEGIN IMMEDIATE");
	commit_numbered(s, db_event_batch(1), 1);
	commit_numbered(s, bad, 2);
	commit_numbered(s, db_event_batch(3), 3);
	commit_numbered(s, dangling, 4);
	commit_numbered(s, db_event_batch(5), 5);
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
	bad = db_event_batch(6);
	store_batch_fleet(bad, &none);
	commit_numbered(s, bad, 1);
	commit_numbered(s, db_event_batch(7), 2);
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
	commit_numbered(s, db_event_batch(1), 1);
	wait_for(s, 1);
	assert_true(clock_boot() - began >= 4 * SECOND);
	assert_int_equal(ring.failures, 1);
	assert_non_null(strstr(ring.text, "locked by another program"));
	db_do(shell, "COMMIT");
	commit_numbered(s, db_event_batch(2), 2);
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
	char away[200];

	snprintf(away, sizeof(away), "%s/away", p->dir);
	assert_int_equal(rename(p->path, away), 0);
	commit_numbered(s, db_event_batch(1), 1);
	wait_for(s, 1);
	assert_int_equal(ring.failures, 1);
	assert_non_null(strstr(ring.text, "moved or deleted"));
	assert_int_equal(rename(away, p->path), 0);
	commit_numbered(s, db_event_batch(2), 2);
	wait_for(s, 2);
	assert_int_equal(ring.failures, 1);
	close_ringing(s);
}

/* A batch of several pages, so that a commit is several writes. */
static struct store_batch *big_batch(int64_t seq)
{
	struct store_batch *b = db_event_batch(seq);
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
			commit_numbered(s, db_event_batch(9999999), 1);
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

/* A batch larger than SQLite's cache meets the full disk before the commit, and takes the transaction with it. */
static void test_disk_full_within_a_batch(void **state)
{
	struct store *s;
	sqlite3 *shell;
	struct store_batch *huge = db_event_batch(2);
	struct fleet f = db_fleet(1);

	db_disk();
	memset(f.reason, 'r', sizeof(f.reason) - 1);
	for (int64_t k = 1; k <= 12000; k++) {
		f.object.id = k;
		store_batch_fleet(huge, &f);
	}
	s = open_ringing(*state);
	shell = db_shell(*state);
	db_do(shell, "BEGIN IMMEDIATE");
	commit_numbered(s, db_event_batch(1), 1);
	commit_numbered(s, huge, 2);
	commit_numbered(s, db_event_batch(3), 3);
	db_disk_fail(FAULT_ERROR, 1, SQLITE_FULL);
	db_do(shell, "COMMIT");
	wait_for(s, 3);
	assert_int_equal(ring.failures, 3);
	assert_non_null(strstr(ring.text, "no space left"));
	db_disk_heal();
	assert_int_equal(db_ask(shell, "SELECT (SELECT count(*) FROM events) + (SELECT count(*) FROM fleets)"), 0);
	commit_numbered(s, db_event_batch(4), 4);
	wait_for(s, 4);
	assert_int_equal(ring.failures, 3);
	sqlite3_close(shell);
	close_ringing(s);
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
	char path[200];

	assert_int_equal(umask(old), 0); /* as it was before */
	store_commit(s, db_event_batch(1), NULL, NULL);
	while (!store_deliver(s))
		usleep(1000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(test_order_and_groups),
		DB_TEST(test_close_writes_what_waits),
		DB_TEST(test_a_callback_may_commit),
		DB_TEST(test_inline),
		DB_TEST(test_a_bad_batch_fails_alone),
		DB_TEST(test_somebody_holds_the_lock),
		DB_TEST(test_the_file_goes_away),
		DB_TEST(test_kill_9),
		DB_TEST(test_nobody_else_can_read),
		DB_TEST(test_disk_full),
		DB_TEST(test_disk_broken),
		DB_TEST(test_disk_read_only),
		DB_TEST(test_disk_full_within_a_batch),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
