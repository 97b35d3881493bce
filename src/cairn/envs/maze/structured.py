"""Random mazes with structure: corridors with loops, and rooms with doors. Always solvable.

Our own generators, for training. Walls stand on the lines of one parity and openings are made on
the other, and which parity is drawn for rows and columns apart: so corridors lie on even or on odd
lines, touching the border or not.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from cairn.core.errors import ConfigError
from cairn.envs.maze.cells import ahead, below, column_numbers, row_numbers
from cairn.envs.maze.generate import place
from cairn.envs.maze.level import MazeLevel

# Marks beside the four ways by which a cell of the tree can be entered.
_UNSEEN = 4
_ROOT = 5


def braided(
    key: Key[Array, ""], *, height: int = 13, width: int = 13, braid: float = 0.5
) -> MazeLevel:
    """A spanning-tree maze with a share of its inner walls, drawn from U(0, `braid`), opened.

    0 gives perfect mazes (one way between any two cells), 1 reaches grids of pillars. Every free
    cell can be reached from every other: guaranteed.
    """
    if min(height, width) < 3 or height * width < 12:
        raise ConfigError(
            f"A braided maze needs 3x4 cells or more for the agent and the goal, "
            f"got {height}x{width}."
        )
    if not 0 <= braid <= 1:
        raise ConfigError(f"braid must lie in [0, 1], got {braid}.")
    start_key, tree_key, open_key, place_key = jax.random.split(key, 4)
    start = jax.random.uniform(start_key, (3,), jnp.float32)
    shape = ((height + 1) // 2, (width + 1) // 2)
    parity = below(start[:2], 2)
    inside = (2 * row_numbers(shape) + parity[0] < height) & (
        2 * column_numbers(shape) + parity[1] < width
    )
    east, south = spanning_tree(tree_key, inside)
    share = braid * start[2]
    chance = jax.random.uniform(open_key, (2, *shape), jnp.float32)
    east = east | (inside & ahead(inside, 0) & (chance[0] < share))
    south = south | (inside & ahead(inside, 1) & (chance[1] < share))
    walls = lattice_walls(inside, east, south)
    # One more line of walls in front, then the parity says where to cut.
    walls = jnp.pad(walls, ((1, 0), (1, 0)), constant_values=True)
    walls = jnp.where(parity[0] == 1, walls[:height], walls[1 : height + 1])
    walls = jnp.where(parity[1] == 1, walls[:, :width], walls[:, 1 : width + 1])
    return place(place_key, walls)


def spanning_tree(
    key: Key[Array, ""], inside: Bool[Array, "rows columns"]
) -> tuple[Bool[Array, "rows columns"], Bool[Array, "rows columns"]]:
    """Randomised depth-first search over the cells of `inside`, which must hang together.

    Returns which cells are open to the east and which to the south.

    Walking back along a stack is the same as going on from the newest cell that still has an
    unseen neighbour, which needs one iteration per cell and no stack.
    """
    shape = inside.shape
    chance = jax.random.uniform(key, (inside.size,), jnp.float32)
    rank = jnp.cumsum(inside.reshape(-1), dtype=jnp.int32).reshape(shape)
    root = inside & (rank == 1 + below(chance[-1], jnp.max(rank)))
    # When a cell was seen (0: not yet), and the way by which it was entered.
    seen = root.astype(jnp.int32)
    entered = jnp.where(root, _ROOT, _UNSEEN)

    def grow(
        step: Int[Array, ""],
        carry: tuple[Int[Array, "rows columns"], Int[Array, "rows columns"]],
    ) -> tuple[Int[Array, "rows columns"], Int[Array, "rows columns"]]:
        seen, entered = carry
        unseen = inside & (seen == 0)
        ways = jnp.stack([ahead(unseen, way) for way in range(4)])
        newest = jnp.max(jnp.where(ways.any(axis=0), seen, 0))
        here = (seen == newest) & (newest > 0)
        open_ways = jnp.cumsum((ways & here[None]).any(axis=(1, 2)), dtype=jnp.int32)
        way = jnp.argmax(open_ways > below(chance[step], open_ways[3]))
        there = jnp.stack([ahead(here, (w + 2) % 4) & (way == w) for w in range(4)]).any(axis=0)
        return jnp.where(there, step + 2, seen), jnp.where(there, way, entered)

    seen, entered = jax.lax.fori_loop(0, inside.size - 1, grow, (seen, entered))
    east = ahead(entered == 0, 0) | (entered == 2)
    south = ahead(entered == 1, 1) | (entered == 3)
    return east, south


def lattice_walls(
    cells: Bool[Array, "rows columns"],
    east: Bool[Array, "rows columns"],
    south: Bool[Array, "rows columns"],
) -> Bool[Array, "height width"]:
    """The walls of a lattice of cells at even coordinates: height 2 * rows, width 2 * columns."""
    rows, columns = cells.shape
    corner = jnp.zeros_like(cells)
    free = jnp.stack([jnp.stack([cells, east], axis=2), jnp.stack([south, corner], axis=2)], axis=1)
    return ~free.reshape(2 * rows, 2 * columns)


def rooms(
    key: Key[Array, ""],
    *,
    height: int = 13,
    width: int = 13,
    splits: int = 12,
    second_door: float = 0.3,
) -> MazeLevel:
    """Recursive division: n ~ U{1, ..., `splits`} walls, each across one room and with a door.

    A room is drawn by its area and cut on a uniform line, across its longer side more often (in
    proportion to the square of the number of lines there). A wall has a second door with chance
    `second_door` (it may fall on the first). No wall is built when no room can be divided. Every
    free cell can be reached from every other: guaranteed, because walls end on lines of one parity
    and doors lie on the other, so no wall ends in a door.
    """
    if min(height, width) < 3 or splits < 1 or not 0 <= second_door <= 1:
        raise ConfigError(
            "rooms needs a maze of 3x3 cells or more, splits of 1 or more and second_door in "
            f"[0, 1], got {height}x{width}, {splits} and {second_door}."
        )
    start_key, split_key, place_key = jax.random.split(key, 3)
    start = jax.random.uniform(start_key, (3,), jnp.float32)
    parity, count = below(start[:2], 2), 1 + below(start[2], splits)
    chance = jax.random.uniform(split_key, (splits, 6), jnp.float32)
    # Rooms as first and last row, first and last column; those not yet made are empty.
    whole = jnp.array([[0, height - 1, 0, width - 1]], jnp.int32)
    boxes = jnp.concatenate([whole, jnp.tile(jnp.array([[0, -1, 0, -1]], jnp.int32), (splits, 1))])

    def divide(
        step: Int[Array, ""],
        carry: tuple[Int[Array, "rooms 4"], Bool[Array, "height width"]],
    ) -> tuple[Int[Array, "rooms 4"], Bool[Array, "height width"]]:
        boxes, walls = carry
        lines = _lines(boxes, parity)
        area = (boxes[:, 1] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 2] + 1)
        area = jnp.cumsum(jnp.where(lines.sum(axis=1) > 0, area, 0))
        room = jnp.argmax(area > below(chance[step, 0], area[-1]))
        cut = _cut(boxes[room], lines[room], parity, chance[step], second_door, walls.shape)
        go = (step < count) & (area[-1] > 0)
        divided = boxes.at[room].set(cut.near).at[step + 1].set(cut.far)
        return jnp.where(go, divided, boxes), walls | (go & cut.wall)

    _, walls = jax.lax.fori_loop(0, splits, divide, (boxes, jnp.zeros((height, width), bool)))
    return place(place_key, walls)


class _Cut(NamedTuple):
    near: Int[Array, "4"]
    far: Int[Array, "4"]
    wall: Bool[Array, "height width"]


def _cut(
    box: Int[Array, "4"],
    lines: Int[Array, "2"],
    parity: Int[Array, "2"],
    chance: Float[Array, "6"],
    second_door: float,
    shape: tuple[int, ...],
) -> _Cut:
    """Divide `box` by one of its `lines` (how many are horizontal, vertical)."""
    weight = (lines * lines).astype(jnp.float32)
    horizontal = chance[1] * weight.sum() < weight[0]
    line = below(chance[5], jnp.where(horizontal, lines[0], lines[1]))
    # From here on as if the wall were horizontal; turned back at the end.
    low, high, start, stop = jnp.where(horizontal, box, jnp.roll(box, 2))
    parity = jnp.where(horizontal, parity, parity[::-1])
    line = low + 1 + (low + 1 + parity[0]) % 2 + 2 * line
    # Doors lie on the lines of the other parity.
    first_door = start + (start + parity[1] + 1) % 2
    doors = first_door + 2 * below(chance[2:4], (stop - first_door) // 2 + 1)
    second = jnp.where(chance[4] < second_door, doors[1], doors[0])
    rows, columns = row_numbers(shape), column_numbers(shape)
    across = jnp.where(horizontal, rows == line, columns == line)
    along = jnp.where(horizontal, columns, rows)
    wall = across & (along >= start) & (along <= stop) & (along != doors[0]) & (along != second)
    parts = jnp.array([[low, line - 1, start, stop], [line + 1, high, start, stop]])
    parts = jnp.where(horizontal, parts, jnp.roll(parts, 2, axis=1))
    return _Cut(parts[0], parts[1], wall)


def _lines(boxes: Int[Array, "rooms 4"], parity: Int[Array, "2"]) -> Int[Array, "rooms 2"]:
    """How many rows and columns of that parity have cells of the room on both sides."""
    low, high = boxes[:, 0::2], boxes[:, 1::2]
    first = low + 1 + (low + 1 + parity[None]) % 2
    return jnp.maximum((high - 1 - first) // 2 + 1, 0)
