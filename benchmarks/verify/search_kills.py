"""A search over programs, killed: the tree is the same, and no result on file is made again.

    uv run python benchmarks/verify/search_kills.py [events moments busy] [--tiny] --results FILE

- events: a search of 30 nodes over programs of 0.5 s in the jail, 4 at a time, killed (SIGKILL) at
  each of its events: before and after each ask, arrival and tell, each intent and each settlement
  of a call or a program. Each killed search is gone on with to its end.
- moments: one search over programs of 20 s, 8 at a time, killed at 20 random moments.
- busy: programs of 1 to 4 s, 4 at a time, never killed: the share of the workers' time in which a
  program ran, from the moment all could to the last start.

Compared with the search that was never killed: the digest of the tree, the calls and tokens that
were spent, and the log of the grader, which notes the start and the end of every evaluation.
Programs are the demo's, which sleep besides, so that the machine's cores hardly matter. Rows are
added to FILE as they come: what is there is not done again.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from provenance import ROOT, command, keep, source_hash, versions

from cairn.research import demo, directory, run
from cairn.research.config import config_of
from cairn.research.evaluation import Problem

POINTS = (
    "engine:ask", "engine:arrive", "engine:told", "call:intended", "call:settle",
)  # fmt: skip
LOG, LOW, HIGH = "SEARCH_KILLS_LOG", "SEARCH_KILLS_LOW", "SEARCH_KILLS_HIGH"


class Slept(demo.Regression):
    """The demo's grader, of programs that sleep; it notes when each began and ended."""

    async def __call__(self, text, split, clients):
        trial, low, high = clients.place.trial, float(os.environ[LOW]), float(os.environ[HIGH])
        draw = random.Random(hashlib.sha256(text.encode()).hexdigest())
        text += f"import time\ntime.sleep({draw.uniform(low, high)})\n"
        note("start", trial, split)
        graded = await super().__call__(text, split, clients)
        # What the jail itself failed at is no result: it is tried again, in the same session too.
        note("broken" if graded.outcome == "jail_error" else "end", trial, split)
        return graded


def note(what: str, trial: object, split: str) -> None:
    """One line, in one write: a kill leaves it whole or not at all."""
    line = f"{what} {trial} {split} {time.time()}\n".encode()
    file = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, line)
    os.close(file)


def task() -> Problem:
    """The demo's task with that grader; its programs may take a minute."""
    limits = demo.LIMITS._replace(seconds=60.0)
    made = demo.problem()
    return Problem(made.name, made.description, Slept(limits=limits), splits=made.splits,
                   fingerprint=made.fingerprint, limits={"seconds": 60.0})  # fmt: skip


def drive(folder: Path, *, trials: int, workers: int, policy: str) -> dict[str, Any]:
    """Begin or go on with a search; what it came to."""
    table = {
        "task": "search_kills:task", "simulation": {}, "policy": {"name": policy},
        "engine": {"trials": trials, "lag": 4 * workers, "workers": workers, "seed": 3},
        "selection": {"rule": "argmax", "curve": False},
    }  # fmt: skip
    config = config_of(table, {})
    if not folder.exists():
        directory.create(folder, config)
    done = run.execute(folder, config)
    left = len(list((folder / directory.KEPT).iterdir()))
    return {"tree": done.tree_digest, "nodes": len(done.tree), "stopped": done.stopped,
            "calls": done.spent.calls, "tokens": done.spent.tokens,
            "wall_ms": done.spent.wall_ms, "maybe_twice": done.maybe_twice,
            "results_left": left}  # fmt: skip


