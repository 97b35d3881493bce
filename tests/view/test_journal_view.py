"""A journal in figures: every event counted once, nothing written, nothing locked, any state."""

import fcntl
import json
import sqlite3

import pytest
from made_journals import fill, key, killed, listing, start, written

from cairn.core import journal_read, journal_retie, shards
from cairn.core.budget import Amount
from cairn.core.errors import ConfigError
from cairn.core.journal import Journal, canonical
from cairn.report.parts import Cards, Notes, Section, Table, Text, Words
from cairn.report.words import moment
from cairn.view import journal_calls, journal_tally
from cairn.view.journal import JournalView
from cairn.view.journal_answer import words_of


def figures(path, running=None):
    view = JournalView(path)
    view.refresh()
    while view.more:
        view.refresh()
    return {section.id: section for section in view.figures(running)}


def table(section: Section) -> list[tuple]:
    (found,) = (part for part in section.parts if isinstance(part, Table))
    return [tuple(row) for row in found.rows]


def words(section: Section) -> str:
    lines = [part.text for part in section.parts if isinstance(part, Words)]
    return " ".join(
        [*lines, *(line for p in section.parts if isinstance(p, Notes) for line in p.lines)]
    )


def test_the_figures_are_what_was_written(tmp_path):
    found = figures(written(tmp_path / "run"))
    assert table(found["journal-spent"]) == [
        ("search", "judge", 16, 0, 4, 1600, 0.00048, "1,200 tokens, 0.0004"),
        ("search", "target", 20, 0, 0, 2000, 0.0006, None),
        ("together", "", 36, 0, 4, 3600, 0.00108, "1,200 tokens, 0.0004"),
    ]
    assert table(found["journal-events"]) == [
        ("search", "ask", 20), ("search", "failure", 2), ("search", "tell", 18),
    ]  # fmt: skip
    assert table(found["journal-failures"]) == [
        ("search", "CutAnswerError", "failed", 2, 19, "cut in trial 19")
    ]
    ((number, begun, seconds),) = table(found["journal-sessions"])
    with sqlite3.connect(tmp_path / "run" / "journal.sqlite") as db:
        started, ran = db.execute("SELECT started, seconds FROM sessions").fetchone()
    assert (number, begun, seconds) == (1, moment(started), round(ran, 2))
    sizes = dict(table(found["journal-files"]))
    assert sizes["journal.sqlite"] == (tmp_path / "run" / "journal.sqlite").stat().st_size
    assert sizes["together"] == sum(sizes.values()) / 2
    assert "journal-flight" not in found


def test_looking_locks_nothing_and_writes_no_byte_whatever_state_the_run_is_in(
    tmp_path, monkeypatch
):
    def refuse(*_):
        raise AssertionError("a look takes no lock")

    closed, dead = written(tmp_path / "closed"), killed(tmp_path / "dead")
    writer = start(tmp_path / "live", "write")
    assert writer.stdin is not None and writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(fcntl, "lockf", refuse)
    before = listing(tmp_path)
    for run in (closed, dead, tmp_path / "live"):
        view = JournalView(run)
        assert view.refresh() and view.problem == ""
        view.figures(), view.calls("Answer"), view.call(key(3).hex())
    assert listing(tmp_path) == before
    assert (dead / "journal.sqlite-wal").exists()
    # The writer goes on, the view sees it, and at its end nothing is left of its log.
    writer.stdin.write("\n")
    writer.stdin.flush()
    assert writer.stdout.readline() == "more\n"
    assert view.refresh() and view.books()[0].answered == 54
    writer.communicate("")
    assert writer.returncode == 0
    assert not list((tmp_path / "live").glob("*-wal")) and view.refresh() and view.problem == ""


def test_a_run_that_ends_while_it_is_looked_at_can_clear_its_log_away(tmp_path):
    writer = start(tmp_path / "run", "write")
    assert writer.stdout is not None and writer.stdout.readline() == "written\n"
    view = JournalView(tmp_path / "run")
    assert view.refresh() and view.calls() and view.call(key(3).hex())
    # No file is read by the test before: that would give up this process's locks on it.
    writer.communicate("")
    assert not list((tmp_path / "run").glob("*-wal"))


