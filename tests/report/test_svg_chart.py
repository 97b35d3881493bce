"""A chart shows its figures where its axes say, whole, and whatever they are called."""

import re

import numpy as np
import pytest
from drawing import EVIL, chart_of, curve, dots_of, inverted, line, lines_of, parsed, texts

from cairn.report import axes, svg
from cairn.report.data import Line
from cairn.report.series import Band

NAN, INF = float("nan"), float("inf")


def raw(tree):
    """Data of the paths of the first seed: of its lines, and of its dots."""
    found = [p for p in tree.find("svg").iter("path") if p.findtext("title", "").endswith("was")]
    return "".join(path.get("d") for path in found)


@pytest.mark.parametrize(
    ("steps", "values"),
    [
        (np.linspace(0, 2e6, 50), np.linspace(0.2, 0.9, 50) ** 2),
        (np.linspace(0, 900, 30), 40 * np.sin(np.linspace(0, 6, 30)) - 5),
        (np.linspace(0, 8e9, 20), np.linspace(5_000, 5_010, 20)),
    ],
)
def test_the_points_of_a_curve_are_where_the_axes_say_to_a_pixel(steps, values):
    tree = parsed(svg.chart(chart_of(line("", values, steps=steps)), "steps"))
    (points,) = lines_of(raw(tree))
    x, y = inverted(tree, points)
    assert len(points) == len(values)
    # The picture is 420 across, and 172 between the axes.
    np.testing.assert_allclose(x, steps, atol=np.ptp(steps) / 400)
    np.testing.assert_allclose(y, values, atol=np.ptp(values) / 150)


def test_no_spike_of_a_long_curve_vanishes_and_its_path_stays_short():
    values = np.full(20_000, 0.5)
    values[12_345], values[7_777] = 0.9, 0.1
    tree = parsed(svg.chart(chart_of(line("", values), share=True), "steps"))
    (points,) = lines_of(raw(tree))
    assert len(points) <= 2 * 401 + 2
    plot = tree.find("svg")
    height = 10 * (float(plot.get("height")) - 12)
    for spike in (0.9, 0.1):
        assert np.rint(height * (1.02 - spike) / 1.04) in points[:, 1]
    x, _ = inverted(tree, points[points[:, 1] == points[:, 1].min()])
    assert abs(x[0] - 12_345) < 20_000 / 400


def test_a_line_breaks_where_nothing_is_known_and_what_stands_alone_is_a_dot():
    values = [0.1, 0.2, NAN, 0.4, INF, 0.6, 0.7, -INF, NAN]
    tree = parsed(svg.chart(chart_of(line("", values), share=True), "steps"))
    first, second = lines_of(raw(tree))
    assert (len(first), len(second)) == (2, 2)
    assert len(dots_of(raw(tree))) == 1


def test_every_seed_is_thin_the_mean_thick_and_the_interval_lies_around_it():
    chart = chart_of(line("a", [0.1, 0.2, 0.4], [0.3, 0.2, 0.6], [0.2, 0.1, 0.5]), share=True)
    found = parsed(svg.chart(chart, "steps")).find("svg")
    widths = [path.get("stroke-width") for path in found.iter("path")]
    assert widths == [None, "9", "9", "9", "22"]  # the band is an area
    area, *_, mean = (lines_of(path.get("d"))[0] for path in found.iter("path"))
    half = len(area) // 2
    top, bottom = area[:half], area[half:][::-1]
    assert (top[:, 1] <= mean[:, 1]).all() and (mean[:, 1] <= bottom[:, 1]).all()
    assert (top[:, 0] == mean[:, 0]).all() and (bottom[:, 1] > top[:, 1]).any()


def test_an_interval_of_a_single_point_is_a_whisker_and_equal_seeds_have_none():
    spread = svg.chart(chart_of(line("", [0.1], [0.5]), share=True), "steps")
    same = svg.chart(chart_of(line("", [0.5], [0.5]), share=True), "steps")
    assert re.search(r'd="M\d+ \d+V\d+"', spread) and not re.search(r'd="M\d+ \d+V\d+"', same)


@pytest.mark.parametrize("values", [[], [NAN, NAN], [INF]])
def test_a_chart_without_a_figure_says_so(values):
    tree = parsed(svg.chart(chart_of(Line("a", curve(values), Band(*[np.array([])] * 4))), "steps"))
    assert "no figures yet" in texts(tree) and "a: no figures yet." in tree.findtext("desc")
    assert "no figures yet" in svg.chart(chart_of(), "steps")


@pytest.mark.parametrize("values", [[0.0], [0.0, 0.0], [-3.0, -3.0], [1e308, -1e308], [5e-324, 0]])
def test_any_finite_figures_have_axes(values):
    tree = parsed(svg.chart(chart_of(line("", values)), "steps"))
    assert not re.search(r"\bnan|\binf", svg.chart(chart_of(line("", values)), "steps"))
    assert [g for g in tree.iter("text") if g.get("text-anchor") == "end"]


