"""What a page says of a journal: figures, tables and charts, made of what was read."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from cairn.core.budget import Amount, total
from cairn.core.console import rate
from cairn.core.units import duration
from cairn.report.pages import Card
from cairn.report.parts import Cards, Notes, Part, Section, Table, Words
from cairn.report.tables import redacted
from cairn.report.words import moment, money
from cairn.runs.directory import JOURNAL
from cairn.view.journal_books import Books, Flight, Line
from cairn.view.journal_pace import Pace
from cairn.view.journal_tally import Tally

FAILURES = 200
"""Rows of failures that are shown."""
SESSIONS = 50
NO_OUTCOME = (
    "Of requests without an outcome nobody knows whether they were paid: what was reserved for "
    "them stays in the budget, and they were made again."
)


class Known(NamedTuple):
    """What a look, and those before it, have seen."""

    problems: tuple[str, ...]
    running: bool | None
    redact: bool
    books: Mapping[str, Books]
    """By journal: the run's first, then those of shards in other processes."""
    left_out: int
    """Shard journals that were not read."""
    tally: Tally
    pace: Pace
    files: list[tuple[str, int]]


def sections(known: Known) -> list[Section]:
    """Sections whose anchors begin with `journal`; one with the problem alone if there is one."""
    notes = [Notes(known.problems)] if known.problems else []
    if not known.books:
        return [Section("journal", "Journal", notes or [Words("There is no journal yet.")])]
    found = [
        Section("journal", "Calls", [*notes, *_calls(known)]),
        Section("journal-spent", "What was spent", list(_spent(known))),
        Section("journal-flight", "In flight", list(_flight(known))),
        Section("journal-failures", "What failed", list(_failures(known))),
        Section("journal-events", "Events", list(_events(known))),
        Section("journal-sessions", "Sessions", list(_sessions(known))),
        Section("journal-files", "On disk", [_files(known.files)]),
    ]
    return [section for section in found if section.parts]


def size(number: int) -> str:
    """Bytes in words: 812 B, 1.4 MB."""
    value, unit = float(number), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if value < 999.5:
            break
        value, unit = value / 1000, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.5 else f"{value:.3g} {unit}"


def _calls(known: Known) -> Iterator[Part]:
    books = list(known.books.values())
    lines = [line for book in books for line in book.lines]
    seconds = sum(session.seconds for session in books[0].sessions)
    answered = sum(book.answered for book in books)
    again = sum(line.refused + line.lost for line in lines)
    spent = total(line.spent for line in lines)
    rates = known.pace.per_second()
    mean = "in less than a second"
    if seconds >= 1:
        mean = f"{rate(answered / seconds)} over {duration(seconds)}"
    cards = [
        Card("calls answered", f"{answered:,}", mean),
        Card("in flight", f"{sum(book.in_flight for book in books):,}", _whose(known)),
        Card("brought no answer", f"{again:,}", "turned away, or lost on the wire"),
        Card("tokens", f"{spent.tokens:,}", f"{money(spent.micros)} in money"),
    ]
    if known.running is not False and rates:
        cards.insert(1, Card("calls per second now", rate(rates[-1][1]), "since the last look"))
    yield Cards(cards)
    yield from known.pace.charts() if known.running is not False else ()
    yield Words(
        "The journal keeps no clock for a single call: the mean is over the running time that it "
        "notes, and a chart shows what came in while this page was looked at.",
        "muted",
    )
    if known.left_out:
        yield Words(f"{known.left_out:,} more journals of shards are not counted here.", "note")


def _whose(known: Known) -> str:
    if known.running is False:
        open_now = any(book.in_flight for book in known.books.values())
        return "when the last process ended; perhaps paid" if open_now else "nobody works on it"
    return "requests that have left and are not settled"


def _spent(known: Known) -> Iterator[Part]:
    """A row for each stage and role, and the sum."""
    merged: dict[tuple[str, str], Line] = {}
    for book in known.books.values():
        for line in book.lines:
            key = line.stage, line.role
            merged[key] = _added(merged[key], line) if key in merged else line
    lines = [line for _, line in sorted(merged.items())]
    if not lines:
        yield Words("Nothing was asked yet.")
        return
    together = lines[0]
    for line in lines[1:]:
        together = _added(together, line)
    together = together._replace(stage="together", role="")
    programs = together.spent.cpu_ms or together.spent.wall_ms
    head = ["stage", "role", "answered", "turned away", "without an outcome", "tokens", "money"]
    head += ["processor", "programs ran"] if programs else []
    head += ["kept for those without an outcome"] if together.lost else []
    rows = [_row(line, bool(programs))[: len(head)] for line in [*lines, together]]
    yield Table(head, rows, total=True, name="spent")
    if together.lost:
        yield Words(NO_OUTCOME, "muted")


