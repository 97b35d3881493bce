"""Insertion by score into a store of elites, against a plain loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.archive import elites as el
from cairn.archive.elites import IMPROVED, NEW, REJECTED, Candidates

CELLS, BATCH = 4, 12
insert = jax.jit(el.insert)

# Few cells and few fitness levels, so that collisions and ties are the rule.
FITNESS = st.sampled_from([-1.0, 0.0, 1.0, 2.5, float("nan"), float("inf"), -float("inf")])
CANDIDATE = st.tuples(st.integers(-1, CELLS), FITNESS)
BATCHES = st.lists(st.lists(CANDIDATE, min_size=BATCH, max_size=BATCH), min_size=1, max_size=3)


def nobody():
    return el.empty(CELLS, solution=jnp.zeros(2), descriptor=jnp.zeros(()))


def candidates(batch, first_id=0):
    cell, fitness = (np.array(column) for column in zip(*batch, strict=True))
    ids = first_id + np.arange(len(batch))
    return Candidates(
        ids=jnp.asarray(ids, jnp.uint32),
        fitness=jnp.asarray(fitness, jnp.float32),
        descriptors=jnp.asarray(ids * 10, jnp.float32),
        solutions=jnp.asarray(np.stack([ids, -ids], axis=1), jnp.float32),
        cell=jnp.asarray(cell, jnp.int32),
    )


def one_at_a_time(batches):
    """The oracle: sequential MAP-Elites in plain Python, cell -> (id, fitness)."""
    elite, next_id = {}, 0
    for batch in batches:
        for cell, fitness in batch:
            admitted = 0 <= cell < CELLS and np.isfinite(fitness)
            if admitted and (cell not in elite or fitness > elite[cell][1]):
                elite[cell] = (next_id, fitness)
            next_id += 1
    return elite


@pytest.mark.slow
@given(BATCHES)
def test_batched_insert_equals_one_at_a_time(batches):
    elites, offers = nobody(), []
    for i, batch in enumerate(batches):
        elites, offer = insert(elites, candidates(batch, i * BATCH))
        offers.append(offer)
    oracle = one_at_a_time(batches)
    assert elites.occupied.tolist() == [cell in oracle for cell in range(CELLS)]
    for cell, (name, fitness) in oracle.items():
        assert (elites.ids[cell], elites.fitness[cell]) == (name, fitness)
        # Every column comes from the same winner.
        assert elites.descriptors[cell] == 10 * name
        assert elites.solutions[cell].tolist() == [name, -name]
    assert sorted(elites.filled[: elites.count].tolist()) == sorted(oracle)


@given(BATCHES)
def test_at_most_one_candidate_enters_a_cell_and_it_is_the_one_stored(batches):
    elites = nobody()
    for i, batch in enumerate(batches):
        offered = candidates(batch, i * BATCH)
        elites, offer = insert(elites, offered)
        entered = np.flatnonzero(offer.entered)
        cells = np.asarray(offered.cell)[entered]
        assert len(set(cells.tolist())) == len(cells)
        assert elites.ids[cells].tolist() == offered.ids[entered].tolist()


@given(BATCHES)
def test_status_and_value_speak_of_the_archive_before_the_batch(batches):
    elites = nobody()
    for i, batch in enumerate(batches):
        before = {int(c): float(elites.fitness[c]) for c in np.flatnonzero(elites.occupied)}
        elites, offer = insert(elites, candidates(batch, i * BATCH))
        for j, (cell, fitness) in enumerate(batch):
            valid = 0 <= cell < CELLS and np.isfinite(fitness)
            value = fitness - before.get(cell, 0.0) if valid else 0.0
            beats = valid and (cell not in before or value > 0)
            status = (IMPROVED if cell in before else NEW) if beats else REJECTED
            got = (bool(offer.valid[j]), int(offer.status[j]), float(offer.value[j]))
            assert got == (valid, status, value)


def test_a_tie_keeps_the_incumbent_and_then_the_earlier_candidate():
    elites, _ = insert(nobody(), candidates([(2, 1.0)] * BATCH))
    assert elites.ids[2] == 0
    elites, offer = insert(elites, candidates([(2, 1.0)] * BATCH, first_id=50))
    assert elites.ids[2] == 0 and not offer.entered.any()


def test_a_candidate_beats_an_incumbent_of_negative_fitness_but_not_an_empty_cell_by_zero():
    batch = [(0, -5.0)] + [(9, 0.0)] * (BATCH - 1)
    elites, offer = insert(nobody(), candidates(batch))
    assert elites.fitness[0] == -5 and offer.status[0] == NEW
    elites, offer = insert(elites, candidates([(0, -4.0)] + [(9, 0.0)] * (BATCH - 1), 20))
    assert elites.fitness[0] == -4 and offer.status[0] == IMPROVED and offer.value[0] == 1


def test_scores_count_occupied_cells_only():
    batch = [(0, -1.0), (3, 2.5)] + [(-1, 9.0)] * (BATCH - 2)
    elites, _ = insert(nobody(), candidates(batch))
    assert el.coverage(elites) == 0.5
    assert el.qd_score(elites) == 1.5
    assert el.qd_score(elites, offset=-1.0) == 3.5
    assert el.best(elites) == 2.5
    assert el.best(nobody()) == 0.0


def test_insertion_under_jit_equals_insertion_of_values_computed_in_the_same_program():
    # XLA may round one expression differently in each place it is used. Fitness and cell made
    # inside the program are the case where two candidates could each think they had won.
    draws = jax.random.normal(jax.random.key(0), (64, 200, 3), jnp.float32)

    def make(x):
        fitness = 100 * (1 - (x[:, 0] * 2.3 + x[:, 1] * x[:, 1]) * 0.37)
        cell = jnp.clip(jnp.floor(x[:, 2] * 7.7 + x[:, 0] * 0.1), 0, 3).astype(jnp.int32)
        ids = jnp.arange(200, dtype=jnp.uint32)
        return Candidates(ids, fitness, x[:, 0], x[:, :2], cell)

    @jax.jit
    def offer(x):
        elites, offer = el.insert(nobody(), make(x))
        return elites, offer.entered

    for x in draws:
        elites, entered = offer(x)
        winners = np.flatnonzero(entered)
        assert sorted(elites.ids.tolist()) == winners.tolist()
        assert len(winners) == int(elites.count) == 4
