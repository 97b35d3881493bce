"""A tree of N nodes as arrays: one search of thousands in one program."""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

DRAFT, IMPROVE, DEBUG, CROSSOVER = range(4)
OPERATORS = ("draft", "improve", "debug", "crossover")
Scalar = Float[Array, ""]


class Move(NamedTuple):
    """What is tried next."""

    operator: Int[Array, ""]
    first: Int[Array, ""]
    """The parent; 0 of a draft, and then without a meaning."""
    second: Int[Array, ""]
    """The other one of a crossover."""


class Nodes(NamedTuple):
    """Those from `size` on are not there yet."""

    size: Int[Array, ""]
    operator: Int[Array, " N"]
    parent: Int[Array, " N"]
    """The first parent; −1 of a draft."""
    quality: Float[Array, " N"]
    """Hidden."""
    ceiling: Float[Array, " N"]
    """Hidden: what no improvement of its line exceeds."""
    seen: Float[Array, " N"]
    """Measured, larger is better; without a meaning where it is buggy."""
    buggy: Bool[Array, " N"]
    depth: Int[Array, " N"]
    """Attempts to mend that lead to a node that is not mended yet: 0 if it is no attempt."""
    head: Int[Array, " N"]
    """The node that this one, by a chain of attempts, mends; else itself."""
    draft: Int[Array, " N"]
    """The draft that it descends from."""
    above: Bool[Array, "N N"]
    """Row i: i itself and all its ancestors by first parent."""


def empty(count: int) -> Nodes:
    """Before the first of `count` evaluations."""
    zeros, none = jnp.zeros(count), jnp.zeros(count, jnp.int32)
    return Nodes(
        jnp.int32(0), none, none - 1, zeros, zeros, zeros, none > 0, none, none, none,
        jnp.zeros((count, count), bool),
    )  # fmt: skip


def add(
    nodes: Nodes, move: Move, quality: Scalar, ceiling: Scalar, seen: Scalar, buggy: Array
) -> Nodes:
    """The nodes with one more."""
    at = nodes.size
    draft = move.operator == DRAFT
    mends = move.operator == DEBUG
    depth = jnp.where(mends, nodes.depth[move.first] + 1, 0)
    above = jnp.where(draft, False, nodes.above[move.first]).at[at].set(True)
    return Nodes(
        at + 1,
        nodes.operator.at[at].set(move.operator),
        nodes.parent.at[at].set(jnp.where(draft, -1, move.first)),
        nodes.quality.at[at].set(quality),
        nodes.ceiling.at[at].set(ceiling),
        nodes.seen.at[at].set(seen),
        nodes.buggy.at[at].set(buggy),
        nodes.depth.at[at].set(depth),
        nodes.head.at[at].set(jnp.where(mends, nodes.head[move.first], at)),
        nodes.draft.at[at].set(jnp.where(draft, at, nodes.draft[move.first])),
        nodes.above.at[at].set(above),
    )


def there(nodes: Nodes) -> Bool[Array, " N"]:
    """Which nodes exist."""
    return jnp.arange(nodes.buggy.size) < nodes.size


def good(nodes: Nodes) -> Bool[Array, " N"]:
    """Those that run."""
    return there(nodes) & ~nodes.buggy


def children(nodes: Nodes) -> Int[Array, " N"]:
    """How many each node has, by first parent."""
    has = there(nodes) & (nodes.parent >= 0)
    return _count(nodes, has)


def lines(nodes: Nodes) -> Int[Array, " N"]:
    """How many were made of each node by improvement or crossover."""
    has = there(nodes) & (nodes.parent >= 0) & (nodes.operator != DEBUG)
    return _count(nodes, has)


def _count(nodes: Nodes, has: Bool[Array, " N"]) -> Int[Array, " N"]:
    # A product, since scattering is a loop on a CPU.
    of = nodes.parent[:, None] == jnp.arange(nodes.parent.size)[None]
    return (of & has[:, None]).sum(0)


def scaled(nodes: Nodes) -> Float[Array, " N"]:
    """What was measured, with the worst at 0 and the best at 1; 0.5 if all are alike, 0 of what
    does not run: no policy sees a scale."""
    fine = good(nodes)
    low = jnp.min(nodes.seen, where=fine, initial=jnp.inf)
    high = jnp.max(nodes.seen, where=fine, initial=-jnp.inf)
    wide = jnp.where(high > low, high - low, 1.0)
    value = jnp.where(high > low, (nodes.seen - low) / wide, 0.5)
    return jnp.where(fine, value, 0.0)
