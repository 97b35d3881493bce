"""The contract of a task folder, and graders in a process of their own."""

import asyncio
import logging
import os
import shutil

import pytest
import task_folders

from cairn.core.errors import ConfigError
from cairn.research.tasks.folder import is_folder, read_folder
from cairn.research.tasks.grading import Round, grade
from cairn.research.tasks.task import Bounds

GOOD = b"id,y\n0,1\n1,2\n2,3\n3,4\n"


def test_a_folder_is_read_with_all_its_parts(tmp_path):
    task = read_folder(task_folders.write(tmp_path / "words"))
    assert task.name == "words" and not task.larger_is_better and task.results == ("out.csv",)
    assert list(task.splits) == ["search", "selection", "test"] and task.bounds == Bounds(seconds=5)
    assert task.baselines == {"starter": {"search": 0.25}} and "split()" in task.starter
    assert task.split("test").answers == tmp_path / "words/answers/test"
    assert is_folder(tmp_path / "words") and not is_folder(tmp_path)
    with pytest.raises(ConfigError, match=r"no split 'train': it has search, selection, test\."):
        task.split("train")


@pytest.mark.parametrize(
    ("part", "line"),
    [
        ("task.toml", "has no task.toml"),
        ("description.md", "has no description.md"),
        ("starter.py", r"has no starter.py \(a program to begin with\)"),
        ("grade.py", "has no grade.py"),
        ("answers/search", "has no answers/search"),
    ],
)
def test_a_missing_part_is_named(tmp_path, part, line):
    folder = task_folders.write(tmp_path / "words")
    path = folder / part
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(ConfigError, match=line):
        read_folder(folder)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ("metric = 'm'\nlarger_is_better = true", "needs the field 'results'"),
        ("limts = 3\n" + task_folders.SETTINGS, "no field 'limts'. Did you mean 'limits'"),
        (task_folders.SETTINGS + "serch = 1.0", "a score on 'serch'"),
        (task_folders.SETTINGS.replace("seconds = 5", "seconds = -5"), "seconds must be positive"),
        (task_folders.SETTINGS.replace("out.csv", "../out.csv"), "within the working folder"),
        (task_folders.SETTINGS.replace("0.25", "nan"), "finite"),
        ("metric", "not valid TOML"),
    ],
)
def test_settings_that_cannot_work_are_said(tmp_path, settings, line):
    folder = task_folders.write(tmp_path / "words", settings=settings)
    with pytest.raises(ConfigError, match=line):
        read_folder(folder)


def test_another_grader_or_another_answer_is_another_digest(tmp_path):
    first = read_folder(task_folders.write(tmp_path / "a")).digest
    assert read_folder(task_folders.write(tmp_path / "b")).digest == first
    other = task_folders.write(tmp_path / "c", grade=task_folders.GRADE + "\n")
    assert read_folder(other).digest != first
    (tmp_path / "b/answers/test/y.csv").write_text("id,y\n0,9\n1,2\n")
    assert read_folder(tmp_path / "b").digest != first


def graded(tmp_path, body, **parts):
    task = read_folder(task_folders.write(tmp_path / "words", **parts))
    return asyncio.run(grade(task, "search", [Round({"out.csv": body}, 1.5, 0.5)]))


def test_a_score_comes_from_files(tmp_path):
    assert graded(tmp_path, GOOD)[:2] == ("ok", 0.25)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"id,y\n0,1\n1,2\n2,3\n", "must have 4 rows, got 3"),
        (b"id,z\n0,1\n", "must have the columns id, y, got id, z"),
        (GOOD.replace(b"3,4", b"3,nan"), "row 4, y: 'nan' is not finite"),
        (GOOD.replace(b"3,4", b"3,1e999"), "is not finite"),
        (GOOD.replace(b"3,4", b"3,four"), "expected a number, got 'four'"),
        (GOOD.replace(b"3,4", b"3.5,4"), "expected a whole number"),
        (GOOD.replace(b"3,4", b"7,4"), "ids must be those of the inputs"),
        (GOOD.replace(b"3,4", b"3"), "y: nothing"),
        (b"\xff\xfe", "no text in UTF-8"),
        (b"", "got none"),
    ],
)
def test_results_that_break_the_form_are_invalid_and_the_candidate_is_told(tmp_path, body, line):
    got = graded(tmp_path, body)
    assert got.outcome == "invalid" and line in got.feedback and got.score is None