def test_after_the_first_look_only_what_is_new_is_read(tmp_path, monkeypatch):
    read = []
    plain = journal_tally.Tally._count

    def noting(self, db, after, until):
        read.append((after, until))
        plain(self, db, after, until)

    monkeypatch.setattr(journal_tally.Tally, "_count", noting)
    monkeypatch.setattr(journal_tally, "CHUNK", 7)
    run = written(tmp_path / "run")
    view = JournalView(run)
    assert view.refresh(0.0) and read == [(33, 40)] and view.more
    while view.more:
        assert view.refresh(0.0)
    assert sorted(read) == [(0, 5), *((low, low + 7) for low in range(5, 40, 7))]
    assert not view.refresh() and len(read) == 6
    with Journal(run / "journal.sqlite", config={"seed": 1}) as journal:
        fill(journal, trials=3)
    assert view.refresh() and read[6:] == [(40, 46)]
    assert sum(view._tally.counts.values()) == 46
    assert view._tally.failures["search", "failure", "CutAnswerError"].trials == 2


def test_a_program_that_names_every_error_anew_takes_no_more_memory_for_it(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_tally, "ERRORS", 3)
    with Journal(tmp_path / "journal.sqlite", config={}) as journal:
        for trial in range(10):
            said = {"error": f"Error{trial}", "message": f"in {trial}"}
            journal.stage("s").append("failure", trial, canonical(said))
    rows = table(figures(tmp_path)["journal-failures"])
    assert rows[0] == ("s", "other errors", "failed", 7, 9, "in 9") and len(rows) == 4


def test_trials_that_are_made_anew_are_counted_anew(tmp_path):
    run = written(tmp_path / "run")
    view = JournalView(run)
    view.refresh()
    journal_retie.retie(run / "journal.sqlite", {"seed": 2})
    assert view.refresh() and sum(view._tally.counts.values()) == 0
    with Journal(run / "journal.sqlite", config={"seed": 2}) as journal:
        for trial in range(30):  # as many events as before, and others
            journal.stage("search").append("tell", trial, "{}")
    assert view.refresh() and dict(view._tally.counts) == {("search", "tell"): 30}


def test_a_log_without_its_index_is_copied_once_for_each_state_it_is_in(tmp_path, monkeypatch):
    copied = []
    plain = journal_read.shutil.copyfile
    monkeypatch.setattr(
        journal_read.shutil, "copyfile", lambda *names: copied.append(names[1]) or plain(*names)
    )
    run = killed(tmp_path / "run")
    (run / "journal.sqlite-shm").unlink()
    before = listing(run)
    view = JournalView(run)
    assert view.refresh() and view.books()[0].in_flight == 1
    view.calls(), view.call(key(1).hex())
    assert len(copied) == 2 and listing(run) == before
    with Journal(run / "journal.sqlite", config={"seed": 1}) as journal:
        fill(journal, trials=1)
    assert view.refresh() and view.books()[0].in_flight == 0
    view.close()
    assert len(copied) == 2 and not any(name.parent.exists() for name in copied)


def test_what_is_in_flight_is_told_of_a_run_and_of_one_that_was_killed(tmp_path):
    run = killed(tmp_path / "run")
    alive, dead = figures(run, running=True), figures(run, running=False)
    assert table(alive["journal-flight"]) == [("search", "target", 1, 300, 0.0)]
    assert "Nobody works on the run" in words(dead["journal-flight"])
    assert "Nobody works on the run" not in words(alive["journal-flight"])
    view = JournalView(run)
    view.refresh()
    assert "In flight: target" in words(view.call((b"in flight" + bytes(23)).hex()))


def test_journals_of_workers_in_other_processes_are_counted_until_they_are_taken_over(tmp_path):
    run = written(tmp_path / "run", trials=1)
    with Journal(run / "journal.sqlite", config={"seed": 1}) as journal:
        with Journal(journal.shard("map", 3), config={}) as shard:
            send = shard.intend(b"k", "map", "writer", Amount(1, tokens=50))
            shard.settle(send, "answered", Amount(1, tokens=40))
            shard.store_answer(key(77), "doc-7/writer/ask/0", "text", "map/3")
        view = JournalView(run)
        assert view.refresh()
        spent = {row[:2]: row[2] for row in table(view.figures()[1])}
        assert spent["map", "writer"] == 1 and spent["together", ""] == 2
        assert "journal.sqlite.shards/map-000003" in str(view.call(key(77).hex()))
        journal.stage("map").append(
            "shard", 3, canonical({"done": 7, "rejected": 2, "failed": 1, "fold": None})
        )
        journal.take("map", 3)
        journal.commit()
        assert view.refresh()
    found = {section.id: section for section in view.figures()}
    assert table(found["journal-spent"])[-1][2] == 2 and "journal-flight" not in found
    assert "2 were rejected by the work, 1 got no answer" in words(found["journal-failures"])
    assert "not held" in words(view.call(key(77).hex()))


