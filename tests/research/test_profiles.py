"""Two areas under performance profiles, by hand."""

import math

import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.research.metrics.profiles import lfs_aup, mlgym_profiles


def test_the_area_of_llm_first_search_by_hand():
    # b is at ratio 1 on one task and 2 on the other; c never wins anything.
    rates = {"a": {"x": 0.8, "y": 0.9}, "b": {"x": 0.4, "y": 0.9}, "c": {"x": 0.0, "y": 0.0}}
    areas = lfs_aup(rates)
    points = np.logspace(0, 1, 200)
    after = points[np.searchsorted(points, 2.0)]
    step = after - points[np.searchsorted(points, 2.0) - 1]  # where the trapezoid climbs
    assert areas["a"] == pytest.approx(9.0)
    assert areas["b"] == pytest.approx(0.5 * 9 + 0.5 * (10 - after + step / 2))
    assert areas["b"] == pytest.approx(0.5 * 9 + 0.5 * 8, abs=0.02) and areas["c"] == 0.0


def test_efficiency_is_the_ratio_times_the_tokens_of_the_thriftiest():
    rates = {"a": {"x": 0.8}, "b": {"x": 0.8}}
    areas = lfs_aup(rates, {"a": {"x": 400.0}, "b": {"x": 100.0}})
    assert areas["b"] == pytest.approx(9.0) and areas["a"] == pytest.approx(6.0, abs=0.03)
    with pytest.raises(ConfigError, match="tokens above 0"):
        lfs_aup(rates, {"a": {"x": 1.0}})


def test_the_area_of_mlgym_by_hand_on_three_tasks():
    scores = {
        "a": {"up": 2.0, "down": 5.0, "odd": 4.0},
        "b": {"up": 1.0, "down": 10.0, "odd": -3.0},  # negative: infeasible
        "c": {"up": 0.5, "down": 2.5, "odd": 1.0},  # below the baseline: infeasible
    }
    scores["baseline"] = {"up": 1.0, "down": 20.0, "odd": 2.0}
    larger = {"up": True, "down": False, "odd": True}
    areas = mlgym_profiles(scores, larger, baseline="baseline").areas
    # Ratios. up: a 1, b 2, c 1.05 · 2, baseline 2. down: a 2, b 4, c 1, baseline 8.
    # odd: a 1, b and c 1.05 · 2, baseline 2. The largest log10 is that of 8, 0.903: up to 1.0.
    ratios = {"a": (1, 2, 1), "b": (2, 4, 2.1), "c": (2.1, 1, 2.1), "baseline": (2, 8, 2)}
    for method, each in ratios.items():
        exact = sum(1.0 - math.log10(ratio) for ratio in each) / 3
        assert areas[method] == pytest.approx(exact, abs=0.002), method


def test_the_two_areas_are_of_different_things():
    rates = {"a": {"x": 0.8, "y": 0.5}, "b": {"x": 0.4, "y": 0.6}}
    ours = lfs_aup(rates)
    both = rates | {"baseline": {"x": 0.4, "y": 0.5}}
    theirs = mlgym_profiles(both, {"x": True, "y": True}, baseline="baseline").areas
    assert ours["a"] > 8 and theirs["a"] < 0.4


def test_a_table_with_holes_and_a_baseline_without_a_ratio_are_refused():
    with pytest.raises(ConfigError, match="b has no score on y"):
        lfs_aup({"a": {"x": 1.0, "y": 1.0}, "b": {"x": 1.0}})
    with pytest.raises(ConfigError, match="nan, not a number"):
        lfs_aup({"a": {"x": math.nan}})
    with pytest.raises(ConfigError, match="no method has a score above 0"):
        mlgym_profiles({"base": {"x": -0.25}}, {"x": True}, baseline="base")
