"""What a chunk leaves in the run's growing files, and whether it can be believed."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core.errors import RunError
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir
from cairn.engine.program import Program, Report


def describe(state: Any, report: Any) -> dict[str, Any]:
    """The metrics line of a chunk: means over its cycles, a list over seeds each.

    A mean over no cycle at all is None: the figure does not exist there.
    """
    means = {
        name: _mean(np.asarray(values, np.float64), np.asarray(report.weights[name], np.float64))
        for name, values in sorted(report.metrics.items())
    }
    return {
        "cycle": np.asarray(state.cycle).tolist(),
        "ledger": state.ledger.totals(),
        "metrics": means,
    }


def _mean(values: np.ndarray, weights: np.ndarray) -> list[float | None]:
    """Weighted means over the second axis; None where nothing has weight."""
    sums, counts = (np.where(weights > 0, values, 0) * weights).sum(axis=1), weights.sum(axis=1)
    pairs = zip(sums.tolist(), counts.tolist(), strict=True)
    return [amount / count if count else None for amount, count in pairs]


def only(figures: dict[str, Any], tested: np.ndarray) -> dict[str, Any]:
    """The figures of the seeds that were to be tested; None for the others."""
    if tested.all():
        return figures

    def keep(row: Any) -> Any:
        """A name, such as that of the measure, is no list over seeds."""
        if isinstance(row, str):
            return row
        return [value if told else None for value, told in zip(row, tested, strict=True)]

    return {
        suite: {name: keep(row) for name, row in rows.items()} for suite, rows in figures.items()
    }


def append_events(lineage: Lineage, state: Any, events: tuple) -> None:
    """Append what entered the archives: by seed, then cycle, then phase, then offer."""
    if not events:
        return
    phases = [jax.tree.map(np.asarray, phase) for phase in events]
    together = jax.tree.map(lambda *leaves: np.concatenate(leaves, axis=2), *phases)
    seeds, cycles, _ = together.entered.shape
    last = np.asarray(state.cycle)
    cycle = last[:, None, None] - cycles + np.arange(cycles)[None, :, None]
    lineage.append(
        together.entered,
        together.levels,
        id=together.ids,
        parent=together.parents,
        has_parent=together.has_parent,
        source=together.source,
        score=together.score,
        generation=together.generation,
        seed=np.arange(seeds)[:, None, None],
        cycle=cycle,
    )


def check_finite(program: Program, state: Any, report: Report, directory: RunDir) -> None:
    """Raise RunError if a metric of the chunk is not finite, naming the first such cycle.

    So it does if what an actor has learned is not: then no metric has seen it yet.
    """
    wrong = []
    for name, values in report.metrics.items():
        counts = np.asarray(report.weights[name]) > 0
        bad = counts & ~np.isfinite(np.asarray(values))
        wrong += [(int(cycle), name, int(seed)) for seed, cycle in np.argwhere(bad)]
    if wrong:
        cycle, name, seed = min(wrong)
        value = np.asarray(report.metrics[name])[seed, cycle]
        began = int(np.asarray(state.cycle)[seed]) - np.asarray(report.metrics[name]).shape[1]
        number = directory.config.get("run", {}).get("seed", 0) + seed
        what = f"{name} is {value} from cycle {began + cycle + 1} on (seed {number})"
        raise RunError(f"{what}{_GONE_WRONG.format(directory.path)}")
    if doubt := program.doubt(report):
        raise RunError(doubt)
    actors = {role: actor.state for role, actor in program.actors(state).items()}
    for role, learned in {**actors, **program.models(state)}.items():
        if not bool(_finite(learned)):
            cycle = int(np.max(np.asarray(state.cycle)))
            what = f"What the {role} has learned is not finite any more after cycle {cycle}"
            raise RunError(f"{what}{_GONE_WRONG.format(directory.path)}")


_GONE_WRONG = (
    ", so the run was stopped. Its last good checkpoint stays in {0}. Look at the learning rate "
    "and the scale of the rewards, then start anew (--init-from {0} keeps what was learned)."
)


@jax.jit
def _finite(tree: Any) -> Any:
    numbers = [x for x in jax.tree.leaves(tree) if jnp.issubdtype(x.dtype, jnp.floating)]
    return jnp.stack([jnp.isfinite(x).all() for x in numbers]).all() if numbers else True
