"""Tasks by name, and from a user's file.

A file is TOML:

    name = "support-mail"
    base = "anonymize"                # what is not said here is as there
    instructions = \"\"\"...\"\"\"
    tries = 4
    pseudonyms = true
    detectors = ["standard", "my.package:BadgeNumbers"]
    threshold = 0.4
    sure = 0.75
    checks = ["refusal", "leak", "length", "my.package:NoTickets"]

    [settings.length]
    most = 1.5
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cairn.core.errors import ConfigError
from cairn.core.resolve import resolve
from cairn.core.typed import build, read_toml
from cairn.refine.checks.catalogue import check
from cairn.refine.detectors.catalogue import STANDARD, detectors
from cairn.refine.detectors.combined import THRESHOLD
from cairn.refine.tasks.base import Task

_OWN = "cairn.refine.tasks.own:"
TASKS = {
    "anonymize": _OWN + "ANONYMIZING",
    "anonymize-code": _OWN + "ANONYMIZING_CODE",
    "detoxify": _OWN + "DETOXIFYING",
}


@dataclass(frozen=True)
class TaskFile:
    """The fields of a task's file."""

    name: str = ""
    """How rows and reports name it; without one, the file's name."""
    base: str | None = None
    """A task by name: what is not said here is as there."""
    instructions: str | None = None
    """System prompt of the rewriter."""
    checks: tuple[str, ...] | None = None
    """By name or as package.module:Name, in order."""
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Of checks, by the names that `checks` has."""
    detectors: tuple[str, ...] | None = None
    """By name or as package.module:Name; `standard` is all of ours."""
    threshold: float = THRESHOLD
    """Least score of a span of the detectors."""
    sure: float | None = None
    """Least score of a find that is not in doubt."""
    tries: int | None = None
    pseudonyms: bool | None = None


def task(name: str) -> Task:
    """A task by its name, its file (`.toml`), or as `package.module:Name`. Raises ConfigError."""
    if name.endswith(".toml") or (name not in TASKS and ":" not in name and Path(name).is_file()):
        return read_task(Path(name))
    try:
        found = resolve(name, TASKS, "task")
    except ConfigError as error:
        if ":" in name:
            raise
        raise ConfigError(f"{error} A task's own file ends in .toml.") from None
    if not isinstance(found, Task):
        raise ConfigError(f"{name} is no Task of cairn.refine, but {type(found).__name__}.")
    return found


def read_task(path: Path) -> Task:
    """The task that a TOML file describes. Raises ConfigError, with the file's name."""
    table = read_toml(path)
    try:
        return task_of(build(TaskFile, table), title=path.stem)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from None


def task_of(file: TaskFile, *, title: str) -> Task:
    """The task, from its base and what the file says."""
    base = task(file.base) if file.base is not None else None
    if base is None and not file.instructions:
        names = ", ".join(TASKS)
        raise ConfigError(f"a task needs instructions, or a base (one of {names}).")
    changed: dict[str, Any] = {"name": file.name or title}
    if file.checks is not None:
        changed["checks"] = _checks(file.checks, file.settings)
    elif file.settings:
        raise ConfigError("settings are of the checks in `checks`, which the file does not name.")
    elif base is None:
        raise ConfigError(
            "a task without a base needs `checks`: without any, every answer would be accepted."
        )
    if file.detectors is not None:
        names = tuple(
            inner
            for name in file.detectors
            for inner in (STANDARD if name == "standard" else [name])
        )
        changed["detectors"] = (detectors(names, threshold=file.threshold),) if names else ()
    elif file.threshold != THRESHOLD:
        raise ConfigError("threshold is of `detectors`, which the file does not name.")
    for name in ("instructions", "sure", "tries", "pseudonyms"):
        if getattr(file, name) is not None:
            changed[name] = getattr(file, name)
    return Task(**changed) if base is None else replace(base, **changed)


def _checks(names: tuple[str, ...], settings: Mapping[str, Mapping[str, Any]]) -> tuple:
    strangers = [name for name in settings if name not in names]
    if strangers:
        raise ConfigError(
            f"[settings.{strangers[0]}] is of a check that `checks` does not name; it has "
            f"{', '.join(names) or 'none'}."
        )
    if not names:
        raise ConfigError("checks is empty: without any, every answer would be accepted.")
    return tuple(check(name, settings.get(name), where=f"settings.{name}") for name in names)
