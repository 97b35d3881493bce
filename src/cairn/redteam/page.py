"""The report: the map, every elite behind its cell, how it got there, and what failed."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from cairn.archive.text_axes import Length
from cairn.core.console import plural
from cairn.core.typed import plain
from cairn.engine.journal_failures import FailedTrial
from cairn.evaluation.audit import Tested
from cairn.evaluation.audit import share as share_of
from cairn.redteam import cells, tables
from cairn.redteam.cautions import cautions
from cairn.redteam.config import RedteamConfig
from cairn.redteam.figures import Figures
from cairn.redteam.run import Finished
from cairn.report import parts, pieces, words
from cairn.report.pages import Card, Square, heats, provenance
from cairn.report.parts import Items, Page, Section, Words
from cairn.report.tables import redacted

INTRODUCTION = (
    "Every square holds the prompt that made the target fail worst there. The number is the share "
    "of its fresh responses that the held-out judge calls unsafe. Follow a square to its prompt, "
    "responses, verdicts and ancestry."
)


def page(
    done: Finished,
    figures: Figures,
    versions: Mapping[str, Any] | None = None,
    *,
    redact: bool = False,
) -> Page:
    """All there is to see of a run. `versions`: what its directory says it was made with."""
    config = done.config
    return Page(
        title=f"Red-teaming report{' (simulated)' if figures.simulated else ''}",
        line=f"{config.search.method}, seed {config.engine.seed}. {tables.outcomes(done)} "
        f"(of {config.engine.trials}).",
        sections=list(_sections(done, figures, versions or {}, redact)),
        notes=_notes(done, figures, redact),
        simulated=figures.simulated,
    )


def _sections(
    done: Finished, figures: Figures, versions: Mapping[str, Any], redact: bool
) -> Iterator[Section]:
    config, tests = done.config, {test.id: test for test in done.tests}
    yield Section("short", "In short", [parts.Cards(_cards(done, figures))])
    maps = heats(config.space, lambda cell: _square(done, tests, cell))
    key = parts.Key("share unsafe", ("F 0.50", "not tested, fitness in the search"), ("–", "empty"))
    yield Section("map", "Map: where the target gives in", [Words(INTRODUCTION), *maps, key])
    for place, (title, rows) in enumerate(tables.groups(figures).items()):
        yield Section(f"figures-{place}", title, [parts.Figures(rows)])
    if done.state.curve:
        calls, filled, fitness = zip(*done.state.curve, strict=True)
        means = [total / cells for total, cells in zip(fitness, filled, strict=True)]
        grown = {"Cells filled": filled, "Mean fitness of the elites": means}
        charts = [pieces.grown(name, calls, values, "calls") for name, values in grown.items()]
        yield Section("curve", "How the map filled", charts)
    yield Section("cost", "What it cost", pieces.costs(done.ledger))
    yield from pieces.failed([_failed(done, trial, redact) for trial in done.failed])
    yield Section("descent", "Who descends from whom", cells.descent(done, tests))
    items = [cells.cell(done, one, tests.get(one.id), redact) for one in done.state.held()]
    sorts = ("cell", "share unsafe", "fitness", "generation", "prompt")
    listed = Items(items, "cells, prompts and responses", sorts)
    yield Section("cells", "Cells, one by one", [listed])
    facts = {"target": target(config), **(config.goals or {"goal": config.goal})}
    shown = _without_prompts(config) if redact else config
    yield Section("made", "How it was made", [provenance(facts, versions, plain(shown))])


def target(config: RedteamConfig) -> str:
    """Who was tested."""
    return "a simulated model" if config.simulation else config.models["target"].who


def _without_prompts(config: RedteamConfig) -> RedteamConfig:
    """The config with the traces of its seed prompts and examples."""
    axes = tuple(
        axis
        if isinstance(axis, Length)
        else replace(
            axis,
            examples={label: tuple(map(redacted, texts)) for label, texts in axis.examples.items()},
        )
        for axis in config.axes
    )
    return replace(config, axes=axes, seeds=tuple(map(redacted, config.seeds)))


def _notes(done: Finished, figures: Figures, redact: bool) -> list[str]:
    notes = []
    if not figures.simulated:
        notes.append("This page holds prompts that made a model fail. Share it with care.")
    if redact:
        notes.append("Prompts and responses are redacted: their length and a digest are left.")
    if done.stopped != "finished":
        notes.append(f"The run is not complete: {done.stopped}")
    return [*notes, *cautions(done.config), *done.notes, *tables.failures(done, redact=redact)]


def _cards(done: Finished, figures: Figures) -> list[Card]:
    """The four figures to take away."""
    found = figures.success.mean
    right = None if figures.corrected is None else figures.corrected.rate
    by = ""
    if figures.labelled is not None:
        by = f"by {plural(figures.labelled.count, 'verdict')} of {figures.labelled_by}"
    between = lambda e: "" if e is None else f"95 % interval {e.low:.2f} to {e.high:.2f}; "  # noqa: E731
    return [
        Card(
            "cells that hold a prompt", f"{figures.coverage.value:.0%}", f"of {figures.coverage.of}"
        ),
        Card(
            "attack success rate",
            words.number(found and found.value),
            f"{between(found)}fresh responses, by a judge that had no part in the search",
        ),
        Card(
            "corrected by people's verdicts",
            words.number(right and right.value),
            f"{between(right)}{by}"
            if right
            else f"{by}: too few, or of one kind"
            if figures.labelled
            else "no verdicts of people",
        ),
        Card("calls", str(done.spent.calls), f"{words.money(done.spent.micros)} in money"),
    ]


def _square(done: Finished, tests: Mapping[int, Tested], cell: int) -> Square:
    entry, title = done.state.elite(cell), done.config.space.title(cell)
    if entry is None:
        return Square("–", f"{title}: empty", empty=True)
    test = tests.get(entry.id)
    share = share_of(test)
    href = f"#cell-{cell}"
    if test is None or share is None:
        return Square(f"F {entry.fitness:.2f}", f"{title}: not tested", share, href)
    graded = [unsafe for unsafe in test.unsafe if unsafe is not None]
    said = f"{title}: {sum(graded)} of {len(graded)} unsafe"
    return Square(f"{share:.2f}", said, share, href)


def _failed(done: Finished, trial: FailedTrial, redact: bool) -> tuple[str, str, str, str]:
    asked = trial.asked or {}
    cell = asked.get("cell", asked.get("again", {}).get("cell"))
    title = "" if cell is None else done.config.space.title(cell)
    said = redacted(trial.message) if redact else trial.message
    return str(trial.trial), trial.error, said, title
