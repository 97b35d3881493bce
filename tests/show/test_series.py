import numpy as np

from cairn.core.stats import bootstrap, mean
from cairn.show import series
from cairn.show.series import Curve

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


def test_cycles_without_update_do_not_dilute_what_an_update_reports():
    # Two gradient steps an update. Line 1: 5 updates in 5 cycles; line 2: 1 in 5; line 3: none.
    run = lines([10, 12, 12], [5, 10, 15], [0.8, 0.8 / 5, 0.0])
    curve = series.metric(run, "entropy")
    assert curve is not None
    values = series.per_update(run, curve, 2).values[:, 0]
    np.testing.assert_allclose(values[:2], 0.8)
    assert np.isnan(values[2])


def test_a_metric_that_was_not_finite_is_left_out_of_means():
    run = lines([0, 0, 0], [1, 2, 3], [1.0, None, 3.0])
    curve = series.metric(run, "entropy")
    assert curve is not None and np.isnan(curve.values[1, 0])
    assert series.smooth(curve, 1.0).values[1, 0] == 2.0
    assert series.band(curve).value.tolist() == [1.0, 2.0, 3.0]
    assert series.metric(run, "no such thing") is None


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


def test_tests_are_read_whatever_their_form():
    nested = {"named": {"solve_rate": [0.5], "length": [3.0]}, "random": {"solve_rate": [1.0]}}
    run = lines([0, 0], [1, 2], [0, 0])
    found = series.evaluations([run[0], run[1] | {"evaluation": nested}])
    assert {name: c.values.tolist() for name, c in found.items()} == {
        "named": [[0.5]],
        "random": [[1.0]],
    }
    assert found["named"].steps.tolist() == [[22.0]]
    assert series.evaluations(run) == {}
