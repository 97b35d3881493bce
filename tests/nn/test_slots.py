"""Answers in slots: each is what it would be alone, whoever comes and goes beside it."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cairn.nn.language import slots as room
from cairn.nn.language.decode import sample
from cairn.nn.language.transformer import Shape, Transformer

V, CONTEXT, BUCKET, SLOTS, STEPS, EOS = 11, 16, 6, 3, 2, 2
ROOT = jax.random.key(4)
SHAPE = Shape(V, width=8, layers=2, heads=2, kv_heads=1, head_width=4, inner=8)
PROMPTS = [[1, 5, 9, 3], [1, 7], [1, 4, 4, 8, 6, 10]]


class Programs:
    """What a server compiles, and the slots it holds."""

    def __init__(self, model):
        self.model = model.unstacked()
        # Partials: of one function all jits in a process share what they compiled.
        self.read = jax.jit(partial(room.read))
        self.enter = jax.jit(partial(room.enter), donate_argnums=0)
        self.advance = jax.jit(
            partial(room.advance), static_argnames=("steps", "top"), donate_argnums=1
        )
        self.slots = room.empty(model, SLOTS, CONTEXT)
        self.texts: list[list[tuple[int, float]]] = []
        self.tops = []
        self.who: dict[int, int] = {}

    def begin(self, place, prompt, most, temperature=1.0):
        """The next answer: its number is its name."""
        ids, answer = PROMPTS[prompt], len(self.texts)
        wanted = room.Wanted(
            room.answer_key(jax.random.fold_in(ROOT, answer), 0), jnp.int32(most),
            jnp.float32(temperature), jnp.int32(0), jnp.float32(1),
            jnp.array([EOS] + [-1] * (room.ENDS - 1)),
        )  # fmt: skip
        known = self.read(self.model, padded(ids), jnp.int32(len(ids)))
        self.slots = self.enter(self.slots, jnp.int32(place), known, wanted)
        self.who[place] = answer
        self.texts.append([])

    def go(self, silent=None):
        keep = jnp.arange(SLOTS) != (-1 if silent is None else silent)
        self.slots, said = self.advance(self.model, self.slots, keep, steps=STEPS, top=True)
        for step, place in np.argwhere(np.asarray(said.there)):
            found = int(said.token[step, place]), float(said.logp[step, place])
            self.texts[self.who[place]].append(found)
        self.tops.append(said)


def padded(ids):
    return jnp.array([0] * (BUCKET - len(ids)) + ids)


@pytest.fixture(scope="module")
def model():
    fresh = jax.eval_shape(lambda: Transformer.init(jax.random.key(0), SHAPE))
    draw = np.random.default_rng(0).normal
    return jax.tree.map(lambda leaf: jnp.asarray(draw(0.1, 0.5, leaf.shape), jnp.float32), fresh)


@pytest.fixture(scope="module")
def programs(model):
    """Answers come and go: one begins late beside another, two in slots that others have left."""
    made = Programs(model)
    made.begin(0, 0, most=9)
    made.begin(2, 1, most=3)
    made.go()
    made.begin(1, 2, most=5)
    made.go()
    made.begin(2, 0, most=6, temperature=0.0)
    made.go()
    made.go()
    made.begin(0, 1, most=9)  # in the place of the first, which has not ended
    made.go()
    made.go(silent=0)
    return made


@pytest.fixture(scope="module")
def alone(model):
    """The same answers, sampled in one loop."""
    asked = [0, 1, 2, 0, 1]
    prompts = jnp.stack([padded(PROMPTS[prompt]) for prompt in asked])
    lengths = jnp.array([len(PROMPTS[prompt]) for prompt in asked])
    heat = jnp.array([1.0, 1.0, 1.0, 0.0, 1.0])
    found = jax.jit(sample, static_argnames=("group", "limit"))(
        model, prompts, lengths, jnp.arange(5), ROOT,
        group=2, limit=9, temperature=heat, stop=jnp.array([EOS]),
    )  # fmt: skip
    return found, prompts, lengths


@pytest.mark.parametrize(("answer", "most"), [(0, 8), (1, 3), (2, 5), (3, 6), (4, 2)])
def test_an_answer_is_what_sampling_alone_gives(programs, alone, answer, most):
    found = alone[0]
    length = min(most, int(found.mask[answer, 0].sum()))
    said = programs.texts[answer]
    assert [token for token, _ in said] == found.tok[answer, 0, :length].tolist()
    np.testing.assert_allclose(
        [logp for _, logp in said], found.logp[answer, 0, :length], atol=1e-5
    )


def test_log_probabilities_of_sampling_are_those_of_reading_the_whole_text(model, alone):
    found, prompts, lengths = alone

    @jax.jit
    def reading(model):
        logits = model.logits(model.grouped(prompts, lengths, found.tok))
        return jnp.take_along_axis(jax.nn.log_softmax(logits), found.tok[..., None], -1)[..., 0]

    np.testing.assert_allclose(found.logp_model, reading(model) * found.mask, atol=1e-5)


def test_the_likeliest_tokens_come_in_order_with_their_log_probabilities(programs):
    said = programs.tops[0]
    assert said.top.shape == (STEPS, SLOTS, min(room.TOP, V))
    assert (np.diff(said.top_logp, axis=-1) <= 0).all()
    np.testing.assert_allclose(np.exp(said.top_logp).sum(-1), 1.0, atol=1e-5)
    place = said.top.tolist()[0][0].index(int(said.token[0, 0]))
    assert said.top_logp[0, 0, place] == pytest.approx(float(said.logp_model[0, 0]), abs=1e-5)


def test_whoever_comes_and_goes_three_programs_serve_all(programs):
    assert [part._cache_size() for part in (programs.read, programs.enter, programs.advance)] == [
        1, 1, 1,
    ]  # fmt: skip
