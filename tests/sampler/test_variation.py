"""Parents, blind steps and the normal numbers under them."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import elites as el
from cairn.archive.elites import Candidates
from cairn.sampler.emitters.normal import normal
from cairn.sampler.emitters.variation import draw_cells, gaussian, iso_line

KEY = jax.random.key(4)


@pytest.mark.parametrize("implementation", ["threefry2x32", "rbg"])
def test_normal_numbers_follow_the_normal_distribution(implementation):
    draws = np.asarray(normal(jax.random.key(0, impl=implementation), (200, 500))).ravel()
    assert draws.dtype == np.float32 and np.isfinite(draws).all()
    # Kolmogorov-Smirnov: 1.63 / sqrt(n) is exceeded once in a hundred keys; this key is fixed.
    points = np.sort(draws)
    exact = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in points])
    steps = np.arange(len(points) + 1) / len(points)
    distance = max(np.abs(exact - steps[1:]).max(), np.abs(exact - steps[:-1]).max())
    assert distance < 1.63 / math.sqrt(len(points))
    pairs = draws.reshape(-1, 2)
    assert abs(np.corrcoef(pairs.T)[0, 1]) < 4 / math.sqrt(len(pairs))
    assert abs(np.corrcoef(draws[:50_000], draws[50_000:])[0, 1]) < 4 / math.sqrt(50_000)


def test_normal_numbers_depend_on_the_key_alone_and_differ_between_keys():
    a, b = normal(KEY, (3, 5)), normal(KEY, (3, 5))
    assert jnp.array_equal(a, b)
    assert not jnp.any(a == normal(jax.random.key(5), (3, 5)))
    assert len(np.unique(normal(KEY, (7, 11)))) == 77


def test_gaussian_children_scatter_around_their_parents_by_std():
    parents = jnp.tile(jnp.array([[3.0, -1.0]]), (20_000, 1))
    children = gaussian(KEY, parents, std=0.25)
    np.testing.assert_allclose(children.mean(0), parents[0], atol=4 * 0.25 / math.sqrt(20_000))
    np.testing.assert_allclose(children.std(0), 0.25, rtol=0.03)


def test_line_children_lie_on_the_line_through_both_parents():
    parents = jnp.tile(jnp.array([[0.0, 1.0, 2.0]]), (5_000, 1))
    partners = jnp.tile(jnp.array([[1.0, 3.0, -2.0]]), (5_000, 1))
    children = iso_line(KEY, parents, partners, iso=0.0, line=0.2)
    factor = (children - parents) / (partners - parents)
    # One scalar per child: every coordinate goes the same share of the way.
    np.testing.assert_allclose(factor, jnp.tile(factor[:, :1], (1, 3)), atol=1e-6)
    np.testing.assert_allclose(factor[:, 0].std(), 0.2, rtol=0.05)


def test_parents_are_drawn_uniformly_from_the_occupied_cells_only():
    cells = jnp.array([7, 2, 4, 2], jnp.int32)
    ids, zeros = jnp.arange(4, dtype=jnp.uint32), jnp.zeros(4)
    elites = el.empty(9, solution=jnp.zeros(()), descriptor=jnp.zeros(()))
    assert draw_cells(elites, KEY, 3).tolist() == [0, 0, 0]
    elites, _ = el.insert(elites, Candidates(ids, zeros, zeros, zeros, cells))
    drawn, counts = np.unique(draw_cells(elites, KEY, 9_000), return_counts=True)
    assert drawn.tolist() == [2, 4, 7]
    assert np.abs(counts - 3_000).max() < 4 * math.sqrt(9_000 * 2 / 9)
