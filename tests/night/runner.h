/*
 * Many nights in a few processes, their figures added up; or one night, told in full.
 */
#ifndef GPUFLEET_NIGHT_RUNNER_H
#define GPUFLEET_NIGHT_RUNNER_H

#include "night.h"

struct run_options {
	int64_t from, count, jobs;
	bool single, trace, digest, table, again, orphan, shrink;
	const char *regressions; /* a file: one seed per line, then what it found */
};

/* What nights add up to. Plain numbers: it travels through memory shared by the processes. */
struct totals {
	int64_t nights, failed, steps, requests, machines, restarts, virtual_hours;
	int64_t first_failed; /* seed; 0 none */
	char first_violation[1024];
	int64_t switches[FAULT_NR], troubles[TROUBLE_NR];
};

bool seed_has_faults(int64_t seed);
/* One night from its plan; figures are added to *t (may be NULL), the violation copied ("" for none). */
uint64_t runner_night(const struct sim_plan *p, const struct night_options *o, struct totals *t, char *violation, size_t size);

int runner_single(const struct run_options *o);
int runner_regressions(const struct run_options *o);
int runner_many(const struct run_options *o);

#endif
