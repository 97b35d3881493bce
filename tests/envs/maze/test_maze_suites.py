import json

import jax
import jax.numpy as jnp
import maze_oracle as oracle
import numpy as np
import pytest

from cairn.core.errors import ConfigError, LevelError
from cairn.envs.maze.env import Maze
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.named import FIXED_GOAL
from cairn.envs.maze.suites import fresh, pad

MAZE = Maze(width=7, height=7, walls=3, limit=40)
KEY = jax.random.key(0)


def test_the_named_suite_is_ten_mazes_with_eight_in_the_headline():
    suite = MAZE.suite("named", KEY)
    assert len(suite.levels) == 10
    assert tuple(np.array(suite.levels)[suite.headline]) == FIXED_GOAL
    counts = dict(zip(suite.levels, np.bincount(suite.owner).tolist(), strict=True))
    # 4 headings where any is drawn, times the places of the goal.
    assert (counts["Labyrinth"], counts["Labyrinth2"]) == (1, 4)
    assert (counts["SmallCorridor"], counts["LargeCorridor"]) == (40, 64)


def test_suites_keep_the_view_and_set_the_limit_whatever_was_trained_on():
    suite = Maze(width=7, height=7, walls=3, limit=40, view=3).suite("named", KEY)
    assert (suite.env.max_steps, suite.env.observation_spec.image.shape) == (250, (3, 3, 3))


def test_fresh_mazes_are_solvable_13x13_and_fixed_by_the_key():
    levels = fresh(KEY, 40)
    assert levels.walls.shape == (40, 13, 13)
    oracle.check_valid(levels)
    for index in range(40):
        moves, _ = oracle.facts(jax.tree.map(lambda leaf, index=index: leaf[index], levels))
        assert moves is not None
    again = fresh(KEY, 40)
    assert all((a == b).all() for a, b in zip(levels, again, strict=True))
    assert 22 < levels.walls.sum(axis=(1, 2)).mean() < 25


def test_a_padded_maze_looks_and_plays_the_same():
    levels = fresh(KEY, 6)
    padded = pad(levels)
    assert padded.walls.shape == (6, 19, 19)
    step = jax.jit(jax.vmap(MAZE.step))
    actions = jax.random.randint(jax.random.key(5), (120, 6), 0, 3)
    keys = jax.random.split(KEY, 6)
    plays = [jax.jit(jax.vmap(MAZE.reset))(keys, jax.tree.map(jnp.asarray, x)) for x in (levels, padded)]
    (one, seen), (two, seen_padded) = plays
    for action in actions:
        for a, b in zip(jax.tree.leaves(seen), jax.tree.leaves(seen_padded), strict=True):
            np.testing.assert_array_equal(a, b)
        first, second = step(keys, one, action), step(keys, two, action)
        np.testing.assert_array_equal(first.reward, second.reward)
        np.testing.assert_array_equal(first.terminated, second.terminated)
        one, two, seen, seen_padded = first.state, second.state, *(
            played.observation for played in (first, second)
        )
    assert len(set(map(tuple, np.asarray(one.agent).tolist()))) > 3


def test_procedural_levels_come_in_families_without_the_largest():
    suite = MAZE.suite("procedural", KEY)
    assert set(suite.groups) == {"FourRooms", "Crossing", "PerfectMaze", "PerfectMazeMedium"}
    assert suite.variants.walls.shape == (200, 19, 19)
    assert "procedural-xl" not in MAZE.suites() and "procedural-xl" in MAZE.suites(full=True)


def test_an_unknown_suite_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match="Expected one of named, random, procedural, cvar"):
        MAZE.suite("famous", KEY)
    with pytest.raises(ConfigError, match="needs --full"):
        MAZE.suite("procedural-xl", KEY)


def test_a_file_of_levels_is_a_suite(tmp_path):
    entry = {"rows": ["..#", "..."], "agent": [0, 0], "heading": "east", "goal": [2, 1]}
    path = tmp_path / "levels.json"
    path.write_text(json.dumps([{"name": "a", **entry}, {"name": "a", **entry}, entry]))
    suite = MAZE.suite_from(path)
    assert suite.levels == ("a (0)", "a (1)", "2")
    assert suite.variants.walls.shape == (3, 19, 19)
    level = MazeLevel(*(np.asarray(field)[0] for field in suite.variants))
    assert oracle.facts(level) == (3, 4)
    path.write_text("[]")
    with pytest.raises(LevelError, match=r"levels\.json"):
        MAZE.suite_from(path)
