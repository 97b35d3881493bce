"""An environment of one's own: a lamp is lit, press its button."""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from cairn.envs.protocol import Environment, Space, Step, Vector


class AnyLamp(Space):
    lamps: int = eqx.field(static=True)

    def sample(self, key):
        return jax.random.randint(key, (), 0, self.lamps)

    def mutate(self, key, level):
        return self.sample(key)


class State(NamedTuple):
    lamp: jax.Array
    time: jax.Array


class Lamps(Environment):
    """Press the button of the lamp that is lit."""

    actions: ClassVar[int] = 4
    random_start: ClassVar[bool] = False

    patience: int = eqx.field(static=True, default=2)
    """Steps until it is too late."""

    @property
    def max_steps(self):
        return self.patience

    @property
    def observation_spec(self):
        return Vector(self.actions)

    @property
    def space(self):
        return AnyLamp(self.actions)

    def reset(self, key, level):
        return State(level, jnp.int32(0)), self.observe(level)

    def step(self, key, state, action):
        right, time = action == state.lamp, state.time + 1
        reward = jnp.where(right, 1.0, 0.0)
        late = ~right & (time >= self.patience)
        return Step(State(state.lamp, time), self.observe(state.lamp), reward, right, late)

    def observe(self, lamp):
        return jax.nn.one_hot(lamp, self.actions, dtype=jnp.float32)
