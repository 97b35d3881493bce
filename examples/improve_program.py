"""Improve a program against a measured score: an approximation of the cosine, run in the jail.

The writer here is a script that changes one coefficient, so that the example runs anywhere. A model
behind a server goes in its place:
    {"researcher": {"base_url": "http://127.0.0.1:8000/v1", "model": "my-model"}}
"""

import math
import re
from pathlib import Path

import cairn
from cairn import jail
from cairn.lm.scripted import ScriptedModel
from cairn.research.evaluation import Graded

START = "A, B = 1.0, 0.0\nfor i in range(21):\n    print(A + B * (i / 10 - 1) ** 2)\n"


async def error(program: str) -> Graded:
    """Largest distance from the cosine at 21 points. The score is computed here, not there."""
    ran = await jail.arun(program, limits=jail.Limits(seconds=5.0, memory_mb=128))
    if ran.kind != "ok":
        return Graded(None, ran.kind, ran.stderr or ran.reason)
    try:
        values = [float(line) for line in ran.stdout.split()]
        worst = max(abs(v - math.cos(i / 10 - 1)) for i, v in zip(range(21), values, strict=True))
    except ValueError:
        return Graded(None, "invalid", "expected 21 numbers")
    return Graded(worst, "ok", f"largest error {worst:.4f}")


def change(request, key) -> str:
    """One coefficient moved."""
    found = re.findall(r"^A, B = (\S+), (\S+)$", request.messages[-1].content, re.M)
    numbers = [float(number) for number in (found[-1] if found else ("1", "0"))]
    draws = key.random()
    place = draws.randrange(2)
    numbers[place] = round(numbers[place] + draws.gauss(0.0, 0.15), 3)
    program = START.replace("1.0, 0.0", f"{numbers[0]}, {numbers[1]}")
    return f"Move {'AB'[place]}.\n```python\n{program}```"


def main(path: Path, trials: int = 40) -> None:
    found = cairn.optimise(
        START, error, models=ScriptedModel(change, "change"), larger_is_better=False,
        language="python", description="Print the cosine at -1, -0.9, ..., 1.",
        policy="greedy", settings={"drafts": 1}, trials=trials, run=path, workers=2, show=False,
    )  # fmt: skip
    print(f"{found.tree[0].score:.4f} -> {found.score:.4f}\n{found.text}")


if __name__ == "__main__":
    main(Path("runs/improve-program"))
