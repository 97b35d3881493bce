import json

import numpy as np
import pytest

from cairn.core import files
from cairn.core.errors import ConfigError
from cairn.core.stats import wilson
from cairn.envs.cartpole import CartPole
from cairn.envs.protocol import Suite
from cairn.evaluation.compare import differences
from cairn.evaluation.equal import at_equal_steps, curves
from cairn.evaluation.evaluate import Results
from cairn.evaluation.summary import summarise, worst


class Falls(CartPole):
    """Measured by how long it lasts, and that shall be short."""

    measure = "length"
    higher_is_better = False


class Pays(CartPole):
    """Measured by its return."""

    measure = "return"


def results(solved, name="test", groups=None, headline=None, env=None, optimal=None):
    solved = np.asarray(solved, bool)
    levels = solved.shape[1]
    suite = Suite(
        name,
        env or CartPole(),
        np.zeros((levels, 1), np.float32),
        np.arange(levels, dtype=np.int32),
        tuple(f"level {index}" for index in range(levels)),
        tuple(groups or [""] * levels),
        np.ones(levels, bool) if headline is None else np.array(headline),
        optimal,
    )
    returns = solved.astype(np.float32) * np.float32(0.5)
    return Results(suite, solved, returns, np.full(solved.shape, 7, np.int32), 7 * solved.size)


def attempts(*wins, of=10):
    """Levels with that many successes each."""
    return [[index < won for index in range(of)] for won in wins]


def test_solve_rate_is_the_mean_of_the_headline_and_others_stand_beside():
    got = summarise(results([attempts(10, 5, 0, 1)], headline=[True, True, True, False]))
    assert got["solve_rate"] == pytest.approx(0.5)
    assert got["return"] == pytest.approx(0.25) and got["length"] == 7
    assert got["beside_the_headline"] == ["level 3"]
    assert got["levels"]["level 3"]["solve_rate"] == pytest.approx(0.1)
    assert not got["levels"]["level 3"]["headline"]


def test_one_seed_gives_intervals_over_levels_and_says_so():
    got = summarise(results([attempts(10, 5, 0)]))
    assert got["interval_over"] == "levels"
    assert got["interval"] == [0.0, 1.0]
    level = got["levels"]["level 1"]
    # Wilson's interval of 5 of 10, from the literature.
    assert level["interval"] == pytest.approx([0.2366, 0.7634], abs=1e-4)
    assert level["interval_over"] == "attempts"


def test_one_level_has_an_interval_over_its_attempts():
    got = summarise(results([attempts(1, of=2)]))
    assert got["solve_rate"] == 0.5 and got["interval_over"] == "attempts"
    low, high = got["interval"]
    assert low < 0.1 and high > 0.9  # Wilson's of 1 in 2, not "0.500 to 0.500"
    assert got["interquartile_interval"] == got["interval"] == got["levels"]["level 0"]["interval"]
    low, high = got["return_interval"]
    assert low == 0 and high == 0.5  # two attempts, resampled


def test_a_single_attempt_leaves_a_return_without_interval():
    got = summarise(results([attempts(1, of=1)], env=Pays()))
    assert got["return"] == 0.5 and got["interval"] == [None, None]
    assert got["levels"]["level 0"]["interval"] == [None, None]
    pair = results([attempts(1, of=1)])
    assert differences(pair, pair)["interval"] == [None, None]


def test_one_level_is_compared_over_its_attempts():
    got = differences(results([attempts(8)]), results([attempts(2)]))
    assert got["difference"] == pytest.approx(0.6) and got["interval_over"] == "attempts"
    low, high = got["interval"]
    assert 0 < low < 0.6 < high <= 1


def test_bounds_never_lie_beyond_their_value_by_rounding():
    for wins in range(1, 10):
        for figures in summarise(results([attempts(wins)] * 5))["levels"].values():
            low, high = figures["interval"]
            assert low <= figures["solve_rate"] <= high


def test_the_environment_says_what_is_measured_and_which_way_is_better():
    got = summarise(results([attempts(10, 5, 0)], env=Pays()))
    assert (got["measure"], got["higher_is_better"]) == ("return", True)
    assert got["return"] == pytest.approx(0.25) and got["solve_rate"] == pytest.approx(0.5)
    assert got["interval"] == [0, 0.5] and got["return_by_seed"] == pytest.approx([0.25])
    assert got["levels"]["level 0"]["return"] == 0.5
    got = differences(results([attempts(10, 5)], env=Pays()), results([attempts(0, 5)], env=Pays()))
    assert got["return"] == pytest.approx([0.375, 0.125])


def test_the_worst_levels_are_the_highest_where_lower_is_better():
    one = results(np.ones((1, 10, 2)), name="cvar", env=Falls())
    length = np.full((1, 10, 2), 3, np.int32)
    length[0, 4] = 9
    got = summarise(one._replace(length=length))
    assert (got["measure"], got["higher_is_better"]) == ("length", False)
    assert got["worst"]["10%"]["length"] == 9


def test_a_measure_nobody_knows_is_refused():
    class Odd(CartPole):
        measure = "beauty"

    with pytest.raises(ConfigError, match=r"Odd.measure must be one of solve_rate, .*'beauty'"):
        summarise(results([attempts(1)], env=Odd()))


def test_levels_nobody_can_solve_are_marked_and_left_out_beside_the_mean():
    got = summarise(results([attempts(10, 0, 0)], env=CartPole(limit=50), optimal=(7, None, 51)))
    assert got["solve_rate"] == pytest.approx(1 / 3) and got["solvable"]["solve_rate"] == 1
    assert got["warnings"] == [
        "In the mean, though nobody can solve them in 50 steps: level 1, level 2 (2 of 3 levels)."
    ]
    facts = {name: (f["solvable"], f["optimal_steps"]) for name, f in got["levels"].items()}
    assert facts == {"level 0": (True, 7), "level 1": (False, None), "level 2": (True, 51)}
    assert "optimal_steps" not in summarise(results([attempts(1)]))["levels"]["level 0"]


