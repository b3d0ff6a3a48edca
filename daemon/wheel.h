/*
 * The wheel of the engine: fact → apply → decide → commit → act (architecture §6), without a loop and without a clock, so that
 * the daemon turns it by libuv and the deterministic simulator by virtual time.
 *
 * A fact is applied at once. A turn decides and commits; one commit is in flight at a time, and what changes meanwhile goes into
 * the next. Actions are handed out when the commit that holds their intent is durable. When a commit fails everything stays
 * dirty and the wheel is degraded: nothing that spends is handed out until a commit succeeds; deletes and listings go on.
 */
#ifndef GPUFLEET_WHEEL_H
#define GPUFLEET_WHEEL_H

#include "core/core.h"
#include "db/store.h"

/* Somebody's question is answered: error NULL when what he asked for is durable. */
typedef void wheel_durable_fn(void *arg, int64_t id, const struct err *error);

struct wheel_options {
	struct store *store; /* opened; its answers come with store_deliver(), which the owner calls */
	struct model *model; /* loaded; belongs to the owner */
	void (*act)(void *arg, const struct action *a); /* does it; answers by a fact, now or later */
	void (*events)(void *arg, const struct event *events, size_t count); /* these are durable now (seq order); may be NULL */
	void (*postings)(void *arg, const struct posting *postings, size_t count); /* the same */
	void *arg; /* of both */
};

struct wheel {
	struct wheel_options o;
	bool committing;       /* a commit is in flight */
	bool degraded;         /* the last one failed */
	bool closing;
	char trouble[TEXT_MAX]; /* why it is degraded */
	int64_t turns;
	/* private */
	instant again_at;      /* a store in trouble is not tried again before */
	struct actions held;   /* wait for the commit in flight, or for a store that works again */
	struct list waiters;   /* for the next commit */
	struct list in_flight; /* for the commit in flight */
	struct event *events;  /* not durable yet */
	size_t event_count;
	struct posting *postings; /* the same */
	size_t posting_count;
	struct result_row *results, *results_in_flight;
	size_t result_count, results_in_flight_count;
};

void wheel_init(struct wheel *w, const struct wheel_options *o);
/* Answers whoever still waits. No commit may be in flight any more. */
void wheel_free(struct wheel *w);

void wheel_fact(struct wheel *w, struct fact *f); /* f->time is set by the caller */
/* -1 and f->error: refused. Else `durable` (may be NULL) is called when the commit that holds it has been answered. */
int wheel_request(struct wheel *w, struct fact *f, wheel_durable_fn *durable, void *arg);
/* Figures of a run that were read from its files: durable before the facts that follow are. */
void wheel_results(struct wheel *w, const struct result_row *rows, size_t count);

/* What is known of `o` is on disk, its figures too; or the disk does not work and nobody shall wait for it. */
bool wheel_is_durable(const struct wheel *w, const struct object *o);

/* Decides and commits. Does nothing while a commit is in flight. */
void wheel_turn(struct wheel *w, instant now);
/* When the next turn is due; FOREVER while a commit is in flight: its answer calls for the next one. */
instant wheel_wake(const struct wheel *w, instant now);
/* The last commit: no action is handed out any more. The owner then lets the store finish (store_flush()). */
void wheel_close(struct wheel *w);

#endif
