from functools import partial

import jax
import maze_oracle as oracle
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.maze import families
from cairn.envs.maze.families import FAMILIES

LEVELS = 200
# One perfect maze stands for the three: they differ in size only.
SMALL = ["FourRooms", "Crossing", "PerfectMaze"]


@pytest.fixture(scope="module")
def drawn():
    keys = jax.random.split(jax.random.key(0), LEVELS)
    return {name: jax.jit(jax.vmap(FAMILIES[name].sample))(keys) for name in SMALL}


@pytest.mark.parametrize("name", SMALL)
def test_levels_are_valid_of_the_stated_size_and_solvable(drawn, name):
    levels = drawn[name]
    oracle.check_valid(levels)
    walls, size = np.asarray(levels.walls), FAMILIES[name].size
    assert walls.shape == (LEVELS, size, size)
    for i in range(LEVELS):
        reached = oracle.moves(walls[i], tuple(levels.agent[i].tolist()))
        assert tuple(levels.goal[i].tolist()) in reached
        if name != "Crossing":  # where the rooms beside the way may be cut off
            assert len(reached) == (~walls[i]).sum()


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_has_the_size_it_states(name):
    shape = jax.eval_shape(FAMILIES[name].sample, jax.random.key(0)).walls.shape
    assert shape == (FAMILIES[name].size,) * 2


def test_step_limits_are_those_of_minimax():
    limits = {name: family.step_limit for name, family in FAMILIES.items()}
    assert limits.pop("FourRooms") == 250
    assert limits.pop("Crossing") == 4 * (9 + 2) ** 2
    assert limits == {name: 2 * (FAMILIES[name].size + 2) ** 2 for name in limits}


def test_four_rooms_have_one_door_in_each_arm_anywhere_along_it(drawn):
    walls = np.asarray(drawn["FourRooms"].walls)
    middle = 8
    assert walls[:, middle, middle].all()
    for arm in (
        walls[:, middle, :middle],
        walls[:, middle, 9:],
        walls[:, :middle, middle],
        walls[:, 9:, middle],
    ):
        assert ((~arm).sum(axis=1) == 1).all()
        assert (~arm).any(axis=0).all()
    rooms = np.delete(np.delete(walls, middle, axis=1), middle, axis=2)
    assert not rooms.any()


def test_crossing_has_exactly_five_walls_with_one_opening_each_and_fixed_ends(drawn):
    levels = drawn["Crossing"]
    walls = np.asarray(levels.walls)
    # Two neighbouring walled cells at a line's even places tell a walled line: one can be open.
    rows = walls[:, 1::2, 0::2].sum(axis=2) >= 4
    columns = walls[:, 0::2, 1::2].sum(axis=1) >= 4
    assert (rows.sum(axis=1) + columns.sum(axis=1) == 5).all()
    for i in range(LEVELS):
        full = np.zeros((9, 9), bool)
        full[1::2][rows[i]] = True
        full[:, 1::2][:, columns[i]] = True
        assert (full & ~walls[i]).sum() == 5 and not (walls[i] & ~full).any()
    assert (np.asarray(levels.agent) == 0).all() and (np.asarray(levels.goal) == 8).all()
    assert (np.asarray(levels.heading) == 0).all()
    # Of the eight lines each is a wall in five of eight levels.
    share = np.concatenate([rows, columns], axis=1).mean(axis=0)
    assert (abs(share - 5 / 8) < 4 * np.sqrt(15 / 64 / LEVELS)).all()


def test_perfect_mazes_are_spanning_trees_of_the_even_cells(drawn):
    walls = np.asarray(drawn["PerfectMaze"].walls)
    assert not walls[:, ::2, ::2].any() and walls[:, 1::2, 1::2].all()
    edges = (~walls[:, 1:] & ~walls[:, :-1]).sum((1, 2)) + (
        ~walls[:, :, 1:] & ~walls[:, :, :-1]
    ).sum((1, 2))
    assert (edges == (~walls).sum((1, 2)) - 1).all()
    assert len(np.unique(walls, axis=0)) == LEVELS


def test_the_four_spanning_trees_of_two_by_two_cells_are_equally_likely():
    keys = jax.random.split(jax.random.key(1), 2_000)
    walls = np.asarray(jax.jit(jax.vmap(partial(families.perfect_maze, size=3)))(keys).walls)
    closed = walls[:, [0, 1, 1, 2], [1, 0, 2, 1]]
    assert (closed.sum(axis=1) == 1).all()
    assert (abs(closed.mean(axis=0) - 0.25) < 4 * np.sqrt(3 / 16 / 2_000)).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (partial(families.four_rooms, size=8), "odd size of 3 or more, got 8"),
        (partial(families.crossing, crossings=9), "size=9 and crossings=9"),
        (partial(families.perfect_maze, size=12), "odd size of 3 or more, got 12"),
    ],
)
def test_impossible_sizes_are_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call(jax.random.key(0))
