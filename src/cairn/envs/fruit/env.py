"""Pass some rooms, then eat one of two fruits, of which a hidden one pays.

After the stochastic fruit choice of Jiang et al. 2022, arXiv:2207.05219: rooms lead to an apple and
a banana, and which of them pays is settled when the level is made and never shown. It is the
game's aleatoric parameter. With payoffs 3 and 10 and the apple paying nine times in ten, who always
eats the apple has 2.7 and who always eats the banana 1. A teacher of largest regret makes bananas
pay so often that neither choice is better: against it, regret is least for who eats the apple 3
times in 13, which under the true distribution has 1.39 (`minimax_choice`).

The rooms are ours. Each has a door that one of several keys opens, always the same one, and a wrong
key ends the attempt. Who has never passed room n has to guess its key, and nearly all new levels
have all rooms: a curriculum has to find those that have one more than is mastered.
"""

from typing import ClassVar, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key, UInt8

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.envs.belief import Exact
from cairn.envs.fruit.level import FruitLevel, Rooms
from cairn.envs.protocol import (
    Discrete,
    Environment,
    Step,
    Suite,
    Vector,
    plain_suite,
    unknown_suite,
)

APPLE, BANANA = 0, 1


class FruitState(NamedTuple):
    """An attempt under way."""

    level: FruitLevel
    passed: Int[Array, ""]
    """Rooms behind; with the last of them, the fruits are at hand."""
    time: Int[Array, ""]
    """Steps taken so far."""


