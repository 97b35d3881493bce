"""What studies on shipped tasks share: a grader that remembers, one search, and a page's marks.

The programs of the simulated researcher are deterministic. So one that was really run in the jail,
and graded, is not run again: its outcome is read from a file, for every policy and seed alike.
Only the grader's place is taken; the search, the operators and the journal are those of a user.
"""

import asyncio
import hashlib
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from provenance import ROOT

import cairn
from cairn.core.stats import bootstrap, mean, paired_difference
from cairn.lm.cast import Player
from cairn.research.evaluation import Graded, Problem
from cairn.research.node import Tree
from cairn.research.policies.table import policy_of
from cairn.research.searching import Asking, TreeSearch
from cairn.research.selection import Selection, candidates
from cairn.research.shipped import catalogue
from cairn.research.shipped.researcher import ShippedResearcher
from cairn.research.tasks.evaluator import TaskEvaluator, described
from cairn.research.tasks.folder import read_folder
from cairn.research.tasks.task import Task

PAGE = ROOT / "docs" / "search-studies.md"
AIDE = Asking(memory={"draft": "simple", "improve": "simple", "debug": "none", "crossover": "none"})
"""Operators as AIDE has them: all good nodes in memory, debugging without any."""
AIRA = Asking(
    memory={"draft": "sibling", "improve": "sibling", "debug": "ancestral", "crossover": "none"}
)
"""Operators as AIRA has them: memory by place. (Its cue of complexity is the policy's setting.)"""


class Remembering:
    """The evaluator of a task, with what it said on file."""

    def __init__(self, task: Task, kept: Path):
        self.task, self.inner, self.file = task, TaskEvaluator(task), kept
        self.larger_is_better = task.larger_is_better
        self.known: dict[str, Graded] = {}
        if kept.exists():
            for line in kept.read_text().splitlines():
                one = json.loads(line)
                if one["task"] == task.digest:
                    self.known[one["what"]] = Graded(**one["graded"])

    async def __call__(self, text: str, split: str, clients: Any = None) -> Graded:
        what = f"{split} {hashlib.sha256(text.encode()).hexdigest()[:24]}"
        if what not in self.known:
            found = await self.inner(text, split)
            if found.outcome in ("jail_error", "grader_error", "timeout", "cpu"):
                return found  # not the program's own, or by a clock: not to be remembered
            self.known[what] = found
            line = {"task": self.task.digest, "what": what, "graded": found._asdict()}
            with self.file.open("a") as file:
                file.write(json.dumps(line) + "\n")
        return self.known[what]

    def score(self, text: str, split: str) -> float:
        """Of a program that has one."""
        found = asyncio.run(self(text, split)).score
        assert found is not None, (split, text)
        return found


def task_of(name: str, kept: Path, **changes: Any) -> Task:
    """A shipped task with the data of seed 0, written once."""
    folder = kept / "tasks" / name
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        catalogue.write(name, folder, seed=0)
    return read_folder(folder)


def searched(
    task: Task,
    grader: Remembering,
    researcher: ShippedResearcher,
    *,
    policy: str,
    settings: dict[str, Any],
    asking: Asking,
    trials: int,
    seed: int,
    top: int = 5,
) -> dict[str, Any]:
    """One search, the final choice among the `top` best by the selection split, and its scores."""
    tree = run_search(
        cairn_problem(task, grader), researcher.model(seed), policy, settings, asking,
        trials=trials, seed=seed,
    )  # fmt: skip
    rule = Selection("hidden", top=top)
    pool, measured, sign = candidates(tree), {}, 1 if task.larger_is_better else -1
    for want in rule.wanted(pool, measured, "selection"):
        score = asyncio.run(grader(tree[want.id].text, "selection")).score
        measured[want] = None if score is None else sign * score
    chosen, argmax = rule.choose(pool, measured), tree.best()
    assert chosen is not None and argmax is not None
    row = {"valid": len(tree.good), "nodes": len(tree)}
    for name, node in (("chosen", tree[chosen]), ("argmax", argmax)):
        scores = {split: grader.score(node.text, split) for split in ("selection", "test")}
        row[name] = {"search": node.score, **scores}
    return row


def run_search(
    problem: Problem,
    model: Player,
    policy: str,
    settings: dict[str, Any],
    asking: Asking,
    *,
    trials: int,
    seed: int,
    **more: Player,
) -> Tree:
    """The tree of a search, one node at a time. `more`: who plays further roles."""
    search = TreeSearch(problem, policy_of(policy, settings), asking=asking, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        return cairn.search(
            search, models={"researcher": model, **more}, trials=trials, lag=1, workers=1,
            seed=seed, settings={}, show=False, run=Path(folder) / "run",
        ).state.tree  # fmt: skip


def cairn_problem(task: Task, grader: Any) -> Problem:
    """The task as a search takes it, with a grader in place of its own."""
    return Problem(
        name=task.name, description=described(task), evaluator=grader, initial=task.starter,
        splits=tuple(task.splits), fingerprint=task.digest,
    )  # fmt: skip


def gain(ours: list[float], theirs: list[float], larger: bool) -> tuple[float, float, float]:
    """How much better ours are, paired by seed: the mean and its 95 % bootstrap interval."""
    sign = 1.0 if larger else -1.0
    a, b = sign * np.array(ours)[:, None], sign * np.array(theirs)[:, None]
    found = paired_difference(a, b, mean)
    return found.value, found.low, found.high


def mean_of(values: list[float]) -> tuple[float, float, float]:
    """The mean over seeds and its 95 % bootstrap interval."""
    found = bootstrap(np.array(values)[:, None], mean)
    return found.value, found.low, found.high


def told(of: tuple[float, float, float]) -> str:
    """A value with its interval."""
    value, low, high = (0.0 if abs(one) < 5e-7 else one for one in of)
    return f"{value:.3g} [{low:.3g}, {high:.3g}]"


def filled(page: str, mark: str, text: str) -> str:
    """The page with `text` between `<!-- mark -->` and `<!-- mark end -->`."""
    begins, ends = f"<!-- {mark} -->\n", f"<!-- {mark} end -->"
    pattern = re.compile(re.escape(begins) + ".*?" + re.escape(ends), re.DOTALL)
    assert pattern.search(page), f"{PAGE.name} has no place for {mark}"
    return pattern.sub(lambda _: begins + text + ends, page)


def into_page(mark: str, text: str) -> None:
    """Put it there."""
    PAGE.write_text(filled(PAGE.read_text(), mark, text))
