from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import replay
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir
from cairn.envs.maze.level import MazeLevel
from cairn.runs.presets import experiment
from cairn.sampler.segments import SOURCES
from cairn.score import unseen
from cairn.show import treasures
from cairn.show.subject import Subject

# Two families: 0 <- 2 <- 4 <- ... <- 38 (twenty levels), and 1 <- 3. In the archive: 38, 3, 36, 1.
CHAIN = list(range(0, 40, 2))
OTHER = [1, 3]
KEPT = {38: 0.9, 3: 0.8, 36: 0.85, 1: 0.1}


def level(number: int) -> MazeLevel:
    """A level that tells its number: the goal's x."""
    return MazeLevel(
        jnp.zeros((7, 7), bool), jnp.int32([6, 6]), jnp.int32(0), jnp.int32([number, 0])
    )


def many(numbers: list[int]) -> MazeLevel:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(level, numbers))


@pytest.fixture
def subject(tmp_path):
    run = RunDir(tmp_path)
    accel = experiment("maze", method="accel", width=7, height=7, capacity=8, seeds=2)
    lineage = Lineage.create(run.lineage, level(0), SOURCES)
    for numbers in (CHAIN, OTHER):
        for seed in (0, 1):  # the other seed has the same ids: it must not be mistaken for ours
            ids = np.array(numbers)
            lineage.append(
                np.ones(len(ids), bool),
                many(numbers if seed else [i % 7 for i in numbers]),
                id=ids,
                parent=np.concatenate([[0], ids[:-1]]),
                has_parent=np.arange(len(ids)) > 0,
                source=0,
                score=ids / 100,
                generation=np.arange(len(ids)),
                seed=1 - seed,
                cycle=np.arange(len(ids)),
            )
    archive = replay.empty(level(0), unseen(), accel.algorithm)
    ids = list(KEPT)
    n = len(ids)
    depth = {number: i for chain in (CHAIN, OTHER) for i, number in enumerate(chain)}
    archive, _ = replay.insert(
        archive,
        replay.Candidates(
            many(ids), jnp.uint32(ids), jnp.zeros(n, jnp.uint32), jnp.ones(n, bool),
            jnp.int32([depth[i] for i in ids]), jnp.float32(list(KEPT.values())),
            jnp.ones(n, bool), unseen(n),
        ),
        accel.algorithm,
    )  # fmt: skip
    state = SimpleNamespace(archive=archive, cycle=jnp.int32(50), learner=())
    return Subject(accel, run, state, 0, [])


@pytest.mark.slow
def test_the_highest_scores_come_first(subject):
    found = treasures.highest(subject, 3)
    assert [t.id for t in found] == [38, 36, 3]
    np.testing.assert_allclose([t.score for t in found], [0.9, 0.85, 0.8], rtol=1e-6)
    assert [t.age for t in found] == [50 - 19, 50 - 18, 50 - 1]


@pytest.mark.slow
def test_a_line_runs_from_the_oldest_ancestor_to_the_level_in_the_archive(subject):
    first, second, third = treasures.evolved(subject, 3)
    # The best of each family first; 36 is a relative of 38 and comes only as there is no other.
    assert [line[-1].id for line in (first, second, third)] == [38, 3, 36]
    assert [t.id for t in second] == [1, 3]
    assert [t.generation for t in second] == [0, 1]
    ids = [t.id for t in first]
    assert ids == sorted(ids) and (ids[0], ids[-1], len(ids)) == (0, 38, treasures.STEPS)
    assert [int(t.level.goal[0]) for t in first] == ids  # levels and records belong together


@pytest.mark.slow
def test_evicted_ancestors_are_shown_as_such(subject):
    first, second, _ = treasures.evolved(subject, 3)
    assert [t.kept for t in first] == [False] * 7 + [True]
    assert [t.kept for t in second] == [True, True]
    assert all((t.replay_probability > 0) == t.kept for t in first + second)
    # Ancestors with the score they entered with, the last with its score now.
    np.testing.assert_allclose(first[1].score, first[1].id / 100, rtol=1e-6)
    np.testing.assert_allclose(first[-1].score, 0.9, rtol=1e-6)


def test_thinning_keeps_order_and_both_ends():
    line: list = list(range(30))
    assert treasures.thinned(line, 8) == [0, 4, 8, 12, 17, 21, 25, 29]
    assert treasures.thinned(line[:8], 8) == line[:8]


@pytest.mark.slow
def test_useful_levels_are_sometimes_solved(subject, monkeypatch):
    rates = np.array([1.0, 0.5, 0.25, 0.0])

    def evaluate(learner, states, suites, *, seeds, attempts):
        assert (seeds, attempts, len(suites[0].levels)) == (1, treasures.ATTEMPTS, 4)
        solved = np.arange(attempts) < rates[:, None] * attempts
        return {"archive": type("Results", (), {"solve_rates": solved.mean(axis=1)[None]})}

    monkeypatch.setattr(treasures, "evaluate", evaluate)
    found = treasures.most_useful(subject, 6)
    # By replay probability 38, 3 (staler than 36), 36, 1: the first always solved, the last never.
    assert [(t.id, t.solve_rate) for t in found] == [(3, 0.5), (36, 0.25)]
