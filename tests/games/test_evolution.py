"""The gradient of evolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.games import evolution
from cairn.games.evolution import Evolution


def test_it_climbs_a_parabola_and_mirrors_its_candidates():
    config = Evolution(population=40, sigma=0.1, rate=0.05)
    goal = jnp.arange(5.0)
    spread = evolution.begun(config, jnp.zeros(5))
    first = evolution.ask(config, spread, jax.random.key(0))
    assert jnp.allclose(first[:20] + first[20:], 0, atol=1e-6)

    def generation(spread, key):
        candidates = evolution.ask(config, spread, key)
        fitness = -jnp.sum((candidates - goal[None]) ** 2, axis=1)
        return evolution.tell(config, spread, candidates, fitness), None

    spread, _ = jax.lax.scan(generation, spread, jax.random.split(jax.random.key(1), 300))
    assert jnp.abs(spread.mean - goal).max() < 0.3


def test_ranks_are_centred_and_ties_share_theirs():
    ranks = evolution.shaped(Evolution(population=4), jnp.array([3.0, 9.0, 3.0, -1.0]))
    assert np.asarray(ranks) == pytest.approx([0.0, 0.5, 0.0, -0.5])
    plain = evolution.shaped(Evolution(population=4, fitness="centred"), jnp.array([1.0, 3.0]))
    assert np.asarray(plain) == pytest.approx([-1.0, 1.0])


def test_the_spread_shrinks_to_its_least():
    config = Evolution(population=2, sigma=0.2, sigma_decay=0.5, sigma_least=0.08, rate_decay=0.5)
    spread = evolution.begun(config, jnp.zeros(1))
    for _ in range(3):
        spread = evolution.tell(config, spread, jnp.array([[1.0], [-1.0]]), jnp.zeros(2))
    assert float(spread.sigma) == pytest.approx(0.08)
    assert float(spread.rate) == pytest.approx(0.1 / 8)
    with pytest.raises(ConfigError, match="even"):
        Evolution(population=3)
