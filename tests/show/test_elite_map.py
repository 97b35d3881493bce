"""A map for a page: each filled cell leads to itself, and lies where its descriptors are."""

import jax.numpy as jnp
import numpy as np
from test_heatmap import GRID, elites

from cairn.archive.categorical import Categorical
from cairn.archive.cvt import Cvt
from cairn.archive.grid import Grid
from cairn.archive.product import Product
from cairn.report import svg
from cairn.show.elite_map import elite_map, outlines, shares


def address(cell):
    return f"?cell={cell}"


def cross(a, b):
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def inside(point, corners):
    """Whether a point is to the left of every side: corners run against the clock."""
    a, b = corners, np.roll(corners, -1, axis=0)
    return (cross(b - a, point - a) >= -1e-9).all()


def test_outlines_hold_what_is_nearest_fill_the_box_and_do_not_overlap():
    rng = np.random.default_rng(0)
    centroids, low, high = rng.random((40, 2)), np.zeros(2), np.ones(2)
    found = outlines(centroids, low, high)
    area = [0.5 * abs(cross(corners, np.roll(corners, -1, axis=0)).sum()) for corners in found]
    assert abs(sum(area) - 1) < 1e-9
    for point in rng.random((200, 2)):
        nearest = int(((centroids - point) ** 2).sum(axis=1).argmin())
        assert inside(point, found[nearest])
        assert sum(inside(point, corners) for corners in found) == 1


def test_equal_centroids_share_one_outline():
    found = outlines(np.array([[0.5, 0.5], [0.5, 0.5], [0.2, 0.3]]), np.zeros(2), np.ones(2))
    assert sorted(len(corners) > 2 for corners in found) == [False, True, True]


def test_cells_around_centroids_have_outlines_and_lead_to_themselves():
    tessellation = Cvt(jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    shown = elite_map(elites(4, {1: 5.0, 2: 6.0}), tessellation, "Map", address)
    assert list(shown.hrefs) == ["", "?cell=1", "?cell=2", ""] and len(shown.outlines) == 4
    np.testing.assert_array_equal(shown.shares, [[np.nan, 0, 1, np.nan]])
    assert svg.heat(shown).count("<polygon") == 2


def test_a_grid_leads_to_the_cell_that_is_seen_at_each_place():
    cell = int(GRID.cell(jnp.array([[2.5, 0.5]]))[0])
    shown = elite_map(elites(6, {cell: 7.0}), GRID, "Map", address)
    assert shown.axes == ("descriptor 2", "descriptor 1")
    assert shown.extent == ((-1.0, 1.0), (0.0, 3.0))
    (at,) = np.flatnonzero(np.isfinite(shown.values.ravel()))
    assert shown.hrefs[at] == f"?cell={cell}" and shown.values.ravel()[at] == 7
    assert sum(map(bool, shown.hrefs)) == 1 and shown.note == ""


def test_of_further_axes_the_best_leads_to_its_own_cell():
    both = Product((GRID, Categorical(("a", "b"))))
    shown = elite_map(elites(12, {0: 1.0, 1: 3.0, 11: -2.0}), both, "Map", address)
    assert {href for href in shown.hrefs if href} == {"?cell=1", "?cell=11"}
    assert shown.note == "3 of 12 cells hold an elite in all; the best is shown."


def test_one_axis_is_one_row_and_centroids_in_a_line_are_looked_up():
    one = elite_map(elites(4, {3: 2.0}), Grid((4,), (0.0,), (8.0,)), "Map", address)
    assert one.axes == ("", "descriptor 1") and one.hrefs[3] == "?cell=3"
    flat = Cvt(jnp.array([[0.0, 0.5], [1.0, 0.5]]))
    shown = elite_map(elites(2, {1: 2.0}), flat, "Map", address)
    assert shown.cells is not None and list(shown.hrefs) == ["", "?cell=1"]
    assert "cell 1" in svg.heat(shown)


def test_shares_order_as_fitness_whatever_its_size():
    found = shares(np.array([[-1e308, 1e308, np.nan, 0.0]]))
    np.testing.assert_array_equal(found, [[0, 1, np.nan, 0.5]])
    np.testing.assert_array_equal(shares(np.array([[3.0, np.nan]])), [[1, np.nan]])
