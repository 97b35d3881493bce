"""The journal as a file: what it keeps, what it refuses, and how it comes back from damage."""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys

import pytest

from cairn.core.budget import Amount
from cairn.core.errors import RunError
from cairn.core.journal import START, Journal, chained
from cairn.core.journal_files import finish_repair

CONFIG = {"seed": 1, "judge": {"model": "a", "votes": 4}}


def fill(path, events: int, snapshot_at: int | None = None) -> bytes:
    with Journal(path, config=CONFIG) as journal:
        for trial in range(events):
            journal.stage("s").append("tell", trial, f'{{"score":{trial},"pad":"{"x" * 300}"}}')
            journal.store_answer(trial.to_bytes(32, "big"), "label", f"answer {trial}")
            journal.commit()
            if trial + 1 == snapshot_at:
                journal.stage("s").save_snapshot(b"state")
                journal.commit()
        return journal.chain


def test_events_come_back_in_order_with_an_unbroken_chain(tmp_path):
    chain = fill(tmp_path / "j.sqlite", 2500)
    with Journal(tmp_path / "j.sqlite", config=CONFIG) as journal:
        events = list(journal.events())
        assert [event.trial for event in events] == list(range(2500))
        digest = START
        for event in events:
            digest = chained(digest, event.number, event.kind, event.trial, event.body)
            assert digest == event.chain and event.seq == event.number
        assert digest == journal.stage("s").chain and events[-1].digest == chain == journal.chain
        assert journal.notes == []
        assert [event.seq for event in journal.events(after=2498)] == [2499, 2500]


def test_a_journal_of_another_config_is_refused_by_the_fields_that_differ(tmp_path):
    fill(tmp_path / "j.sqlite", 1)
    other = {"seed": 2, "judge": {"model": "b", "votes": 4}, "extra": None}
    with pytest.raises(RunError) as caught:
        Journal(tmp_path / "j.sqlite", config=other)
    message = str(caught.value)
    assert 'judge.model was "a", now "b"' in message and "seed was 1, now 2" in message
    assert "extra was absent, now null" in message and "votes" not in message
    fill(tmp_path / "j.sqlite", 1)  # the lock was given back


def test_a_second_process_is_refused_and_the_first_is_named(tmp_path):
    code = (
        "import sys; from cairn.core.journal import Journal; from cairn.core.errors import *\n"
        "try: Journal(sys.argv[1], config={})\n"
        "except RunError as error: print(error)"
    )
    with Journal(tmp_path / "j.sqlite", config={}):
        output = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "j.sqlite")],
            capture_output=True,
            text=True,
            timeout=60,
        ).stdout
    assert f"in use by process {os.getpid()}" in output and "another run directory" in output


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"my notes, not a database" * 100)
    with pytest.raises(RunError, match="is not a journal"):
        Journal(path, config={})
    assert path.read_bytes().startswith(b"my notes")
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE people(name TEXT)")
    with pytest.raises(RunError, match="not a journal of cairn"):
        Journal(other, config={})


def damage_body(path):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE events SET body = 'forged' WHERE seq = 91")
    db.close()


def damage_digest(path):
    with sqlite3.connect(path) as db:
        db.execute("UPDATE events SET digest = 7 WHERE seq = 91")
    db.close()


def damage_gap(path):
    with sqlite3.connect(path) as db:
        db.execute("DELETE FROM events WHERE seq = 91")
    db.close()


