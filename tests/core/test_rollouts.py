"""The record of sampled answers: lengths and what could be scored."""

import jax
import jax.numpy as jnp
import numpy as np

from cairn.core.rollouts import Rollouts

NAN = float("nan")


def record(reward) -> Rollouts:
    mask = np.array([[[1, 1, 0], [1, 1, 1]]], np.float32)
    ints = mask.astype(np.int32)
    made = Rollouts(
        prompt=np.array([[0, 7]]),
        prompt_len=np.array([1]),
        tok=ints,
        mask=mask,
        logp_b=-mask,
        reward=np.array(reward, np.float32),
        quality=np.zeros((1, 2), np.float32),
        seg=ints,
        truncated=np.array([[False, True]]),
        node=np.array([3]),
    )
    return jax.tree.map(jnp.asarray, made)


def test_length_counts_what_the_policy_sampled():
    assert record([[0, 1]]).length.tolist() == [[2, 3]]


def test_an_outcome_without_a_number_is_not_scored():
    assert record([[NAN, 1]]).scored.tolist() == [[False, True]]


def test_a_dense_reward_must_be_a_number_only_where_something_was_sampled():
    dense = [[[0, 1, NAN], [0, NAN, 1]]]
    assert record(dense).scored.tolist() == [[True, False]]
