"""The study of puzzles runs, stops, goes on, and judges its statements."""

import importlib.util
import sys
from pathlib import Path

import pytest

VERIFY = Path(__file__).parents[2] / "benchmarks" / "verify"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(str(VERIFY))
    spec = importlib.util.spec_from_file_location("search_puzzles", VERIFY / "search_puzzles.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_study_plays_every_arm_once(script, tmp_path, monkeypatch, capsys):
    words = ["search_puzzles.py", "--tiny", "--run", str(tmp_path / "run")]
    monkeypatch.setattr(sys, "argv", words)
    assert script.main() == 0
    said = capsys.readouterr().out
    assert "| countdown-7 | 0.5 |" in said and script.STATEMENTS["calls"] in said
    monkeypatch.setattr("cairn.research.puzzles.study.play", None)
    assert script.main() == 0 and capsys.readouterr().out == said  # nothing is played again


def cell(won, games=200):
    return {"won": won, "games": games, "interval": [won / games - 0.03, won / games + 0.03]}


def test_statements_are_judged_by_their_figures(script):
    def made(**won):
        every = {f"{arm}@{s}": cell(200) for s in script.SIGMAS for arm in script.RIVALS}
        every |= {f"{v}-{c}@{s}": cell(200) for s in script.SIGMAS for v in script.VARIANTS
                  for c in script.CS}  # fmt: skip
        every |= {f"lfs-mcts@{s}": {"mean": -1.0, "low": -2.0, "high": -0.1} for s in script.SIGMAS}
        return {"k": every | {name: cell(number) for name, number in won.items()}}

    good = script.judged(made(**{"tot-bfs@0.1": 100, "best-first@0.3": 100}))
    assert (good["won"]["k"], good["first"]["k"]) == (True, True)
    assert all(good["calls"]["k"].values()) and not any(good["depends"]["k"].values())
    bad = script.judged(made(**{"lfs@0.0": 199, "best-first@0.1": 100, "tot-bfs@0.3": 100}))
    assert (bad["won"]["k"], bad["first"]["k"]) == (False, False)
    moves = script.judged(made(**{"mcts-2.5@0.3": 100, "mcts-reference-1.0@0.3": 0,
                                  "mcts-reference-1.0@0.1": 0}))  # fmt: skip
    assert moves["depends"]["k"] == {"0.0": False, "0.1": False, "0.3": True, "0.5": False}
    assert moves["survives"]["k"] == {"0.0": None, "0.1": False, "0.3": True, "0.5": None}
