"""The scripts that make the evidence run, at a tiny size."""

import importlib
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import house
from cairn.cli import main

SCRIPTS = Path(__file__).parents[2] / "benchmarks" / "verify"


@pytest.mark.slow
def test_the_default_run_is_measured_once_and_then_only_reported(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(SCRIPTS)
    script = importlib.import_module("maze_default")
    monkeypatch.setattr(script, "TINY", house.flags("dr"))  # whose program others compile too

    def run(command, *, env, **_):
        """In this process, what the script runs in one of its own with an empty cache."""
        assert command[: len(script.CAIRN)] == script.CAIRN
        assert env["JAX_COMPILATION_CACHE_DIR"] != os.environ["JAX_COMPILATION_CACHE_DIR"]
        capsys.readouterr()
        assert main.run(command[len(script.CAIRN) :]) == 0
        return SimpleNamespace(stdout=capsys.readouterr().out)

    command = ["maze_default.py", "--tiny", "--seeds", "1", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(script, "subprocess", SimpleNamespace(run=run, DEVNULL=None))
    script.main()
    first = capsys.readouterr().out
    result = json.loads((tmp_path / "seed-100.json").read_text())
    assert result["train_s"] > 0 and result["curve"][-1]["steps"] == house.RUN["steps"]
    assert 0 <= result["evaluation"]["suites"]["random"]["solve_rate"] <= 1
    monkeypatch.setattr(script, "measure", None)
    script.main()
    assert capsys.readouterr().out == first and first.startswith("random ")


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
