"""Trials in one program: rows of (settings, seed) that train and are tested together.

A program has a fixed number of rows and is compiled once for all trials that differ in traced
settings only (`cairn.tuning.traced`); those that differ otherwise have a pool of their own. A row
fares as its experiment would alone, whatever the others do.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cairn.core import branches
from cairn.core.keys import stream
from cairn.engine import devices, loop
from cairn.engine.compiled import over_seeds
from cairn.engine.devices import Layout
from cairn.engine.program import Program
from cairn.runs.experiment import Experiment
from cairn.tuning.space import Value, Values
from cairn.tuning.traced import STEPS, Numbers, program_of


class Job(NamedTuple):
    """One training of a row."""

    values: Values
    seed: int
    steps: int
    """Of its whole training, for schedules."""


class Told(NamedTuple):
    """What a stretch of training came to, of one row."""

    finite: bool
    """False: a metric or what was learned is not finite any more."""
    metrics: Mapping[str, float | None]
    """Means over the last chunk."""


Stopped = Callable[[], bool]
"""Whether somebody asked to stop."""


class Interrupted(Exception):  # noqa: N818 (nothing is wrong)
    """Asked to stop between two chunks."""


class Pool:
    """One compiled program with `rows` rows."""

    def __init__(self, experiment: Experiment, traced: tuple[str, ...], rows: int):
        self.experiment, self.traced, self.rows = experiment, traced, rows
        self.program: Program = experiment.how.program(experiment.setup(None))
        self.layout: Layout = devices.plan(devices.usable(rows, 1), rows, 1)
        data = self.program.data
        self._data = () if data is None else (self.layout.share(data.load()),)
        self._init = jax.jit(over_seeds(self._begin, rows))
        advance = over_seeds(self._chunk, rows, self.layout.seeds)
        self._advance = jax.jit(
            lambda state, numbers, on, *data: advance((state, numbers, on), *data),
            donate_argnums=0,
        )

    def begin(self, jobs: Sequence[Job]) -> Any:
        """The states of `jobs` before the first cycle, a leading axis of rows."""
        seeds = np.array([job.seed for job in self._filled(jobs)], np.uint32)
        return self._init((self._numbers(jobs), jnp.asarray(seeds)))

    def train(
        self, state: Any, jobs: Sequence[Job], until: Sequence[int], stopped: Stopped
    ) -> tuple[Any, list[Told]]:
        """Go on until each job has spent `until`, in whole chunks. `state` is used up.

        A row that is not finite any more goes no further. Raises Interrupted.
        """
        targets = np.zeros(self.rows, np.int64)
        targets[: len(jobs)] = until
        numbers, finite = self._numbers(jobs), np.ones(self.rows, bool)
        metrics: list[Mapping[str, float | None]] = [{} for _ in range(self.rows)]
        while (on := finite & (self._spent(state) < targets)).any():
            if stopped():
                raise Interrupted
            rows = self.layout.put((state, numbers, jnp.asarray(on)))
            state, (fine, values, weights) = self._advance(*rows, *self._data)
            finite = np.where(on, np.asarray(fine), finite)
            values, weights = jax.device_get((values, weights))
            for row in np.flatnonzero(on):
                metrics[row] = _means(values, weights, int(row))
        told = zip(finite.tolist(), metrics, strict=True)
        return state, [Told(*row) for row in told][: len(jobs)]

    def ledgers(self, state: Any, rows: int) -> list[dict[str, int]]:
        """What each of the first rows has spent."""
        totals: dict[str, Any] = state.ledger.totals()
        return [{name: int(values[row]) for name, values in totals.items()} for row in range(rows)]

    def _spent(self, state: Any) -> np.ndarray:
        return np.array(loop.spent_steps(state, self.program), np.int64)

    def _filled(self, jobs: Sequence[Job]) -> list[Job]:
        """As many as there are rows: the last once more, which never begins."""
        assert 0 < len(jobs) <= self.rows
        return [*jobs, *[jobs[-1]] * (self.rows - len(jobs))]

    def _numbers(self, jobs: Sequence[Job]) -> dict[str, Float[Array, " rows"]]:
        filled = self._filled(jobs)
        columns: dict[str, list[Value]] = {
            name: [job.steps if name == STEPS else job.values[name] for job in filled]
            for name in self.traced
        }
        return {name: jnp.asarray(np.array(v, np.float32)) for name, v in columns.items()}

    def _begin(self, row: tuple[Numbers, Array]) -> Any:
        numbers, seed = row
        program = program_of(self.experiment, numbers)
        return program.init(stream(jax.random.key(seed), "run"))

    def _chunk(self, row: tuple[Any, Numbers, Bool[Array, ""]], *data: Any) -> Any:
        state, numbers, on = row
        program = program_of(self.experiment, numbers)

        def cycle(state: Any, _: None) -> tuple[Any, Any]:
            state, report = program.step(state, *data)
            weights = {name: jnp.float32(1) for name in report.metrics} | dict(report.weights)
            return state, (report.metrics, weights)

        def chunk(state: Any) -> tuple[Any, Any]:
            state, told = jax.lax.scan(cycle, state, length=self.experiment.run.log_every)
            return state, (_finite(program, state, *told), *told)

        nothing = branches.zeros(lambda state: chunk(state)[1], state)
        return branches.when(on, chunk, lambda state: (state, nothing), state)


class Pools:
    """A pool for every combination of settings that cannot be traced."""

    def __init__(self, experiment: Experiment, traced: tuple[str, ...], rows: int):
        self._experiment, self.traced, self.rows = experiment, traced, rows
        self._pools: dict[tuple, Pool] = {}

    def __len__(self) -> int:
        return len(self._pools)

    def of(self, job: Job) -> Pool:
        """The one that trains such jobs. Raises ConfigError for settings that do not go together"""
        fixed = {name: value for name, value in job.values.items() if name not in self.traced}
        steps = self._experiment.run.steps if STEPS in self.traced else job.steps
        key = (tuple(sorted(fixed.items())), steps)
        if key not in self._pools:
            made = self._experiment.changed(fixed | {STEPS: steps})
            self._pools[key] = Pool(made, self.traced, self.rows)
        return self._pools[key]


def _finite(program: Program, state: Any, metrics: Any, weights: Any) -> Bool[Array, ""]:
    """Whether every metric that counts, and all that the actors have learned, is finite."""
    fine = [(jnp.isfinite(metrics[name]) | (weights[name] <= 0)).all() for name in metrics]
    for actor in program.actors(state).values():
        leaves = jax.tree.leaves(actor.state)
        fine += [jnp.isfinite(x).all() for x in leaves if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.stack([jnp.bool_(True), *fine]).all()


def _means(values: Any, weights: Any, row: int) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for name in sorted(values):
        weight = np.asarray(weights[name][row], np.float64)
        amounts = np.where(weight > 0, np.asarray(values[name][row], np.float64), 0.0)
        found[name] = float((amounts * weight).sum() / weight.sum()) if weight.sum() else None
    return found
