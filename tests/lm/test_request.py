"""Requests, cache keys, prices, scripted models."""

import asyncio
import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.core.budget import Amount, Limits
from cairn.core.draws import DrawKey
from cairn.core.errors import ConfigError
from cairn.lm.completion import (
    Completion,
    TokenLogprob,
    Usage,
    pack,
    pack_rejection,
    unpack,
)
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import AttemptFailedError, CallFailedError, ModeratedError, RejectedError
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.openai import payload, transcript
from cairn.lm.prices import Price, check_prices, most_usage, reservation
from cairn.lm.reply import read_completion
from cairn.lm.request import Message, Request, Sampling, cache_key
from cairn.lm.scripted import FunctionModel, ScriptedModel
from cairn.lm.tools import Schema, Tool, ToolCall

BASE = Request.of("hello", system="be brief")
ADD = Tool("add", parameters={"type": "object", "properties": {"a": {"type": "integer"}}})
CALL = ToolCall("c1", "add", '{"a": 1}')
OTHERS = [
    replace(BASE, messages=(Message("user", "be brief"), Message("user", "hello"))),
    replace(BASE, messages=(Message("system", "be briefhello"),)),
    replace(BASE, sampling=Sampling(temperature=0.5)),
    replace(BASE, sampling=Sampling(top_p=0.5)),
    replace(BASE, sampling=Sampling(max_tokens=1)),
    replace(BASE, sampling=Sampling(stop=("x",))),
    replace(BASE, sampling=Sampling(seed=0)),
    replace(BASE, sampling=Sampling(logprobs=1)),
    replace(BASE, prompt_version="2"),
    replace(BASE, sampling=Sampling(temperature=None)),
    replace(BASE, sampling=Sampling(reasoning_effort="low")),
    replace(BASE, sampling=Sampling(token_ids=True)),
    replace(BASE, tools=(ADD,)),
    replace(BASE, tools=(replace(ADD, description="adds"),)),
    replace(BASE, tools=(replace(ADD, strict=True),)),
    replace(BASE, tools=(replace(ADD, parameters={"type": "object"}),)),
    replace(BASE, tools=(ADD,), tool_choice="required"),
    replace(BASE, schema=Schema({"type": "object"})),
    replace(BASE, schema=Schema({"type": "string"})),
    replace(BASE, schema=Schema({"type": "object"}, strict=False)),
    replace(BASE, schema=Schema({"type": "object"}, name="other")),
    # The order of properties is the order in which they are written.
    replace(BASE, schema=Schema({"properties": {"a": {}, "b": {}}})),
    replace(BASE, schema=Schema({"properties": {"b": {}, "a": {}}})),
    replace(BASE, extra={"top_k": 40}),
    replace(BASE, messages=(*BASE.messages[:1], Message("user", "hello", (), "c1"))),
    replace(BASE, messages=(*BASE.messages[:1], Message("user", "hello", (CALL,)))),
]


def test_everything_that_shapes_an_answer_is_in_its_key():
    keys = [cache_key("m", request, "0") for request in (BASE, *OTHERS)]
    keys += [cache_key("n", BASE, "0"), cache_key("m", BASE, "1")]
    assert len(set(keys)) == len(keys)
    assert cache_key("m", Request.of("hello", system="be brief"), "0") == keys[0]
    # 1 and 1.0 are the same temperature.
    ints = replace(BASE, sampling=Sampling(temperature=1, top_p=1))
    assert cache_key("m", ints, "0") == keys[0]


def test_the_key_of_a_plain_request_is_that_of_earlier_releases():
    # Simulated models draw by it: records of runs that were made with them must not move.
    expected = "c8d3a7680481430b18ce074f75d52a7e355208413be526d599bfb97f8903bb9a"
    assert cache_key("m", BASE, "0").hex() == expected


