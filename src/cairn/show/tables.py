"""What a run has to show, in words and numbers: for the console, and where nothing can be drawn."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np

from cairn.archive.replay import Replay
from cairn.core.console import count, plural
from cairn.core.counts import SPENT, unit
from cairn.core.measures import label
from cairn.report import series
from cairn.report.data import Sheet
from cairn.show import cards, designs, heatmap
from cairn.show.charts import final
from cairn.show.held_out import Shown
from cairn.show.subject import Subject


def headline(subject: Subject, shown: list[Shown]) -> dict[str, Any]:
    """The numbers that say how the run stands; every seed counts but in `held_out`."""
    lines = subject.lines
    run = subject.experiment.run
    figures: dict[str, Any] = {
        "environment": subject.experiment.task,
        "method": subject.experiment.method,
        "seeds": run.seeds,
        "seed_shown": run.seed + subject.seed_index,
        "steps": float(np.mean(series.steps_of(lines)[-1])),
        "ledger": {name: float(np.mean(total)) for name, total in lines[-1]["ledger"].items()},
    }
    training = series.metric(lines, "solve_rate")
    if training is not None:
        figures["training_solve_rate"] = final(series.smooth(training))
    tests = series.evaluations(lines)
    figures["measure"] = series.measure(lines)
    figures["tests"] = {name: final(curve) for name, curve in tests.items()}
    if heatmap.kept(subject):
        figures["map"] = heatmap.figures(subject)
    figures["held_out"] = {level.name: level.solve_rate for level in shown}
    return figures


def summary(figures: dict[str, Any]) -> str:
    """The headline numbers for a person to read."""
    spent = figures["ledger"]
    parts = [f"{name} {count(spent[name])}" for name in SPENT if name in spent]
    about = f" ({', '.join(parts)})" if parts else ""
    lines = [
        f"{figures['method']} on {figures['environment']}, {plural(figures['seeds'], 'seed')}",
        f"  {unit(spent)}  {count(figures['steps'])}{about}",
    ]
    lines += [f"  {label(name)}  {value:,.3f}" for name, value in figures.get("map", {}).items()]
    if "training_solve_rate" in figures:
        lines.append(f"  solve rate in training  {_estimate(figures['training_solve_rate'])}")
    for name, estimate in figures["tests"].items():
        lines.append(
            f"  last test, {name} levels: {label(figures['measure'])}  {_estimate(estimate)}"
        )
    lines.append(f"  attempts just made by seed {figures['seed_shown']}:")
    if not figures["held_out"]:
        return "\n".join(lines[:-1])
    width = max(map(len, figures["held_out"]))
    lines += [
        f"    {name:<{width}}  {rate:4.0%} solved" for name, rate in figures["held_out"].items()
    ]
    return "\n".join(lines)


def levels(subject: Subject) -> list[Sheet]:
    """The levels it was tested on, those its archive holds, and those its teacher designs."""
    kept = isinstance(subject.archive, Replay) and int(subject.archive.count) > 0
    looks = [cards.held_out, *([cards.archive] if kept else [])]
    looks += [designs.sheet] if designs.designs(subject) else []
    return [subject.once(look) for look in looks]


def draw(sheets: list[Sheet], path: Path) -> Path:
    """Levels as rows of facts, for environments that draw nothing."""
    parts = []
    for sheet in sheets:
        for text, rows in itertools.groupby(sheet.rows, lambda row: row.label):
            facts = [card.facts for row in rows for card in row.cards]
            parts += ["", text or sheet.title, _table(facts)]
    path.write_text("\n".join(parts[1:]) + "\n", encoding="utf-8")
    return path


def _table(rows: list[dict[str, str]]) -> str:
    """Rows of equal columns, aligned; a note if there are none."""
    if not rows:
        return "(none)"
    widths = {name: max(len(name), *(len(row[name]) for row in rows)) for name in rows[0]}
    head = "  ".join(f"{name:>{width}}" for name, width in widths.items())
    body = ["  ".join(f"{row[n]:>{width}}" for n, width in widths.items()) for row in rows]
    return "\n".join([head, *body])


def _estimate(figure: dict[str, float | str]) -> str:
    if "low" not in figure:
        return f"{figure['value']:.2f}"
    return f"{figure['value']:.2f} [{figure['low']:.2f}, {figure['high']:.2f}]"
