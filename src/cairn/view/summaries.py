"""What is said of a run in a list of runs."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

from cairn.report.tables import redacted
from cairn.view.state import State

Plain: TypeAlias = str | int | float | bool | None
FIELDS = 2_000
"""Most fields of a config that can be searched."""


FEW = 3
"""Seeds below which a headline has the range of their values: two say nothing about a third."""


class Headline(NamedTuple):
    """The one figure of a run."""

    name: str
    """For people: "solve rate, random"."""
    value: float
    low: float | None
    """Of the 95 % interval, of two seeds the lower one; None where there is none."""
    high: float | None


class Summary(NamedTuple):
    """A run in a list of runs."""

    name: str
    """Its path under the folder, with "/"; the folder's own name where that is the run."""
    path: Path
    kind: Literal["compiled", "journaled", "broken"]
    command: str
    """What made it: "cairn train"; empty for a broken one that does not say."""
    method: str
    task: str
    seeds: int
    """0 for a broken one."""
    state: State
    spent: Mapping[str, float]
    """Compiled: the ledger by name, mean over seeds. Journaled: calls, tokens, money."""
    unit: str
    """What `cost` counts: "environment steps", "evaluations", "updates", "calls"."""
    cost: float | None
    """What a comparison holds equal, mean over seeds; None before the first line."""
    progress: float | None
    """Share of the budget, in [0, 1]; None where there is no budget, or nothing tells."""
    headline: Headline | None
    created: float
    """Seconds since 1970, as all times."""
    updated: float
    """When its lines or its journal last grew."""
    config: Mapping[str, Plain]
    """Every setting by its dotted name; a list is its JSON text."""
    star: bool
    tags: tuple[str, ...]
    note: str
    problem: str
    """In one line what could not be read or is damaged; empty if nothing is."""


def within(run: Summary) -> tuple[str, str]:
    """What the ends of its headline are, in a few words and in a sentence."""
    if run.kind != "compiled":
        return "95 % interval", "95 % interval of the last report, over prompts or cells"
    if run.seeds < FEW:
        return f"{run.seeds} seeds: lowest and highest", "Of two seeds no interval can be told."
    return "95 % interval", (
        f"95 % interval of the mean over {run.seeds} seeds, by bootstrap; where all agree on a "
        f"share, Wilson's"
    )


def flat(config: Mapping[str, Any]) -> dict[str, Plain]:
    """Nested settings by dotted name."""
    found: dict[str, Plain] = {}
    waiting: list[tuple[str, Any]] = [("", config)]
    while waiting and len(found) < FIELDS:
        name, value = waiting.pop()
        if isinstance(value, Mapping) and value:
            inside = [(f"{name}.{key}" if name else str(key), part) for key, part in value.items()]
            waiting.extend(reversed(inside))
        elif isinstance(value, str | int | float | None):
            found[name] = value
        else:
            found[name] = json.dumps(value)
    return found


def traces(config: Mapping[str, Plain]) -> dict[str, Plain]:
    """The same settings with the lengths and digests of texts in their places."""
    return {name: redacted(v) if isinstance(v, str) else v for name, v in config.items()}
