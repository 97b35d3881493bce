"""Sampling in one loop: lengths, ends, groups, keys and log-probabilities."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.branches import SIDE_BY_SIDE
from cairn.core.errors import ConfigError
from cairn.nn.language.decode import sample

V, T, G = 6, 5, 3
EOS, NONE = 2, -1
TABLE = np.random.default_rng(1).normal(size=(V, V)).astype(np.float32) * 1.5


class Bigrams(NamedTuple):
    """A model that knows the last token alone: its oracle is a table."""

    table: jax.Array

    def unstacked(self):
        return self

    def prefill(self, tokens, lengths):
        return None, jax.nn.one_hot(tokens[:, -1], V)

    def begin(self, prefix, *, group, limit):
        return jnp.int32(0)

    def step(self, prefix, suffix, tokens, t):
        # Whoever skips or repeats a step is found out: the table is that of a wrong time.
        late = jnp.where(suffix == t, 1.0, jnp.nan)
        return suffix + 1, jax.nn.one_hot(tokens, V) * late

    def logits(self, hidden):
        return hidden @ self.table


@jax.jit
def drawn(prompt, uids, key, temperature, stop):
    lengths = jnp.full(prompt.shape[0], 1)
    return sample(
        Bigrams(jnp.asarray(TABLE)), prompt, lengths, uids, key,
        group=G, limit=T, temperature=temperature, stop=stop,
    )  # fmt: skip


def ask(last, uids, stop=(EOS, NONE), temperature=1.0, seed=0):
    prompt = jnp.array([[0, token] for token in last])
    heat = jnp.broadcast_to(jnp.float32(temperature), len(last))
    found = drawn(prompt, jnp.array(uids), jax.random.key(seed), heat, jnp.array(stop))
    return jax.tree.map(np.asarray, found)


@pytest.fixture(scope="module")
def answers():
    return ask([3, 4, 5, 3], [7, 8, 9, 7])


def test_an_answer_ends_with_its_end_and_padding_follows(answers):
    for tok, mask, truncated in zip(
        *map(rows, answers[:2]), answers.truncated.ravel(), strict=True
    ):
        ends = np.flatnonzero(tok == EOS)
        length = ends[0] + 1 if len(ends) else T
        assert mask.tolist() == [1.0] * length + [0.0] * (T - length)
        assert not tok[length:].any() and truncated == (len(ends) == 0)
    assert 0 < answers.truncated.mean() < 1  # both kinds are there


def rows(array):
    return array.reshape(-1, T)


def test_log_probabilities_are_those_of_the_tokens_sampled(answers):
    table = TABLE - np.log(np.exp(TABLE).sum(1, keepdims=True))
    before = np.concatenate([np.tile([[[3]], [[4]], [[5]], [[3]]], (1, G, 1)), answers.tok], 2)
    expected = table[before[..., :-1], answers.tok] * answers.mask
    np.testing.assert_allclose(answers.logp, expected, atol=1e-5)
    np.testing.assert_array_equal(answers.logp_model * answers.mask, answers.logp_model)


def test_an_answer_hangs_on_its_name_and_place_alone(answers):
    assert (answers.tok[0] == answers.tok[3]).all()  # one name, one prompt: one group of answers
    assert len({tuple(tok) for tok in answers.tok[0]}) > 1  # whose answers differ
    other = ask([5, 3, 4, 4], [9, 7, 8, 1])
    assert (other.tok[[1, 2, 0]] == answers.tok[:3]).all()
    assert (other.tok[2] != other.tok[3]).any()  # one prompt, two names


def test_other_ends_compile_nothing_and_end_other_answers(answers):
    compiled = drawn._cache_size()
    found = ask([3, 4, 5, 3], [7, 8, 9, 7], stop=(1, 4))
    assert drawn._cache_size() == compiled
    assert not (found.tok == 1).any() or (found.tok[found.mask.cumsum(-1) == T] >= 0).all()
    ends = np.isin(found.tok, (1, 4)) & (found.mask > 0)
    assert (ends.any(-1) == ~found.truncated).all() and ends.sum(-1).max() == 1


def test_at_temperature_0_every_token_is_the_likeliest():
    found = ask([3, 4, 5, 3], [7, 8, 9, 7], temperature=0.0)
    token, expected = 3, []
    while len(expected) < T and EOS not in expected:
        token = int(np.argmax(TABLE[token]))
        expected.append(token)
    assert found.tok[0, 0, : len(expected)].tolist() == expected
    assert not found.logp.any() and (found.logp_model[0, 0, 0] < 0)


def test_seeds_side_by_side_have_what_each_has_alone():
    keys, prompt = jax.random.split(jax.random.key(5), 3), jnp.array([[3], [4], [5], [3]])

    def one(key):
        return drawn.__wrapped__(prompt, jnp.arange(4), key, jnp.ones(4), jnp.array([EOS, NONE]))

    together = jax.jit(jax.vmap(one, axis_name=SIDE_BY_SIDE))(keys)
    for place in range(3):
        alone = drawn(prompt, jnp.arange(4), keys[place], jnp.ones(4), jnp.array([EOS, NONE]))
        assert all(
            (ours[place] == theirs).all() for ours, theirs in zip(together, alone, strict=True)
        )


@pytest.mark.parametrize("wrong", [{"group": 0, "limit": 1}, {"group": 1, "limit": 0}])
def test_nothing_cannot_be_sampled(wrong):
    with pytest.raises(ConfigError, match="at least 1, got"):
        sample(
            Bigrams(jnp.asarray(TABLE)), jnp.array([[3]]), jnp.array([1]), jnp.array([0]),
            jax.random.key(0), stop=(EOS,), **wrong,
        )  # fmt: skip
