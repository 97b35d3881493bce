"""Stages of one journal: events that do not disturb each other, scopes that can be forgotten,
and books that stay in proportion to what is open."""

import os
import sqlite3
import subprocess
import sys

import pytest

from cairn.core.budget import Amount
from cairn.core.errors import RunError
from cairn.core.journal import START, Journal, chained


def test_a_stage_has_the_events_and_the_chain_it_would_have_alone(tmp_path):
    with Journal(tmp_path / "alone.sqlite", config={}) as journal:
        for trial in range(30):
            journal.stage("search").append("tell", trial, f"outcome {trial}")
        alone = journal.stage("search").chain
    with Journal(tmp_path / "both.sqlite", config={}) as journal:
        search, audit = journal.stage("search"), journal.stage("audit")
        assert journal.stage("search") is search
        for trial in range(30):
            search.append("tell", trial, f"outcome {trial}")
            if trial % 3 == 0:
                audit.append("tell", trial, f"test {trial}")
        assert search.chain == alone != audit.chain
    with Journal(tmp_path / "both.sqlite", config={}) as journal:
        search, audit = journal.stage("search"), journal.stage("audit")
        assert (search.count, audit.count, journal.seq) == (30, 10, 40)
        assert [event.trial for event in search.events()] == list(range(30))
        assert [event.body for event in audit.events()] == [f"test {i}" for i in range(0, 30, 3)]
        assert [event.seq for event in journal.events()] == list(range(1, 41))
        assert search.chain == alone and journal.notes == []
        chain = START
        for event in audit.events():
            chain = chained(chain, event.number, event.kind, event.trial, event.body)
        assert chain == audit.chain
        assert list(search.events(after=search.seq)) == []


def test_each_stage_has_its_own_snapshots_and_waiting_outcomes(tmp_path):
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        one, two = journal.stage("one"), journal.stage("two")
        for trial in range(4):
            one.append("tell", trial, "{}")
            one.save_snapshot(b"one after %d" % trial)
        two.append("tell", 0, "{}")
        two.save_snapshot(b"two")
        at = one.seq
        one.append("tell", 4, "{}")
        one.arrive(7, "tell", "late in one")
        two.arrive(7, "tell", "late in two")
        two.arrive(8, "tell", "gone")
        two.depart(8)
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        one, two = journal.stage("one"), journal.stage("two")
        shot = one.snapshot()
        assert shot is not None and (shot[0], shot[2]) == (at, b"one after 3")
        assert [event.trial for event in one.events(after=shot[0])] == [4]
        shot = two.snapshot()
        assert shot is not None and shot[2] == b"two"
        assert one.arrived() == {7: ("tell", "late in one")}
        assert two.arrived() == {7: ("tell", "late in two")}
        query = "SELECT COUNT(*) FROM snapshots"
        assert journal._db.execute(query).fetchone() == (3,), "two per stage at most"
        two.depart(7)
        assert two.arrived() == {} and one.arrived() != {}


@pytest.mark.parametrize("stage", ["one", "two"])
def test_damage_in_what_a_stage_still_reads_is_found_although_another_has_a_newer_snapshot(
    tmp_path, stage
):
    path = tmp_path / "j.sqlite"
    with Journal(path, config={}) as journal:
        one, two = journal.stage("one"), journal.stage("two")
        one.append("tell", 0, "{}")
        one.save_snapshot(b"early")
        for trial in range(1, 11):
            one.append("tell", trial, "{}")
            two.append("tell", trial, "{}")
        two.append("tell", 11, "{}")
        if stage == "one":
            two.save_snapshot(b"late")
    with sqlite3.connect(path) as db:
        seq = "SELECT seq FROM events WHERE stage = ? AND trial = 5"
        db.execute(f"UPDATE events SET body = 'forged' WHERE seq = ({seq})", (stage,))
    db.close()
    with Journal(path, config={}) as journal:
        bodies = {event.body for event in journal.stage(stage).events()}
        assert bodies == {"{}"} and journal.stage(stage).count in (4, 5)
        assert "later events are lost" in " ".join(journal.notes)


