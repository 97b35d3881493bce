"""Small functions on pytrees of arrays that several floors need."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree


def take(tree: PyTree, index: Int[Array, "..."]) -> PyTree:
    """Rows `index` of every leaf. The caller guarantees the range: JAX would clamp silently."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def where(condition: Bool[Array, "..."], yes: PyTree, no: PyTree) -> PyTree:
    """Leaf-wise `where`; the condition's axes are the leading axes of every leaf."""

    def choose(a: Array, b: Array) -> Array:
        shape = condition.shape + (1,) * (a.ndim - condition.ndim)
        return jnp.where(condition.reshape(shape), a, b)

    return jax.tree.map(choose, yes, no)


def concatenate(trees: Sequence[PyTree], axis: int = 0) -> PyTree:
    """Concatenate pytrees of equal structure leaf by leaf."""
    if len(trees) == 1:
        return trees[0]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis), *trees)


def equal_rows(a: PyTree, b: PyTree) -> Bool[Array, " rows"]:
    """For each leading row, whether all leaves of `a` and `b` are equal there."""

    def rows(x: Array, y: Array) -> Array:
        return jnp.all((x == y).reshape(x.shape[0], -1), axis=1)

    return jnp.all(jnp.stack(jax.tree.leaves(jax.tree.map(rows, a, b))), axis=0)


def named(name: str, tree: PyTree, is_leaf: Callable[[Any], bool] | None = None) -> dict[str, Any]:
    """The leaves by their path: `observation.image`; `name` alone for a tree of one leaf."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree, is_leaf)
    told = lambda path: jax.tree_util.keystr(path, simple=True, separator=".")  # noqa: E731
    return {f"{name}.{told(path)}" if path else name: leaf for path, leaf in leaves}


class Sealed(eqx.Module):
    """A pytree whose leaves that are no arrays (functions, numbers) belong to its structure."""

    arrays: PyTree
    others: tuple = eqx.field(static=True)


def sealed(tree: PyTree) -> PyTree:
    """`tree` as a pytree of arrays alone; a tree that is one already comes back as it is.

    What `scan`, `cond`, `jit` and checkpoints take is arrays, but `equinox.nn.MLP`, for one, has
    its activation for a leaf. `opened` is the way back.
    """
    arrays, others = eqx.partition(tree, eqx.is_array)
    leaves, structure = jax.tree.flatten(others)
    return Sealed(arrays, (tuple(leaves), structure)) if leaves else tree


def opened(tree: PyTree) -> Any:
    """What was `sealed`."""
    if not isinstance(tree, Sealed):
        return tree
    leaves, structure = tree.others
    return eqx.combine(tree.arrays, jax.tree.unflatten(structure, leaves))


def maximum(a: PyTree, b: PyTree) -> PyTree:
    """Leaf-wise maximum; of booleans, whether either is true."""
    return jax.tree.map(jnp.maximum, a, b)
