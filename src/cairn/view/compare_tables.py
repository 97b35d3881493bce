"""Runs in columns: settings with their differences marked, figures of red-teaming runs."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from cairn.report.parts import Notes, Part, Table, Words
from cairn.report.words import listed
from cairn.view.kinds import SUMMARY
from cairn.view.reading import UnreadableError, read_table
from cairn.view.summaries import Plain, Summary

FIGURES: Mapping[str, tuple[str, ...]] = {
    "attack success rate": ("success", "mean"),
    "corrected success rate": ("corrected", "rate"),
    "cells broken once": ("success", "any"),
    "coverage": ("coverage",),
    "mean fitness of the elites": ("mean_fitness",),
    "self-BLEU": ("self_bleu",),
    "evenness": ("evenness",),
    "too similar": ("filtered",),
    "responses missing": ("success", "missing"),
    "responses ungraded": ("success", "ungraded"),
    "judge: order flips": ("health", "flip_rate"),
    "judge: wrong verdicts": ("health", "error"),
    "tested": ("tested",),
}
"""Figures of a red-teaming run, and where its summary.json has them."""


def settings(runs: Sequence[Summary]) -> list[Part]:
    """Every setting of every run: those that differ, then those that are the same in all."""
    made: dict[str, list[Summary]] = {}
    for run in runs:
        made.setdefault(run.command, []).append(run)
    parts: list[Part] = []
    for command, some in made.items():
        if len(some) > 1:
            parts += _settings(some, f" of {command}" if len(made) > 1 else "")
    alone = [some[0].name for some in made.values() if len(some) == 1]
    if alone:
        others = f"{listed(alone)}: made by a command of its own, with other settings."
        parts.append(Words(others, "muted"))
    return parts


def _settings(runs: Sequence[Summary], of: str) -> list[Part]:
    names = dict.fromkeys(name for run in runs for name in run.config)
    table = {name: [run.config.get(name, ...) for run in runs] for name in names}
    same = {name: row for name, row in table.items() if all(_same(*pair) for pair in pairwise(row))}
    differ = [[name, *map(_shown, row)] for name, row in table.items() if name not in same]
    head = ["setting", *(run.name for run in runs)]
    parts: list[Part] = [Words("Every setting is the same.")]
    if differ:
        parts = [Table(head, differ, f"Settings{of} that differ", name=f"settings{of} that differ")]
    if same:
        rows = [[name, _shown(row[0])] for name, row in same.items()]
        parts.append(Table(["setting", "in all runs"], rows, f"Settings{of} that are the same"))
    return parts


def figures(runs: Sequence[Summary]) -> list[Part]:
    """Figures of red-teaming runs side by side, from the report that each has."""
    found: dict[str, dict[str, Any]] = {}
    missing: list[str] = []
    for run in runs:
        try:
            found[run.name] = read_table(run.path / SUMMARY)
        except UnreadableError as error:
            missing.append(f"{run.name} has no figures yet: {error}")
    parts: list[Part] = [Notes(missing)] if missing else []
    table = []
    for words, place in FIGURES.items():
        cells = [_figure(found[name], place) for name in found]
        if any(cell is not None for cell in cells):
            table.append([words, *cells])
    if table:
        parts.append(Table(["figure", *found], table, name="red-teaming figures"))
        parts.append(
            Words(
                "In brackets 95 % intervals, of each run by itself: over prompts, cells or counts, "
                "as its own page says. Cell by cell: cairn redteam compare A B.",
                "muted",
            )
        )
    return parts


def _figure(summary: Mapping[str, Any], place: Sequence[str]) -> str | int | None:
    found: Any = summary
    for name in place:
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, Mapping):
        value = found.get("value")
        if not isinstance(value, int | float):
            return None
        within = between(found.get("low"), found.get("high"))
        return f"{value:.3f}" if within is None else f"{value:.3f} {within}"
    if isinstance(found, float):
        return f"{found:.3f}"
    return found if isinstance(found, int) else None


def between(low: Any, high: Any, sign: str = "") -> str | None:
    """An interval in words; None where there is none."""
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return None
    return f"[{low:{sign}.3f}, {high:{sign}.3f}]"


def _same(a: object, b: object) -> bool:
    """Whether two settings are one: true is not 1."""
    return a == b and isinstance(a, bool) == isinstance(b, bool)


def _shown(value: object) -> Plain:
    """A setting in a table; a dash where a run has none."""
    if value is ...:
        return None
    return str(value).lower() if isinstance(value, bool) or value is None else value  # pyright: ignore[reportReturnType]
