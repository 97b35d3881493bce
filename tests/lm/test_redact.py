"""Keys stay secret: in texts, in errors, in the journal, on the console."""

import asyncio
import json
import logging
import pickle
import traceback

import pytest

from cairn.core.errors import ConfigError
from cairn.core.journal import Journal
from cairn.core.redact import Redactor, Secret, read_secret
from cairn.lm.client import Desk, Role
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import AttemptFailedError, CallFailedError
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.refusal import failure
from cairn.lm.reply import Reader
from cairn.lm.request import Request
from cairn.lm.scripted import FunctionModel

KEY = 'sk-te"st/0123456789+abc'


def test_a_secret_shows_itself_to_nobody():
    secret = Secret(KEY)
    for shown in (repr(secret), str(secret), f"{secret}", f"{[secret]}", f"{secret!s:>9}"):
        assert KEY not in shown and "***" in shown
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(secret)
    assert secret.reveal() == KEY


def test_every_form_of_a_secret_is_taken_out():
    redact = Redactor([Secret(KEY)])
    texts = [f"key {KEY}!", json.dumps({"a": KEY}), "/path?key=sk-te%22st%2F0123456789%2Babc"]
    for text in texts:
        assert "0123456789" not in redact(text) and "[redacted]" in redact(text)
    assert redact("a harmless text") == "a harmless text"
    assert redact("Authorization: Bearer someone.elses-token") == (
        "Authorization: Bearer [redacted]"
    )
    assert redact('{"authorization": "Basic dXNlcjpwYXNz"}').endswith('Basic [redacted]"}')
    assert redact("sent Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc") == "sent Bearer [redacted]"
    assert "0123456789" not in repr(redact)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ('{"authorization":"Bearer s3cr3tk3y9","example":1}', 'Bearer [redacted]","example":1}'),
        ("Authorization: Bearer s3cr3tk3y9;host=example.com", "[redacted];host=example.com"),
        ("Authorization: Basic corp-example:9f8e7d6c5b", "Basic [redacted]"),
        ("Bearer my-example-9f8e7d6c5b4a3f2e1d", "Bearer [redacted]"),
        ("Authorization: Basic EXAMPLE0a1b2c3d4e5f", "Basic EXAMPLE0a1b2c3d4e5f"),
        ("Bearer sk-EXAMPLE0a1b2c3d4e5f6a7b8c", "Bearer sk-EXAMPLE0a1b2c3d4e5f6a7b8c"),
    ],
)
def test_only_a_credential_that_says_example_itself_is_nobodys(text, clean):
    assert Redactor([])(text).endswith(clean)


@pytest.mark.parametrize(
    "prose",
    [
        "Name the basic principles of cooking.",
        "A Basic understanding of 12 instruments",
        "the market for bearer certificates",
        "basic self-defence",
        "authorization: a bearer instrument's basic requirements",
    ],
)
def test_prose_is_left_alone(prose):
    assert Redactor([Secret(KEY)])(prose) == prose


