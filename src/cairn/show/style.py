"""How cairn's pictures look. Figures are made without pyplot: no global state, no window."""

import textwrap
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from cairn.core.console import count
from cairn.show.colours import BLUE, FAINT, GREEN, INK, ORANGE, PURPLE, RED, SOFT

SERIES = (BLUE, ORANGE, GREEN, PURPLE, RED)


def figure(width: float, height: float) -> Figure:
    """An empty white figure, in inches."""
    made = Figure(figsize=(width, height), facecolor="white", dpi=100)
    FigureCanvasAgg(made)
    return made


def save(made: Figure, path: Path, dpi: int = 150) -> Path:
    """Write `made` as PNG."""
    made.savefig(path, dpi=dpi, metadata={"Software": "cairn"})
    return path


def panel(axes: Axes, title: str) -> None:
    """A plain plotting area with its title at the left."""
    look = {"color": INK, "fontsize": 11, "fontweight": "bold", "parse_math": False}
    axes.set_title(title, loc="left", pad=8, **look)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(SOFT)
    axes.tick_params(colors=SOFT, labelsize=9)
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)


def steps_axis(axes: Axes, label: str = "environment steps") -> None:
    """Steps on the horizontal axis, in short form."""
    axes.xaxis.set_major_formatter(FuncFormatter(lambda steps, _: count(max(steps, 0))))
    # Steps of 1, 2 or 5: two digits must tell neighbouring marks apart.
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.set_xlabel(label, color=SOFT, fontsize=9)
    axes.set_xlim(0, 1.03 * float(axes.dataLim.x1) or 1)  # markers at the end keep clear of it


def line(
    axes: Axes,
    steps: Float[np.ndarray, "..."],
    values: Float[np.ndarray, "N *seeds"],
    *,
    label: str | None = None,
    **look: Any,
) -> None:
    """A line that breaks where `values` are NaN; a point between two gaps is a dot."""
    axes.plot(steps, values, label=label, **look)
    known = np.pad(np.isfinite(values), [(1, 1)] + [(0, 0)] * (values.ndim - 1))
    alone = known[1:-1] & ~known[:-2] & ~known[2:]
    if alone.any():
        width, _ = look.pop("linewidth"), look.pop("linestyle", None)
        axes.plot(
            steps, np.where(alone, values, np.nan), linestyle="", marker="o", markersize=3 + width,
            markeredgewidth=0, clip_on=False, **look,
        )  # fmt: skip


def image(
    axes: Axes,
    pixels: UInt8[np.ndarray, "rows columns 3"],
    title: str,
    note: str = "",
    colour: str = SOFT,
) -> None:
    """A picture with a title and a coloured note above it."""
    axes.imshow(pixels, interpolation="antialiased")
    axes.set_axis_off()
    above = 1.0
    if note:
        axes.text(0.5, above + 0.02, note, color=colour, fontsize=9, ha="center", va="bottom",
                  transform=axes.transAxes)  # fmt: skip
        above += 0.085
    axes.text(0.5, above + 0.02, title, color=INK, fontsize=10.5, fontweight="bold", ha="center",
              va="bottom", transform=axes.transAxes)  # fmt: skip


def heading(made: Figure, title: str, caption: str) -> None:
    """The title above everything and, smaller and grey, what it is about, in one line or two."""
    width, height = made.get_size_inches()
    left, top = 0.3 / width, 1 - 0.18 / height
    made.text(left, top, title, color=INK, fontsize=16, fontweight="bold", va="top")
    # At this size a letter is 0.075 inches wide on average.
    lines = textwrap.fill(caption, int((width - 0.6) / 0.075))
    made.text(left, top - 0.36 / height, lines, color=SOFT, fontsize=9.5, va="top", linespacing=1.4)
