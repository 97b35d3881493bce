import json

import jax
import jax.numpy as jnp
import maze_oracle as oracle
import numpy as np
import pytest

from cairn.core.errors import ConfigError, LevelError
from cairn.envs.maze import suites
from cairn.envs.maze.env import Maze
from cairn.envs.maze.families import FAMILIES
from cairn.envs.maze.level import MazeLevel
from cairn.envs.maze.named import FIXED_GOAL, NAMED
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
    actions = jax.random.randint(jax.random.key(5), (120, 6), 0, 3)
    one, two = walk(levels, actions), walk(padded, actions)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(np.unique(np.asarray(one[0].image), axis=0)) > 50


@jax.jit
def walk(levels, actions):
    """What is seen and paid on the way."""
    keys = jax.random.split(KEY, 6)

    def step(state, action):
        played = jax.vmap(MAZE.step)(keys, state, action)
        return played.state, (played.observation, played.reward, played.terminated)

    state, _ = jax.vmap(MAZE.reset)(keys, jax.tree.map(jnp.asarray, levels))
    return jax.lax.scan(step, state, actions)[1]


def test_procedural_levels_come_in_families_without_the_largest(monkeypatch):
    few = {name: FAMILIES[name] for name in ("FourRooms", "PerfectMazeXL")}
    monkeypatch.setattr(suites, "FAMILIES", few)  # the others would only cost compilations
    suite = MAZE.suite("procedural", KEY)
    assert suite.groups == ("FourRooms",) * 50
    assert suite.levels[:2] == ("FourRooms/0000", "FourRooms/0001")
    assert suite.variants.walls.shape == (50, 19, 19)
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
    assert oracle.facts(level) == (3, 5)
    path.write_text("[]")
    with pytest.raises(LevelError, match=r"levels\.json"):
        MAZE.suite_from(path)


def test_a_given_level_is_what_is_drawn_and_what_is_tested_on(tmp_path):
    path = tmp_path / "two.json"
    path.write_text(
        '[{"rows": ["..#", "..."], "agent": [0, 0], "heading": "east", "goal": [2, 1]},'
        ' {"rows": ["..."], "agent": [0, 0], "heading": "west", "goal": [2, 0]}]'
    )
    maze = Maze(width=4, height=3, walls=0, view=3, level=str(path))
    path.unlink()
    assert maze.level == ">.#/..G <.G"
    drawn = jax.jit(jax.vmap(maze.space.sample))(jax.random.split(KEY, 32))
    headings, walls = np.asarray(drawn.heading), np.asarray(drawn.walls)
    assert set(headings.tolist()) == {0, 2}
    assert (walls[headings == 0] == [[0, 0, 1, 1], [0, 0, 0, 1], [1, 1, 1, 1]]).all()
    assert (walls[headings == 2] == [[0, 0, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1]]).all()
    suite = maze.suite(maze.suites()[0], KEY)
    assert (suite.name, suite.env.max_steps, len(suite.levels)) == ("level", 250, 2)
    assert suite.optimal_steps == (5, 4)
    assert list(maze.quick_suites()) == ["level"]


def test_a_named_maze_can_be_given_with_every_start_it_may_have():
    assert len(Maze(level="Labyrinth").given) == 1
    assert len(Maze(level="SmallCorridor").given) == 40
    level = Maze(level="Labyrinth").space.sample(KEY)
    np.testing.assert_array_equal(level.walls, NAMED["Labyrinth"].walls)
