"""The one rollout that every compiled method shares."""

from collections.abc import Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
from jax.sharding import Mesh
from jaxtyping import Array, Float, Int, Key, PyTree

from cairn.core.axes import COLUMNS
from cairn.core.keys import stream, uniforms
from cairn.core.trace import Keep, Trace
from cairn.engine import tracing
from cairn.engine.devices import WHOLE, along, over
from cairn.engine.step import Actors, Moment, first_moment, go_on, seated, take
from cairn.engine.tracing import Kept
from cairn.envs.protocol import Environment, Level
from cairn.learners.protocol import Actor

Restart = Literal["next", "same"]


class Carry(NamedTuple):
    """Where B columns stand after a rollout, for the next one to go on from."""

    moment: Moment
    turn: Int[Array, " B"]
    """The place of each column in its levels."""
    step: Int[Array, ""]
    """Steps so far: the counter of every draw. With one key, draws repeat after 2^32."""

    @property
    def state(self) -> PyTree:
        """The environment's states."""
        return self.moment.state


CARRY: Any = Carry(along(COLUMNS), along(COLUMNS), WHOLE)  # type: ignore[arg-type]
"""How a carry lies on the devices that share its columns."""


def rollout(
    env: Environment,
    actors: Actors,
    levels: Level | None,
    key: Key[Array, ""],
    *,
    steps: int,
    start: Carry | None = None,
    restart: Restart | None = "next",
    remember: Collection[str] = (),
    keep: Mapping[str, Collection[Keep]] = MappingProxyType({}),
    bootstrap_time_limit: bool = False,
    columns: Int[Array, " B"] | None = None,
    mesh: Mesh | None = None,
) -> tuple[Carry, dict[str, Trace]]:
    """Play B columns for `steps` steps each: where that leaves them, and a trace by role.

    It begins with a reset on `levels` and with empty memory, or goes on from `start`: what another
    rollout left, or given states (`begin_at`). `levels` has leading axes (turns, B). When an
    episode of a column ends, the column goes on with the "next" of its levels, and after the last
    with the first (one turn restarts the same level: what scoring a level needs), or with the
    "same"; or, with None, it stands still from there (`Trace.weight`) and a `start` needs no
    levels.

    A role in `remember` keeps its memory when an episode ends. A trace holds what its player's
    policy wants (`keeps`) and what `keep` asks for the role.

    All randomness comes from `key`, the step counter and the column's number, 0 to B - 1 unless
    `columns` says otherwise: a column fares the same wherever it is played, and a rollout is the
    same in one piece or in several. The devices of `mesh` share the columns.
    """
    if levels is None and (start is None or restart is not None):
        raise ValueError("levels are needed to begin and to restart: give them too")
    actors = seated(env, actors)
    if columns is None:
        batch = jax.tree.leaves(levels)[0].shape[1] if start is None else start.turn.shape[0]
        columns = jnp.arange(batch, dtype=jnp.int32)
    policies = {role: actor.policy for role, actor in actors.items()}
    kept = Kept.of(policies, keep, remember, bootstrap_time_limit)

    def here(states: Any, levels: Any, key: Array, columns: Array, start: Any) -> Any:
        now = {role: Actor(policy, states[role]) for role, policy in policies.items()}
        return _play(env, now, levels, key, columns, start, steps, restart, kept)

    states = {role: actor.state for role, actor in actors.items()}
    begun = WHOLE if start is None else CARRY
    inputs = (WHOLE, along(COLUMNS, 1), WHOLE, along(COLUMNS), begun)
    outputs = (CARRY, dict.fromkeys(actors, tracing.TRACE))
    return over(mesh, here, inputs, outputs)(states, levels, key, columns, start)


def begin_at(
    env: Environment, actors: Actors, states: PyTree, observations: PyTree, batch: int
) -> Carry:
    """B columns at given states of the environment, where they observe this; memory is empty."""
    moment = first_moment(seated(env, actors), states, observations, batch)
    return Carry(moment, jnp.zeros(batch, jnp.int32), jnp.int32(0))


def column_keys(key: Key[Array, ""], columns: Int[Array, " B"]) -> Key[Array, " B"]:
    """One key for each column, by its number."""
    return jax.vmap(lambda column: jax.random.fold_in(key, column))(columns)


def _play(
    env: Environment,
    actors: dict[str, Actor],
    levels: Any,
    key: Array,
    columns: Array,
    start: Carry | None,
    steps: int,
    restart: Restart | None,
    kept: Kept,
) -> tuple[Carry, dict[str, Trace]]:
    """See `rollout`."""
    begin = _beginner(env, levels, stream(key, "reset"), columns)
    if start is None:
        turn = jnp.zeros_like(columns)
        moment = first_moment(actors, *begin(turn, jnp.int32(0)), columns.shape[0])
        start = Carry(moment, turn, jnp.int32(0))
    if restart is None and start.moment.over is None:
        start = start._replace(moment=start.moment._replace(over=jnp.zeros(columns.shape, bool)))

    def step(carry: tuple[Moment, Array], now: tuple[Array, dict]) -> tuple[Any, Any]:
        (moment, turn), (time, noise) = carry, now
        keys = column_keys(stream(key, "step", time), columns)
        played = take(env, actors, moment, keys, noise, kept.remember)
        if restart == "next":
            turn = turn + played.done.astype(jnp.int32)
        starts = None if restart is None else begin(turn, time + 1)
        after = go_on(moment, played, played.done, starts)
        return (after, turn), tracing.rows(env, actors, moment, played, kept)

    times = start.step + jnp.arange(steps, dtype=jnp.int32)
    noise = _noise(actors, stream(key, "act"), columns, start.step, steps)
    (moment, turn), rows = jax.lax.scan(step, (start.moment, start.turn), (times, noise))
    traces = tracing.whole(env, actors, start.moment, moment, rows, kept)
    return Carry(moment, turn, start.step + steps), traces


def _noise(
    actors: dict[str, Actor], key: Array, columns: Array, first: Array, steps: int
) -> dict[str, Float[Array, "T B ..."]]:
    """The uniform numbers of all steps. Drawn at once: a kernel in each step would cost more."""

    def drawn(seat: int, shape: tuple[int, ...]) -> Array:
        own = key if seat == 0 else stream(key, "seat", seat)
        draw = lambda column_key: uniforms(column_key, first, steps, shape)  # noqa: E731
        return jnp.swapaxes(jax.vmap(draw)(column_keys(own, columns)), 0, 1)

    return {role: drawn(i, actor.policy.noise) for i, (role, actor) in enumerate(actors.items())}


def _beginner(env: Environment, levels: Any, key: Array, columns: Array) -> Callable:
    """(turn of each column, time) → first states and observations of the levels it is now at."""
    if levels is None:
        return lambda turn, time: None
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
