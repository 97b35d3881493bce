"""Is a red-teaming run that is killed, anywhere, the run that never was?

    uv run python benchmarks/verify/redteam_kills.py [--moments 20] [--results FILE]

Runs a small simulated red-teaming whole; then again for each fault point of journal, engine and
calls, killed (SIGKILL) where it passes it and resumed; then again, killed at random moments. The
points of the journal's repair are passed by a whole run that was damaged. Each must end with the
same archive, table and figures. Writes the outcome as JSON.
"""

import argparse
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from provenance import command, source_hash, versions

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "cairn"
SOURCES = ("core", "engine", "lm", "archive", "evaluation", "report", "runs", "redteam", "cli")
POINT = re.compile(r'point\("((?:journal|engine|call):[a-z-]+)"\)')
START = """
import sys
from cairn.cli.redteam import redteam_command
sys.exit(redteam_command(sys.argv[1:]))
"""
CONFIG = """
goal = "(simulated)"

[[axes]]
name = "risk"
labels = ["risk A", "risk B", "risk C"]

[[axes]]
name = "style"
labels = ["style 1", "style 2", "style 3"]

[audit]
responses = 6

[engine]
trials = {trials}
lag = 8
snapshot_every = 100

[simulation]
labelled = 40
"""
SAME = ("archive", "curve", "coverage", "success", "health", "counts", "corrected")


def fault_points() -> list[str]:
    """Every place where the journal, the engine or a call can be made to die."""
    files = [f"core/{name}.py" for name in ("journal", "journal_stage", "journal_files", "desk")]
    files.append("engine/journal_session.py")
    return sorted({name for file in files for name in POINT.findall((PACKAGE / file).read_text())})


def passes(point: str) -> int:
    """The pass of a fault point that kills: the second, but what is passed once dies at once."""
    return 1 if "create" in point or "repair" in point else 2


def start(*arguments: object, fault: str | None = None) -> subprocess.Popen:
    """The command in a process of its own."""
    env = {name: value for name, value in os.environ.items() if name != "CAIRN_FAULT"}
    pipe = subprocess.PIPE
    return subprocess.Popen(
        [sys.executable, "-c", START, *map(str, arguments)],
        stdout=pipe, stderr=pipe, text=True, env=env | ({"CAIRN_FAULT": fault} if fault else {}),
    )  # fmt: skip


def finish(process: subprocess.Popen) -> int:
    """Wait for the end; the exit status. Raises RuntimeError for any but 0 and SIGKILL."""
    _, errors = process.communicate(timeout=300)
    if process.returncode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"exit status {process.returncode}: {errors}")
    return process.returncode


def whole(config: Path, path: Path) -> dict:
    """The run that is never killed."""
    assert finish(start("run", config, "--run", path)) == 0
    return ended(path)


def go_on(config: Path, path: Path) -> tuple[object, ...]:
    """The arguments that start the run, or go on with it."""
    return ("resume", path) if path.exists() else ("run", config, "--run", path)


def damage(path: Path, event: int) -> None:
    """Forge an event of the run's search, so that the next session has to rebuild the journal."""
    with closing(sqlite3.connect(path / "journal.sqlite")) as db, db:
        db.execute("UPDATE events SET body = 'forged' WHERE seq = ?", (event,))
        db.execute("DELETE FROM snapshots")


def killed(config: Path, path: Path, faults: Iterable[str], moments: Iterable[float]) -> dict:
    """A run killed at fault points, then at moments (seconds after its first new call), to its
    end. Before a fault of the repair there must be something to repair: a whole run is damaged."""
    kills = 0
    for fault in faults:
        if "repair" in fault:
            assert finish(start(*go_on(config, path))) == 0
            damage(path, 60)
        kills += finish(start(*go_on(config, path), fault=fault)) != 0
    for moment in moments:
        before = sends(path)
        process = start(*go_on(config, path))
        while process.poll() is None and sends(path) == before:
            time.sleep(0.002)
        time.sleep(moment)
        process.kill()
        kills += finish(process) != 0
    assert finish(start("resume", path)) == 0
    return ended(path) | {"kills": kills}


def sends(path: Path) -> int:
    """How many requests the run's journal knows of."""
    try:
        with closing(sqlite3.connect(f"file:{path / 'journal.sqlite'}?mode=ro", uri=True)) as db:
            open_ones = db.execute("SELECT COUNT(*) FROM sends").fetchone()[0]
            return open_ones + db.execute("SELECT TOTAL(sends) FROM spent").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # not there yet


def ended(path: Path) -> dict:
    """What must be the same, and what the kills may have cost."""
    found = json.loads((path / "summary.json").read_text())
    kept = {name: found[name] for name in SAME} | {"table": (path / "archive.csv").read_text()}
    return {"result": kept, "possibly_paid_twice": found["possibly_paid_twice"]}


def main() -> None:
    """Kill at every point and at random moments; write and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--results", type=Path)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(CONFIG.format(trials=arguments.trials))
        expected = whole(config, Path(folder) / "whole")["result"]
        draw = random.Random(0)
        moments = [draw.uniform(0.0, 0.1) for _ in range(arguments.moments)]
        cases = [(point, [f"{point}:{passes(point)}"], []) for point in fault_points()]
        for number, (name, faults, when) in enumerate([*cases, ("random", [], moments)]):
            found = killed(config, Path(folder) / f"killed-{number}", faults, when)
            row = {
                "where": name,
                "kills": found["kills"],
                "same": found["result"] == expected,
                "possibly_paid_twice": found["possibly_paid_twice"],
            }
            rows.append(row)
            print(row, flush=True)
    if arguments.results is not None:
        record = {
            "simulated": True,
            "trials": arguments.trials,
            "command": command(),
            "versions": versions(),
            "sources": source_hash(Path(__file__), SOURCES),
            "rows": rows,
        }
        arguments.results.write_text(json.dumps(record, indent=1) + "\n")
    sys.exit(0 if all(row["same"] for row in rows) else 1)


if __name__ == "__main__":
    main()
