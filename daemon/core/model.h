/*
 * Everything the daemon knows, as plain structs in memory. Rows are copied whole into a commit (db/store.h), so they hold no
 * pointers except the few owned strings marked so. Only core/ changes them; the shell and the views read.
 *
 * Instants are UTC microseconds, 0 = not yet. Money is micro-dollars. Text that a machine or provider wrote is untrusted.
 */
#ifndef GPUFLEET_MODEL_H
#define GPUFLEET_MODEL_H

#include "base/days.h"
#include "base/fsm.h"
#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "core/plan.h"

/* Why something ended (architecture §5: a cause, not a state). Stored by name. */
enum cause {
	CAUSE_NONE,
	CAUSE_RELEASED,    /* somebody said down */
	CAUSE_EXPIRED,     /* --for ran out */
	CAUSE_IDLE,
	CAUSE_MONEY,       /* --max-cost reached */
	CAUSE_UNPLACEABLE, /* nobody sells it */
	CAUSE_RUN_ENDED,   /* the fleet was made for one run */
	CAUSE_NO_CAPACITY, /* create: sold out */
	CAUSE_REFUSED,     /* create: refused for another reason */
	CAUSE_LIMIT,       /* create: quota or balance */
	CAUSE_DENIED,      /* credentials */
	CAUSE_NOT_SENT,    /* create: certainly never left */
	CAUSE_ABSENT,      /* ambiguous create: proved absent */
	CAUSE_BOOT_TIMEOUT,
	CAUSE_BOOT_FAILED, /* the provider says it failed */
	CAUSE_SSH_TIMEOUT,
	CAUSE_SSH_AUTH,
	CAUSE_HOST_KEY,
	CAUSE_WRONG_MACHINE, /* other GPUs than ordered */
	CAUSE_LOST,        /* contact lost, or ended by provider or by hand */
	CAUSE_DUPLICATE,   /* second machine of one request */
	CAUSE_LATE,        /* appeared after it was proved absent */
	CAUSE_RESURRECTED, /* came back after GONE */
	CAUSE_ORPHAN,      /* our mark, no row */
	CAUSE_FAILED,      /* run: script or setup failed */
	CAUSE_TIMED_OUT,
	CAUSE_CANCELLED,
	CAUSE_PUSH_FAILED,
	CAUSE_SECRET,      /* a secret that the run needs is not there any more */
	CAUSE_SURPLUS,     /* not needed any more */
	CAUSE_BAD_MACHINE, /* what was ordered, but a script found that it is not fit (STATUS_BAD_MACHINE) */
	CAUSE_PREEMPTED,   /* spot: the provider stopped it, for a higher bid or for its host */
	CAUSE_NR
};
const char *cause_name(enum cause c);      /* "no_capacity" */
enum cause cause_from_name(const char *s); /* CAUSE_NONE when unknown */
const char *cause_words(enum cause c);     /* "sold out" */

enum object_kind { OBJECT_FLEET, OBJECT_INSTANCE, OBJECT_RUN, OBJECT_ACCOUNT, OBJECT_EXTRA, OBJECT_CAMPAIGN, OBJECT_NIGHT, OBJECT_TRIAL,
	OBJECT_NOTICE, OBJECT_BUDGET, OBJECT_KINDS };
const char *object_kind_name(enum object_kind k); /* "fleet" */
int object_kind_from_name(const char *s);         /* -1: none of them */

/* What every object has: its place in the engine's queues. Not stored. */
struct object {
	enum object_kind kind;
	int64_t id;
	bool dirty;             /* must go into the next commit */
	struct list dirty_link;
	struct list touch_link; /* to be looked at by this turn's decide */
	struct heap_node wake;
};

enum fleet_state { FLEET_OPEN, FLEET_CLOSING, FLEET_CLOSED, FLEET_STATES };
enum fleet_event { FLEET_EV_CLOSE, FLEET_EV_EMPTY, FLEET_EVENTS };
extern const struct fsm fleet_fsm;

struct fleet {
	struct object object; /* id: positive, never reused */
	char name[NAME_MAX_]; /* unique among fleets that are not CLOSED */
	char owner[NAME_MAX_];
	uint32_t owner_uid;
	enum fleet_state state;
	enum cause cause;
	char reason[TEXT_MAX]; /* one sentence for people */
	char labels[TEXT_MAX]; /* "k=v,k=v" */

