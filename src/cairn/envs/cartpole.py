"""Balance a pole on a cart whose lengths, masses and force are the level.

Barto, Sutton & Anderson 1983 (IEEE SMC-13), without friction, as in Gymnasium's CartPole:

    a = (F + m l w² sin θ) / (M + m)
    dw/dt = (g sin θ - a cos θ) / (l (4/3 - m cos² θ / (M + m)))
    dv/dt = a - m l (dw/dt) cos θ / (M + m)

with cart mass M, pole mass m, half the pole's length l, angle θ from upright, w = dθ/dt, v = dx/dt.
Integrated by the explicit Euler method of the paper: positions move with the old velocities.
The agent does not see the level: it must feel it.
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
from cairn.envs.protocol import Environment, Step, Vector

GRAVITY = 9.8
"""m/s²."""
TRACK = 2.4
"""Metres to either side of the middle; beyond it the attempt has failed."""
TILT = math.radians(12)
"""Radians from upright; beyond it the attempt has failed."""
START = 0.05
"""Position, velocity, angle and angular velocity start uniform within ± this."""


class CartPoleLevel(NamedTuple):
    """One cart and pole; all positive. Batched levels carry leading axes."""

    half_length: Float[Array, "*batch"]
    """Metres from the joint to the pole's middle."""
    pole_mass: Float[Array, "*batch"]
    """Kilograms."""
    cart_mass: Float[Array, "*batch"]
    """Kilograms."""
    force: Float[Array, "*batch"]
    """Newtons of a push to either side."""


class CartPoleState(NamedTuple):
    """A cart and pole in motion."""

    level: CartPoleLevel
    x: Float[Array, ""]
    """Metres from the middle."""
    v: Float[Array, ""]
    angle: Float[Array, ""]
    """Radians from upright, clockwise."""
    w: Float[Array, ""]
    time: Int[Array, ""]
    """Steps taken so far in this episode."""


class CartPole(Environment):
    """Balance a pole whose length and mass, and the cart's mass and force, are the level."""

    actions: ClassVar[int] = 2
    random_start: ClassVar[bool] = True
    level_settings: ClassVar[tuple[str, ...]] = ("spread", "mutation")
    # Balancing at the limit is success, and the agent cannot see the limit coming.
    bootstrap_time_limit: ClassVar[bool] = True

    half_length: float = eqx.field(static=True, default=0.5)
    """Usual half length of the pole in metres (this and the next three: Barto et al.)."""
    pole_mass: float = eqx.field(static=True, default=0.1)
    """Usual mass of the pole in kilograms."""
    cart_mass: float = eqx.field(static=True, default=1.0)
    """Usual mass of the cart in kilograms."""
    force: float = eqx.field(static=True, default=10.0)
    """Usual push in newtons."""
    spread: float = eqx.field(static=True, default=2.0)
    """Levels range from the usual value divided by this to the usual value times this."""
    mutation: float = eqx.field(static=True, default=0.1)
    """Standard deviation of the logarithm of the factors of one edit."""
    step_s: float = eqx.field(static=True, default=0.02)
    """Seconds of one step."""
    limit: int = eqx.field(static=True, default=200)
    """Steps to survive."""

    def __check_init__(self) -> None:
        """Refuse what physics does."""
        around.check_fields(
            self, "half_length", "pole_mass", "cart_mass", "force", "step_s", "limit"
        )

    @property
    def usual(self) -> tuple[float, float, float, float]:
        """The level in the middle of the space, in the order of its fields."""
        return self.half_length, self.pole_mass, self.cart_mass, self.force

    @property
    def max_steps(self) -> int:
        """Steps to survive."""
        return self.limit

    @property
    def observation_spec(self) -> Vector:
        """Position (m), velocity (m/s), angle (rad), angular velocity (rad/s)."""
        return Vector(4)

    @property
    def space(self) -> Around:
        """Carts and poles around the usual one."""
        return Around(self, CartPoleLevel)

    @property
    def editor(self) -> AroundEditor | None:
        """A teacher chooses the quantities, one a step."""
        return editor_of(self.space)

    def reset(
        self, key: Key[Array, ""], level: CartPoleLevel
    ) -> tuple[CartPoleState, Float[Array, "4"]]:
        """Nearly upright, nearly at rest."""
        start = jax.random.uniform(key, (4,), jnp.float32, -START, START)
        state = CartPoleState(level, *start, time=jnp.int32(0))
        return state, observe(state)

    def step(self, key: Key[Array, ""], state: CartPoleState, action: Int[Array, ""]) -> Step:
        """Push left (0) or right (1). A step survived pays 1/limit; a fall ends the attempt."""
        push = jnp.where(action == 1, state.level.force, -state.level.force)
        after = move(state, push, self.step_s)
        fallen = (jnp.abs(after.x) > TRACK) | (jnp.abs(after.angle) > TILT)
        return Step(
            state=after,
            observation=observe(after),
            reward=jnp.where(fallen, jnp.float32(0), jnp.float32(1 / self.limit)),
            terminated=fallen,
            truncated=~fallen & (after.time >= self.limit),
        )

    def solved(
        self, episode_return: Float[Array, "..."], terminated: Bool[Array, "..."]
    ) -> Bool[Array, "..."]:
        """Success is to be still balancing at the limit."""
        return ~terminated


def move(state: CartPoleState, push: Float[Array, ""], step_s: float) -> CartPoleState:
    """One explicit Euler step of `step_s` seconds under a force of `push` newtons."""
    level, w = state.level, state.w
    total = level.cart_mass + level.pole_mass
    sine, cosine = jnp.sin(state.angle), jnp.cos(state.angle)
    moment = level.pole_mass * level.half_length
    drive = (push + moment * w * w * sine) / total
    inertia = level.half_length * (4 / 3 - level.pole_mass * cosine * cosine / total)
    turning = (GRAVITY * sine - cosine * drive) / inertia
    pulling = drive - moment * turning * cosine / total
    return CartPoleState(
        level,
        x=state.x + step_s * state.v,
        v=state.v + step_s * pulling,
        angle=state.angle + step_s * w,
        w=w + step_s * turning,
        time=state.time + 1,
    )


def observe(state: CartPoleState) -> Float[Array, "4"]:
    """Everything but the level."""
    return jnp.stack([state.x, state.v, state.angle, state.w])
