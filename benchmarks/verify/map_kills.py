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
from collections.abc import Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from provenance import command, source_hash

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
    summary = {
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


def killed(folder: Path, workers: int, processes: int, points: Iterable[str], moments: int) -> dict:
    """A map killed at fault points, at moments between, and then gone on with to its end."""
    folder.mkdir()
    draw = random.Random(workers * 10 + processes)
    ends: dict[str, int] = {}
    began = time.perf_counter()
    passed: list[str] = []

    def note(how: str) -> None:
        ends[how] = ends.get(how, 0) + 1

    def at_moments() -> None:
        for _ in range(moments):
            process = start(folder, workers, processes)
            while process.poll() is None and not busy(folder):
                time.sleep(0.005)
            time.sleep(draw.uniform(0.0, 0.25))
            process.kill()
            note(ended(process, lost_workers=False))

    points = [p for p in points if processes > 1 or not p.startswith(SHARED)]
    late = [point for point in points if point.startswith(AT_THE_END)]
    for point in points:
        if late and point == late[0]:
            at_moments()
        count = 1 if "create" in point or point in late else 2
        how = ended(start(folder, workers, processes, f"{point}:{count}"), lost_workers=True)
        note(how)
        passed += [point] if how != "finished" else []
    note(ended(start(folder, workers, processes), lost_workers=False))
    return {
        "workers": workers,
        "processes": processes,
        "sessions": ends,
        "points_passed": len(passed),
        "points_not_passed": sorted(set(points) - set(passed)),
        "wall_s": round(time.perf_counter() - began, 1),
        **json.loads((folder / "summary.json").read_text()),
        "digests": digests(folder),
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
        "digests": digests(folder),
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
                folder = root / f"killed-{workers}-{processes}"
                runs.append(killed(folder, workers, processes, fault_points(), options.moments))
                print(json.dumps(runs[-1]), flush=True)
        if options.ray or options.only == "ray":
            runs.append(on_ray(root / "ray"))
            print(json.dumps(runs[-1]), flush=True)
        for run in runs:
            run["same_bytes"] = run.pop("digests") == whole
    outcome = {
        "command": command(),
        "source": source_hash(Path(__file__), ("core", "engine", "lm")),
        "records": options.records,
        "moments": options.moments,
        "fault_points": fault_points(),
        "same_bytes": all(run["same_bytes"] for run in runs),
        "runs": runs,
    }
    text = json.dumps(outcome, indent=2)
    print(text)
    if options.results:
        options.results.write_text(text + "\n")
    sys.exit(0 if outcome["same_bytes"] else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        folder, workers, processes = sys.argv[2:]
        asyncio.run(child(Path(folder), int(workers), int(processes)))
    else:
        main()
