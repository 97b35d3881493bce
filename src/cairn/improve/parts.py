"""What the methods of this wing are made of: problem, state, and the phases of a cycle."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Bool, Float, Int, Key, PyTree, UInt32

from cairn.core.keys import stream
from cairn.core.ledger import Ledger
from cairn.core.rollouts import Rollouts
from cairn.core.vocabulary import EOS, PAD
from cairn.engine.program import Report
from cairn.envs.tokens.protocol import Prompt, TokenTask
from cairn.improve import judges
from cairn.improve.config import GOOD, Config
from cairn.nn.block import Shape
from cairn.nn.decode import sample
from cairn.nn.transformer import Transformer

Problems = PyTree
"""P problems of a task: every leaf (P, ...)."""
Metrics = dict[str, Float[Array, ""]]
Part = TypeVar("Part")


class Problem(NamedTuple):
    """The fixed part of a run: what is asked, who answers, for how long."""

    task: TokenTask
    shape: Shape
    steps: int
    """The budget, for schedules."""


class Student(NamedTuple):
    """What gradients are taken of: the model, and whatever a method has beside it."""

    model: Transformer
    head: PyTree = None


class State(eqx.Module):
    """Everything that changes. Its arrays are the checkpoint."""

    key: Key[Array, ""]
    """Root of every random stream; never changes."""
    cycle: Int[Array, ""]
    ledger: Ledger
    student: Student
    moments: PyTree
    """Adam's."""
    start: Transformer
    """The model as it was when the method itself began: reference, base, behaviour."""
    judge: PyTree
    """A model of rewards, if there is one."""
    extra: PyTree
    """What one method keeps for itself."""


class Played(NamedTuple):
    """A batch of answers and what the verifier says of them."""

    rollouts: Rollouts
    problems: Problems
    correct: Bool[Array, "P G"]
    canonical: UInt32[Array, "P G"]
    right: Bool[Array, "P G T"]
    """Whether the answer is free of errors up to each token."""
    spent: Int[Array, ""]
    """Tokens sampled."""

    @property
    def mask(self) -> Bool[Array, "P G T"]:
        """Tokens to learn from."""
        return self.rollouts.mask > 0


def key_for(state: State, name: str) -> Key[Array, ""]:
    """This cycle's key for one purpose."""
    return stream(state.key, name, state.cycle)


def draw(problem: Problem, config: Config, state: State, n: int, name: str) -> Problems:
    """`n` problems of the training split: new ones, or some of those there are."""
    return given(problem, config, state, jax.random.split(key_for(state, name), n))


def given(problem: Problem, config: Config, state: State, keys: Key[Array, " P"]) -> Problems:
    """The problem of each key."""
    if config.problems:
        root = stream(state.key, "problems there are")
        which = jax.vmap(lambda key: jax.random.randint(key, (), 0, config.problems))(keys)
        keys = jax.vmap(lambda number: jax.random.fold_in(root, number))(which)
    return jax.vmap(lambda key: problem.task.problem(key, "train"))(keys)


