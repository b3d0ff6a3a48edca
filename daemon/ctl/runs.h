/*
 * What the commands about runs share.
 */
#ifndef GPUFLEET_CTL_RUNS_H
#define GPUFLEET_CTL_RUNS_H

#include "ctl/ctl.h"

enum results_format { RESULTS_TABLE, RESULTS_JSON, RESULTS_CSV, RESULTS_MD };

/* The run inside {"run": …}, the caller's. */
int ctl_get_run(struct ctl *c, int64_t id, json_t **run, struct err *e);
/* GET /v1/runs/ID/results, the caller's. */
int ctl_get_results(struct ctl *c, int64_t id, json_t **answer, struct err *e);
void ctl_print_results(const json_t *answer, enum results_format format, FILE *to);

/*
 * The exit status of a run that is DONE, as `run` and `wait` return it: the script's own, or 120 + code when it could not be run
 * to its end; in that case *e says why (code ERR_NONE otherwise).
 */
int ctl_run_exit(const json_t *run, struct err *e);

#endif
