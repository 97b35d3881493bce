"""What a map works on, item by item, and how an outcome stands in a part: one line each.

    =ID<tab>OUTCOME       the work's result
    -ID<tab>REASON        rejected: the work said so by `raise Reject(...)`
    !ID<tab>REASON        failed: a model brought no answer, or none that could be read

ID, OUTCOME and REASON are JSON, in which a tab is written as backslash and t: the first tab of a
line ends the id. Every item of a shard has its line, in the source's order, so the n-th line of a
part is the n-th item of its shard.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple

from cairn.core.errors import CairnError, RunError
from cairn.core.jsontext import compact, parse
from cairn.lm.errors import TrialFailedError

Kind = Literal["done", "rejected", "failed"]
MARKS: dict[Kind, bytes] = {"done": b"=", "rejected": b"-", "failed": b"!"}
KINDS: dict[bytes, Kind] = {mark: kind for kind, mark in MARKS.items()}


class Item(NamedTuple):
    """One thing to work on."""

    id: str
    """Names it: its draws, its answers and its place in the results hang on nothing else."""
    value: Any
    """A JSON value."""


class Row(NamedTuple):
    """An item as a source yields it."""

    id: str
    raw: bytes
    """The value as JSON text on one line."""
    fault: str = ""
    """Why the record cannot be read, where a lenient source found one: it is rejected for that."""


class Outcome(NamedTuple):
    """What became of an item."""

    id: str
    kind: Kind
    value: Any
    """The work's result, or `{"error": name, "message": text}`."""


class Reject(TrialFailedError):  # noqa: N818 (a verdict on an item, not an error of the program)
    """Raised by the work: this item has no outcome, for a reason that is part of the results.

    `facts` are JSON values that stand beside the reason in the file of rejects.
    """

    def __init__(self, reason: str = "", **facts: Any):
        super().__init__(reason)
        self.facts = facts


class DuplicateIdError(CairnError):
    """An item id that occurs twice: its draws and answers would be one."""


def packed(outcome: Outcome) -> bytes:
    """The outcome's line in a part.

    Raises RunError if the work's result is no JSON value.
    """
    try:
        body = compact(outcome.value).encode("utf-8", "replace")
    except (TypeError, ValueError) as error:
        raise RunError(
            f"the work must return a JSON value without NaN (item {outcome.id!r}): {error}."
        ) from error
    return b"%b%b\t%b\n" % (MARKS[outcome.kind], json.dumps(outcome.id).encode(), body)


def unpacked(line: bytes) -> Outcome:
    """The outcome in a line of a part."""
    head, _, body = line.partition(b"\t")
    return Outcome(parse(head[1:]), KINDS[head[:1]], parse(body))


class Part(NamedTuple):
    """A finished shard's outcomes, in a file."""

    name: str
    """Of the file, in the folder of parts."""
    size: int
    digest: str

    def lines(self, folder: Path) -> Iterator[bytes]:
        """The lines, checked against the digest at the end.

        Raises RunError where the file is missing, or is not what its event says.
        """
        path = folder / self.name
        seen = hashlib.blake2b(digest_size=16)
        try:
            with path.open("rb") as file:
                for line in file:
                    seen.update(line)
                    yield line
        except OSError as error:
            raise RunError(
                f"{path} cannot be read: {error.strerror}. It holds outcomes that were paid for: "
                f"restore it from a copy, or choose another run directory."
            ) from error
        if seen.hexdigest() != self.digest:
            raise RunError(
                f"{path} was changed since it was written: restore it from a copy, or choose "
                f"another run directory."
            )
