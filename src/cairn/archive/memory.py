"""What the archive remembers of its levels for a score, merged as if visits came one by one."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from cairn.core import trees


class Remembering(NamedTuple):
    """How a score remembers, as `cairn.score.Score` describes it."""

    merge: Callable[[PyTree[Array], PyTree[Array]], PyTree[Array]] = trees.maximum
    """(memory, seen) -> memory, for any leading axes."""
    renew: Callable[[PyTree[Array]], Float[Array, "..."]] | None = None
    """memory -> score, where the memory alone tells it."""

    @property
    def in_turn(self) -> bool:
        """Whether visits must be merged one by one; a maximum takes them all at once."""
        return self.merge is not trees.maximum or self.renew is not None


MAXIMUM = Remembering()
"""Running maxima, counts of the best, flags."""


def merge_rows(
    memory: PyTree[Array],
    slots: Int[Array, " B"],
    seen: PyTree[Array],
    counts: Bool[Array, " B"],
    how: Remembering,
) -> PyTree[Array]:
    """The memory (leaves (K, ...)) after the visits that count, in their order."""
    if not how.in_turn:
        put = jnp.where(counts, slots, _rows(memory))  # out of range: the scatter drops it
        return jax.tree.map(lambda o, n: o.at[put].max(n, mode="drop"), memory, seen)

    def visit(memory: PyTree, now: tuple[Array, PyTree, Array]) -> tuple[PyTree, None]:
        slot, seen, counts = now
        before = trees.take(memory, slot)
        after = trees.where(counts, how.merge(before, seen), before)
        return put_row(memory, slot, after), None

    return jax.lax.scan(visit, memory, (slots, seen, counts))[0]


def put_row(memory: PyTree[Array], slot: Int[Array, ""], row: PyTree[Array]) -> PyTree[Array]:
    """The memory with another row at `slot`."""
    return jax.tree.map(lambda old, new: old.at[slot].set(new), memory, row)


def _rows(memory: PyTree[Array]) -> int:
    leaves = jax.tree.leaves(memory)
    return leaves[0].shape[0] if leaves else 0
