"""Stand-in for PyTorch on a simulated machine: as much of it as generating text needs. GPUs and their memory are those of the machine's
file ../gpu. Time passes when a model works (transformers.py), and time.perf_counter() tells that time, so that figures are exact; what works
also takes takes_s of the machine's file ../inference, for samples of the GPUs."""
import os
import time

__version__ = "2.9.0"
MACHINE = os.environ.get("STANDIN_MACHINE", ".")


def read(name, found):
    try:
        with open(os.path.join(MACHINE, name)) as f:
            for line in f:
                key, _, value = line.strip().partition("=")
                if value:
                    found[key] = value.strip("'")
    except OSError:
        pass
    return found


GPU = read("gpu", {"count": "0", "memory_mib": "0", "vendor": ""})
SET = read("inference", {"ttft_ms": "70", "itl_ms": "30", "weights_gib": "14.2", "max_model_len": "32768", "fault": "", "takes_s": "0"})


class version:
    hip = "7.0.51831" if GPU["vendor"] == "amd" else None
    cuda = None if GPU["vendor"] == "amd" else "12.8"


class Clock:
    now = 0.0


time.perf_counter = lambda: Clock.now


class dtype:
    def __init__(self, name):
        self.name = name

    def __str__(self):
        return "torch." + self.name


bfloat16, float16 = dtype("bfloat16"), dtype("float16")


class OutOfMemoryError(RuntimeError):
    pass


class Tensor:
    def __init__(self, *shape):
        self.shape = shape

    def to(self, device):
        return self


class Generator:
    def manual_seed(self, seed):
        self.seed = seed
        return self


def randint(low, high, size, generator=None):
    if not 0 <= low < high or generator is None:
        raise RuntimeError("random_ expects 'from' to be less than 'to', but got from=%s >= to=%s" % (low, high))
    return Tensor(*size)


def ones_like(tensor):
    return Tensor(*tensor.shape)


class inference_mode:
    def __enter__(self):
        return self

    def __exit__(self, *what):
        return False


class cuda:
    """What each GPU has taken: the weights lie in equal parts on all of them."""

    held = peak = 0
    OutOfMemoryError = OutOfMemoryError

    @staticmethod
    def take(size):
        size //= max(cuda.device_count(), 1)
        if cuda.held + size > int(GPU["memory_mib"]) << 20:
            raise OutOfMemoryError("%s out of memory. Tried to allocate %.2f GiB." % ("HIP" if version.hip else "CUDA", size / 2**30))
        cuda.held += size
        cuda.peak = max(cuda.peak, cuda.held)
        return size

    @staticmethod
    def give(size):
        cuda.held -= size

    @staticmethod
    def is_available():
        return cuda.device_count() > 0

    @staticmethod
    def device_count():
        return int(GPU["count"])

    @staticmethod
    def synchronize(k):
        assert 0 <= k < cuda.device_count()

    @staticmethod
    def empty_cache():
        pass

    @staticmethod
    def reset_peak_memory_stats(k):
        cuda.peak = cuda.held

    @staticmethod
    def memory_allocated(k):
        return cuda.held

    @staticmethod
    def max_memory_allocated(k):
        return cuda.peak

    @staticmethod
    def max_memory_reserved(k):
        return -(-cuda.peak >> 21) + 1 << 21 if cuda.peak else 0
