/*
 * One writer: a thread that takes every batch that waits, puts each into its own savepoint of one transaction, commits, and
 * hands the answers back. Inline (not threaded) the same functions run in store_commit().
 */
#include "db/store.h"
#include "base/mutant.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/db_private.h"

#include <pthread.h>
#include <signal.h>
#include <sys/stat.h>

struct job {
	struct list link;
	struct store_batch *batch;
	void (*done)(void *arg, const struct err *error);
	void *arg;
	struct err error;
};

struct store {
	struct store_options o; /* o.path is not kept */
	pthread_t thread;
	pthread_mutex_t connection; /* held while db or saver are used; taken before `lock` where both are */
	sqlite3 *db;
	struct saver *saver;
	pthread_mutex_t lock; /* guards what follows; never held during I/O */
	pthread_cond_t work;
	pthread_cond_t idle;
	struct list waiting, answered;
	bool ending, busy; /* busy: the writer has a group in hand, or is calling wake for it */
	struct store_stats stats;
};

/* ---- writing ---- */

static void move_all(struct list *to, struct list *from)
{
	list_for_each_safe(n, from) {
		list_remove(n);
		list_append(to, n);
	}
}

/*
 * One batch in a savepoint of its own: what fails alone fails alone, and leaves its error in the job. -1 with *group filled: the
 * transaction itself is lost (some disk errors make SQLite roll it back).
 */
static int save_job(struct store *s, struct job *j, struct err *group)
{
	if (sql_exec(s->db, "SAVEPOINT job", group) < 0)
		return -1;
	if (saver_save(s->saver, j->batch, &j->error) == 0)
		return sql_exec(s->db, "RELEASE job", group);
	if (sqlite3_get_autocommit(s->db)) {
		*group = j->error;
		return -1;
	}
	return sql_exec(s->db, "ROLLBACK TO job; RELEASE job", group);
}

static int save_jobs(struct store *s, struct list *jobs, struct err *e)
{
	if (database_moved(s->db))
		return err_set(e, ERR_FAILED, "the database '%s' was moved or deleted while it was open; put it back and restart the daemon",
		    sqlite3_db_filename(s->db, "main"));
	if (sql_exec(s->db, "BEGIN IMMEDIATE", e) < 0)
		return -1;
	list_for_each(n, jobs) {
		if (save_job(s, CONTAINER_OF(n, struct job, link), e) < 0)
			return -1;
	}
	return sql_exec(s->db, "COMMIT", e);
}

/* One transaction for all jobs of the list: a commit that fails fails all of them. They go to the answered ones. */
static void write_group(struct store *s, struct list *jobs)
{
	struct err e = { 0 };
	duration began = clock_boot(), took;
	int64_t rows = 0;

	pthread_mutex_lock(&s->connection);
	if (save_jobs(s, jobs, &e) < 0 && !sqlite3_get_autocommit(s->db))
		sql_exec(s->db, "ROLLBACK", NULL);
	pthread_mutex_unlock(&s->connection);
	took = clock_boot() - began;
	list_for_each(n, jobs) {
		struct job *j = CONTAINER_OF(n, struct job, link);

		if (e.code && !MUTANT("commit_error_ignored", false, true))
			j->error = e;
		else if (!j->error.code)
			rows += batch_rows(j->batch);
	}
	pthread_mutex_lock(&s->lock);
	s->stats.commits += !e.code;
	s->stats.rows += rows;
	if (took > s->stats.slowest)
		s->stats.slowest = took;
	list_for_each(n, jobs)
		s->stats.queued--;
	move_all(&s->answered, jobs);
	pthread_mutex_unlock(&s->lock);
}

