/* Opening: the schema and the column tables agree; what is not ours, newer, damaged or open to others is refused untouched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "db_help.h"

#include "base/embed.h"
#include "base/log.h"
#include "base/str.h"
#include "db/history.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCHEMA 15 /* the last file of db/migrations/ */

/* ---- the schema ---- */

static const char *type_of(enum column_kind kind)
{
	return kind == COLUMN_REAL ? "REAL" : kind == COLUMN_TEXT || kind == COLUMN_OWNED || kind == COLUMN_NAMED ? "TEXT" : "INTEGER";
}

/* Name, type and NOT NULL of each column, in the same order, none more and none less. */
static void compare_table(sqlite3 *db, const struct row_kind *k)
{
	char *sql = xasprintf("SELECT name, type, \"notnull\", pk FROM pragma_table_info('%s') ORDER BY cid", k->table);
	struct err e = { 0 };
	sqlite3_stmt *st = sql_prepare(db, sql, &e);
	struct buf key = BUF(200);
	bool nullable;
	size_t n = 0;

	assert_non_null(st);
	for (; sqlite3_step(st) == SQLITE_ROW; n++) {
		const char *name = (const char *)sqlite3_column_text(st, 0), *type = (const char *)sqlite3_column_text(st, 1);
		const struct column *c = &k->columns[n];

		assert_true(n < k->count);
		if (strcmp(c->name, name) != 0)
			fail_msg("%s: column %zu is '%s' in the schema, '%s' in rows.c", k->table, n, name, c->name);
		if (strcmp(type_of(c->kind), type) != 0)
			fail_msg("%s.%s: %s in the schema", k->table, name, type);
		/* NULL is for owned strings and missing figures; of an integer key it need not be said. */
		nullable = c->kind == COLUMN_OWNED || c->kind == COLUMN_REAL || (c->kind == COLUMN_I64 && !strcmp(k->key, name));
		if (sqlite3_column_int(st, 2) == nullable)
			fail_msg("%s.%s: NOT NULL is wrong", k->table, name);
		assert_int_equal(sqlite3_column_int(st, 3), n < k->key_columns ? n + 1 : 0);
		if (n < k->key_columns)
			buf_printf(&key, "%s%s", n ? ", " : "", name);
	}
	assert_int_equal(n, k->count);
	assert_string_equal(buf_str(&key), k->key);
	buf_free(&key);
	sqlite3_finalize(st);
	free(sql);
}

static void test_the_schema_is_the_column_tables(void **state)
{
	struct store *s = db_open(*state, false);
	sqlite3 *db = db_shell(*state);

	for (size_t t = 0; t < ROW_TABLES; t++)
		compare_table(db, &row_kinds[t]);
	/* Those and meta; all of them strict, so that no text gets into an integer. */
	assert_int_equal(db_ask(db, "SELECT count(*) FROM sqlite_schema WHERE type = 'table'"), ROW_TABLES + 1);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND NOT strict AND "
				    "name NOT LIKE 'sqlite_%'"), 0);
	/* A boolean is 0 or 1. */
	for (size_t t = 0; t < ROW_TABLES; t++)
		for (size_t c = 0; c < row_kinds[t].count; c++) {
			char *sql;

			if (row_kinds[t].columns[c].kind != COLUMN_BOOL)
				continue;
			sql = xasprintf("SELECT sql LIKE '%%%s INTEGER NOT NULL CHECK (%s IN (0, 1))%%' FROM sqlite_schema WHERE name = '%s'",
			    row_kinds[t].columns[c].name, row_kinds[t].columns[c].name, row_kinds[t].table);
			assert_int_equal(db_ask(db, sql), 1);
			free(sql);
		}
	sqlite3_close(db);
	store_close(s);
}

static void test_every_statement_is_understood(void **state)
{
	struct store *s = db_open(*state, false);
	sqlite3 *db = db_shell(*state);

	for (size_t k = 0; k < STATEMENTS; k++) {
		struct err e = { 0 };
		sqlite3_stmt *st = sql_prepare(db, statements[k], &e);

		if (!st)
			fail_msg("statement %zu: %s", k, e.msg);
		sqlite3_finalize(st);
	}
	sqlite3_close(db);
	store_close(s);
}

