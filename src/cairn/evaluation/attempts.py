"""First attempts at levels: each is played once, and a column that is free takes the next.

An attempt's randomness comes from its own key alone, so its result depends neither on how many
columns there are nor on what else is played. Columns never wait for the slowest attempt: that
matters, because a trained agent needs twenty steps in most mazes and all 250 in a few.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core import trees
from cairn.core.keys import stream
from cairn.envs.protocol import Environment, Level, Step
from cairn.learners.protocol import Learner


class Attempts(NamedTuple):
    """One episode each of N attempts."""

    solved: Bool[Array, " N"]
    episode_return: Float[Array, " N"]
    length: Int[Array, " N"]
    steps: Int[Array, ""]
    """Environment steps really computed, those of columns that had run out of work included."""


class _Carry(NamedTuple):
    attempt: Int[Array, " columns"]
    """What each column plays; `count` or more: nothing any more."""
    time: Int[Array, " columns"]
    state: PyTree
    observation: PyTree
    memory: PyTree
    reset: Bool[Array, " columns"]
    episode_return: Float[Array, " columns"]
    queued: Int[Array, ""]
    """The first attempt that nobody has begun."""
    result: Attempts


def play(
    env: Environment,
    learner: Learner,
    learner_state: Any,
    levels: Level,
    keys: Key[Array, " N"],
    count: Int[Array, ""],
    *,
    columns: int,
) -> Attempts:
    """Attempt the first `count` of N `levels` once each, with sampled actions.

    Results after `count` are zeros. An attempt that has not ended after `env.max_steps` is cut
    there and not solved.
    """
    number = keys.shape[0]
    begin = _beginner(env, levels, keys)

    def step(carry: _Carry) -> _Carry:
        attempt, time = carry.attempt, carry.time
        own = keys[jnp.minimum(attempt, number - 1)]
        uniform = jax.vmap(lambda key, t: jax.random.uniform(stream(key, "act", t)))(own, time)
        acted = learner.act(learner_state, carry.observation, carry.memory, carry.reset, uniform)
        step_keys = jax.vmap(lambda key, t: stream(key, "step", t))(own, time)
        played: Step = jax.vmap(env.step)(step_keys, carry.state, acted.action)
        episode_return = carry.episode_return + played.reward
        done = played.terminated | played.truncated
        ends = (attempt < count) & (done | (time + 1 >= env.max_steps))
        solved = done & env.solved(episode_return, played.terminated)
        slot = jnp.where(ends, attempt, number)  # out of range: nothing is written
        old = carry.result
        result = Attempts(
            old.solved.at[slot].set(solved, mode="drop"),
            old.episode_return.at[slot].set(episode_return, mode="drop"),
            old.length.at[slot].set(time + 1, mode="drop"),
            old.steps + columns,
        )
        taken = jnp.cumsum(ends, dtype=jnp.int32)
        following = jnp.where(ends, carry.queued + taken - 1, attempt)
        state, observation = trees.where(ends, begin(following), (played.state, played.observation))
        return _Carry(
            following,
            jnp.where(ends, 0, time + 1),
            state,
            observation,
            acted.memory,
            ends,
            jnp.where(ends, 0.0, episode_return),
            carry.queued + taken[-1],
            result,
        )

    first = jnp.arange(columns, dtype=jnp.int32)
    begun = _Carry(
        first,
        jnp.zeros(columns, jnp.int32),
        *begin(first),
        learner.initial_memory(learner_state, columns),
        jnp.ones(columns, bool),
        jnp.zeros(columns, jnp.float32),
        jnp.int32(columns),
        Attempts(
            jnp.zeros(number, bool),
            jnp.zeros(number, jnp.float32),
            jnp.zeros(number, jnp.int32),
            jnp.int32(0),
        ),
    )
    return jax.lax.while_loop(lambda carry: jnp.any(carry.attempt < count), step, begun).result


def _beginner(
    env: Environment, levels: Level, keys: Key[Array, " N"]
) -> Callable[[Int[Array, " columns"]], tuple[PyTree, PyTree]]:
    """Attempt numbers to first states and observations; beyond the last, the last once more."""
    last = keys.shape[0] - 1

    def reset(level: Level, key: Key[Array, ""]) -> tuple[PyTree, PyTree]:
        return env.reset(stream(key, "reset"), level)

    if env.random_start:

        def begin(attempt: Int[Array, " columns"]) -> tuple[PyTree, PyTree]:
            chosen = jnp.minimum(attempt, last)
            return jax.vmap(reset)(trees.take(levels, chosen), keys[chosen])

        return begin
    starts = jax.vmap(reset)(levels, keys)
    return lambda attempt: trees.take(starts, jnp.minimum(attempt, last))
