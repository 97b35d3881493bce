"""The lines of a growing file, thinned: few enough to draw, read anew only where they are new.

Of a long file some lines are kept, evenly spread, the newest among them; and besides them the
lines with a test during training, thinned alike. What was read once is not read again, unless the
file was cut, as a resumed run does.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from cairn.core.errors import reason
from cairn.view.reading import UnreadableError, open_plain
from cairn.view.rows import Row, Shape, is_metrics, parse_all, shape_of
from cairn.view.sampling import sample
from cairn.view.scanning import Found, scan

KEPT = 2_048
"""Most lines that are kept evenly spread, and most of those with a test."""
TEXT, LEAST = 4 * 2**20, 16
"""Bytes of lines that are kept of either: of a run of many seeds, which has long ones, there are
fewer, but so many."""
TAIL = 2**18
"""Bytes at the end of the file in which its newest lines are looked for."""
LONG = 4 * 2**20
"""Bytes of a stretch of which not every line is read."""


class Seen(NamedTuple):
    """What tells whether a file is the one that was read, only longer."""

    inode: int
    size: int
    changed: int
    end: bytes
    """The last bytes that were read as lines."""


class Lines:
    """The lines of a run's `metrics.jsonl`; `tail` is for any file of lines."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self._forget()

    def _forget(self) -> None:
        self._plain, self._tested = Spread(), Spread()
        self._shape: Shape | None = None
        self._seen: Seen | None = None
        self._end = 0
        self.rows: Sequence[Row] = ()
        """The kept lines, oldest first."""
        self.count = 0
        """All complete lines of the file."""
        self.about = False
        """Whether that is an estimate: a long file is not read as a whole."""
        self.damaged = 0
        """Of those that were read, lines that are none of a run."""
        self.half = False
        """Whether the file ends in half a line, as one that is being written may."""
        self._missing = ""

    @property
    def problem(self) -> str:
        """What is wrong with the file, in a line; empty if nothing is."""
        if self._missing or not self.damaged:
            return self._missing
        lines = "line is" if self.damaged == 1 else "lines are"
        return (
            f"{self.damaged} {lines} damaged in {self.path.name}, of those that were read, and "
            f"left out."
        )

    def refresh(self) -> bool:
        """Read what is new; returns whether anything changed."""
        try:
            file = open_plain(self.path)
        except UnreadableError as error:
            changed = self._missing != str(error)
            self._forget()
            self._missing = str(error)
            return changed
        try:
            return self._read(file)
        except OSError as error:  # a disk that went away
            self._forget()
            self._missing = f"{self.path.name} cannot be read: {reason(error)}."
            return True
        finally:
            os.close(file)

    def tail(self, number: int) -> list[str]:
        """The newest complete lines as they are, at most so many, newest last."""
        try:
            file = open_plain(self.path)
        except UnreadableError:
            return []
        try:
            size = os.fstat(file).st_size
            block = os.pread(file, TAIL, max(size - TAIL, 0))
        except OSError:
            return []
        finally:
            os.close(file)
        lines = block.split(b"\n")[:-1]  # what follows the last newline is half a line
        if size > TAIL:
            lines = lines[1:]
        return [line.decode("utf-8", "replace") for line in lines[-number:]] if number > 0 else []

    def _read(self, file: int) -> bool:
        found = os.fstat(file)
        seen = self._seen
        if seen is not None and seen[:3] == (found.st_ino, found.st_size, found.st_mtime_ns):
            return False
        if seen is not None and not self._grown(file, found, seen):
            self._forget()
        size, kept = found.st_size, (self._plain, self._tested)
        look = sample if size - self._end > LONG else scan
        first = len(_line(file, 0, min(size, TEXT))) + 1
        most = min(KEPT, max(TEXT // first, LEAST))
        for spread in kept:
            spread.most = most
            if look is sample:
                spread.widen(-(-size // most))
        fresh = look(file, self._end, size, *((one.next, one.gap) for one in kept))
        self._take(file, fresh)
        self.half = fresh.end < found.st_size
        self._end = fresh.end
        end = os.pread(file, 256, max(self._end - 256, 0))[: min(self._end, 256)]
        self._seen = Seen(found.st_ino, found.st_size, found.st_mtime_ns, end)
        self._missing = ""
        return True

    def _grown(self, file: int, found: os.stat_result, seen: Seen) -> bool:
        """Whether the file still begins with what was read of it."""
        if found.st_ino != seen.inode or found.st_size < self._end:
            return False
        return os.pread(file, len(seen.end), self._end - len(seen.end)) == seen.end

    def _take(self, file: int, fresh: Found) -> None:
        self.count += fresh.lines
        self.about = self.about or fresh.about
        self.damaged += fresh.lost
        ends = {place for place in (fresh.newest, fresh.newest_test) if place is not None}
        places = sorted({*fresh.plain, *fresh.tested, *ends})
        texts = [fresh.texts.get(place) or _line(file, place, fresh.end) for place in places]
        pairs = zip(places, parse_all(texts), strict=True)
        read = {place: row for place, row in pairs if is_metrics(row)}
        if read:
            shapes = {place: shape_of(row) for place, row in read.items()}
            self._shape = self._shape or Counter(shapes.values()).most_common(1)[0][0]
            read = {place: row for place, row in read.items() if shapes[place] == self._shape}
        self.damaged += len(places) - len(read)
        self._plain.take(read, fresh.plain, fresh.newest)
        self._tested.take(read, fresh.tested, fresh.newest_test)
        both = self._plain.rows | self._tested.rows
        self.rows = [both[place] for place in sorted(both)]


class Spread:
    """Lines at least a gap apart, and the newest."""

    def __init__(self) -> None:
        self.gap = 0
        """Bytes."""
        self.most = KEPT
        """Lines that are kept."""
        self._rows: dict[int, Row] = {}
        """By where they begin, ascending."""
        self._newest: dict[int, Row] = {}

    @property
    def rows(self) -> dict[int, Row]:
        """All that are kept, by where they begin."""
        return self._rows | self._newest

    @property
    def next(self) -> int:
        """Where the next one may begin."""
        return next(reversed(self._rows)) + self.gap if self._rows else 0

    def widen(self, gap: int) -> None:
        """Keep lines at least so many bytes apart."""
        if gap <= self.gap:
            return
        self.gap, wanted = gap, 0
        for place in list(self._rows):
            if place < wanted:
                del self._rows[place]
            else:
                wanted = place + gap

    def take(self, read: Mapping[int, Row], places: Sequence[int], newest: int | None) -> None:
        """Add those of the places that could be read."""
        self._rows |= {place: read[place] for place in places if place in read}
        if newest is not None and newest in read:
            self._newest = {newest: read[newest]}
        if len(self._rows) > self.most:
            first, last = next(iter(self._rows)), next(reversed(self._rows))
            self.widen(2 * (last - first) // self.most)


def _line(file: int, place: int, end: int) -> bytes:
    """The line that begins there, without its end."""
    size, text = 2**13, b""
    while b"\n" not in text and len(text) < end - place:
        text = os.pread(file, min(size, end - place), place)
        if not text:
            return b""
        size *= 8
    return text.partition(b"\n")[0]
