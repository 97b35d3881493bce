"""Arms of a study of methods that improve themselves: a method, with its settings, from a start.

A start is a run that several arms go on from, all seeds in one program, so that seed k of one arm
is paired with seed k of another. `language_studies` keeps starts, runs and results.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import language_studies
from language_studies import figures, load, model, problems

MODEL = model(64)
TOLD = (
    "correct", "quality", "length", "length_wrong", "idle_groups", "skipped", "batches", "depth",
    "bad_correct", "kept", "covered", "entropy",
)  # fmt: skip
"""Metrics that are kept line by line, of those there are."""
SETTLED: Mapping[str, Any] = MappingProxyType({"prompts": 32, "group": 8, "learning_rate": 5e-4})
"""What arms that sample have in common."""

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


def lines(path: Path) -> list[Figures]:
    """A run's metrics."""
    return [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]


def measure(made: language_studies.Study, study: Study, name: str) -> Figures:
    """What an arm reaches."""
    arm, begun, start = study.arms[name], {}, None
    if arm.start is not None:
        first = study.starts[arm.start]
        start = f"{study.name}-start-{arm.start}"
        trained = made.train(start, first.task, first.method, MODEL | dict(first.settings))
        begun = lines(trained)[-1]
    settings = MODEL | dict(arm.settings)
    path = made.train(f"{study.name}-{name}", arm.task, arm.method, settings, start)
    told = lines(path)
    return {
        "arm": name,
        "task": arm.task,
        "method": arm.method,
        "settings": settings,
        "seeds": made.seeds,
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


def main(study: Study, page: str | None, script: str) -> None:
    """Measure what is missing, then say what was found."""
    made = language_studies.study(page, script, study.name)
    told = {}
    for name in study.arms:
        found = made.result(name, lambda name=name: measure(made, study, name))
        if found:
            told[name] = found
    made.tell("\n".join(study.described(told)).strip())
