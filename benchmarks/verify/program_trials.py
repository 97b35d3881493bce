"""Trials that are programs: nothing that ended is run again, and workers stay busy in trial order.

    uv run python benchmarks/verify/program_trials.py [kills busy] [--tiny] --results FILE

- kills: programs of 5 s, 8 at a time; the driver is killed (SIGKILL) every 20 s and started again.
  A program notes its start in a file, and its end by the file of its result; it dies with its
  driver, as in a jail. The driver takes a result from such a file where there is one: this covers
  the moment between a program's end and the driver's commit. Without it (`desk_alone`) a program
  that ended in that very moment is run again.
- busy: programs of 1 to 10 s, 8 at a time, never killed, with outcomes told in trial order: the
  share of the workers' time in which a program ran, with `lag` of 32, and of 8 for comparison.

Programs sleep, so that the machine's own cores do not matter. Parts are added to FILE as they end.
"""

import argparse
import asyncio
import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from provenance import command, source_hash, versions

from cairn.core.budget import Amount
from cairn.core.journal import Journal
from cairn.engine.journal_policy import Failed
from cairn.engine.journaled import Config, run
from cairn.engine.json_policy import JsonPolicy

PROGRAM = """
echo "start $1 $(date +%s.%N)" >> "$0"
sleep "$2"
echo "slept $2" > "$3.part" && mv "$3.part" "$3" && echo "end $1 $(date +%s.%N)" >> "$0"
"""
DIES_WITH_PARENT = 1  # PR_SET_PDEATHSIG
WORKERS = 8


class Programs(JsonPolicy):
    """Each trial runs one program; the state is the sum of what they took."""

    def __init__(self, log: Path, low_s: float, high_s: float, *, take: bool):
        self.log, self.low_s, self.high_s, self.take = log, low_s, high_s, take

    def init(self) -> dict[str, Any]:
        return {"ended": 0, "seconds": 0.0}

    def ask(self, state, trial_id, key, pending):
        seconds = round(key.random().uniform(self.low_s, self.high_s), 2)
        return {"id": trial_id, "seconds": seconds}

    async def evaluate(self, trial, clients):
        async def program() -> tuple[str, Amount]:
            began = time.monotonic()
            result = self.log.with_name(f"result-{trial['id']}")
            if not (self.take and result.exists()):
                words = [str(self.log), str(trial["id"]), str(trial["seconds"]), str(result)]
                process = await asyncio.create_subprocess_exec(
                    "sh", "-c", PROGRAM, *words, preexec_fn=_die_with(os.getpid())
                )
                await process.wait()
            used = Amount(wall_ms=round(1000 * (time.monotonic() - began)))
            return result.read_text(), used

        most = Amount(wall_ms=60_000)
        text = await clients.once("program", f"sleep {trial['seconds']}", most, program)
        return {"said": text, "seconds": trial["seconds"]}

    def tell(self, state, trial, outcome):
        if isinstance(outcome, Failed):
            return state
        return {"ended": state["ended"] + 1, "seconds": state["seconds"] + outcome["seconds"]}


def _die_with(driver: int):
    """For the child: end when the driver does."""
    libc = ctypes.CDLL(None)

    def prepare() -> None:
        libc.prctl(DIES_WITH_PARENT, signal.SIGKILL)
        if os.getppid() != driver:
            os._exit(1)

    return prepare


async def drive(
    folder: Path, config: Config, low_s: float, high_s: float, *, take: bool
) -> dict[str, Any]:
    """One session, from where the run stands to its end."""
    policy = Programs(folder / "log", low_s, high_s, take=take)
    with Journal(folder / "journal.sqlite", config=config.tied()) as journal:
        result = await run(policy, journal.stage("search"), config=config)
    return {"told": result.told, "state": result.state, "digest": result.state_digest}


def session(
    folder: Path, config: Config, low_s: float, high_s: float, *, take: bool = True
) -> subprocess.Popen:
    """A driver in a process of its own."""
    job = {"folder": str(folder), "low_s": low_s, "high_s": high_s, "take": take,
           "trials": config.trials, "lag": config.lag, "workers": config.workers}  # fmt: skip
    return subprocess.Popen(
        [sys.executable, __file__, "--drive", json.dumps(job)], stdout=subprocess.PIPE, text=True
    )


def read(log: Path) -> list[tuple[str, int, float]]:
    """What the programs noted: (start or end, trial, time)."""
    rows = (line.split() for line in log.read_text().splitlines())
    return [(kind, int(trial), float(at)) for kind, trial, at in rows]


