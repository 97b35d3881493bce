import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from cairn.core import checkpoint
from cairn.core.errors import CheckpointError, RunError


class State(eqx.Module):
    half: jax.Array
    flags: jax.Array
    limbs: jax.Array
    count: jax.Array
    weights: dict[str, jax.Array]
    keys: jax.Array
    table: np.ndarray
    empty: jax.Array
    activation: object


def make(seed: int = 0) -> State:
    key = jax.random.key(seed)
    return State(
        half=jnp.arange(6, dtype=jnp.bfloat16).reshape(2, 3) + jnp.bfloat16(seed),
        flags=jnp.array([True, False, seed == 0]),
        limbs=jnp.array([seed, 2**32 - 1], jnp.uint32),
        count=jnp.int32(-7 - seed),
        weights={"a": jax.random.normal(key, (3, 4)), "b": jnp.float32(seed)},
        keys=jax.random.split(key, 3),
        table=np.arange(4, dtype=np.int32).reshape(2, 2).T + seed,
        empty=jnp.zeros((0, 2), jnp.float32),
        activation=jax.nn.relu,
    )


def arrays(state: State) -> list[np.ndarray]:
    raw = eqx.tree_at(lambda s: s.keys, state, jax.random.key_data(state.keys))
    return [np.asarray(leaf) for leaf in jax.tree.leaves(raw) if eqx.is_array_like(leaf)]


@pytest.fixture
def saved(tmp_path):
    return checkpoint.save(tmp_path, 5, make(), {"sizes": {"a": 1}}, config_hash="abc")


def rewrite(path, change):
    """Save the same file again after `change(tensors, record)`, with matching record digest."""
    import hashlib

    with safe_open(path, "numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        record = json.loads(file.metadata()["record"])
    change(tensors, record)
    text = json.dumps(record)
    save_file(tensors, path, {"record": text, "sha256": hashlib.sha256(text.encode()).hexdigest()})


def test_every_dtype_and_key_comes_back_bit_for_bit_with_static_parts_from_like(saved):
    state, meta = checkpoint.load(saved, make(seed=1), config_hash="abc")
    for got, wanted in zip(arrays(state), arrays(make()), strict=True):
        assert got.dtype == wanted.dtype and got.shape == wanted.shape
        assert got.tobytes() == wanted.tobytes()
    assert state.keys.dtype == make().keys.dtype
    assert state.activation is jax.nn.relu
    assert meta == {"sizes": {"a": 1}}


def test_a_state_of_shapes_is_enough_to_load_into(saved):
    shapes = eqx.filter_eval_shape(make)
    state, _ = checkpoint.load(saved, shapes)
    assert checkpoint.digest(state) == checkpoint.digest(make())


def test_another_key_implementation_is_kept(tmp_path):
    state = {"key": jax.random.key(3, impl="rbg")}
    path = checkpoint.save(tmp_path, 0, state, {})
    got, _ = checkpoint.load(path, {"key": jax.random.key(0, impl="rbg")})
    assert jax.random.bits(got["key"]) == jax.random.bits(state["key"])
    with pytest.raises(CheckpointError, match=r"state\['key'\] has dtype key<rbg>, expected key<f"):
        checkpoint.load(path, {"key": jax.random.key(0)})


def test_any_flipped_bit_anywhere_is_found(saved):
    content = bytearray(saved.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    # The length, a spread of header bytes, and every byte of every leaf.
    places = [*range(8), *range(8, header, 37), *range(header, len(content))]
    for place in places:
        broken = content.copy()
        broken[place] ^= 1 << (place % 8)
        saved.write_bytes(broken)
        with pytest.raises(CheckpointError, match=saved.name):
            checkpoint.load(saved, make())
    saved.write_bytes(content)
    checkpoint.load(saved, make())


def test_a_flipped_bit_in_a_leaf_names_the_leaf(saved):
    def flip(tensors, record):
        tensors["state.weights['a']"].view(np.uint32)[1, 2] ^= 1

    rewrite(saved, flip)
    with pytest.raises(CheckpointError, match=r"leaf state\.weights\['a'\] was altered"):
        checkpoint.load(saved, make())


@pytest.mark.parametrize("keep", [0, 5, 200, -1])
def test_a_file_cut_short_is_named(saved, keep):
    saved.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match=f"{saved.name} cannot be read.*Delete this file"):
        checkpoint.load(saved, make())


def test_missing_and_extra_leaves_are_named(saved):
    state = make()
    with pytest.raises(CheckpointError, match=r"state\.weights\['c'\] is missing"):
        checkpoint.load(
            saved, eqx.tree_at(lambda s: s.weights, state, {**state.weights, "c": state.count})
        )
    with pytest.raises(CheckpointError, match=r"state\.weights\['b'\] is one too many"):
        checkpoint.load(saved, eqx.tree_at(lambda s: s.weights, state, {"a": state.weights["a"]}))
    rewrite(saved, lambda tensors, record: tensors.pop("state.count"))
    with pytest.raises(CheckpointError, match=r"state\.count was removed or added"):
        checkpoint.load(saved, state)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (jnp.int16(0), r"state\.count has dtype int32, expected int16"),
        (jnp.zeros(2, jnp.int32), r"state\.count has shape \(\), expected \(2,\)"),
    ],
)
def test_a_wrong_dtype_or_shape_is_named(saved, value, message):
    with pytest.raises(CheckpointError, match=message):
        checkpoint.load(saved, eqx.tree_at(lambda s: s.count, make(), value))


