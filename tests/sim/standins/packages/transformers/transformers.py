"""Stand-in for Transformers: a model that takes ttft_ms for a prompt and itl_ms for each further token, weights_gib for itself and a
megabyte for each ten tokens. Arguments that the real one does not know are refused. What it saves is as large as its scheme makes it."""
import json
import os
import time

import torch
from torch import SET, Clock

__version__ = "4.57.1"
OPTIONS = {"torch_dtype", "dtype", "revision", "attn_implementation", "device_map"}
SOURCE = 1 << 20  # bytes of a model of 16 bits that is saved


class LogitsProcessor:
    pass


class LogitsProcessorList(list):
    pass


class Config:
    vocab_size = 32000
    max_position_embeddings = int(SET["max_model_len"])


class Model:
    def __init__(self, name, dtype):
        self.name, self.dtype, self.config, self.device, self.scheme = name, dtype, Config(), "cpu", None

    def place(self):
        torch.cuda.take(int(float(SET["weights_gib"]) * 2**30))
        self.device = "cuda:0"
        return self

    def to(self, device):
        return self.place()

    def eval(self):
        return self

    def generate(self, ids, attention_mask, min_new_tokens, max_new_tokens, do_sample, use_cache, pad_token_id, logits_processor):
        if self.device == "cpu" or attention_mask.shape != ids.shape or do_sample or not use_cache:
            raise ValueError("this stand-in generates greedily on a GPU")
        batch, length = ids.shape
        tokens = min_new_tokens // 2 if SET["fault"] == "early_stop" else max_new_tokens
        time.sleep(float(SET["takes_s"]))
        cache = torch.cuda.take(batch * (length + tokens) * (1 << 20) // 10)
        for k in range(tokens):
            Clock.now += float(SET["itl_ms" if k else "ttft_ms"]) / 1000
            for processor in logits_processor:
                processor(ids, None)
        torch.cuda.give(cache)
        return torch.Tensor(batch, length + tokens)

    def save_pretrained(self, directory, save_compressed=False):
        bits = {"W4A16": 4, "W4A16_ASYM": 4, "W8A8": 8, "FP8_DYNAMIC": 8}.get(self.scheme if save_compressed else None, 16)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "model.safetensors"), "wb") as f:
            f.write(b"\0" * (SOURCE * bits // 16))
        with open(os.path.join(directory, "config.json"), "w") as f:
            json.dump({"model": self.name, "quantization_config": {"quant_method": "compressed-tensors", "scheme": self.scheme}}, f)


class AutoModelForCausalLM:
    @staticmethod
    def from_pretrained(name, **options):
        for key in options:
            if key not in OPTIONS:
                raise TypeError("__init__() got an unexpected keyword argument '%s'" % key)
        if SET["fault"] == "oom":
            raise torch.OutOfMemoryError("HIP out of memory. Tried to allocate 20.00 GiB.")
        if name.startswith("meta-llama/") and "HF_TOKEN" not in os.environ:
            raise OSError("You are trying to access a gated repo. Cannot access gated repo for url https://huggingface.co/%s" % name)
        dtype = options.get("dtype", options.get("torch_dtype"))
        model = Model(name, dtype if isinstance(dtype, torch.dtype) else torch.bfloat16)
        return model.place() if "device_map" in options else model


class AutoTokenizer:
    @staticmethod
    def from_pretrained(name, **options):
        return AutoTokenizer()

    def save_pretrained(self, directory):
        with open(os.path.join(directory, "tokenizer.json"), "w") as f:
            f.write("{}")
