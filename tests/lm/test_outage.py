"""Servers that go away, or ask everyone to wait: nobody's attempts and nobody's time."""

import asyncio
from email.utils import formatdate

import pytest

from cairn.core.journal import Journal
from cairn.lm.breaker import Patience
from cairn.lm.client import Desk, Role
from cairn.lm.completion import Completion
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import AttemptFailedError, CallFailedError, EndpointDownError
from cairn.lm.limiter import Concurrency
from cairn.lm.pace import retry_after_s
from cairn.lm.request import Request


class Moody:
    """Answers, but while `mood` is a failure it fails so."""

    identity = "moody"

    def __init__(self):
        self.mood: AttemptFailedError | None = None
        self.attempts = 0

    async def complete(self, request, sample="0"):
        self.attempts += 1
        await asyncio.sleep(0)
        text = request.messages[0].content
        if text == "poison":
            raise AttemptFailedError("server", "500 for this one", maybe_paid=True)
        if text == "huge":
            raise AttemptFailedError("rate", "too large for your rate", retry_after_s=0.002)
        if self.mood is not None:
            raise self.mood
        return Completion("fine")


def quick(**fields) -> Flow:
    patience = Patience(failures=4, cooldown_s=0.01, cooldown_max_s=0.02, probes=100)
    settings = {"patience": patience, "backoff_s": 0.001, "max_attempts": 3, "deadline_s": 60.0}
    return Flow(**settings | fields)


@pytest.mark.parametrize("slots", [1, 8])
@pytest.mark.parametrize("reason", ["connection", "overload"])
def test_an_outage_costs_no_call_however_long_it_takes(slots, reason):
    async def main():
        model = Moody()
        flow = quick(concurrency=Concurrency(start=slots, most=slots), deadline_s=0.2)
        endpoint = Endpoint(model, flow)
        await endpoint.complete(Request.of("before"))
        model.mood = AttemptFailedError(reason, "cannot be reached")
        calls = [asyncio.create_task(endpoint.complete(Request.of(str(i)))) for i in range(12)]
        await asyncio.sleep(0.5)  # longer than the deadline, and many probes long
        assert model.attempts > 8 and not any(call.done() for call in calls)
        assert "down for" in endpoint.status() and "cannot be reached" in endpoint.status()
        model.mood = None
        answers = await asyncio.gather(*calls)
        assert endpoint.status() == ""
        return answers

    answers = asyncio.run(main())
    assert [answer.text for answer in answers] == ["fine"] * 12


def test_failures_that_come_while_the_endpoint_is_down_do_not_count_whatever_they_are():
    async def main():
        model = Moody()
        endpoint = Endpoint(model, quick(concurrency=Concurrency(start=8, most=8)))
        await endpoint.complete(Request.of("before"))
        model.mood = AttemptFailedError("server", "502", maybe_paid=True)
        calls = [asyncio.create_task(endpoint.complete(Request.of(str(i)))) for i in range(12)]
        await asyncio.sleep(0.2)
        model.mood = None
        return await asyncio.gather(*calls)

    assert len(asyncio.run(main())) == 12


def test_a_request_that_alone_fails_still_ends():
    async def main():
        endpoint = Endpoint(Moody(), quick(longest_wait_s=0.05, deadline_s=0.05))
        await endpoint.complete(Request.of("fine"))
        with pytest.raises(CallFailedError, match=r"3 attempts failed, the last: 500 for this"):
            await endpoint.complete(Request.of("poison"))

        async def others():
            while True:
                await endpoint.complete(Request.of("fine"))
                await asyncio.sleep(0.002)

        background = asyncio.create_task(others())
        with pytest.raises(CallFailedError, match=r"no answer within 0\.05 s.*too large for your"):
            await endpoint.complete(Request.of("huge"))
        background.cancel()

    asyncio.run(main())


def test_used_up_patience_stops_the_run_to_be_resumed():
    async def main():
        model = Moody()
        patience = Patience(failures=2, cooldown_s=0.001, probes=3)
        endpoint = Endpoint(model, quick(patience=patience))
        await endpoint.complete(Request.of("before"))
        model.mood = AttemptFailedError("connection", "cannot be reached")
        with pytest.raises(EndpointDownError, match=r"cannot be reached\. Nothing is lost; resume"):
            await endpoint.complete(Request.of("x"))

    asyncio.run(main())


def test_a_wait_that_the_server_asks_for_is_waited_for_by_all_beyond_their_deadline():
    async def main():
        model = Moody()
        endpoint = Endpoint(model, quick(deadline_s=0.05))
        model.mood = AttemptFailedError("rate", "slow down", retry_after_s=1.2)
        first = asyncio.create_task(endpoint.complete(Request.of("a")))
        await asyncio.sleep(0.01)
        model.mood = None
        second = asyncio.create_task(endpoint.complete(Request.of("b")))
        status = endpoint.status()
        await asyncio.sleep(0.3)
        assert not first.done() and not second.done() and model.attempts == 1
        return status, await asyncio.gather(first, second)

    status, answers = asyncio.run(main())
    assert status.startswith("moody asks to wait until ") and status.endswith(": slow down")
    assert len(answers) == 2


def test_a_wait_that_is_too_long_stops_the_run_and_loses_nothing(tmp_path):
    async def main(path, mood):
        model = Moody()
        model.mood = mood
        with Journal(path, config={}) as journal:
            desk = Desk(journal, {"m": Role(Endpoint(model, quick(longest_wait_s=60.0)))})
            return await desk.clients(0)["m"].complete(Request.of("x"), purpose="x")

    path = tmp_path / "j.sqlite"
    refusal = AttemptFailedError("rate", "429: see you tomorrow", retry_after_s=86400.0)
    with pytest.raises(EndpointDownError, match=r"86400 s .* longest_wait_s \(60 s\): 429: see"):
        asyncio.run(main(path, refusal))
    assert asyncio.run(main(path, None)).text == "fine"


def test_a_server_that_only_ever_asks_to_wait_stops_the_run_in_the_end():
    async def main():
        model = Moody()
        model.mood = AttemptFailedError("rate", "slow down", retry_after_s=0.01)
        with pytest.raises(EndpointDownError, match=r"slow down\. Nothing is lost"):
            await Endpoint(model, quick(longest_wait_s=0.1)).complete(Request.of("x"))
        assert 5 < model.attempts < 12
        model.mood = AttemptFailedError("rate", "no header")
        with pytest.raises(EndpointDownError, match=r"no answer within 0\.05 s.*resume"):
            await Endpoint(model, quick(deadline_s=0.05)).complete(Request.of("x"))

    asyncio.run(main())


def test_an_allowance_used_up_for_longer_than_that_stops_the_run_too():
    async def main():
        endpoint = Endpoint(Moody(), quick(longest_wait_s=60.0))
        headers = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "3h"}
        endpoint.pacer.heed(headers)
        with pytest.raises(EndpointDownError, match="asks to wait for 10800 s"):
            await endpoint.complete(Request.of("x"))

    asyncio.run(main())


def test_a_date_is_read_by_the_servers_own_clock():
    headers = {"date": formatdate(1_000_000, usegmt=True)}
    headers["retry-after"] = formatdate(1_000_090, usegmt=True)
    assert retry_after_s(headers) == 90.0
