"""An audit of the scores while training, at fixed steps: it changes nothing but the ledger."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from cairn.core import trees
from cairn.core.keys import stream
from cairn.engine.compiled import over_seeds
from cairn.engine.program import Program, Sample
from cairn.evaluation.score_audit import Looked, look
from cairn.evaluation.score_figures import correlations, facts, flat

LEVELS = 64
"""Of each source."""
EPISODES = 16
"""First attempts at each, beside one rollout."""


def auditing(
    program: Program, levels: int = LEVELS, episodes: int = EPISODES
) -> Callable[[Any], tuple[dict[str, list[float | None]], np.ndarray]]:
    """The function that audits a run's state: (metrics by name, environment steps), by seed.

    Metrics are Spearman's ρ of every score with every truth (`audit_archive_maxmc_regret`) and the
    mean truth of each source (`audit_archive_regret`); None where there is none. Fresh levels are
    the same in all audits of a run. Keys depend on the run's key and the cycle alone, so a resumed
    run gets the same figures. The program must have a valuation.
    """
    how = program.valuation
    assert how is not None

    def one(state: Any) -> tuple[dict[str, Sample], Looked]:
        root = stream(state.key, "score audit")
        samples = {
            source: sampler(state, stream(root, source), levels)
            for source, sampler in how.sources.items()
        }
        # Side by side: the sources share one rollout and one program.
        together = trees.concatenate([sample.levels for sample in samples.values()])
        key = stream(root, "play", state.cycle)
        seen = look(how, program.actors(state), together, key, episodes=episodes)
        return {name: sample._replace(levels=None) for name, sample in samples.items()}, seen

    @jax.jit
    def every(state: Any) -> tuple[dict[str, Sample], Looked]:
        return over_seeds(one, state.cycle.shape[0])(state)

    def audit(state: Any) -> tuple[dict[str, list[float | None]], np.ndarray]:
        found = jax.device_get(every(state))
        seeds = [_at(found, seed) for seed in range(state.cycle.shape[0])]
        rows = [_metrics(samples, seen, episodes) for samples, seen in seeds]
        metrics = {
            name: [row[name] if np.isfinite(row[name]) else None for row in rows]
            for name in sorted(rows[0])
        }
        steps = np.asarray(found[1].steps, np.int64)
        for sample in found[0].values():
            steps = steps + (0 if sample.steps is None else np.asarray(sample.steps, np.int64))
        return metrics, steps

    return audit


def _metrics(samples: dict[str, Sample], seen: Looked, episodes: int) -> dict[str, float]:
    """Of one seed."""
    metrics: dict[str, float] = {}
    first = 0
    for source, sample in samples.items():
        here = slice(first, first := first + len(sample.there))
        one = facts(sample, _at(seen._replace(steps=None), here), episodes)
        metrics |= flat(correlations(one), source)
        for truth, values in one.truths.items():
            metrics[f"audit_{source}_{truth}"] = float(values.mean()) if len(values) else np.nan
    return metrics


def _at(tree: Any, place: int | slice) -> Any:
    return jax.tree.map(lambda leaf: leaf[place], tree)
