"""What every tokeniser can do."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

Ids = Sequence[int] | np.ndarray


@runtime_checkable
class Tokenizer(Protocol):
    """Texts to ids and back."""

    @property
    def size(self) -> int:
        """How many ids there are: 0 to size - 1."""
        ...

    @property
    def pad(self) -> int:
        """Stands where nothing stands; never `eos`, or a model would not learn to end."""
        ...

    @property
    def bos(self) -> int | None:
        """Begins a text, in vocabularies that have such a thing."""
        ...

    @property
    def eos(self) -> int:
        """Ends an answer."""
        ...

    def encode(self, text: str) -> list[int]:
        """Ids of a text, without beginning or end. Raises TokenError if it cannot be written."""
        ...

    def decode(self, ids: Ids) -> str:
        """The text; padding, beginning and end say nothing."""
        ...

    def save(self, folder: Path) -> None:
        """Write what `load` reads."""
        ...
