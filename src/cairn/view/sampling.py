"""Lines of a long stretch of a file without reading all of it.

A line is taken at every so many bytes, and the first line with a test after it. Where too few have
one near, the rest of the gaps is searched, so that tests far apart are found all the same. Ten
million bytes are read of a file with a test in every tenth line, where the whole has a thousand
million.
"""

import os
from collections.abc import Iterator

from cairn.view.scanning import CHUNK, LONGEST, TESTED, Found, scan

WINDOW = 2**14
"""Bytes at the beginning of a gap in which its lines are looked for first."""
ENOUGH, SOME = 128, 8
"""Tests that make a curve. Every so many gaps are searched first, the others if it takes them."""


def sample(
    file: int, begin: int, size: int, plain_from: tuple[int, int], tested_from: tuple[int, int]
) -> Found:
    """As `scan`, and the number of lines is estimated from the length of those that were read."""
    end = _last_end(file, begin, size)
    if end is None or not plain_from[1]:
        return scan(file, begin, size, plain_from, tested_from)
    texts: dict[int, bytes] = {}
    bare: list[tuple[int, int]] = []
    plain: list[int] = []
    tested: list[int] = []
    lost, target, gap = 0, max(plain_from[0], begin), plain_from[1]
    while target < end:
        stop = min(target + gap, end)
        offset, window, first, last = _line_near(file, target, begin, end)
        start, target = offset + first, stop
        if last < 0:
            lost += start < end  # or the line begins in the last gap, and this one is over
            continue
        texts[start] = window[first:last]
        plain.append(start)
        target = max(stop, start + 1)
        hit = window.find(TESTED, first)
        if hit >= 0:
            first = max(window.rfind(b"\n", 0, hit) + 1, first)
            tested.append(offset + first)
            last = window.find(b"\n", hit)
            if last >= 0:
                texts[offset + first] = window[first:last]
        else:
            bare.append((max(offset + len(window) - len(TESTED), start), stop))
    for part in (bare[::SOME], [one for place, one in enumerate(bare) if place % SOME]):
        if len(tested) < ENOUGH:
            tested += [place for first, stop in part for place in _first_test(file, first, stop)]
    tested = sorted(set(tested))
    newest = _line_start(file, end - 1, begin)
    newest_test = _last_test(file, tested[-1], end) if tested else None
    length = sum(len(texts[start]) + 1 for start in plain) / max(len(plain), 1) or 1
    lines = round((end - begin) / length)
    return Found(lines, lost, end, plain, tested, newest, newest_test, texts, True)


def _line_near(file: int, target: int, begin: int, end: int) -> tuple[int, bytes, int, int]:
    """Some bytes, where they begin, and where in them the first line from `target` on lies.

    -1 for its end if there is none, or none in reach.
    """
    # From the byte before: if that ends a line, the next one begins at `target`.
    offset, size = max(target - 1, begin), WINDOW
    while True:
        window = os.pread(file, min(size, end - offset), offset)
        first = 0 if target == begin else window.find(b"\n") + 1
        found = first > 0 or target == begin
        last = window.find(b"\n", first) if found else -1
        if last >= 0 or size > LONGEST or len(window) < size:
            return offset, window, first if found else len(window), last
        size *= 8


def _last_end(file: int, begin: int, size: int) -> int | None:
    """Where the last complete line ends; None if that is nowhere near the end of the file."""
    for back in (2**12, LONGEST):
        offset = max(size - back, begin)
        newline = os.pread(file, size - offset, offset).rfind(b"\n")
        if newline >= 0:
            return offset + newline + 1
    return None


def _line_start(file: int, place: int, begin: int) -> int:
    """Where the line with the byte at `place` begins."""
    for offset, chunk in _backwards(file, begin, place):
        newline = chunk.rfind(b"\n")
        if newline >= 0:
            return offset + newline + 1
    return begin


def _first_test(file: int, first: int, stop: int) -> Iterator[int]:
    """Where the first line with a test in a stretch begins, if there is one."""
    place = first
    while place < stop:
        chunk = os.pread(file, min(CHUNK, stop - place + len(TESTED)), place)
        hit = chunk.find(TESTED)
        if hit >= 0:
            newline = chunk.rfind(b"\n", 0, hit)
            yield _line_start(file, place + hit, 0) if newline < 0 else place + newline + 1
            return
        if len(chunk) <= len(TESTED):
            return
        place += len(chunk) - len(TESTED) + 1


def _last_test(file: int, known: int, end: int) -> int:
    """Where the last line with a test begins, which is that at `known` or after it."""
    after = b""
    for offset, chunk in _backwards(file, known, end):
        hit = (chunk + after).rfind(TESTED)
        if hit >= 0:
            return max(_line_start(file, offset + hit, 0), known)
        after = chunk[: len(TESTED) - 1]
    return known


def _backwards(file: int, begin: int, end: int) -> Iterator[tuple[int, bytes]]:
    """Chunks of a stretch from its end, each with where it begins."""
    while end > begin:
        offset = max(end - CHUNK, begin)
        yield offset, os.pread(file, end - offset, offset)
        end = offset
