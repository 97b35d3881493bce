"""Is a map that is killed, anywhere, the map that never was?

    uv run python benchmarks/verify/map_kills.py [--records 20000] [--moments 20] [--ray]
        [--results FILE]

Maps a source of short records (two scripted calls each, some rejected, some failed) whole; then
again with 1, 4 and 64 workers, and in two processes, each time killed (SIGKILL) at every fault
point of journal, calls and map and at random moments, and started again after each. With --ray also
on a local Ray cluster of two nodes, one of which is killed. Each must end with the bytes of the
first: the results, and the list of what was rejected. Writes the outcome as JSON.
"""

import argparse
import asyncio
import hashlib
import importlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from provenance import command, source_hash, told

from cairn.core.journal import Journal
from cairn.engine.map_items import Reject
from cairn.engine.map_ray import OnRay
from cairn.engine.mapped import MapConfig, map_stage
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import UnreadableAnswerError
from cairn.lm.flow import Flow
from cairn.lm.limiter import Concurrency
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel

PACKAGE = Path(__file__).parents[2] / "src" / "cairn"
POINT = re.compile(r'point\("((?:journal|call|shard|map):[a-z-]+)"\)')
NOT_PASSED = ("journal:snapshot", "journal:repair", "journal:retie", "map:worker")
"""A map takes no snapshots and follows no changed config; the repair has tests of its own."""
AT_THE_END = ("map:join", "map:named")
SHARED = ("shard:",)
"""Passed only with journals of shards: in several processes."""
NAMES = ("out.jsonl", "out.jsonl.rejects.jsonl")


def roles() -> dict[str, Role]:
    """One scripted model."""
    flow = Flow(concurrency=Concurrency(start=64, most=64))
    model = ScriptedModel(lambda request, key: f"{key.integer(32):08x}", name="kills")
    return {"m": Role(Endpoint(model, flow))}


@asynccontextmanager
async def company():
    """The same in every process."""
    yield roles()


async def work(item, clients, key):
    """Two calls; a sixteenth is rejected, and of the rest as many have no grade."""
    said = await clients["m"].complete(Request.of(item.value["text"]), purpose="rewrite")
    if said.text.startswith("0"):
        raise Reject(f"starts with 0: {said.text}")
    grade = await clients["m"].complete(Request.of(f"Grade: {said.text}"), purpose="grade")
    if grade.text.startswith("0"):
        raise UnreadableAnswerError(f"no grade in {grade.text}")
    return {"id": item.id, "said": said.text, "grade": grade.text, "draw": key.integer(16)}


async def child(folder: Path, workers: int, processes: int, actors: int = 0) -> None:
    """What is killed: one session of the map."""
    config = MapConfig(seed=5, workers=workers, processes=processes, shard=500)
    crew = partial(OnRay, company=company, actors=actors) if actors else None
    with Journal(folder / "journal.sqlite", config=config.tied()) as journal:
        result = await map_stage(
            journal, Desk(journal, roles(), seed=5), stage="map",
            source=folder.parent / "in.jsonl", work=work, sink=folder / "out.jsonl",
            config=config, company=company, crew=crew, fold=funnel,
        )  # fmt: skip
    lost = sum(note.startswith("a worker was lost") for note in result.progress.notes)
    summary = {
        "lost_workers": lost,
        "items": result.items, "done": result.done, "rejected": result.rejected,
        "failed": result.failed, "counts": result.counts,
        "possibly_paid_twice": result.progress.maybe_twice, "calls": result.progress.spent.calls,
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))


def funnel(outcome):
    """A function of the module, so that other processes can import it."""
    return {outcome.kind: 1}


def fault_points() -> list[str]:
    """Every place where a map can be made to die: those that make the journal first, since only
    one session passes them, and those at the end last."""
    names = {
        name
        for file in sorted((PACKAGE / "core").glob("*.py"))
        + sorted((PACKAGE / "engine").glob("map*"))
        for name in POINT.findall(file.read_text())
    }
    names |= set(POINT.findall((PACKAGE / "lm" / "client.py").read_text()))
    chosen = sorted(name for name in names if not name.startswith(NOT_PASSED))
    return sorted(chosen, key=lambda name: ("create" not in name) + name.startswith(AT_THE_END))


def start(folder: Path, workers: int, processes: int, fault: str | None = None):
    """A session in a process of its own."""
    env = {name: value for name, value in os.environ.items() if name != "CAIRN_FAULT"}
    words = [sys.executable, __file__, "--child", folder, workers, processes]
    return subprocess.Popen(
        list(map(str, words)), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        env=env | ({"CAIRN_FAULT": fault} if fault else {}),
    )  # fmt: skip


def ended(process: subprocess.Popen, *, lost_workers: bool) -> str:
    """How a session ended: "killed", "finished", or "gave up" where all its workers were lost."""
    _, errors = process.communicate(timeout=1200)
    if process.returncode == -signal.SIGKILL:
        return "killed"
    if process.returncode == 0:
        return "finished"
    if lost_workers and "workers were lost in a row" in errors:
        return "gave up"
    raise RuntimeError(f"exit status {process.returncode}: {errors}")


