"""A speedrun of a tiny training script: five records, and hints of four levels how to beat each.

The shape of the Automated LLM Speedrunning Benchmark (Zhao et al. 2025, arXiv:2506.22419), whose
records are of NanoGPT on eight GPUs: begin with record i, reach the same validation loss sooner.
Hints: 0 the difference to the next record, 1 pseudocode, 2 a description, 3 a short paper. Seconds
are processor time, measured outside. Operations are counted in the candidate's own process: they
are the same on every machine, and an honest program's figure.
"""

import difflib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from cairn.core.errors import ConfigError
from cairn.research.shipped import digits

RECORDS = 5
STARTS = tuple(range(1, RECORDS))
"""The records that one can begin with."""
TARGET = 0.36
"""Validation loss to reach, in nats."""
SIZES = {"train": 2000, "search": 600, "selection": 600, "test": 1000}
FILES = Path(__file__).parent / "files" / "speedrun"
LEVELS = ("level_0_diff.txt", "level_1_pseudo.txt", "level_2_description.txt", "level_3_paper.txt")
"""Files of hints, named as the benchmark names them."""


def record(number: int) -> str:
    """The program of a record, from 1."""
    if not 1 <= number <= RECORDS:
        raise ConfigError(f"records are 1 to {RECORDS}, got {number}.")
    return (FILES / "records" / f"record_{number}.py").read_text()


def hint(number: int, level: int) -> str:
    """The hint of a level for going from record `number` to the next."""
    if number not in STARTS or not 0 <= level < len(LEVELS):
        raise ConfigError(
            f"hints are of records 1 to {RECORDS - 1} and levels 0 to {len(LEVELS) - 1}, got "
            f"record {number}, level {level}."
        )
    if level == 0:
        before, after = record(number), record(number + 1)
        names = f"record_{number}.py", f"record_{number + 1}.py"
        lines = difflib.unified_diff(before.splitlines(True), after.splitlines(True), *names)
        return "".join(lines)
    return (FILES / "hints" / f"record_{number}" / LEVELS[level]).read_text()


def hints(number: int, levels: Sequence[int]) -> str:
    """Several hints together, as the benchmark combines them."""
    return "\n\n".join(hint(number, level) for level in sorted(set(levels)))


def writer(
    number: int, by: Literal["seconds", "flops"], *, levels: Sequence[int] = ()
) -> Callable[[Path, np.random.Generator], None]:
    """Writes the task that begins with a record, with hints of some levels."""

    def write(folder: Path, rng: np.random.Generator) -> None:
        (folder / "starter.py").write_text(record(number))
        unit = "processor seconds" if by == "seconds" else "operations"
        description = folder / "description.md"
        text = description.read_text().format(target=TARGET, unit=unit)
        if levels:
            text += f"\n\nHow others became faster:\n\n{hints(number, levels)}"
        description.write_text(text)
        settings = folder / "task.toml"
        settings.write_text(settings.read_text().replace("UNIT", unit))
        for split, rows in SIZES.items():
            x, labels = digits.images(rows, rng, noise=0.25)
            digits.save(folder / f"data/{split}/images.csv", x)
            if split == "train":
                digits.save(folder / "data/train/labels.csv", labels[:, None])
                continue
            answers = folder / f"answers/{split}"
            digits.save(answers / "labels.csv", labels[:, None])
            (answers / "rules.json").write_text(json.dumps({"target": TARGET, "by": by}))
        for unused in ("records", "hints"):
            _remove(folder / unused)

    return write


def _remove(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    folder.rmdir()