@given(
    st.text(),
    st.sampled_from(["stop", "length"]),
    st.none() | st.tuples(*[st.integers(0, 9)] * 3),
    st.none() | st.integers(0, 10**12),
    st.none() | st.lists(st.tuples(st.text(), st.floats(-9, 0)), max_size=2),
)
def test_the_journal_gives_back_the_completion_it_was_given(text, finish, usage, micros, tokens):
    completion = Completion(
        text,
        finish,
        usage and Usage(*usage),
        micros,
        logprobs=None
        if tokens is None
        else tuple(TokenLogprob(token, value, (("a", -1.0),)) for token, value in tokens),
    )
    assert unpack(pack(completion), cache_hit=False) == completion
    assert unpack(pack(completion), cache_hit=True) == replace(completion, cache_hit=True)
    rare = replace(completion, tool_calls=(CALL,), reasoning="hm", token_ids=(1, 2))
    assert unpack(pack(rare), cache_hit=False) == rare


def test_a_rejection_is_remembered_as_a_rejection():
    with pytest.raises(RejectedError, match="too long") as plain:
        unpack(pack_rejection(RejectedError("too long")), cache_hit=True)
    assert type(plain.value) is RejectedError
    with pytest.raises(ModeratedError, match="flagged"):
        unpack(pack_rejection(ModeratedError("flagged")), cache_hit=True)


def test_n_samples_with_one_seed_get_n_seeds():
    bodies = [
        payload(
            Request.of("a", sampling=Sampling(seed=7)),
            model="m",
            api="chat",
            sample=str(sample),
            tokens_field="max_tokens",
        )
        for sample in (0, 1, 0)
    ]
    assert bodies[0] == bodies[2] and bodies[0]["seed"] != bodies[1]["seed"]


def test_no_stop_sequence_is_sent_that_was_not_asked_for():
    body = payload(BASE, model="m", api="chat", sample="0", tokens_field="max_completion_tokens")
    assert set(body) == {"model", "messages", "temperature", "max_completion_tokens"}


def test_what_is_none_or_omitted_is_not_sent_and_what_is_extra_is():
    sampling = Sampling(temperature=None, reasoning_effort="low", token_ids=True)
    request = replace(BASE, sampling=sampling, extra={"top_k": 3})
    server = Server("http://x/v1", "m", extra={"top_k": 9, "min_p": 0.1}, omit=("max_tokens",))
    body = OpenAIServer(server).body(request, "0")
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "hello"},
        ],
        "reasoning_effort": "low",
        "return_token_ids": True,
        "top_k": 3,
        "min_p": 0.1,
    }


def test_several_user_turns_and_results_of_tools_are_sent_as_the_protocol_says():
    asked = replace(BASE, tools=(ADD,), tool_choice="add")
    said = Completion("", "tool_calls", tool_calls=(CALL, CALL._replace(id="c2")))
    after = asked.with_results(said, ["2", "3"]).then("five", "sure?", "really?")
    body = payload(after, model="m", api="chat", sample="0", tokens_field="max_tokens")
    assert body["tool_choice"] == {"type": "function", "function": {"name": "add"}}
    assert body["tools"][0]["function"] == {"name": "add", "parameters": dict(ADD.parameters)}
    call, first, second, *rest = body["messages"][2:]
    assert call["content"] is None and call["tool_calls"][0] == {
        "id": "c1",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 1}'},
    }
    assert first == {"role": "tool", "content": "2", "tool_call_id": "c1"}
    assert second["tool_call_id"] == "c2"
    assert [turn["role"] for turn in rest] == ["assistant", "user", "user"]
    assert most_usage(after).prompt > most_usage(asked).prompt > most_usage(BASE).prompt
    with pytest.raises(ConfigError, match="2 calls, and 1 results came"):
        asked.with_results(said, ["2"])
    with pytest.raises(ConfigError, match='api = "completions" has no tools'):
        payload(asked, model="m", api="completions", sample="0", tokens_field="max_tokens")