def test_the_run_s_own_books_come_first_also_where_a_shard_was_read_before(tmp_path):
    with Journal(shards.path(tmp_path / "journal.sqlite", "map", 1), config={}) as shard:
        shard.settle(shard.intend(b"k", "map", "writer", Amount(1)), "answered", None)
    view = JournalView(tmp_path)
    assert view.refresh() and view.problem and len(view.books()) == 1
    written(tmp_path, trials=1)
    assert view.refresh() and not view.problem
    assert [book.answered for book in view.books()] == [1, 1]
    assert [line.role for line in view.books()[0].lines] == ["judge", "target"]


def test_a_run_looked_at_shows_its_pace(tmp_path, monkeypatch):
    run, now = written(tmp_path / "run", trials=1), iter([100.0, 101.0, 103.0, 104.0])
    monkeypatch.setattr("time.time", lambda: next(now))
    view = JournalView(run)
    for trials in (0, 5, 6, 0):
        if trials:
            monkeypatch.setattr("time.time", lambda: 1.0)
            with Journal(run / "journal.sqlite", config={"seed": 1}) as journal:
                fill(journal, trials=trials)
            monkeypatch.setattr("time.time", lambda: next(now))
        view.refresh()
    # Of 5 trials one judge's answer was lost, of 6 one.
    assert view._pace.per_second() == [(1.0, 9.0), (3.0, 5.5)]
    cards = view.figures(True)[0].parts[0]
    assert isinstance(cards, Cards) and cards.cards[1].value == "5.5/s"
    assert len(view.figures(False)[0].parts) == 2  # no chart of a run that has ended


@pytest.mark.parametrize("state", ["missing", "empty", "older", "text", "other", "tail", "page"])
def test_what_is_wrong_with_a_journal_is_said_in_a_line_and_the_rest_goes_on(tmp_path, state):
    run = written(tmp_path / "run", trials=2000 if state == "page" else 20)
    path = run / "journal.sqlite"
    expected = {
        "missing": "does not exist", "empty": "is empty", "older": "cairn 0.1.0 (format 1)",
        "text": "cannot be read", "other": "not a journal of cairn",
        "tail": "damaged after event 36 of 40", "page": "not all events can be read",
    }[state]  # fmt: skip
    if state == "missing":
        path.unlink()
    elif state == "empty":
        path.write_bytes(b"")
    elif state == "text":
        path.write_text("no database" * 1000)
    elif state == "page":
        body = bytearray(path.read_bytes())
        middle = body.index(b'{"cell":1000}') // 4096 * 4096
        body[middle : middle + 4096] = b"\xff" * 4096
        path.write_bytes(body)
    else:
        with sqlite3.connect(path) as db:
            db.execute({
                "older": "UPDATE meta SET value = '1' WHERE name = 'format'",
                "other": "DROP TABLE spent",
                "tail": "DELETE FROM events WHERE seq > 36",
            }[state])  # fmt: skip
        db.close()
    before = listing(run)
    view = JournalView(run)
    view.refresh()
    found = {section.id: section for section in view.figures()}
    assert expected in words(found["journal"]) and "\n" not in words(found["journal"])
    assert ("journal-spent" in found) == (state in ("tail", "page"))
    assert not view.more and listing(run) == before
    assert isinstance(view.calls(), Section) and isinstance(view.call(key(1).hex()), Section)


