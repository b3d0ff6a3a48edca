/*
 * Migrations: db/migrations/NNNN_name.sql, each in one transaction with its user_version. A newer database is refused; an older
 * one is copied beside itself first.
 */
#include "base/embed.h"
#include "base/log.h"
#include "db/db_private.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static int sync_path(const char *path, int flags, struct err *e)
{
	int fd = open(path, flags | O_CLOEXEC), r = 0;

	if (fd < 0 || fsync(fd) < 0)
		r = err_errno(e, ERR_FAILED, "cannot write the copy '%s'", path);
	if (fd >= 0)
		close(fd);
	return r;
}

static int sync_directory_of(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char *dir = !slash ? xstrdup(".") : slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
	int r = sync_path(dir, O_RDONLY | O_DIRECTORY, e);

	free(dir);
	return r;
}

/* Under a name of its own until it is whole and on the disk. An older copy of the same step is replaced. */
static int back_up(sqlite3 *db, const char *path, int64_t next, struct err *e)
{
	char *copy = xasprintf("%s.before-%lld", path, (long long)next), *part = xasprintf("%s.part", copy);
	char *sql = sqlite3_mprintf("VACUUM INTO %Q", part);
	mode_t old = umask(077);
	int r = -1;

	unlink(part);
	if (sql_exec(db, sql, e) < 0 || sync_path(part, O_RDWR, e) < 0)
		err_wrap(e, "no copy could be made before the database is changed, so it was left alone");
	else if (rename(part, copy) < 0)
		err_errno(e, ERR_FAILED, "cannot rename '%s'", part);
	else
		r = sync_directory_of(copy, e);
	umask(old);
	if (r == 0)
		log_info("the database was copied to '%s' before it is changed", copy);
	else
		unlink(part);
	sqlite3_free(sql);
	free(part);
	free(copy);
	return r;
}

static int check_references(sqlite3 *db, struct err *e)
{
	int64_t broken;

	if (sql_int(db, "SELECT count(*) FROM pragma_foreign_key_check", &broken, e) < 0)
		return -1;
	return broken ? err_set(e, ERR_FAILED, "%lld rows would refer to nothing", (long long)broken) : 0;
}

static int apply(sqlite3 *db, const struct migration *m, struct err *e)
{
	char *stamp = xasprintf("PRAGMA application_id=%d; PRAGMA user_version=%lld; COMMIT", APPLICATION_ID, (long long)m->version);
	int r = -1;

	if (sql_exec(db, "BEGIN IMMEDIATE", e) == 0 && sql_exec(db, m->sql, e) == 0 && check_references(db, e) == 0)
		r = sql_exec(db, stamp, e);
	free(stamp);
	if (r == 0)
		return 0;
	if (!sqlite3_get_autocommit(db))
		sql_exec(db, "ROLLBACK", NULL);
	return err_wrap(e, "%s was not applied", m->name);
}

int migrate_with(sqlite3 *db, const char *path, const struct migration *list, size_t count, struct err *e)
{
	int64_t version, newest = count ? list[count - 1].version : 0;
	int r = 0;

	if (sql_int(db, "PRAGMA user_version", &version, e) < 0)
		return -1;
	if (version > newest)
		return err_set(e, ERR_FAILED, "the database '%s' is of a newer gpufleet (schema %lld, this one knows %lld); use that version",
		    path, (long long)version, (long long)newest);
	if (version == newest)
		return 0;
	if (version && back_up(db, path, version + 1, e) < 0)
		return -1;
	/* A table that others refer to can only be rebuilt without the watch; each migration is checked as a whole instead. */
	if (sql_exec(db, "PRAGMA foreign_keys=OFF", e) < 0)
		return -1;
	for (size_t k = 0; k < count && r == 0; k++)
		if (list[k].version > version)
			r = apply(db, &list[k], e);
	if (sql_exec(db, "PRAGMA foreign_keys=ON", r == 0 ? e : NULL) < 0)
		r = -1;
	return r;
}

int migrate(sqlite3 *db, const char *path, struct err *e)
{
	static const char prefix[] = "db/migrations/";
	struct migration *list = NULL;
	size_t count = 0;
	int r;

	for (const struct embedded *f = NULL; (f = embed_next(prefix, f)); count++) {
		list = xreallocarray(list, count + 1, sizeof(*list));
		list[count] = (struct migration){ strtoll(f->name + strlen(prefix), NULL, 10), f->name, f->data };
		if (list[count].version != (int64_t)count + 1)
			BUG("%s is not number %zu", f->name, count + 1);
	}
	r = migrate_with(db, path, list, count, e);
	free(list);
	return r;
}
