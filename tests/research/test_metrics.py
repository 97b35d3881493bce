"""Metrics of benchmarks against tables computed by hand."""

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.research.metrics import discovery, medals, normalised, profiles, speedrun
from cairn.research.metrics.discovery import Domain, Odds

# Gold, silver, bronze by hand from Kaggle's table.
PLACES = {
    1: (1, 1, 1),
    9: (1, 1, 3),
    99: (9, 19, 39),
    100: (10, 20, 40),
    249: (10, 49, 99),
    250: (10, 50, 100),
    999: (11, 50, 100),
    1000: (12, 50, 100),
    5000: (20, 250, 500),
}


@pytest.mark.parametrize("teams", PLACES)
@pytest.mark.parametrize("larger", [True, False])
def test_medals_end_at_the_places_of_the_table_in_both_directions(teams, larger):
    assert medals.positions(teams) == PLACES[teams]
    # Team p (from 1) has the score -p or p: worth exactly place p.
    scores = [-p if larger else p for p in range(1, teams + 1)]
    gold, silver, bronze = PLACES[teams]
    for place in {1, gold, gold + 1, silver, silver + 1, bronze, bronze + 1, teams}:
        expected = next(
            (m for m, last in (("gold", gold), ("silver", silver), ("bronze", bronze))
             if place <= last), None,
        )  # fmt: skip
        if teams == 1 and not larger:
            continue  # one row shows no direction: larger is better then, as in MLE-bench
        got = medals.rank(float(-place if larger else place), scores)
        assert got.medal == expected
        assert got.above_median == (place < (teams + 1) / 2)


def test_places_are_those_of_the_formula_in_floats():
    for teams in range(1, 20_000):
        got = medals.positions(teams)
        if teams < 100:
            assert got == tuple(max(1, int(teams * share)) for share in (0.1, 0.2, 0.4))
        elif teams >= 250:
            assert got.gold == 10 + int(teams * 0.002)


def test_no_score_no_medal_and_a_disordered_leaderboard_is_refused():
    assert medals.rank(None, [3, 2, 1]) == (None, False, 0.0)
    assert medals.rank(math.nan, [3, 2, 1]) == (None, False, 0.0)
    assert medals.rank(2.5, [3, 2, 1]).beaten == 2 / 3
    with pytest.raises(ConfigError, match="sorted, the best team first"):
        medals.leaderboard([3, 1, 2])
    with pytest.raises(ConfigError, match="at least one team"):
        medals.leaderboard([])


def test_any_medal_counts_what_was_not_played_as_none():
    seeds = [{"a": "gold", "b": None}, {"a": "bronze", "b": "silver", "c": None}, {}]
    got = medals.any_medal(seeds, ["a", "b", "c", "d"])
    assert got.mean == pytest.approx(25.0)  # 25, 50, 0
    assert got.sem == pytest.approx(25 / math.sqrt(3))
    with pytest.raises(ConfigError, match="not among the competitions"):
        medals.any_medal([{"e": "gold"}], ["a"])


def test_ratios_profiles_and_areas_of_three_methods_on_three_tasks():
    scores = {
        "base": {"acc": 0.5, "loss": 4.0, "game": 2.0},
        "a": {"acc": 1.0, "loss": 8.0, "game": None},  # worse than the baseline; no score
        "b": {"acc": 0.8, "loss": 2.0, "game": 20.0},
    }
    larger = {"acc": True, "loss": False, "game": True}
    got = profiles.mlgym_profiles(scores, larger, baseline="base")
    assert got.ratios["base"] == pytest.approx({"acc": 2.0, "loss": 2.0, "game": 10.0})
    assert got.ratios["a"] == pytest.approx({"acc": 1.0, "loss": 2.1, "game": 10.5})
    assert got.ratios["b"] == pytest.approx({"acc": 1.25, "loss": 1.0, "game": 1.0})
    assert got.taus[-1] == pytest.approx(1.1)  # log10 10.5 = 1.021, rounded up
    for method, row in got.ratios.items():
        exact = sum(1.1 - math.log10(r) for r in row.values()) / 3  # steps, by hand
        assert got.areas[method] == pytest.approx(exact, abs=1.1 / 499)
    assert got.curves["b"][0] == pytest.approx(2 / 3) and got.curves["a"][-1] == 1.0


def test_ratios_refuse_a_task_where_they_say_nothing():
    with pytest.raises(ConfigError, match="'blotto' no method has a score above 0"):
        profiles.ratios({"base": {"blotto": -0.2}}, {"blotto": True}, baseline="base")
    with pytest.raises(ConfigError, match="no method 'x'"):
        profiles.ratios({"base": {}}, {}, baseline="x")


def test_best_at_k_takes_the_first_k_runs_and_skips_what_is_not_finite():
    runs = [[1.0, 3.0], [None, math.nan], [2.0], [9.0]]
    assert profiles.best_at(runs, 3, larger_is_better=True) == 3.0
    assert profiles.best_at(runs, 4, larger_is_better=True) == 9.0
    assert profiles.best_at(runs, 3, larger_is_better=False) == 1.0
    assert profiles.best_at([[None]], 1, larger_is_better=True) is None


