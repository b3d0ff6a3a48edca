/*
 * Results from elsewhere: files that somebody names become what a report is made from. Pure.
 *
 * Whose a file is, is found in the file: each reader (remote/result.h) says whether a document is its own, and the published
 * formats of daemon/report/published.h know theirs. What lies beside the documents of a run (its plan, logs, samples of the
 * GPUs) is read with them under its name.
 */
#ifndef GPUFLEET_IMPORT_H
#define GPUFLEET_IMPORT_H

#include "base/json.h"

/*
 * files: [{"name","text"}…]. reader: the name of one, import_readers() has them; "": found by content. {"import":{facts that the
 * files say},"results":[rows]} for bench_read(); *note is one sentence when something in the files was odd, "" else. NULL with
 * *e: one sentence that says which file is no reader's, and which readers there are.
 */
json_t *import_read(const json_t *files, const char *reader, char note[256], struct err *e);

/* "gpufleet-jsonl, vllm-bench, … and benchmark_nvidia_format", in `out`. */
void import_readers(char out[256]);

#endif