def answer(
    problem: Problem,
    config: Config,
    model: Transformer,
    problems: Problems,
    prompt: Prompt,
    key: Key[Array, ""],
    *,
    group: int | None = None,
    temperature: float | None = None,
) -> Played:
    """Sample a group of answers to each prompt, and have them verified.

    `prompt` is what the model sees of `problems`, (P, Tp) and (P,).
    """
    task, P = problem.task, prompt.length.shape[0]
    said = sample(
        model,
        prompt.ids,
        prompt.length,
        jnp.arange(P, dtype=jnp.int32),
        key,
        group=group or config.group,
        limit=task.answer_length,
        temperature=config.temperature if temperature is None else temperature,
        stop=(EOS,),
    )
    own = jnp.where(said.tok < len(task.symbols), said.tok, PAD)  # conditions answer nothing
    length = jnp.sum(said.mask, axis=-1).astype(jnp.int32)
    verdict = jax.vmap(jax.vmap(task.verify, in_axes=(None, 0, 0)))(problems, own, length)
    if config.reward == "random":
        reward = jax.random.bernoulli(stream(key, "coin"), 0.5, length.shape).astype(jnp.float32)
    else:
        known = verdict.quality == verdict.quality  # NaN: nobody could say
        right = jnp.where(known, verdict.correct.astype(jnp.float32), jnp.nan)
        reward = verdict.quality if config.reward == "quality" else right
    mask = said.mask
    if config.truncated == "mask":
        mask = jnp.where(said.truncated[:, :, None], 0.0, mask)
        reward = jnp.where(said.truncated, jnp.nan, reward)
    else:
        reward = jnp.where(said.truncated, 0.0, reward)
    rollouts = Rollouts(
        prompt=prompt.ids,
        prompt_len=prompt.length,
        tok=said.tok,
        mask=mask,
        logp_b=said.logp,
        reward=reward,
        quality=verdict.quality,
        seg=verdict.step,
        truncated=said.truncated,
        node=jnp.arange(P, dtype=jnp.int32),
    )
    spent = jnp.sum(length)
    return Played(rollouts, problems, verdict.correct, verdict.canonical, verdict.right, spent)


def play(
    problem: Problem, config: Config, state: State, model: Transformer | None = None
) -> Played:
    """Answers of the model, or of another one, to new problems."""
    problems = draw(problem, config, state, config.prompts, "problems")
    who = state.student.model if model is None else model
    prompt = shown(problem, config, problems)
    played = answer(problem, config, who, problems, prompt, key_for(state, "answers"))
    return judged(config, state, played)


def judged(config: Config, state: State, played: Played) -> Played:
    """With rewards by the model of rewards, if that is who gives them."""
    if config.reward != "model":
        return played
    reward = judges.reward(state.judge.student, played.rollouts)
    if config.judge_loss == "outcome":
        reward = jax.nn.sigmoid(reward)  # the probability that it is right
    known = ~jnp.isnan(played.rollouts.reward) if config.truncated == "mask" else None
    reward = reward if known is None else jnp.where(known, reward, jnp.nan)
    return eqx.tree_at(lambda p: p.rollouts.reward, played, reward)


def shown(problem: Problem, config: Config, problems: Problems, condition: int = GOOD) -> Prompt:
    """What the model sees of problems: of some methods with what is to be thought of the answer."""
    prompt = jax.vmap(problem.task.prompt)(problems)
    if not config.conditioned:
        return prompt
    told = jnp.full_like(prompt.ids[:, :1], len(problem.task.symbols) + condition)
    return Prompt(jnp.concatenate([prompt.ids, told], axis=1), prompt.length + 1)


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
    every = jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1)
    log_probs = jax.nn.log_softmax(logits)
    # A sum and no gather: its gradient is no scatter, which is slow on a CPU.
    chosen = jnp.where(every == rollouts.tok[..., None], log_probs, 0.0)
    entropy = -jnp.sum(jnp.exp(log_probs) * log_probs, axis=-1)
    return Scores(jnp.sum(chosen, axis=-1), entropy, hidden)


Loss = Callable[[Student, Part], tuple[Float[Array, ""], Metrics]]


def learn(
    problem: Problem, config: Config, state: State, batch: PyTree, loss: Loss, *, rate: float
) -> tuple[Student, PyTree, Metrics]:
    """Epochs of updates on a batch whose leaves are (P, ...): student, moments, mean metrics.

    A minibatch is P / minibatches prompts with their whole groups, and the loss's divisors are its.
    """
    P = jax.tree.leaves(batch)[0].shape[0]
    size, splits = P // config.minibatches, config.minibatches
    keys = jax.random.split(key_for(state, "minibatches"), config.epochs)
    order = jax.vmap(lambda key: jax.random.permutation(key, P)[: size * splits])(keys)
    speed = jnp.float32(rate) * _left(problem, config, state)

    def update(now: tuple[Student, PyTree], chosen: Int[Array, " n"]) -> tuple[Any, Metrics]:
        part = batch if splits == 1 else jax.tree.map(lambda leaf: leaf[chosen], batch)
        (_, metrics), gradient = jax.value_and_grad(loss, has_aux=True)(now[0], part)
        student, moments, norm = descend(config, *now, gradient, speed)
        return (student, moments), metrics | {"gradient_norm": norm}

    groups = order.reshape(config.epochs * splits, size)
    (student, moments), metrics = jax.lax.scan(update, (state.student, state.moments), groups)
    return student, moments, jax.tree.map(jnp.mean, metrics)


