"""Spaces of levels without an environment of cairn: numbers, lists, and both together.

For `cairn.Teacher`, whose trainer knows how to play a level; an environment of cairn's may have
them as its `space` as well.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.core import trees
from cairn.core.errors import ConfigError
from cairn.envs.protocol import Level, Space

Bounds = tuple[float, float] | tuple[float, float, str]
Bound = tuple[str, float, float, bool]
"""Name, lowest, highest, and whether ratios count and not differences."""


class Box(Space):
    """Named numbers between bounds. A level is a dictionary of float32 scalars."""

    bounds: tuple[Bound, ...] = eqx.field(static=True)
    edit: float = eqx.field(static=True)
    """Standard deviation of an edit, as a share of the range (of its logarithm)."""

    def __init__(self, bounds: Mapping[str, Bounds], edit: float = 0.1):
        """`bounds`: name to (low, high), or to (low, high, "log") for a scale by ratios.

        Raises ConfigError for bounds that are not finite, crossed or, of a ratio, not positive.
        """
        if not bounds:
            raise ConfigError("A Box needs at least one number, as in {'length': (0.1, 2.0)}.")
        if not (isinstance(edit, int | float) and 0 < edit <= 1):
            raise ConfigError(f"edit must lie in (0, 1], a share of each range, got {edit}.")
        self.bounds = tuple(_bound(name, bounds[name]) for name in sorted(bounds))
        self.edit = float(edit)

    def sample(self, key: Key[Array, ""]) -> dict[str, Float[Array, ""]]:
        """Each number uniform between its bounds, or log-uniform."""
        return self._level(jax.random.uniform(key, (len(self.bounds),), jnp.float32))

    def mutate(self, key: Key[Array, ""], level: Level) -> dict[str, Float[Array, ""]]:
        """Every number moves a little, and is thrown back where it would leave its bounds."""
        places = jnp.stack([_place(level[bound[0]], bound) for bound in self.bounds])
        moved = places + self.edit * jax.random.normal(key, places.shape, jnp.float32)
        return self._level(1.0 - jnp.abs(1.0 - jnp.abs(moved) % 2.0))

    def describe(self, level: Level) -> dict[str, float]:
        """The numbers by name."""
        return {name: float(level[name]) for name, *_ in self.bounds}

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"box": [list(bound) for bound in self.bounds], "edit": self.edit}

    def _level(self, places: Float[Array, " names"]) -> dict[str, Float[Array, ""]]:
        pairs = zip(places, self.bounds, strict=True)
        return {bound[0]: _number(place, bound) for place, bound in pairs}


class Finite(Space):
    """Some things in a list. A level is a place in it, an int32; `values` gives the things."""

    items: tuple[Any, ...] = eqx.field(static=True)
    ordered: bool = eqx.field(static=True)
    """Whether neighbours in the list are alike, so that there are small edits."""

    def __init__(self, items: Sequence[Any], ordered: bool = False):
        """Raises ConfigError for an empty list."""
        if not len(items):
            raise ConfigError("A Finite space needs at least one item, got an empty list.")
        self.items, self.ordered = tuple(items), ordered

    @property
    def edits(self) -> bool:
        """Only where the list has an order."""
        return self.ordered

    def sample(self, key: Key[Array, ""]) -> Int[Array, ""]:
        """Any of them."""
        return jax.random.randint(key, (), 0, len(self.items))

    def mutate(self, key: Key[Array, ""], level: Int[Array, ""]) -> Int[Array, ""]:
        """A neighbour; without an order, any."""
        if not self.ordered:
            return self.sample(key)
        step = jnp.where(jax.random.bernoulli(key), 1, -1).astype(jnp.int32)
        last = len(self.items) - 1
        beyond = (level + step < 0) | (level + step > last)
        return jnp.clip(level + jnp.where(beyond, -step, step), 0, last)

    def values(self, levels: Any) -> list[Any]:
        """The things themselves, of levels as `cairn.Teacher.ask` gives them."""
        return [self.items[int(level)] for level in levels]

    def describe(self, level: Level) -> dict[str, Any]:
        """The thing, in text if JSON does not know it."""
        item = self.items[int(level)]
        return {"item": item if isinstance(item, str | int | float | bool) else str(item)}

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it, if it has such things."""
        return {"finite": list(self.items), "ordered": self.ordered}


