"""A map of elites for a page: what `cairn.report.svg.heat` draws, each cell with its address."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from cairn.archive.cvt import Cvt
from cairn.archive.elites import Elites
from cairn.archive.tessellation import Tessellation
from cairn.report.parts import Map
from cairn.report.svg_cells import FINE
from cairn.show.heatmap import MARGIN, heatmap

POINTS = 256
"""Along each axis at which cells that have no outlines are looked up."""


def elite_map(
    elites: Elites, tessellation: Tessellation, title: str, href: Callable[[int], str]
) -> Map:
    """The map over its first two axes; `href(cell)` is where a filled cell leads.

    Of further axes the best elite is shown, and leads to its own cell. Centroids in the plane have
    the outlines of what lies nearest to them.
    """
    if isinstance(tessellation, Cvt) and tessellation.centroids.shape[1] == 2:
        found = _outlined(elites, np.asarray(tessellation.centroids, np.float64), title, href)
        if found is not None:
            return found
    shown = heatmap(elites, tessellation, POINTS)
    left, right, bottom, top = shown.extent
    around = isinstance(tessellation, Cvt) and tessellation.centroids.shape[1] > 1
    filled = set(shown.cell[np.isfinite(shown.fitness)].tolist())
    cells = range(shown.cells) if around else shown.cell.ravel().tolist()
    seen = len(np.unique(shown.cell))
    hidden = f"{shown.filled:,} of {shown.cells:,} cells hold an elite in all; the best is shown."
    return Map(
        title,
        (shown.labels[1], shown.labels[0]),
        ((bottom, top), (left, right)),
        shares(shown.fitness),
        shown.fitness,
        [href(cell) if cell in filled else "" for cell in cells],
        hidden if seen < shown.cells else "",
        shown.cell if around else None,
    )


def shares(fitness: Float[np.ndarray, "rows columns"]) -> Float[np.ndarray, "rows columns"]:
    """The lowest fitness as 0, the highest as 1; all as 1 if they are equal. NaN stays."""
    known = fitness[np.isfinite(fitness)].astype(np.float64)
    if not known.size or known.max() == known.min():
        return np.where(np.isfinite(fitness), 1.0, np.nan)
    # Halves, so that the ends of a float's range have a difference too.
    span = known.max() / 2 - known.min() / 2
    return np.where(np.isfinite(fitness), (fitness / 2 - known.min() / 2) / span, np.nan)


def outlines(
    centroids: Float[np.ndarray, "cells 2"],
    low: Float[np.ndarray, " 2"],
    high: Float[np.ndarray, " 2"],
) -> list[Float[np.ndarray, "corners 2"]]:
    """Of each centroid, the corners of what lies nearest to it within a box that holds them all.

    Mirrored in each side of the box, the centroids have that side as the border between them and
    their image: so no cell reaches out of it. Equal centroids share one outline: the others have
    no corners.
    """
    mirrored = [centroids]
    for axis in (0, 1):
        for side in (low, high):
            image = centroids.copy()
            image[:, axis] = 2 * side[axis] - image[:, axis]
            mirrored.append(image)
    from scipy.spatial import Voronoi  # half a second, and grids need none

    made = Voronoi(np.concatenate(mirrored))
    found, taken = [], {-1}
    for centroid, region in zip(centroids, made.point_region.tolist(), strict=False):
        corners = made.vertices[[] if region in taken else made.regions[region]]
        taken.add(region)
        away = corners - centroid
        found.append(corners[np.argsort(np.arctan2(away[:, 1], away[:, 0]))])
    return found


def _outlined(
    elites: Elites,
    centroids: Float[np.ndarray, "cells 2"],
    title: str,
    href: Callable[[int], str],
) -> Map | None:
    """None if there are too many cells to be drawn one by one, or all lie in a line."""
    low, high = centroids.min(axis=0), centroids.max(axis=0)
    if len(centroids) > FINE or not (low < high).all():
        return None
    low, high = low - MARGIN * (high - low), high + MARGIN * (high - low)
    occupied = np.asarray(elites.occupied)
    fitness = np.where(occupied, np.asarray(elites.fitness), np.nan)[None]
    (left, bottom), (right, top) = low.tolist(), high.tolist()
    hrefs: Sequence[str] = [href(cell) if occupied[cell] else "" for cell in range(len(centroids))]
    return Map(
        title,
        ("descriptor 2", "descriptor 1"),
        ((bottom, top), (left, right)),
        shares(fitness),
        fitness,
        hrefs,
        outlines=outlines(centroids, low, high),
    )
