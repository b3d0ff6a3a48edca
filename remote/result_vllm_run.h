/*
 * The result reader "vllm-bench": what the recipe vllm-serve (or a script that keeps to the same names) leaves behind.
 *
 *	scenarios.jsonl   the plan as it went, one line per repeat:
 *	                  {"scenario":"128x2048","input":128,"output":2048,"concurrency":1,"repeat":1,"file":"s01_c1_r1",
 *	                   "status":"ran"}, or "status" "skipped" or "failed" with "reason" (benchmarks §7.5) and "detail".
 *	                  The last line about a repeat counts: a matrix that was taken up again says some of it twice.
 *	                  An offline benchmark has its batch as concurrency, or none.
 *	FILE.json         the document of a repeat; where it is missing or cut short, FILE.out (what was printed) stands in
 *	server.log        memory, precision and version that really ran (benchmarks §1.6)
 *
 * Without scenarios.jsonl every document of vllm bench counts as a repeat of its own, in whatever file it is; where there is none,
 * what the client printed does.
 */
#ifndef GPUFLEET_RESULT_VLLM_RUN_H
#define GPUFLEET_RESULT_VLLM_RUN_H

#include "remote/result.h"

extern const struct result_reader result_vllm_run;

/* Labels of a repeat as the JSON that rows carry; repeat 0: of all of them. reason and detail may be "". */
struct result_cell {
	char scenario[32];
	int input, output, concurrency, repeat;
	char reason[32], detail[128];
};
void result_cell_labels(const struct result_cell *c, char labels[TEXT_MAX]);
/* The row that says what became of a repeat; the cell's own reason and detail do not count. */
void result_status(const struct result_cell *c, const char *status, const char *reason, const char *detail, struct results *out);

#define RESULT_CELLS_MAX 2000

struct result_planned {
	struct result_cell cell;
	char file[128], status[16]; /* "ran" "skipped" "failed" */
};
/* scenarios.jsonl: at most RESULT_CELLS_MAX, in the order in which each was first named. Lines that are none are counted as bad. */
size_t result_plan(const struct result_file *f, struct result_planned *all, struct results *out);

#endif
