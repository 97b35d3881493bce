"""Results that a command has left in a run, for the panels that show them."""

import json
from collections.abc import Callable
from typing import Any

from cairn.core.errors import RunError
from cairn.show.subject import Subject


def applies(subject: Subject, name: str) -> str | None:
    """Whether the result is there; where it is not, nothing needs to be said."""
    return None if (subject.directory.path / name).is_file() else ""


def read(
    subject: Subject, name: str, what: str, command: str, check: Callable[[dict[str, Any]], Any]
) -> dict[str, Any]:
    """The newest result of `command`. Raises RunError where it is broken: `check` fails on it."""
    path = subject.directory.path / name
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        check(report)
        return report
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path} holds no {what} that can be read ({type(error).__name__}). Make it anew: "
            f"{command} {subject.directory.path}."
        ) from error
