"""Population-based training over the rows of a search, interval by interval."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import checkpoint
from cairn.core.errors import ConfigError
from cairn.runs.experiment import Experiment
from cairn.tuning import pbt
from cairn.tuning.config import TuneConfig
from cairn.tuning.pbt import Round
from cairn.tuning.pool import Job, Pool, Pools
from cairn.tuning.space import Space
from cairn.tuning.trials import Schedule, Standing, Trial
from cairn.tuning.work import Entry, Line, Work, by_member, together

Row = Any
"""The state of one member on one seed: a leading axis of one."""


def train(
    work: Work, space: Space, rng: np.random.Generator, config: TuneConfig, standing: Standing
) -> None:
    """All intervals; a member at the end of one is a trial, its schedule what it went through."""
    run, number = work.experiment.run, config.population
    seeds = range(run.seed, run.seed + run.seeds)
    now = pbt.first_round(space, rng, number)
    rows, behind = _restored(work, _jobs(work, now, seeds), config.intervals)
    schedules: list[Schedule] = [[] for _ in range(number)]
    for interval in range(config.intervals):
        end = round(run.steps * (interval + 1) / config.intervals)
        schedules = [
            [*schedules[source], (end, values)]
            for source, values in zip(now.sources, now.values, strict=True)
        ]
        entries = _entries(work, now, seeds, interval, end)
        if interval >= behind:
            rows = _taken_over(rows, now, len(seeds))
            rows = advanced(work, entries, rows, end, standing)
            meta = {"size": work.run.size, "intervals": interval + 1}
            checkpoint.save(work.run.checkpoints, interval + 1, rows, meta)
        lines = [work.done[entry.key] for entry in entries]
        for member in range(number):
            own = lines[member * len(seeds) : (member + 1) * len(seeds)]
            standing.add(_trial(work, own, interval * number + member, interval,
                                schedules[member]))  # fmt: skip
        scores = by_member([line["score"] for line in lines], len(seeds))
        now = pbt.next_round(space, rng, scores, now.values)


def advanced(
    work: Work,
    entries: Sequence[Entry],
    rows: Sequence[Row],
    end: int,
    standing: Standing,
    *,
    since: bool = True,
) -> list[Row]:
    """Every row trained until `end` by its settings, tested, and written down.

    Its line tells what it has cost `since` it came in, or else in all.
    """
    after: dict[int, Row] = {}
    groups: dict[int, tuple[Pool, list[int]]] = {}
    for place, entry in enumerate(entries):
        pool = work.pools.of(entry.job)
        groups.setdefault(id(pool), (pool, []))[1].append(place)
    for pool, places in groups.values():
        for first in range(0, len(places), pool.rows):
            some = places[first : first + pool.rows]
            mine = [entries[place] for place in some]
            jobs = [entry.job for entry in mine]
            filled = [rows[place] for place in [*some, *some[-1:] * (pool.rows - len(some))]]
            state = jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *filled)
            before = pool.ledgers(state, len(some)) if since else None
            work.meet(pool)
            state, ends = pool.train(state, jobs, [end] * len(some), work.stopped)
            for line in work.rate(pool, state, mine, ends, before):
                standing.hear(line["phase"], line)
            for row, place in enumerate(some):
                after[place] = jax.tree.map(lambda leaf, row=row: leaf[row : row + 1], state)
    return [after[place] for place in range(len(entries))]


def _taken_over(rows: Sequence[Row], now: Round, seeds: int) -> list[Row]:
    """Every member's rows: its own, or another's with its own random streams.

    The ledger comes with the weights: it says how far they are trained, and one that had failed
    would else catch up on them what it had missed.
    """
    taken: list[Row] = []
    for member, source in enumerate(now.sources):
        for seed in range(seeds):
            mine, theirs = rows[member * seeds + seed], rows[source * seeds + seed]
            if source != member:
                theirs = eqx.tree_at(lambda s: s.key, theirs, mine.key)
            taken.append(theirs)
    return taken


def _restored(work: Work, jobs: Sequence[Job], intervals: int) -> tuple[list[Row], int]:
    """The rows at the last interval that is whole on disk, and how many intervals are behind."""
    path = checkpoint.latest(work.run.checkpoints)
    if path is None:
        work.forget(0)
        return [_begun(work.pools, job) for job in jobs], 0
    shapes = [jax.eval_shape(lambda job=job: _begun(work.pools, job)) for job in jobs]
    rows, meta = checkpoint.load(path, shapes)
    if meta["intervals"] < intervals:
        work.forget(meta["size"])
    return jax.tree.map(jnp.asarray, rows), meta["intervals"]


def _begun(pools: Pools, job: Job) -> Row:
    state = pools.of(job).begin([job])
    return jax.tree.map(lambda leaf: leaf[:1], state)


def check_weights_fit(experiment: Experiment, pools: Pools, space: Space) -> None:
    """Raise ConfigError for a setting with which one member's weights are no other's."""
    values = space.at(np.full(len(space), 0.5))
    for name, parameter in space.parameters.items():
        if name in pools.traced:
            continue
        shapes = []
        for end in parameter.ends:
            job = Job({**values, name: end}, 0, experiment.run.steps)
            shape = jax.eval_shape(lambda job=job: _begun(pools, job))
            shapes.append((jax.tree.structure(shape), jax.tree.leaves(shape)))
        if any(shape != shapes[0] for shape in shapes):
            raise ConfigError(
                f"pbt copies what one member has learned to another, but {name} changes its shape. "
                f"Leave it out, or use --tuner dehb."
            )


def _jobs(work: Work, now: Round, seeds: range) -> list[Job]:
    return [Job(values, seed, work.experiment.run.steps) for values in now.values for seed in seeds]


def _entries(work: Work, now: Round, seeds: range, interval: int, end: int) -> list[Entry]:
    about = [{"source": source, "until": end} for source in now.sources for _ in seeds]
    keys = [(member, seed) for member in range(len(now.sources)) for seed in seeds]
    return [
        Entry((f"interval {interval}", member, seed), job, told)
        for (member, seed), job, told in zip(keys, _jobs(work, now, seeds), about, strict=True)
    ]


def _trial(
    work: Work, own: Sequence[Line], number: int, interval: int, schedule: Schedule
) -> Trial:
    scores = [line["score"] for line in own]
    ledger = together([line["ledger"] for line in own])
    failed = next((line["failed"] for line in own if line["failed"]), None)
    (score,) = by_member(scores, len(scores))
    return Trial(number, interval, schedule, scores, score, failed, ledger, work.cost(ledger))
