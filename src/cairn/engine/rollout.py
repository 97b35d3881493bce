"""The one rollout that every compiled method shares."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core import trees
from cairn.core.keys import stream
from cairn.core.trace import Trace
from cairn.envs.protocol import Environment, Level, Step
from cairn.learners.protocol import Learner


class _Carry(NamedTuple):
    """What one step hands to the next."""

    turn: Int[Array, " B"]
    state: PyTree
    observation: PyTree
    memory: PyTree
    reset: Bool[Array, " B"]
    episode_return: Float[Array, " B"]


def rollout(
    env: Environment,
    learner: Learner,
    learner_state: Any,
    levels: Level,
    key: Key[Array, ""],
    *,
    steps: int,
    bootstrap_time_limit: bool = False,
    columns: Int[Array, " B"] | None = None,
) -> Trace:
    """Play B columns for `steps` steps each, starting with a reset and with empty memory.

    `levels` has leading axes (turns, B): when an episode of a column ends, the column goes on with
    its next level, and after the last with its first. So one turn restarts the same level (what
    scoring a level needs), and many turns play new ones. All randomness comes from `key` and the
    column's number, 0 to B - 1 unless `columns` says otherwise: a column fares the same wherever
    it is played.
    """
    batch = jax.tree.leaves(levels)[0].shape[1]
    if columns is None:
        columns = jnp.arange(batch, dtype=jnp.int32)
    draw = lambda column_key: jax.random.uniform(column_key, (steps,))  # noqa: E731
    uniforms = jax.vmap(draw)(column_keys(stream(key, "act"), columns)).T
    restart = _restarter(env, levels, stream(key, "reset"), columns)
    turn = jnp.zeros(batch, jnp.int32)
    state, observation = restart(turn, jnp.int32(0))
    begin = _Carry(
        turn,
        state,
        observation,
        learner.initial_memory(learner_state, batch),
        jnp.ones(batch, bool),
        jnp.zeros(batch, jnp.float32),
    )

    def step(carry: _Carry, now: tuple[Array, Array]) -> tuple[_Carry, tuple]:
        time, uniform = now
        acted = learner.act(learner_state, carry.observation, carry.memory, carry.reset, uniform)
        keys = column_keys(stream(key, "step", time), columns)
        played: Step = jax.vmap(env.step)(keys, carry.state, acted.action)
        done = played.terminated | played.truncated
        episode_return = carry.episode_return + played.reward
        solved = done & env.solved(episode_return, played.terminated)
        cut = played.truncated & ~played.terminated
        final_value = (
            _value_where(learner, learner_state, played.observation, acted.memory, cut)
            if bootstrap_time_limit
            else jnp.zeros(batch, jnp.float32)
        )
        turn = carry.turn + done.astype(jnp.int32)
        state, observation = trees.where(
            done, restart(turn, time + 1), (played.state, played.observation)
        )
        after = _Carry(
            turn,
            state,
            observation,
            acted.memory,
            done,
            jnp.where(done, 0.0, episode_return),
        )
        kept = (
            carry.observation,
            acted.action,
            acted.log_prob,
            acted.value,
            played.reward,
            played.terminated,
            cut,
            solved,
            final_value,
        )
        return after, kept

    end, kept = jax.lax.scan(step, begin, (jnp.arange(steps, dtype=jnp.int32), uniforms))
    last = learner.act(
        learner_state, end.observation, end.memory, end.reset, jnp.zeros(batch, jnp.float32)
    )
    return Trace(*kept, last_value=last.value)


def column_keys(key: Key[Array, ""], columns: Int[Array, " B"]) -> Key[Array, " B"]:
    """One key for each column, by its number."""
    return jax.vmap(lambda column: jax.random.fold_in(key, column))(columns)


def _restarter(env: Environment, levels: Level, key: Array, columns: Array) -> Callable:
    """(turn of each column, time) → first states and observations of the levels it is now at."""
    turns, batch = jax.tree.leaves(levels)[0].shape[:2]

    def at(tree: PyTree, turn: Array) -> PyTree:
        if turns == 1:
            return jax.tree.map(lambda leaf: leaf[0], tree)
        return jax.tree.map(lambda leaf: leaf[turn % turns, jnp.arange(batch)], tree)

    def reset(turn: Array, time: Array) -> tuple[PyTree, PyTree]:
        keys = column_keys(jax.random.fold_in(key, time), columns)
        return jax.vmap(env.reset)(keys, at(levels, turn))

    if env.random_start:
        return reset
    # One key serves all: the environment says that it does not use it.
    starts = jax.vmap(jax.vmap(env.reset, (None, 0)), (None, 0))(key, levels)
    return lambda turn, time: at(starts, turn)


def _value_where(
    learner: Learner, state: Any, observation: PyTree, memory: PyTree, wanted: Array
) -> Array:
    """V of the observations where `wanted`, else 0. Time limits are rare: skip most steps."""

    def value(_: None) -> Array:
        never = jnp.zeros(wanted.shape, bool)
        acted = learner.act(state, observation, memory, never, jnp.zeros(wanted.shape))
        return jnp.where(wanted, acted.value, 0.0)

    return jax.lax.cond(jnp.any(wanted), value, lambda _: jnp.zeros(wanted.shape), None)
