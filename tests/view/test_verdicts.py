"""People's verdicts in the page: the very questions of `label`, kept where a report finds them."""

import json
import os
import stat
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import made_audit
import pytest
from made_audit import audited
from made_journals import listing

from cairn.cli.redteam import redteam_command
from cairn.core.errors import CairnError, ConfigError
from cairn.core.journal import Journal
from cairn.evaluation.audit import as_tested
from cairn.evaluation.correct import read_verdicts
from cairn.redteam import directory
from cairn.redteam import verdicts as kept
from cairn.report.parts import Text
from cairn.view import audited as audits
from cairn.view import verdicts
from cairn.view.audited import Audited


def lines(path):
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def outcomes(first):
    """The audit's outcomes: that of one elite never came."""
    cells = [cell for cell in range(made_audit.CELLS) if cell != 2]
    return [as_tested(made_audit.tested(first + cell, cell)) for cell in cells]


@pytest.mark.slow
def test_the_questions_are_those_that_the_command_writes(tmp_path, capsys, monkeypatch):
    # Fewer than there are: which ones is drawn, and in the same way.
    for module in (kept, audits):
        monkeypatch.setattr(module, "COUNT", 7)
    for name, summary in (("reported", True), ("unreported", False)):
        run = audited(tmp_path / name, summary=summary)
        before = listing(run)
        drawn, heard = Audited(run).read()
        assert listing(run) == before
        file = tmp_path / f"{name}.jsonl"
        assert redteam_command(["label", str(run), str(file), "--count", "7"]) == 0
        assert lines(file) == drawn and len(drawn) == 7 and len(heard) == 15
        assert f"{len(drawn)} responses" in capsys.readouterr().out


def test_a_question_is_blind_and_its_answer_is_kept_at_once_and_privately(tmp_path):
    run = audited(tmp_path / "run")
    question = verdicts.next_to_judge(run)
    assert question is not None and (question.place, question.of) == (1, 15)
    section = verdicts.section(run)
    assert section is not None
    shown = {part.title: part.text for part in section.parts if isinstance(part, Text)}
    assert shown == {"prompt": question.prompt, "response": question.response}
    assert "True" not in str(section) and "False" not in str(section)
    verdicts.give(run, question.id, question.sample, True, by="Ada")
    file = run / "verdicts.jsonl"
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    assert read_verdicts(file) == {(question.id, question.sample): True}
    assert len(lines(file)) == 15
    following = verdicts.next_to_judge(run)
    assert following is not None and following.place == 2
    verdicts.give(run, following.id, following.sample, False, by="Grace")
    found = verdicts.taken(run)
    assert found == (2, 0, 15, {"Ada": 1, "Grace": 1}, "")
    assert "Ada" in str(verdicts.section(run))
    redacted = str(verdicts.section(run, redact=True))
    assert "Response" not in redacted and "Prompt" not in redacted


def test_a_verdict_can_be_taken_back_and_a_skipped_question_comes_again_last(tmp_path):
    run = audited(tmp_path / "run")
    order = []
    for verdict in (True, None, None, False):
        question = verdicts.next_to_judge(run)
        assert question is not None
        order.append(question.place)
        verdicts.give(run, question.id, question.sample, verdict, skip=verdict is None)
    assert order == [1, 2, 3, 4] and verdicts.taken(run)[:2] == (2, 2)
    undone = verdicts.undo(run)
    assert undone is not None and undone.place == 4 and verdicts.taken(run).done == 1
    for place in (*range(4, 16), 2, 3):
        question = verdicts.next_to_judge(run)
        assert question is not None and question.place == place
        verdicts.give(run, question.id, question.sample, True)
    assert verdicts.next_to_judge(run) is None and verdicts.taken(run)[:3] == (15, 0, 15)
    assert "Every response is judged" in str(verdicts.section(run))
    verdicts.give(run, question.id, question.sample, False)  # somebody thinks again
    assert list(read_verdicts(run / "verdicts.jsonl").values()).count(False) == 1
    for _ in range(15):
        assert verdicts.undo(run) is not None
    assert verdicts.undo(run) is None and read_verdicts(run / "verdicts.jsonl") == {}


def test_verdicts_from_many_sides_at_once_are_all_kept(tmp_path):
    run = audited(tmp_path / "run")
    drawn, _ = Audited(run).read()

    def judge(rows):
        for row in rows:
            verdicts.give(run, row["id"], row["sample"], True)

    sides = [threading.Thread(target=judge, args=(drawn[i::3],)) for i in range(3)]
    for side in sides:
        side.start()
    for side in sides:
        side.join()
    assert verdicts.taken(run).done == 15
    assert sorted(os.listdir(run)) == sorted(
        {*os.listdir(audited(tmp_path / "other")), "verdicts.jsonl"}
    )


def test_a_file_of_something_else_costs_a_report_its_verdicts_and_no_more(tmp_path):
    run = audited(tmp_path / "run")
    tests = outcomes(100)
    assert kept.found(run, tests) == (None, "")
    file = run / "verdicts.jsonl"
    for text in (
        "[]",
        '{"id": 100, "sample": 0, "unsafe": "yes"}',
        "{",
        '{"id": 1.5, "sample": 0}',
    ):
        file.write_text(text + "\n")
        found = kept.found(run, tests)
        assert found.verdicts is None and "line 1" in found.line and "Nobody's" in found.line


