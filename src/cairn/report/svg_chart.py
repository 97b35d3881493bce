"""A chart of curves as a picture: every seed, the mean, its interval."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from cairn.report import axes, svg_lines
from cairn.report.data import Chart, Line
from cairn.report.svg_axes import scales
from cairn.report.svg_lines import TENTHS, Frame
from cairn.report.svg_marks import SERIES, clipped, number, picture, tag, title, words
from cairn.report.svg_told import course, once, strips, told
from cairn.report.ticks import ticks

WIDTH, HEIGHT = 420.0, 172.0
"""Of the whole picture, and of what lies between its axes; a page scales them."""
LETTER = 6.9
"""Width of a letter at the size of labels."""
MARGIN = 6.0
"""Beyond the frame that is drawn on: half a thick line, half a dot."""
DASHES = ("", "60 40", "15 35", "60 35 15 35")
"""Of lines beyond the number of colours."""
ROW = 18.0
"""Height of a row of the legend."""


def chart(chart: Chart, axis: str) -> Markup:
    """Lines over `axis`: seeds thin, their mean thick, its interval as a band around it.

    `axis` says what the lines are over; "seconds" are shown in the unit that suits their length.
    A line breaks where nothing is known. Without a finite figure the picture says so.
    """
    chart, axis = axes.timed(chart, axis)
    rows = _legend(chart.lines)
    top = 34.0 + ROW * len(rows)
    if any(axes.figures(line).size for line in chart.lines):
        inside = _inside(chart, axis, top)
    else:
        middle = top + HEIGHT / 2
        inside = [words("no figures yet", WIDTH / 2, middle, anchor="middle", class_="muted")]
    above = words(clipped(chart.title, WIDTH - 20, 14), 12, 16, size="14", weight="600")
    return picture(chart.title, told(chart, axis), WIDTH, top + HEIGHT + 40, above, *rows, *inside)


def _inside(chart: Chart, axis: str, top: float) -> list[Markup]:
    x, y = axes.across(chart), axes.up(chart)
    marks = ticks(*y)
    left = 12 + LETTER * max(map(len, marks.labels))
    frame = Frame(left, top, WIDTH - left - 10, HEIGHT, x, y)
    return [
        scales(frame, ticks(*x), marks, axis),
        strips(frame, chart.lines, axis),
        _plot(frame, chart.lines),
        *([_once(frame, said)] if (said := once(chart)) else []),
    ]


def _once(frame: Frame, said: str) -> Markup:
    """What there is in words, where no point is: nobody reads a lone dot."""
    return words(
        said, frame.left + frame.width / 2, frame.top + 14, anchor="middle", class_="muted"
    )


def _legend(lines: Sequence[Line]) -> list[Markup]:
    """Rows of what each line is called; none for a single line."""
    rows, x = [[]], 12.0
    for index, line in enumerate(lines):
        label = clipped(line.label, 250)
        width = 34 + LETTER * len(label)
        if x > 12 and x + width > WIDTH:
            x, rows = 12.0, [*rows, []]
        y = 28 + ROW * (len(rows) - 1)
        stroke = {"d": f"M{number(x)} {number(y)}h16", "stroke": "currentColor"}
        mark = tag("path", {**stroke, "stroke-width": "3", **_dash(index, 0.1)})
        rows[-1] += [tag("g", {"class": _series(index)}, mark), words(label, x + 21, y + 4)]
        x += width
    return [tag("g", {}, *row) for row in rows] if len(lines) > 1 else []


def _plot(frame: Frame, lines: Sequence[Line]) -> Markup:
    """What is drawn between the axes, in tenths, cut off a little beyond them."""
    width, height = frame.width + 2 * MARGIN, frame.height + 2 * MARGIN
    seen = (-MARGIN, -MARGIN, width, height)
    look = {
        "x": frame.left - MARGIN,
        "y": frame.top - MARGIN,
        "width": width,
        "height": height,
        "viewBox": " ".join(number(TENTHS * some) for some in seen),
        "fill": "none",
        "stroke": "currentColor",
        "stroke-linecap": "round",
        "stroke-linejoin": "round",
    }
    drawn = [
        tag("g", {"class": _series(index)}, *draw(frame, line))
        for draw in (_band, _seeds)
        for index, line in enumerate(lines)
    ]
    means = [
        tag("g", {"class": _series(index)}, *_mean(frame, line, _dash(index)))
        for index, line in enumerate(lines)
    ]
    return tag("svg", look, *drawn, *means)


def _band(frame: Frame, line: Line) -> list[Markup]:
    steps, _, low, high = line.mean
    if np.array_equal(low, high, equal_nan=True):
        return []
    area, whiskers = svg_lines.band(frame, steps, low, high)
    # What is under a band, the strips that say figures, is what is pointed at.
    found = {"fill": "currentColor", "stroke": "none", "opacity": ".2", "pointer-events": "none"}
    return [*_path(area, "", found), *_path(whiskers, "", {"stroke-width": "14"})]


def _seeds(frame: Frame, line: Line) -> list[Markup]:
    several = line.seeds.values.shape[1] > 1
    parts = []
    for seed, (at, values) in enumerate(zip(line.seeds.steps.T, line.seeds.values.T, strict=True)):
        joined, dots = svg_lines.line(frame, at, values)
        said = f"{line.label or 'figure'}, {f'seed {seed}' if several else 'as it was'}"
        thin = {"opacity": ".45"}
        parts += _path(joined, said, {**thin, "stroke-width": "9"})
        parts += _path(dots, said, {**thin, "stroke-width": "38"})
    return parts


def _mean(frame: Frame, line: Line, dash: dict[str, str]) -> list[Markup]:
    joined, dots = svg_lines.line(frame, line.mean.steps, line.mean.value)
    said = f"{line.label or 'mean'}: {course(line)}"
    return [
        *_path(joined, said, {"stroke-width": "22", **dash}),
        *_path(dots, said, {"stroke-width": "52"}),
    ]


def _path(data: str, said: str, look: dict[str, str]) -> list[Markup]:
    return [tag("path", {"d": data, **look}, *([title(said)] if said else []))] if data else []


def _series(index: int) -> str:
    return f"s{index % SERIES}"


def _dash(index: int, scale: float = 1.0) -> dict[str, str]:
    dash = DASHES[index // SERIES % len(DASHES)]
    scaled = " ".join(number(scale * float(some)) for some in dash.split())
    return {"stroke-dasharray": scaled} if dash else {}
