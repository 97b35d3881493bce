import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.maze.env import Maze
from cairn.evaluation.attempts import attempt
from cairn.learners.random import Nothing, RandomPolicy
from cairn.show.film import film
from cairn.show.held_out import typical

ENV = Maze(width=5, height=5, walls=4, limit=30)
LEARNER = RandomPolicy(ENV.action_spec)
N = 16


@pytest.fixture(scope="module")
def recorded():
    keys = jax.random.split(jax.random.key(1), N)
    levels = jax.vmap(ENV.space.sample)(keys)
    run = jax.jit(lambda levels, keys: film(ENV, LEARNER, Nothing(), levels, keys, limit=30))
    return levels, keys, jax.tree.map(np.asarray, run(levels, keys))


@pytest.mark.slow
def test_equal_keys_give_the_attempts_of_evaluation(recorded):
    levels, keys, recording = recorded
    tested = attempt(ENV, LEARNER, Nothing(), levels, keys, jnp.int32(N), columns=5)
    assert 0 < recording.solved.sum() < N
    for field in ("solved", "episode_return", "length"):
        np.testing.assert_array_equal(getattr(recording, field), getattr(tested, field))


@pytest.mark.slow
def test_states_go_step_by_step_and_stand_still_after_the_end(recorded):
    levels, _, recording = recorded
    for i, length in enumerate(recording.length):
        agents, times = recording.states.agent[i], recording.states.time[i]
        np.testing.assert_array_equal(agents[0], levels.agent[i])
        np.testing.assert_array_equal(times, np.minimum(np.arange(31), length))
        assert (np.abs(np.diff(agents, axis=0)).sum(axis=1) <= 1).all()
        assert (agents[length:] == agents[length]).all()
        free = ~np.asarray(levels.walls)[i]
        assert free[agents[:, 1], agents[:, 0]].all()


@pytest.mark.slow
def test_a_failure_lasts_until_the_limit(recorded):
    _, _, recording = recorded
    assert (recording.length[~recording.solved] == 30).all()
    assert (recording.episode_return[~recording.solved] == 0).all()


@pytest.mark.parametrize(
    ("solved", "length", "expected"),
    [
        ([True, True, True], [9, 3, 5], 2),
        ([False, True, True, False], [30, 8, 4, 30], 1),  # half solved: the slower success
        ([False, True, False], [30, 8, 30], 0),
        ([True], [7], 0),
    ],
)
def test_the_typical_attempt_is_the_median(solved, length, expected):
    assert typical(np.array(solved), np.array(length, np.int32)) == expected
