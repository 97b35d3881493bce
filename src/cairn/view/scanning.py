"""Where lines begin in a file too long to be kept: some of them, evenly spread."""

import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import NamedTuple

CHUNK = 2**17
"""Bytes: what stays in the processor's cache and is not mapped anew each time."""
LONGEST = 4 * 2**20
"""Bytes of a line; a longer one is damage."""
TESTED = b'"evaluation": {'
"""In a line with a test during training. The ledger's count of that name is a list."""


class Found(NamedTuple):
    """What one reading of a stretch of a file found."""

    lines: int
    """Complete ones."""
    lost: int
    """Of them, those too long to be lines."""
    end: int
    """Where the last complete line ends."""
    plain: list[int]
    """Where some lines begin, at least a gap apart."""
    tested: list[int]
    """Where some lines with a test begin, at least a gap apart."""
    newest: int | None
    """Where the last complete line begins."""
    newest_test: int | None
    """Where the newest line with a test begins."""
    texts: Mapping[int, bytes] = MappingProxyType({})
    """Some of these lines, where they were read already."""
    about: bool = False
    """Whether the number of lines is an estimate."""


def scan(
    file: int, begin: int, size: int, plain_from: tuple[int, int], tested_from: tuple[int, int]
) -> Found:
    """Lines of an open file from `begin`, where a line begins, up to `size`.

    All bytes are looked at and none kept. Of all lines, and of those with a test: where the first
    may begin, and how many bytes they must be apart; 0 takes every line.
    """
    blocks = Blocks(file, begin, size)
    count = 0
    plain: list[int] = []
    tested: list[int] = []
    next_plain, plain_gap = max(plain_from[0], begin), plain_from[1]
    next_test, test_gap = max(tested_from[0], begin), tested_from[1]
    newest = newest_test = None
    for offset, block in blocks:
        count += block.count(b"\n")
        past = offset + len(block)
        while next_plain < past:
            start = offset + _line_from(block, next_plain - offset)
            if start >= past:
                next_plain = past
                break
            plain.append(start)
            next_plain = start + max(plain_gap, 1)
        while next_test < past:
            hit = block.find(TESTED, max(next_test - offset, 0))
            if hit < 0:
                break
            tested.append(offset + block.rfind(b"\n", 0, hit) + 1)
            line_end = offset + block.find(b"\n", hit) + 1
            next_test = max(tested[-1] + test_gap, line_end)
        hit = block.rfind(TESTED)
        if hit >= 0:
            newest_test = offset + block.rfind(b"\n", 0, hit) + 1
        newest = offset + block.rfind(b"\n", 0, len(block) - 1) + 1
    return Found(count + blocks.lost, blocks.lost, blocks.end, plain, tested, newest, newest_test)


class Blocks:
    """Whole lines of a stretch of a file, about a chunk at a time, with where they begin."""

    def __init__(self, file: int, begin: int, size: int):
        self._file, self._begin, self._size = file, begin, size
        self.end = begin
        """Where the last complete line so far ends."""
        self.lost = 0
        """Lines that were too long, and were skipped."""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        place, carry, skipping = self._begin, b"", False
        while place < self._size:
            chunk = os.pread(self._file, min(CHUNK, self._size - place), place)
            if not chunk:
                return  # cut meanwhile
            place += len(chunk)
            if skipping:
                newline = chunk.find(b"\n")
                if newline < 0:
                    continue
                skipping, chunk = False, chunk[newline + 1 :]
                self.end = place - len(chunk)
                self.lost += 1
            cut = chunk.rfind(b"\n") + 1
            if cut:
                block = carry + chunk[:cut]
                carry = chunk[cut:]
                self.end = place - len(carry)
                yield self.end - len(block), block
            else:
                carry += chunk
            if len(carry) > LONGEST:
                carry, skipping = b"", True


def _line_from(block: bytes, place: int) -> int:
    """Where the first line at or after `place` begins, in a block of whole lines."""
    return 0 if place <= 0 else block.find(b"\n", place - 1) + 1
