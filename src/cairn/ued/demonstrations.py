"""Demonstrations: the states on the way of episodes that solved a level, to begin others at."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core.keys import stream
from cairn.core.trace import Trace
from cairn.envs.protocol import Environment, State


class Demonstrations(NamedTuple):
    """M of them, of L = `max_steps` states at most."""

    states: State
    """Every leaf (M, L, ...): from the first of each to the last before its end."""
    observations: PyTree
    """Of the states."""
    lengths: Int[Array, " M"]
    """Actions from the first state to success; 0 where there is no demonstration."""
    place: Int[Array, ""]
    """Where the next is written: the oldest goes."""

    @property
    def held(self) -> Int[Array, ""]:
        """How many there are."""
        return jnp.sum(self.lengths > 0, dtype=jnp.int32)


def none(env: Environment, number: int, key: Key[Array, ""]) -> Demonstrations:
    """Room for `number` of them. Every row is a first state, so that no leaf needs a zero."""
    state, observation = env.reset(stream(key, "reset"), env.space.sample(stream(key, "level")))
    shape = (number, env.max_steps)
    rows = lambda leaf: jnp.broadcast_to(leaf, shape + jnp.shape(leaf))  # noqa: E731
    states, observations = jax.tree.map(rows, (state, observation))
    return Demonstrations(states, observations, jnp.zeros(number, jnp.int32), jnp.int32(0))


def shown(env: Environment, number: int, key: Key[Array, ""]) -> Demonstrations:
    """What the environment shows on `number` new levels, played to see the states.

    Held are those that do solve their level: where it cannot be solved, or chance had its way, not.
    """

    def play(key: Key[Array, ""]) -> tuple[State, PyTree, Array]:
        level = env.space.sample(stream(key, "level"))
        state, observation = env.reset(stream(key, "reset"), level)

        def step(now: tuple, action: tuple) -> tuple[tuple, tuple]:
            state, observation, total = now
            played = env.step(stream(key, "step", action[0]), state, action[1])
            total = total + played.reward
            done = played.terminated | played.truncated
            solved = done & env.solved(total, played.terminated)
            return (played.state, played.observation, total), (state, observation, done, solved)

        steps = jnp.arange(env.max_steps, dtype=jnp.int32), env.demonstration(level)
        begun = state, observation, jnp.float32(0)
        states, observations, done, solved = jax.lax.scan(step, begun, steps)[1]
        return states, observations, _length(done, solved)

    return Demonstrations(*jax.vmap(play)(jax.random.split(key, number)), jnp.int32(0))


def offered(
    old: Demonstrations, trace: Trace, own: Bool[Array, " B"], steps: int
) -> Demonstrations:
    """With the first episodes of the columns `own` that succeeded, each in the place of the oldest.

    `trace` holds states, and `steps` is the time limit: whatever succeeds does so within it.
    """
    length = jax.vmap(_length, (1, 1))(trace.done, trace.solved)
    number = old.lengths.shape[0]
    order = jnp.cumsum(own & (length > 0), dtype=jnp.int32)
    enters = own & (length > 0) & (order <= number)
    # The row past the last is dropped by the scatter.
    row = jnp.where(enters, (old.place + order - 1) % number, number)
    write = lambda to, new: to.at[row].set(jnp.moveaxis(new[:steps], 0, 1), mode="drop")  # noqa: E731
    return Demonstrations(
        jax.tree.map(write, old.states, trace.state),
        jax.tree.map(write, old.observations, trace.observation),
        old.lengths.at[row].set(length, mode="drop"),
        (old.place + jnp.sum(enters, dtype=jnp.int32)) % number,
    )


def at(
    every: Demonstrations, distance: Int[Array, "*n"], chance: Float[Array, "*n"]
) -> tuple[State, PyTree, Int[Array, "*n"]]:
    """States and observations `distance` actions from the end of a demonstration each, and how far
    they are: one that is shorter gives its first. `chance` in [0, 1) says which of those held.
    """
    order = jnp.argsort(every.lengths == 0, stable=True)
    held = jnp.maximum(every.held, 1)
    which = order[jnp.floor(chance * held.astype(jnp.float32)).astype(jnp.int32)]
    length = every.lengths[which]
    distance = jnp.minimum(distance, length)
    pick = lambda leaf: leaf[which, length - distance]  # noqa: E731
    states, observations = jax.tree.map(pick, (every.states, every.observations))
    return states, observations, distance


def _length(done: Bool[Array, " T"], solved: Bool[Array, " T"]) -> Int[Array, ""]:
    """Steps of the first episode if it succeeded, else 0."""
    end = jnp.argmax(done)
    return jnp.where(solved[end] & done[end], end + 1, 0).astype(jnp.int32)
