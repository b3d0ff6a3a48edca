/*
 * FP16 or BF16 matrix multiplication on each GPU of the machine, timed by the GPU's own clock; HIP and CUDA from one source.
 *
 *	hipcc -O3 --offload-arch=gfx90a -DWITH_BLAS -o gemm gemm.cpp -lrocblas
 *	nvcc -O3 -arch=sm_90 -x cu -DWITH_BLAS -o gemm gemm.cpp -lcublas
 *	./gemm fp16 8192 10 100 5          type, edge, runs for nothing, runs that are timed together, repeats
 *
 * Without WITH_BLAS a tiled kernel of our own multiplies: it works wherever there is a compiler, and reaches a small part of the peak.
 * Prints "FP16 matmul: 138.21 TFLOPS (GPU 0, repeat 1, rocBLAS)"; a product that is wrong is an error and not a figure.
 */
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#ifdef __HIPCC__
#include <hip/hip_fp16.h>
#include <hip/hip_runtime.h>
#define GPU(name) hip##name
#else
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#define GPU(name) cuda##name
#endif

#ifndef WITH_BLAS
#define LIBRARY "plain tiled kernel"
#elif defined(__HIPCC__)
#include <rocblas/rocblas.h>
#define LIBRARY "rocBLAS"
#else
#include <cublas_v2.h>
#define LIBRARY "cuBLAS"
#endif

#define TILE   16
#define EDGE_MAX 65520 /* its square is below 2^32 */
#define PROBES 16 /* elements of the product that are compared with the host's */

#define CHECK(call)                                                                                        \
	do {                                                                                               \
		GPU(Error_t) error_ = (call);                                                              \
		if (error_ != GPU(Success))                                                                \
			fail("%s", GPU(GetErrorString)(error_));                                           \
	} while (0)

#define fail(...) (fprintf(stderr, "gemm: " __VA_ARGS__), fputc('\n', stderr), exit(1))

/* ---- numbers: 16 bits on the GPU, float here ---- */

struct half_type {
	static const char *name() { return "FP16"; }
	static double error() { return 1.0 / 1024; } /* of one rounding, relative */
	static __host__ __device__ float to_float(uint16_t v)
	{
		__half_raw r;

		r.x = v;
		return __half2float(__half(r));
	}
	static __host__ __device__ uint16_t from_float(float f) { return static_cast<__half_raw>(__float2half(f)).x; }
};

struct bfloat_type {
	static const char *name() { return "BF16"; }
	static double error() { return 1.0 / 128; }
	static __host__ __device__ float to_float(uint16_t v)
	{
		uint32_t bits = static_cast<uint32_t>(v) << 16;
		float f;

		memcpy(&f, &bits, sizeof(f));
		return f;
	}
	static __host__ __device__ uint16_t from_float(float f)
	{
		uint32_t bits;

		memcpy(&bits, &f, sizeof(bits));
		return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16); /* to the nearest, ties to even */
	}
};

/* Element i of matrix `which`: known on both sides without a copy, from -1 to 1, and as random as power draw wants it. */
static __host__ __device__ float element(uint32_t which, uint32_t i)
{
	uint32_t h = i * 2654435761u + which * 40503u;

	h ^= h >> 15;
	h *= 2246822519u;
	h ^= h >> 13;
	return static_cast<float>(static_cast<int32_t>(h % 2001) - 1000) / 1000.0f;
}

template <class T> __global__ void fill(uint16_t *m, uint32_t which, uint32_t count)
{
	for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += gridDim.x * blockDim.x)
		m[i] = T::from_float(element(which, i));
}

/* ---- c = a b, all of them n by n, by columns ---- */

#ifndef WITH_BLAS

template <class T> __global__ void tiled(const uint16_t *a, const uint16_t *b, uint16_t *c, int n)
{
	__shared__ float ta[TILE][TILE + 1], tb[TILE][TILE + 1];
	int row = blockIdx.x * TILE + threadIdx.x, column = blockIdx.y * TILE + threadIdx.y;
	float sum = 0;

	for (int t = 0; t < n; t += TILE) {
		ta[threadIdx.y][threadIdx.x] = T::to_float(a[static_cast<size_t>(t + threadIdx.y) * n + row]);
		tb[threadIdx.y][threadIdx.x] = T::to_float(b[static_cast<size_t>(column) * n + t + threadIdx.x]);
		__syncthreads();
		for (int k = 0; k < TILE; k++)
			sum += ta[k][threadIdx.x] * tb[threadIdx.y][k];
		__syncthreads();
	}
	c[static_cast<size_t>(column) * n + row] = T::from_float(sum);
}

struct multiplier {
	template <class T> void multiply(const uint16_t *a, const uint16_t *b, uint16_t *c, int n)
	{
		tiled<T><<<dim3(n / TILE, n / TILE), dim3(TILE, TILE)>>>(a, b, c, n);
		CHECK(GPU(GetLastError)());
	}
};

#elif defined(__HIPCC__)

struct multiplier {
	rocblas_handle handle;

