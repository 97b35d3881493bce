"""A researcher without a language model for every shipped task: its moves, behind a client.

It reads a request as operators word it (programs between artefact tags; "It failed: " of one that
did; the memory of the search), and answers with a program of the task's grammar. Simulated, and
said so wherever it plays.
"""

import json
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from cairn.core.checks import share
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel
from cairn.research.operators import COMPLEXITY
from cairn.research.shipped.grammars import images, numerics, strategies, tables
from cairn.research.shipped.moves import Grammar, Moves

GRAMMARS = {
    **{name: tables.grammar(name) for name in ("friedman", "churn", "rides")},
    "digits": images.GRAMMAR,
    "battle-of-sexes": strategies.BATTLE_OF_SEXES,
    "prisoners-dilemma": strategies.PRISONERS_DILEMMA,
    "blotto": strategies.COLONEL_BLOTTO,
    "3-sat": strategies.SATISFIABILITY,
    "acquisition": strategies.LOOKS,
    "optimiser": numerics.OPTIMISER,
    **{f"circles-{n}": numerics.circles(n) for n in (5, 6, 7, 8, 26)},
    **{f"speedrun-{i}": numerics.speedrunner(i) for i in range(1, 5)},
    **{f"speedrun-flops-{i}": numerics.speedrunner(i) for i in range(1, 5)},
}
BOLD = {"simple": 1, "normal": 2, "complex": 3}
"""Changes at once, by the cue of a prompt."""
_MEMORY = re.compile(r"<memory-([0-9a-f]{8})>(.*?)</memory-\1>", re.S)
_SAID = re.compile(r"(\w+) to `([^`]*)`")
_ARTEFACT = re.compile(r"<artefact(?:-\d)?-([0-9a-f]{8})>\n(.*?)\n</artefact", re.S)


def grammar_of(name: str) -> Grammar:
    """The grammar of a shipped task. Raises ConfigError."""
    if name not in GRAMMARS:
        raise ConfigError(
            f"the simulated researcher knows no task {name!r}: only {', '.join(GRAMMARS)}."
        )
    return GRAMMARS[name]


def moves(task: str) -> Moves:
    """Draft, improve, debug and crossover for a shipped task."""
    return Moves(grammar_of(task))


@dataclass(frozen=True)
class ShippedResearcher:
    """The moves of a task as a model.

    It reads what a prompt says of the search: a draft is unlike those in the memory, an improvement
    makes none of the changes that stand there, and a cue to be bold changes more at once.
    """

    task: str
    p_bug: float = 0.15
    """Chance that a proposal holds a bug."""
    p_mend: float = 0.7
    """Chance that debugging finds it."""
    wide: bool = False
    """Draft from the whole grammar; otherwise from the first half of each list of its choices,
    and the rest is reached by improvements alone."""
    kind: Literal["shipped"] = "shipped"

    def __post_init__(self):
        grammar_of(self.task)
        share(self, "p_bug", "p_mend")

    def model(self, seed: int = 0) -> ScriptedModel:
        """It as a model."""
        wide = "-wide" * self.wide
        name = f"simulated-researcher-{self.task}-{self.p_bug:g}-{self.p_mend:g}{wide}"
        return ScriptedModel(self.answer, name, seed)

    def answer(self, request: Request, key: DrawKey) -> str:
        """A plan and a program."""
        prompt = request.messages[-1].content
        programs = [found[1] + "\n" for found in _ARTEFACT.findall(prompt)]
        memory = found[2] if (found := _MEMORY.search(prompt)) else ""
        bold = next((n for cue, n in BOLD.items() if COMPLEXITY[cue] in prompt), 1)
        failed = "\n\nIt failed: " in prompt
        plan, program = self.move(programs, failed, key.random(), memory, bold)
        return f"{plan}\n\n```python\n{program}```\n"

    def move(
        self,
        programs: list[str],
        failed: bool,
        draws: random.Random,
        memory: str = "",
        bold: int = 1,
    ) -> tuple[str, str]:
        """The plan and the program that follow from these; `bold` changes are made at once."""
        grammar = grammar_of(self.task)
        known = Moves(grammar, self.p_bug, self.p_mend, self.wide)
        if failed and programs:
            return "Mend what failed.", known.debug(programs[0], draws)
        if len(programs) > 1:
            return "Parts of both.", known.crossover(programs[0], programs[1], draws)
        told = [(name, _value(said)) for name, said in _SAID.findall(memory)]
        before = grammar.read(programs[0]) if programs else None
        if before is None:
            unlike = [_choices(line) for line in memory.splitlines() if "Begin with" in line]
            text = known.draft(draws, unlike)
            return f"Begin with {_in_words(grammar.read(text) or {})}.", text
        text = known.improve(programs[0], draws, bold, told)
        after = grammar.read(text) or {}
        return f"Set {_in_words({n: after[n] for n in before if after[n] != before[n]})}.", text


def _in_words(chosen: Mapping[str, Any]) -> str:
    named = {name: value for name, value in chosen.items() if name != "bug"}
    return ", ".join(f"{name} to `{json.dumps(value)}`" for name, value in named.items())


def _choices(line: str) -> dict[str, Any]:
    return {name: _value(said) for name, said in _SAID.findall(line)}


def _value(said: str) -> Any:
    try:
        return json.loads(said)
    except ValueError:
        return None
