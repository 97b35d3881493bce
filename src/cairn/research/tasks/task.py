"""A task: what a candidate program sees, what grades its results, and what only the grader sees.

A task has a vault of splits. `train` is seen with its answers. Of `search`, `selection` and `test`
a candidate sees the inputs of the one split that it is run on, and no answers: the score on
`search` drives a search, that on `selection` picks the final program, that on `test` is reported.
Splits are fixed once, the same for every candidate and every run, since scores on folds that each
candidate draws for itself cannot be compared.

Source: the protocol of hidden, consistent evaluation is that of AIRA-2 (train, search, selection,
test); the folder of a task of one's own is described in docs/search-tasks.md.
"""

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from cairn.core.checks import at_least, positive
from cairn.core.errors import ConfigError

SPLITS = ("search", "selection", "test")
"""The splits with hidden answers."""


@dataclass(frozen=True)
class Bounds:
    """What one run of a candidate may use."""

    seconds: float = 10.0
    """Wall-clock time."""
    cpu_seconds: float | None = None
    """Processor time; None: no limit of its own."""
    memory_mb: int = 1024
    """Memory in MiB."""
    disk_mb: int = 64
    """What it may write, in MiB."""
    output_kb: int = 64
    """What it may print, in KiB."""
    processes: int = 64
    """Processes and threads at a time."""

    def __post_init__(self):
        positive(self, "seconds")
        at_least(self, 1, "memory_mb", "disk_mb", "output_kb", "processes")
        if self.cpu_seconds is not None:
            positive(self, "cpu_seconds")


@dataclass(frozen=True)
class Grader:
    """Where the grading function stands. It runs in a process of its own, never the candidate's."""

    file: Path
    """A Python file."""
    function: str = "grade"
    """Its function."""
    form: Literal["folder", "mle-bench", "script"] = "folder"
    """How it is called: as in `grade.py` of a task folder; as MLE-bench's `grade(submission,
    answers)` on tables; or as a script that prints one JSON object."""
    seconds: float = 60.0
    """How long it may take."""
    arguments: tuple[str, ...] = ()
    """Of a script."""
    path: tuple[Path, ...] = ()
    """Folders from which a grader may import, besides its own."""
    key: str = ""
    """Which entry of a script's object is the score; empty: its first number."""


@dataclass(frozen=True)
class Split:
    """One split of a task."""

    inputs: Path | None
    """A folder that the candidate sees, as `inputs/` if the task does not say otherwise."""
    answers: Path
    """A folder (or file) that only the grader sees."""


@dataclass(frozen=True)
class Task:
    """A task as the evaluator runs it, wherever it was read from."""

    name: str
    description: str
    """What the researcher is told."""
    metric: str
    """Name of the score."""
    larger_is_better: bool
    results: tuple[str, ...]
    """Files that a program has to write, in its working folder."""
    grader: Grader
    splits: Mapping[str, Split]
    """By name: some or all of SPLITS."""
    starter: str = ""
    """A program to begin with."""
    program: str = "program.py"
    """The name under which a candidate is run."""
    harness: Path | None = None
    """What is run in the candidate's place, in the jail beside it; it imports the candidate."""
    inputs_as: str = "inputs"
    """The name under which a program sees its split's inputs."""
    train: Path | None = None
    """A folder that every candidate sees as `train/`."""
    support: Mapping[str, Path] = field(default_factory=dict)
    """Further files in the working folder, by name."""
    bounds: Bounds = field(default_factory=Bounds)
    rounds: int = 0
    """Above 0: the grader goes first and asks, at most so often, with files; see docs."""
    baselines: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Scores by name and split."""
    source: str = ""
    """Where the task is from."""

    def __post_init__(self):
        if not self.splits:
            raise ConfigError(f"Task {self.name!r} has no split: it needs one of {_or(SPLITS)}.")
        for name in self.splits:
            if name not in SPLITS:
                raise ConfigError(f"Task {self.name!r}: no split {name!r}; expected {_or(SPLITS)}.")
        if not self.results:
            raise ConfigError(f"Task {self.name!r} names no file that a program has to write.")
        for method, by_split in self.baselines.items():
            for name, score in by_split.items():
                if name not in SPLITS:
                    raise ConfigError(
                        f"Task {self.name!r}: baselines.{method} has a score on {name!r}; expected "
                        f"{_or(SPLITS)}."
                    )
                if not math.isfinite(score):
                    at = f"baselines.{method}.{name}"
                    raise ConfigError(f"Task {self.name!r}: {at} must be finite, got {score}.")

    def split(self, name: str) -> Split:
        """The split of that name. Raises ConfigError."""
        if name not in self.splits:
            have = ", ".join(self.splits)
            raise ConfigError(f"Task {self.name!r} has no split {name!r}: it has {have}.")
        return self.splits[name]

    @property
    def digest(self) -> str:
        """16 hex digits over all that shapes a score: a run on another task is another run."""
        total = hashlib.sha256()
        settings = (self.metric, self.larger_is_better, self.results, self.program, self.rounds)
        total.update(repr((settings, self.bounds, self.grader.function, self.grader.form)).encode())
        parts: list[tuple[str, Path | None]] = [
            ("grader", self.grader.file),
            ("harness", self.harness),
            ("train", self.train),
            *((f"support/{name}", path) for name, path in sorted(self.support.items())),
        ]
        for name, split in sorted(self.splits.items()):
            parts += [(f"{name}/inputs", split.inputs), (f"{name}/answers", split.answers)]
        for name, path in parts:
            for inner, file in _files(path):
                content = hashlib.sha256(file.read_bytes()).hexdigest()
                total.update(f"{name}/{inner}={content}\n".encode())
        return total.hexdigest()[:16]


def better(first: float, second: float, *, larger_is_better: bool) -> bool:
    """Whether `first` is the better score."""
    return first > second if larger_is_better else first < second


def _files(path: Path | None) -> Iterator[tuple[str, Path]]:
    if path is None:
        return
    if path.is_file():
        yield path.name, path
        return
    for file in sorted(path.rglob("*")):
        if file.is_file():
            yield str(file.relative_to(path)), file


def _or(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
