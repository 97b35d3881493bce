"""Ctrl-C, once, twice, and before anything began: one line, exit status 130, nothing lost. And a
kill while a journal is tied to a corrected config."""

# pyright: reportAttributeAccessIssue=false

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest
from world_server import WorldServer, toml


@pytest.fixture
def slow():
    """From the 30th request on, answers wait until `released` is set."""
    running = WorldServer()
    running.released = threading.Event()

    def say(role, text):
        if running.requests >= 30:
            running.released.wait()
        return text

    running.say = say
    yield running
    running.released.set()
    running.close()


def cairn(*arguments, fault=""):
    return subprocess.Popen(
        [sys.executable, "-c", "from cairn.cli.main import main; main()", *map(str, arguments)],
        stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, "JAX_PLATFORMS": "cpu", "CAIRN_FAULT": fault},
    )  # fmt: skip


def sends(journal):
    """How often each role answered."""
    with closing(sqlite3.connect(journal)) as db:
        query = "SELECT role, sends FROM spent WHERE outcome = 'answered'"
        return Counter(dict(db.execute(query).fetchall()))


@pytest.mark.slow
def test_a_second_ctrl_c_does_not_wait_for_answers_and_leaves_a_run_to_go_on_with(slow, tmp_path):
    (tmp_path / "config.toml").write_text(toml(slow.url, trials=10))
    path = tmp_path / "run"
    process = cairn("redteam", "run", tmp_path / "config.toml", "--run", path)
    while slow.requests < 31:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    assert process.poll() is None, "after one, it waits for answers in flight"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and "Traceback" not in said, said
    assert said.splitlines()[-1] == f"stopped. Go on with: cairn redteam resume {path}"
    slow.released.set()
    before = slow.requests
    process = cairn("redteam", "resume", path)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    summary = json.loads((path / "summary.json").read_text())
    # What was in flight at the second Ctrl-C has an unknown outcome, and nothing else has.
    assert 0 < summary["possibly_paid_twice"] <= 4 * 5
    assert summary["counts"]["told"] == 10 and summary["spent"]["calls"] >= slow.requests - before


@pytest.mark.slow
def test_ctrl_c_while_the_program_is_loaded_ends_it_at_once(tmp_path):
    path = tmp_path / "run"
    process = cairn("redteam", "run", "--demo", "--run", path)
    maps = Path(f"/proc/{process.pid}/maps")
    while "jax" not in maps.read_text():
        assert process.poll() is None, process.communicate()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130 and said == "cairn: stopped by Ctrl-C.\n"
    assert not path.exists()


@pytest.mark.slow
def test_a_kill_while_a_journal_follows_a_correction_loses_nothing(slow, tmp_path):
    slow.released.set()
    slow.trouble = lambda number, role: (404, {}, "no such model") if role == "wrong" else None
    text = toml(slow.url, trials=10).replace('model = "judge"', 'model = "wrong"')
    (tmp_path / "config.toml").write_text(text)
    path = tmp_path / "run"
    process = cairn("redteam", "run", tmp_path / "config.toml", "--run", path)
    assert "no such model" in process.communicate(timeout=120)[1]
    searched = sends(path / "journal.sqlite")
    config = path / "config.json"
    config.write_text(config.read_text().replace('"wrong"', '"judge"'))
    process = cairn("redteam", "resume", path, fault="journal:retie:1")
    process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    process = cairn("redteam", "resume", path)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said
    found = json.loads((path / "summary.json").read_text())
    assert found["success"]["mean"] is not None and found["possibly_paid_twice"] == 0
    again = sends(path / "journal.sqlite")
    assert again["judge"] > 0 == searched["judge"]
    asked = sum(n for body, n in slow.seen.items() if '"model": "mutator"' in body)
    assert again["mutator"] == asked, "no answer is asked for again"
    assert found["spent"]["calls"] == slow.requests, "and nothing was asked beside the books"
