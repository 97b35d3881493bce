"""Scores programs on a task: run in the jail on a split's inputs, graded elsewhere.

What a candidate prints is shown to whoever writes the next one, and is never read for a score. On
the hidden splits nothing is shown at all: a hint from there would be learning from the test.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cairn import jail
from cairn.core.errors import ConfigError
from cairn.lm.client import Clients
from cairn.research.evaluation import Graded, Problem
from cairn.research.tasks.grading import Round, Verdict, grade
from cairn.research.tasks.scripts import grade_by_script
from cairn.research.tasks.task import Bounds, Task


@dataclass
class TaskEvaluator:
    """The Evaluator of a task."""

    task: Task
    tier: int | None = None
    """Of the jail; None: the strongest that this machine has."""
    larger_is_better: bool = field(init=False)
    """The task's direction."""

    def __post_init__(self):
        self.larger_is_better = self.task.larger_is_better

    async def __call__(self, text: str, split: str, clients: Clients | None = None) -> Graded:
        """The score of a program on a split. Raises ConfigError for a split that is not there."""
        self.task.split(split)
        try:
            text.encode()
        except UnicodeEncodeError as error:
            graded = Graded(None, "invalid", f"The program is no text in UTF-8: {error.reason}.")
        else:
            graded = await self._graded(text, split)
        return graded if split == "search" else graded._replace(feedback="", artefacts={})

    async def _verdict(self, split: str, rounds: Sequence[Round]) -> Verdict:
        if self.task.grader.form == "script":
            return await grade_by_script(self.task, split, rounds, tier=self.tier)
        return await grade(self.task, split, rounds)

    async def _graded(self, text: str, split: str) -> Graded:
        if self.task.results == (self.task.program,):  # the program itself is what is graded
            return _told(await self._verdict(split, [Round({self.task.program: text.encode()})]))
        rounds: list[Round] = []
        asked: Mapping[str, str] = {}
        said, seconds, cpu = "", 0.0, 0.0
        if self.task.rounds:
            verdict = await self._verdict(split, rounds)
            if verdict.outcome != "ask":
                return _told(verdict, said, seconds)
            asked = verdict.ask
        for _ in range(max(1, self.task.rounds)):
            outcome = await self._run(text, split, asked)
            seconds, cpu = seconds + outcome.seconds, cpu + outcome.cpu_seconds
            said = _output(outcome)
            if outcome.kind == "jail_error":
                return Graded(None, "jail_error", outcome.reason, seconds=seconds)
            if outcome.kind != "ok":
                return Graded(
                    None, outcome.kind, _failure(outcome, said), seconds=seconds, cpu_seconds=cpu
                )
            missing = [name for name in self.task.results if name not in outcome.files]
            if missing:
                feedback = f"The program ended without writing {', '.join(missing)}.\n{said}"
                return Graded(None, "no_result", feedback, seconds=seconds, cpu_seconds=cpu)
            left = {name: outcome.files[name] for name in self.task.results}
            rounds.append(Round(left, outcome.seconds, outcome.cpu_most))
            verdict = await self._verdict(split, rounds)
            if verdict.outcome != "ask":
                return _told(verdict, said, seconds, cpu)
            asked = verdict.ask
        return Graded(None, "grader_error", "", seconds=seconds)

    async def _run(self, text: str, split: str, asked: Mapping[str, str]) -> jail.Outcome:
        task = self.task
        files: dict[str, bytes | str | Path] = {task.program: text, **task.support, **asked}
        entry = task.program
        if task.harness is not None:
            files["harness.py"], entry = task.harness, "harness.py"
        inputs = task.split(split).inputs
        readonly = {} if task.train is None else {"train": task.train}
        if inputs is not None:
            readonly[task.inputs_as] = inputs
        return await jail.arun(
            ["python", entry],
            files=files,
            readonly=readonly,
            back=list(task.results),
            limits=limits_of(task.bounds),
            tier=self.tier,
        )


def limits_of(bounds: Bounds) -> jail.Limits:
    """A task's bounds in the jail's words."""
    return jail.Limits(
        seconds=bounds.seconds,
        cpu_seconds=bounds.cpu_seconds,
        memory_mb=bounds.memory_mb,
        processes=bounds.processes,
        disk_mb=bounds.disk_mb,
        output_kb=bounds.output_kb,
    )


def problem_of(task: Task, *, tier: int | None = None) -> Problem:
    """The task as a search takes it."""
    bounds = task.bounds
    return Problem(
        name=task.name,
        description=described(task),
        evaluator=TaskEvaluator(task, tier),
        initial=task.starter,
        splits=tuple(task.splits),
        fingerprint=task.digest,
        limits={
            "seconds": bounds.seconds * max(1, task.rounds),
            "cpu_seconds": (bounds.cpu_seconds or 2 * bounds.seconds) * max(1, task.rounds),
            "memory_mb": bounds.memory_mb,
        },
    )


def described(task: Task) -> str:
    """What a researcher is told: the description, the files, the metric, the limits."""
    direction = "Larger" if task.larger_is_better else "Smaller"
    files = ", ".join(f"`{name}`" for name in task.results)
    ran = "is run" if task.harness is None else "is imported by a harness"
    return (
        f"{task.description.strip()}\n\n"
        f"Your program is one file of Python, `{task.program}`, which {ran}; there is no network. "
        f"Left behind must be: {files}. Metric: {task.metric}. {direction} is better. Limits: "
        f"{task.bounds.seconds:g} s, {task.bounds.memory_mb} MiB. What is printed is never "
        f"read for the score."
    )


async def baselines(
    task: Task, splits: Sequence[str] | None = None, *, tier: int | None = None
) -> dict[str, Graded]:
    """The starter on each split. Raises ConfigError where it cannot be scored: then the task is
    broken, and no candidate is to blame."""
    evaluator = TaskEvaluator(task, tier)
    found = {}
    for name in splits or task.splits:
        found[name] = await evaluator._graded(task.starter, name)
        if found[name].score is None:
            raise ConfigError(
                f"Task {task.name!r}: its own starter has no score on {name} "
                f"({found[name].outcome}). {found[name].feedback.strip()}"
            )
    return found


def check(task: Task, *, tier: int | None = None) -> dict[str, Graded]:
    """`baselines` for callers without an event loop."""
    return asyncio.run(baselines(task, tier=tier))


def _told(verdict: Verdict, said: str = "", seconds: float = 0.0, cpu: float = 0.0) -> Graded:
    if verdict.outcome in ("no_score", "not_finite", "grader_error"):
        return Graded(None, verdict.outcome, "", seconds=seconds, cpu_seconds=cpu)
    feedback = "\n".join(part for part in (verdict.feedback, said) if part)
    return Graded(
        verdict.score, verdict.outcome, feedback, verdict.spread, seconds, cpu_seconds=cpu
    )


def _output(outcome: jail.Outcome) -> str:
    return "\n".join(part.strip() for part in (outcome.stdout, outcome.stderr) if part.strip())


def _failure(outcome: jail.Outcome, said: str) -> str:
    return f"The program failed ({outcome.kind}): {outcome.reason}\n{said}".strip()
