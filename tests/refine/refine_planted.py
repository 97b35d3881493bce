"""Records with private values of every kind, a simulated refiner in trouble, and a search for them.

Importable in other processes. Simulated: the refiner works from the labels; its server's errors
repeat what it was asked, and some answers are the text as it came.
"""

import asyncio
import base64
import html
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from urllib.parse import quote, quote_plus

from refine_job import config, write_rows

from cairn.lm.errors import CallFailedError, RejectedError
from cairn.lm.scripted import FunctionModel
from cairn.refine.labels import Record
from cairn.refine.made.records import make
from cairn.refine.presence import Presence
from cairn.refine.rewriting_score import without
from cairn.refine.run import refine
from cairn.refine.simulated import SimulatedRefiner, SimulatedVerifier
from cairn.refine.tasks.base import text_in
from cairn.refine.tasks.catalogue import task

LEAST = 6
"""Letters and digits from which a value is looked for: shorter ones are met by chance."""


@cache
def records() -> list[Record]:
    """Every form of both splits at least once, in all languages and formats."""
    about = ("plain", "negatives", "adversarial", "profile")
    return [r for split in ("held", "train") for r in make(100, seed=7, split=split, about=about)]


@cache
def planted() -> dict[str, str]:
    """The values to look for, as they stand in the texts and as they mean, and their kinds.

    Left out are those that also stand where nothing is private, and single words that may be a
    pseudonym: given names.
    """
    found: dict[str, str] = {}
    for record in records():
        for span in record.spans:
            value = record.value(span)
            for said in {value, record.plain.get(value, value)}:
                if sum(map(str.isalnum, said)) >= LEAST and not said.isalpha():
                    found[said] = span.kind
    public = Presence("\n".join(map(without, records())))
    return {value: kind for value, kind in found.items() if value not in public}


@cache
def _numbers() -> dict[str, int]:
    return {record.text.strip(): number for number, record in enumerate(records())}


@cache
def _refiner():
    return SimulatedRefiner(records()).model()


_HANGS: list[bool] = []


async def _answer(request):
    asked = text_in(request.messages[-1].content)
    assert asked is not None
    number = _numbers()[asked.text.strip()]
    if number == 150 and _HANGS:
        print("hangs", flush=True)
        await asyncio.sleep(1000)
    match number % 12:
        case 1:
            raise RejectedError(f"cannot answer: {request.messages[-1].content}")
        case 2:
            raise CallFailedError(f"gave up at {asked.text}")
        case 3:
            return asked.text
    return await _refiner().complete(request)


def go(folder: Path, *, hangs: bool = False, **options):
    """Refine, or go on. `hangs`: says so in the fourth shard and stays there, to be killed."""
    _HANGS[:] = [True] if hangs else []
    given = folder / "in.jsonl"
    if not given.exists():
        write_rows(given, [{"id": r.id, "text": r.text, "tongue": r.language} for r in records()])
    settings = config(
        given, folder / "out.jsonl", task="anonymize", shard=40, key=str(folder / "key"),
        fallback="mask",
    )  # fmt: skip
    checks = (*task("anonymize").checks[:1], SimulatedVerifier(records()))
    own = replace(task("anonymize"), checks=checks)
    players = {"refiner": FunctionModel(_answer, "troubled")}
    return refine(settings, folder / "run", own, players=players, **options)


def forms(value: str) -> Iterator[bytes]:
    """A value as it may stand in a file, in lower case where a file is searched so."""
    for said in {value, value.upper(), value.lower(), value.title()}:
        raw = said.encode()
        yield raw
        yield json.dumps(said)[1:-1].encode()
        yield html.escape(said).encode()
        yield quote(said).encode()
        yield quote_plus(said).encode()
        yield raw.hex().encode()
        yield said.encode("utf-16-le")
    for said in (value, value.upper(), value.lower()):
        for shift in range(3):  # whatever stands before it, and without what depends on its ends
            coded = base64.b64encode(b"\0" * shift + said.encode()).rstrip(b"=")
            core = coded[-(-8 * shift // 6) : -1]
            if len(core) >= LEAST:
                yield core
                yield core.translate(bytes.maketrans(b"+/", b"-_"))


def _bytes(path: Path) -> bytes:
    """A file as it lies there, and each cell of a database, which may lie in pieces."""
    found = [path.read_bytes()]
    if found[0].startswith(b"SQLite format 3"):
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as base:
            names = [
                n for (n,) in base.execute("select name from sqlite_master where type='table'")
            ]
            for name in names:
                for row in base.execute(f'select * from "{name}"'):
                    found += [c if isinstance(c, bytes) else str(c).encode() for c in row]
    return b"\n".join(found)


def holding(folder: Path, *, but: tuple[str, ...] = ("in.jsonl",)) -> dict[str, list[str]]:
    """The files in which a planted value stands, and the kinds of those that do."""
    looked = {
        str(path.relative_to(folder)): _bytes(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in but
    }
    whole = b"\n".join(looked.values())
    found: dict[str, list[str]] = {}
    for value, kind in planted().items():
        there = [form for form in {*forms(value)} if form in whole]
        for name, body in looked.items() if there else ():
            if any(form in body for form in there):
                found.setdefault(name, []).append(f"{kind}: {value!r}")
    return found
