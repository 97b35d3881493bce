"""The view against plain cropping and turning: one word of bits or many, short rows or long."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.maze import rules
from cairn.envs.maze.env import Maze
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.observe import AGENT, EMPTY, GOAL, GREEN, GREY, WALL


def looked_at(walls, agent, heading, goal, view):
    """The coded view by `np.rot90` of a padded map, forward up."""
    codes = np.zeros((*walls.shape, 3), np.uint8)
    codes[..., 0] = np.where(walls, WALL, EMPTY)
    codes[..., 1] = np.where(walls, GREY, 0)
    codes[goal[1], goal[0]] = GOAL, GREEN, 0
    padded = np.full((walls.shape[0] + 2 * view, walls.shape[1] + 2 * view, 3), 0, np.uint8)
    padded[...] = WALL, GREY, 0
    padded[view:-view, view:-view] = codes
    x, y = agent + view
    reach = view - 1
    around = padded[y - reach : y + reach + 1, x - reach : x + reach + 1]
    north_up = np.rot90(around, {0: 1, 1: 2, 2: 3, 3: 0}[heading])
    half = view // 2
    return north_up[:view, reach - half : reach + half + 1]


@pytest.mark.parametrize(("view", "height", "width"), [(5, 7, 9), (7, 9, 8), (17, 17, 21)])
@pytest.mark.parametrize("see_agent", [False, True])
def test_every_view_is_the_map_cropped_and_turned(view, height, width, see_agent):
    rng = np.random.default_rng(view)
    batch = 40
    walls = rng.random((batch, height, width)) < 0.4
    places = [rng.choice(height * width, 2, replace=False) for _ in range(batch)]
    agents, goals = (
        np.stack([np.array([p[i] % width, p[i] // width], np.int32) for p in places])
        for i in (0, 1)
    )
    each = np.arange(batch)
    walls[each, agents[:, 1], agents[:, 0]] = walls[each, goals[:, 1], goals[:, 0]] = False
    headings = (each % 4).astype(np.int32)
    maze = Maze(height=height, width=width, view=view, see_agent=see_agent, normalize=False)
    levels = MazeLevel(*map(jnp.asarray, (walls, agents, headings, goals)))
    begin = jax.vmap(lambda level: maze.observe(rules.begin(level, maze.border)).image)
    images = np.asarray(jax.jit(begin)(levels))
    for i in range(batch):
        expected = looked_at(walls[i], agents[i], int(headings[i]), goals[i], view).copy()
        if see_agent:
            expected[view - 1, view // 2] = AGENT, 0, headings[i]
        np.testing.assert_array_equal(images[i], expected)


def test_normalised_codes_are_the_codes_over_ten():
    maze = Maze(height=7, width=9, walls=20)
    level = maze.space.sample(jax.random.key(1))
    state = rules.begin(level, maze.border)
    plain = Maze(height=7, width=9, walls=20, normalize=False).observe(state).image
    np.testing.assert_array_equal(maze.observe(state).image, np.float32(plain) / np.float32(10))