/* The questions that are asked often, or of much, do not walk through a whole table. */
static void test_questions_use_an_index(void **state)
{
	static const enum statement indexed[] = { SQL_EVENTS_OF_FLEET, SQL_EVENTS_OF_RUN, SQL_EVENTS_OF_INSTANCE, SQL_NEWEST_EVENTS,
		SQL_NEWEST_EVENTS_OF_FLEET, SQL_RUNS_OF_FLEET, SQL_RUN, SQL_RESULTS, SQL_FLEET_BY_ID, SQL_FLEET_BY_NAME, SQL_INSTANCES,
		SQL_COST_MACHINE, SQL_COST_RUN, SQL_NEXT_ID, SQL_NEXT_EVENT, SQL_META_GET };
	struct store *s = db_open(*state, false);
	sqlite3 *db = db_shell(*state);

	for (size_t k = 0; k < ARRAY_LEN(indexed); k++) {
		char *sql = xasprintf("EXPLAIN QUERY PLAN %s", statements[indexed[k]]);
		struct err e = { 0 };
		sqlite3_stmt *st = sql_prepare(db, sql, &e);

		assert_non_null(st);
		while (sqlite3_step(st) == SQLITE_ROW) {
			const char *plan = (const char *)sqlite3_column_text(st, 3);

			if (str_starts(plan, "SCAN ") && !strstr(plan, "SUBQUERY") && !strstr(plan, "(subquery") && !strstr(plan, "CONSTANT"))
				fail_msg("%s: %s", statements[indexed[k]], plan);
		}
		sqlite3_finalize(st);
		free(sql);
	}
	sqlite3_close(db);
	store_close(s);
}

static void test_what_is_set(void **state)
{
	struct db_place *p = *state;
	struct err e = { 0 };
	sqlite3 *db;

	store_close(db_open(p, false)); /* nothing is left to the migration's own settings */
	assert_int_equal(database_open(&db, p->path, &e), 0);
	assert_int_equal(db_ask(db, "PRAGMA synchronous"), 2);
	assert_int_equal(db_ask(db, "PRAGMA foreign_keys"), 1);
	assert_int_equal(db_ask(db, "PRAGMA trusted_schema"), 0);
	assert_int_equal(db_ask(db, "PRAGMA cell_size_check"), 1);
	assert_int_equal(db_ask(db, "PRAGMA wal_autocheckpoint"), 1000);
	assert_int_equal(db_ask(db, "PRAGMA journal_size_limit"), 67108864);
	assert_int_equal(db_ask(db, "PRAGMA temp_store"), 2);
	assert_int_equal(db_ask(db, "PRAGMA busy_timeout"), 5000);
	assert_int_equal(db_ask(db, "PRAGMA application_id"), APPLICATION_ID);
	assert_int_equal(db_ask(db, "PRAGMA user_version"), SCHEMA);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM pragma_journal_mode WHERE journal_mode = 'wal'"), 1);
	/* Defensive: the schema cannot be written past its rules. */
	db_do(db, "PRAGMA writable_schema=ON");
	assert_int_not_equal(sqlite3_exec(db, "DELETE FROM sqlite_schema", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* ---- what is refused ---- */

static void refused(const struct db_place *p, const char *words)
{
	struct store *s = NULL;
	struct err e = { 0 };

	assert_int_equal(store_open(&s, &(struct store_options){ .path = p->path, .threaded = true }, &e), -1);
	if (!strstr(e.msg, words) || !strstr(e.msg, p->dir))
		fail_msg("\"%s\" does not name '%s' and '%s'", e.msg, words, p->path);
}

static void read_whole(const char *path, struct buf *b)
{
	FILE *f = fopen(path, "r");
	char piece[4096];
	size_t n;

	buf_reset(b);
	assert_non_null(f);
	while ((n = fread(piece, 1, sizeof(piece), f)) > 0)
		buf_append(b, piece, n);
	fclose(f);
}

static void write_whole(const char *path, const void *data, size_t n)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, n), (ssize_t)n);
	close(fd);
}

