"""CMA-ES and the emitter made of it, against a plain double-precision loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.archive import elites as el
from cairn.archive.elites import Candidates, Offer
from cairn.core.errors import ConfigError
from cairn.sampler.emitters import cma_emitter, cma_es
from cairn.sampler.emitters.cma_emitter import Config

N, LAMBDA = 4, 8
update = jax.jit(cma_es.update, static_argnames="rank_one")
decompose = jax.jit(cma_es.decompose)


class Textbook:
    """Hansen's tutorial, arXiv:1604.00772, figure 6, line by line in NumPy."""

    def __init__(self, mean, sigma):
        self.m, self.s, self.C = np.array(mean, float), sigma, np.eye(N)
        self.ps, self.pc, self.g = np.zeros(N), np.zeros(N), 0

    def tell(self, ranked, mu, rank_one=True):
        w = np.log(mu + 0.5) - np.log(np.arange(1, mu + 1))
        w /= w.sum()
        me = 1 / (w**2).sum()
        cc = (4 + me / N) / (N + 4 + 2 * me / N)
        cs = (me + 2) / (N + me + 5)
        c1 = 2 / ((N + 1.3) ** 2 + me) if rank_one else 0.0
        cmu = min(1 - c1, 2 * (me - 2 + 1 / me) / ((N + 2) ** 2 + me))
        damps = 1 + 2 * max(0, np.sqrt((me - 1) / (N + 1)) - 1) + cs
        y = (ranked[:mu] - self.m) / self.s
        yw = w @ y
        values, B = np.linalg.eigh(self.C)
        self.m = self.m + self.s * yw
        inverse_root = B @ np.diag(values**-0.5) @ B.T
        self.ps = (1 - cs) * self.ps + np.sqrt(cs * (2 - cs) * me) * inverse_root @ yw
        self.g += 1
        length = self.ps @ self.ps / N
        h = length / (1 - (1 - cs) ** (2 * self.g)) < 2 + 4 / (N + 1)
        self.pc = (1 - cc) * self.pc + h * np.sqrt(cc * (2 - cc) * me) * yw
        kept = 1 - c1 * (1 - (1 - h) * cc * (2 - cc)) - cmu
        rank_mu = sum(w[i] * np.outer(y[i], y[i]) for i in range(mu))
        self.C = kept * self.C + c1 * np.outer(self.pc, self.pc) + cmu * rank_mu
        self.s *= np.exp(min(1, cs / damps * (length - 1) / 2))


@pytest.mark.parametrize("rank_one", [True, False])
def test_updates_equal_the_textbook_for_any_number_of_parents(rank_one):
    random = np.random.default_rng(1)
    ours, theirs = cma_es.start(jnp.ones(N), 0.5), Textbook(np.ones(N), 0.5)
    # A long jump at the end sets h_sigma to zero.
    for mu, jump in [(4, 1), (1, 1), (8, 1), (0, 1), (2, 1), (4, 1), (4, 30)]:
        normals = jnp.asarray(random.normal(size=(LAMBDA, N)), jnp.float32)
        solutions = cma_es.sample(ours, normals) * jump
        order = random.permutation(LAMBDA)
        rank = jnp.asarray(np.argsort(order), jnp.int32)
        ours = update(ours, solutions, rank, jnp.int32(mu), rank_one=rank_one)
        ours = decompose(ours)
        if mu:
            theirs.tell(np.asarray(solutions, float)[order], mu, rank_one)
        for got, want in (
            (ours.mean, theirs.m), (ours.sigma, theirs.s), (ours.covariance, theirs.C),
            (ours.sigma_path, theirs.ps), (ours.covariance_path, theirs.pc),
        ):  # fmt: skip
            np.testing.assert_allclose(got, want, rtol=2e-3, atol=2e-4)
        assert ours.generations == theirs.g


def test_samples_have_the_covariance_of_the_search():
    root = jnp.array([[2.0, 0, 0, 0], [1, 1, 0, 0], [0, 0, 0.5, 0], [0, 0, 0.3, 0.1]])
    search = cma_es.start(jnp.arange(4.0), 0.5)
    search = decompose(jax.tree.map(lambda x: root @ root.T if x.shape == (4, 4) else x, search))
    normals = jax.random.normal(jax.random.key(0), (40_000, 4), jnp.float32)
    solutions = cma_es.sample(search, normals)
    np.testing.assert_allclose(solutions.mean(0), search.mean, atol=0.03)
    np.testing.assert_allclose(np.cov(solutions.T), 0.25 * root @ root.T, atol=0.03)


