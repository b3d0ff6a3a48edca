#include "cloud.h"

/* Memory and product names are what the vendor's tools print on the machine (benchmarks.md §4), not what is marketed. */
static const struct sim_gpu gpus[] = {
	{ "MI300X", "amd", "AMD Instinct MI300X", "gfx942", 196592, 750, 304, "0x74a1" },
	{ "MI325X", "amd", "AMD Instinct MI325X", "gfx942", 262128, 1000, 304, "0x74a5" },
	{ "MI350X", "amd", "AMD Instinct MI350X", "gfx950", 294896, 1000, 256, "0x75a0" },
	{ "MI355X", "amd", "AMD Instinct MI355X", "gfx950", 294896, 1400, 256, "0x75a3" },
	{ "MI250X", "amd", "AMD Instinct MI250X", "gfx90a", 65520, 560, 110, "0x7408" },
	{ "MI210", "amd", "AMD Instinct MI210", "gfx90a", 65520, 300, 104, "0x740f" },
	{ "MI100", "amd", "AMD Instinct MI100", "gfx908", 32752, 290, 120, "0x738c" },
	{ "R9700", "amd", "AMD Radeon AI PRO R9700", "gfx1201", 32624, 300, 64, "0x7551" },
	{ "H100", "nvidia", "NVIDIA H100 80GB HBM3", "9.0", 81559, 700, 132, "0x2330" },
	{ "H100 PCIe", "nvidia", "NVIDIA H100 PCIe", "9.0", 81559, 350, 114, "0x2331" },
	{ "H100 NVL", "nvidia", "NVIDIA H100 NVL", "9.0", 95830, 400, 132, "0x2321" },
	{ "H200", "nvidia", "NVIDIA H200", "9.0", 143771, 700, 132, "0x2335" },
	{ "B200", "nvidia", "NVIDIA B200", "10.0", 183359, 1000, 148, "0x2901" },
	{ "A100", "nvidia", "NVIDIA A100-SXM4-80GB", "8.0", 81920, 400, 108, "0x20b2" },
	{ "A100 PCIe", "nvidia", "NVIDIA A100 80GB PCIe", "8.0", 81920, 300, 108, "0x20b5" },
	{ "L40S", "nvidia", "NVIDIA L40S", "8.9", 46068, 350, 142, "0x26b9" },
	{ "RTX 4090", "nvidia", "NVIDIA GeForce RTX 4090", "8.9", 24564, 450, 128, "0x2684" },
};

const struct sim_gpu *sim_gpu_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(gpus); i++)
		if (!strcmp(gpus[i].name, name))
			return &gpus[i];
	return NULL;
}

const struct sim_gpu *sim_gpu_other(const struct sim_gpu *g)
{
	for (size_t i = 0; g && i < ARRAY_LEN(gpus); i++)
		if (&gpus[i] != g && !strcmp(gpus[i].vendor, g->vendor) && strncmp(gpus[i].name, g->name, 4) != 0)
			return &gpus[i];
	return NULL;
}
