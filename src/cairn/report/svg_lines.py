"""Curves as paths: thinned to what can be seen, broken where nothing is known."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

TENTHS = 10
"""Coordinates of a path are whole tenths of a unit of its picture."""
COLUMNS = 400
"""Of two points each: 800 points are what 800 pixels can show of a curve."""


class Frame(NamedTuple):
    """Where axes lie in a picture, and what they range over."""

    left: float
    top: float
    width: float
    height: float
    x: tuple[float, float]
    y: tuple[float, float]

    def across(self, x: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Tenths of a unit to the right of the frame's left side."""
        return _scaled(x, *self.x) * (self.width * TENTHS)

    def down(self, y: Float[np.ndarray, "*n"]) -> Float[np.ndarray, "*n"]:
        """Tenths of a unit below the frame's top, never far outside."""
        return np.clip(1 - _scaled(y, *self.y), -2, 3) * (self.height * TENTHS)


class Drawn(NamedTuple):
    """Data of paths: of what is joined, and of what stands alone."""

    line: str
    dots: str
    """Each a line of no length, seen by its round ends; whiskers of a band are lines too."""


def line(frame: Frame, steps: Float[np.ndarray, " N"], values: Float[np.ndarray, " N"]) -> Drawn:
    """A curve. Of each column of the frame the lowest and the highest value are kept."""
    joined, alone = [], []
    for x, y in _segments(frame, steps, values):
        (joined if len(x) > 1 else alone).append(_path(x, y) if len(x) > 1 else _dot(x, y))
    return Drawn("".join(joined), "".join(alone))


def band(
    frame: Frame,
    steps: Float[np.ndarray, " N"],
    low: Float[np.ndarray, " N"],
    high: Float[np.ndarray, " N"],
) -> Drawn:
    """What lies between two curves; a lone interval is a whisker."""
    areas, whiskers = [], []
    known = np.isfinite(steps) & np.isfinite(low) & np.isfinite(high)
    for places in _runs(known):
        x, bottom, top = (
            frame.across(steps[places]),
            frame.down(low[places]),
            frame.down(high[places]),
        )
        if len(x) > 2 * COLUMNS:
            starts = np.flatnonzero(np.diff(_column(frame, x), prepend=np.nan) != 0)
            # Down is the positive direction of a picture.
            x, bottom, top = (
                x[starts],
                np.maximum.reduceat(bottom, starts),
                np.minimum.reduceat(top, starts),
            )
        x, bottom, top = (np.rint(some).astype(np.int64) for some in (x, bottom, top))
        if len(x) > 1:
            areas.append(_path(np.append(x, x[::-1]), np.append(top, bottom[::-1])) + "z")
        elif bottom[0] > top[0]:
            whiskers.append(f"M{x[0]} {bottom[0]}V{top[0]}")
    return Drawn("".join(areas), "".join(whiskers))


def _segments(
    frame: Frame, steps: Float[np.ndarray, " N"], values: Float[np.ndarray, " N"]
) -> Iterator[tuple[Int[np.ndarray, " n"], Int[np.ndarray, " n"]]]:
    thinned = len(steps) > 2 * COLUMNS
    for places in _runs(np.isfinite(steps) & np.isfinite(values)):
        x, y = frame.across(steps[places]), frame.down(values[places])
        if thinned and len(x) > 2:
            kept = _extremes(_column(frame, x), y)
            x, y = x[kept], y[kept]
        yield np.rint(x).astype(np.int64), np.rint(y).astype(np.int64)


def _runs(known: np.ndarray) -> list[slice]:
    """Where places follow each other that are known."""
    edges = np.flatnonzero(np.diff(known.astype(np.int8), prepend=0, append=0))
    return [slice(*pair) for pair in edges.reshape(-1, 2).tolist()]


def _column(frame: Frame, x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.floor(x * (COLUMNS / (frame.width * TENTHS)))


def _extremes(column: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> Int[np.ndarray, " k"]:
    """The lowest and the highest of each column, and both ends, in their order."""
    group = np.cumsum(np.diff(column, prepend=column[0]) != 0)
    order = np.lexsort((y, group))
    first = np.flatnonzero(np.diff(group[order], prepend=-1))
    last = np.append(first[1:], len(y)) - 1
    return np.unique(np.concatenate([order[first], order[last], [0, len(y) - 1]]))


def _path(x: Int[np.ndarray, " n"], y: Int[np.ndarray, " n"]) -> str:
    """From the first point in steps: in whole numbers, so that no error adds up."""
    moves = np.stack([np.diff(x), np.diff(y)], axis=1).ravel().tolist()
    return f"M{x[0]} {y[0]}l{' '.join(map(str, moves))}".replace(" -", "-")


def _dot(x: Int[np.ndarray, " 1"], y: Int[np.ndarray, " 1"]) -> str:
    return f"M{x[0]} {y[0]}h0"


def _scaled(value: np.ndarray, low: float, high: float) -> np.ndarray:
    # Halves, so that the ends of a float's range have a difference too.
    return (value / 2 - low / 2) / (high / 2 - low / 2)
