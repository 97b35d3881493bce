"""What an environment and its space of levels are.

An environment plays one level; the engine maps it over a batch. A space makes levels. Both are
frozen pytrees (`equinox.Module`), so their fields are the config of a run.
"""

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

Level = PyTree
"""The free parameters of one task: a pytree of arrays of fixed shape."""

State = PyTree
"""What an environment needs to go on: a pytree of arrays."""


class Image(NamedTuple):
    """A float32 observation (rows, columns, channels) for a convolution."""

    shape: tuple[int, int, int]


class Vector(NamedTuple):
    """A float32 observation (size,)."""

    size: int


class Category(NamedTuple):
    """An int32 scalar in [0, size)."""

    size: int


class Step(NamedTuple):
    """What one step returns. `terminated` ends the task; `truncated` is only a time limit."""

    state: State
    observation: PyTree
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    truncated: Bool[Array, ""]


class Space(eqx.Module):
    """Makes levels. `describe` is for people, `solve` only where the truth can be computed."""

    @abc.abstractmethod
    def sample(self, key: Key[Array, ""]) -> Level:
        """Draw a new level."""

    @abc.abstractmethod
    def mutate(self, key: Key[Array, ""], level: Level) -> Level:
        """A small edit of `level`."""

    def describe(self, level: Level) -> dict[str, Any]:
        """Facts about one level (host side), for tables and files; must survive JSON."""
        return {}


class Environment(eqx.Module):
    """Plays levels. Subclasses give `actions`, `observation_spec` and the methods below."""

    actions: ClassVar[int]
    """Number of discrete actions."""

    random_start: ClassVar[bool] = True
    """Whether `reset` uses its key. If not, a rollout computes each level's start only once."""

    @property
    @abc.abstractmethod
    def max_steps(self) -> int:
        """Time limit: the step that reaches it is `truncated` unless it is `terminated`."""

    @property
    @abc.abstractmethod
    def observation_spec(self) -> PyTree:
        """Pytree of `Image`, `Vector` and `Category` with the structure of an observation."""

    @property
    @abc.abstractmethod
    def space(self) -> Space:
        """Where new and mutated levels come from."""

    @abc.abstractmethod
    def reset(self, key: Key[Array, ""], level: Level) -> tuple[State, PyTree]:
        """Start `level`: the first state and observation."""

    @abc.abstractmethod
    def step(self, key: Key[Array, ""], state: State, action: Int[Array, ""]) -> Step:
        """One step. Never restarts: the rollout does, on the same or on a new level."""

    def solved(
        self, episode_return: Float[Array, "..."], terminated: Bool[Array, "..."]
    ) -> Bool[Array, "..."]:
        """Whether a finished episode counts as success. Default: a positive return."""
        return episode_return > jnp.float32(0)
