"""Run directories of both kinds, written without training: plain files, in a moment.

`compiled` is what `cairn train` leaves, `journaled` what runs over language models leave. Their
figures are made up and grow from line to line; settings, lines and events are of the real form.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount
from cairn.core.journal import Journal
from cairn.core.rundir import FORMAT
from cairn.runs.directory import LanguageRun

METRICS = ("solve_rate", "entropy", "archive_score", "replayed_score", "archive_generation",
           "replayed_generation", "archive_fill")  # fmt: skip
SUITES = ("named", "random")


def compiled(
    folder: Path,
    name: str,
    *,
    method: str = "accel",
    task: str = "maze",
    seeds: int = 2,
    first_seed: int = 0,
    lines: int = 8,
    steps: int = 8_000,
    done: float = 1.0,
    skill: float = 0.4,
    every: int = 2,
    metrics: Sequence[str] = METRICS,
    settings: Mapping[str, Any] | None = None,
) -> Path:
    """A run of so many lines that spent `done` of its budget and was left in order.

    Every `every`th line has a test; seed k of S solves `skill` * (k + 1) / S at the end.
    `settings` are more of its config, by section.
    """
    run = folder / name
    (run / "checkpoints").mkdir(parents=True)
    config: dict[str, Any] = {
        "experiment": {"task": task, "method": method, "learner": "ppo"},
        "task": {"width": 7, "height": 7},
        "algorithm": {"batch": 4},
        "student": {"learning_rate": 0.001, "hidden": 8},
        "run": {"steps": steps, "seeds": seeds, "seed": first_seed, "log_every": 10},
    }
    for section, values in (settings or {}).items():
        config.setdefault(section, {}).update(values)
    _write(run / "config.json", config)
    _write(run / "versions.json", {"format": FORMAT, "cairn": "0.1.0", "jax": "0.10.1"})
    (run / "README.txt").write_text("A run.\n")
    (run / "lock").touch()
    rows = [
        line(
            (i + 1) / lines * done,
            steps=steps,
            seeds=seeds,
            cycles=10 * (i + 1),
            skill=skill if every and i % every == every - 1 else None,
            metrics=metrics,
        )
        for i in range(lines)
    ]
    append(run, rows)
    return run


def line(
    share: float,
    *,
    steps: int = 8_000,
    seeds: int = 2,
    cycles: int = 10,
    skill: float | None = 0.4,
    metrics: Sequence[str] = METRICS,
) -> dict[str, Any]:
    """A line of metrics when that share of the budget is spent; with a test if there is skill."""
    of = {"training": 0.6, "scoring": 0.1, "mutation": 0.3, "updates": 0.01}
    rate = [share * (seed + 1) / seeds for seed in range(seeds)]
    row: dict[str, Any] = {
        "cycle": [cycles] * seeds,
        "ledger": {name: [round(part * share * steps)] * seeds for name, part in of.items()}
        | {"evaluation": [500] * seeds},
        "metrics": dict.fromkeys(metrics, rate),
    }
    if skill is not None:
        row["evaluation"] = {
            suite: {"solve_rate": [skill * value for value in rate]} for suite in SUITES
        }
    return row


def append(run: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Lines of metrics, and of clock times beside them, at the end of a run's files."""
    with (run / "metrics.jsonl").open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    with (run / "timing.jsonl").open("a") as file:
        for row in rows:
            timing = {"cycle": row["cycle"], "seconds": 0.5, "steps_per_second": 1_000.0}
            file.write(json.dumps(timing) + "\n")


def journaled(
    folder: Path,
    name: str,
    *,
    command: str = "cairn redteam run",
    config: Mapping[str, Any] | None = None,
    trials: int = 10,
    told: int = 10,
    calls: int = 20,
    success: tuple[float, float, float] | None = (0.5, 0.25, 0.75),
    stopped: str = "finished",
) -> Path:
    """A run whose search has told so many of its trials, with so many answered calls.

    `success` is the figure of its summary with its interval; None: it has no summary yet.
    """
    run = folder / name
    run.mkdir(parents=True, mode=0o700)
    settings = dict(config or {
        "goal": "(made)",
        "search": {"method": "rainbow"},
        "models": {"target": {"kind": "server", "model": "small", "base_url": "http://x/v1"}},
        "engine": {"trials": trials, "seed": 0},
    })  # fmt: skip
    _write(run / "config.json", settings)
    made = {"format": LanguageRun.FORMAT, "command": command, "cairn": "0.1.0"}
    _write(run / "versions.json", made | {"created": "2026-01-02T03:04:05+00:00"})
    (run / "lock").touch()
    with Journal(run / "journal.sqlite", config=settings) as journal:
        stage = journal.stage("search")
        for trial in range(told):
            stage.append("ask", trial, "{}")
            stage.append("tell", trial, "{}")
        for call in range(calls):
            key = call.to_bytes(16, "big")
            send = journal.intend(key, "search", "target", Amount(calls=1, tokens=100))
            journal.store_answer(key, "target", '"an answer"', "search")
            journal.settle(send, "answered", Amount(calls=1, tokens=50, micros=10))
    if success is not None:
        estimate = dict(zip(("value", "low", "high"), success, strict=True)) | {"over": "levels"}
        figures = {"stopped": stopped, "tested": 4, "success": {"mean": estimate}}
        _write(run / "summary.json", figures)
    return run


def _write(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2) + "\n")