	multiplier() { must(rocblas_create_handle(&handle)); }
	~multiplier() { rocblas_destroy_handle(handle); }
	static void must(rocblas_status s)
	{
		if (s != rocblas_status_success)
			fail("rocBLAS: %s", rocblas_status_to_string(s));
	}
	template <class T> void multiply(const uint16_t *a, const uint16_t *b, uint16_t *c, int n)
	{
		rocblas_datatype type = *T::name() == 'F' ? rocblas_datatype_f16_r : rocblas_datatype_bf16_r;
		const float one = 1, zero = 0;

		must(rocblas_gemm_ex(handle, rocblas_operation_none, rocblas_operation_none, n, n, n, &one, a, type, n, b, type, n, &zero, c, type,
		    n, c, type, n, rocblas_datatype_f32_r, rocblas_gemm_algo_standard, 0, 0));
	}
};

#else

struct multiplier {
	cublasHandle_t handle;

	multiplier() { must(cublasCreate(&handle)); }
	~multiplier() { cublasDestroy(handle); }
	static void must(cublasStatus_t s)
	{
		if (s != CUBLAS_STATUS_SUCCESS)
			fail("cuBLAS: %s", cublasGetStatusString(s));
	}
	template <class T> void multiply(const uint16_t *a, const uint16_t *b, uint16_t *c, int n)
	{
		cudaDataType_t type = *T::name() == 'F' ? CUDA_R_16F : CUDA_R_16BF;
		const float one = 1, zero = 0;

		must(cublasGemmEx(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &one, a, type, n, b, type, n, &zero, c, type, n, CUBLAS_COMPUTE_32F,
		    CUBLAS_GEMM_DEFAULT));
	}
};

#endif

/* ---- measuring ---- */

/* A few elements against sums in double precision, from the same rounded factors. */
template <class T> static void compare(const uint16_t *c, int n)
{
	for (int p = 0; p < PROBES; p++) {
		size_t row = static_cast<size_t>(n - 1) * p / (PROBES - 1), column = (row * 7 + 3) % n;
		double want = 0, size = 0;
		uint16_t got;

		for (int k = 0; k < n; k++) {
			double a = T::to_float(T::from_float(element(1, static_cast<uint32_t>(static_cast<size_t>(k) * n + row))));
			double b = T::to_float(T::from_float(element(2, static_cast<uint32_t>(column * n + k))));

			want += a * b;
			size += fabs(a * b);
		}
		CHECK(GPU(Memcpy)(&got, c + column * n + row, sizeof(got), GPU(MemcpyDeviceToHost)));
		if (!(fabs(T::to_float(got) - want) <= fabs(want) * T::error() + size * 1e-5))
			fail("the product is wrong: element %zu,%zu is %g, must be %g", row, column, T::to_float(got), want);
	}
}

template <class T> static void measure(int gpu, int n, int warmup, int count, int repeats)
{
	const uint32_t elements = static_cast<uint32_t>(n) * static_cast<uint32_t>(n);
	uint16_t *a, *b, *c;
	GPU(Event_t) begin, end;

	CHECK(GPU(SetDevice)(gpu));
	CHECK(GPU(Malloc)(reinterpret_cast<void **>(&a), 2ull * elements));
	CHECK(GPU(Malloc)(reinterpret_cast<void **>(&b), 2ull * elements));
	CHECK(GPU(Malloc)(reinterpret_cast<void **>(&c), 2ull * elements));
	CHECK(GPU(EventCreate)(&begin));
	CHECK(GPU(EventCreate)(&end));
	fill<T><<<1024, 256>>>(a, 1, elements);
	fill<T><<<1024, 256>>>(b, 2, elements);
	CHECK(GPU(GetLastError)());
	{
		multiplier m;

		for (int i = 0; i < warmup; i++)
			m.template multiply<T>(a, b, c, n);
		for (int r = 1; r <= repeats; r++) {
			float ms = 0;

			CHECK(GPU(EventRecord)(begin, 0));
			for (int i = 0; i < count; i++)
				m.template multiply<T>(a, b, c, n);
			CHECK(GPU(EventRecord)(end, 0));
			CHECK(GPU(EventSynchronize)(end));
			CHECK(GPU(EventElapsedTime)(&ms, begin, end));
			if (r == 1)
				compare<T>(c, n);
			printf("%s matmul: %.2f TFLOPS (GPU %d, repeat %d, %s)\n", T::name(), 2.0 * n * n * n * count / (ms * 1e9), gpu, r, LIBRARY);
			fflush(stdout);
		}
	}
	CHECK(GPU(EventDestroy)(begin));
	CHECK(GPU(EventDestroy)(end));
	CHECK(GPU(Free)(a));
	CHECK(GPU(Free)(b));
	CHECK(GPU(Free)(c));
}

int main(int argc, char **argv)
{
	int gpus = 0, n = argc == 6 ? atoi(argv[2]) : 0, warmup, count, repeats;

	if (n < TILE || n > EDGE_MAX || n % TILE)
		fail("usage: gemm fp16|bf16 EDGE WARMUP ITERATIONS REPEATS, the edge a multiple of %d up to %d", TILE, EDGE_MAX);
	warmup = atoi(argv[3]);
	count = atoi(argv[4]);
	repeats = atoi(argv[5]);
	CHECK(GPU(GetDeviceCount)(&gpus));
	for (int gpu = 0; gpu < gpus; gpu++)
		if (!strcmp(argv[1], "fp16"))
			measure<half_type>(gpu, n, warmup, count, repeats);
		else if (!strcmp(argv[1], "bf16"))
			measure<bfloat_type>(gpu, n, warmup, count, repeats);
		else
			fail("'%s' is neither fp16 nor bf16", argv[1]);
	return 0;
}