def test_the_axis_begins_at_nothing_unless_that_is_far_away():
    near, far = (
        texts(parsed(svg.chart(chart_of(line("", values)), "steps")))
        for values in ([1.0, 5.0], [1_000.0, 1_010.0])
    )
    assert near.count("0") == 2 and far.count("0") == 1


def test_lines_have_a_legend_a_colour_and_beyond_five_a_dash():
    several = chart_of(*(line(f"run {i}", [i, i + 1]) for i in range(7)))
    tree = parsed(svg.chart(several, "steps"))
    assert [f"run {i}" for i in range(7)] == [text for text in texts(tree) if "run" in text]
    plot = tree.find("svg")
    means = [p for p in plot.iter("path") if p.get("stroke-width") == "22"]
    assert [bool(p.get("stroke-dasharray")) for p in means] == [False] * 5 + [True] * 2
    assert "run 0" not in texts(parsed(svg.chart(chart_of(line("run 0", [0, 1])), "steps")))


def test_a_chart_is_told_in_words_with_ends_and_interval():
    several = chart_of(line("one", [0.1, 0.9], [0.1, 0.5]), line("other", [NAN, NAN]), share=True)
    tree = parsed(svg.chart(several, "environment steps"))
    assert (tree.get("role"), tree.get("aria-label")) == ("img", "Chart")
    told = tree.findtext("desc")
    assert told.startswith("Lines over environment steps, 0 to 1. one: from 0.1 to 0.7 [0.5, 0.9];")
    assert "2 seeds" in told and told.endswith("other: no figures yet.")
    strips = [rect.findtext("title") for rect in tree.iter("rect")]
    assert strips[0].split("\n")[1].startswith("one: 0.11 [") and "one: 0.69 [0.4" in strips[-1]


def test_seconds_are_shown_as_the_time_that_suits():
    tree = parsed(svg.chart(chart_of(line("", [1.0, 2, 3], steps=[0, 1_800, 3_600])), "seconds"))
    assert "minutes" in texts(tree) and "60" in texts(tree) and "seconds" not in texts(tree)


def test_what_somebody_wrote_is_text():
    lines = [line(EVIL, [0.0, 1.0], [1.0, 2.0]), line(EVIL, [1.0, NAN])]
    drawn = svg.chart(chart_of(*lines, title=EVIL), EVIL)
    names = {part.tag for part in parsed(drawn).iter()}
    assert names <= {"svg", "g", "path", "text", "title", "desc", "rect"}
    assert "\x1b" not in drawn and "\u202e" not in drawn and "<img" not in drawn
    for part in parsed(drawn).iter():
        assert not any(name.startswith("on") or name in ("style", "id") for name in part.attrib)


def test_a_picture_in_a_file_of_its_own_has_its_colours_with_it():
    tree = parsed(svg.standalone(svg.chart(chart_of(line("a", [0.0, 1.0])), "steps")))
    space = "{http://www.w3.org/2000/svg}"
    assert tree.tag == space + "svg" and tree.get("width") == "420"
    assert [rect.get("fill") for rect in tree.findall(space + "rect")] == ["#ffffff"]
    groups = {g.get("class"): g.get("color") for g in tree.iter(space + "g") if g.get("class")}
    assert groups["s0"].startswith("#") and groups["muted"].startswith("#")


def test_a_lone_point_is_in_the_middle_and_told_in_words():
    for value, share in ((46.9, False), (-3.0, False), (0.5, True)):
        tree = parsed(svg.chart(chart_of(line("", [value]), share=share), "calls"))
        said = [text.text for text in tree.iter("text")]
        assert f"one point so far: {value:g}".replace("-", "−") in said
    assert axes.across(chart_of(line("", [NAN, 46.9]))) == (0.0, 2.0)
    assert axes.up(chart_of(line("", [46.9]))) == (0.0, 93.8)
    two = chart_of(line("a", [1.0]), line("b", [2.0]))
    assert "one point of each so far" in svg.chart(two, "calls")
    assert "so far" not in svg.chart(chart_of(line("", [1.0, 2.0])), "calls")


def test_a_mean_that_is_pointed_at_tells_its_course_and_a_band_hides_no_figures():
    drawn = svg.chart(chart_of(line("a", [0.1, 0.2, 0.4], [0.3, 0.2, 0.8]), share=True), "steps")
    assert "a: from 0.2, ends at 0.6 [0.4, 0.8]; lowest 0.2, highest 0.6" in drawn
    (band,) = (p for p in parsed(drawn).iter("path") if p.get("opacity") == ".2")
    assert band.get("pointer-events") == "none"
