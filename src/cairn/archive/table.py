"""An archive of elites as named columns, one row per occupied cell, and back.

For files and for reading by people; text payloads live in a table of their own, under the id.
"""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import PyTree

from cairn.archive.elites import EMPTY, Elites
from cairn.core.errors import TableError

Columns = dict[str, np.ndarray]
"""`cell`, `id`, `fitness`, then one column per leaf: `descriptor…` and `solution…` with the leaf's
path behind it. Rows are in the order in which their cells were first filled."""


def columns(elites: Elites) -> Columns:
    """The occupied rows, on the host."""
    cell = np.asarray(elites.filled)[: int(elites.count)]
    table = {
        "cell": cell,
        "id": np.asarray(elites.ids)[cell],
        "fitness": np.asarray(elites.fitness)[cell],
    }
    leaves = _named(elites.descriptors, "descriptor") | _named(elites.solutions, "solution")
    return table | {name: np.asarray(leaf)[cell] for name, leaf in leaves.items()}


def _named(tree: PyTree, root: str) -> dict:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {root + jax.tree_util.keystr(path): leaf for path, leaf in leaves}


def restore(table: Mapping[str, np.ndarray], like: Elites) -> Elites:
    """Elites from columns; `like`, usually an empty archive, gives cells, shapes and dtypes.

    Raises TableError for a missing, misshapen or mistyped column, a cell that is out of range or
    comes twice, and a fitness that is not finite.
    """
    leaves = _named(like.descriptors, "descriptor") | _named(like.solutions, "solution")
    wanted = {"cell": like.filled, "id": like.ids, "fitness": like.fitness} | leaves
    rows = len(table.get("cell", ()))
    for name, leaf in wanted.items():
        _check(name, table.get(name), (rows, *leaf.shape[1:]), leaf.dtype)
    cell, fitness = np.asarray(table["cell"]), np.asarray(table["fitness"])
    if rows and not (cell.min() >= 0 and cell.max() < like.cells):
        raise TableError(
            f"Cells must lie in [0, {like.cells}), got {cell.min()} to {cell.max()}."
            " Was the table made with another tessellation?"
        )
    if len(np.unique(cell)) < rows:
        named, times = np.unique(cell, return_counts=True)
        raise TableError(f"A cell holds one elite, but cell {named[times > 1][0]} comes twice.")
    if not np.isfinite(fitness).all():
        raise TableError("Every fitness must be finite, got NaN or infinity in the table.")
    return _fill(table, like)


def _check(name: str, column: np.ndarray | None, shape: tuple[int, ...], dtype: np.dtype) -> None:
    if column is None:
        raise TableError(f"The table has no column {name!r}, which this archive needs.")
    if column.shape != shape or column.dtype != dtype:
        raise TableError(
            f"Column {name!r} must be {dtype} of shape {shape},"
            f" got {column.dtype} of shape {column.shape}."
        )


def _fill(table: Mapping[str, np.ndarray], like: Elites) -> Elites:
    cell = jnp.asarray(table["cell"])
    rows = cell.shape[0]

    def rewrite(tree: PyTree, root: str) -> PyTree:
        names = iter(_named(tree, root))
        return jax.tree.map(lambda leaf: at(leaf, table[next(names)]), tree)

    def at(leaf: jax.Array, values: np.ndarray) -> jax.Array:
        return jnp.zeros_like(leaf).at[cell].set(jnp.asarray(values))

    return eqx.tree_at(
        lambda e: (
            e.ids, e.fitness, e.descriptors, e.solutions, e.filled, e.count,
        ),
        like,
        (
            at(like.ids, table["id"]),
            jnp.full_like(like.fitness, EMPTY).at[cell].set(jnp.asarray(table["fitness"])),
            rewrite(like.descriptors, "descriptor"),
            rewrite(like.solutions, "solution"),
            jnp.zeros_like(like.filled).at[:rows].set(cell),
            jnp.int32(rows),
        ),
    )  # fmt: skip
