"""Small functions on pytrees of arrays that several floors need."""

from collections.abc import Sequence

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


def maximum(a: PyTree, b: PyTree) -> PyTree:
    """Leaf-wise maximum; of booleans, whether either is true."""
    return jax.tree.map(jnp.maximum, a, b)
