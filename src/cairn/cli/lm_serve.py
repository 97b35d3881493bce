"""`cairn lm serve`: a local model as an OpenAI-compatible server."""

import asyncio
import secrets
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_type_hints

from cairn.cli import flags
from cairn.cli.flags import HELP
from cairn.core.errors import ConfigError, reason
from cairn.core.redact import Secret, read_secret
from cairn.lm import local_http
from cairn.lm.local_answers import Answerer
from cairn.lm.local_engine import Engine, Settings
from cairn.nn.language.spoken import Spoken

USAGE = """\
Answer over HTTP as an OpenAI-compatible server: completions, chat, streams, log-probabilities.

usage: cairn lm serve RUN|FOLDER [flags]

  cairn lm serve runs/text-pretrain-1            the model of a run, at its newest checkpoint
  cairn lm serve models/Qwen2.5-0.5B             a folder of Hugging Face's (Llama 3, Qwen 2.5/3)
  cairn lm serve runs/text-pretrain-1 --port 0   any free port

Requests that come at the same time are answered side by side; one that ends makes room for the
next. It listens on this machine alone. With --host 0.0.0.0 others can reach it, and need a key:
that of the variable named by --api-key-env, or the one that is printed. Ctrl-C ends it.
"""


@dataclass(frozen=True)
class Flags:
    """What to serve, and to whom."""

    port: int = 8000
    """Port to listen on; 0 takes a free one."""
    host: str = "127.0.0.1"
    """Address to listen on. Any but this machine's own needs a key."""
    api_key_env: str | None = None
    """The name of the environment variable with the key that clients must give."""
    name: str | None = None
    """What clients call the model. Default: the name of its folder."""
    run_seed: int | None = None
    """Which of a run's seeds. Default: its first."""
    slots: int = 8
    """Answers under way at a time."""
    context: int = 2048
    """Most tokens of a prompt and its answer. A model's own limit may be lower."""
    steps: int = 4
    """Tokens of each answer between two looks at who comes and goes."""
    waiting: int = 1024
    """Most answers that wait; beyond, requests are refused (429)."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """Of a folder's weights. bfloat16 takes half the memory, and is slow on a CPU."""


def lm_serve_command(arguments: list[str]) -> int:
    """Serve until Ctrl-C; the exit status."""
    if not arguments or any(flag in arguments for flag in HELP):
        print(USAGE, flush=True)
        arguments = ["", "--help"]
    source, given = Path(arguments[0]), arguments[1:]
    asked = flags.parse(
        Flags, given, get_type_hints(Flags), default=Flags(), prog="cairn lm serve RUN|FOLDER"
    )
    if not 0 <= asked.port < 65536:
        raise ConfigError(f"--port must lie in [0, 65535], got {asked.port}.")
    settings = Settings(asked.slots, asked.context, asked.steps, asked.waiting)
    key = _key(asked)
    bound = _listen(asked.host, asked.port)
    with bound:
        return _serve(_opened(source, asked), settings, asked, source, bound, key)


def _opened(source: Path, asked: Flags) -> Spoken:
    if (source / "versions.json").is_file():
        from cairn.runs.language import language

        return language(source, asked.run_seed)
    from cairn.lm.local_folder import open_folder

    if asked.run_seed is not None:
        raise ConfigError(f"--run-seed is about runs, and {source} is none. Leave it out.")
    return open_folder(source, asked.dtype)


def _serve(
    spoken: Spoken,
    settings: Settings,
    asked: Flags,
    source: Path,
    bound: socket.socket,
    key: Secret | None,
) -> int:
    name = asked.name or source.resolve().name
    here = asked.host in local_http.LOOPBACK
    engine = Engine(spoken, settings)
    try:
        answerer = Answerer(spoken, engine, name)
        app = local_http.app(answerer, key=key, hosts=local_http.LOOPBACK if here else ())
        shown = f"[{asked.host}]" if ":" in asked.host else asked.host
        print(
            f"{name}: http://{shown}:{bound.getsockname()[1]}/v1 ({settings.slots} answers at a "
            f"time, {settings.context} tokens each)",
            flush=True,
        )
        if not here and asked.api_key_env is None and key is not None:
            print(f"Key for this session: {key.reveal()}", flush=True)
        print("Ctrl-C ends it.", flush=True)
        asyncio.run(_until_told(app, bound))
    finally:
        engine.close()
    raise KeyboardInterrupt


async def _until_told(app: object, bound: socket.socket) -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    async with local_http.serving(app, bound):
        await told.wait()


def _key(asked: Flags) -> Secret | None:
    """What clients must give: of the environment, or made here where others can ask."""
    if asked.api_key_env is not None:
        return read_secret(asked.api_key_env, needed_by="--api-key-env")
    return None if asked.host in local_http.LOOPBACK else Secret(secrets.token_urlsafe(24))


def _listen(host: str, port: int) -> socket.socket:
    """The socket to answer on, before a model is loaded. Raises ConfigError."""
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise ConfigError(
            f"Cannot listen on {host}, port {port}: {reason(error)}. Choose another --port, or "
            f"--port 0 for a free one."
        ) from None
    return bound
