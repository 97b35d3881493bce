"""Work that only some cycles need: skipped where it is not wanted, also with seeds side by side."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, PyTree

SIDE_BY_SIDE = "seeds side by side"
"""Name of the mapped axis when several seeds run in one `vmap`."""


def when(
    wanted: Bool[Array, ""],
    do: Callable[[PyTree], PyTree],
    otherwise: Callable[[PyTree], PyTree],
    operand: PyTree,
) -> PyTree:
    """`do(operand)` where `wanted`, else `otherwise(operand)`: `cond` that stays one under `vmap`.

    A `cond` whose condition differs from seed to seed becomes both branches in a `vmap`. Here the
    work is skipped when no seed wants it; when one does, all do it and each keeps its own.
    """
    if not _side_by_side():
        return jax.lax.cond(wanted, do, otherwise, operand)

    def both(operand: PyTree) -> PyTree:
        choose = lambda yes, no: jnp.where(wanted, yes, no)  # noqa: E731
        return jax.tree.map(choose, do(operand), otherwise(operand))

    return jax.lax.cond(anybody(wanted), both, otherwise, operand)


def anybody(wanted: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether any of the seeds side by side wants it; alone, whether this one does.

    As the condition of a loop it is one for all of them: a condition of each seed's own would make
    the loop keep the whole of what it carries apart, step by step.
    """
    if not _side_by_side():
        return wanted
    return jax.lax.pmax(wanted.astype(jnp.int32), SIDE_BY_SIDE) > 0


def _side_by_side() -> bool:
    try:
        jax.lax.axis_index(SIDE_BY_SIDE)
    except NameError:
        return False
    return True


def zeros(do: Callable[[PyTree], Any], operand: PyTree) -> Any:
    """Zeros like what `do(operand)` gives, for the branch in which it does not happen."""
    shapes = jax.eval_shape(do, operand)
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
