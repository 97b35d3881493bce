"""What a person sees of a run while it trains, and when it ends."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cairn.core.console import Progress, count, plural, rate
from cairn.core.counts import STEPS
from cairn.core.measures import headline, label
from cairn.core.units import duration
from cairn.engine.loop import Status
from cairn.runs.experiment import Experiment
from cairn.runs.train import Outcome

SHOWN = {
    "solve_rate": "solved",
    "archive_fill": "archive full",
    "archive_score": "score",
    "replayed_generation": "generation",
    "buffer_learnability": "learnability",
    "coverage": "coverage",
    "qd_score": "QD score",
    "best": "best",
    "correct": "correct",
    "held_out_loss": "held-out loss",
    "sft_loss": "loss on demonstrations",
    "reward_model_loss": "loss of the reward model",
    "reward": "reward",
    "reward_others": "of the others",
    "welfare": "welfare",
    "cooperation": "cooperation",
}
"""Metrics on the live line; a method has some of them. All are in metrics.jsonl."""
SPENT = (*STEPS, "evaluations", "tokens_sampled", "tokens_learned", "tokens_tested")
"""Counts on the live line and in the summary."""


class Watch(Progress):
    """The live line of a run."""

    def __init__(self, experiment: Experiment):
        super().__init__()
        self._seeds = experiment.run.seeds
        self._first: Status | None = None
        self._evaluation: dict[str, str] = {}

    def __enter__(self) -> "Watch":
        super().__enter__()
        return self

    def __call__(self, status: Status) -> None:
        """Show one chunk."""
        self._first = self._first or status
        tests = means(status.line.get("evaluation", {}))
        self._evaluation |= {f"test {name}": f"{value:.2f}" for name, value in tests.items()}
        self.show(figures(status, self._left(status)) | self._evaluation)

    def _left(self, status: Status) -> float:
        """Seconds to the end at the pace since the first chunk, which includes evaluations."""
        assert self._first is not None
        steps, seconds = status.steps - self._first.steps, status.seconds - self._first.seconds
        pace = steps / seconds if steps else status.steps_per_second / self._seeds
        return max(0, status.total - status.steps) / pace if pace else math.inf


def figures(status: Status, left_s: float) -> dict[str, str]:
    """The live line: means over seeds, formatted."""
    metrics, ledger = status.line["metrics"], status.line["ledger"]
    counted = [name for name in (*SPENT, "rows") if name in ledger] or ["updates"]
    spent = {name: float(np.mean(ledger[name])) for name in counted}
    # A warm-up spends nothing of the budget: nobody knows yet how fast that will go.
    pace = {"speed": "warming up"}
    if math.isfinite(left_s):
        pace = {"speed": rate(status.steps_per_second), "left": duration(left_s)}
    return {
        "steps": f"{count(status.steps)}/{count(status.total)}",
        **pace,
        **{
            label: f"{np.mean(known):.2f}"
            for name, label in SHOWN.items()
            if (known := _known(metrics.get(name, [])))
        },
        "spent": " ".join(f"{name} {count(steps)}" for name, steps in spent.items() if steps),
    }


def summary(outcome: Outcome) -> str:
    """What was reached, what it cost, where it is, and what to do next."""
    path = outcome.directory.path
    lines = outcome.directory.metrics()
    if not outcome.done:
        return f"Stopped and saved. Go on with: cairn train --resume {path}"
    last, seconds = lines[-1], sum(row["seconds"] for row in outcome.directory.timing())
    rows = [
        (("solved" if measure == "solve_rate" else label(measure)) + f", {name}", _spread(known))
        for name, (measure, known) in _headlines(last.get("evaluation", {})).items()
    ]
    if not rows:  # nothing was tested: what the last chunk says
        metrics = last["metrics"]
        known = {name: _known(metrics.get(name, [])) for name in SHOWN}
        rows = [(SHOWN[name], _spread(by_seed)) for name, by_seed in known.items() if by_seed]
    rows += [
        (name, f"{np.mean(last['ledger'][name]):,.0f}{' steps' * (name in STEPS)}")
        for name in SPENT
        if name in last["ledger"]
    ]
    rows += [("time in chunks", duration(seconds)), ("run", str(path))]
    width = max(len(name) for name, _ in rows)
    table = "\n".join(f"  {name:<{width}}  {value}" for name, value in rows)
    speaks = "tokens_learned" in last["ledger"]  # a language model: nobody acts
    evaluate = f"\n  cairn evaluate {path}" if "evaluation" in last and not speaks else ""
    serve = f"\n  cairn lm serve {path}" if speaks else ""
    remark = never_replayed(lines, outcome.directory.config)
    return f"Done.\n{table}\n{remark}Next:{evaluate}\n  cairn show {path}{serve}"


def never_replayed(lines: Sequence[Mapping[str, Any]], config: Mapping[str, Any]) -> str:
    """A line that says so of a run with an archive that was too short for it; else nothing."""
    if any("replayed" not in line["metrics"] for line in lines):
        return ""
    replayed, filled = (
        np.array([line["metrics"][name] for line in lines], float)
        for name in ("replayed", "archive_fill")
    )
    never = np.asarray(~(replayed > 0).any(axis=0))
    if not never.any():
        return ""
    who = "" if never.all() else f"In {never.sum()} of {plural(len(never), 'seed')} "
    archive, full = config["algorithm"], np.nanmax(filled[:, never])
    updates = lines[-1]["ledger"].get("updates", [])
    learned = not updates or max(np.array(updates)[never]) > 0
    said = f"{who}no level was ever replayed{'' if learned else ', so nothing was learned'}"
    # Sized by the seed that held least, and so that half of what it held would have been enough.
    least = round(np.nanmax(filled[:, never], axis=0).min() * archive["capacity"])
    fits = int(least / 2 / archive["minimum_fill"]) if archive["minimum_fill"] else 0
    smaller = "a smaller --capacity"
    if 0 < fits < archive["capacity"]:
        smaller = f"--capacity {fits} (half of the levels held would then be enough)"
    return (
        f"{said[0].upper()}{said[1:]}: the archive came to {full:.0%} of its "
        f"{archive['capacity']:,} places, and replay begins at {archive['minimum_fill']:.0%}. Give "
        f"more --steps, or {smaller}, or a smaller --minimum-fill.\n"
    )


def means(evaluation: Mapping[str, Any]) -> dict[str, float]:
    """The measure of each suite, mean over seeds."""
    return {name: float(np.mean(known)) for name, (_, known) in _headlines(evaluation).items()}


def _known(by_seed: list[float | None]) -> list[float]:
    """The figures of those seeds that have one."""
    return [value for value in by_seed if value is not None]


def _headlines(evaluation: Mapping[str, Any]) -> dict[str, tuple[str, list[float]]]:
    """Suite to the name of its measure and the figures of the seeds that have one, if any has."""
    found = {suite: headline(figures) for suite, figures in evaluation.items()}
    known = {suite: (name, _known(by_seed)) for suite, (name, by_seed) in found.items()}
    return {suite: pair for suite, pair in known.items() if pair[1]}


def _spread(rates: list[float]) -> str:
    if len(rates) == 1:
        return f"{rates[0]:,.3f}"
    return f"{np.mean(rates):,.3f} (seeds: {', '.join(f'{value:,.2f}' for value in rates)})"
