"""A folder of many runs of both kinds, for measuring `cairn view`: written, not trained.

Every directory is made by the class that makes it in earnest and holds what a run leaves there;
figures are drawn from a seed. What exists already stays, so that making can be stopped and goes on.
"""

import contextlib
import io
import json
import math
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cairn.cli.redteam import redteam_command
from cairn.core import files
from cairn.core.counts import SPENT
from cairn.core.rundir import RunDir
from cairn.redteam import directory
from cairn.runs.presets import experiment

LONG = "long"
"""The run of so many metric lines."""
BROKEN = ("half-written", "older", "empty")
KILLED = "99999999 elsewhere"
"""What a process that was killed leaves in its lock; one that left in order leaves nothing."""
COMPILED = 4
"""Of five runs, how many are compiled."""
METHODS = (
    *(("maze", method) for method in ("dr", "plr", "robust-plr", "accel", "sfl", "paired")),
    ("cartpole", "dr"),
    ("pendulum", "plr"),
    *(("arm", method) for method in ("map-elites", "cma-me", "cma-mae")),
)


def runs(folder: Path, number: int) -> None:
    """`number` runs under `folder`, some in folders of their own, some stopped, killed or broken.

    Every fifth is a journaled one. Three cannot be read, each for another reason.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = folder.parent / "model-redteam"
    if not model.exists():
        _redteam(model)
    versions: dict[str, Any] | None = None
    for i in range(number):
        path = folder / name_of(i, number)
        if path.exists():
            continue
        if i < len(BROKEN):
            _broken(path, BROKEN[i])
        elif i % (COMPILED + 1) == COMPILED:
            with whole(path) as beside:
                _journaled(model, beside, i)
        else:
            with whole(path) as beside:
                versions = _compiled(beside, i, versions)


def name_of(i: int, number: int) -> str:
    """Half of the runs lie in folders of a study."""
    return f"study-{i % 7}/run-{i:03d}" if i >= number // 2 else f"run-{i:03d}"


def long(folder: Path, lines: int) -> None:
    """A run of two seeds with so many metric lines, every hundredth with tests."""
    path = folder / LONG
    if path.exists():
        return
    with whole(path) as beside:
        steps = 64 * max(lines, 1000)
        settings = experiment("maze", method="accel", seeds=2, steps=steps).to_dict()
        RunDir.create(beside, settings)
        draw = random.Random(1)
        with (beside / "metrics.jsonl").open("w") as metrics:
            for i in range(1, lines + 1):
                share = i / lines
                row = line_of("accel", 2, i, steps * i // lines, share, draw, tested=i % 100 == 0)
                metrics.write(json.dumps(row) + "\n")
        with (beside / "timing.jsonl").open("w") as timing:
            for i in range(1, lines + 1):
                row = {"cycle": [i, i], "seconds": 0.01, "steps_per_second": 6400.0}
                timing.write(json.dumps(row) + "\n")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A place to fill that takes the name of `path` at the end."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".making-") as making:
        beside = Path(making) / path.name
        yield beside
        beside.rename(path)


def _compiled(path: Path, i: int, versions: dict[str, Any] | None) -> dict[str, Any]:
    """A run of a few dozen lines. What made it is asked once: that starts git."""
    task, method = METHODS[i % len(METHODS)]
    draw = random.Random(i)
    seeds = draw.choice((1, 2, 4))
    steps = draw.choice((40_000, 200_000, 1_000_000))
    config = experiment(task, method=method, seeds=seeds, steps=steps, seed=i).to_dict()
    if versions is None:
        versions = RunDir.create(path, config).versions
    else:
        (path / "checkpoints").mkdir(parents=True)
        (path / "README.txt").write_text(RunDir.README)
        (path / "config.json").write_text(files.to_json(config, indent=2) + "\n")
        (path / "versions.json").write_text(files.to_json(versions, indent=2) + "\n")
    lines = draw.randint(20, 60)
    done = lines if i % 3 else lines // 2  # a third was stopped or killed on its way
    rows = [
        line_of(method, seeds, n, steps * n // lines, n / lines, draw, tested=n % 5 == 0)
        for n in range(1, done + 1)
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    timing = [{"cycle": row["cycle"], "seconds": 0.5, "steps_per_second": 4e3} for row in rows]
    (path / "timing.jsonl").write_text("".join(json.dumps(row) + "\n" for row in timing))
    (path / "lock").write_text(KILLED if i % 6 == 0 else "")
    return versions


def line_of(
    method: str, seeds: int, cycle: int, steps: int, share: float, draw: random.Random, tested: bool
) -> dict[str, Any]:
    """A metrics line as such a method leaves it; `share` of the run is done."""

    def about(value: float) -> list[float]:
        return [value * draw.uniform(0.9, 1.1) for _ in range(seeds)]

    if method in ("map-elites", "cma-me", "cma-mae"):
        names = {"coverage": share**0.3, "qd_score": 900 * share, "best": 1 - 0.2 / cycle}
        ledger = {"evaluations": [steps] * seeds}
        return {
            "cycle": [cycle] * seeds,
            "ledger": ledger,
            "metrics": {name: about(value) for name, value in names.items()},
        }
    names = {"solve_rate": 0.9 * share, "entropy": 1.6 * math.exp(-2 * share),
             "episode_length": 200 - 120 * share, "return": 0.8 * share,
             "archive_score": 0.3, "replayed_score": 0.4, "archive_fill": min(1, 3 * share),
             "archive_generation": 9 * share, "replayed_generation": 8 * share}  # fmt: skip
    ledger = {name: [steps // len(SPENT)] * seeds for name in SPENT}
    row = {
        "cycle": [cycle] * seeds,
        "ledger": {**ledger, "evaluation": [cycle * 20] * seeds, "updates": [cycle * 5] * seeds},
        "metrics": {name: about(value) for name, value in names.items()},
    }
    if tested:
        suites = {"random": 0.8, "named": 0.6}
        row["evaluation"] = {s: {"solve_rate": about(v * share)} for s, v in suites.items()}
    return row


def _redteam(path: Path) -> None:
    """A small red-teaming run on simulated models, made by the command."""
    with whole(path) as beside:
        words = ["run", "--demo", "--trials", "60", "--run", str(beside)]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            status = redteam_command(words)
        if status:
            raise SystemExit(f"cairn redteam {' '.join(words)}: exit status {status}")


def _journaled(model: Path, path: Path, i: int) -> None:
    """The same journal again, under limits of its own: limits are not what it is tied to."""
    shutil.copytree(model, path)
    config = json.loads((path / directory.CONFIG).read_text())
    config["limits"]["calls"] = 100_000 + i
    (path / directory.CONFIG).write_text(json.dumps(config, indent=2) + "\n")
    (path / "lock").write_text(KILLED if i % 2 else "")


def _broken(path: Path, how: str) -> None:
    """A directory that cannot be read: cut in mid-word, of another format, without a file."""
    with whole(path) as beside:
        settings = experiment("maze", method="dr").to_dict()
        made = RunDir.create(beside, settings)
        if how == "half-written":
            config = beside / "config.json"
            os.truncate(config, config.stat().st_size // 2)
        elif how == "older":
            old = json.dumps({**made.versions, "format": 1})
            (beside / "versions.json").write_text(old)
        else:
            (beside / "metrics.jsonl").write_text("")
