"""A game of one decision with an editor of continuous actions: the opposite of a maze, and cheap.

A level is a number in [0, 1], which the student sees. Below 3/4 its quarter says which of three
doors opens; above, none does. The editor takes two numbers in [-1, 1], whose mean is the level.

`Guesser` is a learner for both that compiles in a moment: for tests of what surrounds a learner.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.envs.protocol import Continuous, Editor, Environment, Noise, Space, Step, Vector
from cairn.learners.protocol import Acted

DOORS = 3
OPEN = 0.75
"""Levels from here on cannot be solved."""


class Visit(NamedTuple):
    """An episode under way."""

    level: Float[Array, ""]
    time: Int[Array, ""]


class Anywhere(Space):
    """Numbers in [0, 1]."""

    def sample(self, key: Key[Array, ""]) -> Float[Array, ""]:
        """Draw one."""
        return jax.random.uniform(key)

    def mutate(self, key: Key[Array, ""], level: Float[Array, ""]) -> Float[Array, ""]:
        """Another near it."""
        return jnp.clip(level + 0.1 * jax.random.normal(key), 0.0, 1.0)


class Doors(Environment):
    """Open the door that the level names, in two attempts."""

    actions: ClassVar[int] = DOORS
    random_start: ClassVar[bool] = False

    @property
    def max_steps(self) -> int:
        """Attempts."""
        return 2

    @property
    def observation_spec(self) -> Vector:
        """The level, centred, and its square."""
        return Vector(2)

    @property
    def space(self) -> Anywhere:
        """Numbers."""
        return Anywhere()

    @property
    def editor(self) -> "DoorsEditor":
        """Makes the level of two numbers."""
        return DoorsEditor()

    def reset(self, key: Key[Array, ""], level: Float[Array, ""]) -> tuple[Visit, Array]:
        """Before the doors."""
        return Visit(level, jnp.int32(0)), seen(level)

    def step(self, key: Key[Array, ""], state: Visit, action: Int[Array, ""]) -> Step:
        """Try one."""
        opens = (state.level < OPEN) & (action == (state.level * 4).astype(jnp.int32))
        after = state._replace(time=state.time + 1)
        over = after.time >= self.max_steps
        return Step(after, seen(state.level), opens.astype(jnp.float32), opens, over)

    def optimal_return(self, level: Float[Array, ""]) -> Float[Array, ""]:
        """1 where a door opens."""
        return (level < OPEN).astype(jnp.float32)


class Sketch(NamedTuple):
    """A level being designed."""

    noise: Float[Array, "2"]
    total: Float[Array, ""]
    time: Int[Array, ""]


class DoorsEditor(Editor):
    """Two numbers."""

    players: ClassVar[tuple[str, ...]] = ("teacher",)

    @property
    def max_steps(self) -> int:
        """Of a design."""
        return 2

    @property
    def action_spec(self) -> Continuous:
        """One number."""
        return Continuous((-1.0,), (1.0,))

    @property
    def observation_spec(self) -> Vector:
        """Noise, the sum so far, the step."""
        return Vector(4)

    @property
    def space(self) -> Noise:
        """What a design starts from."""
        return Noise(2)

    def reset(self, key: Key[Array, ""], level: Float[Array, "2"]) -> tuple[Sketch, Array]:
        """Nothing yet."""
        sketch = Sketch(level, jnp.float32(0), jnp.int32(0))
        return sketch, drawn(sketch)

    def step(self, key: Key[Array, ""], state: Sketch, action: Float[Array, "1"]) -> Step:
        """Add a number."""
        after = Sketch(state.noise, state.total + action[0], state.time + 1)
        ends = after.time >= self.max_steps
        return Step(after, drawn(after), jnp.float32(0), ends, jnp.zeros((), bool))

    def level(self, state: Sketch) -> Float[Array, ""]:
        """The mean, from [-1, 1] to [0, 1]."""
        return (state.total / 2 + 1) / 2


def seen(level: Float[Array, ""]) -> Float[Array, "2"]:
    """What the student sees."""
    middle = 2 * level - 1
    return jnp.stack([middle, middle**2])


def drawn(sketch: Sketch) -> Float[Array, "4"]:
    """What the teacher sees."""
    return jnp.concatenate(
        [sketch.noise, jnp.stack([sketch.total, sketch.time.astype(jnp.float32)])]
    )


@dataclass(frozen=True)
class Settings:
    """Of a guesser."""

    gamma: float = 0.99
    """For scores that ask."""
    gae_lambda: float = 0.95
    """For scores that ask."""

    def bootstraps(self, env: Environment) -> bool:
        """Nothing is valued."""
        return False


class Guesser(eqx.Module):
    """Acts by one number, which every update moves by all that it is given."""

    Config: ClassVar[type] = Settings
    gradient_steps: ClassVar[int] = 1

    config: Settings = eqx.field(static=True)
    action: Any = eqx.field(static=True)

    @classmethod
    def of(cls, env: Environment, config: Settings) -> "Guesser":
        """For any observation."""
        return cls(config, env.action_spec)

    @property
    def noise(self) -> tuple[int, ...]:
        """As the action asks."""
        return (self.action.size,) if isinstance(self.action, Continuous) else ()

    def init(self, key: Key[Array, ""]) -> Float[Array, ""]:
        """Anywhere."""
        return jax.random.uniform(key)

    def initial_memory(self, state: Float[Array, ""], batch: int) -> None:
        """None."""
        return None

    def act(self, state: Array, observation: Any, memory: None, reset: Array, uniform: Array):
        """`uniform`, shifted round by the state."""
        shifted = jnp.mod(uniform + state, 1.0)
        if isinstance(self.action, Continuous):
            action = 2 * shifted - 1
        else:
            action = (shifted * self.action.size).astype(jnp.int32)
        still = jnp.zeros(uniform.shape[0], jnp.float32)
        return Acted(action, still, still, memory)

    def update(self, state: Array, trace: Any, key: Array, progress: Array, axis: Any = None):
        """By actions, rewards, chance and how far the run is."""
        seen = jnp.mean(trace.action.astype(jnp.float32)) + jnp.mean(trace.reward)
        moved = (1.0 - progress) * (seen + jax.random.uniform(key))
        return jnp.mod(state + moved, 1.0), {"moved": moved}
