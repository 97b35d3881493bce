"""Checkpoints of Hugging Face: the logits of `transformers`, the same bits back, clear refusals.

The folders in `hugging/` and their logits are remade by benchmarks/peers/transformers_golden.py.
"""

import json
import shutil
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import TokenError, WeightsError
from cairn.core.vocabulary import RESERVED
from cairn.lm.local_folder import open_folder
from cairn.nn.language import hugging, tensors, tokens, weights
from cairn.nn.language.attention import causal
from cairn.nn.language.block import Shape
from cairn.nn.language.transformer import Transformer

FOLDERS = Path(__file__).parent / "hugging"
FAMILIES = ("llama", "qwen2", "qwen3")


@pytest.fixture
def copy(tmp_path):
    """A copy of a folder, to spoil."""
    return lambda name: Path(shutil.copytree(FOLDERS / name, tmp_path / name))


def bits(model):
    return [np.asarray(leaf).tobytes() for leaf in jax.tree.leaves(model)]


@pytest.mark.parametrize("name", FAMILIES)
def test_logits_are_those_of_transformers(name):
    with np.load(FOLDERS / name / "golden.npz") as golden:
        ids, expected = jnp.asarray(golden["tokens"], jnp.int32), golden["logits"]
    model = weights.load(FOLDERS / name)
    got = eqx.filter_jit(lambda m: m.logits(m.hidden(ids, *causal(ids.shape[1]))))(model)
    assert np.abs(expected).max() > 3
    np.testing.assert_allclose(got, expected, atol=1e-4)


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_saved_has_the_names_and_bits_that_were_loaded(tmp_path, name):
    model, new = weights.load(FOLDERS / name), tmp_path / "new"
    weights.save(model, new)
    assert bits(weights.load(new)) == bits(model) and weights.load(new).shape == model.shape
    before, after = (weights._tensors(folder) for folder in (FOLDERS / name, new))
    assert {k: v.tobytes() for k, v in after.items()} == {k: v.tobytes() for k, v in before.items()}
    assert [p.name for p in tmp_path.iterdir()] == ["new"], "nothing half-made lies about"


def test_shards_and_narrow_numbers_come_back_bit_for_bit(tmp_path):
    model = weights.load(FOLDERS / "llama", dtype="bfloat16")
    assert {leaf.dtype.name for leaf in jax.tree.leaves(model)} == {"bfloat16"}
    weights.save(model, tmp_path / "new", shard_bytes=4000)
    assert len(list((tmp_path / "new").glob("model-*-of-*.safetensors"))) > 2
    assert bits(weights.load(tmp_path / "new")) == bits(model)
    assert weights.load(tmp_path / "new", dtype="float32").embed.dtype == jnp.float32
    logits = jax.eval_shape(lambda: model.logits(model.hidden(jnp.zeros((4,), int), *causal(4))))
    assert logits.dtype == jnp.float32


def test_the_config_and_tokeniser_of_a_folder_are_taken_over(tmp_path, copy):
    old = copy("llama")
    tokens.Characters.of("abc").save(old)
    model = weights.load(old)
    weights.save(model, tmp_path / "new", like=old)
    before, after = (json.loads((f / "config.json").read_text()) for f in (old, tmp_path / "new"))
    assert after == before
    assert tokens.load(tmp_path / "new").decode([4, 5]) == "ab"
    with pytest.raises(WeightsError, match="not of the shape"):
        weights.save(model, tmp_path / "other", like=FOLDERS / "qwen3")


def test_a_tokeniser_is_saved_beside_the_model_and_must_fit_it(tmp_path):
    shape = Shape(vocabulary=6, width=4, layers=1, heads=1, kv_heads=1, head_width=2, inner=4)
    model = jax.jit(lambda: Transformer.init(jax.random.key(0), shape))()
    table = tokens.Symbols((*RESERVED, "a", "b"))
    weights.save(model, tmp_path / "new", tokenizer=table, closing=(3, 5))
    assert tokens.load(tmp_path / "new") == table
    assert open_folder(tmp_path / "new").closing == (3, 5)
    altered(closing_token_ids=[3, 6])(tmp_path / "new")
    with pytest.raises(WeightsError, match=r"must be a list of tokens in \[0, 6\), got \[3, 6\]"):
        open_folder(tmp_path / "new")
    assert json.loads((tmp_path / "new" / "config.json").read_text())["eos_token_id"] == table.eos
    with pytest.raises(TokenError, match="has 7 tokens"):
        large = tokens.Symbols((*RESERVED, "a", "b", "c"))
        weights.save(model, tmp_path / "other", tokenizer=large)
    with pytest.raises(WeightsError, match="is there already"):
        weights.save(model, tmp_path / "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new"]