class Product(Space):
    """Levels made of levels of several spaces, by name. An edit changes one part."""

    names: tuple[str, ...] = eqx.field(static=True)
    parts: tuple[Space, ...]

    def __init__(self, parts: Mapping[str, Space]):
        """Raises ConfigError where there is no part."""
        if not parts:
            raise ConfigError("A Product needs at least one part, as in {'physics': Box(...)}.")
        self.names = tuple(sorted(parts))
        self.parts = tuple(parts[name] for name in self.names)

    @property
    def edits(self) -> bool:
        """If a part has small edits."""
        return any(part.edits for part in self.parts)

    def sample(self, key: Key[Array, ""]) -> dict[str, Level]:
        """Each part apart."""
        keys = jax.random.split(key, len(self.parts))
        return {name: part.sample(own) for own, (name, part) in zip(keys, self._all(), strict=True)}

    def mutate(self, key: Key[Array, ""], level: Level) -> dict[str, Level]:
        """One of the parts that have small edits is edited; if there is none, any."""
        able = [(name, part) for name, part in self._all() if part.edits or not self.edits]
        which, keys = jax.random.randint(key, (), 0, len(able)), jax.random.split(key, len(able))
        after = dict(level)
        for place, (name, part) in enumerate(able):
            chosen, old = which == place, level[name]
            after[name] = trees.where(chosen, part.mutate(keys[place], old), old)
        return after

    def describe(self, level: Level) -> dict[str, Any]:
        """Each part's facts under `part.fact`."""
        return {
            f"{name}.{fact}": value
            for name, part in self._all()
            for fact, value in part.describe(level[name]).items()
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; raises AttributeError where a part is a space of another kind."""
        parts: list[tuple[str, Any]] = self._all()
        return {"product": {name: part.to_dict() for name, part in parts}}

    def _all(self) -> list[tuple[str, Any]]:
        return list(zip(self.names, self.parts, strict=True))


def from_dict(told: Mapping[str, Any]) -> Space:
    """Back from `to_dict`."""
    if "box" in told:
        bounds: dict[str, Bounds] = {
            name: (low, high, "log") if log else (low, high) for name, low, high, log in told["box"]
        }
        return Box(bounds, told["edit"])
    if "finite" in told:
        return Finite(told["finite"], told["ordered"])
    return Product({name: from_dict(part) for name, part in told["product"].items()})


def _bound(name: str, given: Any) -> Bound:
    numbers: list[Any] = list(given) if isinstance(given, tuple | list) else []
    fits = len(numbers) in (2, 3) and all(_finite(number) for number in numbers[:2])
    if not fits or numbers[2:] not in ([], ["log"], ["linear"]):
        raise ConfigError(
            f"The bounds of {name!r} must be (low, high) or (low, high, 'log'), got {given!r}."
        )
    low, high, log = float(numbers[0]), float(numbers[1]), numbers[2:] == ["log"]
    if low >= high:
        raise ConfigError(f"The bounds of {name!r} must be low < high, got {low:g} and {high:g}.")
    if log and low <= 0:
        raise ConfigError(f"A scale by ratios needs low > 0, got {low:g} for {name!r}.")
    return name, low, high, log


def _finite(number: Any) -> bool:
    return isinstance(number, int | float) and math.isfinite(number)


def _number(place: Array, bound: Bound) -> Array:
    _, low, high, log = bound
    value = low * (high / low) ** place if log else low + (high - low) * place
    return jnp.clip(value, low, high)


def _place(number: Array, bound: Bound) -> Array:
    _, low, high, log = bound
    if log:
        return jnp.log(number / low) / math.log(high / low)
    return (number - low) / (high - low)
