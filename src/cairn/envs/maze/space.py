"""The levels of the maze environment: by a generator, or given."""

from typing import Any, Literal

import jax
import jax.numpy as jnp
from jaxtyping import Array, Key

from cairn.envs.maze import edit, fixed, generate, structured
from cairn.envs.maze.cells import below
from cairn.envs.maze.level import MazeLevel
from cairn.envs.protocol import Space

Generator = Literal[
    "walls", "uniform-walls", "empty", "dcd-teacher", "dcd-reset", "braided", "rooms", "mixed"
]
Mutation = Literal["move-goal-flip-walls", "walls-none-goal", "walls-none-goal-agent"]


class MazeSpace(Space):
    """Mazes of one size from one generator, and one way to edit them."""

    maze: Any
    """The `Maze`, whose settings say which."""

    def sample(self, key: Key[Array, ""]) -> MazeLevel:
        """Draw a level."""
        maze = self.maze
        if maze.level:
            given = fixed.stacked(maze.given)
            number = below(jax.random.uniform(key), given.heading.shape[0])
            return jax.tree.map(lambda leaf: jnp.asarray(leaf)[number], given)
        size = {"height": maze.height, "width": maze.width}
        match maze.generator:
            case "walls":
                return generate.random_walls(
                    key, **size, walls=maze.walls, replace=maze.replace_walls
                )
            case "uniform-walls":
                return generate.uniform_walls(key, **size, max_walls=maze.walls)
            case "empty":
                return generate.empty_room(key, **size)
            case "dcd-teacher":
                return generate.dcd_teacher(
                    key, **size, walls=maze.walls, variable=maze.variable_walls
                )
            case "dcd-reset":
                return generate.dcd_reset_random(
                    key, **size, walls=maze.walls, variable=maze.variable_walls
                )
            case "braided":
                return structured.braided(key, **size, braid=maze.braid)
            case "rooms":
                return structured.rooms(key, **size)
            case _:
                return generate.mixture(
                    key,
                    [
                        lambda k: generate.uniform_walls(k, **size, max_walls=maze.walls),
                        lambda k: structured.braided(k, **size, braid=maze.braid),
                        lambda k: structured.rooms(k, **size),
                    ],
                    [0.3, 0.5, 0.2],
                )

    def mutate(self, key: Key[Array, ""], level: MazeLevel) -> MazeLevel:
        """Edit a level."""
        match self.maze.mutation:
            case "move-goal-flip-walls":
                return edit.move_goal_flip_walls(key, level, self.maze.edits)
            case "walls-none-goal":
                return edit.walls_none_goal(key, level, self.maze.edits)
            case _:
                return edit.walls_none_goal_agent(key, level, self.maze.edits)
