#include "benchmark_library.h"

void multiply_rows_on_cpu(const float *a, const float *b, float *c, size_t n, const size_t *rows, size_t count)
{
	for (size_t r = 0; r < count; r++)
		for (size_t column = 0; column < n; column++) {
			double sum = 0;

			for (size_t k = 0; k < n; k++)
				sum += static_cast<double>(a[rows[r] * n + k]) * static_cast<double>(b[k * n + column]);
			c[r * n + column] = static_cast<float>(sum);
		}
}
