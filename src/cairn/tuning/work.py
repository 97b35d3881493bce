"""Trainings that a search wants: made row by row, rated, written down once."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from cairn.core.counts import total
from cairn.core.errors import ConfigError
from cairn.runs.experiment import Experiment
from cairn.tuning.directory import TuneRun
from cairn.tuning.pool import Job, Pool, Pools, Stopped, Told
from cairn.tuning.scoring import Purpose, Scorer
from cairn.tuning.search import Score

Ledger = dict[str, int]
Line = dict[str, Any]


COMPILING = "compiling"


class Progress(NamedTuple):
    """What a person wants to know after each program of rows, and before one is compiled."""

    what: str
    """The training that has just ended, "trial 12", "interval 3" or "test"; or `COMPILING`."""
    score: Score
    """Of the last training."""
    best: Score
    spent: int
    budget: int
    done: int
    """Trainings on file, of all phases and seeds."""


Show = Callable[[Progress], None]


class Entry(NamedTuple):
    """A training: who it is for, and what it is."""

    key: tuple[str, int, int]
    """Phase (trial, interval 3, incumbent, default), number, seed."""
    job: Job
    about: Mapping[str, Any]
    """What else its line says."""


class Work:
    """Does trainings that are not on file yet."""

    def __init__(
        self,
        experiment: Experiment,
        pools: Pools,
        scorers: Mapping[Purpose, Scorer],
        metric: str | None,
        run: TuneRun,
        stopped: Stopped,
    ):
        self.experiment, self.pools, self.run, self.stopped = experiment, pools, run, stopped
        self.scorers, self._metric = scorers, metric
        self.done: dict[tuple[str, int, int], Line] = {_key(line): line for line in run.lines()}
        self.announce: Callable[[], None] = lambda: None
        """Called before a program is compiled, which takes its time and says nothing."""
        self._met: set[int] = set()

    def meet(self, pool: Pool) -> None:
        """About to train with this pool: the first time it is compiled."""
        if id(pool) not in self._met:
            self._met.add(id(pool))
            self.announce()

    def forget(self, size: int) -> None:
        """Lines beyond the first `size` bytes, whose states no checkpoint holds."""
        if self.run.size > size:
            self.run.cut(size)
            self.done = {_key(line): line for line in self.run.lines()}

    def do(self, entries: Sequence[Entry], told: Callable[[Line], None]) -> list[Line]:
        """The lines of `entries`; `told` hears of each that is made now. Raises Interrupted."""
        groups: dict[int, tuple[Pool, list[Entry]]] = {}
        for entry in entries:
            if entry.key in self.done:
                continue
            try:
                self.experiment.changed(dict(entry.job.values))
                pool = self.pools.of(entry.job)
            except ConfigError as error:
                told(self._write(entry, None, f"refused: {error}", {}))
                continue
            groups.setdefault(id(pool), (pool, []))[1].append(entry)
        for pool, wanted in groups.values():
            for first in range(0, len(wanted), pool.rows):
                for line in self._rows(pool, wanted[first : first + pool.rows]):
                    told(line)
        return [self.done[entry.key] for entry in entries]

    def _rows(self, pool: Pool, entries: Sequence[Entry]) -> list[Line]:
        began = time.monotonic()
        jobs = [entry.job for entry in entries]
        self.meet(pool)
        state = pool.begin(jobs)
        state, ends = pool.train(state, jobs, [job.steps for job in jobs], self.stopped)
        lines = self.rate(pool, state, entries, ends)
        self.run.append_timing(
            {"rows": [list(entry.key) for entry in entries], "seconds": time.monotonic() - began}
        )
        return lines

    def rate(
        self,
        pool: Pool,
        state: Any,
        entries: Sequence[Entry],
        ends: Sequence[Told],
        before: Sequence[Ledger] | None = None,
    ) -> list[Line]:
        """Test the rows and write their lines, with what they cost since the ledgers `before`."""
        ledgers = pool.ledgers(state, len(entries))
        if before is not None:
            pairs = zip(ledgers, before, strict=True)
            ledgers = [{name: now[name] - was[name] for name in now} for now, was in pairs]
        scores: list[Score] = [None] * len(entries)
        fine = [end.finite for end in ends]
        scorer = self.scorers.get(purpose(entries[0].key[0]))
        if scorer is not None:
            seeds = [entry.job.seed for entry in entries]
            for row, rated in enumerate(scorer.rate(pool, state, seeds, fine)):
                if fine[row]:
                    scores[row] = rated.score
                    ledgers[row] = _with_test(ledgers[row], rated.steps)
        elif self._metric is not None:
            scores = [end.metrics[self._metric] if end.finite else None for end in ends]
        gone = "not finite any more"
        return [
            self._write(entry, score, None if end.finite else gone, ledger)
            for entry, score, end, ledger in zip(entries, scores, ends, ledgers, strict=True)
        ]

    def _write(self, entry: Entry, score: Score, failed: str | None, ledger: Ledger) -> Line:
        phase, number, seed = entry.key
        job = {"values": dict(entry.job.values), "steps": entry.job.steps}
        line = {"phase": phase, "number": number, "seed": seed, **entry.about, **job,
                "score": score, "failed": failed, "ledger": ledger}  # fmt: skip
        self.run.append(line)
        self.done[entry.key] = line
        return line

    def cost(self, ledger: Mapping[str, int]) -> int:
        """What a ledger counts of the search's budget: every environment step, tests among them;
        where there are none, what the method's own budget is on."""
        if "environment_steps" in ledger:
            return ledger["environment_steps"]
        budget = self.experiment.how.program(self.experiment.setup(None)).budget
        return total({name: [n] for name, n in ledger.items()}, budget)[0] if ledger else 0


def purpose(phase: str) -> Purpose:
    """Which levels a phase is rated on."""
    return "test" if phase in ("incumbent", "default") else "tuning"


def together(ledgers: Sequence[Mapping[str, int]]) -> Ledger:
    """The sum of ledgers."""
    names = dict.fromkeys(name for ledger in ledgers for name in ledger)
    return {name: sum(ledger.get(name, 0) for ledger in ledgers) for name in names}


def mean(scores: Sequence[Score]) -> Score:
    """Over the seeds of one trial; None if one of them failed."""
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if known and len(known) == len(scores) else None


def by_member(scores: Sequence[Score], seeds: int) -> list[Score]:
    """The mean of each member: the scores of one member's seeds stand together."""
    return [mean(scores[first : first + seeds]) for first in range(0, len(scores), seeds)]


def _with_test(ledger: Ledger, steps: int) -> Ledger:
    found = ledger | {"evaluation": ledger.get("evaluation", 0) + steps}
    return found | {"environment_steps": ledger.get("environment_steps", 0) + steps}


def _key(line: Line) -> tuple[str, int, int]:
    return line["phase"], line["number"], line["seed"]