	/* what is wanted */
	char gpu[GPU_MAX];
	int gpu_count, instances;
	char accounts[TEXT_MAX]; /* allowed accounts or providers, comma-separated; "" any */
	char region[REGION_MAX];
	char image[TEXT_MAX];
	char volume[NAME_MAX_], snapshot[NAME_MAX_]; /* its machine has this, starts from this; "" */
	char snapshot_as[NAME_MAX_]; /* for_run: a snapshot of this name is taken when the run ended ok; "" */
	char *env;          /* owned; JSON object of variables that its runs see, or NULL */
	int disk_gb;
	bool spot;
	bool own_key;       /* its machines let in a key pair of its own, not the site's */
	money max_price;  /* per GPU-hour; 0: none */
	money max_cost;   /* whole fleet; 0: none */
	money accept_minimum; /* largest minimum charge taken without asking */
	duration lifetime;  /* --for, counted from READY; already shortened to fit max_cost */
	duration idle_limit; /* 0: never */
	duration retry_for; /* keep trying to place for this long after `created` */
	bool for_run;       /* made by `run --gpu`: closes when its run has ended */
	int64_t night_id;   /* opened for a night of a campaign; 0: not */
	char budget[NAME_MAX_]; /* which it names; "": none (others may count it all the same) */
	bool together;      /* its machines reach each other: one account and region, no containers */
	duration keep_on_failure; /* for_run: keep this long when the run did not end ok */

	/* life */
	instant created, ready_at, expires, idle_since, closing_at, closed;
	instant keep_until;  /* kept for a look after a failed run */
	duration extend_to;  /* pending extension: new lifetime; 0 none */
	int64_t version;     /* changes with each change; for optimistic clients */

	/* not stored */
	struct list instance_list, run_list, night_link;
	instant place_retry_at;
	char extend_error[TEXT_MAX]; /* why the last extension was not granted */
};

enum instance_state {
	INSTANCE_PLANNED, INSTANCE_DISPATCHING, INSTANCE_AMBIGUOUS, INSTANCE_BOOTING, INSTANCE_CONNECTING, INSTANCE_READY,
	INSTANCE_BUSY, INSTANCE_DRAINING, INSTANCE_DELETING, INSTANCE_GONE, INSTANCE_STATES
};
enum instance_event {
	INSTANCE_EV_DISPATCH, INSTANCE_EV_CREATED, INSTANCE_EV_REFUSED, INSTANCE_EV_UNSURE, INSTANCE_EV_FOUND, INSTANCE_EV_ABSENT,
	INSTANCE_EV_RUNNING, INSTANCE_EV_REACHABLE, INSTANCE_EV_ASSIGNED, INSTANCE_EV_RELEASED, INSTANCE_EV_STOP,
	INSTANCE_EV_TIMEOUT, INSTANCE_EV_ENDED, INSTANCE_EV_LOST, INSTANCE_EV_WRONG, INSTANCE_EV_GONE, INSTANCE_EVENTS
};
extern const struct fsm instance_fsm;

/* What is being done about an object right now; at most one at a time. Not stored: a restart decides anew. */
enum activity {
	ACTIVITY_NONE, ACTIVITY_CREATE, ACTIVITY_CONNECT, ACTIVITY_MARK, ACTIVITY_DESCRIBE, ACTIVITY_DESTROY, ACTIVITY_CLEAN, ACTIVITY_RELEASE,
	ACTIVITY_BILL, ACTIVITY_END, ACTIVITY_MAKE, ACTIVITY_LOOK, ACTIVITY_MOVE, ACTIVITY_SUBMIT, ACTIVITY_JUDGE, ACTIVITY_NOTIFY, ACTIVITY_COUNT,
	ACTIVITY_PUSH, ACTIVITY_START, ACTIVITY_GO, ACTIVITY_POLL, ACTIVITY_STOP, ACTIVITY_COLLECT
};

/* What an instance's money went for (architecture §8). Stored by name. */
enum part { PART_BOOT, PART_SETUP, PART_RUN, PART_IDLE, PART_TEARDOWN, PART_ROUNDING, PART_STORAGE,
	PART_UNSPLIT, /* of a time when there was no ledger */
	PARTS };
const char *part_name(enum part p);    /* "boot"; PARTS: "" */
enum part part_from_name(const char *s); /* PARTS: no such part */

/* Why the provider's record and our clock differ (cost.h). Stored by name. */
enum gap { GAP_NONE, GAP_CLOCK, GAP_TRAFFIC, GAP_LATE_DELETE, GAP_UNEXPLAINED, GAP_NOT_STARTED, GAP_ENDED_UNSEEN, GAP_OTHER_MOMENTS,
	GAP_SHARE, GAP_NO_RECORD, GAPS };
