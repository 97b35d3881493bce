"""A search without a jail: programs that say their own quality, and a grader that reads it."""

import re
from dataclasses import dataclass, field

from cairn.lm.scripted import ScriptedModel
from cairn.research.evaluation import Graded, Problem
from cairn.research.policies.table import policy_of
from cairn.research.searching import TreeSearch

PROGRAM = re.compile(r"^quality = (.+)$", re.M)


@dataclass
class Reads:
    """Gives the quality that a program states; "bug" is a failure. Counts what it is asked."""

    larger_is_better: bool = True
    graded: list = field(default_factory=list)

    async def __call__(self, text, split, clients):
        self.graded.append((split, text))
        said = PROGRAM.search(text)[1]
        if said == "bug":
            return Graded(None, "failed", f"Traceback: {split}")
        # Each split sees the quality with an error of its own.
        error = {"search": 0.0, "selection": 0.01, "test": 0.02}[split]
        return Graded(float(said) + error, "ok", "fine", 0.1, seconds=0.5, cpu_seconds=0.25)


def answer(request, key):
    """A plan and a program whose quality is drawn; now and then a bug, or no program."""
    draws = key.random()
    roll = draws.random()
    if roll < 0.04:
        return "No idea."
    said = "bug" if roll < 0.3 else f"{draws.gauss(0, 1):.6f}"
    return f"Try {said}.\n```python\nquality = {said}\n```"


def model(script=answer, name="researcher"):
    return ScriptedModel(script, name)


def problem(evaluator=None, **fields):
    splits = ("search", "selection", "test")
    return Problem("toy", "State a quality.", evaluator or Reads(), splits=splits, **fields)


def search(name="mcts", settings=None, evaluator=None, seed=0, **fields):
    how = {key: fields.pop(key) for key in ("asking", "watch") if key in fields}
    return TreeSearch(problem(evaluator, **fields), policy_of(name, settings), seed=seed, **how)
