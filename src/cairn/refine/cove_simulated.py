"""A simulated model that drafts lists with errors and repeats them when it sees its draft.

No language model: what is measured with it says whether the harness does what it should. An item
is `NAME-NUMBER`; whether it belongs is a fixed coin of its name, so that the truth of every item
can be told from its text.
"""

import hashlib
import random
import re
from dataclasses import dataclass

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.request import Request
from cairn.lm.simulated import Unmarked

ITEM = re.compile(r"\bitem-(\d+)\b")


def belongs(number: int) -> bool:
    """The truth."""
    return hashlib.blake2b(b"item-%d" % number).digest()[0] % 2 == 0


@dataclass(frozen=True)
class Memory:
    """Drafts lists and answers short questions, with known errors."""

    wrong: float = 0.5
    """Chance that an item of a draft does not belong."""
    right: float = 0.8
    """Chance that a short question is answered right, where no claim is in sight."""
    repeats: float = 0.9
    """Chance that the claim of a draft that it sees is repeated instead."""
    items: int = 6
    """Of a draft."""

    def __post_init__(self):
        for name in ("wrong", "right", "repeats"):
            if not 0 <= getattr(self, name) <= 1:
                raise ConfigError(f"Memory.{name} must lie in [0, 1], got {getattr(self, name)}.")

    def script(self, request: Request, key: DrawKey) -> str:
        """What it says."""
        told, draw = request.messages[-1].content, key.random()
        response, question = _part(told, "response"), _part(told, "question")
        if told.startswith("Write questions") and "and answer each" in told:
            return "\n".join(
                f"QUESTION: {_asks(n)}\nANSWER: {self._said(n, draw, seen=True)}"
                for n in _numbers(response)
            )
        if told.startswith("Write questions"):
            return "\n".join(f"QUESTION: {_asks(n)}" for n in _numbers(response)) or "NONE"
        if told.startswith("Answer the questions"):
            numbers = _numbers(_part(told, "questions"))
            return "\n".join(f"ANSWER: {self._said(n, draw)}" for n in numbers)
        if told.startswith("Answer the question"):
            return f"ANSWER: {self._said(_numbers(question)[0], draw)}"
        if told.startswith("Does the response"):
            return "CONSISTENT" if _part(told, "answer") == "yes" else "INCONSISTENT"
        if told.startswith("Write the response"):
            denied = re.findall(r"item-(\d+) .*\nAnswer: no\b", _part(told, "checks"))
            kept = [n for n in _numbers(response) if str(n) not in denied]
            return "FINAL:\n" + (_list(kept) or "nothing")
        return _list([self._drawn(draw) for _ in range(self.items)])

    def _drawn(self, draw: random.Random) -> int:
        wrong = draw.random() < self.wrong
        while True:
            number = draw.getrandbits(40)
            if belongs(number) != wrong:
                return number

    def _said(self, number: int, draw: random.Random, *, seen: bool = False) -> str:
        if seen and draw.random() < self.repeats:
            return "yes"  # as the draft says
        right = draw.random() < self.right
        return "yes" if belongs(number) == right else "no"


def memory(model: Memory | None = None, seed: int = 0) -> Unmarked:
    """A player."""
    model = model or Memory()
    return Unmarked(model.script, f"simulated {model}", seed)


def _asks(number: int) -> str:
    return f"Does item-{number} belong?"


def _numbers(text: str) -> list[int]:
    return [int(found) for found in ITEM.findall(text)]


def _list(numbers: list[int]) -> str:
    return "\n".join(f"- item-{number}" for number in numbers)


def _part(told: str, tag: str) -> str:
    found = re.search(rf"<{tag}>(.*?)</{tag}>", told, re.S)
    return found[1] if found else ""
