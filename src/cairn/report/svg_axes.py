"""The axes of a picture: grid, marks, and what they are of."""

import numpy as np
from markupsafe import Markup

from cairn.report.svg_lines import TENTHS, Frame
from cairn.report.svg_marks import number, tag, words
from cairn.report.ticks import Ticks


def scales(frame: Frame, across: Ticks, up: Ticks, axis: str) -> Markup:
    """Grid, marks, and the name of the horizontal axis."""
    right, bottom = frame.left + frame.width, frame.top + frame.height
    lines, labels = [], []
    for y, label in zip(frame.down(np.array(up.places)), up.labels, strict=True):
        place = frame.top + float(y) / TENTHS
        lines.append(f"M{number(frame.left)} {number(place)}H{number(right)}")
        labels.append(words(label, frame.left - 6, place + 4, anchor="end"))
    marks = [f"M{number(frame.left)} {number(bottom)}H{number(right)}"]
    for x, label in zip(frame.across(np.array(across.places)), across.labels, strict=True):
        place = frame.left + float(x) / TENTHS
        marks.append(f"M{number(place)} {number(bottom)}v4")
        labels.append(words(label, place, bottom + 17, anchor="middle"))
    labels.append(words(axis, (frame.left + right) / 2, bottom + 33, anchor="middle"))
    grid = tag("path", {"class": "grid", "d": "".join(lines), "stroke": "currentColor"})
    base = tag("path", {"d": "".join(marks), "stroke": "currentColor"})
    return grid + tag("g", {"class": "muted"}, base, *labels)
