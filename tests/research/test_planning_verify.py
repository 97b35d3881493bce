"""The script behind the page on planning in words, in small: made once, judged by hand."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

from cairn.research.planning import arms
from cairn.research.planning.graph_text import GraphText

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "verify" / "planning_language.py"


@pytest.fixture
def script(monkeypatch):
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = importlib.util.spec_from_file_location("planning_language", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_seed_is_measured_once_and_told(script, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(arms.WORLDS, "graph", lambda: GraphText(nodes=6, turns=3, longest=2))
    flags = ["--tiny", "--world", "graph", "--seeds", "1", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["planning_language.py", *flags])
    assert script.main() == 0
    path = tmp_path / "graph-0.json"
    found = json.loads(path.read_text())
    assert set(found["primed"]["arms"]) == {*arms.NAMES.values(), "own", "given every 4"}
    assert found["primed"]["arms"]["never"]["words"] == 0
    assert found["fixed"]["best"] in arms.NAMES.values() and len(found["unprimed"]["curve"]) == 1
    assert "| graph | primed, always |" in capsys.readouterr().out
    before = path.read_bytes()
    assert script.main() == 0 and path.read_bytes() == before  # nothing is measured again


def test_statements_are_judged_by_differences_within_seeds(script):
    def one(never, half, always, own, learned, fixed, unprimed):
        arm = lambda reward, words=0.0, plans=0.0: {  # noqa: E731
            "reward": reward, "words": words, "plans": plans}  # fmt: skip
        primed = {"never": arm(never), "always": arm(always), "own": arm(own)}
        primed |= {f"every {k}": arm(half) for k in (8, 4, 2)} | {"given every 4": arm(half)}
        steered = {"shown": 0.9, "hidden": 0.3}
        after = {"arms": {"given every 4": arm(half), "every 4": arm(half)}, "steered": steered}
        return {
            "primed": {"arms": primed, "steered": steered},
            "reward 1": {**arm(learned + 2, 2, 0.4), **after}, "reward 2": arm(0.0, 0, 0.1),
            "unprimed": arm(unprimed, 0, 0.01), "fixed": arm(fixed),
        }  # fmt: skip

    seeds = [one(0.0, 0.5, 0.2, 0.5, 0.7, 0.6, 0.1), one(0.1, 0.6, 0.3, 0.5, 0.8, 0.7, 0.2)]
    found = script.judged(seeds, (1, 2))
    assert found["inverted"]["held"] == "yes"
    assert found["inverted"]["difference"] == pytest.approx(0.3)
    assert found["decides"]["held"] == "yes" and found["decides"]["half"] > 0.5  # two seeds
    assert found["learned"] == {"held": "yes", "difference": 0.1, "half": 0.0, "seeds": 2}
    assert found["rate"]["held"] == found["unprimed"]["held"] == found["collapse"]["held"] == "yes"
    assert found["given"]["held"] == "not decided" and found["given"]["difference"] == 0.0
    assert found["steers"]["difference"] == pytest.approx(0.6)
    half_done = [seeds[0], {"primed": seeds[1]["primed"]}]
    partly = script.judged(half_done, (1, 2))
    assert (partly["learned"]["seeds"], partly["given"]["seeds"]) == (1, 2)
    assert partly["learned"]["held"] == "one seed"
    # Three values, by hand: mean 2, deviation 1, 4.30 / sqrt(3).
    mean, half = script.interval([1.0, 2.0, 3.0])
    assert mean == 2 and half == pytest.approx(4.30 / 3**0.5)
