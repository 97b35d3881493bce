"""What the adapters share: levels that are seeds, spaces as specs, packages that may be missing."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Key, PyTree, UInt32

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.envs.protocol import (
    Category,
    Continuous,
    Discrete,
    Environment,
    Image,
    Space,
    Vector,
)

IMAGE_SIDE = 3
"""Boxes with three axes are images if they are at least this high and wide, else vectors."""


class Seeds(Space):
    """Levels of an environment that makes its own: the seed of its reset, a uint32."""

    @property
    def edits(self) -> bool:
        """No: a seed has no neighbours."""
        return False

    def sample(self, key: Key[Array, ""]) -> UInt32[Array, ""]:
        """Any seed."""
        return jax.random.bits(key, (), jnp.uint32)

    def mutate(self, key: Key[Array, ""], level: UInt32[Array, ""]) -> UInt32[Array, ""]:
        """Another seed: seeds have no neighbours, so an edit is a new draw."""
        return self.sample(key)

    def describe(self, level: UInt32[Array, ""]) -> dict[str, int]:
        """The seed."""
        return {"seed": int(level)}


class Seeded(Environment):
    """What all of them have: seeds for levels, and a time limit that may be changed."""

    name: ClassVar[str]
    """As its package calls it."""
    random_start: ClassVar[bool] = False
    bootstrap_time_limit: ClassVar[bool] = True
    measure: ClassVar[str] = "return"

    limit: int = eqx.field(static=True, default=0)
    """Time limit in steps; 0 for the environment's own (1000 where it has none)."""

    def __check_init__(self) -> None:
        """Make it now: what is missing, unknown or unfit is said at once."""
        if self.limit < 0:
            raise ConfigError(f"limit must not be negative, got {self.limit}.")
        _ = self.max_steps, self.observation_spec, self.action_spec

    @property
    def space(self) -> Seeds:
        """All seeds."""
        return Seeds()


@lru_cache
def named(kind: type[Seeded], name: str) -> type[Seeded]:
    """The class of `kind`'s environment `name`. Its package is needed only to make one."""
    names = {"name": name, "__doc__": f"{name}. {kind.__doc__}", "__module__": kind.__module__}
    return type(f"{kind.__name__}({name})", (kind,), names)


def package(name: str, *, extra: str) -> Any:
    """The module `name`. Raises MissingExtraError with the install line if it is not there."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{extra} environments need the package {error.name}, which is not installed. "
            f"Install it with: uv sync --extra {extra} (or pip install 'cairn[{extra}]')."
        ) from error


@contextmanager
def foreign() -> Iterator[None]:
    """Within, JAX is as lenient with types and ranks as the packages expect."""
    with jax.numpy_dtype_promotion("standard"), jax.numpy_rank_promotion("allow"):
        yield


def settled(tree: PyTree) -> PyTree:
    """The same with arrays of definite types for leaves: packages mix in Python's numbers."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(jnp.result_type(leaf)), tree)


def observation_spec(space: Any, name: str) -> Image | Vector | Category:
    """What observations of a gymnax, Craftax or Gymnasium space become."""
    shape = getattr(space, "shape", None)
    if shape is None:
        raise ConfigError(f"{name}: expected Box or Discrete observations, got {space}.")
    if hasattr(space, "n"):
        return Category(int(space.n))
    if len(shape) == 3 and min(shape[:2]) >= IMAGE_SIDE:
        rows, columns, channels = map(int, shape)
        return Image((rows, columns, channels))
    return Vector(int(np.prod(shape, dtype=int)))


def form(spec: Image | Vector | Category) -> jax.ShapeDtypeStruct:
    """Shape and dtype of an observation."""
    if isinstance(spec, Category):
        return jax.ShapeDtypeStruct((), jnp.int32)
    return jax.ShapeDtypeStruct(getattr(spec, "shape", (spec[0],)), jnp.float32)


def observed(spec: Image | Vector | Category, observation: Any) -> Array:
    """The observation as its spec says."""
    wanted = form(spec)
    return jnp.asarray(observation).astype(wanted.dtype).reshape(wanted.shape)


def action_spec(space: Any, name: str) -> Discrete | Continuous:
    """What actions of a gymnax, Craftax or Gymnasium space become."""
    if hasattr(space, "n") and space.shape == ():
        return Discrete(int(space.n))
    if not hasattr(space, "low"):
        raise ConfigError(f"{name}: expected Discrete or Box actions, got {space}.")
    low, high = (np.broadcast_to(end, space.shape).ravel() for end in (space.low, space.high))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ConfigError(f"{name}: expected actions with finite bounds, got {space}.")
    return Continuous(tuple(map(float, low)), tuple(map(float, high)))
