"""Craftax-Classic in words, with the package's own rules and rewards.

A prompt says of each kind of thing where the nearest one in view is (`tree 2w 1n`, or `tree . .`),
which way the player faces and what is in front, health, food and drink, what is carried, what is
still to be achieved of `GOALS`, and what remains of the plan: its way, and of its goals those still
to do, the next one last. Rewards are the package's: 1 for each
achievement, the first time, and a tenth of each change of health.

A plan is a way to look (`n`, `e`, `s`, `w`) and up to three goals, the first first. The prompt has
no past, so a plan is all that is kept from turn to turn: which goal, and which way when nothing of
it is in view. The teacher knows rules, not the map. Without a plan it does what is nearly done,
and else draws any that is still to do, anew each turn.

Source: Paglieri et al. 2025, Learning When to Plan, on text of Crafter (Hafner 2021,
arXiv:2109.06780); Craftax-Classic is its JAX form (Matthews et al. 2024, arXiv:2402.16801). The
words are ours.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.envs.adapters.craftax import CraftaxClassic
from cairn.nn.language.tokens import Symbols
from cairn.research.planning import craftax_teacher as teacher
from cairn.research.planning.craftax_sight import (
    ACTIONS,
    CARRIED,
    FRONTS,
    GOALS,
    KINDS,
    MOST,
    UNSEEN,
    WAYS,
    Sight,
    sight,
)
from cairn.research.planning.texts import ASK, COMMON, NONE

OFFSETS = (*(f"{n}w" for n in (4, 3, 2, 1)), "-", *(f"{n}e" for n in (1, 2, 3, 4)),
           *(f"{n}n" for n in (3, 2, 1)), *(f"{n}s" for n in (1, 2, 3)))  # fmt: skip
FRONT_WORDS = tuple(f"front-{name}" for name in FRONTS)
LEVELS = tuple(f"{name}{n}" for name in ("health", "food", "drink") for n in range(10))
BAG = tuple(f"{name}:{n}" for name, most in zip(CARRIED, MOST, strict=True)
            for n in range(most + 1))  # fmt: skip
FACING = tuple(f"facing-{way}" for way in WAYS)
GROUPS = (ACTIONS, KINDS, OFFSETS, FACING, FRONT_WORDS, LEVELS, BAG, tuple(GOALS), WAYS)
STARTS = np.cumsum([len(COMMON), *map(len, GROUPS)])
ACT, KIND, OFFSET, FACE, FRONT, LEVEL, CARRY, GOAL, WAY = map(int, STARTS[:-1])
"""Ids of the first word of each group."""


class CraftaxText(eqx.Module):
    """Craftax-Classic as a `TextWorld`; an action is its name."""

    turns: int = eqx.field(default=32, static=True)
    longest: int = eqx.field(default=4, static=True)
    """A way, and goals."""

    def __check_init__(self):
        if self.turns < 1 or not 2 <= self.longest <= 1 + len(GOALS):
            raise ConfigError(
                f"a CraftaxText expects turns of at least 1 and longest of 2 to {1 + len(GOALS)}; "
                f"got {self.turns} and {self.longest}."
            )
        _ = self._env  # a package that is missing is said at once

    @property
    def _env(self) -> CraftaxClassic:
        return CraftaxClassic(limit=self.turns)

    @property
    def words(self) -> Symbols:
        """Actions, things, places, what is carried, goals, ways."""
        return Symbols((*COMMON, *(name for group in GROUPS for name in group)))

    @property
    def length(self) -> int:
        """Three words a kind; facing, front; levels; the bag; goals; the colon; the plan."""
        return 3 * len(KINDS) + 2 + 3 + len(CARRIED) + len(GOALS) + self.longest + 1

    @property
    def plannable(self) -> Bool[Array, " V"]:
        """Ways and goals, which stand last."""
        return jnp.arange(self.words.size) >= GOAL

    def begin(self, key: Key[Array, ""]) -> Any:
        """A world of its own."""
        return self._env.reset(key, jax.random.bits(key, (), jnp.uint32))[0]

    def text(self, state: Any, plan: Int[Array, " M"]) -> Int[Array, " L"]:
        """All that is seen."""
        seen = sight(state)
        inside, middle = seen.far < UNSEEN, OFFSETS.index("-")
        east = OFFSET + middle + seen.across
        south = jnp.where(seen.down < 0, 12 + seen.down, 11 + seen.down)
        south = OFFSET + jnp.where(seen.down == 0, middle, south)
        kinds = jnp.arange(KIND, KIND + len(KINDS))
        places = jnp.stack([kinds, *(jnp.where(inside, at, NONE) for at in (east, south))], axis=1)
        starts = np.cumsum([0, *(most + 1 for most in MOST)])[:-1]
        return jnp.concatenate([
            places.ravel(), jnp.stack([FACE + seen.facing, FRONT + seen.front]),
            LEVEL + jnp.arange(3) * 10 + seen.levels, CARRY + jnp.asarray(starts) + seen.bag,
            jnp.where(seen.todo, GOAL + jnp.arange(len(GOALS)), NONE), jnp.array([ASK]),
            remaining(seen, plan),
        ]).astype(jnp.int32)  # fmt: skip

    def legal(self, state: Any) -> Bool[Array, " V"]:
        """All actions, always."""
        at = jnp.arange(self.words.size)
        return (at >= ACT) & (at < ACT + len(ACTIONS))

    def act(
        self, state: Any, word: Int[Array, ""], key: Key[Array, ""]
    ) -> tuple[Any, Float[Array, ""], Bool[Array, ""]]:
        """The package's step; also over when the player dies."""
        after = self._env.step(key, state, word - ACT)
        return after.state, jnp.asarray(after.reward), after.terminated | after.truncated

    def plan(self, state: Any, key: Key[Array, ""]) -> Int[Array, " M"]:
        """The cheapest goals in order, and the way to the first; if it is unseen, any way."""
        way, goals = teacher.planned(sight(state), self.longest - 1, key)
        goals = jnp.where(goals < len(GOALS), GOAL + goals, NONE)
        return jnp.concatenate([WAY + way[None], goals]).astype(jnp.int32)

    def detour(self, state: Any, key: Key[Array, ""]) -> Int[Array, " M"]:
        """Some way and one goal that is still to do."""
        way = jax.random.randint(stream(key, "way"), (), 0, len(WAYS))
        todo = jnp.where(sight(state).todo, 0.0, -1e9)
        goal = jax.random.categorical(stream(key, "goal"), todo)
        more = jnp.full(self.longest - 2, NONE)
        return jnp.concatenate([jnp.stack([WAY + way, GOAL + goal]), more]).astype(jnp.int32)

    def advise(self, state: Any, plan: Int[Array, " M"], key: Key[Array, ""]) -> Int[Array, ""]:
        """A step to the plan's first goal that is still to do; without one, to any."""
        way = jnp.where(plan[0] >= WAY, plan[0] - WAY, -1)
        return ACT + teacher.advised(sight(state), way, plan[1:] - GOAL, key)


def remaining(seen: Sight, plan: Int[Array, " M"]) -> Int[Array, " M"]:
    """The plan's way, and of its goals those that are still to do, the next one last."""
    goals = plan[1:] - GOAL
    todo = (goals >= 0) & (goals < len(GOALS)) & seen.todo[jnp.clip(goals, 0, len(GOALS) - 1)]
    order = jnp.argsort(~todo, stable=True)[::-1]
    left = jnp.where(todo[order], plan[1:][order], NONE)
    return jnp.concatenate([jnp.where(todo.any(), plan[:1], NONE), left])