def damage_pages(path):
    """Overwrite the page that holds event 91, as a bad disk would."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    raw = bytearray(path.read_bytes())
    where = raw.index(b'{"score":90,')
    page = where // 4096 * 4096
    raw[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(raw)


@pytest.mark.parametrize("damage", [damage_body, damage_digest, damage_gap, damage_pages])
@pytest.mark.parametrize("snapshot_at", [None, 50])
def test_a_damaged_tail_is_cut_at_the_last_good_event_and_said_so(tmp_path, damage, snapshot_at):
    path = tmp_path / "j.sqlite"
    fill(path, 100, snapshot_at)
    damage(path)
    with Journal(path, config=CONFIG) as journal:
        good = journal.seq
        assert (80 if damage is damage_pages else 90) <= good <= 90
        assert [event.trial for event in journal.events()] == list(range(good))
        notes = " ".join(journal.notes)
        assert f"recovered up to event {good}, {100 - good} later events are lost" in notes
        assert "the old file is kept" in notes
        answers = [journal.answer(trial.to_bytes(32, "big")) for trial in range(100)]
        assert answers == [f"answer {trial}" for trial in range(100)], "answers survive"
        assert journal.stage("s").snapshot() == (
            None if snapshot_at is None else journal.stage("s").snapshot()
        )
        journal.stage("s").append("tell", good, "{}")
    assert len(list(tmp_path.glob("*.damaged-1"))) == 1
    with Journal(path, config=CONFIG) as journal:
        assert journal.seq == good + 1 and journal.notes == []


def test_after_a_repair_without_a_new_event_the_journal_can_be_read(tmp_path):
    path = tmp_path / "j.sqlite"
    fill(path, 100)
    damage_body(path)
    with Journal(path, config=CONFIG) as journal:
        assert "later events are lost" in " ".join(journal.notes)
        good = journal.seq
    with Journal.read(path) as journal:
        assert journal.seq == good


@pytest.mark.parametrize("fault", ["journal:commit:1", "journal:committed:1", "journal:commit:2"])
def test_a_kill_around_the_commit_that_notes_a_loss_does_not_lose_the_note(tmp_path, fault):
    path = tmp_path / "j.sqlite"
    fill(path, 100)
    damage_body(path)
    code = (
        "import json, sys; from cairn.core.journal import Journal\n"
        "j = Journal(sys.argv[1], config=json.loads(sys.argv[2]))\n"
        "j.stage('s').append('tell', j.seq, '{}'); j.commit()"
    )
    command = [sys.executable, "-c", code, str(path), json.dumps(CONFIG)]
    killed = subprocess.run(command, env={**os.environ, "CAIRN_FAULT": fault}, timeout=60)
    assert killed.returncode == -9
    with Journal(path, config=CONFIG) as journal:
        told = " ".join(journal.notes)
        assert told.count("later events are lost") == 1
    with Journal(path, config=CONFIG) as journal:
        assert journal.notes == []


def test_a_lost_write_ahead_log_is_noticed(tmp_path):
    path = tmp_path / "j.sqlite"
    code = (
        "import os, sys; from cairn.core.journal import Journal\n"
        "j = Journal(sys.argv[1], config={})\n"
        "for i in range(20): j.stage('s').append('tell', i, '{}')\n"
        "j.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    raw = path.with_name("j.sqlite-wal").read_bytes()
    # The last frame, which holds the last commit, is garbled: SQLite would drop it silently.
    path.with_name("j.sqlite-wal").write_bytes(raw[:-4120] + b"\0" * 4120)
    with Journal(path, config={}) as journal:
        assert journal.seq == 0
        assert "20 later events are lost" in journal.notes[0]


@pytest.mark.parametrize("fault", ["journal:repair-copied:1", "journal:repair-moved:1"])
def test_a_repair_that_is_killed_is_finished_later(tmp_path, fault):
    path = tmp_path / "j.sqlite"
    fill(path, 100)
    damage_body(path)
    code = "import sys; from cairn.core.journal import Journal; Journal(sys.argv[1], config=%r)"
    process = subprocess.run(
        [sys.executable, "-c", code % (CONFIG,), str(path)],
        env={**os.environ, "CAIRN_FAULT": fault},
        timeout=60,
    )
    assert process.returncode == -9
    with Journal(path, config=CONFIG) as journal:
        assert journal.seq == 90


def test_a_repaired_journal_never_meets_the_log_of_the_damaged_one(tmp_path):
    path = tmp_path / "j.sqlite"
    for name in ("j.sqlite", "j.sqlite-wal", "j.sqlite-shm", "j.sqlite.repaired"):
        (tmp_path / name).write_text(name)
    assert finish_repair(path) == tmp_path / "j.sqlite.damaged-1"
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {
        "j.sqlite": "j.sqlite.repaired",
        "j.sqlite.damaged-1": "j.sqlite",
        "j.sqlite.damaged-1-wal": "j.sqlite-wal",
        "j.sqlite.damaged-1-shm": "j.sqlite-shm",
    }


def test_a_damaged_snapshot_is_passed_over(tmp_path):
    path = tmp_path / "j.sqlite"
    with Journal(path, config=CONFIG) as journal:
        for trial, state in enumerate((b"one", b"two", b"three")):
            journal.stage("s").append("tell", trial, "{}")
            journal.stage("s").save_snapshot(state)
    with sqlite3.connect(path) as db:
        assert [row[0] for row in db.execute("SELECT seq FROM snapshots")] == [2, 3]
        db.execute("UPDATE snapshots SET body = x'00' WHERE seq = 3")
    db.close()
    with Journal(path, config=CONFIG) as journal:
        shot = journal.stage("s").snapshot()
        assert shot is not None and (shot[0], shot[2]) == (2, b"two") and journal.seq == 3


def test_an_unreadable_page_in_mid_run_asks_for_a_resume_that_repairs(tmp_path):
    path = tmp_path / "j.sqlite"
    fill(path, 300, snapshot_at=300)
    db = sqlite3.connect(path)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    raw = bytearray(path.read_bytes())
    page = raw.index(b"answer 150") // 4096 * 4096
    raw[page : page + 4096] = b"\xff" * 4096
    path.write_bytes(raw)
    with Journal(path, config=CONFIG) as journal, pytest.raises(RunError, match="Resume the run"):
        for trial in range(300):
            journal.answer(trial.to_bytes(32, "big"))
    with Journal(path, config=CONFIG) as journal:
        found = [journal.answer(trial.to_bytes(32, "big")) for trial in range(300)]
        assert 200 < sum(answer is not None for answer in found) < 300
        assert journal.seq == 300 and "rebuilt" in journal.notes[0]


def test_the_books_count_what_was_in_flight_at_a_kill_as_possibly_paid(tmp_path):
    path = tmp_path / "j.sqlite"
    code = (
        "import os, sys; from cairn.core.journal import Journal, Amount\n"
        "j = Journal(sys.argv[1], config={})\n"
        "sends = [j.intend(b'k', 'search', 'm', Amount(1, 50, 7, memory_mb=9)) for _ in range(4)]\n"
        "j.settle(sends[0], 'answered', Amount(1, 20, 3)); j.settle(sends[1], 'lost', None)\n"
        "j.commit(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], timeout=60)
    with Journal(path, config={}) as journal:
        assert journal.spending() == [("search", "m", Amount(1, 20, 3), Amount(3, 150, 21), 3)]
    with Journal(path, config={}) as journal:
        assert journal.spending() == [("search", "m", Amount(1, 20, 3), Amount(3, 150, 21), 3)]


def test_one_commit_serves_all_waiters_of_a_turn(tmp_path):
    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            commits = []
            commit = journal.commit
            journal.commit = lambda: (commits.append(1), commit())[1]

            async def write(trial):
                journal.stage("s").append("tell", trial, "{}")
                await journal.saved()

            await asyncio.gather(*(write(trial) for trial in range(50)))
            assert len(commits) == 1 and journal.seq == 50

    asyncio.run(main())


def test_a_cancelled_waiter_does_not_cancel_the_others(tmp_path):
    async def main():
        with Journal(tmp_path / "j.sqlite", config={}) as journal:
            journal.stage("s").append("tell", 0, "{}")
            first = asyncio.ensure_future(journal.saved())
            second = asyncio.ensure_future(journal.saved())
            first.cancel()
            await second

    asyncio.run(main())


def test_a_full_disk_is_one_clear_line_and_what_was_saved_stays(tmp_path):
    with Journal(tmp_path / "j.sqlite", config=CONFIG) as journal:
        journal.stage("s").append("tell", 0, "saved")
        journal.commit()
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count={pages + 1}")
        with pytest.raises(RunError, match=r"cannot write to the journal .*full.*make room"):
            for trial in range(1, 50):
                journal.stage("s").append("tell", trial, "x" * 4000)
                journal.commit()
        with pytest.raises(RunError, match="cannot write"):  # no gap: nothing more is written
            journal.stage("s").append("tell", 50, "small")
    with Journal(tmp_path / "j.sqlite", config=CONFIG) as journal:
        assert [event.body for event in journal.events()] == ["saved"]
