"""The gym: closed forms of selection, factors, its command, its page."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from cairn.cli.main import run as main
from cairn.research.gym import figures, selecting
from cairn.research.gym.selecting import RULES, Measured, closed


@pytest.mark.parametrize(("n", "known"), [(1, 0.0), (2, 0.5642), (3, 0.8463), (10, 1.5388)])
def test_the_expected_largest_normal(n, known):
    assert selecting.expected_largest(n) == pytest.approx(known, abs=2e-4)


@pytest.fixture(scope="module")
def independent():
    def made(sigma, searches=20_000, nodes=50):
        draws = np.random.default_rng(0)
        quality = draws.normal(0, 1, (searches, nodes))
        return Measured(quality, sigma, quality + draws.normal(0, sigma, quality.shape))

    return made


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_argmax_reaches_what_the_closed_form_says_within_two_percent(independent, sigma):
    measured = independent(sigma)
    node = selecting.argmax(measured, 0)
    rows = np.arange(len(node))
    quality, seen = measured.quality[rows, node].mean(), measured.seen[rows, node].mean()
    assert quality == pytest.approx(selecting.expected_quality(50, 1.0, sigma), rel=0.02)
    optimism = selecting.expected_optimism(50, 1.0, sigma)
    assert seen - quality == pytest.approx(optimism, rel=0.02)
    largest = selecting.expected_largest(50)
    assert quality / largest == pytest.approx(1 / np.hypot(1, sigma), rel=0.02)


def test_measuring_again_closes_a_third_to_two_thirds_of_the_gap(independent):
    """200 evaluations in all, 40 of them for ten nodes: 0.54 of the gap at noise 1 (SD 0.003)."""
    found = closed(independent(1.0, nodes=200, searches=4000), 40)
    shares = {name: gain.mean() / gap.mean() for name, (gain, gap) in found.items()}
    assert set(shares) == set(RULES) and shares["argmax"] == 0
    assert 0.3 < shares["re-evaluate"] < 0.6
    assert shares["halving"] > shares["re-evaluate"] > shares["re-evaluate, fresh alone"]
    assert abs(shares["hidden split"]) < 0.05 < shares["both splits"]


def test_what_does_not_run_is_never_chosen(independent):
    measured = independent(1.0, searches=20, nodes=12)
    measured.seen[:, 1:11] = -np.inf
    for rule, _ in RULES.values():
        assert set(rule(measured, 8)) <= {0, 11}


def test_shares_of_variance_by_hand():
    shares = figures.shares(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert shares == {"operators": 0.8, "policies": pytest.approx(0.2), "together": 0.0}
    assert figures.shares(np.array([[0.0, 1.0], [1.0, 0.0]]))["together"] == 1.0
    assert sum(figures.shares(np.ones((2, 2))).values()) == 0


def test_a_search_in_which_nothing_ran_is_worth_the_worst():
    curve = np.array([[np.nan, 1.0], [np.nan, np.nan], [0.0, -2.0]])
    np.testing.assert_array_equal(figures.ended(curve)[:, 0], [1.0, -2.0, -2.0])


@pytest.mark.slow
def test_the_command_compares_policies_in_pairs(capsys, tmp_path):
    path = tmp_path / "gym.json"
    words = ["search", "gym", "--policies", "best-of,linear", "--landscapes", "ceilings",
             "--operators", "-0.2,0", "--searches", "3", "--evaluations", "8",
             "--noise", "0", "--json", str(path)]  # fmt: skip
    assert main(words) == 0
    said = capsys.readouterr().out
    assert "SIMULATED" in said and "Of the variance" in said
    told = json.loads(path.read_text())
    assert [row["policy"] for row in told["rows"]] == ["best-of", "linear"] * 2
    best = told["rows"][0]
    assert best["over"] is None and told["rows"][1]["over"][0] < 0
    assert best["oracle_gap"][0] == 0, "without noise the best measured is the best"
    assert told["landscapes"]["ceilings, -0.2 a step"]["step_mean"] == -0.2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--policies", "greedi"], "greedy"),
        (["--landscapes", ""], "got nothing"),
        (["--operators", "much"], "expects mean changes"),
        (["--searches", "0"], "at least 1"),
        (["--noise", "-1"], "at least 0"),
        (["--policies", "mcts,linear", "--base", "mtcs"], "(mcts, linear), got 'mtcs'"),
    ],
)
def test_bad_input_is_one_line(words, said, capsys):
    assert main(["search", "gym", *words]) == 2
    told = capsys.readouterr()
    assert said in told.err and not told.out and told.err.count("\n") == 1


@pytest.mark.slow
def test_the_script_measures_what_is_missing_and_the_page_shows_what_is_on_file(
    tmp_path, monkeypatch
):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks" / "verify"))
    script, told = importlib.import_module("search_gym"), {}
    path = tmp_path / "gym.json"
    monkeypatch.setattr(sys, "argv", ["search_gym.py", "--tiny", "--results", str(path)])
    few = {name: script.POLICIES[name] for name in ("best-of", "restarts", "greedy", "mcts")}
    monkeypatch.setattr(script, "POLICIES", few)
    monkeypatch.setattr(script, "TREES", ("greedy", "mcts"))
    monkeypatch.setattr(script, "NOISES", (1.0,))
    script.main()
    first = path.read_text()
    assert set(json.loads(first)["parts"]) == set(script.PARTS)
    script.main()
    assert path.read_text() == first
    monkeypatch.undo()
    monkeypatch.setattr(script, "into_page", lambda page, mark, text: told.update({mark: text}))
    monkeypatch.setattr(sys, "argv", ["search_gym.py", "--page"])
    script.main()
    page = (script.ROOT / "docs" / "search-gym.md").read_text()
    for mark, text in told.items():
        assert f"<!-- {mark} -->\n{text}<!-- {mark} end -->" in page
