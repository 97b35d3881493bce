"""Axes of an archive of texts: lists of categories, or the length of a text in bins."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from cairn.core.errors import ConfigError

if TYPE_CHECKING:
    from cairn.archive.product import Product


@dataclass(frozen=True)
class Categories:
    """An axis of named categories, which a text is written for and cannot be measured by."""

    name: str
    """What the axis is called in templates and in the report."""
    labels: tuple[str, ...]
    """The categories, in the order of the map."""
    kind: Literal["categories"] = "categories"
    instruction: str = "Change as little as needed; keep everything else about the prompt."
    """What who rewrites a text for this axis is told besides the category."""
    examples: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Few-shot examples by label, shown to the mutator."""
    meanings: dict[str, str] = field(default_factory=dict)
    """What a label stands for, where its name does not say it; told to the mutator."""

    def __post_init__(self):
        _check_name(self.name)
        if not self.labels:
            raise ConfigError(f"axis {self.name!r} needs at least one label, got none.")
        for label in self.labels:
            if not label.strip():
                raise ConfigError(f"axis {self.name!r} has an empty label.")
            if self.labels.count(label) > 1:
                raise ConfigError(f"axis {self.name!r} has the label {label!r} twice.")
        for what, said in (("examples", self.examples), ("a meaning", self.meanings)):
            unknown = sorted(set(said) - set(self.labels))
            if unknown:
                raise ConfigError(
                    f"axis {self.name!r} has {what} for {unknown[0]!r}, which is no label of it."
                )


@dataclass(frozen=True)
class Length:
    """An axis of prompt lengths in characters, cut into equal bins."""

    name: str
    """What the axis is called in the report."""
    low: int
    """Shortest length, characters; shorter prompts fall into the first bin."""
    high: int
    """Longest length, characters; longer prompts fall into the last bin."""
    bins: int = 10
    """Cells along this axis."""
    kind: Literal["length"] = "length"

    def __post_init__(self):
        _check_name(self.name)
        if not (0 <= self.low < self.high and self.bins >= 1):
            raise ConfigError(
                f"axis {self.name!r} needs 0 <= low < high and bins >= 1, got low={self.low}, "
                f"high={self.high}, bins={self.bins}."
            )
        if self.bins > self.high - self.low:
            raise ConfigError(
                f"axis {self.name!r} has {self.bins} bins for {self.high - self.low} characters "
                f"from low={self.low} to high={self.high}: each bin needs one at least."
            )

    @cached_property
    def edges(self) -> tuple[int, ...]:
        """The shortest length of each bin, characters, and `high`: `bins + 1` of them."""
        # Rounded up in whole numbers, as `bin_of` rounds down: labels and bins agree.
        span = self.high - self.low
        return tuple(self.low - (-i * span // self.bins) for i in range(self.bins + 1))

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The bins in words: whole numbers of characters, both ends included."""
        tops = [*(edge - 1 for edge in self.edges[1:-1]), self.high]
        return tuple(
            f"{low}-{top} characters" for low, top in zip(self.edges[:-1], tops, strict=True)
        )

    def bin_of(self, text: str) -> int:
        """The bin of a text's length; border bins take what lies beyond."""
        place = (len(text) - self.low) * self.bins // (self.high - self.low)
        return min(max(place, 0), self.bins - 1)


Axis = Categories | Length


def _check_name(name: str) -> None:
    if not name.strip():
        raise ConfigError("every axis needs a name, got an empty one.")


class Space:
    """The product of the axes: from cell numbers to words, and from a prompt to its cell."""

    def __init__(self, axes: tuple[Axis, ...]):
        if not axes:
            raise ConfigError("axes must hold at least one axis, got none.")
        names = [axis.name for axis in axes]
        repeated = [name for name in names if names.count(name) > 1]
        if repeated:
            raise ConfigError(f"axes must differ in name, got {repeated[0]!r} twice.")
        self.axes = axes
        self.shape = tuple(len(axis.labels) for axis in axes)
        self.cells = math.prod(self.shape)
        if self.cells >= 2**31 - 1:
            raise ConfigError(
                f"the axes have {self.cells:,} cells; at most 2^31 - 2 can be numbered."
            )

    @cached_property
    def tessellation(self) -> "Product":
        """The same as an archive takes it."""
        # Imported here: it brings JAX, and who only reads a config need not wait for that.
        from cairn.archive.categorical import Categorical
        from cairn.archive.product import Product

        return Product(tuple(Categorical(axis.labels) for axis in self.axes))

    def indices(self, cell: int) -> tuple[int, ...]:
        """A cell's place along each axis."""
        return tuple(int(i) for i in np.unravel_index(cell, self.shape))

    def cell(self, indices: tuple[int, ...]) -> int:
        """The cell at these places: the tessellation's own row-major numbering."""
        return int(np.ravel_multi_index(indices, self.shape))

    def labels(self, cell: int) -> tuple[str, ...]:
        """A cell's label on each axis."""
        places = zip(self.axes, self.indices(cell), strict=True)
        return tuple(axis.labels[i] for axis, i in places)

    def title(self, cell: int) -> str:
        """A cell in words: `fraud and scams × slang`."""
        return " × ".join(self.labels(cell))

    def landed(self, cell: int, prompt: str) -> int:
        """Where a prompt made for `cell` belongs: lengths are measured, categories prescribed."""
        places = zip(self.axes, self.indices(cell), strict=True)
        return self.cell(
            tuple(axis.bin_of(prompt) if isinstance(axis, Length) else i for axis, i in places)
        )

    def table(self, shares: Mapping[int, float]) -> list[list[str]]:
        """Shares by cell as text over the first two axes, the highest over the other axes.

        The first row and column are labels; a dash is for what has no share.
        """
        down, *others = self.axes
        columns = others[0].labels if others else ("",)
        best: dict[tuple[int, int], float] = {}
        for cell, share in shares.items():
            row, *rest = self.indices(cell)
            place = (row, rest[0] if rest else 0)
            best[place] = max(best.get(place, 0.0), share)
        rows = [
            [label, *(f"{best[i, j]:.2f}" if (i, j) in best else "–" for j in range(len(columns)))]
            for i, label in enumerate(down.labels)
        ]
        return [["", *columns], *rows]
