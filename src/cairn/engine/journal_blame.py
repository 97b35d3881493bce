"""Where a policy's own code failed: a line that says it, and the whole traceback in a file."""

import asyncio
import logging
import os
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from cairn.core.errors import CairnError, RunError
from cairn.lm.errors import LMError

FILE = "traceback.txt"
"""Beside the journal; the latest failure alone."""
PACKAGE = Path(__file__).parents[1]
LIBRARY = Path(os.__file__).parent
"""Python's own modules."""

log = logging.getLogger(__name__)


class PolicyError(RunError):
    """A policy's own code failed; says in which method, for which trial, and where."""


class Blame:
    """Turns what a policy's code raises into a PolicyError: use `with blame("tell", trial_id):`.

    Where every trial passes, a `try` that raises again inside of it costs nothing in good times.

    What a person can mend already passes as it is: ConfigError and its like, and in `evaluate`
    also what its models raise.
    """

    def __init__(self, policy: object, folder: Path, redact: Callable[[str], str]):
        self.policy, self.folder, self.redact = policy, folder, redact
        self._where: tuple[str, int | None] = ("init", None)

    def __call__(self, method: str, trial_id: int | None = None) -> "Blame":
        """Name what is about to be called. Not for methods that wait: use `error` for these."""
        self._where = (method, trial_id)
        return self

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        # A method that does not wait cannot be cancelled: a CancelledError is its own.
        own = isinstance(error, Exception | asyncio.CancelledError)
        if own and not self.passes(error, self._where[0]):
            raise self.error(error, *self._where) from error

    @staticmethod
    def passes(error: BaseException, method: str) -> bool:
        """Whether an error says itself what to do."""
        ours = isinstance(error, CairnError)
        return ours and (method == "evaluate" or not isinstance(error, LMError))

    def error(self, error: BaseException, method: str, trial_id: int | None) -> PolicyError:
        """The error for what `method` raised; writes the traceback down."""
        trial = "" if trial_id is None else f" in trial {trial_id}"
        what = f"{type(self.policy).__name__}.{method} failed{trial}"
        return blamed(error, what, self.folder, self.redact)


def blamed(
    error: BaseException,
    what: str,
    folder: Path,
    redact: Callable[[str], str],
    *,
    private: bool = False,
) -> PolicyError:
    """The error for `what` ("... failed ..."); writes the traceback down in `folder`.

    `private`: file and line say types and places, and none of what the errors say.
    """
    what = f"{what}{_place(error.__traceback__)}"
    said = type(error).__name__ if private else f"{type(error).__name__}: {error}"
    says = redact(" ".join(said.split()))
    text = _places(error) if private else "".join(traceback.format_exception(error))
    trace = redact(f"{what}\n\n{text}")
    return PolicyError(
        f"{what}: {says.rstrip('.: ')}. {_write(trace, folder)}"
        f"Nothing journaled is lost: mend it and go on."
    )


def _places(error: BaseException | None) -> str:
    """A traceback without messages and notes: they quote what was worked on."""
    told: list[str] = []
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        frames = traceback.extract_tb(error.__traceback__)
        lines = [f"  {frame.filename}, line {frame.lineno}, in {frame.name}\n" for frame in frames]
        told.append("".join([*lines, f"{type(error).__name__}\n"]))
        error = error.__cause__ or error.__context__
    return "\n".join(reversed(told))


def _write(text: str, folder: Path) -> str:
    path = folder / FILE
    try:
        # Readable by its owner alone: tracebacks quote prompts and answers.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError:
        log.error("%s", text)
        return ""
    return f"The whole traceback is in {path}. "


def _place(trace: TracebackType | None) -> str:
    """The deepest line of the user's own code, or else the deepest of all."""
    frames = traceback.extract_tb(trace)
    if not frames:
        return ""
    own = [frame for frame in frames if not _foreign(Path(frame.filename))]
    frame = (own or frames)[-1]
    return f" at {frame.filename}, line {frame.lineno}"


def _foreign(path: Path) -> bool:
    installed = {"site-packages", "dist-packages"} & {*path.parts}
    return path.is_relative_to(PACKAGE) or bool(installed) or path.is_relative_to(LIBRARY)
