"""What may be scored, by whom, and which metrics of a cycle exist."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import experiment, history

import cairn
from cairn.core.errors import ConfigError
from cairn.core.trace import Trace
from cairn.ued import robust_plr
from cairn.ued.metrics import rollout_metrics

KEEP_LEVELS = ("plr", "robust-plr", "samplr", "remidi", "parallel-plr", "accel", "parallel-accel")
LEARNED = {"policy_loss", "value_loss", "entropy"}


@pytest.mark.parametrize("method", KEEP_LEVELS)
def test_an_episode_that_a_cycle_cuts_off_is_refused_where_levels_are_kept(method):
    """Unsolved levels have the longest episodes: they would silently stay out of the archive."""
    with pytest.raises(ConfigError, match=r"limit of 300 steps, got 256: .* Set steps_per"):
        cairn.experiment("maze", method=method, limit=300)
    cairn.experiment("maze", method=method, limit=300, steps_per_cycle=300)


def test_methods_without_an_archive_may_cut_episodes_but_sfl_judges_whole_ones():
    cairn.experiment("maze", method="dr", limit=300)
    with pytest.raises(ConfigError, match="scoring_steps must hold two episodes of 300 steps"):
        cairn.experiment("maze", method="sfl", limit=300)
    cairn.experiment("maze", method="sfl", limit=300, scoring_steps=600)


def test_an_unknown_score_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match=r"Unknown score 'maxmd'.*Did you mean 'maxmc'"):
        robust_plr.Config(score="maxmd")


def test_a_score_for_two_players_is_refused_where_only_the_student_plays():
    with pytest.raises(ConfigError, match=r"'regret' compares student and antagonist, .* only the"):
        robust_plr.Config(score="regret")


def test_the_truth_is_asked_only_of_environments_that_know_it():
    with pytest.raises(ConfigError, match=r"CartPole does not know the best return of a level"):
        cairn.experiment("cartpole", method="plr", score="perfect-regret")
    cairn.experiment("maze", method="plr", score="perfect-regret")


@pytest.mark.slow
@pytest.mark.parametrize("method", KEEP_LEVELS[1:])
def test_metrics_of_what_did_not_happen_have_no_weight(method):
    """No update, no edit: no figure, instead of zeros in the mean of a chunk."""
    seen = set()
    for cycle in history(method):
        metrics, weights = cycle.report.metrics, cycle.report.weights
        now = float(metrics["replayed"])
        assert metrics.keys() >= LEARNED | weights.keys()
        assert {float(weights[name]) for name in LEARNED} == {now}
        assert float(weights["solve_rate"]) == float(metrics["episodes"] > 0)
        if method == "accel":
            assert float(weights["children_kept"]) == float(cycle.report.events[1].ids.any())
        if method == "parallel-accel":
            assert float(weights["children_kept"]) == now
        assert not weights.keys() & {"episodes", "replayed", "archive_fill"}
        seen.add(now)
    assert seen == {0.0, 1.0}


@pytest.mark.slow
def test_learnability_scores_levels_that_fail_once_a_cycle():
    """A failure takes the whole cycle, as at the defaults: asked for two episodes of one rollout,
    levels solved sometimes would score as little as those mastered or hopeless."""
    run = experiment("plr", batch=16, steps_per_cycle=8, staleness=1.0, score="learnability")
    state, step = run.program.init(jax.random.key(2)), jax.jit(run.program.step)
    for _ in range(40):
        state, _ = step(state)
    archive = jax.tree.map(lambda leaf: np.asarray(leaf), state.archive)
    seen = archive.memory
    failed_and_solved = (seen.successes > 0) & (seen.successes < seen.attempts)
    assert failed_and_solved.sum() >= 8
    assert (archive.scores[failed_and_solved] > 0).all()
    # Once tried, a level that was never or always solved has a score of 0; of one try, 1/6.
    once = seen.attempts**2 == seen.squares
    assert set(np.round(archive.scores[~failed_and_solved & ~once], 6)) <= {0.0}
    np.testing.assert_allclose(archive.scores[once & (seen.attempts > 0)], 1 / 6, rtol=1e-6)


@pytest.mark.parametrize("ended", [False, True])
def test_a_rollout_without_a_finished_episode_has_no_solve_rate(ended):
    zeros, never = jnp.zeros((2, 3)), jnp.zeros((2, 3), bool)
    trace = Trace(
        observation=zeros,
        action=zeros.astype(jnp.int32),
        log_prob=zeros,
        value=zeros,
        reward=zeros,
        terminated=never | ended,
        truncated=never,
        solved=never,
        final_value=zeros,
        last_value=zeros[0],
    )
    report = rollout_metrics(trace)
    means = {"solve_rate", "return", "episode_length"}
    assert report.metrics.keys() == means | {"episodes"}
    weights = {name: float(weight) for name, weight in report.weights.items()}
    assert weights == dict.fromkeys(means, float(ended))
