/*
 * What the log of a vLLM server says about what really ran (benchmarks §1.6): memory, precision, limits, version; and why it
 * ended, in the codes of §7.5.
 */
#ifndef GPUFLEET_RESULT_VLLM_LOG_H
#define GPUFLEET_RESULT_VLLM_LOG_H

#include "remote/result.h"

/* Rows weights, kv_cache (GiB per GPU), kv_cache_tokens, max_model_len, and texts vllm_version, quantization, dtype,
 * kv_cache_dtype. The last statement of each counts. */
void vllm_log_rows(const char *text, size_t n, struct results *out);
/* The most specific reason that the log gives: "oom" "gpu_fault" "model_access" "disk_full" "context_exceeded"; NULL: none. */
const char *vllm_log_reason(const char *text, size_t n);

#endif
