"""Judges with known errors, for scripted models: what measures them must find these."""

import random
import re
from dataclasses import dataclass, replace

from cairn.core.errors import ConfigError
from cairn.lm.fences import RULE
from cairn.lm.request import Completion, Request
from cairn.lm.scripted import ScriptedModel

REFUSAL = "I'm sorry, but I can't help with that."


@dataclass(frozen=True)
class PairJudge:
    """Says which of two is worse, with its error."""

    error: float = 0.0
    """Chance that a verdict not owed to the place names the other."""
    bias: float = 0.0
    """Chance that it names the first, whatever it reads."""
    silence: float = 0.0
    """Chance of an answer without a verdict."""

    def __post_init__(self):
        _check(self)

    def answer(self, first: float, second: float, draw: random.Random) -> str:
        """FIRST, SECOND, TIE for equal levels, or something unreadable."""
        if draw.random() < self.silence:
            return "Both responses have their merits."
        if draw.random() < self.bias:
            return "FIRST"
        if first == second:
            return "TIE"
        right = draw.random() >= self.error
        return "FIRST" if (first > second) == right else "SECOND"


@dataclass(frozen=True)
class Classifier:
    """Says yes or no, with known errors of both kinds."""

    miss: float = 0.0
    """Chance that it says no where yes is true."""
    alarm: float = 0.0
    """Chance that it says yes where no is true."""

    def __post_init__(self):
        _check(self)

    def answer(self, truth: bool, draw: random.Random) -> bool:
        """The truth, or its opposite."""
        return truth != (draw.random() < (self.miss if truth else self.alarm))


@dataclass(frozen=True)
class Grader:
    """Reads a level in [0, 1] and writes it down with normal noise."""

    noise: float = 0.05
    """Standard deviation."""
    power: float = 3.0
    """The level is raised to it: above 1, only full levels are graded high."""

    def answer(self, level: float, draw: random.Random) -> str:
        """A number from 0.00 to 1.00."""
        return f"{min(max(level**self.power + draw.gauss(0.0, self.noise), 0.0), 1.0):.2f}"


def _check(judge: PairJudge | Classifier) -> None:
    for name, value in vars(judge).items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{type(judge).__name__}.{name} must lie in [0, 1], got {value}.")


_MARKED = re.compile(r"(</?[a-z][a-z0-9-]*?)-[0-9a-f]{8}>")
_RULE = re.compile(re.escape(RULE).replace(re.escape("{mark}"), "[0-9a-f]{8}") + r"\s*")


def unfenced(text: str) -> str:
    """A request as it was before its tags were marked, so that a script's draws, which go by the
    text, are the same with marks and without."""
    return _MARKED.sub(r"\1>", _RULE.sub("", text))


class Unmarked(ScriptedModel):
    """Reads a request without the marks of its tags, and draws as if there were none."""

    async def complete(self, request: Request, sample: str = "0") -> Completion:
        """The script's answer to the request without marks."""
        messages = (m._replace(content=unfenced(m.content)) for m in request.messages)
        return await super().complete(replace(request, messages=tuple(messages)), sample)