def test_a_missing_or_hopeless_key_is_named_by_its_variable(monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(ConfigError, match="environment variable SOME_KEY, which is not set"):
        read_secret("SOME_KEY", needed_by="Server.api_key_env")
    monkeypatch.setenv("SOME_KEY", "abc")
    with pytest.raises(ConfigError, match="has 3 characters") as caught:
        read_secret("SOME_KEY", needed_by="Server.api_key_env")
    assert "abc" not in str(caught.value)
    monkeypatch.setenv("SOME_KEY", "two words here")
    with pytest.raises(ConfigError, match="one word") as caught:
        read_secret("SOME_KEY", needed_by="Server.api_key_env")
    assert "words here" not in str(caught.value)


def test_an_address_with_a_password_is_refused_without_repeating_it():
    for url in ("http://me:hunter22@host/v1", "https://host/v1?api_key=hunter22"):
        with pytest.raises(ConfigError, match="must hold no user, password or query") as caught:
            Server(url, "m")
        assert "hunter22" not in str(caught.value)
    for url in ("http://me:hunter22@host:99999/v1", "me:hunter22@host/v1", "host?key=hunter22"):
        with pytest.raises(ConfigError, match="must look like") as caught:
            Server(url, "m")
        assert "hunter22" not in str(caught.value)
    with pytest.raises(ConfigError, match="not shown"):  # a key that could be a variable's name
        Server("http://host/v1", "m", api_key_env="AKIAIOSFODNN7EXAMPLE")


def test_half_a_key_does_not_escape_where_an_error_is_cut_short():
    redact = Redactor([Secret(KEY)])
    for before in range(240, 310):
        body = json.dumps({"error": {"message": "x" * before + KEY}}).encode()
        assert "sk-te" not in str(failure(400, {}, body, name="m", redact=redact))
        with pytest.raises(AttemptFailedError) as caught:
            Reader("chat", "m", redact).read(200, {}, b"x" * (before - 230) + KEY.encode())
        assert "sk-te" not in str(caught.value)


def test_a_key_that_the_server_repeats_reaches_nothing_that_is_kept(
    server, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("SOME_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    model = OpenAIServer(Server(f"{server.url}/v1", "m", api_key_env="SOME_KEY"))
    shown = [repr(model), model.identity, model.name]

    async def main(desk: Desk):
        clients = desk.clients(0)["m"]
        answer = await clients.complete(Request.of("repeat-my-key"), purpose="x")
        prompts = ["[[echo-key]] a", "[[400]] " + KEY]
        failures = await asyncio.gather(
            *(clients.complete(Request.of(prompt), purpose="x") for prompt in prompts),
            return_exceptions=True,
        )
        await model.close()
        return answer, failures

    asyncio.run(_with_debug(main, tmp_path, model, shown))
    assert server.counts()["requests"] == 3
    for file in tmp_path.rglob("*"):
        if file.is_file():
            raw = file.read_bytes()
            assert KEY.encode() not in raw and b"0123456789" not in raw, file
    for text in [*shown, caplog.text]:
        assert KEY not in text and "0123456789" not in text


async def _with_debug(main, tmp_path, model, shown):
    asyncio.get_running_loop().set_debug(True)
    with Journal(tmp_path / "j.sqlite", config={"key": KEY}, redact=model.redact) as journal:
        desk = Desk(journal, {"m": Role(Endpoint(model, Flow(backoff_s=0.01)))})
        answer, failures = await main(desk)
        journal.stage("s").append("note", 0, f"somebody wrote {KEY} here")
        journal.stage("s").arrive(0, "failure", json.dumps({"message": KEY}))
    assert answer.text == "Bearer [redacted]" and answer.logprobs is None
    for raised in failures:
        shown += [str(raised), repr(raised), "".join(traceback.format_exception(raised))]


def test_a_key_in_a_policys_own_words_is_kept_out_of_the_journal(tmp_path, monkeypatch):
    monkeypatch.setenv("SOME_KEY", KEY)
    model = OpenAIServer(Server("http://127.0.0.1:9/v1", "m", api_key_env="SOME_KEY"))

    async def leak(request):
        if "fail" in request.messages[0].content:
            raise RuntimeError(f"401 for {KEY}")
        if "nest" in request.messages[0].content:
            return json.dumps({"debug": KEY})
        return f"the environment holds {KEY}"

    async def main():
        app = Endpoint(FunctionModel(leak, "app"), Flow(max_attempts=1))
        roles = {"m": Role(Endpoint(model)), "app": Role(app)}
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            desk = Desk(journal, roles)
            answer = await desk.clients(0)["app"].complete(Request.of("x"), purpose="x")
            nested = await desk.clients(0)["app"].complete(Request.of("nest"), purpose="x")
            assert json.loads(nested.text) == {"debug": "[redacted]"}
            with pytest.raises(CallFailedError, match=r"401 for \[redacted\]") as caught:
                await desk.clients(0)["app"].complete(Request.of("fail"), purpose="x")
            assert "0123456789" not in "".join(traceback.format_exception(caught.value))
            journal.stage("s").append("failure", 0, json.dumps({"error": "X", "message": KEY}))
            return answer

    answer = asyncio.run(main())
    assert answer.text == "the environment holds [redacted]"
    for file in tmp_path.iterdir():
        assert b"0123456789" not in file.read_bytes()


def test_a_credential_that_says_example_is_left():
    """A pseudonym of one, in what a model wrote of a program."""
    redact = Redactor()
    for said in ("Basic EXAMPLE0xsSnDHW7Xdt=", "Authorization: Bearer ghp_EXAMPLE0xsSnDHW7Xdt"):
        assert redact(said) == said
    assert redact("Basic cWxpYVJ5djJiTVE3Izc=") == "Basic [redacted]"