def test_the_form_of_an_answer_is_sent_as_the_server_takes_it():
    request = replace(BASE, schema=Schema({"type": "object"}, name="grade"))

    def sent(form):
        server = Server("http://x/v1", "m", schema_format=form)
        return OpenAIServer(server).body(request, "0").get("response_format")

    schema = {"name": "grade", "schema": {"type": "object"}, "strict": True}
    assert sent("json_schema") == {"type": "json_schema", "json_schema": schema}
    assert sent("json_object") == {"type": "json_object"} and sent("none") is None


def test_a_conversation_becomes_a_transcript_for_a_plain_completion():
    assert transcript(Request.of("as it is")) == "as it is"
    turns = Request.of("q1", system="s").then("a1", "q2")
    assert transcript(turns) == "System: s\n\nUser: q1\n\nAssistant: a1\n\nUser: q2\n\nAssistant:"


def test_a_reply_in_parts_or_with_a_refusal_is_read():
    parts = {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}
    refusal = {"content": None, "refusal": "I cannot"}
    for message, text in ((parts, "ab"), (refusal, "I cannot")):
        reply = {"choices": [{"message": message, "finish_reason": "stop"}]}
        assert read_completion(reply, "chat").text == text
    filtered = {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]}
    assert read_completion(filtered, "chat").finish_reason == "content_filter"


def test_infinite_log_probabilities_are_left_out():
    choice = {"message": {"content": "a"}, "logprobs": {"content": [{"token": "a"}]}}
    choice["logprobs"]["content"][0]["logprob"] = float("-inf")
    assert read_completion({"choices": [choice]}, "chat").logprobs is None


def test_completions_log_probabilities_are_read_by_rank():
    logprobs = {"tokens": ["a"], "token_logprobs": [-0.1], "top_logprobs": [{"b": -2, "a": -0.1}]}
    got = read_completion({"choices": [{"text": "a", "logprobs": logprobs}]}, "completions")
    assert got.logprobs == (TokenLogprob("a", -0.1, (("a", -0.1), ("b", -2.0))),)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**7))
def test_prices_are_exact_in_decimal_digits_and_rounded_up(prompt, completion, cached):
    price = Price(0.15, 0.6, cached=0.075)
    cached = min(cached, prompt)
    exact = Fraction(15, 100) * (prompt - cached) + Fraction(75, 1000) * cached
    exact += Fraction(6, 10) * completion
    usage = Usage(prompt, completion, cached)
    assert price.micros(usage) == ceil(exact) <= price.most(usage)


@given(st.text(), st.text())
def test_a_reservation_is_at_least_a_token_per_byte(system, text):
    request = Request.of(text, system=system, sampling=Sampling(max_tokens=7))
    assert most_usage(request).prompt >= len((system + text).encode())
    assert reservation(request, None) == Amount(1, most_usage(request).prompt + 7)


def test_a_money_limit_without_a_price_is_refused():
    with pytest.raises(ConfigError, match="the run limits money, but there is no price for judge"):
        check_prices(Limits(micros=5), {"judge": None, "target": Price(1, 1)}, scope="the run")
    check_prices(Limits(calls=5), {"judge": None}, scope="the run")


def test_a_scripted_answer_depends_on_request_sample_and_seed_and_nothing_else():
    def script(request, key):
        return f"{request.messages[-1].content} {key.integer()}"

    def answer(text, sample, seed):
        return asyncio.run(ScriptedModel(script, seed=seed).complete(Request.of(text), sample)).text

    base = answer("a", "0", 0)
    assert base == answer("a", "0", 0)
    assert len({base, answer("b", "0", 0), answer("a", "1", 0), answer("a", "0", 1)}) == 4


