"""Settings of a server, over the wire: addresses, headers, keys, proxies, pieces, tools."""

import asyncio
import dataclasses

import pytest
from fault_server import answer_to

from cairn.core.errors import ConfigError
from cairn.lm.answers import tool_calls, whole_text
from cairn.lm.endpoint import Endpoint
from cairn.lm.errors import (
    AttemptFailedError,
    CutAnswerError,
    EndpointRefusedError,
    RejectedError,
    UnreadableAnswerError,
)
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.request import Request, Sampling
from cairn.lm.server import proxy_for
from cairn.lm.tools import Tool

KEY = "sk-0123456789abcdef"


def ask(config: Server, request: Request | str):
    """One attempt: the answer, or the error."""
    request = Request.of(request) if isinstance(request, str) else request

    async def main():
        model = OpenAIServer(config)
        try:
            return await Endpoint(model).complete(request)
        finally:
            await model.close()

    return asyncio.run(main())


def test_an_address_like_azures_is_a_query_and_a_header_of_its_own(server, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    monkeypatch.setenv("GATE_KEY", "gate/secret+1")
    config = Server(
        f"{server.url}/openai/deployments/mine",
        "mine",
        api_key_env="SOME_KEY",
        key_header="api-key",
        query={"api-version": "2024-10-21", "sig": "${GATE_KEY}"},
        headers={"X-Gate": "Token ${GATE_KEY}", "X-Title": "cairn"},
    )
    assert whole_text(ask(config, "hello"), by="m") == answer_to("hello")
    seen = server.counts()
    assert seen["path"] == (
        "/openai/deployments/mine/chat/completions?api-version=2024-10-21&sig=gate%2Fsecret%2B1"
    )
    assert seen["headers"]["api-key"] == KEY and "authorization" not in seen["headers"]
    assert seen["headers"]["x-gate"] == "Token gate/secret+1"
    assert seen["headers"]["x-title"] == "cairn"
    model = OpenAIServer(config)
    for text in (repr(model), model.identity, model.name, repr(config)):
        assert KEY not in text and "secret" not in text
    assert "${GATE_KEY}" in model.identity
    assert (
        model.redact("gate/secret+1 gate%2Fsecret%2B1 " + KEY) == "[redacted] " * 2 + "[redacted]"
    )


def test_what_shapes_answers_is_in_the_identity_and_nothing_else_is():
    plain = Server("http://x/v1", "m")
    assert OpenAIServer(plain).identity == '["http://x/v1", "m", "chat", "{}"]'
    shaping = {
        "revision": "2", "omit": ("temperature",), "headers": {"X-A": "b"}, "query": {"v": "1"},
        "schema_format": "none", "reasoning_tag": "think", "extra": {"top_k": 1},
    }  # fmt: skip
    others = [dataclasses.replace(plain, **{name: value}) for name, value in shaping.items()]
    assert len({OpenAIServer(one).identity for one in (plain, *others)}) == len(others) + 1
    for same in ({"stream": True}, {"tokens_field": "max_completion_tokens"}):
        assert OpenAIServer(dataclasses.replace(plain, **same)).identity == (
            OpenAIServer(plain).identity
        )


def test_an_answer_in_pieces_is_the_same_answer(server):
    config = Server(f"{server.url}/v1", "m", stream=True)
    answer = ask(config, "one two")
    assert answer.text == answer_to("one two") and answer.reasoning == "hm"
    assert answer.usage is not None and answer.usage.prompt == 2
    assert answer.finish_reason == "stop"
    body = server.counts()["last_body"]
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize(
    ("mode", "why"), [("stream-cut", "unreadable reply"), ("stream-error", "out of memory ␛")]
)
def test_a_stream_that_breaks_off_is_no_answer(server, mode, why):
    async def main():
        model = OpenAIServer(Server(f"{server.url}/v1", "m", stream=True))
        try:
            await model.complete(Request.of(f"[[{mode}]] x"))
        finally:
            await model.close()

    with pytest.raises(AttemptFailedError, match=why):
        asyncio.run(main())


def test_a_cut_answer_over_the_wire_is_missing_and_a_made_up_tool_unreadable(server):
    config = Server(f"{server.url}/v1", "m")
    with pytest.raises(CutAnswerError, match="Raise max_tokens"):
        whole_text(ask(config, "[[cut]] x"), by="target")
    answer = ask(config, dataclasses.replace(Request.of("[[call]] x"), tools=(Tool("sub"),)))
    with pytest.raises(UnreadableAnswerError, match="does not exist: 'add'"):
        tool_calls(answer, [Tool("sub")], by="target")


def test_a_refused_parameter_or_key_stops_the_run_and_the_corrected_config_works(server):
    server.control(refuses=["max_tokens", "temperature"])
    config = Server(f"{server.url}/v1", "m")
    with pytest.raises(EndpointRefusedError, match=r"omit = \[\"max_tokens\"\]"):
        ask(config, "hello")
    with pytest.raises(EndpointRefusedError, match="api_key_env"):
        ask(dataclasses.replace(config, omit=("max_tokens", "temperature")), "[[400-key]] x")
    newer = dataclasses.replace(config, tokens_field="max_completion_tokens")
    request = Request.of("hello", sampling=Sampling(temperature=None))
    assert ask(newer, request).text == answer_to("hello")
    omitting = dataclasses.replace(newer, omit=("temperature",))
    assert ask(omitting, "hello").text == answer_to("hello")


def test_escape_sequences_of_a_server_do_not_reach_an_error(server):
    with pytest.raises(RejectedError) as caught:
        ask(Server(f"{server.url}/v1", "m"), "[[escape]] x")
    assert "␛]0;owned␇␛[31m red forged line" in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.fixture
def no_proxy(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("no_proxy")
def test_the_proxy_is_that_of_the_environment_but_for_this_machine(monkeypatch):
    assert proxy_for("http://models.example/v1") is None
    monkeypatch.setenv("HTTP_PROXY", "gate.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    assert proxy_for("http://models.example/v1") == "http://gate.example:3128"
    for url in ("http://inside.example/v1", "https://models.example/v1", "http://127.0.0.1:1/v1"):
        assert proxy_for(url) is None
    monkeypatch.setenv("ALL_PROXY", "socks5://gate.example:1080")
    with pytest.raises(ConfigError, match=r"ALL_PROXY must be http:// .*models\.example"):
        proxy_for("https://models.example/v1")


@pytest.mark.usefixtures("no_proxy")
def test_a_request_goes_through_the_proxy_and_its_password_nowhere_else(server, monkeypatch):
    # Any HTTP server can stand for a proxy: it gets the whole address in its first line.
    monkeypatch.setenv("HTTP_PROXY", server.url.replace("//", "//me:hunter22222@"))
    config = Server("http://models.example/v1", "m")
    assert ask(config, "hello").text == answer_to("hello")
    seen = server.counts()
    assert seen["path"] == "http://models.example/v1/chat/completions"
    assert seen["headers"]["proxy-authorization"].startswith("Basic ")
    assert OpenAIServer(config).redact("hunter22222") == "[redacted]"


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"headers": {"api-key": KEY}}, r"headers\.api-key looks like a credential"),
        ({"query": {"key": KEY}}, r"query\.key looks like a credential"),
        ({"headers": {"X-A": "${sk-0123}"}}, "name of an environment variable in capitals"),
        ({"headers": {"X-A": "a\nX-B: c"}}, "no single line"),
        ({"key_header": "api key"}, "name of a header"),
        ({"omit": ("messages",)}, "must leave messages"),
        ({"reasoning_tag": "<think>"}, "without brackets"),
        ({"base_url": "https://x/v1?api-version=1"}, 'query = {"api-version"'),
    ],
)
def test_settings_that_cannot_work_are_refused_without_repeating_a_secret(fields, why):
    with pytest.raises(ConfigError, match=why) as caught:
        Server(**{"base_url": "http://x/v1", "model": "m"} | fields)
    assert "0123" not in str(caught.value)


def test_a_variable_that_is_missing_is_named(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ConfigError, match=r"Server\.headers\.X-A needs .* SOME_KEY"):
        OpenAIServer(Server("http://x/v1", "m", headers={"X-A": "${SOME_KEY}"}))
