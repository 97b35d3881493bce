"""Concurrency, pacing, and the breaker, one at a time."""

import asyncio
import itertools

import pytest

from cairn.core.budget import Amount
from cairn.core.errors import ConfigError
from cairn.core.journal import Journal
from cairn.lm.breaker import Breaker, Patience
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import AttemptFailedError, EndpointDownError, LMError
from cairn.lm.limiter import Concurrency, Limiter
from cairn.lm.pace import LONGEST_S, Pacer, retry_after_s, seconds
from cairn.lm.request import Completion, Request
from cairn.lm.scripted import FunctionModel


def test_a_round_of_answers_doubles_the_slots_until_the_first_cut_and_then_adds_one():
    async def main():
        limiter = Limiter(Concurrency(start=4, most=100))
        for _ in range(4):
            await limiter.acquire()
        for _ in range(4):
            limiter.answered()
        assert limiter.slots == 8
        episodes = [await limiter.acquire() for _ in range(4)]
        limiter.congested(episodes[-1])
        assert limiter.limit == pytest.approx(8 * 0.7)
        for _ in range(6):
            limiter.answered()
        assert limiter.limit == pytest.approx(8 * 0.7 + 1, abs=0.1)

    asyncio.run(main())


def test_one_episode_of_congestion_cuts_once():
    async def main():
        limiter = Limiter(Concurrency(start=10, most=100))
        episodes = [await limiter.acquire() for _ in range(10)]
        for episode in episodes:
            limiter.congested(episode)
        assert limiter.limit == pytest.approx(7) and limiter.cuts == 1

    asyncio.run(main())


def test_idle_slots_do_not_grow():
    async def main():
        limiter = Limiter(Concurrency(start=10, most=100))
        await limiter.acquire()
        for _ in range(50):
            limiter.answered()
        assert limiter.limit == 10

    asyncio.run(main())


def test_slots_are_handed_out_in_order_and_survive_cancellation():
    async def main():
        limiter = Limiter(Concurrency(start=1, most=1))
        await limiter.acquire()
        order = []

        async def worker(name):
            await limiter.acquire()
            order.append(name)
            limiter.release()

        tasks = [asyncio.create_task(worker(name)) for name in "abc"]
        await asyncio.sleep(0)
        tasks[0].cancel()
        limiter.release()
        # `a` is cancelled in the very turn in which it may have got the slot.
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == ["b", "c"] and limiter.in_flight == 0

    asyncio.run(main())


def test_a_slot_that_came_together_with_a_cancellation_is_given_back():
    async def main():
        limiter = Limiter(Concurrency(start=1, most=1))
        await limiter.acquire()
        task = asyncio.create_task(limiter.acquire())
        await asyncio.sleep(0)
        limiter.release()  # the slot is the task's now
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert limiter.in_flight == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2", 2.0),
        ("1.5", 1.5),
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("58m3.5s", 3483.5),
        ("2h", 7200.0),
        ("-5", 0.0),
        ("1e9", LONGEST_S),
        ("1e99", LONGEST_S),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("soon", None),
        ("5 apples", None),
        ("nan", None),
        ("", None),
        (None, None),
    ],
)
def test_durations_in_headers(text, expected):
    assert seconds(text, now=10.0) == expected


def test_the_finer_of_two_retry_headers_counts():
    assert retry_after_s({"retry-after": "2", "retry-after-ms": "1500"}) == 1.5
    assert retry_after_s({}) is None


def test_paced_calls_leave_one_after_another():
    async def main():
        clock = asyncio.get_running_loop().time
        pacer = Pacer(requests_per_minute=60 / 0.02)
        left = []

        async def call():
            await pacer.turn()
            left.append(clock())

        pacer.hold(0.05)
        began = clock()
        await asyncio.gather(*(call() for _ in range(5)))
        gaps = [b - a for a, b in itertools.pairwise(left)]
        assert left[0] - began >= 0.049 and min(gaps) >= 0.019

    asyncio.run(main())


def test_what_is_left_of_an_allowance_is_spread_over_the_time_to_its_renewal():
    async def main():
        clock = asyncio.get_running_loop().time
        pacer = Pacer()
        pacer.heed(
            {
                "x-ratelimit-limit-requests": "100",
                "x-ratelimit-remaining-requests": "5",
                "x-ratelimit-reset-requests": "100ms",
            }
        )
        began = clock()
        for _ in range(4):
            await pacer.turn()
        assert clock() - began >= 0.059

    asyncio.run(main())