def test_an_async_function_can_be_the_target_and_its_errors_are_attempts():
    calls = []

    async def application(request):
        calls.append(request)
        if len(calls) == 1:
            raise OSError("database is away")
        return "done: " + request.messages[-1].content

    endpoint = Endpoint(FunctionModel(application, "app"), Flow(backoff_s=0.001))
    assert asyncio.run(endpoint.complete(Request.of("x"))).text == "done: x"
    assert len(calls) == 2


def test_a_function_that_returns_no_text_fails():
    async def application(request) -> Any:
        return 42 if "wrong" in request.messages[-1].content else "ok"

    async def main():
        endpoint = Endpoint(FunctionModel(application, "app"), Flow(backoff_s=0.001))
        await endpoint.complete(Request.of("fine"))
        await endpoint.complete(Request.of("wrong"))

    with pytest.raises(CallFailedError, match="expected a string or a Completion, got int"):
        asyncio.run(main())


def test_draws_depend_on_seed_trial_and_purpose():
    keys = [
        DrawKey.root(seed).child(trial, purpose)
        for seed in (0, 1)
        for trial in (0, 1)
        for purpose in ("ask", "evaluate")
    ]
    assert len({key.digest for key in keys}) == 8
    assert keys[0].random().random() == DrawKey.root(0).child(0, "ask").random().random()
    assert DrawKey.root(0).child(1) != DrawKey.root(0).child("1")
    assert 0 <= keys[0].integer(8) < 256


def test_bad_fields_are_named():
    with pytest.raises(ConfigError, match=r"Sampling\.temperature must be at least 0, got -1"):
        Sampling(temperature=-1)
    with pytest.raises(ConfigError, match=r"Sampling\.top_p must lie in \(0, 1\], got 0"):
        Sampling(top_p=0)
    with pytest.raises(ConfigError, match=r"Tool\.name must be 1 to 64 letters"):
        Tool("add two")
    with pytest.raises(ConfigError, match="different names, got add, add"):
        replace(BASE, tools=(ADD, ADD))
    with pytest.raises(ConfigError, match="one of auto, none, required, add, got 'sub'"):
        replace(BASE, tools=(ADD,), tool_choice="sub")
    with pytest.raises(ConfigError, match="at least one message"):
        Request(())
    for url in ("localhost:8000", "ftp://x", "http://", "http://x:port/v1"):
        with pytest.raises(ConfigError, match="must look like http://host:port/v1"):
            Server(url, "m")
    with pytest.raises(ConfigError, match="must end before '/chat/completions'"):
        Server("http://x/v1/chat/completions", "m")
    with pytest.raises(ConfigError, match="must name a model"):
        Server("http://x/v1", "")
    with pytest.raises(ConfigError, match=r"Price\.prompt must be at least 0"):
        Price(float("nan"), 1)


def test_failed_attempts_can_cross_a_process_boundary():
    import pickle

    failure = AttemptFailedError("rate", "slow down", retry_after_s=2.0)
    again = pickle.loads(pickle.dumps(failure))
    assert str(again) == "slow down" and again.retry_after_s == 2.0
    assert json.dumps(str(again))


@given(
    st.text(),
    st.lists(st.tuples(st.sampled_from(["system", "user"]), st.text()), min_size=1, max_size=3),
    st.floats(0, 2),
    st.lists(st.text(), max_size=2),
    st.text(),
)
def test_a_key_is_the_digest_of_one_json_text(identity, turns, temperature, stop, sample):
    messages = tuple(Message(role, text) for role, text in turns)
    numbers = [temperature, 0.5, 9, stop, None, 2]
    expected = hashlib.sha256(
        json.dumps([identity, [[*turn] for turn in turns], numbers, "v1", sample]).encode()
    ).digest()
    sampling = Sampling(temperature, 0.5, 9, tuple(stop), logprobs=2)
    assert cache_key(identity, Request(messages, sampling, "v1"), sample) == expected
    object.__setattr__(sampling, "stop", stop)  # as from a caller whose types nobody checks
    assert cache_key(identity, Request(messages, sampling, "v1"), sample) == expected
