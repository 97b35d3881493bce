"""Variants in arrays: `cairn.research.policies.variants` for one search of many."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from cairn.research.gym.arrays import DEBUG, Nodes, there


class Variants(NamedTuple):
    """By the index of their heads; without a meaning elsewhere."""

    head: Bool[Array, " N"]
    """Whether a node is one."""
    last: Int[Array, " N"]
    """The end of its chain."""
    good: Bool[Array, " N"]
    open: Bool[Array, " N"]
    """Whether it may be debugged further; if neither, it is given up."""


def variants(nodes: Nodes, max_debug_depth: int) -> Variants:
    """All of them."""
    index = jnp.arange(nodes.head.size)
    exist = there(nodes)
    head = exist & (nodes.operator != DEBUG)
    of = (nodes.head[:, None] == index[None]) & exist[:, None]
    last = jnp.max(index[:, None], axis=0, where=of, initial=0)
    good = head & ~nodes.buggy[last]
    return Variants(head, last, good, head & ~good & (nodes.depth[last] < max_debug_depth))


def first(which: Bool[Array, " N"]) -> tuple[Bool[Array, ""], Int[Array, ""]]:
    """Whether there is one, and the first."""
    return which.any(), jnp.argmax(which)
