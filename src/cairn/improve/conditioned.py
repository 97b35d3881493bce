"""Return-conditioned learning: every answer is imitated, told beforehand how good it is.

Havrilla et al. 2024, arXiv:2403.04642; Schmidhuber 2019, arXiv:1912.02875. Instead of SEP the
prompt ends with a symbol, good or bad, that the answer earned afterwards; whoever wants good ones
asks for them. The symbol itself is not learned. Answers are of the start, asked as it was taught.
To a start that has never seen the symbols both mean at first what SEP means to it, so that it
answers behind them as well as it did; what they were before would unlearn the task.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
from jaxtyping import Array, Bool

from cairn.core.rollouts import Rollouts
from cairn.engine.program import Report
from cairn.improve import cloning, learning, parts
from cairn.improve.config import BAD, GOOD
from cairn.improve.config import Config as Shared
from cairn.improve.method import method
from cairn.improve.parts import Played, Problem, State


@dataclass(frozen=True)
class Conditioned(Shared):
    """What every method needs to know whose prompts tell how good an answer is going to be."""

    signs: Literal["auto", "new", "known"] = "auto"
    """Whether the start has never seen these symbols, or is of such a method itself; auto: as the
    run that this one starts from says (init_from), and new without one. Demonstrations of this very
    run (sft_steps) make them known too."""

    conditioned: ClassVar[bool] = True

    @property
    def unknown(self) -> bool:
        """Whether the start has never seen the conditions that prompts end with."""
        return self.signs != "known" and not self.sft_steps

    def follows(self, start: Any) -> Mapping[str, Any]:
        """Whether the start knows the signs."""
        if self.signs != "auto":
            return {}
        return {"signs": "known" if isinstance(start, Conditioned) else "new"}


@dataclass(frozen=True)
class Config(Conditioned):
    """Return-conditioned learning."""

    behaviour: Literal["current", "start"] = "start"
    """Whose answers are learned from: those of the model it started from, or of the model as it is,
    asked for good ones."""


def step(problem: Problem, config: Config, state: State) -> tuple[State, Report]:
    """Ask for good answers; tell each what it was; -log π of all of them."""
    played = play(problem, config, state)
    reward = played.rollouts.reward
    good = reward > (0.5 if config.reward != "model" else jnp.nanmedian(reward))
    labelled = relabelled(problem, played.rollouts, good)
    weight = (~jnp.isnan(reward)).astype(jnp.float32)
    batch = labelled, weight
    return learning.improve(
        problem, config, state, played, batch, cloning.cross_entropy, held=cloning.held(batch)
    )


def play(problem: Problem, config: Config, state: State) -> Played:
    """Answers to be told what they are."""
    if config.behaviour == "current":
        return parts.play(problem, config, state)
    return parts.rewarded(config, state, parts.play_start(problem, config, state, state.start))


def relabelled(problem: Problem, rollouts: Rollouts, good: Bool[Array, "P G"]) -> Rollouts:
    """Answers whose prompts end with what each of them is, in the place of what was asked for.

    The symbol becomes the first of the answer's own tokens, one that nobody sampled, so that a
    group still shares its prompt.
    """
    shorter = jnp.pad(rollouts.prompt[:, :-1], ((0, 0), (1, 0)))  # a prompt stands at the right
    conditions = problem.vocabulary.conditions
    first = jnp.where(good, conditions[GOOD], conditions[BAD]).astype(jnp.int32)
    ahead = lambda row, value: jnp.concatenate([value[:, :, None], row], axis=2)  # noqa: E731
    none = jnp.zeros(good.shape, jnp.float32)
    return rollouts._replace(
        prompt=shorter,
        prompt_len=rollouts.prompt_len - 1,
        tok=ahead(rollouts.tok, first),
        mask=ahead(rollouts.mask, none),
        logp_b=ahead(rollouts.logp_b, none),
        seg=ahead(rollouts.seg, jnp.zeros(good.shape, jnp.int32)),
    )


METHOD = method(__doc__, Config, step)
