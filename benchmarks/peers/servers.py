"""Servers that nobody here wrote, asked through cairn's client.

    uv run python benchmarks/peers/servers.py [--folder FOLDER] [--only NAME] [--results FILE]

Installs each server into an environment of its own under a temporary folder (or FOLDER, which is
kept and used again), starts it, and asks: LiteLLM's proxy with mock answers, for what a gateway
does to requests and errors; `transformers serve` and llama.cpp's server, which really decode the
tokens of tiny random models that the script makes. Writes what each answered, with versions, as
JSON; the exit status is 1 if an answer is not what the client should make of it.
"""

import argparse
import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "verify"))

from provenance import command, source_hash, versions  # pyright: ignore[reportMissingImports]

from cairn.core.journal import Journal
from cairn.lm.answers import structured, tool_calls, whole_text
from cairn.lm.client import Desk, Role
from cairn.lm.completion import Completion
from cairn.lm.endpoint import Endpoint, Flow
from cairn.lm.errors import (
    CutAnswerError,
    EndpointDownError,
    EndpointRefusedError,
    LMError,
    RejectedError,
)
from cairn.lm.http import OpenAIServer, Server
from cairn.lm.request import Request, Sampling
from cairn.lm.tools import Schema, Tool

HERE = Path(__file__).parent
KEY = "sk-not-a-real-key-0123456789"
ANSWER = "An answer of the mock."
ADD = Tool("add", "Adds two numbers.", {"type": "object", "properties": {"a": {"type": "integer"}}})
SHORT = Sampling(max_tokens=8, temperature=0.0)


@dataclass(frozen=True)
class Peer:
    """A server: how it is installed, started and asked."""

    name: str
    packages: tuple[str, ...]
    start: Callable[[Path, Path, int], list[str]]
    """The command, from the environment's folder, a folder for files, and the port."""
    health: str
    ask: Callable[["Asking"], Coroutine[None, None, None]]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass
class Asking:
    """Asks one server, and keeps what came of each question."""

    url: str
    folder: Path
    found: dict[str, dict] = field(default_factory=dict)

    def server(self, model: str, **fields) -> Server:
        return replace(Server(f"{self.url}/v1", model, api_key_env="PEER_KEY"), **fields)

    async def one(self, server: Server, request: Request | str, **flow) -> Completion:
        request = request if isinstance(request, Request) else Request.of(request, sampling=SHORT)
        quick = Flow(max_attempts=2, backoff_s=0.05, deadline_s=60.0)
        endpoint = Endpoint(OpenAIServer(server), replace(quick, **flow))
        try:
            return await endpoint.complete(request)
        finally:
            await endpoint.close()

    async def check(self, name: str, asked: Awaitable[object], expected: object) -> None:
        """Note what came, and whether it is `expected`: a value, an error's type, or a test."""
        try:
            came = await asked
        except LMError as error:
            came = error
        if isinstance(expected, type) and issubclass(expected, BaseException):
            ok = isinstance(came, expected)
        elif callable(expected):
            ok = not isinstance(came, LMError) and bool(expected(came))
        else:
            ok = came == expected
        if isinstance(came, LMError):
            shown = f"{type(came).__name__}: {came}".replace(self.url, "http://server")
        else:
            shown = repr(came)
        self.found[name] = {"as_expected": ok, "came": shown[:400]}
        print(f"  {'ok  ' if ok else 'NOT '} {name}: {shown[:150]}", flush=True)


MOCK = {
    "mock": {"mock_response": ANSWER},
    "mock-tools": {
        "mock_response": "",
        "mock_tool_calls": [
            {
                "id": "call_1",
                "type": "function",
                "function": {"name": "add", "arguments": '{"a": 1}'},
            }
        ],
    },
    "mock-rate": {"mock_response": "litellm.RateLimitError"},
    "mock-broken": {"mock_response": "litellm.InternalServerError"},
    "mock-long": {"mock_response": "litellm.ContextWindowExceededError"},
}


