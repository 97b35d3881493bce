"""A map of elites as a picture, drawn by matplotlib."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes

from cairn.show import style
from cairn.show.heatmap import Heatmap


def draw_sheet(shown: tuple[Heatmap, str], path: Path) -> Path:
    """Write the picture of a map and its caption."""
    return heatmap_sheet(*shown, path)


def heatmap_sheet(shown: Heatmap, caption: str, path: Path) -> Path:
    """A picture of the map alone, with its scale."""
    made = style.figure(7.6, 7.4)
    held = f"{shown.filled:,} of {shown.cells:,} cells hold an elite"
    style.heading(made, "The map of elites", f"{caption}. {held}; white: nobody.")
    draw(made.add_axes((0.1, 0.08, 0.74, 0.77)), shown)
    return style.save(made, path)


def draw(axes: Axes, shown: Heatmap) -> None:
    """The map on `axes`, with a bar that says what the colours are worth."""
    fitness = np.ma.masked_invalid(shown.fitness)
    picture = axes.imshow(
        fitness, origin="lower", extent=shown.extent, aspect="auto", interpolation="nearest"
    )
    axes.set_xlabel(shown.labels[0], color=style.SOFT, fontsize=9)
    axes.set_ylabel(shown.labels[1], color=style.SOFT, fontsize=9)
    axes.tick_params(colors=style.SOFT, labelsize=9)
    for side in axes.spines.values():
        side.set_color(style.SOFT)
    if not shown.labels[1]:
        axes.set_yticks([])
    beside = axes.inset_axes((1.03, 0, 0.04, 1))
    bar = axes.figure.colorbar(picture, cax=beside)
    bar.set_label("fitness of the cell's elite", color=style.SOFT, fontsize=9)
    bar.ax.tick_params(colors=style.SOFT, labelsize=9)
    bar.outline.set_visible(False)
