"""The store of a stage: what is forgotten is gone from every file, whatever dies when."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing

import pytest

from cairn.core.budget import Amount
from cairn.core.errors import ConfigError, RunError
from cairn.core.journal import Journal

WORKER = """
import sys
from cairn.core.journal import Amount, Journal
journal = Journal(sys.argv[1], config={})
stage = journal.stage("refine", store=True)
for shard in range(stage.count, 3):
    scope = f"refine/{shard}"
    for call in range(20):
        key = b"%8d%8d" % (shard, call)
        if journal.answer(key, scope) is None:
            send = journal.intend(key, "refine", "m", Amount(1, 100, 9))
            journal.commit()
            with open(sys.argv[2], "a") as paid:
                print(shard, call, file=paid)
            journal.settle(send, "answered", Amount(1, 20, 2))
            journal.store_answer(key, "label", f"marzipan answer {shard} {call}" * 90, scope)
            if call % 5 == 0:
                stage.put(scope, f"page {call}", b"marzipan payload %d " % shard * 3000)
            journal.commit()
    assert all(stage.payload(scope, f"page {call}") for call in range(0, 20, 5))
    stage.append("shard", shard, "{}")
    journal.forget(scope)
    journal.commit()
journal.close()
"""
POINTS = [
    "store:commit", "store:committed", "journal:commit", "journal:committed", "store:forget",
    "store:forgotten",
]  # fmt: skip


def run(folder, fault=""):
    command = [sys.executable, "-c", WORKER, str(folder / "j.sqlite"), str(folder / "paid")]
    environment = {**os.environ, "CAIRN_FAULT": fault}
    return subprocess.run(command, env=environment, timeout=60).returncode


def traces(folder):
    """Files of the run in which something is left of what was to be forgotten."""
    files = [file for file in folder.iterdir() if file.name != "paid"]
    return [file.name for file in files if b"marzipan" in file.read_bytes()]


def test_what_is_forgotten_is_gone_from_every_file_while_the_run_goes_on(tmp_path):
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        stage = journal.stage("refine", store=True)
        for scope in ("refine/0", "refine/1", "refine/10"):
            for call in range(50):
                body = f"{scope} marzipan{scope[6:]}:" * 200
                journal.store_answer(f"{scope} {call}".encode() * 2, "label", body, scope)
            stage.put(scope, "page", f"marzipan{scope[6:]}:".encode() * 9000)
            journal.commit()
        files = {file: file.read_bytes() for file in tmp_path.iterdir()}
        assert {name.name for name, raw in files.items() if b"marzipan/0:" in raw} != set()
        journal.forget("refine/1")
        assert stage.payload("refine/1", "page") is not None, "not before the event is saved"
        journal.commit()
        assert stage.payload("refine/1", "page") is None
        assert journal.answer(b"refine/1 7refine/1 7", "refine/1") is None
        for file in tmp_path.iterdir():
            raw = file.read_bytes()
            assert b"marzipan/1:" not in raw, file
            assert b"marzipan" not in raw or file.name.startswith("refine.store.sqlite"), file
        assert journal.answer(b"refine/10 7refine/10 7", "refine/10") is not None
        journal.forget("refine")
        journal.commit()
        assert traces(tmp_path) == []
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        assert journal.chores("forget") == []


def test_what_somebody_reads_while_it_is_forgotten_goes_as_soon_as_it_can(tmp_path):
    folder, killed = tmp_path / "run", tmp_path / "killed"
    with Journal(folder / "j.sqlite", config={}) as journal:
        stage = journal.stage("refine", store=True)
        stage.put("refine/0", "page", b"marzipan" * 9000)
        journal.commit()
        with closing(sqlite3.connect(folder / "refine.store.sqlite")) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT COUNT(*) FROM payloads").fetchone()
            journal.forget("refine/0")
            journal.commit()
            assert traces(folder) != [] and journal.chores("forget") == ["refine/0"]
            journal.commit()  # the chore is in the journal by now
            shutil.copytree(folder, killed)
        journal.forget("refine/1")
        journal.commit()
        assert traces(folder) == []
    with Journal(killed / "j.sqlite", config={}) as journal:
        journal.stage("refine", store=True)
        assert traces(killed) == []


def test_only_its_owner_can_read_a_store(tmp_path):
    before = os.umask(0o022)
    try:
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            stage = journal.stage("refine", store=True)
            stage.put("refine", "page", b"x")
            journal.commit()
            found = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    finally:
        os.umask(before)
    stores = {name: mode for name, mode in found.items() if name.startswith("refine.store")}
    assert set(stores) == {f"refine.store.sqlite{end}" for end in ("", "-wal", "-shm")}
    assert set(stores.values()) == {0o600}


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_between_store_and_journal_loses_nothing_and_pays_nothing_twice(tmp_path, point):
    for count in (2, 1 if "forg" in point else 30):
        assert run(tmp_path, f"{point}:{count}") == -9
    assert run(tmp_path) == 0
    paid = (tmp_path / "paid").read_text().split("\n")[:-1]
    assert len(set(paid)) == 60
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        (line,) = journal.spending()
        assert journal.stage("refine", store=True).count == 3
    repeated = len(paid) - 60
    assert repeated <= line.maybe_twice <= 2
    assert line.spent.plus(line.kept) >= Amount(60)
    if point not in ("store:commit", "journal:committed"):
        assert repeated == 0, "an answer in the store is never bought again"
    assert traces(tmp_path) == []


def test_a_store_is_read_without_being_touched_and_a_damaged_one_is_rebuilt(tmp_path):
    path = tmp_path / "j.sqlite"
    with Journal(path, config={}) as journal:
        stage = journal.stage("refine", store=True)
        for call in range(300):
            key, body = b"%16d" % call, f"answer {call:4d} " * 30
            journal.store_answer(key, "label", body, "refine/0")
        stage.put("refine/0", "page", b"payload")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with Journal.read(path) as journal:
        stage = journal.stage("refine", store=True)
        assert stage.payload("refine/0", "page") == b"payload"
        assert journal.answer(b"%16d" % 7, "refine/0") == "answer    7 " * 30
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
    store = tmp_path / "refine.store.sqlite"
    raw = bytearray(store.read_bytes())
    page = raw.index(b"answer  150") // 4096 * 4096
    raw[page : page + 4096] = b"\xff" * 4096
    store.write_bytes(raw)
    with Journal(path, config={}) as journal, pytest.raises(RunError, match="Resume the run"):
        journal.stage("refine", store=True)
        for call in range(300):
            journal.answer(b"%16d" % call, "refine/0")
    with Journal(path, config={}) as journal:
        stage = journal.stage("refine", store=True)
        found = [journal.answer(b"%16d" % call, "refine/0") for call in range(300)]
        assert 280 < sum(answer is not None for answer in found) < 300
        assert stage.payload("refine/0", "page") == b"payload"
        assert "store refine.store.sqlite was rebuilt" in journal.notes[0]
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_a_payload_needs_a_store(tmp_path):
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        with pytest.raises(ConfigError, match="'search' has no store: open it with store=True"):
            journal.stage("search").put("search", "page", b"")
        assert journal.stage("search").payload("search", "page") is None
