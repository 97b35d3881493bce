"""A run whose server asks it to wait, or goes away and comes back, says so and loses nothing."""

import asyncio
import io
import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from rich.console import Console

from cairn.core.journal import Journal
from cairn.engine.journal_console import JournalConsole
from cairn.engine.journaled import Config, Result, run
from cairn.engine.json_policy import JsonPolicy
from cairn.lm.breaker import Patience
from cairn.lm.client import Role
from cairn.lm.completion import Completion
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import AttemptFailedError, EndpointDownError
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.limiter import Concurrency
from cairn.lm.request import LanguageModel, Request

SERVER = Path(__file__).parents[1] / "lm" / "fault_server.py"
TRIALS = 60


class Asks(JsonPolicy):
    """Asks one question a trial; counts the trials that came to nothing."""

    def init(self):
        return {"told": 0, "failed": 0}

    def ask(self, state, trial_id, key, pending):
        return trial_id

    async def evaluate(self, trial, clients):
        return (await clients["m"].complete(Request.of(f"q{trial}"), purpose="ask")).text

    def tell(self, state, trial, outcome):
        failed = state["failed"] + (not isinstance(outcome, str))
        return {"told": state["told"] + 1, "failed": failed}


async def conduct(path: Path, model: LanguageModel, flow: Flow, trials: int, show=None) -> Result:
    config = Config(trials=trials, lag=8, seed=1, report_every_s=0.05)
    endpoint = Endpoint(model, flow)
    try:
        with Journal(path, config=config.tied()) as journal:
            return await run(
                Asks(),
                journal.stage("asks"),
                config=config,
                roles={"m": Role(endpoint)},
                on_progress=show,
            )
    finally:
        await endpoint.close()


def test_a_wait_of_an_hour_is_said_and_a_longer_one_stops_the_run_to_be_resumed(tmp_path):
    class Busy:
        identity = "busy"
        wait_s = 1.5

        async def complete(self, request, sample="0"):
            if self.wait_s:
                wait_s, self.wait_s = self.wait_s, 0.0
                raise AttemptFailedError("rate", "429: come \x1b[31mlater", retry_after_s=wait_s)
            return Completion("fine")

    stream = io.StringIO()
    console = JournalConsole(Console(file=stream, width=200), plain_every_s=3600)
    path = tmp_path / "j.sqlite"
    flow = Flow(backoff_s=0.001, deadline_s=0.5, longest_wait_s=10.0)
    result = asyncio.run(conduct(path, Busy(), flow, 4, console.show))
    assert json.loads(Asks().dump(result.state)) == {"told": 4, "failed": 0}
    assert stream.getvalue().count("waiting: busy asks to wait until ") == 1
    assert "429: come ␛[31mlater" in stream.getvalue()

    busy = Busy()
    busy.wait_s = 3600.0
    with pytest.raises(EndpointDownError, match=r"3600 s .* longest_wait_s \(10 s\)"):
        asyncio.run(conduct(path, busy, flow, 8))
    result = asyncio.run(conduct(path, busy, flow, 8))
    assert json.loads(Asks().dump(result.state)) == {"told": 8, "failed": 0}


def start(port: int) -> subprocess.Popen:
    process = subprocess.Popen(
        [sys.executable, SERVER, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout is not None and process.stdout.readline()
    return process


def stop(process: subprocess.Popen) -> None:
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def test_a_server_killed_for_longer_than_a_calls_deadline_costs_no_trial(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    flow = Flow(
        concurrency=Concurrency(start=4, most=4),
        patience=Patience(failures=6, cooldown_s=0.02, cooldown_max_s=0.05, probes=1000),
        timeout_s=0.5,
        deadline_s=1.0,
        backoff_s=0.01,
        max_attempts=3,
    )

    async def main(servers: list[subprocess.Popen]):
        seen = []
        model = OpenAIServer(Server(f"http://127.0.0.1:{port}/v1", "m"))
        task = asyncio.create_task(conduct(tmp_path / "j.sqlite", model, flow, TRIALS, seen.append))
        while not (seen and seen[-1].answered):
            await asyncio.sleep(0.01)
        stop(servers.pop())
        await asyncio.sleep(2.0)  # twice the deadline, and dozens of probes
        assert not task.done()
        servers.append(start(port))
        return await task, seen

    servers = [start(port)]
    slow_down(port)
    try:
        result, seen = asyncio.run(main(servers))
    finally:
        for server in servers:
            stop(server)
    assert result.state == {"told": TRIALS, "failed": 0}
    said = [progress.waiting for progress in seen if "is down for 1 s" in progress.waiting]
    assert said and "cannot be reached" in said[0]


def slow_down(port: int) -> None:
    """Slow enough that the run is not over before the server is."""
    body = json.dumps({"latency_s": 0.03}).encode()
    urllib.request.urlopen(f"http://127.0.0.1:{port}/control", data=body, timeout=10).close()
