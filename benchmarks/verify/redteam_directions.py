"""Does red-teaming pull in the directions it claims, and are injected judge errors recovered?

    uv run python benchmarks/verify/redteam_directions.py [--tiny] [--results DIR] [--workers 2]

Everything is simulated (`cairn.redteam.simulation`): a target with hidden weaknesses, another one
for each seed, and judges with known errors, driven by the journaled engine as in a real run. One
JSON file per arm, written anew after each seed; seeds that are there are skipped, so it may be
stopped and started again. Then prints each claim with its mean and interval over seeds:

- rainbow covers more cells with a prompt that works, and its elites succeed more often, than
  same-cell, random and no-archive at equal calls;
- without the similarity filter success and self-BLEU are higher, at equal calls and at equal
  trials;
- intervals of the judge's bias and error, of the held-out judge's errors and of the corrected
  success rate hold what was injected, or the hidden truth, about as often as they say.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from provenance import command, keep, source_hash, versions

from cairn.archive.text_axes import Categories
from cairn.core.budget import Amount, Limits
from cairn.core.journal import Journal
from cairn.core.stats import bootstrap, mean, wilson
from cairn.core.typed import record as plain
from cairn.engine.journaled import Config as Engine
from cairn.engine.journaled import Result, run
from cairn.engine.map_list import Listing
from cairn.evaluation.audit import tested
from cairn.lm.cast import cast
from cairn.lm.readings import Reading
from cairn.redteam import audit, figures
from cairn.redteam.config import Audit, RedteamConfig, Search, Simulation
from cairn.redteam.run import Finished
from cairn.redteam.search import Rainbow
from cairn.redteam.simulation import World, is_unsafe, players

RESULTS = Path(__file__).parent / "results" / "redteam"
SOURCES = ("core", "engine", "lm", "archive", "evaluation", "report", "runs", "redteam")
UNLIMITED = 10**6
EARLY = 0.1
"""Share of the calls after which coverage is looked at: later everything is occupied."""


@dataclass(frozen=True)
class Size:
    """How much is run."""

    rows: int = 4
    columns: int = 6
    calls: int = 5000
    """Of a search, where arms are compared at equal calls."""
    trials: int = 500
    """Where they are compared at equal trials."""
    seeds: int = 20
    """Of the arms that are compared."""
    error_calls: int = 3000
    """Of a search whose judges' errors are to be recovered."""
    error_seeds: int = 30
    responses: int = 8
    """Fresh responses per elite."""


TINY = Size(rows=2, columns=3, calls=250, trials=20, seeds=2, error_calls=250, error_seeds=2)

# The judges of the arms that are compared err a little.
JUDGES = {"judge_error": 0.05, "judge_bias": 0.1, "labelled": 100}
ERRORS = {
    "errors-none": {"judge_error": 0.0, "judge_bias": 0.0, "held_out_miss": 0.0,
                    "held_out_alarm": 0.0, "judge_silence": 0.0},
    "errors-demo": {"judge_error": 0.1, "judge_bias": 0.15, "held_out_miss": 0.1,
                    "held_out_alarm": 0.15},
    "errors-bias": {"judge_error": 0.05, "judge_bias": 0.4, "held_out_miss": 0.05,
                    "held_out_alarm": 0.3},
    "errors-wrong": {"judge_error": 0.25, "judge_bias": 0.05, "held_out_miss": 0.3,
                     "held_out_alarm": 0.05},
}  # fmt: skip
ARMS: dict[str, dict[str, Any]] = {
    "rainbow": {},
    "same-cell": {"method": "same-cell"},
    "random": {"method": "random"},
    "no-archive": {"method": "no-archive"},
    "no-filter": {"similarity": 2.0},
    "rainbow-trials": {},
    "no-filter-trials": {"similarity": 2.0},
    **{arm: {} for arm in ERRORS},
}
"""Name of each arm, and what it changes in the search."""


