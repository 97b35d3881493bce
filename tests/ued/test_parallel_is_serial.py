"""The replay half of parallel PLR is a replay cycle of robust PLR with the same keys."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import B, experiment, student

from cairn.learners.ppo import PPO
from cairn.ued import parallel_plr, parts, robust_plr
from cairn.ued.method import problem_of

pytestmark = pytest.mark.slow

SERIAL, PARALLEL = (
    experiment(name, score="maxmc", replay_probability=1.0, staleness=0.5, prioritisation="rank")
    for name in ("robust-plr", "parallel-plr")
)


class Steady(PPO):
    """A student whose actions depend on what it sees alone.

    The uniforms of a rollout depend on its width, which is twice as large in the parallel form;
    without them equal levels must be played equally.
    """

    def act(self, state, observation, memory, reset, uniform):
        weights = jnp.arange(observation.image[0].size, dtype=jnp.float32)
        mixed = observation.image.reshape(uniform.shape[0], -1) @ weights
        mixed = 0.377 * mixed + 0.113 * observation.heading.astype(jnp.float32)
        return super().act(state, observation, memory, reset, mixed % 1.0)


def test_the_replay_half_is_a_serial_replay_cycle():
    usual = student()
    learner = Steady(usual.config, usual.network, usual.observation, usual.action)
    problem = problem_of(SERIAL.setup(None))._replace(learner=learner)
    serial = jax.jit(lambda state: robust_plr.step(problem, SERIAL.algorithm, state))
    parallel = jax.jit(lambda state: parallel_plr.step(problem, PARALLEL.algorithm, state))
    state = parts.begin(problem, jax.random.key(4), SERIAL.algorithm)
    while int(state.archive.count) < 24:  # warm, but with room for what parallel PLR finds
        state, _ = parallel(state)
    one, one_report = serial(state)
    both, both_report = parallel(state)
    assert one_report.metrics["replayed"] == both_report.metrics["replayed"] == 1

    assert not eqx.tree_equal(one.learner, state.learner)
    # Products of twice the width may round otherwise, hence not bit for bit.
    for ours, theirs in zip(
        jax.tree.leaves(one.learner), jax.tree.leaves(both.learner), strict=True
    ):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    for name in ("episodes", "solve_rate", "return", "policy_loss", "value_loss", "entropy"):
        np.testing.assert_allclose(
            one_report.metrics[name], both_report.metrics[name], atol=1e-5, err_msg=name
        )
    # The same levels were replayed and got the same scores and memories.
    kept = np.asarray((one.archive.ids == both.archive.ids) & one.archive.occupied)
    changed = kept & np.asarray(one.archive.scores != state.archive.scores)
    assert changed.any() and kept.sum() >= 24 - B
    np.testing.assert_allclose(one.archive.scores[kept], both.archive.scores[kept], atol=1e-5)
    np.testing.assert_allclose(
        one.archive.memory.best_return[kept], both.archive.memory.best_return[kept], atol=1e-6
    )
    difference = {
        name: both.ledger.totals()[name] - one.ledger.totals()[name]
        for name in ("training", "scoring", "updates")
    }
    size = B * SERIAL.algorithm.steps_per_cycle
    assert difference == {"training": 0, "scoring": size, "updates": 0}
