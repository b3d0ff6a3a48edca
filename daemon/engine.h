/*
 * The engine turns the wheel (wheel.h) on the libuv loop: one timer, the store's answers, the executor of actions, and the
 * health of the loop. One thread.
 */
#ifndef GPUFLEET_ENGINE_H
#define GPUFLEET_ENGINE_H

#include "config/config.h"
#include "core/core.h"
#include "db/store.h"
#include "remote/ssh.h"
#include "wheel.h"

#include <uv.h>

struct engine;
struct execute;
struct generation;

struct engine_options {
	uv_loop_t *loop;
	const struct config *config; /* outlives the engine */
	struct store *store;         /* opened with engine_store_wake and the engine as its argument */
	struct ssh_key *key;         /* the site's key; outlives the engine */
	const char *site;            /* 6 characters */
	const uint8_t *mark_key;     /* 32 bytes */
	const char *trace;           /* directory for a trace (trace.h), or NULL */
	struct generation *generation; /* loaded (generation.h); outlives the engine, which keeps it */
};

/* Loads the model, starts adapters, applies FACT_RESTARTED and takes the first turn. */
int engine_open(struct engine **out, const struct engine_options *o, struct err *e);
/* Stops taking turns, commits what is dirty, closes adapters. The loop must run until its handles are closed. */
void engine_close(struct engine *en);
void engine_free(struct engine *en); /* after the loop has run out */
/* For store_options.wake: callable from any thread; store_options.wake_arg points at a `struct engine *` that may still be NULL. */
void engine_store_wake(void *arg);

/* Something happened: applied now, decided on in the next turn. The time is filled in. */
void engine_fact(struct engine *en, struct fact *f);

/* Somebody asks for something (FACT_FLEET_*, FACT_RUN_*): see wheel_request(). The time is filled in. */
int engine_request(struct engine *en, struct fact *f, wheel_durable_fn *durable, void *arg);

/* See wheel_results() and wheel_is_durable(). */
void engine_results(struct engine *en, const struct result_row *rows, size_t count);
bool engine_is_durable(const struct engine *en, const struct object *o);

struct model *engine_model(struct engine *en);
struct execute *engine_execute(struct engine *en);
const struct config *engine_config(const struct engine *en);
struct store *engine_store(struct engine *en);
uv_loop_t *engine_loop(const struct engine *en);
instant engine_now(const struct engine *en); /* the time of this loop turn */

/* Called at the end of each turn with the events that were committed in it (seq order); for streams. One listener. */
void engine_on_events(struct engine *en, void (*listen)(void *arg, const struct event *events, size_t count), void *arg);
/* Called when the stored output of a run has grown or its state changed; for streams. One listener. */
void engine_on_output(struct engine *en, void (*listen)(void *arg, int64_t run_id), void *arg);
void engine_output_grew(struct engine *en, int64_t run_id);

/* Loop health (architecture §16): wrap a callback's work to have its thread CPU time counted under a name. */
struct engine_span { const char *name; duration cpu; };
struct engine_span engine_enter(const char *name);
void engine_leave(struct engine_span span);
/*
 * What was booked since the start (ledger.h): metered, which only grows, and what bills changed of it; one for each account of the
 * configuration.
 */
struct engine_booked { money used, adjusted; };
const struct engine_booked *engine_booked(const struct engine *en);

struct engine_health {
	duration turn_time, turn_worst; /* of all turns; of the longest */
	duration worst_cpu;
	const char *worst_name;
	int64_t over_limit, turns;
	bool degraded;
	char trouble[TEXT_MAX];
};
void engine_get_health(const struct engine *en, struct engine_health *out);

#endif
