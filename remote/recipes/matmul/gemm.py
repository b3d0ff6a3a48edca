"""The same measurement as gemm.cpp through PyTorch, which brings the tuned library (cuBLAS, hipBLASLt, rocBLAS) along.

gemm.py fp16|bf16 EDGE WARMUP ITERATIONS REPEATS
"""
import sys

import torch


def compare(a, b, c):
    """Sixteen elements against sums in double precision."""
    n = a.shape[0]
    rows = torch.arange(16, device=a.device) * (n - 1) // 15
    columns = (rows * 7 + 3) % n
    products = a[rows].double() * b[:, columns].t().double()
    want, size = products.sum(1), products.abs().sum(1)
    rounding = 1 / 1024 if c.dtype == torch.float16 else 1 / 128
    wrong = ~((c[rows, columns].double() - want).abs() <= want.abs() * rounding + size * 1e-5)
    if bool(wrong.any()):
        sys.exit("gemm: the product is wrong in %d of 16 elements" % int(wrong.sum()))


def measure(gpu, dtype, n, warmup, count, repeats):
    torch.cuda.set_device(gpu)
    a, b = (torch.rand(n, n, device="cuda").mul_(2).sub_(1).to(dtype) for _ in range(2))
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    for _ in range(warmup):
        torch.matmul(a, b)
    for repeat in range(1, repeats + 1):
        begin.record()
        for _ in range(count):
            c = torch.matmul(a, b)
        end.record()
        end.synchronize()
        tflops = 2 * n**3 * count / (begin.elapsed_time(end) * 1e9)
        if repeat == 1:
            compare(a, b, c)
        print("%s matmul: %.2f TFLOPS (GPU %d, repeat %d, PyTorch %s)" % (sys.argv[1].upper(), tflops, gpu, repeat, torch.__version__), flush=True)


def main():
    dtype = {"fp16": torch.float16, "bf16": torch.bfloat16}[sys.argv[1]]
    n, warmup, count, repeats = map(int, sys.argv[2:6])
    torch.manual_seed(1)
    for gpu in range(torch.cuda.device_count()):
        measure(gpu, dtype, n, warmup, count, repeats)


main()
