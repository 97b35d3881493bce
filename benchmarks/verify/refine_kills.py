"""Is a refinement that is killed at random moments the refinement that never was?

    uv run python benchmarks/verify/refine_kills.py [--records 20000] [--moments 20]
        [--task anonymize] [--only ray] [--results FILE]

Refines short records whole; then again with 1 and 64 workers, and in two processes, each time
killed (SIGKILL) at random moments of its work and started again by the same call. Each must end
with the bytes of the first: the output, and the rejects. With `--only ray` (it needs `cairn[ray]`)
no run is killed, and one is worked on by two actors of a Ray cluster on this machine, as by
`--engine ray`: of a node that dies, map_kills.py tells. The model is simulated, as in
refine_million.py; every fault point of the map itself is passed by map_kills.py. Writes the outcome
as JSON.
"""

import argparse
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from map_million import digest
from provenance import command, source_hash, told
from refine_million import checked, model, settings, write_source

from cairn.refine.casting import task_of
from cairn.refine.run import refine

NAMES = ("out.jsonl", "out.jsonl.rejects.jsonl")


def child(folder: Path, task: str, workers: int, processes: int, actors: int = 0) -> None:
    """What is killed: one session."""
    source, key = folder.parent / "in.jsonl", folder.parent / "key"
    config = settings(
        source, folder, task, processes, workers=workers, shard=500, key=str(key), ray=actors
    )
    counted = refine(
        config, folder / "run", task_of(config), players={"refiner": model()}, show=False
    )
    (folder / "summary.json").write_text(
        json.dumps({"calls": counted.spent.calls, "possibly_paid_twice": counted.maybe_twice})
    )


def start(folder: Path, task: str, workers: int, processes: int) -> subprocess.Popen:
    """A session in a process of its own."""
    words = [sys.executable, __file__, "--child", folder, task, workers, processes]
    return subprocess.Popen(list(map(str, words)), stdout=subprocess.DEVNULL)


def busy(folder: Path) -> bool:
    """Whether a session is at work: a part was written, or answers are in a log."""
    logs = [*folder.glob("run/*.sqlite-wal"), *folder.glob("run/journal.sqlite.shards/*-wal")]
    for log in logs:
        try:
            if log.stat().st_size:
                return True
        except FileNotFoundError:
            continue
    return False


def killed(folder: Path, task: str, workers: int, processes: int, moments: int) -> dict:
    """A refinement killed so often, unless it is finished before, and gone on with to its end."""
    folder.mkdir()
    draw = random.Random(workers * 10 + processes)
    began, kills = time.perf_counter(), 0
    for _ in range(moments):
        process = start(folder, task, workers, processes)
        while process.poll() is None and not busy(folder):
            time.sleep(0.005)
        time.sleep(draw.uniform(0.0, 1.0))
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGKILL)
        process.wait()
        kills += 1
    process = start(folder, task, workers, processes)
    if process.wait() != 0:
        raise RuntimeError(f"exit status {process.returncode}")
    return {
        "workers": workers,
        "processes": processes,
        "kills": kills,
        "wall_s": round(time.perf_counter() - began, 1),
        **json.loads((folder / "summary.json").read_text()),
        "digests": [digest(folder / name) for name in NAMES],
    }


def on_ray(folder: Path, task: str, actors: int = 2) -> dict:
    """A whole refinement by actors of a cluster on this machine."""
    folder.mkdir()
    ray = importlib.import_module("ray")
    here = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    ray.init(
        num_cpus=actors, include_dashboard=False, log_to_driver=False,
        runtime_env={"env_vars": {"PYTHONPATH": here}},
    )  # fmt: skip
    began = time.perf_counter()
    try:
        child(folder, task, 64, 1, actors)
    finally:
        ray.shutdown()
    return {
        "ray": ray.__version__,
        "actors": actors,
        "wall_s": round(time.perf_counter() - began, 1),
        **json.loads((folder / "summary.json").read_text()),
        "digests": [digest(folder / name) for name in NAMES],
    }


def main() -> None:
    """Kill; print and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--moments", type=int, default=20)
    parser.add_argument("--task", default="anonymize")
    parser.add_argument("--only", choices=["ray"])
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_source(root / "in.jsonl", options.records)
        (root / "whole").mkdir()
        child(root / "whole", options.task, 64, 1)
        whole = [digest(root / "whole" / name) for name in NAMES]
        order = checked(root / "whole", options.records, root / "in.jsonl")
        runs = []
        if options.only == "ray":
            runs.append(on_ray(root / "ray", options.task))
        for workers, processes in () if runs else ((1, 1), (64, 1), (64, 2)):
            folder = root / f"killed-{workers}-{processes}"
            runs.append(killed(folder, options.task, workers, processes, options.moments))
            print(json.dumps(runs[-1]), flush=True)
        for run in runs:
            run["same_bytes"] = run.pop("digests") == whole
    outcome = {
        "command": command(),
        "source": source_hash(Path(__file__), ("core", "engine", "lm", "refine")),
        "model": "simulated",
        "cores": os.cpu_count(),
        "records": options.records,
        "task": options.task,
        **order,
        "same_bytes": all(run["same_bytes"] for run in runs),
        "runs": runs,
    }
    told(outcome, options.results)
    sys.exit(0 if outcome["same_bytes"] else 1)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        place, task, workers, processes = sys.argv[2:]
        child(Path(place), task, int(workers), int(processes))
    else:
        main()
