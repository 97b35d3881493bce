"""Bars are as long as their amounts, and a figure in the size of a word says where it ended."""

import numpy as np
import pytest
from drawing import EVIL, curve, lines_of, parsed, texts

from cairn.report import svg

NAN = float("nan")


def test_bars_are_as_long_as_amounts_and_say_their_share():
    tree = parsed(svg.bars({"training": 3e6, "scoring": 1e6, "none": 0.0}, "environment steps"))
    bars = list(tree.iter("rect"))
    wide = [float(bar.get("width")) for bar in bars]
    assert wide[1] / wide[0] == pytest.approx(1 / 3, abs=1e-3) and wide[2] == 0
    alone = parsed(svg.bars({"training": 5.0}, "steps"))
    assert float(next(alone.iter("rect")).get("width")) == wide[0], "the longest fills the room"
    assert [t for t in texts(tree) if "%" in t] == ["3.0M (75%)", "1.0M (25%)", "0 (0%)"]
    assert [bar.get("class") for bar in bars] == ["s0", "s1", "muted"]
    assert tree.findtext("desc").startswith("environment steps: training: 3.0M (75%); scoring")


@pytest.mark.parametrize("amounts", [{}, {"a": 0.0}, {"a": NAN, "b": -1.0}, {EVIL: 1.0}])
def test_any_amounts_can_be_drawn(amounts):
    drawn = svg.bars(amounts, EVIL, EVIL)
    assert {part.tag for part in parsed(drawn).iter()} <= {"svg", "rect", "text", "title", "desc"}
    assert ("nothing yet" in drawn) == (not amounts)


def test_a_word_sized_figure_is_the_mean_over_seeds_and_says_its_ends():
    tree = parsed(svg.spark(curve([0.0, NAN, 1.0], [0.2, 0.4, 0.5]), "solve rate", share=True))
    assert tree.get("aria-label") == "solve rate: from 0.1 to 0.75" and tree.get("role") == "img"
    (points,) = lines_of(next(tree.iter("path")).get("d"))
    np.testing.assert_allclose(points[:, 1], [180, 120, 50])  # tenths, of a height of 20


@pytest.mark.parametrize("values", [[], [NAN], [0.3], [0.3, 0.3], [1e308, -1e308]])
def test_any_figures_have_a_picture_in_the_size_of_a_word(values):
    drawn = svg.spark(curve(values), EVIL)
    assert "nan" not in drawn.split("</desc>")[1] and parsed(drawn).get("width") == "118"
    assert ("no figures yet" in drawn) == (not np.isfinite(values).any())


def test_many_points_are_few_in_the_size_of_a_word_and_the_ends_stay():
    values = np.linspace(0, 1, 5_000)
    tree = parsed(svg.spark(curve(values), "a", share=True))
    (points,) = lines_of(next(tree.iter("path")).get("d"))
    assert len(points) <= 60 and points[0].tolist() == [0, 200] and points[-1].tolist() == [1100, 0]
