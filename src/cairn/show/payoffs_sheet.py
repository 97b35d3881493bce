"""The payoffs of a game's players as a picture, drawn by Matplotlib."""

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy.spatial import ConvexHull

from cairn.show import style
from cairn.show.colours import FAINT, INK, SOFT
from cairn.show.payoffs import TITLE, Payoffs


def draw(found: Payoffs, path: Path) -> Path:
    """All seeds in one picture."""
    made = style.figure(6.4, 6.6)
    style.heading(made, TITLE, found.caption)
    _plot(made.add_axes((0.13, 0.09, 0.82, 0.72)), found)
    return style.save(made, path)


def pixels(found: Payoffs) -> UInt8[np.ndarray, "rows columns 3"]:
    """The same without title and caption, which a page has beside it."""
    made = style.figure(5.6, 5)
    _plot(made.add_axes((0.13, 0.11, 0.84, 0.86)), found)
    canvas = FigureCanvasAgg(made)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def _plot(axes: Axes, found: Payoffs) -> None:
    style.panel(axes, "")
    axes.grid(visible=False)
    corners = found.outcomes
    if len(corners) > 2:
        # QJ moves points by a hair: those of a zero-sum game lie in one line.
        hull = ConvexHull(corners, qhull_options="QJ").vertices
        axes.fill(*corners[hull].T, facecolor=FAINT, edgecolor=SOFT, linewidth=1, alpha=0.6)
    else:
        axes.plot(*corners.T, color=SOFT, linewidth=1)
    for point, name in zip(corners, found.names, strict=True):
        shown = name if len(name) <= 12 else f"{name[:11]}…"
        axes.annotate(shown, point, (5, 5), textcoords="offset points", color=INK, fontsize=9)
    axes.plot(*corners.T, "s", color=SOFT, markersize=4)
    for number, path in enumerate(found.paths):
        colour = style.SERIES[number % len(style.SERIES)]
        axes.plot(*path.T, color=colour, linewidth=1.2, alpha=0.7)
        axes.plot(*path[-1], "o", color=colour, markersize=7)
    axes.margins(0.1)
    axes.set_xlabel("first player, a round", color=SOFT, fontsize=9)
    axes.set_ylabel("others, a round", color=SOFT, fontsize=9)
