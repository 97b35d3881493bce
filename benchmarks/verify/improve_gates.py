"""Does every method that learns from its own answers get above its start, and above chance?

    uv run python benchmarks/verify/improve_gates.py [--tiny] [--tasks a,b] [--arms a,b]
                                                     [--seeds 5] [--results DIR]

For each task one run of `sft` makes a start for each seed, which every arm goes on from with an
equal budget of sampled tokens, all seeds in one program. One JSON file per task and arm, and those
that exist are skipped, so it may be stopped and started again; the starts are kept beside them.
Controls: `random` (GRPO paid by a coin), `more-sft` (demonstrations, as many tokens *learned*) and
`rft`. The gate of an arm: over the seeds the lower bound of the 95 % interval of (arm - start) and
of (arm - random) on held-out problems of the same kind is above 0.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from provenance import ROOT, command, keep, source_hash, versions

import cairn
from cairn.core.stats import bootstrap

SOURCES = ("core", "engine", "envs/tokens", "improve", "nn", "runs")
TASKS: dict[str, dict[str, Any]] = {
    "addition": {"digits": 3},
    "countdown": {},
}
"""One with a single answer to each problem, one with many."""
MODEL: dict[str, Any] = {
    "width": 64, "layers": 2, "heads": 4, "kv_heads": 4, "head_width": 16, "inner": 192,
}  # fmt: skip
START: dict[str, Any] = {"steps": 220_000, "sft_learning_rate": 2e-3, "log_every": 50}
"""Tokens of demonstrations: so many that the start answers a part of the problems."""
COMMON: dict[str, Any] = {
    "prompts": 32, "group": 8, "steps": 200_000, "log_every": 20, "learning_rate": 5e-4,
    "tests": 512,
}  # fmt: skip
ROUNDS: dict[str, Any] = {"fit_steps": 300, "learning_rate": 1e-3}


class Arm(NamedTuple):
    """A method with its settings, where they are not those of all."""

    method: str
    settings: Mapping[str, Any] = MappingProxyType({})


ARMS = {
    "random": Arm("grpo", {"reward": "random"}),
    "more-sft": Arm("sft"),
    "rft": Arm("rft", ROUNDS),
    "raft": Arm("raft"),
    "expert-iteration": Arm("expert-iteration", ROUNDS | {"round_cycles": 50}),
    "reinforce": Arm("reinforce"),
    "rloo": Arm("rloo"),
    "grpo": Arm("grpo"),
    "dr-grpo": Arm("dr-grpo"),
    "dapo": Arm("dapo"),
    "ppo": Arm("ppo"),
    "conditioned": Arm("conditioned"),
    "dpo": Arm("dpo"),
    "ipo": Arm("ipo"),
    "orpo": Arm("orpo"),
    "copg": Arm("copg", {"beta": 0.05}),
    "exit": Arm("exit"),
}
TINY: dict[str, Any] = {
    "width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 4, "inner": 8,
    "prompts": 4, "group": 2, "steps": 300, "tests": 4, "log_every": 2, "sft_batch": 8,
}  # fmt: skip


def chosen(task: str, arm: Arm, seeds: int, tiny: bool) -> dict[str, Any]:
    """The settings of a run."""
    common = START if arm.method == "sft" else COMMON
    once = {"seeds": seeds, "evaluate_every": 0, "behaviour_answers": 0}
    all_ = TASKS[task] | MODEL | common | dict(arm.settings) | once
    if tiny:
        rounds = {"rows": 16, "fit_steps": 2, "fit_batch": 4}
        all_ |= TINY | {name: value for name, value in rounds.items() if name in all_}
    return all_


def figures(line: dict[str, Any]) -> dict[str, Any]:
    """By test what is told of it, lists over seeds."""
    return line["evaluation"]


def start(task: str, folder: Path, seeds: int, tiny: bool) -> Path:
    """The run that all arms of a task begin with, made once."""
    run = folder / f"{task}-start"
    made = cairn.experiment(task, method="sft", **chosen(task, Arm("sft"), seeds, tiny))
    _ = cairn.resume(run) if run.exists() else cairn.train(made, run)
    return run


def measure(task: str, name: str, folder: Path, seeds: int, tiny: bool) -> dict[str, Any]:
    """What an arm reaches from the task's start."""
    begun = start(task, folder, seeds, tiny)
    before = last(begun)
    arm = ARMS[name]
    settings = chosen(task, arm, seeds, tiny)
    made = cairn.experiment(task, method=arm.method, **settings)
    clock = time.monotonic()
    run = folder / f"{task}-{name}"
    # Stopped in the middle, it goes on where it stood.
    outcome = cairn.resume(run) if run.exists() else cairn.train(made, run, init_from=begun)
    lines = outcome.directory.metrics()
    return {
        "task": task,
        "arm": name,
        "settings": settings,
        "start": figures(before),
        "end": figures(lines[-1]),
        "curve": {
            what: [line["metrics"].get(what) for line in lines] for what in ("correct", "length")
        },
        "ledger": lines[-1]["ledger"],
        "seconds": round(time.monotonic() - clock, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
        "command": command(),
    }


def last(run: Path) -> dict[str, Any]:
    """The last line of a run's metrics."""
    return json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])


def gain(arm: list[float], other: list[float]) -> tuple[float, float, float]:
    """Mean over paired seeds of the difference, and its 95 % interval."""
    differences = np.asarray(arm) - np.asarray(other)
    found = bootstrap(differences[:, None], lambda scores: float(scores.mean()))
    return found.value, found.low, found.high


def described(results: dict[str, dict[str, Any]]) -> list[str]:
    """A line for each arm of a task: held-out and harder problems, and whether the gate holds."""
    chance = results.get("random")
    rows = []
    for name, result in results.items():
        rates = {test: result["end"][test]["solve_rate"] for test in ("test", "shifted")}
        over, low, high = gain(rates["test"], result["start"]["test"]["solve_rate"])
        words = f"{np.mean(rates['test']):.3f} | {np.mean(rates['shifted']):.3f}"
        words += f" | {over:+.3f} ({low:+.3f} to {high:+.3f})"
        passed = low > 0
        if chance is not None and name != "random":
            passed &= gain(rates["test"], chance["end"]["test"]["solve_rate"])[1] > 0
        rows.append(f"| {name} | {words} | {'yes' if passed else 'no'} |")
    return rows


def main() -> None:
    """Measure what is missing, then say what was found."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tiny", action="store_true", help="seconds instead of hours")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--arms", default=",".join(ARMS))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results/improve_gates")
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    runs = given.results / "runs" if given.tiny else ROOT / "runs" / "improve_gates"
    for task in given.tasks.split(","):
        results = {}
        for name in given.arms.split(","):
            path = given.results / f"{task}-{name}.json"
            if not path.exists():
                keep(path, measure(task, name, runs, given.seeds, given.tiny))
            results[name] = json.loads(path.read_text())
        print(f"{task}: | arm | test | shifted | over the start (95 %) | gate |")
        print("\n".join(described(results)))


if __name__ == "__main__":
    main()
