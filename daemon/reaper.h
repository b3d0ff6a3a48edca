/*
 * gpufleet-reaper: the second net under a daemon that may be dead for ever (reliability §2.10, N2). It has no database: the key of
 * the site, a token and a listing are enough to tell "ours and overdue" from the names of the machines.
 *
 *	reaper.c         options, exit status
 *	reaper_decide.c  what a listing means: pure
 *	reaper_pass.c    one pass over all accounts, over HTTP
 *	reaper_state.c   what one pass leaves for the next, and the heartbeat
 *	reaper_report.c  what people and programs are told
 *
 * Rules: only machines with a valid mark of this site whose deadline is over, and in accounts that are only ours also machines
 * without any name that were there for half an hour; a machine is looked at again right before it is deleted; storage is never
 * touched; nothing is deleted at an account before --delete was given once.
 */
#ifndef GPUFLEET_REAPER_H
#define GPUFLEET_REAPER_H

#include "base/json.h"
#include "config/config.h"
#include "core/mark.h"
#include "core/types.h"
#include "site.h"

#define REAP_GRACE          (10 * MINUTE) /* behind the deadline in the name: the daemon's turn (reliability §2.10) */
#define REAP_UNMARKED_AFTER (30 * MINUTE) /* a machine without a name, in an account where everything is ours */
#define REAP_AGAIN          (2 * MINUTE)  /* a delete that was taken is not repeated before */
#define REAP_LIMIT          20            /* deletions per account and pass */
#define REAP_EMPTY_BELIEVED 3             /* passes with an empty listing before it is believed that all machines are gone */

/* ---- what one pass leaves for the next ---- */

struct reap_seen {
	char id[ID_MAX];
	instant first;   /* seen without a name */
	instant deleted; /* the last delete that was taken; 0: none */
	int deletes;
};

struct reap_memory {
	char account[ACCOUNT_MAX];
	bool armed;
	char account_id[ID_MAX]; /* whose credentials they were when it was armed; "": the provider does not say */
	instant believed;        /* when the last believable listing was read */
	int machines;            /* in it */
	int empty;               /* empty listings since that were not believed */
	struct reap_seen *seen;  /* owned */
	size_t seen_count;
};

/* ---- deciding: pure ---- */

enum reap_kind {
	REAP_OVER,             /* the provider says that it bills no more */
	REAP_FOREIGN,          /* carries no mark, or a name of somebody's own */
	REAP_OTHER_SITE,       /* another site's */
	REAP_FORGED,           /* names our site, but the key does not fit */
	REAP_LIVE,             /* ours, before its deadline */
	REAP_GRACE_TIME,       /* ours, behind its deadline: the daemon's turn */
	REAP_OVERDUE,          /* ours, and nobody ended it */
	REAP_UNMARKED,         /* without a name in an account where everything is ours, not for long */
	REAP_UNMARKED_OVERDUE, /* the same for too long */
	REAP_KINDS
};
const char *reap_kind_name(enum reap_kind k); /* "overdue" */

struct reap_rules {
	duration grace;
	int limit; /* deletions per account and pass; 0: none */
};

struct reap_item {
	const struct machine *machine;
	enum reap_kind kind;
	instant deadline;        /* of the mark; 0: it has none of ours */
	bool act;                /* delete it in this pass */
	char held[TEXT_MAX];     /* due, but why it is left alone; "" */
	/* filled by the pass */
	bool deleted, gone;      /* the provider took the delete; it was gone already */
	char trouble[TEXT_MAX];  /* why it could not be deleted */
};

struct reap_place {
	const struct site *site;
	const char *provider;
	bool exclusive;     /* everything in the account is ours, and the account is the one that was armed */
	bool read_only;     /* nothing is deleted whatever is found; `why` says why */
	const char *why;
};

struct reap_tally {
	int ours, others, forged, due, acting, held_by_limit;
	money rate; /* of ours, per hour, as far as the provider tells prices */
};

/* Is the listing to be believed? An empty one after machines were there is not at once, nor one that shows less than the provider
 * itself counts (`balance`, may be NULL). False: *why is filled. Counts empty listings in *m. */
bool reap_believable(struct reap_memory *m, size_t listed, const struct balance *balance, char why[TEXT_MAX]);

/*
 * One item per machine, in the order of the listing. `now` is the earlier of our clock and the provider's, so that a wrong clock
 * deletes nothing early. Of what is due the dearest go first when there are more than the limit allows. Remembers in *m when a
 * machine without a name was first seen, and forgets ids that are not listed any more.
 */
void reap_decide(struct reap_memory *m, const struct machine *machines, size_t count, const struct reap_place *place,
    const struct reap_rules *rules, instant now, struct reap_item *items, struct reap_tally *tally);

/* The look right before the delete: is it still the machine, ours and due? False: `held` says why not. */
bool reap_confirm(struct reap_item *item, const struct machine *looked, const struct reap_place *place,
    const struct reap_rules *rules, instant now);

/* A delete was taken. */
void reap_remember_delete(struct reap_memory *m, const char *id, instant now);
void reap_memory_free(struct reap_memory *m);

/* ---- one pass ---- */

struct reap_account {
	const struct account *account; /* the caller's */
	const char *title;
	const char *token_trouble;     /* why there is no token; NULL: there is one */
	struct reap_memory memory;
	/* result */
	bool listed, believed, local, full; /* full: the deletion limit left some for the next pass */
	struct machine *machines;      /* owned */
	struct reap_item *items;       /* owned */
	size_t count;
	struct reap_tally tally;
	int deleted, failed;
	duration clock_off;            /* our clock minus the provider's */
	char trouble[TEXT_MAX];        /* "" when all is well */
	char note[TEXT_MAX];           /* worth a line, but no trouble */
};

struct reap_options {
	const struct site *site;
	struct reap_rules rules;
	bool arm;     /* from now on deletions are allowed at every account of the pass */
	bool dry_run; /* not in this pass */
};

/* List, decide and delete at all accounts, side by side. */
void reaper_pass(struct reap_account *accounts, size_t count, const struct reap_options *o);
void reap_account_free(struct reap_account *a);

/* ---- state file and heartbeat ---- */

struct reap_state {
	struct reap_memory *accounts; /* owned */
	size_t count;
};
/* A missing file is an empty state; a damaged one is an error that says so (the caller goes on with an empty state). */
int reap_state_load(struct reap_state *s, const char *path, struct err *e);
int reap_state_save(const struct reap_state *s, const char *path, struct err *e);
void reap_state_free(struct reap_state *s);
/* Move an account's memory out of the state (a new one when it has none), and back into it. */
void reap_state_take(struct reap_state *s, const char *account, struct reap_memory *out);
void reap_state_put(struct reap_state *s, struct reap_memory *m);
/* Only one reaper works with a state file at a time. The lock ends with the process. */
int reap_state_lock(const char *path, struct err *e);
/* Replace a file as a whole. */
int reap_write(const char *path, const char *text, struct err *e);

/* ---- telling ---- */

enum reap_exit { REAP_WELL, REAP_TROUBLE, REAP_USAGE, REAP_NOT_ARMED };

/* The document of --json; without `machines` it is the heartbeat. */
json_t *reap_document(const struct reap_account *accounts, size_t count, const struct reap_options *o, instant now, bool machines);
/* 0 = only trouble, 1 = and what was done, 2 = every machine. */
void reap_print(const struct reap_account *accounts, size_t count, int loud, instant now);
enum reap_exit reap_exit_code(const struct reap_account *accounts, size_t count);

#endif
