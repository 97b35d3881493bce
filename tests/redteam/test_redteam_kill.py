"""Killed anywhere and resumed, a red-teaming run ends with the archive of the run that never was.

`benchmarks/verify/redteam_kills.py` kills at every fault point and at twenty moments.
"""

import importlib.util
import json
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from cairn.cli.redteam import redteam_command
from cairn.core.errors import RunError
from cairn.redteam import directory
from forking import Forks

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify" / "redteam_kills.py"
spec = importlib.util.spec_from_file_location("redteam_kills", SCRIPT)
assert spec is not None and spec.loader is not None
sys.path.insert(0, str(SCRIPT.parent))  # it imports its neighbour
kills = importlib.util.module_from_spec(spec)
spec.loader.exec_module(kills)
FORKS = Forks(Path(__file__).parent / "kill_job.py")


@pytest.fixture(scope="module", autouse=True)
def forks():
    """Processes as the script starts them, without the time that importing takes."""

    def start(*arguments, fault=None):
        return FORKS.start(*arguments, environment={"CAIRN_FAULT": fault})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kills, "start", start)
        yield
    FORKS.close()


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    path = tmp_path_factory.mktemp("config") / "c.toml"
    path.write_text(kills.CONFIG.format(trials=80))
    return path


@pytest.fixture(scope="module")
def whole(config, tmp_path_factory):
    path = tmp_path_factory.mktemp("whole") / "run"
    return kills.whole(config, path), path


@pytest.mark.slow
def test_killed_at_fault_points_and_moments_it_ends_the_same(config, whole, tmp_path):
    faults = ("journal:create-commit:1", "call:stored:100", "engine:told:20")
    path = tmp_path / "run"
    found = kills.killed(config, path, faults, moments=(0.01,))
    assert found["kills"] == 4
    assert found["result"] == whole[0]["result"]


@pytest.mark.slow
def test_the_script_knows_every_fault_point_of_a_red_teaming_run(config, whole, tmp_path):
    points = kills.fault_points()
    assert len(points) == 15 and {"journal:repair-copied", "journal:repair-moved"} <= {*points}
    expected, finished = whole
    path = tmp_path / "run"
    shutil.copytree(finished, path)  # a whole run, which is what is damaged
    found = kills.killed(config, path, ["journal:repair-moved:1"], moments=())
    assert found["kills"] == 1 and found["result"] == expected["result"]


@pytest.mark.slow
def test_what_was_in_flight_at_a_kill_is_listed_as_possibly_paid_twice(config, whole, tmp_path):
    path = tmp_path / "run"
    # Dies with the commit that holds the intents of calls which never came back.
    assert kills.finish(kills.start("run", config, "--run", path, fault="call:stored:150")) != 0
    db = sqlite3.connect(path / "journal.sqlite")
    open_sends = db.execute("SELECT COUNT(*) FROM sends").fetchone()[0]
    db.close()
    process = kills.start("resume", path)
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    found = json.loads((path / "summary.json").read_text())
    assert found["possibly_paid_twice"] == open_sends > 0
    listed = {line["role"]: line["possibly_paid_twice"] for line in found["ledger"]}
    assert sum(listed.values()) == open_sends
    for role, count in listed.items():
        assert (f"{role}: {count} sends possibly paid twice" in output) == (count > 0)
    assert "possibly paid twice" in (path / "report.html").read_text()
    assert kills.ended(path)["result"] == whole[0]["result"]


@pytest.mark.slow
def test_sigterm_stops_cleanly_and_says_how_to_go_on(tmp_path, capsys):
    path, config = tmp_path / "run", tmp_path / "long.toml"
    config.write_text(kills.CONFIG.format(trials=5000))
    process = kills.start("run", config, "--run", path)
    assert process.stdout is not None
    while not (path / "journal.sqlite").exists():
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert f"Go on with: cairn redteam resume {path}" in errors
    assert redteam_command(["report", str(path)]) == 0
    assert json.loads((path / "summary.json").read_text())["possibly_paid_twice"] == 0


@pytest.mark.slow
def test_a_damaged_tail_is_cut_said_and_made_good_by_a_resume(whole, tmp_path, capsys):
    expected, finished = whole
    before = json.loads((finished / "summary.json").read_text())["spent"]
    path = tmp_path / "run"
    shutil.copytree(finished, path)
    kills.damage(path, 60)
    assert redteam_command(["resume", str(path)]) == 0
    assert "recovered up to event 59" in capsys.readouterr().out
    assert kills.ended(path)["result"] == expected["result"]
    # The answers survived, so nothing was asked, and paid, again.
    assert json.loads((path / "summary.json").read_text())["spent"] == before
    assert list(path.glob("journal.sqlite.damaged-*"))


@pytest.mark.slow
def test_a_journal_with_broken_pages_is_rebuilt_by_a_resume(whole, tmp_path, capsys):
    expected, finished = whole
    path = tmp_path / "run"
    shutil.copytree(finished, path)
    journal = path / "journal.sqlite"
    with closing(sqlite3.connect(journal)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    size = journal.stat().st_size
    with journal.open("r+b") as file:
        file.seek(3 * size // 4)
        file.write(b"\xff" * (size - 3 * size // 4))
    assert redteam_command(["resume", str(path)]) == 0
    assert "recovered up to event" in capsys.readouterr().out
    assert kills.ended(path)["result"] == expected["result"]


@pytest.mark.slow
def test_a_second_process_is_refused_and_the_first_is_named(whole):
    _, path = whole
    with directory.locked(path):
        process = kills.start("resume", path)
        _, errors = process.communicate(timeout=300)
        assert process.returncode != 0 and "in use by process" in errors
        for command in ("report", "resume"):
            with pytest.raises(RunError, match="in use by process"):
                redteam_command([command, str(path)])
