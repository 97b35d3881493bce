"""What a check sees and what it says."""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from cairn.refine.spans import Span

SURE = 0.75
"""Least score of a find that cannot be public: of the made documents' training forms, whatever our
detectors find with it is private, and one in seven of what they find with less is not."""


class Failure(NamedTuple):
    """What is wrong with a rewrite."""

    check: str
    """Name of the check."""
    reason: str
    """Tells the model what to mend. Holds no text that is to be removed, only its kind."""
    doubtful: frozenset[int] = frozenset()
    """Hashes of the values that it is about, where all of them may be public: what a next rewrite
    keeps of them all the same, it keeps on purpose, and passes with."""


class Pair(NamedTuple):
    """What a check looks at."""

    original: str
    rewrite: str
    private: tuple[Span, ...] = ()
    """Spans of `original` that detectors found."""
    pseudonyms: Mapping[str, str] = {}
    """Original value to its pseudonym, as far as known."""
    sure: float = SURE
    """Least score of a span that is not in doubt."""


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