static void test_what_is_not_ours_is_refused(void **state)
{
	static const char *const others[] = { "CREATE TABLE t(x)", "PRAGMA application_id=1", "PRAGMA user_version=1",
		"PRAGMA application_id=1; PRAGMA user_version=1; CREATE TABLE fleets(id)" };
	struct db_place *p = *state;
	struct buf before = BUF(1 << 20), after = BUF(1 << 20);

	for (size_t k = 0; k < ARRAY_LEN(others); k++) {
		sqlite3 *db = db_shell(p);

		db_do(db, others[k]);
		sqlite3_close(db);
		chmod(p->path, 0600);
		read_whole(p->path, &before);
		refused(p, "another program's");
		read_whole(p->path, &after);
		assert_int_equal(before.len, after.len);
		assert_memory_equal(before.data, after.data, before.len);
		unlink(p->path);
	}
	write_whole(p->path, "This is a letter, not a database. ...............................................................", 90);
	refused(p, "damaged");
	unlink(p->path);
	/* A file of no bytes is what the beginning of creating one leaves. */
	write_whole(p->path, "", 0);
	store_close(db_open(p, false));
	buf_free(&before);
	buf_free(&after);
}

static void test_a_newer_one_is_refused(void **state)
{
	struct db_place *p = *state;
	char text[64];
	struct buf before = BUF(1 << 20), after = BUF(1 << 20);
	sqlite3 *db;

	store_close(db_open(p, false));
	db = db_shell(p);
	snprintf(text, sizeof(text), "PRAGMA user_version=%d", SCHEMA + 1);
	db_do(db, text);
	sqlite3_close(db);
	read_whole(p->path, &before);
	snprintf(text, sizeof(text), "newer gpufleet (schema %d, this one knows %d)", SCHEMA + 1, SCHEMA);
	refused(p, text);
	read_whole(p->path, &after);
	assert_memory_equal(before.data, after.data, before.len);
	buf_free(&before);
	buf_free(&after);
}

static void test_a_damaged_one_is_refused(void **state)
{
	struct db_place *p = *state;
	struct store *s = db_open(p, false);
	struct buf whole = BUF(1 << 22);
	char zeros[4096] = { 0 };

	for (int64_t k = 1; k <= 300; k++)
		db_commit(s, db_event_batch(k));
	store_close(s);
	read_whole(p->path, &whole);
	assert_true(whole.len > 10 * sizeof(zeros));
	/* Each page in turn overwritten, and the file cut short. */
	for (size_t page = 0; page < whole.len / sizeof(zeros); page++) {
		int fd = open(p->path, O_WRONLY);

		assert_int_equal(pwrite(fd, zeros, sizeof(zeros), (off_t)(page * sizeof(zeros))), sizeof(zeros));
		close(fd);
		refused(p, "damaged");
		write_whole(p->path, whole.data, whole.len);
	}
	write_whole(p->path, whole.data, whole.len / 2 / 4096 * 4096);
	refused(p, "damaged");
	write_whole(p->path, whole.data, whole.len);
	store_close(db_open(p, false));
	buf_free(&whole);
}

static void test_the_file_itself(void **state)
{
	struct db_place *p = *state, none = *p;
	char link[160];

	store_close(db_open(p, false));
	chmod(p->path, 0640);
	refused(p, "can be read by others; run: chmod 600");
	chmod(p->path, 0604);
	refused(p, "can be read by others");
	chmod(p->path, 0600);
	store_close(db_open(p, false));

	snprintf(link, sizeof(link), "%s/real", p->dir);
	assert_int_equal(rename(p->path, link), 0);
	assert_int_equal(symlink(link, p->path), 0);
	refused(p, "links are not followed");
	unlink(p->path);
	mkdir(p->path, 0700);
	refused(p, "not a plain file");
	rmdir(p->path);

	snprintf(none.path, sizeof(none.path), "%s/no/test.db", p->dir);
	refused(&none, "No such file or directory");
}

static void test_places_and_libraries(void **state)
{
	struct err e = { 0 };

	(void)state;
	assert_string_equal(network_file_system(0x6969), "NFS");
	assert_string_equal(network_file_system(0xff534d42), "CIFS");
	assert_string_equal(network_file_system((long)(int32_t)0xff534d42), "CIFS"); /* as 32-bit kernels say it */
	assert_string_equal(network_file_system(0xfe534d42), "SMB2");
	assert_null(network_file_system(0xef53));     /* ext4 */
	assert_null(network_file_system(0x58465342)); /* XFS */
	assert_null(network_file_system(0x9123683e)); /* btrfs */
	assert_null(network_file_system(0x01021994)); /* tmpfs */
	assert_int_equal(database_library_ok(3052000, &e), -1);
	assert_non_null(strstr(e.msg, "3.52.0 was withdrawn"));
	assert_int_equal(database_library_ok(3034001, &e), -1);
	assert_non_null(strstr(e.msg, "too old (3.34)"));
	assert_int_equal(database_library_ok(3040001, &e), 0);
	assert_int_equal(database_library_ok(3051003, &e), 0);
	assert_int_equal(database_library_ok(3053000, &e), 0);
	assert_int_equal(database_library_ok(sqlite3_libversion_number(), &e), 0);
}

