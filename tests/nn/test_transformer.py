"""The compiled transformer against the same equations in NumPy, one head at a time."""

import equinox as eqx
import jax
import jax.numpy as jnp
import llama
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.nn.language.attention import Llama3Scaling, causal, frequencies, left_padded, packed
from cairn.nn.language.transformer import Shape, Transformer

V, P, G, TP, T = 13, 2, 3, 5, 4
SCALING = Llama3Scaling(factor=4.0, low=1.0, high=2.0, original=16)
SHAPE = Shape(
    vocabulary=V,
    width=10,
    layers=2,
    heads=4,
    kv_heads=2,
    head_width=6,
    inner=8,
    rope_theta=100.0,
    rope_scaling=SCALING,
    tied=False,
    attention_bias=True,
    head_norm=True,
)
RATE = frequencies(6, 100.0, SCALING)
LENGTHS = jnp.asarray([5, 3], jnp.int32)


@pytest.fixture(scope="module")
def model():
    """Every leaf random, so that no bias, norm or block adds nothing."""
    model = jax.eval_shape(lambda: Transformer.init(jax.random.key(0), SHAPE))
    draw = np.random.default_rng(0).normal
    return jax.tree.map(lambda leaf: jnp.asarray(draw(0.2, 0.6, leaf.shape), jnp.float32), model)


@pytest.fixture(scope="module")
def texts():
    """Prompts, padded on the left with what must not matter, and what was said after each."""
    draw = np.random.default_rng(1).integers
    return (
        jnp.asarray(draw(0, V, (P, TP)), jnp.int32),
        jnp.asarray(draw(0, V, (P, G, T)), jnp.int32),
    )


def whole(texts, p, g):
    prompt, said = (np.asarray(part) for part in texts)
    return np.concatenate([prompt[p, TP - int(LENGTHS[p]) :], said[p, g]])


@pytest.fixture(scope="module")
def expected(model, texts):
    """Of the oracle: what the head reads before each token said, [P, G, T, D]."""
    alone = np.zeros((P, G, T, SHAPE.width))
    for p, g in np.ndindex(P, G):
        read = llama.hidden(model, whole(texts, p, g), RATE)
        alone[p, g] = read[int(LENGTHS[p]) - 1 : -1]
    return alone


def test_logits_of_padded_texts_are_those_of_each_text_alone_in_numpy(model, texts):
    got = eqx.filter_jit(lambda m, t: m.logits(m.hidden(t, *left_padded(LENGTHS, TP))))(
        model, texts[0]
    )
    for p, length in enumerate(LENGTHS.tolist()):
        alone = llama.hidden(model, np.asarray(texts[0])[p, TP - length :], RATE)
        np.testing.assert_allclose(
            got[p, TP - length :], alone @ np.asarray(model.head).T, atol=2e-5
        )


def test_texts_packed_in_one_row_do_not_see_each_other(model):
    row = jnp.asarray([3, 1, 4, 1, 5, 9, 2], jnp.int32)
    segments = jnp.asarray([7, 7, 7, 0, 0, 1, 1], jnp.int32)
    places = packed(segments)
    assert places.positions.tolist() == [0, 1, 2, 0, 1, 0, 1]
    got = eqx.filter_jit(lambda m: m.hidden(row, *places))(model)
    alone = [llama.hidden(model, np.asarray(text), RATE) for text in ([3, 1, 4], [1, 5], [9, 2])]
    np.testing.assert_allclose(got, np.concatenate(alone), atol=2e-5)


def test_a_group_that_shares_its_prompt_reads_what_each_text_alone_would(model, texts, expected):
    got = eqx.filter_jit(lambda m: m.grouped(texts[0], LENGTHS, texts[1]))(model)
    np.testing.assert_allclose(got, expected, atol=2e-5)