static void *writer(void *arg)
{
	struct store *s = arg;
	struct list jobs = LIST_HEAD(jobs);

	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (list_empty(&s->waiting) && !s->ending)
			pthread_cond_wait(&s->work, &s->lock);
		if (list_empty(&s->waiting))
			break;
		move_all(&jobs, &s->waiting);
		s->busy = true;
		pthread_mutex_unlock(&s->lock);
		write_group(s, &jobs);
		if (s->o.wake)
			s->o.wake(s->o.wake_arg);
		pthread_mutex_lock(&s->lock);
		s->busy = false;
		pthread_cond_signal(&s->idle);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void store_commit(struct store *s, struct store_batch *b, void (*done)(void *arg, const struct err *error), void *arg)
{
	struct job *j = xcalloc(1, sizeof(*j));
	struct list jobs = LIST_HEAD(jobs);

	j->batch = b;
	j->done = done;
	j->arg = arg;
	pthread_mutex_lock(&s->lock);
	list_append(&s->waiting, &j->link);
	s->stats.queued++;
	if (s->o.threaded) {
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	move_all(&jobs, &s->waiting);
	pthread_mutex_unlock(&s->lock);
	write_group(s, &jobs);
	if (s->o.wake)
		s->o.wake(s->o.wake_arg);
}

int store_deliver(struct store *s)
{
	struct list jobs = LIST_HEAD(jobs);
	int count = 0;

	pthread_mutex_lock(&s->lock);
	move_all(&jobs, &s->answered);
	pthread_mutex_unlock(&s->lock);
	list_for_each_safe(n, &jobs) {
		struct job *j = CONTAINER_OF(n, struct job, link);

		list_remove(n);
		if (j->done)
			j->done(j->arg, j->error.code ? &j->error : NULL);
		store_batch_free(j->batch);
		free(j);
		count++;
	}
	return count;
}

void store_flush(struct store *s)
{
	do {
		pthread_mutex_lock(&s->lock);
		while (s->busy || (s->o.threaded && !list_empty(&s->waiting)))
			pthread_cond_wait(&s->idle, &s->lock);
		pthread_mutex_unlock(&s->lock);
	} while (store_deliver(s) > 0);
}

/* ---- life ---- */

/* Signals are the loop's. */
static int start_writer(struct store *s, struct err *e)
{
	sigset_t all, old;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(&s->thread, NULL, writer, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc == 0 ? 0 : err_set(e, ERR_FAILED, "cannot start the thread that writes the database: %s", strerror(rc));
}

int store_open(struct store **out, const struct store_options *o, struct err *e)
{
	struct store *s = xcalloc(1, sizeof(*s));

	s->o = *o;
	list_init(&s->waiting);
	list_init(&s->answered);
	pthread_mutex_init(&s->connection, NULL);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	pthread_cond_init(&s->idle, NULL);
	if (database_open(&s->db, o->path, e) < 0 || saver_open(&s->saver, s->db, e) < 0 || (o->threaded && start_writer(s, e) < 0)) {
		s->o.threaded = false;
		store_close(s);
		return -1;
	}
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	if (s->o.threaded) {
		pthread_mutex_lock(&s->lock);
		s->ending = true;
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		pthread_join(s->thread, NULL);
		s->o.threaded = false;
	}
	/* What a callback commits now is written at once. */
	while (store_deliver(s) > 0)
		;
	saver_close(s->saver);
	if (s->db)
		sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (sqlite3_close(s->db) != SQLITE_OK)
		log_error("the database was not closed cleanly");
	pthread_mutex_destroy(&s->connection);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	pthread_cond_destroy(&s->idle);
	free(s);
}

/* ---- on the caller's thread ---- */

int store_load(struct store *s, struct model *m, instant since, struct err *e)
{
	int r;

	pthread_mutex_lock(&s->connection);
	r = load_model(s->db, m, since, e);
	pthread_mutex_unlock(&s->connection);
	return r;
}

int store_copy(struct store *s, const char *path, struct err *e)
{
	char *sql = sqlite3_mprintf("VACUUM INTO %Q", path);
	mode_t old = umask(077);
	int r;

	pthread_mutex_lock(&s->connection);
	r = sql_exec(s->db, sql, e);
	pthread_mutex_unlock(&s->connection);
	umask(old);
	sqlite3_free(sql);
	return r;
}

static int meta(struct store *s, enum statement which, const char *key, const char *value, char **answer, struct err *e)
{
	sqlite3_stmt *st;
	int rc = SQLITE_ERROR;

	pthread_mutex_lock(&s->connection);
	st = sql_prepare(s->db, statements[which], e);
	if (st) {
		sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
		if (value)
			sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			*answer = xstrdup((const char *)sqlite3_column_text(st, 0));
		else if (rc != SQLITE_DONE)
			sql_error(s->db, e, "meta");
		sqlite3_finalize(st);
	}
	pthread_mutex_unlock(&s->connection);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : -1;
}

int store_meta_get(struct store *s, const char *key, char **value, struct err *e)
{
	*value = NULL;
	return meta(s, SQL_META_GET, key, NULL, value, e);
}

int store_meta_set(struct store *s, const char *key, const char *value, struct err *e)
{
	return meta(s, SQL_META_SET, key, value, NULL, e);
}

void store_get_stats(struct store *s, struct store_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
}
