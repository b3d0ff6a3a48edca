/*
 * The store: what must survive is in one SQLite file. One writer thread with group commit owns the only connection that writes
 * (libraries.md §6); acknowledgements come back to the loop through a wake function that the caller provides, so nothing here
 * knows libuv. History questions have their own read-only connection (history.h).
 *
 * A batch is a value: copies of the rows as they were when it was made. It becomes one transaction; nothing of it is visible
 * before, everything after.
 */
#ifndef GPUFLEET_STORE_H
#define GPUFLEET_STORE_H

#include "base/err.h"
#include "core/model.h"

struct store;
struct store_batch;

struct store_options {
	const char *path;      /* database file; made with mode 0600 when missing. Used during store_open() only */
	bool threaded;         /* false: commit runs inline (simulator, tests); the callback is still called from store_deliver() */
	void (*wake)(void *arg); /* from the writer thread: "call store_deliver() on your loop" */
	void *wake_arg;
};

/*
 * Opens, checks, migrates. Errors name the file and the remedy: network file system, link, foreign owner, readable by others,
 * another program's, a newer gpufleet's, damaged (quick_check), locked for more than 5 s. An older database is copied to
 * PATH.before-N first, N being the migration that comes next.
 */
int store_open(struct store **out, const struct store_options *o, struct err *e);
/* Waits for what is queued, calls the callbacks (what they commit is written too), checkpoints, closes. NULL is fine. */
void store_close(struct store *s);

/* Fill a model: open fleets and whatever is unsettled or ended after `since`, their instances and runs, account rows, next ids. */
int store_load(struct store *s, struct model *m, instant since, struct err *e);

/* A consistent copy of the database, mode 0600, in a file that is not there yet. */
int store_copy(struct store *s, const char *path, struct err *e);

/* Small facts about the installation, kept in table `meta`: "site", … . *value is the caller's; NULL when absent. */
int store_meta_get(struct store *s, const char *key, char **value, struct err *e);
int store_meta_set(struct store *s, const char *key, const char *value, struct err *e);

struct store_batch *store_batch_new(void);
void store_batch_fleet(struct store_batch *b, const struct fleet *row);
void store_batch_instance(struct store_batch *b, const struct instance *row); /* copies owned strings too */
void store_batch_run(struct store_batch *b, const struct run *row);
void store_batch_account(struct store_batch *b, const struct account_state *row);
void store_batch_extra(struct store_batch *b, const struct extra *row);
void store_batch_campaign(struct store_batch *b, const struct campaign *row);
void store_batch_night(struct store_batch *b, const struct night *row);
void store_batch_trial(struct store_batch *b, const struct trial *row);
void store_batch_notice(struct store_batch *b, const struct notice *row);
void store_batch_budget(struct store_batch *b, const struct budget *row);
void store_batch_posting(struct store_batch *b, const struct posting *row);
void store_batch_event(struct store_batch *b, const struct event *row);
/* One measured figure of a run (table results). */
struct result_row {
	int64_t run_id;
	char metric[NAME_MAX_], unit[32];
	bool number;      /* else text; a value that is not finite counts as text too */
	double value;
	char text[TEXT_MAX];
	char labels[TEXT_MAX]; /* JSON object of further keys, "{}" */
	int seq;
};
/* What a night measured in one series and what was thought of it (table findings). Figures that are not known are NaN. */
struct finding_row {
	int64_t night_id;
	int seq;
	char series[TEXT_MAX], kind[16];
	int64_t run_id;
	char scenario[TEXT_MAX];
	int concurrency;
	char gpu[GPU_MAX];
	int gpu_count;
	char provider[ACCOUNT_MAX], stack_id[72], metric[NAME_MAX_], unit[32];
	bool lower_is_better;
	char *measured, *first; /* JSON arrays of figures; first: before it was measured once more, or NULL */
	int nights;
	double median, baseline, worse, z, p, p_holm;
	int instances;
};
void store_batch_finding(struct store_batch *b, const struct finding_row *row); /* copies the strings, too */
/* Results that were read in from files (table imports). */
struct import_row {
	char name[NAME_MAX_], owner[NAME_MAX_];
	instant created;
	char *source; /* JSON; NULL: deleted */
};
void store_batch_import(struct store_batch *b, const struct import_row *row); /* copies the source, too */
void store_batch_result(struct store_batch *b, const struct result_row *row);
bool store_batch_empty(const struct store_batch *b);
void store_batch_free(struct store_batch *b);

/*
 * Takes the batch. `done` is called from store_deliver(): error NULL when durable. Order of batches is kept. What waits together is
 * committed together, each batch in a savepoint: a row that breaks a rule of the schema fails its own batch only (ERR_CONFLICT), a
 * commit that fails (disk full, locked, I/O, read-only, file deleted) fails every batch of the group, and the next group tries anew.
 */
void store_commit(struct store *s, struct store_batch *b, void (*done)(void *arg, const struct err *error), void *arg);
/* Calls the callbacks that are due. On the loop's thread only. Returns how many. */
int store_deliver(struct store *s);
/* Waits until all that was taken is written, and delivers it, as often as the callbacks commit more. Behind it the writer does
 * not call wake before the next commit. */
void store_flush(struct store *s);

struct store_stats {
	int64_t commits, rows; /* that succeeded */
	duration slowest;
	int64_t queued; /* batches that were taken and not written */
};
void store_get_stats(struct store *s, struct store_stats *out);
const char *store_library_version(void);

#endif