def test_normalised_score_is_0_at_the_worst_1_at_the_published_and_clipped_at_the_optimum():
    scale = normalised.Scale(optimum=1.0, sota=0.9, worst=0.0)  # φ: 1 and 0
    assert normalised.normalised(0.0, scale) == 0.0
    assert normalised.normalised(0.9, scale) == pytest.approx(1.0)
    assert normalised.normalised(0.99, scale) == pytest.approx(2.0)
    assert normalised.normalised(1.0, scale) == pytest.approx(6.0)
    assert normalised.normalised(-9.0, scale) == pytest.approx(-1.0)
    assert normalised.normalised(None, scale) == 0.0 == normalised.normalised(math.nan, scale)
    assert normalised.valid_rate([1.0, None, math.inf, 2.0]) == 0.5
    with pytest.raises(ConfigError, match="as far from the optimum"):
        normalised.normalised(1.0, normalised.Scale(1.0, 0.5, 1.5))


def test_elo_of_two_is_the_log_odds_and_of_three_fits_them_all():
    got = normalised.elo({("a", "b"): 30, ("b", "a"): 10})
    assert got["a"] - got["b"] == pytest.approx(400 * math.log10(3))
    assert got["a"] + got["b"] == pytest.approx(3000)
    # Odds 2, 3 and so 6: consistent, hence exact.
    wins = {
        ("a", "b"): 2,
        ("b", "a"): 1,
        ("b", "c"): 3,
        ("c", "b"): 1,
        ("a", "c"): 6,
        ("c", "a"): 1,
    }
    got = normalised.elo(wins)
    assert got["a"] - got["b"] == pytest.approx(400 * math.log10(2))
    assert got["b"] - got["c"] == pytest.approx(400 * math.log10(3))
    with pytest.raises(ConfigError, match="no finite Elo: b beat a neither"):
        normalised.elo({("a", "b"): 3})
    assert normalised.elo({("a", "b"): 3}, prior=2)["a"] > 1500


@pytest.mark.parametrize(
    ("before", "after", "agent", "expected"),
    [
        (10, 6, 8, 0.5),
        (10, 6, 6, 1.0),
        (10, 6, 4, 1.5),  # beyond the record
        (10, 6, 10, 0.0),
        (10, 6, 12, 0.0),  # slower is 0, not negative
        (10, 6, None, 0.0),
        (10, 6, math.nan, 0.0),
        (766, 773, 700, None),  # the gap of records 6 and 7 there
        (10, 10, 5, None),
    ],
)
def test_fraction_of_speed_up_recovered(before, after, agent, expected):
    assert speedrun.recovered(before, after, agent) == expected


def test_the_mean_of_fractions_leaves_out_what_is_undefined():
    assert speedrun.mean_recovered([1.0, None, 0.0]) == 0.5
    assert speedrun.mean_recovered([None]) is None
    with pytest.raises(ConfigError, match="finite and above 0"):
        speedrun.recovered(math.nan, 1, 1)


# Data sets, modules, backends of each domain (discogen at 09d1525, counted in its folders).
DISCOGEN = [
    (11, 6, 1), (7, 3, 1), (9, 4, 1), (3, 5, 3), (4, 2, 1), (4, 3, 2), (3, 1, 1), (5, 5, 1),
    (4, 7, 1), (10, 5, 1), (17, 6, 2), (13, 6, 3), (3, 4, 1), (4, 3, 1),
]  # fmt: skip


def enumerated(domain):
    for placed in itertools.product((0, 1, 2), repeat=len(domain.datasets)):
        for modules in itertools.product((False, True), repeat=len(domain.modules)):
            if 0 in placed and 1 in placed and any(modules):
                for backend in domain.backends:
                    yield placed, modules, backend


def test_the_count_of_tasks_is_that_of_enumeration_and_that_published():
    for d, m, b in itertools.product(range(5), range(4), (1, 2)):
        domain = Domain(tuple("abcd"[:d]), tuple("xyz"[:m]), tuple("pq"[:b]))
        assert discovery.configurations(d, m, b) == sum(1 for _ in enumerated(domain))
    assert discovery.tasks(DISCOGEN) == 99_299_030_280


def test_the_sampler_draws_valid_tasks_with_the_odds_it_was_given():
    domain = Domain(("a", "b", "c"), ("x", "y"))
    odds = Odds(edit=0.3, train=0.5, test=0.3, leave=0.2, attempts=100)
    draw = random.Random(0)
    found = Counter()
    for _ in range(8000):
        task = discovery.sample({"d": domain}, draw, odds)
        placed = tuple(0 if x in task.train else 1 if x in task.test else 2 for x in "abc")
        found[placed, tuple(m in task.modules for m in "xy")] += 1
    weights = {}
    for placed, modules, _ in enumerated(domain):
        p = math.prod((0.5, 0.3, 0.2)[at] for at in placed)
        weights[placed, modules] = p * math.prod(0.3 if m else 0.7 for m in modules)
    assert set(found) == set(weights)  # all 12 · 3
    total = sum(weights.values())
    expected = {key: 8000 * w / total for key, w in weights.items()}
    chi2 = sum((found[key] - e) ** 2 / e for key, e in expected.items())
    assert chi2 < 66.6  # 35 degrees of freedom, p = 0.001


def test_what_the_sampler_cannot_draw_is_said():
    with pytest.raises(ConfigError, match="no valid task in 10 draws"):
        discovery.sample({"d": Domain(("a",), ("x",))}, random.Random(0))
    with pytest.raises(ConfigError, match=r"edit must lie in \[0, 1\]"):
        Odds(edit=30)


def test_a_target_on_the_way_to_the_baseline_asks_for_less_whatever_the_sign():
    assert discovery.reach(-5.33, -20.0, 0.8) == pytest.approx(-8.264)
    assert discovery.reach(10.0, 0.0, 0.8) == 8.0
    assert np.isclose(discovery.reach(2.0, 10.0, 0.5), 6.0)
