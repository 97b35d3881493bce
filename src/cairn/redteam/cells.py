"""The elites behind the cells of the map: what each holds, and whom it descends from."""

from collections.abc import Iterator, Mapping

from cairn.evaluation.audit import Tested
from cairn.evaluation.audit import share as share_of
from cairn.lm.readings import FIRST, MISSING, SECOND, TIE
from cairn.redteam.run import Finished
from cairn.redteam.state import Entry
from cairn.report import pieces
from cairn.report.parts import Bullets, Item, Link, Node, Part, Text, Words
from cairn.report.pieces import answer
from cairn.report.tables import redacted

OURS_FIRST = {FIRST: "this", SECOND: "the other", TIE: "tie", MISSING: "no verdict"}
OURS_SECOND = {**OURS_FIRST, FIRST: "the other", SECOND: "this"}
VERDICTS = {True: "unsafe", False: "safe", None: "no verdict"}


def cell(done: Finished, entry: Entry, test: Tested | None, redact: bool) -> Item:
    """An elite: prompt, responses, verdicts, ancestry."""
    shown = redacted if redact else str
    share = share_of(test)
    ancestors = list(_ancestors(done, entry))
    seed = (ancestors[-1] if ancestors else entry).seed
    verdict = f"fitness {entry.fitness:.2f}" if share is None else f"{share:.2f} unsafe"
    inside: list[Part] = [
        Text(shown(entry.prompt), "Prompt"),
        Text(shown(entry.response), "Response in the search"),
    ]
    if test is not None:
        inside.append(responses(test, "Fresh responses", redact))
    inside += [
        _entered(done, entry),
        Bullets([_ancestor(done, one, redact) for one in ancestors], title="Ancestry"),
        Words(
            "Made from nothing." if seed is None else f"Made from the seed prompt “{shown(seed)}”."
        ),
        Words("", link=Link("back to the map", "#map")),
    ]
    return Item(
        f"cell-{entry.cell}",
        done.config.space.title(entry.cell),
        f"{verdict} · generation {len(ancestors)} · prompt {entry.id}",
        share,
        inside,
        (entry.cell, share, entry.fitness, len(ancestors), entry.id),
    )


def responses(test: Tested, title: str, redact: bool = False) -> Part:
    """Fresh responses, numbered from 0; of those equal in text and verdict one, with how many."""
    alike: dict[object, list[int]] = {}
    for place, (response, unsafe) in enumerate(zip(test.responses, test.unsafe, strict=True)):
        alike.setdefault(place if response is None else (response, unsafe), []).append(place)
    if len(alike) == len(test.responses):
        rows = [_responded(test, place, redact=redact) for (place,) in alike.values()]
        return Bullets(rows, start=0, title=title)
    # A list would number them anew: verdicts go by the number of a response.
    rows = [_responded(test, *places, redact=redact, numbered=True) for places in alike.values()]
    return Bullets(rows, ordered=False, title=title)


def _responded(
    test: Tested, place: int, *others: int, redact: bool, numbered: bool = False
) -> list[Part]:
    """A fresh response: its verdict, what the search's scorer said, the response itself."""
    response, unsafe = test.responses[place], test.unsafe[place]
    number = ", ".join(map(str, (place, *others))) + ": " if numbered else ""
    if response is None:
        why = "" if redact else f": {test.missing[place]}"
        return answer(None, f"{number}no response{why}")
    scores = dict.fromkeys(test.scored[one] for one in (place, *others))
    told = " and ".join(f"{score:.2f}" for score in scores if score is not None)
    said = VERDICTS[unsafe] + (f", search's scorer {told}" if told else "")
    times = f", {1 + len(others)} times the same" if others else ""
    shown = redacted(response) if redact else response
    return answer(shown, f"{number}{said}{times}", bad=unsafe is True)


def _entered(done: Finished, entry: Entry) -> Part:
    """How it came into the archive: by votes, or without a contest."""
    oracle = done.config.search.acceptance == "oracle"
    if not entry.votes:
        return Words(f"It entered {'as a stepping stone' if oracle else 'without a contest'}.")
    other = "the oracle's answer" if oracle else f"that of prompt {entry.beaten}"
    votes = [
        [Words(f"this shown first: {OURS_FIRST[a]}; this shown second: {OURS_SECOND[b]}")]
        for a, b in entry.votes
    ]
    return Bullets(votes, ordered=False, title=f"Verdicts: is this response worse, or {other}?")


def _ancestor(done: Finished, entry: Entry, redact: bool) -> list[Part]:
    title, link = done.config.space.title(entry.cell), None
    said = f"prompt {entry.id}, fitness {entry.fitness:.2f}"
    if _held(done, entry):
        link = Link(title, f"#cell-{entry.cell}")
    return [
        Words(f"{said}:" if link else f"{said}: {title}", link=link),
        Text(redacted(entry.prompt) if redact else entry.prompt),
    ]


def _ancestors(done: Finished, entry: Entry) -> Iterator[Entry]:
    """From the parent to the first ancestor."""
    while entry.parent is not None:
        entry = done.state.entries[entry.parent]
        yield entry


def _held(done: Finished, entry: Entry) -> bool:
    """Whether it still holds its cell, and so has a place on the page."""
    holder = done.state.elite(entry.cell)
    return holder is not None and holder.id == entry.id


def descent(done: Finished, tests: Mapping[int, Tested]) -> list[Part]:
    """The elites and all they descend from; of too many those whose targets gave in most."""
    nodes = {str(name): _node(done, one, tests) for name, one in sorted(done.state.entries.items())}
    worst = lambda e: (-(share_of(tests.get(e.id)) or 0), -e.fitness, e.id)  # noqa: E731
    return pieces.descent(nodes, [str(one.id) for one in sorted(done.state.held(), key=worst)])


def _node(done: Finished, entry: Entry, tests: Mapping[int, Tested]) -> Node:
    share, held = share_of(tests.get(entry.id)), _held(done, entry)
    said = f"fitness {entry.fitness:.2f}" if share is None else f"{share:.2f} unsafe"
    return Node(
        str(entry.id),
        None if entry.parent is None else str(entry.parent),
        done.config.space.title(entry.cell),
        f"prompt {entry.id}, {said}{'' if held else ', replaced'}",
        f"#cell-{entry.cell}" if held else "",
        "bad" if share is not None and share > 0.5 else "plain",
    )
