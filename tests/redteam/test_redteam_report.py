"""A report never repairs, and never takes the place of a better one."""

import json
import os
import shutil
import sqlite3
from contextlib import closing

import pytest
from world_server import FOUR_CELLS

from cairn.cli.main import run as cairn
from cairn.cli.redteam import redteam_command
from cairn.core.errors import RunError
from cairn.redteam import directory

CONFIG = (
    FOUR_CELLS
    + """
[engine]
trials = 20
lag = 4

[simulation]
labelled = 8
"""
)
REPORTS = ("report.html", "archive.csv", "finetune.jsonl", "summary.json")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    (folder / "c.toml").write_text(CONFIG)
    path = folder / "run"
    assert redteam_command(["run", str(folder / "c.toml"), "--run", str(path)]) == 0
    return path


@pytest.fixture
def copy(whole, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(whole, path)
    return path


def contents(path):
    return {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}


def forge(path, seq=9):
    with closing(sqlite3.connect(path / "journal.sqlite")) as db, db:
        db.execute("UPDATE events SET body = 'forged' WHERE seq = ?", (seq,))
        db.execute("DELETE FROM snapshots")


@pytest.mark.slow
def test_a_report_on_a_damaged_journal_changes_nothing_and_says_so(copy, capsys):
    forge(copy)
    before = contents(copy)
    assert cairn(["redteam", "report", str(copy)]) == 2
    said = capsys.readouterr().err
    assert "damaged after event 8" in said and said.count("\n") == 1
    assert contents(copy) == before


@pytest.mark.slow
def test_a_report_on_an_empty_journal_leaves_it_empty(copy, capsys):
    for name in ("journal.sqlite", "journal.sqlite-wal", "journal.sqlite-shm"):
        (copy / name).unlink(missing_ok=True)
    (copy / "journal.sqlite").touch()
    before = contents(copy)
    assert cairn(["redteam", "report", str(copy)]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert contents(copy) == before


@pytest.mark.slow
def test_a_session_that_stops_short_of_what_was_reported_leaves_it(copy, capsys):
    """Repaired by a resume, which a limit then stops: 5 trials do not replace a report of 20."""
    forge(copy)
    with closing(sqlite3.connect(copy / "journal.sqlite")) as db, db:
        db.execute("DELETE FROM answers")
    before = {name: (copy / name).read_bytes() for name in REPORTS}
    calls = json.loads(before["summary.json"])["spent"]["calls"]
    assert redteam_command(["resume", str(copy), "--calls", str(calls + 10)]) == 1
    out = capsys.readouterr()
    assert "stay as they are: they are of 20 trials" in out.out
    assert {name: (copy / name).read_bytes() for name in REPORTS} == before
    assert redteam_command(["resume", str(copy), "--calls", "100000"]) == 0
    assert json.loads((copy / "summary.json").read_text())["stopped"] == "finished"


@pytest.mark.slow
def test_a_report_of_less_than_was_reported_is_written_beside(copy):
    file = copy / "summary.json"
    file.write_text(file.read_text().replace('"tested": 4', '"tested": 5'))
    before = {name: (copy / name).read_bytes() for name in REPORTS}
    with pytest.raises(RunError, match=r"20 trials and 5 tested.*20 and 4\. Give --out FILE"):
        redteam_command(["report", str(copy)])
    beside = copy.parent / "partial.html"
    assert redteam_command(["report", str(copy), "--out", str(beside)]) == 0
    assert "Red-teaming report" in beside.read_text()
    assert {name: (copy / name).read_bytes() for name in REPORTS} == before


@pytest.mark.slow
def test_of_a_read_only_run_a_report_is_written_elsewhere(copy, tmp_path, monkeypatch, capsys):
    access = os.access
    closed = lambda path, mode: path != copy and access(path, mode)  # noqa: E731
    monkeypatch.setattr(os, "access", closed)
    before = contents(copy)
    assert cairn(["redteam", "report", str(copy)]) == 2
    said = capsys.readouterr().err
    assert "cannot be written to. Give --out FILE" in said and said.count("\n") == 1
    out = tmp_path / "out.html"
    assert redteam_command(["report", str(copy), "--out", str(out)]) == 0
    assert "Red-teaming report" in out.read_text()
    left = contents(copy)
    left.pop("lock", None)
    before.pop("lock", None)
    assert left == before


@pytest.mark.slow
def test_a_run_of_the_release_before_is_refused_in_one_line(copy, capsys):
    (copy / "versions.json").unlink()
    for command in ("report", "resume"):
        assert cairn(["redteam", command, str(copy)]) == 2
        said = capsys.readouterr().err
        assert "written by cairn 0.1" in said and said.count("\n") == 1


def test_what_a_failure_said_moves_no_digest(tmp_path):
    from redteam_harness import config

    from cairn.engine.journal_policy import Failed
    from cairn.redteam.search import Rainbow

    policy = Rainbow(config(2, 2))
    trial = {"id": 0, "cell": 0, "incumbent": None}
    told = [
        policy.dump(policy.tell(policy.init(), trial, Failed("failure", "CallFailedError", said)))
        for said in ("request 17 failed at 12:01", "request 99 failed at 13:05")
    ]
    assert told[0] == told[1]


@pytest.mark.slow
def test_a_summary_that_cannot_be_read_counts_as_none(copy):
    (copy / "summary.json").write_text("{")
    assert directory.reported(copy) == (0, 0)
    assert redteam_command(["report", str(copy)]) == 0
    assert directory.reported(copy) == (20, 4)


def test_a_change_that_the_journal_refuses_leaves_the_config_as_it_was(copy):
    before = (copy / "config.json").read_bytes()
    with pytest.raises(RunError, match=r"temperature was [\d.]+, now 0\.3\. Resume with the old"):
        redteam_command(["resume", str(copy), "--search.temperature", "0.3"])
    assert (copy / "config.json").read_bytes() == before
    assert redteam_command(["resume", str(copy), "--calls", "100000"]) == 0
    assert json.loads((copy / "config.json").read_text())["limits"]["calls"] == 100000
