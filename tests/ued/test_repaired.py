"""REPAIRED: who learns when, and that two archives make one lineage. By guessers in doors."""

import equinox as eqx
import jax
import numpy as np
import pytest
from small_runs import Counted, Counter

import cairn
from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir
from cairn.runs.experiment import Experiment, RunConfig
from cairn.sampler.segments import NEW
from cairn.score import STUDENT
from cairn.score.paired import ANTAGONIST
from cairn.show.subject import Subject
from cairn.ued import repaired
from doors import Doors, Settings

pytestmark = pytest.mark.slow
B, T, CYCLES = 4, 6, 24
STUDENTS = (STUDENT, ANTAGONIST)


def same(a, b):
    return bool(eqx.tree_equal(a, b))


@pytest.fixture(scope="module")
def run():
    """The experiment, and of each cycle: state before, after, report, steps counted."""
    counter = Counter()
    config = repaired.Config(
        batch=B, steps_per_cycle=T, capacity=12, minimum_fill=0.5, replay_probability=0.6
    )
    sections = {"task": Counted(Doors(), counter), "algorithm": config}
    sections |= {"student": Settings(), "teacher": Settings()}
    chosen = Experiment("doors", "repaired", sections, RunConfig(steps=10_000), "doors:Guesser")
    state, step = chosen.program.init(jax.random.key(3)), jax.jit(chosen.program.step)
    cycles = []
    for _ in range(CYCLES):
        before, counter.steps = state, 0
        state, report = step(state)
        jax.block_until_ready(state)
        jax.effects_barrier()
        cycles.append((before, state, report, counter.steps))
    return chosen, cycles


def test_students_learn_from_replay_only_and_the_teacher_from_new_levels_only(run):
    """DCD updates the teacher on replay cycles too, with the regret of levels it did not make."""
    seen = set()
    for before, after, report, _ in run[1]:
        now = bool(report.metrics["replayed"])
        for role in STUDENTS:
            assert same(before.learner[role], after.learner[role]) == (not now)
        assert same(before.learner["teacher"], after.learner["teacher"]) == now
        assert float(report.weights["moved"]) == float(report.weights["antagonist_moved"]) == now
        assert (
            float(report.weights["teacher_moved"]) == float(report.weights["regret"]) == (not now)
        )
        seen.add(now)
    assert seen == {True, False}


def test_the_ledger_holds_what_was_played_and_designing_only_what_was_designed(run):
    total = 0
    for before, after, report, counted in run[1]:
        now, total = bool(report.metrics["replayed"]), total + counted
        spent = after.ledger.totals()
        assert spent["environment_steps"] == total
        more = {name: spent[name] - before.ledger.totals()[name] for name in spent}
        assert more["training"] == now * 2 * B * T and more["scoring"] == (not now) * 2 * B * T
        assert more["designing"] == (not now) * 2 * B and more["updates"] == 1 + now
    assert run[0].how.least(run[0].setup(None)) == 2 * B * T


def archives(state):
    both = {STUDENT: state.archive, **state.extra}
    return {role: jax.tree.map(np.asarray, both[role]) for role in STUDENTS}


def test_nothing_is_replayed_before_both_archives_are_warm(run):
    state = run[1][-1][1]
    config = repaired.Config(capacity=12, minimum_fill=0.5, replay_probability=1.0)
    cold, warm = run[1][0][0].archive, state.archive
    assert int(warm.count) >= 6 > int(cold.count)

    def coin(student, antagonist):
        return bool(repaired.coin(config, state, {STUDENT: student, ANTAGONIST: antagonist}))

    assert coin(warm, warm)
    assert not (coin(warm, cold) or coin(cold, warm) or coin(cold, cold))
    for before, _, report, _ in run[1]:
        full = all(int(archive.count) >= 6 for archive in archives(before).values())
        assert full or not report.metrics["replayed"]


def test_a_level_has_one_id_in_both_archives_and_stands_in_the_lineage_once(run):
    known, differ = {}, set()
    for number, (before, after, report, _) in enumerate(run[1]):
        (events,) = (jax.tree.map(np.asarray, one) for one in report.events)
        for row in np.flatnonzero(events.entered):
            assert events.ids[row] not in known and events.source[row] == NEW
            known[int(events.ids[row])] = (events.levels[row], events.score[row], number)
        for role, archive in archives(after).items():
            old = set(archives(before)[role].ids[: archives(before)[role].count].tolist())
            for slot in range(archive.count):
                level, score, entered = known[int(archive.ids[slot])]
                assert archive.levels[slot] == level
                if role == STUDENT and entered == number and archive.ids[slot] not in old:
                    assert archive.scores[slot] == score
        ours, theirs = archives(after).values()
        assert ours.next_id == theirs.next_id == (number + 1) * B
        differ.add(set(ours.ids[: ours.count].tolist()) != set(theirs.ids[: theirs.count].tolist()))
        differ.add(not np.array_equal(ours.stamps, theirs.stamps))
    # Each student keeps and draws by its own scores.
    assert True in differ


def test_each_student_s_archive_is_shown_with_the_student(run, tmp_path):
    chosen, cycles = run
    state = cycles[-1][1]
    shown = lambda role: Subject(chosen, RunDir(tmp_path), state, 0, [], role).archive  # noqa: E731
    assert shown(ANTAGONIST) is state.extra[ANTAGONIST]
    assert shown(None) is shown(STUDENT) is state.archive


def test_a_score_of_two_players_is_refused_where_each_is_scored_alone():
    with pytest.raises(ConfigError, match=r"score 'regret' compares student and antagonist, but"):
        cairn.experiment("maze", method="repaired", score="regret")
