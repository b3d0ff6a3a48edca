/*
 * Benchmarks side by side: the first is the base, the others are set against it, scenario by scenario and at equal concurrency
 * only (benchmarks §7.1: a maximum-load figure and a single stream never share a column). What is no benchmark of tokens is compared figure
 * by figure: the same metric, unit and labels.
 */
#ifndef GPUFLEET_COMPARE_H
#define GPUFLEET_COMPARE_H

#include "report/bench.h"

#define COMPARE_MAX 8

struct compare_options {
	double adopt_if; /* how many times the base's throughput is wanted; 0: no rule */
};

/*
 * {"runs":[bench without cells…], "rows":[{scenario, input, output, concurrency, "cells":[{status, reason, n, output_throughput,
 * per_gpu, usd_per_million_output, tokens_per_dollar, ttft_p50_ms…, ratio, low, high, confidence, per_gpu_ratio, per_dollar_ratio}|null…]}…],
 * "figures":[{metric, unit, labels, label: the labels in words, better: "higher"|"lower"|null, "cells":[{n, median, mad, ratio, low, high,
 * confidence}|null…]}…], "overall":[{n, ratio, low, high, per_gpu_ratio, per_dollar_ratio, lost, verdict, why}…], "manifest":[{key, values…}…],
 * "warnings":[…]}.
 *
 * The ratio of a figure is above 1 where it is better than the base's: of a time, the base's over its own. Overall is the geometric
 * mean over the rows that both have; `lost` counts rows that only the base passes. The rule adopts when
 * the low end of the interval reaches adopt_if, nothing is lost and the repeats are stable; it keeps the base when the high end does not,
 * or when the run itself found its answers worse (bench.quality), and is else undecided.
 */
json_t *compare_json(const struct bench *all, size_t count, const struct compare_options *o);

void compare_markdown(const json_t *comparison, struct buf *out);
void compare_html(const json_t *comparison, struct buf *out);
void compare_csv(const json_t *comparison, struct buf *out);

/* Keys whose values differ among the manifests: [{"key":…,"values":[…]}…]; fields that say nothing of the stack (benchmarks §6 †)
 * are left out. Empty when one of them has no manifest: then nothing is known. */
json_t *compare_manifests(const struct bench *all, size_t count);
#endif
