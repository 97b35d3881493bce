"""Data of pictures come back from CSV bit by bit, and no label is a formula."""

import csv
import io

import numpy as np
from drawing import chart_of, curve, line

from cairn.report import svg
from cairn.report.data import Line
from cairn.report.parts import Map
from cairn.report.series import band

NAN = float("nan")


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_every_float_of_every_seed_and_mean_comes_back():
    values = np.random.default_rng(0).normal(size=(3, 7)) * 1e-7
    values[1, 3] = NAN
    seeds = curve(*values, steps=np.linspace(0, 1e6, 7) / 3)
    found = rows(svg.chart_csv(chart_of(Line("a", seeds, band(seeds))), "environment steps"))
    for seed in range(3):
        mine = [row for row in found if row["seed"] == str(seed)]
        assert [float(row["environment steps"]) for row in mine] == seeds.steps[:, seed].tolist()
        read = [float(row["value"] or NAN) for row in mine]
        np.testing.assert_array_equal(read, values[seed])
        assert {row["low"] for row in mine} == {""}
    mean = [row for row in found if row["seed"] == "mean"]
    columns = ("environment steps", "value", "low", "high")
    for column, name in enumerate(columns):
        read = np.array([float(row[name] or NAN) for row in mean])
        np.testing.assert_array_equal(read, band(seeds)[column])
    assert len(found) == 3 * 7 + 60


def test_a_label_is_no_formula_and_stays_in_its_column():
    found = rows(svg.chart_csv(chart_of(line('=cmd|"x",\n1', [0.5])), "calls"))
    assert [row["line"] for row in found] == ['\'=cmd|"x",\n1'] * 2
    assert found[0]["calls"] == "0.0" and found[0]["value"] == "0.5"


def test_a_map_has_a_row_for_each_filled_place():
    values = np.array([[0.1 + 0.2, NAN], [1 / 3, -2.0]])
    shown = Map("Map", ("up", "along"), ((0.0, 2.0), (-1.0, 1.0)), values, values)
    found = [tuple(map(float, row.values())) for row in rows(svg.heat_csv(shown))]
    assert found == [(0, -0.5, 0.5, 0.1 + 0.2), (2, -0.5, 1.5, 1 / 3), (3, 0.5, 1.5, -2.0)]
    numbered = rows(svg.heat_csv(shown._replace(cells=np.array([[7, 7], [8, 9]]))))
    assert [row["cell"] for row in numbered] == ["7", "8", "9"]
    assert svg.heat_csv(shown._replace(shares=values * NAN)) == "cell,along,up,value\n"
