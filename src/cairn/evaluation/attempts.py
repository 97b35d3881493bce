"""First attempts at levels: play each once, stop when all have ended."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core.keys import stream
from cairn.envs.protocol import Environment, Level
from cairn.learners.protocol import Learner


class Attempts(NamedTuple):
    """One episode on each of N levels."""

    solved: Bool[Array, " N"]
    episode_return: Float[Array, " N"]
    length: Int[Array, " N"]
    steps: Int[Array, ""]
    """Environment steps really taken: N times the longest attempt, as all are played together."""


class _Carry(NamedTuple):
    time: Int[Array, ""]
    state: PyTree
    observation: PyTree
    memory: PyTree
    alive: Bool[Array, " N"]
    result: Attempts


def attempt(
    env: Environment,
    learner: Learner,
    learner_state: Any,
    levels: Level,
    key: Key[Array, ""],
    limit: int,
) -> Attempts:
    """Play the N `levels` once each with sampled actions, at most `limit` steps.

    An attempt that the limit cuts short is not solved. Only the first episode counts.
    """
    number = jax.tree.leaves(levels)[0].shape[0]
    state, observation = jax.vmap(env.reset)(jax.random.split(stream(key, "reset"), number), levels)
    never = jnp.zeros(number, bool)

    def step(carry: _Carry) -> _Carry:
        uniform = jax.random.uniform(stream(key, "act", carry.time), (number,))
        acted = learner.act(learner_state, carry.observation, carry.memory, never, uniform)
        keys = jax.random.split(stream(key, "step", carry.time), number)
        played = jax.vmap(env.step)(keys, carry.state, acted.action)
        old, alive = carry.result, carry.alive
        episode_return = old.episode_return + jnp.where(alive, played.reward, 0.0)
        ends = alive & (played.terminated | played.truncated)
        solved = env.solved(episode_return, played.terminated)
        return _Carry(
            carry.time + 1,
            played.state,
            played.observation,
            acted.memory,
            alive & ~ends,
            Attempts(
                jnp.where(ends, solved, old.solved),
                episode_return,
                old.length + alive.astype(jnp.int32),
                old.steps + number,
            ),
        )

    none = jnp.zeros(number, jnp.int32)
    begin = _Carry(
        jnp.int32(0),
        state,
        observation,
        learner.initial_memory(learner_state, number),
        jnp.ones(number, bool),
        Attempts(never, none.astype(jnp.float32), none, jnp.int32(0)),
    )
    unfinished = lambda carry: jnp.any(carry.alive) & (carry.time < limit)  # noqa: E731
    return jax.lax.while_loop(unfinished, step, begin).result
