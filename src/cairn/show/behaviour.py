"""The report of a run's behaviour (`cairn behaviour`) as a table and words."""

from collections.abc import Mapping
from typing import Any

from cairn.core.console import count
from cairn.report.parts import Section, Table, Words
from cairn.runs.behaviour import RESULT, WHO
from cairn.show import kept
from cairn.show.subject import Subject

EXPLAINED = {
    "pass@1": "chance that an answer is correct",
    "pass_until": "the same, asked again until two were correct",
    "pass_until_cut": "share of problems where two never came: the true rate is likely below",
    "distinct_valid": "different correct solutions among the answers to a problem",
    "diversity_per_input": "different n-grams among the answers to a problem, of those expected",
    "diversity_across_input": "the same among first answers to all problems",
    "entropy": "of the choice of a token, in nats",
    "negative_log_likelihood": "the same by the tokens sampled",
    "kl_to_start": "divergence of an answer from the start, in nats",
}
"""Figures that do not explain themselves."""


def applies(subject: Subject) -> str | None:
    """Whether its model was asked."""
    return kept.applies(subject, RESULT)


def data(subject: Subject) -> dict[str, Any]:
    """The newest report. Raises RunError if its file is broken."""
    return kept.read(subject, RESULT, "report of behaviour", "cairn behaviour", _check)


def section(subject: Subject, arguments: Mapping[str, str]) -> Section:
    """All figures of model and start, split by split."""
    report = data(subject)
    splits = list(report["model"]["splits"])
    head = ["figure"]
    for split in splits:
        head += [split, "from", "to", f"{split}, start"]
    rows = []
    for name in report["model"]["splits"][splits[0]]:
        cells: list[Any] = [name.replace("_", " ")]
        for split in splits:
            model, start = (report[who]["splits"][split][name] for who in WHO)
            cells += [model["value"], *model["interval"], start["value"]]
        gap = report["model"]["gap"].get(name, {"value": None})["value"]
        rows.append([_rounded(cell) for cell in [*cells, gap, EXPLAINED.get(name, "")]])
    table = Table([*head, "gap", "what it is"], rows, "All figures", name="behaviour")
    return Section("behaviour", "How its model answers", (Words(caption(report), "muted"), table))


def caption(report: dict[str, Any]) -> str:
    """What was asked, and of whom."""
    first = next(iter(report["model"]["splits"].values()))
    over = next(iter(first.values()))["interval_over"]
    return (
        f"The model, and the one it began as, gave {report['answers']} answers to each of "
        f"{report['problems']} problems of a split at temperature 1, and up to {report['draws']} "
        f"where few were correct; {count(sum(report['tokens_sampled']))} tokens. 95 % intervals "
        f"over {over}."
    )


def _check(report: dict[str, Any]) -> None:
    caption(report)
    for who in WHO:
        if not all(one["pass@1"]["by_seed"] for one in report[who]["splits"].values()):
            raise ValueError("nobody was asked")


def _rounded(cell: Any) -> Any:
    return round(cell, 3) if isinstance(cell, float) else cell
