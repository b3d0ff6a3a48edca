/*
 * Migrations: db/migrations/NNNN_name.sql, each in one transaction with its user_version. A newer database is refused; an older
 * one is copied beside itself first.
 */
#include "base/embed.h"
#include "base/log.h"
#include "base/str.h"
#include "db/db_private.h"

#include <sys/stat.h>

static int64_t number_of(const struct embedded *f)
{
	return strtoll(f->name + strlen("db/migrations/"), NULL, 10);
}

static int64_t newest(void)
{
	int64_t n = 0;

	for (const struct embedded *f = NULL; (f = embed_next("db/migrations/", f));)
		n = number_of(f) > n ? number_of(f) : n;
	return n;
}

static int back_up(sqlite3 *db, const char *path, int64_t version, struct err *e)
{
	char *copy = xasprintf("%s.before-%lld", path, (long long)version + 1);
	char *sql = sqlite3_mprintf("VACUUM INTO %Q", copy);
	struct stat st;
	mode_t old = umask(077);
	int r = stat(copy, &st) == 0 ? 0 : sql_exec(db, sql, e);

	umask(old);
	if (r == 0)
		log_info("the database was copied to '%s' before it is changed", copy);
	sqlite3_free(sql);
	free(copy);
	return r;
}

static int apply(sqlite3 *db, const struct embedded *f, struct err *e)
{
	char *tail = xasprintf("; PRAGMA application_id=%d; PRAGMA user_version=%lld; COMMIT", APPLICATION_ID, (long long)number_of(f));
	char *sql = xasprintf("BEGIN IMMEDIATE; %s%s", f->data, tail);
	int r = sql_exec(db, sql, e);

	if (r < 0) {
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
		err_wrap(e, "%s", f->name);
	}
	free(sql);
	free(tail);
	return r;
}

int migrate(sqlite3 *db, const char *path, struct err *e)
{
	int64_t version;

	if (sql_int(db, "PRAGMA user_version", &version, e) < 0)
		return -1;
	if (version > newest())
		return err_set(e, ERR_FAILED, "the database '%s' is of a newer gpufleet (schema %lld, this one knows %lld); use that version",
		    path, (long long)version, (long long)newest());
	if (version && version < newest() && back_up(db, path, version, e) < 0)
		return -1;
	for (const struct embedded *f = NULL; (f = embed_next("db/migrations/", f));)
		if (number_of(f) > version && apply(db, f, e) < 0)
			return -1;
	return 0;
}
