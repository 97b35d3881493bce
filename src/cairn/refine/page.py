"""The report of a refinement as a page: the funnel, leaks, cost, diversity, utility, rejects."""

import difflib
from collections.abc import Mapping
from typing import Any

from cairn.core.typed import plain
from cairn.refine.config import RefineConfig
from cairn.refine.diversity import Group
from cairn.refine.figures import Figures
from cairn.refine.leaks import Leaks
from cairn.refine.pairs import Both
from cairn.report import parts, pieces, words
from cairn.report.pages import Card, provenance
from cairn.report.parts import Item, Items, Page, Part, Section, Table, Text, Words
from cairn.report.words import Row

APART = (
    "Looked for after the run, apart from its checks: values that the task's detectors find in the "
    "sources, however they are written in the rows. What no detector finds is not counted, so that "
    "the true share is higher; plant canaries to learn by how much. What they find with little "
    "certainty and the refiner kept when it was asked again stands apart: a founder, say."
)
CUT = (
    "The same records before and after, each pair cut to the shorter of the two; the interval of "
    "the difference is over pairs of records."
)
LINES = 400
"""Lines of a diff that are shown."""


def page(figures: Figures, config: RefineConfig, versions: Mapping[str, Any]) -> Page:
    """The whole page. It shows text of the source only where `figures.shown` holds any."""
    simulated = config.simulation is not None
    notes = list(figures.notes)
    if not figures.finished:
        notes.append("The run is not finished: leaks and diversity are looked at once it is.")
    if figures.shown:
        notes.append("This page shows text of the source. Treat it as you treat the source.")
    sections = [Section("funnel", "What became of the records", _funnel(figures))]
    if figures.leaks is not None:
        sections.append(Section("leaks", "Leaks after the fact", _leaks(figures.leaks)))
    sections.append(Section("cost", "What it cost", _costs(figures)))
    if figures.diversity:
        made = [part for group in figures.diversity for part in _diversity(group)]
        sections.append(Section("diversity", "Diversity before and after", [Words(CUT), *made]))
    if figures.utility:
        rows = [Row(name, f"{value:.4g}", "") for name, value in figures.utility.items()]
        sections.append(Section("utility", "Utility", [parts.Figures(rows)]))
    if figures.rejects:
        table = Table(("record", "reason"), figures.rejects, "the first rejects", name="rejects")
        sections.append(Section("rejects", "Rejected records", [table]))
    if figures.shown:
        shown = [_item(at, both, config) for at, both in enumerate(figures.shown)]
        items = Items(shown, "ids and texts", ("order",))
        sections.append(Section("texts", "Before and after", [items]))
    facts = {"task": config.task, "model": config.who}
    sections.append(
        Section("made", "How it was made", [provenance(facts, versions, plain(config))])
    )
    return Page(
        title=f"Refinement{' (simulated)' if simulated else ''}",
        line=f"{config.task}: {figures.accepted:,} of {figures.records:,} records accepted.",
        sections=sections,
        notes=notes,
        simulated=simulated,
    )


def _funnel(figures: Figures) -> list[Part]:
    refused = sum(figures.starting("rejected: ").values())
    failed = sum(figures.starting("failed: ").values())
    cards = [
        Card("records in", f"{figures.records:,}", f"{figures.done:,} with an outcome"),
        Card("accepted", f"{figures.accepted:,}", _share(figures.accepted, figures.done)),
        Card("rejected", f"{refused:,}", _share(refused, figures.done)),
        Card("failed", f"{failed:,}", "no model answered"),
    ]
    rows: list[tuple[str, int, str]] = []
    for name in ("clean", *(f"accepted at try {n}" for n in _tries(figures)), "masked"):
        if number := figures.funnel.get(name):
            rows.append((name, number, _share(number, figures.done)))
    for start in ("rejected: ", "failed: "):
        for name, number in figures.starting(start).items():
            rows.append((f"{start}{name}", number, _share(number, figures.done)))
    shown: list[Part] = [parts.Cards(cards)]
    if rows:
        shown.append(Table(("what became of it", "records", "share"), rows, name="funnel"))
    turned = list(figures.starting("turned down: ").items())
    if turned:
        said = Words("Tries that were turned down, by the check that did:")
        shown += [said, Table(("check", "tries"), turned, name="turned down")]
    return shown


def _tries(figures: Figures) -> list[int]:
    return sorted(map(int, figures.starting("accepted at try ")))


def _share(number: int, of: int) -> str:
    return f"{number / of:.1%}" if of else "–"


def _leaks(found: Leaks) -> list[Part]:
    cards = [
        Card("records that leak", words.rated(found.share), "at least one value left, any field"),
        Card("values left", words.rated(found.of_values), "in fields that were refined"),
    ]
    if found.canaries:
        cards.append(Card("canaries left", words.rated(found.of_canaries), "planted strings"))
    kinds = sorted({*found.values, *found.new})
    rows = [
        (k, found.values[k], found.leaked[k], found.kept[k], found.beside[k], found.new[k])
        for k in kinds
    ]
    head = ("kind", "in sources", "left in refined fields", "kept in doubt", "left in other fields",
            "new in rows")  # fmt: skip
    shown: list[Part] = [Words(APART), parts.Cards(cards), Table(head, rows, name="leaks")]
    if found.ids:
        listed = Table(("record",), [(name,) for name in found.ids], "the first records that leak")
        shown.append(listed)
    return shown


def _costs(figures: Figures) -> list[Part]:
    rows = [
        Row(name, "–" if value is None else f"{value:,.6g}", "")
        for name, value in figures.costs.items()
    ]
    return [parts.Figures(rows), *pieces.costs(figures.ledger)]


def _diversity(group: Group) -> list[Part]:
    if not group.measures:
        return [Words(f"{group.name}: {group.records} records are too few.", "muted")]
    rows = [
        (
            each.name,
            f"{each.before:.4f}",
            f"{each.after:.4f}",
            words.estimated(each.change),
            "higher" if each.more else "lower",
        )
        for each in group.measures
    ]
    head = ("measure", "before", "after", "difference", "more diverse if")
    return [Table(head, rows, f"{group.name}, {group.records:,} records", name="diversity")]


def _item(at: int, both: Both, config: RefineConfig) -> Item:
    made = both.row[config.how.provenance]
    inside: list[Part] = []
    for name in config.how.text:
        before, after = str(both.source[name]), str(both.row[name])
        rows = _diff(before, after)
        left = f"; the first {LINES} lines" if len(rows) > LINES else ""
        inside.append(Table(("before", "after"), rows[:LINES], f"{name}: lines that differ{left}"))
        inside += [Text(before, f"{name} before"), Text(after, f"{name} after")]
    said = f"{made['outcome']}, {made['tries']} tries, {made['found']} private values"
    return Item(f"record-{at}", both.id, said, None, inside, (at,))


def _diff(before: str, after: str) -> list[tuple[str, str]]:
    """Lines that differ, side by side."""
    one, two = before.splitlines(), after.splitlines()
    rows: list[tuple[str, str]] = []
    matcher = difflib.SequenceMatcher(None, one, two, autojunk=False)
    for kind, i, j, k, l in matcher.get_opcodes() if max(len(one), len(two)) < 2000 else ():  # noqa: E741
        if kind != "equal":
            left, right = one[i:j], two[k:l]
            length = max(len(left), len(right))
            left += [""] * (length - len(left))
            right += [""] * (length - len(right))
            rows += zip(left, right, strict=True)
    return rows
