"""From descriptors to cells: grids, centroids, categories and products."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.archive import cvt
from cairn.archive.categorical import Categorical
from cairn.archive.cvt import Cvt
from cairn.archive.grid import Grid
from cairn.archive.product import Product
from cairn.archive.tessellation import inside
from cairn.core.errors import ConfigError

GRID = Grid((4, 5), (-1.0, 0.0), (1.0, 10.0))
HUGE = float(np.finfo(np.float32).max)
NUMBER = st.floats(width=32, allow_nan=True, allow_infinity=True)
grid_cell = jax.jit(GRID.cell)


def oracle(grid, points):
    """Edges at or below each entry, counted by NumPy; `cells` where an entry is not finite."""
    # XLA reads a subnormal number as 0.
    points = np.where(np.abs(points) < np.finfo(np.float32).tiny, np.float32(0), points)
    inner = [grid.edges(axis)[1:-1] for axis in range(len(grid.shape))]
    places = [np.searchsorted(e, points[:, d], side="right") for d, e in enumerate(inner)]
    flat = np.ravel_multi_index(places, grid.shape)
    return np.where(np.isfinite(points).all(1), flat, grid.cells).tolist()


@given(st.tuples(NUMBER, NUMBER))
def test_grid_cell_counts_the_edges_below_for_any_float(point):
    points = np.array([point], np.float32)
    assert grid_cell(jnp.asarray(points)).tolist() == oracle(GRID, points)


@pytest.mark.parametrize(
    "grid",
    [
        Grid((100, 70), (-256.0, -0.1), (256.0, 0.7)),
        Grid((1_000, 3), (0.0, 1e6), (1.0, 1e6 + 3.0)),
        Grid((2**18, 1), (1 / 3, -1e-6), (1.0, 1e6)),
    ],
    ids=["box", "far", "fine"],
)
def test_points_on_a_border_lie_in_one_cell_eager_jitted_and_in_numpy(grid):
    random = np.random.default_rng(0)
    points = np.stack([random.choice(grid.edges(d), 10_000) for d in range(2)], axis=1)
    # A third each on the edge, and one float below and above it.
    points[::3] = np.nextafter(points[::3], np.float32(-np.inf))
    points[1::3] = np.nextafter(points[1::3], np.float32(np.inf))
    cells = oracle(grid, points)
    assert grid.cell(jnp.asarray(points)).tolist() == cells
    assert jax.jit(grid.cell)(jnp.asarray(points)).tolist() == cells


def test_grid_bounds_are_inclusive_and_huge_descriptors_go_to_the_border():
    points = [[-1, 0], [1, 10], [-0.5, 2], [HUGE, -HUGE], [-HUGE, HUGE], [np.nan, 0], [0, np.inf]]
    cells = grid_cell(jnp.array(points, jnp.float32))
    assert cells.tolist() == [0, 19, 6, 15, 4, 20, 20]
    assert inside(GRID, cells).tolist() == [True] * 5 + [False] * 2


@pytest.mark.parametrize(
    ("shape", "lower", "upper", "words"),
    [
        ((4,), (0.0, 0.0), (1.0, 1.0), "one shape, lower and upper entry per axis, got 1, 2 and 2"),
        ((0,), (0.0,), (1.0,), "shape[0] must be at least 1, got 0"),
        ((3,), (1.0,), (1.0,), "lower < upper, got lower 1.0 and upper 1.0"),
        ((3,), (0.0,), (float("inf"),), "finite bounds"),
        ((9,), (1e8,), (1e8 + 900,), "too narrow for float32, whose steps are 8 there"),
    ],
)
def test_an_impossible_grid_is_refused_in_words(shape, lower, upper, words):
    with pytest.raises(ConfigError) as error:
        Grid(shape, lower, upper)
    assert words in str(error.value)


def test_cvt_cell_is_the_nearest_centroid():
    centroids = jax.random.uniform(jax.random.key(0), (37, 3), jnp.float32)
    points = jax.random.uniform(jax.random.key(1), (100, 3), jnp.float32) * 2 - 0.5
    squares = (np.asarray(points)[:, None] - np.asarray(centroids)[None]) ** 2
    assert Cvt(centroids).cell(points).tolist() == squares.sum(2).argmin(1).tolist()


def test_cvt_takes_huge_descriptors_to_the_nearest_side_and_rejects_infinite_ones():
    tessellation = Cvt(jnp.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
    points = jnp.array([[HUGE, 0], [0, HUGE], [-HUGE, -HUGE], [jnp.inf, 0], [0, jnp.nan]])
    assert tessellation.cell(points).tolist() == [1, 2, 0, 3, 3]


def test_cvt_fit_finds_separated_clusters_and_lowers_the_distance():
    corners = np.array([[0, 0], [10, 0], [0, 10], [10, 10]], np.float32)
    noise = np.random.default_rng(0).normal(size=(400, 2)).astype(np.float32) * 0.01
    samples = np.repeat(corners, 100, axis=0) + noise
    fitted = cvt.fit(jax.random.key(3), jnp.asarray(samples), cells=40).centroids
    start = cvt.fit(jax.random.key(3), jnp.asarray(samples), cells=40, iterations=0).centroids

    def distance(centroids):
        squares = (samples[:, None] - np.asarray(centroids)[None]) ** 2
        return squares.sum(2).min(1).mean()

    assert distance(fitted) < distance(start)
    assert np.isfinite(fitted).all() and fitted.shape == (40, 2)


def test_cvt_fit_refuses_too_few_distinct_samples():
    samples = jnp.tile(jnp.eye(2, dtype=jnp.float32), (50, 1))
    with pytest.raises(ConfigError, match="2 distinct samples for 3 cells"):
        cvt.fit(jax.random.key(0), samples, cells=3)
    with pytest.raises(ConfigError, match="finite samples"):
        cvt.fit(jax.random.key(0), samples / 0, cells=1)


RISKS = Categorical(("fraud", "violence", "self-harm"))


def test_categories_are_named_and_others_have_no_cell():
    assert RISKS.cell(jnp.array([0, 2, 3, -1], jnp.int32)).tolist() == [0, 2, 3, 3]
    assert RISKS.index("self-harm") == 2
    with pytest.raises(ConfigError, match="Expected one of fraud, violence, self-harm, got 'ruse'"):
        RISKS.index("ruse")
    with pytest.raises(ConfigError, match="got none"):
        Categorical(())
    with pytest.raises(ConfigError, match="'a' twice"):
        Categorical(("a", "a"))


def test_a_product_numbers_combinations_row_major_and_splits_them_again():
    product = Product((RISKS, GRID, Categorical(("short", "long"))))
    assert product.shape == (3, 4, 5, 2) and product.cells == 120
    risk = jnp.array([2, 0, 3, 1], jnp.int32)
    point = jnp.array([[-0.5, 2], [1, 10], [0, 0], [np.nan, 0]], jnp.float32)
    length = jnp.array([1, 0, 0, 0], jnp.int32)
    cells = product.cell((risk, point, length))
    expected = np.ravel_multi_index(([2, 0], [6, 19], [1, 0]), (3, 20, 2))
    assert cells.tolist() == [*expected.tolist(), 120, 120]
    assert [part.tolist() for part in product.split(cells[:2])] == [[2, 0], [6, 19], [1, 0]]


def test_a_product_too_large_to_number_is_refused():
    with pytest.raises(ConfigError, match=r"2\^31 - 2"):
        Product((Grid((50_000,), (0.0,), (1.0,)),) * 2)
    with pytest.raises(ConfigError, match="at least one part"):
        Product(())
