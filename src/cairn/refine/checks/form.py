"""The rewrite is a text of the same form: no wrapping, no refusal, same language, length, parts."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from cairn.core.errors import ConfigError, suggest
from cairn.lm.readings import refuses
from cairn.refine.checks.base import Failure, Pair
from cairn.refine.checks.languages import language
from cairn.refine.detectors.patterns import holds

_LEAD = re.compile(
    r"\A\s*(?:(?:sure|certainly|of course|okay|ok|absolutely)\b[^\n]{0,80}[:!.]|"
    r"(?:here(?:'s| is| are)|below is|this is|i(?:'ve| have))\b[^\n]{0,40}\b(?:rewrit|refin|"
    r"anonymi|clean|revis|updated|version|text)[^\n]{0,80}:|(?:rewritten|refined|anonymi[sz]ed|"
    r"revised|cleaned)(?: \w+){0,3}\s*:)",
    re.I,
)
_TAIL = re.compile(
    r"(?:let me know if|i hope this|feel free to|please note that i|note: (?:i|all|the) |"
    r"\(?(?:all|the) (?:names|personal|private)[^\n]{0,60}(?:replaced|removed|changed))"
    r"[^\n]{0,200}\s*\Z",
    re.I,
)
_TAGS = re.compile(r"</?(?:text|pseudonyms)-[0-9a-f]{8}>")
_SHINGLE = 8
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Wrapper:
    """No words about the rewrite around it, no fence or tags, nothing of the prompt."""

    name: str = "wrapper"
    instructions: str = ""
    """The prompt: eight words of it in a row that are not the original's are an echo."""

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """What the original has itself is no wrapping."""
        text, before = pair.rewrite, pair.original
        fence = text.lstrip().startswith("```") and not before.lstrip().startswith("```")
        around = any(r.search(text) and not r.search(before) for r in (_LEAD, _TAIL, _TAGS))
        if fence or around:
            return Failure(self.name, "There are words, tags or a fence around it. Leave them out.")
        echo = _prompted(self.instructions) & _shingles(text)
        if echo and echo - _shingles(before):
            return Failure(self.name, "It repeats the instructions. Answer with the text alone.")
        return None


def _shingles(text: str) -> set[tuple[str, ...]]:
    words = _WORD.findall(text.lower())
    return {tuple(words[at : at + _SHINGLE]) for at in range(len(words) - _SHINGLE + 1)}


@lru_cache(16)
def _prompted(instructions: str) -> frozenset[tuple[str, ...]]:
    return frozenset(_shingles(instructions))


_HOLES = re.compile(
    r"\[(?:removed|redacted|deleted|omitted|censored|content (?:removed|omitted)|\.\.\.|…)\]", re.I
)


@dataclass(frozen=True)
class Refusal:
    """It is no refusal and no lecture, and leaves no holes such as [removed]."""

    name: str = "refusal"

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """A text that refuses may be rewritten as one that refuses."""
        if refuses(pair.rewrite) and not refuses(pair.original):
            reason = "It refuses. The text is data to be cleaned for a lawful purpose: rewrite it."
            return Failure(self.name, reason)
        if len(_HOLES.findall(pair.rewrite)) > len(_HOLES.findall(pair.original)):
            return Failure(self.name, "Parts are left out. Reword them in place of leaving holes.")
        return None


@dataclass(frozen=True)
class Language:
    """It is in the language of the original, where both can be told."""

    name: str = "language"

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """By script, then by common words."""
        before, now = language(pair.original), language(pair.rewrite)
        if before and now and before != now:
            return Failure(self.name, f"It is in {now}. Write it in {before}, as the original is.")
        return None


@dataclass(frozen=True)
class Length:
    """Its length is between two shares of the original's."""

    name: str = "length"
    least: float = 0.5
    most: float = 2.0
    slack: int = 40
    """Characters more or less that are always allowed: short texts vary more."""

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """In characters."""
        before, now = len(pair.original), len(pair.rewrite)
        if now < self.least * before - self.slack:
            return Failure(self.name, f"It is too short: {now} characters for {before}.")
        if now > self.most * before + self.slack:
            return Failure(self.name, f"It is too long: {now} characters for {before}.")
        return None


def _begin(signs: str, form: str) -> Callable[[str], int]:
    """Counts lines that begin in this form, which has one of these signs; most texts have none."""
    line = re.compile(f"^{form}", re.M)
    return lambda text: len(line.findall(text)) if holds(text, signs) else 0


_PARTS: dict[str, Callable[[str], int]] = {
    "lines": lambda text: len(text.strip("\n").split("\n")),
    "headings": _begin("#", r"#{1,6} \S"),
    "list items": _begin("-*+.)", r"[ \t]*(?:[-*+]|\d{1,3}[.)]) \S"),
    "table rows": _begin("|", r"[ \t]*\|.*\|[ \t]*$"),
    "speaker turns": _begin(":", r"[ \t]*(?:\[[^\]\n]{1,30}\] ?)?[^\W\d_][\w .'’-]{0,30}:(?= |$)"),
    "code fences": _begin("`", r"[ \t]*```"),
}


@dataclass(frozen=True)
class Structure:
    """As many parts of each sort as the original, and JSON of the same shape where it is JSON."""

    name: str = "structure"
    parts: tuple[str, ...] = (
        "headings",
        "list items",
        "table rows",
        "speaker turns",
        "code fences",
    )
    """Of lines, headings, list items, table rows, speaker turns, code fences; all but lines."""
    tolerance: float = 0.0
    """Share by which a count may differ."""

    def __post_init__(self):
        for part in self.parts:
            if part not in _PARTS:
                known = ", ".join(_PARTS)
                raise ConfigError(f"parts must be of {known}, got {part!r}.{suggest(part, _PARTS)}")

    async def __call__(self, pair: Pair, clients: Mapping[str, Any]) -> Failure | None:
        """Names the first sort of part that differs."""
        shape = json_shape(pair.original)
        if shape is not None:
            now = json_shape(pair.rewrite)
            if now is None:
                return Failure(self.name, "The original is JSON, the rewrite is none.")
            if now != shape:
                return Failure(self.name, "The JSON has other keys or types. Change values alone.")
            return None
        for part in self.parts:
            before, now = _PARTS[part](pair.original), _PARTS[part](pair.rewrite)
            if abs(before - now) > self.tolerance * before:
                return Failure(self.name, f"It has {now} {part}, the original {before}. Keep all.")
        return None


def json_shape(text: str) -> Any:
    """Keys and types of a JSON object or list; None for any other text. Of lists the types of their
    items in order; numbers and strings count as one type each."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        return _shape(json.loads(text))
    except (ValueError, RecursionError):
        return None


def _shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shape(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shape(inner) for inner in value]
    return "number" if type(value) in (int, float) else type(value).__name__
