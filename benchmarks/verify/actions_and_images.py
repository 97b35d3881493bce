"""Continuous actions and large images: does PPO learn a pendulum, and a toy of 64×64×3 images?

    uv run python benchmarks/verify/actions_and_images.py [--tiny] [--seeds 3] [--results DIR]

Each task and seed is trained beside the random policy; one JSON file each, and those that exist
are skipped, so it may be stopped and started again. The figure is the mean over the episodes of
the last tenth of training, with sampled actions, on levels and starts drawn anew. The claims:

- pendulum: Gymnasium's Pendulum-v1 (one level, spread 1) is solved: a mean return above -250 in
  Gymnasium's units, where the random policy has about -1,200 and a perfect one about -150;
- squares: the quadrant of the red square is named right in 95 % of fresh images, where chance is
  25 %.
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT, command, keep, source_hash, versions

import cairn
from cairn.envs.pendulum import REWARD_SCALE

SOURCES = ("core", "engine", "envs", "learners", "nn")
SHARED = {"method": "dr", "memory": "none", "learning_rate": 1e-3, "log_every": 5, "devices": 1}
TASKS: dict[str, dict[str, Any]] = {
    "pendulum": SHARED
    | {"spread": 1.0, "hidden": 64, "head": 64, "gamma": 0.95, "gae_lambda": 0.95}
    | {"epochs": 10, "minibatches": 4, "batch": 16, "steps_per_cycle": 200, "entropy_weight": 0.0}
    | {"steps": 200_000},
    "squares": SHARED
    | {"hidden": 64, "head": 32, "epochs": 4, "minibatches": 4, "entropy_weight": 0.01}
    | {"batch": 64, "steps_per_cycle": 8, "turns": 8, "steps": 20_000},
}
TINY: dict[str, dict[str, Any]] = {
    "pendulum": {"limit": 8, "batch": 2, "steps_per_cycle": 8, "steps": 160},
    "squares": {"size": 48, "batch": 2, "steps_per_cycle": 2, "turns": 2, "steps": 40},
}
SMALL = {"hidden": 4, "head": 4, "filters": 2, "epochs": 1, "minibatches": 1}
ADDRESS = {"pendulum": "pendulum", "squares": "squares:Squares"}
FIGURE = {"pendulum": ("return", 1 / REWARD_SCALE), "squares": ("solve_rate", 1.0)}
BOUND = {"pendulum": -250.0, "squares": 0.95}


def train(task: str, seed: int, settings: dict[str, Any]) -> dict[str, Any]:
    """One run: its curve (steps and mean figure of each chunk), and how long it took."""
    experiment = cairn.experiment(ADDRESS[task], seed=seed, **settings)
    begun = time.monotonic()
    compiled = experiment.compiled()
    state = compiled.init()
    curve, seconds = [], []
    name, unit = FIGURE[task]
    while not curve or curve[-1][0] < settings["steps"]:
        state, report = compiled.advance(state)
        figure = unit * float(np.nanmean(np.asarray(report.metrics[name])))
        curve.append((int(state.ledger.totals()["training"][0]), round(figure, 4)))
        seconds.append(round(time.monotonic() - begun, 2))
    last = [value for _, value in curve[-max(1, len(curve) // 10) :]]
    return {
        "figure": float(np.mean(last)),
        "curve": curve,
        "first_chunk_s": seconds[0],
        "seconds": seconds[-1],
    }


def measure(task: str, seed: int, tiny: bool) -> dict[str, Any]:
    """PPO and, for a tenth as long, the random policy."""
    settings = TASKS[task] | ((TINY[task] | SMALL) if tiny else {})
    chance = {"method": "random", "steps": settings["steps"] // 10}
    return {
        "task": task,
        "seed": seed,
        "measure": FIGURE[task][0],
        "settings": settings,
        "ppo": train(task, seed, settings),
        "random": train(task, seed, settings | chance),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
        "command": command(),
    }


def main() -> None:
    """Measure what is missing, then hold it against the claims."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    default = ROOT / "benchmarks/results/actions_and_images"
    parser.add_argument("--results", type=Path, default=default)
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    for task in TASKS:
        results = []
        for seed in range(given.seeds):
            path = given.results / f"{task}-seed{seed}.json"
            if not path.exists():
                keep(path, measure(task, seed, given.tiny))
            results.append(json.loads(path.read_text()))
        ours, chance = ([r[who]["figure"] for r in results] for who in ("ppo", "random"))
        holds = "holds" if min(ours) > BOUND[task] else "does NOT hold"
        print(
            f"{task}: {', '.join(f'{value:.3f}' for value in ours)}; random "
            f"{np.mean(chance):.3f}; each above {BOUND[task]:g} {holds}",
            flush=True,
        )


if __name__ == "__main__":
    main()
