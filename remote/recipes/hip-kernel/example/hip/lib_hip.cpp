#include "benchmark_library.h"

#include <hip/hip_runtime.h>

#define GPU(name) hip##name
#include "multiply.h"
