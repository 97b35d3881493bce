"""Swing a pendulum up and hold it there with a weak motor: continuous actions.

Physics and reward of Gymnasium's Pendulum-v1, whose mass m, length l and gravity g are the level:

    dw/dt = 3 g / (2 l) sin θ + 3 / (m l²) u,   reward = -(θ² + 0.1 w² + 0.001 u²)

with angle θ from upright in [-π, π), w = dθ/dt and torque u, which is too weak to lift the pendulum
at once. Speeds are clipped, and positions move with the new speed. The agent does not see the
level: it must feel it.
"""

import math
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.envs import around
from cairn.envs.around import Around
from cairn.envs.around_editor import AroundEditor, editor_of
from cairn.envs.protocol import Continuous, Environment, Step, Vector

FASTEST = 8.0
"""Radians a second."""
STEP_S = 0.05
"""Seconds of one step."""
START_SPEED = 1.0
"""Episodes start at any angle, with a speed uniform within ± this."""
REWARD_SCALE = 0.01
"""Rewards are Gymnasium's times this: PPO's clip range of values is made for returns near one."""
SOLVED = -0.02
"""An episode with more than this a step is a success: upright most of the time. Over 200 steps, in
Gymnasium's units, that is -400; a trained policy has -150 on average, -250 to -410 from hanging."""


class PendulumLevel(NamedTuple):
    """One pendulum; all positive. Batched levels carry leading axes."""

    mass: Float[Array, "*batch"]
    """Kilograms."""
    length: Float[Array, "*batch"]
    """Metres."""
    gravity: Float[Array, "*batch"]
    """m/s²."""


class PendulumState(NamedTuple):
    """A pendulum in motion."""

    level: PendulumLevel
    angle: Float[Array, ""]
    """Radians from upright; not wrapped."""
    w: Float[Array, ""]
    time: Int[Array, ""]
    """Steps taken so far in this episode."""


class Pendulum(Environment):
    """Swing up a pendulum whose mass, length and gravity are the level, by a continuous torque."""

    random_start: ClassVar[bool] = True
    level_settings: ClassVar[tuple[str, ...]] = ("spread", "mutation")
    # Upright can be held for ever, and the agent cannot see the limit coming.
    bootstrap_time_limit: ClassVar[bool] = True

    mass: float = eqx.field(static=True, default=1.0)
    """Usual mass in kilograms (this and the next two: Gymnasium)."""
    length: float = eqx.field(static=True, default=1.0)
    """Usual length in metres."""
    gravity: float = eqx.field(static=True, default=10.0)
    """Usual gravity in m/s²."""
    torque: float = eqx.field(static=True, default=2.0)
    """The most the motor gives to either side, in newton metres."""
    spread: float = eqx.field(static=True, default=1.25)
    """Levels range from the usual value divided by this to the usual value times this."""
    mutation: float = eqx.field(static=True, default=0.1)
    """Standard deviation of the logarithm of the factors of one edit."""
    limit: int = eqx.field(static=True, default=200)
    """Steps of an episode."""

    def __check_init__(self) -> None:
        """Refuse what physics does."""
        around.check_fields(self, "mass", "length", "gravity", "torque", "limit")

    @property
    def usual(self) -> tuple[float, float, float]:
        """The level in the middle of the space, in the order of its fields."""
        return self.mass, self.length, self.gravity

    @property
    def action_spec(self) -> Continuous:
        """The torque in newton metres."""
        return Continuous((-self.torque,), (self.torque,))

    @property
    def max_steps(self) -> int:
        """Steps of an episode."""
        return self.limit

    @property
    def observation_spec(self) -> Vector:
        """Cosine and sine of the angle, angular velocity (rad/s)."""
        return Vector(3)

    @property
    def space(self) -> Around:
        """Pendulums around the usual one."""
        return Around(self, PendulumLevel)

    @property
    def editor(self) -> AroundEditor | None:
        """A teacher chooses the quantities, one a step."""
        return editor_of(self.space)

    def reset(
        self, key: Key[Array, ""], level: PendulumLevel
    ) -> tuple[PendulumState, Float[Array, "3"]]:
        """Anywhere, nearly at rest."""
        angle, w = jax.random.uniform(key, (2,), jnp.float32, -1.0, 1.0)
        state = PendulumState(level, angle=math.pi * angle, w=START_SPEED * w, time=jnp.int32(0))
        return state, observe(state)

    def step(self, key: Key[Array, ""], state: PendulumState, action: Float[Array, "1"]) -> Step:
        """Push; only time ends an episode. The reward is that of the state before the push."""
        push = jnp.clip(action[0], -self.torque, self.torque)
        after = move(state, push)
        return Step(
            state=after,
            observation=observe(after),
            reward=-REWARD_SCALE * cost(state, push),
            terminated=jnp.zeros((), bool),
            truncated=after.time >= self.limit,
        )

    def solved(
        self, episode_return: Float[Array, "..."], terminated: Bool[Array, "..."]
    ) -> Bool[Array, "..."]:
        """Success is to have been upright most of the time."""
        return episode_return > jnp.float32(SOLVED * self.limit)


def cost(state: PendulumState, push: Float[Array, ""]) -> Float[Array, ""]:
    """What the angle from upright, the speed and the torque cost in one step."""
    angle = jnp.mod(state.angle + math.pi, 2 * math.pi) - math.pi
    return angle**2 + 0.1 * state.w**2 + 0.001 * push**2


def move(state: PendulumState, push: Float[Array, ""]) -> PendulumState:
    """One semi-implicit Euler step under a torque of `push` newton metres."""
    mass, length, gravity = state.level
    turning = 1.5 * gravity / length * jnp.sin(state.angle) + 3.0 / (mass * length**2) * push
    w = jnp.clip(state.w + turning * STEP_S, -FASTEST, FASTEST)
    angle = state.angle + w * STEP_S
    return PendulumState(level=state.level, angle=angle, w=w, time=state.time + 1)


def observe(state: PendulumState) -> Float[Array, "3"]:
    """Everything but the level."""
    return jnp.stack([jnp.cos(state.angle), jnp.sin(state.angle), state.w])
