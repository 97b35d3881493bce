"""A policy without chance: the most likely action, whatever the uniform numbers are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.envs.protocol import Discrete
from cairn.learners.greedy import greedy
from cairn.learners.protocol import Acted, Policy
from cairn.learners.random import RandomPolicy
from cairn.nn.distributions import Categorical, Squashed


class Knows(RandomPolicy):
    """Has a favourite."""

    def mode(self, state, observation, memory, reset):
        n = reset.shape[0]
        return Acted(jnp.full(n, 2, jnp.int32), jnp.zeros(n), jnp.zeros(n), memory)


def test_the_mode_of_a_categorical_is_its_first_largest_logit():
    logits = jnp.float32([[0.0, 2.0, 2.0], [3.0, 1.0, -1.0]])
    drawn = Categorical(3).mode(logits)
    assert drawn.action.tolist() == [1, 0]
    np.testing.assert_allclose(drawn.log_prob, jax.nn.log_softmax(logits)[[0, 1], [1, 0]])


def test_the_mode_of_squashed_numbers_is_their_squashed_mean():
    mean = np.float32([[0.0, 1.0]])
    drawn = Squashed((-2.0, 0.0), (2.0, 1.0)).mode(jnp.concatenate([mean, mean + 3], axis=1))
    np.testing.assert_allclose(drawn.action[0], [0.0, 0.5 * np.tanh(1.0) + 0.5], atol=1e-5)


def test_a_greedy_policy_makes_no_use_of_chance():
    policy = greedy(Knows(Discrete(4)))
    assert isinstance(policy, Policy) and policy.noise == ()
    acted = policy.act(None, None, None, jnp.ones(3, bool), jnp.float32([0.0, 0.5, 0.99]))
    assert acted.action.tolist() == [2, 2, 2]


def test_a_policy_that_cannot_be_greedy_says_so():
    with pytest.raises(ConfigError, match=r"RandomPolicy has no greedy actions.*sampled"):
        greedy(RandomPolicy(Discrete(4)))
