"""Moves of a researcher without a language model: functions from text to text, of a grammar.

A grammar has choices and a way to write the program that they mean. A program carries its choices
in its last line, so that any other program of the grammar can be reached from it. Some proposals
hold a bug: a real one, that fails when it is run. This shows how a search goes, and nothing about
what a model would find.
"""

import json
import random
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARK = "# choices: "
Choices = dict[str, Any]
Bug = Callable[[str], str]


def unknown_module(text: str) -> str:
    """Imports what is not there."""
    return "import numpy.tensor\n" + text


def unknown_name(text: str) -> str:
    """Uses what was never defined."""
    return text + "print(best_model.summary())\n"


def unclosed(text: str) -> str:
    """Loses its last bracket."""
    head, _, tail = text.rpartition(")")
    return head + tail


BUGS: Mapping[str, Bug] = {
    "unknown module": unknown_module, "unknown name": unknown_name, "unclosed": unclosed,
}  # fmt: skip
"""Bugs of any program."""


@dataclass(frozen=True)
class Grammar:
    """The programs of one task."""

    choices: Mapping[str, Sequence[Any]]
    """Values by name; neighbours in a sequence are near each other."""
    write: Callable[[Choices], str]
    """The program that choices mean."""
    bugs: Mapping[str, Bug]
    """What can be wrong with one."""

    def text(self, chosen: Choices) -> str:
        """The program of these choices, its bug included."""
        body = self.write(chosen).strip() + "\n"
        bug = chosen.get("bug")
        body = self.bugs[bug](body) if bug else body
        return f"{body}{MARK}{json.dumps(chosen)}\n"

    def read(self, text: str) -> Choices | None:
        """The choices that a program carries; None if it is not of this grammar."""
        last = text.strip().rpartition("\n")[2]
        if not last.startswith(MARK):
            return None
        try:
            found = json.loads(last[len(MARK) :])
        except ValueError:
            return None
        fits = isinstance(found, dict) and set(self.choices) <= set(found)
        return found if fits and all(found[n] in v for n, v in self.choices.items()) else None


@dataclass(frozen=True)
class Moves:
    """The operators of a search, on programs of a grammar."""

    grammar: Grammar
    p_bug: float = 0.15
    """Chance that a proposal holds a bug."""
    p_mend: float = 0.7
    """Chance that debugging finds it."""
    wide: bool = False
    """Draft from all choices instead of the first half of each list."""

    def draft(self, draws: random.Random, unlike: Collection[Choices] = ()) -> str:
        """A program at random: the first half of each list of choices, so that there is more to
        find. Of three, the one that differs most from the nearest of `unlike`."""
        found = [self._drawn(draws) for _ in range(3 if unlike else 1)]
        apart = [min((_distance(one, other) for other in unlike), default=0) for one in found]
        return self._told(found[apart.index(max(apart))], draws)

    def _drawn(self, draws: random.Random) -> Choices:
        return {
            name: draws.choice(values if self.wide else values[: (len(values) + 1) // 2])
            for name, values in self.grammar.choices.items()
        }

    def improve(
        self,
        text: str,
        draws: random.Random,
        changes: int = 1,
        avoid: Collection[tuple[str, Any]] = (),
    ) -> str:
        """Some choices changed, each to a neighbour, or now and then to any other; to none of
        `avoid` (name, value), if another is found soon."""
        chosen = self.grammar.read(text)
        if chosen is None:
            return self.draft(draws)
        for _ in range(changes):
            tried = 0
            while (named := self._change(chosen, draws)) in avoid and tried < 20:
                tried += 1
            name, value = named
            chosen[name] = value
        return self._told(chosen, draws)

    def _change(self, chosen: Choices, draws: random.Random) -> tuple[str, Any]:
        name = draws.choice([n for n, values in self.grammar.choices.items() if len(values) > 1])
        values = list(self.grammar.choices[name])
        at = values.index(chosen[name])
        near = [i for i in (at - 1, at + 1) if 0 <= i < len(values)]
        others = [i for i in range(len(values)) if i != at]
        return name, values[draws.choice(near if draws.random() < 0.6 else others)]

    def debug(self, text: str, draws: random.Random) -> str:
        """The bug taken out, or the same program again."""
        chosen = self.grammar.read(text)
        if chosen is None:
            return self.draft(draws)
        if not chosen.get("bug"):  # it failed by itself: something else is tried
            return self.improve(text, draws)
        if draws.random() < self.p_mend:
            chosen["bug"] = None
        return self.grammar.text(chosen)

    def crossover(self, first: str, second: str, draws: random.Random) -> str:
        """Each choice of one of two programs."""
        pair = [self.grammar.read(first), self.grammar.read(second)]
        if pair[0] is None or pair[1] is None:
            return self.improve(first if pair[0] is not None else second, draws)
        return self._told({n: draws.choice(pair)[n] for n in self.grammar.choices}, draws)  # type: ignore

    def _told(self, chosen: Choices, draws: random.Random) -> str:
        buggy = draws.random() < self.p_bug
        bug = draws.choice(sorted(self.grammar.bugs)) if buggy else None
        return self.grammar.text({**chosen, "bug": bug})


def _distance(one: Choices, other: Choices) -> int:
    return sum(one[name] != other.get(name) for name in one)
