"""Return-conditioned learning: every answer is imitated, told beforehand how good it is.

Havrilla et al. 2024, arXiv:2403.04642; Schmidhuber 2019, arXiv:1912.02875. The prompt ends with a
symbol, good or bad, that the answer earned afterwards; whoever wants good ones asks for them. The
symbol itself is not learned. A model that has never seen it would answer nothing sensible behind
it, and learn from that: so at first the start answers, asked as it was taught.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from cairn.core import checks, trees
from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.envs.tokens.protocol import Prompt
from cairn.improve import cloning, learning, parts
from cairn.improve.config import BAD, GOOD
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Played, Problem, State


@dataclass(frozen=True)
class Config(Shared):
    """Return-conditioned learning."""

    introduced: int = 40
    """Cycles in which the start answers without being told anything, while the model learns what it
    is to be told; none after demonstrations of this very run, which have told it."""

    conditioned: ClassVar[bool] = True

    def __post_init__(self) -> None:
        Shared.__post_init__(self)
        checks.at_least(self, 0, "introduced")


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Ask for good answers; tell each what it was; -log π of all of them."""
    known = config.sft_steps or not config.introduced
    played = parts.play(problem, config, state) if known else introduce(problem, config, state)
    reward = played.rollouts.reward
    good = reward > (0.5 if config.reward != "model" else jnp.nanmedian(reward))
    labelled = relabelled(problem, config, played.rollouts, good)
    weight = (~jnp.isnan(reward)).astype(jnp.float32)
    batch = labelled, weight
    return learning.improve(problem, config, state, played, batch, cloning.cross_entropy)


def introduce(problem: Problem, config: Config, state: State) -> Played:
    """Answers of the start to prompts that tell nothing, in the first cycles; later as usual.

    In the record every prompt asks for a good answer, as if it always had.
    """
    early = state.cycle < config.before + config.introduced
    problems = parts.draw(problem, config, state, config.prompts, "problems")
    told, plain = parts.shown(problem, config, problems), jax.vmap(problem.task.prompt)(problems)
    ids = jnp.where(early, jnp.pad(plain.ids, ((0, 0), (1, 0))), told.ids)
    asked = Prompt(ids, jnp.where(early, plain.length, told.length))
    who = trees.where(early, state.start, state.student.model)
    played = parts.answer(problem, config, who, problems, asked, parts.key_for(state, "answers"))
    rollouts = played.rollouts._replace(prompt=told.ids, prompt_len=told.length)
    return parts.judged(config, state, played._replace(rollouts=rollouts))


def relabelled(
    problem: Problem, config: Shared, rollouts: Rollouts, good: Bool[Array, "P G"]
) -> Rollouts:
    """Answers whose prompts end with what each of them is, in the place of what was asked for.

    The symbol becomes the first of the answer's own tokens, one that nobody sampled, so that a
    group still shares its prompt.
    """
    first = len(problem.task.symbols) + jnp.where(good, GOOD, BAD).astype(jnp.int32)
    ahead = lambda row, value: jnp.concatenate([value[:, :, None], row], axis=2)  # noqa: E731
    none = jnp.zeros(good.shape, jnp.float32)
    return parts.untold(config, rollouts)._replace(
        tok=ahead(rollouts.tok, first),
        mask=ahead(rollouts.mask, none),
        logp_b=ahead(rollouts.logp_b, none),
        seg=ahead(rollouts.seg, jnp.zeros(good.shape, jnp.int32)),
    )


METHOD = method(__doc__, Config, step)