class Sessions:
    """Sessions of maps that are killed: when one is finished, another is begun."""

    def __init__(self, root: Path, workers: int, processes: int):
        self.root, self.workers, self.processes = root, workers, processes
        self.ends: Counter[str] = Counter()
        self.digests: list[list[str]] = []
        """Of every map that came to its end."""
        self.possibly_paid_twice = self.lost_workers = 0
        self._next()

    def _next(self) -> None:
        self.folder = self.root / f"killed-{self.workers}-{self.processes}-{len(self.digests)}"
        self.folder.mkdir()

    def _end(self, process: subprocess.Popen, *, lost_workers: bool = False) -> str:
        how = ended(process, lost_workers=lost_workers)
        self.ends[how] += 1
        if how == "finished":
            self.digests.append(digests(self.folder))
            summary = json.loads((self.folder / "summary.json").read_text())
            self.possibly_paid_twice += summary["possibly_paid_twice"]
            self.lost_workers += summary["lost_workers"]
            self._next()
        return how

    def at_point(self, point: str) -> bool:
        """Kill a session where it passes `point`; False if no session passes it."""
        once = "create" in point or point.startswith(AT_THE_END)
        fault = f"{point}:{1 if once else 2}"
        for _ in range(2):  # the first may find a map that is nearly over
            before = self.lost_workers
            process = start(self.folder, self.workers, self.processes, fault)
            # A worker that dies is replaced, and the map may be finished nevertheless.
            if self._end(process, lost_workers=True) != "finished" or self.lost_workers > before:
                return True
        return False

    def at_moment(self, after_s: float) -> None:
        """Kill a session so long after it began to work."""
        process = start(self.folder, self.workers, self.processes)
        while process.poll() is None and not busy(self.folder):
            time.sleep(0.005)
        time.sleep(after_s)
        process.kill()
        self._end(process)

    def finish(self) -> None:
        """Go on to the end."""
        self._end(start(self.folder, self.workers, self.processes))


def killed(root: Path, workers: int, processes: int, moments: int) -> dict:
    """Maps killed at every fault point, and at moments between, each gone on with to its end."""
    began = time.perf_counter()
    draw = random.Random(workers * 10 + processes)
    sessions = Sessions(root, workers, processes)
    points = [p for p in fault_points() if processes > 1 or not p.startswith(SHARED)]
    late = [point for point in points if point.startswith(AT_THE_END)]
    passed = [point for point in points if point not in late and sessions.at_point(point)]
    for _ in range(moments):
        sessions.at_moment(draw.uniform(0.0, 0.25))
    passed += [point for point in late if sessions.at_point(point)]
    sessions.finish()
    return {
        "workers": workers,
        "processes": processes,
        "sessions": dict(sessions.ends),
        "points": len(passed),
        "points_not_passed": sorted(set(points) - set(passed)),
        "wall_s": round(time.perf_counter() - began, 1),
        "maps": len(sessions.digests),
        "workers_replaced_in_finished_sessions": sessions.lost_workers,
        "possibly_paid_twice": sessions.possibly_paid_twice,
        "digests": sessions.digests,
    }


def busy(folder: Path) -> bool:
    """Whether a session is at work: its journal's log has something in it."""
    logs = [folder / "journal.sqlite-wal", *folder.glob("journal.sqlite.shards/*-wal")]
    for log in logs:
        try:
            if log.stat().st_size:
                return True
        except FileNotFoundError:
            continue
    return False


def digests(folder: Path) -> list[str]:
    """Of the results, and of what has none."""
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in NAMES]


def on_ray(folder: Path) -> dict:
    """The map on a local cluster of two nodes, one of which dies in the middle."""
    folder.mkdir()
    ray = importlib.import_module("ray")
    cluster = importlib.import_module("ray.cluster_utils").Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    cluster.wait_for_nodes()
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    environment = {"env_vars": {"PYTHONPATH": here}}
    ray.init(address=cluster.address, log_to_driver=False, runtime_env=environment)
    died: list[float] = []
    began = time.perf_counter()

    def kill_one() -> None:
        while len(list((folder / "map" / "parts").glob("*.part"))) < 5:
            time.sleep(0.1)
        died.append(round(time.perf_counter() - began, 1))
        cluster.remove_node(nodes[0], allow_graceful=False)

    killer = threading.Thread(target=kill_one, daemon=True)
    killer.start()
    try:
        # By the module's name, not as __main__, so that the nodes import it.
        asyncio.run(importlib.import_module("map_kills").child(folder, 64, 1, actors=2))
    finally:
        ray.shutdown()
        cluster.shutdown()
    return {
        "ray": ray.__version__,
        "nodes": 2,
        "a_node_died_after_s": died[0] if died else None,
        "wall_s": round(time.perf_counter() - began, 1),
        **json.loads((folder / "summary.json").read_text()),
        "digests": [digests(folder)],
    }


def main() -> None:
    """Kill everywhere; print and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--only", choices=["kills", "ray"])
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        rows = (f'{{"text": "record {i}"}}\n' for i in range(options.records))
        (root / "in.jsonl").write_text("".join(rows))
        (root / "whole").mkdir()
        ended(start(root / "whole", 64, 1), lost_workers=False)
        whole = digests(root / "whole")
        runs = []
        if options.only != "ray":
            for workers, processes in ((1, 1), (4, 1), (64, 1), (64, 2)):
                runs.append(killed(root, workers, processes, options.moments))
                print(json.dumps(runs[-1]), flush=True)
        if options.ray or options.only == "ray":
            runs.append(on_ray(root / "ray"))
            print(json.dumps(runs[-1]), flush=True)
        for run in runs:
            run["same_bytes"] = all(found == whole for found in run.pop("digests"))
    outcome = {
        "command": command(),
        "source": source_hash(Path(__file__), ("core", "engine", "lm")),
        "records": options.records,
        "moments": options.moments,
        "fault_points": fault_points(),
        "same_bytes": all(run["same_bytes"] for run in runs),
        "runs": runs,
    }
    told(outcome, options.results)
    sys.exit(0 if outcome["same_bytes"] else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        folder, workers, processes = sys.argv[2:]
        asyncio.run(child(Path(folder), int(workers), int(processes)))
    else:
        main()
