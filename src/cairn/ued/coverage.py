"""Which steps of a rollout look as some earlier level would have made them look.

Beukman et al. 2024, arXiv:2402.12284, section 5: a history of observations and actions is *covered*
if a level that an earlier adversary chose would give the same history. What is done there is
settled; learning goes on only where the history is new.

It is a function of the rollout's trace: the actions are given again to every earlier level, and
what these show is compared with what was seen. So no environment has to know of it, and nothing is
played twice. It is right where an environment is deterministic (`cairn.envs.chance`).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree, UInt32

from cairn.core import trees
from cairn.core.trace import Trace
from cairn.envs.protocol import Environment, Level


class Coverage(NamedTuple):
    """What is covered, and what it took to know."""

    covered: Bool[Array, "T B"]
    """Whether one earlier level would have shown all that was seen in the episode up to here."""
    steps: UInt32[Array, ""]
    """Environment steps taken for it."""


def coverage(
    env: Environment, levels: Level, count: Int[Array, ""], trace: Trace, chunk: int
) -> Coverage:
    """Replay a trace whose columns begin with an episode on the first `count` of N `levels`.

    `chunk` levels at a time, so that the memory taken is that of `chunk` × B states, whatever N is;
    the work is in proportion to `count` rounded up to whole chunks, and none where it is 0.
    """
    T, B = trace.reward.shape
    chunks = (count + chunk - 1) // chunk

    def look(number: Array, covered: Array) -> Array:
        place = number * chunk + jnp.arange(chunk, dtype=jnp.int32)
        last = jax.tree.leaves(levels)[0].shape[0] - 1
        some = trees.take(levels, jnp.minimum(place, last))
        return covered | _covered_by(env, some, place < count, trace)

    covered = jax.lax.fori_loop(0, chunks, look, jnp.zeros((T, B), bool))
    return Coverage(covered, chunks.astype(jnp.uint32) * (chunk * T * B))


def _covered_by(
    env: Environment, levels: Level, there: Bool[Array, " C"], trace: Trace
) -> Bool[Array, "T B"]:
    """Whether any of C levels, of those that are `there`, goes along."""
    B, unused = trace.reward.shape[1], jax.random.key(0)  # no key matters: it is deterministic
    starts = jax.vmap(env.reset, (None, 0))(unused, levels)
    everywhere = lambda leaf: jnp.broadcast_to(leaf[None], (B, *leaf.shape))  # noqa: E731
    begin = jax.tree.map(everywhere, (*starts, there))

    step_all = jax.vmap(jax.vmap(env.step, (None, 0, 0)), (None, 0, 0))

    def step(now: Any, row: tuple[PyTree, Array, Array]) -> tuple[Any, Array]:
        (states, shown, along), (seen, action, done) = now, row
        along = along & _alike(shown, seen)
        given = jnp.repeat(action[:, None], there.shape[0], axis=1)
        played = step_all(unused, states, given)
        # A level whose own episode is over has nothing more to show.
        goes_on = along & ~(played.terminated | played.truncated)
        after = (played.state, played.observation, goes_on)
        return trees.where(done, begin, after), along.any(axis=1)

    rows = (trace.observation, trace.action, trace.done)
    return jax.lax.scan(step, begin, rows)[1]


def _alike(shown: PyTree, seen: PyTree) -> Bool[Array, "B C"]:
    """Where what C levels show, leaves (B, C, ...), is in all leaves what was seen, (B, ...)."""

    def same(a: Array, b: Array) -> Array:
        return jnp.all((a == b[:, None]).reshape(*a.shape[:2], -1), axis=2)

    return jnp.all(jnp.stack(jax.tree.leaves(jax.tree.map(same, shown, seen))), axis=0)
