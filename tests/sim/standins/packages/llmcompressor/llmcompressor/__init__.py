"""Stand-in for llm-compressor: refuses what the real one would, and leaves the model marked with its scheme."""
import time

import torch

SCHEMES = ("FP8_DYNAMIC", "W4A16", "W4A16_ASYM", "W8A8")


class Modifier:
    needs_data = True

    def __init__(self, targets, scheme, ignore):
        if scheme not in SCHEMES or targets != ["Linear"]:
            raise ValueError("Invalid preset scheme name %s" % scheme)
        self.scheme, self.ignore = scheme, ignore


def oneshot(model, tokenizer, recipe, dataset=None, num_calibration_samples=512, max_seq_length=384):
    for modifier in recipe:
        if modifier.needs_data and modifier.scheme != "FP8_DYNAMIC" and not dataset:
            raise ValueError("Recipe requires dataset to be provided")
        if modifier.needs_data and (num_calibration_samples < 1 or max_seq_length < 1):
            raise ValueError("num_calibration_samples and max_seq_length must be positive")
        model.scheme = modifier.scheme
        print("%s: ignoring %s, %d samples of %s" % (type(modifier).__name__, " ".join(modifier.ignore), num_calibration_samples, dataset))
    time.sleep(float(torch.SET["takes_s"]))
    assert torch.cuda.is_available()
    return model
