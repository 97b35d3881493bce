"""Settings of a distillation."""

import math
from dataclasses import dataclass, field

from cairn.core.errors import ConfigError
from cairn.nn.language.size import Size
from cairn.refine.distill.examples import Teacher

MADE = "made"
"""The source that is no file: documents of the generator's training forms."""


@dataclass(frozen=True)
class Distillation:
    """How a small refiner is trained, and from what."""

    source: str
    """`made`, a file of labelled records or of pairs, or a finished run of `cairn refine run`."""
    teacher: Teacher = "patterns"
    """Who says what goes, where the source does not: our detectors, or the labels of records."""
    records: int = 4000
    """Documents that are made, where they are made."""
    formats: tuple[str, ...] = ()
    """Formats of made documents; none: all that the training forms have."""
    languages: tuple[str, ...] = ()
    """Likewise."""
    updates: int = 1500
    """Steps of learning."""
    rows: int = 8
    """Rows of texts in one step."""
    length: int = 192
    """Pieces in a row, and the longest text read at once; longer ones are read window by window."""
    learning_rate: float = 3e-3
    """At its highest."""
    noise: bool = True
    """Whether the student sees texts less clean than its teacher did."""
    threshold: float | None = None
    """Chance of having to go from which a word goes; None: estimated (`calibrate`)."""
    seed: int = 0
    """Root of all draws."""
    size: Size = field(default_factory=lambda: Size(layers=3))
    """Of the transformer."""

    def __post_init__(self):
        for name in ("records", "updates", "rows"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.length < 16:
            raise ConfigError(f"length must be at least 16 pieces, got {self.length}.")
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate must be a number above 0, got {self.learning_rate}.")
        if not 0 <= self.seed < 2**32:
            raise ConfigError(f"seed must lie in [0, 2^32), got {self.seed}.")
        if self.threshold is not None and not 0 < self.threshold < 1:
            raise ConfigError(f"threshold must lie in (0, 1), got {self.threshold}.")
