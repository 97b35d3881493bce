"""Cells of a map, each in its colour, each a link: rectangles, outlines, regions, or an image."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Int
from markupsafe import Markup

from cairn.report.parts import Map
from cairn.report.shades import HEX, data_uri, png, shade_of
from cairn.report.svg_lines import TENTHS, Frame
from cairn.report.svg_marks import number, tag, text_of, title
from cairn.report.ticks import short

FINE = 4_096
"""Cells that are drawn one by one. Of more, the picture is an image under a coarser grid."""
APART = 1_024
"""Cells that lines keep apart."""
OVERLAP = 0.3
"""Of others, so that no line of the ground shows between them at any scale."""
BLOCKS = 64
"""Of that grid, along each axis."""
REACHED = 400
"""Links that the tab key stops at, without a script: of more it would be a prison."""


def cells(frame: Frame, shown: Map) -> Markup:
    """The cells of a map that are filled, in its frame."""
    if shown.outlines:
        return _group(_outlines(frame, shown), shown, len(shown.outlines) <= APART)
    if coarse(shown):
        return _image(frame, shown) + _group(_blocks(frame, shown), shown, False)
    if shown.cells is not None:
        return _group(_regions(frame, shown, shown.cells), shown, False)
    return _group(_rectangles(frame, shown), shown, shown.values.size <= APART)


def coarse(shown: Map) -> tuple[int, int] | None:
    """Rows and columns of places that one click stands for; None where each cell has its own."""
    seen = shown.values.size if shown.cells is None else len(np.unique(shown.cells))
    if shown.outlines or seen <= FINE:
        return None
    rows, columns = shown.values.shape
    return -(-rows // BLOCKS), -(-columns // BLOCKS)


def _group(marks: Iterable[str], shown: Map, apart: bool) -> Markup:
    """With lines of the paper's colour between cells that are few."""
    look = {"shape-rendering": "crispEdges"}
    if apart:
        look = {"class": "paper", "stroke": "currentColor", "stroke-width": "0.6"}
    # By this the page's script finds what arrow keys go through.
    led = {"data-cells": ""} if any(shown.hrefs) else {}
    return tag("g", {**look, **led}, Markup("".join(marks)))


def _rectangles(frame: Frame, shown: Map) -> Iterator[str]:
    rows, columns = shown.values.shape
    x = [number(some) for some in frame.left + np.arange(columns) * (frame.width / columns)]
    y = [number(frame.top + frame.height * (1 - (row + 1) / rows)) for row in range(rows)]
    more = OVERLAP if shown.values.size > APART else 0.0
    wide, high = frame.width / columns + more, frame.height / rows + more
    size = f'width="{number(wide)}" height="{number(high)}"'
    along = _intervals(shown.axes[1], shown.extent[1], columns)
    up = _intervals(shown.axes[0], shown.extent[0], rows)
    shades, tab = shade_of(shown.shares), _tab(shown)
    for row, column in np.argwhere(shades >= 0).tolist():
        value = short(float(shown.values[row, column]))
        said = "\n".join(filter(None, [value, along[column], up[row]]))
        fill = HEX[shades[row, column]]
        shape = f'<rect x="{x[column]}" y="{y[row]}" {size} fill="{fill}"/>'
        yield _linked(shown.hrefs, row * columns + column, said, shape, tab)


def _outlines(frame: Frame, shown: Map) -> Iterator[str]:
    shades, values, tab = shade_of(shown.shares.ravel()), shown.values.ravel(), _tab(shown)
    for index, outline in enumerate(shown.outlines):
        if shades[index] >= 0 and len(outline) > 2:
            x = frame.left + frame.across(outline[:, 0]) / TENTHS
            y = frame.top + frame.down(outline[:, 1]) / TENTHS
            corners = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
            shape = f'<polygon points="{corners}" fill="{HEX[shades[index]]}"/>'
            yield _linked(shown.hrefs, index, f"{short(values[index])}\ncell {index}", shape, tab)