@pytest.mark.parametrize(
    "change",
    [
        "spent SET tokens = 'many'",
        "sessions SET started = 'today'",
        "spent SET role = x'00' WHERE outcome = 'lost'",
    ],
)
def test_values_that_no_journal_has_are_said_to_be_damage(tmp_path, change):
    run = written(tmp_path / "run")
    with sqlite3.connect(run / "journal.sqlite") as db:
        db.execute(f"UPDATE {change}")
        db.execute("UPDATE answers SET body = x'00ff' WHERE label LIKE '1/%'")
        db.execute("UPDATE answers SET scope = 7, label = 8 WHERE label LIKE '2/%'")
        db.execute("UPDATE answers SET body = x'00ff' WHERE label LIKE '3/%'")
        db.execute("UPDATE events SET body = x'00ff' WHERE kind = 'failure'")
    db.close()
    view = JournalView(run)
    view.refresh()
    assert "journal.sqlite cannot be read" in words(view.figures()[0])
    for section in (view.calls(), view.calls("target"), *(view.call(key(n).hex()) for n in (1, 2))):
        assert isinstance(section, Section)
    assert "cannot be read" in words(view.call(key(1).hex()))


def test_a_journal_that_goes_while_it_is_looked_at_leaves_what_was_seen(tmp_path):
    run = written(tmp_path / "run")
    view = JournalView(run)
    view.refresh()
    for file in run.iterdir():
        file.unlink()
    run.rmdir()
    assert view.refresh() and "does not exist" in view.problem
    found = {section.id: section for section in view.figures()}
    assert "does not exist" in words(found["journal"])
    assert table(found["journal-events"])[0] == ("search", "ask", 20)
    assert "does not exist" not in words(view.calls()) and not view.refresh()


def test_calls_are_listed_newest_first_a_page_at_a_time_and_found(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_calls, "PAGE", 8)
    view = JournalView(written(tmp_path / "run"))
    view.refresh()
    labels, before = [], ""
    for _ in range(3):
        section = view.calls(before=before)
        labels += [row[0].text for row in table(section)]
        last = section.parts[-1]
        before = last.link.href.partition("before=")[2].replace("%7C", "|") if (
            isinstance(last, Words) and last.link
        ) else ""  # fmt: skip
    assert labels == [f"{trial}/target/response/0" for trial in reversed(range(20))] and not before
    ((link, role, stage, scope, size, begins, where),) = table(view.calls("number 13:"))
    assert (role, stage, scope, where) == ("target", "search", "search", "journal.sqlite")
    assert link.href == f"?key={key(13).hex()}" and size > 100
    assert begins == "Answer number 13: 100% of it_all"
    assert (
        len(table(view.calls("100% of it_all"))) == 8 and len(table(view.calls(key(5).hex()))) == 1
    )
    for nothing in ("100_ of", "it%all", "\\", "x" * 300):
        assert "No call that is held has" in words(view.calls(nothing))


def test_a_search_that_takes_long_says_how_far_it_came_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_calls, "SEARCH_S", 0.0)
    monkeypatch.setattr(journal_calls, "PAGE", 4)
    view = JournalView(written(tmp_path / "run"))
    view.refresh()
    section, steps, found = view.calls("number 3:"), 0, []
    while isinstance(last := section.parts[-1], Words) and last.link is not None:
        assert "not at its end" in last.text
        before = last.link.href.partition("before=")[2].replace("%7C", "|")
        section, steps = view.calls("number 3:", before), steps + 1
        found += [row[0].text for p in section.parts if isinstance(p, Table) for row in p.rows]
    assert found == ["3/target/response/0"] and steps == 4


def test_a_call_shows_all_that_its_answer_has(tmp_path):
    view = JournalView(written(tmp_path / "run"))
    view.refresh()
    section = view.call(key(7).hex())
    texts = {part.title: part.text for part in section.parts if isinstance(part, Text)}
    assert texts["answer"] == "Answer number 7: 100% of it_all"
    assert texts["reasoning"] == "Let me think."
    assert texts["call of the tool look_up"] == '{"what": "tides"}'
    assert texts["trial 7, which it belongs to"] == '{"cell":7}'
    about, facts, logprobs = (part.rows for part in section.parts if isinstance(part, Table))
    assert ("call", "7/target/response/0") in about and ("prompt tokens", 70) in facts
    assert list(logprobs) == [(0, "'Answer'", -0.25, "'Answer' -0.250, 'Reply' -1.500")]


