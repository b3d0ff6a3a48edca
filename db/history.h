/*
 * Questions about the past, apart from the hot path: a read-only connection that runs in a worker thread and never checkpoints.
 * Answers are JSON documents, ready for the API. One `struct history` is one thread's at a time; opening costs a millisecond.
 *
 * All: 0, or -1 with *e filled and *out untouched or NULL. Money is dollars with at most six decimals, durations are seconds,
 * instants RFC 3339 in UTC or null.
 */
#ifndef GPUFLEET_HISTORY_H
#define GPUFLEET_HISTORY_H

#include "base/days.h"
#include "base/json.h"

struct history;
struct budget;

int history_open(struct history **out, const char *path, struct err *e);
void history_close(struct history *h);

/* {"events":[{seq,time,kind,id,fleet (name),from,event,to,cause,actor,text}…]} oldest first, seq > after, at most limit (0: 200).
 * One of run_id, instance_id, fleet_id narrows the question, the first that is set; none: all. */
struct history_event_query {
	int64_t after, fleet_id, run_id, instance_id;
	instant since;
	int limit;
	bool newest; /* the last `limit` instead of the first */
};
int history_events(struct history *h, const struct history_event_query *q, json_t **out, struct err *e);

/* {"runs":[…]} newest first, and one run by id: fields of struct run by name. limit 0: 50. */
int history_runs(struct history *h, int64_t fleet_id, int limit, json_t **out, struct err *e);
int history_run(struct history *h, int64_t id, json_t **out, struct err *e); /* ERR_NOT_FOUND */
/* {"results":[{metric,value|text,unit,labels}…]} */
int history_results(struct history *h, int64_t run_id, json_t **out, struct err *e);
/* {"perplexity":"lower"}: which way figures of the run are better, as its recipe said; {} where it said nothing. ERR_NOT_FOUND */
int history_judge(struct history *h, int64_t run_id, json_t **out, struct err *e);
/* {"imports":[{name,owner,created,bytes}…]}, and one with its source: ERR_NOT_FOUND */
int history_imports(struct history *h, json_t **out, struct err *e);
int history_import(struct history *h, const char *name, json_t **out, struct err *e);
/* A campaign by name, deleted or not: ERR_NOT_FOUND. */
int history_campaign(struct history *h, const char *name, json_t **out, struct err *e);
/* {"nights":[…]} newest first, with their counts and cost. limit 0: 50. */
int history_nights(struct history *h, int64_t campaign_id, int limit, json_t **out, struct err *e);
/* One night (number 0: the newest that is over) with "trials", "machines" and "findings". ERR_NOT_FOUND */
int history_night(struct history *h, int64_t campaign_id, int64_t number, json_t **out, struct err *e);
/* The trials of a night. */
int history_trials(struct history *h, int64_t night_id, json_t **out, struct err *e);
/* The findings of the nights first … last of a campaign, oldest first. */
int history_findings(struct history *h, int64_t campaign_id, int64_t first, int64_t last, json_t **out, struct err *e);
/* The machines that those nights rented: {provider, planned, ready}. */
int history_machines(struct history *h, int64_t campaign_id, int64_t first, int64_t last, json_t **out, struct err *e);
/* A fleet by id, or (id 0) the newest of that name, with its instances, for `status` and `why`. ERR_NOT_FOUND */
int history_fleet(struct history *h, const char *name, int64_t id, json_t **out, struct err *e);
/*
 * What the ledger says was spent for the time since … until (until 0: now), in one walk for all the tables asked for:
 *
 *	{"tables": [{"by", "rows": [{key, key2 (of two ways), instances, gpu_hours, held, metered, billed, gap, gaps, loss,
 *	settled, settled_instances}…]}…], "total": {the same}, "complete": all settled}
 *
 * by        one way or two, "owner,month": owner, budget, campaign, fleet, provider, account, gpu, region, recipe, run, label:KEY,
 *           part, day, week, month (UTC; a week by its Monday)
 * filter    "owner=ana,gpu=H100": only that; "" everything
 * metered   by our clock under the provider's rule; of live machines up to `now`
 * billed    of the row's share of settled machines, null while there is none; gap: what bills say beyond the meter
 * gaps      why, where there is one: [{reason, text, gap}…], the largest first; they add up to it
 * held      the worst case that is reserved for live machines
 *
 * With `efficiency` also: parts {part: money}, runs, runs_ok, failed (money of runs that ended otherwise), run_gpu_hours (a run had
 * the machine), measured_gpu_hours (… and told how busy its GPUs were), busy_gpu_hours (… times that; null: none did), output_tokens.
 *
 * Calendars come in their order, everything else by metered, descending. Rows of each table add up to the total to the micro-dollar.
 */
struct cost_query {
	const char *by[16]; /* TABLES_MAX of history_cost.c */
	size_t count;
	instant since, until, now;
	const char *filter;
	bool efficiency;
};
int history_cost(struct history *h, const struct cost_query *q, json_t **out, struct err *e);

/*
 * The proof of the ledger: {"postings", "ok", "sum" (of all balances: 0), "balances": [{account, balance}…], "wrong": [{instance, what,
 * ledger, row}…]}: numbers that are missing or come twice, machines whose row says another sum than their postings, GONE machines that
 * are not booked to the end, settled ones that are not booked to their bill, stretches of time that are booked twice or not at all.
 */
int history_ledger(struct history *h, json_t **out, struct err *e);
/* Every posting that costs, as a row of the FinOps Open Cost and Usage Specification 1.0 (CSV). */
int history_focus(struct history *h, instant since, instant until, struct buf *out, struct err *e);

/* What budget `b` counts of the postings before number `before` for the time from `since` on, added to *out by the days of its zone. */
int history_booked(struct history *h, const struct budget *b, const struct zone *tz, int64_t before, instant since, struct days *out,
    struct err *e);

/*
 * {"intents":{total,open,never_sent,refused,absent,gone,unproved}, "open":[rows that are not GONE], "unproved":[rows that are GONE
 * although no event says how, or their own fields deny it]}: id, fleet, account, provider, provider_id, name, state, gpu,
 * gpu_count, price_hour, planned, sent, created, deleting_at, gone, reason.
 */
int history_audit(struct history *h, json_t **out, struct err *e);
/* The newest row of a machine, by the provider's id or (a row without one) by the attempt in its mark; *out NULL: there is none. */
int history_machine(struct history *h, const char *account, const char *id, const char *mark, json_t **out, struct err *e);

#endif
