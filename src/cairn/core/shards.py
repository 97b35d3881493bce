"""Shard journals: what workers in other processes pay for, until the driver takes it over.

A worker opens `path(journal, stage, number)` as a journal of its own, and spends a leased budget.
When its shard is finished, the driver writes the event and, in the same transaction, `take`s the
shard's spending into its own books; then the shard's journal is deleted. The driver's journal
alone says what is finished. The journal of a lost worker stays: whoever opens it again finds its
answers, and what was in flight counts as possibly paid twice.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cairn.core.budget import Amount
from cairn.core.faults import point
from cairn.core.journal_rows import Spending

if TYPE_CHECKING:
    from cairn.core.journal import Journal

CHORE = "delete shard"
_NAME = re.compile(r"(.+)-(\d+)\.sqlite")


def path(journal: Path, stage: str, number: int) -> Path:
    """Where the journal of a shard lies, beside the journal of its run."""
    return journal.with_name(f"{journal.name}.shards") / f"{stage}-{number:06d}.sqlite"


def left(journal: Path, stage: str) -> dict[int, Path]:
    """The shard journals of a stage that are there."""
    found = {}
    for file in journal.with_name(f"{journal.name}.shards").glob("*.sqlite"):
        match = _NAME.fullmatch(file.name)
        if match is not None and match[1] == stage:
            found[int(match[2])] = file
    return dict(sorted(found.items()))


def delete(shard: Path) -> None:
    """Remove a shard's journal with all that lies beside it."""
    # The database first: what is left of the rest is never opened as a journal again.
    for file in [shard, *sorted(shard.parent.glob(f"{shard.name}[-.]*"))]:
        file.unlink(missing_ok=True)
        point("shard:unlinked")


def do_chores(journal: "Journal") -> None:
    """Delete the shard journals that were taken over, also those of a process that was killed."""
    for what in journal.chores(CHORE):
        delete(journal.path.with_name(f"{journal.path.name}.shards") / what)
        journal.chore_done(CHORE, what)


class Growth(NamedTuple):
    """What a role used between two looks at the books of a shard."""

    spent: Amount
    kept: Amount


def grown(before: Sequence[Spending], after: Sequence[Spending]) -> dict[str, Growth]:
    """By role, what came to the books from `before` to `after`."""
    found: dict[str, Growth] = {}
    for lines, take in ((after, Amount.plus), (before, Amount.minus)):
        for line in lines:
            growth = found.get(line.role, Growth(Amount(), Amount()))
            found[line.role] = Growth(take(growth.spent, line.spent), take(growth.kept, line.kept))
    return found