/* ---- migrations ---- */

static const struct migration steps[] = {
	{ 1, "0001_first.sql", "CREATE TABLE a(id INTEGER PRIMARY KEY, x TEXT) STRICT; CREATE TABLE b(a_id INTEGER REFERENCES a(id)) STRICT; "
			       "INSERT INTO a VALUES(1, 'one'); INSERT INTO b VALUES(1); -- without a line's end" },
	/* A table that others refer to is rebuilt. */
	{ 2, "0002_rebuild.sql", "CREATE TABLE a2(id INTEGER PRIMARY KEY, x TEXT NOT NULL, y INTEGER NOT NULL) STRICT;\n"
				 "INSERT INTO a2 SELECT id, x, 7 FROM a; DROP TABLE a; ALTER TABLE a2 RENAME TO a;\n" },
	{ 3, "0003_more.sql", "ALTER TABLE b ADD COLUMN z INTEGER NOT NULL DEFAULT 5;\n-- done\n" },
};

static sqlite3 *bare(const struct db_place *p)
{
	sqlite3 *db = db_shell(p);

	db_do(db, "PRAGMA journal_mode=WAL; PRAGMA foreign_keys=ON");
	return db;
}

static void migrate_to(sqlite3 *db, const struct db_place *p, size_t count)
{
	struct err e = { 0 };

	if (migrate_with(db, p->path, steps, count, &e) < 0)
		fail_msg("%s", e.msg);
	assert_int_equal(db_ask(db, "PRAGMA user_version"), count);
	assert_int_equal(db_ask(db, "PRAGMA application_id"), APPLICATION_ID);
	assert_int_equal(db_ask(db, "PRAGMA foreign_keys"), 1);
}

static bool exists(const struct db_place *p, const char *end)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", p->path, end);
	return lstat(path, &st) == 0;
}

static void test_from_nothing(void **state)
{
	struct db_place *p = *state;
	sqlite3 *db = bare(p);

	migrate_to(db, p, 3);
	assert_int_equal(db_ask(db, "SELECT sum(y + z) FROM a JOIN b ON a.id = b.a_id"), 12);
	assert_false(exists(p, ".before-1"));
	migrate_to(db, p, 3); /* nothing to do */
	assert_false(exists(p, ".before-4"));
	sqlite3_close(db);
}

