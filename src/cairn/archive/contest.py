"""Acceptance by a judge: two pure calls with the judge between them, and the count of its votes.

    incumbent = contest(elites, cell)
    ... ask the judge, in both orders ...
    elites, committed = commit(elites, candidate, incumbent)   # if tally(...).accepted

If the incumbent changed meanwhile, nothing is committed: contest again and judge again.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, UInt32

from cairn.archive.elites import EMPTY, Candidates, Elites, place, settle, vacate

FIRST, SECOND, TIE, MISSING = range(4)
"""One verdict: the answer shown first, the one shown second, neither, or no readable verdict."""


class Incumbent(NamedTuple):
    """Who holds a cell."""

    id: UInt32[Array, ""]
    """Meaningless unless `present`."""
    present: Bool[Array, ""]


class Ballot(NamedTuple):
    """The count of a judge's votes on one candidate against one incumbent."""

    candidate: Int[Array, ""]
    incumbent: Int[Array, ""]
    ties: Int[Array, ""]
    missing: Int[Array, ""]
    """Verdicts that could not be read. They are no votes."""
    flips: Int[Array, ""]
    """Pairs in which the judge chose the same *place* in both orders: position bias."""
    pairs: Int[Array, ""]
    """Pairs of verdicts, one per order, that both named a winner."""
    accepted: Bool[Array, ""]
    """More than half of all votes, ties among them, went to the candidate."""


def contest(elites: Elites, cell: Int[Array, ""]) -> Incumbent:
    """Who must be beaten in this cell. The caller guarantees that the cell is in range."""
    return Incumbent(elites.ids[cell], elites.fitness[cell] > EMPTY)


def commit(
    elites: Elites, candidate: Candidates, expected: Incumbent
) -> tuple[Elites, Bool[Array, ""]]:
    """Make the candidate (a batch of one) its cell's elite if the incumbent is still `expected`.

    Its fitness may be lower than the incumbent's: the judge has decided. It must be finite.
    Returns the elites and whether the candidate was committed.
    """
    candidate, valid = settle(elites, candidate)
    cell = candidate.cell
    present = elites.fitness[cell] > EMPTY
    same = present & expected.present & (elites.ids[cell] == expected.id)
    unchanged = same | (~present & ~expected.present)
    eligible = valid & unchanged
    elites, entered, _ = place(vacate(elites, candidate, eligible), candidate, eligible, ~present)
    return elites, entered[0]


def refresh(
    elites: Elites, cell: Int[Array, ""], expected: Incumbent, fitness: Float[Array, ""]
) -> tuple[Elites, Bool[Array, ""]]:
    """Replace an elite's fitness by a new estimate, if the cell still holds `expected`.

    Returns the elites and whether it was replaced; a fitness that is not finite never is.
    """
    present = elites.fitness[cell] > EMPTY
    same = present & expected.present & (elites.ids[cell] == expected.id)
    replaced = same & jnp.isfinite(fitness)
    updated = elites.fitness.at[cell].set(jnp.where(replaced, fitness, elites.fitness[cell]))
    return eqx.tree_at(lambda e: e.fitness, elites, updated), replaced


def tally(candidate_first: Int[Array, " votes"], incumbent_first: Int[Array, " votes"]) -> Ballot:
    """Count verdicts given in both orders: entry i of each is one pair.

    A strict majority of the votes that could be read accepts the candidate; a tie keeps the
    incumbent, and so does an empty ballot. Votes are FIRST, SECOND, TIE or MISSING.
    """
    votes = jnp.concatenate([_sides(candidate_first), -_sides(incumbent_first)])
    verdicts = jnp.concatenate([candidate_first, incumbent_first])
    candidate, incumbent = _count(votes > 0), _count(votes < 0)
    ties, missing = _count(verdicts == np.int32(TIE)), _count(verdicts == np.int32(MISSING))
    decisive = (_sides(candidate_first) != 0) & (_sides(incumbent_first) != 0)
    return Ballot(
        candidate=candidate,
        incumbent=incumbent,
        ties=ties,
        missing=missing,
        flips=_count(decisive & (candidate_first == incumbent_first)),
        pairs=_count(decisive),
        accepted=2 * candidate > candidate + incumbent + ties,
    )


def _count(mask: Bool[Array, " votes"]) -> Int[Array, ""]:
    return jnp.sum(mask, dtype=jnp.int32)


def _sides(verdicts: Int[Array, " votes"]) -> Int[Array, " votes"]:
    """1 for the answer shown first, -1 for the second, 0 for neither."""
    first, second = verdicts == np.int32(FIRST), verdicts == np.int32(SECOND)
    return first.astype(jnp.int32) - second.astype(jnp.int32)
