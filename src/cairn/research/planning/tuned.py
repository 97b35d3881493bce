"""A transformer learns when to plan: imitation of plans at random frequencies, then reward.

Source: Paglieri et al. 2025, Learning When to Plan. Priming (SFT) imitates the teacher's episodes,
each of which plans with a chance of its own, from never to always; the loss is on words of the
answer alone, plans and actions alike. Then PPO (Schulman et al. 2017, arXiv:1707.06347) with the
world's reward less a cost for each word of a plan, γ = 1 and generalised advantages over turns: a
turn's advantage counts for all words of its answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array

from cairn.core.errors import ConfigError
from cairn.core.keys import stream
from cairn.research.planning.speaker import MAY_NOT, MUST, OVER, OWN, Speaker, kinds, weigh
from cairn.research.planning.texts import NONE, TextWorld
from cairn.research.planning.turns import Now, Order, Turns, own, play, told


@dataclass(frozen=True)
class Config:
    """Of the model and both stages."""

    width: int = 32
    layers: int = 2
    episodes: int = 1_024
    """Of the teacher, to imitate."""
    primed: int = 1_000
    """Updates of imitation; 0: none."""
    rows: int = 64
    """Turns an update, in both stages."""
    priming_rate: float = 5e-3
    """Of Adam, after a warm-up of a twentieth, down a cosine to a tenth."""
    updates: int = 25
    """Rounds by reward: episodes that are played and learned from."""
    batch: int = 32
    """Episodes a round."""
    epochs: int = 2
    learning_rate: float = 1e-3
    clip: float = 0.2
    decay: float = 0.95
    """λ of the advantages."""
    entropy: float = 0.003
    value_weight: float = 0.5

    def __post_init__(self):
        counts = (self.width, self.layers, self.episodes, self.rows, self.batch, self.epochs)
        if min(counts) < 1 or self.primed < 0 or self.updates < 0:
            raise ConfigError(
                "planning.tuned.Config expects primed and updates of at least 0, and width, "
                f"layers, episodes, rows, batch and epochs of at least 1; got {self}."
            )


def at_random(chances: np.ndarray) -> Order:
    """Plan at each turn with the row's own chance."""

    def order(now: Now) -> tuple[Any, Any]:
        drawn = np.asarray(jax.random.uniform(now.key, (now.rows,)))
        return np.where(drawn < chances, MUST, MAY_NOT), None

    return order


class Rows(NamedTuple):
    """Turns without their time, n of them: arrays of NumPy or JAX."""

    prompt: Any
    legal: Any
    said: Any
    order: Any
    """`OWN` where the answer's first word is learned too."""


