"""A task of one's own as a folder: read, with a clear line for whatever part is missing.

task.toml               name, metric, direction, files to write, limits, baselines
description.md          what the researcher is told
starter.py              a program to begin with
grade.py                grade(results, answers) -> score
harness.py              optional: run in the candidate's place, and imports it
data/train/             seen in every split
data/SPLIT/             inputs of one split: search, selection, test
answers/SPLIT/          what only the grader sees
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cairn.core.errors import ConfigError, reason
from cairn.core.typed import build, read_toml
from cairn.research.tasks.task import SPLITS, Bounds, Grader, Split, Task

SETTINGS = "task.toml"


@dataclass(frozen=True)
class Settings:
    """The table in `task.toml`."""

    metric: str
    larger_is_better: bool
    results: tuple[str, ...]
    """Files that a program has to write."""
    name: str = ""
    """Empty: the folder's name."""
    program: str = "program.py"
    """The name under which a candidate is run, or imported by a harness."""
    rounds: int = 0
    """Above 0: the grader goes first and asks, at most so often."""
    grader_seconds: float = 60.0
    """How long the grader may take."""
    support: tuple[str, ...] = ()
    """Further files of the folder that stand beside the program in the jail."""
    source: str = ""
    """Where the task is from."""
    limits: Bounds = field(default_factory=Bounds)
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Scores by name and split."""

    def __post_init__(self):
        if self.rounds < 0:
            raise ConfigError(f"rounds must be 0 or more, got {self.rounds}.")
        for name in (*self.results, self.program, *self.support):
            if Path(name).is_absolute() or ".." in Path(name).parts or not name:
                raise ConfigError(f"{name!r} must be a file's name within the working folder.")


def is_folder(path: Path) -> bool:
    """Whether this looks like a task folder of ours."""
    return (path / SETTINGS).is_file()


def read_folder(path: Path) -> Task:
    """The task in a folder. Raises ConfigError, which names the part that is missing or wrong."""
    path = Path(path).resolve()
    if not path.is_dir():
        raise ConfigError(f"there is no task folder {path}.")
    _need(path, SETTINGS, "the task's settings (metric, larger_is_better, results)")
    try:
        settings = build(Settings, read_toml(path / SETTINGS))
    except ConfigError as error:
        raise ConfigError(f"{path.name}/{SETTINGS}: {error}") from None
    description = _text(path, "description.md", "what the researcher is told")
    starter = _text(path, "starter.py", "a program to begin with")
    _need(path, "grade.py", "the grader: a function grade(results, answers)")
    splits = {name: _split(path, name) for name in SPLITS if (path / "answers" / name).is_dir()}
    if "search" not in splits:
        _need(path, "answers/search", "what only the grader sees of the split that is searched on")
    support = {name: path / name for name in settings.support}
    for name in support:
        _need(path, name, "named in `support`")
    harness, train = path / "harness.py", path / "data" / "train"
    return Task(
        name=settings.name or path.name,
        description=description,
        metric=settings.metric,
        larger_is_better=settings.larger_is_better,
        results=settings.results,
        grader=Grader(path / "grade.py", seconds=settings.grader_seconds),
        splits=splits,
        starter=starter,
        program=settings.program,
        harness=harness if harness.is_file() else None,
        train=train if train.is_dir() else None,
        support=support,
        bounds=settings.limits,
        rounds=settings.rounds,
        baselines=settings.baselines,
        source=settings.source,
    )


def _split(path: Path, name: str) -> Split:
    inputs = path / "data" / name
    return Split(inputs if inputs.is_dir() else None, path / "answers" / name)


def _need(path: Path, part: str, what: str) -> None:
    if not (path / part).exists():
        raise ConfigError(
            f"the task folder {path.name} has no {part} ({what}). docs/search-tasks.md shows a "
            f"whole one."
        )


def _text(path: Path, part: str, what: str) -> str:
    _need(path, part, what)
    try:
        return (path / part).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path.name}/{part} cannot be read: {reason(error)}.") from None
