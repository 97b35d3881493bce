"""What a search knows: the archive, the texts beside it, and its counts. A fold over outcomes."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool

from cairn.archive.contest import Incumbent, commit
from cairn.archive.elites import EMPTY, Candidates, Elites, empty, insert
from cairn.archive.text_axes import Space
from cairn.evaluation.judges import COUNTED
from cairn.evaluation.votes import Votes

_commit = eqx.filter_jit(commit)
_insert = eqx.filter_jit(insert)


@dataclass(frozen=True)
class Entry:
    """A prompt that was tried, and what came of it."""

    id: int
    """The trial that made it."""
    cell: int
    """Where it belongs."""
    prompt: str
    response: str
    """The target's one answer in the search; the audit draws fresh ones."""
    fitness: float
    """In [0, 1]; chooses cells and nothing else."""
    parent: int | None = None
    """Id of the elite it was made from."""
    seed: str | None = None
    """The seed prompt it was made from, where there was one."""
    similarity: float | None = None
    """BLEU with the parent."""
    beaten: int | None = None
    """Id of the elite it replaced."""
    votes: Votes = ()
    """Those that let it in: against the response of `beaten`, or against the oracle's answer."""


COUNTS = (
    "told", "calls", "failed", "mutator_refused", "no_prompt", "similar", "tried", "filled",
    "replaced", "lost", "no_verdict", "sent_back", "unjudged", "rematches", "missed_bin",
)  # fmt: skip
"""Outcomes: see `State.counts`. Contests of which no pair of verdicts could be read; winners sent
back to be judged again against a new incumbent, and those of them that still wait for it."""


@dataclass(frozen=True)
class State:
    """The archive after some number of outcomes."""

    elites: Elites
    entries: Mapping[int, Entry] = field(default_factory=dict)
    """Everything that ever held a cell, by id: elites and their ancestors."""
    counts: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    """By name of outcome."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Trials without an outcome, by name of error. What they said stays in the journal: a server
    puts a number or a time into each, and a state must not go by that."""
    health: Mapping[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))
    """By name of verdict."""
    again: Entry | None = None
    """A winner whose incumbent changed meanwhile: the next ask judges it again."""
    latest: Entry | None = None
    """The last prompt tried, for the chain without an archive."""
    curve: tuple[tuple[int, int, float], ...] = ()
    """After each change: calls so far, occupied cells, sum of fitness."""

    def elite(self, cell: int) -> Entry | None:
        """Who holds a cell."""
        name = incumbent(self, cell)
        return None if name is None else self.entries[name]

    @property
    def occupied(self) -> Bool[np.ndarray, " cells"]:
        """Which cells hold an elite. In NumPy: a trial looks often, and JAX starts a program each
        time."""
        return np.asarray(self.elites.fitness) > EMPTY

    def held(self) -> list[Entry]:
        """All elites, by cell."""
        ids = np.asarray(self.elites.ids)[self.occupied].tolist()
        return [self.entries[name] for name in ids]

    def counted(self, **more: int) -> "State":
        """The state with counts raised."""
        counts = dict(self.counts)
        for name, value in more.items():
            counts[name] += value
        return replace(self, counts=counts)


def failed(state: State, error: str) -> State:
    """The state after a trial without an outcome."""
    failures = {**state.failures, error: state.failures.get(error, 0) + 1}
    return replace(state, failures=failures).counted(failed=1)


def start(space: Space) -> State:
    """The state before the first outcome."""
    descriptor = tuple(jnp.asarray(np.int32(0)) for _ in space.axes)
    return State(empty(space.cells, solution=(), descriptor=descriptor))


def offer(state: State, space: Space, entry: Entry, expected: int | None) -> tuple[State, bool]:
    """Make `entry` its cell's elite if the cell still holds `expected` (None: nobody)."""
    incumbent = Incumbent(jnp.asarray(np.uint32(expected or 0)), jnp.asarray(expected is not None))
    elites, done = _commit(state.elites, _candidate(space, entry), incumbent)
    return (_entered(state, elites, entry), True) if bool(done) else (state, False)


def offer_by_fitness(state: State, space: Space, entry: Entry) -> tuple[State, bool]:
    """Make `entry` its cell's elite if its fitness is higher; a tie keeps the incumbent."""
    elites, outcome = _insert(state.elites, _candidate(space, entry))
    if not bool(outcome.entered[0]):
        return state, False
    return _entered(state, elites, entry), True


def incumbent(state: State, cell: int) -> int | None:
    """The id to beat, None in an empty cell."""
    return int(np.asarray(state.elites.ids)[cell]) if state.occupied[cell] else None


def _candidate(space: Space, entry: Entry) -> Candidates:
    return Candidates(
        ids=_row(entry.id, np.uint32),
        fitness=_row(entry.fitness, np.float32),
        descriptors=tuple(_row(i, np.int32) for i in space.indices(entry.cell)),
        solutions=(),
        cell=_row(entry.cell, np.int32),
    )


def _row(value: float, dtype: type[np.generic]) -> jnp.ndarray:
    # By way of NumPy: jnp.full would dispatch a program for each.
    return jnp.asarray(np.full((1,), value, dtype))


def _entered(state: State, elites: Elites, entry: Entry) -> State:
    state = replace(state, elites=elites, entries={**state.entries, entry.id: entry})
    grades = np.where(state.occupied, elites.fitness, np.float32(0))
    fitness = float(np.sum(grades, dtype=np.float64))
    point = (state.counts["calls"], int(elites.count), round(fitness, 6))
    return replace(state, curve=(*state.curve, point))


def dump(state: State) -> bytes:
    """The state as JSON: equal states, equal bytes."""
    record = {
        "filled": np.asarray(state.elites.filled)[: int(state.elites.count)].tolist(),
        "ids": np.asarray(state.elites.ids).tolist(),
        "entries": [asdict(entry) for _, entry in sorted(state.entries.items())],
        "counts": state.counts,
        "failures": state.failures,
        "health": state.health,
        "again": None if state.again is None else asdict(state.again),
        "latest": None if state.latest is None else asdict(state.latest),
        "curve": state.curve,
    }
    return json.dumps(record, sort_keys=True, ensure_ascii=False).encode()


def load(body: bytes, space: Space) -> State:
    """The state that was dumped."""
    record = json.loads(body)
    entries = {row["id"]: as_entry(row) for row in record["entries"]}
    fresh = start(space)
    elites = fresh.elites
    # In the order in which cells were filled, which is part of the archive.
    for cell in record["filled"]:
        entry = entries[record["ids"][cell]]
        elites, _ = _insert(elites, _candidate(space, entry))
    return replace(
        fresh,
        elites=elites,
        entries=entries,
        counts=record["counts"],
        failures=record["failures"],
        health=record["health"],
        again=record["again"] and as_entry(record["again"]),
        latest=record["latest"] and as_entry(record["latest"]),
        curve=tuple((calls, cells, fitness) for calls, cells, fitness in record["curve"]),
    )


def as_entry(row: Mapping[str, Any]) -> Entry:
    """An entry out of JSON."""
    return Entry(**{**row, "votes": tuple((a, b) for a, b in row["votes"])})
