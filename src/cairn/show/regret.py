"""The lower bounds of a run's regret (`cairn regret`) as a table and words."""

from collections.abc import Mapping
from typing import Any

from cairn.report.parts import Part, Section, Table, Words
from cairn.runs.regret import RESULT
from cairn.show import kept
from cairn.show.subject import Subject


def applies(subject: Subject) -> str | None:
    """Whether somebody has bounded the run's regret."""
    return kept.applies(subject, RESULT)


def data(subject: Subject) -> dict[str, Any]:
    """The newest bounds. Raises RunError if their file is broken."""
    return kept.read(subject, RESULT, "bounds", "cairn regret", _check)


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """All sources in a table, then each with its levels."""
    report = data(subject)
    found: list[Part] = [Words(caption(report), "muted")]
    head = ["levels", "number", "lower bound", "from", "to", "student", "copy", "regret"]
    rows = []
    for name, one in report["sources"].items():
        bound = one["bound"]
        cells = [bound["value"], *bound["interval"], one["student"]["value"], one["copy"]["value"]]
        cells.append(one["regret"]["value"] if "regret" in one else None)
        rows.append([name, one["levels"], *map(_rounded, cells)])
    found.append(Table(head, rows, "Means over levels", name="regret"))
    for name, one in report["sources"].items():
        columns = list(one["by_level"][0])
        rows = [[_rounded(level[column]) for column in columns] for level in one["by_level"]]
        heads = [column.replace("_", " ") for column in columns]
        found.append(Table(heads, rows, f"{name} levels", name=f"regret-{name}"))
    return Section("regret", "A lower bound of its regret", tuple(found))


def caption(report: dict[str, Any]) -> str:
    """What was done, and what it means."""
    return (
        f"For each level a copy of the student (seed {report['seed']}) learned on it alone, for at "
        f"most {report['updates']} updates. What it reached beyond the student in "
        f"{report['episodes']} fresh attempts is a lower bound of regret, not regret itself."
    )


def _check(report: dict[str, Any]) -> None:
    caption(report)
    if not all(one["bound"] and one["by_level"] for one in report["sources"].values()):
        raise ValueError("no bound")


def _rounded(cell: Any) -> Any:
    return round(cell, 3) if isinstance(cell, float) else cell
