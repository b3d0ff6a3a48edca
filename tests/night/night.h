/*
 * The deterministic simulator: one night of the daemon in virtual time (architecture §15, reliability §4).
 *
 * Real: the core, the wheel, operations, adapters, providers/call.c and the store. Replaced: the clock, chance, HTTP (wire.c, to
 * the cloud models of tests/sim), SSH (box.c), the disk (disk.c) and the process itself (process.c), which may end at any step.
 * The judge (judge.c) believes the cloud models only, never our tables.
 *
 *	struct sim_night n;
 *	night_open(&n, &plan, &options);
 *	night_live(&n);            until everything has settled, or 36 h after the last fault, or a violation
 *	n.violation                "" when nothing was wrong
 *	night_close(&n);
 *
 * A night is a function of its plan: the same twice, and on every machine.
 */
#ifndef GPUFLEET_NIGHT_NIGHT_H
#define GPUFLEET_NIGHT_NIGHT_H

#include "base/clock.h"
#include "config/config.h"
#include "daemon/wheel.h"
#include "disk.h"
#include "plan.h"
#include "providers/call.h"

#define CLOUDS      4
#define NIGHT_START ((instant)1795132800 * SECOND) /* 2026-11-20T00:00:00Z */
#define NIGHT_BOUND (36 * HOUR)                    /* everything settles within this once the faults are over */
#define NIGHT_KEY_BLOB "AAAAC3NzaC1lZDI1NTE5AAAAIJ5sP2cPRkvWUuXB4gtYgkDGSh2xGn1zPbRduRyeVGzP"
#define NIGHT_KEY   "ssh-ed25519 " NIGHT_KEY_BLOB " night"
#define NIGHT_SITE  "night2"

struct sim_night;

/* Something that happens later. Embedded in what it happens to. */
struct tick {
	struct heap_node node;
	void (*fire)(struct sim_night *n, struct tick *t);
};

/* The daemon, from start to death. What it had in memory goes with it. */
struct process {
	int64_t epoch; /* 1, 2, …: answers for an earlier one are lost */
	struct store *store;
	struct model model;
	struct wheel wheel;
	struct rng rng;
	struct call_limits limits[CLOUDS];
	char *keys[CLOUDS]; /* what OP_KEY answered */
	struct list tasks;
	instant turn_at;    /* the one timer of the engine */
	bool waited;        /* the writer, for a lock */
	struct tick delivery; /* the writer has answers */
};

/* What a machine runs, behind its sshd. */
struct job {
	char key[16];
	int64_t run_id;
	instant pushed, started, stopped; /* stopped: TERM was sent */
	bool gated;   /* one of several: it waits to be told to go */
	instant went;
	duration setup, run, setup_limit, run_limit;
	int status;
	bool vanished; /* the machine was rebooted under it */
};

struct box {
	struct sim_machine *m;
	int cloud;
	bool foreign;         /* not ours: nobody of ours may touch it */
	char name[ID_MAX];    /* foreign: as its owner called it */
	instant was_deleted;  /* before the request that is being heard */
	bool was_stopped;
	int64_t instance_id;  /* whose create made it; 0: it was there before us */
	int64_t fleet_id;
	int slot;
	bool replayed;        /* made by a request that arrived twice: its answer may speak of the other one */
	bool hidden;          /* listings lied about it until its order was taken for nothing */
	bool adopt;           /* ours by its mark, but no row: must be ended */
	int keyed;            /* how often it got another host key */
	int boots;
	instant running;      /* as last seen: another value is another boot */
	money bound;          /* what it may cost in all when the daemon dies; 0: nobody said */
	bool rowed;           /* a row of ours had its id at some time */
	instant excused;      /* when it was last accounted for */
	struct job jobs[8];
	int job_count;
	struct tick watchdog; /* when its lease is over */
	int watched_boot;     /* a watchdog does not survive a reboot */
	instant lapsed;       /* it has ended the work; 0: there is a lease */
};

/* What became of an order: creates on the wire are counted for ever, over all processes. */
struct order {
	int64_t instance_id, fleet_id;
	int slot, sent;
	bool durable; /* the store said that the intent to send it is on the disk */
	char mark[ID_MAX];
};

struct crash {
	int64_t points;   /* passed so far */
	int64_t at[2];    /* the process ends at these; 0: not */
	enum disk_end how;
	bool fine;        /* count every write and sync of the disk too */
	int64_t calls;    /* of the disk, passed so far */
	int64_t fail_from, fail_count; /* these fail with */
	int fail_code;
};

struct night_options {
	bool trace;  /* to standard output */
	bool digest;
	struct crash crash;
	const json_t *inventory[CLOUDS]; /* NULL: its own */
	int64_t orphan_step; /* the daemon is gone for ever from this step on; 0: not */
};

