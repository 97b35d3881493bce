"""Looking at a journal: without a lock, a repair or a byte written, whatever its state."""

import fcntl
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from cairn.core import journal_check
from cairn.core.budget import Amount
from cairn.core.errors import RunError
from cairn.core.journal import Journal
from cairn.core.journal_read import nothing, open_to_read

WRITER = """
import os, sys
from cairn.core.journal import Amount, Journal
journal = Journal(sys.argv[1], config={"seed": 1})
for trial in range(20):
    journal.stage("search").append("tell", trial, "{}")
journal.store_answer(b"k", "label", "an answer")
journal.intend(b"x", "search", "m", Amount(1, 5))
journal.commit()
if sys.argv[2] == "die":
    os.kill(os.getpid(), 9)
if sys.argv[2] == "wait":
    print("written", flush=True)
    sys.stdin.read()
journal.close()
"""


def start(path, how):
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), how],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def listing(folder):
    return {file.name: (file.read_bytes(), file.stat().st_mtime_ns) for file in folder.iterdir()}


def check(path):
    with Journal.read(path, config={"seed": 1}) as journal:
        assert [event.trial for event in journal.stage("search").events()] == list(range(20))
        assert journal.answer(b"k") == "an answer" and journal.stage("search").count == 20
        assert journal.spending() == [("search", "m", Amount(), Amount(1, 5), 1)]
        assert journal.stage("search").snapshot() is None and journal.notes == []
        for write in (
            lambda: journal.stage("s").append("tell", 0, "{}"),
            lambda: journal.store_answer(b"k", "label", "other"),
            lambda: journal.intend(b"k", "search", "m", Amount()),
            lambda: journal.stage("search").save_snapshot(b""),
            lambda: journal.forget(""),
        ):
            with pytest.raises(RunError, match="opened to be read"):
                write()


@pytest.mark.parametrize("how", ["close", "die"])
def test_a_journal_is_read_without_a_byte_written_also_in_a_read_only_folder(tmp_path, how):
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / "j.sqlite"
    start(path, how).communicate(timeout=60)
    assert ("j.sqlite-wal" in listing(folder)) == (how == "die")
    before = listing(folder)
    check(path)
    assert listing(folder) == before
    mode = folder.stat().st_mode
    for file in folder.iterdir():
        file.chmod(0o444)
    folder.chmod(0o555)
    try:
        check(path)
    finally:
        folder.chmod(mode)
    assert listing(folder) == before


def test_a_journal_is_read_while_a_run_writes_to_it(tmp_path):
    path = tmp_path / "j.sqlite"
    writer = start(path, "wait")
    try:
        assert writer.stdout is not None and writer.stdout.readline() == "written\n"
        before = listing(tmp_path)
        check(path)
        assert listing(tmp_path) == before  # its shared memory too
    finally:
        writer.communicate("")
    assert writer.returncode == 0
    # Nobody kept it from clearing its log away.
    assert sorted(os.listdir(tmp_path)) == ["j.sqlite", "j.sqlite.head", "j.sqlite.lock"]


def test_what_a_run_adds_while_it_is_read_is_neither_damage_nor_half_seen(tmp_path, monkeypatch):
    path, plain = tmp_path / "j.sqlite", journal_check.last_good
    with Journal(path, config={}) as writer:

        def add(*_: object):
            writer.stage("search").append("tell", writer.seq, "{}")
            writer.intend(b"x", "search", "m", Amount(1, 5))
            writer.commit()

        def followed(db):
            found = plain(db)
            add()
            return found

        add()
        monkeypatch.setattr(journal_check, "last_good", followed)
        with Journal.read(path) as journal:
            add()
            assert len(list(journal.events())) == journal.seq == 1
            assert [line.maybe_twice for line in journal.spending()] == [1]
        assert writer.seq == 4


@pytest.mark.parametrize("how", ["event", "log", "mark"])
def test_a_damaged_journal_is_not_repaired_by_who_only_reads(tmp_path, how):
    path = tmp_path / "j.sqlite"
    start(path, "die" if how == "log" else "close").communicate(timeout=60)
    if how == "event":
        with sqlite3.connect(path) as db:
            db.execute("UPDATE events SET body = 'forged' WHERE seq = 15")
        db.close()
    elif how == "log":
        log = path.with_name("j.sqlite-wal")
        log.write_bytes(log.read_bytes()[:-4120])
    else:
        (tmp_path / "j.sqlite.mend").touch()
    before = listing(tmp_path)
    with pytest.raises(RunError, match=r"damaged after event \d+ of 20\. Nothing was changed") as e:
        Journal.read(path)
    assert listing(tmp_path) == before and "\n" not in str(e.value)


def test_what_cannot_be_read_is_said_in_one_line(tmp_path):
    with pytest.raises(RunError, match="does not exist"):
        Journal.read(tmp_path / "none.sqlite")
    (tmp_path / "empty.sqlite").touch()
    with pytest.raises(RunError, match="is empty"):
        Journal.read(tmp_path / "empty.sqlite")
    (tmp_path / "notes.txt").write_text("no database" * 1000)
    with pytest.raises(RunError, match="cannot be read as a journal"):
        Journal.read(tmp_path / "notes.txt")
    start(tmp_path / "j.sqlite", "close").communicate(timeout=60)
    with pytest.raises(RunError, match="seed was 1, now 2"):
        Journal.read(tmp_path / "j.sqlite", config={"seed": 2})
    assert sorted(os.listdir(tmp_path))[0] == "empty.sqlite"


def test_a_look_needs_no_lock_and_copies_only_where_the_index_of_the_log_is_gone(tmp_path):
    path = tmp_path / "j.sqlite"
    start(path, "die").communicate(timeout=60)
    with open(tmp_path / "j.sqlite.lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a writer that has only just begun
        db, clean_up = open_to_read(path)
        assert clean_up is nothing and db.execute("SELECT MAX(seq) FROM events").fetchone() == (20,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM events")
        db.close()
    (tmp_path / "j.sqlite-shm").unlink()
    before = listing(tmp_path)
    db, clean_up = open_to_read(path)
    held = open(tmp_path / "j.sqlite.lock", "a")  # noqa: SIM115
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)  # while the copy is open
    held.close()
    assert clean_up is not nothing and db.execute("SELECT COUNT(*) FROM events").fetchone() == (20,)
    folder = Path(db.execute("PRAGMA database_list").fetchone()[2]).parent
    db.close()
    clean_up()
    assert listing(tmp_path) == before and not folder.exists()
