"""What a search can work on: shipped tasks, folders of tasks, one's own by its address."""

import inspect
from pathlib import Path

from cairn.core.errors import ConfigError, suggest
from cairn.core.resolve import resolve
from cairn.research.evaluation import Evaluator, Problem

DEMO = "demo"
PROBLEMS = {DEMO: "cairn.research.demo:problem"}
"""Addresses of problems, or of functions that make them."""
FOLDER = "task"
"""Where a run keeps the folder of its shipped task."""


def shipped() -> tuple[str, ...]:
    """Names of the tasks that are written as a folder of each run."""
    from cairn.research.shipped.catalogue import SHIPPED

    return tuple(SHIPPED)


def problem_of(name: str, home: Path | None = None) -> Problem:
    """The problem of that name, at `package.module:Name`, or in a task folder.

    `home`: a run, whose own folder of the task comes first. Raises ConfigError.
    """
    if home is not None and (home / FOLDER).is_dir():
        return _of_folder(home / FOLDER)
    if name not in PROBLEMS and ":" not in name:
        check(name)
        return _of_folder(Path(name))
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


def write(name: str, home: Path) -> None:
    """The folder of a shipped task for a run; its data are drawn anew, from a seed that stands
    nowhere, so that no program can make the answers again. Of other tasks, nothing."""
    if name in shipped():
        from cairn.research.shipped import catalogue

        catalogue.write(name, home / FOLDER, seed=None)


def check(name: str) -> None:
    """Raises ConfigError for a name of nothing. Reads no folder and imports nobody's module."""
    known = (*PROBLEMS, *shipped())
    if name not in known and ":" not in name and not Path(name).is_dir():
        raise ConfigError(
            f"there is no task {name!r}. Expected one of {', '.join(known)}, a task folder, or "
            f"your own as package.module:Name.{suggest(name, known)}"
        )


def _of_folder(path: Path) -> Problem:
    from cairn.research.tasks.evaluator import problem_of as of_task
    from cairn.research.tasks.folder import read_folder

    return of_task(read_folder(path))
