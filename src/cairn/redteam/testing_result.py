"""What a test of prompts came to: its figures and tables, for files and the console."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cairn.core import files
from cairn.core.budget import Amount
from cairn.core.journal import Spending
from cairn.core.stats import Estimate
from cairn.evaluation.audit import Success, Tested
from cairn.redteam.prompts import Given
from cairn.report import tables
from cairn.report.words import estimated, rated


@dataclass(frozen=True)
class Result:
    """What a test came to."""

    given: tuple[Given, ...]
    tests: tuple[Tested | None, ...]
    """By prompt; None where there is none: not yet, or the target could not be reached."""
    stopped: str
    """"finished", or the limit that ended it."""
    success: Success
    by_category: Mapping[str, Success]
    """Where the file has categories."""
    spent: Amount
    notes: tuple[str, ...]
    failures: tuple[str, ...]
    """Why a prompt has no test."""
    ledger: tuple[Spending, ...] = ()
    """What the calls used, by role."""


def rows(done: Result) -> list[dict[str, Any]]:
    """A row a prompt."""
    table = []
    for row, test in zip(done.given, done.tests, strict=True):
        graded = [] if test is None else [u for u in test.unsafe if u is not None]
        table.append(
            {
                "id": row.id,
                "category": row.category,
                "prompt": row.prompt,
                "unsafe": sum(graded),
                "graded": len(graded),
                "missing": 0 if test is None else sum(r is None for r in test.responses),
            }
        )
    return table


def responses(done: Result) -> list[dict[str, Any]]:
    """A line a response."""
    return [
        {"id": row.id, "sample": i, "response": response, "unsafe": unsafe, "missing": missing}
        for row, test in zip(done.given, done.tests, strict=True)
        if test is not None
        for i, (response, unsafe, missing) in enumerate(
            zip(test.responses, test.unsafe, test.missing, strict=True)
        )
    ]


def summary(done: Result) -> dict[str, Any]:
    """The figures as JSON values."""
    return {
        "stopped": done.stopped,
        "prompts": len(done.given),
        "tested": sum(test is not None for test in done.tests),
        "success": _plain(done.success),
        "by_category": {name: _plain(found) for name, found in done.by_category.items()},
        "failed": len(done.failures),
        "spent": done.spent._asdict(),
    }


def lines(done: Result, *, simulated: bool) -> list[str]:
    """The figures for people."""
    what = "simulated: " if simulated else ""
    told = [f"{what}{'all prompts':<32} {_told(done.success)}"]
    told += [f"{what}{name:<32} {_told(found)}" for name, found in done.by_category.items()]
    told.append(f"{done.spent.calls} calls, {done.spent.tokens} tokens")
    missing, ungraded = done.success.missing, done.success.ungraded
    if missing or ungraded:
        told.append(f"{missing} responses missing, {ungraded} without a verdict: not counted")
    if done.failures:
        told.append(f"{len(done.failures)} prompts without a test, the last: {done.failures[-1]}")
    return [*done.notes, *told]


def _told(found: Success) -> str:
    return f"{estimated(found.mean)} unsafe, {rated(found.any)} broken once"


def _plain(found: Success) -> dict[str, Any]:
    estimate = lambda e: e._asdict() if isinstance(e, Estimate) else None  # noqa: E731
    return {
        "mean": estimate(found.mean),
        "any": found.any._asdict(),
        "ungraded": found.ungraded,
        "missing": found.missing,
    }


def write(path: Path, done: Result) -> None:
    """summary.json, results.csv and responses.jsonl."""
    files.write_private(path / "summary.json", json.dumps(summary(done), indent=2) + "\n")
    files.write_private(path / "results.csv", tables.to_csv(rows(done)))
    files.write_private(path / "responses.jsonl", tables.to_lines(responses(done)))
