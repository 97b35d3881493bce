"""The scripts that make the evidence run, at a tiny size."""

import importlib
import json
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "verify"


@pytest.mark.slow
def test_the_default_run_is_measured_once_and_then_only_reported(tmp_path):
    command = [sys.executable, SCRIPTS / "maze_default.py", "--tiny", "--seeds", "1"]
    command += ["--results", tmp_path]
    call = partial(subprocess.run, command, capture_output=True, text=True)
    first = call(check=True).stdout
    result = json.loads((tmp_path / "seed-0.json").read_text())
    assert result["train_s"] > 0 and result["curve"][-1]["steps"] == 1280
    assert 0 <= result["evaluation"]["suites"]["random"]["solve_rate"] <= 1
    assert call(check=True, timeout=60).stdout == first


def test_searches_of_two_checkouts_are_timed_by_turns_and_compared_round_by_round(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.syspath_prepend(SCRIPTS)
    script = importlib.import_module("qd_same_speed")
    asked = []

    def ask(tree, search):
        asked.append(tree.name)
        return {"seconds": 6.0 if tree.name == "old" else 2.0 + len(asked) // 2, "qd_score": 1.0}

    monkeypatch.setattr(script, "ask", ask)
    monkeypatch.setattr(script, "RESULT", tmp_path / "speed.json")
    command = ["qd_same_speed.py", "old", "new", "--searches", "line", "--rounds", "3"]
    monkeypatch.setattr(sys, "argv", command)
    script.main()
    assert asked == ["old", "new", "new", "old", "old", "new"]
    row = json.loads((tmp_path / "speed.json").read_text())["searches"]["line"]
    assert row["ratio"] == 2.0 and row["range"] == [6 / 5, 2.0] and len(row["rounds"]) == 3
    assert "line: 2.00 (1.20 to 2.00)" in capsys.readouterr().out
