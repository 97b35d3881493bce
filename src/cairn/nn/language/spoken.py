"""A language model together with its words: what is needed to speak with it."""

from pathlib import Path
from typing import NamedTuple

from cairn.nn.language.tokens import Tokenizer
from cairn.nn.language.transformer import Transformer


class Spoken(NamedTuple):
    """A model and its tokeniser."""

    model: Transformer
    tokenizer: Tokenizer
    closing: tuple[int, ...] = ()
    """Tokens put behind every prompt: a task's sign that the answer comes now."""
    folder: Path | None = None
    """Of Hugging Face's form, with the config and tokeniser that it came with, if it came so."""

    @property
    def stops(self) -> tuple[int, ...]:
        """Every token that ends an answer."""
        return getattr(self.tokenizer, "stops", (self.tokenizer.eos,))

    @property
    def chat(self) -> str | None:
        """Jinja template of a conversation, where the model has one."""
        return getattr(self.tokenizer, "chat", None)
