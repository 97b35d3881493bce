"""A map of elites as a picture: how good the best of each cell is, with a scale."""

import textwrap

import numpy as np
from markupsafe import Markup

from cairn.report.parts import Map
from cairn.report.shades import HEX, SHADES
from cairn.report.svg_cells import cells, coarse
from cairn.report.svg_lines import TENTHS, Frame
from cairn.report.svg_marks import clipped, number, picture, tag, words
from cairn.report.ticks import short, ticks

WIDTH, HEIGHT, ROW = 420.0, 300.0, 60.0
"""Of the picture, and of what lies between its axes: of a map, and of one with a single row."""
LINE, LONGEST = 60, 400
"""Letters in a line below, and of a note."""
BAR = 32
"""Steps of the scale."""


def heat(shown: Map) -> Markup:
    """A map with its axes and a scale; cells lead where `hrefs` say and tell their value.

    Empty cells are grey. Of more than `svg_cells.FINE` cells the picture is an image, and a click
    opens the best of a square of them, which is said below.
    """
    shown = shown._replace(
        shares=shown.shares.astype(np.float64), values=shown.values.astype(np.float64)
    )
    top, single = 34.0, shown.values.shape[0] == 1 and not shown.outlines
    (low, high), (start, end) = (_span(pair) for pair in shown.extent)
    marks = ticks(low, high)
    left = 32 + 6.9 * max(map(len, marks.labels)) if shown.axes[0] else 12.0
    height = ROW if single else HEIGHT
    frame = Frame(left, top, WIDTH - left - 74, height, (start, end), (low, high))
    ground = {"class": "grid", "fill": "currentColor", "x": left, "y": top}
    told = (_told(shown), shown.note[:LONGEST], _coarse(shown))
    below = [line for text in told for line in textwrap.wrap(text, LINE)]
    notes = [
        words(line, 12, top + height + 56 + 17 * at, class_="muted")
        for at, line in enumerate(below)
    ]
    return picture(
        shown.title,
        " ".join([_told(shown), *map(_named, ("Upwards", "Along"), shown.axes)]),
        WIDTH,
        top + height + 50 + 17 * len(below),
        words(clipped(shown.title, WIDTH - 20, 14), 12, 16, size="14", weight="600"),
        tag("rect", {**ground, "width": frame.width, "height": height}),
        cells(frame, shown),
        _axes(frame, shown),
        _scale(frame, shown),
        *notes,
        role="group" if any(shown.hrefs) else "img",
    )


def _named(direction: str, axis: str) -> str:
    return f"{direction}: {axis}." if axis else ""


def _span(extent: tuple[float, float]) -> tuple[float, float]:
    low, high = extent
    return (low, high) if low < high else (low, low + 1.0)


def _axes(frame: Frame, shown: Map) -> Markup:
    bottom = frame.top + frame.height
    along, parts, dashes = ticks(*frame.x), [], []
    for x, label in zip(frame.across(np.array(along.places)), along.labels, strict=True):
        place = frame.left + float(x) / TENTHS
        dashes.append(f"M{number(place)} {number(bottom)}v4")
        parts.append(words(label, place, bottom + 17, anchor="middle"))
    parts.append(words(shown.axes[1], frame.left + frame.width / 2, bottom + 33, anchor="middle"))
    if shown.axes[0]:
        up = ticks(*frame.y)
        for y, label in zip(frame.down(np.array(up.places)), up.labels, strict=True):
            place = frame.top + float(y) / TENTHS
            dashes.append(f"M{number(frame.left)} {number(place)}h-4")
            parts.append(words(label, frame.left - 7, place + 4, anchor="end"))
        x, y = 18.0, frame.top + frame.height / 2
        turned = f"rotate(-90 {number(x)} {number(y)})"
        parts.append(words(shown.axes[0], x, y, anchor="middle", transform=turned))
    parts.append(tag("path", {"d": "".join(dashes), "stroke": "currentColor"}))
    return tag("g", {"class": "muted"}, *parts)


def _scale(frame: Frame, shown: Map) -> Markup:
    """What the colours are worth: the values at hand against their shares."""
    known = np.isfinite(shown.shares) & np.isfinite(shown.values)
    if not known.any():
        return Markup("")
    order = np.argsort(shown.values[known])
    values, shares = shown.values[known][order], np.clip(shown.shares[known][order], 0, 1)
    low, high = float(shares.min()), float(shares.max())
    left, bottom = frame.left + frame.width + 14, frame.top + frame.height
    step = frame.height / BAR
    parts = []
    for index in range(BAR):
        share = low + (high - low) * (index + 0.5) / BAR
        place = {"x": left, "y": bottom - (index + 1) * step, "width": 14.0, "height": step + 0.3}
        parts.append(tag("rect", {**place, "fill": HEX[round(share * (SHADES - 1))]}))
    first, last = float(values[0]), float(values[-1])
    few = 3 if frame.height < 100 else 6
    marks = [(first, short(first))]
    if high > low and last - first > 1e-6 * max(abs(first), abs(last)):
        marks = list(zip(*ticks(first, last, few), strict=True))
    for value, label in marks:
        share = float(np.interp(value, values, shares))
        place = bottom - frame.height * ((share - low) / (high - low) if high > low else 0.5)
        parts.append(words(label, left + 19, place + 4, class_="muted"))
    return tag("g", {"shape-rendering": "crispEdges"}, *parts)


def _told(shown: Map) -> str:
    known = np.isfinite(shown.shares)
    filled, seen = int(known.sum()), known.size
    if shown.cells is not None:
        filled, seen = len(np.unique(shown.cells[known])), len(np.unique(shown.cells))
    if not filled:
        return f"None of {seen:,} cells holds an elite yet."
    values = shown.values[known]
    ends = f"from {short(float(values.min()))} to {short(float(values.max()))}"
    return (
        f"{filled:,} of {seen:,} cells hold an elite, {ends}{'; grey: nobody' * (filled < seen)}."
    )


def _coarse(shown: Map) -> str:
    size = coarse(shown)
    if size is None or not any(shown.hrefs):
        return ""
    return f"A click opens the best of {size[0]} × {size[1]} places: there are too many to aim at."
