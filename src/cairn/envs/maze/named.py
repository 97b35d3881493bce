"""The ten held-out mazes every paper on unsupervised environment design reports.

Layouts as in minimax `maze_ood.py` and DCD `envs/multigrid/maze.py`. Differs from minimax: where
the table says any heading, it is drawn (there it is always east).
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Key

from cairn.core.errors import ConfigError
from cairn.envs.maze.cells import below
from cairn.envs.maze.level import EAST, WEST, MazeLevel


@dataclass(frozen=True)
class NamedMaze:
    """One held-out maze: its layout, and what is drawn anew for each episode."""

    rows: str
    """One hexadecimal number per row, top row first; the highest bit is column 0, 1 is a wall."""
    agent: tuple[int, int]
    """(x, y) of the start."""
    heading: int | None
    """Where the agent looks at first; None: drawn uniformly."""
    goals: tuple[tuple[int, int], ...]
    """(x, y) of the goal; of several, one is drawn uniformly."""

    @property
    def size(self) -> int:
        """Height and width of the inner grid: all ten are squares."""
        return len(self.rows.split())

    @property
    def step_limit(self) -> int:
        """2 (H + 2) (W + 2), of minimax and DCD. JaxUED plays them all with 250 steps."""
        return 2 * (self.size + 2) ** 2

    @property
    def walls(self) -> Bool[np.ndarray, "size size"]:
        """Indexed [y, x]; True is a wall."""
        rows = np.array([int(row, 16) for row in self.rows.split()])
        return (rows[:, None] >> np.arange(self.size)[::-1]) % 2 == 1


_CENTRE = ((6, 6),)
_SMALL_GOALS = tuple((x, y) for y in (5, 7) for x in range(2, 11, 2))
_LARGE_GOALS = tuple((x, y) for y in (8, 10) for x in range(2, 17, 2))

NAMED = {
    "SixteenRooms": NamedMaze(
        "248 8 240 176e 200 48 1add 208 240 f6b 248 40 208", (1, 1), EAST, ((11, 11),)
    ),
    "SixteenRooms2": NamedMaze(
        "208 48 248 1edd 240 48 17df 248 200 1b6f 248 40 248", (1, 1), None, ((11, 11),)
    ),
    "Labyrinth": NamedMaze(
        "0 ffe 802 bfa a0a aea aaa aaa 88a ffa 82 1ebe 80", (0, 12), EAST, _CENTRE
    ),
    "LabyrinthFlipped": NamedMaze(
        "0 ffe 802 bfa a0a aea aaa aaa a22 bfe 820 faf 20", (12, 12), WEST, _CENTRE
    ),
    "Labyrinth2": NamedMaze(
        "800 bfe a02 afa a8a 2aa 1eaa 2ea a0a bfa 802 ffe 0", (0, 0), None, _CENTRE
    ),
    "StandardMaze": NamedMaze(
        "84 ef6 800 ff7 10 1fbe 120 c6f 522 15ba 1488 16ee 228", (6, 0), EAST, ((6, 12),)
    ),
    "StandardMaze2": NamedMaze(
        "284 af1 804 ff7 254 1ad4 a16 b72 93a daa 8aa aaa 220", (0, 6), None, ((12, 4),)
    ),
    "StandardMaze3": NamedMaze(
        "140 f5e 850 3d5 1a14 2d6 a92 abb 8a8 eae 8a2 baa 888", (3, 0), None, ((12, 6),)
    ),
    "SmallCorridor": NamedMaze(
        "0" + " aaa" * 5 + " ffe" + " aaa" * 5 + " 0", (0, 6), None, _SMALL_GOALS
    ),
    "LargeCorridor": NamedMaze(
        "0" + " 2aaaa" * 8 + " 3fffe" + " 2aaaa" * 8 + " 0", (0, 9), None, _LARGE_GOALS
    ),
}
"""Name to maze; all 13x13 but LargeCorridor, which is 19x19."""

FIXED_GOAL = tuple(name for name, maze in NAMED.items() if len(maze.goals) == 1)
"""The eight whose goal never moves: the headline set."""


def named(name: str, key: Key[Array, ""]) -> MazeLevel:
    """The maze called `name`, with heading and goal drawn where they are not fixed.

    Raises ConfigError if there is no such maze.
    """
    if name not in NAMED:
        raise ConfigError(f"There is no maze {name!r}. The named mazes are {', '.join(NAMED)}.")
    maze = NAMED[name]
    chance = jax.random.uniform(key, (2,), jnp.float32)
    goal = jnp.array(maze.goals, jnp.int32)[below(chance[0], len(maze.goals))]
    heading = below(chance[1], 4) if maze.heading is None else jnp.int32(maze.heading)
    return MazeLevel(jnp.asarray(maze.walls), jnp.array(maze.agent, jnp.int32), heading, goal)
