"""What a trainer tells of the levels it played, checked whole before anything of it counts."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from cairn.core.errors import ConfigError, suggest

EPISODES = ("returns", "solved", "values")
"""What is told of each episode."""
FIELDS = (*EPISODES, "episodes", "score", "steps", "learned")


class Told(NamedTuple):
    """Outcomes of n levels, the finished episodes of each in the first rows."""

    returns: Float[np.ndarray, "E n"]
    solved: Bool[np.ndarray, "E n"]
    values: Float[np.ndarray, "E n"]
    finished: Bool[np.ndarray, "E n"]
    score: Float[np.ndarray, " n"]
    scored: Bool[np.ndarray, " n"]
    learned: Bool[np.ndarray, " n"] | None
    steps: Integer[np.ndarray, " n"] | None
    told: frozenset[str]
    """The fields that were there."""


def read(outcomes: Any, n: int) -> Told:
    """Outcomes of `n` levels. Raises ConfigError for what cannot be right."""
    if not isinstance(outcomes, Mapping):
        raise ConfigError(
            f"tell expects outcomes as a dictionary with some of {', '.join(FIELDS)}, got "
            f"{type(outcomes).__name__}."
        )
    for name in outcomes:
        if name not in FIELDS:
            raise ConfigError(
                f"Outcomes have no {name!r}. Expected some of {', '.join(FIELDS)}."
                f"{suggest(str(name), FIELDS)}"
            )
    given = {name: value for name, value in outcomes.items() if value is not None}
    counts = None if "episodes" not in given else _row("episodes", given["episodes"], n, int)
    if counts is not None and (counts < 0).any():
        raise ConfigError("episodes must not be negative.")
    tables = {name: _table(name, given[name], n, counts) for name in EPISODES if name in given}
    finished = _finished(tables, n, counts)
    blank = np.zeros(finished.shape, np.float32)
    whole = {name: np.where(finished, table[0], 0) for name, table in tables.items()}
    score = _row("score", given["score"], n, float) if "score" in given else None
    played = np.any(finished, axis=0, keepdims=True)[0] if tables else np.ones(n, bool)
    return Told(
        returns=whole.get("returns", blank).astype(np.float32),
        solved=whole.get("solved", blank).astype(bool),
        values=whole.get("values", blank).astype(np.float32),
        finished=finished,
        score=np.zeros(n, np.float32) if score is None else score,
        scored=np.zeros(n, bool) if score is None else played,
        learned=_row("learned", given["learned"], n, bool) if "learned" in given else None,
        steps=_steps(given["steps"], n) if "steps" in given else None,
        told=frozenset(given),
    )


def _finished(
    tables: Mapping[str, tuple[np.ndarray, np.ndarray]], n: int, counts: np.ndarray | None
) -> Bool[np.ndarray, "E n"]:
    """Which cells of the tables are episodes; all tables must agree."""
    if not tables:
        most = 0 if counts is None else int(counts.max(initial=0))
        return np.zeros((max(most, 1), n), bool)
    (first, (_, finished)), *others = tables.items()
    for name, (_, its) in others:
        if its.shape != finished.shape or (its != finished).any():
            raise ConfigError(
                f"{name} and {first} must be of the same episodes of each level, and are not."
            )
    return finished


def _table(
    name: str, given: Any, n: int, counts: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """One number for each episode, episodes first, and where there is an episode."""
    kind = bool if name == "solved" else float
    table = _array(given)
    if table is None:
        if counts is not None:
            raise ConfigError(f"{name} is a list of lists: leave `episodes` out, they tell it.")
        lists = [np.ravel(np.asarray(_numbers(name, row))) for row in given]
        _length(name, len(lists), n)
        lengths = np.array([len(row) for row in lists])
        table = np.zeros((n, max(int(lengths.max(initial=0)), 1)), np.float64)
        for place, row in enumerate(lists):
            table[place, : len(row)] = row
        there = np.arange(table.shape[1])[None] < lengths[:, None]
    else:
        if table.ndim not in (1, 2) or table.shape[0] != n:
            raise ConfigError(
                f"{name} must be an array ({n},) or ({n}, episodes), or a list of {n} lists, got "
                f"shape {table.shape}."
            )
        table = table.reshape(n, -1)
        if table.shape[1] == 0:
            table = np.zeros((n, 1))
            counts = np.zeros(n, int)
        most = table.shape[1]
        if counts is not None and (counts > most).any():
            raise ConfigError(f"episodes says up to {counts.max()}, but {name} has only {most}.")
        there = np.arange(most)[None] < (np.full(n, most) if counts is None else counts)[:, None]
    return _checked(name, np.where(there, table, 0), kind).T, there.T


def _array(given: Any) -> np.ndarray | None:
    """As an array; None for lists of different lengths."""
    try:
        table = np.asarray(given)
    except ValueError:
        return None
    return None if table.dtype == object else table


def _numbers(name: str, row: Any) -> Any:
    table = _array(row)
    if table is None or table.ndim > 1:
        raise ConfigError(f"{name} must hold numbers, one for each episode, got {row!r}.")
    return table


def _row(name: str, given: Any, n: int, kind: type) -> Any:
    row = np.asarray(given)
    if row.ndim == 0 and kind is bool:
        row = np.full(n, row)
    if row.shape != (n,):
        raise ConfigError(f"{name} must have one number for each of {n} levels, got {row.shape}.")
    return _checked(name, row, kind)


def _steps(given: Any, n: int) -> Any:
    steps = _row("steps", given, n, int)
    if (steps < 0).any() or int(steps.sum()) >= 2**32:
        raise ConfigError("steps must not be negative, nor 2^32 or more in one tell.")
    return steps


def _checked(name: str, values: np.ndarray, kind: type) -> np.ndarray:
    """Values of this kind. Raises ConfigError for others, and for what is not finite."""
    if values.dtype.kind not in "biuf":
        raise ConfigError(f"{name} must be numbers, got {values.dtype}.")
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        mend = {
            True: "Leave out episodes that did not end.",
            False: "Give each level a finite one; where nothing is known, leave the level open.",
        }
        raise ConfigError(f"{name} holds a number that is not finite. {mend[name in EPISODES]}")
    fits = kind is float or (values == values.astype(kind)).all()
    if not fits:
        what = "true or false" if kind is bool else "whole numbers"
        raise ConfigError(f"{name} must be {what}, got {values.ravel()[:3].tolist()} ...")
    return narrow if kind is float else values.astype(kind)


def _length(name: str, found: int, n: int) -> None:
    if found != n:
        raise ConfigError(f"{name} must have one entry for each of {n} levels, got {found}.")