def descend(
    config: Config, params: Part, moments: PyTree, gradient: Part, rate: Array
) -> tuple[Part, PyTree, Float[Array, ""]]:
    """One step of Adam along the clipped gradient; also the norm before clipping."""
    norm = optax.tree.norm(gradient)
    scale = jnp.minimum(1.0, config.max_gradient_norm / jnp.maximum(norm, 1e-8))
    gradient = jax.tree.map(lambda g: g * scale, gradient)
    # Optax mixes Python and array scalars of other types inside.
    with jax.numpy_dtype_promotion("standard"):
        direction, moments = adam().update(gradient, moments)  # pyright: ignore[reportArgumentType]
    return jax.tree.map(lambda p, d: p - rate * d, params, direction), moments, norm


def adam() -> optax.GradientTransformation:
    """As language models are trained: a shorter memory of squares than Adam's own."""
    return optax.scale_by_adam(b1=0.9, b2=0.98)


def _left(problem: Problem, config: Config, state: State) -> Float[Array, ""]:
    """The factor of the step size."""
    if config.decay == "none":
        return jnp.ones(())
    spent = state.ledger.spent(config.budget) / jnp.float32(problem.steps)
    return 1.0 - jnp.minimum(spent, 1.0)


def after(state: State, **changes: Any) -> State:
    """The state one cycle on, with what has changed."""
    return dataclasses.replace(state, cycle=state.cycle + 1, **changes)


def improve(
    problem: Problem,
    config: Config,
    state: State,
    played: Played,
    batch: PyTree,
    loss: Loss,
    **changes: Any,
) -> tuple[State, Report]:
    """Learn from a batch by a loss, enter what it took, and tell how good the answers were."""
    student, moments, metrics = learn(
        problem, config, state, batch, loss, rate=config.learning_rate
    )
    steps = config.epochs * config.minibatches
    ledger = spend(state.ledger, played, learned=config.epochs, updates=steps)
    state = after(state, student=student, moments=moments, ledger=ledger, **changes)
    return state, Report(metrics | told(played))


def spend(ledger: Ledger, played: Played, *, learned: int, updates: int) -> Ledger:
    """Enter what was sampled, and so many passes of learning from it."""
    tokens = jnp.sum(played.mask.astype(jnp.int32))
    return ledger.add(tokens_sampled=played.spent, tokens_learned=tokens * learned, updates=updates)


def told(played: Played) -> Metrics:
    """How good a batch of answers is."""
    rollouts = played.rollouts
    known = rollouts.quality == rollouts.quality
    count = lambda flags: jnp.mean(flags.astype(jnp.float32))  # noqa: E731
    return {
        "correct": count(played.correct),
        "reward": _mean_of_known(rollouts.reward),
        "quality": _mean_of_known(rollouts.quality),
        "unscored": 1.0 - count(known),
        "length": played.spent.astype(jnp.float32) / known.size,
        "truncated": count(rollouts.truncated),
    }


def _mean_of_known(values: Float[Array, "P G"]) -> Float[Array, ""]:
    return masked_mean(values, ~jnp.isnan(values))


def masked_mean(values: Float[Array, "*b"], mask: Bool[Array, "*b"]) -> Float[Array, ""]:
    """Mean over what counts; 0 of nothing."""
    counts = mask.astype(jnp.float32)
    return jnp.sum(jnp.where(mask, values, 0.0)) / jnp.maximum(jnp.sum(counts), 1.0)