const char *gap_name(enum gap g);    /* "late delete", for a table; "" */
const char *gap_text(enum gap g);    /* "its delete was taken late, or its end not seen" */
enum gap gap_from_name(const char *s); /* GAPS: none of them */

struct instance {
	struct object object;
	int64_t fleet_id; /* 0: orphan without a fleet */
	int slot;         /* 0 … fleet.instances-1 */
	enum instance_state state;
	enum cause cause;
	char reason[TEXT_MAX];

	/* the order */
	char account[ACCOUNT_MAX], provider[ACCOUNT_MAX];
	char offer_key[128];
	char *offer_spec; /* owned; JSON or NULL */
	char gpu[GPU_MAX];
	int gpu_count;
	char region[REGION_MAX];
	char host[HOST_MAX]; /* the machine of a marketplace that it is on; "" */
	int disk_gb;         /* of its disk; 0: not said */
	bool spot, marketplace;
	money price_hour, minimum_charge;
	money hold;       /* worst case reserved; 0 once GONE */
	money traffic_hold; /* part of it: what it may receive and send, where that is charged */
	char mark[ID_MAX];    /* name at the provider as last confirmed or sent (reliability §2.3) */
	char new_mark[ID_MAX]; /* extension under way */
	instant deadline;     /* the one inside `mark` */
	char *snapshot; /* owned; Hot Aisle: ids before the create, JSON array, or NULL */

	/* the machine */
	char provider_id[ID_MAX];
	char address[ADDRESS_MAX];
	char private_address[ADDRESS_MAX]; /* by which machines of its account and region reach it; "": not told */
	int port;
	char user[32];
	char host_key[512]; /* pinned at first contact */
	char host_print[52]; /* what a person says its key's fingerprint is ("SHA256:…"), before that contact; "" */
	char boot_id[40];
	char seen_gpu[GPU_MAX];
	int seen_gpu_count;
	bool docker;
	enum watchdog watchdog;
	enum trust trust;     /* in host_key, once there was contact */
	instant leased_until; /* the watchdog acts then; 0: never armed */
	bool marked;          /* the mark was seen at the provider */
	bool stop_requested;  /* while DISPATCHING or AMBIGUOUS: delete once known */
	bool delete_accepted;
	bool describe_absent; /* GET says gone, since DELETING */
	int absent_listings;  /* complete listings in a row without it, spaced */

	/* times */
	instant planned, sent, created, running_at, ready_at, deleting_at, delete_sent, gone;
	instant last_seen, last_contact, absent_at /* last counted absence */, first_absent;
	instant meter_start, meter_end;

	/* cost */
	money metered; /* final once GONE; before, view computes it */
	money billed;
	bool billed_known;
	instant billed_at, settled;
	enum gap gap;  /* why they differ, once settled */
	int64_t run_id; /* BUSY or DRAINING: whose */
	int64_t volume_id, snapshot_id; /* extras: what it has, what it started from; 0 */

	/* what the ledger has of it (ledger.h) */
	int postings;         /* how many */
	money held;           /* HOLD */
	money posted;         /* USE: part of metered */
	money adjusted;       /* BILL: billed less metered */
	instant booked_until; /* its time up to here; 0: not metered yet */
	enum part part;       /* … and what it does since then */
	int64_t part_run;
	money rate_before;    /* what its time cost at earlier prices, until … */
	instant rate_since;   /* … price_hour became this; 0: it always was */
	int64_t version;

	/* not stored */
	struct list fleet_link, account_link;
	instant drain_until;
	enum activity activity;
	instant retry_at;  /* nothing before this */
	int tries;         /* of the present activity, for back-off */
	money recharged;   /* settled: another sum that was read once; 0: none */
	bool released;     /* its volume was unmounted, or nobody can */
	bool mounted;      /* its volume is where runs look for it */
};

enum run_state {
	RUN_QUEUED, RUN_PUSHING, RUN_SETUP, RUN_RUNNING, RUN_COLLECTING, RUN_STOPPING, RUN_DONE, RUN_STATES
};
enum run_event {
	RUN_EV_ASSIGNED, RUN_EV_STARTED, RUN_EV_SETUP_DONE, RUN_EV_EXITED, RUN_EV_STOP, RUN_EV_COLLECTED, RUN_EV_LOST, RUN_EV_REQUEUE,
	RUN_EVENTS
};
extern const struct fsm run_fsm;
enum run_outcome { OUTCOME_NONE, OUTCOME_OK, OUTCOME_FAILED, OUTCOME_TIMED_OUT, OUTCOME_CANCELLED, OUTCOME_LOST };
const char *outcome_name(enum run_outcome o); /* "" for none */
enum run_outcome outcome_from_name(const char *s);

