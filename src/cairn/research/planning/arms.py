"""What is compared: one transformer under fixed frequencies, as it decides, and with given plans.

All arms of a world meet the same test episodes, which hang on the test's key alone.
"""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.research.planning.craftax_text import CraftaxText
from cairn.research.planning.graph_text import GraphText
from cairn.research.planning.speaker import MAY_NOT, Speaker
from cairn.research.planning.texts import TextWorld
from cairn.research.planning.tuned import Config
from cairn.research.planning.turns import Now, Order, every, handed, own, play, told

WORLDS: dict[str, Callable[[], TextWorld]] = {"graph": GraphText, "craftax": CraftaxText}
CONFIGS = {
    "graph": Config(),
    "craftax": Config(episodes=512, primed=800, updates=15, batch=16, epochs=1),
}
"""Of a few minutes on one core."""
PERIODS = (0, 8, 4, 2, 1)
"""Fixed frequencies, from never to always."""
NAMES = {0: "never", **{k: f"every {k}" for k in PERIODS[1:-1]}, 1: "always"}
GIVEN = 4
"""Turns between two plans that are handed in."""


def world_of(name: str) -> TextWorld:
    """The world of this name. Raises MissingExtraError where its package is not installed."""
    if name not in WORLDS:
        raise ConfigError(f"a world of planning is one of {', '.join(WORLDS)}; got {name!r}.")
    return WORLDS[name]()


def figures(
    world: TextWorld, player: Speaker | None, order: Order, key: Array, episodes: int
) -> dict[str, float]:
    """Means over test episodes; without a player the teacher's.

    `reward` is the world's; `plans` a turn; `words` said for plans, `turns` an episode.
    """
    found = told(play(world, player, order, key, episodes), 0.0)
    means = {name: float(getattr(found, name).mean()) for name in ("plans", "words", "turns")}
    return {"reward": float(found.reward.mean()), **means}


def compared(
    world: TextWorld, player: Speaker, key: Array, episodes: int
) -> dict[str, dict[str, float]]:
    """Every fixed frequency, its own decisions, and the teacher's plans handed in."""
    orders: dict[str, Order] = {NAMES[period]: every(period) for period in PERIODS}
    orders |= {"own": own, f"given every {GIVEN}": handed(world.plan, GIVEN)}
    return {name: figures(world, player, order, key, episodes) for name, order in orders.items()}


def steered(world: TextWorld, player: Speaker, key: Array, episodes: int) -> dict[str, float]:
    """How often the first action is the one that a plan handed in asks for.

    `shown`: that plan is in force, one that leads anywhere. `hidden`: none is. The action asked for
    is what the teacher does under that plan.
    """
    asked: list[Any] = []
    detours = jax.jit(jax.vmap(world.detour))
    advise = jax.jit(jax.vmap(world.advise))

    def giving(show: bool) -> Order:
        def order(now: Now) -> tuple[Any, Any]:
            if now.turn:
                return np.full(now.rows, MAY_NOT), None
            keys = jax.random.split(stream(key, "detour"), now.rows)
            plans = detours(now.state, keys)
            asked.append(np.asarray(advise(now.state, plans, keys)))
            return np.full(now.rows, MAY_NOT), plans if show else None

        return order

    found = {}
    for name, show in (("shown", True), ("hidden", False)):
        turns = play(world, player, giving(show), key, episodes, limit=1)
        found[name] = float((turns.action[0] == asked[-1]).mean())
    return found
