/*
 * The result reader "llama-bench": what llama.cpp's llama-bench and llama-speculative leave (benchmarks §2).
 *
 *	*.json *.jsonl *.csv *.sql *.md *.txt *.log *.out   rows of llama-bench, the format known by its looks, with or without what
 *	                the program wrote to standard error; or the summary that llama-speculative prints
 *	scenarios.jsonl   the plan as it went (result_vllm_run.h); what did not run is in no document
 *
 * A row is a scenario at concurrency 1, named as llama.cpp calls its tests: "pp512" (prompt), "tg128" (answer), and "128x128" for both
 * one behind the other, as every other benchmark calls that; behind a filled context "tg128@d4096", without flash attention
 * "tg128 fa0". Each of its samples is a repeat; formats without samples have one, the average. test_time says which samples of
 * the GPUs are a test's, all its repeats together: they are known by their lengths only. Rates of "pp" rows are
 * total_token_throughput only: nothing was answered. Other settings under the same name make a scenario of their own, "tg128 #2".
 */
#ifndef GPUFLEET_RESULT_LLAMA_H
#define GPUFLEET_RESULT_LLAMA_H

#include "remote/result.h"

extern const struct result_reader result_llama;

/* ---- result_llama_rows.c ---- */

/*
 * All rows of a file as objects with the keys of the JSON form; values may be numbers, booleans or texts of them. Never NULL.
 * *bad counts what looked like a row and was none (cut short). The caller owns the array.
 */
json_t *llama_rows(const char *text, size_t n, size_t *bad);

/* A value as a number: 128, "128", true, "true". False: it is not there or is none. */
bool llama_number(const json_t *row, const char *key, double *out);

/* What llama-speculative prints at its end; false: it is not in the text. */
struct llama_speculative {
	double prompt, prompt_seconds;   /* tokens of the prompt, and how long reading them took */
	double decoded, decoded_seconds; /* tokens of the answer */
	double speed;                    /* tokens per second of the answer, as printed */
	double drafted, accepted;        /* -1: not said */
	double percent;                  /* of the drafted tokens that were accepted; -1: not said */
};
bool llama_speculative(const char *text, size_t n, struct llama_speculative *out);

#endif
