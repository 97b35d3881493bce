"""What is worth seeing in an archive: its highest scores, its most useful levels, their ancestors.

A high score is no measure of how hard a level is: under regret it is the room left to improve.
"""

from typing import NamedTuple

import jax
import numpy as np

from cairn.archive import replay
from cairn.archive.replay import Replay, ReplayConfig
from cairn.core.descent import Descent
from cairn.core.lineage import Lineage
from cairn.envs.protocol import Level, plain_suite
from cairn.evaluation.evaluate import evaluate
from cairn.show.subject import Subject

CANDIDATES = 64
"""Levels most likely to be replayed, among which the most useful are found by playing them."""
ATTEMPTS = 8
"""Attempts at each candidate."""
STEPS = 8
"""Levels shown of one line of ancestors."""


class Treasure(NamedTuple):
    """A level of the archive, or one that was there."""

    level: Level
    id: int
    score: float
    """Its score now; of an ancestor the score it entered with."""
    generation: int
    """Edits since the level was drawn new."""
    age: int
    """Cycles since it entered the archive."""
    replay_probability: float
    """Chance to be the next level replayed; 0 if it is there no more."""
    solve_rate: float | None
    """Of the current policy, where it was tried."""
    kept: bool
    """Whether it is still in the archive."""


class Shelf(NamedTuple):
    """An archive with what is looked up again and again."""

    archive: Replay
    order: list[int]
    """Occupied slots, the highest score first."""
    chance: np.ndarray
    """Replay probability of each slot."""
    slot_of: dict[int, int]
    """Slot by id."""
    descent: Descent
    cycle: int


def highest(subject: Subject, count: int) -> list[Treasure]:
    """The levels with the highest score, highest first."""
    shelf = subject.once(shelf_of)
    return [line_of(shelf, slot)[-1] for slot in shelf.order[:count]]


def most_useful(subject: Subject, count: int) -> list[Treasure]:
    """Levels the student can learn most from now: highest learnability p (1 - p) first.

    p is the solve rate of the current policy, measured on the `CANDIDATES` levels most likely to be
    replayed; of equals the one more likely to be replayed comes first. Levels solved always or
    never are left out, so there may be fewer than `count`.
    """
    shelf = subject.once(shelf_of)
    likely = np.argsort(-shelf.chance, kind="stable")[: min(CANDIDATES, len(shelf.order))]
    levels = jax.tree.map(lambda leaf: np.asarray(leaf)[likely], shelf.archive.levels)
    suite = plain_suite("archive", subject.experiment.env, levels)
    actor = subject.actor
    assert actor is not None  # an archive of levels is scored by somebody who plays them
    states = jax.tree.map(lambda leaf: leaf[None], actor.state)
    played = evaluate(actor.policy, states, [suite], seeds=1, attempts=ATTEMPTS)
    rates = played["archive"].solve_rates[0]
    best = np.argsort(-rates * (1 - rates), kind="stable")[:count]
    return [
        line_of(shelf, int(likely[i]))[-1]._replace(solve_rate=float(rates[i]))
        for i in best
        if 0 < rates[i] < 1
    ]


def evolved(subject: Subject, count: int) -> list[list[Treasure]]:
    """Lines of ancestors of the best evolved levels, oldest first, the archive's level last.

    Best: highest score. Levels that descend from one new level count as one family, of which only
    the best is shown, unless there are fewer families than `count`. Long lines are thinned out
    evenly; both ends stay.
    """
    shelf = subject.once(shelf_of)
    edited = np.asarray(shelf.archive.generation) > 0
    lines: list[list[Treasure]] = []
    relatives: list[list[Treasure]] = []
    families: set[int] = set()
    # Enough to find `count` families as a rule, and few enough look-ups to be quick.
    for slot in [slot for slot in shelf.order if edited[slot]][: 20 * count]:
        line = line_of(shelf, slot)
        (relatives if line[0].id in families else lines).append(line)
        families.add(line[0].id)
        if len(lines) == count:
            break
    return [thinned(line, STEPS) for line in (lines + relatives)[:count]]


def thinned(line: list, count: int) -> list:
    """At most `count` of a line, evenly spread, with both ends."""
    if len(line) <= count:
        return line
    return [line[round(place)] for place in np.linspace(0, len(line) - 1, count)]


def descent(subject: Subject) -> Descent:
    """Who descends from whom among its levels."""
    return Descent(Lineage.open(subject.directory.lineage), subject.seed_index)


def shelf_of(subject: Subject) -> Shelf:
    """Its archive, which must not be empty."""
    archive, config = subject.archive, subject.experiment.algorithm
    config = getattr(config, "replay", config)  # some methods have it among other settings
    assert isinstance(archive, Replay)
    assert isinstance(config, ReplayConfig)
    count = int(archive.count)
    ids = np.asarray(archive.ids)[:count].tolist()
    return Shelf(
        archive,
        np.argsort(np.asarray(archive.ranks)[:count], kind="stable").tolist(),
        np.asarray(replay.probabilities(archive, config)),
        dict(zip(ids, range(count), strict=True)),
        subject.once(descent),
        int(subject.state.cycle),
    )


def line_of(shelf: Shelf, slot: int) -> list[Treasure]:
    """The level at `slot` and its ancestors, oldest first."""
    archive = shelf.archive
    records = shelf.descent.ancestors(int(archive.ids[slot]))[::-1]
    levels = shelf.descent.lineage.levels(
        records, jax.tree.map(lambda leaf: leaf[0], archive.levels)
    )
    line = [
        _treasure(shelf, entry, jax.tree.map(lambda leaf, i=i: leaf[i], levels))
        for i, entry in enumerate(records)
    ]
    return [*line[:-1], line[-1]._replace(score=float(archive.scores[slot]))]


def treasures(shelf: Shelf, records: np.ndarray) -> list[Treasure]:
    """Levels as records of the lineage file have them: scores are those they entered with."""
    levels = shelf.descent.lineage.levels(records, shelf.archive.levels)
    return [
        _treasure(shelf, entry, jax.tree.map(lambda leaf, i=i: leaf[i], levels))
        for i, entry in enumerate(records)
    ]


def _treasure(shelf: Shelf, entry: np.void, level: Level) -> Treasure:
    """A record of the lineage file."""
    slot = shelf.slot_of.get(int(entry["id"]))
    return Treasure(
        level=level,
        id=int(entry["id"]),
        score=float(entry["score"]),
        generation=int(entry["generation"]),
        age=shelf.cycle - int(entry["cycle"]),
        replay_probability=0.0 if slot is None else float(shelf.chance[slot]),
        solve_rate=None,
        kept=slot is not None,
    )
