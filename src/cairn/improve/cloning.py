"""Cross-entropy on whole answers: of demonstrations, and of what a method has chosen to imitate."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.envs.tokens.protocol import DIVERGE, Prompt, Revising
from cairn.improve import learning, parts
from cairn.improve.config import Config
from cairn.improve.gradients import Summed, gradient
from cairn.improve.parts import Metrics, Problem, Problems, State, Student
from cairn.improve.vocabulary import Vocabulary


def demonstrations(
    problem: Problem, config: Config, state: State, n: int
) -> tuple[Rollouts, Problems]:
    """Correct answers to `n` problems, one each."""
    problems = parts.draw(problem, config, state, n, "demonstrated problems")
    if isinstance(problem.task, Revising):  # every instruction has been seen
        mode = jnp.arange(n, dtype=jnp.int32) % (DIVERGE + 1)
        problems = jax.vmap(problem.task.asked)(problems, mode)
    keys = jax.random.split(parts.key_for(state, "demonstrations"), n)
    prompt = parts.shown(problem, config, problems)
    if config.sft_hinted:
        prompt = _some_hinted(problem, config, state, problems, prompt)
    tokens = problem.vocabulary.write(jax.vmap(problem.task.demonstration)(problems, keys))
    mask = upto_end(problem.vocabulary, tokens)
    return written(prompt.ids, prompt.length, tokens[:, None], mask[:, None]), problems


def _some_hinted(
    problem: Problem, config: Config, state: State, problems: Problems, prompt: Prompt
) -> Prompt:
    """Some of the prompts with the answer given away in them."""
    n = prompt.length.shape[0]
    keys = jax.random.split(parts.key_for(state, "demonstrated hints"), n)
    hinted = problem.vocabulary.prompt(jax.vmap(problem.task.hinted)(problems, keys))
    missing = hinted.ids.shape[1] - prompt.ids.shape[1]
    plain = jnp.pad(prompt.ids, ((0, 0), (missing, 0)))
    with_hint = jax.vmap(lambda key: jax.random.uniform(key) < config.sft_hinted)(keys)
    ids = jnp.where(with_hint[:, None], hinted.ids, plain)
    return Prompt(ids, jnp.where(with_hint, hinted.length, prompt.length))


def upto_end(vocabulary: Vocabulary, tokens: Int[Array, "*b T"]) -> Float[Array, "*b T"]:
    """1 up to and with the first end of an answer."""
    ended = vocabulary.ended(tokens).astype(jnp.int32)
    return (jnp.cumsum(ended, axis=-1) - ended == 0).astype(jnp.float32)


def written(
    prompt: Int[Array, "P Tp"],
    lengths: Int[Array, " P"],
    tokens: Int[Array, "P G T"],
    mask: Float[Array, "P G T"],
) -> Rollouts:
    """Answers as a record, whoever has sampled them or nobody: what `mask` has of them."""
    ones = jnp.ones(tokens.shape[:2], jnp.float32)
    return Rollouts(
        prompt=prompt,
        prompt_len=lengths,
        tok=tokens,
        mask=mask,
        logp_b=jnp.zeros_like(mask),
        reward=ones,
        quality=ones,
        seg=jnp.zeros_like(tokens),
        truncated=jnp.zeros(tokens.shape[:2], bool),
        node=jnp.arange(tokens.shape[0], dtype=jnp.int32),
    )


Chosen = tuple[Rollouts, Float[Array, "P G"]]
"""Answers, and the weight of each."""


def held(batch: Chosen) -> Bool[Array, "P G T"]:
    """The tokens that have a weight in the loss."""
    rollouts, weight = batch
    return (rollouts.mask > 0) & (weight > 0)[:, :, None]


def _shares(batch: Chosen) -> Float[Array, "P G T"]:
    rollouts, weight = batch
    each = rollouts.mask * weight[:, :, None]
    return each / jnp.maximum(jnp.sum(each), 1e-8)


def _loss(
    student: Student, some: tuple[Chosen, Float[Array, "P G T"]]
) -> tuple[Float[Array, ""], Metrics]:
    (rollouts, _), share = some
    found = learning.scores(student.model, rollouts)
    loss = -jnp.sum(share * found.log_prob)
    return loss, {"loss": loss, "entropy": jnp.sum(share * found.entropy)}


cross_entropy = Summed(_shares, _loss)
"""-log π of every token, weighted by its answer: mean over tokens, each as heavy as its answer.

Answers of weight 0 count for nothing, in no divisor either.
"""


def warm_up(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """One update on demonstrations."""
    rollouts, _ = demonstrations(problem, config, state, config.sft_batch)
    batch, mesh = (rollouts, rollouts.reward), problem.sharers(config.sft_batch)
    found, metrics = gradient(cross_entropy, state.student, batch, mesh)
    student, moments, norm = learning.descend(
        config, state.student, state.moments, found, jnp.float32(config.sft_learning_rate)
    )
    tokens = learning.count(held(batch))
    ledger = state.ledger.add(tokens_learned=tokens, updates=1)
    metrics = {f"sft_{name}": value for name, value in (metrics | {"gradient_norm": norm}).items()}
    return parts.after(state, student=student, moments=moments, ledger=ledger), Report(metrics)
