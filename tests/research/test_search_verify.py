"""The script behind the page's statement on kills, in small, and what it calls a breach."""

import asyncio
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

from cairn.core.draws import DrawKey
from cairn.lm.request import Request
from cairn.research import demo
from cairn.research.parsing import read

ASKED = Request.of("a draft")

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify" / "search_kills.py"


def load(name, monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location(name, SCRIPT.with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def script(monkeypatch):
    return load("search_kills", monkeypatch)


@pytest.mark.slow
def test_programs_run_in_process_score_what_they_score_in_the_jail(monkeypatch):
    study = load("search_demo", monkeypatch)
    grader, said = demo.Regression(), set()
    for i in range(8):
        answer = demo.Researcher(p_bug=0.4, p_nothing=0).answer(ASKED, DrawKey.root(i))
        text = read(answer).text
        one, other = study.graded(text, "search"), asyncio.run(grader(text, "search", None))
        assert (one.score, one.outcome) == (other.score, other.outcome)
        said.add(one.outcome)
    assert said == {"ok", "failed"}


@pytest.mark.slow
def test_a_search_killed_at_its_events_is_the_search_that_never_was(tmp_path):
    command = [sys.executable, SCRIPT, "events", "--tiny", "--results", tmp_path / "kills.json"]
    said = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert said.returncode == 0, said.stdout + said.stderr
    rows = json.loads((tmp_path / "kills.json").read_text())["events"]["rows"]
    killed = [row for row in rows.values() if not row.get("beyond")]
    assert len(killed) >= 4 and all(row["same_tree"] for row in killed)
    assert any(row["cut_and_run_again"] for row in killed)  # the kills did hit programs
    again = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert json.loads((tmp_path / "kills.json").read_text())["events"]["rows"] == rows, again


def test_an_evaluation_begun_after_its_end_is_seen_and_so_is_another_tree(script, tmp_path):
    log = tmp_path / "log"
    log.write_text("start 0 search 1\nend 0 search 2\nstart 1 search 2\nstart 1 search 3\n")
    assert script.repeated(log) == (0, 1)
    with log.open("a") as file:
        file.write("end 1 search 4\nstart 0 search 5\n")
    assert script.repeated(log) == (1, 1)
    keep = script.Keep(tmp_path / "kills.json", "events")
    keep.row("a", {"same_tree": True, "same_spend": True, "ended_and_run_again": 0})
    assert keep.broken() == []
    keep.row("b", {"same_tree": False, "same_spend": True})
    keep.row("c", {"same_tree": True, "same_spend": True, "ended_and_run_again": 1})
    assert len(script.Keep(tmp_path / "kills.json", "events").broken()) == 2
