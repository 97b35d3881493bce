"""Outcomes that arrive after a stop was asked for are kept: what has ended is not run again."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from cairn.core.budget import Limits
from cairn.core.errors import RunError
from cairn.core.journal import Journal, Stage
from cairn.engine.journal_blame import PolicyError
from cairn.engine.journal_policy import Failed
from cairn.engine.journaled import Config, run
from cairn.engine.json_policy import JsonPolicy
from cairn.lm.client import Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import LMError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel


class Programs(JsonPolicy):
    """Trials whose work is their own: `lasts(trial)` seconds. Notes which began and which ended."""

    def __init__(self, lasts, broken=()):
        self.lasts, self.broken = lasts, broken
        self.began, self.ended = Counter(), Counter()

    def ask(self, state, trial_id, key, pending):
        return {"id": trial_id}

    async def evaluate(self, trial, clients) -> Any:
        number = trial["id"]
        self.began[number] += 1
        await asyncio.sleep(self.lasts(number))
        if number in self.broken:
            raise ZeroDivisionError("a bug")
        self.ended[number] += 1
        return number

    def tell(self, state, trial, outcome):
        assert not isinstance(outcome, Failed)
        return [*state, outcome]


async def go(path, policy, config, roles=None, **options):
    with Journal(path, config=config.tied()) as journal:
        stage = journal.stage("search")
        return await run(policy, stage, config=config, roles=roles or {}, **options)


def continued(path, policy, config) -> Counter:
    """What the rest of the run begins."""
    policy.began.clear()
    policy.broken = ()
    result = asyncio.run(go(path, policy, config))
    assert result.state == list(range(config.trials))
    return policy.began


@pytest.mark.parametrize("order", ["trial", "arrival"])
def test_what_ends_while_an_error_stops_the_run_is_kept(tmp_path, order):
    policy = Programs(lambda number: 0.02 if number == 3 else 0.3, broken=(3,))
    config = Config(trials=8, lag=8, order=order)
    with pytest.raises(PolicyError, match="trial 3"):
        asyncio.run(go(tmp_path / "j.sqlite", policy, config))
    assert set(policy.ended) == {0, 1, 2, 4, 5, 6, 7}
    policy.began.clear()
    policy.broken = ()
    result = asyncio.run(go(tmp_path / "j.sqlite", policy, config))
    assert sorted(result.state) == list(range(8)) and set(policy.began) == {3}


def test_what_arrives_in_the_turn_of_an_error_is_kept(tmp_path):
    class Together(Programs):
        async def evaluate(self, trial, clients):
            self.began[trial["id"]] += 1
            await asyncio.sleep(0)
            if trial["id"] in self.broken:
                raise ZeroDivisionError("a bug")
            self.ended[trial["id"]] += 1
            return trial["id"]

    policy = Together(None, broken=(0, 2))
    config = Config(trials=6, lag=6)
    with pytest.raises(PolicyError, match="trial 0"):
        asyncio.run(go(tmp_path / "j.sqlite", policy, config))
    assert set(continued(tmp_path / "j.sqlite", policy, config)) == {0, 2}


def cancelled(path, policy, config, *when):
    """The run, cancelled as soon as each of these is true; how long it took to end."""

    async def main():
        task = asyncio.create_task(go(path, policy, config))
        for true in when:
            while not true():
                await asyncio.sleep(0.005)
            task.cancel()
        began = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await task
        return time.monotonic() - began

    return asyncio.run(main())


def test_cancelled_once_a_run_lets_what_is_in_flight_arrive_and_keeps_it(tmp_path):
    policy = Programs(lambda number: 0 if number < 2 else 0.5)
    config = Config(trials=9, lag=9, workers=4)
    cancelled(tmp_path / "j.sqlite", policy, config, lambda: len(policy.began) == 6)
    assert set(policy.began) == {*range(6)} == set(policy.ended)
    policy.lasts = lambda number: 0
    assert set(continued(tmp_path / "j.sqlite", policy, config)) == {6, 7, 8}


def test_cancelled_twice_it_ends_at_once_and_what_had_arrived_is_kept(tmp_path):
    policy = Programs(lambda number: 0.2 if number % 2 else 60)
    config = Config(trials=8, lag=8)
    begun, ended = lambda: len(policy.began) == 8, lambda: len(policy.ended) == 4
    waited_s = cancelled(tmp_path / "j.sqlite", policy, config, begun, ended)
    assert waited_s < 20 and set(policy.ended) == {1, 3, 5, 7}
    policy.lasts = lambda number: 0
    assert set(continued(tmp_path / "j.sqlite", policy, config)) == {0, 2, 4, 6}


def test_what_is_in_flight_has_so_long_and_no_longer(tmp_path):
    policy = Programs(lambda number: 60)
    config = Config(trials=2, grace_s=0.2)
    begun = lambda: len(policy.began) == 2  # noqa: E731
    assert 0.1 < cancelled(tmp_path / "j.sqlite", policy, config, begun) < 20


def test_whoever_swallows_the_cancellation_leaves_no_outcome(tmp_path):
    class Stubborn(Programs):
        async def evaluate(self, trial, clients):
            try:
                return await super().evaluate(trial, clients)
            except asyncio.CancelledError:
                return "interrupted"

    policy = Stubborn(lambda number: 60)
    config = Config(trials=2, grace_s=0.1)
    cancelled(tmp_path / "j.sqlite", policy, config, lambda: len(policy.began) == 2)
    policy.lasts = lambda number: 0
    assert set(continued(tmp_path / "j.sqlite", policy, config)) == {0, 1}


class Asking(Programs):
    """Also asks a model: three times a trial, and goes on whatever comes of it."""

    async def evaluate(self, trial, clients):
        self.began[trial["id"]] += 1
        said = []
        for index in range(3):
            try:
                answer = await clients["m"].complete(
                    Request.of(f"trial {trial['id']}"), purpose="ask", sample_index=index
                )
                said.append(answer.text)
            except Exception:
                said.append("no answer")
        return said


def test_a_trial_that_a_limit_kept_from_an_answer_has_no_outcome(tmp_path):
    """An `except Exception` around a call turned the end of the budget into an outcome."""
    roles = {"m": Role(Endpoint(ScriptedModel(lambda request, key: str(key.integer(16)))))}

    def drive(name, limits=None):
        config = Config(trials=6, lag=2)
        return asyncio.run(go(tmp_path / name, Asking(None), config, roles=roles, limits=limits))

    for calls in (1, 4, 5, 11):
        result = drive("limited.sqlite", Limits(calls=calls))
        assert "Raise the limit" in result.stopped and result.told <= calls // 3
    assert drive("limited.sqlite").state == drive("whole.sqlite").state


def test_a_trial_that_a_stop_kept_from_an_answer_has_no_outcome(tmp_path):
    config = Config(trials=4, lag=4)
    slow = {"m": Role(Endpoint(ScriptedModel(lambda request, key: "yes", latency_s=0.1)))}
    policy = Asking(None)

    async def main():
        task = asyncio.create_task(go(tmp_path / "j.sqlite", policy, config, roles=slow))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await go(tmp_path / "j.sqlite", policy, config, roles=slow)

    result = asyncio.run(main())
    assert result.state == [["yes"] * 3] * 4
    assert result.progress.answered + result.progress.cached == 12 and result.progress.cached == 4


def test_outcomes_in_flight_at_a_limit_are_kept(tmp_path):
    """Trial 0 meets the limit; the others need no call and end after it."""

    class Mixed(Programs):
        async def evaluate(self, trial, clients):
            if trial["id"] == 0:
                await clients["m"].complete(Request.of("x"), purpose="x")
            return await super().evaluate(trial, clients)

    policy = Mixed(lambda number: 0.1)
    roles = {"m": Role(Endpoint(ScriptedModel(lambda request, key: "x")))}
    config = Config(trials=6, lag=3)
    first = asyncio.run(
        go(tmp_path / "j.sqlite", policy, config, roles=roles, limits=Limits(calls=0))
    )
    assert first.told == 0 and set(policy.ended) == {1, 2}
    policy.began.clear()
    result = asyncio.run(go(tmp_path / "j.sqlite", policy, config, roles=roles))
    assert result.state == [*range(6)] and set(policy.began) == {0, 3, 4, 5}


def test_calls_that_only_wait_hold_up_no_stop(tmp_path):
    class Down(ScriptedModel):
        async def complete(self, request, sample="0"):
            await asyncio.sleep(30)
            return await super().complete(request, sample)

    one = Endpoint(Down(lambda request, key: ""))
    roles = {"m": Role(one)}
    config = Config(trials=4, grace_s=30)

    async def main():
        await one.limiter.acquire()
        one.limiter.limit = 1.0  # no slot for anybody
        task = asyncio.create_task(go(tmp_path / "j.sqlite", Asking(None), config, roles=roles))
        await asyncio.sleep(0.05)
        task.cancel()
        began = time.monotonic()
        with pytest.raises((asyncio.CancelledError, LMError)):
            await task
        return time.monotonic() - began

    assert asyncio.run(main()) < 15


WORKER = """
import asyncio, sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from test_journal_arrivals import Programs, go
from cairn.engine.journaled import Config

