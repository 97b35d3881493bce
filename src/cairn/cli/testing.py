"""What `cairn evaluate` and `cairn compare` share: arguments, progress, JSON."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cairn.cli.flags import HELP
from cairn.core import files
from cairn.core.console import PatientProgress, count
from cairn.core.errors import ConfigError
from cairn.core.rundir import RunDir
from cairn.core.units import duration
from cairn.runs.open import Run


def run_paths(
    command: str, number: int, arguments: list[str], usage: str
) -> tuple[list[Path], list[str]]:
    """The runs that come first, and the flags after them. Raises ConfigError if they do not."""
    if any(flag in arguments for flag in HELP):
        print(usage, flush=True)
        return [Path()] * number, ["--help"]
    given = [a for a in arguments[:number] if not a.startswith("-")]
    if len(given) < number:
        what = "a run directory" if number == 1 else f"{number} run directories"
        raise ConfigError(
            f"Expected {what} first, got {' '.join(arguments) or 'nothing'}. "
            f"Try cairn {command} {' '.join(['runs/maze-dr-1', 'runs/maze-dr-2'][:number])}."
        )
    return [Path(path) for path in given], arguments[number:]


def check_json(path: Path | None, runs: Sequence[Run]) -> None:
    """Refuse, before the work, a file that cannot be written or that belongs to a run."""
    if path is None or str(path) == "-":
        return
    if not path.parent.is_dir() or path.is_dir():
        raise ConfigError(f"--json expects a file in an existing directory, got {path}.")
    if path.is_file() and not _is_json(path):
        raise ConfigError(
            f"{path} exists and is no JSON: --json only replaces a result of before. Choose "
            f"another name."
        )
    for run in runs:
        if path.resolve().is_relative_to(run.directory.path.resolve()):
            raise ConfigError(
                f"--json must not write into the run it reads, got {path}. Put it beside the run."
            )


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_text() or "{}")
    except (OSError, ValueError):
        return False
    return True


def give_json(path: Path | None, report: dict) -> None:
    """Write the report: to standard output for "-", to nothing for None."""
    if path is None:
        return
    text = files.to_json(report, indent=2) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with files.writing(path):
        path.write_text(text)


def picture(
    report: dict[str, Any], run: RunDir, name: str, draw: Callable[[dict[str, Any], Path], Path]
) -> Path:
    """The picture of a report that the run keeps, RUN/pictures/NAME.png."""
    pictures = run.path / "pictures"
    with files.writing(pictures):
        pictures.mkdir(exist_ok=True)
        return draw(report, pictures / f"{name}.png")


def rate(value: float) -> str:
    """A solve rate or a return in three digits."""
    return f"{value:.3f}"


def between(bounds: Sequence[float | None], sign: str = "", digits: int = 3) -> str:
    """An interval; a dash where there is none. `sign`: "+" to show it always."""
    low, high = bounds
    return (
        "-" if low is None or high is None else f"{low:{sign}.{digits}f} to {high:{sign}.{digits}f}"
    )


class Watch(PatientProgress):
    """How many attempts at which suite are done; or other things, by other words."""

    def __init__(self, what: str = "suite", unit: str = "attempts") -> None:
        super().__init__()
        self._what, self._unit = what, unit
        self._begun = time.monotonic()

    def __call__(self, suite: str, behind: int, total: int) -> None:
        """`behind` of `total` attempts at a suite are done."""
        elapsed = duration(time.monotonic() - self._begun)
        attempts = f"{count(behind)} of {count(total)}"
        self.show({self._what: suite, self._unit: attempts, "elapsed": elapsed})
