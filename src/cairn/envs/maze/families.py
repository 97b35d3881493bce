"""Held-out families of mazes: every level is drawn anew, by the rules of minimax and MiniGrid."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, Key

from cairn.core.errors import ConfigError
from cairn.envs.maze.cells import at, below, column_numbers, row_numbers
from cairn.envs.maze.generate import place
from cairn.envs.maze.level import EAST, MazeLevel
from cairn.envs.maze.structured import lattice_walls, spanning_tree


@dataclass(frozen=True)
class Family:
    """A distribution over mazes of one size."""

    size: int
    """Height and width of the inner grid."""
    step_limit: int
    """Steps per episode in minimax."""
    sample: Callable[[Key[Array, ""]], MazeLevel]
    """One level from a key."""


def four_rooms(key: Key[Array, ""], *, size: int = 17) -> MazeLevel:
    """A wall along the middle row and one along the middle column, a random door in each arm.

    Agent and goal uniform on the free cells. Always solvable.
    """
    if size < 3 or size % 2 == 0:
        raise ConfigError(f"four_rooms needs an odd size of 3 or more, got {size}.")
    door_key, place_key = jax.random.split(key)
    middle = size // 2
    # A door in the west, east, north and south arm of the cross.
    doors = below(jax.random.uniform(door_key, (4,), jnp.float32), middle)
    doors = doors + jnp.array([0, middle + 1, 0, middle + 1], jnp.int32)
    y, x = row_numbers((size, size)), column_numbers((size, size))
    row = (y == middle) & (x != doors[0]) & (x != doors[1])
    column = (x == middle) & (y != doors[2]) & (y != doors[3])
    return place(place_key, row | column)


def crossing(key: Key[Array, ""], *, size: int = 9, crossings: int = 5) -> MazeLevel:
    """Walls along exactly `crossings` of the odd rows and columns, opened along a random way.

    The way goes from the start in the top left corner, looking east, to the goal in the bottom
    right one, through one opening in each wall. Always solvable; other parts may be cut off.

    Source: MiniGrid SimpleCrossing S11N5. Differs from minimax, where the number of walls is
    `crossings` only on average.
    """
    lines = size // 2
    if size < 3 or size % 2 == 0 or not 0 <= crossings <= 2 * lines:
        raise ConfigError(
            "crossing needs an odd size of 3 or more and at most size - 1 crossings, "
            f"got size={size} and crossings={crossings}."
        )
    line_key, way_key = jax.random.split(key)
    built = jax.random.permutation(line_key, 2 * lines) < crossings
    # Odd rows and columns that are walls, as masks over all rows and columns.
    odd = jnp.arange(size) % 2 == 1
    rows = odd & jnp.repeat(built[:lines], 2, total_repeat_length=size)
    columns = odd & jnp.repeat(built[lines:], 2, total_repeat_length=size)
    walls = rows[:, None] | columns[None, :]
    walls = _cut_way(way_key, walls, rows, columns, crossings)
    corner = jnp.array([size - 1, size - 1], jnp.int32)
    return MazeLevel(walls, jnp.zeros(2, jnp.int32), jnp.int32(EAST), corner)


def _cut_way(
    key: Key[Array, ""],
    walls: Bool[Array, "size size"],
    rows: Bool[Array, " size"],
    columns: Bool[Array, " size"],
    crossings: int,
) -> Bool[Array, "size size"]:
    """Open each wall once, on a way through the rooms that never goes back, in a random order."""
    size = rows.shape[0]
    number = jnp.arange(size, dtype=jnp.int32)
    chance = jax.random.uniform(key, (crossings, 3), jnp.float32)

    def after(last: Int[Array, ""], mask: Bool[Array, " size"]) -> Int[Array, ""]:
        return jnp.min(jnp.where(mask & (number > last), number, size))

    def cross(
        step: Int[Array, ""],
        carry: tuple[Bool[Array, "size size"], Int[Array, ""], Int[Array, ""]],
    ) -> tuple[Bool[Array, "size size"], Int[Array, ""], Int[Array, ""]]:
        walls, row, column = carry
        rows_left = jnp.sum(rows & (number > row), dtype=jnp.int32)
        left = rows_left + jnp.sum(columns & (number > column), dtype=jnp.int32)
        # Drawing by what is left makes every order of the walls equally likely.
        down = below(chance[step, 0], left) < rows_left
        next_row, next_column = after(row, rows), after(column, columns)
        # The room at hand lies between the walls just crossed and the next ones.
        inner_column = column + 1 + below(chance[step, 1], next_column - column - 1)
        inner_row = row + 1 + below(chance[step, 2], next_row - row - 1)
        x = jnp.where(down, inner_column, next_column)
        y = jnp.where(down, next_row, inner_row)
        walls = walls & ~at(jnp.stack([x, y]), walls.shape)
        return walls, jnp.where(down, next_row, row), jnp.where(down, column, next_column)

    start = jnp.int32(-1)
    return jax.lax.fori_loop(0, crossings, cross, (walls, start, start))[0]


def perfect_maze(key: Key[Array, ""], *, size: int) -> MazeLevel:
    """A randomised depth-first spanning tree on the cells of even coordinates.

    Agent and goal uniform on the free cells (minimax; DCD starts in one corner and ends in
    another). Always solvable, by one way only.
    """
    if size < 3 or size % 2 == 0:
        raise ConfigError(f"perfect_maze needs an odd size of 3 or more, got {size}.")
    tree_key, place_key = jax.random.split(key)
    cells = jnp.ones(((size + 1) // 2, (size + 1) // 2), bool)
    east, south = spanning_tree(tree_key, cells)
    return place(place_key, lattice_walls(cells, east, south)[:size, :size])


FAMILIES = {
    "FourRooms": Family(17, 250, four_rooms),
    "Crossing": Family(9, 484, crossing),
    "PerfectMaze": Family(13, 450, partial(perfect_maze, size=13)),
    "PerfectMazeMedium": Family(19, 882, partial(perfect_maze, size=19)),
    "PerfectMazeXL": Family(101, 21_218, partial(perfect_maze, size=101)),
}
"""Name to family, with minimax's step limits (DCD plays FourRooms with 100)."""
