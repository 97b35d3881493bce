"""A task, a detector and simulated models of the tests' own, importable in other processes.

The model is simulated: it finds e-mail addresses by the same pattern as the detector, and does with
a text what a word in it says.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from cairn.lm.completion import Completion
from cairn.lm.scripted import ScriptedModel
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.config import RefineConfig
from cairn.refine.refining import How
from cairn.refine.spans import Span
from cairn.refine.tasks.base import Task

EMAIL = re.compile(r"[\w.]+@[\w.]+\w")
TEXT = re.compile(r"<text-(\w+)>\n(.*)\n</text-\1>", re.S)


@dataclass(frozen=True)
class Emails:
    """Finds e-mail addresses, but not those of example.com."""

    name: str = "emails"
    kinds: tuple[str, ...] = ("EMAIL_ADDRESS",)

    def find(self, text: str) -> list[Span]:
        return [
            Span(*found.span(), "EMAIL_ADDRESS")
            for found in EMAIL.finditer(text)
            if not found[0].endswith("@example.com")
        ]


@dataclass(frozen=True)
class Leak:
    """No address of the original is in the rewrite."""

    name: str = "leak"

    async def __call__(self, pair: Pair, clients) -> Failure | None:
        values = [pair.original[span.start : span.end] for span in pair.private]
        if any(value in pair.rewrite for value in values):
            return Failure("leak", "An EMAIL_ADDRESS is still there.")
        return None


@dataclass(frozen=True)
class Length:
    """A rewrite is about as long as its original."""

    name: str = "length"

    async def __call__(self, pair: Pair, clients) -> Failure | None:
        short = 2 * len(pair.rewrite) < len(pair.original)
        return Failure("length", "It is too short.") if short else None


TASK = Task("emails", "Remove e-mail addresses.", (Length(), Leak()), (Emails(),))


def script(request, key):
    """A simulated refiner: `stubborn` leaks each time, `once` at the first try."""
    asked = request.messages[-1].content
    found = TEXT.search(asked)
    assert found is not None
    text = found[2]
    if "filtered" in text:
        return Completion("", "content_filter")
    if "cut" in text:
        return Completion(text[:10], "length")
    if "silent" in text:
        return ""
    if "stubborn" in text or ("once" in text and "turned down" not in asked):
        return text
    return EMAIL.sub("someone@example.com", text)


def writer(name: str = "writer") -> ScriptedModel:
    return ScriptedModel(script, name=name)


def rows(number: int = 20) -> list[dict]:
    words = ("plain", "plain", "once", "stubborn", "silent")
    return [
        {"id": f"d{i}", "text": f"{words[i % 5]} text of p{i}.private@mail.test, no {i}", "n": i}
        for i in range(number)
    ]


def write_rows(path: Path, records: list[dict]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def config(source, sink, **more) -> RefineConfig:
    how = {name: more.pop(name) for name in How.__dataclass_fields__ if name in more}
    settings = {"id": "id", "simulation": 0.0, "workers": 4, "task": "emails"} | more
    return RefineConfig(str(source), str(sink), how=How(**how), **settings)


def read(path) -> list[dict]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]
