/*
 * Benchmarks and comparisons on a terminal, from the documents of /v1/runs/ID/report and /v1/compare.
 */
#ifndef GPUFLEET_CTL_BENCH_H
#define GPUFLEET_CTL_BENCH_H

#include "ctl/ctl.h"

/* "12", "run-12" or the name of an import, as the API takes it: in `out`. */
int bench_reference(const char *word, char *out, size_t size, struct err *e);

void bench_print(const json_t *bench, FILE *to);
void bench_print_comparison(const json_t *comparison, FILE *to);
/* What differs: the stacks, and the figures beside it. */
void bench_print_diff(const json_t *comparison, FILE *to);

/* results import | imports | forget */
void results_print_import(const json_t *report);
int results_import(struct ctl *c, struct err *e);
int results_imports(struct ctl *c, struct err *e);
int results_forget(struct ctl *c, struct err *e);

/* Copy the answer of a path to standard output as it comes. */
int bench_copy(struct ctl *c, const char *path, struct err *e);

#endif
