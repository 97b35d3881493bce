"""What a training run came to so far, from its settings and the end of its metrics."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np

from cairn.core import counts
from cairn.core.measures import headline, is_share, label, usual_first
from cairn.core.stats import wilson_of_alike
from cairn.report import series
from cairn.view.reading import UnreadableError, open_plain
from cairn.view.rows import Row, is_metrics, parse
from cairn.view.scanning import TESTED
from cairn.view.summaries import FEW, Headline

WINDOWS = (2**16, 2**21)
"""Bytes at the end of the metrics in which the newest tests are looked for."""
LOOKED_AT = 200
"""Most lines with a test among them that are read for one headline."""


class Standing(NamedTuple):
    """How far a run is."""

    spent: Mapping[str, float]
    unit: str
    cost: float | None
    progress: float | None
    finished: bool
    headline: Headline | None
    problem: str


def standing(folder: Path, config: Mapping[str, Any]) -> Standing:
    """How far the run in `folder` is. Half a line at the end is no line yet."""
    try:
        last, tests, problem = _newest(folder / "metrics.jsonl")
    except UnreadableError as error:
        return Standing({}, "", None, None, False, None, str(error))
    if last is None:
        return Standing({}, "", None, 0.0, False, None, problem)
    ledger, budget = last["ledger"], _budget(config)
    cost = counts.cost(ledger)
    progress = None if budget is None else min(min(cost) / budget, 1.0)
    return Standing(
        spent={name: sum(column) / len(column) for name, column in ledger.items()},
        unit=counts.unit(ledger),
        cost=sum(cost) / len(cost),
        progress=progress,
        finished=budget is not None and min(cost) >= budget,
        headline=_headline(last, tests),
        problem=problem,
    )


def _budget(config: Mapping[str, Any]) -> int | None:
    run = config.get("run")
    steps = run.get("steps") if isinstance(run, Mapping) else None
    return steps if isinstance(steps, int) and steps > 0 else None


def _newest(path: Path) -> tuple[Row | None, "Tests", str]:
    """The newest line, the newest tests of all seeds, and what is wrong. Raises UnreadableError."""
    file = open_plain(path)
    try:
        size = os.fstat(file).st_size
        last, tests, damaged = None, Tests(), 0
        for window in WINDOWS:
            block = os.pread(file, window, max(size - window, 0))
            lines = block.split(b"\n")[size > window : -1]
            last, damaged = _last(lines)
            tests = _tests(lines)
            if window >= size or tests.complete:
                break
    except OSError as error:
        raise UnreadableError(f"{path.name} cannot be read: {error.strerror}.") from None
    finally:
        os.close(file)
    wrong = f"The newest line of {path.name} that can be read is {damaged} before its end."
    return last, tests, wrong if damaged else ""


def _last(lines: list[bytes]) -> tuple[Row | None, int]:
    """The newest line that is one of a run, and how many after it are damaged."""
    for damaged, text in enumerate(reversed(lines)):
        row = parse(text)
        if is_metrics(row):
            return row, damaged
    return None, len(lines)


class Tests:
    """The newest test of every seed in the usual suite."""

    def __init__(self) -> None:
        self.suite = self.measure = ""
        self.values: dict[int, float] = {}
        """By seed."""
        self.complete = False
        """Whether every seed has one."""

    def older(self, row: Row) -> None:
        """Take in a line before those so far; a seed that has a figure keeps it."""
        for suite in usual_first(row["evaluation"]):
            if self.suite not in ("", suite):
                continue
            self.suite = suite
            self.measure, column = headline(row["evaluation"][suite])
            known = {seed: value for seed, value in enumerate(column) if _is_number(value)}
            self.values = known | self.values
            self.complete = len(self.values) == len(column)
            return


def _tests(lines: list[bytes]) -> Tests:
    found, read = Tests(), 0
    for text in reversed(lines):
        if TESTED in text and is_metrics(row := parse(text)):
            found.older(row)
            read += 1
            if found.complete or read == LOOKED_AT:
                break
    return found


def _headline(last: Row, tests: Tests) -> Headline | None:
    if tests.values:
        name = f"{label(tests.measure)}, {tests.suite}"
        values = np.array([tests.values[seed] for seed in sorted(tests.values)], np.float64)
        return over(name, values, share=is_share(tests.measure))
    for name, words in {"qd_score": "QD score", "coverage": "coverage", "solve_rate": "solve rate "
                        "in training"}.items():  # fmt: skip
        column = [value for value in last["metrics"].get(name, ()) if _is_number(value)]
        if column:
            return over(words, np.array(column, np.float64), share=name != "qd_score")
    return None


def over(name: str, values: np.ndarray, *, share: bool) -> Headline | None:
    """A mean over seeds with its interval; of two seeds the range of their values, of one none.

    A share that all seeds agree on has Wilson's, each seed one draw.
    """
    if len(values) == 0:
        return None
    value, low, high = map(float, series.over_seeds(values))
    if len(values) == 1:
        return Headline(name, value, None, None)
    if len(values) < FEW:
        return Headline(name, value, float(values.min()), float(values.max()))
    if share and low == high and 0 <= value <= 1:
        low, high = wilson_of_alike(value, len(values))
    return Headline(name, value, low, high)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and math.isfinite(value)