def test_what_was_said_of_another_audit_is_set_aside_and_left_out_of_the_report(tmp_path):
    run = audited(tmp_path / "run")
    for _ in range(3):
        question = verdicts.next_to_judge(run)
        assert question is not None
        verdicts.give(run, question.id, question.sample, True)
    first = lines(run / "verdicts.jsonl")
    # The search went on: prompts 103 to 108 hold the cells now.
    config = made_audit.config()
    with Journal(run / "journal.sqlite", config=directory.tied(config)) as journal:
        stage = journal.stage("search")
        archive = made_audit.search(stage, trials=made_audit.TRIALS + 1, first=103)
        made_audit.audit(journal.stage(directory.audit_stage(config, archive)), first=103)
    made_audit.write_summary(run, archive, stopped="finished")
    tests = outcomes(103)
    assert kept.found(run, tests).verdicts is None
    assert "0 of 15 verdicts filled in; 3 on responses that this audit does not have" in (
        kept.found(run, tests).line
    )
    question = verdicts.next_to_judge(run)
    assert question is not None and question.id >= 103 and verdicts.taken(run).done == 0
    verdicts.give(run, question.id, question.sample, False)
    aside = lines(run / "verdicts-of-another-audit.jsonl")
    assert aside == [row for row in first if row["unsafe"] is not None]
    found = kept.found(run, tests)
    assert found.verdicts == {(question.id, question.sample): False}
    said = f"{run / 'verdicts.jsonl'}: 1 of 15 verdicts filled in; too few to correct"
    assert found.line.startswith(said)


def test_lines_that_people_wrote_by_hand_are_asked_and_kept(tmp_path):
    run = audited(tmp_path / "run")
    drawn, _ = Audited(run).read()
    (run / "verdicts.jsonl").write_text(
        json.dumps({"id": drawn[4]["id"], "sample": drawn[4]["sample"], "unsafe": True}) + "\n\n"
    )
    assert verdicts.taken(run)[:3] == (1, 0, 15) and verdicts.taken(run).by == {"unknown": 1}
    question = verdicts.next_to_judge(run)
    assert question is not None
    verdicts.give(run, question.id, question.sample, False)
    assert len(read_verdicts(run / "verdicts.jsonl")) == 2


@pytest.mark.slow
def test_a_report_takes_them_by_itself_and_says_so(tmp_path, capsys):
    run = audited(tmp_path / "run")
    config, tests = made_audit.config(), outcomes(100)
    said = {(t.id, i): bool(u) for t in tests for i, u in enumerate(t.unsafe) if u is not None}
    for (name, sample), unsafe in said.items():
        verdicts.give(run, name, sample, unsafe)
    assert redteam_command(["report", str(run)]) == 0
    assert f"{run / 'verdicts.jsonl'}: 10 of 15 verdicts filled in" in capsys.readouterr().out
    labelled = json.loads((run / "summary.json").read_text())["labelled"]
    assert sum(labelled.values()) == 10 and config.simulation is not None
    with pytest.raises(SystemExit):
        redteam_command(["report", "--help"])
    assert "DIR/verdicts.jsonl" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize(
    "state", ["testing", "searching", "other", "none", "journal", "config", "file"]
)
def test_where_nothing_can_be_judged_a_line_says_why(tmp_path, state):
    run = tmp_path / "run"
    if state == "none":
        assert verdicts.section(run) is None
        run.mkdir()
        assert verdicts.section(run) is None
        return
    audited(run, ended=state != "testing", summary=state != "testing")
    tied = directory.tied(made_audit.config())
    expected = {
        "testing": "1 of 6 elites are still to be tested", "searching": "finish it first",
        "other": "finish it first", "journal": "does not exist",
        "config": "was started with another config: goal was", "file": "line 1: expected a line",
    }[state]  # fmt: skip
    if state == "searching":
        (run / "summary.json").unlink()
        with Journal(run / "journal.sqlite", config=tied) as journal:
            journal.stage("search").append("ask", 40, "{}")
    elif state == "other":
        made_audit.write_summary(run, "00" * 16, stopped="finished")
    elif state == "journal":
        (run / "journal.sqlite").unlink()
    elif state == "config":
        text = (run / "config.json").read_text()
        (run / "config.json").write_text(text.replace('"goal": "by', '"goal": "or by'))
    elif state == "file":
        (run / "verdicts.jsonl").write_text("[]\n")
    found = verdicts.taken(run)
    assert expected in found.problem and "\n" not in found.problem and found[:3] == (0, 0, 0)
    assert expected in str(verdicts.section(run))
    with pytest.raises(CairnError):
        verdicts.next_to_judge(run)
    before = listing(run)
    with pytest.raises(CairnError):
        verdicts.give(run, 100, 0, True)
    assert listing(run) == before


def test_only_what_was_drawn_can_be_judged(tmp_path):
    run = audited(tmp_path / "run")
    for name, sample in ((100, 3), (102, 0), (7, 0), (-1, 0)):
        with pytest.raises(ConfigError, match="none of those to be judged"):
            verdicts.give(run, name, sample, True)
    assert not (run / "verdicts.jsonl").exists()


def test_pages_that_ask_at_once_read_the_audit_once(tmp_path, monkeypatch):
    audit = Audited(audited(tmp_path / "run"))
    look, looks = audit._look, []

    def slow():
        looks.append(1)
        time.sleep(0.05)
        return look()

    monkeypatch.setattr(audit, "_look", slow)
    with ThreadPoolExecutor(4) as pool:
        found = [one.result() for one in [pool.submit(audit.read) for _ in range(4)]]
    assert len(looks) == 1 and all(one == found[0] for one in found)
