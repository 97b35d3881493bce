"""Runs to be looked at, small and made in a moment: two of mazes, a red-teaming one, a hostile one.

What is hostile would tell: a script that runs asks `alert`, or sets `window.hacked`.
"""

import json
import math
from pathlib import Path
from typing import Any

import cairn
from cairn.cli.redteam import redteam_command
from cairn.core.rundir import RunDir
from cairn.lm.scripted import ScriptedModel
from cairn.runs.presets import experiment

SCRIPT = "<script>alert(1);window.hacked=1</script>"
IMAGE = "<img src=x onerror=alert(2)>"
ANSI = "\x1b[31mred\x1b[0m\x1b]0;title\x07"
HOSTILE_NAME = "<img src=x onerror=alert(3)> & 100%25 '\"#?"
"""A folder may be called so."""
LONG = 10_000_000
"""Characters of a long answer."""
FIRST, SECOND, LIVE, REDTEAM = "study/first", "study/second", "live", "redteam"
BEYOND = "\x1b[2J../../etc/passwd"

CONFIG = r"""
goal = "(simulated)"
seeds = ["what %s says", "a plain seed"]

[[axes]]
name = "risk"
labels = ["a", "%s"]

[[axes]]
name = "style"
labels = ["c", "d"]

[engine]
trials = 12
lag = 4

[audit]
responses = 2

[simulation]
labelled = 8
"""


def write(folder: Path) -> Path:
    """All of them under `folder`."""
    for name, steps, skill in ((FIRST, 8_000, 0.9), (SECOND, 8_000, 0.5), (LIVE, 80_000, 0.7)):
        maze(folder / name, steps=steps, skill=skill, lines=10)
    redteam(folder / REDTEAM)
    hostile(folder / HOSTILE_NAME)
    older = RunDir.create(folder / "older", settings(8_000)).path / "versions.json"
    older.write_text(json.dumps({**json.loads(older.read_text()), "format": 1}))
    cut = RunDir.create(folder / "half-written", settings(8_000)).path / "config.json"
    cut.write_text(cut.read_text()[:50])
    return folder


def settings(steps: int) -> dict[str, Any]:
    """Of a run on small mazes."""
    size = {
        "width": 7,
        "height": 7,
        "limit": 12,
        "walls": 5,
        "batch": 4,
        "steps_per_cycle": 16,
        "capacity": 8,
    }
    return experiment("maze", method="accel", seeds=2, steps=steps, **size).to_dict()


def maze(path: Path, *, steps: int, skill: float, lines: int) -> None:
    """A compiled run whose mazes are solved as `skill` says; nothing was trained."""
    run = RunDir.create(path, settings(steps))
    for i in range(1, lines + 1):
        run.append(line(800 * i, skill), {"cycle": [i, i], "seconds": 0.1, "steps_per_second": 8e3})


def line(steps: int, skill: float) -> dict[str, Any]:
    """A line of metrics of both seeds."""
    solved = skill * (1 - math.exp(-steps / 3_000))
    names = {"solve_rate": solved, "entropy": 1.5 - solved, "archive_score": 0.2,
             "replayed_score": 0.3, "archive_fill": 1.0, "archive_generation": solved * 5,
             "replayed_generation": solved * 4}  # fmt: skip
    ledger = {"training": steps // 2, "scoring": steps // 4, "mutation": steps // 4,
              "evaluation": 100, "updates": steps // 64}  # fmt: skip
    return {
        "cycle": [steps // 100] * 2,
        "ledger": {name: [count] * 2 for name, count in ledger.items()},
        "metrics": {name: [value, value * 0.9] for name, value in names.items()},
        "evaluation": {
            suite: {"solve_rate": [solved * part, solved * part * 0.8]}
            for suite, part in (("random", 1.0), ("named", 0.6))
        },
    }


def grow(path: Path, steps: int, skill: float = 0.7) -> None:
    """One line more, as the trainer appends it."""
    RunDir(path).append(line(steps, skill), {"cycle": [1, 1], "seconds": 0.1})


def redteam(path: Path) -> None:
    """Red-teaming of simulated models over four cells, one axis and a seed of which are hostile."""
    config = path.with_name("config.toml")
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(CONFIG % (SCRIPT, IMAGE))
    status = redteam_command(["run", str(config), "--run", str(path)])
    config.unlink()
    assert status == 0


class Answers(cairn.JsonPolicy):
    """Asks what will be answered by what should not run."""

    def ask(self, state: Any, trial_id: int, key: Any, pending: Any) -> dict[str, int]:
        """The number of the trial."""
        return {"number": trial_id}

    async def evaluate(self, trial: Any, clients: Any) -> int:
        """Asks."""
        return len(await clients["writer"].ask(f"{SCRIPT} {ANSI} {trial['number']}"))

    def tell(self, state: Any, trial: Any, outcome: Any) -> Any:
        """Counts characters."""
        return [*state, outcome]


def hostile(path: Path) -> None:
    """A search whose answers are scripts, colours of a terminal, and very long."""

    def answer(asked: Any, key: Any) -> str:
        long = asked.messages[-1].content.endswith(" 0")
        return f"{SCRIPT} {IMAGE} {ANSI} {BEYOND} " + ("long " * (LONG // 5) if long else "")

    cairn.search(
        Answers(),
        models={"writer": ScriptedModel(answer, "hostile")},
        trials=3,
        run=path,
        settings={"note": SCRIPT, IMAGE: ANSI},
        show=False,
    )
