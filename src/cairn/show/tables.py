"""What a run has to show, in words and numbers: for the console, and where nothing can be drawn."""

from typing import Any

import numpy as np

from cairn.core.console import count
from cairn.core.ledger import SPENT
from cairn.envs.protocol import Environment, Level
from cairn.show import series
from cairn.show.curves import final
from cairn.show.held_out import Shown
from cairn.show.subject import Subject
from cairn.show.treasures import Treasure


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
    figures["tests"] = {name: final(curve) for name, curve in tests.items()}
    figures["held_out"] = {level.name: level.solve_rate for level in shown}
    return figures


def summary(figures: dict[str, Any]) -> str:
    """The headline numbers for a person to read."""
    spent = figures["ledger"]
    parts = [f"{name} {count(spent[name])}" for name in SPENT if name in spent]
    seeds = f"{figures['seeds']} seed{'s' if figures['seeds'] > 1 else ''}"
    lines = [
        f"{figures['method']} on {figures['environment']}, {seeds}",
        f"  environment steps  {count(figures['steps'])} ({', '.join(parts)})",
    ]
    if "training_solve_rate" in figures:
        lines.append(f"  solve rate in training  {_estimate(figures['training_solve_rate'])}")
    for name, estimate in figures["tests"].items():
        lines.append(f"  last test, {name} levels  {_estimate(estimate)}")
    lines.append(f"  attempts just made by seed {figures['seed_shown']}:")
    width = max(map(len, figures["held_out"]))
    lines += [
        f"    {name:<{width}}  {rate:4.0%} solved" for name, rate in figures["held_out"].items()
    ]
    return "\n".join(lines)


def levels_table(env: Environment, shown: list[Shown], treasures: dict[str, list[Treasure]]) -> str:
    """Levels as rows of facts, for environments that draw nothing."""
    parts = ["Levels of the test", _table([_held_out_row(env, level) for level in shown])]
    for title, levels in treasures.items():
        parts += ["", title, _table([_treasure_row(env, level) for level in levels])]
    return "\n".join(parts) + "\n"


def _held_out_row(env: Environment, level: Shown) -> dict[str, str]:
    facts = {"level": level.name, "solved": f"{level.solve_rate:.0%}", "steps": str(level.length)}
    return facts | _facts(env, level.level)


def _treasure_row(env: Environment, level: Treasure) -> dict[str, str]:
    facts = {
        "id": str(level.id),
        "score": f"{level.score:.4f}",
        "generation": str(level.generation),
        "age": str(level.age),
        "solved": "" if level.solve_rate is None else f"{level.solve_rate:.0%}",
    }
    return facts | _facts(env, level.level)


def _facts(env: Environment, level: Level) -> dict[str, str]:
    facts = env.space.describe(level)
    return {n: f"{v:.4g}" if isinstance(v, float) else str(v) for n, v in facts.items()}


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
