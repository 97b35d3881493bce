"""Many seeds in one program are the runs that each seed alone would be.

Equal bits are promised of programs compiled as users compile them.
"""

import jax
import numpy as np
import pytest

from cairn.engine.compiled import compile_program, over_seeds
from cairn.engine.devices import Layout
from cairn.envs.maze.env import Maze
from cairn.learners.ppo import PPOConfig
from cairn.runs.experiment import Experiment, RunConfig
from cairn.ued import plr

RUN = Experiment(
    "maze",
    "plr",
    {
        "task": Maze(width=4, height=4, view=3, walls=4, limit=8),
        "algorithm": plr.Config(batch=4, steps_per_cycle=8, capacity=8, replay_probability=0.5),
        "student": PPOConfig(hidden=8, head=4, filters=2, embedding=2, epochs=1),
    },
    RunConfig(steps=1000),
)
CHUNKS = {"cycles": 4, "budget": RUN.run.steps, "layout": Layout()}


def bits(tree) -> list[np.ndarray]:
    """The leaves as NumPy arrays; keys as their data."""
    leaves = jax.tree.leaves(tree)
    is_key = lambda leaf: jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)  # noqa: E731
    return [np.asarray(jax.random.key_data(x) if is_key(x) else x) for x in leaves]


@pytest.fixture(scope="module")
def runs():
    together = compile_program(RUN.program, seed=3, seeds=2, **CHUNKS)
    alone = compile_program(RUN.program, seed=3, seeds=1, **CHUNKS)
    states = []
    for seed in (3, 4):
        state = compile_program(RUN.program, seed=seed, seeds=1, **CHUNKS).init()
        states.append(alone.advance(state))
    return together.advance(together.init()), states


@pytest.mark.slow
@pytest.mark.as_users
@pytest.mark.xdist_group("seeds")
def test_two_seeds_in_one_program_equal_two_runs_bit_for_bit(runs):
    together, alone = runs
    for seed in range(2):
        for ours, theirs in zip(bits(together), bits(alone[seed]), strict=True):
            np.testing.assert_array_equal(ours[seed], theirs[0])


@pytest.mark.slow
@pytest.mark.as_users
@pytest.mark.xdist_group("seeds")
def test_seeds_differ_in_everything_they_draw(runs):
    (state, _), _ = runs
    weights, levels = state.learner.network.actor[0].weight, state.archive.levels.walls
    assert (weights[0] != weights[1]).any() and (levels[0] != levels[1]).any()
    assert state.cycle.tolist() == [4, 4]


def test_one_seed_keeps_its_axis():
    doubled = over_seeds(lambda x: 2 * x, 1)(np.ones((1, 3), np.float32))
    assert doubled.shape == (1, 3)
