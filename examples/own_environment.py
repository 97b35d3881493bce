"""Your own environment: a corridor with a gap to jump. The level is where goal and gap are.

Train on it from this folder:  cairn train own_environment:Corridor
"""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from cairn.envs.protocol import Environment, Space, Step, Vector

WALK, JUMP = 0, 1


class Level(NamedTuple):
    gap: jax.Array
    goal: jax.Array


class Levels(Space):
    length: int = eqx.field(static=True)

    def sample(self, key):
        gap, goal = jax.random.split(key)
        return Level(
            jax.random.randint(gap, (), 1, self.length - 2),
            jax.random.randint(goal, (), 2, self.length),
        )

    def mutate(self, key, level):
        step = jax.random.randint(key, (), -1, 2)
        return level._replace(gap=jnp.clip(level.gap + step, 1, self.length - 2))


class State(NamedTuple):
    level: Level
    place: jax.Array
    time: jax.Array


class Corridor(Environment):
    """Walk to the goal, jump over the gap, fall and you are out."""

    actions: ClassVar[int] = 2
    random_start: ClassVar[bool] = False

    length: int = eqx.field(static=True, default=8)
    """Cells from one end to the other."""

    @property
    def max_steps(self):
        return 2 * self.length

    @property
    def observation_spec(self):
        return Vector(2)

    @property
    def space(self):
        return Levels(self.length)

    def reset(self, key, level):
        state = State(level, jnp.int32(0), jnp.int32(0))
        return state, self.observe(state)

    def step(self, key, state, action):
        place = state.place + jnp.where(action == JUMP, 2, 1)
        after = State(state.level, place, state.time + 1)
        fell, arrived = place == state.level.gap, place >= state.level.goal
        reward = jnp.where(arrived & ~fell, 1.0, 0.0)
        late = after.time >= self.max_steps
        return Step(after, self.observe(after), reward, fell | arrived, late & ~(fell | arrived))

    def observe(self, state):
        ahead = jnp.stack([state.level.gap - state.place, state.level.goal - state.place])
        return ahead.astype(jnp.float32) / self.length
