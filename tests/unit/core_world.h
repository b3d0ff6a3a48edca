/*
 * A world for the pure core: virtual time, a commit that always works, and a cloud of a few dozen lines that answers every action
 * some time later with a fact. What the cloud does is turned by knobs; what it holds (its machines) is the only judge of leaks.
 *
 * After every turn world_check() asserts what must hold at any time: one action in flight per object, one create per instance
 * ever, GONE never left, nothing foreign deleted, holds that cover the worst case, no forbidden transition, no spinning.
 */
#ifndef GPUFLEET_TEST_CORE_WORLD_H
#define GPUFLEET_TEST_CORE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "core/core.h"
#include "core/cost.h"
#include "core/mark.h"
#include "core/place.h"

#define WORLD_START ((instant)1795132800 * SECOND)
#define ACTION_NR   ACTIONS
#define WORLD_IDS   4096
#define FOREIGN     (-1) /* unit.instance: somebody else's */

/* A machine that really exists (or existed) at a provider. */
struct unit {
	char account[ACCOUNT_MAX], id[ID_MAX], mark[ID_MAX], gpu[GPU_MAX];
	int64_t instance; /* row whose create made it; 0: ours by its mark only; FOREIGN */
	enum machine_state state;
	instant born, hidden_until; /* not listed and not described before; FOREVER: never */
	instant gone;               /* 0: exists and bills */
	money price_hour;
	int gpu_count;
};

/* What a run left on its machine. */
struct job {
	int64_t run_id, instance_id;
	instant started, ended;
	instant went; /* of several instances: told to begin */
	int starts;
	bool stopped;
};

/* How the cloud behaves from now on. All zero: everything works. */
struct knobs {
	enum verdict verdict[ACTION_NR];     /* what the provider answers */
	enum ssh_outcome contact[ACTION_NR]; /* what SSH answers */
	bool held[ACTION_NR];                /* no answer until the knob is turned back */
	bool idle[ACTION_NR];                /* answered as told, but nothing happens: no machine made, deleted, renamed, stopped */
	duration delay[ACTION_NR];           /* 0: a second for providers, 100 ms for machines */
	duration stagger;                    /* the second account answers later by this, the third by twice this … */
	duration retry_after;
	int copies;            /* machines made by one create; 0: one */
	bool spite;            /* create: a failure that carries an id and wants it destroyed */
	money price;           /* create and listings say this; 0: the offer's */
	duration hide;         /* a new machine is listed only after this */
	duration boot;         /* until RUNNING; 0: 30 s, FOREVER: never */
	bool list_empty, list_renamed; /* listings show nothing; other names */
	int gpu_count;         /* found on the machine; 0: as ordered */
	const char *gpu, *host_key;
	bool in_use;
	enum watchdog watchdog;
	duration setup_time, run_time; /* 0: 10 s, 60 s */
	int exit_status;
	bool one_rank;         /* exit_status, setup_failed and vanish are of this rank only */
	int rank;
	duration setup_more, run_more; /* setup, the script, take this much longer on each next rank */
	const char *signal;
	bool timed_out, setup_failed, vanish, lapsed, refuse; /* lapsed: the watchdog ended the run; refuse: push and start answer "no" for good */
	const char *again;     /* trials that the judge wants measured once more, as FACT_NIGHT_JUDGED says it; once */
	bool refuse_trials, deaf; /* deaf: no webhook takes anything */
	money available;       /* balance; 0: not known */
	money bill;            /* what the provider's record says of any machine; 0: what we metered */
	money storage_more;    /* what it says of storage, beyond what we metered … */
	bool storage_silent;   /* … and it says nothing yet */
};

struct answer {
	struct action action;
	instant due, sent;
	enum verdict verdict;
	char id[ID_MAX];
	money price;
	bool spite;
};

struct world {
	struct rng rng;
	struct model m;
	instant now;
	struct knobs k;
	struct fleet want; /* what world_up() asks for */
	struct offer market[16];
	size_t market_count;
	struct unit units[WORLD_IDS];
	size_t unit_count;
	struct storage stored[32]; /* volumes and snapshots that exist; without an id: deleted */
	size_t stored_count;
	struct job jobs[256];
	size_t job_count;
	struct answer answers[2048];
	size_t answer_count;

