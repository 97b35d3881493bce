"""What became of a run's levels: its checkpoints' students on the levels of every epoch."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import checkpoint
from cairn.core.errors import ConfigError, RunError
from cairn.core.lineage import Lineage
from cairn.core.stats import bootstrap, mean, snapped
from cairn.envs.protocol import Level, plain_suite
from cairn.evaluation import progress as figures
from cairn.evaluation.evaluate import Advance
from cairn.evaluation.evaluate import evaluate as attempt_all
from cairn.evaluation.progress import Progress
from cairn.runs.open import Run, open_run
from cairn.runs.past import moments

RESULT = "progress.json"
"""Where a run's newest progress lies, for `cairn view` and `cairn show`."""
RESAMPLES = 1000


class Students(NamedTuple):
    """Who learned, at C checkpoints of the run: every array has the axes C and seeds in front."""

    states: Any
    cycles: np.ndarray
    """(C, seeds)"""
    steps: np.ndarray
    """(C, seeds): what they had spent."""


def progress(
    run: Run | Path | str,
    *,
    epochs: int = 8,
    levels: int = 32,
    attempts: int = 16,
    seed: int = 0,
    advance: Advance = lambda suite, behind, total: None,
) -> dict[str, Any]:
    """How open-ended a run was, as plain values for JSON. Reading never changes it.

    The archive's life is cut into at most `epochs` epochs between checkpoints; of the levels that
    entered it in each, `levels` are drawn, and the student of every checkpoint makes `attempts` at
    each. `success[c][e]` is the mean of checkpoint c on the levels of epoch e, over seeds; of the
    other figures see `cairn.evaluation.progress`. Intervals are over seeds, of a single seed over
    levels. Raises RunError if the run keeps no archive of levels or too few checkpoints.
    """
    run = run if isinstance(run, Run) else open_run(run)
    found = measure(
        run, range(len(run.seeds)), epochs=epochs, levels=levels, attempts=attempts, seed=seed,
        advance=advance,
    )  # fmt: skip
    return {
        "run": str(run.directory.path),
        "environment": run.experiment.task,
        "method": run.experiment.method,
        "seeds": run.seeds,
        "levels": levels,
        "attempts": attempts,
        **summary(found),
    }


def measure(
    run: Run,
    seeds: Sequence[int],
    *,
    epochs: int = 8,
    levels: int = 32,
    attempts: int = 16,
    seed: int = 0,
    advance: Advance = lambda suite, behind, total: None,
) -> list[Progress]:
    """What happened, for each of some seeds (by their places in the run)."""
    for name, value, least in (
        ("epochs", epochs, 1),
        ("levels", levels, 1),
        ("attempts", attempts, 2),
    ):
        if value < least:
            raise ConfigError(f"{name} must be at least {least}, got {value}.")
    refused = lacks(run)
    if refused:
        raise RunError(refused)
    past = students(run, epochs)
    actor = run.actor()
    found = []
    for place in seeds:
        entered, epoch, sample = drawn(run, past.cycles[:, place], place, levels, seed)
        suite = plain_suite(f"levels of seed {run.seeds[place]}", run.experiment.env, sample)
        states = jax.tree.map(lambda leaf, place=place: leaf[:, place], past.states)
        played = attempt_all(
            actor.policy, states, [suite], seeds=len(past.cycles), attempts=attempts, seed=seed,
            advance=advance,
        )[suite.name]  # fmt: skip
        found.append(Progress(past.steps[:, place], entered, epoch, played.solved))
    return found


def lacks(run: Run) -> str:
    """Why there is no progress to be measured; "" if there is."""
    path, method = run.directory.path, run.experiment.method
    if run.program.lineage is None or not run.directory.lineage.exists():
        return (
            f"{path} keeps no archive of levels, so there are no epochs to compare: {method} has "
            f"none. Take a run of plr, accel or another method that keeps levels."
        )
    if run.program.measured is None:
        return f"{path} has nobody who acts in levels: {method} trains a language model."
    number = len(checkpoint.every(run.directory.checkpoints))
    if number < 3:
        return (
            f"{path} keeps {number} checkpoints, and progress needs three or more: train with "
            f"--keep-checkpoints all."
        )
    return ""


def students(run: Run, epochs: int) -> Students:
    """Those of the first checkpoint, the last, and of some between, as evenly as they lie."""
    program = run.program
    role = program.measured.role if program.measured else "student"
    states, cycles, steps = [], [], []
    for moment in moments(run, epochs + 1):
        states.append(program.actors(moment.state)[role].state)
        cycles.append(moment.cycle)
        steps.append(moment.steps)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *states)
    return Students(stacked, np.stack(cycles), np.array(steps, np.int64))


def drawn(
    run: Run, cycles: np.ndarray, place: int, levels: int, seed: int
) -> tuple[np.ndarray, np.ndarray, Level]:
    """How many levels entered in each epoch, and a sample of `levels` of each with its epoch.

    Raises RunError if none entered at all.
    """
    lineage = Lineage.open(run.directory.lineage)
    records = lineage.records()
    own = np.flatnonzero(records["seed"] == place)
    # Cycle n is over at a checkpoint of cycle n + 1.
    epochs = np.searchsorted(cycles, records["cycle"][own], side="right") - 1
    rng = np.random.default_rng([seed, run.seeds[place]])
    entered, chosen = [], []
    for epoch in range(len(cycles) - 1):
        there = own[epochs == epoch]
        entered.append(len(there))
        chosen.append(np.sort(rng.choice(there, min(levels, len(there)), replace=False)))
    rows = np.concatenate(chosen)
    if not len(rows):
        raise RunError(
            f"No level has entered the archive of {run.directory.path} yet: let the run go on."
        )
    archived = run.program.lineage
    assert archived is not None
    sample = lineage.levels(lineage.at(rows), archived.level)
    epoch = np.repeat(np.arange(len(chosen)), [len(part) for part in chosen])
    return np.array(entered), epoch, sample


FIGURES: dict[str, Callable[[Progress], np.ndarray]] = {
    "success": figures.matrix,
    "learned": figures.learned,
    "forgotten": figures.forgotten,
    "annecs": figures.annecs,
}


def summary(found: Sequence[Progress]) -> dict[str, Any]:
    """Means over seeds with 95 % intervals; null where an epoch has no levels."""
    told: dict[str, Any] = {
        "steps": np.mean([one.steps for one in found], axis=0).tolist(),
        "entered": np.mean([one.entered for one in found], axis=0).tolist(),
        "interval_over": "seeds" if len(found) > 1 else "levels",
    }
    for name, figure in FIGURES.items():
        values = np.stack([figure(one) for one in found])
        told[name] = _plain(values.mean(axis=0))
        if name != "success":
            told[f"{name}_interval"] = [_plain(end) for end in _interval(found, figure, values)]
    return told


def _interval(
    found: Sequence[Progress], figure: Callable[[Progress], np.ndarray], values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    if len(found) > 1:
        ends = [bootstrap(column[:, None], mean) for column in values.T]
        return np.array([one.low for one in ends]), np.array([one.high for one in ends])
    rng = np.random.default_rng(0)
    again = np.stack([figure(figures.resampled(found[0], rng)) for _ in range(RESAMPLES)])
    low, high = np.quantile(again, [0.025, 0.975], axis=0)
    low, high = (np.array(list(map(snapped, end, values[0]))) for end in (low, high))
    return low, high


def _plain(values: np.ndarray) -> list:
    return np.where(np.isfinite(values), values.astype(object), np.array(None)).tolist()