def start_litellm(environment: Path, folder: Path, port: int) -> list[str]:
    models = [
        {"model_name": name, "litellm_params": {"model": "openai/mock", "api_key": "none", **rest}}
        for name, rest in MOCK.items()
    ]
    config = folder / "litellm.yaml"  # JSON is YAML
    config.write_text(json.dumps({"model_list": models, "general_settings": {"master_key": KEY}}))
    python, program = environment / "bin" / "python", environment / "bin" / "litellm"
    return [*map(str, (python, program, "--config", config, "--host", "127.0.0.1", "--port", port))]


async def ask_litellm(ask: Asking) -> None:
    """What a gateway does to requests, answers and errors."""
    mock = ask.server("mock")

    async def text(server: Server, request: Request | str = "hello") -> str:
        return whole_text(await ask.one(server, request), by="mock")

    async def called() -> object:
        request = replace(Request.of("1 and what?"), tools=(ADD,), tool_choice="auto")
        answer = await ask.one(ask.server("mock-tools"), request)
        (call, arguments), *more = tool_calls(answer, [ADD], by="mock-tools")
        # And back: the result of the tool, and the next answer.
        after = await text(mock, request.with_results(answer, ["3"]))
        return call.name, arguments, more, after

    await ask.check("chat", text(mock), ANSWER)
    await ask.check("usage", ask.one(mock, "hello"), lambda a: a.usage and a.usage.completion > 0)
    turns = Request.of("one", system="be brief", sampling=SHORT).then("1", "two", "three")
    await ask.check("several turns", text(mock, turns), ANSWER)
    await ask.check("in pieces", text(replace(mock, stream=True)), ANSWER)
    await ask.check("completions", text(replace(mock, api="completions")), ANSWER)
    streamed = replace(mock, api="completions", stream=True)
    await ask.check("completions in pieces", text(streamed), ANSWER)
    await ask.check("tools", called(), ("add", {"a": 1}, [], ANSWER))
    await ask.check("field added, field omitted", text(
        replace(mock, extra={"user": "cairn"}, omit=("temperature",))
    ), ANSWER)  # fmt: skip
    header = replace(mock, key_header="x-litellm-api-key")
    await ask.check("key in a header of its own", text(header), ANSWER)
    await ask.check("unknown model", text(ask.server("nobody")), EndpointRefusedError)
    os.environ["PEER_KEY"] = "sk-wrong-0123456789"
    await ask.check("wrong key, answered with 400", text(mock), EndpointRefusedError)
    os.environ["PEER_KEY"] = KEY
    await ask.check("too long", text(ask.server("mock-long")), RejectedError)
    rate = ask.one(ask.server("mock-rate"), "hello", deadline_s=10.0)
    await ask.check("429 without end", rate, EndpointDownError)
    await ask.check("500 without end", text(ask.server("mock-broken")), EndpointDownError)


def start_transformers(environment: Path, folder: Path, port: int) -> list[str]:
    model = folder / "tiny"
    python = environment / "bin" / "python"
    if not model.exists():
        subprocess.run([python, HERE / "tiny_model.py", model], check=True)
    program = environment / "bin" / "transformers"
    where = ("--host", "127.0.0.1", "--port", port, "--device", "cpu")
    return [*map(str, (python, program, "serve", model, *where))]


