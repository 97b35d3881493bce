"""Pre-training: a language model learns to go on with texts.

Radford et al. 2018, "Improving language understanding by generative pre-training". Windows of the
corpus begin anywhere; a text sees nothing of the one before it in its window. AdamW with warm-up
and a cosine down to a tenth, as usual for Llamas (Touvron et al. 2023, arXiv:2302.13971).
"""

import dataclasses
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key, PyTree

from cairn.core import checks
from cairn.core.branches import when, zeros
from cairn.core.errors import ConfigError, DatasetError
from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.engine.program import Data, Program, Report, counted, merged
from cairn.nn.language import adamw
from cairn.nn.language.attention import packed
from cairn.nn.language.size import Size
from cairn.nn.language.spoken import Spoken
from cairn.nn.language.transformer import Transformer
from cairn.offline.corpus import Corpus
from cairn.offline.text import Text
from cairn.runs.method import Method, Preset, Setup

COUNTS = ("updates", "tokens_learned", "tokens_tested")


@dataclass(frozen=True)
class Config:
    """Pre-training."""

    data: str = ""
    """Directory of the corpus, as `cairn lm train` makes it."""
    batch: int = 16
    """Windows in one update."""
    window: int = 128
    """Tokens of a window: the farthest that the model ever sees back."""
    learning_rate: float = 3e-3
    """Highest step size of AdamW."""
    warm_up: float = 0.05
    """Share of the budget until it is reached."""
    weight_decay: float = 0.1
    """Of products and embeddings; norms and biases are left alone."""
    max_gradient_norm: float = 1.0
    """Global norm at which gradients are clipped."""
    held_out: float = 0.05
    """Share of the corpus, its end, that is never learned from."""
    test_every: int = 50
    """Updates between two tests on it."""
    tests: int = 16
    """Windows of each test, always the same."""

    def __post_init__(self) -> None:
        checks.at_least(self, 1, "batch", "test_every", "tests")
        checks.at_least(self, 2, "window")
        checks.positive(self, "max_gradient_norm")
        checks.not_negative(self, "learning_rate", "weight_decay")
        checks.between(self, 0.0, 0.5, "held_out", "warm_up")


class Tokens(NamedTuple):
    """A corpus, or windows of one (rows, window + 1)."""

    token: Int[Array, "..."]
    first: Bool[Array, "..."]
    """Where a text begins."""


class Parts(NamedTuple):
    """What there is to learn from, and what is kept for tests."""

    learned: Tokens
    held: Tokens


class State(eqx.Module):
    """Everything that changes. Its arrays are the checkpoint."""

    key: Key[Array, ""]
    """Root of every random stream; never changes."""
    cycle: Int[Array, ""]
    ledger: Ledger
    model: Transformer
    moments: PyTree
    """The optimiser's."""


class Problem(NamedTuple):
    """The fixed part of a run."""

    config: Config
    size: Size
    vocabulary: int
    updates: int
    """That the budget is good for: for schedules."""


def init(problem: Problem, key: Key[Array, ""]) -> State:
    """A fresh model, and nothing spent."""
    model = Transformer.init(stream(key, "model"), problem.size.shape(problem.vocabulary))
    moments = adamw.begin(model)
    return State(key, jnp.int32(0), Ledger.zero(COUNTS), model, moments)


def step(problem: Problem, state: State, data: Parts) -> tuple[State, Report]:
    """Draw windows, and go down the gradient of -log π(token | what is before it in its text)."""
    config = problem.config
    most = data.learned.token.shape[0] - config.window
    drawn = stream(state.key, "windows", state.cycle)
    start = jax.random.randint(drawn, (config.batch,), 0, most)
    value, gradient = eqx.filter_value_and_grad(loss)(
        state.model, windows(data.learned, start, config)
    )
    rate = adamw.step_size(config.learning_rate, config.warm_up, problem.updates, state.cycle)
    model, moments, norm = adamw.descend(
        state.model, gradient, state.moments, rate, config.weight_decay, config.max_gradient_norm
    )
    now = (state.cycle + 1) % config.test_every == 0

    def test(model: Transformer) -> Float[Array, ""]:
        places = data.held.token.shape[0] - config.window
        start = jnp.linspace(0, places - 1, config.tests).astype(jnp.int32)
        return loss(model, windows(data.held, start, config))

    tested = when(now, test, partial(zeros, test), model)
    spent = jnp.where(now, config.tests * config.window, 0)
    ledger = state.ledger.add(
        updates=1, tokens_learned=config.batch * config.window, tokens_tested=spent
    )
    after = dataclasses.replace(
        state, cycle=state.cycle + 1, ledger=ledger, model=model, moments=moments
    )
    learning = Report({"loss": value, "gradient_norm": norm, "learning_rate": rate})
    return after, merged(learning, counted({"held_out_loss": tested}, now))


