"""A map of elites, as what is drawn of it: how good the best solution of each cell is."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from cairn.archive.cvt import Cvt
from cairn.archive.elites import Elites
from cairn.archive.grid import Grid
from cairn.archive.tessellation import Tessellation
from cairn.show.subject import Subject

PIXELS = 200
"""Points along each axis at which cells that are no rectangles are looked up."""
MARGIN = 0.05
"""Around the outermost centroids, in shares of their extent."""


class Heatmap(NamedTuple):
    """What is drawn of a map: data, for whoever draws it."""

    fitness: Float[np.ndarray, "rows columns"]
    """Of each cell's elite, NaN where there is none; the second axis upwards, as rows."""
    cell: Int[np.ndarray, "rows columns"]
    """Which cell is shown where: of further axes, that of the best elite."""
    extent: tuple[float, float, float, float]
    """Left, right, bottom and top, in units of the descriptor."""
    labels: tuple[str, str]
    """Of the horizontal and the vertical axis."""
    filled: int
    """Occupied cells, of so many `cells`, whether they can be told apart here or not."""
    cells: int


def kept(subject: Subject) -> bool:
    """Whether the method keeps a map."""
    elites = getattr(subject.state, "elites", None)
    return elites is not None and getattr(subject.task, "tessellation", None) is not None


def data(subject: Subject) -> tuple[Heatmap, str]:
    """The map of a run whose method keeps one, and which run it is."""
    return heatmap(subject.state.elites, subject.task.tessellation), subject.caption


def heatmap(elites: Elites, tessellation: Tessellation, points: int = PIXELS) -> Heatmap:
    """The map seen along its first two axes; of further axes the best elite is shown.

    One axis is drawn as one row; centroids as the cells that lie around them, in the plane, looked
    up at so many `points` along each axis.
    """
    fitness = np.where(elites.occupied, elites.fitness, np.nan)
    facts = int(elites.count), elites.cells
    if isinstance(tessellation, Cvt) and tessellation.centroids.shape[1] > 1:
        return _around_centroids(fitness, tessellation, points, facts)
    shape = tessellation.shape if len(tessellation.shape) > 1 else (*tessellation.shape, 1)
    # One more axis for all the further ones: of each pair of places, the best elite along it.
    cells = fitness.reshape(*shape[:2], -1)
    best = np.argmax(np.where(np.isnan(cells), -np.inf, cells), axis=2)[..., None]
    number = np.arange(fitness.size, dtype=np.int32).reshape(cells.shape)
    shown, cell = (np.take_along_axis(table, best, 2)[..., 0].T for table in (cells, number))
    rows, columns = shown.shape
    extent = (0.0, float(columns), 0.0, float(rows))
    if isinstance(tessellation, Grid):
        bounds = list(zip(tessellation.lower, tessellation.upper, strict=True))[:2]
        (left, right), (bottom, top) = (*bounds, (0.0, 1.0))[:2]
        extent = (left, right, bottom, top)
    return Heatmap(shown, cell, extent, _labels(len(tessellation.shape)), *facts)


def _around_centroids(
    fitness: np.ndarray, tessellation: Cvt, points: int, facts: tuple[int, int]
) -> Heatmap:
    centroids = np.asarray(tessellation.centroids)
    low, high = centroids.min(axis=0), centroids.max(axis=0)
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    middles = (np.arange(points) + 0.5) / points
    places = np.tile(centroids.mean(axis=0), (points, points, 1)).astype(np.float32)
    places[..., 0] = (low[0] + middles * (high[0] - low[0]))[None]
    places[..., 1] = (low[1] + middles * (high[1] - low[1]))[:, None]
    found = np.asarray(tessellation.cell(jnp.asarray(places.reshape(points**2, -1))))
    cell = found.reshape(points, points)
    extent = (float(low[0]), float(high[0]), float(low[1]), float(high[1]))
    return Heatmap(fitness[cell], cell, extent, _labels(centroids.shape[1]), *facts)


def _labels(axes: int) -> tuple[str, str]:
    return "descriptor 1", "descriptor 2" if axes > 1 else ""


def figures(subject: Subject) -> dict[str, float]:
    """The map in numbers, as of now: not a mean over the cycles of a chunk."""
    elites = subject.state.elites
    fitness = np.asarray(elites.fitness)[np.asarray(elites.occupied)]
    lowest = getattr(subject.experiment.env, "lowest", 0.0)
    above = fitness.astype(np.float64) - (lowest if np.isfinite(lowest) else 0.0)
    return {
        "coverage": len(fitness) / elites.cells,
        "qd_score": float(above.sum()),
        **({"best": float(fitness.max())} if len(fitness) else {}),
    }
