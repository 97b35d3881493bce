"""Acceptance by a judge: contest, commit, and the count of votes."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cairn.archive import contest as judge
from cairn.archive import elites as el
from cairn.archive.contest import FIRST, MISSING, SECOND, TIE
from cairn.archive.elites import Candidates

commit, refresh, tally = jax.jit(judge.commit), jax.jit(judge.refresh), jax.jit(judge.tally)
VERDICTS = st.lists(st.sampled_from([FIRST, SECOND, TIE, MISSING]), min_size=3, max_size=3)


def candidate(name, fitness, cell):
    one = jnp.array([name], jnp.uint32)
    fitness = jnp.array([fitness], jnp.float32)
    return Candidates(one, fitness, jnp.zeros(1), one, jnp.array([cell], jnp.int32))


def nobody():
    return el.empty(3, solution=jnp.zeros((), jnp.uint32), descriptor=jnp.zeros(()))


def at(elites, cell):
    return judge.contest(elites, jnp.int32(cell))


def test_a_commit_lands_if_the_incumbent_is_the_one_that_was_judged():
    elites, committed = commit(nobody(), candidate(7, 0.9, 1), at(nobody(), 1))
    assert committed and elites.ids[1] == 7 and elites.count == 1
    # The judge decides: a lower fitness may win.
    elites, committed = commit(elites, candidate(8, 0.1, 1), at(elites, 1))
    assert committed and elites.ids[1] == 8 and elites.count == 1
    np.testing.assert_allclose(elites.fitness[1], 0.1)


def test_a_commit_is_refused_if_the_incumbent_changed_meanwhile():
    before = nobody()
    elites, _ = commit(before, candidate(7, 0.9, 1), at(before, 1))
    after, committed = commit(elites, candidate(9, 1.0, 1), at(before, 1))
    assert not committed and after.ids[1] == 7
    expected = at(elites, 1)
    elites, _ = commit(elites, candidate(8, 0.5, 1), expected)
    after, committed = commit(elites, candidate(9, 1.0, 1), expected)
    assert not committed and after.ids[1] == 8
    # An id of 0 in an empty cell is no incumbent called 0.
    after, committed = commit(nobody(), candidate(9, 1.0, 2), at(nobody(), 2)._replace(
        present=jnp.array(True)
    ))
    assert not committed and after.count == 0


def test_a_candidate_without_cell_or_finite_fitness_is_not_committed():
    for name, fitness, cell in ((1, float("nan"), 0), (1, 1.0, 3), (1, 1.0, -1)):
        elites, committed = commit(nobody(), candidate(name, fitness, cell), at(nobody(), 0))
        assert not committed and elites.count == 0


def test_refresh_changes_the_fitness_of_the_expected_elite_only():
    elites, _ = commit(nobody(), candidate(7, 0.9, 1), at(nobody(), 1))
    expected, cell = at(elites, 1), jnp.int32(1)
    new, replaced = refresh(elites, cell, expected, jnp.float32(0.4))
    assert replaced and new.fitness[1] == np.float32(0.4)
    for bad in (expected._replace(id=jnp.uint32(6)), at(elites, 0)):
        new, replaced = refresh(elites, cell, bad, jnp.float32(0.4))
        assert not replaced and new.fitness[1] == np.float32(0.9)
    assert not refresh(elites, cell, expected, jnp.float32(jnp.nan))[1]


@given(VERDICTS, VERDICTS)
def test_the_tally_counts_votes_one_by_one(candidate_first, incumbent_first):
    wins = losses = flips = pairs = 0
    for a, b in zip(candidate_first, incumbent_first, strict=True):
        wins += (a == FIRST) + (b == SECOND)
        losses += (a == SECOND) + (b == FIRST)
        decisive = a in (FIRST, SECOND) and b in (FIRST, SECOND)
        pairs += decisive
        flips += decisive and a == b
    every = candidate_first + incumbent_first
    votes = len(every) - every.count(MISSING)
    ballot = tally(jnp.array(candidate_first, jnp.int32), jnp.array(incumbent_first, jnp.int32))
    counts = [wins, losses, every.count(TIE), every.count(MISSING), flips, pairs, wins > votes / 2]
    assert [int(x) for x in ballot] == counts


def test_a_judge_that_always_names_the_first_place_changes_nothing():
    ballot = tally(jnp.array([FIRST, FIRST, FIRST]), jnp.array([FIRST, FIRST, FIRST]))
    assert not ballot.accepted and ballot.flips == ballot.pairs == 3
