"""Scores come from a grader that the candidate cannot reach, and are read by schema."""

import asyncio
import io
import os
import pickle

import numpy as np
import pytest

from cairn import jail
from cairn.jail import results

BOUNDS = {"score": (0.0, 1.0)}
GRADER = """
import json
guesses = open("submission/guesses.txt").read().split()
labels = open("labels/labels.txt").read().split()
if len(guesses) != len(labels):
    json.dump({"invalid": f"expected {len(labels)} guesses, got {len(guesses)}"}, open("score.json", "w"))
else:
    right = sum(a == b for a, b in zip(guesses, labels))
    json.dump({"score": right / len(labels), "n": 4}, open("score.json", "w"))
"""  # noqa: E501


@pytest.fixture
def labels(tmp_path):
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "labels.txt").write_text("a b a b")
    (tmp_path / "labels").chmod(0o755)
    return tmp_path / "labels"


def judged(source, labels, grader=GRADER):
    found = jail.run(source, back=["guesses.txt"])
    return jail.grade(
        grader, found, expects=["guesses.txt"], fields=BOUNDS, readonly={"labels": labels}
    )


def test_a_score_is_what_the_grader_counts_whatever_the_program_says_of_itself(labels):
    source = """
print('{"score": 1.0}')
open("score.json", "w").write('{"score": 1.0}')
open("guesses.txt", "w").write("a b b a")
import os; os.makedirs("submission"); os.makedirs("labels"); open("labels/labels.txt", "w")
"""
    assert judged(source, labels)[:3] == ({"score": 0.5}, "", "")


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("pass", "guesses.txt was not written"),
        ("import sys; sys.exit(2)", "failed: exit status 2"),
        ("open('guesses.txt', 'w').write('a')", "expected 4 guesses, got 1"),
        ("import os; os.symlink('{labels}/labels.txt', 'guesses.txt')", "is a symbolic link"),
        ("import os; os.symlink('{labels}', 'd'); os.rename('d', 'guesses.txt')", "symbolic link"),
        ("import os; os.mkdir('guesses.txt')", "is no plain file"),
        ("import os; os.mkfifo('guesses.txt')", "is no plain file"),
        ("import os; open('x', 'w'); os.link('x', 'guesses.txt')", "is a hard link"),
        ("f = open('guesses.txt', 'wb'); f.seek(2**24); f.write(b'x')", "is too large"),
        ("import json, builtins; json.dumps = builtins.open = None", "was not written"),
    ],
)
def test_a_submission_that_is_none_is_the_programs_fault_and_no_score(source, fault, labels):
    limits = jail.Limits(disk_mb=8)
    source = source.replace("{labels}", str(labels))
    if "too large" in fault:
        source = source.replace("2**24", "2**23 - 8")  # the most that the kernel lets it write
        source += "\nimport os; f.close(); g = open('more', 'wb'); g.write(b'1' * 99)"
    found = jail.run(source, back=["more", "guesses.txt"], limits=limits)
    grade = jail.grade(
        GRADER, found, expects=["guesses.txt"], fields=BOUNDS, readonly={"labels": labels}
    )
    assert grade.scores == {} and grade.whose == "candidate" and fault in grade.fault


@pytest.mark.parametrize(
    ("grader", "fault"),
    [
        ("raise ValueError('labels are gone')", "failed: ValueError: labels are gone"),
        ("pass", "score.json was not written"),
        ("open('score.json', 'w').write('{\"score\": NaN}')", "NaN is no number"),
        ("open('score.json', 'w').write('{\"score\": 2}')", "score must lie in [0, 1], got 2"),
    ],
)
def test_a_grader_that_fails_is_nobody_elses_fault(grader, fault, labels):
    grade = judged("open('guesses.txt', 'w').write('a')", labels, grader)
    assert grade.scores == {} and grade.whose == "grader" and fault in grade.fault


def test_a_fault_of_the_jail_is_no_fault_of_the_program(labels):
    found = jail.run("pass", tier=9)
    grade = asyncio.run(jail.agrade(GRADER, found, expects=[], fields=BOUNDS))
    assert (grade.scores, grade.whose) == ({}, "jail")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[1]", "must be a JSON object, got a list"),
        (b'{"score": true}', "must be a number, got a bool"),
        (b"{}", "must be a number, got nothing"),
        (b'{"score": 1e999}', "1e999 is no number"),
        (b'{"score": 0.5, "other": -1e999}', "-1e999 is no number"),
        (b'{"score": -Infinity}', "-Infinity is no number"),
        (b'{"score": 1' + b"0" * 400 + b"}", "must lie in [0, 1], got inf"),
        (b'{"score": -0.1}', "got -0.1"),
        (b'{"score": 0, "score": 1}', "a name stands there twice"),
        (b"[" * 100_000, "must be a JSON object"),
        (b" " * (results.MOST + 1), "may take 1,048,576 bytes"),
        (pickle.dumps({"score": 1.0}), "must be a JSON object"),
    ],
)
def test_numbers_are_read_by_schema(content, words):
    with pytest.raises(jail.ResultError) as told:
        results.numbers(content, BOUNDS)
    assert words in str(told.value)


class Trap:
    def __reduce__(self):
        return os._exit, (3,)


def saved(values, **how):
    stream = io.BytesIO()
    np.save(stream, values, **how)
    return stream.getvalue()


def test_arrays_are_read_without_unpickling():
    whole = results.array(saved(np.arange(6).reshape(2, 3)), (2, 3), 0, 5)
    assert whole.dtype == np.float64 and whole[1, 2] == 5
    for content, words in (
        (saved(np.array([Trap()], dtype=object), allow_pickle=True), "must hold plain numbers"),
        (pickle.dumps(Trap()), "No array can be read"),
        (saved(np.zeros(1)).replace(b"(1,)", b"(9,)"), "must have the shape (1,), got (9,)"),
        (saved(np.array([np.nan])), "must lie in [0, 5]"),
        (saved(np.zeros(1))[:-3], "No array can be read"),
    ):
        with pytest.raises(jail.ResultError) as told:
            results.array(content, (1,), 0, 5)
        assert words in str(told.value)
