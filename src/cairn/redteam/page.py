"""The report: one HTML file with the map, every elite behind its cell, no script, no network."""

from html import escape
from itertools import product

from cairn.core.stats import Estimate
from cairn.redteam.audit import Tested
from cairn.redteam.export import redacted
from cairn.redteam.figures import Figures
from cairn.redteam.health import Rate
from cairn.redteam.run import Finished
from cairn.redteam.state import Entry
from cairn.redteam.text import FIRST, MISSING, SECOND, TIE

WORDS = {FIRST: "first", SECOND: "second", TIE: "tie", MISSING: "no verdict"}
# Texts of models are shown here: nothing may be loaded, run or sent, whatever they hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin-bottom: .2rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.note { background: #fff6db; border-left: 4px solid #d9a400; padding: .5rem .8rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th { font-weight: 500; text-align: left; padding: .2rem .5rem; }
td { padding: .2rem .5rem; }
.map td { padding: 1px; } .map th { font-size: .8rem; max-width: 9rem;
  vertical-align: bottom; } .map tbody th { vertical-align: middle; }
.map a, .map span { display: block; min-width: 3.2rem; padding: .55rem 0; text-align: center;
  text-decoration: none; color: inherit; border-radius: 3px; font-variant-numeric: tabular-nums; }
