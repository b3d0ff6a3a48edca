/*
 * The result reader "pace": documents of AMD PACE's offline benchmark (benchmarks §3), in any *.json or as planned in
 * scenarios.jsonl (result_vllm_run.h; FILE.json is the document of a repeat);
 * and results.jsonl, for what the run found about its answers.
 *
 * A document is a scenario like "128x128" at a concurrency that is its batch size, one repeat for each framework in it; those of
 * another framework than PACE itself bear its name, "128x128 hf". Rates are output tokens over the whole time, prompt included.
 */
#ifndef GPUFLEET_RESULT_PACE_H
#define GPUFLEET_RESULT_PACE_H

#include "remote/result.h"

extern const struct result_reader result_pace;

#endif
