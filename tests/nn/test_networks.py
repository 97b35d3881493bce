"""Encoder against a convolution; a network stepped through time against its sequence."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.maze.editor import MazeEditor
from cairn.envs.protocol import Category, Image, Vector
from cairn.nn.actor_critic import ActorCritic
from cairn.nn.catalogue import NetworkConfig
from cairn.nn.convolve import as_asked, convolved, layers
from cairn.nn.encoder import Encoder

T, B = 6, 3


class Seen(NamedTuple):
    image: Any
    heading: Any
    speed: Any


VIEW = Image((5, 4, 3))
SPEC = Seen(VIEW, Category(4), Vector(2))


def seen(key, *shape: int, image=VIEW) -> Seen:
    keys = jax.random.split(key, 3)
    return Seen(
        jax.random.uniform(keys[0], (*shape, *image.shape)),
        jax.random.randint(keys[1], shape, 0, 4, jnp.int32),
        jax.random.normal(keys[2], (*shape, 2)),
    )


def small(memory: Any):
    sizes = NetworkConfig(memory=memory, hidden=8, head=6, filters=3, embedding=2)
    return ActorCritic(SPEC, 4, sizes, jax.random.key(2))


@pytest.mark.parametrize(("image", "filters"), [(VIEW, 6), (Image((6, 7, 3)), 50)])
def test_the_encoder_is_a_convolution_an_embedding_and_a_copy(image, filters):
    """In the form of a dense matrix, and in that of patches, which many filters get."""
    spec = SPEC._replace(image=image)
    encoder = Encoder(spec, filters=filters, embedding=5, key=jax.random.key(0))
    encoder = eqx.tree_at(
        lambda e: e.biases, encoder, [jnp.arange(b.size, dtype=jnp.float32) for b in encoder.biases]
    )
    observation = seen(jax.random.key(1), 7, image=image)
    convolved = jax.lax.conv_general_dilated(
        observation.image,
        encoder.weights[0].reshape(3, 3, 3, filters),
        window_strides=(1, 1),
        padding="VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    view = jax.nn.relu(convolved + encoder.biases[0][None, None, None]).reshape(7, -1)
    heading = encoder.weights[1][observation.heading] + encoder.biases[1][None]
    got = encoder(observation)
    positions = (image.shape[0] - 2) * (image.shape[1] - 2)
    assert got.shape == (7, encoder.size) == (7, positions * filters + 5 + 2)
    wanted = jnp.concatenate([view, heading, observation.speed], axis=1)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


def plain_convolution(image, kernel, bias):
    """Place by place, with ReLU, in NumPy."""
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    out = np.zeros((rows, columns, kernel.shape[-1]))
    for r in range(rows):
        for c in range(columns):
            patch = image[r : r + 3, c : c + 3].astype(np.float64)
            out[r, c] = np.tensordot(patch, kernel, axes=3) + bias
    return np.maximum(out, 0.0)


EDITOR = MazeEditor(9, 8, 3)
BOARD = EDITOR.observation_spec.image
FILTERS = 4


@pytest.fixture(scope="module")
def drafts():
    """What a teacher sees: an empty board, a wall in row 3, and the same wall in row 4."""
    seen = jax.jit(EDITOR.reset)(jax.random.key(0), jnp.zeros(EDITOR.noise))[1]
    boards = np.stack([seen.image] * 3)
    for number, row in ((1, 3), (2, 4)):
        boards[number, row + 1, 6] = boards[0, 0, 0]
    return boards


def drawn(spec):
    """An encoder with weights and biases drawn by NumPy."""
    make = lambda key: Encoder(spec, filters=FILTERS, embedding=1, key=key)  # noqa: E731
    rng = np.random.default_rng(3)
    normal = lambda leaf: jnp.asarray(rng.normal(size=leaf.shape), jnp.float32)  # noqa: E731
    return jax.tree.map(normal, jax.eval_shape(make, jax.random.key(0)))


def test_a_teacher_s_board_is_convolved_cell_by_cell_whatever_its_size(drafts):
    encoder = drawn(BOARD)
    weight, bias = (np.asarray(part[0], np.float64) for part in (encoder.weights, encoder.biases))
    kernel = weight.reshape(3, 3, 3, FILTERS)
    noise = np.random.default_rng(0).random(drafts.shape[1:], np.float32)
    boards = np.stack([drafts[0], drafts[1], noise])
    wanted = np.stack([plain_convolution(board, kernel, bias) for board in boards])
    assert wanted.shape[1:3] == (8, 9) and encoder.size == 8 * 9 * FILTERS
    got = np.asarray(jax.jit(lambda e, b: e(b))(encoder, jnp.asarray(boards)))
    np.testing.assert_allclose(got.reshape(wanted.shape), wanted, atol=1e-5)


def test_a_wall_moved_by_a_cell_moves_its_features_by_a_cell_unless_there_are_strides(drafts):
    def maps(spec):
        rows, columns = layers(spec, FILTERS)[-1].positions
        found = jax.jit(lambda e, b: e(b))(drawn(spec), jnp.asarray(drafts))
        empty, before, after = np.asarray(found).reshape(3, rows, columns, -1)
        return before - empty, after - empty

    before, after = maps(BOARD)
    assert before.any(axis=2).sum() == 9
    np.testing.assert_allclose(np.roll(before, 1, axis=0), after, atol=1e-6)
    before, after = maps(as_asked(BOARD, "strides"))
    assert all(np.abs(np.roll(before, by, axis=0) - after).max() > 0.1 for by in (0, 1))


def test_more_filters_make_a_network_wider_and_never_another_one():
    for side in (3, 5, 7, 8, 16):
        few, many = (layers(Image((side, side, 3)), filters) for filters in (1, 500))
        kinds = [[(layer.kernel, layer.stride, layer.positions) for layer in each]
                 for each in (few, many)]  # fmt: skip
        assert kinds[0] == kinds[1]
        assert (few[0].stride == 1) == (side <= 7)
    assert few[0].dense is many[0].dense is False and layers(Image((7, 7, 3)), 16)[0].dense


def test_small_views_keep_one_dense_convolution_and_large_images_get_strides():
    (view,) = layers(Image((5, 5, 3)), 16)
    assert (view.stride, view.kernel, view.outputs) == (1, (3, 3), 9 * 16)
    large = layers(Image((64, 64, 3)), 16)
    assert [(layer.kernel, layer.stride, layer.filters) for layer in large] == [
        ((4, 4), 4, 16),
        ((3, 3), 2, 32),
        ((3, 3), 2, 32),
    ]
    assert [layer.positions for layer in large] == [(16, 16), (8, 8), (4, 4)]


@pytest.mark.parametrize("shape", [(64, 64, 3), (45, 13, 1), (1, 30, 2)])
def test_strided_patches_are_a_padded_convolution_and_see_every_pixel(shape):
    images = jax.random.uniform(jax.random.key(5), (2, *shape))

    def reference(x):
        for layer in layers(Image(shape), 2):
            weight = jnp.ones((*layer.kernel, layer.image[2], layer.filters))
            pads = [
                (0, (out - 1) * layer.stride + kernel - side)
                for out, kernel, side in zip(
                    layer.positions, layer.kernel, layer.image[:2], strict=True
                )
            ]
            x = jax.lax.conv_general_dilated(
                x,
                weight,
                (layer.stride, layer.stride),
                pads,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
            )
        return x

    def ours(x):
        for layer in layers(Image(shape), 2):
            weight = jnp.ones((layer.patch, layer.filters))
            x = convolved(x, weight, jnp.zeros(layer.filters), layer)
        return x

    np.testing.assert_allclose(jax.jit(ours)(images), jax.jit(reference)(images), rtol=1e-5)
    assert (jax.jit(jax.grad(lambda x: ours(x).sum()))(images) > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["lstm", "none"])
def test_stepping_a_network_equals_its_sequence(memory):
    network = small(memory=memory)
    observation = seen(jax.random.key(3), T, B)
    reset = jnp.zeros((T, B), bool).at[2, 0].set(True).at[4:, 1].set(True)
    logits, value = eqx.filter_jit(network.sequence)(observation, reset)
    step, carry = eqx.filter_jit(network.step), network.initial_memory(B)
    for t in range(T):
        out, carry = step(jax.tree.map(lambda leaf, t=t: leaf[t], observation), carry, reset[t])
        np.testing.assert_allclose(out.policy, logits[t], atol=1e-6)
        np.testing.assert_allclose(out.value, value[t], atol=1e-5)


@pytest.mark.slow
def test_a_memory_carries_the_past_and_a_reset_ends_it():
    network = small(memory="lstm")
    one = seen(jax.random.key(3), T, B)
    new = seen(jax.random.key(4), B)
    other = jax.tree.map(lambda leaf, first: leaf.at[0].set(first), one, new)
    reset = jnp.zeros((T, B), bool).at[3, 0].set(True)
    differs = network.sequence(one, reset)[1] != network.sequence(other, reset)[1]
    assert differs[:3].all() and differs[3:, 1:].all()
    assert not differs[3:, 0].any()


def test_a_sequence_goes_on_from_a_memory():
    network = small(memory="lstm")
    observation, reset = seen(jax.random.key(3), T, B), jnp.zeros((T, B), bool)
    whole = network.sequence(observation, reset)
    carry, step = network.initial_memory(B), jax.jit(lambda *now: network.step(*now)[1])
    for t in range(2):
        carry = step(jax.tree.map(lambda leaf, t=t: leaf[t], observation), carry, reset[t])
    rest = network.sequence(jax.tree.map(lambda leaf: leaf[2:], observation), reset[2:], carry)
    np.testing.assert_allclose(rest.value, whole.value[2:], atol=1e-5)