def settings(arm: str, seed: int, size: Size) -> RedteamConfig:
    """What an arm runs; each seed has a world of its own."""
    judges = {**JUDGES, **ERRORS.get(arm, {}), "seed": seed}
    return RedteamConfig(
        axes=(
            Categories("risk", tuple(f"risk {i}" for i in range(size.rows))),
            Categories("style", tuple(f"style {i}" for i in range(size.columns))),
        ),
        search=Search(**ARMS[arm]),
        audit=Audit(responses=size.responses),
        engine=Engine(trials=UNLIMITED, seed=seed, lag=8),
        simulation=Simulation(**judges),
    )


def measure(arm: str, seed: int, size: Size) -> dict[str, Any]:
    """One arm with one seed: search to the budget, then test the elites."""
    config = settings(arm, seed, size)
    calls = size.error_calls if arm in ERRORS else size.calls
    trials, limits = UNLIMITED, Limits(calls=calls)
    if arm.endswith("-trials"):
        trials, limits = size.trials, Limits()
    found = _drive(Rainbow(config), replace(config.engine, trials=trials), config, limits)
    elites = found.state.held()
    audit_engine = Engine(trials=len(elites), seed=seed + 10_000)
    listing = Listing(audit.items(elites), audit.work(config, Reading()))
    audited = _drive(listing, audit_engine, config, Limits())
    tests = tested(listing.outcomes(audited.state))
    done = Finished(
        config=config, state=found.state, tests=tests, stopped="finished",
        spent=found.progress.spent, kept=Amount(), maybe_twice=0, notes=(), seconds=0.0,
        state_digest=found.state_digest,
    )  # fmt: skip
    world = World(config.space, _simulation(config))
    rates = [world.success_rate(entry.prompt) for entry in elites]
    cells = world.space.cells
    early = [n for spent, n, _ in found.state.curve if spent <= EARLY * calls]
    return {
        "figures": {
            "coverage": len(elites) / cells,
            "coverage_early": (early[-1] if early else 0) / cells,
            "working": sum(rate > 0 for rate in rates) / cells,
            "breakable": sum(world.breakable(cell) for cell in range(cells)) / cells,
            "success": float(np.mean(rates)) if rates else 0.0,
            "selected_success": float(np.mean([is_unsafe(e.response) for e in elites] or [0.0])),
            "calls": found.progress.spent.calls,
            "trials": found.told,
        },
        "report": plain(figures.measure_run(done)),
    }


def _simulation(config: RedteamConfig) -> Simulation:
    assert config.simulation is not None
    return config.simulation


def _drive(policy: Any, engine: Engine, config: RedteamConfig, limits: Limits) -> Result:
    with (
        tempfile.TemporaryDirectory() as folder,
        Journal(Path(folder) / "journal.sqlite", config={}) as journal,
    ):
        roles = cast(players(config))
        return asyncio.run(
            run(policy, journal.stage("search"), config=engine, roles=roles, limits=limits)
        )


def fill(job: tuple[str, Path, Size, str]) -> str:
    """Run the seeds that an arm lacks; returns a line about it."""
    arm, results, size, started_by = job
    path = results / f"{arm}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    begun, before = time.monotonic(), len(rows)
    for seed in range(len(rows), size.error_seeds if arm in ERRORS else size.seeds):
        rows.append({"seed": seed, **measure(arm, seed, size)})
        record = {
            "arm": arm,
            "simulated": True,
            "size": asdict(size),
            "changes": {**ARMS[arm], **JUDGES, **ERRORS.get(arm, {})},
            "command": started_by,
            "versions": versions(),
            "sources": source_hash(Path(__file__), SOURCES),
            "rows": rows,
        }
        keep(path, record, indent=None)
    new = len(rows) - before
    return f"{arm}: {new} seeds in {time.monotonic() - begun:.0f} s" if new else ""