def test_invalid_samples_cannot_reach_the_search():
    search = cma_es.start(jnp.ones(N), 0.5)
    solutions = jnp.ones((LAMBDA, N)).at[5:].set(jnp.nan).at[0].set(2.0)
    moved = update(search, solutions, jnp.arange(LAMBDA, dtype=jnp.int32), jnp.int32(3))
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(moved))


def test_decompositions_follow_the_lazy_rule():
    assert cma_es.decompose_every(100, 36) == 3
    assert cma_es.decompose_every(12, 36) == 1


@pytest.mark.parametrize("rank_by", ["status", "improvement"])
def test_ranks_sort_by_group_then_value_then_position(rank_by):
    random = np.random.default_rng(2)
    rank = jax.jit(lambda offer: cma_emitter.rank(offer, config=Config(batch=9, rank_by=rank_by)))
    for _ in range(30):
        valid = random.random(9) < 0.8
        status = np.where(valid, random.integers(0, 3, 9), 0)
        value = np.where(valid, random.integers(-2, 3, 9), 0)
        offer = Offer(
            jnp.zeros(9, bool), jnp.asarray(valid), jnp.asarray(status, jnp.int32),
            jnp.asarray(value, jnp.float32),
        )  # fmt: skip
        groups = np.where(valid, status if rank_by == "status" else 0, -1)
        order = sorted(range(9), key=lambda i: (-groups[i], -value[i], i))
        got = rank(offer)
        assert np.argsort(got.rank).tolist() == order
        assert got.parents == (status > 0).sum()
        assert got.stuck == (status == 0).all()


def offer_of(status, valid=True):
    shape = (2, LAMBDA)
    return Offer(
        entered=jnp.zeros(shape, bool),
        valid=jnp.full(shape, valid),
        status=jnp.tile(jnp.array(status, jnp.int32)[:, None], (1, LAMBDA)),
        value=jnp.tile(jnp.arange(LAMBDA, dtype=jnp.float32)[None], (2, 1)),
    )


@pytest.mark.slow
def test_a_search_with_nothing_accepted_starts_anew_from_an_elite():
    config = Config(emitters=2, batch=LAMBDA, sigma=0.5)
    elites = el.empty(5, solution=jnp.zeros(N), descriptor=jnp.zeros(()))
    one = jnp.full((1, N), 7.0)
    elites, _ = el.insert(
        elites,
        Candidates(
            jnp.zeros(1, jnp.uint32), jnp.ones(1), jnp.zeros(1), one, jnp.array([3], jnp.int32)
        ),
    )
    searches = cma_emitter.init(jnp.zeros(N), config=config)
    solutions = cma_emitter.ask(searches, jax.random.key(1), config=config)
    tell = jax.jit(
        lambda offer, elites: cma_emitter.tell(
            searches, jax.random.key(2), solutions, offer, elites, jnp.int32(0), config=config
        )
    )
    after, restarted = tell(offer_of([0, 1]), elites)
    assert restarted.tolist() == [True, False]
    assert after.mean[0].tolist() == [7.0] * N and after.generations.tolist() == [0, 1]
    # Without elites there is nowhere to go: the search stays as it was.
    empty = el.empty(5, solution=jnp.zeros(N), descriptor=jnp.zeros(()))
    after, restarted = tell(offer_of([0, 0]), empty)
    assert not restarted.any() and after.mean.tolist() == searches.mean.tolist()


def test_a_search_stops_when_flat_small_or_ill_conditioned():
    search = cma_es.start(jnp.zeros(N), 0.5)
    assert not cma_es.converged(search, jnp.float32(1))
    assert cma_es.converged(search, jnp.float32(0))
    assert cma_es.converged(cma_es.start(jnp.zeros(N), 1e-12), jnp.float32(1))
    scales = jnp.array([1e-4, 1, 1, 1])
    squashed = jax.tree.map(lambda x: scales if x.shape == (N,) else x, search)
    assert cma_es.converged(squashed, jnp.float32(1))


def test_impossible_emitters_are_refused():
    with pytest.raises(ConfigError, match="emitters must be at least 1, got 0"):
        Config(emitters=0)
    with pytest.raises(ConfigError, match="batch must be at least 2, got 1"):
        Config(batch=1)
    with pytest.raises(ConfigError, match="sigma must be positive and finite, got -1"):
        Config(sigma=-1)