struct run {
	struct object object;
	char key[16];      /* random base32: the directory on the machine and under state_dir/runs/ */
	int64_t fleet_id, instance_id; /* instance 0 while QUEUED */
	char recipe[NAME_MAX_];
	char title[TEXT_MAX]; /* what the person typed */
	char owner[NAME_MAX_];
	enum run_state state;
	enum run_outcome outcome;
	enum cause cause;
	char reason[TEXT_MAX];
	char *params;      /* owned; JSON object of parameter → string */
	char *env;         /* owned; JSON object: its own variables, beside its fleet's, or NULL */
	char *spec;        /* owned; JSON: setup, run, reader … as read from recipe.yaml */
	char secrets[TEXT_MAX]; /* names, comma-separated; values are never here */
	duration setup_timeout, run_timeout;
	int exit_status;   /* -1: not known */
	char signal[16];
	int64_t out_size, err_size; /* bytes of output stored so far */
	int64_t out_base, err_base; /* … of them from machines that were not fit, before the present one */
	char progress[TEXT_MAX];
	int64_t results_bytes;
	instant created, assigned, started, run_started, ended, done;
	bool stop_requested;
	int pinned;       /* to the instance in slot pinned - 1 of its fleet; 0: any may have it */
	int64_t trial_id; /* of a night; 0: somebody's own */
	/* of several instances: one row for each (gang.c) */
	int64_t gang_id;   /* the run of rank 0, which is what people see; 0: it has one instance */
	int rank, ranks;   /* 0 … ranks-1; ranks 0 or 1: one instance */
	instant set_up;    /* it waits for the others */
	instant released;  /* all were set up: the scripts begin */
	int requeues; /* how often it was taken from a machine and given to another */
	int64_t version;

	/* not stored */
	struct list fleet_link;
	enum activity activity;
	instant retry_at, stop_deadline;
	bool pushed, stop_said, go_said;
	bool collected; /* rank 0: its results are here, and it waits for the others */
	bool halted;    /* it is stopped because another rank ended */
	int tries;
	bool watched; /* somebody follows: poll faster */
};

/* ---- campaigns (architecture §11) ---- */

struct campaign {
	struct object object;
	char name[NAME_MAX_];  /* unique among those that are not deleted */
	char owner[NAME_MAX_]; /* who applied it first */
	char *text;            /* owned; the file as it was applied last */
	int64_t number;        /* … for the how-manieth time */
	int64_t nights;        /* how many there were */
	bool paused;
	instant created, updated, deleted;
	instant last_tick;     /* what the schedule fired last, begun or missed */
	int64_t version;

	/* not stored */
	struct plan *plan;      /* owned; NULL: the text cannot be used, see trouble */
	char trouble[TEXT_MAX];
	struct list night_list; /* those in memory, oldest first */
};

/*
 *	RUNNING ─▶ JUDGING ─▶ CLOSING ─▶ DONE
 *	   ▲───────────┘ once more, elsewhere, what looks like a regression
 */
enum night_state { NIGHT_RUNNING, NIGHT_JUDGING, NIGHT_CLOSING, NIGHT_DONE, NIGHT_STATES };
enum night_event { NIGHT_EV_MEASURED, NIGHT_EV_AGAIN, NIGHT_EV_JUDGED, NIGHT_EV_EMPTY, NIGHT_EVENTS };
extern const struct fsm night_fsm;
enum night_outcome { NIGHT_UNKNOWN, NIGHT_COMPLETE, NIGHT_PARTIAL, NIGHT_FAILED, NIGHT_CANCELLED, NIGHT_MISSED };
const char *night_outcome_name(enum night_outcome o); /* "" for unknown */
int night_outcome_from_name(const char *s);           /* -1: no such outcome */

struct night {
	struct object object;
	int64_t campaign_id;
	int64_t number;     /* 1, 2, … of its campaign */
	int64_t definition; /* campaign.number when it began */
	char *text;         /* owned; that definition */
	instant tick;       /* what fired; 0: somebody said so */
	bool poc;           /* only the first cell of each kind of machine, once */
	enum night_state state;
	enum night_outcome outcome;
	enum cause cause;   /* why it was stopped */
	char reason[TEXT_MAX];
	instant begun, finish_by, measured, ended;
	bool stop_requested;
	int series, worse;  /* that were judged; of them: warnings and regressions */
	bool repeated;      /* what looked like a regression was measured once more */
	int64_t version;

