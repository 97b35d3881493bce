"""What is drawn lies inside its axes, and nothing is drawn where nothing is known."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from cairn.report.data import Chart
from cairn.report.series import Curve
from cairn.show import charts, curves, style


def drawn(curve: Curve, **look):
    axes = style.figure(4, 3).add_subplot()
    curves.draw_chart(axes, charts.chart("Chart", {"curve": curve}, **look))
    return axes


@pytest.mark.parametrize("seeds", [1, 2])
def test_markers_at_the_edges_are_not_clipped(seeds):
    axes = drawn(Curve(np.array([[59e3, 61e3]])[:, :seeds], np.array([[1.9, 1.9]])[:, :seeds]))
    assert axes.get_xlim()[1] > 1.02 * [59e3, 61e3][seeds - 1] and axes.get_ylim()[1] > 1.95
    marked = [line for line in axes.lines if line.get_marker() == "o"]
    assert marked and not any(line.get_clip_on() for line in marked)


def test_a_line_has_gaps_and_a_point_between_them_is_a_dot():
    values = np.array([0.1, 0.2, np.nan, 0.4, np.nan, 0.6])[:, None]
    whole, dots = drawn(Curve(np.arange(6.0)[:, None], values)).lines[:2]
    np.testing.assert_array_equal(np.isnan(np.ravel(whole.get_ydata())), np.isnan(values[:, 0]))
    assert np.flatnonzero(np.isfinite(np.ravel(dots.get_ydata()))).tolist() == [3, 5]


def png(*lines, title="Chart", axis="calls"):
    image = Image.open(BytesIO(curves.chart_png(Chart(title, lines), axis)))
    return np.asarray(image.convert("RGB"))


def line_of(label, values):
    found = Curve(np.arange(1.0, len(values) + 1)[:, None], np.array(values)[:, None])
    return charts.chart("", {label: found}).lines[0]


def test_a_chart_is_a_picture_whatever_its_lines_are_called():
    named = [line_of(name, [0.1, 0.5, np.nan, 0.3]) for name in ("_a", "$x^{", "\x1b[31m", *"bcde")]
    picture = png(*named, title="$\\frac{")
    assert picture.shape == (600, 960, 3)
    plain = png(*named[:1])
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > len(
        np.unique(plain.reshape(-1, 3), axis=0)
    )


def test_a_chart_without_figures_is_a_picture_that_says_so():
    empty, other = png(), png(line_of("a", [np.nan, np.nan]))
    assert (empty == other).all() and 0 < (empty < 200).mean() < 0.01


@pytest.mark.parametrize(
    ("figures", "titles", "labels"),
    [
        ({"regret": 0.2, "antagonist_solve_rate": 0.6}, ["Regret its teacher finds"],
         ["student", "antagonist"]),
        ({"start_success": 0.3, "window": 2.0},
         ["Starts within the window: success", "Window that starts are drawn from"],
         ["solve rate"]),
        ({"covered": 0.1, "adversary": 1.0, "archive_score": 0.3, "replayed_score": 0.4},
         ["Steps that earlier adversaries' levels cover", "Adversary at work"], ["solve rate"]),
    ],
)  # fmt: skip
def test_what_a_method_is_about_is_among_its_charts(figures, titles, labels):
    metrics = {"solve_rate": 0.5, "entropy": 1.0, "return": 0.4, "episode_length": 9.0} | figures
    told = {name: [value] for name, value in metrics.items()}
    lines = [{"cycle": [n], "metrics": told, "ledger": {"training": [n]}} for n in (1, 2, 3)]
    solved, *others = charts.charts(lines)
    assert solved.title == "Levels it trains on: solve rate"
    assert [line.label for line in solved.lines] == labels
    assert [chart.title for chart in others[: len(titles)]] == titles
    assert len(others) < charts.CHARTS
