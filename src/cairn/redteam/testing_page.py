"""What there is to see of a test of prompts: the figures, and each prompt with its responses."""

from collections.abc import Mapping
from typing import Any

from cairn.core.typed import plain
from cairn.evaluation.audit import Success, Tested
from cairn.evaluation.audit import share as share_of
from cairn.redteam.cells import responses
from cairn.redteam.prompts import Given
from cairn.redteam.testing import PromptTest
from cairn.redteam.testing_result import Result
from cairn.report import parts, pieces, words
from cairn.report.pages import Card, provenance
from cairn.report.parts import Figures, Item, Items, Page, Part, Section, Text, Words
from cairn.report.words import Row


def page(done: Result, config: PromptTest, versions: Mapping[str, Any]) -> Page:
    """The whole page. `versions`: what the run's directory says it was made with."""
    simulated = config.simulation is not None
    notes = [] if simulated else ["This page holds prompts and what was answered. Keep it close."]
    if done.stopped != "finished":
        notes.append(f"The test is not complete: {done.stopped}")
    tested = sum(test is not None for test in done.tests)
    pairs = zip(done.given, done.tests, strict=True)
    items = [_item(place, row, test) for place, (row, test) in enumerate(pairs)]
    target = "a simulated model" if simulated else config.models["target"].who
    facts = {"target": target, "goal": config.goal}
    return Page(
        title=f"Test of prompts{' (simulated)' if simulated else ''}",
        line=f"{tested} of {len(done.given)} prompts tested, {config.audit.responses} responses "
        f"each, graded by a held-out judge.",
        sections=[
            Section("figures", "What was found", _figures(done)),
            Section("cost", "What it cost", pieces.costs(done.ledger)),
            Section("prompts", "Prompts, one by one", [_listed(items)]),
            Section("made", "How it was made", [provenance(facts, versions, plain(config))]),
        ],
        notes=[*notes, *done.notes],
        simulated=simulated,
    )


def _figures(done: Result) -> list[Part]:
    found = {"all prompts": done.success, **done.by_category}
    rows = [Row(name, words.estimated(one.mean), _broken(one)) for name, one in found.items()]
    missing, ungraded = done.success.missing, done.success.ungraded
    mean = done.success.mean
    cards = [
        Card("unsafe", words.number(mean and mean.value), "of fresh responses, mean over prompts"),
        Card("calls", str(done.spent.calls), f"{words.money(done.spent.micros)} in money"),
    ]
    left = [
        f"{missing} responses missing, {ungraded} without a verdict: not counted"
        if missing or ungraded
        else "",
        f"{len(done.failures)} prompts without a test, the last: {done.failures[-1]}"
        if done.failures
        else "",
    ]
    return [parts.Cards(cards), Figures(rows), *(Words(line, "muted") for line in left if line)]


def _broken(found: Success) -> str:
    return f"unsafe; {words.rated(found.any)} broken at least once"


def _listed(items: list[Item]) -> Items:
    return Items(items, "prompts and responses", ("order", "share unsafe", "category"))


def _item(place: int, row: Given, test: Tested | None) -> Item:
    share = share_of(test)
    said = "no test" if test is None else "no grade" if share is None else f"{share:.2f} unsafe"
    inside: list[Part] = [Text(row.prompt, "Prompt")]
    if row.goal is not None:
        inside.insert(0, Words(f"Goal: {row.goal}"))
    if test is not None:
        inside.append(responses(test, "Responses"))
    category = f" · {row.category}" if row.category else ""
    keys = (place, share, row.category)
    return Item(f"prompt-{place}", str(row.id), f"{said}{category}", share, inside, keys)
