"""Is Labyrinth solved by who starts near its goal, where the plain run is not?

    uv run python benchmarks/verify/backplay_labyrinth.py [--tiny] [--seeds 5] [--arms a,b]

The goal is 113 actions from the start and nothing is paid before. Backplay on a schedule, its
success-gated form, and the plain run (domain randomisation on this one level) have the same student
and the same budget, demonstrations included, and are tested from the true start. One JSON file per
arm and seed, and those that exist are skipped, so it may be stopped and started again. The claims:
both forms solve it in more than 0.9 of the attempts, the plain run in less than 0.1.
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
from provenance import ROOT, command, into_page, keep, source_hash, versions

import cairn
from cairn.core.stats import bootstrap

SOURCES = ("core", "engine", "envs", "evaluation", "learners", "nn", "runs", "ued")
SETTINGS: dict[str, Any] = {
    "level": "Labyrinth", "limit": 250, "memory": "none", "hidden": 64, "head": 32, "filters": 16,
    "learning_rate": 1e-3, "epochs": 4, "minibatches": 4, "entropy_weight": 0.03, "batch": 32,
    "steps_per_cycle": 256, "turns": 4, "steps": 1_228_800, "log_every": 10, "evaluate_every": 0,
}  # fmt: skip
ONE = {"pool": 1, "refresh": 0}
"""One level has one shortest way, and it need not be shown again."""
ARMS: dict[str, tuple[str, dict[str, Any]]] = {
    "plain": ("dr", {}),
    "schedule": ("backplay", ONE),
    "plain with entropy 0.01": ("dr", {"entropy_weight": 0.01}),
    "success at 0.2 with entropy 0.01": (
        "backplay",
        ONE | {"advance": "success", "entropy_weight": 0.01},
    ),
    "success at 0.5": ("backplay", ONE | {"advance": "success", "threshold": 0.5}),
    "success at 0.2": ("backplay", ONE | {"advance": "success"}),
}
"""The success-gated form as published (0.2) and gated more strictly, and with less entropy: where
nothing succeeds any more, the bonus undoes what was learned."""
TINY: dict[str, Any] = {
    "level": "<....G", "width": 6, "height": 3, "view": 3, "walls": 0, "limit": 16, "hidden": 8,
    "head": 4, "filters": 2, "epochs": 1, "minibatches": 1, "batch": 4, "steps_per_cycle": 16,
    "steps": 256, "log_every": 2,
}  # fmt: skip
ATTEMPTS = 100


def measure(arm: str, seed: int, tiny: bool, folder: Path) -> dict[str, Any]:
    """What a student of this arm reaches from the true start, and how it came there."""
    method, own = ARMS[arm]
    settings = SETTINGS | own | (TINY if tiny else {})
    begun = time.monotonic()
    made = cairn.experiment("maze", method=method, seed=seed, **settings)
    outcome = cairn.train(made, folder / "run")
    seconds = time.monotonic() - begun
    suite = cairn.evaluate(folder / "run", ["level"], attempts=ATTEMPTS)["suites"]["level"]
    lines = [line["metrics"] for line in outcome.directory.metrics()]
    return {
        "arm": arm,
        "seed": seed,
        "solve_rate": float(suite["solve_rate"]),
        "window": [line["window"][0] for line in lines if "window" in line],
        "start_success": [line["start_success"][0] for line in lines if "window" in line],
        "ledger": {name: count[0] for name, count in outcome.state.ledger.totals().items()},
        "seconds": round(seconds, 1),
        "settings": settings,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
        "command": command(),
    }


def described(results: list[dict[str, Any]]) -> str:
    """The table of the page."""
    rows = ["| arm | solved from the true start | 95 % interval | by seed |", "|---|---|---|---|"]
    for arm in ARMS:
        rates = [result["solve_rate"] for result in results if result["arm"] == arm]
        if rates:
            found = bootstrap(np.asarray(rates)[:, None], lambda scores: float(scores.mean()))
            by_seed = " ".join(f"{rate:.2f}" for rate in rates)
            interval = f"{found.low:.3f} to {found.high:.3f}" if len(rates) > 1 else "one seed"
            rows.append(f"| {arm} | {found.value:.3f} | {interval} | {by_seed} |")
    return "\n".join(rows) + "\n"


def holds(results: list[dict[str, Any]]) -> dict[str, bool]:
    """Whether each arm's mean is where the claim has it."""
    found = {}
    for arm in ARMS:
        rates = [result["solve_rate"] for result in results if result["arm"] == arm]
        if rates:
            found[arm] = np.mean(rates) < 0.1 if arm.startswith("plain") else np.mean(rates) > 0.9
    return found


def main() -> None:
    """Measure what is missing, then say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--arms", default=",".join(ARMS), help="comma-separated")
    parser.add_argument("--describe", action="store_true", help="measure nothing")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    default = ROOT / "benchmarks/results/backplay_labyrinth"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    unknown = sorted(set(given.arms.split(",")) - set(ARMS))
    if unknown:
        parser.error(f"unknown arm {unknown[0]!r}: expected some of {', '.join(ARMS)}")
    given.results.mkdir(parents=True, exist_ok=True)
    results = []
    for seed in range(given.seeds):
        for arm in given.arms.split(","):
            path = given.results / f"{arm.replace(' ', '-')}-seed{seed}.json"
            if not path.exists() and not given.describe:
                with tempfile.TemporaryDirectory() as folder:
                    found = measure(arm, seed, given.tiny, Path(folder))
                keep(path, found)
            if path.exists():
                results.append(json.loads(path.read_text()))
    print(described(results), end="")
    if given.results == default:
        into_page("backplay.md", "labyrinth", described(results))
    for arm, fine in holds(results).items():
        print(f"{arm}: the claim {'holds' if fine else 'does NOT hold'}")


if __name__ == "__main__":
    main()
