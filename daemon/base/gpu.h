/*
 * The GPU catalogue: canonical names, vendor, memory and architecture for the GPUs that these clouds sell, and the many ways
 * in which people and providers write them ("mi300x", "AMD Instinct MI300X OAM", "H100_SXM", "InstinctMI210", "nvidia_h100").
 * A model that is not in the table is usable by its raw name.
 *
 * Hosts without a GPU are in it too, by their CPU: "EPYC:2" has two sockets. What is said per GPU is then said per socket.
 */
#ifndef GPUFLEET_GPU_H
#define GPUFLEET_GPU_H

#include "mem.h"

enum gpu_vendor { GPU_VENDOR_UNKNOWN, GPU_VENDOR_AMD, GPU_VENDOR_NVIDIA, GPU_VENDOR_CPU /* no GPU, whoever made it */ };

struct gpu {
	const char *name; /* canonical: "MI300X", "H100", "H100 PCIe", "RTX 4090" */
	enum gpu_vendor vendor;
	int memory_gb;    /* of a GPU; 0 for CPUs */
	const char *arch; /* "gfx942", "sm_90", "x86_64" */
	int bandwidth_gbs; /* memory bandwidth, GB/s, data sheet; 0 unknown */
	const char *keys; /* normalised spellings, '|' between; for gpu_find() only */
};

/* The row for what somebody wrote, or NULL. Separators, case, vendor words, form factors that do not matter and memory sizes
 * ("80GB") are ignored; MIG slices never match a whole GPU. "h100" and "H100_SXM" are the SXM part; PCIe and NVL are their own. */
const struct gpu *gpu_find(const char *text);
/* Canonical name, or the raw text made printable and cut. Writes at most `size` bytes. */
void gpu_canonical(const char *text, char *out, size_t size);
/* Nearest catalogue name for a suggestion, or NULL. */
const char *gpu_nearest(const char *text);
/* All rows, *count of them. */
const struct gpu *gpu_all(size_t *count);
/* "MI300X", "MI300X:8" → name part canonical, count (0 when absent). False: malformed count (0, negative, huge, trailing text). */
bool gpu_spec_parse(const char *text, char *name, size_t size, int *count);
/* FP16 matrix multiplication, TFLOPS of one GPU by its data sheet, for a canonical name; 0: not known (gpu_peak.c). */
double gpu_peak_tflops(const char *name);
const char *gpu_vendor_name(enum gpu_vendor v); /* "AMD"; "CPU" */

#endif