	/* not stored */
	struct plan *plan;  /* owned */
	enum activity activity;
	struct list campaign_link, trial_list, fleet_list;
};

/* One cell of a night, once. */
enum trial_state { TRIAL_WAITING, TRIAL_RUNNING, TRIAL_DONE, TRIAL_GIVEN_UP, TRIAL_STATES };
enum trial_event { TRIAL_EV_SUBMITTED, TRIAL_EV_ENDED, TRIAL_EV_AGAIN, TRIAL_EV_GIVE_UP, TRIAL_EVENTS };
extern const struct fsm trial_fsm;

struct trial {
	struct object object;
	int64_t night_id;
	int cell, repeat;   /* which cell of the plan; 0, 1, … */
	bool again;         /* measured once more, on another machine, because the first time looked like a regression */
	char title[TEXT_MAX], gpu[GPU_MAX];
	int gpu_count, instances;
	char account[ACCOUNT_MAX]; /* again: where it was measured first, since another provider would be another series */
	enum trial_state state;
	int64_t fleet_id;   /* on whose machine it is, or will be; 0: none yet */
	int64_t run_id;     /* the last one */
	int lost, failed;   /* tries that ended so */
	enum run_outcome outcome; /* of the last run */
	enum cause cause;
	char reason[TEXT_MAX];
	instant ended;
	int64_t version;

	/* not stored */
	enum activity activity;
	struct list night_link;
};

/* A message about a night or a budget to a webhook: waits until it was taken. Its text is made when it is sent. */
enum notice_state { NOTICE_WAITING, NOTICE_SENT, NOTICE_GIVEN_UP, NOTICE_STATES };
enum notice_event { NOTICE_EV_TAKEN, NOTICE_EV_GIVE_UP, NOTICE_EVENTS };
extern const struct fsm notice_fsm;

struct notice {
	struct object object; /* its id is the delivery's: the same however often it is sent */
	int64_t campaign_id, night_id;
	int64_t budget_id;  /* it is about a budget, and not about a night; 0 */
	char webhook[NAME_MAX_];
	char news[64]; /* "failed,summary"; of a budget "80%" */
	enum notice_state state;
	char reason[TEXT_MAX]; /* why it was not taken the last time */
	int tries;
	instant created, done;
	int64_t version;

	/* not stored */
	enum activity activity;
	instant retry_at;
};

/*
 * What we made at a provider beside machines (reliability §2.8.7): each has a row, an owner, a price and an end, and its deletion
 * is as persistent as a machine's.
 */
enum extra_kind { EXTRA_KEY, EXTRA_VOLUME, EXTRA_SNAPSHOT };
const char *extra_kind_name(enum extra_kind k); /* "ssh_key" */
int extra_kind_from_name(const char *s);        /* -1: no such kind */
/* BUILDING: a snapshot that the provider is taking; DOUBT: perhaps made, looked for in complete listings. A key is LIVE at once. */
enum extra_state { EXTRA_WANTED, EXTRA_MAKING, EXTRA_DOUBT, EXTRA_BUILDING, EXTRA_LIVE, EXTRA_DELETING, EXTRA_GONE, EXTRA_STATES };
enum extra_event {
	EXTRA_EV_DISPATCH, EXTRA_EV_BEGUN, EXTRA_EV_MADE, EXTRA_EV_REFUSED, EXTRA_EV_AGAIN, EXTRA_EV_UNSURE, EXTRA_EV_ABSENT, EXTRA_EV_END,
	EXTRA_EV_KEPT, EXTRA_EV_GONE, EXTRA_EVENTS
};
extern const struct fsm extra_fsm;

#define STORAGE_MONTH (730 * HOUR) /* what a price by the month is for */

struct extra {
	struct object object; /* id: of the same sequence as fleets, instances and runs */
	enum extra_kind kind;
	enum extra_state state;
	char account[ACCOUNT_MAX], provider[ACCOUNT_MAX];
	char provider_id[ID_MAX];
	char name[NAME_MAX_], owner[NAME_MAX_], region[REGION_MAX];
	int size_gb;
	money price_month; /* 0: free */
	instant created, used_at, deleting_at, gone;
	instant keep_until; /* not ended before; 0: as soon as its kind's rule says. Of storage: ended then; 0: never by itself */
	int64_t fleet_id;   /* a key: of this fleet only; 0: the site's */
	int64_t version;

