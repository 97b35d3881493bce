"""Encoder against a convolution; a network stepped through time against its sequence."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.envs.protocol import Category, Image, Vector
from cairn.nn.actor_critic import ActorCritic
from cairn.nn.catalogue import NetworkConfig
from cairn.nn.encoder import Encoder

T, B = 6, 3


class Seen(NamedTuple):
    image: object
    heading: object
    speed: object


SPEC = Seen(Image((5, 4, 3)), Category(4), Vector(2))


def seen(key, *shape: int) -> Seen:
    keys = jax.random.split(key, 3)
    return Seen(
        jax.random.uniform(keys[0], (*shape, 5, 4, 3)),
        jax.random.randint(keys[1], shape, 0, 4, jnp.int32),
        jax.random.normal(keys[2], (*shape, 2)),
    )


def small(**config):
    sizes = NetworkConfig(**{"hidden": 8, "head": 6, "filters": 3, "embedding": 2} | config)
    return ActorCritic(SPEC, 4, sizes, jax.random.key(2))


def test_the_encoder_is_a_convolution_an_embedding_and_a_copy():
    encoder = Encoder(SPEC, filters=6, embedding=5, key=jax.random.key(0))
    encoder = eqx.tree_at(
        lambda e: e.biases, encoder, [jnp.arange(b.size, dtype=jnp.float32) for b in encoder.biases]
    )
    observation = seen(jax.random.key(1), 7)
    convolved = jax.lax.conv_general_dilated(
        observation.image,
        encoder.weights[0].reshape(3, 3, 3, 6),
        window_strides=(1, 1),
        padding="VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    image = jax.nn.relu(convolved + encoder.biases[0][None, None, None]).reshape(7, -1)
    heading = encoder.weights[1][observation.heading] + encoder.biases[1][None]
    got = encoder(observation)
    assert got.shape == (7, encoder.size) == (7, 3 * 2 * 6 + 5 + 2)
    wanted = jnp.concatenate([image, heading, observation.speed], axis=1)
    np.testing.assert_allclose(got, wanted, atol=1e-5)


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


def test_a_memory_carries_the_past_and_a_reset_ends_it():
    network = small(memory="lstm")
    one = seen(jax.random.key(3), T, B)
    new = seen(jax.random.key(4), B)
    other = jax.tree.map(lambda leaf, first: leaf.at[0].set(first), one, new)
    reset = jnp.zeros((T, B), bool).at[3, 0].set(True)
    differs = network.sequence(one, reset)[1] != network.sequence(other, reset)[1]
    assert differs[:3].all() and differs[3:, 1:].all()
    assert not differs[3:, 0].any()
