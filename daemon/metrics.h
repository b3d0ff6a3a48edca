/*
 * What GET /metrics says, in the text format of Prometheus, version 0.0.4. Pure: one pass over what is live, no questions.
 *
 * Labels are the names of providers, accounts, budgets and states: there are as many series as somebody configured, however many
 * fleets and runs come and go.
 */
#ifndef GPUFLEET_METRICS_H
#define GPUFLEET_METRICS_H

#include "engine.h"
#include "execute.h"

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct metrics {
	const struct model *model;
	const struct config *config;             /* its accounts are those of … */
	const struct engine_booked *booked;      /* … this */
	const struct execute_requests *requests; /* … and this */
	struct engine_health health;
	struct store_stats store;
	const char *version;
	instant started, now;
	int ssh_connections, http_in_flight;
	int connections, tcp_connections; /* of people */
	int64_t attempts;                 /* without a good token */
};

void metrics_write(struct buf *out, const struct metrics *m);
/* `text` between the quotes of a label. */
void metrics_label(struct buf *out, const char *text);

#endif
