"""Who descends from whom in a lineage file: looked up in an index of one seed, read once."""

from collections.abc import Iterator

import numpy as np
from jaxtyping import Int, UInt32

from cairn.core.errors import RunError
from cairn.core.lineage import Lineage

BLOCK = 1 << 24
"""Bytes read at once."""
IDS = 1 << 32
"""What ids lie below."""


class Descent:
    """The levels of one seed by id: 20 bytes of memory a record, one pass over the file.

    The file may grow, and be cut by a run that resumes, while it is looked at: it is read and not
    mapped, since a mapped file that is cut ends the process.
    """

    def __init__(self, lineage: Lineage, seed: int = 0):
        self.lineage, self.seed = lineage, seed
        found = list(self._columns())
        columns = (np.concatenate(column) for column in zip(*found, strict=True))
        rows, ids, parents, has_parent = columns
        order = np.argsort(ids, kind="stable")
        self._ids, self._rows = ids[order], rows[order]
        # A level without a parent has none of any id: -1.
        self._parents = np.where(has_parent, parents.astype(np.int64), -1)[order]

    def __len__(self) -> int:
        return len(self._ids)

    def rows(self, ids: UInt32[np.ndarray, " N"]) -> Int[np.ndarray, " N"]:
        """The place of each level in the file; -1 of those that are not in it."""
        if not len(self._ids):
            return np.full(len(ids), -1)
        # From the right: should a file hold an id twice, the newest counts.
        place = np.searchsorted(self._ids, ids, side="right") - 1
        return np.where(self._ids[place] == ids, self._rows[place], -1)

    def children(self, level_id: int) -> UInt32[np.ndarray, " _"]:
        """Ids of the levels that were made from one, the oldest first."""
        return self._ids[self._parents == level_id]

    def ancestors(self, level_id: int) -> np.ndarray:
        """The records of a level, its parent, and so on to the level that was drawn new.

        Raises RunError if `level_id` never entered the archive of that seed.
        """
        chain: list[int] = []
        wanted = level_id
        while wanted >= 0 or not chain:
            row = int(self.rows(np.array([wanted], np.uint32))[0]) if 0 <= wanted < IDS else -1
            # Seen before: a damaged file in which a level descends from itself must not hang us.
            if row < 0 or row in chain:
                raise RunError(
                    f"{self.lineage.path} has no level {wanted} of seed {self.seed}; expected one "
                    f"of its {len(self)} levels."
                )
            chain.append(row)
            wanted = int(self._parents[np.searchsorted(self._ids, wanted, side="right") - 1])
        return self.lineage.at(np.array(chain))

    def _columns(self) -> Iterator[tuple[np.ndarray, ...]]:
        first = 0
        for records in self.lineage.blocks(BLOCK):
            mine = np.flatnonzero(records["seed"] == self.seed)
            columns = (records[name][mine] for name in ("id", "parent", "has_parent"))
            yield (first + mine, *columns)
            first += len(records)
