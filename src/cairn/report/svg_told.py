"""What a chart shows, said in words: for who cannot see it, and for who points at it."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from cairn.core.console import plural
from cairn.report.axes import alone, farthest
from cairn.report.data import Chart, Line
from cairn.report.svg_lines import Frame
from cairn.report.svg_marks import tag, title
from cairn.report.ticks import short

POINTED = 40
"""Strips of a chart that say their figures when they are pointed at."""


def told(chart: Chart, axis: str) -> str:
    """Where each line begins and ends, with its interval, and what it reached between."""
    sentences = [f"Lines over {axis}, 0 to {short(farthest(chart))}."]
    for line in chart.lines:
        name = line.label or chart.title
        known = known_of(line)
        if len(known):
            value, seeds = line.mean.value[known].astype(np.float64), line.seeds.values.shape[1]
            over = f"; {plural(seeds, 'seed')}" if seeds > 1 else ""
            sentences.append(
                f"{name}: from {short(value[0])} to {estimated(line, known[-1])};"
                f" lowest {short(value.min())}, highest {short(value.max())}{over}."
            )
        else:
            sentences.append(f"{name}: no figures yet.")
    return " ".join(sentences)


def course(line: Line) -> str:
    """Where the mean begins and ends, and between what it was."""
    known = known_of(line)
    if not len(known):
        return "no figures yet"
    value = line.mean.value[known].astype(np.float64)
    return (
        f"from {short(value[0])}, ends at {estimated(line, known[-1])}; lowest "
        f"{short(value.min())}, highest {short(value.max())}"
    )


def once(chart: Chart) -> str:
    """Of a chart whose lines have one point each, what they are; empty for any other."""
    if not alone(chart):
        return ""
    found = [(line, known_of(line)) for line in chart.lines]
    said = [estimated(line, known[-1]) for line, known in found if len(known)]
    return f"one point so far: {said[0]}" if len(said) == 1 else "one point of each so far"


def strips(frame: Frame, lines: Sequence[Line], axis: str) -> Markup:
    """Upright strips that say what the means are at the place pointed at."""
    low, high = frame.x
    half = (high - low) / POINTED / 2
    found = []
    for index in range(POINTED):
        middle = low + (2 * index + 1) * half
        said = [text for line in lines if (text := _said(line, middle, half))]
        if said:
            place = {
                "class": "strip",
                "x": frame.left + index * frame.width / POINTED,
                "y": frame.top,
                "width": frame.width / POINTED,
                "height": frame.height,
                "fill-opacity": "0",
            }
            words = title("\n".join([f"{axis}: {short(middle)}", *said]))
            found.append(tag("rect", place, words))
    return tag("g", {}, *found)


def _said(line: Line, place: float, within: float) -> str | None:
    known = known_of(line)
    away = np.abs(line.mean.steps[known] - place)
    if not away.size or away.min() > within:
        return None
    return f"{line.label or 'mean'}: {estimated(line, known[away.argmin()])}"


def estimated(line: Line, index: int | np.integer) -> str:
    """One figure of the mean, with its interval where there is one."""
    _, value, low, high = (float(some[index]) for some in line.mean)
    return f"{short(value)} [{short(low)}, {short(high)}]" if low < high else short(value)


def known_of(line: Line) -> np.ndarray:
    """Where the mean has a figure."""
    return np.flatnonzero(np.isfinite(line.mean.steps) & np.isfinite(line.mean.value))
