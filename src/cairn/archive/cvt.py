"""Centroidal Voronoi tessellation: a fixed number of cells in a space of any dimension.

Vassiliades, Chatzilygeroudis & Mouret 2018, arXiv:1610.05729.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from cairn.core.errors import ConfigError

BLOCK = 64
"""Descriptors whose distances to all centroids are held at once, elsewhere than on a CPU."""

TURN = 10
"""Centroids that all points are compared with in one step of a loop on a CPU."""

FAR = 1_000
"""In extents of the centroids' bounding box; see `Cvt.cell`."""


class Cvt(eqx.Module):
    """The cell of a descriptor is its nearest centroid (Euclidean; a tie goes to the first).

    Results are comparable only between runs that share centroids: keep them (the Parquet export
    does), or make them anew from the same key.
    """

    centroids: Float[Array, "cells dims"]

    @property
    def shape(self) -> tuple[int, ...]:
        """The number of centroids, as a tuple."""
        return (self.cells,)

    @property
    def cells(self) -> int:
        """How many centroids there are."""
        return self.centroids.shape[0]

    def cell(self, descriptors: Float[Array, "batch dims"]) -> Int[Array, " batch"]:
        """The nearest centroid; `cells` for a descriptor with an entry that is not finite.

        Entries farther than `FAR` extents from the centroids are pulled in to that distance:
        beyond it a float32 could no longer tell one centroid from another.
        """
        finite = jnp.isfinite(descriptors)
        low, high = jnp.min(self.centroids, axis=0)[None], jnp.max(self.centroids, axis=0)[None]
        far = np.float32(FAR) * (high - low)
        near = jnp.clip(jnp.where(finite, descriptors, low), low - far, high + far)
        nearest = _nearest(near, self.centroids)
        return jnp.where(jnp.all(finite, axis=1), nearest, jnp.int32(self.cells))


class _Best(NamedTuple):
    distance: Float[Array, " points"]
    nearest: Int[Array, " points"]
    cell: Int[Array, ""]


def _nearest(
    points: Float[Array, "points dims"], centroids: Float[Array, "cells dims"]
) -> Int[Array, " points"]:
    """Nearest centroid by the squared differences themselves: the product form loses digits."""
    return jax.lax.platform_dependent(points, centroids, cpu=_in_turn, default=_at_once)


def _at_once(
    points: Float[Array, "points dims"], centroids: Float[Array, "cells dims"]
) -> Int[Array, " points"]:
    def nearest(point: Float[Array, " dims"]) -> Int[Array, ""]:
        return jnp.argmin(jnp.sum((centroids - point[None]) ** 2, axis=1)).astype(jnp.int32)

    return jax.lax.map(nearest, points, batch_size=min(BLOCK, points.shape[0]))


def _in_turn(
    points: Float[Array, "points dims"], centroids: Float[Array, "cells dims"]
) -> Int[Array, " points"]:
    """The same, a few centroids at a time and all points side by side.

    XLA's argmin on a CPU looks at one number after the other; comparing with the best so far is
    done for many points at once. 540 points, 10,000 centroids, two cores: 0.7 ms instead of 24.
    """
    cells, dims = centroids.shape
    nowhere = jnp.full((-cells % TURN, dims), jnp.inf, jnp.float32)  # farther than any other
    turns = jnp.concatenate([centroids, nowhere]).reshape(-1, TURN, dims)
    columns = points.T

    def turn(best: _Best, several: Float[Array, "turn dims"]) -> tuple[_Best, None]:
        distance, nearest, cell = best
        for one in range(TURN):
            squares = (columns[axis] - several[one, axis] for axis in range(dims))
            squared = sum((square**2 for square in squares), jnp.zeros(()))
            closer = squared < distance
            distance = jnp.where(closer, squared, distance)
            nearest = jnp.where(closer, cell + np.int32(one), nearest)
        return _Best(distance, nearest, cell + np.int32(TURN)), None

    far, first = jnp.full(points.shape[0], jnp.inf), jnp.zeros(points.shape[0], jnp.int32)
    return jax.lax.scan(turn, _Best(far, first, jnp.int32(0)), turns)[0].nearest


class _Means(NamedTuple):
    centroids: Float[Array, "cells dims"]
    moved: Float[Array, ""]
    iteration: Int[Array, ""]


def fit(
    key: Key[Array, ""],
    samples: Float[Array, "samples dims"],
    *,
    cells: int,
    iterations: int = 100,
    tolerance: float = 1e-4,
) -> Cvt:
    """Centroids by k-means (Lloyd) on samples of the descriptors that can be reached.

    Starts from `cells` distinct samples and stops when no centroid moves farther than
    `tolerance` times the samples' largest extent, or after `iterations` rounds.
    Not to be called under `jit`: it looks at the samples.

    Raises ConfigError if the samples hold fewer distinct points than cells, or are not finite.
    Source: arXiv:1610.05729 §III.
    """
    points = np.asarray(samples)
    if not np.isfinite(points).all():
        raise ConfigError("cvt.fit needs finite samples, got NaN or infinity.")
    distinct = np.unique(points, axis=0)
    if not 1 <= cells <= len(distinct):
        raise ConfigError(
            f"cvt.fit needs at least as many distinct samples as cells, got {len(distinct):,}"
            f" distinct samples for {cells:,} cells. Give more samples or ask for fewer cells."
        )
    start = jax.random.choice(key, jnp.asarray(distinct), (cells,), replace=False)
    extent = jnp.float32(np.ptp(points, axis=0).max())
    return Cvt(_lloyd(start, jnp.asarray(points), jnp.int32(iterations), tolerance * extent))


@jax.jit
def _lloyd(
    start: Float[Array, "cells dims"],
    samples: Float[Array, "samples dims"],
    iterations: Int[Array, ""],
    tolerance: Float[Array, ""],
) -> Float[Array, "cells dims"]:
    cells = start.shape[0]

    def round_(means: _Means) -> _Means:
        nearest = _nearest(samples, means.centroids)
        total = jax.ops.segment_sum(samples, nearest, cells)
        count = jax.ops.segment_sum(jnp.ones(samples.shape[0], jnp.float32), nearest, cells)
        # A centroid that lost all its samples stays where it is: it remains a cell.
        mean = total / jnp.maximum(count, jnp.float32(1))[:, None]
        centroids = jnp.where((count > 0)[:, None], mean, means.centroids)
        moved = jnp.max(jnp.linalg.norm(centroids - means.centroids, axis=1))
        return _Means(centroids, moved, means.iteration + 1)

    def unfinished(means: _Means):
        return (means.moved > tolerance) & (means.iteration < iterations)

    first = _Means(start, jnp.float32(jnp.inf), jnp.int32(0))
    return jax.lax.while_loop(unfinished, round_, first).centroids
