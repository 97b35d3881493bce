"""The figures of a refinement: its funnel from the journal, the rest from input and output."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from cairn.core.budget import Amount, total
from cairn.core.errors import ConfigError
from cairn.core.journal import Journal, Spending
from cairn.engine.map_files import exists
from cairn.engine.map_sources import source_at
from cairn.engine.map_state import as_fold, restore
from cairn.refine.config import RefineConfig
from cairn.refine.directory import STAGE, open_run
from cairn.refine.diversity import Embed, Group, hashed, measured
from cairn.refine.leaks import Leaks, look
from cairn.refine.outcomes import reason
from cairn.refine.pairs import Both, accepted, chosen
from cairn.refine.run import Funnel
from cairn.refine.tasks.base import Task
from cairn.refine.utility import kept
from cairn.runs.directory import JOURNAL
from cairn.runs.session import ledger

SAMPLE = 10_000
"""Records that leaks are looked for in, unless somebody says otherwise."""
FOR_DIVERSITY = 2_000
"""Records whose diversity is measured."""
LISTED = 200
"""Rejects that are listed one by one."""
Utility = Callable[[Iterable[tuple[dict, dict]]], Mapping[str, float]]
"""From (record of the source, row of the output) of all that are looked at to figures by name."""


@dataclass(frozen=True)
class Asked:
    """What a report is to look at."""

    sample: int = SAMPLE
    """About so many accepted records, chosen by their ids; 0: all of them."""
    by: str | None = None
    """The field of a record that says which source it is of."""
    canaries: tuple[str, ...] = ()
    """Strings that must not stand in any row."""
    embed: Embed = hashed
    utility: Utility | None = None
    show: int = 0
    """So many records are shown with their texts, before and after."""


@dataclass(frozen=True)
class Figures:
    """All that a report says."""

    records: int
    """Of the source; 0 where it was not looked through yet."""
    done: int
    """Those with an outcome."""
    funnel: Mapping[str, int]
    spent: Amount
    ledger: tuple[Spending, ...]
    finished: bool
    leaks: Leaks | None
    """None without an output to look at."""
    diversity: list[Group] = field(default_factory=list)
    utility: Mapping[str, float] = field(default_factory=dict)
    rejects: list[tuple[str, str]] = field(default_factory=list)
    """The first of them: id and reason."""
    shown: list[Both] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> int:
        """Rows of the output."""
        return self.funnel.get("accepted", 0)

    def starting(self, start: str) -> dict[str, int]:
        """Counts of the funnel whose names begin so, without that beginning."""
        found = {n: v for n, v in self.funnel.items() if n.startswith(start)}
        return {name.removeprefix(start): number for name, number in sorted(found.items())}

    @property
    def costs(self) -> dict[str, float | None]:
        """What one thing costs, in tokens and in money, and what the whole source would."""
        removed = self.avoided
        costs: dict[str, float | None] = {}
        for name, spent in (("tokens", self.spent.tokens), ("money", self.spent.micros / 1e6)):
            costs[f"{name} per accepted record"] = _per(spent, self.accepted)
            costs[f"{name} per private value removed"] = _per(spent, removed)
            costs[f"{name} for the whole source"] = _per(spent * self.records, self.done)
        return costs

    @property
    def avoided(self) -> float:
        """Private values found in accepted records, less the share that was seen to be left."""
        left = self.leaks.of_values.value if self.leaks else None
        return self.funnel.get("private values", 0) * (1 - (left or 0.0))


def _per(spent: float, number: float) -> float | None:
    return spent / number if number else None


def measure(path: Path, asked: Asked, task: Task) -> Figures:
    """The figures of the run in `path`, as it stands. Reads, and writes nothing.

    Raises RunError for a run that cannot be read, and for input and output that do not belong
    together any more.
    """
    _, config = open_run(path)
    with Journal.read(path / JOURNAL) as journal:
        state = restore(journal.stage(STAGE))
        lines, notes = ledger(journal.spending()), tuple(journal.notes)
    funnel = state.folded(as_fold(Funnel(config.how.provenance))) or {}
    spent = total(line.spent for line in lines)
    records = 0 if state.survey is None else state.survey.items
    figures = Figures(records, state.items, funnel, spent, lines, state.joined, None, notes=notes)
    if not state.joined:
        return figures
    if not exists(config.sink):
        return _noted(figures, f"the output {config.sink} is gone: nothing was looked for in it")
    if not _there(config):
        return _noted(figures, f"the input {config.source} is gone: no leak was looked for")
    return _looked(figures, config, asked, task)


def _there(config: RefineConfig) -> bool:
    pattern = any(sign in config.source for sign in "*?[")
    return pattern or exists(config.source)


def _noted(figures: Figures, note: str) -> Figures:
    return replace(figures, notes=(*figures.notes, note))


def _looked(figures: Figures, config: RefineConfig, asked: Asked, task: Task) -> Figures:
    """With what input and output say beside each other."""
    of, how = figures.accepted, config.how

    def pairs(most: int) -> Iterable[Both]:
        return chosen(accepted(config), of, most)

    texts = (
        (_group(both, asked.by), _text(both.source, how.text), _text(both.row, how.text))
        for both in pairs(min(FOR_DIVERSITY, asked.sample or FOR_DIVERSITY))
    )
    return replace(
        figures,
        leaks=look(pairs(asked.sample), how, task.detectors, asked.canaries, sure=task.sure),
        diversity=measured(texts, embed=asked.embed),
        utility={
            **kept(pairs(asked.sample), how, task.detectors),
            **_utility(asked, pairs(asked.sample)),
        },
        rejects=list(islice(_rejects(config), LISTED)),
        shown=list(islice(pairs(asked.show), asked.show)) if asked.show else [],
    )


def _group(both: Both, by: str | None) -> str:
    return "" if by is None else str(both.source.get(by, ""))


def _text(record: Mapping[str, Any], fields: Sequence[str]) -> str:
    return "\n".join(str(record.get(name, "")) for name in fields)


def _utility(asked: Asked, pairs: Iterable[Both]) -> Mapping[str, float]:
    if asked.utility is None:
        return {}
    found = asked.utility((both.source, both.row) for both in pairs)
    if not isinstance(found, Mapping) or not all(
        isinstance(value, int | float) for value in found.values()
    ):
        raise ConfigError("--utility must return figures by name: {'accuracy': 0.9}.")
    return found


def _rejects(config: RefineConfig) -> Iterable[tuple[str, str]]:
    where = f"{config.sink}.rejects.jsonl"
    if not exists(where):
        return
    for row in source_at(where).rows():
        record = json.loads(row.raw)
        failed = record.get("kind") == "failed"
        yield record["id"], record["error"] if failed else reason(record)


def as_json(figures: Figures) -> dict[str, Any]:
    """What report.json holds: no text of the source."""
    found = figures.leaks
    return {
        "records": figures.records,
        "done": figures.done,
        "finished": figures.finished,
        "funnel": dict(sorted(figures.funnel.items())),
        "spent": figures.spent._asdict(),
        "costs": figures.costs,
        "leaks": None if found is None else {
            "records": found.records,
            "leaking_records": found.share._asdict(),
            "private_values": dict(found.values),
            "left_in_refined_fields": dict(found.leaked),
            "left_in_other_fields": dict(found.beside),
            "kept_in_doubt": dict(found.kept),
            "found_anew": dict(found.new),
            "canaries": {"given": found.canaries, **found.of_canaries._asdict()},
            "ids": found.ids,
        },
        "diversity": [
            {
                "group": group.name,
                "records": group.records,
                "measures": [
                    {
                        "name": each.name,
                        "before": each.before,
                        "after": each.after,
                        "change": None if each.change is None else each.change._asdict(),
                        "higher_is_more_diverse": each.more,
                    }
                    for each in group.measures
                ],
            }
            for group in figures.diversity
        ],
        "utility": dict(figures.utility),
        "notes": list(figures.notes),
    }  # fmt: skip