def kills(folder: Path, *, trials: int, seconds: float, every_s: float) -> dict[str, Any]:
    """Runs whose driver is killed again and again."""
    found = {}
    for name in ("results_in_files", "desk_alone"):
        place = folder / name
        place.mkdir()
        found[name] = _killed(place, trials, seconds, every_s, take=name != "desk_alone")
    return {"trials": trials, "program_s": seconds, "workers": WORKERS, **found}


def _killed(
    folder: Path, trials: int, seconds: float, every_s: float, *, take: bool
) -> dict[str, Any]:
    config = Config(trials=trials, lag=4 * WORKERS, workers=WORKERS)
    killed, began = 0, time.monotonic()
    while True:
        process = session(folder, config, seconds, seconds, take=take)
        try:
            process.wait(timeout=every_s)
            break
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            killed += 1
    assert process.stdout is not None
    found = json.loads(process.stdout.read())
    ended, starts, again = set(), Counter(), 0
    for kind, trial, _ in read(folder / "log"):
        if kind == "start":
            starts[trial] += 1
            again += trial in ended
        else:
            ended.add(trial)
    return {
        "kills": killed,
        "told": found["told"],
        "wall_s": round(time.monotonic() - began, 1),
        "starts": sum(starts.values()),
        "cut_by_a_kill": sum(starts.values()) - trials - again,
        "ended_and_run_again": again,
    }


def busy(folder: Path, *, trials: int, low_s: float, high_s: float) -> dict[str, Any]:
    """Workers' time with a program in it, from the first moment all could run to the last start."""
    found = {}
    for lag in (4 * WORKERS, WORKERS):
        place = folder / str(lag)
        place.mkdir()
        config = Config(trials=trials, lag=lag, workers=WORKERS)
        process = session(place, config, low_s, high_s)
        output, _ = process.communicate()
        assert json.loads(output)["told"] == trials
        rows = read(place / "log")
        began = {trial: at for kind, trial, at in rows if kind == "start"}
        ended = {trial: at for kind, trial, at in rows if kind == "end"}
        first, last = sorted(began.values())[WORKERS - 1], max(began.values())
        ran = sum(max(0.0, min(ended[k], last) - max(began[k], first)) for k in began)
        whole = max(ended.values()) - min(began.values())
        found[f"lag_{lag}"] = {
            "busy_share": round(ran / (WORKERS * (last - first)), 4),
            "busy_share_with_start_and_end": round(
                sum(ended[k] - began[k] for k in began) / (WORKERS * whole), 4
            ),
            "wall_s": round(whole, 1),
        }
    return {"trials": trials, "program_s": [low_s, high_s], "workers": WORKERS, **found}


PARTS = {
    "kills": (
        lambda folder: kills(folder, trials=100, seconds=5.0, every_s=20.0),
        lambda folder: kills(folder, trials=60, seconds=0.5, every_s=3.0),
    ),
    "busy": (
        lambda folder: busy(folder, trials=160, low_s=1.0, high_s=10.0),
        lambda folder: busy(folder, trials=24, low_s=0.1, high_s=0.5),
    ),
}


def main() -> None:
    """Run the parts; write what came of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--tiny", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--results", type=Path, help="JSON file; parts are updated")
    parser.add_argument("--drive", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.drive:
        job = json.loads(arguments.drive)
        config = Config(trials=job["trials"], lag=job["lag"], workers=job["workers"])
        folder, take = Path(job["folder"]), job["take"]
        found = drive(folder, config, job["low_s"], job["high_s"], take=take)
        print(json.dumps(asyncio.run(found)))
        return
    out = arguments.results
    record = json.loads(out.read_text()) if out is not None and out.exists() else {}
    for name in arguments.parts or PARTS:
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            figures = PARTS[name][arguments.tiny](Path(folder))
        print(name, json.dumps(figures), flush=True)
        record[name] = {
            "command": command(),
            "versions": versions(),
            "sources": source_hash(Path(__file__), ("core", "engine", "lm")),
            "cores": os.cpu_count(),
            "load_at_start": round(load, 2),
            **figures,
        }
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(json.dumps(record, indent=1) + "\n")
    again = record.get("kills", {}).get("results_in_files", {}).get("ended_and_run_again", 0)
    sys.exit(1 if again else 0)


if __name__ == "__main__":
    main()
