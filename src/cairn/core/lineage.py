"""The lineage file: every level that ever entered the archive, with its parent and its score.

The first line is JSON and describes the records after it, which all have the same size. So any
level can be looked up by its place, and a half-written record is seen from the file's length.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Bool, Int, PyTree

from cairn.core import files
from cairn.core.errors import RunError

FORMAT = 1
FIELDS = (
    ("id", "<u4"),
    ("parent", "<u4"),
    ("has_parent", "?"),
    ("source", "u1"),
    ("score", "<f4"),
    ("generation", "<u4"),
    ("seed", "<u4"),
    ("cycle", "<u4"),
)
"""id and parent: ids of one seed only grow. source: place in `sources`. generation: edits since
the level was drawn new. seed: index of the seed in the run. cycle: of the method's step."""


class Lineage:
    """A lineage file. Use `create` in a new run and `open` on an existing one."""

    def __init__(self, path: Path, sources: tuple[str, ...], dtype: np.dtype, start: int):
        self.path = path
        self.sources = sources
        """Where levels come from; a record's `source` is a place in this tuple."""
        self.dtype = dtype
        """Of one record: `FIELDS`, then the level's leaves, named `level` and their path."""
        self._start = start

    @classmethod
    def create(cls, path: Path, level: PyTree, sources: Sequence[str]) -> "Lineage":
        """An empty file for levels like `level` (one level; shapes are enough)."""
        leaves = [
            (name, np.dtype(leaf.dtype).str, list(leaf.shape))
            for name, leaf in _leaves(level).items()
        ]
        fields = [[name, kind, []] for name, kind in FIELDS] + [list(leaf) for leaf in leaves]
        header = {"format": FORMAT, "sources": list(sources), "fields": fields}
        temporary = path.with_name(f".{path.name}")
        with files.writing(path):
            temporary.write_text(json.dumps(header) + "\n")
            files.sync(temporary)
            temporary.replace(path)
        return cls.open(path)

    @classmethod
    def open(cls, path: Path) -> "Lineage":
        """An existing file. Raises RunError if it is missing or its first line is damaged."""
        try:
            with path.open("rb") as file:
                line = file.readline()
            header = json.loads(line)
            if header["format"] != FORMAT:
                raise RunError(f"{path} has format {header['format']}, this cairn reads {FORMAT}.")
            dtype = np.dtype([(name, kind, tuple(shape)) for name, kind, shape in header["fields"]])
            return cls(path, tuple(header["sources"]), dtype, len(line))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} is not a lineage file, or it is damaged: {error}") from error

    @property
    def damaged_bytes(self) -> int:
        """Bytes of a half-written last record: 0 unless the run was killed while appending."""
        return (self.path.stat().st_size - self._start) % self.dtype.itemsize

    def cut_damage(self) -> int:
        """Cut a half-written last record away before going on. Returns how many bytes it had."""
        damage = self.damaged_bytes
        files.truncate(self.path, self.path.stat().st_size - damage)
        return damage

    def append(
        self, inserted: Bool[Array | np.ndarray, "*rows"], level: PyTree, **fields: Any
    ) -> None:
        """Append a record for each True in `inserted`, in row-major order.

        `level` has the axes of `inserted` in front. `fields` are all of `FIELDS`, each with the
        axes of `inserted` or broadcast to them.
        """
        rows = np.asarray(inserted)
        records = np.zeros(int(rows.sum()), self.dtype)
        for name, _ in FIELDS:
            records[name] = np.broadcast_to(np.asarray(fields.pop(name)), rows.shape)[rows]
        if fields:
            raise TypeError(f"A lineage record has no field {sorted(fields)[0]!r}.")
        for name, leaf in _leaves(level).items():
            records[name] = np.asarray(leaf)[rows]
        if len(records):
            files.append(self.path, records.tobytes(), "lineage")

    def records(self) -> np.ndarray:
        """All whole records, oldest first, as a read-only view of the file."""
        count = (self.path.stat().st_size - self._start) // self.dtype.itemsize
        if count == 0:  # an empty file cannot be mapped
            return np.zeros(0, self.dtype)
        return np.memmap(self.path, self.dtype, "r", offset=self._start, shape=(count,))

    def blocks(self, size: int) -> Iterator[np.ndarray]:
        """All whole records, oldest first, about `size` bytes at a time; at least one, if empty."""
        with self.path.open("rb") as file:
            file.seek(self._start)
            count = max(1, size // self.dtype.itemsize)
            while True:
                records = np.fromfile(file, self.dtype, count)
                yield records
                if len(records) < count:
                    return

    def at(self, rows: Int[np.ndarray, " N"]) -> np.ndarray:
        """The records at some places, in that order. Raises RunError for a place beyond the end."""
        records = np.zeros(len(rows), self.dtype)
        with self.path.open("rb") as file:
            for i, row in enumerate(rows):
                file.seek(self._start + int(row) * self.dtype.itemsize)
                content = file.read(self.dtype.itemsize)
                if len(content) < self.dtype.itemsize:
                    raise RunError(f"{self.path} has no record {row}: it was cut. Look again.")
                records[i] = np.frombuffer(content, self.dtype)[0]
        return records

    def levels(self, records: np.ndarray, like: PyTree) -> PyTree:
        """The levels of `records`, stacked, with the structure of `like`."""
        values = [np.ascontiguousarray(records[name]) for name in _leaves(like)]
        return jax.tree.unflatten(jax.tree.structure(like), values)


def _leaves(level: PyTree) -> dict[str, Any]:
    flat, _ = jax.tree_util.tree_flatten_with_path(level)
    return {"level" + jax.tree_util.keystr(path): leaf for path, leaf in flat}
