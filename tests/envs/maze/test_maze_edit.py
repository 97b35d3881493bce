from functools import partial

import jax
import jax.numpy as jnp
import maze_oracle as oracle
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.core.errors import ConfigError
from cairn.envs.maze import edit
from cairn.envs.maze.level import MazeLevel

EDITS = 3
BATCH = 64
OPERATORS = [edit.move_goal_flip_walls, edit.walls_none_goal, edit.walls_none_goal_agent]


def one_level(walls: np.ndarray, agent, goal) -> MazeLevel:
    walls[agent[1], agent[0]] = walls[goal[1], goal[0]] = False
    return MazeLevel(
        jnp.asarray(walls), jnp.array(agent, jnp.int32), jnp.int32(1), jnp.array(goal, jnp.int32)
    )


@st.composite
def any_level(draw) -> MazeLevel:
    # 3 x 4: small enough for edits to meet agent, goal and each other all the time.
    bits = draw(st.lists(st.booleans(), min_size=12, max_size=12))
    agent, goal = draw(st.permutations(range(12)))[:2]
    return one_level(np.array(bits).reshape(3, 4), (agent % 4, agent // 4), (goal % 4, goal // 4))


@partial(jax.jit, static_argnums=0)
def edited(operator, key, level: MazeLevel) -> MazeLevel:
    keys = jax.random.split(key, BATCH)
    return jax.vmap(lambda k: operator(k, level, EDITS))(keys)


@pytest.mark.parametrize("operator", OPERATORS)
@given(any_level(), st.integers(0, 2**31))
def test_edits_keep_a_level_valid_and_change_at_most_as_many_cells(operator, level, seed):
    children = edited(operator, jax.random.key(seed), level)
    oracle.check_valid(children)
    changed = np.asarray(children.walls != level.walls[None]).sum(axis=(1, 2))
    # An edit changes one cell; a full maze may need two more torn down for agent and goal.
    spare = 0 if operator is edit.move_goal_flip_walls else 2
    assert changed.max() <= EDITS + spare
    if np.asarray(level.walls).sum() <= 12 - EDITS - 2:
        assert changed.max() <= EDITS
    if operator is not edit.walls_none_goal_agent:
        assert (children.heading == level.heading).all()


@pytest.mark.slow
@given(any_level(), st.integers(0, 2**31))
def test_move_goal_flip_walls_never_moves_the_agent_or_flips_the_goals_cell(level, seed):
    children = edited(edit.move_goal_flip_walls, jax.random.key(seed), level)
    assert (children.agent == level.agent[None]).all()
    unmoved = (children.goal == level.goal[None]).all(axis=1)
    parent_goal = children.walls[:, level.goal[1], level.goal[0]]
    assert not parent_goal[unmoved].any()


@given(any_level(), st.integers(0, 2**31))
def test_one_edit_is_nothing_one_flip_or_one_move_of_the_goal_to_a_free_cell(level, seed):
    keys = jax.random.split(jax.random.key(seed), BATCH)
    children = ONE_EDIT(keys, level)
    flipped = np.asarray(children.walls != level.walls[None]).sum(axis=(1, 2))
    moved = np.asarray((children.goal != level.goal[None]).any(axis=1))
    assert (flipped + moved <= 1).all()
    assert not np.asarray(level.walls)[children.goal[:, 1], children.goal[:, 0]].any()


ONE_EDIT = jax.jit(jax.vmap(lambda k, x: edit.move_goal_flip_walls(k, x, 1), in_axes=(0, None)))


def test_one_edit_draws_the_three_operations_evenly():
    level = one_level(np.zeros((3, 4), bool), (0, 0), (3, 2))
    children = ONE_EDIT(jax.random.split(jax.random.key(0), 3_000), level)
    flipped = np.asarray(children.walls).any(axis=(1, 2)).mean()
    moved = np.asarray((children.goal != level.goal[None]).any(axis=1)).mean()
    error = np.sqrt(2 / 9 / 3_000)
    assert abs(flipped - 1 / 3) < 3 * error and abs(moved - 1 / 3) < 3 * error
    goals = {tuple(goal) for goal in children.goal.tolist()}
    assert len(goals) == 11  # everywhere but on the agent


@pytest.mark.parametrize("operator", OPERATORS[1:])
def test_rewriting_cells_equals_a_plain_loop_over_the_same_draws(operator):
    choices = 3 if operator is edit.walls_none_goal else 4
    level = one_level(np.arange(12).reshape(3, 4) % 3 == 0, (1, 0), (2, 2))
    key = jax.random.key(5)
    children = jax.tree.map(np.asarray, edited(operator, key, level))
    displaced = 0
    for i, child_key in enumerate(jax.random.split(key, BATCH)):
        chance = np.asarray(jax.random.uniform(child_key, (3 * EDITS + 2,)))[: 3 * EDITS]
        counts = np.repeat(np.float32([12, choices, 4]), EDITS)
        cells, what, headings = np.floor(chance * counts).astype(int).reshape(3, EDITS).tolist()
        walls, agent, goal, heading = np.asarray(level.walls).reshape(-1).copy(), 1, 10, 1
        seen = set()
        for cell, choice, turned in zip(cells, what, headings, strict=True):
            if cell in seen:
                continue
            seen.add(cell)
            agent, goal = (None if agent == cell else agent), (None if goal == cell else goal)
            walls[cell] = choice == 0
            goal = cell if choice == 2 else goal
            agent, heading = (cell, turned) if choice == 3 else (agent, heading)
        child = MazeLevel(*(leaf[i] for leaf in children))
        displaced += agent is None or goal is None
        np.testing.assert_array_equal(child.walls.reshape(-1), walls)
        assert goal is None or child.goal.tolist() == [goal % 4, goal // 4]
        assert agent is None or child.agent.tolist() == [agent % 4, agent // 4]
        assert child.heading == heading
    assert displaced > 5


@pytest.mark.parametrize("operator", OPERATORS)
def test_no_edits_change_nothing(operator):
    level = one_level(np.zeros((3, 4), bool), (0, 0), (3, 2))
    assert operator(jax.random.key(1), level, 0) is level


def test_a_negative_number_of_edits_is_refused():
    level = one_level(np.zeros((3, 4), bool), (0, 0), (3, 2))
    with pytest.raises(ConfigError, match="got edits=-1"):
        edit.walls_none_goal(jax.random.key(0), level, -1)
