"""One model in, a quantised one out, in the compressed-tensors format that vLLM reads (llm-compressor)."""
import argparse
import sys

from llmcompressor import oneshot
from llmcompressor.modifiers.quantization import GPTQModifier, QuantizationModifier
from transformers import AutoModelForCausalLM, AutoTokenizer


def arguments():
    p = argparse.ArgumentParser()
    for name in ("model", "output", "scheme", "method", "dataset"):
        p.add_argument("--" + name, required=True)
    p.add_argument("--revision")
    p.add_argument("--samples", type=int, required=True)
    p.add_argument("--length", type=int, required=True)
    p.add_argument("--ignore", nargs="*", default=[])
    return p.parse_args()


def modifier(a):
    method = a.method
    if method == "auto":
        method = "plain" if a.scheme.startswith("FP8") else "awq" if a.scheme.startswith("W4") else "gptq"
    options = {"targets": ["Linear"], "scheme": a.scheme, "ignore": a.ignore}
    if method == "plain":
        return QuantizationModifier(**options)
    if method == "gptq":
        return GPTQModifier(**options)
    from llmcompressor.modifiers.awq import AWQModifier

    return AWQModifier(**options)


def main():
    a = arguments()
    options = {"revision": a.revision} if a.revision else {}
    print("gpufleet: progress loading %s" % a.model, flush=True)
    model = AutoModelForCausalLM.from_pretrained(a.model, torch_dtype="auto", **options)
    tokenizer = AutoTokenizer.from_pretrained(a.model, **options)
    how = modifier(a)
    print("gpufleet: progress %s with %s" % (a.scheme, type(how).__name__), flush=True)
    # Weights alone need no data: scales of activations are found while the model runs.
    data = {}
    if not (isinstance(how, QuantizationModifier) and a.scheme == "FP8_DYNAMIC"):
        data = {"dataset": a.dataset, "num_calibration_samples": a.samples, "max_seq_length": a.length}
    oneshot(model=model, tokenizer=tokenizer, recipe=[how], **data)
    print("gpufleet: progress writing %s" % a.output, flush=True)
    model.save_pretrained(a.output, save_compressed=True)
    tokenizer.save_pretrained(a.output)


if __name__ == "__main__":
    sys.exit(main())
