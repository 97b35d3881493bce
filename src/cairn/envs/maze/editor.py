"""The maze's editor: what PAIRED's teacher plays to design a maze, as minimax's UEDMaze.

Each action names a cell. The first `walls` build walls, the next places the goal, the last the
agent: walls + 2 steps an episode. A cell may be named again; that wall is a lost action. Goal and
agent tear down a wall under them, and an agent on the goal's cell goes to a random free one. The
heading is drawn at the start. The teacher sees the board so far within a border of walls, how many
steps are behind, and numbers drawn anew for each maze, so that its mazes can differ.

Source: facebookresearch/minimax, `maze_ued.py` with fixed_n_wall_steps and replace_wall_pos.
"""

from typing import ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from cairn.core.keys import stream
from cairn.envs.maze import observe
from cairn.envs.maze.cells import at, below, cell_of, random_cell
from cairn.envs.maze.generate import check_room
from cairn.envs.maze.level import MazeLevel
from cairn.envs.protocol import Category, Editor, Image, Noise, Step, Vector

NOWHERE = np.array([-1, -1], np.int32)
"""The cell of what is not placed yet."""


class Draft(NamedTuple):
    """A maze being designed."""

    level: MazeLevel
    """Goal and agent are NOWHERE until they are placed."""
    noise: Float[Array, " size"]
    time: Int[Array, ""]
    """Actions so far."""


class Board(NamedTuple):
    """What the teacher sees."""

    image: Array | Image
    """The whole map with its border, in the codes of `observe` divided by 10."""
    time: Array | Category
    noise: Array | Vector


class MazeEditor(Editor):
    """Design a maze, one cell a step."""

    players: ClassVar[tuple[str, ...]] = ("teacher",)

    width: int = eqx.field(static=True, default=13)
    height: int = eqx.field(static=True, default=13)
    walls: int = eqx.field(static=True, default=25)
    """Actions that build walls."""
    noise: int = eqx.field(static=True, default=50)
    """Numbers drawn for each maze (DCD, minimax and JaxUED: 50)."""

    def __check_init__(self) -> None:
        """Refuse sizes that cannot work."""
        check_room(self.height, self.width, walls=self.walls)

    @property
    def max_steps(self) -> int:
        """Walls, goal, agent."""
        return self.walls + 2

    @property
    def actions(self) -> int:  # type: ignore[override]
        """The cells, in reading order."""
        return self.height * self.width

    @property
    def observation_spec(self) -> Board:
        """Map with border, steps behind, noise."""
        image = Image((self.height + 2, self.width + 2, 3), cells=True)
        return Board(image, Category(self.max_steps + 1), Vector(self.noise))

    @property
    def space(self) -> Noise:
        """The noise of a maze."""
        return Noise(self.noise)

    def reset(self, key: Key[Array, ""], level: Float[Array, " size"]) -> tuple[Draft, Board]:
        """An empty room."""
        walls = jnp.zeros((self.height, self.width), bool)
        nowhere = jnp.asarray(NOWHERE)
        heading = below(jax.random.uniform(key), 4)
        draft = Draft(MazeLevel(walls, nowhere, heading, nowhere), level, jnp.int32(0))
        return draft, self.observe(draft)

    def step(self, key: Key[Array, ""], state: Draft, action: Int[Array, ""]) -> Step:
        """Build or place at a cell. Nothing is paid: who plays the maze knows what it is worth."""
        maze, shape = state.level, state.level.walls.shape
        cell = cell_of(action, self.width)
        builds, ends = state.time < self.walls, state.time > self.walls
        goal = jnp.where(state.time == self.walls, cell, maze.goal)
        free = ~maze.walls & ~at(goal, shape)
        chance = jax.random.uniform(stream(key, "elsewhere"))
        clash = (cell == goal).all()
        agent = jnp.where(ends, jnp.where(clash, random_cell(chance, free), cell), maze.agent)
        walls = (maze.walls | (builds & at(cell, shape))) & ~at(goal, shape) & ~at(agent, shape)
        after = Draft(MazeLevel(walls, agent, maze.heading, goal), state.noise, state.time + 1)
        return Step(after, self.observe(after), jnp.float32(0), ends, jnp.asarray(False))

    def level(self, state: Draft) -> MazeLevel:
        """The maze, once an episode has ended."""
        return state.level

    def observe(self, state: Draft) -> Board:
        """The board so far."""
        maze, shape = state.level, state.level.walls.shape
        code = lambda *parts: np.array(parts, np.float32) / observe.SCALE  # noqa: E731
        cells = jnp.where(
            maze.walls[:, :, None],
            code(observe.WALL, observe.GREY, 0),
            jnp.asarray(code(observe.EMPTY, 0, 0))[None, None],
        )
        goal, agent = code(observe.GOAL, observe.GREEN, 0), code(observe.AGENT, 0, 0)
        facing = jnp.asarray(agent).at[2].set(maze.heading.astype(jnp.float32) / observe.SCALE)
        cells = jnp.where(at(maze.goal, shape)[:, :, None], goal, cells)
        cells = jnp.where(at(maze.agent, shape)[:, :, None], facing[None, None], cells)
        border = np.tile(code(observe.WALL, observe.GREY, 0), (*(side + 2 for side in shape), 1))
        image = jnp.asarray(border).at[1:-1, 1:-1].set(cells)
        return Board(image, state.time, state.noise)
