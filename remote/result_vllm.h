/*
 * One result document of `vllm bench serve|throughput|latency` (benchmarks §1.2-1.5), from JSON or, where that is lost, from
 * what was printed. Read by key with defaults: versions add, rename and drop keys, and unknown ones are ignored.
 */
#ifndef GPUFLEET_RESULT_VLLM_H
#define GPUFLEET_RESULT_VLLM_H

#include "remote/result.h"

enum vllm_kind { VLLM_NONE, VLLM_SERVE, VLLM_THROUGHPUT, VLLM_LATENCY };

/*
 * The first document in `text`, as an object. Bare NaN and Infinity become null; what precedes the first '{' at the start of a
 * line (merged stderr) is skipped. *used (may be NULL): bytes up to behind it, for files with several. NULL with *e: cut short
 * or not JSON.
 */
json_t *vllm_document(const char *text, size_t n, size_t *used, struct err *e);
/* The end of the object that begins at text[at], or 0: it has none. */
size_t json_object_end(const char *text, size_t n, size_t at);
/*
 * The last block that `vllm bench serve` printed, or the last line of `vllm bench throughput`, under the keys of the document (and
 * output_tokens_per_second, which only the line has); two decimals only. NULL: there is none.
 */
json_t *vllm_printed(const char *text, size_t n);
enum vllm_kind vllm_kind_of(const json_t *doc);

/* What was asked for; 0: not known, and not checked. */
struct vllm_asked {
	int input, output; /* tokens per prompt, exact */
	int batch;         /* latency: prompts at a time */
};

/* How good a document is (benchmarks §1.2, §7.5, §9.3). */
struct vllm_verdict {
	const char *status; /* "ok" "failed" "suspect" "invalid" */
	const char *reason; /* a code of §7.5; "" when ok, or when suspect */
	char detail[160];   /* one sentence; "" when ok */
};

/*
 * The figures of a document as rows with these labels, and what to think of them. A document whose requests all failed adds
 * none: its zeros are not measurements.
 */
struct vllm_verdict vllm_rows(const json_t *doc, const struct vllm_asked *asked, const char *labels, struct results *out);

#endif
