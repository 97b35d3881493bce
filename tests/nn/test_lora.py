"""Adapters against PEFT's logits: beside the weights, added to them, and back in PEFT's folders.

hugging/llama/adapter is remade by benchmarks/peers/transformers_golden.py.
"""

import json
import shutil
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError, WeightsError
from cairn.nn.language import adapters, tensors, weights
from cairn.nn.language.attention import causal
from cairn.nn.language.lora import TARGETS, Lora, added, beside, learned, without

LLAMA = Path(__file__).parent / "hugging" / "llama"
ADAPTER = LLAMA / "adapter"


@pytest.fixture(scope="module")
def base():
    return weights.load(LLAMA)


@pytest.fixture(scope="module")
def golden():
    with np.load(LLAMA / "golden.npz") as told:
        return dict(told)


def logits(model, tokens):
    ids = jnp.asarray(tokens, jnp.int32)
    return model.logits(model.hidden(ids, *causal(ids.shape[1])))


def test_beside_the_weights_and_added_to_them_it_computes_what_peft_does(base, golden):
    lora = adapters.load(ADAPTER, base.shape)
    assert list(lora.a) == ["q", "v", "o", "up", "down"] and lora.scale == 1.5
    assert np.abs(golden["adapted"] - golden["logits"]).max() > 0.5
    for adapted in (lora.over(base), lora.merged(base)):
        got = eqx.filter_jit(logits)(adapted, golden["tokens"])
        np.testing.assert_allclose(got, golden["adapted"], atol=1e-4)


@pytest.mark.slow
def test_a_fresh_adapter_changes_nothing_and_learns_what_the_merged_one_would(base, golden):
    shape, ids = base.shape, golden["tokens"][:, :3]
    fresh = jax.jit(lambda: Lora.init(jax.random.key(0), shape, rank=2))()
    assert set(fresh.a) == set(TARGETS) and all(not leaf.any() for leaf in fresh.b.values())
    assert all(0.5 < float(jnp.abs(leaf).max()) * bound <= 1 for leaf, bound in bounds(fresh))
    lora = eqx.tree_at(lambda lora: lora.b, fresh, jax.tree.map(jnp.ones_like, fresh.b))

    def loss(lora, over):
        model = lora.over(base) if over else lora.merged(base)
        return jnp.mean(logits(model, ids)[..., 0] ** 2)

    both = eqx.filter_jit(lambda lora: [eqx.filter_grad(loss)(lora, over) for over in (0, 1)])
    for merged, over in zip(*map(jax.tree.leaves, both(lora)), strict=True):
        assert np.abs(over).max() > 1e-4
        np.testing.assert_allclose(over, merged, rtol=1e-3, atol=1e-5)
    plain, beside = (eqx.filter_jit(logits)(m, ids) for m in (base, fresh.over(base)))
    np.testing.assert_allclose(beside, plain, atol=1e-6)


def bounds(lora):
    """Each A, and the square root of how many numbers enter it."""
    return [(leaf, np.sqrt(leaf[0, ..., 0].size)) for leaf in lora.a.values()]


def test_a_saved_adapter_has_the_names_and_bits_of_peft_s(tmp_path, base):
    lora = adapters.load(ADAPTER, base.shape)
    adapters.save(lora, tmp_path / "new", base="models/llama")
    before, after = (tensors.read(f / adapters.WEIGHTS) for f in (ADAPTER, tmp_path / "new"))
    assert {k: v.tobytes() for k, v in after.items()} == {k: v.tobytes() for k, v in before.items()}
    told = json.loads((tmp_path / "new" / adapters.CONFIG).read_text())
    assert (told["r"], told["lora_alpha"], told["peft_type"]) == (2, 3.0, "LORA")
    again = adapters.load(tmp_path / "new", base.shape)
    assert jax.tree.all(jax.tree.map(lambda one, two: (one == two).all(), again, lora))
    with pytest.raises(WeightsError, match="is there already"):
        adapters.save(lora, tmp_path / "new")


def altered(**change):
    def spoil(folder):
        config = json.loads((folder / adapters.CONFIG).read_text())
        (folder / adapters.CONFIG).write_text(json.dumps(config | change))

    return spoil


@pytest.mark.parametrize(
    ("spoil", "wording"),
    [
        (altered(use_dora=True), "no adapter with use_dora = true"),
        (altered(bias="all"), 'no adapter with bias = "all"'),
        (altered(rank_pattern={"q_proj": 4}), "no adapter with rank_pattern"),
        (altered(target_modules=["q_proj", "lm_head"]), "target_modules among q_proj, k_proj"),
        (altered(target_modules="all-linear"), "target_modules among q_proj, k_proj"),
        (altered(r=3), r"lora_A.weight is \(2, 16\); expected \(3, 16\)"),
        (altered(target_modules=["q_proj"]), "holds what its config does not name"),
        (altered(target_modules=["k_proj"]), "k_proj.lora_A.weight is missing"),
        (lambda f: (f / adapters.CONFIG).unlink(), "is no folder of an adapter: No such file"),
    ],
)
def test_an_adapter_that_cannot_be_read_exactly_is_refused(tmp_path, base, spoil, wording):
    folder = Path(shutil.copytree(ADAPTER, tmp_path / "adapter"))
    spoil(folder)
    with pytest.raises(WeightsError, match=wording) as caught:
        adapters.load(folder, base.shape)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "wording"),
    [
        ({"rank": 0}, "rank must be at least 1: 0"),
        ({"targets": ["gat"]}, "called 'gat'. Did you mean 'gate'?"),
        ({"targets": []}, "needs a target"),
    ],
)
def test_an_adapter_that_cannot_be_made_is_refused(base, settings, wording):
    with pytest.raises(ConfigError, match=wording):
        Lora.init(jax.random.key(0), base.shape, **settings)


def test_an_adapter_goes_on_the_shape_it_was_made_for(base):
    other = weights.load(LLAMA.parent / "qwen3")
    with pytest.raises(ConfigError, match="of the shape it was made for"):
        adapters.load(ADAPTER, base.shape).merged(other)


@pytest.mark.slow
def test_adapters_in_a_model_change_nothing_at_first_learn_alone_and_can_be_added(base, golden):
    shown = golden["tokens"][:, :3]
    model = jax.jit(lambda: beside(base, jax.random.key(0), 2))()
    assert bits(without(model)) == bits(base) == bits(jax.jit(added)(model))
    moved = jax.tree.map(lambda leaf, learns: leaf + 0.1 if learns else leaf, model, learned(model))
    assert bits(without(moved)) == bits(base)
    flags = learned((model, base, jnp.zeros(3)))
    assert sum(jax.tree.leaves(flags[0])) == 8 and all(jax.tree.leaves(flags[1:]))
    one, two, still = jax.jit(
        lambda m: (logits(m, shown), logits(added(m), shown), logits(without(m), shown))
    )(moved)
    np.testing.assert_allclose(one, two, atol=1e-4)
    np.testing.assert_allclose(still, golden["logits"][:, :3], atol=1e-4)
    assert np.abs(one - still).max() > 0.02


def bits(model):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(model)]