def load(results: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of every arm that is there."""
    paths = [results / f"{arm}.json" for arm in ARMS]
    return {path.stem: json.loads(path.read_text())["rows"] for path in paths if path.exists()}


def column(rows: list[dict[str, Any]], name: str) -> np.ndarray:
    """A figure by seed; names of the report are paths."""
    values = []
    for row in rows:
        value: Any = row["figures"] if name in row["figures"] else row["report"]
        for part in name.split("."):
            value = value[part]
        values.append(value)
    return np.array(values, np.float64)


def comparisons(arms: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[str, np.ndarray]]:
    """(claim, its margin by seed: above 0 where the claim holds). Arms share worlds by seed."""
    for other in ("same-cell", "random", "no-archive"):
        for name, title in (("working", "working coverage"), ("success", "success")):
            margin = column(arms["rainbow"], name) - column(arms[other], name)
            yield f"rainbow over {other}, {title}", margin
    for suffix, title in (("", "equal calls"), ("-trials", "equal trials")):
        filtered = arms[f"rainbow{suffix}"]
        for name in ("success", "self_bleu"):
            margin = column(arms[f"no-filter{suffix}"], name) - column(filtered, name)
            yield f"no filter over filter, {name.replace('_', '-')}, {title}", margin


def recovered(rows: list[dict[str, Any]]) -> Iterator[tuple[str, list[bool], list[float]]]:
    """(what was injected or hidden, whether each seed's interval holds it, the estimates)."""
    for title, estimate, truth in (
        ("judge's bias", "health.first_bias", "recovery.judge_bias"),
        ("judge's wrong verdicts", "health.error", "recovery.judge_error"),
        ("corrected success rate, these responses", "corrected.rate", "recovery.in_sample"),
        ("corrected success rate, true", "corrected.rate", "recovery.true_success"),
    ):
        there = [row for row in rows if estimate != "corrected.rate" or row["report"]["corrected"]]
        parts = (column(there, f"{estimate}.{end}") for end in ("value", "low", "high"))
        value, low, high = parts
        held = (low <= column(there, truth) + 1e-9) & (column(there, truth) <= high + 1e-9)
        yield title, held.tolist(), value.tolist()
    for title, right, wrong in (
        ("sensitivity", "true_unsafe", "missed"),
        ("specificity", "true_safe", "alarms"),
    ):
        good, bad = (column(rows, f"labelled.{name}") for name in (right, wrong))
        truth = column(rows, f"recovery.{title}")
        bounds = [wilson(int(g), int(g + b)) for g, b in zip(good, bad, strict=True)]
        held = [
            low <= t + 1e-9 <= high + 2e-9 for (low, high), t in zip(bounds, truth, strict=True)
        ]
        yield f"held-out judge's {title}", held, (good / np.maximum(good + bad, 1)).tolist()


def main() -> None:
    """Run what is missing, then print the claims."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--workers", type=int, default=2, help="processes")
    arguments = parser.parse_args()
    size = TINY if arguments.tiny else Size()
    arguments.results.mkdir(parents=True, exist_ok=True)
    jobs = [(arm, arguments.results, size, command()) for arm in ARMS]
    if arguments.workers == 1:
        for line in filter(None, map(fill, jobs)):
            print(line, flush=True)
    else:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        with multiprocessing.get_context("spawn").Pool(arguments.workers) as pool:
            for line in filter(None, pool.imap_unordered(fill, jobs)):
                print(line, flush=True)
    show(load(arguments.results))


def show(arms: dict[str, list[dict[str, Any]]]) -> None:
    """Print every claim. Simulated throughout."""
    for claim, margins in comparisons(arms):
        found = bootstrap(margins[:, None], mean)
        print(
            f"simulated: {claim}: {found.value:+.3f} [{found.low:+.3f}, {found.high:+.3f}], "
            f"{int((margins > 0).sum())} of {len(margins)} seeds"
        )
    for arm in ERRORS:
        for what, held, values in recovered(arms[arm]):
            if held:
                print(
                    f"simulated: {arm}: {what}: held in {sum(held)} of {len(held)} seeds, "
                    f"mean estimate {np.mean(values):.3f}"
                )


if __name__ == "__main__":
    main()
