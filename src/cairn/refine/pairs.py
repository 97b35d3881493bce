"""What went in beside what came out: records of a source with the rows that were made of them."""

import hashlib
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from cairn.core.errors import RunError
from cairn.refine import records
from cairn.refine.config import RefineConfig


class Both(NamedTuple):
    """An accepted record."""

    id: str
    source: dict[str, Any]
    row: dict[str, Any]
    """Of the output, with its provenance."""


def accepted(config: RefineConfig) -> Iterator[Both]:
    """Every accepted record beside its source, in order; reads both files once.

    Raises RunError where the two do not belong together any more.
    """
    found = records.source(config.source, id_field=config.id, files=config.files)
    rows = records.written(config.sink, config.how.provenance)
    name, row = next(rows, (None, {}))
    for given in found.rows():
        if name is None:
            return
        if given.id == name:
            record = json.loads(given.raw)
            record = {"text": record} if isinstance(record, str) else record
            yield Both(given.id, record, row)
            name, row = next(rows, (None, {}))
    if name is not None:
        raise RunError(
            f"{config.sink} has a row of record {name!r}, which {config.source} does not have at "
            f"its place: one of them was changed since the run."
        )


def chosen(every: Iterator[Both], of: int, most: int) -> Iterator[Both]:
    """About `most` of `of` records, or all where there are fewer: by their ids alone, so that
    every report chooses the same."""
    share = 1.0 if most >= of or not most else most / of
    for both in every:
        digest = hashlib.blake2b(both.id.encode("utf-8", "replace"), digest_size=8).digest()
        if int.from_bytes(digest, "big") < share * 2**64:
            yield both