	/* kept for the checks */
	int count[ACTION_NR]; /* actions so far */
	uint8_t creates[WORLD_IDS], last_state[WORLD_IDS];
	int illegal, foreign_destroys, names;
	struct plan *(*compile)(void *arg, const char *text, char trouble[TEXT_MAX]); /* of campaigns; NULL: there are none */
	bool price_moved;     /* caps may be passed */
	bool junk;            /* answers come twice: more than one action of an object may be under way */
	char last_event[24], last_text[TEXT_MAX];

	/* the books (core_books.c) */
	struct book {
		struct posting p;
		struct fleet fleet; /* as it was, when there was one: rows leave the model long after they are settled */
		bool fleetless;
		char account[ACCOUNT_MAX];
	} *books;
	size_t book_count;
	struct booked {
		int count;
		money sum[POSTING_KINDS];
		instant until;
	} booked[WORLD_IDS];
	bool beyond; /* something went beyond what was reserved: budgets may be passed */
	struct buf text;
};

void books_take(struct world *w);  /* the postings that the turn made */
void books_check(struct world *w);
void books_count(struct world *w, int64_t budget, struct fact *f); /* the answer to ACTION_COUNT */
/* Somebody sets a budget. */
struct budget *books_budget(struct world *w, const char *name, enum scope scope, const char *subject, enum period period, money cap);

int world_setup(void **state);
int world_teardown(void **state);
#define world_test(f) cmocka_unit_test_setup_teardown(f, world_setup, world_teardown)

/* An account that bills by machine and takes names at create; change facts before the first turn. */
struct account_state *world_account(struct world *w, const char *name);
/* An offer of H100:1 at `price` in the account's market; change the rest. */
struct offer *world_offer(struct world *w, const char *account, const char *key, money price);
/* One account "cloud" with one offer "a" at 2 USD: what most tests want. */
void world_simple(struct world *w);
/* The same with a single-flight, exclusive account that gives machines no name (Hot Aisle). */
void world_single_flight(struct world *w);
/* A machine that the provider has without our doing; NULL mark: none. */
struct unit *world_unit(struct world *w, const char *account, const char *mark, int64_t whose);

struct fleet *world_up(struct world *w); /* opens a fleet like w->want */
struct run *world_submit(struct world *w, const struct fleet *f);
struct run *world_submit_ranks(struct world *w, const struct fleet *f, int ranks);
/* Only for the instance in this slot; NULL: refused. */
struct run *world_submit_pinned(struct world *w, const struct fleet *f, int slot);
void world_fact(struct world *w, struct fact *f);
void world_close_fleet(struct world *w, const struct fleet *f);
void world_cancel(struct world *w, const struct run *r);

void world_turn(struct world *w);
void world_pass(struct world *w, duration span);
/* Until the object is in the state, for at most `most`; false when time is up. */
bool world_until(struct world *w, const struct instance *i, enum instance_state s, duration most);
bool world_until_fleet(struct world *w, const struct fleet *f, enum fleet_state s, duration most);
bool world_until_run(struct world *w, const struct run *r, enum run_state s, duration most);
/* Until the n-th instance (by id, from 0) exists; NULL when time is up. */
struct instance *world_until_planned(struct world *w, int n, duration most);
struct instance *world_instance(const struct world *w, int n); /* NULL when there are not so many */
int world_instances(const struct world *w);

/* The daemon dies and starts again: only what is stored survives, answers under way are lost. */
void world_restart(struct world *w);

size_t world_alive(const struct world *w); /* units of ours that still bill */
struct unit *world_unit_of(struct world *w, const char *id);

/* core_storage.c. Something that keeps data, by our doing or not. */
struct storage *world_store(struct world *w, enum storage_kind kind, const char *name, int size_gb);
struct storage *world_stored(struct world *w, const char *id); /* NULL: it is not there */
void storage_make(struct world *w, struct answer *ans);
void storage_drop(struct world *w, const struct answer *ans);
void storage_answer(struct world *w, const struct answer *a, struct fact *f);

/* core_cloud.c */
void world_take(struct world *w, const struct action *a);
void world_tick(struct world *w);
void world_answer(struct world *w, const struct answer *a);
void world_check(struct world *w);

#endif