def test_several_seeds_give_intervals_over_seeds_for_every_level():
    got = summarise(results([attempts(0, 4), attempts(10, 4)]))
    assert got["interval_over"] == "seeds"
    assert got["solve_rate_by_seed"] == pytest.approx([0.2, 0.7])
    assert got["interval"] == pytest.approx([0.2, 0.7])
    assert got["levels"]["level 0"]["interval"] == pytest.approx([0, 1])
    # Both seeds agree: of two draws with a success rate of 0.4, none to one.
    low, high = got["levels"]["level 1"]["interval"]
    assert (low, high) == (0.0, wilson(1, 2)[1])
    assert got["levels"]["level 1"]["interval_over"] == "seeds"


@pytest.mark.parametrize("won", [0, 10])
@pytest.mark.parametrize("seeds", [1, 3])
def test_seeds_or_levels_that_agree_do_not_make_certainty(seeds, won):
    """Resampled, equal numbers have an interval of no width."""
    got = summarise(results([attempts(*[won] * 4)] * seeds, name="cvar"))
    over, units = ("seeds", 3) if seeds > 1 else ("levels", 4)
    expected = list(wilson(units * won // 10, units))
    assert got["interval_over"] == over and got["interval"] == expected
    assert got["interquartile_interval"] == expected
    low, high = got["levels"]["level 0"]["interval"]
    assert high - low > 0.25
    low, high = got["worst"]["10%"]["interval"]
    assert high - low > 0.5


def test_interquartile_mean_leaves_a_quarter_out_at_either_end():
    got = summarise(results([attempts(0, 2, 4, 10)]))
    assert got["interquartile_mean"] == pytest.approx(0.3)


def test_groups_have_figures_of_their_own():
    got = summarise(results([attempts(0, 2, 4, 10)], groups=["a", "a", "b", "b"]))
    rates = {name: figures["solve_rate"] for name, figures in got["groups"].items()}
    assert rates == pytest.approx({"a": 0.1, "b": 0.7})


def test_the_worst_levels_are_ranked_by_one_half_and_reported_by_the_other():
    # 100 levels of 2 attempts. The first fails at levels 0 to 9; the second at 0 to 3 and 90 on.
    solved = np.ones((1, 100, 2), bool)
    solved[0, :10, 0] = False
    solved[0, :4, 1] = solved[0, 90:, 1] = False
    got = worst(results(solved, name="cvar"))
    assert got["10%"]["solve_rate"] == pytest.approx(0.6)
    # Ten levels tie for one place and for five: each has its share.
    assert got["1%"]["solve_rate"] == got["5%"]["solve_rate"] == pytest.approx(0.6)
    low, high = got["10%"]["interval"]
    assert low < 0.6 < high and got["10%"]["interval_over"] == "levels"
    assert (got["attempts_that_rank"], got["attempts_reported"]) == (1, 1)


def test_the_worst_levels_are_each_seeds_own():
    solved = np.ones((2, 10, 2), bool)
    solved[0, 0] = solved[1, 1, 0] = False
    got = worst(results(solved, name="cvar"))["10%"]
    assert got["solve_rate_by_seed"] == [0, 1]
    assert got["interval"] == [0, 1] and got["interval_over"] == "seeds"


def test_a_summary_survives_json():
    got = summarise(results([attempts(0, 2, 4, 10)], name="cvar", groups=["a", "a", "b", "b"]))
    assert json.loads(files.to_json(got)) == got


def test_differences_pair_seeds_where_both_runs_have_as_many():
    ours = results([attempts(4, 4), attempts(8, 8)])
    theirs = results([attempts(3, 3), attempts(7, 7)])
    got = differences(ours, theirs)
    # The seeds differ much, each pair by exactly 0.1: pairing finds that without doubt.
    assert got["difference"] == pytest.approx(0.1)
    assert got["interval"] == pytest.approx([0.1, 0.1]) and got["interval_over"] == "seeds"
    assert got["levels"] == pytest.approx({"level 0": 0.1, "level 1": 0.1})


def test_unequal_numbers_of_seeds_are_averaged_and_compared_over_levels():
    got = differences(results([attempts(4, 4), attempts(8, 8)]), results([attempts(5, 3)]))
    assert got["difference"] == pytest.approx(0.2) and got["interval_over"] == "levels"


def line(steps, rates):
    ledger = {"training": steps, "scoring": [10] * len(steps), "mutation": [0] * len(steps)}
    return {"ledger": ledger, "evaluation": {"random": {"solve_rate": rates}}}


def test_runs_are_compared_at_the_most_steps_that_both_have_reached():
    ours = curves([line([90, 90], [0.0, 0.2]), {"ledger": {}}, line([190, 190], [1.0, 0.4])])
    theirs = curves([line([140, 140], [0.1, 0.1])])
    got = at_equal_steps(ours, theirs)
    assert got["steps"] == 150
    figures = got["suites"]["random"]
    # Half way between its evaluations the first stands at 0.5 and 0.3.
    assert figures["solve_rate"] == pytest.approx([0.4, 0.1])
    assert figures["difference"] == pytest.approx(0.3)
    assert figures["interval"] == pytest.approx([0.2, 0.4])


def test_runs_without_evaluations_in_common_are_not_compared():
    early, late = curves([line([90], [0.5])]), curves([line([190], [0.5])])
    assert at_equal_steps(early, late) is None
    assert at_equal_steps(None, late) is None
    assert curves([{"ledger": {}}]) is None
