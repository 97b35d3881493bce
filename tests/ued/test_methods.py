"""What must hold in every cycle of every method."""

import itertools

import equinox as eqx
import jax
import numpy as np
import pytest
from small_runs import CONFIGS, MAZE, STUDENT, B, T, history

from cairn.core.lineage import FIELDS
from cairn.runs.catalogue import WINGS, describe_method
from cairn.sampler.segments import MUTATED, NEW, REPLAY

METHODS = WINGS["environment design"]

# A cycle of these is PAIRED's, `taught.cycle`; test_taught.py says so. REPAIRED has a file.
COUNTED = METHODS.keys() - {"flexible-paired", "population-paired", "minimax", "repaired"}
CURATED = [name for name, config in CONFIGS.items() if "capacity" in config]
ROBUST = [name for name in CURATED if name != "plr"]
GRADIENT_STEPS = STUDENT.epochs * STUDENT.minibatches


def replayed(cycle) -> bool:
    return bool(cycle.report.metrics["replayed"])


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(COUNTED))
def test_the_ledger_holds_the_steps_the_environments_took(method):
    total = 0
    for cycle in history(method):
        total += cycle.counted
        ledger = cycle.after.ledger.totals()
        assert ledger["environment_steps"] == total
        assert ledger["evaluation"] == 0
    assert total > 0


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(COUNTED))
def test_gradient_steps_are_the_optimiser_s_count(method):
    for cycle in history(method):
        learner = cycle.after.learner
        learners = learner.values() if isinstance(learner, dict) else [learner]
        count = 0 if method == "random" else sum(int(each.moments.count) for each in learners)
        assert cycle.after.ledger.totals()["updates"] == count


@pytest.mark.slow
@pytest.mark.parametrize("method", ROBUST)
def test_without_replay_the_learner_is_the_same_bit_for_bit(method):
    kept, learned = 0, 0
    for cycle in history(method):
        if method == "remidi" and cycle.before.extra.number != cycle.after.extra.number:
            continue  # between two adversaries the optimiser's momentum is dropped
        same = bool(eqx.tree_equal(cycle.before.learner, cycle.after.learner))
        assert same == (not replayed(cycle))
        kept, learned = kept + same, learned + (not same)
    assert kept >= 2 and learned >= 5


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dr", "plr", "sfl"])
def test_methods_that_learn_from_every_level_learn_in_every_cycle(method):
    for cycle in history(method):
        assert not eqx.tree_equal(cycle.before.learner, cycle.after.learner)
        assert cycle.after.ledger.totals()["updates"] % GRADIENT_STEPS == 0


@pytest.mark.slow
@pytest.mark.parametrize("method", CURATED)
def test_nothing_is_replayed_before_the_archive_is_warm(method):
    cycles = history(method)
    for cycle in cycles:
        warm = int(cycle.before.archive.count) >= 16
        assert warm or not replayed(cycle)
        if method.startswith("parallel"):
            assert replayed(cycle) == warm
    assert any(replayed(cycle) for cycle in cycles)


