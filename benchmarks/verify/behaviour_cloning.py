"""Is a clone as good as whom it saw? A teacher, its episodes, its clone.

    uv run python benchmarks/verify/behaviour_cloning.py [--tiny] [--seeds 3] [--results DIR]

For each seed a student of domain randomisation is trained on 9×9 mazes, plays episodes that are
kept, and is cloned; then teacher and clone are tested on the same 200 fresh mazes. One JSON file
per seed, and those that exist are skipped, so it may be stopped and started again. The claim: the
clone's solve rate lies within 0.05 of its teacher's, in every seed.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT, command, keep, source_hash, versions

import cairn
from cairn.core.stats import bootstrap

SOURCES = ("core", "engine", "envs", "evaluation", "learners", "nn", "offline", "runs", "ued")
WORLD: dict[str, Any] = {"width": 9, "height": 9, "walls": 15, "limit": 64, "hidden": 64}
TEACHER: dict[str, Any] = {"steps": 655_360, "evaluate_every": 0}
CLONE: dict[str, Any] = {"steps": 3_000, "batch": 64, "window": 16, "evaluate_every": 0}
EPISODES, ATTEMPTS = 4_000, 5
WITHIN = 0.05
"""How far a clone's solve rate may lie from its teacher's."""

SMALL: dict[str, Any] = {"width": 7, "height": 7, "walls": 5, "limit": 16, "hidden": 8}
SHORT: dict[str, Any] = {"steps": 128, "batch": 4, "steps_per_cycle": 16, "log_every": 2}
FEW: dict[str, Any] = {"steps": 8, "batch": 4, "window": 8, "log_every": 2}


def measure(seed: int, tiny: bool, folder: Path) -> dict[str, Any]:
    """What teacher and clone reach, and how long each part took."""
    world = SMALL if tiny else WORLD
    told: dict[str, Any] = {"seed": seed, "settings": {"world": world}}
    teacher = TEACHER | (SHORT | {"turns": 1, "epochs": 1, "minibatches": 1} if tiny else {})
    clone = CLONE | (FEW if tiny else {})
    episodes = 8 if tiny else EPISODES
    told["settings"] |= {"teacher": teacher, "clone": clone, "episodes": episodes}
    seconds: dict[str, float] = {}

    def timed(name: str, begun: float) -> float:
        now = time.monotonic()
        seconds[name] = round(now - begun, 1)
        return now

    begun = time.monotonic()
    runs = {name: folder / name for name in ("teacher", "clone")}
    cairn.train(cairn.experiment("maze", seed=seed, **world, **teacher), runs["teacher"])
    begun = timed("teacher", begun)
    data = cairn.collect(runs["teacher"], folder / "data", episodes=episodes, seed=seed)
    begun = timed("collect", begun)
    made = cairn.experiment("maze", method="bc", data=str(data.path), seed=seed, **world, **clone)
    outcome = cairn.train(made, runs["clone"])
    timed("clone", begun)
    told["solve_rate"] = {name: tested(run) for name, run in runs.items()}
    about = data.about
    told["data"] = {
        "steps": about["steps"],
        "mean_return": about["mean_return"],
        "solve_rate": about["solve_rate"],
        "megabytes": round(sum(f.stat().st_size for f in data.path.rglob("*")) / 1e6, 2),
    }
    told["rows"] = outcome.state.ledger.totals()["rows"][0]
    losses = [line["metrics"]["loss"][0] for line in outcome.directory.metrics()]
    return told | {
        "loss": [losses[0], losses[-1]],
        "seconds": seconds,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
        "command": command(),
    }


def tested(run: Path) -> float:
    """The solve rate on 200 fresh mazes, actions sampled."""
    report = cairn.evaluate(run, ["random"], attempts=ATTEMPTS)
    return float(report["suites"]["random"]["solve_rate"])


def described(results: list[dict[str, Any]]) -> str:
    """The table of the page."""
    rows = ["| | solve rate, mean over seeds (95 % interval) | by seed |", "| --- | --- | --- |"]
    for name in ("teacher", "clone"):
        rates = [result["solve_rate"][name] for result in results]
        found = bootstrap(np.asarray(rates)[:, None], lambda scores: float(scores.mean()))
        by_seed = ", ".join(f"{rate:.3f}" for rate in rates)
        over = f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
        rows.append(f"| {name} | {over} | {by_seed} |")
    return "\n".join(rows) + "\n"


def holds(results: list[dict[str, Any]]) -> bool:
    """Whether every clone is as good as its teacher."""
    rates = [result["solve_rate"] for result in results]
    return all(abs(rate["clone"] - rate["teacher"]) <= WITHIN for rate in rates)


def main() -> None:
    """Measure what is missing, then say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    default = ROOT / "benchmarks/results/behaviour_cloning"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    results = []
    for seed in range(given.seeds):
        path = given.results / f"seed-{seed}.json"
        if not path.exists():
            with tempfile.TemporaryDirectory() as folder:
                found = measure(seed, given.tiny, Path(folder))
            keep(path, found)
        results.append(json.loads(path.read_text()))
    print(described(results), end="")
    verdict = "holds" if holds(results) else "does NOT hold"
    print(f"clones within {WITHIN:g} of their teachers: {verdict}")


if __name__ == "__main__":
    main()
