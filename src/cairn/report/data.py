"""What panels are made of: plain arrays and words, for whatever draws them."""

from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int, UInt8

from cairn.report.series import Band, Curve


class Line(NamedTuple):
    """A figure over the run."""

    label: str
    seeds: Curve
    """Every seed as it was."""
    mean: Band
    """Over seeds, perhaps smoothed."""


class Chart(NamedTuple):
    """Lines that share their axes."""

    title: str
    lines: tuple[Line, ...]
    share: bool = False
    """Whether the figures lie in [0, 1]."""
    axis: str = "steps"
    """What it is over."""


class Curves(NamedTuple):
    """Everything that is learned over a run."""

    title: str
    caption: str
    charts: tuple[Chart, ...]
    spent: dict[str, float]
    """What the ledger counts of environment steps, mean over seeds; empty if it counts none."""
    axis: str
    """What the curves are over."""


class Card(NamedTuple):
    """One level, to be looked at or read."""

    title: str
    note: str
    tone: Literal["good", "bad", "plain"]
    pixels: UInt8[np.ndarray, "rows columns 3"] | None
    """None if the environment draws nothing."""
    facts: dict[str, str]
    """Everything there is to say of it."""
    href: str = ""
    """Where it is opened, if it can be."""


class Row(NamedTuple):
    """Levels side by side."""

    label: str
    cards: tuple[Card, ...]


class Sheet(NamedTuple):
    """Levels in rows; with `descent` each row is a line of ancestors, the oldest first."""

    title: str
    caption: str
    rows: tuple[Row, ...]
    descent: bool = False


class Clip(NamedTuple):
    """One attempt in motion."""

    title: str
    frames: UInt8[np.ndarray, "F rows columns 3"]
    steps: Int[np.ndarray, " F"]
    """When each frame was; the last is the end."""
    success: bool


class Front(NamedTuple):
    """The best of all: how it learned, what it can do, how a level evolved."""

    charts: tuple[Chart, ...]
    cards: tuple[Card, ...]
    ancestors: tuple[Card, ...]
    """Empty if there is no line worth showing."""
