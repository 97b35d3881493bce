"""Runs to be shown, written as training leaves them, without training."""

from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cairn.archive import replay
from cairn.core.lineage import Lineage
from cairn.core.rundir import RunDir, config_hash
from cairn.engine import loop
from cairn.runs.experiment import Experiment
from cairn.runs.presets import experiment
from cairn.sampler.segments import SOURCES
from cairn.score import unseen

TINY = {
    "width": 7,
    "height": 7,
    "limit": 12,
    "batch": 4,
    "steps_per_cycle": 16,
    "capacity": 8,
    "minimum_fill": 0.5,
    "hidden": 8,
    "head": 4,
    "filters": 2,
    "minibatches": 1,
    "seeds": 2,
    "steps": 8_000,
}
FAMILY = 5
"""Levels of each archive, each an edit of the one before."""


def write_accel(path: Path) -> Path:
    """A run of two seeds of ACCEL as training leaves it, without the minute of compiling it."""
    accel = experiment("maze", method="accel", **TINY)
    run = RunDir.create(path, accel.to_dict())
    offered = jax.jit(jax.vmap(lambda key: candidates(accel, key)))(
        jax.random.split(jax.random.key(0), 2)
    )
    write_lineage(run, offered)
    state = accel.compiled().init()
    insert = jax.jit(
        jax.vmap(lambda archive, offer: replay.insert(archive, offer, accel.algorithm)[0])
    )
    ledger = jax.vmap(lambda old: old.add(training=4_096, scoring=1_024, mutation=2_880))
    state = eqx.tree_at(
        lambda s: (s.archive, s.ledger, s.cycle),
        state,
        (insert(state.archive, offered), ledger(state.ledger), jnp.full(2, 40, jnp.int32)),
    )
    for cycle in range(10, 50, 10):
        run.append(line(cycle / 40), {})
    loop.save(run, state, config_hash(run.config), 4)
    return run.path


def candidates(accel: Experiment, key: jax.Array) -> replay.Candidates:
    """A new level and its descendants, the last with the highest score."""

    def edit(level: Any, key: jax.Array) -> tuple[Any, Any]:
        return accel.env.space.mutate(key, level), level

    first, *rest = jax.random.split(key, FAMILY + 1)
    _, levels = jax.lax.scan(edit, accel.env.space.sample(first), jnp.stack(rest))
    number = jnp.arange(FAMILY, dtype=jnp.int32)
    return replay.Candidates(
        levels=levels,
        ids=number.astype(jnp.uint32),
        parents=jnp.maximum(number - 1, 0).astype(jnp.uint32),
        has_parent=number > 0,
        generation=number,
        scores=number.astype(jnp.float32) / 10,
        valid=jnp.ones(FAMILY, bool),
        seen=unseen(FAMILY),
    )


def write_lineage(run: RunDir, offered: replay.Candidates) -> None:
    one = jax.tree.map(lambda leaf: leaf[0, 0], offered.levels)
    Lineage.create(run.lineage, one, SOURCES).append(
        np.ones((2, FAMILY), bool),
        offered.levels,
        id=offered.ids,
        parent=offered.parents,
        has_parent=offered.has_parent,
        source=2 * offered.has_parent.astype(np.int32),
        score=offered.scores,
        generation=offered.generation,
        seed=np.arange(2)[:, None],
        cycle=10 + np.arange(FAMILY),
    )


def line(share: float) -> dict[str, Any]:
    """A line of metrics when that share of the run is done; the second seed learns more."""
    spent = {"training": 4_096, "scoring": 1_024, "mutation": 2_880, "updates": 120}
    ledger = {name: [round(share * total)] * 2 for name, total in spent.items()}
    names = ("solve_rate", "entropy", "archive_score", "replayed_score", "archive_generation",
             "replayed_generation", "archive_fill")  # fmt: skip
    return {
        "cycle": [round(40 * share)] * 2,
        "ledger": ledger | {"evaluation": [500, 500]},
        "metrics": {name: [0.3 * share, 0.9 * share] for name in names},
        "evaluation": {
            name: {"solve_rate": [0.2 * share, 0.4 * share]} for name in ("random", "named")
        },
    }
