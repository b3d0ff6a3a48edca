/*
 * Questions about the past, apart from the hot path: a read-only connection that runs in a worker thread and never checkpoints.
 * Answers are JSON documents, ready for the API. Each call opens nothing: one `struct history` per thread at a time.
 */
#ifndef GPUFLEET_HISTORY_H
#define GPUFLEET_HISTORY_H

#include "base/json.h"

struct history;

int history_open(struct history **out, const char *path, struct err *e);
void history_close(struct history *h);

/* {"events":[{seq,time,kind,id,fleet,fleet_name,from,event,to,cause,actor,text}…]} oldest first, seq > after, at most limit;
 * fleet_id/run_id/instance_id 0: all. */
struct history_event_query { int64_t after, fleet_id, run_id, instance_id; instant since; int limit; bool newest; /* the last `limit` instead of the first */ };
int history_events(struct history *h, const struct history_event_query *q, json_t **out, struct err *e);

/* {"runs":[…]} newest first, and one run by id: fields of struct run by name, durations in seconds, instants RFC 3339. */
int history_runs(struct history *h, int64_t fleet_id, int limit, json_t **out, struct err *e);
int history_run(struct history *h, int64_t id, json_t **out, struct err *e); /* ERR_NOT_FOUND */
/* {"results":[{metric,value|text,unit,labels}…]} */
int history_results(struct history *h, int64_t run_id, json_t **out, struct err *e);
/* A closed fleet by name (the newest) or id with its instances, for `status` and `why`. */
int history_fleet(struct history *h, const char *name, int64_t id, json_t **out, struct err *e);
/*
 * Cost of instances that began in [since, until), grouped by fleet|provider|account|gpu|owner|recipe|day|month (UTC):
 * {"by":…, "rows":[{key, instances, gpu_hours, metered, billed, settled (count), held}], "total":{…}, "complete": all settled}.
 * Running instances are metered to `now` by their own rate. Money in decimal dollars. Rows sorted by metered, descending.
 */
int history_cost(struct history *h, const char *by, instant since, instant until, instant now, json_t **out, struct err *e);

#endif
