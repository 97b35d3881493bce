"""Bars are as long as their amounts, and say what share of the whole each is."""

import pytest
from drawing import EVIL, parsed, texts

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