def test_a_scope_is_forgotten_with_what_lies_in_it_and_nothing_else(tmp_path):
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        scopes = ["refine", "refine/1", "refine/12", "refine/1/a", "refinery", "search", "refine0"]
        for number, scope in enumerate(scopes):
            journal.store_answer(b"%d" % number, "label", scope, scope=scope)
        journal.commit()
        left = lambda: [journal.answer(b"%d" % number) for number in range(len(scopes))]  # noqa: E731
        journal.forget("refine/1")
        assert left() == ["refine", None, "refine/12", None, "refinery", "search", "refine0"]
        journal.store_answer(b"1", "label", "again", scope="refine/1")
        assert journal.answer(b"1") == "again"
        journal.forget("refine")
        assert left() == [None, None, None, None, "refinery", "search", "refine0"]
    with Journal(tmp_path / "j.sqlite", config={}) as journal:
        assert left()[1] is None and left()[4] == "refinery"


@pytest.mark.parametrize("fault", ["journal:commit:2", "journal:committed:2"])
def test_an_event_and_the_forgetting_of_what_led_to_it_are_saved_together(tmp_path, fault):
    path = tmp_path / "j.sqlite"
    code = (
        "import sys; from cairn.core.journal import Journal\n"
        "j = Journal(sys.argv[1], config={})\n"
        "j.store_answer(b'k', 'label', 'paid for', scope='refine/0')\n"
        "j.stage('refine').append('shard', 0, '{}')\n"
        "j.forget('refine/0'); j.commit(); j.close()"
    )
    environment = {**os.environ, "CAIRN_FAULT": fault}
    command = [sys.executable, "-c", code.replace("j.stage", "j.commit(); j.stage"), str(path)]
    fault = fault.replace("2", "3")  # opening commits, the answer is committed, then both
    process = subprocess.run(command, env={**environment, "CAIRN_FAULT": fault}, timeout=60)
    assert process.returncode == -9
    with Journal(path, config={}) as journal:
        finished = journal.stage("refine").count == 1
        assert finished == (fault == "journal:committed:3")
        assert (journal.answer(b"k") is None) == finished


def test_settled_sends_leave_no_row_of_their_own(tmp_path):
    path = tmp_path / "j.sqlite"
    with Journal(path, config={}) as journal:
        for call in range(500):
            stage, role = ("search", "audit")[call % 2], ("target", "judge")[call % 5 == 0]
            send = journal.intend(b"%d" % call, stage, role, Amount(1, 100, 50))
            if call % 3:
                journal.commit()
            outcome = ("answered", "refused", "lost")[call % 3]
            journal.settle(send, outcome, None if outcome == "lost" else Amount(1, 10, 5))
        open_send = journal.intend(b"x", "search", "judge", Amount(1, 100, 50))
        journal.commit()
        assert journal._db.execute("SELECT id FROM sends").fetchall() == [(open_send,)]
        assert journal._db.execute("SELECT COUNT(*) FROM spent").fetchone()[0] == 12
        books = {(line.stage, line.role): line for line in journal.spending()}
        total = Amount()
        for line in books.values():
            total = total.plus(line.spent)
        assert total == Amount(334, 3340, 1670)
        assert sum(line.maybe_twice for line in books.values()) == 167, "the open one counts"
        with sqlite3.connect(path) as other:  # what another process would read
            assert other.execute("SELECT SUM(sends) FROM spent").fetchone() == (500,)
        other.close()


def test_a_journal_of_the_first_format_is_refused_in_one_line_that_says_what_to_do(tmp_path):
    path = tmp_path / "j.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE meta(name TEXT PRIMARY KEY, value TEXT NOT NULL)")
        db.execute("INSERT INTO meta VALUES ('format', '1')")
        for table in ("events", "snapshots", "answers", "arrived", "sends", "sessions"):
            db.execute(f"CREATE TABLE {table}(id INTEGER PRIMARY KEY)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(
        RunError, match=r"cairn 0\.1\.0 \(format 1\).*or start a new one\.$"
    ) as caught:
        Journal(path, config={})
    assert "\n" not in str(caught.value) and path.read_bytes() == before