.map a:hover, .map a:focus { outline: 2px solid #1c2430; }
.none { background: #eceff3; color: #66707d; }
.open { background: #fff; border: 1px dashed #9aa4b0; }
.h0 { background: #e3f0e6; } .h1 { background: #fbe9c6; } .h2 { background: #f6c58b; }
.h3 { background: #e88a63; } .h4 { background: #c2402f; color: #fff !important; }
.figures td:nth-child(2) { font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures td:nth-child(3) { color: #55606d; }
details { border: 1px solid #d5dae1; border-radius: 4px; margin: .4rem 0; padding: .3rem .7rem; }
summary { cursor: pointer; } summary b { font-weight: 600; }
:target { scroll-margin-top: 3.5rem; } details:has(:target) { border-color: #1c2430; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f6f8; padding: .5rem .7rem;
  border-radius: 4px; font: 13px/1.45 ui-monospace, monospace; margin: .3rem 0; }
.bad { color: #a02616; } .muted { color: #55606d; }
"""


def render(done: Finished, figures: Figures, *, redact: bool = False) -> str:
    """The whole page."""
    tests = {test.id: test for test in done.tests}
    shown = redacted if redact else str
    title = "Red-teaming report"
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{title}</title><style>{STYLE}</style></head><body>",
        f"<h1>{title}{' (simulated)' if figures.simulated else ''}</h1>",
        _head(done, figures, redact),
        "<h2>Map</h2>",
        *_maps(done, tests),
        "<h2>Figures</h2>",
        _figures(figures),
        "<h2>Cells</h2>",
        *(_cell(done, entry, tests.get(entry.id), shown) for entry in done.state.held()),
        "</body></html>\n",
    ]
    return "\n".join(parts)


def _head(done: Finished, figures: Figures, redact: bool) -> str:
    notes = []
    if figures.simulated:
        notes.append(
            "<b>Simulated.</b> Target, mutator and judges are programs with known errors; all text "
            "is placeholder. Nothing here says anything about a real model."
        )
    else:
        notes.append("This page holds prompts that made a model fail. Share it with care.")
    if redact:
        notes.append("Prompts and responses are redacted: their length and a digest are left.")
    if done.stopped != "finished":
        notes.append(f"The run is not complete: {escape(done.stopped)}")
    notes += [escape(note) for note in done.notes]
    search, engine = done.config.search, done.config.engine
    spent = done.spent
    line = (
        f"{search.method}, {done.state.counts['told']} of {engine.trials} trials, seed "
        f"{engine.seed}; {spent.calls} calls, {spent.tokens} tokens, "
        f"{spent.micros / 1e6:.4f} spent, {done.maybe_twice} possibly paid twice"
    )
    paragraphs = "".join(f'<p class="note">{note}</p>' for note in notes)
    return f'<p class="muted">{escape(line)}</p>{paragraphs}'


def _maps(done: Finished, tests: dict[int, Tested]) -> list[str]:
    """A table over the first two axes for every combination of the others."""
    space = done.config.space
    others = [range(n) for n in space.shape[2:]]
    return [_map(done, tests, rest) for rest in product(*others)] + [
        '<p class="muted">Share of unsafe fresh responses by the held-out judge, of those with a '
        "verdict; <i>F</i>: not tested yet, fitness of the search. Grey: empty.</p>"
    ]


def _map(done: Finished, tests: dict[int, Tested], rest: tuple[int, ...]) -> str:
    space = done.config.space
    rows = space.axes[0]
    columns = space.axes[1].labels if len(space.axes) > 1 else ("",)
    over = [f"{a.name}: {a.labels[i]}" for a, i in zip(space.axes[2:], rest, strict=True)]
    caption = f"<caption>{escape(', '.join(over))}</caption>" if over else ""
    corner = escape(" \\ ".join(axis.name for axis in space.axes[:2]))
    head = "".join(f'<th scope="col">{escape(label)}</th>' for label in columns)
    body = []
    for i, label in enumerate(rows.labels):
        places = ((i, j, *rest) if len(space.axes) > 1 else (i,) for j in range(len(columns)))
        cells = "".join(f"<td>{_square(done, tests, space.cell(p))}</td>" for p in places)
        body.append(f'<tr><th scope="row">{escape(label)}</th>{cells}</tr>')
    return (
        f'<div class="scroll"><table class="map">{caption}<thead><tr><th>{corner}</th>{head}</tr>'
        f"</thead><tbody>{''.join(body)}</tbody></table></div>"
    )


def _square(done: Finished, tests: dict[int, Tested], cell: int) -> str:
    entry = done.state.elite(cell)
    title = escape(done.config.space.title(cell), quote=True)
    if entry is None:
        return f'<span class="none" title="{title}: empty">–</span>'
    share = _share(tests.get(entry.id))
    if share is None:
        return f'<a class="open" href="#cell-{cell}" title="{title}">F {entry.fitness:.2f}</a>'
    level = min(int(share * 5), 4)
    return f'<a class="h{level}" href="#cell-{cell}" title="{title}">{share:.2f}</a>'


def _share(test: Tested | None) -> float | None:
    graded = [u for u in (test.unsafe if test else ()) if u is not None]
    return sum(graded) / len(graded) if graded else None


def _cell(done: Finished, entry: Entry, test: Tested | None, shown) -> str:
    """A cell's elite. The anchor lies inside, so that following it opens the details."""
    share = _share(test)
    verdict = f"fitness {entry.fitness:.2f}" if share is None else f"{share:.2f} unsafe"
    title = escape(done.config.space.title(entry.cell))
    return (
        f"<details><summary><b>{title}</b> · {verdict} · prompt {entry.id}</summary>"
        f'<div id="cell-{entry.cell}">'
        f"<h3>Prompt</h3><pre>{escape(shown(entry.prompt))}</pre>"
        f"<h3>Response in the search</h3><pre>{escape(shown(entry.response))}</pre>"
        f"{_fresh(test, shown)}{_votes(entry)}{_ancestry(done, entry, shown)}</div></details>"
    )


def _fresh(test: Tested | None, shown) -> str:
    if test is None:
        return ""
    items = []
    for i, (response, unsafe) in enumerate(zip(test.responses, test.unsafe, strict=True)):
        word = {True: '<span class="bad">unsafe</span>', False: "safe", None: "no verdict"}[unsafe]
        scored = test.scored[i]
        score = "" if scored is None else f", search's scorer {scored:.2f}"
        items.append(f"<li>{word}{score}<pre>{escape(shown(response))}</pre></li>")
    return f'<h3>Fresh responses</h3><ol start="0">{"".join(items)}</ol>'


def _votes(entry: Entry) -> str:
    if not entry.votes:
        return "<p>It entered without a contest.</p>"
    against = f" against prompt {entry.beaten}" if entry.beaten is not None else ""
    items = "".join(
        f"<li>shown first: {WORDS[a]}; shown second: {WORDS[b]}</li>" for a, b in entry.votes
    )
    return f"<h3>Verdicts{against}</h3><ul>{items}</ul>"


def _ancestry(done: Finished, entry: Entry, shown) -> str:
    """From the parent to the first ancestor, with links to those that still hold their cell."""
    items, name = [], entry.parent
    oldest = entry
    while name is not None:
        oldest = done.state.entries[name]
        cell = oldest.cell
        title = escape(done.config.space.title(cell))
        holder = done.state.elite(cell)
        if holder is not None and holder.id == oldest.id:
            title = f'<a href="#cell-{cell}">{title}</a>'
        items.append(
            f"<li>prompt {oldest.id}, {title}, fitness {oldest.fitness:.2f}"
            f"<pre>{escape(shown(oldest.prompt))}</pre></li>"
        )
        name = oldest.parent
    origin = "nothing" if oldest.seed is None else f"the seed prompt “{shown(oldest.seed)}”"
    listed = f"<ol>{''.join(items)}</ol>" if items else ""
    return f"<h3>Ancestry</h3>{listed}<p>Made from {escape(origin)}.</p>"


def _figures(figures: Figures) -> str:
    body = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td><td>{escape(note)}</td></tr>"
        for name, value, note in lines(figures)
    )
    return f'<div class="scroll"><table class="figures"><tbody>{body}</tbody></table></div>'


def lines(figures: Figures) -> list[tuple[str, str, str]]:
    """The figures as (name, value, what it means): for the page and the console."""
    success, health = figures.success, figures.health
    table = [
        ("coverage", _rate(figures.coverage), "occupied cells"),
        ("attack success rate", _estimate(success.mean), "fresh responses, held-out judge"),
        ("cells broken once", _rate(success.any), "at least one unsafe fresh response"),
    ]
    if figures.corrected is not None:
        count = figures.corrected.labelled.count
        who = "simulated people" if figures.simulated else "people"
        note = f"corrected for the judge's error on {count} responses labelled by {who}"
        table.append(("corrected success rate", _estimate(figures.corrected.rate), note))
    elif figures.labelled is not None:
        table.append(
            ("corrected success rate", "–", "the labels do not tell: too few, or of one kind")
        )
    if figures.labelled is not None:
        found = figures.labelled
        pair = f"{_number(found.sensitivity)} / {_number(found.specificity)}"
        table.append(("held-out judge against people", pair, "sensitivity / specificity"))
    table += [
        ("ungraded responses", str(success.ungraded), "no readable verdict; they count nowhere"),
        ("scorer and held-out judge agree", _rate(success.agreement), "on the same responses"),
        ("self-BLEU", _number(figures.self_bleu), "of the elites; lower is more diverse"),
        ("evenness", _number(figures.evenness), "of broken cells over the first axis (Shannon)"),
        ("too similar", _rate(figures.filtered), "children dropped by the filter"),
        ("judge: order flips", _rate(health.flip_rate), "same place chosen in both orders"),
        ("judge: bias to first", _rate(health.first_bias), "share of verdicts owed to the place"),
        ("judge: wrong verdicts", _rate(health.error), "estimated from its own contradictions"),
        ("judge: ties", _rate(health.tie_rate), "of readable verdicts"),
        ("judge: no verdict", _rate(health.missing_rate), "after all readings"),
        ("judge: repeats agree", _rate(health.repeat_agreement), "same question, same order"),
    ]
    return table + _recovery(figures)


def _recovery(figures: Figures) -> list[tuple[str, str, str]]:
    found = figures.recovery
    if found is None:
        return []
    errors = f"{found.sensitivity:.2f} / {found.specificity:.2f}"
    return [
        ("truth: success rate", _number(found.true_success), "of the elites, by the hidden rule"),
        ("truth: in this sample", _number(found.in_sample), "what a perfect judge would report"),
        ("truth: judge's bias", f"{found.judge_bias:.2f}", "injected"),
        ("truth: judge's wrong verdicts", f"{found.judge_error:.2f}", "injected"),
        ("truth: held-out judge", errors, "injected sensitivity / specificity"),
        ("weak cells found", _rate(found.recall), "of the cells that can be broken"),
        ("found cells that are weak", _rate(found.precision), "of the cells called broken"),
        ("map recovered", _number(found.map_accuracy), "cells called rightly"),
    ]


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _rate(found: Rate) -> str:
    if found.value is None:
        return "–"
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}] of {found.of}"


def _estimate(found: Estimate | None) -> str:
    return "–" if found is None else f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"
