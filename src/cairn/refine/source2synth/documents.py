"""Documents and what links them: a name that stands in two of them, and in few others.

The paper takes the hyperlinks of Wikipedia. Without any, a link is a title of one document that
another one mentions, or a run of capitalised words that both hold. Names in scripts without
capitals are found as titles only.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError, RunError, suggest
from cairn.engine.map_items import Row
from cairn.engine.map_sources import Source, source_at

_WORD = re.compile(r"[^\W_][\w'’-]*")
_ENDS = re.compile(r"[.!?:\n][\"'”’)\]]*\s*\Z|\A\s*\Z")
"""Before a word: here a sentence begins, and a capital says nothing."""
LONGEST = 6
"""Words of a name."""


class Mention(NamedTuple):
    """A name in a document: the document's number, and characters [start, end)."""

    document: int
    start: int
    end: int


class Link(NamedTuple):
    """Two documents that hold the same name."""

    entity: str
    first: Mention
    second: Mention


@dataclass(frozen=True)
class Documents:
    """Documents as a source of seeds for questions that need two of them: use as a map's source.

    All names and where they stand are held in memory, and of the texts what seeds show.
    """

    where: Source | Path | str
    items: int
    """How many seeds, at most."""
    seed: int = 0
    id: str | None = None
    """The field of a record with its id."""
    text: str = "text"
    """The field with its text."""
    title: str = "title"
    """The field with its title, where it has one."""
    most: int = 10
    """A name that stands in more documents than this links none: it says too little."""
    passage: int = 1200
    """Most characters of a document that a seed shows, about the mention."""
    _rows: list[Row] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def name(self) -> str:
        """Of the source."""
        return source_at(self.where).name

    def rows(self) -> Iterator[Row]:
        """A row for every seed. Raises RunError where no two documents are linked."""
        if not self._rows:
            links = self.links()
            if not links:
                raise RunError(
                    f"{self.name}: no two documents are linked by a name that stands in both and "
                    f"in at most {self.most}. Give more documents, titles, or a higher `most`."
                )
            self._rows.extend(self._seeds(links))
        yield from self._rows

    def links(self) -> list[Link]:
        """`items` links, drawn by the seed; as many names as there are come before any comes
        twice."""
        found: dict[str, list[Mention]] = {}
        titles: dict[str, int] = {}
        for number, record in enumerate(self._records()):
            title = record.get(self.title)
            if isinstance(title, str) and title.strip():
                titles.setdefault(" ".join(title.split()).casefold(), number)
        for number, record in enumerate(self._records()):
            seen = set()
            for entity, start, end in names(record[self.text], titles):
                folded = entity.casefold()
                if folded not in seen:  # its first mention
                    seen.add(folded)
                    found.setdefault(folded, []).append(Mention(number, start, end))
        key = DrawKey.root(self.seed).child("links")
        ranked: list[tuple[int, int, Link]] = []
        for entity, mentions in found.items():
            if 2 <= len(mentions) <= self.most:
                pairs = self._pairs(entity, mentions, titles.get(entity), key.child(entity))
                ranked += [(turn, tie, link) for turn, (tie, link) in enumerate(pairs)]
        ranked.sort(key=lambda one: one[:2])
        return [link for _, _, link in ranked[: self.items]]

    def _pairs(
        self, entity: str, mentions: list[Mention], own: int | None, key: DrawKey
    ) -> list[tuple[int, Link]]:
        """Links by one name, in the order in which they are taken. The second document is the one
        that is about the name, where one has it as its title."""
        draw = key.random()
        pairs = [
            (a, b) for a in mentions for b in mentions
            if a.document != b.document and (own is None or own == b.document)
        ]  # fmt: skip
        draw.shuffle(pairs)
        return [(draw.getrandbits(64), Link(entity, *pair)) for pair in pairs]

    def _records(self) -> Iterator[dict[str, Any]]:
        for row in source_at(self.where, self.id).rows():
            record = json.loads(row.raw)
            if not isinstance(record, dict) or not isinstance(record.get(self.text), str):
                near = suggest(self.text, record) if isinstance(record, dict) else ""
                raise RunError(f"record {row.id!r} of {self.name} has no text {self.text!r}.{near}")
            yield {**record, "": row.id}

    def _seeds(self, links: list[Link]) -> Iterator[Row]:
        wanted = {m.document for link in links for m in (link.first, link.second)}
        kept = {n: record for n, record in enumerate(self._records()) if n in wanted}
        for number, link in enumerate(links):
            name = f"hop-{number:06}"
            first, second = (self._shown(kept[m.document], m) for m in (link.first, link.second))
            entity = kept[link.second.document][self.text][link.second.start : link.second.end]
            value = {"kind": "multi-hop", "entity": entity, "first": first, "second": second}
            yield Row(name, json.dumps(value, ensure_ascii=False).encode())

    def _shown(self, record: dict[str, Any], mention: Mention) -> dict[str, Any]:
        """What a seed holds of one document: characters [start, end) of it."""
        text, half = record[self.text], self.passage // 2
        start = max(min(mention.start - half, len(text) - self.passage), 0)
        end = min(start + self.passage, len(text))
        if start and (space := text.find(" ", start, mention.start)) >= 0:
            start = space + 1
        if end < len(text) and (space := text.rfind(" ", mention.end, end)) >= 0:
            end = space
        return {"id": record[""], "start": start, "end": end, "text": text[start:end]}


def names(text: str, titles: dict[str, int]) -> Iterator[tuple[str, int, int]]:
    """Names in a text, with the characters they stand at: titles, and runs of capitalised words.

    A single capitalised word counts where no sentence begins with it. `titles` are casefolded,
    with single spaces.
    """
    words = list(_WORD.finditer(text))
    at = 0
    while at < len(words):
        length = _title(text, words, at, titles) or _run(text, words, at)
        if length:
            start, end = words[at].start(), words[at + length - 1].end()
            yield " ".join(text[start:end].split()), start, end
        at += max(length, 1)


def _title(text: str, words: list[re.Match], at: int, titles: dict[str, int]) -> int:
    """How many words of a title begin here."""
    for length in range(min(LONGEST, len(words) - at), 0, -1):
        said = text[words[at].start() : words[at + length - 1].end()]
        if " ".join(said.split()).casefold() in titles:
            return length
    return 0


def _run(text: str, words: list[re.Match], at: int) -> int:
    """How many capitalised words follow each other here, if they make a name."""
    length = 0
    while (
        length < LONGEST
        and at + length < len(words)
        and words[at + length][0][0].isupper()
        and (not length or text[words[at + length - 1].end() : words[at + length].start()] == " ")
    ):
        length += 1
    before = text[max(words[at].start() - 3, 0) : words[at].start()]
    alone = length == 1 and (len(words[at][0]) < 3 or _ENDS.search(before))
    return 0 if alone else length


def check_items(items: int) -> None:
    """Raise ConfigError for a number of seeds that is none."""
    if items < 1:
        raise ConfigError(f"items must be at least 1, got {items}.")