def _added(one: Line, other: Line) -> Line:
    return Line(
        one.stage,
        one.role,
        one.answered + other.answered,
        one.refused + other.refused,
        one.lost + other.lost,
        one.spent.plus(other.spent),
        one.kept.plus(other.kept),
    )


def _row(line: Line, programs: bool) -> list[str | int | float | None]:
    spent = line.spent
    times = [duration(spent.cpu_ms / 1000), duration(spent.wall_ms / 1000)] if programs else []
    kept = f"{line.kept.tokens:,} tokens, {money(line.kept.micros)}" if line.lost else None
    return [
        line.stage, line.role, line.answered, line.refused, line.lost, spent.tokens,
        spent.micros / 1e6, *times, kept,
    ]  # fmt: skip


def _flight(known: Known) -> Iterator[Part]:
    merged: dict[tuple[str, str], tuple[int, Amount]] = {}
    for flight in (flight for book in known.books.values() for flight in book.flights):
        count, reserved = merged.get((flight.stage, flight.role), (0, Amount()))
        merged[flight.stage, flight.role] = count + flight.requests, reserved.plus(flight.reserved)
    flights = [Flight(*key, *sums) for key, sums in sorted(merged.items())]
    if flights:
        rows = [
            (f.stage, f.role, f.requests, f.reserved.tokens, f.reserved.micros / 1e6)
            for f in flights
        ]
        head = ("stage", "role", "requests", "tokens reserved", "money reserved")
        yield Table(head, rows, name="in-flight")
        if known.running is False:
            yield Words(f"Nobody works on the run: these had left when it ended. {NO_OUTCOME}")
    waiting = sum(book.waiting for book in known.books.values())
    if waiting:
        yield Words(f"{waiting:,} outcomes of trials have arrived and wait for their turn.")
    shards = [(name, books) for name, books in known.books.items() if name != JOURNAL]
    if shards:
        rows = [
            (name.rpartition("/")[2], book.answered, book.in_flight, _tokens(book))
            for name, book in shards
        ]
        head = ("shard in another process", "answered", "in flight", "tokens")
        yield Table(head, rows, name="shards")


def _tokens(books: Books) -> int:
    return sum(line.spent.tokens for line in books.lines)


def _failures(known: Known) -> Iterator[Part]:
    found = sorted(known.tally.failures.items(), key=lambda pair: -pair[1].trials)
    rows = [
        (
            stage, error, "took too long" if kind == "timeout" else "failed", failure.trials,
            failure.trial, redacted(failure.message) if known.redact else failure.message,
        )
        for (stage, kind, error), failure in found[:FAILURES]
    ]  # fmt: skip
    if rows:
        head = ("stage", "error", "what", "trials", "the last", "what it said")
        yield Table(head, rows, name="failures")
        if len(found) > FAILURES:
            yield Words(f"{len(found) - FAILURES:,} more errors are not shown.", "muted")
    shards = known.tally.shards.values()
    if any(shard.rejected or shard.failed for shard in shards):
        rejected, failed = (
            sum(getattr(s, name) for s in shards) for name in ("rejected", "failed")
        )
        yield Words(
            f"Items of finished shards: {rejected:,} were rejected by the work, {failed:,} got no "
            f"answer that could be read. The file of rejects beside the results says why."
        )


def _events(known: Known) -> Iterator[Part]:
    tally = known.tally
    rows = [(stage, kind, count) for (stage, kind), count in sorted(tally.counts.items())]
    if rows:
        yield Table(("stage", "kind", "events"), rows, name="events")
    if tally.more:
        yield Words(f"{tally.counted:,} of {tally.newest:,} events are counted so far.", "note")


def _sessions(known: Known) -> Iterator[Part]:
    main = next(iter(known.books.values()))
    if main.notes:
        yield Notes(main.notes)
    rows = [
        (number, moment(session.started), round(session.seconds, 2))
        for number, session in enumerate(main.sessions, 1)
    ]
    if rows:
        left = f"The last {SESSIONS} of {len(rows):,}." if len(rows) > SESSIONS else ""
        head = ("session", "begun", "seconds")
        yield Table(head, rows[-SESSIONS:], caption=left, name="sessions")


def _files(files: list[tuple[str, int]]) -> Part:
    rows = list(files)
    whole = sum(number for _, number in files)
    return Table(
        ("file", "bytes"), [*rows, ("together", whole)], total=True,
        name="files",
    )  # fmt: skip
