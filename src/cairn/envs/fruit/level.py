"""Levels of the fruit game: how many rooms, and the fruit that pays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from cairn.envs.protocol import Space


class FruitLevel(NamedTuple):
    """One row of rooms. Batched levels carry leading axes."""

    rooms: Int[Array, "*batch"]
    """How many there are."""
    banana: Bool[Array, "*batch"]
    """Whether the banana pays; else the apple does. Nothing shows it."""


class Rooms(Space):
    """Rows of rooms."""

    fruit: Any
    """The game. Its `rooms`, `deep`, `pays` and `prior` say which levels there are."""

    def sample(self, key: Key[Array, ""]) -> FruitLevel:
        """All rooms with chance `deep`, else fewer; the paying fruit as `pays` says."""
        game, keys = self.fruit, jax.random.split(key, 3)
        fewer = jax.random.randint(keys[0], (), 0, max(game.rooms, 1), jnp.int32)
        deep = jax.random.bernoulli(keys[1], game.deep)
        rooms = jnp.where(deep, game.rooms, jnp.minimum(fewer, game.rooms))
        chance = 1.0 - game.prior if game.pays == "prior" else 0.5
        return FruitLevel(rooms, jax.random.bernoulli(keys[2], chance))

    def mutate(self, key: Key[Array, ""], level: FruitLevel) -> FruitLevel:
        """A room more, a room less, or, one time in three, the other fruit pays."""
        edit = jax.random.randint(key, (), 0, 3)
        change = jnp.array([1, -1, 0], jnp.int32)[edit]
        rooms = jnp.clip(level.rooms + change, 0, self.fruit.rooms)
        return FruitLevel(rooms, level.banana ^ (edit == 2))

    def describe(self, level: FruitLevel) -> dict[str, int | str]:
        """How many rooms, and which fruit pays."""
        pays = "banana" if bool(level.banana) else "apple"
        return {"rooms": int(level.rooms), "pays": pays}
