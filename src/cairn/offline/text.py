"""Texts as a task: what a language model is to go on with."""

from dataclasses import dataclass

from cairn.core import checks


@dataclass(frozen=True)
class Text:
    """Text files: go on with them (cairn lm train)."""

    vocabulary: int = 0
    """Tokens there are, so that a run can be read without its corpus; 0: those of the corpus."""

    def __post_init__(self) -> None:
        checks.at_least(self, 0, "vocabulary")
