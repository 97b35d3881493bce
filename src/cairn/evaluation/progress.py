"""Is a run open-ended? Its students of several times on the levels of several times.

A success matrix, checkpoints by epochs of the archive, as rows of a table and in two figures:
what was learned and forgotten, and ANNECS. Pure NumPy.

ANNECS, the accumulated number of novel environments created and solved, is of Enhanced POET (Wang
et al. 2020, arXiv:2003.08536, section 4): a level counts if no student so far could do it when it
was made, and if a later one can. Differs: students are those of the checkpoints, and the number is
estimated from a sample of the levels of each epoch.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

NOVEL, SOLVED = 0.25, 0.75
"""Success on a level that nobody can do yet, at most, and on one that is solved, at least. Far
apart, so that chance among a few attempts takes hardly a level for both."""


class Progress(NamedTuple):
    """How C students of one seed fared on levels of the E = C - 1 epochs between them.

    Epoch e lies between checkpoints e and e + 1: its levels were made by who learned from e on.
    """

    steps: Int[np.ndarray, " C"]
    """What each had spent."""
    entered: Int[np.ndarray, " E"]
    """Levels that entered the archive in each epoch."""
    epoch: Int[np.ndarray, " L"]
    """Of each level of the sample."""
    solved: Bool[np.ndarray, "C L A"]
    """Whether each of A attempts of each student succeeded."""
    half: Int[np.ndarray, " L"] | None = None
    """Which half of its epoch's levels each is in, 0 or 1, for `forgotten`. They take turns."""


def matrix(found: Progress) -> Float[np.ndarray, "C E"]:
    """Mean success of each student on each epoch's levels; NaN where an epoch has none."""
    return _by_epoch(found, found.solved.mean(axis=2))


def learned(found: Progress) -> Float[np.ndarray, " E"]:
    """How much better the last student does on each epoch's levels than the one before it did."""
    table = matrix(found)
    places = np.arange(len(found.entered))
    return table[-1] - table[places, places]


def forgotten(found: Progress) -> Float[np.ndarray, " E"]:
    """How much worse the last student does on each epoch's levels than the best since did.

    Half of the levels choose the best student, the others say how well it does, and the other way
    round: chosen and measured by the same, the luckiest would always seem to have been better. Of
    a trained student the luck is in which levels were drawn: it does some and does not do others.
    Where an epoch has a single level its attempts are halved.
    """
    lost, half = np.full(len(found.entered), np.nan), _halves(found)
    for epoch in np.unique(found.epoch):
        own = [found.solved[:, (found.epoch == epoch) & (half == h)] for h in (0, 1)]
        if not all(part.shape[1] for part in own):
            whole = found.solved[:, found.epoch == epoch]
            own = [whole[:, :, h::2] for h in (0, 1)]
        one, other = (part.mean(axis=(1, 2))[epoch + 1 :] for part in own)
        lost[epoch] = (_lost(one, other) + _lost(other, one)) / 2
    return lost


def solved_at(found: Progress) -> Int[np.ndarray, " L"]:
    """The first student that solves each level that was novel; C where none does, or it was not.

    Novel: no student before the level was made succeeds in more than `NOVEL` of its attempts.
    """
    rates = found.solved.mean(axis=2)
    count = len(found.steps)
    before = np.arange(count)[:, None] <= found.epoch[None, :]
    novel = np.where(before, rates, 0.0).max(axis=0) <= NOVEL
    solves = ~before & (rates >= SOLVED)
    return np.where(novel & solves.any(axis=0), solves.argmax(axis=0), count)


def annecs(found: Progress) -> Float[np.ndarray, " C"]:
    """Levels made and solved up to each checkpoint that were novel when they were made."""
    sampled = np.bincount(found.epoch, minlength=len(found.entered))
    stands_for = (found.entered / np.maximum(sampled, 1))[found.epoch]
    when = solved_at(found)
    return np.array([stands_for[when <= place].sum() for place in range(len(found.steps))])


def resampled(found: Progress, rng: np.random.Generator) -> Progress:
    """The same with the levels of each epoch drawn anew, with replacement."""
    chosen = [
        rng.choice(places, len(places))
        for places in (np.flatnonzero(found.epoch == e) for e in range(len(found.entered)))
        if len(places)
    ]
    order = np.concatenate(chosen) if chosen else np.zeros(0, int)
    return found._replace(
        epoch=found.epoch[order],
        solved=found.solved[:, order],
        half=_halves(found)[order],  # a level that is drawn twice is in one half
    )


def _halves(found: Progress) -> Int[np.ndarray, " L"]:
    if found.half is not None:
        return found.half
    half = np.zeros(len(found.epoch), int)
    for epoch in np.unique(found.epoch):
        places = np.flatnonzero(found.epoch == epoch)
        half[places] = np.arange(len(places)) % 2
    return half


def _lost(chooses: Float[np.ndarray, " S"], measures: Float[np.ndarray, " S"]) -> float:
    return float(measures[np.argmax(chooses)] - measures[-1])


def _by_epoch(found: Progress, rates: Float[np.ndarray, "C L"]) -> Float[np.ndarray, "C E"]:
    sums = np.stack([np.bincount(found.epoch, row, len(found.entered)) for row in rates])
    counts = np.bincount(found.epoch, minlength=len(found.entered))
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
