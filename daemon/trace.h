/*
 * A record of everything that moved the wheel: facts as they were applied, turns, answers of the store, one JSON line each,
 * behind a copy of the database as it was at the start. The simulator replays it exactly (tests/night/replay.c), so that what
 * happened in the world once can be looked at again and again.
 *
 *	DIR/before.db    the database at the start
 *	DIR/facts.jsonl  {"trace":1,"site":…,"seed":…,"policy":{…},"accounts":[…]}  the first line
 *	                 {"at":µs,"fact":{…},"answer":id|"refused":"…"}
 *	                 {"at":µs,"turn":true}
 *	                 {"at":µs,"stored":true}         the store answered; false: the commit failed
 *	                 {"at":µs,"act":"create","id":n} what was handed out to be done
 *
 * Both are made with mode 0600: they hold what people asked for and what providers said, but no token, no secret of a run and
 * not the key of the marks. A daemon that is traced draws its random names from a seed that the trace holds.
 */
#ifndef GPUFLEET_TRACE_H
#define GPUFLEET_TRACE_H

#include "base/json.h"
#include "wheel.h"

struct trace;

/* ---- writing, in the daemon ---- */

/*
 * When the model has its policy and accounts and has not been loaded (`since` is store_load()'s): copies the database and seeds
 * the model's rng. The directory is made; one that holds a trace is refused. All writers take NULL for "no trace is wanted".
 */
int trace_create(struct trace **out, const char *dir, struct store *s, struct model *m, instant since, struct err *e);
void trace_fact(struct trace *t, const struct fact *f);   /* before core_apply(), which takes parts of it */
void trace_answer(struct trace *t, const struct fact *f); /* behind it: writes the line */
void trace_turn(struct trace *t, instant now);
void trace_stored(struct trace *t, instant now, bool ok);
void trace_act(struct trace *t, instant now, const struct action *a);
void trace_close(struct trace *t);

/* ---- reading ---- */

enum trace_what { TRACE_END, TRACE_FACT, TRACE_TURN, TRACE_STORED, TRACE_ACT };
struct trace_line {
	enum trace_what what;
	int64_t number;      /* of the line in the file */
	instant at;
	struct fact fact;    /* TRACE_FACT; owns what it points to */
	int64_t answer;      /* TRACE_FACT: what the core said to it then */
	bool refused;
	bool applied;        /* set by whoever gave the fact to core_apply() */
	struct action act;   /* TRACE_ACT */
	bool ok;             /* TRACE_STORED */
};
/* Opens DIR/facts.jsonl and sets site, seed, policy and accounts of `m`, which has been through model_init(). */
int trace_open(struct trace **out, const char *dir, struct model *m, instant *since, struct err *e);
int trace_next(struct trace *t, struct trace_line *line, struct err *e);
void trace_line_free(struct trace_line *line);

/* A fact as JSON and back, field by field. */
json_t *trace_fact_json(const struct fact *f);
int trace_fact_read(struct fact *f, const json_t *j, struct err *e);
void trace_fact_free(struct fact *f, bool applied); /* applied: the core has taken what it takes */

#endif
