"""What the axes of a chart range over, and time in the unit that suits it."""

import numpy as np
from jaxtyping import Float

from cairn.report.data import Chart, Line
from cairn.report.series import Curve
from cairn.report.ticks import clock

TIME = "seconds"
"""The axis whose unit suits its length: from seconds to days."""
NEAR = 0.75
"""An axis begins at 0 if the lowest figure is no more than this share of the highest."""
SMALLEST, LARGEST = 1e-300, 1e300
"""What an axis reaches at least and at most: its marks must be numbers too."""


def timed(chart: Chart, axis: str) -> tuple[Chart, str]:
    """A chart over seconds as one over the unit of time that suits it; any other as it is."""
    if axis != TIME:
        return chart, axis
    unit = clock(across(chart)[1])
    lines = [
        Line(
            line.label,
            line.seeds._replace(steps=line.seeds.steps / unit.seconds),
            line.mean._replace(steps=line.mean.steps / unit.seconds),
        )
        for line in chart.lines
    ]
    return chart._replace(lines=tuple(lines)), unit.name


def across(chart: Chart) -> tuple[float, float]:
    """What the horizontal axis ranges over: from nothing to a little beyond the end; a lone point
    is in the middle."""
    end = farthest(chart)
    if alone(chart) and SMALLEST < end < LARGEST:
        return 0.0, 2 * end
    return 0.0, 1.03 * min(end, LARGEST) if end > SMALLEST else 1.0


def up(chart: Chart) -> tuple[float, float]:
    """What the vertical axis ranges over.

    All of a share; from 0 if that is near and nothing is negative; else what there is, with room.
    """
    if chart.share:
        return -0.02, 1.02
    found = [some for line in chart.lines if (some := figures(line)).size]
    ends = (
        min((float(some.min()) for some in found), default=0.0),
        max((float(some.max()) for some in found), default=0.0),
    )
    low, high = (min(max(end, -LARGEST), LARGEST) for end in ends)
    largest = max(-low, high)
    if largest < SMALLEST:
        return 0.0, 1.0
    if low >= 0 and (low <= NEAR * high or low == high):
        return 0.0, (1.06 if not alone(chart) else 2) * high
    if alone(chart):
        return min(0.0, 2 * low), max(0.0, 2 * high)
    room = max(0.05 * (high - low), 1e-6 * largest) if low < high else 0.1 * largest
    return low - room, high + room


def alone(chart: Chart) -> bool:
    """Whether no line has more than one place with a figure, and one has."""
    places = [0]
    for line in chart.lines:
        known = np.isfinite(line.seeds.steps) & np.isfinite(line.seeds.values)
        mean = np.isfinite(line.mean.steps) & np.isfinite(line.mean.value)
        places += [int(known.any(axis=1).sum()), int(mean.sum())]
    return max(places) == 1


def figures(line: Line) -> Float[np.ndarray, " _"]:
    """Every finite figure of a line at a finite place."""
    curves = [line.seeds, *(Curve(line.mean.steps, some) for some in line.mean[1:])]
    known = [np.isfinite(curve.values) & np.isfinite(curve.steps) for curve in curves]
    return np.concatenate([c.values[where].ravel() for c, where in zip(curves, known, strict=True)])


def farthest(chart: Chart) -> float:
    """Where the longest line ends."""
    steps = [some for line in chart.lines for some in (line.seeds.steps, line.mean.steps)]
    return max((float(some[np.isfinite(some)].max(initial=0.0)) for some in steps), default=0.0)
