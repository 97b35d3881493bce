"""Starter and simulated researcher on every shipped task: search and test score, seconds.

uv run benchmarks/research_tasks.py [STEPS [TASK ...]]

STEPS proposals of a hill climb (three drafts, then improvements of the best); 0: the starter alone.
The researcher is a grammar and no language model.
"""

import asyncio
import random
import sys
import tempfile
from pathlib import Path

from cairn.research.shipped import catalogue
from cairn.research.shipped.researcher import moves
from cairn.research.tasks.evaluator import TaskEvaluator
from cairn.research.tasks.task import Task


def best(task: Task, steps: int) -> tuple[str, int]:
    """The best program of a climb, and how many had a score."""
    evaluate, known, draws = TaskEvaluator(task), moves(task.name), random.Random(0)
    sign = 1 if task.larger_is_better else -1
    found, value, valid = "", None, 0
    for step in range(steps):
        text = known.draft(draws) if step < 3 or not found else known.improve(found, draws)
        score = asyncio.run(evaluate(text, "search")).score
        valid += score is not None
        if score is not None and (value is None or sign * score > value):
            found, value = text, sign * score
    return found, valid


def main(steps: int = 0, *names: str) -> None:
    """Print a row a task."""
    print("| task | starter: search | test | climb: search | test | valid | CPU s |")
    with tempfile.TemporaryDirectory() as folder:
        for name in names or catalogue.SHIPPED:
            task = catalogue.make(name, Path(folder) / name)
            evaluate = TaskEvaluator(task)
            text, valid = best(task, steps) if steps else (task.starter, 0)
            graded = [
                asyncio.run(evaluate(program, split))
                for program in (task.starter, text)
                for split in ("search", "test")
            ]
            cells = [f"{g.score:.4g}" if g.score is not None else g.outcome for g in graded]
            row = [name, *cells, f"{valid}/{steps}", f"{graded[0].cpu_seconds:.2f}"]
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:])
