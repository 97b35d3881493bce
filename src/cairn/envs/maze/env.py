"""The maze as an environment."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from cairn.envs.maze import observe, rules
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.space import MazeSpace
from cairn.envs.protocol import Category, Environment, Image, Step


class Observation(eqx.Module):
    """What the agent perceives: a small view ahead and a compass."""

    image: Array
    heading: Int[Array, "*batch"]


class Maze(Environment):
    """Reach the goal. See `rules`, `observe` and `space` for the details."""

    actions: ClassVar[int] = 7
    random_start: ClassVar[bool] = False

    maze_space: MazeSpace
    limit: int = eqx.field(static=True, default=250)
    view: int = eqx.field(static=True, default=5)
    see_agent: bool = eqx.field(static=True, default=False)
    normalize: bool = eqx.field(static=True, default=True)
    penalize_time: bool = eqx.field(static=True, default=True)

    @property
    def max_steps(self) -> int:
        """Steps until truncation."""
        return self.limit

    @property
    def observation_spec(self) -> Observation:
        """A (view, view, 3) image and the heading."""
        return Observation(Image((self.view, self.view, 3)), Category(4))  # type: ignore[arg-type]

    @property
    def space(self) -> MazeSpace:
        """The levels it is trained on."""
        return self.maze_space

    @property
    def border(self) -> int:
        """Cells of wall around the map: a view never leaves them."""
        return self.view - 1

    def reset(self, key: Key[Array, ""], level: MazeLevel) -> tuple[rules.MazeState, Observation]:
        """Put the agent at the start. Nothing here is random."""
        state = rules.begin(level, self.border)
        return state, self.observe(state)

    def step(self, key: Key[Array, ""], state: rules.MazeState, action: Int[Array, ""]) -> Step:
        """Turn, walk, or lose a step; the goal terminates, the limit truncates."""
        after, at_goal = rules.move(state, action, self.border)
        reward = rules.goal_reward(state.time, self.limit, self.penalize_time)
        return Step(
            state=after,
            observation=self.observe(after),
            reward=jnp.where(at_goal, reward, 0.0),
            terminated=at_goal,
            truncated=~at_goal & (after.time >= self.limit),
        )

    def observe(self, state: rules.MazeState) -> Observation:
        """The view and the compass."""
        image = observe.image(state, self.view, self.border, self.see_agent, self.normalize)
        return Observation(image, state.heading)