def windows(data: Tokens, start: Int[Array, " n"], config: Config) -> Tokens:
    """Rows of `window` + 1 tokens from these places on."""
    at = start[:, None] + jnp.arange(config.window + 1, dtype=jnp.int32)[None]
    return Tokens(data.token[at], data.first[at])


def loss(model: Transformer, rows: Tokens) -> Float[Array, ""]:
    """-log π of every token but the first of each text, in nats, their mean."""
    inputs, targets = rows.token[:, :-1], rows.token[:, 1:]
    segments = jnp.cumsum(rows.first[:, :-1].astype(jnp.int32), axis=1)
    scores = jax.nn.log_softmax(model.logits(model.hidden(inputs, *packed(segments))))
    each = -jnp.take_along_axis(scores, targets[..., None], axis=-1)[..., 0]
    counts = (~rows.first[:, 1:]).astype(jnp.float32)
    return jnp.sum(each * counts) / jnp.maximum(jnp.sum(counts), 1.0)


def _program(setup: Setup) -> Program:
    config, size = setup.sections["algorithm"], setup.sections["model"]
    if not config.data:
        raise ConfigError("It learns from a corpus: cairn lm train TEXTS makes one, --data DIR.")
    vocabulary = setup.task.vocabulary or Corpus.open(config.data).vocabulary
    problem = Problem(config, size, vocabulary, -(-setup.steps // (config.batch * config.window)))

    def opened() -> Corpus:
        found = Corpus.open(config.data)
        if found.vocabulary > vocabulary:
            raise DatasetError(
                f"{config.data} has {found.vocabulary} tokens, but --vocabulary is {vocabulary}. "
                f"Leave it out."
            )
        return found

    return Program(
        init=partial(init, problem),
        step=partial(step, problem),
        counts=COUNTS,
        budget=("tokens_learned",),
        data=Data(lambda: opened().dataset.digest, lambda: _parts(opened(), config)),
        language=lambda state: Spoken(state.model, opened().tokenizer()),
    )


def _parts(corpus: Corpus, config: Config) -> Parts:
    """Its tokens on the device. Raises DatasetError if there are too few."""
    token, first = corpus.read()
    least = config.window + 1
    held = max(round(config.held_out * len(token)), least)
    if len(token) < least + held:
        raise DatasetError(
            f"{corpus.dataset.path} has {len(token)} tokens, too few for windows of "
            f"{config.window} to learn from and to test on. Give a smaller --window, or more text."
        )

    def part(chosen: slice) -> Tokens:
        return Tokens(jnp.asarray(token[chosen]), jnp.asarray(first[chosen]))

    return Parts(part(slice(0, -held)), part(slice(-held, None)))


def _takes(kind: Any) -> str | None:
    if isinstance(kind, type) and issubclass(kind, Text):
        return None
    return "it is no corpus of texts: expected the task text."


METHOD = Method(
    about=(__doc__ or "").split("\n", 1)[0],
    sections={"algorithm": Config, "model": Size},
    program=_program,
    takes=_takes,
    least=lambda setup: setup.sections["algorithm"].batch * setup.sections["algorithm"].window,
    constant_cost=True,
    presets={
        "small": Preset(
            "0.4 million weights beside the vocabulary: minutes on two cores.",
            sections={"run": {"steps": 2_000_000, "log_every": 25, "evaluate_every": 0}},
        )
    },
)
