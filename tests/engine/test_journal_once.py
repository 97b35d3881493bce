"""Stages that share a desk, and trials whose work is a program: done once, within its limits."""

import asyncio
import time
from collections import Counter

import pytest
from test_journal_arrivals import Programs

from cairn.core.budget import Amount, Limits
from cairn.core.desk import NotDoneError
from cairn.core.journal import Journal
from cairn.engine.journaled import Config, run
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import TrialFailedError
from cairn.lm.request import Request
from cairn.lm.scripted import ScriptedModel

SECOND = Amount(cpu_ms=1000)


class Jailed(Programs):
    """Runs a program through the desk, then does something more."""

    def __init__(self, lasts, after_s=0.0):
        super().__init__(lasts)
        self.after_s = after_s
        self.runs = Counter()

    async def evaluate(self, trial, clients):
        number = trial["id"]
        self.began[number] += 1

        async def program():
            self.runs[number] += 1
            await asyncio.sleep(self.lasts(number))
            return f"exit 0 of {number}", Amount(cpu_ms=100)

        text = await clients.once("program", f"program {number}", SECOND, program)
        await asyncio.sleep(self.after_s)
        return text


async def go(path, policy, config, limits=None):
    with Journal(path, config=config.tied()) as journal:
        desk = Desk(journal, {})
        desk.role("program", limits)
        return await run(policy, journal.stage("search"), config=config, desk=desk)


def test_a_program_that_ended_is_not_run_again_though_its_trial_was_cut(tmp_path):
    policy = Jailed(lambda number: 0.02, after_s=60)
    config = Config(trials=3, grace_s=0.1)

    async def cut():
        task = asyncio.create_task(go(tmp_path / "j.sqlite", policy, config))
        while sum(policy.runs.values()) < 3:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cut())
    policy.after_s = 0
    result = asyncio.run(go(tmp_path / "j.sqlite", policy, config))
    assert policy.began == {0: 2, 1: 2, 2: 2} and policy.runs == {0: 1, 1: 1, 2: 1}
    assert result.state == [f"exit 0 of {number}" for number in range(3)]
    assert result.progress.spent == Amount(cpu_ms=300)


def test_programs_stay_within_their_limits_and_the_rest_goes_on_later(tmp_path):
    policy = Jailed(lambda number: 0)
    config = Config(trials=20, lag=2)
    result = asyncio.run(go(tmp_path / "j.sqlite", policy, config, Limits(cpu_ms=1500)))
    # Each used 100 of the 1000 that were held for it: a next one fits until 500 are spent.
    assert "budget 'run/program'" in result.stopped and "cpu_ms" in result.stopped
    assert 5 <= result.told <= 6 and result.progress.spent.cpu_ms == 100 * sum(policy.runs.values())
    result = asyncio.run(go(tmp_path / "j.sqlite", policy, config))
    assert result.told == 20 and set(policy.runs.values()) == {1}


def test_a_program_that_came_to_nothing_says_what_it_used(tmp_path):
    class Fails(Programs):
        async def evaluate(self, trial, clients):
            async def program():
                raise NotDoneError("killed for its memory", Amount(cpu_ms=40))

            try:
                await clients.once("program", "p", SECOND, program)
            except NotDoneError as error:
                raise TrialFailedError(str(error)) from None

        def tell(self, state, trial, outcome):
            return [*state, outcome.error]

    result = asyncio.run(go(tmp_path / "j.sqlite", Fails(None), Config(trials=2)))
    assert result.state == ["TrialFailedError"] * 2
    assert result.progress.spent.cpu_ms == 80 and result.progress.kept == Amount()


class Asks(Programs):
    async def evaluate(self, trial, clients):
        said = await clients["m"].complete(Request.of("the same"), purpose="ask")
        return said.text

    def done(self, state):
        return len(state) >= self.lasts


def test_stages_share_a_desk_and_its_limits_and_have_answers_of_their_own(tmp_path):
    model = ScriptedModel(lambda request, key: str(key.integer(32)), latency_s=0.005)
    config = Config(trials=6, lag=3)

    async def main(calls):
        roles = {"m": Role(Endpoint(model))}
        with Journal(tmp_path / "j.sqlite", config=config.tied()) as journal:
            desk = Desk(journal, roles, limits=Limits(calls=calls))
            for name in ("first", "second"):
                policy = Asks(4)  # done before its last trial, with others in flight
                result = await run(policy, journal.stage(name), config=config, desk=desk)
                yield result, journal.spending()

    async def ended(calls):
        return [pair async for pair in main(calls)]

    (first, _), (second, books) = asyncio.run(ended(9))
    assert first.stopped == "done" and first.told == 4
    assert "budget 'run'" in second.stopped and 9 >= sum(line.spent.calls for line in books) > 7
    (first, _), (second, books) = asyncio.run(ended(99))
    assert second.stopped == "done" and second.state == first.state, "the draws are the trial's"
    assert {line.stage for line in books} == {"first", "second"}
    assert all(line.spent.calls >= 4 for line in books), "and each stage paid for its own"


@pytest.mark.parametrize("calls", [9, 2])
def test_a_desk_stays_open_after_the_last_trial_and_after_a_limit(tmp_path, calls):
    model = ScriptedModel(lambda request, key: str(key.integer(32)))

    async def main():
        config = Config(trials=5, lag=2)
        with Journal(tmp_path / "j.sqlite", config=config.tied()) as journal:
            desk = Desk(journal, {"m": Role(Endpoint(model))}, limits=Limits(calls=calls))
            result = await run(Asks(99), journal.stage("a"), config=config, desk=desk)
            desk.check_open()
            return result

    assert asyncio.run(main()).told == min(calls, 5)


def test_a_policy_that_is_done_waits_for_calls_in_flight_and_for_nothing_else(tmp_path):
    class Slow(Programs):
        async def evaluate(self, trial, clients):
            if trial["id"] == 1:
                await clients["m"].complete(Request.of("paid for"), purpose="ask")
                await clients["m"].complete(Request.of("not begun"), purpose="ask")
            await asyncio.sleep(60 if trial["id"] == 2 else 0)
            return trial["id"]

        def done(self, state):
            return len(state) == 1

    model = ScriptedModel(lambda request, key: "", latency_s=0.3)

    async def main():
        config = Config(trials=3)
        with Journal(tmp_path / "j.sqlite", config=config.tied()) as journal:
            desk = Desk(journal, {"m": Role(Endpoint(model))})
            began = time.monotonic()
            result = await run(Slow(None), journal.stage("a"), config=config, desk=desk)
            assert time.monotonic() - began < 20
            desk.check_open()
            return result

    progress = asyncio.run(main()).progress
    assert (progress.spent.calls, progress.maybe_twice) == (1, 0)
