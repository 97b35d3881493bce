"""Another environment whose episodes may begin in the middle.

A level is a `Start`: a state with what is observed there, or a level to begin at its beginning. The
state holds all there is, so that an episode has the time left that it had there. What was paid
before counts for nothing: a return is that of what is still to come.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Key, PyTree

from cairn.core import trees
from cairn.core.keys import stream
from cairn.envs.protocol import Continuous, Discrete, Environment, Level, Space, State, Step


class Start(NamedTuple):
    """Where an episode begins."""

    level: Level
    state: State
    observation: PyTree
    """Of the state."""
    fresh: Bool[Array, ""]
    """Whether `level` is begun at its beginning, and state and observation mean nothing."""


class Midway(Environment):
    """The environment `inner`, begun anywhere."""

    inner: Environment

    @property
    def random_start(self) -> bool:  # type: ignore[override]
        """A state is given; the beginning of a level may be drawn."""
        return self.inner.random_start

    @property
    def players(self) -> tuple[str, ...]:  # type: ignore[override]
        """Who plays it."""
        return self.inner.players

    @property
    def max_steps(self) -> int:
        """From the beginning of a level."""
        return self.inner.max_steps

    @property
    def action_spec(self) -> Discrete | Continuous | tuple[Discrete | Continuous, ...]:
        """The same."""
        return self.inner.action_spec

    @property
    def observation_spec(self) -> PyTree:
        """The same."""
        return self.inner.observation_spec

    @property
    def space(self) -> "Beginnings":
        """The beginnings of its levels."""
        return Beginnings(self.inner)

    def reset(self, key: Key[Array, ""], level: Start) -> tuple[State, PyTree]:
        """The state given, or the level's beginning."""
        begun = self.inner.reset(key, level.level)
        return trees.where(level.fresh, begun, (level.state, level.observation))

    def step(self, key: Key[Array, ""], state: State, action: Any) -> Step:
        """The same."""
        return self.inner.step(key, state, action)

    def solved(
        self, episode_return: Float[Array, "..."], terminated: Bool[Array, "..."]
    ) -> Bool[Array, "..."]:
        """By what was paid since the start."""
        return self.inner.solved(episode_return, terminated)


class Beginnings(Space):
    """The levels of an environment, to be begun at their beginning."""

    env: Environment

    def sample(self, key: Key[Array, ""]) -> Start:
        """A new level."""
        return self._begun(key, self.env.space.sample(stream(key, "level")))

    def mutate(self, key: Key[Array, ""], level: Start) -> Start:
        """An edit of the level."""
        return self._begun(key, self.env.space.mutate(stream(key, "level"), level.level))

    def _begun(self, key: Key[Array, ""], level: Level) -> Start:
        state, observation = self.env.reset(stream(key, "start"), level)
        return Start(level, state, observation, jnp.asarray(True))
