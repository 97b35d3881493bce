"""Calls against a real server process that misbehaves."""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# pyright: reportOptionalSubscript=false

import asyncio
import contextlib
import socket
from dataclasses import replace

import pytest
from fault_server import answer_to

from cairn.core.budget import Amount
from cairn.core.journal import Journal
from cairn.lm.breaker import Patience
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import CallFailedError, EndpointDownError, EndpointRefusedError, RejectedError
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.limiter import Concurrency
from cairn.lm.prices import Price
from cairn.lm.request import Request, Sampling

QUICK = Flow(
    concurrency=Concurrency(start=8, most=64),
    patience=Patience(cooldown_s=0.02, probes=30, first_probes=30),
    timeout_s=0.4,
    backoff_s=0.01,
    backoff_max_s=0.1,
)


def ask(url: str, *prompts: str, flow: Flow = QUICK, **fields):
    """The answers, or errors, of one endpoint to prompts sent at once, and the endpoint."""

    async def main():
        endpoint = Endpoint(OpenAIServer(Server(f"{url}/v1", "m", **fields)), flow)
        calls = (endpoint.complete(Request.of(prompt)) for prompt in prompts)
        try:
            return await asyncio.gather(*calls, return_exceptions=True), endpoint
        finally:
            await endpoint.close()

    return asyncio.run(main())


REPEATED = ["429", "429-after", "429-date", "500", "503", "reset", "reset-after", "timeout"]
REPEATED += ["truncated", "malformed", "empty-body", "no-choices", "wrong-type", "html", "nested"]


@pytest.mark.parametrize("mode", [*REPEATED, "slow"])
def test_what_can_be_repeated_is_repeated_until_the_answer_comes(server, mode):
    prompt = f"[[{mode} x2]] hello"
    (answer,), endpoint = ask(server.url, prompt)
    assert answer.text == answer_to(prompt)
    assert endpoint.counts["attempts"] == 3 == server.counts()["requests"]


@pytest.mark.parametrize("mode", ["slow-ok", "no-usage", "odd-usage", "huge-usage"])
def test_what_is_merely_odd_is_taken_as_it_is(server, mode):
    prompt = f"[[{mode}]] hello"
    (answer,), endpoint = ask(server.url, prompt)
    assert answer.text == answer_to(prompt)
    assert (answer.usage is None) == (mode != "slow-ok")
    assert endpoint.counts["attempts"] == 1


def test_half_a_character_is_kept_as_a_question_mark(server, tmp_path):
    async def twice():
        model = OpenAIServer(Server(f"{server.url}/v1", "m"))
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            client = Desk(journal, {"m": Role(Endpoint(model))}).clients(0)["m"]
            request = Request.of("[[half-character]]")
            answers = [await client.complete(request, purpose="x") for _ in range(2)]
        await model.close()
        return answers

    first, second = asyncio.run(twice())
    assert first.text == second.text == "cut ?" and second.cache_hit
    assert server.counts()["requests"] == 1


def test_a_connection_that_never_opens_is_not_paid_for(tmp_path):
    async def main():
        with socket.socket() as deaf, contextlib.ExitStack() as stack:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            for _ in range(3):  # fill its queue: the next one waits
                caller = stack.enter_context(socket.socket())
                caller.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    caller.connect(deaf.getsockname())
            model = OpenAIServer(Server(f"http://127.0.0.1:{deaf.getsockname()[1]}/v1", "m"))
            model.connect_s = 0.1
            flow = Flow(max_attempts=2, backoff_s=0.01)
            with Journal(tmp_path / "j.sqlite", config={}) as journal:
                desk = Desk(journal, {"m": Role(Endpoint(model, flow))})
                with pytest.raises(EndpointDownError, match="cannot be reached"):
                    await desk.clients(0)["m"].complete(Request.of("x"), purpose="x")
                await model.close()
                return desk

    desk = asyncio.run(main())
    assert desk.maybe_twice == 0 and desk.budget.kept == Amount()
    assert desk.budget.spent == Amount(calls=2)


def test_a_server_that_is_down_is_named_once_in_plain_words():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"  # bound, and nobody listens
        for flow in (QUICK, replace(QUICK, max_attempts=2)):
            answer = ask(url, "x", flow=flow)[0][0]
            assert isinstance(answer, EndpointDownError)
            assert "cannot be reached: connection refused. " in str(answer)
            assert str(answer).count("127.0.0.1") == 1 and "ssl" not in str(answer)


def test_an_empty_answer_is_an_answer(server):
    (answer,), _ = ask(server.url, "[[empty-answer]]")
    assert answer.text == "" and answer.finish_reason == "stop"


def test_both_protocols_bring_text_usage_and_log_probabilities(server):
    (answer,), _ = ask(server.url, "one two three")
    assert (answer.usage.prompt, answer.usage.completion) == (3, 2)
    assert answer.logprobs[0].logprob == -0.5 and answer.logprobs[0].top[0][1] == -0.5
    (answer,), _ = ask(server.url, "one two three", api="completions")
    assert answer.text == answer_to("one two three")
    assert server.counts()["last_body"]["prompt"] == "one two three"


@pytest.mark.parametrize("mode", ["400", "403-moderation"])
def test_a_rejected_request_is_not_repeated(server, mode):
    (error,), endpoint = ask(server.url, f"[[{mode}]] hello")
    assert isinstance(error, RejectedError) and mode[:3] in str(error)
    assert endpoint.counts["attempts"] == 1


