#include "gpu.h"

#include <string.h>

/*
 * Makers' data sheets: FP16 and BF16 on the matrix units, dense, sums in FP32, boost clock, one GPU as sold. Where a sheet gives
 * only the figure with sparsity it is halved. A GPU whose sheet says nothing that can be compared is not in here.
 */
static const struct {
	const char *name;
	double tflops;
} peaks[] = {
	{ "MI355X", 2516.6 }, { "MI350X", 2306.9 }, { "MI325X", 1307.4 }, { "MI300X", 1307.4 }, { "MI300A", 980.6 }, { "MI250X", 383.0 },
	{ "MI250", 362.1 }, { "MI210", 181.0 }, { "MI100", 184.6 }, { "R9700", 191.4 }, { "W7900", 122.6 }, { "W7800", 90.5 },
	{ "RX 9070 XT", 194.6 }, { "RX 7900 XTX", 122.8 }, { "RX 7900 XT", 103.2 },

	{ "GB200", 2500.0 }, { "B200", 2250.0 }, { "GH200", 989.4 }, { "H200", 989.4 }, { "H200 NVL", 835.5 }, { "H100", 989.4 },
	{ "H100 NVL", 835.5 }, { "H100 PCIe", 756.5 }, { "H800", 989.4 }, { "H20", 148.0 }, { "A100", 312.0 }, { "A100 PCIe", 312.0 },
	{ "A100 40GB", 312.0 }, { "A100X", 312.0 }, { "A800", 312.0 }, { "A40", 149.7 }, { "A30", 165.0 }, { "A10", 125.0 }, { "A2", 18.0 },
	{ "L40S", 362.1 }, { "L40", 181.1 }, { "L4", 121.0 }, { "T4", 65.0 }, { "V100", 125.0 }, { "V100 32GB", 125.0 },
	{ "RTX 6000 Ada", 364.2 }, { "RTX A6000", 154.8 }, { "RTX 5090", 209.5 }, { "RTX 4090", 165.2 }, { "RTX 3090", 71.0 },
};

double gpu_peak_tflops(const char *name)
{
	for (size_t k = 0; k < ARRAY_LEN(peaks); k++)
		if (!strcmp(peaks[k].name, name))
			return peaks[k].tflops;
	return 0;
}