class Noting(Programs):
    async def evaluate(self, trial, clients):
        path = Path(sys.argv[1]) / "log"
        with path.open("a") as log: log.write(f"start {trial['id']}\\n")
        outcome = await super().evaluate(trial, clients)
        with path.open("a") as log: log.write(f"end {trial['id']}\\n")
        return outcome

lasts = lambda number: 0.3 if number == 0 else 0.01 * (number % 7)
result = asyncio.run(go(Path(sys.argv[1]) / "j.sqlite", Noting(lasts), Config(trials=40, lag=20)))
print(result.state == list(range(40)))
"""


def start(folder):
    """The run in a process that can be killed."""
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, str(folder), here],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ),
    )  # fmt: skip


@pytest.mark.slow
def test_killed_while_outcomes_wait_for_their_turn_it_runs_none_of_them_again(tmp_path):
    log = tmp_path / "log"
    process = start(tmp_path)
    while not log.exists() or log.read_text().count("end") < 12:
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    time.sleep(0.05)  # trial 0 is still running: all these outcomes wait
    process.send_signal(signal.SIGKILL)
    process.communicate()
    before = log.read_text().splitlines()
    ended = {line.split()[1] for line in before if line.startswith("end")}
    assert "0" not in ended and len(ended) >= 12
    process = start(tmp_path)
    said, errors = process.communicate(timeout=60)
    assert said == "True\n", errors
    after = log.read_text().splitlines()[len(before) :]
    again = {line.split()[1] for line in after if line.startswith("start")} & ended
    # What ended in the very turn of the kill may not have been written down yet.
    assert len(again) <= 1


def test_what_arrived_with_an_error_is_saved_before_the_rest_is_waited_for(tmp_path):
    """A kill in that time must not lose it: what is in flight may take a minute."""
    saved = []

    class Beside(Programs):
        async def evaluate(self, trial, clients):
            if trial["id"] == 0:
                await asyncio.sleep(0.2)
                with Journal.read(tmp_path / "j.sqlite") as journal:
                    saved.extend(journal.stage("search").arrived())
            if trial["id"] == 2:
                raise ZeroDivisionError("a bug")
            return trial["id"]

    with pytest.raises(PolicyError, match="trial 2"):
        asyncio.run(go(tmp_path / "j.sqlite", Beside(None), Config(trials=3, lag=3)))
    assert saved == [1]


def test_an_outcome_whose_telling_could_not_be_written_ends_in_that_error(tmp_path, monkeypatch):
    policy = Programs(lambda number: 0)
    plain = Stage.append

    def full(stage, kind, trial, body):
        if kind == "tell":
            raise RunError("no room")
        return plain(stage, kind, trial, body)

    monkeypatch.setattr(Stage, "append", full)
    with pytest.raises(RunError, match="no room"):
        asyncio.run(go(tmp_path / "j.sqlite", policy, Config(trials=2, lag=2)))
    monkeypatch.undo()
    assert not continued(tmp_path / "j.sqlite", policy, Config(trials=2, lag=2))