async def ask_transformers(ask: Asking) -> None:
    """What a server that decodes tokens does with them."""
    server = ask.server(str(ask.folder / "tiny"), api_key_env=None)
    whole = await ask.one(server, "hello")

    async def text(**fields) -> str:
        return (await ask.one(replace(server, **fields), "hello")).text

    async def cut() -> str:
        return whole_text(await ask.one(server, "hello"), by="tiny")

    async def through_the_journal() -> tuple:
        with Journal(ask.folder / f"{time.time_ns()}.sqlite", config={}) as journal:
            endpoint = Endpoint(OpenAIServer(server))
            desk = Desk(journal, {"m": Role(endpoint)})
            client = desk.clients(0)["m"]
            requests = [Request.of(f"number {i}", sampling=SHORT) for i in range(16)]
            rounds = []
            for _ in range(2):  # the second time from the journal
                answers = (client.complete(request, purpose="ask") for request in requests)
                rounds.append([answer.text for answer in await asyncio.gather(*answers)])
            await endpoint.close()
            return rounds[0] == rounds[1], desk.counts["answered"], desk.counts["cached"]

    await ask.check("chat", text(), lambda said: len(said) > 0)
    await ask.check("the likeliest answer again", text(), whole.text)
    await ask.check("in pieces", text(stream=True), whole.text)
    await ask.check("tokens counted", ask.one(server, "hello"), lambda a: a.usage.completion == 8)
    await ask.check("an answer cut by max_tokens is missing", cut(), CutAnswerError)
    await ask.check("completions", text(api="completions"), lambda said: len(said) > 0)
    plain = await text(api="completions")
    await ask.check("completions in pieces", text(api="completions", stream=True), plain)
    turns = Request.of("one", sampling=SHORT).then("1", "two")
    await ask.check("several turns", ask.one(server, turns), lambda a: a.usage.prompt > 4)
    stop = Request.of("hello", sampling=replace(SHORT, stop=(whole.text[2],)))
    await ask.check("stop", ask.one(server, stop), lambda a: a.finish_reason == "stop")
    logprobs = Request.of("hello", sampling=replace(SHORT, logprobs=2))
    await ask.check("no log-probabilities", ask.one(server, logprobs), lambda a: not a.logprobs)
    await ask.check("unknown model", ask.one(ask.server("nobody"), "hello"), EndpointRefusedError)
    await ask.check("through the journal, twice", through_the_journal(), (True, 16, 16))


def start_llamacpp(environment: Path, folder: Path, port: int) -> list[str]:
    python = environment / "bin" / "python"
    return [*map(str, (python, HERE / "tiny_llamacpp.py", folder / "tiny.gguf", port))]


async def ask_llamacpp(ask: Asking) -> None:
    """What a server that gives log-probabilities and holds answers to a schema gives."""
    server = ask.server("tiny", api_key_env=None)
    logprobs = Request.of("hello", sampling=replace(SHORT, logprobs=2))
    whole = await ask.one(server, logprobs)

    def spells(answer: Completion) -> bool:
        tokens = answer.logprobs or ()
        likeliest = all(token.logprob == token.top[0][1] for token in tokens)
        counted = answer.usage is not None and len(tokens) == answer.usage.completion == 8
        return counted and likeliest and len(answer.token_ids or ()) == 8

    def near(answer: Completion) -> bool:
        """Equal up to the digits that another batch moves."""
        pairs = zip(answer.logprobs or (), whole.logprobs or (), strict=True)
        close = all(abs(a.logprob - b.logprob) < 1e-3 for a, b in pairs)
        return close and answer.text == whole.text and answer.token_ids == whole.token_ids

    async def drawn(sample: str) -> str:
        warm = Request.of("hello", sampling=Sampling(max_tokens=8, seed=5))
        model = OpenAIServer(server)
        try:
            return (await model.complete(warm, sample)).text
        finally:
            await model.close()

    async def graded(**fields) -> object:
        schema = Schema(
            {
                "type": "object",
                "properties": {"grade": {"enum": [1, 2, 3]}},
                "required": ["grade"],
                "additionalProperties": False,
            }
        )
        request = Request.of("hello", sampling=Sampling(max_tokens=200, temperature=0.0))
        answer = await ask.one(replace(server, **fields), replace(request, schema=schema))
        return structured(answer, schema, by="tiny")["grade"] in (1, 2, 3)

    chat = ask.one(server, logprobs)
    await ask.check("log-probabilities and token ids", chat, spells)
    plain = ask.one(replace(server, api="completions"), logprobs)
    await ask.check("the same of completions", plain, spells)
    pieces = ask.one(replace(server, stream=True), logprobs)
    await ask.check("the same in pieces", pieces, near)
    await ask.check("structured output", graded(), True)
    await ask.check("structured output in pieces", graded(stream=True), True)
    first = await drawn("0")
    await ask.check("a sample has a seed of its own", drawn("1"), lambda said: said != first)
    await ask.check("and the same again", drawn("0"), first)
    stop = Request.of("hello", sampling=replace(SHORT, stop=(whole.text[1],)))
    await ask.check("stop", ask.one(server, stop), lambda a: a.text == whole.text[:1] and a.whole)
    await ask.check("too long", ask.one(server, "x" * 20_000), RejectedError)


