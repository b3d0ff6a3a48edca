/*
 * A benchmark as people look at it: the repeats of each scenario and concurrency together, with medians, money and doubts.
 * Made from what the database or an import says; pure. Every report and every comparison starts here.
 */
#ifndef GPUFLEET_BENCH_H
#define GPUFLEET_BENCH_H

#include "base/json.h"
#include "core/stats.h"
#include "report/figures.h"

#define BENCH_REPEATS_MAX STATS_MAX

/* What is measured once per repeat and shown as the median of the repeats. */
enum bench_figure {
	BENCH_OUTPUT,     /* output tokens per second of the whole instance */
	BENCH_TOTAL,      /* input and output tokens per second */
	BENCH_TTFT_P50, BENCH_TTFT_P99, BENCH_TPOT_P50, BENCH_TPOT_P99, BENCH_ITL_P50, BENCH_ITL_P99, BENCH_E2E_P50, BENCH_E2E_P99, /* ms */
	BENCH_LATENCY,    /* s, of one batch without a server */
	BENCH_POWER,      /* W, all GPUs */
	BENCH_ENERGY,     /* J per repeat */
	BENCH_MEMORY,     /* MiB, the fullest GPU */
	BENCH_FIGURES
};
extern const char *const bench_keys[BENCH_FIGURES]; /* as JSON calls them: "ttft_p50_ms" */

struct bench_values {
	double v[BENCH_REPEATS_MAX];
	size_t n;
};

struct bench_cell {
	char scenario[32];
	int input, output, concurrency; /* 0: not known */
	char status[16], reason[32], detail[128]; /* benchmarks §7.5; ok when at least one repeat is */
	int repeats;       /* that were tried */
	int left_out;      /* of them: invalid, suspect or failed ones, beside ok ones */
	struct bench_values figures[BENCH_FIGURES]; /* of the repeats that count */
	double usd_per_million; /* output tokens, at the median; 0: not known */
	bool throttled;
};

struct bench {
	char name[64];       /* what it is called in a comparison: "run 12", an import's name */
	char title[128], model[128], gpu[64], server[64], precision[32], framework[64], recipe[64], fleet[64], stack_id[65];
	char made[32];       /* RFC 3339, or "" */
	int gpu_count;       /* 0: not known, and counted as 1 where a figure is divided by it */
	int gpu_memory_gb;
	double usd_per_hour; /* of the whole instance; 0: not known */
	double weights_gib, kv_cache_gib; /* per GPU; 0: not known */
	int max_model_len;
	char quality[16];    /* "pass" or "fail": what the run itself found about its answers; "": it did not look */
	json_t *manifest;    /* NULL: there is none */
	struct bench_cell *cells;
	size_t cell_count;
	struct figures figures; /* of what is no benchmark of tokens; none where there are cells */
	char doubts[16][200]; /* sanity rules that were broken (benchmarks §8) */
	size_t doubt_count;
};

/*
 * From {"run":{…}, "results":[rows], "judge":{…}|absent, "manifest":{…}|absent, "import":{model, gpu, gpu_count, server, precision,
 * framework, …}|absent}.
 * Always succeeds: without benchmark rows there are no cells. bench_free() releases it.
 */
void bench_read(struct bench *b, const json_t *source);
void bench_free(struct bench *b);

/* The document that the API answers: everything above, by the names above. */
json_t *bench_json(const struct bench *b);

/* The median of a figure; false: it was not measured. */
bool bench_median(const struct bench_cell *c, enum bench_figure f, double *out);
/* The speed that a cell is about: of its answers, or of all tokens where only a prompt was read, or answers were not counted apart. */
enum bench_figure bench_headline(const struct bench_cell *c);
/* What a cell is judged by from night to night: the seconds of a batch where these were measured, else its headline. */
enum bench_figure bench_judged(const struct bench_cell *c);
extern const char *const bench_units[BENCH_FIGURES]; /* "tok/s" */
const struct bench_cell *bench_find(const struct bench *b, const char *scenario, int concurrency);
/* Statistics of the medians of all ok cells with this concurrency (§7.4 "Performance Characteristics"). */
bool bench_summary(const struct bench *b, int concurrency, struct stats *out);
/* The concurrencies that occur, ascending, at most `max`. */
size_t bench_concurrencies(const struct bench *b, int *out, size_t max);

#endif
