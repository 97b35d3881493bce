"""Small pictures: what amounts are made of, as bars, and how a figure went, in a line of text."""

import math
from collections.abc import Mapping

import numpy as np
from jaxtyping import Float
from markupsafe import Markup

from cairn.report import svg_lines
from cairn.report.series import Curve
from cairn.report.svg_lines import TENTHS, Frame
from cairn.report.svg_marks import SERIES, clipped, picture, tag, title, words
from cairn.report.ticks import short

WIDTH, NAMES, ROW = 420.0, 118.0, 27.0
GROUPS = 60
"""Points of a figure in the size of a word."""
LEDGER = "Ledger: what the steps were for"


def bars(amounts: Mapping[str, float], axis: str, heading: str = LEDGER) -> Markup:
    """Amounts of one thing as bars with their shares of the whole; the last in grey.

    `axis` says what is counted. What is negative or not finite counts as nothing.
    """
    kept = {
        name: max(value, 0.0) if math.isfinite(value) else 0.0 for name, value in amounts.items()
    }
    whole, largest = sum(kept.values()) or 1.0, max(kept.values(), default=0.0) or 1.0
    room = WIDTH - NAMES - 112
    rows, told = [], []
    for index, (name, amount) in enumerate(kept.items()):
        y = 30 + ROW * index
        said = f"{short(amount)} ({amount / whole:.0%})"
        last = index == len(kept) - 1 and index > 0
        bar = {"x": NAMES + 12, "y": y, "width": room * amount / largest, "height": 18.0, "rx": 2.0}
        rows += [
            words(clipped(name, NAMES), NAMES + 4, y + 13, anchor="end"),
            tag(
                "rect",
                {"class": "muted" if last else f"s{index % SERIES}", "fill": "currentColor", **bar},
                title(f"{name}: {said}"),
            ),
            words(said, NAMES + 20 + room * amount / largest, y + 13),
        ]
        told.append(f"{name}: {said}")
    bottom = 30 + ROW * len(kept)
    return picture(
        heading,
        f"{axis}: {'; '.join(told) or 'nothing yet'}.",
        WIDTH,
        bottom + 22,
        words(clipped(heading, WIDTH - 20, 14), 12, 16, size="14", weight="600"),
        *rows,
        words(axis if kept else "nothing yet", NAMES + 12, bottom + 10, class_="muted"),
    )


def spark(curve: Curve, label: str, *, share: bool = False) -> Markup:
    """The mean over seeds in the size of a word: no axes; told in words where it began and ends.

    With `share` the whole height is [0, 1], so that runs can be compared.
    """
    steps, values = _means(curve)
    parts = []
    told = f"{label}: no figures yet"
    if len(values):
        told = f"{label}: from {short(float(values[0]))} to {short(float(values[-1]))}"
        x, y = _room(steps, False), (0.0, 1.0) if share else _room(values, True)
        frame = Frame(3.0, 3.0, 110.0, 20.0, x, y)
        joined, dots = svg_lines.line(frame, steps, values)
        look = {"fill": "none", "stroke": "currentColor", "stroke-width": "16"}
        move = {"transform": "translate(3 3) scale(.1)", "stroke-linejoin": "round"}
        cx, cy = (
            3 + float(some[-1]) / TENTHS for some in (frame.across(steps), frame.down(values))
        )
        parts = [
            tag("path", {"d": joined + dots, "stroke-linecap": "round", **look, **move}),
            tag("circle", {"cx": cx, "cy": cy, "r": "2.4"}),
        ]
    inside = tag("g", {"class": "s0", "fill": "currentColor"}, *parts)
    return picture(told, told, 118, 26, inside, kind="spark")


def _means(curve: Curve) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Means over seeds where any has a figure; of many, over neighbours too, but for the ends."""
    known = np.isfinite(curve.values) & np.isfinite(curve.steps)
    some = known.any(axis=1)
    weights = known[some] / known[some].sum(axis=1, keepdims=True)
    means = [
        (np.where(known, values, 0.0)[some] * weights).sum(axis=1)
        for values in (curve.steps, curve.values)
    ]
    size = -(-len(weights) // GROUPS)
    if size > 1:
        starts = np.arange(0, len(weights), size)
        sizes = np.diff(starts, append=len(weights))
        means = [
            np.concatenate([of[:1], np.add.reduceat(of, starts)[1:-1] / sizes[1:-1], of[-1:]])
            for of in means
        ]
    return means[0], means[1]


def _room(values: Float[np.ndarray, " n"], upright: bool) -> tuple[float, float]:
    low, high = float(values.min()), float(values.max())
    if low < high:
        return low, high
    around = abs(low) or 1.0
    return (low - around / 2, low + around / 2) if upright else (low - around, low)
