"""What a detector promises."""

from typing import Protocol, runtime_checkable

from cairn.refine.spans import Span


@runtime_checkable
class Detector(Protocol):
    """Finds spans of its kinds in a text; any object with these three is one."""

    @property
    def name(self) -> str:
        """How a report names it."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that it can find."""
        ...

    def find(self, text: str) -> list[Span]:
        """What it found, in characters of `text`. In time linear in the text's length."""
        ...
