/*
 * For tests of db/: a directory of one's own, rows with something in every column, and a disk that fails when told to.
 */
#ifndef GPUFLEET_DB_HELP_H
#define GPUFLEET_DB_HELP_H

#include "db/db_private.h"

struct db_place {
	char dir[64], path[160];
};
/* Set-up and tear-down of a test: *state is a struct db_place with a fresh directory; removed with everything in it. */
int db_place_make(void **state);
int db_place_remove(void **state);
#define DB_TEST(f) cmocka_unit_test_setup_teardown(f, db_place_make, db_place_remove)

/* Fill every column with something that is neither zero nor empty, text to the last byte. Owned strings are new. */
void db_fill(const struct row_kind *k, void *row);
/* Fails the test, naming the column, where two rows differ. */
void db_same(const struct row_kind *k, const void *a, const void *b);

/* Rows that the schema takes. */
struct fleet db_fleet(int64_t id);
struct instance db_instance(int64_t id, int64_t fleet_id);
struct run db_run(int64_t id, int64_t fleet_id, int64_t instance_id);

struct event db_event(int64_t seq);
struct store_batch *db_event_batch(int64_t seq); /* with that one event */

/* Open, or commit a batch and deliver (inline stores); both end the test with the error's sentence when it fails. */
struct store *db_open(const struct db_place *p, bool threaded);
void db_commit(struct store *s, struct store_batch *b);

/* A second connection, as somebody's sqlite3 shell has one. */
sqlite3 *db_shell(const struct db_place *p);
void db_do(sqlite3 *db, const char *sql);
int64_t db_ask(sqlite3 *db, const char *sql);

/*
 * A disk with faults, between SQLite and the real one, for every database opened after db_disk(). Operations that change a file
 * (write, truncate, sync, delete) are counted from 1; `what` happens at the n-th, and for FAULT_ERROR at all that follow until
 * db_disk_heal().
 */
enum db_fault { FAULT_NONE, FAULT_ERROR, FAULT_CRASH };
void db_disk(void);
void db_disk_fail(enum db_fault what, int nth, int sqlite_code);
void db_disk_heal(void);
int db_disk_changes(void); /* operations since db_disk_fail() or db_disk_heal() */

#endif