@pytest.mark.parametrize(
    ("mode", "hint"),
    [
        ("401", "api_key_env"),
        ("404", "Check `model`"),
        ("429-quota", "credit"),
        ("301", "base_url"),
    ],
)
def test_a_refusal_of_everything_stops_the_run_and_says_what_to_check(server, mode, hint):
    (error,), endpoint = ask(server.url, f"[[{mode}]] hello")
    assert isinstance(error, EndpointRefusedError) and hint in str(error)
    assert endpoint.counts["attempts"] == 1


def test_a_call_that_fails_every_time_fails_alone(server):
    answers, endpoint = ask(server.url, "good", "[[500]] bad", "also good")
    assert [getattr(answer, "text", None) for answer in answers] == [
        answer_to("good"),
        None,
        answer_to("also good"),
    ]
    assert isinstance(answers[1], CallFailedError) and "6 attempts failed" in str(answers[1])
    assert endpoint.limiter.in_flight == 0


def test_a_wrong_address_is_named_before_long(server):
    flow = Flow(patience=Patience(cooldown_s=0.01), backoff_s=0.001)
    answers, _ = ask("http://127.0.0.1:9", "a", "b", "c", flow=flow)
    for error in answers:
        assert isinstance(error, EndpointDownError)
        assert "never answered" in str(error) and "base_url" in str(error)


def test_a_config_that_the_server_rejects_every_time_stops_the_run(server):
    flow = Flow(concurrency=Concurrency(start=1, most=1))
    answers, _ = ask(server.url, *(f"[[400]] {i}" for i in range(25)), flow=flow)
    kinds = [type(answer) for answer in answers]
    assert kinds[:19] == [RejectedError] * 19 and set(kinds[19:]) == {EndpointRefusedError}


def test_concurrency_comes_down_to_what_the_server_takes(server):
    server.control(slots=6, latency_s=0.01)
    flow = Flow(concurrency=Concurrency(start=32, most=64), backoff_s=0.01, backoff_max_s=0.05)
    answers, endpoint = ask(server.url, *(f"q{i}" for i in range(400)), flow=flow)
    assert [answer.text for answer in answers] == [answer_to(f"q{i}") for i in range(400)]
    assert endpoint.limiter.limit < 16 and endpoint.limiter.cuts > 1
    counts = server.counts()
    # Additive growth probes the limit now and then; without adapting it would be most of them.
    assert counts["over"] < 150 and counts["repeats"] == 0


def test_concurrency_grows_while_the_server_keeps_up(server):
    server.control(latency_s=0.1)  # long, so that a busy machine sends 32 within it
    flow = Flow(concurrency=Concurrency(start=2, most=32))
    _, endpoint = ask(server.url, *(f"q{i}" for i in range(300)), flow=flow)
    assert endpoint.limiter.limit == 32 == server.counts()["most_in_flight"]


def test_an_exhausted_allowance_is_waited_for_by_everyone(server):
    wait = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "120ms"}
    server.control(headers=wait)

    async def main():
        endpoint = Endpoint(OpenAIServer(Server(f"{server.url}/v1", "m")), QUICK)
        clock = asyncio.get_running_loop().time
        await endpoint.complete(Request.of("first"))
        began = clock()
        await endpoint.complete(Request.of("second"))
        await endpoint.close()
        return clock() - began

    assert asyncio.run(main()) >= 0.119


RATES = {"429": 0.02, "429-after": 0.01, "500": 0.01, "503": 0.01, "reset": 0.01}
RATES |= {"reset-after": 0.01, "truncated": 0.01, "malformed": 0.01, "wrong-type": 0.005}
RATES |= {"empty-body": 0.005, "timeout": 0.001, "slow": 0.001}


@pytest.mark.slow
def test_of_ten_thousand_requests_none_is_lost_and_repeats_are_within_the_books(server, tmp_path):
    server.control(rates=RATES)
    total = 10_000

    async def main(desk: Desk):
        clients = desk.clients(0)["m"]
        waiting = asyncio.Semaphore(200)
        seen = {}

        async def one(i: int):
            async with waiting:
                request = Request.of(f"q{i}", sampling=Sampling(max_tokens=8))
                seen[i] = (await clients.complete(request, purpose="ask")).text

        await asyncio.gather(*(one(i) for i in range(total)))
        await desk.roles["m"].endpoint.close()
        return seen

    # The rates do not depend on the load, so cutting down would only make the test slow.
    flow = replace(QUICK, concurrency=Concurrency(start=48, least=48, most=64))
    endpoint = Endpoint(OpenAIServer(Server(f"{server.url}/v1", "m")), flow)
    role = Role(endpoint, price=Price(1.0, 2.0))
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        desk = Desk(journal, {"m": role})
        seen = asyncio.run(main(desk))
    assert seen == {i: answer_to(f"q{i}") for i in range(total)}
    counts = server.counts()
    assert counts["distinct"] == total
    assert 0 < counts["repeats"] <= desk.maybe_twice
    assert desk.maybe_twice <= sum(counts["modes"].values()) - counts["modes"]["ok"]
    budget = desk.budget
    assert budget.held == Amount()
    # Every request the server saw is in the books, once. On a busy machine a few are given up
    # before the server sees them: those are in the books too, as perhaps paid for.
    unseen = budget.spent.calls + budget.kept.calls - counts["requests"]
    assert 0 <= unseen <= total // 50
    assert budget.spent.micros == total * (1 * 1 + 2 * 2)
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        again = Desk(journal, {"m": role})
        assert (again.budget.spent, again.budget.kept) == (budget.spent, budget.kept)
        assert again.maybe_twice == desk.maybe_twice