class Fruit(Environment):
    """Pass rooms to an apple and a banana, of which a hidden one pays (cairn's, after SAMPLR)."""

    random_start: ClassVar[bool] = False
    level_settings: ClassVar[tuple[str, ...]] = ("deep", "pays")
    measure: ClassVar[str] = "return"

    rooms: int = eqx.field(static=True, default=8)
    """The most rooms a level has; 0: nothing but the choice."""
    keys: int = eqx.field(static=True, default=8)
    """Keys, and actions. Before the fruits, even ones eat the apple, odd ones the banana."""
    deep: float = eqx.field(static=True, default=0.995)
    """Chance of a new level to have all rooms; else it has fewer, any number as likely."""
    pays: Literal["even", "prior"] = eqx.field(static=True, default="even")
    """Which fruit pays in new levels: either as often, or as in the ground truth."""
    prior: float = eqx.field(static=True, default=0.9)
    """The ground truth: how often the apple pays. Tests and the belief go by it."""
    apple: float = eqx.field(static=True, default=3.0)
    """What the apple pays, where it does."""
    banana: float = eqx.field(static=True, default=10.0)
    """What the banana pays, where it does."""

    def __check_init__(self) -> None:
        """Refuse games that cannot be played."""
        if self.rooms < 0:
            raise ConfigError(f"rooms must not be negative, got {self.rooms}.")
        if self.keys < 2:
            raise ConfigError(f"keys must be at least 2, one for each fruit, got {self.keys}.")
        for name in ("deep", "prior"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"{name} must lie in [0, 1], got {getattr(self, name)}.")
        for name in ("apple", "banana"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must pay more than 0, got {getattr(self, name)}.")

    @property
    def action_spec(self) -> Discrete:
        """One action for each key."""
        return Discrete(self.keys)

    @property
    def max_steps(self) -> int:
        """One for each room, and a bite."""
        return self.rooms + 1

    @property
    def observation_spec(self) -> Vector:
        """Rooms behind, one-hot; whether the fruits are at hand."""
        return Vector(self.rooms + 2)

    @property
    def space(self) -> Rooms:
        """Rooms by chance."""
        return Rooms(self)

    @property
    def belief(self) -> Exact:
        """Exact: either fruit may pay, with the ground truth's probability."""
        return Exact(self, self.variants)

    def variants(self, level: FruitLevel) -> tuple[FruitLevel, Float[Array, "2"]]:
        """The rooms with the apple paying and with the banana, and how likely each is."""
        levels = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), level)
        prior = jnp.array([self.prior, 1.0 - self.prior], jnp.float32)
        return levels._replace(banana=jnp.array([False, True])), prior

    def reset(
        self, key: Key[Array, ""], level: FruitLevel
    ) -> tuple[FruitState, Float[Array, " size"]]:
        """Before the first door. Nothing here is random."""
        state = FruitState(level, jnp.int32(0), jnp.int32(0))
        return state, self.observe(state)

    def step(self, key: Key[Array, ""], state: FruitState, action: Int[Array, ""]) -> Step:
        """Try a key or, before the fruits, eat one; a wrong key and a bite end the attempt."""
        eats = state.passed >= state.level.rooms
        stuck = ~eats & (action != self.key(state.passed))
        banana = action % 2 == BANANA
        pays = jnp.where(banana, jnp.float32(self.banana), jnp.float32(self.apple))
        opened = (~eats & ~stuck).astype(jnp.int32)
        after = FruitState(state.level, state.passed + opened, state.time + 1)
        ends = stuck | eats
        return Step(
            state=after,
            observation=self.observe(after),
            reward=jnp.where(eats & (banana == state.level.banana), pays, 0.0),
            terminated=ends,
            truncated=~ends & (after.time >= self.max_steps),
        )

    def key(self, room: Int[Array, ""]) -> Int[Array, ""]:
        """Which key opens a room's door: none that a pattern would tell."""
        return (room * room + 3 * room + room // 3 + 1) % self.keys

    def observe(self, state: FruitState) -> Float[Array, " size"]:
        """Everything here but which fruit pays. How many rooms are to come is not seen."""
        fruits = (state.passed >= state.level.rooms).astype(jnp.float32)
        behind = jax.nn.one_hot(state.passed, self.rooms + 1, dtype=jnp.float32)
        return jnp.concatenate([behind, fruits[None]])

    def optimal_return(self, level: FruitLevel) -> Float[Array, ""]:
        """What the paying fruit pays: every door has its key."""
        return jnp.where(level.banana, jnp.float32(self.banana), jnp.float32(self.apple))

    def picture(
        self,
        level: FruitLevel,
        states: FruitState | None = None,
        *,
        live: bool = False,
        pixels: int = 300,
    ) -> UInt8[np.ndarray, "rows columns 3"]:
        """See `cairn.envs.fruit.picture`."""
        from cairn.envs.fruit.picture import picture  # training must not load Pillow

        return picture(level, states, self.rooms, pixels)

    def legend(self) -> str:
        """Doors, fruits and how far."""
        return (
            "Brown: doors; red: apple, yellow: banana, with a ring "
            "around the one that pays; the bar below: how far the agent came."
        )

    def suites(self, full: bool = False) -> tuple[str, ...]:
        """New levels under the ground truth, the choice alone, and all rooms."""
        return ("prior", "open", "deep")

    def suite(self, name: str, key: Key[Array, ""], full: bool = False) -> Suite:
        """200 levels, in exactly as many of which the apple pays as the ground truth says."""
        if name not in self.suites(full):
            raise unknown_suite(self, name, full)
        number = 200
        levels = jax.jit(jax.vmap(self.space.sample))(jax.random.split(stream(key, name), number))
        rooms = {"open": 0, "deep": self.rooms}.get(name)
        if rooms is not None:
            levels = levels._replace(rooms=np.full(number, rooms, np.int32))
        # Spread evenly, so that the first ones alone have the right share as well.
        bananas = np.floor(np.arange(number + 1) * (1.0 - self.prior) + 1e-6)
        banana = np.diff(bananas) > 0
        return plain_suite(name, self, levels._replace(banana=banana))


def minimax_choice(apple: float, banana: float) -> float:
    """How often the apple is eaten by whose largest regret is least.

    If the apple pays, who eats it with chance p regrets apple (1 - p); if the banana pays,
    banana p. The larger of the two is least where they are equal.
    """
    return apple / (apple + banana)


def expected_return(choice: float, *, prior: float, apple: float, banana: float) -> float:
    """What who eats the apple with chance `choice` has, where it pays with chance `prior`."""
    return prior * choice * apple + (1 - prior) * (1 - choice) * banana
