from functools import partial

import jax
import jax.numpy as jnp
import maze_oracle as oracle
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.maze import generate, solve, structured
from cairn.envs.maze.cells import random_cell

LEVELS, PUBLISHED = 1_000, 4_000
"""How many we draw, and how many the table of reference is made of."""


def draw(generator, count=LEVELS, seed=0):
    return jax.jit(jax.vmap(generator))(jax.random.split(jax.random.key(seed), count))


def facts(level):
    return level.walls.sum(), solve.shortest_path(level), solve.optimal_actions(level)


# The table of reference: share solvable, mean walls, then over the solvable ones mean moves and
# mean actions. Made of 4,000 levels each by an independent program.
TABLE = {
    "empty": (generate.empty_room, (1.0, 0, 8.7, 10.1)),
    "25 with": (partial(generate.random_walls, walls=25), (0.995, 23.3, 9.0, 11.5)),
    "25 without": (partial(generate.random_walls, walls=25, replace=False), (0.995, 25, 9.1, 11.7)),
    "60 with": (generate.random_walls, (0.85, 50.6, 10.7, 14.8)),
    "60 without": (partial(generate.random_walls, replace=False), (0.66, 60, 10.7, 15.2)),
    "uniform": (generate.uniform_walls, (0.94, 29.5, 9.4, None)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", TABLE)
def test_statistics_are_those_of_the_published_generators(name):
    generator, want = TABLE[name]

    def sample(key):
        level = generator(key)
        return level, facts(level)

    levels, (walls, moves, actions) = draw(sample)
    oracle.check_valid(levels)
    walls = np.asarray(walls)
    if name == "60 with":
        expected = 169 * (1 - (168 / 169) ** 60)
        assert abs(walls.mean() - expected) < 3 * walls.std() / np.sqrt(LEVELS)
    elif name == "uniform":
        assert walls.min() == 0 and walls.max() == 59  # the bound of 60 is never reached
    else:
        assert (walls == walls[0]).all() or name == "25 with"
    solvable = np.asarray(moves) < solve.UNREACHABLE
    columns = [solvable, walls, moves[solvable], actions[solvable]]
    # Half a unit of the last printed digit, and the sampling errors of both.
    for values, expected, rounding in zip(columns, want, (0.005, 0.05, 0.05, 0.05), strict=True):
        if expected is not None:
            share = len(values) / LEVELS  # that is solvable, say
            error = np.std(values) * np.sqrt((1 / LEVELS + 1 / PUBLISHED) / share)
            assert abs(np.mean(values) - expected) <= 3 * error + rounding


def test_place_draws_agent_goal_and_heading_uniformly_from_what_is_free():
    walls = jnp.array([[False, True], [False, False]])
    levels = draw(lambda key: generate.place(key, walls), 6_000)
    starts = {}
    for agent, goal, heading in zip(
        levels.agent.tolist(), levels.goal.tolist(), levels.heading.tolist(), strict=True
    ):
        start = (*agent, *goal, heading)
        starts[start] = starts.get(start, 0) + 1
    assert len(starts) == 3 * 2 * 4
    # chi-squared with 23 degrees of freedom: 49.7 is the 99.9th percentile
    assert sum((n - 250) ** 2 / 250 for n in starts.values()) < 49.7


def test_a_random_cell_of_an_empty_mask_is_the_first():
    assert random_cell(jnp.float32(0.5), jnp.zeros((2, 3), bool)).tolist() == [0, 0]


def test_dcd_teacher_replays_its_actions_in_the_order_of_the_original_editor():
    height, width, walls = 3, 4, 6

    def sample(key, variable):
        level = generate.dcd_teacher(
            key, height=height, width=width, walls=walls, variable=variable
        )
        actions = jax.random.uniform(key, (walls + 4,), jnp.float32)[2:] * (height * width)
        return level, actions.astype(jnp.int32)

    for variable in (False, True):
        levels, actions = draw(partial(sample, variable=variable), 300)
        oracle.check_valid(levels)
        none_built = 0
        for i, played in enumerate(actions.tolist()):
            built = set(played[: (budget := played[0] * walls // 12 if variable else walls)])
            goal, agent = played[budget], played[budget + 1]
            none_built += budget == 0
            got_goal = int(levels.goal[i, 1]) * width + int(levels.goal[i, 0])
            got_agent = int(levels.agent[i, 1]) * width + int(levels.agent[i, 0])
            assert got_goal == goal
            if agent == goal:
                assert got_agent not in built | {goal}
            else:
                assert got_agent == agent
            got = set(np.flatnonzero(np.asarray(levels.walls[i])).tolist())
            assert got == built - {goal, got_agent}
        assert (none_built > 0) == variable


def test_dcd_reset_random_keeps_half_the_walls_or_a_uniform_number():
    half = draw(partial(generate.dcd_reset_random, walls=25), 500)
    oracle.check_valid(half)
    assert (half.walls.sum(axis=(1, 2)) == 12).all()
    variable = draw(
        partial(generate.dcd_reset_random, walls=4, variable=True, height=3, width=3), 500
    )
    oracle.check_valid(variable)
    counts = np.bincount(np.asarray(variable.walls).sum(axis=(1, 2)), minlength=4)
    assert len(counts) == 4 and (abs(counts - 125) < 4 * np.sqrt(125)).all()


STRUCTURED = {
    "corridors": partial(structured.braided, braid=0.0),
    "loops": partial(structured.braided, braid=1.0),
    "rooms": partial(structured.rooms, second_door=0.5),
}


@pytest.fixture(scope="module")
def structured_levels():
    # One height even and one width odd: both parities then leave unlike margins.
    shape = {"height": 8, "width": 11}
    return draw(lambda key: {n: make(key, **shape) for n, make in STRUCTURED.items()}, 200)


@pytest.mark.slow
@pytest.mark.parametrize("make", STRUCTURED)
def test_structured_mazes_hang_together(make, structured_levels):
    levels, shape = structured_levels[make], (8, 11)
    oracle.check_valid(levels)
    walls = np.asarray(levels.walls)
    assert walls.shape == (200, *shape)
    edges = np.zeros(200)
    for i in range(200):
        reached = oracle.moves(walls[i], tuple(levels.agent[i].tolist()))
        assert len(reached) == (~walls[i]).sum()
        edges[i] = (~walls[i, 1:] & ~walls[i, :-1]).sum() + (
            ~walls[i, :, 1:] & ~walls[i, :, :-1]
        ).sum()
    loops = edges - ((~walls).sum(axis=(1, 2)) - 1)
    # Perfect: a tree. Otherwise loops occur. (Rooms of two by two cells are loops themselves.)
    assert (loops == 0).all() if make == "corridors" else (loops > 0).mean() > 0.5


@pytest.mark.parametrize("make", STRUCTURED)
def test_structured_mazes_use_lines_of_both_parities_for_rows_and_columns(make, structured_levels):
    walls = np.asarray(structured_levels[make].walls)
    # The lines of walls: even numbers in some levels, odd ones in others, for each axis.
    for across in (walls, walls.transpose(0, 2, 1)):
        built = across.sum(axis=2)
        more_even = built[:, 0:6:2].sum(axis=1) > built[:, 1:7:2].sum(axis=1)
        assert 0.3 < more_even.mean() < 0.7


def test_a_mixture_draws_each_generator_by_its_weight():
    level = generate.empty_room(jax.random.key(0))
    parts = [lambda _: level, lambda _: level._replace(walls=~level.walls)]
    levels = draw(lambda key: generate.mixture(key, parts, (1, 3)), 2_000)
    walls = np.asarray(levels.walls).sum(axis=(1, 2))
    assert set(walls.tolist()) == {0, 169}
    assert abs((walls == 169).mean() - 0.75) < 3 * np.sqrt(0.75 * 0.25 / 2_000)
    certain = draw(lambda key: generate.mixture(key, parts, (0, 1)), 200)
    assert certain.walls.all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda key: generate.random_walls(key, walls=168), "expected 0 to 167 walls, got 168"),
        (lambda key: generate.empty_room(key, height=1, width=1), "A 1x1 maze must hold"),
        (lambda key: structured.braided(key, height=3, width=3), "3x4 cells or more.*got 3x3"),
        (lambda key: structured.braided(key, braid=1.5), r"braid must lie in \[0, 1\], got 1.5"),
        (lambda key: structured.rooms(key, splits=0), "got 13x13, 0 and 0.3"),
        (
            lambda key: generate.mixture(key, [generate.empty_room], [1, 2]),
            "1 generators and 2 weights",
        ),
        (lambda key: generate.mixture(key, [generate.empty_room], [0]), "positive sum"),
    ],
)
def test_impossible_settings_are_refused(call, message):
    with pytest.raises(ConfigError, match=message):
        call(jax.random.key(0))
