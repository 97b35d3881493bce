"""How the methods of this wing learn: log-probabilities of answers, updates, what they took."""

from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, PyTree

from cairn.core.ledger import Ledger
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report, merged
from cairn.improve import parts
from cairn.improve.config import Config
from cairn.improve.gradients import Loss, Summed, gradient
from cairn.improve.parts import Metrics, Played, Problem, State, Student
from cairn.nn.language import lora
from cairn.nn.language.choice import chosen
from cairn.nn.language.transformer import Transformer

Part = TypeVar("Part")


class Scores(NamedTuple):
    """What a model thinks of answers, token by token."""

    log_prob: Float[Array, "P G T"]
    entropy: Float[Array, "P G T"]
    hidden: Float[Array, "P G T D"]
    """What its head read just before each token."""


def scores(model: Transformer, rollouts: Rollouts, temperature: float = 1.0) -> Scores:
    """Log-probability of every token at a temperature, and the entropy of the choice."""
    hidden = model.grouped(rollouts.prompt, rollouts.prompt_len, rollouts.tok)
    logits = model.logits(hidden) / temperature
    log_probs = jax.nn.log_softmax(logits)
    entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
    return Scores(chosen(log_probs, rollouts.tok), entropy, hidden)


def learn(
    problem: Problem,
    config: Config,
    state: State,
    batch: PyTree,
    loss: Loss | Summed,
    *,
    rate: float,
) -> tuple[Student, PyTree, Metrics]:
    """Epochs of updates on a batch whose leaves are (P, ...): student, moments, mean metrics;
    `mismatch` is of the first update.

    A minibatch is P / minibatches prompts with their whole groups, and the loss's divisors are its.
    """
    P = jax.tree.leaves(batch)[0].shape[0]
    size, splits = P // config.minibatches, config.minibatches
    keys = jax.random.split(parts.key_for(state, "minibatches"), config.epochs)
    order = jax.vmap(lambda key: jax.random.permutation(key, P)[: size * splits])(keys)
    speed = jnp.float32(rate) * _left(problem, config, state)

    def update(now: tuple[Student, PyTree], chosen: Int[Array, " n"]) -> tuple[Any, Metrics]:
        part = batch if splits == 1 else jax.tree.map(lambda leaf: leaf[chosen], batch)
        found, metrics = gradient(loss, now[0], part, problem.sharers(size))
        student, moments, norm = descend(config, *now, found, speed)
        return (student, moments), metrics | {"gradient_norm": norm}

    groups = order.reshape(config.epochs * splits, size)
    (student, moments), metrics = jax.lax.scan(update, (state.student, state.moments), groups)
    means = jax.tree.map(jnp.mean, metrics)
    if "mismatch" in metrics:  # later updates have moved away from who sampled, and should
        means["mismatch"] = metrics["mismatch"][0]
    return student, moments, means


def descend(
    config: Config, params: Part, moments: PyTree, gradient: Part, rate: Array
) -> tuple[Part, PyTree, Float[Array, ""]]:
    """One step of Adam along the clipped gradient (of `value_and_grad`); also its norm before."""
    learned, rest = eqx.partition(params, lora.learned(params))
    norm = optax.tree.norm(gradient)
    scale = jnp.minimum(1.0, config.max_gradient_norm / jnp.maximum(norm, 1e-8))
    gradient = jax.tree.map(lambda g: g * scale, gradient)
    # Optax mixes Python and array scalars of other types inside.
    with jax.numpy_dtype_promotion("standard"):
        direction, moments = adam().update(gradient, moments)  # pyright: ignore[reportArgumentType]
    learned = jax.tree.map(lambda p, d: p - rate * d, learned, direction)
    return eqx.combine(learned, rest), moments, norm


def moments(params: Any) -> PyTree:
    """Adam's, of what learns, before the first step."""
    learned, _ = eqx.partition(params, lora.learned(params))
    return adam().init(learned)


def adam() -> optax.GradientTransformation:
    """As language models are trained: a shorter memory of squares than Adam's own."""
    return optax.scale_by_adam(b1=0.9, b2=0.98)


def _left(problem: Problem, config: Config, state: State) -> Float[Array, ""]:
    """The factor of the step size."""
    if config.decay == "none":
        return jnp.ones(())
    spent = state.ledger.spent(config.budget) / jnp.float32(problem.steps)
    return 1.0 - jnp.minimum(spent, 1.0)


def improve(
    problem: Problem,
    config: Config,
    state: State,
    played: Played,
    batch: PyTree,
    loss: Loss | Summed,
    *,
    held: Bool[Array, "*b"],
    **changes: Any,
) -> tuple[State, Report]:
    """Learn from a batch by a loss, enter what it took, and tell how good the answers were.

    `held` are the tokens that have a weight in the loss: the ledger's `tokens_learned` counts them
    once for every pass.
    """
    student, moments, metrics = learn(
        problem, config, state, batch, loss, rate=config.learning_rate
    )
    steps = config.epochs * config.minibatches
    ledger = spend(state.ledger, played, held, passes=config.epochs, updates=steps)
    state = parts.after(state, student=student, moments=moments, ledger=ledger, **changes)
    return state, merged(Report(metrics | parts.figures(played)), parts.length_of_wrong(played))


def spend(
    ledger: Ledger, played: Played, held: Bool[Array, "*b"], *, passes: int, updates: int
) -> Ledger:
    """Enter what was sampled, and so many passes over the tokens that the loss holds."""
    return ledger.add(
        tokens_sampled=played.spent, tokens_learned=count(held) * passes, updates=updates
    )


def count(there: Bool[Array, "*b"]) -> Int[Array, ""]:
    """How many."""
    return jnp.sum(there.astype(jnp.int32))
