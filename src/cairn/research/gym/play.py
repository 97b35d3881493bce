"""Many searches at once: one policy on one landscape, every search a column of one program."""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from cairn.core.keys import stream
from cairn.research.gym.arrays import Nodes, empty
from cairn.research.gym.landscape import Landscape, chosen, grow
from cairn.research.gym.policies import ArrayPolicy


class Curves(NamedTuple):
    """S searches, after each of N evaluations."""

    chosen: Float[np.ndarray, "S N"]
    """True quality of the node that measured best; NaN while none runs."""
    oracle: Float[np.ndarray, "S N"]
    """That of the truly best node."""


def search(
    policy: ArrayPolicy, landscape: Landscape, key: Key[Array, ""], evaluations: int
) -> Nodes:
    """One search."""
    luck = stream(key, "landscape")

    def step(at: Int[Array, ""], carry: tuple) -> tuple:
        nodes, state = carry
        move = policy.propose(state, nodes, stream(key, "policy", at))
        nodes, made = grow(landscape, nodes, move, luck)
        return nodes, policy.observe(state, nodes, made)

    begin = (empty(evaluations), policy.init(evaluations))
    return jax.lax.fori_loop(0, evaluations, step, begin)[0]


@functools.partial(jax.jit, static_argnames=("policy", "evaluations"))
def searches(
    policy: ArrayPolicy, landscape: Landscape, keys: Key[Array, " S"], *, evaluations: int
) -> Nodes:
    """One search per key: leaves (S, ...)."""
    return jax.vmap(lambda key: search(policy, landscape, key, evaluations))(keys)


def play(
    policy: ArrayPolicy, landscape: Landscape, *, evaluations: int, count: int, seed: int = 0,
    block: int = 64,
) -> Curves:  # fmt: skip
    """`count` searches, in blocks of so many that stay in the caches."""
    keys = jax.random.split(stream(jax.random.key(seed), "gym"), count)
    floats = Landscape(*(jnp.float32(value) for value in landscape))
    size = min(block, count)
    every = []
    for begin in range(0, count, size):
        part = keys[jnp.arange(begin, begin + size) % count]
        nodes = searches(policy, floats, part, evaluations=evaluations)
        every.append(jax.vmap(chosen)(nodes))
    return Curves(*(np.concatenate(part)[:count] for part in zip(*every, strict=True)))
