"""MAP-Elites, CMA-ME and CMA-MAE as whole runs, at tiny sizes."""

import functools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import table
from cairn.archive.elites import IMPROVED, NEW, Offer
from cairn.core.errors import ConfigError
from cairn.qd import cma_mae, cma_me, common, map_elites
from cairn.qd.tasks import Sphere, Task
from cairn.runs.method import Setup

TASK = Sphere(dims=6, side=8)
KEY = jax.random.key(0)
SEARCHES = {"emitters": 3, "batch": 6}
METHODS = {
    "map_elites": (map_elites, map_elites.Config(batch=18)),
    "line": (map_elites, map_elites.Config(batch=18, line=0.2)),
    "cma_me": (cma_me, cma_me.Config(**SEARCHES)),
    "cma_mae": (cma_mae, cma_mae.Config(**SEARCHES)),
}
HALF = 10
"""Cycles of one call: every test goes on by as many, so that each method compiles once."""


class Broken(Sphere):
    """A sphere whose evaluation fails for half of its solutions."""

    def evaluate(self, solutions):
        fitness, descriptors = super().evaluate(solutions)
        lost = solutions[:, 0] > 0
        return jnp.where(lost, jnp.nan, fitness), descriptors


@functools.cache
def search(name, task=TASK):
    """The state before the first cycle, and what goes on from a state by `HALF` cycles."""
    method, config = METHODS[name]
    program = method.METHOD.program(Setup(task, {"algorithm": config}, 10_000))

    def go_on(state):
        return jax.lax.scan(lambda state, _: program.step(state), state, length=HALF)

    return program.init(KEY), jax.jit(go_on)


@functools.cache
def states(name, task=TASK, calls=4):
    """The states after each of so many calls, and their reports."""
    state, go_on = search(name, task)
    found = []
    for _ in range(calls):
        found.append(go_on(state))
        state = found[-1][0]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_cycle_counts_its_evaluations_and_numbers_its_solutions(name):
    state, report = states(name)[-1]
    assert state.cycle == 4 * HALF
    assert state.ledger.totals() == {"evaluations": 4 * HALF * 18}
    ids = np.asarray(table.columns(state.elites)["id"])
    assert len(set(ids.tolist())) == len(ids) and ids.max() < 4 * HALF * 18
    assert ids.max() >= 18
    assert all(values.shape == (HALF,) for values in report.metrics.values())


@pytest.mark.parametrize("name", METHODS)
def test_coverage_and_score_grow_and_stored_elites_are_what_they_claim(name):
    found = states(name)
    scores = [
        (float(report.metrics["coverage"][-1]), float(report.metrics["qd_score"][-1]))
        for _, report in found
    ]
    assert scores == sorted(scores) and scores[-1][0] > scores[0][0] > 0
    state, report = found[-1]
    rows = table.columns(state.elites)
    fitness, descriptors = TASK.evaluate(jnp.asarray(rows["solution"]))
    np.testing.assert_allclose(fitness, rows["fitness"], atol=1e-3)
    np.testing.assert_allclose(descriptors, rows["descriptor"], atol=1e-4)
    cells = TASK.tessellation.cell(jnp.asarray(rows["descriptor"]))
    assert cells.tolist() == rows["cell"].tolist()
    last = {name: values[-1] for name, values in report.metrics.items()}
    np.testing.assert_allclose(last["qd_score"], rows["fitness"].sum(), rtol=1e-5)
    assert last["best"] == rows["fitness"].max()


def test_the_result_archive_dominates_the_training_archive_of_cma_mae():
    state, _ = states("cma_mae")[-1]
    held = state.training.occupied
    assert (state.elites.occupied | ~held).all()
    assert (state.elites.fitness >= state.training.fitness)[held].all()
    # Accepted where above the threshold, which lags behind: so the training archive is not elitist.
    assert (state.elites.fitness > state.training.fitness)[held].any()
    assert (state.threshold >= 0).all() and (state.threshold[held] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cma_me", "cma_mae"])
def test_failed_evaluations_neither_enter_nor_derail_the_search(name):
    state, report = states(name, Broken(dims=6, side=8), calls=2)[-1]
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.searches))
    rows = table.columns(state.elites)
    assert report.metrics["coverage"][-1] > 0 and (rows["solution"][:, 0] <= 0).all()


