"""MAP-Elites, CMA-ME and CMA-MAE as whole runs, at tiny sizes."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import table
from cairn.core.errors import ConfigError
from cairn.sampler.emitters import cma_emitter, cma_mae, cma_me, map_elites
from cairn.sampler.emitters.problems import Sphere

TASK = Sphere(6)
GRID = TASK.grid(8)
KEY = jax.random.key(0)
SEARCHES = {"emitters": 3, "batch": 6}
HILLS = cma_emitter.Config(**SEARCHES, rank_by="improvement", parents="half", restart="converged")
LOOPS = {
    "map_elites": (map_elites, map_elites.Config(batch=18)),
    "line": (map_elites, map_elites.Config(batch=18, line=0.2)),
    "cma_me": (cma_me, cma_emitter.Config(**SEARCHES)),
    "cma_mae": (cma_mae, cma_mae.Config(emitter=HILLS)),
}


def start(name, task=TASK):
    module, config = LOOPS[name]
    extra = {} if module is map_elites else {"config": config}
    state = module.init(GRID, task.start(), descriptor=jnp.zeros(2), **extra)
    return state, partial(module.run, config=config, evaluate=task.evaluate, tessellation=GRID)


def elites_of(state):
    return state.results if hasattr(state, "results") else state.elites


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(*map(jax.tree.leaves, (a, b)), strict=True))


@pytest.mark.parametrize("name", LOOPS)
def test_two_halves_make_the_whole_run_bit_for_bit(name):
    state, run = start(name)
    whole, _ = run(state, KEY, steps=20)
    state, run = start(name)
    for _ in range(2):
        state, metrics = run(state, KEY, steps=10)
    assert equal(whole, state)
    assert metrics.evaluations == 20 * 18 == state.next_id
    assert np.asarray(table.columns(elites_of(state))["id"]).max() < state.next_id


@pytest.mark.parametrize("name", LOOPS)
def test_coverage_and_score_grow_and_stored_elites_are_what_they_claim(name):
    state, run = start(name)
    scores = []
    for _ in range(4):
        state, metrics = run(state, KEY, steps=10)
        scores.append((float(metrics.coverage), float(metrics.qd_score)))
    assert scores == sorted(scores) and scores[-1][0] > scores[0][0] > 0
    rows = table.columns(elites_of(state))
    fitness, descriptors = TASK.evaluate(jnp.asarray(rows["solution"]))
    np.testing.assert_allclose(fitness, rows["fitness"], atol=1e-3)
    np.testing.assert_allclose(descriptors, rows["descriptor"], atol=1e-4)
    assert GRID.cell(jnp.asarray(rows["descriptor"])).tolist() == rows["cell"].tolist()
    np.testing.assert_allclose(metrics.qd_score, rows["fitness"].sum(), rtol=1e-5)
    assert metrics.best == rows["fitness"].max()


def test_the_result_archive_dominates_the_training_archive_of_cma_mae():
    state, run = start("cma_mae")
    state, _ = run(state, KEY, steps=60)
    held = state.training.occupied
    assert (state.results.occupied | ~held).all()
    assert (state.results.fitness >= state.training.fitness)[held].all()
    # Accepted where above the threshold, which lags behind: so the training archive is not elitist.
    assert (state.results.fitness > state.training.fitness)[held].any()
    assert (state.threshold >= 0).all() and (state.threshold[held] > 0).all()


class Broken(Sphere):
    """A sphere whose evaluation fails for half of its solutions."""

    def evaluate(self, solutions):
        fitness, descriptors = super().evaluate(solutions)
        lost = solutions[:, 0] > 0
        return jnp.where(lost, jnp.nan, fitness), descriptors


@pytest.mark.parametrize("name", ["cma_me", "cma_mae"])
def test_failed_evaluations_neither_enter_nor_derail_the_search(name):
    state, run = start(name, Broken(6))
    state, metrics = run(state, KEY, steps=30)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.searches))
    rows = table.columns(elites_of(state))
    assert metrics.coverage > 0 and (rows["solution"][:, 0] <= 0).all()


def test_impossible_configs_are_refused_in_words():
    for config, words in (
        (lambda: map_elites.Config(batch=0), "batch must be at least 1, got 0"),
        (lambda: map_elites.Config(iso=-0.1), "iso must be 0 or more, got -0.1"),
        (lambda: cma_mae.Config(rate=95), r"rate must lie in \[0, 1\], got 95"),
        (lambda: cma_mae.Config(lowest=float("-inf")), "must be finite, got -inf"),
    ):
        with pytest.raises(ConfigError, match=words):
            config()


@pytest.mark.parametrize("name", LOOPS)
def test_a_state_made_for_another_map_is_refused(name):
    state, run = start(name)
    with pytest.raises(ConfigError, match="tessellation has 81 cells and the archive 64"):
        run(state, KEY, steps=1, tessellation=TASK.grid(9))
    with pytest.raises(ConfigError, match="steps must be at least 1, got 0"):
        run(state, KEY, steps=0)
    module, config = LOOPS[name]
    extra = {} if module is map_elites else {"config": config}
    # A row of one number would be broadcast to two without a word.
    thin = module.init(GRID, TASK.start(), descriptor=jnp.zeros(1), **extra)
    with pytest.raises(ConfigError, match=r"descriptor must be shaped \(1,\).*got \(2,\)"):
        run(thin, KEY, steps=1)
