"""Attempts with everything that happened in them, to be drawn."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core import trees
from cairn.core.keys import stream
from cairn.envs.protocol import Environment, Level, Step
from cairn.learners.protocol import Learner


class Recording(NamedTuple):
    """One episode on each of N levels. An episode that has ended stands still."""

    states: PyTree[Array]
    """Every leaf (N, limit + 1, ...): the start, then the state after each step."""
    solved: Bool[Array, " N"]
    episode_return: Float[Array, " N"]
    length: Int[Array, " N"]
    """Steps taken, so the last state is `states[:, length]`."""


def record(
    env: Environment,
    learner: Learner,
    learner_state: Any,
    levels: Level,
    keys: Key[Array, " N"],
    *,
    limit: int,
) -> Recording:
    """Attempt each of N `levels` once, with sampled actions, for at most `limit` steps.

    Not solved if the limit cuts it short. The randomness of an attempt comes from its own key, by
    the streams that evaluation uses: equal keys give equal attempts.
    """
    number = keys.shape[0]
    reset_keys = jax.vmap(lambda key: stream(key, "reset"))(keys)
    state, observation = jax.vmap(env.reset)(reset_keys, levels)
    memory = learner.initial_memory(learner_state, number)
    fresh = jnp.ones(number, bool)
    none = jnp.zeros(number, jnp.float32)
    begin = (state, observation, memory, fresh, ~fresh, none, none.astype(jnp.int32))

    def step(carry: tuple, time: Array) -> tuple[tuple, PyTree]:
        state, observation, memory, alive, solved, episode_return, length = carry
        uniform = jax.vmap(lambda key: jax.random.uniform(stream(key, "act", time)))(keys)
        reset = jnp.broadcast_to(time == 0, (number,))
        acted = learner.act(learner_state, observation, memory, reset, uniform)
        step_keys = jax.vmap(lambda key: stream(key, "step", time))(keys)
        played: Step = jax.vmap(env.step)(step_keys, state, acted.action)
        state, observation = trees.where(
            alive, (played.state, played.observation), (state, observation)
        )
        episode_return = episode_return + jnp.where(alive, played.reward, 0.0)
        ends = alive & (played.terminated | played.truncated)
        solved = solved | (ends & env.solved(episode_return, played.terminated))
        length = length + alive.astype(jnp.int32)
        after = (state, observation, acted.memory, alive & ~ends, solved, episode_return, length)
        return after, state

    end, states = jax.lax.scan(step, begin, jnp.arange(limit, dtype=jnp.int32))
    together = jax.tree.map(
        lambda first, rest: jnp.concatenate([first[:, None], jnp.swapaxes(rest, 0, 1)], axis=1),
        state,
        states,
    )
    return Recording(together, *end[4:])
