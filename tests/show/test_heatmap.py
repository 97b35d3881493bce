"""Maps of elites as pictures: which cell is drawn where."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.image import imread

from cairn.archive import elites as el
from cairn.archive.categorical import Categorical
from cairn.archive.cvt import Cvt
from cairn.archive.grid import Grid
from cairn.archive.product import Product
from cairn.show.heatmap import heatmap
from cairn.show.heatmap_sheet import heatmap_sheet

GRID = Grid((3, 2), (0.0, -1.0), (3.0, 1.0))


def elites(cells, held):
    """`held`: cell -> fitness."""
    fitness = np.full(cells, -np.inf, np.float32)
    fitness[list(held)] = list(held.values())
    zeros = jnp.asarray(np.zeros(cells, np.float32))
    numbers = np.zeros(cells, np.int32)
    numbers[: len(held)] = list(held)
    return el.Elites(
        ids=jnp.asarray(np.zeros(cells, np.uint32)),
        fitness=jnp.asarray(fitness),
        descriptors=zeros,
        solutions=zeros,
        filled=jnp.asarray(numbers),
        count=jnp.asarray(np.int32(len(held))),
    )


def test_a_grid_is_drawn_with_its_first_axis_to_the_right_and_its_second_upwards():
    cell = int(GRID.cell(jnp.array([[2.5, 0.5]]))[0])
    shown = heatmap(elites(6, {cell: 7.0}), GRID)
    assert shown.extent == (0.0, 3.0, -1.0, 1.0) and (shown.filled, shown.cells) == (1, 6)
    assert np.argwhere(~np.isnan(shown.fitness)).tolist() == [[1, 2]]
    assert shown.fitness[1, 2] == 7 and shown.cell[1, 2] == cell
    assert sorted(shown.cell.flat) == list(range(6))


def test_of_further_axes_the_best_is_drawn():
    both = Product((GRID, Categorical(("a", "b"))))
    shown = heatmap(elites(12, {0: 1.0, 1: 3.0, 11: -2.0}), both)
    assert shown.fitness.shape == (2, 3)
    assert (shown.fitness[0, 0], shown.fitness[1, 2]) == (3, -2)
    assert (shown.cell[0, 0], shown.cell[1, 2]) == (1, 11)
    assert np.isnan(shown.fitness).sum() == 4


def test_one_axis_is_one_row():
    shown = heatmap(elites(4, {3: 2.0}), Grid((4,), (0.0,), (8.0,)))
    assert shown.fitness.shape == (1, 4) and shown.fitness[0, 3] == 2
    assert shown.extent == (0.0, 8.0, 0.0, 1.0) and shown.labels[1] == ""


def test_centroids_are_drawn_as_what_lies_nearest_to_them():
    corners = Cvt(jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    shown = heatmap(elites(3, {1: 5.0, 2: 6.0}), corners)
    assert np.isnan(shown.fitness[0, 0])
    assert (shown.cell[0, 0], shown.cell[0, -1], shown.cell[-1, 0]) == (0, 1, 2)
    assert (shown.fitness[0, -1], shown.fitness[-1, 0]) == (5, 6)


@pytest.mark.parametrize("held", [{}, {4: 1.5}])
def test_a_sheet_is_drawn_of_full_and_of_empty_maps(tmp_path, held):
    path = heatmap_sheet(heatmap(elites(6, held), GRID), "a caption", tmp_path / "map.png")
    assert imread(path).shape[2] == 4
