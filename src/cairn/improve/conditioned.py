"""Return-conditioned learning: every answer is imitated, told beforehand how good it is.

Havrilla et al. 2024, arXiv:2403.04642; Schmidhuber 2019, arXiv:1912.02875. The prompt ends with a
symbol, good or bad, that the answer earned afterwards; whoever wants good ones asks for them. The
symbol itself is not learned.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Bool

from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.improve import cloning, learning, parts
from cairn.improve.config import BAD, GOOD
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Problem, State


@dataclass(frozen=True)
class Config(Shared):
    """Return-conditioned learning."""

    conditioned: ClassVar[bool] = True


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Ask for good answers; tell each what it was; -log π of all of them."""
    played = parts.play(problem, config, state)
    reward = played.rollouts.reward
    good = reward > (0.5 if config.reward != "model" else jnp.nanmedian(reward))
    labelled = relabelled(problem, config, played.rollouts, good)
    weight = (~jnp.isnan(reward)).astype(jnp.float32)
    batch = labelled, weight
    return learning.improve(problem, config, state, played, batch, cloning.cross_entropy)


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
