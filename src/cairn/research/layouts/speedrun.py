"""Records in the layout of the Automated LLM Speedrunning Benchmark.

Zhao et al. 2025, arXiv:2506.22419, facebookresearch/llm-speedrunner: `record_N/` with a script and
`results.json` {metrics: {train_time (ms), val_loss, n_steps}}; hints in folders of the same names.
The scripts want eight GPUs: they are read here and not run.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from cairn.core.errors import ConfigError
from cairn.research.layouts.reading import part, text
from cairn.research.metrics.speedrun import recovered

LAYOUT = "the speedrun (record_N/train_gpt2.py, record_N/results.json)"
TARGET = 3.28
"""Validation loss to reach."""


class Result(NamedTuple):
    """What one run came to."""

    seconds: float
    loss: float

    def valid(self, target: float = TARGET) -> bool:
        """Whether it reached the target."""
        return math.isfinite(self.loss) and self.loss <= target


class Record(NamedTuple):
    """One record."""

    number: int
    script: str
    result: Result


def result(path: Path) -> Result:
    """The metrics of a `results.json`. Raises ConfigError."""
    try:
        metrics = json.loads(text(path))["metrics"]
        return Result(float(metrics["train_time"]) / 1000, float(metrics["val_loss"]))
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path} must hold metrics with train_time and val_loss.") from None


def records(folder: Path) -> list[Record]:
    """All records below `workspace_templates/nanogpt_speedrun`, in order."""
    found = []
    for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
        match = re.fullmatch(r"record_(\d+)", path.name)
        if match:
            script = part(path, "train_gpt2.py", LAYOUT)
            found.append(Record(int(match[1]), text(script), result(path / "results.json")))
    if not found:
        raise ConfigError(f"{folder} has no record_N: expected {LAYOUT}.")
    return sorted(found, key=lambda record: record.number)


def hints(folder: Path, number: int, levels: Sequence[int]) -> str:
    """Hints of some levels for a record, all files of each level in order of their names."""
    home = part(Path(folder), f"record_{number}", "the speedrun's hints in levels")
    texts = []
    for level in sorted(set(levels)):
        files = sorted(home.glob(f"level_{level}_*.txt"))
        if not files:
            raise ConfigError(f"{home} has no hint of level {level}.")
        texts += [text(file) for file in files]
    return "\n\n".join(texts)


def last_validation(log: str) -> float | None:
    """The last validation loss that a log reports; None without one.

    The benchmark's own parser keeps the first matching line unless a later one is *faster*, so that
    a script which also logs on the way is called invalid though it ends below the target.
    """
    found = re.findall(r"val_loss[:=]\s*([0-9.]+)", log)
    return float(found[-1]) if found else None


def fraction(records: Sequence[Record], number: int, run: Result | None) -> float | None:
    """FSR of a run that began at record `number`; None where the next record is not faster."""
    by = {record.number: record.result.seconds for record in records}
    if number not in by or number + 1 not in by:
        raise ConfigError(f"FSR needs records {number} and {number + 1}; there are {sorted(by)}.")
    agent = run.seconds if run is not None and run.valid() else None
    return recovered(by[number], by[number + 1], agent)
