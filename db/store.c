/*
 * One writer: a thread that takes every batch that waits, puts each into its own savepoint of one transaction, commits, and
 * hands the answers back. Inline (not threaded) the same functions run in store_commit().
 */
#include "db/store.h"
#include "base/clock.h"
#include "base/log.h"
#include "db/db_private.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

struct job {
	struct list link;
	struct store_batch *batch;
	void (*done)(void *arg, const struct err *error);
	void *arg;
	struct err error;
};

struct store {
	sqlite3 *db;
	struct saver *saver;
	struct store_options o;
	char *path;
	pthread_t thread;
	pthread_mutex_t lock; /* guards the lists, `ending`, the statistics, and the connection itself through `busy` */
	pthread_cond_t work;
	struct list waiting, answered;
	bool ending;
	struct store_stats stats;
};

int sql_error(sqlite3 *db, struct err *e, const char *doing)
{
	const char *file = sqlite3_db_filename(db, "main");
	int rc = sqlite3_errcode(db);

	switch (rc & 0xff) {
	case SQLITE_FULL:
		return err_set(e, ERR_FAILED, "no space left for the database '%s'; free some, the daemon tries again", file);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return err_set(e, ERR_FAILED, "the database '%s' is locked by another program; end that (sqlite3 shell?)", file);
	case SQLITE_READONLY:
	case SQLITE_IOERR:
		return err_set(e, ERR_FAILED, "the database '%s' cannot be written (%s)", file, sqlite3_errmsg(db));
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return err_set(e, ERR_FAILED, "the database '%s' is damaged (%s); move it away and restore a backup", file,
		    sqlite3_errmsg(db));
	default: return err_set(e, ERR_FAILED, "database: %s: %s", doing, sqlite3_errmsg(db));
	}
}

int sql_exec(sqlite3 *db, const char *sql, struct err *e)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sql_error(db, e, "cannot execute");
}

int sql_int(sqlite3 *db, const char *sql, int64_t *out, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
		return sql_error(db, e, sql);
	rc = sqlite3_step(st);
	*out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_error(db, e, sql);
}

/* ---- writing ---- */

static void save_job(struct store *s, struct job *j)
{
	if (sql_exec(s->db, "SAVEPOINT job", &j->error) < 0)
		return;
	if (saver_save(s->saver, j->batch, &j->error) < 0) {
		sql_exec(s->db, "ROLLBACK TO job", NULL);
		sql_exec(s->db, "RELEASE job", NULL);
	} else {
		sql_exec(s->db, "RELEASE job", &j->error);
	}
}

/* One transaction for all jobs of the list. What fails alone fails alone; a commit that fails fails all. */
static void write_group(struct store *s, struct list *jobs)
{
	struct err e = { 0 };
	duration began = clock_boot(), took;
	int64_t rows = 0;

	if (sql_exec(s->db, "BEGIN IMMEDIATE", &e) == 0) {
		list_for_each(n, jobs) {
			save_job(s, CONTAINER_OF(n, struct job, link));
			rows += batch_rows(CONTAINER_OF(n, struct job, link)->batch);
		}
		if (sql_exec(s->db, "COMMIT", &e) < 0)
			sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	}
	took = clock_boot() - began;
	if (e.code)
		list_for_each(n, jobs)
			CONTAINER_OF(n, struct job, link)->error = e;
	pthread_mutex_lock(&s->lock);
	s->stats.commits++;
	s->stats.rows += rows;
	if (took > s->stats.slowest)
		s->stats.slowest = took;
	list_for_each_safe(n, jobs) {
		list_remove(n);
		list_append(&s->answered, n);
	}
	pthread_mutex_unlock(&s->lock);
}

static void take_waiting(struct store *s, struct list *jobs)
{
	list_init(jobs);
	list_for_each_safe(n, &s->waiting) {
		list_remove(n);
		list_append(jobs, n);
	}
}

