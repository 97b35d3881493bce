"""Episodes of a text world, turn by turn: played by a transformer, or by the teacher.

The world's step and the answer are compiled apart, so that a world that takes long to compile is
compiled once for all who play in it. Rows whose episode is over stand still and count nowhere.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key

from cairn.core.keys import stream
from cairn.research.planning import speaker as speaking
from cairn.research.planning.speaker import MAY_NOT, MUST, OWN, Speaker
from cairn.research.planning.texts import NONE, TextWorld, no_plan


class Turns(NamedTuple):
    """Turns of B episodes as NumPy arrays, time first: (T, B) and what each is of."""

    prompt: np.ndarray
    legal: np.ndarray
    said: np.ndarray
    order: np.ndarray
    log_chance: np.ndarray
    value: np.ndarray
    planned: np.ndarray
    words: np.ndarray
    """Said for plans."""
    reward: np.ndarray
    """The world's."""
    live: np.ndarray
    """Whether the episode was going on."""
    action: np.ndarray


@dataclass(frozen=True)
class Now:
    """What an order hangs on."""

    turn: int
    state: Any
    key: Key[Array, ""]
    rows: int


Order = Callable[[Now], tuple[Any, Any]]
"""Orders of all rows (B), and plans that are handed in (B, M), or None."""


def own(now: Now) -> tuple[Any, Any]:
    """Each row as it decides."""
    return np.full(now.rows, OWN), None


def every(period: int) -> Order:
    """Plan at the first turn and every `period` turns; 0: never."""

    def order(now: Now) -> tuple[Any, Any]:
        plan = period > 0 and now.turn % period == 0
        return np.full(now.rows, MUST if plan else MAY_NOT), None

    return order


def handed(give: Callable[[Any, Array], Array], period: int) -> Order:
    """Nobody plans, and at the first turn and every `period` turns a plan is handed in.

    `give(state, key)` makes one row's. What is handed in costs no words.
    """
    made = jax.jit(jax.vmap(give))

    def order(now: Now) -> tuple[Any, Any]:
        keys = jax.random.split(now.key, now.rows)
        plans = made(now.state, keys) if now.turn % period == 0 else None
        return np.full(now.rows, MAY_NOT), plans

    return order


def _kept(over: Array, old: Any, new: Any) -> Any:
    """Rows that are over stay as they were."""

    def either(a: Array, b: Array) -> Array:
        return jnp.where(over.reshape(-1, *[1] * (b.ndim - 1)), a, b)

    return jax.tree.map(either, old, new)


@eqx.filter_jit
def _begun(world: TextWorld, keys: Array) -> Any:
    return jax.vmap(world.begin)(keys)


@eqx.filter_jit
def _stepped(world: TextWorld, state: Any, over: Array, action: Array, keys: Array) -> Any:
    after, reward, ends = jax.vmap(world.act)(state, action, keys)
    return _kept(over, state, after), jnp.where(over, 0.0, reward), over | ends


@eqx.filter_jit
def _seen(world: TextWorld, state: Any, plan: Array) -> Any:
    return jax.vmap(world.text)(state, plan), jax.vmap(world.legal)(state)


@eqx.filter_jit
def _spoken(speaker: Speaker, world: TextWorld, prompt: Any, legal: Any, order: Any, key: Any):
    answers = speaking.speak(speaker, world, prompt, legal, order, key)
    return answers, speaking.read(answers.said)


@eqx.filter_jit
def _taught(world: TextWorld, state: Any, plan: Array, order: Array, keys: Array) -> Any:
    planned = order == MUST
    made = jax.vmap(lambda s, k: world.plan(s, stream(k, "plan")))(state, keys)
    plan = jnp.where(planned[:, None], made, plan)
    advise = jax.vmap(lambda s, p, k: world.advise(s, p, stream(k, "act")))
    said = speaking.written(plan, advise(state, plan, keys), planned)
    nothing = jnp.zeros(planned.shape)
    return speaking.Answers(said, nothing, nothing), speaking.read(said)


def play(
    world: TextWorld,
    player: Speaker | None,
    order: Order,
    key: Array,
    rows: int,
    *,
    limit: int | None = None,
) -> Turns:
    """`rows` episodes, whole or their first `limit` turns; without a player the teacher's.

    Worlds hang on `key` alone.
    """
    state = _begun(world, jax.random.split(stream(key, "worlds"), rows))
    plan = jnp.broadcast_to(no_plan(world), (rows, world.longest))
    over, turns = jnp.zeros(rows, bool), []
    for turn in range(limit or world.turns):
        here = stream(key, "turn", turn)
        orders, given = order(Now(turn, state, stream(here, "order"), rows))
        plan = plan if given is None else given
        keys = jax.random.split(stream(here, "rows"), rows)
        prompt, legal = _seen(world, state, plan)
        if player is None:
            answers, read = _taught(world, state, plan, jnp.asarray(orders), keys)
        else:
            answers, read = _spoken(
                player, world, prompt, legal, jnp.asarray(orders), stream(here, "say")
            )
        plan = jnp.where(read.planned[:, None], read.plan, plan)
        live = ~over
        state, reward, over = _stepped(world, state, over, read.action, keys)
        said, *figures = answers
        what = read.planned, read.words, reward, live, read.action
        turns.append((prompt, legal, said, orders, *figures, *what))
        if bool(over.all()):
            break
    return Turns(
        *(np.stack([np.asarray(one) for one in each]) for each in zip(*turns, strict=True))
    )


class Told(NamedTuple):
    """Of each episode, (B,)."""

    worth: np.ndarray
    """Rewards less the cost of words."""
    reward: np.ndarray
    plans: np.ndarray
    """Plans a turn."""
    words: np.ndarray
    """Said for plans."""
    turns: np.ndarray


def told(turns: Turns, cost: float) -> Told:
    """What the episodes came to, at this cost of a plan's word."""
    words = (turns.words * turns.live).sum(0)
    reward, length = turns.reward.sum(0), turns.live.sum(0)
    plans = (turns.planned & turns.live).sum(0) / length
    return Told(reward - cost * words, reward, plans, words, length)


def shown(world: TextWorld, turns: Turns, row: int = 0) -> str:
    """An episode in words: what was read and what was answered, a line each turn."""
    lines = []
    for prompt, said, live in zip(
        turns.prompt[:, row], turns.said[:, row], turns.live[:, row], strict=True
    ):
        if live:
            texts = [
                world.words.decode([int(w) for w in ids if w != NONE]) for ids in (prompt, said)
            ]
            lines.append(" => ".join(texts))
    return "\n".join(lines)
