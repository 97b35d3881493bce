"""The local model as a player in the process itself."""

import asyncio
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.core.errors import ConfigError
from cairn.lm.errors import RejectedError
from cairn.lm.local_engine import Settings
from cairn.lm.local_model import LocalModel
from cairn.lm.request import Request, Sampling
from cairn.nn.language.spoken import Spoken
from cairn.nn.language.tokens import Characters
from cairn.nn.language.transformer import Shape, Transformer
from cairn.runs.speaking import local_model

ALPHABET = Characters.of("abcdefgh :\n")


def opened():
    """The same shape as in test_local_server: its programs are compiled once."""
    shape = Shape(ALPHABET.size, width=8, layers=1, heads=2, kv_heads=1, head_width=4, inner=8)
    fresh = jax.eval_shape(lambda: Transformer.init(jax.random.key(0), shape))
    draw = np.random.default_rng(0).normal
    model = jax.tree.map(lambda leaf: jnp.asarray(draw(0.0, 0.5, leaf.shape), jnp.float32), fresh)
    return Spoken(model, ALPHABET)


def asked(text, most=12):
    return Request.of(text, sampling=Sampling(max_tokens=most))


async def together(*calls):
    model = LocalModel(opened, "tiny", Settings(4, 128, 2, 16))
    try:
        return await asyncio.gather(*(model.complete(*call) for call in calls))
    finally:
        await model.close()


@pytest.mark.slow
def test_an_answer_is_the_same_whoever_is_answered_beside_it():
    [alone] = asyncio.run(together((asked("abc"), "0")))
    beside = asyncio.run(together(*((asked("abc"), str(n)) for n in range(6)), (asked("h"), "0")))
    assert beside[0] == alone and alone.usage.completion <= 12
    assert len({answer.text for answer in beside}) > 3  # each sample a draw of its own


@pytest.mark.slow
def test_what_it_cannot_be_asked_is_rejected():
    for request in (asked("xyz"), asked("a" * 200)):
        with pytest.raises(RejectedError):
            asyncio.run(together((request, "0")))


def test_a_closed_one_goes_to_another_process_by_its_opener():
    model = LocalModel(opened, "tiny", seed=3)
    again = pickle.loads(pickle.dumps(model))
    assert again.identity == model.identity == "local:tiny:3"


def test_a_place_without_a_model_is_named(tmp_path):
    with pytest.raises(ConfigError, match="is no folder"):
        local_model(tmp_path / "none")
