"""Soft thresholds, against a plain loop over cells."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.archive import elites as el
from cairn.archive import soft
from cairn.archive.elites import Candidates

CELLS, BATCH = 3, 6
insert = jax.jit(soft.insert, static_argnames="rate")
CANDIDATE = st.tuples(
    st.integers(0, CELLS), st.sampled_from([-1.0, 0.5, 1.0, 2.0, float("nan")])
)
BATCHES = st.lists(st.lists(CANDIDATE, min_size=BATCH, max_size=BATCH), min_size=1, max_size=3)


def start():
    elites = el.empty(CELLS, solution=jnp.zeros(()), descriptor=jnp.zeros(()))
    return elites, jnp.zeros(CELLS, jnp.float32)


def candidates(batch, first_id=0):
    cell, fitness = zip(*batch, strict=True)
    ids = jnp.arange(first_id, first_id + len(batch), dtype=jnp.uint32)
    named = ids.astype(jnp.float32)
    return Candidates(
        ids, jnp.array(fitness, jnp.float32), named, named, jnp.array(cell, jnp.int32)
    )


@pytest.mark.parametrize("rate", [0.0, 0.1, 1.0])
@given(batches=BATCHES)
def test_thresholds_and_elites_equal_a_loop_over_the_cells(rate, batches):
    elites, threshold = start()
    bars, elite = np.zeros(CELLS), {}
    for i, batch in enumerate(batches):
        elites, threshold, offer = insert(
            elites, threshold, candidates(batch, i * BATCH), rate=rate
        )
        for cell in range(CELLS):
            accepted = [
                (f, j) for j, (c, f) in enumerate(batch) if c == cell and f > bars[cell] + 1e-6
            ]
            if not accepted:
                continue
            fittest = max(f for f, _ in accepted)
            elite[cell] = i * BATCH + min(j for f, j in accepted if f == fittest)
            keep = (1 - rate) ** len(accepted)
            mean = np.mean([f for f, _ in accepted])
            bars[cell] = keep * bars[cell] + (1 - keep) * mean
    np.testing.assert_allclose(threshold, bars, atol=1e-5)
    occupied = np.flatnonzero(elites.occupied)
    assert {int(c): int(elites.ids[c]) for c in occupied} == elite


def test_a_batch_of_one_gives_the_papers_rule():
    elites, threshold = start()
    elites, threshold, offer = insert(elites, threshold, candidates([(1, 2.0)]), rate=0.25)
    assert threshold.tolist() == [0.0, 0.5, 0.0] and offer.value[0] == 2.0
    # 1 beats the threshold of 0.5 though not the elite of 2, and takes its place.
    elites, threshold, offer = insert(elites, threshold, candidates([(1, 1.0)], 7), rate=0.25)
    assert offer.entered[0] and elites.ids[1] == 7
    np.testing.assert_allclose(threshold[1], 0.75 * 0.5 + 0.25 * 1.0)
