import numpy as np
import pytest

from cairn.core.stats import bootstrap, mean
from cairn.report import series
from cairn.report.series import Curve

RNG = np.random.default_rng(0)


def lines(gradients, cycles, metric):
    return [
        {
            "cycle": [c],
            "ledger": {"training": [10 * c], "scoring": [c], "mutation": [0], "evaluation": [99],
                       "updates": [g]},
            "metrics": {"entropy": [m]},
        }
        for g, c, m in zip(gradients, cycles, metric, strict=True)
    ]  # fmt: skip


def test_steps_are_training_scoring_and_mutation_without_evaluation():
    assert series.steps_of(lines([0, 0], [1, 2], [0, 0])).tolist() == [[11.0], [22.0]]


def test_steps_of_lines_whose_ledgers_differ_are_those_of_each_line():
    run = lines([0, 0], [1, 2], [0, 0])
    del run[1]["ledger"]["scoring"]
    assert series.steps_of(run).tolist() == [[11.0], [20.0]]


def test_what_is_absent_is_a_gap_and_no_zero():
    run = lines([0, 0, 0], [1, 2, 3], [1.0, None, 3.0])
    curve = series.metric(run, "entropy")
    assert curve is not None and np.isnan(curve.values[1, 0])
    for made in (series.smooth(curve, 1.0).values[:, 0], series.band(curve).value):
        np.testing.assert_array_equal(made, [1.0, np.nan, 3.0])
    assert series.metric(run, "no such thing") is None
    assert series.metric(lines([0], [1], [None]), "entropy") is None
    assert series.last(curve._replace(values=curve.values[:2])).tolist() == [1.0]


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_no_line_is_drawn_over_chunks_that_have_no_data(seeds):
    steps = np.linspace(0, 300, 301)[:, None].repeat(seeds, 1)
    values = np.full(steps.shape, 0.5)
    values[:40] = values[100:200] = np.nan
    band = series.band(series.smooth(Curve(steps, values)))
    inside = (band.steps < 35) | ((band.steps > 105) & (band.steps < 195))
    assert np.isnan(band.value[inside]).all() and np.isnan(band.low[inside]).all()
    outside = ((band.steps > 45) & (band.steps < 95)) | (band.steps > 205)
    np.testing.assert_allclose(band.value[outside], 0.5)


def test_a_seed_without_data_leaves_the_mean_to_the_others():
    steps = np.linspace(0, 100, 11)[:, None].repeat(3, 1)
    values = np.tile([1.0, 3.0, 9.0], (11, 1))
    values[:6, 2] = np.nan
    band = series.band(Curve(steps, values))
    assert band.value[0] == 2 and band.value[-1] == pytest.approx(13 / 3)


def test_chunks_missing_here_and_there_do_not_cut_a_long_curve():
    steps = np.linspace(0, 1000, 1001)[:, None]
    values = np.where(np.arange(1001)[:, None] % 2, np.nan, 0.5)
    assert np.isfinite(series.band(series.smooth(Curve(steps, values))).value).all()


def test_seeds_tested_once_each_at_other_steps_have_one_place_in_common():
    band = series.band(Curve(np.array([[59.0, 61.0]]), np.array([[0.0, 1.0]])))
    assert (band.steps.tolist(), band.value.tolist()) == ([60.0], [0.5])


def test_smoothing_is_a_centred_mean():
    values = RNG.normal(size=(50, 2))
    curve = Curve(np.arange(50.0)[:, None].repeat(2, 1), values)
    smoothed = series.smooth(curve, 0.1).values  # two points on either side
    expected = [values[max(0, i - 2) : i + 3].mean(axis=0) for i in range(50)]
    np.testing.assert_allclose(smoothed, expected, rtol=1e-9)


def test_the_band_lies_where_all_seeds_have_been_and_holds_their_mean():
    steps = np.stack([np.linspace(0, 100, 11), np.linspace(10, 120, 11)], axis=1)
    band = series.band(Curve(steps, np.stack([steps[:, 0], 3 * steps[:, 1]], axis=1)))
    assert (band.steps[0], band.steps[-1]) == (10, 100)
    np.testing.assert_allclose(band.value, 2 * band.steps)
    # Two seeds: the interval reaches from one to the other.
    np.testing.assert_allclose(band.low, band.steps)
    np.testing.assert_allclose(band.high, 3 * band.steps)


def test_the_band_is_the_bootstrap_interval_of_the_mean():
    values = RNG.normal(size=(3, 5))
    band = series.band(Curve(np.array([[0.0], [1.0], [2.0]]).repeat(5, 1), values))
    for place, row in ((0, values[0]), (-1, values[-1])):
        expected = bootstrap(row[:, None], mean, resamples=20_000, seed=3)
        assert abs(band.value[place] - expected.value) < 1e-12
        assert abs(band.low[place] - expected.low) < 0.1
        assert abs(band.high[place] - expected.high) < 0.1


def test_tests_are_read_by_their_measure():
    nested = {
        "named": {"solve_rate": [0.5], "length": [3.0]},
        "random": {"measure": "return", "solve_rate": [0.0], "return": [1.0]},
    }
    run = lines([0, 0], [1, 2], [0, 0])
    found = series.evaluations([run[0], run[1] | {"evaluation": nested}])
    assert {name: c.values.tolist() for name, c in found.items()} == {
        "named": [[0.5]],
        "random": [[1.0]],
    }
    assert found["named"].steps.tolist() == [[22.0]]
    assert series.evaluations(run) == {}


def test_each_seeds_tests_stand_at_its_own_steps():
    # The second seed ends, and is tested, at line 2; the first goes on and is tested at line 3.
    steps, figures = [(10, 10), (20, 20), (30, 20)], [(0.1, 0.2), (None, 0.6), (0.9, 0.6)]
    run = [
        {"ledger": {"training": list(spent)}, "evaluation": {"random": {"solve_rate": list(rates)}}}
        for spent, rates in zip(steps, figures, strict=True)
    ]
    curve = series.evaluations(run)["random"]
    assert curve.steps.tolist() == [[10, 10], [30, 20]]
    assert curve.values.tolist() == [[0.1, 0.2], [0.9, 0.6]]
