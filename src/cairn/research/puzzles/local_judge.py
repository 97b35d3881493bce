"""The local transformer as judge: it learns from solved puzzles to say whether a state can be won.

It reads a state in characters (`3,5,14=22`, or a board) and says yes or no; its value is the
chance of yes. It learns from puzzles of the train split alone: games by random moves, of which
every state that was passed and all its children are labelled by the exact solver, as many won as
lost. A real model with errors of its own, in the place of the simulated judge's noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int

from cairn.core.errors import ConfigError
from cairn.nn.language.attention import left_padded
from cairn.nn.language.block import Shape
from cairn.nn.language.tokens import Characters
from cairn.nn.language.transformer import Transformer
from cairn.research.puzzles.kinds import game_of
from cairn.research.puzzles.protocol import Game, Move, Position, Spent, State

WORDS = Characters("".join(sorted("0123456789,=.yn?")))
YES, NO = WORDS.encode("y")[0], WORDS.encode("n")[0]
LONGEST = 24
"""Characters of a state; a longer one (large products) keeps its end, with the target."""


@dataclass(frozen=True)
class Config:
    """Of the model and its learning."""

    steps: int = 1_500
    """Updates."""
    batch: int = 128
    """States an update."""
    learning_rate: float = 2e-3
    """Of AdamW, after a warm-up of a twentieth, down a cosine to a tenth."""
    width: int = 64
    layers: int = 2
    heads: int = 4

    def __post_init__(self):
        if min(self.steps, self.batch, self.width, self.layers, self.heads) < 1:
            raise ConfigError("local_judge.Config expects whole numbers of at least 1.")
        if self.width % (2 * self.heads):
            raise ConfigError(
                f"local_judge.Config.width must be a multiple of twice its heads, got {self.width} "
                f"and {self.heads}."
            )

    @property
    def shape(self) -> Shape:
        """Of the transformer."""
        head = self.width // self.heads
        return Shape(
            WORDS.size, self.width, self.layers, self.heads, self.heads, head, 3 * self.width
        )


class Texts(NamedTuple):
    """States as arrays, padded at the left."""

    tokens: Int[np.ndarray, "B T"]
    lengths: Int[np.ndarray, " B"]


def written(game: Game, states: Sequence[State]) -> Texts:
    """States as the model reads them, ended by a question mark."""
    target = getattr(game, "target", None)
    tokens = np.zeros((len(states), LONGEST), np.int32)
    lengths = np.zeros(len(states), np.int32)
    for n, state in enumerate(states):
        text = state if target is None else f"{','.join(map(str, state))}={target}"
        ids = WORDS.array(f"{text}?"[-LONGEST:])
        tokens[n, LONGEST - len(ids) :], lengths[n] = ids, len(ids)
    return Texts(tokens, lengths)


class Labelled(NamedTuple):
    """States with the truth."""

    texts: Texts
    solvable: Bool[np.ndarray, " B"]


def labelled(puzzles: Sequence[dict[str, Any]], rng: Random, count: int) -> Labelled:
    """`count` states of these puzzles, half of them solvable."""
    found: dict[bool, list[Texts]] = {True: [], False: []}
    while min(map(len, found.values())) < (count + 1) // 2:
        game = game_of(rng.choice(puzzles))
        state, seen = game.start, [game.start]
        while moves := game.moves(state):
            children = [move.state for move in moves]
            seen += children
            good = [child for child in children if game.solvable(child)]
            # On towards a win half of the time, or late states would all be lost.
            state = rng.choice(good if good and rng.random() < 0.5 else children)
        sides = {True: [s for s in seen if game.solvable(s)], False: []}
        sides[False] = [s for s in seen if not game.solvable(s)]
        take = min(map(len, sides.values()))
        for label, states in sides.items():
            for chosen in rng.sample(states, take):
                found[label].append(written(game, [chosen]))
    each = [text for label in (True, False) for text in found[label][: (count + 1) // 2]]
    order = rng.sample(range(len(each)), count)
    tokens = np.concatenate([text.tokens for text in each])[order]
    lengths = np.concatenate([text.lengths for text in each])[order]
    return Labelled(Texts(tokens, lengths), np.arange(len(each))[order] < (count + 1) // 2)


@eqx.filter_jit
def chances(
    model: Transformer,
    tokens: Int[Array | np.ndarray, "B T"],
    lengths: Int[Array | np.ndarray, " B"],
) -> Float[Array, " B"]:
    """Log-odds of yes against no after each text."""
    return _odds(model, tokens, lengths)


def _odds(model: Transformer, tokens: Any, lengths: Any) -> Array:
    places = left_padded(jnp.asarray(lengths), tokens.shape[-1])
    hidden = model.hidden(jnp.asarray(tokens), places.positions, places.allowed)[:, -1]
    logits = model.logits(hidden)
    return logits[:, YES] - logits[:, NO]


def learn(states: Labelled, config: Config, seed: int) -> Transformer:
    """A transformer that has learned from labelled states, in batches drawn at random."""
    schedule = optax.warmup_cosine_decay_schedule(
        0.0, config.learning_rate, max(1, config.steps // 20), config.steps + 1,
        config.learning_rate / 10,
    )  # fmt: skip
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(schedule))
    model = Transformer.init(jax.random.key(seed), config.shape)
    state = optimiser.init(eqx.filter(model, eqx.is_array))

    @eqx.filter_jit
    def update(model: Transformer, state: Any, tokens: Any, lengths: Any, solvable: Any):
        def loss(model: Transformer) -> Array:
            odds = _odds(model, tokens, lengths)
            return optax.sigmoid_binary_cross_entropy(odds, solvable).mean()

        gradient = eqx.filter_grad(loss)(model)
        with jax.numpy_dtype_promotion("standard"):  # optax counts in int32
            change, state = optimiser.update(gradient, state, eqx.filter(model, eqx.is_array))
        return eqx.apply_updates(model, change), state

    rng = np.random.default_rng(seed)
    for _ in range(config.steps):
        at = rng.integers(len(states.solvable), size=config.batch)
        texts = states.texts
        model, state = update(
            model, state, texts.tokens[at], texts.lengths[at],
            states.solvable[at].astype(np.float32),
        )  # fmt: skip
    return model


def accuracy(model: Transformer, states: Labelled) -> float:
    """Share of states on the right side."""
    odds = np.asarray(chances(model, states.texts.tokens, states.texts.lengths))
    return float(((odds > 0) == states.solvable).mean())


@dataclass
class LocalJudge:
    """A transformer's judgement of one game; a call costs the characters that it reads, and one."""

    game: Game
    model: Transformer
    margin: float = 0.2
    """By how much elsewhere has to be better to be gone to."""
    spent: Spent = field(default_factory=Spent)

    async def value(self, at: Position) -> float:
        """Chance of yes."""
        return self._judged("value", [at.state])[0]

    async def child_values(self, at: Position, asked: Sequence[Move]) -> Sequence[float]:
        """The same, of all in one batch."""
        return self._judged("child_values", [move.state for move in asked])

    async def prior(self, at: Position) -> Sequence[float]:
        """In proportion to the values."""
        return self._judged("prior", [move.state for move in at.moves])

    async def explore(self, at: Position, best: float) -> bool:
        """Whether elsewhere looks better by more than the margin."""
        return self._judged("explore", [at.state])[0] < best - self.margin

    def _judged(self, role: str, states: Sequence[State]) -> list[float]:
        texts = written(self.game, states)
        self.spent.add(role, int(texts.lengths.sum()) + len(states))
        size = 1 << (len(states) - 1).bit_length()  # few programs for all lengths
        tokens = np.zeros((size, LONGEST), np.int32)
        lengths = np.ones(size, np.int32)
        tokens[: len(states)], lengths[: len(states)] = texts
        odds = np.asarray(chances(self.model, tokens, lengths))[: len(states)]
        return [float(x) for x in 1 / (1 + np.exp(-odds.astype(np.float64)))]
