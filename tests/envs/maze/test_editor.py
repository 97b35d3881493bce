"""The editor in which a teacher designs mazes, against cases worked out by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.check import check
from cairn.envs.maze.editor import MazeEditor
from cairn.envs.maze.env import Maze
from cairn.envs.maze.generate import dcd_teacher

EDITOR = MazeEditor(width=4, height=3, walls=3, noise=2)
NOISE = jnp.array([0.25, 0.75], jnp.float32)
WALL, EMPTY, GOAL = [0.2, 0.5, 0], [0.1, 0, 0], [0.8, 0.1, 0]
reset, step = eqx.filter_jit(EDITOR.reset), eqx.filter_jit(EDITOR.step)


def design(*cells, seed=0):
    """The editor's steps, one for each cell named."""
    state, _ = reset(jax.random.key(seed), NOISE)
    steps = []
    for number, cell in enumerate(cells):
        steps.append(step(jax.random.fold_in(jax.random.key(seed), number), state, jnp.int32(cell)))
        state = steps[-1].state
    return steps


def walls(*cells):
    grid = np.zeros(12, bool)
    grid[list(cells)] = True
    return grid.reshape(3, 4)


def test_it_builds_walls_then_places_goal_and_agent_and_ends():
    steps = design(1, 6, 11, 4, 2)
    level = EDITOR.level(steps[-1].state)
    np.testing.assert_array_equal(level.walls, walls(1, 6, 11))
    assert level.goal.tolist() == [0, 1] and level.agent.tolist() == [2, 0]
    assert [bool(s.terminated) for s in steps] == [False] * 4 + [True]
    assert not any(s.truncated for s in steps) and not any(s.reward for s in steps)


def test_a_repeated_wall_is_lost_and_goal_and_agent_tear_walls_down():
    level = EDITOR.level(design(1, 1, 6, 6, 1)[-1].state)
    assert not level.walls.any()
    assert level.goal.tolist() == [2, 1] and level.agent.tolist() == [1, 0]


def test_an_agent_on_the_goal_goes_to_any_free_cell_and_to_no_other():
    found = {
        tuple(EDITOR.level(design(0, 1, 2, 5, 5, seed=seed)[-1].state).agent.tolist())
        for seed in range(60)
    }
    taken = {(0, 0), (1, 0), (2, 0), (1, 1)}
    assert found == {(x, y) for x in range(4) for y in range(3)} - taken


def test_every_heading_is_drawn_and_the_actions_do_not_touch_it():
    for seed in range(8):
        begun, _ = reset(jax.random.key(seed), NOISE)
        assert design(1, 2, 3, 4, 5, seed=seed)[-1].state.level.heading == begun.level.heading
    headings = [int(reset(jax.random.key(s), NOISE)[0].level.heading) for s in range(40)]
    assert set(headings) == {0, 1, 2, 3}


def test_the_teacher_sees_the_board_so_far_the_time_and_its_noise():
    _, first = reset(jax.random.key(0), NOISE)
    assert int(first.time) == 0 and first.image.shape == (5, 6, 3)
    np.testing.assert_allclose(first.image[1:-1, 1:-1], np.tile(EMPTY, (3, 4, 1)))
    steps = design(1, 6, 11, 4, 2)
    for number, played in enumerate(steps):
        seen = played.observation
        assert int(seen.time) == number + 1
        np.testing.assert_array_equal(seen.noise, NOISE)
        border = np.ones((5, 6), bool)
        border[1:-1, 1:-1] = False
        np.testing.assert_allclose(seen.image[border], np.tile(WALL, (18, 1)))
    board = np.asarray(steps[3].observation.image)[1:-1, 1:-1]
    np.testing.assert_allclose(board[0, 1], WALL)
    np.testing.assert_allclose(board[1, 0], GOAL)
    np.testing.assert_allclose(board[0, 0], EMPTY)
    last = steps[4]
    agent = np.asarray(last.observation.image)[1, 3]
    np.testing.assert_allclose(agent, [1.0, 0, int(last.state.level.heading) / 10])


def test_whatever_is_done_goal_and_agent_stand_free_and_apart():
    """All 9³ designs of a wall, a goal and an agent: no action needs a mask (JaxUED's teacher
    ignores the one it is given)."""
    editor = MazeEditor(width=3, height=3, walls=1, noise=1)
    actions = jnp.stack(jnp.meshgrid(*[jnp.arange(9)] * 3, indexing="ij"), -1).reshape(-1, 3)

    @jax.jit
    @jax.vmap
    def designed(key, actions):
        state, _ = editor.reset(key, jnp.zeros(1))
        act = lambda s, now: (editor.step(now[0], s, now[1]).state, None)  # noqa: E731
        return jax.lax.scan(act, state, (jax.random.split(key, 3), actions))[0].level

    levels = designed(jax.random.split(jax.random.key(6), len(actions)), actions)
    rows = np.arange(len(actions))
    for cell in (levels.goal, levels.agent):
        assert ((cell >= 0) & (cell < 3)).all()
        assert not np.asarray(levels.walls)[rows, cell[:, 1], cell[:, 0]].any()
    assert (np.asarray(levels.goal) != np.asarray(levels.agent)).any(axis=1).all()
    wall, goal, agent = np.asarray(actions).T
    built = np.asarray(levels.walls).reshape(-1, 9)
    kept = (wall != goal) & (wall != agent)
    assert built.sum(axis=1).tolist() == kept.tolist() and built[rows[kept], wall[kept]].all()
    np.testing.assert_array_equal(levels.goal[:, 0] + 3 * levels.goal[:, 1], goal)
    placed = np.asarray(levels.agent[:, 0] + 3 * levels.agent[:, 1])
    assert (placed == agent)[goal != agent].all()


@pytest.mark.slow
def test_random_actions_make_the_mazes_of_dcd_s_random_teacher():
    """The same rules written twice: shares of walls and of torn-down cells agree."""
    number = 2000
    editor = MazeEditor(width=4, height=3, walls=6)

    @jax.jit
    def designed(key):
        state, _ = editor.reset(key, jnp.zeros(50))

        def act(state, now):
            action = jax.random.randint(jax.random.fold_in(now, 1), (), 0, 12, jnp.int32)
            return editor.step(now, state, action).state, None

        return jax.lax.scan(act, state, jax.random.split(key, editor.max_steps))[0].level

    keys = jax.random.split(jax.random.key(5), number)
    ours = jax.vmap(designed)(keys)
    theirs = jax.vmap(lambda key: dcd_teacher(key, height=3, width=4, walls=6))(keys)
    for level in (ours, theirs):
        at_goal = np.arange(number), level.goal[:, 1], level.goal[:, 0]
        assert not np.asarray(level.walls)[at_goal].any()
        assert not (np.asarray(level.goal) == np.asarray(level.agent)).all(axis=1).any()
    counts = [np.asarray(level.walls).sum(axis=(1, 2)) for level in (ours, theirs)]
    spread = np.sqrt(sum(count.var() / number for count in counts))
    assert abs(counts[0].mean() - counts[1].mean()) < 4 * spread


def test_the_editor_is_an_environment_of_the_maze_s_size():
    editor = Maze(width=5, height=5, view=3, walls=4).editor
    check(editor)
    assert editor.max_steps == 6 and editor.action_spec.size == 25
    with pytest.raises(ConfigError, match="must hold its walls"):
        MazeEditor(width=3, height=3, walls=8)