def test_an_open_breaker_lets_one_probe_through_at_a_time():
    async def main():
        breaker = Breaker(Patience(failures=2, cooldown_s=0.01), "server")
        breaker.answered()
        for _ in range(2):
            breaker.failed("down", probe=False)
        assert breaker.is_open
        turns = [asyncio.create_task(breaker.turn()) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert sum(turn.done() for turn in turns) == 1
        breaker.answered()
        await asyncio.gather(*turns)
        assert not breaker.is_open

    asyncio.run(main())


def test_a_probe_given_back_goes_to_the_next():
    async def main():
        breaker = Breaker(Patience(failures=1, cooldown_s=0.01), "server")
        breaker.failed("down", probe=False)
        give_back = await breaker.turn()
        waiting = asyncio.create_task(breaker.turn())
        await asyncio.sleep(0.01)
        assert give_back is not None and not waiting.done()
        give_back()
        assert await waiting is not None

    asyncio.run(main())


def test_used_up_probes_stop_everyone_with_the_last_reason():
    async def main():
        breaker = Breaker(Patience(failures=1, cooldown_s=0.001, probes=2), "server")
        breaker.answered()
        breaker.failed("down", probe=False)
        waiting = asyncio.create_task(breaker.turn())
        for _ in range(2):
            breaker.failed("still down", probe=True)
        with pytest.raises(EndpointDownError, match=r"still down.*resume"):
            await waiting

    asyncio.run(main())


class Flaky:
    """Fails in one way, always, and keeps the moments."""

    identity = "flaky"

    def __init__(self, *failures: AttemptFailedError, then: str = "fine"):
        self.failures, self.then, self.attempts = list(failures), then, 0

    async def complete(self, request, sample="0"):
        self.attempts += 1
        if self.failures:
            raise self.failures.pop(0)
        return Completion(self.then)


def test_backing_off_holds_no_slot():
    async def main():
        model = Flaky(AttemptFailedError("server", "x"))
        flow = Flow(concurrency=Concurrency(start=1, most=1), backoff_s=0.05)
        endpoint = Endpoint(model, flow)
        first = asyncio.create_task(endpoint.complete(Request.of("a")))
        await asyncio.sleep(0.005)
        assert endpoint.limiter.in_flight == 0 and not first.done()
        assert (await endpoint.complete(Request.of("b"))).text == "fine"
        assert not first.done()
        assert (await first).text == "fine"

    asyncio.run(main())


def test_a_closed_desk_sends_nothing_more_not_even_what_was_waiting_for_a_slot(tmp_path):
    sent = 0

    async def answer(request):
        nonlocal sent
        sent += 1
        await asyncio.sleep(0.01)
        return "fine"

    async def main():
        flow = Flow(concurrency=Concurrency(start=1, most=1))
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, {"m": Role(Endpoint(FunctionModel(answer, "m"), flow))})
            client = desk.clients(0)["m"]
            calls = [
                asyncio.create_task(
                    client.complete(Request.of("a"), purpose="x", sample_index=index)
                )
                for index in range(20)
            ]
            while not sent:
                await asyncio.sleep(0)
            desk.close()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            return desk, outcomes

    desk, outcomes = asyncio.run(main())
    assert sent == 1 == desk.budget.spent.calls and desk.budget.held == Amount()
    assert sum(isinstance(outcome, LMError) for outcome in outcomes) == 19


def test_refusals_for_the_rate_do_not_use_up_attempts():
    async def main():
        model = Flaky(*[AttemptFailedError("rate", "slow down", retry_after_s=0.001)] * 20)
        flow = Flow(max_attempts=2, backoff_s=0.001)
        assert (await Endpoint(model, flow).complete(Request.of("a"))).text == "fine"

    asyncio.run(main())


def test_impossible_settings_are_named():
    with pytest.raises(ConfigError, match="least <= start"):
        Concurrency(start=5, least=9)
    with pytest.raises(ConfigError, match=r"Concurrency.cut must lie in \(0, 1\), got 1"):
        Concurrency(cut=1.0)
    with pytest.raises(ConfigError, match=r"Flow.timeout_s must be above 0"):
        Flow(timeout_s=0)
