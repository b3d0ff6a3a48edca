from llmcompressor import Modifier


class QuantizationModifier(Modifier):
    needs_data = False


class GPTQModifier(Modifier):
    pass
