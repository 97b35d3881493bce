import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.maze import observe, rules
from cairn.envs.maze.draw import PATH_END
from cairn.envs.maze.env import Maze
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.picture import cropped, seen

ENV = Maze(width=9, height=9, walls=30, limit=20)
CELL = 20
PIXELS = 11 * CELL


@pytest.mark.parametrize("heading", range(4))
def test_the_lit_cells_are_those_the_agent_sees(heading):
    rng = np.random.default_rng(heading)
    walls = rng.random((9, 9)) < 0.4
    agent = np.array([2, 6], np.int32)
    walls[6, 2] = False
    level = MazeLevel(jnp.asarray(walls), jnp.asarray(agent), jnp.int32(heading), jnp.int32([8, 8]))
    state = rules.begin(level, ENV.border)
    image = observe.image(state, ENV.view, ENV.border, see_agent=False, normalize=False)
    around = np.pad(walls, 10, constant_values=True)
    x, y = seen(agent, heading, ENV.view).T + 10
    # Cells come nearest row first, left to right; the view has its farthest row first.
    np.testing.assert_array_equal(around[y, x].reshape(5, 5)[::-1], image[..., 0] == observe.WALL)


def test_padding_is_cut_away_but_never_below_the_size_of_the_environment():
    walls = np.ones((19, 19), bool)
    walls[:13, :11] = False
    level = MazeLevel(walls, np.int32([0, 0]), np.int32(0), np.int32([5, 5]))
    assert cropped(level, (13, 13)).walls.shape == (13, 13)
    assert cropped(level, (7, 7)).walls.shape == (13, 11)
    assert cropped(level, (30, 30)).walls.shape == (19, 19)


@pytest.fixture(scope="module")
def corridor():
    """Three steps east, then into the goal."""
    level = MazeLevel(jnp.zeros((9, 9), bool), jnp.int32([0, 4]), jnp.int32(0), jnp.int32([4, 4]))
    state, _ = ENV.reset(jax.random.key(0), level)
    states = [state]
    for _ in range(4):
        states.append(ENV.step(jax.random.key(0), states[-1], jnp.int32(rules.FORWARD)).state)
    return level, jax.tree.map(lambda *leaves: np.stack(leaves), *states)


def test_the_way_of_a_finished_attempt_leads_into_the_goal(corridor):
    level, states = corridor
    image = ENV.picture(level, states, pixels=PIXELS)
    assert image.shape == (PIXELS, PIXELS, 3)
    # On the edge between the last cell the agent stood in and the goal's, before its rounded box.
    middle = image[5 * CELL + CELL // 2, 5 * CELL]
    np.testing.assert_allclose(middle.astype(int), PATH_END, atol=25)
    unfinished = jax.tree.map(lambda leaf: leaf[:3], states)
    other = ENV.picture(level, unfinished, pixels=PIXELS)
    assert np.ptp(other[5 * CELL + CELL // 2, 5 * CELL].astype(int)) < 30  # bare floor


def test_a_live_picture_lights_the_view_only(corridor):
    level, states = corridor
    at_start = jax.tree.map(lambda leaf: leaf[:1], states)
    dark = ENV.picture(level, at_start, pixels=PIXELS).astype(int)
    light = ENV.picture(level, at_start, live=True, pixels=PIXELS).astype(int)
    changed = (dark != light).any(axis=-1)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    # From (0, 4) looking east: columns 0 to 4, rows 2 to 6, each moved by the border.
    assert (columns[0], columns[-1]) == (1 * CELL, 6 * CELL - 1)
    assert (rows[0], rows[-1]) == (3 * CELL, 8 * CELL - 1)
