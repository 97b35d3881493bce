"""Attempts with everything that happened in them, to be drawn."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core.keys import stream
from cairn.engine.step import first_moment, go_on, take
from cairn.envs.protocol import Environment, Level
from cairn.evaluation.attempts import alone, draws
from cairn.learners.protocol import Policy


class Recording(NamedTuple):
    """One episode on each of N levels. An episode that has ended stands still."""

    states: PyTree[Array]
    """Every leaf (N, limit + 1, ...): the start, then the state after each step."""
    solved: Bool[Array, " N"]
    episode_return: Float[Array, " N"]
    length: Int[Array, " N"]
    """Steps taken, so the last state is `states[:, length]`."""


def film(
    env: Environment,
    policy: Policy,
    policy_state: Any,
    levels: Level,
    keys: Key[Array, " N"],
    *,
    limit: int,
) -> Recording:
    """Attempt each of N `levels` once, with sampled actions, for at most `limit` steps.

    Not solved if the limit cuts it short. The randomness of an attempt comes from its own key, by
    the streams that evaluation uses: equal keys give equal attempts.
    """
    actors = alone(env, policy, policy_state)
    (role,) = actors
    number = keys.shape[0]
    reset_keys = jax.vmap(lambda key: stream(key, "reset"))(keys)
    first = first_moment(actors, *jax.vmap(env.reset)(reset_keys, levels), number)
    never, none = jnp.zeros(number, bool), jnp.zeros(number, jnp.int32)
    begin = first._replace(over=never), never, none

    def step(carry: tuple, time: Array) -> tuple[tuple, PyTree]:
        moment, solved, length = carry
        times = jnp.broadcast_to(time, (number,))
        played = take(env, actors, moment, *draws(keys, times, policy, role))
        length = length + (~moment.over).astype(jnp.int32)
        after = go_on(moment, played, played.done, None), solved | played.solved[role], length
        return after, played.state

    (end, solved, length), states = jax.lax.scan(step, begin, jnp.arange(limit, dtype=jnp.int32))
    together = jax.tree.map(
        lambda first, rest: jnp.concatenate([first[:, None], jnp.swapaxes(rest, 0, 1)], axis=1),
        first.state,
        states,
    )
    return Recording(together, solved, end.episode_return[role], length)
