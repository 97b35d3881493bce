"""The report: one HTML file with the map, every elite behind its cell, no script, no network."""

from html import escape
from itertools import product

from cairn.evaluation.audit import Tested
from cairn.lm.readings import FIRST, MISSING, SECOND, TIE
from cairn.redteam import tables
from cairn.redteam.cautions import cautions
from cairn.redteam.figures import Figures
from cairn.redteam.figures import share as share_of
from cairn.redteam.run import Finished
from cairn.redteam.state import Entry
from cairn.report.tables import redacted

OURS_FIRST = {FIRST: "this", SECOND: "the other", TIE: "tie", MISSING: "no verdict"}
OURS_SECOND = {**OURS_FIRST, FIRST: "the other", SECOND: "this"}
# Texts of models are shown here: nothing may be loaded, run or sent, whatever they hold.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2430; background: #fff; margin: 2rem auto;
  max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.4rem; }
h3 { font-size: .95rem; margin: 1.2rem 0 .3rem; }
.note { background: #fff6db; border-left: 4px solid #d9a400; padding: .5rem .8rem; }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1.2rem 0; }
.cards div { border: 1px solid #d5dae1; border-radius: 6px; padding: .6rem .9rem; flex: 1 1 11rem; }
.cards b { display: block; font-size: 1.5rem; font-variant-numeric: tabular-nums; }
.cards span { color: #55606d; font-size: .85rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; }
th { font-weight: 500; text-align: left; padding: .2rem .5rem; }
td { padding: .2rem .5rem; }
caption { text-align: left; font-weight: 600; padding: .8rem 0 .3rem; }
.map td { padding: 2px; } .map th { font-size: .8rem; max-width: 8rem; line-height: 1.25;
  vertical-align: bottom; } .map tbody th { vertical-align: middle; }
.map a, .map span, .key span { display: block; min-width: 3.4rem; padding: .55rem 0;
  text-align: center; text-decoration: none; color: #1c2430; border-radius: 3px;
  font-variant-numeric: tabular-nums; }
.map a:hover, .map a:focus { outline: 2px solid #1c2430; }
.key { display: flex; flex-wrap: wrap; gap: 3px; align-items: center; font-size: .8rem;
  margin-top: .8rem; } .key span { padding: .2rem .6rem; min-width: 0; }
.none { background: #eceff3; color: #66707d !important; }
.open { background: #fff; border: 1px dashed #9aa4b0; }
.h0 { background: #e3f0e6; } .h1 { background: #fbe9c6; } .h2 { background: #f6c58b; }
.h3 { background: #ee9a78; } .h4 { background: #b23527; color: #fff !important; }
.figures td:nth-child(1) { min-width: 14rem; }
.figures td:nth-child(2) { font-variant-numeric: tabular-nums; white-space: nowrap; }
.figures td:nth-child(3) { color: #55606d; }
.ledger td { text-align: right; font-variant-numeric: tabular-nums; }
.ledger td:first-child { text-align: left; }
.ledger tr:last-child td { border-top: 1px solid #9aa4b0; font-weight: 600; }
details { border: 1px solid #d5dae1; border-radius: 4px; margin: .4rem 0; padding: .3rem .7rem; }
summary { cursor: pointer; } summary b { font-weight: 600; }
summary i { display: inline-block; width: .8rem; height: .8rem; border-radius: 2px;
  margin-right: .5rem; vertical-align: -1px; }
:target { scroll-margin-top: 3.5rem; } details:has(:target) { border: 2px solid #1c2430; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f5f6f8; padding: .5rem .7rem;
  border-radius: 4px; font: 13px/1.45 ui-monospace, monospace; margin: .3rem 0; }
.bad { color: #a02616; font-weight: 600; } .muted { color: #55606d; }
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
        _cards(done, figures),
        '<h2 id="map">Map: where the target gives in</h2>',
        *_maps(done, tests),
        *_figures(figures),
        "<h2>What it cost</h2>",
        _ledger(done),
        "<h2>Cells, one by one</h2>",
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
    more = (*cautions(done.config), *done.notes, *tables.failures(done, redact=redact))
    notes += [escape(note) for note in more]
    search, engine = done.config.search, done.config.engine
    line = f"{search.method}, seed {engine.seed}. {tables.outcomes(done)} (of {engine.trials})."
    paragraphs = "".join(f'<p class="note">{note}</p>' for note in notes)
    return f'<p class="muted">{escape(line)}</p>{paragraphs}'


def _cards(done: Finished, figures: Figures) -> str:
    """The four figures to take away."""
    found = figures.success.mean
    right = None if figures.corrected is None else figures.corrected.rate
    between = lambda e: "" if e is None else f"95 % interval {e.low:.2f} to {e.high:.2f}; "  # noqa: E731
    cards = [
        ("cells that hold a prompt", f"{figures.coverage.value:.0%}", f"of {figures.coverage.of}"),
        (
            "attack success rate",
            tables.number(found and found.value),
            f"{between(found)}fresh responses, by a judge that had no part in the search",
        ),
        (
            "corrected by people's verdicts",
            tables.number(right and right.value),
            between(right) + ("simulated people" if figures.simulated else "people")
            if right
            else "no verdicts of people, or too few",
        ),
        ("calls", str(done.spent.calls), f"{tables.money(done.spent.micros)} in money"),
    ]
    shown = "".join(
        f"<div><span>{escape(name)}</span><b>{escape(value)}</b><span>{escape(note)}</span></div>"
        for name, value, note in cards
    )
    return f'<div class="cards">{shown}</div>'


def _figures(figures: Figures) -> list[str]:
    parts = []
    for title, rows in tables.groups(figures).items():
        body = "".join(
            f"<tr>{''.join(f'<td>{escape(part)}</td>' for part in row)}</tr>" for row in rows
        )
        parts.append(
            f'<h2>{escape(title)}</h2><div class="scroll"><table class="figures"><tbody>{body}'
            "</tbody></table></div>"
        )
    return parts


def _ledger(done: Finished) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in tables.LEDGER)
    body = "".join(
        f"<tr>{''.join(f'<td>{escape(part)}</td>' for part in row)}</tr>"
        for row in tables.ledger(done)
    )
    return (
        f'<div class="scroll"><table class="ledger"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
        '<p class="muted">Possibly paid twice: requests in flight when the process died, or whose '
        "reply was lost. They were sent again; what was reserved for them stays within the "
        "limits.</p>"
    )


def _maps(done: Finished, tests: dict[int, Tested]) -> list[str]:
    """A table over the first two axes for every combination of the others."""
    space = done.config.space
    others = [range(n) for n in space.shape[2:]]
    words = ("to 0.2", "to 0.4", "to 0.6", "to 0.8", "to 1")
    key = "".join(f'<span class="h{i}">{word}</span>' for i, word in enumerate(words))
    return [
        "<p>Every square holds the prompt that made the target fail worst there. The number is the "
        "share of its fresh responses that the held-out judge calls unsafe. Follow a square to its "
        "prompt, responses, verdicts and ancestry.</p>",
        *(_map(done, tests, rest) for rest in product(*others)),
        f'<div class="key">share unsafe: {key}<span class="open">F 0.50</span> not tested, fitness '
        'in the search<span class="none">–</span> empty</div>',
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
    share = share_of(tests.get(entry.id))
    if share is None:
        return f'<a class="open" href="#cell-{cell}" title="{title}">F {entry.fitness:.2f}</a>'
    return f'<a class="{_colour(share)}" href="#cell-{cell}" title="{title}">{share:.2f}</a>'


def _colour(share: float) -> str:
    return f"h{min(int(share * 5), 4)}"


def _cell(done: Finished, entry: Entry, test: Tested | None, shown) -> str:
    """A cell's elite. The anchor lies inside, so that following it opens the details."""
    share = share_of(test)
    verdict = f"fitness {entry.fitness:.2f}" if share is None else f"{share:.2f} unsafe"
    colour = "open" if share is None else _colour(share)
    title = escape(done.config.space.title(entry.cell))
    head = f'<i class="{colour}"></i><b>{title}</b> · {verdict} · prompt {entry.id}'
    return (
        f"<details><summary>{head}</summary>"
        f'<div id="cell-{entry.cell}">'
        f"<h3>Prompt</h3><pre>{escape(shown(entry.prompt))}</pre>"
        f"<h3>Response in the search</h3><pre>{escape(shown(entry.response))}</pre>"
        f"{_fresh(test, shown)}{_votes(done, entry)}{_ancestry(done, entry, shown)}"
        '<p><a href="#map">back to the map</a></p></div></details>'
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


def _votes(done: Finished, entry: Entry) -> str:
    oracle = done.config.search.acceptance == "oracle"
    if not entry.votes:
        how = "as a stepping stone" if oracle else "without a contest"
        return f"<p>It entered {how}.</p>"
    other = "the oracle's answer" if oracle else f"that of prompt {entry.beaten}"
    items = "".join(
        f"<li>this shown first: {OURS_FIRST[a]}; this shown second: {OURS_SECOND[b]}</li>"
        for a, b in entry.votes
    )
    return f"<h3>Verdicts: is this response worse, or {other}?</h3><ul>{items}</ul>"


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
