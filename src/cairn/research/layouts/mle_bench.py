"""Competitions in MLE-bench's layout: a folder with config, description, grader and leaderboard.

Their data lie in `ID/prepared/public` and `ID/prepared/private`.

Chan et al. 2024, arXiv:2410.07095, openai/mle-bench. A competition has a test and nothing to search
on; `carve` cuts two hidden splits out of the public training table, graded by the same function.
"""

import csv
import importlib.util
import random
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cairn.core.errors import ConfigError, MissingExtraError
from cairn.research.layouts.reading import field, part, read_yaml, splits, text
from cairn.research.metrics.medals import leaderboard
from cairn.research.tasks.task import Bounds, Grader, Split, Task

LAYOUT = "MLE-bench (config.yaml, description.md, grade.py, leaderboard.csv)"
SUBMISSION = "submission/submission.csv"
Row = Mapping[str, str]


def read(
    competition: Path, data: Path, *, bounds: Bounds | None = None, search_on_test: bool = False
) -> Task:
    """The competition in a folder, with the data folder of `mlebench prepare`.

    A program sees `inputs/` (all that is public) and writes `submission/submission.csv`.
    """
    if importlib.util.find_spec("pandas") is None:
        raise MissingExtraError("MLE-bench's graders need pandas: pip install pandas scikit-learn")
    competition = Path(competition).resolve()
    config = part(competition, "config.yaml", LAYOUT)
    settings = read_yaml(config)
    answers = Path(data).resolve() / field(settings, "dataset.answers", config)
    if not answers.is_file():
        raise ConfigError(f"there are no answers {answers}: run `mlebench prepare` first.")
    public = answers.parent.parent / "public"
    if not public.is_dir():
        raise ConfigError(f"there is no folder {public} beside the answers.")
    board = leaderboard(scores(competition))
    function = field(settings, "grader.grade_fn", config).rpartition(":")[2]
    root = competition.parents[2] if len(competition.parents) > 2 else competition
    return Task(
        name=field(settings, "id", config),
        description=text(part(competition, "description.md", LAYOUT)),
        metric=field(settings, "grader.name", config),
        larger_is_better=board.larger_is_better,
        results=(SUBMISSION,),
        grader=Grader(
            part(competition, "grade.py", LAYOUT), function, "mle-bench",
            path=(root,) if (root / "mlebench").is_dir() else (),
        ),
        splits=splits(Split(public, answers), search_on_test=search_on_test),
        bounds=bounds or Bounds(seconds=3600, memory_mb=8192, disk_mb=1024),
        baselines={
            name: {"test": getattr(board, name)} for name in ("gold", "silver", "bronze", "median")
        },
        source=LAYOUT,
    )  # fmt: skip


def scores(competition: Path) -> list[float]:
    """The leaderboard's scores, best team first, for `metrics.medals`."""
    path = part(competition, "leaderboard.csv", LAYOUT)
    try:
        return [float(row["score"]) for row in _rows(path)]
    except (KeyError, ValueError):
        raise ConfigError(f"{path} must have a column `score` of numbers.") from None


def carve(task: Task, into: Path, *, share: float = 0.2, seed: int = 0) -> Task:
    """The same competition with splits to search and to select on, cut out of `train.csv`.

    Each is `share` of the rows, drawn once. Candidates then train on the rest, in all splits.
    Raises ConfigError where the public data are not a `train.csv` with the columns of the sample
    submission: such a competition must be cut by hand.
    """
    public, into = task.split("test").inputs, Path(into)
    if public is None or not 0 < share < 0.5:
        raise ConfigError(f"carve needs public data and a share between 0 and 0.5, got {share}.")
    train, sample, test = (
        part(public, f"{name}.csv", "a competition of tables that can be carved")
        for name in ("train", "sample_submission", "test")
    )
    rows, columns = _rows(train), _columns(sample)
    missing = [name for name in columns if name not in _columns(train)]
    if missing or len(rows) * share < 1:
        raise ConfigError(f"{train} lacks {', '.join(missing) or 'rows'}: carve it by hand.")
    if into.exists():
        raise ConfigError(f"{into} is there already: name a folder that is not.")
    random.Random(seed).shuffle(rows)
    cut = int(len(rows) * share)
    parts = {"search": rows[:cut], "selection": rows[cut : 2 * cut]}
    _copy(public, into / "train", {"train.csv", "test.csv", "sample_submission.csv"})
    _write(into / "train/train.csv", _columns(train), rows[2 * cut :])
    found = {}
    for name, some in parts.items():
        inputs, answers = into / name / "inputs", into / name / "answers.csv"
        _write(inputs / "test.csv", _columns(test), some)
        first = _rows(sample)[0]
        blank = [{c: row[c] if c == columns[0] else first[c] for c in columns} for row in some]
        _write(inputs / "sample_submission.csv", columns, blank)
        _write(answers, columns, some)
        found[name] = Split(inputs, answers)
    inputs = into / "test" / "inputs"
    inputs.mkdir(parents=True)
    for path in (test, sample):
        shutil.copy(path, inputs)
    found["test"] = Split(inputs, task.split("test").answers)
    return replace(task, splits=found, train=into / "train")


def _rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _columns(path: Path) -> list[str]:
    with path.open(newline="", encoding="utf-8") as file:
        return next(csv.reader(file), [])


def _write(path: Path, columns: Sequence[str], rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, columns, extrasaction="ignore")
        table.writeheader()
        table.writerows(rows)


def _copy(source: Path, target: Path, without: set[str]) -> None:
    target.mkdir(parents=True)
    for path in source.iterdir():
        if path.name not in without:
            copy = shutil.copytree if path.is_dir() else shutil.copy
            copy(path, target / path.name)