	/* storage */
	char mark[ID_MAX];  /* its name at the provider (mark.h) */
	char host[HOST_MAX]; /* it lies inside this machine of a marketplace; "" */
	int disk_gb;        /* a snapshot: least disk of a machine, or size of a volume, that starts from it */
	char gpu[GPU_MAX];  /* a snapshot: which driver is in it; "" */
	int64_t source_id;  /* a snapshot: of this instance or volume; a volume: from this snapshot; 0: none that we know */
	char source[ID_MAX]; /* … as the provider calls it */
	bool of_volume;
	char work[ID_MAX];  /* BUILDING: what to ask for */
	char budget[NAME_MAX_]; /* which it names; "" */
	enum cause cause;
	char reason[TEXT_MAX]; /* why it is no more, or was never made */
	instant dropped_at; /* DELETING: when the provider took it last */
	int absent_listings; /* complete ones in a row without it */
	money hold;         /* what it costs until keep_until, what is booked included */
	int postings;       /* what the ledger has of it (ledger.h) */
	money held, posted;
	instant booked_until;
	instant bill_due;   /* its bill up to here is read next (storage_bill.c); 0: nothing waits for that */
	money bill_metered; /* … and what we had metered up to there: of the last step, once that is settled */
	money billed;       /* what the provider's record says of its life up to there */
	instant billed_at;  /* … when it was read last, for this step; 0: not yet */
	money adjusted;     /* BILL: billed less metered, as far as settled */
	instant settled_until; /* its bill is final up to here; 0: nothing of it is */
	instant settled;    /* GONE, and its bill is final, or none will come */
	enum gap gap;       /* why bill and meter differ, at the last step */

	/* not stored */
	enum activity activity;
	instant retry_at, absent_at;
	int tries;
	char machine[ID_MAX]; /* a volume: which machine has it, at the last listing */
	int64_t mover;        /* the instance that is to get it, or to lose it, just now; 0 */
	bool detaching;
	int64_t left_by;      /* this instance has it no more, as a listing said before its end was proved */
	bool bill_busy;       /* its bill is being read, whatever else is going on */
	instant bill_at;      /* not before this */
	int bill_tries;       /* readings in a row that said nothing */
	money recharged;      /* settled: another sum that was read once; 0: none */
};

/* The core's copy of the facts about one account's provider, filled by the daemon from the provider table. */
struct account_facts {
	char name[ACCOUNT_MAX], provider[ACCOUNT_MAX], title[ACCOUNT_MAX];
	bool mark_at_create, single_flight, local, bill_by_machine, counts, container, exclusive;
	bool keeps_key; /* our public key stays in the account until it is taken away */
	bool prepaid;   /* its balance bounds what can be rented */
	bool takes_key; /* machines let in the key that is named with their order */
	bool takes_image, takes_disk; /* --image and --disk can be chosen with an order */
	char avoid_hosts[2048]; /* of its marketplace, comma-separated: nothing is rented there */
	int max_instances; /* core/limit.h; 0: none */
	money max_hourly;
	struct billing_rule billing;
	bool volumes, snapshots; /* it has such, and OP_STORAGE tells which */
	bool storage_bills; /* … and there is a record of what each was charged */
	bool attaches;      /* a volume can come and go while a machine runs; else it is there from its order on */
	bool volume_shared; /* several machines may have one at a time */
	struct storage_rule volume_rule, snapshot_rule; /* gb_month 0: not known; each host's own price: the most that one may be, until it is told */
	bool traffic;   /* it charges by the GB, which our meter does not see … */
	int traffic_gb; /* … so many are held for each machine */
	duration create_timeout, boot_allowance, teardown_allowance;
};

/* One account: what was last heard from the provider. `stored` fields survive a restart. */
struct account_state {
	struct object object; /* id: index + 1, not stable over restarts; the name is the key in the database */
	struct account_facts facts;
	bool configured;  /* false: in the database only; has rows, so it cannot be removed (I8) */

	/* stored: settlement of accounts that tell only a balance */
	money window_balance; /* before the first machine of the window */
	instant window_since; /* 0: no window open */
	bool window_balance_known;