static void *writer(void *arg)
{
	struct store *s = arg;
	struct list jobs;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		while (list_empty(&s->waiting) && !s->ending)
			pthread_cond_wait(&s->work, &s->lock);
		if (list_empty(&s->waiting))
			break;
		take_waiting(s, &jobs);
		pthread_mutex_unlock(&s->lock);
		write_group(s, &jobs);
		if (s->o.wake)
			s->o.wake(s->o.wake_arg);
		pthread_mutex_lock(&s->lock);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

void store_commit(struct store *s, struct store_batch *b, void (*done)(void *arg, const struct err *error), void *arg)
{
	struct job *j = xcalloc(1, sizeof(*j));
	struct list jobs;

	j->batch = b;
	j->done = done;
	j->arg = arg;
	pthread_mutex_lock(&s->lock);
	list_append(&s->waiting, &j->link);
	if (s->o.threaded) {
		pthread_cond_signal(&s->work);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	take_waiting(s, &jobs);
	pthread_mutex_unlock(&s->lock);
	write_group(s, &jobs);
	if (s->o.wake)
		s->o.wake(s->o.wake_arg);
}

int store_deliver(struct store *s)
{
	struct list jobs;
	int n_done = 0;

	list_init(&jobs);
	pthread_mutex_lock(&s->lock);
	list_for_each_safe(n, &s->answered) {
		list_remove(n);
		list_append(&jobs, n);
	}
	pthread_mutex_unlock(&s->lock);
	list_for_each_safe(n, &jobs) {
		struct job *j = CONTAINER_OF(n, struct job, link);

		list_remove(n);
		if (j->done)
			j->done(j->arg, j->error.code ? &j->error : NULL);
		store_batch_free(j->batch);
		free(j);
		n_done++;
	}
	return n_done;
}

/* ---- opening ---- */

static int check_place(const char *path, struct err *e)
{
	/* Locks and mmap of the WAL index do not work over a network (libraries.md §6). */
	static const long network[] = { 0x6969 /* NFS */, 0x517b /* SMB */, (long)0xff534d42u /* CIFS */, (long)0xfe534d42u /* SMB2 */ };
	struct statfs fs;
	struct stat st;
	char *dir = xstrdup(path), *slash = strrchr(dir, '/');

	if (slash)
		*slash = '\0';
	if (statfs(slash ? dir : ".", &fs) == 0)
		for (size_t k = 0; k < ARRAY_LEN(network); k++)
			if ((long)fs.f_type == network[k]) {
				err_set(e, ERR_FAILED, "'%s' is on a network file system; put state_dir on a local disk", path);
				free(dir);
				return -1;
			}
	free(dir);
	if (stat(path, &st) == 0 && (st.st_mode & 077))
		return err_set(e, ERR_FAILED, "the database '%s' can be read by others; run: chmod 600 '%s'", path, path);
	return 0;
}

static int check_contents(sqlite3 *db, const char *path, struct err *e)
{
	int64_t id, tables;
	sqlite3_stmt *st;
	const char *text;
	bool ok;

	if (sqlite3_libversion_number() == 3052000)
		return err_set(e, ERR_FAILED, "SQLite 3.52.0 was withdrawn because it can lose data; install another version");
	if (sql_int(db, "PRAGMA application_id", &id, e) < 0 || sql_int(db, "SELECT count(*) FROM sqlite_master", &tables, e) < 0)
		return -1;
	if (id != APPLICATION_ID && tables)
		return err_set(e, ERR_FAILED, "'%s' is not a gpufleet database", path);
	if (sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &st, NULL) != SQLITE_OK)
		return sql_error(db, e, "checking");
	ok = sqlite3_step(st) == SQLITE_ROW && (text = (const char *)sqlite3_column_text(st, 0)) && !strcmp(text, "ok");
	sqlite3_finalize(st);
	if (!ok)
		return err_set(e, ERR_FAILED, "the database '%s' is damaged; move it away and restore a backup", path);
	return 0;
}

static int open_database(struct store *s, struct err *e)
{
	mode_t old = umask(077);
	int rc = sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	umask(old);
	if (rc != SQLITE_OK)
		return err_set(e, ERR_FAILED, "cannot open the database '%s': %s", s->path,
		    s->db ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
	sqlite3_busy_timeout(s->db, 5000);
	sqlite3_extended_result_codes(s->db, 1);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (sql_exec(s->db, "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON; PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; "
			    "PRAGMA mmap_size=0", e) < 0 || check_contents(s->db, s->path, e) < 0)
		return -1;
	if (sql_exec(s->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=1000; "
			    "PRAGMA journal_size_limit=67108864", e) < 0 || migrate(s->db, s->path, e) < 0)
		return -1;
	return saver_open(&s->saver, s->db, e);
}

int store_open(struct store **out, const struct store_options *o, struct err *e)
{
	struct store *s;

	if (check_place(o->path, e) < 0)
		return -1;
	s = xcalloc(1, sizeof(*s));
	s->o = *o;
	s->path = xstrdup(o->path);
	list_init(&s->waiting);
	list_init(&s->answered);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->work, NULL);
	if (open_database(s, e) < 0) {
		s->o.threaded = false;
		store_close(s);
		return -1;
	}
	if (o->threaded && pthread_create(&s->thread, NULL, writer, s) != 0)
		BUG("the writer thread cannot be started");
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	pthread_mutex_lock(&s->lock);
	s->ending = true;
	pthread_cond_signal(&s->work);
	pthread_mutex_unlock(&s->lock);
	if (s->o.threaded)
		pthread_join(s->thread, NULL);
	store_deliver(s);
	saver_close(s->saver);
	if (s->db && sqlite3_close(s->db) != SQLITE_OK)
		log_error("the database was not closed cleanly");
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->work);
	free(s->path);
	free(s);
}

/* ---- before the first commit, on the caller's thread: the writer sleeps ---- */

int store_load(struct store *s, struct model *m, instant since, struct err *e)
{
	return load_model(s->db, m, since, e);
}

int store_meta_get(struct store *s, const char *key, char **value, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	*value = NULL;
	if (sqlite3_prepare_v2(s->db, "SELECT value FROM meta WHERE key = ?", -1, &st, NULL) != SQLITE_OK)
		return sql_error(s->db, e, "meta");
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	if (rc == SQLITE_ROW)
		*value = xstrdup((const char *)sqlite3_column_text(st, 0));
	sqlite3_finalize(st);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : sql_error(s->db, e, "meta");
}

int store_meta_set(struct store *s, const char *key, const char *value, struct err *e)
{
	sqlite3_stmt *st;
	int rc;

	if (sqlite3_prepare_v2(s->db, "INSERT INTO meta VALUES(?,?) ON CONFLICT(key) DO UPDATE SET value=excluded.value", -1, &st,
		NULL) != SQLITE_OK)
		return sql_error(s->db, e, "meta");
	sqlite3_bind_text(st, 1, key, -1, SQLITE_STATIC);
	sqlite3_bind_text(st, 2, value, -1, SQLITE_STATIC);
	rc = sqlite3_step(st);
	sqlite3_finalize(st);
	return rc == SQLITE_DONE ? 0 : sql_error(s->db, e, "meta");
}

void store_get_stats(struct store *s, struct store_stats *out)
{
	pthread_mutex_lock(&s->lock);
	*out = s->stats;
	pthread_mutex_unlock(&s->lock);
}

const char *store_library_version(void)
{
	return sqlite3_libversion();
}
