/*
 * Readers of result documents: what a run left in its results directory becomes figures. Pure; every byte comes from an
 * untrusted machine. A recipe names its reader; all of them are in one table (result.c).
 *
 *	gpufleet-jsonl   results.jsonl, one figure per line (result_jsonl.c)
 *	vllm-bench       documents of `vllm bench serve|throughput|latency` and the plan they belong to (result_vllm_run.c)
 *	llama-bench      rows of llama-bench in any of its formats, what llama-speculative prints (result_llama.c)
 *	pace             documents of AMD PACE's offline benchmark (result_pace.c)
 *
 * What the GPUs did meanwhile is read beside all of them in one way (result_telemetry.h): result_read() is a reader and that.
 *
 * A figure is a number with a unit, or a text; labels say what it belongs to. Benchmarks use these labels, which reports and
 * comparisons group by: scenario, input, output, concurrency, repeat. A repeat has a row "status" (benchmarks §7.5) with the
 * labels reason and detail when it is not "ok". What was not measured has no row: it is never 0.
 */
#ifndef GPUFLEET_RESULT_H
#define GPUFLEET_RESULT_H

#include "base/json.h"
#include "core/types.h"

#define RESULT_ROWS_MAX  20000
#define RESULT_SPANS_MAX 2000
#define RESULT_FILES_MAX 4096
#define RESULT_FILE_MAX  (16u * 1024 * 1024) /* bytes of one file that a reader is given */

struct result_metric {
	char metric[NAME_MAX_], unit[32];
	bool number;
	double value;
	char text[TEXT_MAX];
	char labels[TEXT_MAX]; /* JSON object; "{}" when there are none or they do not fit */
};

/* When a figure was measured, in seconds of the machine's clock since 1970. */
struct result_span {
	char labels[TEXT_MAX]; /* of its figures */
	double begin, end;     /* end 0: begin has whole seconds, and it went on to the next one, or to the end of what it is part of */
	double each;           /* it held several repeats that took so long on average, and perhaps a warm-up; 0: it is one repeat */
};

struct results {
	struct result_metric *rows;
	size_t count, cap;
	struct result_span *spans; /* of documents that say when; a recipe's own marks are not among them */
	size_t span_count, span_cap;
	size_t bad;              /* lines or documents that were not understood: counted, not believed */
	char message[TEXT_MAX];  /* one sentence when something was odd; "" */
};
void results_free(struct results *r);
/* Rows are added up to RESULT_ROWS_MAX; a value that is not finite adds none. */
void results_number(struct results *r, const char *metric, double value, const char *unit, const char *labels);
void results_text(struct results *r, const char *metric, const char *text, const char *labels);
void results_span(struct results *r, const struct result_span *span);

/* A file of the results directory, by its path in it. */
struct result_file {
	const char *name;
	const char *text; /* NUL-terminated behind n bytes */
	size_t n;
};
const struct result_file *result_file_find(const struct result_file *files, size_t count, const char *name);

struct result_reader {
	const char *name;
	bool (*wants)(const char *file); /* which files of a results directory it is given, by their names */
	bool (*owns)(const struct result_file *f); /* is this a document of its own, whatever it is called? */
	void (*read)(const struct result_file *files, size_t count, struct results *out);
};
const struct result_reader *result_reader_find(const char *name); /* NULL: there is none */
const char *const *result_reader_names(void);                     /* ended by NULL */
const struct result_reader *result_reader_of(const struct result_file *f); /* whose document it is, by its content; NULL: nobody's */

/* What a reader is given of a results directory, samples of the GPUs among it; and all figures of that. */
bool result_wants(const struct result_reader *r, const char *file);
void result_read(const struct result_reader *r, const struct result_file *files, size_t count, struct results *out);

#endif
