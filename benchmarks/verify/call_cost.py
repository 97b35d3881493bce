"""What the journaled engine's own work costs per call, of two checkouts, in alternation.

    python benchmarks/verify/call_cost.py OLD [NEW] [--calls 6000] [--slots 64] [--rounds 7]

OLD and NEW are checkouts (NEW: this one). Three things take turns, each in a process of its own
with this interpreter, against a local server that answers at once: a plain loop of aiohttp that
keeps nothing, the engine of OLD, the engine of NEW (one call a trial, every call reserved, noted,
settled and journaled). Processor seconds of the process per 1,000 calls after a warm-up; what an
engine takes beyond the plain loop of the same round is its own. And the same engines on a scripted
model, without HTTP: calls per second of one core.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

RESULT = Path(__file__).parents[1] / "results" / "call_cost.json"
SERVER = Path(__file__).parents[1] / "slow_server.py"
WARM = 500
"""Calls before the clock starts."""


class Clock:
    """Starts at call WARM; processor and wall seconds per 1,000 calls after it."""

    def __init__(self, calls: int):
        self.calls, self.done = calls, 0
        self.started = (0.0, 0.0)

    def tick(self) -> None:
        self.done += 1
        if self.done == WARM:
            self.started = (time.process_time(), time.perf_counter())

    def read(self) -> dict[str, float]:
        share = (self.calls - WARM) / 1000
        cpu, wall = self.started
        return {
            "cpu_s": (time.process_time() - cpu) / share,
            "wall_s": (time.perf_counter() - wall) / share,
        }


def question(number: int) -> str:
    """About a hundred bytes, another each time."""
    return f"trial {number}: what would you answer to this question, if you were asked it at last?"


async def plain(url: str, slots: int, clock: Clock) -> dict[str, float]:
    """The least that a client of this kind can do: send, read, parse."""
    import aiohttp

    numbers = iter(range(clock.calls))

    async def worker(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            body = {
                "model": "m",
                "messages": [{"role": "user", "content": question(number)}],
                "temperature": 1.0,
                "max_tokens": 256,
            }
            headers = {"Content-Type": "application/json", "Accept": "application/json"}
            data = json.dumps(body).encode()
            async with session.post(f"{url}/chat/completions", data=data, headers=headers) as reply:
                json.loads(await reply.read())["choices"][0]["message"]["content"]
            clock.tick()

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(worker(session) for _ in range(slots)))
        return clock.read()


async def engine(url: str, slots: int, clock: Clock, folder: str) -> dict[str, float]:
    """The journaled engine of whatever checkout this process imports; no URL: a scripted model."""
    from cairn.core.journal import Journal
    from cairn.engine.journaled import Config, run
    from cairn.lm.client import Role
    from cairn.lm.endpoint import Endpoint, Flow
    from cairn.lm.http import OpenAIServer, Server
    from cairn.lm.limiter import Concurrency
    from cairn.lm.request import Request
    from cairn.lm.scripted import ScriptedModel

    class Tally:
        def init(self) -> int:
            return 0

        def ask(self, state: int, trial_id: int, key: Any, pending: Any = ()) -> int:
            return trial_id

        def asked(self, state: int, trial: Any) -> int:
            return state

        async def evaluate(self, trial: int, clients: Any) -> str:
            answer = await clients["m"].complete(Request.of(question(trial)), purpose="try")
            clock.tick()
            return answer.text

        def tell(self, state: int, trial: Any, outcome: Any) -> int:
            return state + 1

        def done(self, state: int) -> bool:
            return False

        def dump(self, state: int) -> bytes:
            return b"%d" % state

        def load(self, body: bytes) -> int:
            return int(body)

    model = (
        OpenAIServer(Server(url, "m")) if url else ScriptedModel(lambda request, key: "an answer")
    )
    endpoint = Endpoint(model, Flow(concurrency=Concurrency(start=slots, most=slots)))
    wide = "lag" if "lag" in {field.name for field in fields(Config)} else "window"
    options: dict[str, Any] = {"trials": clock.calls, wide: 2 * slots}
    config = Config(**options)
    with Journal(Path(folder) / "journal.sqlite", config=config.tied()) as journal:
        place: Any = journal.stage("search") if hasattr(journal, "stage") else journal
        result = await run(Tally(), place, config=config, roles={"m": Role(endpoint)})
        found = clock.read()
        assert result.progress.answered == clock.calls and result.progress.maybe_twice == 0
    await endpoint.close()
    return found


def measure(kind: str, url: str, calls: int, slots: int) -> dict[str, float]:
    clock = Clock(calls)
    if kind == "plain":
        return asyncio.run(plain(url, slots, clock))
    with tempfile.TemporaryDirectory() as folder:
        return asyncio.run(engine(url if kind == "http" else "", slots, clock, folder))


def ask(tree: Path, kind: str, url: str, calls: int, slots: int) -> dict[str, float]:
    """`measure` in another process, on the package of the checkout `tree`."""
    environment = os.environ | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, __file__, "--ask", kind, "--url", url]
    command += ["--calls", str(calls), "--slots", str(slots)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{tree.name}, {kind}: {done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Alternate, print, and keep what was measured."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("old", nargs="?", type=Path)
    parser.add_argument("new", nargs="?", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--calls", type=int, default=6000)
    parser.add_argument("--slots", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--ask", help=argparse.SUPPRESS)
    parser.add_argument("--url", default="", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.ask:
        print(json.dumps(measure(asked.ask, asked.url, asked.calls, asked.slots)))
        return
    assert asked.old is not None, "which checkout is the old one?"
    server = subprocess.Popen(
        [sys.executable, SERVER, "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        rounds = [one_round(asked, url) for _ in range(asked.rounds)]
    finally:
        server.kill()
        server.wait()
    middle = {name: statistics.median(entry[name] for entry in rounds) for name in rounds[0]}
    ratios = [entry["new_own_ms"] / entry["old_own_ms"] for entry in rounds]
    record = {
        "calls": asked.calls,
        "slots": asked.slots,
        "rounds": asked.rounds,
        "load_at_end": round(os.getloadavg()[0], 2),
        "own_new_over_old": round(statistics.median(ratios), 3),
        "own_new_over_old_range": [round(min(ratios), 3), round(max(ratios), 3)],
        **{name: round(value, 3) for name, value in middle.items()},
    }
    print(json.dumps(record, indent=2))
    asked.out.write_text(json.dumps(record, indent=2) + "\n")


def one_round(asked: argparse.Namespace, url: str) -> dict[str, float]:
    """Everything once; milliseconds of processor time per call, and scripted calls per second."""
    do = lambda tree, kind: ask(tree, kind, url, asked.calls, asked.slots)  # noqa: E731
    plain_ms = do(asked.new, "plain")["cpu_s"]
    old_ms, new_ms = do(asked.old, "http")["cpu_s"], do(asked.new, "http")["cpu_s"]
    old_scripted, new_scripted = (
        1000 / do(tree, "scripted")["cpu_s"] for tree in (asked.old, asked.new)
    )
    found = {
        "plain_ms": plain_ms,
        "old_ms": old_ms,
        "new_ms": new_ms,
        "old_own_ms": old_ms - plain_ms,
        "new_own_ms": new_ms - plain_ms,
        "old_scripted_calls_per_core_s": old_scripted,
        "new_scripted_calls_per_core_s": new_scripted,
    }
    print({name: round(value, 3) for name, value in found.items()}, flush=True)
    return found


if __name__ == "__main__":
    main()
