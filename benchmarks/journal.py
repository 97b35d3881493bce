"""What the journaled engine costs: slots kept busy, calls replayed, memory over a long run.

    python benchmarks/journal.py [busy] [busy-512] [replay] [memory] [--tiny] --out FILE

- busy: a server that answers after 1 s, 256 slots, one call a trial, lag 512. The share of the
  time between the first and the last wave of answers in which the slots were working.
- busy-512: the same with 512 slots and a lag of 1024.
- replay: 100,000 trials whose call is in the journal but whose events are not: everything is
  evaluated again, from stored answers. And the fold alone, with the events in place.
- memory: 500,000 trials, a million events; resident memory at a tenth, half and the whole.
"""

import argparse
import asyncio
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from cairn.core.journal import Journal
from cairn.engine.journal_fold import restore
from cairn.engine.journaled import Config, run
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.limiter import Concurrency
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel

SERVER = Path(__file__).with_name("slow_server.py")


class Tally:
    """One call a trial (or none); the state is a count."""

    def __init__(self, *, calls: bool = True):
        self.calls = calls

    def init(self):
        return 0

    def ask(self, state, trial_id, key, pending):
        return {"id": trial_id, "draw": key.integer(16)}

    async def evaluate(self, trial, clients):
        if not self.calls:
            return {"score": trial["draw"] / 65536}
        request = Request.of(f"trial {trial['id']}: {trial['draw']}")
        return (await clients["m"].complete(request, purpose="try")).text

    def tell(self, state, trial, outcome):
        return state + 1

    def done(self, state):
        return False

    def dump(self, state):
        return str(state).encode()

    def load(self, body):
        return int(body)


def drive(path, policy, config, endpoint, on_progress=None):
    async def main():
        with Journal(path, config=config.tied()) as journal:
            roles = {"m": Role(endpoint)}
            try:
                stage = journal.stage("search")
                return await run(policy, stage, config=config, roles=roles, on_progress=on_progress)
            finally:
                await endpoint.close()

    started = time.perf_counter()
    result = asyncio.run(main())
    return result, time.perf_counter() - started


def busy(folder: Path, *, slots: int, latency_s: float, rounds: int) -> dict:
    server = subprocess.Popen(
        [sys.executable, SERVER, str(latency_s)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        flow = Flow(concurrency=Concurrency(start=slots, most=slots))
        model = _Stamped(OpenAIServer(Server(url, "m")))
        config = Config(trials=slots * rounds, lag=2 * slots)
        before = time.process_time()
        _, wall_s = drive(folder / "busy.sqlite", Tally(), config, Endpoint(model, flow))
        cpu_s = time.process_time() - before
    finally:
        server.kill()
        server.wait()
    # From the middle of the first wave of answers to the middle of the last: rounds - 1 cycles,
    # of each of which the server works for the latency and waits for us the rest.
    came = sorted(model.came)
    passed_s = came[-slots // 2] - came[slots // 2]
    return {
        "slots": slots,
        "latency_s": latency_s,
        "calls": slots * rounds,
        "busy_share": round((rounds - 1) * latency_s / passed_s, 4),
        "busy_share_with_start_and_end": round(rounds * latency_s / wall_s, 4),
        "cpu_s_per_1000_calls": round(cpu_s / (slots * rounds) * 1000, 3),
    }


class _Stamped:
    """Notes when answers came."""

    def __init__(self, inner):
        self.inner, self.identity = inner, inner.identity
        self.came: list[float] = []

    async def complete(self, request, sample="0"):
        answer = await self.inner.complete(request, sample)
        self.came.append(time.perf_counter())
        return answer

    async def close(self):
        await self.inner.close()


def replay(folder: Path, *, calls: int) -> dict:
    path = folder / "replay.sqlite"
    config = Config(trials=calls, lag=64)
    endpoint = Endpoint(
        ScriptedModel(lambda request, key: f"answer {key.integer()}"),
        Flow(concurrency=Concurrency(start=64)),
    )
    first, first_s = drive(path, Tally(), config, endpoint)
    with Journal(path, config=config.tied()) as journal:
        started = time.perf_counter()
        fold = restore(Tally(), journal.stage("search"))
        fold_s = time.perf_counter() - started
        folded = journal.seq - fold.snapshot_seq
    db = sqlite3.connect(path)
    with db:
        for table in ("events", "arrived", "snapshots"):
            db.execute(f"DELETE FROM {table}")
    db.close()
    path.with_name(path.name + ".head").unlink()
    again, again_s = drive(path, Tally(), config, endpoint)
    assert again.progress.answered == 0 and again.progress.cached == calls
    assert again.journal_digest == first.journal_digest
    return {
        "calls": calls,
        "first_run_calls_per_s": round(calls / first_s),
        "cached_calls_per_s": round(calls / again_s),
        "resume_s": round(fold_s, 4),
        "events_folded_at_resume": folded,
    }


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def memory(folder: Path, *, trials: int) -> dict:
    marks: dict[str, float] = {}

    def watch(progress):
        for name, share in (("tenth", 0.1), ("half", 0.5), ("whole", 1.0)):
            if progress.told >= share * trials and name not in marks:
                marks[name] = round(resident_mib(), 1)

    config = Config(trials=trials, lag=64, report_every_s=0.05)
    endpoint = Endpoint(ScriptedModel(lambda request, key: ""))
    path = folder / "memory.sqlite"
    _, wall_s = drive(path, Tally(calls=False), config, endpoint, watch)
    with Journal(path, config=config.tied()) as journal:
        events = journal.seq
    return {
        "events": events,
        "events_per_s": round(events / wall_s),
        "resident_mib": marks,
        "file_mib": round(path.stat().st_size / 2**20, 1),
    }


PARTS = {
    "busy": (
        lambda folder: busy(folder, slots=256, latency_s=1.0, rounds=20),
        lambda folder: busy(folder, slots=4, latency_s=0.05, rounds=6),
    ),
    "busy-512": (
        lambda folder: busy(folder, slots=512, latency_s=1.0, rounds=20),
        lambda folder: busy(folder, slots=8, latency_s=0.05, rounds=6),
    ),
    "replay": (
        lambda folder: replay(folder, calls=100_000),
        lambda folder: replay(folder, calls=300),
    ),
    "memory": (
        lambda folder: memory(folder, trials=500_000),
        lambda folder: memory(folder, trials=500),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("parts", nargs="*", help=f"some of {', '.join(PARTS)}; all by default")
    parser.add_argument("--tiny", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--out", type=Path, required=True, help="JSON file; parts are updated")
    args = parser.parse_args()
    record = json.loads(args.out.read_text()) if args.out.exists() else {}
    for name in args.parts or PARTS:
        load = os.getloadavg()[0]
        with tempfile.TemporaryDirectory() as folder:
            figures = PARTS[name][args.tiny](Path(folder))
        record[name] = {
            "command": " ".join(["python", "benchmarks/journal.py", *sys.argv[1:]]),
            "versions": {"cairn": version("cairn"), "aiohttp": version("aiohttp")}
            | {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version},
            "cores": os.cpu_count(),
            "load_at_start": round(load, 2),
            **figures,
        }
        args.out.write_text(json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()
