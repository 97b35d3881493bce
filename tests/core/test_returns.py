import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cairn.core.returns import gae, one_step_td
from cairn.core.trace import Trace


def trace(reward, value, terminated, truncated, final_value, last_value) -> Trace:
    reward = jnp.asarray(reward, jnp.float32)
    flag = lambda x: jnp.asarray(x, bool)  # noqa: E731
    number = lambda x: jnp.asarray(x, jnp.float32)  # noqa: E731
    return Trace(
        observation=jnp.zeros_like(reward),
        action=jnp.zeros(reward.shape, jnp.int32),
        log_prob=jnp.zeros_like(reward),
        value=number(value),
        reward=reward,
        terminated=flag(terminated),
        truncated=flag(truncated),
        solved=flag(np.zeros(reward.shape)),
        final_value=number(final_value),
        last_value=number(last_value),
    )


def column(reward, value, terminated=(0, 0, 0), truncated=(0, 0, 0), final=(0, 0, 0), last=0):
    rows = (np.asarray(x)[:, None] for x in (reward, value, terminated, truncated, final))
    return trace(*rows, np.asarray([last]))


# γ = λ = 1/2 and T = 3 in all cases, by hand:
CASES = {
    # δ = (0 + 1 - 1, 0 + 2 - 2, 8 + 3 - 4); Â_2 = 7, Â_1 = 0 + 7/4, Â_0 = 0 + 7/16.
    "unfinished": (column([0, 0, 8], [1, 2, 4], last=6), [0.4375, 1.75, 7]),
    # δ = (0, 0, 8 - 4): nothing after the end counts, whatever last_value says.
    "terminated at the end": (
        column([0, 0, 8], [1, 2, 4], terminated=[0, 0, 1], last=6),
        [0.25, 1, 4],
    ),
    # δ = (0 + 1 - 1, 8 - 2, 1 + 3 - 4): the second episode's value does not leak into the first.
    "terminated inside": (
        column([0, 8, 1], [1, 2, 4], terminated=[0, 1, 0], last=6),
        [1.5, 6, 0],
    ),
    # δ_1 = 8 + 10/2 - 2: the value of the state the episode was cut at, not of the next one.
    "truncated inside": (
        column([0, 8, 1], [1, 2, 4], truncated=[0, 1, 0], final=[0, 10, 0], last=6),
        [2.75, 11, 0],
    ),
    "terminated at the time limit": (
        column([0, 8, 1], [1, 2, 4], [0, 1, 0], [0, 1, 0], final=[0, 10, 0], last=6),
        [1.5, 6, 0],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_advantages_equal_the_hand_computed_ones(name):
    played, expected = CASES[name]
    np.testing.assert_array_equal(gae(played, 0.5, 0.5)[:, 0], np.float32(expected))


def oracle(t: Trace, gamma: float, lam: float) -> np.ndarray:
    """Equation 11 of the paper, forward: each Â as a sum over the rest of its episode."""
    t = Trace(*(np.asarray(leaf, np.float64) for leaf in t))
    steps, columns = t.reward.shape
    advantage = np.zeros((steps, columns))
    for b in range(columns):
        for start in range(steps):
            for k in range(start, steps):
                if t.terminated[k, b]:
                    following = 0.0
                elif t.truncated[k, b]:
                    following = t.final_value[k, b]
                else:
                    following = t.value[k + 1, b] if k + 1 < steps else t.last_value[b]
                delta = t.reward[k, b] + gamma * following - t.value[k, b]
                advantage[start, b] += (gamma * lam) ** (k - start) * delta
                if t.terminated[k, b] or t.truncated[k, b]:
                    break
    return advantage


compiled = jax.jit(gae, static_argnums=(1, 2))


@given(st.integers(0, 2**32 - 1), st.sampled_from([(0.99, 0.95), (1.0, 1.0), (0.5, 0.0)]))
def test_random_traces_agree_with_a_sum_over_each_episode(seed, discounts):
    rng = np.random.default_rng(seed)
    number = lambda: rng.normal(size=(11, 3))  # noqa: E731
    flag = lambda: rng.random((11, 3)) < 0.2  # noqa: E731
    played = trace(number(), number(), flag(), flag(), number(), rng.normal(size=3))
    got = compiled(played, *discounts)
    np.testing.assert_allclose(got, oracle(played, *discounts), atol=2e-5)


def test_without_lambda_the_advantage_is_the_one_step_error():
    played = CASES["truncated inside"][0]
    np.testing.assert_array_equal(gae(played, 0.9, 0.0), one_step_td(played, 0.9))
