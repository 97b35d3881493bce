"""A teacher designs physics: one continuous action for each quantity of an `Around` level.

Action i, in [-1, 1], is the logarithm of quantity i's factor as a share of the logarithm of the
spread: -1 divides the usual quantity by the spread, 0 leaves it, 1 multiplies it. So a teacher can
make every level that the space draws, and no other, and one whose actions are uniform makes them as
often. It sees what it has chosen, how many steps are behind, and numbers drawn anew for each level,
so that its levels can differ.

No paper of the family designs anything but grids and terrain by discrete or whole-level actions
(Dennis et al. 2020, arXiv:2012.02096; Parker-Holder et al. 2022, arXiv:2203.01302): this process is
cairn's own.
"""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from cairn.envs.around import Around
from cairn.envs.protocol import Category, Continuous, Editor, Noise, Space, Step, Vector


class Sketch(NamedTuple):
    """A level being designed."""

    chosen: Float[Array, " quantities"]
    """Actions so far, in the order of the level's fields; 0 where none was taken yet."""
    noise: Float[Array, " size"]
    time: Int[Array, ""]
    """Actions so far."""


class Seen(NamedTuple):
    """What the teacher sees: all of its sketch."""

    chosen: Array | Vector
    time: Array | Category
    noise: Array | Vector


class AroundEditor(Editor):
    """Choose physical quantities around the usual ones, one a step."""

    players: ClassVar[tuple[str, ...]] = ("teacher",)
    random_start: ClassVar[bool] = False

    around: Around
    """Whose levels are made."""
    noise: int = eqx.field(static=True, default=10)
    """Numbers drawn for each level (mazes: 50, for more than ten times as many actions)."""

    @property
    def max_steps(self) -> int:
        """One for each quantity."""
        return len(self.around.env.usual)

    @property
    def action_spec(self) -> Continuous:
        """The share of the spread's logarithm."""
        return Continuous((-1.0,), (1.0,))

    @property
    def observation_spec(self) -> Seen:
        """What is chosen, steps behind, noise."""
        return Seen(Vector(self.max_steps), Category(self.max_steps + 1), Vector(self.noise))

    @property
    def space(self) -> Noise:
        """The noise of a level."""
        return Noise(self.noise)

    def reset(self, key: Key[Array, ""], level: Float[Array, " size"]) -> tuple[Sketch, Seen]:
        """Nothing chosen. Nothing here is random but the noise, which is the level."""
        sketch = Sketch(jnp.zeros(self.max_steps, jnp.float32), level, jnp.int32(0))
        return sketch, self.observe(sketch)

    def step(self, key: Key[Array, ""], state: Sketch, action: Float[Array, "1"]) -> Step:
        """Choose the next quantity. Nothing is paid: who plays the level knows its worth."""
        share = jnp.clip(action[0], -1.0, 1.0)
        after = Sketch(state.chosen.at[state.time].set(share), state.noise, state.time + 1)
        ends = after.time >= self.max_steps
        return Step(after, self.observe(after), jnp.float32(0), ends, jnp.asarray(False))

    def level(self, state: Sketch) -> Any:
        """The level, once an episode has ended."""
        return self.around.at(state.chosen)

    def observe(self, state: Sketch) -> Seen:
        """The sketch so far."""
        return Seen(state.chosen, state.time, state.noise)


def editor_of(space: Space) -> AroundEditor | None:
    """The editor of the levels of `space`; None where they are not physical quantities.

    So a subclass of an environment that brings another space has no editor of other levels.
    """
    return AroundEditor(space) if isinstance(space, Around) else None
