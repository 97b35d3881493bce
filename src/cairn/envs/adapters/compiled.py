"""What gymnax and Craftax have in common: compiled environments of gymnax's form."""

import abc
from typing import Any

import jax
from jaxtyping import Array, Bool, Key, PyTree, UInt32

from cairn.envs.adapters import seeded
from cairn.envs.protocol import Category, Continuous, Discrete, Image, Step, Vector


class Compiled(seeded.Seeded):
    """Levels are seeds: `reset` is a function of the seed, steps draw from the rollout's keys."""

    @property
    @abc.abstractmethod
    def _made(self) -> tuple[Any, Any]:
        """The package's environment, and its parameters with our limit."""

    @abc.abstractmethod
    def _ends(
        self, state: PyTree, done: Bool[Array, ""]
    ) -> tuple[Bool[Array, ""], Bool[Array, ""]]:
        """Whether the task ended, and whether the limit is reached; `done` is the package's."""

    @property
    def observation_spec(self) -> Image | Vector | Category:
        """Boxes become images or flat vectors, discrete spaces categories."""
        env, params = self._made
        with seeded.foreign():
            return seeded.observation_spec(env.observation_space(params), env.name)

    @property
    def action_spec(self) -> Discrete | Continuous:
        """As the package has it; several numbers are flattened."""
        env, params = self._made
        with seeded.foreign():
            return seeded.action_spec(env.action_space(params), env.name)

    def reset(self, key: Key[Array, ""], level: UInt32[Array, ""]) -> tuple[PyTree, Array]:
        """The package's reset with `jax.random.PRNGKey(level)`."""
        env, params = self._made
        with seeded.foreign():
            observation, state = env.reset_env(jax.random.PRNGKey(level), params)
        return seeded.settled(state), seeded.observed(self.observation_spec, observation)

    def step(self, key: Key[Array, ""], state: PyTree, action: Array) -> Step:
        """The package's step with the data of `key`, without its automatic restart."""
        env, params = self._made
        shape = env.action_space(params).shape
        with seeded.foreign():
            observation, state, reward, done, _ = env.step_env(
                jax.random.key_data(key), state, action.reshape(shape), params
            )
            terminated, late = self._ends(state, done)
        return Step(
            seeded.settled(state),
            seeded.observed(self.observation_spec, observation),
            reward.astype("float32"),
            terminated,
            late & ~terminated,
        )
