"""What a search can work on, by name: shipped problems, one's own, folders of tasks."""

import inspect
from pathlib import Path

from cairn.core.errors import ConfigError, suggest
from cairn.core.resolve import resolve
from cairn.research.evaluation import Evaluator, Problem

PROBLEMS = {"friedman": "cairn.research.demo:problem"}
"""Addresses of problems, or of functions that make them."""


def problem_of(name: str) -> Problem:
    """The problem of that name, at `package.module:Name`, or in a task folder.

    Raises ConfigError.
    """
    if name not in PROBLEMS and ":" not in name:
        return _of_folder(name)
    made = resolve(name, PROBLEMS, "task")
    if inspect.isroutine(made):
        try:
            inspect.signature(made).bind()
        except (TypeError, ValueError):
            raise ConfigError(f"task {name!r} must be callable without arguments.") from None
        made = made()
    if not isinstance(made, Problem):
        kind = type(made).__name__
        raise ConfigError(
            f"task {name!r} must be a Problem or a function that makes one, got {kind}."
        )
    if not isinstance(made.evaluator, Evaluator):
        raise ConfigError(f"the evaluator of task {name!r} needs larger_is_better and a call.")
    if "search" not in made.splits:
        raise ConfigError(f"task {name!r} has no split 'search': it has {', '.join(made.splits)}.")
    return made


def _of_folder(name: str) -> Problem:
    from cairn.research.tasks.evaluator import problem_of as of_task
    from cairn.research.tasks.folder import read_folder

    path = Path(name)
    if not path.is_dir():
        raise ConfigError(
            f"there is no task {name!r}. Expected one of {', '.join(PROBLEMS)}, a task folder, or "
            f"your own as package.module:Name.{suggest(name, PROBLEMS)}"
        )
    return of_task(read_folder(path))
