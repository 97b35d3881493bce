"""A tiny world to imitate in: a sign is shown, the action it names is right, for three steps.

`Signs` shows it always. `Recall` shows it at the first step only, so that the right action has to
be remembered. `Levers` wants two numbers in (-1, 1), which the sign gives.
"""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from cairn.envs.protocol import Category, Continuous, Environment, Space, Step
from cairn.learners.protocol import Acted, Actor
from cairn.runs.collect import Source

SIGNS, STEPS = 3, 3
PULLS = jnp.asarray([[-0.5, 0.5], [0.0, 0.25], [0.75, -0.25]])


class Seen(NamedTuple):
    sign: jax.Array | Category
    time: jax.Array | Category


class Moment(NamedTuple):
    sign: jax.Array
    time: jax.Array


class AnySign(Space):
    def sample(self, key):
        return jax.random.randint(key, (), 0, SIGNS)

    def mutate(self, key, level):
        return self.sample(key)


class Signs(Environment):
    """Do what the sign says."""

    actions: ClassVar[int] = SIGNS
    level_settings: ClassVar[tuple[str, ...]] = ("colour",)
    always: ClassVar[bool] = True

    size: int = eqx.field(static=True, default=1)
    """Not a matter of levels."""
    colour: str = eqx.field(static=True, default="red")
    """A matter of levels."""

    @property
    def max_steps(self):
        return STEPS

    @property
    def observation_spec(self):
        return Seen(Category(SIGNS + 1), Category(STEPS + 1))

    @property
    def space(self):
        return AnySign()

    def reset(self, key, level):
        state = Moment(level, jnp.int32(0))
        return state, self.observe(state)

    def step(self, key, state, action):
        after = state._replace(time=state.time + 1)
        reward = jnp.where(self.right(state, action), 1.0, -1.0)
        return Step(after, self.observe(after), reward, jnp.bool_(False), after.time >= STEPS)

    def right(self, state, action):
        return action == state.sign

    def observe(self, state):
        shown = jnp.where(self.always | (state.time == 0), state.sign, SIGNS)
        return Seen(shown, state.time)


class Recall(Signs):
    """Remember what the sign said."""

    always: ClassVar[bool] = False


class Levers(Signs):
    """Pull two levers as the sign says."""

    @property
    def action_spec(self):
        return Continuous((-1.0, -1.0), (1.0, 1.0))

    def right(self, state, action):
        return jnp.max(jnp.abs(action - PULLS[state.sign])) < 0.1


class Known(eqx.Module):
    """Knows the right action, from the sign last shown."""

    env: Signs

    @property
    def noise(self):
        return ()

    def initial_memory(self, state, batch):
        return jnp.zeros(batch, jnp.int32)

    def act(self, state, observation, memory, reset, uniform):
        sign = jnp.where(observation.sign < SIGNS, observation.sign, memory)
        action = PULLS[sign] if isinstance(self.env, Levers) else sign
        nothing = jnp.zeros(sign.shape, jnp.float32)
        return Acted(action, nothing, nothing, sign)


def known(kind):
    """The scripted policy as a source of episodes."""
    env = kind()
    return Source(f"signs:{kind.__name__}", env, Actor(Known(env), jnp.zeros(1)), {"policy": "me"})
