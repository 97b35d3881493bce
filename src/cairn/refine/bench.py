"""Detectors and rewriters on labelled records, in one harness."""

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cairn.core.errors import RunError
from cairn.core.stats import Rate
from cairn.engine.map_hands import Work
from cairn.engine.map_items import Outcome
from cairn.lm.cast import Player
from cairn.lm.readings import refuses
from cairn.lm.spend import Spend
from cairn.refine.baselines import REMOVALS, removed
from cairn.refine.detectors.base import Detector
from cairn.refine.finder import Finder
from cairn.refine.labels import Record
from cairn.refine.outcomes import TRUNCATED
from cairn.refine.refining import ROLES, How, Refining
from cairn.refine.rewriting_score import Outcome as Became
from cairn.refine.rewriting_score import Rewrite, RewriteScore, score_rewrites
from cairn.refine.scoring import DetectorScore, score_spans
from cairn.refine.spans import Span
from cairn.refine.tasks.base import Task
from cairn.runs.mapping import map as map_items

LABELS = "labels"
"""The detector that knows: what removal comes to at best."""


@dataclass
class Benchmark:
    """Records, and what was measured on them."""

    records: Sequence[Record]
    detectors: dict[str, DetectorScore] = field(default_factory=dict)
    rewriters: dict[str, RewriteScore] = field(default_factory=dict)
    """Baselines are called `removal, detector`."""
    errors: dict[str, Mapping[str, float]] = field(default_factory=dict)
    """Of simulated rewriters: what was injected."""

    def detect(self, detector: Detector, removals: Sequence[str] = tuple(REMOVALS)) -> None:
        """Score a detector, and what each way of removal makes of what it finds."""
        found = [detector.find(record.text) for record in self.records]
        self.found(detector.name, found, removals)

    def found(self, name: str, found: Sequence[Sequence[Span]], removals: Sequence[str]) -> None:
        """The same for spans that are there."""
        self.detectors[name] = score_spans(self.records, found)
        for removal in removals:
            made = removed(self.records, found, removal)
            self.rewriters[f"{removal}, {name}"] = score_rewrites(self.records, made)

    def remove_labelled(self, removals: Sequence[str] = tuple(REMOVALS)) -> None:
        """What each way of removal makes of the labels themselves."""
        for removal in removals:
            made = removed(self.records, [record.spans for record in self.records], removal)
            self.rewriters[f"{removal}, {LABELS}"] = score_rewrites(self.records, made)

    def rewrite(
        self, name: str, task: Task, players: Mapping[str, Player], **how: Any
    ) -> list[Rewrite]:
        """Score what models make of the records under a task; `how` as for `rewritten`."""
        made = rewritten(self.records, task, players, **how)
        self.rewriters[name] = score_rewrites(self.records, made)
        return made


def rewritten(
    records: Sequence[Record],
    task: Task,
    players: Mapping[str, Player],
    *,
    run: Path | None = None,
    how: How = How(),  # noqa: B008  frozen
    limits: Spend | None = None,
    show: bool = False,
    seed: int = 0,
) -> list[Rewrite]:
    """What `cairn refine run` would make of each record: the same loop of tries and checks.

    With `run`, a directory, a call that was stopped is gone on with. Raises RunError at a limit.
    """
    names = {role: role for role in ROLES if role in players}
    work = Refining(task, names, how)
    return [_became(one) for one in _mapped(records, work, players, run, limits, show, seed)]


def found_by_model(
    records: Sequence[Record],
    player: Player,
    *,
    run: Path | None = None,
    limits: Spend | None = None,
    show: bool = False,
) -> list[list[Span]]:
    """What a model in the role `detector` finds; nothing where it gave no answer to read."""
    outcomes = _mapped(records, Finder(), {"detector": player}, run, limits, show, 0)
    return [
        [Span(*span, by="model") for span in one.value] if one.kind == "done" else []
        for one in outcomes
    ]


def _mapped(
    records: Sequence[Record],
    work: Work,
    players: Mapping[str, Player],
    run: Path | None,
    limits: Spend | None,
    show: bool,
    seed: int,
) -> list[Outcome]:
    # Numbers for ids: a labelled file's own may be anything.
    source = [{"text": record.text} for record in records]
    with tempfile.TemporaryDirectory() if run is None else nullcontext(run) as folder:
        mapped = map_items(
            work, source=source, run=Path(folder) / "map" if run is None else run,
            models=dict(players), limits=limits, private=True, show=show, seed=seed,
        )  # fmt: skip
        if mapped.stopped != "finished":
            raise RunError(f"stopped: {mapped.stopped} Raise it, and give the same command.")
        return list(mapped.outcomes())


def _became(outcome: Outcome) -> Rewrite:
    if outcome.kind == "failed":
        return Rewrite(None, "failed")
    if outcome.kind == "rejected":
        failed = outcome.value.get("failed", [])
        check = outcome.value.get("check", "")
        named: dict[str, Became] = {TRUNCATED: "cut", "refusal": "refused"}
        return Rewrite(None, named.get(check, "dropped"), max(1, len(failed)), check)
    tries = outcome.value["refined"]["tries"]
    if refuses(outcome.value["text"]):
        return Rewrite(None, "refused", tries)
    return Rewrite(outcome.value["text"], "out", tries)


def plain(bench: Benchmark) -> dict[str, Any]:
    """What was measured, for JSON."""
    return {
        "documents": len(bench.records),
        "private_spans": sum(len(record.spans) for record in bench.records),
        "languages": sorted({record.language for record in bench.records} - {""}),
        "formats": sorted({record.format for record in bench.records} - {""}),
        "forms": len({record.form for record in bench.records} - {""}),
        "detectors": {name: _plain(score) for name, score in bench.detectors.items()},
        "rewriters": {name: _plain(score) for name, score in bench.rewriters.items()},
        "injected": {name: dict(errors) for name, errors in bench.errors.items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Rate):
        return {"value": value.value, "interval": [value.low, value.high], "of": value.of}
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    return value
