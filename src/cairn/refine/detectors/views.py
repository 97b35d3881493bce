"""A text with pieces of it written another way, and the way back to its own characters."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

AROUND = 130
"""Characters around what changed that are read with it: context words stand there."""


class Edit(NamedTuple):
    """`text[start:end]` reads as `new`."""

    start: int
    end: int
    new: str


class View:
    """A window of a text after edits."""

    def __init__(self, text: str, edits: Sequence[Edit], start: int = 0, end: int | None = None):
        """`edits` are in order, apart, and lie in `text[start:end]`."""
        end = len(text) if end is None else end
        pieces, at, length = [], start, 0
        self._new = [0]  # where a stretch begins in the view …
        self._old = [start]  # … and in the text
        self._edit: list[Edit | None] = [None]
        for edit in edits:
            pieces += [text[at : edit.start], edit.new]
            length += edit.start - at
            self._mark(length, edit.start, edit)
            length += len(edit.new)
            at = edit.end
            self._mark(length, at, None)
        pieces.append(text[at:end])
        self.text = "".join(pieces)

    def _mark(self, new: int, old: int, edit: Edit | None) -> None:
        self._new.append(new)
        self._old.append(old)
        self._edit.append(edit)

    def back(self, start: int, end: int) -> tuple[int, int]:
        """Where `view.text[start:end]` stands in the text; the whole of an edit it touches."""
        return self._place(start, False), self._place(end - 1, True)

    def touched(self, start: int, end: int) -> bool:
        """Whether an edit that left characters lies in `view.text[start:end]`, or was cut there."""
        first = bisect_right(self._new, start) - 1
        last = bisect_right(self._new, end - 1) - 1
        return any(self._edit[at] is not None for at in range(max(first, 0), last + 1))

    def _place(self, position: int, behind: bool) -> int:
        at = bisect_right(self._new, position) - 1
        edit = self._edit[at]
        if edit is not None:
            return edit.end if behind else edit.start
        return self._old[at] + position - self._new[at] + behind


def windows(text: str, edits: Iterable[Edit]) -> Iterator[View]:
    """The stretches of a text in which something changed, each edit in one of them.

    Edits come in order; one that overlaps the one before is left out.
    """
    group: list[Edit] = []
    for edit in edits:
        if group and edit.start < group[-1].end:
            continue
        if group and edit.start - group[-1].end > AROUND:
            yield _window(text, group)
            group = []
        group.append(edit)
    if group:
        yield _window(text, group)


def _window(text: str, edits: list[Edit]) -> View:
    start, end = max(0, edits[0].start - AROUND), min(len(text), edits[-1].end + AROUND)
    # Not in the middle of a word, which would look like another.
    while start > 0 and start > edits[0].start - AROUND - 40 and not text[start - 1].isspace():
        start -= 1
    while end < len(text) and end < edits[-1].end + AROUND + 40 and not text[end].isspace():
        end += 1
    return View(text, edits, start, end)