def test_token_by_token_it_reads_the_same(model, texts, expected):
    @eqx.filter_jit
    def run(model, prompt, said):
        prefix, first = model.prefill(prompt, LENGTHS)
        suffix = model.begin(prefix, group=G, limit=T)
        read = [jnp.broadcast_to(first[:, None], (P, G, first.shape[-1]))]
        for t in range(T - 1):
            suffix, hidden = model.step(prefix, suffix, said[:, :, t], jnp.asarray(t))
            read.append(hidden)
        return jnp.stack(read, axis=2)

    np.testing.assert_allclose(run(model.unstacked(), *texts), expected, atol=2e-5)


def test_prompts_at_different_places_step_together(model, texts, expected):
    """As in a server's slots: the second text is one token behind the first."""

    @eqx.filter_jit
    def run(model, prompt, said):
        prefix, _ = model.prefill(prompt, LENGTHS)
        suffix = model.begin(prefix, group=G, limit=T)
        for t in range(3):
            behind = jnp.asarray([t, max(t - 1, 0)])
            now = jnp.stack([said[0, :, t], said[1, :, max(t - 1, 0)]])
            suffix, hidden = model.step(prefix, suffix, now, behind)
        return hidden

    got = run(model, *texts)
    np.testing.assert_allclose(got, [expected[0, :, 3], expected[1, :, 2]], atol=2e-5)


@pytest.mark.slow
def test_gradients_are_finite_and_the_same_if_layers_are_computed_again(model, texts):
    """Also where a padded row sees nothing."""

    def loss(model, remat):
        hidden = model.grouped(texts[0], LENGTHS, texts[1], remat=remat)
        return jnp.mean(model.logits(hidden)[..., 0] ** 2)

    both = eqx.filter_jit(lambda m: [eqx.filter_grad(loss)(m, remat) for remat in (False, True)])
    plain, again = both(model)
    for one, two in zip(jax.tree.leaves(plain), jax.tree.leaves(again), strict=True):
        assert jnp.all(jnp.isfinite(one)) and jnp.any(one != 0)
        np.testing.assert_allclose(one, two, rtol=1e-3, atol=1e-5)


def test_a_fresh_model_says_all_tokens_alike_and_keeps_float32(texts):
    shape = Shape(vocabulary=V, width=16, heads=2, kv_heads=2, head_width=8, inner=16)

    def loss():
        model = Transformer.init(jax.random.key(1), shape)
        logits = model.logits(model.hidden(texts[0], *causal(TP)))
        return jnp.std(logits), jax.nn.logsumexp(logits) - jnp.log(float(P * TP))

    spread, total = jax.jit(loss)()
    assert spread.dtype == jnp.float32 and 0.01 < spread < 0.5
    assert abs(total - np.log(V)) < 0.1


def test_low_frequencies_turn_slower_and_high_ones_as_before():
    scaling = Llama3Scaling(factor=8.0, low=1.0, high=4.0, original=8192)
    plain, slow = frequencies(64, 500_000.0, None), frequencies(64, 500_000.0, scaling)
    wave = 2 * np.pi / plain
    np.testing.assert_allclose(slow[wave < 8192 / 4], plain[wave < 8192 / 4], rtol=1e-6)
    np.testing.assert_allclose(slow[wave > 8192], plain[wave > 8192] / 8, rtol=1e-6)
    between = (wave > 8192 / 4) & (wave < 8192)
    assert between.any() and np.all((slow < plain)[between] & (slow > plain / 8)[between])


@pytest.mark.parametrize(
    ("change", "wording"),
    [
        ({"heads": 3, "kv_heads": 2}, r"heads \(3\) must be a multiple of its kv_heads \(2\)"),
        ({"head_width": 7}, "head_width must be even .*: 7"),
        ({"layers": 0}, "layers must be at least 1: 0"),
    ],
)
def test_a_shape_that_cannot_be_is_refused_in_one_line(change, wording):
    with pytest.raises(ConfigError, match=wording):
        Shape(vocabulary=8, **change)
