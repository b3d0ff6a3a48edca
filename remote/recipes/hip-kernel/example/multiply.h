/* The kernel and its measuring, for whoever defines GPU(name) as the name in the runtime of a vendor. */
#include <cstdio>
#include <cstdlib>

#define TILE 16

static void must(GPU(Error_t) error)
{
	if (error == GPU(Success))
		return;
	fprintf(stderr, "the GPU refuses: %s\n", GPU(GetErrorString)(error));
	exit(1);
}

/* Each block has one tile of c; beyond the edge everything is 0. */
static __global__ void multiply(const float *a, const float *b, float *c, size_t n)
{
	__shared__ float left[TILE][TILE], right[TILE][TILE];
	size_t row = blockIdx.y * TILE + threadIdx.y, column = blockIdx.x * TILE + threadIdx.x;
	float sum = 0;

	for (size_t t = 0; t < n; t += TILE) {
		left[threadIdx.y][threadIdx.x] = row < n && t + threadIdx.x < n ? a[row * n + t + threadIdx.x] : 0;
		right[threadIdx.y][threadIdx.x] = column < n && t + threadIdx.y < n ? b[(t + threadIdx.y) * n + column] : 0;
		__syncthreads();
		for (int k = 0; k < TILE; k++)
			sum += left[threadIdx.y][k] * right[k][threadIdx.x];
		__syncthreads();
	}
	if (row < n && column < n)
		c[row * n + column] = sum;
}

void multiply_on_device(const float *a, const float *b, float *c, size_t n, struct elapsed *time)
{
	const unsigned tiles = static_cast<unsigned>((n + TILE - 1) / TILE);
	const size_t bytes = n * n * sizeof(float);
	GPU(Event_t) mark[4];
	float *da, *db, *dc;

	must(GPU(Malloc)(reinterpret_cast<void **>(&da), bytes));
	must(GPU(Malloc)(reinterpret_cast<void **>(&db), bytes));
	must(GPU(Malloc)(reinterpret_cast<void **>(&dc), bytes));
	for (auto &m : mark)
		must(GPU(EventCreate)(&m));
	multiply<<<dim3(tiles, tiles), dim3(TILE, TILE)>>>(da, db, dc, n); /* the first call loads the code */
	must(GPU(EventRecord)(mark[0], 0));
	must(GPU(Memcpy)(da, a, bytes, GPU(MemcpyHostToDevice)));
	must(GPU(Memcpy)(db, b, bytes, GPU(MemcpyHostToDevice)));
	must(GPU(EventRecord)(mark[1], 0));
	multiply<<<dim3(tiles, tiles), dim3(TILE, TILE)>>>(da, db, dc, n);
	must(GPU(GetLastError)());
	must(GPU(EventRecord)(mark[2], 0));
	must(GPU(Memcpy)(c, dc, bytes, GPU(MemcpyDeviceToHost)));
	must(GPU(EventRecord)(mark[3], 0));
	must(GPU(EventSynchronize)(mark[3]));
	must(GPU(EventElapsedTime)(&time->to_device, mark[0], mark[1]));
	must(GPU(EventElapsedTime)(&time->kernel, mark[1], mark[2]));
	must(GPU(EventElapsedTime)(&time->to_host, mark[2], mark[3]));
	for (auto &m : mark)
		must(GPU(EventDestroy)(m));
	must(GPU(Free)(da));
	must(GPU(Free)(db));
	must(GPU(Free)(dc));
}
