"""A researcher without a language model for every shipped task: its moves, behind a client.

It reads a request as operators word it (programs between artefact tags; "It failed: " of one that
did), and answers with a program of the task's grammar. Simulated, and said so wherever it plays.
"""

import random
import re
from dataclasses import dataclass

from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel
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
    """The moves of a task as a model."""

    task: str
    p_bug: float = 0.15
    """Chance that a proposal holds a bug."""
    p_mend: float = 0.7
    """Chance that debugging finds it."""

    def model(self, seed: int = 0) -> ScriptedModel:
        """It as a model."""
        name = f"simulated-researcher-{self.task}-{self.p_bug:g}-{self.p_mend:g}"
        return ScriptedModel(self.answer, name, seed)

    def answer(self, request: Request, key: DrawKey) -> str:
        """A plan and a program."""
        prompt = request.messages[-1].content
        programs = [found[1] + "\n" for found in _ARTEFACT.findall(prompt)]
        plan, program = self.move(programs, "\n\nIt failed: " in prompt, key.random())
        return f"{plan}\n\n```python\n{program}```\n"

    def move(self, programs: list[str], failed: bool, draws: random.Random) -> tuple[str, str]:
        """The plan and the program that follow from these."""
        known = Moves(grammar_of(self.task), self.p_bug, self.p_mend)
        if not programs:
            return "A first program.", known.draft(draws)
        if failed:
            return "Mend what failed.", known.debug(programs[0], draws)
        if len(programs) > 1:
            return "Parts of both.", known.crossover(programs[0], programs[1], draws)
        return "One thing changed.", known.improve(programs[0], draws)
