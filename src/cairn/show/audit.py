"""The audit of a run's scores (`cairn audit`) as tables and curves."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from cairn.core.agreement import TOP
from cairn.report.data import Chart, Line
from cairn.report.parts import Part, Section, Table, Words
from cairn.report.series import Curve, band
from cairn.runs.audit import RESULT, newest, score_name
from cairn.show import kept
from cairn.show.subject import Subject


def applies(subject: Subject) -> str | None:
    """Whether somebody has audited the run."""
    return kept.applies(subject, RESULT)


def data(subject: Subject) -> dict[str, Any]:
    """The newest audit. Raises RunError if its file is broken."""
    return kept.read(subject, RESULT, "audit", "cairn audit", newest)


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """The newest checkpoint in a table for each source; the checkpoints before it as curves."""
    report = data(subject)
    found: list[Part] = [Words(caption(report), "muted")]
    for source, figures in newest(report).items():
        head = ["score"]
        for truth in figures["truth"]:
            head += [f"ρ with {truth}", "from", "to", "τ", f"top {TOP:.0%}"]
        rows = []
        for name, row in figures["scores"].items():
            cells: list[Any] = [score_name(name, report)]
            for truth in figures["truth"]:
                rho, tau, top = (row[truth][one] for one in ("spearman", "kendall", "top"))
                cells += [rho["value"], *rho["interval"], tau["value"], top["value"]]
            rows.append([_rounded(cell) for cell in cells])
        found.append(Table(head, rows, f"{source} levels", name=f"audit-{source}"))
    if len(report["checkpoints"]) > 1:
        found += charts(report)
    return Section("audit", "How good its scores are", tuple(found))


def caption(report: dict[str, Any]) -> str:
    """What was done, in two sentences."""
    no_oracle = "" if report["oracle"] else " The environment knows no best return: no regret."
    return (
        f"Each score from one rollout of {report['rollout_steps']} steps, against the truth from "
        f"{report['episodes']} fresh episodes at each of up to {report['levels']} levels: rank "
        f"correlations (1: the true order, 0: none), and of the top tenth by score the share that "
        f"is in the top tenth by truth (chance: {TOP:.2f}).{no_oracle}"
    )


def charts(report: dict[str, Any]) -> list[Chart]:
    """Spearman's correlation over the run: a chart for each source and truth, a line a score."""
    steps = np.array([row["steps"] for row in report["checkpoints"]], np.float64)
    made = []
    for source, figures in newest(report).items():
        for truth in figures["truth"]:
            lines = []
            for name in figures["scores"]:
                rows = [row["sources"][source]["scores"] for row in report["checkpoints"]]
                values = [_by_seed(row, name, truth, steps.shape[1]) for row in rows]
                curve = Curve(steps, np.array(values, np.float64))
                if np.isfinite(curve.values).any():
                    lines.append(Line(score_name(name, report), curve, band(curve)))
            if lines:
                made.append(Chart(f"ρ with {truth}, {source} levels", tuple(lines)))
    return made


def _by_seed(row: dict[str, Any], name: str, truth: str, seeds: int) -> list[float | None]:
    return row[name][truth]["spearman"]["by_seed"] if name in row else [None] * seeds


def _rounded(cell: Any) -> Any:
    return round(cell, 3) if isinstance(cell, float) else cell
