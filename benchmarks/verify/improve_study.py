"""What studies of methods that improve themselves share: starts, arms, a JSON file for each.

An arm is a method with its settings, on a task, from a start: a run that several arms go on from,
all seeds in one program, so that seed k of one arm is paired with seed k of another. What is there
is not measured again, and a run that was stopped goes on: a study may be stopped at any moment.
"""

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import numpy as np
from provenance import ROOT, command, keep, source_hash, versions

import cairn
from cairn.core.stats import bootstrap
from cairn.improve import parts, testing
from cairn.improve.method import bind
from cairn.runs.experiment import Experiment
from cairn.runs.open import open_run

SOURCES = ("archive", "core", "engine", "envs/tokens", "improve", "nn", "runs")
MODEL: dict[str, Any] = {
    "width": 64, "layers": 2, "heads": 4, "kv_heads": 4, "head_width": 16, "inner": 192,
}  # fmt: skip
TINY: dict[str, Any] = {
    "width": 8, "layers": 1, "heads": 2, "kv_heads": 2, "head_width": 4, "inner": 8,
    "prompts": 4, "group": 2, "steps": 100, "tests": 4, "log_every": 2, "sft_batch": 8,
}  # fmt: skip
SMALL: dict[str, Any] = {
    "rows": 16, "fit_steps": 2, "fit_batch": 4, "capacity": 16, "reward_model_steps": 2,
    "revisions": 2, "room": 2, "nodes": 4, "edges": 4, "digits": 1,
}  # fmt: skip
"""Of a tiny study, where an arm has such a setting."""
TOLD = (
    "correct", "quality", "length", "length_wrong", "idle_groups", "skipped", "batches", "depth",
    "bad_correct", "kept", "covered", "entropy",
)  # fmt: skip
"""Metrics that are kept line by line, of those there are."""

_FINISHED: set[Path] = set()
"""Runs that this process has seen at their end."""

Figures = dict[str, Any]


class Arm(NamedTuple):
    """A method on a task."""

    task: str
    method: str
    settings: Mapping[str, Any]
    start: str | None = None
    """Name of the start it goes on from."""
    also: Callable[[Path], Figures] | None = None
    """What is measured of the finished run besides."""


class Study(NamedTuple):
    """Some arms."""

    name: str
    starts: Mapping[str, Arm]
    arms: Mapping[str, Arm]
    described: Callable[[dict[str, Figures]], list[str]]
    """Lines that say what was found, from the results there are by arm."""


def made(arm: Arm, seeds: int, tiny: bool) -> tuple[Experiment, dict[str, Any]]:
    """The experiment of an arm, and its settings."""
    once = {"seeds": seeds, "evaluate_every": 0, "behaviour_answers": 0}
    chosen = MODEL | dict(arm.settings) | once
    if tiny:
        chosen |= TINY | {name: value for name, value in SMALL.items() if name in chosen}
    return cairn.experiment(arm.task, method=arm.method, **chosen), chosen


def run(study: Study, arm: Arm, name: str, folder: Path, seeds: int, tiny: bool) -> Path:
    """Train an arm or a start, or go on with it where it stood; its directory."""
    begun = None
    if arm.start is not None:
        begun = run(study, study.starts[arm.start], f"start-{arm.start}", folder, seeds, tiny)
    path = folder / name
    if path not in _FINISHED:
        if path.exists():
            outcome = cairn.resume(path)
        else:
            outcome = cairn.train(made(arm, seeds, tiny)[0], path, init_from=begun)
        if not outcome.done:
            raise SystemExit(f"{path} was stopped: the same command goes on with it.")
        _FINISHED.add(path)
    return path


def lines(path: Path) -> list[Figures]:
    """A run's metrics."""
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def measure(study: Study, name: str, folder: Path, seeds: int, tiny: bool) -> Figures:
    """What an arm reaches."""
    arm = study.arms[name]
    if arm.start is not None:
        start = study.starts[arm.start]
        begun = lines(run(study, start, f"start-{arm.start}", folder, seeds, tiny))[-1]
    else:
        begun = {}
    clock = time.process_time()
    path = run(study, arm, name, folder, seeds, tiny)
    spent = time.process_time() - clock
    told = lines(path)
    return {
        "arm": name,
        "task": arm.task,
        "method": arm.method,
        "settings": made(arm, seeds, tiny)[1],
        "seeds": seeds,
        "start": begun.get("evaluation", {}),
        "end": told[-1]["evaluation"],
        "tests": [
            {"ledger": line["ledger"], "evaluation": line["evaluation"]}
            for line in told[:-1]
            if "evaluation" in line
        ],
        "curve": {
            what: [line["metrics"].get(what) for line in told]
            for what in TOLD
            if what in told[-1]["metrics"]
        },
        "ledger": told[-1]["ledger"],
        "cycles": told[-1]["cycle"],
        **(arm.also(path) if arm.also else {}),
        "processor_seconds": round(spent, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "versions": versions(),
        "sources": source_hash(Path(__file__), SOURCES),
        "command": command(),
    }


class Sampled(NamedTuple):
    """Answers to held-out problems: by seed, problem, answer."""

    correct: np.ndarray
    canonical: np.ndarray
    length: np.ndarray


def sampled(path: Path, *, problems: int = 128, answers: int = 16) -> Sampled:
    """What the model of a finished run answers at temperature 1 to problems of the test split."""
    opened = open_run(path)
    problem, config = bind(opened.experiment.setup(None))
    config = testing.verified(config)

    def one(state: Any) -> Sampled:
        keys = jax.random.split(jax.random.key(1), problems)
        asked = jax.vmap(lambda key: problem.task.problem(key, "test"))(keys)
        prompt = parts.shown(problem, config, asked)
        played = parts.answer(
            problem, config, state.student.model, asked, prompt, jax.random.key(2),
            group=answers, temperature=1.0,
        )  # fmt: skip
        return Sampled(played.correct, played.canonical, played.rollouts.length)

    return jax.device_get(jax.jit(lambda states: jax.lax.map(one, states))(opened.state))


def gain(arm: Any, other: Any) -> tuple[float, float, float]:
    """Mean over paired seeds of the difference, and its 95 % interval."""
    differences = np.asarray(arm, np.float64) - np.asarray(other, np.float64)
    found = bootstrap(differences[:, None], lambda scores: float(scores.mean()))
    return found.value, found.low, found.high


def words(found: tuple[float, float, float], form: str = "+.3f") -> str:
    """A difference with its interval."""
    value, low, high = found
    return f"{value:{form}} ({low:{form}} to {high:{form}})"


def main(study: Study, about: str) -> None:
    """Measure what is missing, then say what was found."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", default=",".join(study.arms))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results" / study.name)
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    runs = given.results / "runs" if given.tiny else ROOT / "runs" / study.name
    results = {}
    for name in given.arms.split(","):
        path = given.results / f"{name}.json"
        if not path.exists():
            keep(path, measure(study, name, runs, given.seeds, given.tiny))
        results[name] = json.loads(path.read_text())
        print(f"{name}: {results[name]['processor_seconds']} s", flush=True)
    print("\n".join(study.described(results)))


SETTLED: Mapping[str, Any] = MappingProxyType({"prompts": 32, "group": 8, "learning_rate": 5e-4})
"""What arms that sample have in common."""
