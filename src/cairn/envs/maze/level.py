"""What a maze is. x grows to the right (east), y grows downwards (south)."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Bool, Int

EAST, SOUTH, WEST, NORTH = range(4)
HEADINGS = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], np.int32)
"""(dx, dy) of the four headings, clockwise."""


class MazeLevel(NamedTuple):
    """One maze. The grid is the *inner* one: a border of walls around it is implied.

    Batched levels carry leading axes on every field.
    """

    walls: Bool[Array, "*batch height width"]
    """Indexed [y, x]; True is a wall. False under the agent and under the goal."""
    agent: Int[Array, "*batch 2"]
    """(x, y) where the agent starts, int32."""
    heading: Int[Array, "*batch"]
    """0 east, 1 south, 2 west, 3 north, int32."""
    goal: Int[Array, "*batch 2"]
    """(x, y), int32; never the agent's cell."""
