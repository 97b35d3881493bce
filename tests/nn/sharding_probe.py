"""One step of learning on one device and on eight, in a process that has eight; prints JSON."""

import json

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from cairn.nn.language import sharding
from cairn.nn.language.transformer import Shape, Transformer

P, G, TP, T = 8, 2, 3, 4
SHAPE = Shape(
    vocabulary=12,
    width=8,
    layers=2,
    heads=8,
    kv_heads=4,
    head_width=4,
    inner=8,
    tied=False,
    attention_bias=True,
    head_norm=True,
)
OPTIMISER = optax.adamw(1e-2)


def loss(model, batch):
    prompt, lengths, tokens = batch
    logits = model.logits(model.grouped(prompt, lengths, tokens))
    return optax.softmax_cross_entropy_with_integer_labels(logits, tokens).mean()


@eqx.filter_jit
def learn(model, state, batch):
    value, gradient = eqx.filter_value_and_grad(loss)(model, batch)
    updates, state = OPTIMISER.update(gradient, state, model)
    return eqx.apply_updates(model, updates), state, value


def distance(one, two):
    pairs = zip(*(jax.tree.leaves(jax.device_get(tree)) for tree in (one, two)), strict=True)
    return max(float(np.abs(a - b).max()) for a, b in pairs)


def piece(leaf):
    """The share of a leaf that a device holds."""
    return leaf.addressable_shards[0].data.size / leaf.size


def main():
    key = jax.random.key(0)
    model = jax.jit(lambda: Transformer.init(key, SHAPE))()
    batch = (
        jax.random.randint(key, (P, TP), 0, 12),
        jnp.arange(P, dtype=jnp.int32) % TP + 1,
        jax.random.randint(key, (P, G, T), 0, 12),
    )
    state = OPTIMISER.init(model)
    after, moved, value = learn(model, state, batch)
    told = {"devices": len(jax.devices()), "loss": float(value), "step": distance(after, model)}
    for data, parts in ((8, 1), (2, 4)):
        mesh = sharding.mesh(SHAPE, data=data, model=parts)
        laid = sharding.lay((model, state), mesh)
        new, memory, same = learn(*laid, sharding.share(batch, mesh))
        told[f"{data}x{parts}"] = {
            "loss": float(same),
            "model": distance(new, after),
            "optimiser": distance(memory, moved),
            "qkv": piece(laid[0].blocks.qkv),
            "moments": piece(laid[1][0].mu.blocks.down),
            "norm": piece(laid[0].norm),
            "updated": piece(new.blocks.qkv),
        }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
