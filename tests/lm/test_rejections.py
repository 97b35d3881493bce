"""What is kept of a rejection, and how it is asked again."""

import asyncio
import json

import pytest

from cairn.core.journal import Journal
from cairn.lm.client import Desk, Role, rejected
from cairn.lm.completion import Completion
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import (
    EndpointRefusedError,
    ModeratedError,
    ParameterRefusedError,
    RejectedError,
)
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.request import Request, Sampling
from cairn.lm.scripted import FunctionModel
from cairn.lm.tools import ToolCall

KEY = "sk-0123456789abcdef"


@pytest.mark.parametrize("scope", [None, "refine/7"])
def test_a_rejection_is_an_answer_until_it_is_forgotten_alone(tmp_path, scope):
    asked = []

    async def fussy(request):
        text = request.messages[0].content
        asked.append(text)
        if len(asked) <= 3 and text != "fine":
            raise ModeratedError("filtered") if "bad" in text else RejectedError("too long")
        return "answer"

    async def complete(journal, text):
        desk = Desk(journal, {"m": Role(Endpoint(FunctionModel(fussy, "m")))})
        client = desk.clients(0, stage="refine" if scope else "", scope=scope)["m"]
        answer = await client.complete(Request.of(text), purpose="x")
        return answer.text, answer.cache_hit

    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            assert await complete(journal, "fine") == ("answer", False)
            for _ in range(2):  # the second time from the journal
                with pytest.raises(RejectedError, match="too long"):
                    await complete(journal, "long")
                with pytest.raises(ModeratedError, match="filtered"):
                    await complete(journal, "bad words")
            assert len(asked) == 3
            journal.forget(rejected(scope or ""))
            assert await complete(journal, "long") == ("answer", False)
            assert await complete(journal, "fine") == ("answer", True)

    asyncio.run(main())


def test_a_refused_parameter_leaves_nothing_behind_and_the_corrected_run_asks_again(
    server, tmp_path
):
    """As on the base: 400 for max_tokens, stored as the answer of every trial, for good."""
    server.control(refuses=["max_tokens"])

    async def run(**fields):
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            model = OpenAIServer(Server(f"{server.url}/v1", "m", **fields))
            desk = Desk(journal, {"m": Role(Endpoint(model))})
            calls = (
                desk.clients(trial)["m"].complete(Request.of(str(trial)), purpose="x")
                for trial in range(5)
            )
            answers = await asyncio.gather(*calls, return_exceptions=True)
            await model.close()
            return [type(answer).__name__ for answer in answers]

    assert asyncio.run(run()) == ["ParameterRefusedError"] * 5
    assert asyncio.run(run(tokens_field="max_completion_tokens")) == ["Completion"] * 5


def test_a_parameter_that_was_taken_before_is_refused_for_this_request_alone():
    async def odd(request):
        if "odd" in request.messages[0].content or request.sampling.temperature == 2:
            raise ParameterRefusedError("400: invalid value")
        return "answer"

    async def main():
        fresh = Endpoint(FunctionModel(odd, "m"))
        with pytest.raises(EndpointRefusedError):  # it may be the config: nothing was answered
            await fresh.complete(Request.of("odd"))
        endpoint = Endpoint(FunctionModel(odd, "m"))
        await endpoint.complete(Request.of("even"))
        with pytest.raises(RejectedError, match=r"invalid value \(Others with the same"):
            await endpoint.complete(Request.of("odd"))
        with pytest.raises(EndpointRefusedError):  # other parameters, of another role
            await endpoint.complete(Request.of("even", sampling=Sampling(temperature=2)))

    asyncio.run(main())


def test_a_key_in_reasoning_or_in_a_tools_arguments_is_taken_out_too(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)

    async def leak(request):
        call = ToolCall("c", "send", json.dumps({"body": KEY}))
        return Completion("", tool_calls=(call,), reasoning=f"the key is {KEY}")

    async def main():
        other = OpenAIServer(Server("http://127.0.0.1:9/v1", "m", api_key_env="SOME_KEY"))
        roles = {"app": Role(Endpoint(FunctionModel(leak, "app"))), "m": Role(Endpoint(other))}
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            client = Desk(journal, roles).clients(0)["app"]
            return await client.complete(Request.of("x"), purpose="x")

    answer = asyncio.run(main())
    assert answer.reasoning == "the key is [redacted]"
    assert json.loads(answer.tool_calls[0].arguments) == {"body": "[redacted]"}
    for file in tmp_path.iterdir():
        assert KEY.encode() not in file.read_bytes()
