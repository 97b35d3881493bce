import jax
import maze_oracle as oracle
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.maze.level import EAST, WEST
from cairn.envs.maze.named import FIXED_GOAL, NAMED, named

# walls, moves, actions: with heading east where any is drawn; (least, most) over the goals.
TABLE = {
    "SixteenRooms": (46, (20, 20), (26, 26)),
    "SixteenRooms2": (53, (22, 22), (28, 28)),
    "Labyrinth": (72, (96, 96), (113, 113)),
    "LabyrinthFlipped": (72, (96, 96), (113, 113)),
    "Labyrinth2": (72, (96, 96), (113, 113)),
    "StandardMaze": (73, (40, 40), (54, 54)),
    "StandardMaze2": (72, (56, 56), (73, 73)),
    "StandardMaze3": (71, (39, 39), (54, 54)),
    "SmallCorridor": (71, (13, 21), (16, 24)),
    "LargeCorridor": (161, (19, 33), (22, 36)),
}


@pytest.mark.parametrize("name", NAMED)
def test_walls_moves_and_actions_are_those_of_the_published_maze(name):
    maze = NAMED[name]
    moves = oracle.moves(maze.walls, maze.agent)
    heading = EAST if maze.heading is None else maze.heading
    lengths = [moves[goal] for goal in maze.goals]
    actions = [oracle.actions(maze.walls, maze.agent, heading, goal) for goal in maze.goals]
    got = (maze.walls.sum(), (min(lengths), max(lengths)), (min(actions), max(actions)))
    assert got == TABLE[name]


def test_there_are_eight_mazes_with_a_fixed_goal():
    assert len(NAMED) == 10
    assert set(NAMED) - set(FIXED_GOAL) == {"SmallCorridor", "LargeCorridor"}


@pytest.mark.parametrize("name", NAMED)
def test_named_draws_only_what_the_table_leaves_open(name):
    levels = jax.jit(jax.vmap(lambda key: named(name, key)))(
        jax.random.split(jax.random.key(0), 300)
    )
    maze = NAMED[name]
    oracle.check_valid(levels)
    assert (np.asarray(levels.walls) == maze.walls).all()
    assert (np.asarray(levels.agent) == maze.agent).all()
    headings = {0, 1, 2, 3} if maze.heading is None else {maze.heading}
    assert set(levels.heading.tolist()) == headings
    assert {tuple(goal) for goal in levels.goal.tolist()} == set(maze.goals)


def test_flipped_labyrinth_is_the_mirror_image():
    assert (NAMED["LabyrinthFlipped"].walls == NAMED["Labyrinth"].walls[:, ::-1]).all()
    assert NAMED["LabyrinthFlipped"].heading == WEST


def test_step_limits_are_those_of_minimax():
    assert {maze.step_limit for maze in NAMED.values()} == {450, 882}


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ConfigError, match=r"no maze 'Maze'.*SixteenRooms, .*LargeCorridor"):
        named("Maze", jax.random.key(0))
