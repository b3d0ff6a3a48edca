/*
 * Samples of the GPUs while a benchmark ran (benchmarks §4.5), summed up for the window of each repeat.
 *
 *	telemetry.jsonl   {"t":UNIX.SECONDS,"d":DOCUMENT} per tick, DOCUMENT being what `amd-smi metric --json` says, in any of its shapes
 *	telemetry.csv     UNIX.SECONDS,index,MiB used,% busy,W,°C,throttling per GPU and tick, as the recipe writes it from nvidia-smi
 *	marks.jsonl       {"t":UNIX.SECONDS,"event":"begin"|"end","scenario":…,"concurrency":…,"repeat":…}
 */
#ifndef GPUFLEET_RESULT_TELEMETRY_H
#define GPUFLEET_RESULT_TELEMETRY_H

#include "remote/result.h"

/*
 * Per repeat: power_mean and power_max (W, all GPUs), energy (J), memory_used_max (MiB, the fullest GPU), gpu_busy_mean (%),
 * temperature_max (°C), and "throttled" (samples that said so, only when there were any).
 */
void telemetry_rows(const struct result_file *files, size_t count, struct results *out);

#endif
