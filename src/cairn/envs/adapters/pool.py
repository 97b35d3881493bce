"""Gymnasium environments on the host, one for each episode under way. No JAX in here."""

import threading
from collections import OrderedDict
from typing import Any, NamedTuple

import numpy as np

from cairn.core.errors import ConfigError
from cairn.envs.adapters import seeded
from cairn.envs.protocol import Category

UNLIMITED = 1000
"""Time limit of environments that have none of their own."""
BEGINS, ENDED, CUT = 0, -1, -2
"""Handles of episodes that have not begun, or ended in either way; else they are positive."""


class Episode(NamedTuple):
    """One under way: a function of its seed and of the actions so far."""

    env: Any
    seed: int
    actions: list[Any]


class Pool:
    """Steps batches of episodes; makes environments when needed and uses them again.

    Nobody says that he has stopped playing an episode: beyond `kept` of them, and beyond twice
    what all who share the pool step at once, those longest untouched are given up.
    """

    def __init__(self, name: str, limit: int, kept: int):
        if kept < 1:
            raise ConfigError(f"kept must be at least 1, got {kept}.")
        self._gymnasium = seeded.package("gymnasium", extra="gymnasium")
        self._name, self._limit, self._kept = name, limit, kept
        self._episodes: OrderedDict[int, Episode] = OrderedDict()
        self._lock, self._last = threading.Lock(), 0
        self._spare = [self._make()]
        env = self._spare[0]
        self.limit = env.spec.max_episode_steps or UNLIMITED
        self.threshold: float | None = env.spec.reward_threshold
        self.space, self.actions = env.observation_space, env.action_space
        self.spec = seeded.observation_spec(self.space, name)

    def first(self, seed: Any) -> np.ndarray:
        """What episodes of these seeds begin with."""
        with self._lock:
            env = self._take()
            seen = [self._observed(env.reset(seed=int(one))[0]) for one in np.ravel(seed)]
            self._spare.append(env)
        return np.reshape(np.stack(seen), (*np.shape(seed), *seen[0].shape))

    def step(self, *columns: Any, sharers: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """One step each. `columns`: handle, seed, time, observation, action of each episode.

        `sharers`: devices that step as many each, and one of them may run ahead of the others.
        Returns handles, observations, rewards. An episode that is over stays as it is.
        """
        batch = np.shape(columns[0])
        arrays = [np.asarray(column) for column in columns]
        rows = [array.reshape(-1, *array.shape[len(batch) :]) for array in arrays]
        with self._lock:
            moved = [self._step(*row) for row in zip(*rows, strict=True)]
            while len(self._episodes) > max(self._kept, 2 * sharers * len(moved)):
                self._spare.append(self._episodes.popitem(last=False)[1].env)
        handle, observation, reward = zip(*moved, strict=True)
        seen = np.stack(observation)
        return (
            np.asarray(handle, np.int32).reshape(batch),
            seen.reshape(*batch, *seen.shape[1:]),
            np.asarray(reward, np.float32).reshape(batch),
        )

    def _step(self, handle: Any, seed: Any, time: Any, observation: Any, action: Any) -> tuple:
        handle, seed, time = int(handle), int(seed), int(time)
        if handle < BEGINS:
            return handle, observation, 0.0
        known = self._episodes.get(handle, Episode(None, seed, []))
        if known.seed != seed or len(known.actions) < time:
            return CUT, observation, 0.0  # given up, or of a process before this one
        if handle == BEGINS or len(known.actions) > time:
            # Anew, up to here: a state may be stepped more than once.
            self._last, handle = self._last + 1, self._last + 1
            known = self._episodes[handle] = Episode(self._take(), seed, known.actions[:time])
            known.env.reset(seed=seed)
            for taken in known.actions:
                known.env.step(taken)
        self._episodes.move_to_end(handle)
        known.actions.append(self._action(action))
        seen, reward, terminated, truncated, _ = known.env.step(known.actions[-1])
        if terminated or truncated:
            self._spare.append(self._episodes.pop(handle).env)
            handle = ENDED if terminated else CUT
        return handle, self._observed(seen), reward

    def _observed(self, observation: Any) -> np.ndarray:
        """As the spec says; bytes become shares of 255, categories count from 0."""
        if isinstance(self.spec, Category):
            return np.asarray(observation - self.space.start, np.int32)
        scale = 255 if self.space.dtype == np.uint8 else 1
        shape = getattr(self.spec, "shape", (-1,))
        return np.asarray(observation, np.float32).reshape(shape) / np.float32(scale)

    def _action(self, action: Any) -> Any:
        if hasattr(self.actions, "n"):
            return int(action) + int(self.actions.start)
        return action.reshape(self.actions.shape).astype(self.actions.dtype)

    def _take(self) -> Any:
        return self._spare.pop() if self._spare else self._make()

    def _make(self) -> Any:
        module, limit = self._gymnasium, self._limit or None
        try:
            env = module.make(self._name, max_episode_steps=limit, disable_env_checker=True)
            if env.spec.max_episode_steps is None:
                env = module.wrappers.TimeLimit(env, UNLIMITED)
        except (module.error.Error, ImportError) as error:
            raise ConfigError(f"Gymnasium cannot make {self._name!r}: {error}") from error
        return self._flat(env)

    def _flat(self, env: Any) -> Any:
        """With Box or Discrete observations. What is no numbers (a text) is left out of a Dict."""
        spaces, wrappers = self._gymnasium.spaces, self._gymnasium.wrappers
        if isinstance(env.observation_space, spaces.Box | spaces.Discrete):
            return env
        if isinstance(env.observation_space, spaces.Dict):
            parts = env.observation_space.spaces.items()
            env = wrappers.FilterObservation(env, [name for name, part in parts if _numeric(part)])
        space = env.observation_space
        if not _numeric(space):
            raise ConfigError(f"{self._name}: expected observations of numbers, got {space}.")
        return wrappers.FlattenObservation(env)


def _numeric(space: Any) -> bool:
    """Whether Gymnasium can make a vector of it."""
    try:
        return space.is_np_flattenable
    except NotImplementedError:
        return False
