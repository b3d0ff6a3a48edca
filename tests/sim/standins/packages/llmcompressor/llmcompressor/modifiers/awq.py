from llmcompressor import Modifier


class AWQModifier(Modifier):
    def __init__(self, targets, scheme, ignore):
        if not scheme.startswith("W4A16"):
            raise ValueError("AWQ quantises weights to four bits")
        super().__init__(targets, scheme, ignore)
