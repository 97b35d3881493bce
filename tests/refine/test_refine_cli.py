"""`cairn refine run`, `report` and `purge` as commands."""

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from refine_job import read, rows, write_rows

from cairn.cli.main import run as cairn
from cairn.cli.refine import PARTS
from cairn.core.resolve import function_at
from cairn.refine.directory import open_run
from cairn.refine.places import default_run
from cairn.view.kinds import KINDS, told

TASK = ["--task", "refine_job:TASK"]


@pytest.fixture
def given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plain = [row for row in rows(30) if row["text"].startswith("plain")]
    return write_rows(tmp_path / "in.jsonl", plain)


@pytest.mark.slow
def test_a_run_a_report_and_a_purge(given, tmp_path, capfd):
    words = ["refine", "run", "in.jsonl", "out.jsonl", *TASK, "--demo", "0.3", "--id", "id"]
    assert cairn(words) == 0
    told = capfd.readouterr()
    assert "simulated: 12 records, 12 accepted" in told.out and "accepted at try 2" in told.out
    assert "simulated models" in told.err and len(read("out.jsonl")) == 12
    assert cairn([*words, "--json", "-"]) == 0
    counts = json.loads(capfd.readouterr().out)
    assert counts["accepted"] == 12 and counts["stopped"] == "finished"
    assert cairn(["refine", "report", "in.jsonl.refine", "--json", "-"]) == 0
    figures = json.loads(capfd.readouterr().out)
    assert figures["leaks"]["leaking_records"]["value"] == 0.0
    page = Path("in.jsonl.refine/report.html").read_text()
    assert "private@" not in page and "(simulated)" in page
    assert cairn(["refine", "report", "in.jsonl.refine", "--show-source"]) == 0
    assert "private@" in Path("in.jsonl.refine/report-source.html").read_text()
    assert cairn(["refine", "purge", "in.jsonl.refine"]) == 0
    assert "report-source.html" in capfd.readouterr().out
    assert not Path("in.jsonl.refine/report-source.html").exists()
    assert cairn(["refine", "purge", "in.jsonl.refine"]) == 0
    assert "nothing to remove" in capfd.readouterr().out
    assert cairn([*words, "--skip-clean"]) == 2
    assert "how.skip_clean was false, now true" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["in.jsonl", "out.jsonl", *TASK], "nobody rewrites: name a model"),
        (["in.jsonl", "out.jsonl", *TASK, "--demo", "--model", "x"], "or --demo, not both"),
        (["in.jsonl", "out.jsonl", *TASK, "--demo", "7"], "must lie in"),
        (["in.jsonl", "out.jsonl", "--demo", "--task", "anonymise"], "task"),
        (["in.jsonl", "out.txt", *TASK, "--demo"], "what should out.txt be"),
        (["gone.jsonl", "out.jsonl", *TASK, "--demo"], "does not exist"),
        (["in.jsonl", "in.jsonl", *TASK, "--demo"], "is, or lies in, the input"),
        (["*.jsonl", "out.jsonl", *TASK, "--demo"], "is, or lies in, the input *.jsonl"),
        (["./i*.jsonl*", "sub/../im.csv", *TASK, "--demo"], "is, or lies in, the input"),
        (["**/*.jsonl", "sub/out", *TASK, "--demo"], "is, or lies in, the input"),
        (["in.jsonl", "out.jsonl", *TASK, "--demo", "--text", "Text"], "Did you mean 'text'"),
        (["in.jsonl", "out.jsonl", *TASK, "--demo", "--files", "*.md"], "goes with a folder"),
        (["in.jsonl", "out.jsonl", *TASK, "--demo", "--tries", "0"], "at least 1"),
        (["in.jsonl", "out.jsonl", *TASK, "--demo", "--trys", "2"], "Unknown flag --trys"),
        (
            ["in.jsonl", "out.jsonl", *TASK, "--model", "m", "--base-url", "http://127.0.0.1:1",
             "--limit-money", "1"],
            "there is no price",
        ),
        (["in.jsonl", "s3+gone://x/y.jsonl", *TASK, "--demo"], "s3"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_makes_nothing(given, tmp_path, capfd, words, said):
    assert cairn(["refine", "run", *words]) == 2
    (line,) = [line for line in capfd.readouterr().err.splitlines() if "->" not in line]
    assert said in line, line
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_an_output_that_a_pattern_does_not_find_is_none_of_the_input(given, capfd):
    for output in ("sub/out.jsonl", "out.csv"):
        words = ["refine", "run", "i*.jsonl", output, *TASK, "--demo", "0"]
        assert cairn(words) == 0 and cairn(words) == 0, capfd.readouterr().err


@pytest.mark.parametrize(
    ("source", "output", "expected"),
    [
        ("a/in.jsonl", "b/out.jsonl", "a/in.jsonl.refine"),
        (".", "../out", "{here}.refine"),
        ("a/..", "../out", "{here}.refine"),
        ("a/", "out", "a.refine"),
        ("/", "out", "out.refine"),
        ("a/*.jsonl", "b/out.jsonl", "b/out.jsonl.refine"),
        ("memory://in.jsonl", "out.jsonl", "out.jsonl.refine"),
        ("gone/in.jsonl", "out.jsonl", "out.jsonl.refine"),  # nothing can be written there
    ],
)
def test_a_run_lies_beside_the_input_or_else_the_output(
    tmp_path, monkeypatch, source, output, expected
):
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path)
    assert default_run(source, output) == Path(expected.format(here=tmp_path))


def test_the_folder_that_one_is_in_can_be_refined(given, tmp_path, monkeypatch, capfd):
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "a.txt").write_text("plain text of p1@mail.test")
    monkeypatch.chdir(folder)
    assert cairn(["refine", "run", ".", "../out", *TASK, "--demo", "0"]) == 0, capfd.readouterr()
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["in.jsonl", "notes", "notes.refine", "out"]


def test_limits_stop_a_run_which_the_same_command_goes_on_with(given, capfd):
    words = ["refine", "run", "in.jsonl", "out.jsonl", *TASK, "--demo", "--workers", "1"]
    assert cairn([*words, "--limit-calls", "3"]) == 1
    assert "stopped" in capfd.readouterr().err and not Path("out.jsonl").exists()
    assert cairn([*words, "--limit-calls", "300"]) == 0


def test_parts_and_help_are_listed(capfd):
    for part in PARTS:
        with suppress(SystemExit):
            assert cairn(["refine", part, "--help"]) == 0
        assert "usage: " in capfd.readouterr().out, part
    assert cairn(["refine"]) == 0
    assert "purge" in capfd.readouterr().out
    with pytest.raises(SystemExit):
        cairn(["refine", "run", "--help"])
    assert "--models.ROLE.base-url" in capfd.readouterr().out
    assert cairn(["refine", "rnu"]) == 2
    assert "Did you mean 'run'" in capfd.readouterr().err


def test_help_imports_no_jax():
    code = (
        "import sys; from cairn.cli.main import run; run(['refine']); 'jax' in sys.modules and 1/0"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_a_page_of_the_run_is_made_for_the_view(given):
    words = ["refine", "run", "in.jsonl", "out.jsonl", *TASK, "--demo", "--id", "id"]
    assert cairn(words) == 0
    kind = KINDS["cairn refine run"]
    path = Path("in.jsonl.refine")
    found = told(path, "cairn refine run", open_run(path)[0].config)
    assert found.simulated and found.finished and found.progress[0].done == 12
    sections = function_at(kind.panels[0])(path)
    assert [section.id for section in sections][:3] == ["report", "funnel", "leaks"]
