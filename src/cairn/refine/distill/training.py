"""Training: rows of noisy views, one compiled update after another, gone on with after a kill.

What an update learns from hangs on the seed and its number alone, so that a training that was
stopped comes to the same weights as one that was not.
"""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cairn.core import checkpoint
from cairn.core.draws import DrawKey
from cairn.core.errors import RunError
from cairn.core.journal import canonical, digest_of
from cairn.core.keys import stream
from cairn.nn.language import adamw
from cairn.nn.language.transformer import Transformer
from cairn.refine.distill.config import Distillation
from cairn.refine.distill.examples import Example
from cairn.refine.distill.noise import Pools, pools, seen, unknown
from cairn.refine.distill.pieces import NOTHING, Pieces, cut
from cairn.refine.distill.tagger import Rows, chances, learn, shape

SAVED = 200
"""Updates between two checkpoints."""
APART = 20
"""One example in so many is not learned from: by these the threshold is estimated."""
_LETTERS_A_PIECE = 3


class DivergedError(RunError):
    """The weights are no numbers any more, or say nothing: no checkpoint of them was kept."""


class Told(NamedTuple):
    """Where a training is."""

    done: int
    of: int
    loss: float


def train(
    examples: Sequence[Example],
    kinds: Sequence[str],
    config: Distillation,
    folder: Path,
    told: Callable[[Told], None],
    words: Sequence[str] = (),
) -> Transformer:
    """Train, or go on from the newest checkpoint in `folder`. `words`: more of them for the noise.

    Raises RunError if that learned from other examples, DivergedError if the loss is no number.
    """
    plain = [[text, [span[:3] for span in spans]] for text, spans in examples]
    source = digest_of(canonical(plain)).hex()
    model = Transformer.init(
        stream(jax.random.key(config.seed), "refiner"), shape(config.size, len(kinds))
    )
    state, done = (model, adamw.begin(model)), 0
    found = checkpoint.latest(folder)
    if found is not None:
        state, meta = checkpoint.load(found, state)
        done = meta["done"]
        if meta["source"] != source:
            raise RunError(
                f"{folder.parent} was begun on other texts than {config.source} holds now: choose "
                f"another folder."
            )
    known = pools(examples, words)
    root = DrawKey.root(config.seed).child("distil")
    model, moments = state
    folder.mkdir(mode=0o700, exist_ok=True)
    for number in range(done, config.updates):
        rows = drawn(examples, known, kinds, config, root.child(number))
        model, moments, loss = learn(
            rows, model, moments, jnp.int32(number), config.learning_rate, config.updates
        )
        if not math.isfinite(loss):  # that before the update: the weights were so already
            raise _diverged(
                config, f"at update {number + 1} of {config.updates} its loss is no number"
            )
        told(Told(number + 1, config.updates, float(loss)))
        last = number + 1 == config.updates
        if (last or (number + 1) % SAVED == 0) and not _finite(model):
            raise _diverged(config, f"after update {number + 1} its weights are no numbers")
        if (number + 1) % SAVED == 0:
            meta = {"done": number + 1, "source": source}
            checkpoint.save(folder, number + 1, (model, moments), meta).chmod(0o600)
    return model


def _finite(model: Transformer) -> bool:
    leaves = jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
    return all(bool(jnp.isfinite(leaf).all()) for leaf in leaves)


def _diverged(config: Distillation, what: str) -> DivergedError:
    return DivergedError(
        f"the training diverged: {what}. Choose a learning rate below {config.learning_rate:g}."
    )


def drawn(
    examples: Sequence[Example],
    known: Pools,
    kinds: Sequence[str],
    config: Distillation,
    key: DrawKey,
) -> Rows:
    """The rows of one update: views of examples, as many as find room."""
    draw = key.random()
    shape = (config.rows, config.length)
    ids, segments, places, tags = (np.full(shape, NOTHING, np.int32) for _ in range(4))
    for row in range(config.rows):
        at = 0
        for text in range(1, config.length):
            example = examples[draw.randrange(len(examples))]
            longest = config.length * _LETTERS_A_PIECE
            view = seen(example, known, draw, longest=longest) if config.noise else example
            pieces, tag = tagged(view, kinds)
            one = unknown(pieces.ids, pieces.word, draw) if config.noise else pieces.ids
            room = config.length - at
            if len(one) > room and text > 1:
                break
            one, tag = one[:room], tag[:room]
            to = at + len(one)
            ids[row, at:to], tags[row, at:to] = one, tag
            segments[row, at:to], places[row, at:to] = text, np.arange(len(one))
            at = to
    return Rows(*map(jnp.asarray, (ids, segments, places, tags)))


def tagged(example: Example, kinds: Sequence[str]) -> tuple[Pieces, np.ndarray]:
    """An example's pieces, and the tag of each: that of the span that its word is in or touches."""
    pieces = cut(example.text)
    tags = np.zeros(len(pieces.words), np.int32)
    for span in example.spans:
        inside = (pieces.words[:, 0] < span.end) & (pieces.words[:, 1] > span.start)
        tags[inside] = 1 + kinds.index(span.kind)
    return pieces, tags[pieces.word]


def calibrate(
    model: Transformer,
    apart: Sequence[Example],
    kinds: Sequence[str],
    config: Distillation,
    words: Sequence[str] = (),
) -> float:
    """The chance from which a word goes: half of what the words that the teacher removed get.

    A teacher who misses some values gives a model of P(removed), not of P(private). If what it
    misses is missed whatever the word, P(private) = P(removed) / c, where c is the mean of
    P(removed) over the words that it removed: so P(private) = 1/2 at c / 2.

    Source: Elkan & Noto 2008, "Learning classifiers from only positive and unlabeled data", KDD,
    section 2, estimator e1; on examples that were not learned from, in noisy views. Raises
    DivergedError where no word gets any chance of being removed, or each gets all of it.
    """
    key = DrawKey.root(config.seed).child("calibrate")
    known = pools(apart, words)
    sure: list[np.ndarray] = []
    for number in range(-(-len(apart) // config.rows)):
        rows = drawn(apart, known, kinds, config, key.child(number))
        goes = 1 - np.asarray(chances(model, rows.ids, rows.segments, rows.places))[..., 0]
        sure.append(goes[np.asarray(rows.tags) > 0])
    every = np.concatenate(sure) if sure else np.zeros(0)
    threshold = 0.5 * float(every.mean()) if every.size else 0.5
    if not 0 < threshold < 1:
        raise _diverged(config, "to its weights no word is private")
    return threshold