def test_a_stage_that_keeps_requests_shows_them_and_what_is_forgotten_says_so(tmp_path):
    run = tmp_path / "run"
    asked = (
        '{"messages": [["system", "Be brief."], {"role": "user", "content": "Why?"}], "top_p": 1}'
    )
    with Journal(run / "journal.sqlite", config={}) as journal:
        refine = journal.stage("refine", store=True)
        journal.store_answer(key(1), "doc/writer/ask/0", "plain text", "refine/shard-7")
        refine.put("refine/shard-7", f"request/{key(1).hex()}", asked.encode())
        journal.commit()
        view = JournalView(run)
        view.refresh()
        texts = {p.title: p.text for p in view.call(key(1).hex()).parts if isinstance(p, Text)}
        assert texts == {
            "request, system": "Be brief.", "request, user": "Why?", "result": "plain text",
            "sampling and the rest": '{\n "top_p": 1\n}',
        }  # fmt: skip
        refine.append("shard", 7, "{}")
        journal.forget("refine/shard-7")
        journal.commit()
        assert "not held" in words(view.call(key(1).hex()))
        assert "No call is held" in words(view.calls())


def test_redacted_no_text_of_the_run_is_shown_or_searched(tmp_path):
    run = written(tmp_path / "run")
    view = JournalView(run, redact=True)
    view.refresh()
    shown = str([view.figures(), view.calls(), view.call(key(9).hex()), view.found()])
    for secret in ("number 9", "Let me think", "tides", "cut in trial", "'Reply'", '"cell"'):
        assert secret not in shown
    assert "[redacted: 6 words" in shown and "No call" in words(view.calls("number 9"))


def test_what_a_search_found_is_its_last_outcomes_and_its_newest_state(tmp_path):
    run = tmp_path / "run"
    with Journal(run / "journal.sqlite", config={}) as journal:
        stage = journal.stage("search")
        for trial, outcome in enumerate((json.dumps("a poem\nof the sea"), '{"score":46.9}')):
            stage.append("ask", trial, "{}")
            stage.append("tell", trial, outcome)
        view = JournalView(run)
        assert "No snapshot" in words(view.found())
        stage.save_snapshot(b'{"asked": 2, "told": 2}\n["the best so far"]')
        journal.commit()
        found = view.found()
        assert table(found) == [(1, "tell", '{"score":46.9}'), (0, "tell", "a poem of the sea")]
        assert found.parts[-1] == Text('["the best so far"]', "state after event 4")
        assert "best so far" not in str(JournalView(run, redact=True).found())
    view.close()


@pytest.mark.parametrize(
    ("body", "begins"),
    [
        ('{"text":"two\\nlines","finish":"stop"}', "two lines"),
        ('{"text":"cut \\u20', "cut"),
        ('{"text":"","finish":"stop"}', "no text"),
        ('{"rejected": "too rude"}', "rejected: too rude"),
        ("w" * 300, "w" * 240 + " …"),
    ],
)
def test_a_list_says_how_an_answer_begins(body, begins):
    assert words_of(body) == begins


def test_a_long_answer_is_cut_and_one_that_was_rejected_or_damaged_says_so(tmp_path, monkeypatch):
    run = tmp_path / "run"
    with Journal(run / "journal.sqlite", config={}) as journal:
        journal.store_answer(key(1), "long", "word " * 2_000_000, "s")
        journal.store_answer(key(2), "no", '{"rejected": "too rude"}', "s/rejected")
        journal.store_answer(key(3), "odd", "[1]", "s")
    with sqlite3.connect(run / "journal.sqlite") as db:
        db.execute("UPDATE answers SET body = 'forged' WHERE label = 'odd'")
    db.close()
    view = JournalView(run)
    view.refresh()
    (text,) = (p.text for p in view.call(key(1).hex()).parts if isinstance(p, Text))
    assert text.endswith("9,990,000 more characters, not shown here") and len(text) < 10_100
    assert "rejected" in words(view.call(key(2).hex()))
    assert "damaged" in words(view.call(key(3).hex()))
    monkeypatch.setattr("cairn.view.journal_call.LONGEST", 1000)
    section = view.call(key(1).hex())
    assert "The answer takes 10 MB" in words(section) and len(str(section)) < 12_000
    for wrong in ("", "xyz", "ab" * 65, "../journal.sqlite"):
        with pytest.raises(ConfigError, match="key of a call"):
            view.call(wrong)
    with pytest.raises(ConfigError, match="begin from the newest"):
        view.calls(before="../../secret|3")
