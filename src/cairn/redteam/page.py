"""The report: one HTML file with the map, every elite behind its cell, and what failed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any, NamedTuple

from cairn.archive.text_axes import Length
from cairn.core.typed import plain
from cairn.engine.journal_failures import FailedTrial
from cairn.evaluation.audit import Tested
from cairn.evaluation.audit import share as share_of
from cairn.lm.readings import FIRST, MISSING, SECOND, TIE
from cairn.redteam import tables
from cairn.redteam.cautions import cautions
from cairn.redteam.config import RedteamConfig
from cairn.redteam.figures import Figures
from cairn.redteam.run import Finished
from cairn.redteam.state import Entry
from cairn.report import pages, words
from cairn.report.pages import Card, Square, heats, provenance, shade
from cairn.report.tables import redacted

OURS_FIRST = {FIRST: "this", SECOND: "the other", TIE: "tie", MISSING: "no verdict"}
OURS_SECOND = {**OURS_FIRST, FIRST: "the other", SECOND: "this"}
VERDICTS = {True: "unsafe", False: "safe", None: "no verdict"}
MOST_FAILED = 500
"""Failed trials that are shown one by one."""

Shown = Callable[[str], str]
"""What the page shows of a text: all of it, or its trace."""


class Fresh(NamedTuple):
    """A response of the audit."""

    response: str | None
    verdict: str
    more: str
    """What the search's scorer said, or why there is no response."""


class Ancestor(NamedTuple):
    """What a prompt was made from."""

    entry: Entry
    title: str
    held: bool
    """Whether it still holds its cell, and so has a place on the page."""


class Cell(NamedTuple):
    """An elite as the page shows it."""

    entry: Entry
    title: str
    colour: str
    verdict: str
    fresh: list[Fresh]
    votes: list[tuple[str, str]]
    ancestors: list[Ancestor]
    seed: str | None
    """The seed prompt that its oldest ancestor was made from."""
    keys: str
    """What it is sorted by: cell, share unsafe, fitness, number of the prompt."""


def render(
    done: Finished,
    figures: Figures,
    versions: Mapping[str, Any] | None = None,
    *,
    redact: bool = False,
) -> str:
    """The whole page. `versions`: what the run's directory says it was made with."""
    tests = {test.id: test for test in done.tests}
    shown: Shown = redacted if redact else str
    config = done.config
    oracle = config.search.acceptance == "oracle"
    return pages.render(
        "cairn.redteam",
        "report.html.j2",
        title=f"Red-teaming report{' (simulated)' if figures.simulated else ''}",
        line=f"{config.search.method}, seed {config.engine.seed}. {tables.outcomes(done)} "
        f"(of {config.engine.trials}).",
        simulated=figures.simulated,
        notes=_notes(done, figures, redact),
        cards=_cards(done, figures),
        maps=heats(config.space, lambda cell: _square(done, tests, cell)),
        groups=tables.groups(figures),
        ledger=(words.LEDGER, words.ledger(done.ledger)),
        failed=[_failed(done, trial, redact) for trial in islice(done.failed, MOST_FAILED)],
        failed_count=len(done.failed),
        cells=[_cell(done, entry, tests.get(entry.id), redact) for entry in done.state.held()],
        other=lambda entry: "the oracle's answer" if oracle else f"that of prompt {entry.beaten}",
        oracle=oracle,
        shown=shown,
        made=provenance(
            {"target": target(config), **(config.goals or {"goal": config.goal})},
            versions or {},
            plain(_without_prompts(config) if redact else config),
        ),
    )


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
    between = lambda e: "" if e is None else f"95 % interval {e.low:.2f} to {e.high:.2f}; "  # noqa: E731
    people = "simulated people" if figures.simulated else "people"
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
            f"{between(right)}{people}" if right else "no verdicts of people, or too few",
        ),
        Card("calls", str(done.spent.calls), f"{words.money(done.spent.micros)} in money"),
    ]


def _square(done: Finished, tests: Mapping[int, Tested], cell: int) -> Square:
    entry, title = done.state.elite(cell), done.config.space.title(cell)
    if entry is None:
        return Square("–", f"{title}: empty", empty=True)
    share = share_of(tests.get(entry.id))
    text = f"F {entry.fitness:.2f}" if share is None else f"{share:.2f}"
    return Square(text, title, share, f"#cell-{cell}")


def _failed(done: Finished, trial: FailedTrial, redact: bool) -> tuple[str, str, str, str]:
    asked = trial.asked or {}
    cell = asked.get("cell", asked.get("again", {}).get("cell"))
    title = "" if cell is None else done.config.space.title(cell)
    said = redacted(trial.message) if redact else trial.message
    return str(trial.trial), trial.error, said, title


def _cell(done: Finished, entry: Entry, test: Tested | None, redact: bool) -> Cell:
    share = share_of(test)
    ancestors = list(_ancestors(done, entry))
    return Cell(
        entry,
        title=done.config.space.title(entry.cell),
        colour="open" if share is None else shade(share),
        verdict=f"fitness {entry.fitness:.2f}" if share is None else f"{share:.2f} unsafe",
        fresh=[] if test is None else _fresh(test, redact),
        votes=[(OURS_FIRST[a], OURS_SECOND[b]) for a, b in entry.votes],
        ancestors=ancestors,
        seed=(ancestors[-1].entry if ancestors else entry).seed,
        keys=f"{entry.cell}|{'' if share is None else share}|{entry.fitness}|{entry.id}",
    )


def _fresh(test: Tested, redact: bool) -> list[Fresh]:
    found = []
    rows = zip(test.responses, test.unsafe, test.scored, strict=True)
    for i, (response, unsafe, scored) in enumerate(rows):
        if response is None:
            found.append(Fresh(None, "no response", "" if redact else f": {test.missing[i]}"))
            continue
        said = "" if scored is None else f", search's scorer {scored:.2f}"
        found.append(Fresh(response, VERDICTS[unsafe], said))
    return found


def _ancestors(done: Finished, entry: Entry) -> Iterator[Ancestor]:
    """From the parent to the first ancestor."""
    while entry.parent is not None:
        entry = done.state.entries[entry.parent]
        holder = done.state.elite(entry.cell)
        held = holder is not None and holder.id == entry.id
        yield Ancestor(entry, done.config.space.title(entry.cell), held)
