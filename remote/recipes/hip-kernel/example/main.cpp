/*
 * Matrix multiplication in FP32: kernel -s 1024
 * The times of the two copies and of the kernel, its speed, and a comparison of some rows with the CPU.
 */
#include "benchmark_library.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#define ROWS 4

static void fill(std::vector<float> &m, unsigned seed)
{
	for (float &value : m) {
		seed = seed * 1664525u + 1013904223u;
		value = static_cast<float>(seed >> 8) / 8388608.0f - 1.0f;
	}
}

static bool same_rows(const std::vector<float> &c, const std::vector<float> &want, size_t n, const size_t *rows)
{
	for (size_t r = 0; r < ROWS; r++)
		for (size_t i = 0; i < n; i++)
			if (!(std::fabs(c[rows[r] * n + i] - want[r * n + i]) <= 1e-4 * static_cast<double>(n)))
				return false;
	return true;
}

int main(int argc, char **argv)
{
	long size = argc == 3 && !strcmp(argv[1], "-s") ? atol(argv[2]) : argc == 1 ? 1024 : 0;
	size_t n = static_cast<size_t>(size), rows[ROWS] = { 0, n / 3, n / 2, n - 1 };
	struct elapsed time;

	if (size < 1 || size > 32768) {
		fprintf(stderr, "usage: kernel [-s EDGE], from 1 to 32768\n");
		return 2;
	}
	std::vector<float> a(n * n), b(n * n), c(n * n), want(ROWS * n);
	fill(a, 1);
	fill(b, 2);
	multiply_on_device(a.data(), b.data(), c.data(), n, &time);
	multiply_rows_on_cpu(a.data(), b.data(), want.data(), n, rows, ROWS);
	if (!same_rows(c, want, n, rows)) {
		fprintf(stderr, "the product is wrong\n");
		return 1;
	}
	printf("Elapsed time Host->Device: %.6f milliseconds\n", static_cast<double>(time.to_device));
	printf("Elapsed time kernel: %.6f milliseconds\n", static_cast<double>(time.kernel));
	printf("Elapsed time Device->Host: %.6f milliseconds\n", static_cast<double>(time.to_host));
	printf("FP32 matmul: %.3f TFLOPS\n", 2e-9 * static_cast<double>(n) * static_cast<double>(n) * static_cast<double>(n) / static_cast<double>(time.kernel));
	return 0;
}
