"""Values that must be the same number wherever they are used."""

import jax.numpy as jnp
from jaxtyping import Array, Shaped


def once(values: Shaped[Array, " batch"]) -> Shaped[Array, " batch"]:
    """The same values, computed once and read from memory afterwards.

    XLA may compute an expression anew inside each of its users, there rounded differently (a
    product and a sum contracted or not). Then `a > b` and `b > a` can both hold, a value can
    differ from itself, and a descriptor on an edge can lie in two cells: two elites could claim
    one cell, or none. A scatter always goes through memory; `optimization_barrier` does not on
    CPU, where it is dropped before fusion (seen with jaxlib 0.10.1).
    """
    position = jnp.arange(values.shape[0], dtype=jnp.int32)
    return jnp.zeros_like(values).at[position].set(values, unique_indices=True, mode="drop")