	/* not stored */
	struct list instance_list;  /* not GONE, or GONE and not settled */
	int live;                   /* instances not GONE */
	int lists_wanted;
	struct offer *offers;       /* owned, with their specs */
	size_t offer_count;
	char offers_gpu[GPU_MAX];   /* for what they were asked */
	int offers_gpu_count, offers_disk_gb;
	bool offers_spot;
	instant offers_at, listed_at, listing_began, balance_at, list_retry_at, offers_retry_at;
	bool offers_busy, list_busy, balance_busy, charges_busy, denied;
	instant balance_read_at;    /* when `balance` was told last; balance_at is when it was asked for */
	instant charges_at;         /* when its charges are read next */
	int strays;                 /* charges for what no row knows, at the last reading: a leak (§2.12) */
	char stray[ID_MAX];         /* … one of them, and */
	money stray_sum;            /* … what they come to */
	int list_failures, offers_failures, balance_failures;
	char trouble[TEXT_MAX];     /* last failure in words; "" when fine */
	struct balance balance;
	int64_t create_lock;        /* single_flight: instance that holds it; 0 free */
	instant storage_at, storage_retry_at; /* volumes and snapshots: listed last; not before */
	bool storage_busy, storage_wanted;
	int foreign_storage;        /* volumes and snapshots there that are not ours */
	int unmanaged;              /* machines that are not ours at the last listing */
	int counted;                /* how many machines the provider said there are, at counted_at */
	instant counted_at;
	instant count_wanted;       /* a listing cannot be believed before it tells again; 0: it can */
	instant doubt_since;        /* of the first listing in a row that the count denied or did not confirm */
	instant orphan_window;      /* since when orphan_deletes are counted (reliability §2.9: few at a time) */
	int orphan_deletes;
};

/* One line of the audit log. */
struct event {
	int64_t seq;
	instant time;
	enum object_kind kind;
	int64_t object_id;
	int64_t fleet_id;     /* the fleet it belongs to, for `events FLEET`; 0 none */
	char from[24], event[24], to[24];
	enum cause cause;
	char actor[NAME_MAX_]; /* "daemon", or a user's name */
	char text[TEXT_MAX];
};

/* One line of the ledger (ledger.h). */
enum posting_kind { POSTING_HOLD, POSTING_USE, POSTING_BILL, POSTING_KINDS };
const char *posting_kind_name(enum posting_kind k); /* "hold" */
int posting_kind_from_name(const char *s);          /* -1: no such kind */

struct posting {
	int64_t seq;
	instant time;          /* when it was booked */
	enum posting_kind kind;
	int64_t subject_id;    /* the instance, or the volume or snapshot, that it is about: ids are of one sequence */
	int number;            /* 1, 2 … of that */
	enum part part;        /* PARTS: none */
	int64_t run_id;        /* 0: nobody's in particular */
	instant since, until;  /* the time that it is for */
	duration gpu_time;
	char debit[ACCOUNT_MAX + 16], credit[ACCOUNT_MAX + 16];
	money amount;
};

/* What may be spent, on what, and in which time (budget.h). */
enum scope { SCOPE_ALL, SCOPE_NAMED, SCOPE_OWNER, SCOPE_CAMPAIGN, SCOPE_PROVIDER, SCOPE_LABEL, SCOPES };
const char *scope_name(enum scope s);      /* "owner" */
int scope_from_name(const char *s);        /* -1: no such scope */
enum period { PERIOD_DAY, PERIOD_WEEK, PERIOD_MONTH, PERIOD_ROLLING, PERIOD_TOTAL, PERIODS };
const char *period_name(enum period p);    /* "month" */
int period_from_name(const char *s);

struct budget {
	struct object object;
	char name[NAME_MAX_]; /* unique among those that are not deleted */
	enum scope scope;
	char subject[2 * NAME_MAX_]; /* an owner, a campaign, an account or provider, "key=value"; "" for all and named */
	enum period period;
	int rolling_days;     /* rolling: today and the days before it */
	char zone[48];        /* whose midnights count */
	money cap;
	bool warn_only;
	char notify[NAME_MAX_]; /* a webhook; "": none */
	char actor[NAME_MAX_];  /* who set it last */
	instant created, updated, deleted;
	int told;             /* the highest threshold that was told, in percent … */
	int64_t told_period;  /* … of the period that began on this day */
	int64_t version;

	/* not stored */
	struct zone *tz;      /* owned; NULL: UTC */
	struct days days;     /* what was booked; whole only when `counted` */
	bool counted;         /* the ledger was read up to `counted_to`; what is booked since is added as it is booked */
	int64_t counted_to;
	enum activity activity;
	instant retry_at;
	int tries;
};

/* Waiting times and limits (configuration); see config/gpufleetd.yaml for what each means. */
struct policy {
	duration poll_boot, poll_steady, poll_sweep;
	duration settle, settle_single_flight;
	int absence_listings;
	duration absence_spacing;
	int gone_listings;
	duration gone_spacing;
	duration late_watch, orphan_grace, bill_poll, bill_watch;
	duration bill_reread;  /* settled bills are read again this often, for bill_watch; 0: never */
	duration key_keep;     /* our public key stays at a provider for this long after the last machine there */
	bool finish_lost;      /* a run whose machine is silent gets the time that it may take */
	duration lease;        /* what a machine gets at each contact before its watchdog acts */
	duration contact_lost; /* no SSH contact for this long while the provider answers */
	duration run_poll, run_poll_watched;
	bool adopt_orphans; /* a machine that is ours but unknown gets a fleet until its deadline; else it is deleted after its grace */
};

