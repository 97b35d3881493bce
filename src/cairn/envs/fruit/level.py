"""Levels of the fruit game: how many rooms, their signs, and the fruit that pays."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from cairn.envs.protocol import Space


class FruitLevel(NamedTuple):
    """One row of rooms. Batched levels carry leading axes."""

    rooms: Int[Array, "*batch"]
    """How many there are."""
    signs: Int[Array, "*batch most"]
    """What is painted on each door, in [0, keys); 0 beyond the last room."""
    banana: Bool[Array, "*batch"]
    """Whether the banana pays; else the apple does. Nothing shows it."""


class Rooms(Space):
    """Rows of rooms."""

    fruit: Any
    """The game. Its `rooms`, `keys`, `deep`, `pays` and `prior` say which levels there are."""

    def sample(self, key: Key[Array, ""]) -> FruitLevel:
        """All rooms with chance `deep`, else fewer; the paying fruit as `pays` says."""
        game, keys = self.fruit, jax.random.split(key, 4)
        fewer = jax.random.randint(keys[0], (), 0, max(game.rooms, 1), jnp.int32)
        deep = jax.random.bernoulli(keys[1], game.deep)
        rooms = jnp.where(deep, game.rooms, jnp.minimum(fewer, game.rooms))
        signs = jax.random.randint(keys[2], (game.rooms,), 0, game.keys, jnp.int32)
        chance = 1.0 - game.prior if game.pays == "prior" else 0.5
        return row(rooms, signs, jax.random.bernoulli(keys[3], chance))

    def mutate(self, key: Key[Array, ""], level: FruitLevel) -> FruitLevel:
        """One of: a room more, a room less, all signs anew, the other fruit pays."""
        game, (what, paint) = self.fruit, jax.random.split(key)
        edit = jax.random.randint(what, (), 0, 4)
        change = jnp.array([1, -1, 0, 0], jnp.int32)[edit]
        signs = jax.random.randint(paint, (game.rooms,), 0, game.keys, jnp.int32)
        keep = jnp.arange(game.rooms) < jnp.where(edit == 2, 0, level.rooms)
        return row(
            jnp.clip(level.rooms + change, 0, game.rooms),
            jnp.where(keep, level.signs, signs),
            level.banana ^ (edit == 3),
        )

    def describe(self, level: FruitLevel) -> dict[str, int | str]:
        """How many rooms, and which fruit pays."""
        pays = "banana" if bool(level.banana) else "apple"
        return {"rooms": int(level.rooms), "pays": pays}


def row(rooms: Array, signs: Array, banana: Array) -> FruitLevel:
    """The level, with nothing painted where no room is."""
    there = jnp.arange(signs.shape[0]) < rooms
    return FruitLevel(rooms, jnp.where(there, signs, 0), banana)
