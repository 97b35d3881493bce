"""Where the maze's levels come from: a generator and an edit operator."""

from typing import Literal

import equinox as eqx
from jaxtyping import Array, Key

from cairn.envs.maze import generate, structured
from cairn.envs.maze.level import MazeLevel
from cairn.envs.protocol import Space

Generator = Literal["walls", "uniform-walls", "empty", "braided", "rooms", "mixed"]


class MazeSpace(Space):
    """Levels of one size from one generator."""

    generator: Generator = eqx.field(static=True, default="walls")
    height: int = eqx.field(static=True, default=13)
    width: int = eqx.field(static=True, default=13)
    walls: int = eqx.field(static=True, default=25)
    replace: bool = eqx.field(static=True, default=True)

    def sample(self, key: Key[Array, ""]) -> MazeLevel:
        """Draw a level from the generator."""
        size = {"height": self.height, "width": self.width}
        match self.generator:
            case "walls":
                return generate.random_walls(key, **size, walls=self.walls, replace=self.replace)
            case "uniform-walls":
                return generate.uniform_walls(key, **size, max_walls=self.walls)
            case "empty":
                return generate.empty_room(key, **size)
            case "braided":
                return structured.braided(key, **size)
            case "rooms":
                return structured.rooms(key, **size)
            case "mixed":
                return generate.mixture(
                    key,
                    [
                        lambda k: generate.random_walls(k, **size, walls=self.walls),
                        lambda k: structured.braided(k, **size),
                        lambda k: structured.rooms(k, **size),
                    ],
                    [1.0, 2.0, 1.0],
                )

    def mutate(self, key: Key[Array, ""], level: MazeLevel) -> MazeLevel:
        """A small edit."""
        return level
