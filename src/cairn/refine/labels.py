"""The labelled file of the benchmark: JSON lines, one record each.

    {"id": ..., "text": ..., "format": ..., "language": ..., "form": ...,
     "spans": [{"start": 0, "end": 4, "kind": "PERSON"}], "public": ["what must survive"]}

Of one's own file only `text` and `spans` are needed. Made files also hold `questions` (question,
answer, public), `clean` (a dialogue without its planted insults), `canaries` and `plain` (what a
disguised value means).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from cairn.core.errors import ConfigError, DatasetError
from cairn.core.files import replacing
from cairn.refine.spans import Span


class Fact(NamedTuple):
    """A question that the text answers."""

    question: str
    answer: str
    public: bool
    """Whether a model that learned from refined text should still know it."""


class Canary(NamedTuple):
    """A random string, planted to see who finds it."""

    level: int
    """Of obfuscation, from 0."""
    value: str
    shown: str
    """As it stands in the text."""


@dataclass(frozen=True)
class Record:
    """A text with what is known of it."""

    id: str
    text: str
    format: str = ""
    language: str = ""
    form: str = ""
    spans: tuple[Span, ...] = ()
    """Private stretches, in order."""
    public: tuple[str, ...] = ()
    """Strings that must survive."""
    facts: tuple[Fact, ...] = ()
    clean: str | None = None
    canaries: tuple[Canary, ...] = ()
    plain: Mapping[str, str] = field(default_factory=dict)
    """From what stands in the text to what it means."""

    def value(self, span: Span) -> str:
        """What stands at a span."""
        return self.text[span.start : span.end]


def line(record: Record) -> str:
    """A record as one line of a labelled file, without the line's end."""
    row: dict[str, Any] = {name: getattr(record, name) for name in _PLAIN}
    row["spans"] = [{"start": s.start, "end": s.end, "kind": s.kind} for s in record.spans]
    row["public"] = list(record.public)
    more = {
        "questions": [fact._asdict() for fact in record.facts],
        "clean": record.clean,
        "canaries": [canary._asdict() for canary in record.canaries],
        "plain": dict(record.plain),
    }
    return json.dumps(
        row | {name: value for name, value in more.items() if value}, ensure_ascii=False
    )


_PLAIN = ("id", "text", "format", "language", "form")


def write(path: Path, records: Iterable[Record]) -> int:
    """Write a labelled file; how many records. It is there whole or not at all."""
    count = 0
    with replacing(path) as part, part.open("w", encoding="utf-8") as out:
        for record in records:
            out.write(line(record) + "\n")
            count += 1
    return count


def read(path: Path) -> list[Record]:
    """The records of a labelled file.

    Raises DatasetError, naming the line, for what is no record: no JSON, no text, a span that
    lies outside its text or names no kind, an id that was there before.
    """
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        what = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DatasetError(f"{path}: expected a labelled file (JSON lines), but {what}.") from error
    records, seen = [], {}
    for number, text in enumerate(lines, 1):
        if not text.strip():
            continue
        where = f"{path}, line {number}"
        record = _record(text, where, str(number - 1))
        if record.id in seen:
            raise DatasetError(
                f"{where}: the id {record.id!r} was on line {seen[record.id]} before."
            )
        seen[record.id] = number
        records.append(record)
    if not records:
        raise DatasetError(f"{path}: expected labelled records, one a line, got none.")
    return records


def chosen(
    records: Sequence[Record],
    *,
    languages: Sequence[str] = (),
    formats: Sequence[str] = (),
    about: Sequence[str] = (),
) -> list[Record]:
    """The records of these languages and formats whose form begins so; nothing given: all.

    Raises ConfigError if none is left.
    """
    left = [
        record
        for record in records
        if (not languages or record.language in languages)
        and (not formats or record.format in formats)
        and (not about or record.form.startswith(tuple(about)))
    ]
    if not left:
        raise ConfigError(f"None of the {len(records)} labelled records is of the kind asked for.")
    return left


def _record(text: str, where: str, id: str) -> Record:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"{where}: expected a JSON object, got something else.") from error
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        raise DatasetError(f'{where}: expected an object with a string "text".')
    if not isinstance(row.get("spans"), list):
        raise DatasetError(f'{where}: expected a list "spans" of {{"start", "end", "kind"}}.')
    try:
        return Record(
            id=str(row.get("id", id)),
            text=row["text"],
            **{name: str(row.get(name, "")) for name in ("format", "language", "form")},
            spans=tuple(sorted(_span(span, len(row["text"]), where) for span in row["spans"])),
            public=tuple(map(str, row.get("public", ()))),
            facts=tuple(Fact(**fact) for fact in row.get("questions", ())),
            clean=row.get("clean"),
            canaries=tuple(Canary(**canary) for canary in row.get("canaries", ())),
            plain=dict(row.get("plain", {})),
        )
    except (TypeError, ValueError) as error:
        names = "public, questions, canaries or plain"
        raise DatasetError(
            f"{where}: {names} is not as in a labelled file that is made."
        ) from error


def _span(span: Any, length: int, where: str) -> Span:
    if not isinstance(span, dict) or not isinstance(span.get("kind"), str) or not span["kind"]:
        raise DatasetError(f'{where}: expected spans with "start", "end" and "kind".')
    start, end = span.get("start"), span.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        raise DatasetError(
            f"{where}: a span of kind {span['kind']} is [{start}, {end}); expected whole numbers "
            f"with 0 <= start < end <= {length}, counted in characters."
        )
    return Span(start, end, span["kind"], by="label")
