/*
 * Samples of the GPUs while a benchmark ran (benchmarks §4.5), summed up for the time of each repeat.
 *
 *	telemetry.jsonl   {"t":UNIX.SECONDS,"d":DOCUMENT} per tick, DOCUMENT being what `amd-smi metric --json` says, in any of its shapes
 *	telemetry.csv     UNIX.SECONDS,index,MiB used,% busy,W,°C,throttling per GPU and tick, as the recipe writes it from nvidia-smi
 *	marks.jsonl       {"t":UNIX.SECONDS,"event":"begin"|"end","scenario":…,"concurrency":…,"repeat":…}
 *
 * Which figures a sample belongs to: those that its mark names. Documents that say themselves when they measured need no marks
 * (results_span()). A mark that names nothing, {"t":…,"event":"begin"}, is of the run as a whole, which may have several
 * stretches; its figures bear no labels, and are there only where nothing nearer has any samples. A part of the run that is
 * begun anew under its own name counts as it was the last time.
 */
#ifndef GPUFLEET_RESULT_TELEMETRY_H
#define GPUFLEET_RESULT_TELEMETRY_H

#include "remote/result.h"

/* Is this file read here, and by no reader? */
bool telemetry_wants(const char *file);

/*
 * Per repeat, or whatever was marked: power_mean and power_max (W, all GPUs), energy (J), memory_used_max (MiB, the fullest GPU),
 * gpu_busy_mean (%), temperature_max (°C), and "throttled" (samples that said so, only when there were any). A figure that the
 * reader has already under the same labels stays as it is. Without samples there is no row.
 */
void telemetry_rows(const struct result_file *files, size_t count, struct results *out);

#endif