static void test_a_copy_is_made_first(void **state)
{
	struct db_place *p = *state, copy = *p;
	sqlite3 *db = bare(p), *old;
	mode_t mask = umask(0);
	struct stat st;

	migrate_to(db, p, 1);
	db_do(db, "UPDATE a SET x = 'mine'");
	snprintf(copy.path, sizeof(copy.path), "%s/test.db.before-2", p->dir);
	write_whole(copy.path, "left over from another time", 27);
	migrate_to(db, p, 3);
	umask(mask);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM a WHERE x = 'mine' AND y = 7"), 1);
	sqlite3_close(db);

	assert_int_equal(stat(copy.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_false(exists(p, ".before-2.part"));
	old = db_shell(&copy);
	assert_int_equal(db_ask(old, "PRAGMA user_version"), 1);
	assert_int_equal(db_ask(old, "PRAGMA application_id"), APPLICATION_ID);
	assert_int_equal(db_ask(old, "SELECT count(*) FROM a WHERE x = 'mine'"), 1);
	sqlite3_close(old);
}

static void test_no_copy_no_migration(void **state)
{
	struct db_place *p = *state;
	sqlite3 *db = bare(p);
	char path[200];
	struct err e = { 0 };

	migrate_to(db, p, 1);
	snprintf(path, sizeof(path), "%s.before-2.part", p->path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(migrate_with(db, p->path, steps, 3, &e), -1);
	assert_non_null(strstr(e.msg, "no copy could be made"));
	assert_int_equal(db_ask(db, "PRAGMA user_version"), 1);
	assert_int_equal(rmdir(path), 0);
	migrate_to(db, p, 3);
	sqlite3_close(db);
}

static void test_a_step_that_fails_changes_nothing(void **state)
{
	struct migration list[] = {
		{ 1, "0001_first.sql", "CREATE TABLE a(id INTEGER PRIMARY KEY) STRICT; INSERT INTO a VALUES(1)" },
		{ 2, "0002_good.sql", "CREATE TABLE b(a_id INTEGER REFERENCES a(id)) STRICT; INSERT INTO b VALUES(1)" },
		{ 3, "0003_bad.sql", "CREATE TABLE c(x INTEGER) STRICT; CREATE TABLE d(x) STRICT" },
	};
	struct db_place *p = *state;
	sqlite3 *db = bare(p);
	struct err e = { 0 };

	assert_int_equal(migrate_with(db, p->path, list, 3, &e), -1);
	assert_non_null(strstr(e.msg, "0003_bad.sql was not applied"));
	assert_int_equal(db_ask(db, "PRAGMA user_version"), 2);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'c'"), 0);
	assert_true(sqlite3_get_autocommit(db));

	list[2] = (struct migration){ 3, "0003_dangling.sql", "DELETE FROM a" };
	assert_int_equal(migrate_with(db, p->path, list, 3, &e), -1);
	assert_non_null(strstr(e.msg, "0003_dangling.sql was not applied: 1 rows would refer to nothing"));
	assert_int_equal(db_ask(db, "SELECT count(*) FROM a"), 1);
	assert_int_equal(db_ask(db, "PRAGMA foreign_keys"), 1);
	assert_true(exists(p, ".before-3"));
	sqlite3_close(db);
}

/* The process ends at its n-th change to the disk, for every n: afterwards it is one version or another, whole, and goes on. */
static void test_crash_at_every_write(void **state)
{
	struct db_place *p = *state;
	sqlite3 *db;
	char copy[200];
	int status = -1;

	db_disk();
	snprintf(copy, sizeof(copy), "%s.before-2", p->path);
	for (int n = 1; status != 0; n++) {
		int64_t version;
		pid_t pid;

		assert_true(n < 500);
		db = bare(p);
		migrate_to(db, p, 1);
		sqlite3_close(db);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			db = bare(p);
			db_disk_fail(FAULT_CRASH, n, 0);
			_exit(migrate_with(db, p->path, steps, 3, NULL) < 0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		status = WEXITSTATUS(status);
		assert_true(status == 0 || status == 77);

		db = bare(p);
		version = db_ask(db, "PRAGMA user_version");
		assert_in_range(version, 1, 3);
		assert_int_equal(db_ask(db, "SELECT count(*) FROM pragma_table_info('a')"), version == 1 ? 2 : 3);
		assert_int_equal(db_ask(db, "SELECT count(*) FROM pragma_table_info('b')"), version == 3 ? 2 : 1);
		assert_int_equal(db_ask(db, "SELECT count(*) FROM pragma_quick_check WHERE quick_check = 'ok'"), 1);
		assert_true(version == 1 || exists(p, ".before-2")); /* changed only with a copy */
		migrate_to(db, p, 3);
		assert_int_equal(db_ask(db, "SELECT count(*) FROM a WHERE x = 'one' AND y = 7"), 1);
		db_do(db, "DROP TABLE b; DROP TABLE a; PRAGMA user_version=0");
		sqlite3_close(db);
		unlink(copy);
	}
}

/* The shipped migrations up to one of them. */
static void ship(sqlite3 *db, const struct db_place *p, size_t count)
{
	static const char prefix[] = "db/migrations/";
	struct migration list[64];
	struct err e = { 0 };
	size_t n = 0;

	for (const struct embedded *f = NULL; (f = embed_next(prefix, f)) && n < count; n++)
		list[n] = (struct migration){ strtoll(f->name + strlen(prefix), NULL, 10), f->name, f->data };
	if (migrate_with(db, p->path, list, n, &e) < 0)
		fail_msg("%s", e.msg);
}

/* A row with these columns set, and what a row needs for the rest. */
static void put_row(sqlite3 *db, const char *table, const char *columns, const char *values)
{
	char *sql = xasprintf("SELECT group_concat(name || ' ' || CASE WHEN dflt_value IS NOT NULL THEN dflt_value WHEN type = 'TEXT' THEN '''''' "
			      "ELSE 0 END, ';') FROM pragma_table_info('%s') WHERE instr(',%s,', ',' || name || ',') = 0",
	    table, columns);
	struct err e = { 0 };
	sqlite3_stmt *st = sql_prepare(db, sql, &e);
	struct buf names = BUF(8192), rest = BUF(8192);
	char *list, *at, *one;

	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	list = at = xstrdup((const char *)sqlite3_column_text(st, 0));
	while ((one = str_split(&at, ";"))) {
		char *value = strchr(one, ' ');

		*value++ = '\0';
		buf_printf(&names, ",%s", one);
		buf_printf(&rest, ",%s", value);
	}
	sqlite3_finalize(st);
	free(sql);
	sql = xasprintf("INSERT INTO %s(%s%s) VALUES(%s%s)", table, columns, buf_str(&names), values, buf_str(&rest));
	db_do(db, sql);
	free(sql);
	free(list);
	buf_free(&names);
	buf_free(&rest);
}

/* What was spent before there was a ledger is in it afterwards, and the ledger proves itself. */
static void test_the_ledger_takes_over_what_was_before(void **state)
{
	struct db_place *p = *state;
	sqlite3 *db = bare(p);
	struct history *h;
	struct err e = { 0 };
	json_t *proof = NULL;
	char *text;

	ship(db, p, 8);
	put_row(db, "fleets", "id,name,owner,state,gpu_count,instances", "1,'f','ann','CLOSED',1,1");
#define OLD "id,fleet_id,account,provider,gpu,gpu_count,state,watchdog,meter_start,meter_end,metered,billed,billed_known,settled,gone"
	put_row(db, "instances", OLD, "2,1,'runpod','runpod','H100',2,'GONE','none',1000,5000,777,780,1,9000,6000");
	put_row(db, "instances", OLD, "3,1,'runpod','runpod','H100',2,'GONE','none',0,0,0,5,1,9000,6000");
	put_row(db, "instances", OLD, "4,1,'runpod','runpod','H100',2,'GONE','none',1000,5000,50,50,1,9000,6000");
	put_row(db, "instances", OLD, "5,1,'runpod','runpod','H100',2,'GONE','none',1000,900,0,0,0,0,6000");
	put_row(db, "instances", OLD, "6,1,'runpod','runpod','H100',2,'READY','none',1000,0,0,0,0,0,0");
	ship(db, p, 64);
	assert_int_equal(db_ask(db, "SELECT count(*) FROM postings"), 4);
	assert_int_equal(db_ask(db, "SELECT sum(amount) FROM postings WHERE kind = 'use' AND part = 'unsplit'"), 827);
	assert_int_equal(db_ask(db, "SELECT sum(amount) FROM postings WHERE kind = 'bill'"), 8);
	sqlite3_close(db);
	assert_int_equal(history_open(&h, p->path, &e), 0);
	assert_int_equal(history_ledger(h, &proof, &e), 0);
	text = json_text(proof);
	if (!json_is_true(json_object_get(proof, "ok")))
		fail_msg("%s", text);
	free(text);
	json_decref(proof);
	history_close(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DB_TEST(test_the_schema_is_the_column_tables),
		DB_TEST(test_every_statement_is_understood),
		DB_TEST(test_questions_use_an_index),
		DB_TEST(test_what_is_set),
		DB_TEST(test_what_is_not_ours_is_refused),
		DB_TEST(test_a_newer_one_is_refused),
		DB_TEST(test_a_damaged_one_is_refused),
		DB_TEST(test_the_file_itself),
		DB_TEST(test_places_and_libraries),
		DB_TEST(test_from_nothing),
		DB_TEST(test_a_copy_is_made_first),
		DB_TEST(test_no_copy_no_migration),
		DB_TEST(test_a_step_that_fails_changes_nothing),
		DB_TEST(test_crash_at_every_write),
		DB_TEST(test_the_ledger_takes_over_what_was_before),
	};

	log_set_level(LOG_WARN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
