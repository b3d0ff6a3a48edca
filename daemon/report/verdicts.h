/*
 * What a night measured, series by series, and what to think of it (benchmarks §9): from results to figures, from figures and the
 * nights before to findings. Pure; the arithmetic is core/series.h.
 *
 * A series is one recipe, scenario, concurrency, GPU, number of GPUs and of instances, provider and stack. A changed stack begins a new
 * one. A benchmark is judged by the headline of each cell (bench_judged()), anything else by figures of which it is known which way
 * they are better (figure_judged()); their labels stand in the place of a scenario. A figure that was measured once more, on another
 * machine, counts in place of the first; the first is kept beside it.
 */
#ifndef GPUFLEET_VERDICTS_H
#define GPUFLEET_VERDICTS_H

#include "base/json.h"
#include "core/series.h"

/*
 * Add the figures of one run to the array: {series, scenario, concurrency, gpu, gpu_count, instances, provider, stack_id, metric, unit,
 * lower_is_better, measured: [one per repeat], run, trial}. `source`: {"run":…, "results":[…]} as bench_read() takes it; `trial`: a row
 * of history_trials().
 */
void verdicts_figures(json_t *figures, const json_t *source, const json_t *trial);

/*
 * Findings for the figures of a night: each figure with kind, nights, median, baseline, worse (a share), z, p, p_holm (null where not
 * known). `earlier`: findings of the nights before (history_findings()). Returns a new array.
 */
json_t *verdicts_judge(const json_t *figures, const json_t *earlier, const struct series_rules *rules);

/* Is it bad enough to measure again, before anybody is told? */
bool verdict_is_worse(const json_t *finding);

/* Where a series changed for good: [{night, before, after, p}…] of its findings, oldest first (level C). */
json_t *verdicts_steps(const json_t *findings);

#endif