def _regions(frame: Frame, shown: Map, seen: Int[np.ndarray, "rows columns"]) -> Iterator[str]:
    """Each cell as the runs of its places, row by row."""
    rows, columns = seen.shape
    shades, tab = shade_of(shown.shares), _tab(shown)
    wide, high = frame.width / columns, frame.height / rows
    tall = number(high + OVERLAP)
    runs: dict[int, list[str]] = {}
    first: dict[int, tuple[int, int]] = {}
    for row in range(rows):
        edges = np.flatnonzero(np.diff(seen[row], prepend=-1, append=-1)).tolist()
        y = number(frame.top + frame.height - (row + 1) * high)
        for start, end in pairwise(edges):
            if shades[row, start] >= 0:
                cell = int(seen[row, start])
                x, length = number(frame.left + start * wide), (end - start) * wide + OVERLAP
                run = f"M{x} {y}h{number(length)}v{tall}h{number(-length)}z"
                runs.setdefault(cell, []).append(run)
                first.setdefault(cell, (row, start))
    for cell, parts in runs.items():
        place = first[cell]
        shape = f'<path d="{"".join(parts)}" fill="{HEX[shades[place]]}"/>'
        said = f"{short(shown.values[place])}\ncell {cell}"
        yield _linked(shown.hrefs, cell, said, shape, tab)


def _image(frame: Frame, shown: Map) -> Markup:
    look = {
        "x": frame.left,
        "y": frame.top,
        "width": frame.width,
        "height": frame.height,
        "preserveAspectRatio": "none",
        "image-rendering": "pixelated",
        "href": data_uri(png(shown.shares[::-1])),
    }
    return tag("image", look)


def _blocks(frame: Frame, shown: Map) -> Iterator[str]:
    """Clear squares over the image: each leads to the best cell beneath it."""
    rows, columns = shown.values.shape
    high, wide = coarse(shown) or (1, 1)
    place_high, place_wide = frame.height / rows, frame.width / columns
    known = np.isfinite(shown.shares)
    fitness, tab = np.where(known, shown.values, -np.inf), _tab(shown)
    for top in range(0, rows, high):
        for left in range(0, columns, wide):
            block = slice(top, top + high), slice(left, left + wide)
            filled = int(known[block].sum())
            if not filled:
                continue
            within = np.unravel_index(int(fitness[block].argmax()), fitness[block].shape)
            row, column = top + int(within[0]), left + int(within[1])
            best = short(float(shown.values[row, column]))
            tall, long = fitness[block].shape
            shape = (
                f'<rect x="{number(frame.left + left * place_wide)}"'
                f' y="{number(frame.top + frame.height - (top + tall) * place_high)}"'
                f' width="{number(long * place_wide)}" height="{number(tall * place_high)}"'
                f' fill-opacity="0"/>'
            )
            index = row * columns + column if shown.cells is None else shown.cells[row, column]
            yield _linked(shown.hrefs, int(index), f"best here: {best}", shape, tab)


def _linked(hrefs: Sequence[str], index: int, said: str, shape: str, tab: str) -> str:
    href = hrefs[index] if index < len(hrefs) else ""
    told = title(said)
    return f'<a href="{text_of(href)}"{tab}>{told}{shape}</a>' if href else f"<g>{told}{shape}</g>"


def _tab(shown: Map) -> str:
    many = np.isfinite(shown.shares).sum() > REACHED
    return ' tabindex="-1"' if many else ""


def _intervals(axis: str, extent: tuple[float, float], number: int) -> list[str]:
    """What is said of each cell of an axis; nothing of an axis without a name."""
    edges = np.linspace(*extent, number + 1)
    if not axis:
        return [""] * number
    pairs = pairwise(map(short, edges.tolist()))
    return [f"{axis}: {low} to {high}" for low, high in pairs]