def altered(**change):
    def spoil(folder):
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps(config | change))

    return spoil


def without(name, **instead):
    """Drop a tensor, or put another in its place."""

    def spoil(folder):
        path = folder / "model.safetensors"
        kept = {k: v.copy() for k, v in tensors.read(path).items() if k != name}
        tensors.write(path, kept | instead)

    return spoil


def cut(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])


def listed(folder):
    (folder / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"[]")


def quantised(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"I32"'))


Q = "model.layers.0.self_attn.q_proj.weight"
YARN = {"rope_type": "yarn", "factor": 4.0, "rope_theta": 100.0}


@pytest.mark.parametrize(
    ("spoil", "wording"),
    [
        (altered(model_type="gemma2"), "of the family 'gemma2'; cairn reads llama, qwen2, qwen3"),
        (altered(hidden_act="gelu"), 'no llama with hidden_act = "gelu"'),
        (altered(attention_bias=True), "no llama with attention_bias = true"),
        (altered(layer_types=["sliding_attention"]), "with layer_types"),
        (altered(quantization_config={"bits": 4}), "with quantization_config"),
        (altered(rope_parameters=YARN), "scaled by .*yarn.*; cairn computes rope_type llama3"),
        (altered(rope_parameters={"rope_theta": "1"}), "rope_theta must be a number, got '1'"),
        (altered(hidden_size="16"), "hidden_size must be a number, got '16'"),
        (altered(num_key_value_heads=3), r"heads \(4\) must be a multiple of its kv_heads \(3\)"),
        (altered(intermediate_size=25), r"gate_proj.weight is \(24, 16\), but .* asks for \(25, 1"),
        (altered(num_hidden_layers=1), "holds 9 tensors that a 1-layer model .* model.layers.1"),
        (altered(num_hidden_layers=3), r"has no model.layers.2.input_layernorm.weight; its config"),
        (altered(tie_word_embeddings=None), None),
        (without("lm_head.weight"), "has no lm_head.weight"),
        (without(Q), f"has no {Q}"),
        (without("", surplus=np.zeros(3, np.float32)), "holds 1 tensors .* such as surplus"),
        (without("", **{"a.rotary_emb.inv_freq": np.zeros(3, np.float32)}), None),
        (cut, "the file is cut short or damaged"),
        (quantised, "expected floats .* Quantised weights are not read"),
        (lambda f: (f / "model.safetensors").write_bytes(b"\xff" * 9), "is no safetensors file"),
        (listed, "its header is no object"),
        (lambda f: (f / "model.safetensors").unlink(), "Cannot read .*model.safetensors: No such"),
        (lambda f: (f / "config.json").write_text("{"), "config.json is not valid JSON"),
        (lambda f: (f / "config.json").unlink(), "is no folder of a Hugging Face model"),
        (lambda f: (f / weights.INDEX).write_text("[]"), "is no index of shards"),
        (
            lambda f: (f / weights.INDEX).write_text('{"weight_map": {"a": "../x"}}'),
            "names a file outside of its folder: ../x",
        ),
    ],
)
def test_a_folder_that_is_not_what_it_says_is_refused_in_one_line(copy, spoil, wording):
    folder = copy("llama")
    spoil(folder)
    if wording is None:
        assert weights.load(folder).shape.layers == 2
        return
    with pytest.raises(WeightsError, match=wording) as caught:
        weights.load(folder)
    assert "\n" not in str(caught.value)


def test_a_lost_shard_is_named(copy):
    folder = copy("qwen2")
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(WeightsError, match=r"model-00002-of-00003\.safetensors: No such"):
        weights.load(folder)


def test_both_ways_of_writing_the_rotary_embedding_are_read():
    new = hugging.read(FOLDERS / "llama")
    rope = dict(new["rope_parameters"])
    old = {k: v for k, v in new.items() if k != "rope_parameters"}
    old |= {"rope_theta": rope.pop("rope_theta"), "rope_scaling": rope}
    assert hugging.shape(old) == hugging.shape(new)
    assert hugging.shape(new).rope_scaling.factor == 4.0 and hugging.shape(new).context == 64
    assert hugging.shape(hugging.config(hugging.shape(new))) == hugging.shape(new)


def test_a_shape_of_no_family_cannot_be_saved():
    both = Shape(vocabulary=8, attention_bias=True, head_norm=True)
    with pytest.raises(WeightsError, match="no Hugging Face family"):
        hugging.config(both)
    with pytest.raises(WeightsError, match="head_width is width / heads = 32"):
        hugging.config(Shape(vocabulary=8, attention_bias=True, head_width=16))
