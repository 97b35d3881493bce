"""C-RLFT: data of two qualities, each told apart by its class and weighted by what it is worth.

Wang et al. 2023 (OpenChat), arXiv:2309.11235. The optimum of reward minus β KL to what each class
does is a weighted cross-entropy: w ∝ e^(r/β) by class, and the class stands in the prompt. Here
good data are demonstrations and bad ones have errors in them; in the end good ones are asked for.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from cairn.core import checks
from cairn.core.vocabulary import EOS, PAD, RESERVED
from cairn.engine.program import Report
from cairn.envs.tokens.protocol import TokenTask
from cairn.improve import cloning, conditioned, learning, parts
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(conditioned.Conditioned):
    """C-RLFT. Data are `sft_batch` answers a cycle."""

    clean: float = 0.2
    """Share of good data."""
    errors: float = 0.15
    """Chance of each symbol of a bad answer to be another one."""
    classes: bool = True
    """Whether the prompt tells an answer's class, or says good of all (for comparison)."""
    bad_weight: float = 0.1
    """What a bad answer weighs, where a good one weighs 1."""

    counts: ClassVar[tuple[str, ...]] = ("updates", "tokens_learned", "tokens_tested")
    budget: ClassVar[tuple[str, ...]] = ("tokens_learned",)

    def __post_init__(self) -> None:
        conditioned.Conditioned.__post_init__(self)
        checks.share(self, "clean", "errors")
        checks.not_negative(self, "bad_weight")

    def least(self, task: TokenTask) -> int:
        """A batch of the longest answers."""
        return self.sft_batch * task.answer_length


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Draw data of both classes; -log π, by class and weight."""
    rollouts, problems = cloning.demonstrations(problem, config, state, config.sft_batch)
    keys = jax.random.split(parts.key_for(state, "classes"), config.sft_batch)
    good = jax.vmap(lambda key: jax.random.uniform(key) < config.clean)(keys)
    spoiled = jax.vmap(lambda row, key: spoil(problem, config, row, key))(rollouts.tok[:, 0], keys)
    tokens = jnp.where(good[:, None], rollouts.tok[:, 0], spoiled)
    rollouts = rollouts._replace(tok=tokens[:, None])
    length = jnp.sum(rollouts.mask[:, 0], axis=-1).astype(jnp.int32)
    said = problem.vocabulary.read(tokens)
    correct = jax.vmap(problem.task.verify)(problems, said, length).correct
    told = good if config.classes else jnp.ones_like(good)
    labelled = conditioned.relabelled(problem, rollouts, told[:, None])
    batch = labelled, jnp.where(good, 1.0, config.bad_weight)[:, None]
    student, moments, metrics = learning.learn(
        problem, config, state, batch, cloning.cross_entropy, rate=config.sft_learning_rate
    )
    tokens = learning.count(cloning.held(batch)) * config.epochs
    ledger = state.ledger.add(tokens_learned=tokens, updates=config.epochs * config.minibatches)
    after = parts.after(state, student=student, moments=moments, ledger=ledger)
    bad = {"bad_correct": parts.masked_mean(correct.astype(jnp.float32), ~good)}
    return after, Report(metrics | bad)


def spoil(
    problem: Problem, config: Config, tokens: Int[Array, " T"], key: Key[Array, ""]
) -> Int[Array, " T"]:
    """An answer with each symbol replaced by chance; its end stays where it is."""
    first, last = len(RESERVED), len(problem.task.symbols)
    coin, which = jax.random.split(key)
    hit = jax.random.uniform(coin, tokens.shape) < config.errors
    other = problem.vocabulary.write(
        jax.random.randint(which, tokens.shape, first, last, jnp.int32)
    )
    said = problem.vocabulary.read(tokens)
    return jnp.where(hit & (said != EOS) & (said != PAD), other, tokens)


METHOD = method(__doc__, Config, step)
