"""From a descriptor to a cell: what grids, centroids, categories and products have in common.

A tessellation knows nothing of elites, and the store of elites nothing of descriptors' geometry.
So one `elites.insert` serves every tessellation.
"""

from typing import Protocol, runtime_checkable

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree, Shaped

from cairn.core.errors import ConfigError


@runtime_checkable
class Tessellation(Protocol):
    """A partition of descriptor space into `cells` numbered cells."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis; cell numbers run row-major over it."""
        ...

    @property
    def cells(self) -> int:
        """How many cells: the product of `shape`."""
        ...

    def cell(self, descriptors: PyTree[Shaped[Array, "batch ..."]]) -> Int[Array, " batch"]:
        """The cell of each descriptor, int32; `cells`, one past the last, if it lies in none."""
        ...


def check_cells(tessellation: Tessellation, cells: int) -> None:
    """Raise ConfigError unless an archive of so many cells was made for this tessellation.

    Otherwise cells beyond the archive would stay empty, or the mark for "in none" become a cell.
    """
    if tessellation.cells != cells:
        raise ConfigError(
            f"the tessellation has {tessellation.cells} cells and the archive {cells}: make the "
            f"state with the tessellation that the run is given."
        )


def inside(tessellation: Tessellation, cell: Int[Array, " batch"]) -> Bool[Array, " batch"]:
    """Which of these are cells of the tessellation, and not the mark for "in none"."""
    return (cell >= jnp.int32(0)) & (cell < jnp.int32(tessellation.cells))
