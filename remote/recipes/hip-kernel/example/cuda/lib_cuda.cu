#include "benchmark_library.h"

#include <cuda_runtime.h>

#define GPU(name) cuda##name
#include "multiply.h"
