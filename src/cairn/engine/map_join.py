"""The end of a map: all parts, in the source's order, into the sink. Killed anywhere, it goes on.

    write everything beside its place -> event `sealed` (digests) -> names -> event `joined`

What lies at a name is replaced only if this run put it there: its digest stands in an event.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from cairn.core.errors import RunError
from cairn.core.faults import point
from cairn.core.journal import Stage, canonical
from cairn.engine.map_files import Where, beside, exists, move, reading, remove, taken
from cairn.engine.map_items import MARKS, unpacked
from cairn.engine.map_sinks import FolderSink, JsonLinesSink, Sink
from cairn.engine.map_state import MapState


class Joiner:
    """Writes the sink, and beside it what has no outcome."""

    def __init__(self, stage: Stage, state: MapState, folder: Path, sink: Sink):
        self.stage, self.state, self.folder, self.sink = stage, state, folder, sink
        # Two runs that write into one folder must not write into one hidden file.
        place = str(stage.journal.path.resolve()) + "\0" + stage.name
        self._tag = hashlib.blake2b(place.encode(), digest_size=4).hexdigest() + ".new"

    @property
    def rejects(self) -> str:
        """Where items without an outcome are listed, by id and reason."""
        return f"{self.sink.where}.rejects.jsonl"

    def check_vacant(self) -> None:
        """Raise RunError if something lies where the sink is to be that this run did not write."""
        for name in (str(self.sink.where), self.rejects):
            if not exists(name) or name in self.state.written or name in (self.state.sealed or ()):
                continue
            raise taken(name)
        parent = Path(str(self.sink.where)).parent
        blocked = next((p for p in (parent, *parent.parents) if p.is_file()), None)
        if "://" not in str(self.sink.where) and blocked is not None:
            raise RunError(f"{blocked} is a file where the sink {self.sink.where} needs a folder.")

    def check_same(self) -> None:
        """Raise RunError if the run has written another sink, and no parts to write this one."""
        others = [name for name in self.state.sealed or () if name != self.rejects]
        if str(self.sink.where) in others:
            return
        if self._parts_there():
            self.state.sealed, self.state.joined = None, False  # written once more, elsewhere
            return
        raise RunError(
            f"this run has written its results to {' and '.join(others)}, and not to "
            f"{self.sink.where}: copy them, or start a new run."
        )

    def check_there(self) -> None:
        """See to it that what is gone of what this run wrote is written once more.

        Raises RunError if the parts are gone too.
        """
        gone = [name for name in self.state.sealed or () if not exists(name)]
        if gone and not self._parts_there():
            raise RunError(
                f"{gone[0]} was written by this run and is gone. It was the only copy: once "
                f"nothing is left to try again, the parts that it was joined from are deleted. "
                f"Put it back, or start a new run."
            )
        self.state.joined = not gone

    def edited(self) -> list[str]:
        """A line about each file that is not what this run wrote. Reads all of them."""
        return [
            f"{name} is not what this run wrote: it was changed since."
            for name in self.state.sealed or ()
            if not self._own(name, self.state.written)
        ]

    def _parts_there(self) -> bool:
        return all((self.folder / d.part.name).exists() for d in self.state.shards.values())

    async def join(self) -> None:
        """Write what is to be written, and give it its names."""
        sealed = self.state.sealed
        if sealed is not None and str(self.sink.where) not in sealed:
            await asyncio.to_thread(self._remove_hidden, sealed)  # killed, and another sink since
            sealed = None
        if sealed is None or not await asyncio.to_thread(self._all_there, sealed):
            # Not yet written, or what was beside its place is gone.
            sealed = await asyncio.to_thread(self._write)
            self._event("sealed", canonical(sealed))
        await asyncio.to_thread(self._name, sealed)
        self._event("joined", "")

    def _write(self) -> dict[str, str]:
        """Everything beside its place; the digests, by what it is to be called."""
        point("map:join")
        digests: dict[str, str] = {}
        for name, sink, results in (
            (str(self.sink.where), self.sink, self._results),
            (self.rejects, JsonLinesSink(self.rejects), self._rejects),
        ):
            hidden = beside(name, self._tag)
            remove(hidden)
            if name == self.rejects and not self.state.count(("rejected", "failed")):
                continue
            digests[name] = sink.write(hidden, results)
            point("map:join-written")
        return digests

    def _name(self, sealed: dict[str, str]) -> None:
        for name in sealed:
            hidden = beside(name, self._tag)
            if exists(hidden):
                own = self._own(name, self.state.written) or self._own(name, sealed)
                if not own and name in self.state.written and exists(name):
                    raise RunError(
                        f"{name} was changed since this run wrote it: nothing was overwritten. "
                        f"Move it away and go on."
                    )
                move(hidden, name, replace=own)
                point("map:named")
        if self.rejects not in sealed and self._own(self.rejects, self.state.written):
            remove(self.rejects)  # of an earlier round: there are none any more

    def _remove_hidden(self, sealed: dict[str, str]) -> None:
        for name in sealed:
            remove(beside(name, self._tag))

    def _event(self, kind: str, body: str) -> None:
        point("map:event")
        self.state.apply(kind, 0, self.stage.append(kind, 0, body))
        self.stage.journal.commit()
        point("map:event-saved")

    def _all_there(self, sealed: dict[str, str]) -> bool:
        return all(exists(beside(name, self._tag)) or self._own(name, sealed) for name in sealed)

    def _own(self, name: str, digests: dict[str, str]) -> bool:
        """Whether what lies there has the digest that this run's events have of it."""
        if name not in digests or not exists(name):
            return False
        if isinstance(self.sink, FolderSink) and name == str(self.sink.where):
            return self.sink.digest(name) == digests[name]
        return digest_of_file(name) == digests[name]

    def _lines(self) -> Iterator[bytes]:
        for _, done in sorted(self.state.shards.items()):
            yield from done.part.lines(self.folder)

    def _results(self) -> Iterable[tuple[str, bytes]]:
        named = isinstance(self.sink, FolderSink)
        for line in self._lines():
            if line[:1] == MARKS["done"]:
                head, _, body = line.partition(b"\t")
                yield json.loads(head[1:]) if named else "", body[:-1]

    def _rejects(self) -> Iterable[tuple[str, bytes]]:
        for line in self._lines():
            if line[:1] != MARKS["done"]:
                outcome = unpacked(line)
                record = {"id": outcome.id, "kind": outcome.kind, **outcome.value}
                yield outcome.id, json.dumps(record, ensure_ascii=False).encode("utf-8", "replace")


def digest_of_file(where: Where) -> str:
    """The digest of a file's bytes, as a sink reports it."""
    seen = hashlib.blake2b(digest_size=16)
    with reading(where, unzip=False) as file:
        while block := file.read(2**20):
            seen.update(block)
    return seen.hexdigest()
