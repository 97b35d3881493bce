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

from language_studies import TINY, figures, load, model, problems
from provenance import ROOT, alike, command, into_page, keep, source_hash, versions

import cairn
from cairn.runs.experiment import Experiment

SOURCES = ("archive", "core", "engine", "envs/tokens", "improve", "nn", "runs")
MODEL = model(64)
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
    usual = MODEL | {"seeds": seeds, "evaluate_every": 0, "behaviour_answers": 0}
    chosen = usual | dict(arm.settings)
    if tiny:
        chosen |= (
            TINY | {"steps": 100} | {name: value for name, value in SMALL.items() if name in chosen}
        )
    return cairn.experiment(arm.task, method=arm.method, **chosen), chosen


def run(study: Study, arm: Arm, name: str, folder: Path, seeds: int, tiny: bool) -> Path:
    """Train an arm or a start, or go on with it where it stood; its directory."""
    begun = None
    if arm.start is not None:
        begun = run(study, study.starts[arm.start], f"start-{arm.start}", folder, seeds, tiny)
    path = folder / name
    if path not in _FINISHED:
        experiment = made(arm, seeds, tiny)[0]
        if path.exists():
            alike(path, experiment.to_dict())
            outcome = cairn.resume(path)
        else:
            outcome = cairn.train(experiment, path, init_from=begun)
        if not outcome.done:
            raise SystemExit(f"{path} was stopped: the same command goes on with it.")
        _FINISHED.add(path)
    return path


def script(study: Study) -> Path:
    """The script that has this study."""
    return Path(__file__).with_name(f"{study.name}.py")


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
        "sources": source_hash(script(study), SOURCES, Path(__file__)),
        "command": command(),
    }


def answers(path: Path, *, number: int = 16) -> Figures:
    """What the model of a finished run answers to held-out problems, `number` times to each."""
    found = load(path)
    asked = problems(found.problem.task, 128)
    state = found.state
    return {
        "answers": figures(
            found.problem, found.config, state.student.model, state.start, asked, number=number
        )
    }


def main(study: Study, about: str) -> None:
    """Measure what is missing, then say what was found."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--tiny", action="store_true", help="seconds instead of minutes")
    parser.add_argument(
        "--page", action="store_true", help="only put what is on file into the page"
    )
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--arms", default=",".join(study.arms))
    parser.add_argument("--results", type=Path, default=ROOT / "benchmarks/results" / study.name)
    given = parser.parse_args()
    given.results.mkdir(parents=True, exist_ok=True)
    runs = given.results / "runs" if given.tiny else ROOT / "runs" / study.name
    files = {name: given.results / f"{name}.json" for name in study.arms}
    for name in [] if given.page else given.arms.split(","):
        if not files[name].exists():
            keep(files[name], measure(study, name, runs, given.seeds, given.tiny))
        print(f"{name}: {json.loads(files[name].read_text())['processor_seconds']} s", flush=True)
    told = {name: json.loads(path.read_text()) for name, path in files.items() if path.exists()}
    text = "\n".join(study.described(told)).strip() + "\n"
    print(text)
    if given.page:
        into_page("../self-improvement-studies.md", study.name, text)


SETTLED: Mapping[str, Any] = MappingProxyType({"prompts": 32, "group": 8, "learning_rate": 5e-4})
"""What arms that sample have in common."""
