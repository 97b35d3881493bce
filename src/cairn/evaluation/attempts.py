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
from cairn.engine.step import Moment, first_moment, go_on, seated, take
from cairn.envs.protocol import Environment, Level
from cairn.learners.protocol import Actor, Policy


class Attempts(NamedTuple):
    """One episode each of N attempts."""

    solved: Bool[Array, " N"]
    episode_return: Float[Array, " N"]
    length: Int[Array, " N"]
    steps: Int[Array, ""]
    """Environment steps really computed, those of columns that had run out of work included."""


class _UnderWay(NamedTuple):
    attempt: Int[Array, " columns"]
    """What each column plays; `count` or more: nothing any more."""
    time: Int[Array, " columns"]
    moment: Moment
    queued: Int[Array, ""]
    """The first attempt that nobody has begun."""
    result: Attempts


def attempt(
    env: Environment,
    policy: Policy,
    policy_state: Any,
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
    actors = alone(env, policy, policy_state)
    (role,) = actors
    number = keys.shape[0]
    begin = _beginner(env, levels, keys)

    def step(carry: _UnderWay) -> _UnderWay:
        attempt, time, moment = carry.attempt, carry.time, carry.moment
        own = keys[jnp.minimum(attempt, number - 1)]
        played = take(env, actors, moment, *draws(own, time, policy, role))
        ends = (attempt < count) & (played.done | (time + 1 >= env.max_steps))
        slot = jnp.where(ends, attempt, number)  # out of range: nothing is written
        old = carry.result
        result = Attempts(
            old.solved.at[slot].set(played.solved[role], mode="drop"),
            old.episode_return.at[slot].set(played.episode_return[role], mode="drop"),
            old.length.at[slot].set(time + 1, mode="drop"),
            old.steps + columns,
        )
        taken = jnp.cumsum(ends, dtype=jnp.int32)
        following = jnp.where(ends, carry.queued + taken - 1, attempt)
        return _UnderWay(
            following,
            jnp.where(ends, 0, time + 1),
            go_on(moment, played, ends, begin(following)),
            carry.queued + taken[-1],
            result,
        )

    first = jnp.arange(columns, dtype=jnp.int32)
    begun = _UnderWay(
        first,
        jnp.zeros(columns, jnp.int32),
        first_moment(actors, *begin(first), columns),
        jnp.int32(columns),
        Attempts(
            jnp.zeros(number, bool),
            jnp.zeros(number, jnp.float32),
            jnp.zeros(number, jnp.int32),
            jnp.int32(0),
        ),
    )
    return jax.lax.while_loop(lambda carry: jnp.any(carry.attempt < count), step, begun).result


def alone(env: Environment, policy: Policy, policy_state: Any) -> dict[str, Actor]:
    """The only player of `env`. Raises ConfigError if it has several."""
    return seated(env, {env.players[0]: Actor(policy, policy_state)})


def draws(
    keys: Key[Array, " N"], time: Int[Array, " N"], policy: Policy, role: str
) -> tuple[Key[Array, " N"], dict[str, Float[Array, "N ..."]]]:
    """What one step of N attempts takes at random, by each one's own key and time."""
    act = lambda key, t: jax.random.uniform(stream(key, "act", t), policy.noise)  # noqa: E731
    step_keys = jax.vmap(lambda key, t: stream(key, "step", t))(keys, time)
    return step_keys, {role: jax.vmap(act)(keys, time)}


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
