"""The cells of a plan through model.generate(): tokens per second, time to the first token, memory. Figures are lines of results.jsonl,
written as they come; what cannot be measured is a line with its reason. The plan is lines "number scenario input output batch repeat".
"""
import argparse
import json
import os
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList

MIB = 1024 * 1024
# As PyTorch calls it, before and since 2.5.
OutOfMemory = getattr(torch, "OutOfMemoryError", None) or torch.cuda.OutOfMemoryError


def arguments():
    p = argparse.ArgumentParser()
    for name in ("model", "plan", "results"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--revision")
    p.add_argument("--dtype", default="auto")
    p.add_argument("--attention", default="auto")
    p.add_argument("--warmup", default="true")
    p.add_argument("--seed", type=int, default=0)
    return p.parse_args()


def every_gpu(what):
    return [what(k) for k in range(torch.cuda.device_count())]


def now():
    every_gpu(torch.cuda.synchronize)
    return time.perf_counter()


class FirstToken(LogitsProcessor):
    """Called with the scores of each token: for the first of them the whole prompt has been read."""

    def __init__(self):
        self.at = None

    def __call__(self, input_ids, scores):
        if self.at is None:
            self.at = now()
        return scores


def load(a):
    options = {}
    # The argument was renamed; the old name is gone from version 5 on.
    named = "dtype" if int(transformers.__version__.split(".")[0]) >= 5 else "torch_dtype"
    options[named] = a.dtype if a.dtype == "auto" else getattr(torch, a.dtype)
    if a.revision:
        options["revision"] = a.revision
    if a.attention != "auto":
        options["attn_implementation"] = a.attention
    if torch.cuda.device_count() > 1:
        return AutoModelForCausalLM.from_pretrained(a.model, device_map="auto", **options).eval()
    return AutoModelForCausalLM.from_pretrained(a.model, **options).to("cuda").eval()


def prompts(model, batch, length, seed):
    """Random words of the vocabulary, the same for the same seed; the first ones are often of special meaning."""
    generator = torch.Generator().manual_seed(seed)
    vocabulary = getattr(model.config, "vocab_size", 32000)
    return torch.randint(min(1000, vocabulary // 2), vocabulary - 1, (batch, length), generator=generator).to(model.device)


def generate(model, ids, output):
    """Seconds to the first token and to the last, and how many came for each prompt."""
    first = FirstToken()
    began = now()
    with torch.inference_mode():
        out = model.generate(ids, attention_mask=torch.ones_like(ids), min_new_tokens=output, max_new_tokens=output, do_sample=False,
                             use_cache=True, pad_token_id=0, logits_processor=LogitsProcessorList([first]))
    ended = now()
    return first.at - began, ended - began, out.shape[1] - ids.shape[1]


class Lines:
    def __init__(self, path):
        self.file = open(path, "a")
        self.marks = open(os.path.join(os.path.dirname(path), "marks.jsonl"), "a")

    def say(self, metric, labels=None, **rest):
        print(json.dumps(dict(metric=metric, **(labels or {}), **rest), separators=(",", ":")), file=self.file, flush=True)

    def mark(self, event, labels):
        """When it was measured, for the samples of the GPUs (telemetry.sh)."""
        print(json.dumps(dict(t=time.time(), event=event, **labels), separators=(",", ":")), file=self.marks, flush=True)

    def status(self, labels, text, reason="", detail=""):
        why = {key: value[:120] for key, value in (("reason", reason), ("detail", detail)) if value}
        self.say("status", labels, text=text, **why)


def measure(model, lines, labels, seed, limit, warm):
    batch, length, output = labels["concurrency"], labels["input"], labels["output"]
    if limit and length + output > limit:
        lines.status(labels, "skipped", "context_exceeded", "%d tokens requested, the model allows %d" % (length + output, limit))
        return
    try:
        if warm:
            generate(model, prompts(model, batch, length, seed - 1), output)
        every_gpu(torch.cuda.reset_peak_memory_stats)
        ids = prompts(model, batch, length, seed)
        lines.mark("begin", labels)
        first, total, tokens = generate(model, ids, output)
        lines.mark("end", labels)
    except OutOfMemory as e:
        torch.cuda.empty_cache()
        lines.status(labels, "failed", "oom", str(e).split("\n")[0])
        return
    lines.say("output_throughput", labels, value=batch * tokens / total, unit="tok/s")
    lines.say("total_token_throughput", labels, value=batch * (length + tokens) / total, unit="tok/s")
    lines.say("median_ttft_ms", labels, value=first * 1000, unit="ms")
    if tokens > 1:
        lines.say("median_tpot_ms", labels, value=(total - first) * 1000 / (tokens - 1), unit="ms")
    lines.say("median_e2el_ms", labels, value=total * 1000, unit="ms")
    lines.say("memory_used_max", labels, value=max(every_gpu(torch.cuda.max_memory_reserved)) / MIB, unit="MiB")
    lines.say("memory_allocated_max", labels, value=max(every_gpu(torch.cuda.max_memory_allocated)) / MIB, unit="MiB")
    if tokens == output:
        lines.status(labels, "ok")
    else:
        lines.status(labels, "suspect", "", "%d tokens came where %d were asked for" % (tokens, output))


def main():
    a = arguments()
    with open(a.plan) as f:
        cells = [line.split() for line in f if line.strip()]
    if not torch.cuda.is_available():
        sys.exit("Error: PyTorch %s sees no GPU" % torch.__version__)
    began = time.perf_counter()
    model = load(a)
    lines = Lines(a.results)
    lines.say("load_time", value=now() - began, unit="s")
    lines.say("weights", value=max(every_gpu(torch.cuda.memory_allocated)) / MIB / 1024, unit="GiB")
    lines.say("dtype", text=str(model.dtype))
    lines.say("transformers_version", text=transformers.__version__)
    limit = getattr(model.config, "max_position_embeddings", 0) or 0
    warmed = set()
    for at, (_, name, length, output, batch, repeat) in enumerate(cells, 1):
        print("gpufleet: progress measurement %d of %d: %s in batches of %s, repeat %s" % (at, len(cells), name, batch, repeat), flush=True)
        labels = {"scenario": name, "input": int(length), "output": int(output), "concurrency": int(batch), "repeat": int(repeat)}
        measure(model, lines, labels, a.seed + int(repeat) - 1, limit, a.warmup == "true" and (name, batch) not in warmed)
        warmed.add((name, batch))


main()
