"""`cairn view`: every run in a browser, live."""

import os
import secrets
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import get_type_hints

from cairn.cli import flags
from cairn.cli.flags import HELP
from cairn.core import files
from cairn.core.errors import ConfigError, reason
from cairn.core.redact import read_secret
from cairn.view.security import LOOPBACK

DEFAULT = Path("runs")
PORT = 8765
TRIED = 20
"""Ports after the default one that are tried where it is taken."""
TOKEN = "CAIRN_VIEW_TOKEN"
USAGE = """\
Show every run in a browser, live: a page for all, a page for each, comparisons, notes, exports.

usage: cairn view [FOLDER] [flags]

  cairn view                          the runs under runs/, at http://127.0.0.1:8765
  cairn view --open                   and open the browser there
  cairn view experiments --port 0     another folder, any free port
  cairn view runs/maze-dr-1           one run alone
  cairn view runs/maze-dr-1 --export maze.html   one run as one HTML file, without a server
  cairn view --json                   the overview as JSON on standard output, without a server

It listens on this machine alone. On a machine far away, let it listen there and bring the port
here: ssh -L 8765:127.0.0.1:8765 USER@MACHINE. With --host 0.0.0.0 others can reach it, and need
the token that stands in the address it prints (or in the variable {token}).

It only reads runs, but for stars, tags, notes and verdicts given in the page; a run under way is
never held up. Ctrl-C ends it.
"""


@dataclass(frozen=True)
class Flags:
    """Where to listen, or what to write instead."""

    port: int | None = None
    """Port to listen on; 0 takes a free one. Default: 8765, or the next that is free."""
    host: str = "127.0.0.1"
    """Address to listen on. Any but this machine's own needs the token that is printed then."""
    open: bool = False
    """Open the page in a browser."""
    export: Path | None = None
    """Write the run FOLDER as one HTML file, in place of one of that name, and listen nowhere."""
    redact: bool = False
    """Of prompts and responses show their lengths and digests alone: on pages, or with --export."""
    json: bool = False
    """Write the overview as JSON to standard output, and listen nowhere."""


def view_command(arguments: list[str]) -> int:
    """Serve the page until Ctrl-C, or write a file; the exit status."""
    if any(flag in arguments for flag in HELP):
        print(USAGE.format(token=TOKEN), flush=True)
        arguments = ["--help"]
    named = bool(arguments) and not arguments[0].startswith("-")
    folder, given = (Path(arguments[0]), arguments[1:]) if named else (DEFAULT, arguments)
    asked = flags.parse(
        Flags, given, get_type_hints(Flags), default=Flags(), prog="cairn view [FOLDER]"
    )
    _check(folder, asked, named)
    if asked.json:
        return _json(folder)
    if asked.export is not None:
        return _export(folder, asked.export, redact=asked.redact)
    return _serve(folder, asked)


def _check(folder: Path, asked: Flags, named: bool) -> None:
    """Refuse what cannot work. Raises ConfigError."""
    if asked.port is not None and not 0 <= asked.port < 65536:
        raise ConfigError(f"--port must lie in [0, 65535], got {asked.port}.")
    if asked.redact and asked.json:
        raise ConfigError("--redact is about pages and --export: --json holds every setting.")
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "does not exist"
        next_ = "Say where they are" if named else "Begin one (cairn train maze), or say where"
        raise ConfigError(
            f"{folder} {what}; expected the folder of your runs. {next_}: cairn view FOLDER."
        )


def _json(folder: Path) -> int:
    from cairn.view.index import Runs

    found = [summary._asdict() for summary in Runs(folder).scan()]
    for summary in found:
        summary["path"] = str(summary["path"])
        if summary["headline"] is not None:
            summary["headline"] = summary["headline"]._asdict()
    sys.stdout.write(files.to_json(found, indent=2) + "\n")
    return 0


def _export(run: Path, target: Path, *, redact: bool) -> int:
    if not target.parent.is_dir() or target.is_dir():
        raise ConfigError(f"--export expects a file in an existing folder, got {target}.")
    if target.exists() and target.suffix.lower() not in (".html", ".htm"):
        raise ConfigError(f"--export replaces no file but HTML, got {target}. Choose another name.")
    from cairn.view.export import write  # with it comes JAX: panels are made here and now

    write(run, target, redact=redact)
    print(target)
    return 0


def _serve(folder: Path, asked: Flags) -> int:
    web = import_module("cairn.view.web")  # says what to install before anything else is done
    server, live = import_module("cairn.view.server"), import_module("cairn.view.live")
    elsewhere = asked.host not in LOOPBACK
    token = _token(elsewhere)
    bound = _listen(web.listen, asked)
    port = bound.getsockname()[1]
    feeds = live.Feeds()
    app = server.app(folder, token=token, elsewhere=elsewhere, redact=asked.redact, feeds=feeds)
    address = f"http://{_name(asked.host)}:{port}/" + (f"?token={token}" if token else "")
    if asked.port is None and port != PORT:
        print(f"Port {PORT} is taken, so this is {port}.")
    print(f"{folder}: {address}\nCtrl-C ends it.", flush=True)
    if asked.open:
        threading.Thread(target=_open, args=(address,), daemon=True).start()
    if web.serve(app, bound, feeds.end):
        raise KeyboardInterrupt
    return 0


def _token(elsewhere: bool) -> str | None:
    """What others must know: of the environment, or made here. None on this machine alone."""
    if os.environ.get(TOKEN):
        return read_secret(TOKEN, needed_by="cairn view").reveal()
    return secrets.token_urlsafe(24) if elsewhere else None


def _listen(listen: Callable[[str, int], socket.socket], asked: Flags) -> socket.socket:
    """The socket to answer on. Raises ConfigError if it cannot be had."""
    ports = [asked.port] if asked.port is not None else [*range(PORT, PORT + TRIED + 1), 0]
    error: OSError | None = None
    for port in ports:
        try:
            return listen(asked.host, port)
        except OSError as failed:
            error = error or failed
    assert error is not None
    raise ConfigError(
        f"Cannot listen on {asked.host}, port {ports[0]}: {reason(error)}. Choose another --port, "
        f"or --port 0 for a free one."
    )


def _name(host: str) -> str:
    """The host as an address has it: of this machine, where it listens on all of its names."""
    if host in ("0.0.0.0", "::"):
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _open(address: str) -> None:
    if not webbrowser.open(address):
        print("No browser could be opened here: open the address above.", flush=True)