def test_nobody_is_the_best_of_an_empty_map():
    state, _ = search("map_elites")
    none = jnp.zeros(18, jnp.int32)
    refused = Offer(none > 0, none > 0, none, none.astype(jnp.float32))
    report = common.report(state.elites, state.standing, refused)
    assert report.metrics["coverage"] == 0 and report.weights["best"] == 0


def test_impossible_configs_are_refused_in_words():
    for config, words in (
        (lambda: map_elites.Config(batch=0), "batch must be at least 1, got 0"),
        (lambda: map_elites.Config(iso=-0.1), "iso must be 0 or more and finite, got -0.1"),
        (lambda: cma_me.Config(batch=1), "batch must be at least 2, got 1"),
        (lambda: cma_mae.Config(sigma=0), "sigma must be positive and finite, got 0"),
        (lambda: cma_mae.Config(rate=95), r"rate must lie in \[0, 1\], got 95"),
        (
            lambda: map_elites.METHOD.check(
                Setup(TASK, {"algorithm": map_elites.Config()}, 2**32 - 540)
            ),
            "steps must stay below 2.32 less one cycle's evaluations, got 4294966756",
        ),
    ):
        with pytest.raises(ConfigError, match=words):
            config()


class Unbounded(Sphere):
    """A task that promises no lower bound."""

    @property
    def lowest(self):
        return float("-inf")


class Thin(Sphere):
    """A task whose descriptors are a column too short."""

    def evaluate(self, solutions):
        fitness, descriptors = super().evaluate(solutions)
        return fitness, descriptors[:, :1]


class Silent(Sphere):
    """A task for asking and telling by hand."""

    evaluate = Task.evaluate


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Unbounded, r"`lowest` is finite, got -inf.* use CMA-ME"),
        (Thin, r"descriptors as float32 of shape \(2, 2\).*\(2, 1\)"),
        (Silent, "Silent has no `evaluate`.* `ask` and `tell`"),
    ],
)
def test_a_task_that_a_method_cannot_search_is_refused_in_words(kind, words):
    method, config = METHODS["cma_mae"]
    with pytest.raises(ConfigError, match=words):
        method.METHOD.check(Setup(kind(dims=6), {"algorithm": config}, 10_000))


@pytest.mark.parametrize("name", METHODS)
def test_a_state_made_for_another_map_is_refused(name):
    method, config = METHODS[name]
    with pytest.raises(ConfigError, match="tessellation has 81 cells and the archive 64"):
        jax.eval_shape(partial(method.step, Sphere(dims=6, side=9), config), search(name)[0])


@pytest.mark.parametrize(("lowest", "offset"), [(-2.0, -2.0), (float("-inf"), 0.0)])
def test_the_score_counts_from_the_lowest_fitness_or_from_zero_if_there_is_none(lowest, offset):
    state, _ = search("map_elites")
    fitness = jnp.array([5.0, -1.0, 7.0])
    status, entered = jnp.array([NEW, NEW, IMPROVED]), jnp.array([True, True, True])
    offer = Offer(entered, entered, status, jnp.array([5.0, -1.0, 3.0]))
    standing = common.after(state.standing, fitness, offer, lowest=lowest)
    assert standing.score == 7 - 2 * offset and standing.best == 7


def test_the_running_score_does_not_drift():
    entered = jnp.ones(3, bool)
    offer = Offer(entered, entered, jnp.full(3, IMPROVED), jnp.full(3, np.float32(1e-3)))
    begin = common.Standing(jnp.float32(4e5), jnp.zeros(()), jnp.ones(()))

    @jax.jit
    def many(standing):
        step = lambda s, _: (common.after(s, jnp.ones(3), offer, lowest=0.0), None)  # noqa: E731
        return jax.lax.scan(step, standing, length=10_000)[0]

    # Plain float32 would not move at all: 0.003 is less than half its last digit there.
    assert abs(float(many(begin).score) - (4e5 + 30)) < 0.1
