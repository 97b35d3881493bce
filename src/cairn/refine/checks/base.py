"""What a check sees and what it says."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from cairn.refine.spans import Span


class Failure(NamedTuple):
    """What is wrong with a rewrite."""

    check: str
    """Name of the check."""
    reason: str
    """Tells the model what to mend. Holds no text that is to be removed, only its kind."""


class Pair(NamedTuple):
    """What a check looks at."""

    original: str
    rewrite: str
    private: tuple[Span, ...] = ()
    """Spans of `original` that detectors found."""
    pseudonyms: Mapping[str, str] = {}
    """Original value to its pseudonym, as far as known."""


@runtime_checkable
class Check(Protocol):
    """Looks at a pair: a Failure, or None for a pass."""

    @property
    def name(self) -> str:
        """How reports and rejects name it."""
        ...

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """`clients`: the map's clients by role; most checks ask none."""
        ...
