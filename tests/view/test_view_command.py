"""`cairn view` at the command line: what it says, where it listens, how it ends."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import made_runs
import pytest

from cairn.cli import view
from cairn.cli.main import run
from cairn.view import web

COMMAND = (sys.executable, "-c", "from cairn.cli.main import main; main()", "view")


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command in a process of its own, and the address it prints."""
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        while not (found := re.search(r"http://\S+", line := process.stdout.readline())):
            assert line, process.communicate()[1]
        yield process, found[0]
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return answer.read().decode()


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one line on standard error."""
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["nowhere"], "nowhere does not exist; expected the folder of your runs"),
        ([], "runs does not exist; expected the folder of your runs. Begin one (cairn train maze)"),
        (["a-file"], "a-file is a file; expected the folder"),
        ([".", "--port", "70000"], "--port must lie in [0, 65535], got 70000"),
        ([".", "--port", "x"], "--port expects"),
        ([".", "--prt", "1"], "Unknown flag --prt. Did you mean '--port'?"),
        ([".", "other"], "Unexpected 'other'"),
        ([".", "--host", "256.1.1.1", "--port", "0"], "Cannot listen on 256.1.1.1, port 0"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    tmp_path, monkeypatch, capsys, arguments: list[str], expected: str
):
    monkeypatch.chdir(tmp_path)
    Path("a-file").touch()
    assert run(["view", *arguments]) == 2
    assert expected in said(capsys)


def test_a_port_that_was_asked_for_and_is_taken_is_a_mistake(tmp_path, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert run(["view", str(tmp_path), "--port", str(port)]) == 2
    assert f"Cannot listen on 127.0.0.1, port {port}: Address already in use" in said(capsys)


def test_where_the_usual_port_is_taken_the_next_free_one_is_and_is_named(
    tmp_path, monkeypatch, capsys
):
    def serve(app, bound, ending):
        with bound:
            return False

    monkeypatch.setattr(web, "serve", serve)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(view, "PORT", taken.getsockname()[1])
        assert run(["view", str(tmp_path)]) == 0
    said, address, _ = capsys.readouterr().out.splitlines()
    port = int(re.findall(r":(\d+)/", address)[0])
    assert port != view.PORT and said == f"Port {view.PORT} is taken, so this is {port}."


@pytest.mark.parametrize("flags", [[], ["--open"]])
def test_it_listens_on_this_machine_alone_and_opens_a_browser_where_told(
    tmp_path, monkeypatch, flags
):
    opened, bound_to = SimpleQueue(), []
    monkeypatch.setattr(view.webbrowser, "open", lambda address: opened.put(address) or True)

    def serve(app, bound, ending):
        with bound:
            bound_to.append(bound.getsockname())
        return False

    monkeypatch.setattr(web, "serve", serve)
    assert run(["view", str(tmp_path), "--port", "0", *flags]) == 0
    ((host, port),) = bound_to
    assert host == "127.0.0.1"
    if flags:
        assert opened.get(timeout=10) == f"http://127.0.0.1:{port}/"
    else:
        assert opened.empty()


def test_where_no_browser_can_be_opened_a_line_says_so(monkeypatch, capsys):
    monkeypatch.setattr(view.webbrowser, "open", lambda _: False)
    view._open("http://127.0.0.1:1/")
    assert capsys.readouterr().out == "No browser could be opened here: open the address above.\n"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0"])
def test_a_token_is_made_where_others_can_listen_and_only_there(
    tmp_path, monkeypatch, capsys, host
):
    monkeypatch.delenv("CAIRN_VIEW_TOKEN", raising=False)
    monkeypatch.setattr(web, "serve", lambda app, bound, ending: bound.close() or False)
    run(["view", str(tmp_path), "--port", "0", "--host", host])
    tokens = re.findall(r"\?token=([\w-]{20,})", capsys.readouterr().out)
    assert len(tokens) == (host == "0.0.0.0")


def test_without_the_extra_one_line_says_what_to_install(tmp_path, monkeypatch, capsys):
    monkeypatch.delitem(sys.modules, "cairn.view.web", raising=False)
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    assert run(["view", str(tmp_path), "--port", "0"]) == 2
    assert 'pip install "cairn[view]"' in said(capsys)


def test_help_teaches_and_names_every_flag(capsys):
    with pytest.raises(SystemExit) as left:
        run(["view", "--help"])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for words in ("cairn view --open", "ssh -L", "--port", "--host", "--json", "Ctrl-C ends it"):
        assert words in text


def test_json_is_the_overview_and_starts_no_server(tmp_path, capsys, monkeypatch):
    made_runs.compiled(tmp_path, "one", skill=0.5)
    monkeypatch.setattr(view, "_serve", None)
    assert run(["view", str(tmp_path), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["name"] == "one" and found["state"] == "finished"
    assert found["headline"]["value"] > 0 and found["config"]["task.width"] == 7


@pytest.mark.slow
def test_it_listens_here_alone_prints_where_and_ends_with_ctrl_c(tmp_path):
    made_runs.compiled(tmp_path, "one")
    with serving(str(tmp_path), "--port", "0") as (process, address):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
        assert "one" in get(address)
        stream = urllib.request.urlopen(f"{address}live", timeout=10)
        assert stream.readline() == b"retry: 3000\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130 and errors == "cairn: stopped by Ctrl-C.\n"


@pytest.mark.slow
def test_ctrl_c_waits_for_no_panel(tmp_path):
    made_runs.compiled(tmp_path, "one")
    flags = (str(tmp_path), "--port", "0")
    with ThreadPoolExecutor() as threads, serving(*flags) as (process, address):
        panel = threads.submit(get, f"{address}panel/one?panel=mazes")
        time.sleep(0.3)  # it is being made: JAX alone takes longer to import
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
        assert 'role="alert"' in panel.result()
    assert process.returncode == 130 and errors == "cairn: stopped by Ctrl-C.\n"


@pytest.mark.slow
def test_a_second_ctrl_c_is_as_clean(tmp_path):
    with serving(str(tmp_path), "--port", "0") as (process, _):
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 130 and "Traceback" not in errors


@pytest.mark.slow
def test_elsewhere_takes_the_token_of_the_environment(tmp_path):
    made = {"CAIRN_VIEW_TOKEN": "a-token-of-some-length"}
    flags = (str(tmp_path), "--port", "0", "--host", "0.0.0.0")
    with serving(*flags, **made) as (_, address):
        port = int(re.findall(r":(\d+)/", address)[0])
        assert address.endswith("/?token=a-token-of-some-length")
        with pytest.raises(urllib.error.HTTPError, match="403"):
            get(f"http://127.0.0.1:{port}/")