@pytest.mark.slow
@pytest.mark.parametrize("method", CURATED)
def test_steps_are_entered_under_what_they_were_for(method):
    for cycle in history(method):
        before, after = cycle.before.ledger.totals(), cycle.after.ledger.totals()
        training, scoring, mutation = (
            (after[name] - before[name]) // (B * T) for name in ("training", "scoring", "mutation")
        )
        now = replayed(cycle)
        born = len(cycle.report.events) == 2 and bool(cycle.report.events[1].ids.any())
        wanted = {
            "plr": (1, 0, 0),
            "robust-plr": (now, not now, 0),
            # The step, the fictitious one, and that of the belief's one variant.
            "samplr": (3 * now, 3 * (not now), 0),
            "parallel-plr": (now, 2 - now, 0),
            "accel": (now, not now, born),
            "parallel-accel": (now, 3 - 2 * now, now),
            "remidi": (now, not now, 0),
        }
        if method == "remidi":  # every earlier level goes along, in whole chunks of 8
            scoring -= -(-int(cycle.before.extra.held) // 8) * 8
        assert (training, scoring, mutation) == wanted[method]


@pytest.mark.slow
@pytest.mark.parametrize("method", CURATED)
def test_events_tell_the_whole_story_of_the_archive(method):
    """Every level of the archive entered once, with the parent and generation it still has."""
    known: dict[int, tuple] = {}
    for number, cycle in enumerate(history(method)):
        for events in (jax.tree.map(np.asarray, phase) for phase in cycle.report.events):
            for row in np.flatnonzero(events.entered):
                level = jax.tree.map(lambda leaf, r=row: leaf[r], events.levels)
                name, parent = int(events.ids[row]), int(events.parents[row])
                assert name not in known
                if events.has_parent[row]:
                    assert events.source[row] == MUTATED
                    assert events.generation[row] == known[parent][1] + 1
                else:
                    assert events.source[row] == NEW and events.generation[row] == 0
                    parent = None
                known[name] = (parent, int(events.generation[row]), level, number)
            assert not (events.entered & (events.source == REPLAY)).any()
        archive = jax.tree.map(np.asarray, cycle.after.archive)
        held = archive.ids[: archive.count]
        assert len(set(held.tolist())) == archive.count
        for slot, name in enumerate(held.tolist()):
            parent, generation, level, _ = known[name]
            assert archive.has_parent[slot] == (parent is not None)
            assert parent is None or archive.parents[slot] == parent
            assert archive.generation[slot] == generation
            stored = jax.tree.map(lambda leaf, s=slot: leaf[s], archive.levels)
            jax.tree.map(np.testing.assert_array_equal, stored, level)
    generations = [generation for _, generation, _, _ in known.values()]
    if "accel" in method:
        assert max(generations) >= 2
        # Not only the first level of a batch is edited: parents of one cycle differ.
        parents = [
            {parent for parent, _, _, cycle in known.values() if cycle == n and parent is not None}
            for n in range(len(history(method)))
        ]
        assert max(map(len, parents)) >= 2
    else:
        assert max(generations) == 0
    assert {name for name, _ in FIELDS} >= {"id", "parent", "generation", "score", "source"}


@pytest.mark.slow
@pytest.mark.parametrize("method", CURATED)
def test_a_run_goes_through_new_levels_and_never_reuses_an_id(method):
    ids = [int(cycle.after.archive.next_id) for cycle in history(method)]
    assert all(a < b for a, b in itertools.pairwise(ids))


@pytest.mark.slow
def test_parents_and_children_stay_within_the_edits():
    for cycle in history("accel"):
        if len(cycle.report.events) < 2:
            continue
        born = jax.tree.map(np.asarray, cycle.report.events[1])
        archive = jax.tree.map(np.asarray, cycle.before.archive)
        for row in np.flatnonzero(born.entered):
            (slots,) = np.nonzero(archive.ids[: archive.count] == born.parents[row])
            assert len(slots) == 1
            parent = jax.tree.map(lambda leaf, s=slots[0]: leaf[s], archive.levels)
            child = jax.tree.map(lambda leaf, r=row: leaf[r], born.levels)
            assert (parent.walls != child.walls).sum() <= MAZE.edits
            np.testing.assert_array_equal(parent.agent, child.agent)


@pytest.mark.parametrize("method", METHODS)
def test_each_method_says_in_one_line_what_it_is(method):
    assert describe_method(method).endswith(".") and len(describe_method(method)) < 100


@pytest.mark.slow
def test_no_score_memory_is_lost_while_a_level_stays():
    """The best return ever seen on a level only grows (minimax forgets it)."""
    for cycle in history("robust-plr"):
        before, after = cycle.before.archive, cycle.after.archive
        stayed = np.asarray((before.ids == after.ids) & before.occupied)
        old = np.asarray(before.memory.best_return)[stayed]
        assert (np.asarray(after.memory.best_return)[stayed] >= old).all()
        assert np.asarray(after.memory.seen)[: int(after.count)].all()