struct model {
	char site[8];          /* 6 characters */
	uint8_t mark_key[32];
	struct policy policy;
	struct rng *rng;       /* not owned */
	int64_t next_id;       /* shared by all kinds of objects but accounts */
	int64_t next_event, next_posting;

	struct map fleets, instances, runs, extras, campaigns, nights, trials, notices, budgets; /* by id */
	/* From the text of a campaign to its plan, which the caller owns; NULL with a sentence. NULL: nobody can. */
	struct plan *(*compile)(void *arg, const char *text, char trouble[TEXT_MAX]);
	void *compile_arg;
	struct zone *(*find_zone)(const char *name); /* NULL: every zone is UTC */
	struct account_state **accounts;    /* owned */
	size_t account_count;

	struct list dirty, touched;
	struct heap wakes;
	struct event *events; /* not committed yet */
	size_t event_count, event_cap;
	struct posting *postings; /* the same */
	size_t posting_count, posting_cap;
	instant now;          /* of the fact being applied */
	bool closing;         /* the daemon is going down: nothing new is started */
	int64_t market_of;    /* the fleet for which offers are being gathered; 0 none */
};

void model_init(struct model *m, struct rng *rng);
void model_free(struct model *m);

/* New rows, linked into maps and lists; memory is the model's. Loading and creating use the same functions. */
struct fleet *model_add_fleet(struct model *m, const struct fleet *row);       /* copies; takes over owned strings */
struct instance *model_add_instance(struct model *m, const struct instance *row); /* copies; takes over owned strings */
struct run *model_add_run(struct model *m, const struct run *row);             /* copies; takes over owned strings */
struct extra *model_add_extra(struct model *m, const struct extra *row);       /* copies */
struct account_state *model_add_account(struct model *m, const struct account_facts *facts);
void model_drop_fleet(struct model *m, struct fleet *f); /* forgets the fleet with its instances and runs (still in the database) */

struct fleet *model_fleet(const struct model *m, int64_t id);
struct instance *model_instance(const struct model *m, int64_t id);
struct run *model_run(const struct model *m, int64_t id);
struct extra *model_extra(const struct model *m, int64_t id);
struct extra *model_storage(const struct model *m, enum extra_kind kind, const char *name); /* not GONE; NULL: none */
struct campaign *model_add_campaign(struct model *m, const struct campaign *row); /* takes over the text */
struct night *model_add_night(struct model *m, const struct night *row);          /* the same */
struct trial *model_add_trial(struct model *m, const struct trial *row);
struct notice *model_add_notice(struct model *m, const struct notice *row);
struct budget *model_add_budget(struct model *m, const struct budget *row);
struct budget *model_budget(const struct model *m, int64_t id);
struct budget *model_budget_by_name(const struct model *m, const char *name); /* NULL: none that is not deleted */
struct notice *model_notice(const struct model *m, int64_t id);
struct campaign *model_campaign(const struct model *m, int64_t id);
struct campaign *model_campaign_by_name(const struct model *m, const char *name); /* NULL: none that is not deleted */
struct night *model_night(const struct model *m, int64_t id);
struct trial *model_trial(const struct model *m, int64_t id);
/* The key that is at an account, or on its way there or away: of that fleet, or (0) of the site. */
struct extra *model_key_at(const struct model *m, const char *account, int64_t fleet_id);
struct account_state *model_account(const struct model *m, const char *name);
struct fleet *model_fleet_by_name(const struct model *m, const char *name); /* not CLOSED first, else the newest */

#define INSTANCE_OF(link) CONTAINER_OF(link, struct instance, fleet_link)
#define RUN_OF(link)      CONTAINER_OF(link, struct run, fleet_link)
#define NIGHT_OF(link)    CONTAINER_OF(link, struct night, campaign_link)
#define TRIAL_OF(link)    CONTAINER_OF(link, struct trial, night_link)
#define NIGHT_FLEET_OF(link) CONTAINER_OF(link, struct fleet, night_link)

/* Walk a map in no particular order: `size_t at = 0; while ((f = model_each(&m->fleets, &at))) …`. NULL at the end. */
void *model_each(const struct map *map, size_t *cursor);

#endif