struct sim_night {
	struct sim_plan plan;
	struct night_options o;
	instant now;
	struct heap events;
	struct cloud *clouds[CLOUDS];
	struct account accounts[CLOUDS]; /* of configured clouds, in the order of cloud_models */
	int cloud_of[CLOUDS];            /* account → cloud */
	struct config config;
	uint8_t mark_key[32];
	struct disk disk;
	struct process *p; /* NULL: the daemon is not running */
	struct clock_steady clock; /* the daemon's, as daemon/hostclock.c carries it from process to process */
	int64_t epochs;
	bool dying;        /* the process ends as soon as its stack has unwound */
	bool over;         /* the faults are over */
	bool orphaned;     /* the daemon never comes back */
	struct rng wire_rng, box_rng, life_rng;
	struct tick ticks[PLAN_MAX], chaos_end, restart, machine_life;
	bool active[PLAN_MAX]; /* trouble items under way */
	int kill_in;           /* die at this many more points of the disk; 0: not */
	enum disk_end kill_how;
	int64_t fleet_ids[PLAN_MAX], run_ids[PLAN_MAX];
	struct list packets;   /* on the wire */
	struct list errands;   /* on SSH connections */
	struct box **boxes;
	size_t box_count;
	struct order *orders;
	size_t order_count;
	int64_t trouble_fired[TROUBLE_NR];
	instant judged, cloud_trouble[CLOUDS]; /* last time something was wrong on the way to it */
	int64_t disk_failures; /* calls that failed by order */
	int64_t durable_event; /* the newest event that the store said is durable */
	int64_t steps, requests;
	instant settled;       /* when everything was */
	struct map books;      /* instance → struct book (books.c) */
	money beyond;          /* what went beyond what was reserved, on all machines together */
	bool unbilled;         /* some bill never came: what is owed is what was metered */
	struct months *months; /* NULL: one night */
	struct season *season; /* NULL: people ask for what they like */
	struct reap_memory *reaper; /* per account; NULL: no reaper in this night */
	struct tick reaper_tick;
	instant orphan_since;
	uint64_t digest;
	char violation[1024];
};

/* night.c */
void night_open(struct sim_night *n, const struct sim_plan *plan, const struct night_options *o);
/* … or in two steps, with something between them. */
void night_prepare(struct sim_night *n, const struct sim_plan *plan, const struct night_options *o);
void night_begin_process(struct sim_night *n);
void night_live(struct sim_night *n);
void night_close(struct sim_night *n);
void night_at(struct sim_night *n, struct tick *t, instant when, void (*fire)(struct sim_night *n, struct tick *t));
void night_not(struct sim_night *n, struct tick *t);
void night_note(struct sim_night *n, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The first one counts. */
void night_violation(struct sim_night *n, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* A place where the process may be killed; true: it is dying, nothing may leave it any more. */
bool night_point(struct sim_night *n, const char *what);
duration night_random(struct rng *r, duration least, duration most);

/* world.c: clouds, accounts, and what is there before us */
void world_open(struct sim_night *n);
void world_close(struct sim_night *n);
struct box *box_of(struct sim_night *n, struct sim_machine *m);

/* process.c */
instant process_now(struct sim_night *n); /* what the daemon takes the time for */
void process_start(struct sim_night *n);
void process_end(struct sim_night *n, enum disk_end how); /* and plans its return */
void process_shutdown(struct sim_night *n);               /* SIGTERM */
void process_fact(struct sim_night *n, struct fact *f);
int process_request(struct sim_night *n, struct fact *f);
void process_turn(struct sim_night *n);
void process_free(struct sim_night *n);

/* wire.c */
void wire_action(struct sim_night *n, const struct action *a);
void wire_forget(struct sim_night *n, struct process *p); /* nobody waits for answers any more */
void wire_close(struct sim_night *n);

/* box.c */
void box_action(struct sim_night *n, const struct action *a);
void box_close(struct sim_night *n);
bool box_finished_well(const struct sim_night *n, const char *key); /* some machine ran this to the end, status 0 */

/* watchdog.c: what remote/watchdog.sh does on the machine when nobody renews its lease. */
enum watchdog watchdog_renew(struct sim_night *n, struct box *b, duration lease);

/* trouble.c: which trouble strikes now? Counts it. */
instant trouble_wall(struct sim_night *n); /* what the host's clock says */
bool trouble_strikes(struct sim_night *n, enum trouble t, int cloud);
bool trouble_active(const struct sim_night *n, enum trouble t);
void trouble_count_modes(struct sim_night *n, int cloud);
void item_begin(struct sim_night *n, int index);
void trouble_over(struct sim_night *n);

/* people.c */
void person_asks(struct sim_night *n, int index);

/* judge.c: who looks after what */
void judge_step(struct sim_night *n);
void judge_event(struct sim_night *n, const struct event *e);
void judge_overdue(struct sim_night *n, bool spinning);
bool judge_settled(const struct sim_night *n);
/* The row of a machine that is not final (or with final_too the last final one); NULL: none. */
const struct instance *judge_row(const struct sim_night *n, const struct box *b, bool final_too);
const struct box *judge_box(const struct sim_night *n, const struct instance *i); /* the newest machine of a row */
bool judge_names(const struct instance *i, const struct box *b);              /* does the row mean this machine? */

/* judge_wire.c: what leaves, and whom it touches */
struct order *judge_order(struct sim_night *n, const struct instance *i);
void judge_sent(struct sim_night *n, const struct action *a, enum provider_op_kind op);
void judge_made(struct sim_night *n, int cloud, size_t before, int64_t instance_id, bool replayed);
void judge_foreign(struct sim_night *n, int cloud, bool after);
void judge_answered(struct sim_night *n, int cloud, int status); /* by the model itself */
void judge_restarted(struct sim_night *n);

/* judge_money.c */
void judge_bill(struct sim_night *n, const struct instance *i); /* it was settled just now */
void judge_storage_bill(struct sim_night *n, const struct extra *x);
void judge_end(struct sim_night *n);

#endif