@pytest.mark.parametrize(
    ("grader", "outcome"),
    [
        ("def grade(results, answers): raise ValueError('secret 7')", "grader_error"),
        ("def grade(results, answers): return float('nan')", "not_finite"),
        ("def grade(results, answers): return float('inf')", "not_finite"),
        ("def grade(results, answers): return None", "no_score"),
        ("def grade(results, answers): return {}", "no_score"),
        ("def grade(results, answers): return 'good'", "grader_error"),
        ("def grade(results, answers): return {'score': 'good'}", "grader_error"),
        ("def score(results, answers): return 1", "grader_error"),
        ("def grade(results", "grader_error"),
        ("import os\ndef grade(results, answers): os._exit(0)", "grader_error"),
        ("def grade(results, answers): raise SystemExit", "grader_error"),
    ],
)
def test_a_grader_that_fails_is_a_typed_outcome_and_no_bug_of_the_candidate(
    tmp_path, caplog, grader, outcome
):
    with caplog.at_level(logging.WARNING):
        got = graded(tmp_path, GOOD, grade=grader)
    assert got == (outcome, None, None, "", {})
    assert "grader of task words" in caplog.text


def test_a_grader_that_hangs_is_ended(tmp_path, caplog):
    slow = "import time\ndef grade(results, answers): time.sleep(60)"
    settings = "grader_seconds = 0.5\n" + task_folders.SETTINGS
    assert graded(tmp_path, GOOD, grade=slow, settings=settings).outcome == "grader_error"
    assert "longer than 0.5 s" in caplog.text


def test_what_a_grader_that_hangs_has_started_is_ended_too(tmp_path):
    slow = f"""
import subprocess, time
def grade(results, answers):
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)  # and it holds our stderr
    open({str(tmp_path / "pid")!r}, "w").write(str(child.pid))
    time.sleep(60)
"""
    settings = "grader_seconds = 2\n" + task_folders.SETTINGS
    assert graded(tmp_path, GOOD, grade=slow, settings=settings).outcome == "grader_error"
    assert not os.path.exists("/proc/" + (tmp_path / "pid").read_text())


def test_a_grader_sees_what_was_measured_outside_and_may_say_more(tmp_path):
    grader = """
def grade(results, answers):
    print("7")
    return {"score": results.seconds + results.cpu_seconds, "spread": 0.5, "feedback": "so so"}
"""
    assert graded(tmp_path, GOOD, grade=grader)[:4] == ("ok", 2.0, 0.5, "so so")


def test_a_grader_has_none_of_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("JUDGE_KEY", "sk-1234567890")
    grader = "import os\ndef grade(results, answers): return float('JUDGE_KEY' in os.environ)"
    assert graded(tmp_path, GOOD, grade=grader).score == 0.0


def test_a_link_to_the_answers_is_no_result(tmp_path):
    from cairn.research.tasks.grader_process import Files, InvalidError

    (tmp_path / "labels.csv").write_text("id,y\n")
    os.symlink(tmp_path / "labels.csv", tmp_path / "out.csv")
    with pytest.raises(InvalidError, match="cannot be read"):
        Files(tmp_path).csv("out.csv", id=int, y=float)


def test_json_is_read_by_shape_and_holds_finite_numbers_only(tmp_path):
    from cairn.research.tasks.grader_process import Files, InvalidError

    def numbers(text, *shape):
        (tmp_path / "x.json").write_text(text)
        return Files(tmp_path).numbers("x.json", *shape)

    assert numbers("[[1, 2.5], [3, 4]]", -1, 2) == [[1, 2.5], [3, 4]]
    for text, line in [
        ("[[1, NaN]]", "holds NaN"),
        ("[[1, Infinity]]", "holds Infinity"),
        ("[[1, 1e999]]", "holds 1e999"),
        ("[[1, -1e999]]", "holds -1e999"),
        ("[[1, true]]", "expected a number"),
        ("[[1]]", "expected a list of 2, got 1 entries"),
        ("7", "expected a list, got int"),
        ("[" * 100_000, "no JSON"),
        ("[[1, " + "9" * 400 + "]]", "not finite"),
    ]:
        with pytest.raises(InvalidError, match=line):
            numbers(text, -1, 2)
