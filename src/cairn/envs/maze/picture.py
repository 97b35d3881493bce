"""A maze and an attempt at it as one picture (host side)."""

import jax
import numpy as np
from jaxtyping import Int, UInt8

from cairn.envs.maze.draw import draw
from cairn.envs.maze.level import HEADINGS, MazeLevel
from cairn.envs.maze.rules import MazeState

SEEN = np.array((255, 196, 61))
"""Colour laid over what the agent sees."""
STRENGTH = 0.38


def picture(
    level: MazeLevel,
    states: MazeState | None,
    *,
    live: bool,
    view: int,
    limit: int,
    size: tuple[int, int],
    pixels: int,
) -> UInt8[np.ndarray, "rows columns 3"]:
    """`level` about `pixels` large, with the way of the agent through `states` (times first).

    `live`: the agent stands where it is at last, with its view. Otherwise it stands at its start,
    and the way of an attempt that ended before `limit` leads on into the goal.
    `size`: (height, width) that mazes are cut to if all beyond is wall: tests pad them.
    """
    level = cropped(jax.tree.map(np.asarray, level), size)
    height, width = level.walls.shape
    cell = max(4, pixels // (max(height, width) + 2))
    if states is None:
        return draw(level, cell=cell)
    agents, headings = np.asarray(states.agent), np.asarray(states.heading)
    path = [(int(x), int(y)) for x, y in agents]
    if not live:
        ahead = agents[-1] + HEADINGS[headings[-1]]
        if (ahead == level.goal).all() and int(states.time[-1]) < limit:
            path.append((int(ahead[0]), int(ahead[1])))
        return draw(level, path, cell=cell)
    image = draw(level, path, agent=path[-1], heading=int(headings[-1]), cell=cell)
    return _light(image, seen(agents[-1], int(headings[-1]), view), cell)


def seen(agent: Int[np.ndarray, "2"], heading: int, view: int) -> Int[np.ndarray, "cells 2"]:
    """The cells (x, y) of the view: the agent's own row and those ahead of it."""
    forward = HEADINGS[heading]
    right = np.array([-forward[1], forward[0]])
    half = view // 2
    cells = [agent + i * forward + j * right for i in range(view) for j in range(-half, half + 1)]
    return np.array(cells, np.int32)


def cropped(level: MazeLevel, size: tuple[int, int]) -> MazeLevel:
    """`level` without the solid wall in its east and south, but no smaller than `size`."""
    free = np.argwhere(~level.walls).max(axis=0) + 1
    height, width = np.minimum(np.maximum(free, size), level.walls.shape)
    return level._replace(walls=level.walls[:height, :width])


def _light(
    image: UInt8[np.ndarray, "rows columns 3"], cells: Int[np.ndarray, "cells 2"], cell: int
) -> UInt8[np.ndarray, "rows columns 3"]:
    """Lay the colour of sight over `cells`; what lies outside the picture is left out."""
    lit = np.zeros(image.shape[:2], bool)
    for x, y in cells + 1:  # the border is part of the picture
        if x >= 0 and y >= 0:
            lit[y * cell : (y + 1) * cell, x * cell : (x + 1) * cell] = True
    # Only floor and walls, which are nearly grey: agent, goal and path keep their colours.
    red, green, blue = image[lit].T  # NumPy is slow along an axis of three
    spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    lit[lit] = spread < 30
    bright = image.copy()
    mixed = (1 - STRENGTH) * image[lit].astype(np.float32) + STRENGTH * SEEN
    bright[lit] = mixed.astype(np.float32).round().astype(np.uint8)
    return bright