def session(
    folder: Path, low: float, high: float, job: dict[str, Any], fault: str = ""
) -> subprocess.Popen:
    """A driver in a process of its own."""
    here = str(Path(__file__).parent)
    environment = {**os.environ, "PYTHONPATH": f"{here}:{ROOT / 'src'}", "CAIRN_FAULT": fault,
                   LOG: str(folder / "log"), LOW: str(low), HIGH: str(high)}  # fmt: skip
    words = ["--drive", json.dumps({"folder": str(folder / "run"), **job})]
    return subprocess.Popen([sys.executable, __file__, *words], env=environment, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip


def finish(process: subprocess.Popen) -> dict[str, Any] | None:
    """What a driver says at its end; None if it was killed."""
    said, complaints = process.communicate()
    if process.returncode == -signal.SIGKILL:
        return None
    if process.returncode:
        raise SystemExit(f"a driver ended with {process.returncode}: {complaints}")
    return json.loads(said.splitlines()[-1])


def read(log: Path) -> list[tuple[str, str, float]]:
    """What the grader noted: (start or end, evaluation, time)."""
    rows = (line.split() for line in log.read_text().splitlines()) if log.exists() else ()
    return [(kind, f"{trial} {split}", float(at)) for kind, trial, split, at in rows]


def repeated(log: Path) -> tuple[int, int]:
    """Evaluations that were begun again: after they had ended, and after a kill cut them."""
    ended: set[str] = set()
    starts: Counter[str] = Counter()
    again = 0
    for kind, evaluation, _ in read(log):
        if kind == "end":
            ended.add(evaluation)
        elif kind == "start":
            again += evaluation in ended
            starts[evaluation] += 1
    return again, sum(starts.values()) - len(starts) - again


def compared(found: dict[str, Any], whole: dict[str, Any], log: Path) -> dict[str, Any]:
    """A killed search beside the one that was not."""
    again, cut = repeated(log)
    return {
        "same_tree": found["tree"] == whole["tree"],
        "same_spend": all(found[name] == whole[name] for name in ("calls", "tokens")),
        "ended_and_run_again": again,
        "cut_and_run_again": cut,
        "maybe_twice": found["maybe_twice"],
        "results_left": found["results_left"],
    }


def events(
    rows: "Keep", *, trials: int, seconds: float, every: int, points: tuple[str, ...], at_once: int
) -> None:
    """A search for each of its events, killed there."""
    job = {"trials": trials, "workers": 4, "policy": "mcts"}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "whole"
        place.mkdir()
        whole = finish(session(place, seconds, seconds, job))
        assert whole is not None
        rows.say(trials=trials, program_s=seconds, whole=whole)

        def one(point: str, count: int) -> bool:
            """Whether the search passes that point so often."""
            name = f"{point}:{count}"
            if name in rows.rows:
                return not rows.rows[name].get("beyond")
            place = Path(folder) / name.replace(":", "-")
            place.mkdir()
            if finish(session(place, seconds, seconds, job, fault=name)) is not None:
                rows.row(name, {"beyond": True})
                return False
            found = finish(session(place, seconds, seconds, job))
            assert found is not None
            rows.row(name, compared(found, whole, place / "log"))
            return True

        with ThreadPoolExecutor(at_once) as pool:
            for point in points:
                count = 1
                while True:
                    batch = range(count, count + at_once * every, every)
                    if not all(list(pool.map(lambda k, point=point: one(point, k), batch))):
                        break
                    count += at_once * every


def moments(rows: "Keep", *, trials: int, seconds: float, kills: int, gap: float) -> None:
    """One search, killed again and again."""
    if "moments" in rows.rows:
        return
    draw = random.Random(0)
    job = {"trials": trials, "workers": 8, "policy": "mcts"}
    with tempfile.TemporaryDirectory() as folder:
        places = [Path(folder) / name for name in ("whole", "killed")]
        for place in places:
            place.mkdir()
        running = session(places[0], seconds, seconds, job)
        made = 0
        while made < kills:
            process = session(places[1], seconds, seconds, job)
            try:
                process.wait(timeout=draw.uniform(0.25, 1.75) * gap)
                break  # at its end before all kills were made
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()
                made += 1
        else:
            process = session(places[1], seconds, seconds, job)
        found, whole = finish(process), finish(running)
        assert found is not None and whole is not None
        row = compared(found, whole, places[1] / "log")
        rows.say(trials=trials, program_s=seconds)
        rows.row("moments", {"kills": made, **row})


def busy(rows: "Keep", *, trials: int, low: float, high: float) -> None:
    """Workers' time with a program in it."""
    for policy in ("mcts", "greedy", "best-of"):
        if policy in rows.rows:
            continue
        workers = 4
        with tempfile.TemporaryDirectory() as folder:
            job = {"trials": trials, "workers": workers, "policy": policy}
            assert finish(session(Path(folder), low, high, job)) is not None
            noted = [row for row in read(Path(folder) / "log") if row[1].endswith(" search")]
        began = {evaluation: at for kind, evaluation, at in noted if kind == "start"}
        ended = {evaluation: at for kind, evaluation, at in noted if kind == "end"}
        first, last = sorted(began.values())[workers - 1], max(began.values())
        ran = sum(max(0.0, min(ended[k], last) - max(began[k], first)) for k in began)
        rows.say(trials=trials, program_s=[low, high], workers=workers, lag=4 * workers)
        rows.row(policy, {"busy_share": round(ran / (workers * (last - first)), 4)})


class Keep:
    """The rows of one part, on disk as they come."""

    def __init__(self, path: Path | None, part: str):
        self.path, self.part, self.lock = path, part, threading.Lock()
        self.record = json.loads(path.read_text()) if path and path.exists() else {}
        self.rows: dict[str, dict[str, Any]] = self.record.setdefault(part, {}).get("rows", {})
        self.say(
            command=command(), versions=versions(), cores=os.cpu_count(),
            sources=source_hash(Path(__file__), ("core", "engine", "lm", "research", "jail")),
            load_at_start=round(os.getloadavg()[0], 2),
        )  # fmt: skip

    def say(self, **facts: Any) -> None:
        """What is said of the whole part."""
        self.record[self.part].update(facts)

    def row(self, name: str, row: dict[str, Any]) -> None:
        """One more result, of any of the threads."""
        with self.lock:
            self.rows[name] = row
            self.record[self.part]["rows"] = dict(sorted(self.rows.items()))
            if self.path is not None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                keep(self.path, self.record)

    def broken(self) -> list[str]:
        """The rows that break the claim."""
        return [
            f"{self.part} {name}: {row}"
            for name, row in self.rows.items()
            if not (row.get("same_tree", True) and row.get("same_spend", True))
            or row.get("ended_and_run_again", 0)
            or row.get("results_left", 0)
        ]


PARTS = {
    "events": (
        lambda rows: events(rows, trials=30, seconds=0.5, every=1, points=POINTS, at_once=4),
        lambda rows: events(
            rows, trials=3, seconds=0.02, every=4, points=POINTS[1:4:2] + POINTS[4:], at_once=1
        ),
    ),
    "moments": (
        lambda rows: moments(rows, trials=30, seconds=20.0, kills=20, gap=25.0),
        lambda rows: moments(rows, trials=10, seconds=0.4, kills=2, gap=2.0),
    ),
    "busy": (
        lambda rows: busy(rows, trials=60, low=1.0, high=4.0),
        lambda rows: busy(rows, trials=10, low=0.1, high=0.3),
    ),
}


def main() -> None:
    """Run the parts; write what came of them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--tiny", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--results", type=Path, help="JSON file; rows are added")
    parser.add_argument("--drive", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.drive:
        job = json.loads(arguments.drive)
        folder = Path(job.pop("folder"))
        print(json.dumps(drive(folder, **job)))
        return
    broken = []
    for name in arguments.parts or PARTS:
        kept = Keep(arguments.results, name)
        PARTS[name][arguments.tiny](kept)
        killed = [row for row in kept.rows.values() if not row.get("beyond")]
        print(name, len(killed), "rows", json.dumps(kept.rows)[-600:], flush=True)
        broken += kept.broken()
    print("\n".join(broken), end="\n" if broken else "")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
