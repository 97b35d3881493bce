"""What is worth seeing in an archive: its hardest levels, its most useful ones, their ancestors."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cairn.archive import replay
from cairn.archive.replay import Replay, ReplayConfig
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


def hardest(subject: Subject, count: int) -> list[Treasure]:
    """The levels with the highest score, highest first."""
    archive = _archive(subject)
    slots = np.argsort(np.asarray(archive.ranks)[: int(archive.count)], kind="stable")[:count]
    return [_at(subject, archive, int(slot)) for slot in slots]


def most_useful(subject: Subject, count: int) -> list[Treasure]:
    """Levels the student can learn most from now: highest learnability p (1 - p) first.

    p is the solve rate of the current policy, measured on the `CANDIDATES` levels most likely to be
    replayed; of equals the one more likely to be replayed comes first. Levels solved always or
    never are left out, so there may be fewer than `count`.
    """
    archive = _archive(subject)
    chance = _chances(subject, archive)
    slots = np.argsort(-chance, kind="stable")[: min(CANDIDATES, int(archive.count))]
    levels = jax.tree.map(lambda leaf: np.asarray(leaf)[slots], archive.levels)
    suite = plain_suite("archive", subject.experiment.env, levels)
    learner = subject.experiment.learner
    states = jax.tree.map(lambda leaf: leaf[None], subject.state.learner)
    rates = evaluate(learner, states, [suite], seeds=1, attempts=ATTEMPTS)["archive"].scores[0]
    order = np.argsort(-rates * (1 - rates), kind="stable")[:count]
    return [
        _at(subject, archive, int(slots[i]))._replace(solve_rate=float(rates[i]))
        for i in order
        if 0 < rates[i] < 1
    ]


def evolved(subject: Subject, count: int) -> list[list[Treasure]]:
    """Lines of ancestors of the best evolved levels, oldest first, the archive's level last.

    Best: highest score. Levels that descend from one new level count as one family, of which only
    the best is shown, unless there are fewer families than `count`. Long lines are thinned out
    evenly; both ends stay.
    """
    archive = _archive(subject)
    generation = np.asarray(archive.generation)[: int(archive.count)]
    order = np.argsort(np.asarray(archive.ranks)[: int(archive.count)], kind="stable")
    lines: list[list[Treasure]] = []
    relatives: list[list[Treasure]] = []
    seen: set[int] = set()
    # Far more than enough to find `count` families, and few enough look-ups to be quick.
    for slot in order[generation[order] > 0][: 20 * count]:
        line = _line(subject, archive, int(slot))
        (relatives if line[0].id in seen else lines).append(line)
        seen.add(line[0].id)
        if len(lines) == count:
            break
    return [thinned(line, STEPS) for line in (lines + relatives)[:count]]


def thinned(line: list[Treasure], count: int) -> list[Treasure]:
    """At most `count` of a line, evenly spread, with both ends."""
    if len(line) <= count:
        return line
    return [line[round(place)] for place in np.linspace(0, len(line) - 1, count)]


def _archive(subject: Subject) -> Replay:
    archive = subject.state.archive
    assert isinstance(archive, Replay)
    return archive


def _chances(subject: Subject, archive: Replay) -> np.ndarray:
    config = subject.experiment.algorithm
    assert isinstance(config, ReplayConfig)
    return np.asarray(replay.probabilities(archive, config))


def _at(subject: Subject, archive: Replay, slot: int) -> Treasure:
    """The level at a slot of the archive."""
    return _line(subject, archive, slot)[-1]


def _line(subject: Subject, archive: Replay, slot: int) -> list[Treasure]:
    """The level at `slot` and its ancestors, oldest first."""
    lineage = subject.lineage
    records = lineage.ancestors(int(archive.ids[slot]), subject.seed_index)[::-1]
    example = jax.tree.map(lambda leaf: leaf[0], archive.levels)
    levels = lineage.levels(records, example)
    slot_of = {int(id): s for s, id in enumerate(np.asarray(archive.ids)[: int(archive.count)])}
    chance = _chances(subject, archive)
    now = int(jnp.max(subject.state.cycle))
    line = []
    for i, entry in enumerate(records):
        place = slot_of.get(int(entry["id"]))
        line.append(
            Treasure(
                level=jax.tree.map(lambda leaf, i=i: leaf[i], levels),
                id=int(entry["id"]),
                score=float(entry["score"]),
                generation=int(entry["generation"]),
                age=now - int(entry["cycle"]),
                replay_probability=0.0 if place is None else float(chance[place]),
                solve_rate=None,
                kept=place is not None,
            )
        )
    return [*line[:-1], line[-1]._replace(score=float(archive.scores[slot]))]