def test_bytes_under_another_dtype_are_found(saved):
    def reinterpret(tensors, record):
        tensors["state.limbs"] = tensors["state.limbs"].view(np.int32)

    rewrite(saved, reinterpret)
    with pytest.raises(CheckpointError, match=r"state\.limbs was altered"):
        checkpoint.load(saved, make())


def test_another_config_or_format_is_refused(saved):
    with pytest.raises(CheckpointError, match="another config"):
        checkpoint.load(saved, make(), config_hash="other")
    rewrite(saved, lambda tensors, record: record.update(format=99))
    with pytest.raises(CheckpointError, match="format 99, this cairn reads 1"):
        checkpoint.load(saved, make())


def test_the_two_newest_stay_and_leftovers_go(tmp_path):
    assert checkpoint.latest(tmp_path) is None
    state = {"x": jnp.int32(1)}
    (tmp_path / ".step-000000000000001.safetensors").write_bytes(b"half")
    paths = [checkpoint.save(tmp_path, step, state, {}) for step in (9, 10, 11)]
    assert sorted(tmp_path.iterdir()) == paths[1:]
    assert checkpoint.latest(tmp_path) == paths[2]


def test_a_disk_that_refuses_leaves_the_checkpoint_before(saved, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(RunError, match=r"Cannot write .*: No space left on device\. Nothing older"):
        checkpoint.save(saved.parent, 6, make(), {})
    assert checkpoint.latest(saved.parent) == saved
    checkpoint.load(saved, make())


def test_the_digest_sees_values_dtypes_names_and_extra_parts():
    state = {"a": jnp.float32(0), "b": jnp.int32(1)}
    digests = [
        checkpoint.digest(state),
        checkpoint.digest({"a": jnp.float32(-0.0), "b": jnp.int32(1)}),
        checkpoint.digest({"a": jnp.int32(0), "b": jnp.int32(1)}),
        checkpoint.digest({"a": jnp.float32(0), "c": jnp.int32(1)}),
        checkpoint.digest({"a": jnp.float32(0)[None], "b": jnp.int32(1)}),
        checkpoint.digest(state, b"xy"),
        checkpoint.digest(state, b"x", b"y"),
    ]
    assert len(set(digests)) == len(digests)
    assert digests[0] == checkpoint.digest({"a": np.float32(0), "b": jnp.int32(1), "f": abs})
