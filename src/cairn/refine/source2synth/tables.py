"""Tables as a source of seeds: a table and one of its rows, with the rows about it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from cairn.core.draws import DrawKey
from cairn.core.errors import RunError
from cairn.engine.map_items import Row
from cairn.refine.source2synth import database
from cairn.refine.source2synth.database import Database
from cairn.refine.source2synth.sql import Limits, SqlError


@dataclass(frozen=True)
class Tables:
    """Rows of tables, drawn by the seed: use as a map's source. Large tables are drawn from more
    often, and no row twice while there are others."""

    where: Path
    items: int
    """How many seeds."""
    seed: int = 0
    around: int = 12
    """Rows that a seed shows."""
    limits: Limits = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """The path."""
        return str(self.where)

    def rows(self) -> Iterator[Row]:
        """A row for every seed. Raises RunError for a source that holds no table."""
        # Not the one that statements run on, whose readings go both ways, in another thread.
        found = database.open_database(self.where, self.limits)
        try:
            yield from self._drawn(found)
        finally:
            found.connection.close()

    def _drawn(self, found: Database) -> Iterator[Row]:
        places = [table.rows for table in found.tables]
        draw = DrawKey.root(self.seed).child("rows").random()
        everywhere = range(sum(places))
        # Numbers over all tables in a row; beyond them, once more from the beginning.
        rounds, rest = divmod(self.items, len(everywhere))
        order = [n for _ in range(rounds) for n in draw.sample(everywhere, len(everywhere))]
        order += draw.sample(everywhere, rest)
        for at, number in enumerate(order):
            table = 0
            while number >= places[table]:
                number, table = number - places[table], table + 1
            yield Row(f"table-{at:06}", self._seed(found, table, number))

    def _seed(self, found: Database, at: int, number: int) -> bytes:
        table = found.tables[at]
        try:
            shown = found.shown(table, number, around=self.around)
            row = found.row(table, number)
        except SqlError as error:
            raise RunError(f"row {number} of {table.name} in {self.where}: {error}.") from None
        value = {
            "kind": "table", "table": table.name, "row": number, "shown": shown,
            "values": dict(zip(table.columns, row, strict=True)),
        }  # fmt: skip
        return json.dumps(value, ensure_ascii=False).encode()


@lru_cache(maxsize=4)
def opened(where: Path, limits: Limits) -> Database:
    """The database that statements run on, opened once in each process."""
    return database.open_database(where, limits)
