"""Which model learns: one of some size that begins with nothing, or one from a folder."""

import dataclasses
import functools
from dataclasses import dataclass
from pathlib import Path

from cairn.core import checks
from cairn.core.errors import ConfigError
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve import vocabulary
from cairn.improve.vocabulary import Vocabulary
from cairn.nn.language import folder
from cairn.nn.language.block import Shape
from cairn.nn.language.size import Size

described = functools.lru_cache(8)(folder.described)
"""A folder is read once: tables of tokens are large, and a program is bound many times."""


@dataclass(frozen=True)
class Model(Size):
    """The model: a Llama, small enough to be trained from nothing on a CPU in minutes; or that of a
    folder."""

    weights: str = ""
    """Begin with the model in this folder of Hugging Face's form (Llama 3, Qwen 2.5/3), which says
    its size and brings its tokeniser."""
    lora: int = 0
    """Rank of adapters that learn beside its weights, which then stay as they are; 0: all learn."""

    def __post_init__(self) -> None:
        Size.__post_init__(self)
        checks.at_least(self, 0, "lora")
        if not self.weights:
            if self.lora:
                raise ConfigError(
                    f"lora must be 0 without weights, got {self.lora}: a new model has nothing "
                    f"that could stay as it is."
                )
            return
        for field in dataclasses.fields(Size):
            if (given := getattr(self, field.name)) != field.default:
                raise ConfigError(
                    f"{field.name} must be left out with weights, got {given}: the model in "
                    f"{self.weights} has a size of its own."
                )

    def on(self, task: TokenTask, kept: Path | None) -> tuple[Shape, Vocabulary]:
        """Its shape, and its tokens for a task's symbols; of a folder by what a run has `kept` of
        it, if that is given.

        Raises ConfigError, WeightsError or TokenError for a folder that does not fit the task.
        """
        if not self.weights:
            own = vocabulary.own(task)
            return self.shape(len(own.token)), own
        place = kept or Path(self.weights)
        told = described(place)
        return told.shape, vocabulary.borrowed(task, told.tokenizer, told.shape.vocabulary, place)

    @property
    def void(self) -> tuple[str, ...]:
        """Settings that say nothing here."""
        return tuple(field.name for field in dataclasses.fields(Size)) if self.weights else ()
