"""Distributions against closed forms and SciPy, in float64, far into the tails."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from cairn.core.errors import ConfigError
from cairn.envs.protocol import Continuous, Discrete
from cairn.nn.distributions import Categorical, Squashed, distribution
from cairn.nn.protocol import Network, Output

LOW, HIGH = (-2.0, 0.0), (2.0, 10.0)
BOUNDED = Squashed(LOW, HIGH)


def density(action, mean, std, low, high):
    """Of one squashed number, by the change of variables in float64."""
    share = (action - low) / (high - low)
    raw = special.logit(share) / 2  # tanh⁻¹(2 share - 1)
    return stats.norm.pdf(raw, mean, std) / (2 * share * (1 - share) * (high - low))


def parts_of(mean, log_std):
    return jnp.concatenate([jnp.asarray(mean), jnp.asarray(log_std)], axis=-1)


def test_each_kind_of_action_has_its_distribution():
    assert distribution(Discrete(3)) == Categorical(3)
    assert distribution(Continuous(LOW, HIGH)) == BOUNDED
    assert (Categorical(3).noise, Categorical(3).outputs) == ((), 3)
    assert (BOUNDED.noise, BOUNDED.outputs) == ((2,), 2)


def test_log_probabilities_equal_the_change_of_variables():
    mean, log_std = np.float32([[0.3, -1.0]]), np.float32([[-0.5, 0.2]])
    drawn = BOUNDED.draw(parts_of(mean, log_std), jnp.array([[0.2, 0.7]]))
    expected = sum(
        np.log(density(float(a), m, np.exp(s), low, high))
        for a, m, s, low, high in zip(drawn.action[0], mean[0], log_std[0], LOW, HIGH, strict=True)
    )
    np.testing.assert_allclose(drawn.log_prob[0], expected, rtol=1e-5)
    assert drawn.raw is not None
    judged, _ = BOUNDED.judge(parts_of(mean, log_std)[None], drawn.raw[None])
    np.testing.assert_allclose(judged[0], drawn.log_prob, rtol=1e-6)


def test_the_density_integrates_to_one_over_the_bounds():
    one = Squashed((0.0,), (10.0,))
    actions = np.linspace(1e-4, 10 - 1e-4, 4001)
    raw = np.float32(special.logit(actions / 10) / 2)
    parts = jnp.broadcast_to(jnp.array([0.4, -0.3], jnp.float32), (1, 4001, 2))
    log_prob, _ = jax.jit(one.judge)(parts, raw[None, :, None])
    total = integrate.simpson(np.exp(np.asarray(log_prob[0], np.float64)), x=actions)
    assert total == pytest.approx(1, abs=1e-3)


def test_log_probabilities_and_their_gradients_are_finite_far_beyond_saturation():
    raw = jnp.array([[[-60.0, 40.0]], [[9.0, -9.0]]], jnp.float32)
    mean, log_std = jnp.zeros((2, 1, 2)), jnp.ones((2, 1, 2))
    judge = lambda parts, raw: jnp.sum(BOUNDED.judge(parts, raw)[0])  # noqa: E731
    value, slopes = jax.value_and_grad(judge, (0, 1))(parts_of(mean, log_std), raw)
    assert np.isfinite(value) and all(np.isfinite(slope).all() for slope in slopes)
    # 1 - tanh² u = sech² u → 4 e^(-2 |u|), so each term is log N - log 4 + 2 |u| - log scale.
    far = np.array([-60.0, 40.0])
    scale = np.log(2.0) + np.log(5.0)
    expected = (stats.norm.logpdf(far, 0, np.e) - np.log(4) + 2 * np.abs(far)).sum() - scale
    np.testing.assert_allclose(BOUNDED.judge(parts_of(mean, log_std), raw)[0][0, 0], expected, 1e-5)


@pytest.mark.slow
def test_draws_have_the_normal_s_quantiles_and_never_leave_the_bounds():
    n = 1000
    uniform = jnp.broadcast_to(((jnp.arange(n, dtype=jnp.float32) + 0.5) / n)[:, None], (n, 2))
    mean, log_std = np.float32([0.5, -0.2]), np.float32([-1.0, 0.3])
    drawn = BOUNDED.draw(jnp.broadcast_to(parts_of(mean, log_std), (n, 4)), uniform)
    for d in range(2):
        wanted = stats.norm.ppf((np.arange(n) + 0.5) / n, mean[d], np.exp(log_std[d]))
        np.testing.assert_allclose(drawn.raw[:, d], wanted, rtol=1e-4, atol=1e-4)
    ends = jnp.array([[0.0, 1 - 2.0**-23], [1 - 2.0**-23, 0.0]], jnp.float32)
    far = BOUNDED.draw(jnp.tile(jnp.array([[90.0, -90.0, 3.0, 3.0]], jnp.float32), (2, 1)), ends)
    assert np.isfinite(far.raw).all() and np.isfinite(far.log_prob).all()
    assert (far.action >= np.float32([LOW])).all() and (far.action <= np.float32([HIGH])).all()


def test_the_entropy_is_the_normal_s_before_squashing():
    log_std = np.float32([[[-0.7, 0.4]]])
    _, entropy = BOUNDED.judge(
        parts_of(np.zeros((1, 1, 2), np.float32), log_std), jnp.zeros((1, 1, 2))
    )
    expected = stats.norm.entropy(0, np.exp(log_std[0, 0])).sum()
    np.testing.assert_allclose(entropy[0, 0], expected, rtol=1e-6)


class Means(Network):
    """Says the same of everything."""

    def step(self, observation, memory, reset):
        batch = reset.shape[0]
        return Output(jnp.full((batch, 2), 0.5), jnp.zeros(batch)), memory


def test_standard_deviations_are_learned_beside_the_network_whatever_is_observed():
    spread = BOUNDED.dress(Means())
    out, _ = spread.step(jnp.zeros((3, 1)), None, jnp.zeros(3, bool))
    assert out.policy.tolist() == [[0.5, 0.5, 0, 0]] * 3
    whole = spread.sequence(jnp.zeros((4, 3, 1)), jnp.zeros((4, 3), bool))
    assert whole.policy.shape == (4, 3, 4)
    assert Categorical(2).dress(spread) is spread


@pytest.mark.parametrize(
    ("low", "high"), [((0.0,), (0.0,)), ((0.0,), (1.0, 2.0)), ((), ()), ((0.0,), (float("inf"),))]
)
def test_bounds_that_hold_nothing_are_refused(low, high):
    with pytest.raises(ConfigError, match="Continuous actions need finite bounds, as many below"):
        Continuous(low, high)