def demonstrations(world: TextWorld, config: Config, key: Array, *, plans: bool = True) -> Rows:
    """Turns of the teacher's episodes; without `plans` of such as never plan."""
    found, size = [], 64
    for batch in range(-(-config.episodes // size)):
        here = stream(key, "demonstrations", batch)
        chances = np.asarray(jax.random.uniform(stream(here, "chances"), (size,)))
        turns = play(world, None, at_random(chances * plans), here, size)
        live = turns.live
        free = np.full(live.sum(), OWN)  # the decision is imitated too
        found.append(Rows(turns.prompt[live], turns.legal[live], turns.said[live], free))
    return Rows(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def prime(
    world: TextWorld, config: Config, rows: Rows, key: Array, say: Callable[[str], object] = str
) -> Speaker:
    """A fresh model that has imitated."""
    speaker = Speaker.init(key, world, config.width, config.layers)
    moments = _adam().init(eqx.filter(speaker, eqx.is_array))
    draw = np.random.default_rng(np.asarray(jax.random.key_data(stream(key, "order"))))
    for number in range(config.primed):
        at = draw.integers(len(rows.said), size=config.rows)
        part = Rows(*(part[at] for part in rows))
        rate = config.priming_rate * _schedule(number / config.primed)
        speaker, moments, error = _imitated(speaker, moments, world, part, jnp.float32(rate))
        if number % max(1, config.primed // 5) == 0:
            say(f"primed {number}: {float(error):.3f} nats a word")
    return speaker


def _schedule(done: float) -> float:
    """Of the rate: a warm-up of a twentieth, then a cosine to a tenth."""
    return min(20 * done + 0.01, 0.1 + 0.45 * (1 + np.cos(np.pi * done)))


def _adam() -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(0.5), optax.scale_by_adam())


def _descended(speaker: Speaker, moments: Any, gradient: Any, rate: Any) -> Any:
    with jax.numpy_dtype_promotion("standard"):  # optax counts in int32
        change, moments = _adam().update(gradient, moments)
    change = jax.tree.map(lambda d: -rate * d, change)
    return eqx.apply_updates(speaker, change), moments


@eqx.filter_jit
def _imitated(speaker: Speaker, moments: Any, world: TextWorld, rows: Rows, rate: Array) -> Any:
    def loss(speaker: Speaker) -> Array:
        found = weigh(speaker, world, *rows)
        return -found.log_chances.sum() / (rows.said != NONE).sum().astype(jnp.float32)

    error, gradient = eqx.filter_value_and_grad(loss)(speaker)
    return (*_descended(speaker, moments, gradient, rate), error)


@eqx.filter_jit
def _improved(
    speaker: Speaker, moments: Any, world: TextWorld, config: "Config", part: "Played", rate: Array
) -> Any:
    gradient = eqx.filter_grad(lambda own: objective(own, world, config, part))(speaker)
    return _descended(speaker, moments, gradient, rate)


class Played(NamedTuple):
    """What is learned from, as `Rows`."""

    prompt: Any
    legal: Any
    said: Any
    order: Any
    log_chance: Any
    advantage: Any
    aim: Any
    """Of the value."""
    weight: Any
    """1, and 0 for rows that only fill up."""


def advantages(reward: np.ndarray, value: np.ndarray, live: np.ndarray, decay: float) -> np.ndarray:
    """Generalised advantages of whole episodes, (T, B), γ = 1; the value after the end is 0."""
    value = np.where(live, value, 0.0)
    after = np.concatenate([value[1:], np.zeros_like(value[:1])])
    errors = np.where(live, reward + after - value, 0.0)
    found, later = np.zeros_like(errors), np.zeros(errors.shape[1])
    for t in reversed(range(len(errors))):
        later = errors[t] + decay * later
        found[t] = later
    return found


def played(config: Config, turns: Turns, cost: float) -> Played:
    """Turns that were live, advantages at mean 0 and spread 1."""
    reward = turns.reward - cost * turns.words
    gained = advantages(reward, turns.value, turns.live, config.decay)
    live = turns.live
    flat = gained[live]
    scaled = (flat - flat.mean()) / (flat.std() + 1e-6)
    return Played(
        turns.prompt[live], turns.legal[live], turns.said[live], turns.order[live],
        turns.log_chance[live],
        scaled.astype(np.float32), (flat + turns.value[live]).astype(np.float32),
        np.ones(len(flat), np.float32),
    )  # fmt: skip


def improve(
    world: TextWorld,
    config: Config,
    speaker: Speaker,
    key: Array,
    cost: float,
    order: Order = own,
    say: Callable[[str], object] = str,
) -> tuple[Speaker, list[tuple[float, float]]]:
    """The model after learning by reward; return and plans a turn of each round.

    `order` is by whom it is decided when to plan, while it learns: itself, or a fixed frequency.
    """
    moments = _adam().init(eqx.filter(speaker, eqx.is_array))
    rate = jnp.float32(config.learning_rate)
    curve = []
    draw = np.random.default_rng(np.asarray(jax.random.key_data(stream(key, "order"))))
    for number in range(config.updates):
        turns = play(world, speaker, order, stream(key, "round", number), config.batch)
        result = told(turns, cost)
        curve.append((float(result.worth.mean()), float(result.plans.mean())))
        rows = played(config, turns, cost)
        for _ in range(config.epochs):
            for at in _parts(draw.permutation(len(rows.said)), config.rows):
                part = Played(*(array[at] for array in rows))
                part = part._replace(weight=(at >= 0).astype(np.float32))
                speaker, moments = _improved(speaker, moments, world, config, part, rate)
        if number % max(1, config.updates // 10) == 0:
            worth, plans = curve[-1]
            say(f"round {number}: return {worth:.3f}, plans a turn {plans:.2f}")
    return speaker, curve


def _parts(order: np.ndarray, size: int) -> list[np.ndarray]:
    """Rows of each update; -1 fills the last one up."""
    filled = np.concatenate([order, np.full(-len(order) % size, -1)])
    return list(filled.reshape(-1, size))


def objective(speaker: Speaker, world: TextWorld, config: Config, part: Played) -> Array:
    """PPO's loss: minus the clipped gain, the value's error and minus the entropy, weighed."""
    found = weigh(speaker, world, part.prompt, part.legal, part.said, part.order)
    ratio = jnp.exp(found.log_chances.sum(-1) - part.log_chance)
    near = jnp.clip(ratio, 1 - config.clip, 1 + config.clip)
    gain = jnp.minimum(ratio * part.advantage, near * part.advantage)
    error = 0.5 * (found.value - part.aim) ** 2
    spoken = jnp.where(kinds(jnp.asarray(part.said)) == OVER, 0.0, found.entropy).sum(-1)
    each = config.value_weight * error - gain - config.entropy * spoken
    return (part.weight * each).sum() / part.weight.sum()