PEERS = (
    Peer(
        "litellm",
        ("litellm[proxy]==1.108.7",),
        start_litellm,
        "/health/liveliness",
        ask_litellm,
        {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_TELEMETRY": "False"},
    ),
    Peer(
        "transformers",
        ("torch==2.13.0", "transformers[serving]==5.24.0"),
        start_transformers,
        "/health",
        ask_transformers,
        {"HF_HUB_OFFLINE": "1"},
    ),
    Peer(
        "llamacpp",
        ("xllamacpp==2026.10.11549", "gguf==0.19.0"),
        start_llamacpp,
        "/health",
        ask_llamacpp,
    ),
)


def install(peer: Peer, folder: Path) -> Path:
    """An environment with the server in it; one that is there is used as it is."""
    environment = folder / f"env-{peer.name}"
    if not (environment / "installed").exists():
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin" / "python", "-m", "pip", "install", "--quiet"]
        for package in peer.packages:
            subprocess.run([*pip, package], check=True)
        (environment / "installed").touch()
    return environment


@contextlib.contextmanager
def running(peer: Peer, environment: Path, folder: Path) -> Iterator[str]:
    """The server's address while it runs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    arguments = peer.start(environment, folder, port)
    url = f"http://127.0.0.1:{port}"
    with (folder / f"{peer.name}.log").open("wb") as log:
        process = subprocess.Popen(
            arguments,
            stdout=log,
            stderr=log,
            env={**os.environ, "PATH": f"{environment / 'bin'}:{os.environ['PATH']}"}
            | peer.environment,
        )
        try:
            wait_for(url + peer.health, process)
            yield url
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(url: str, process: subprocess.Popen, limit_s: float = 300.0) -> None:
    end = time.monotonic() + limit_s
    while time.monotonic() < end and process.poll() is None:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    raise SystemExit(f"{url} does not answer: see the server's log beside its environment.")


def version_of(environment: Path, packages: tuple[str, ...]) -> dict[str, str]:
    names = [package.split("=")[0].split("[")[0] for package in packages]
    code = f"from importlib.metadata import version as v; print([v(n) for n in {names!r}])"
    python = environment / "bin" / "python"
    said = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout
    return dict(zip(names, json.loads(said.replace("'", '"')), strict=True))


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", choices=[peer.name for peer in PEERS])
    default = HERE.parent / "results" / "servers.json"
    parser.add_argument("--results", type=Path, default=default)
    options = parser.parse_args()
    os.environ["PEER_KEY"] = KEY
    found = {}
    with contextlib.ExitStack() as stack:
        folder = options.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder = folder.resolve()
        folder.mkdir(exist_ok=True)
        for peer in PEERS:
            if options.only in (None, peer.name):
                print(peer.name, flush=True)
                environment = install(peer, folder)
                with running(peer, environment, folder) as url:
                    asking = Asking(url, folder)
                    asyncio.run(peer.ask(asking))
                kept = {
                    name: {**entry, "came": entry["came"].replace(str(folder), "FOLDER")}
                    for name, entry in asking.found.items()
                }
                found[peer.name] = {"versions": version_of(environment, peer.packages), **kept}
    record = {
        "command": command(),
        "versions": versions(),
        "source": source_hash(Path(__file__), ("lm", "core")),
        "servers": found,
    }
    options.results.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    entries = [e for one in found.values() for name, e in one.items() if name != "versions"]
    return int(not all(entry["as_expected"] for entry in entries))


if __name__ == "__main__":
    sys.exit(main())
