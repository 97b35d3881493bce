"""Many answers to each problem of a test, and how well the best of them can be told from the rest.

What a model does at once (its likeliest answer), what most of k answers say, which of k a model of
rewards likes best, whether any of k is right: all from the same n answers, each expectation over
which k of them were drawn.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key

from cairn.evaluation import passing
from cairn.evaluation.behaviour import Answers, figures, powers
from cairn.improve import learning, parts, reward_model, steps, testing
from cairn.improve.config import Config
from cairn.improve.parts import Played, Problem, Problems
from cairn.improve.reward_model import RewardModel
from cairn.nn.language.transformer import Transformer


class Candidates(NamedTuple):
    """n sampled answers to each of P problems."""

    played: Played
    logp_start: Float[Array, "P n T"]
    """Of their tokens under the model that training began with."""
    score: Float[Array, "P n"] | None
    """What a model of rewards thinks of each."""
    greedy: Bool[Array, " P"]
    """Whether the likeliest answer is correct."""


def answer(
    problem: Problem,
    config: Config,
    model: Transformer,
    start: Transformer,
    problems: Problems,
    key: Key[Array, ""],
    number: int,
    scorer: RewardModel | None = None,
) -> Candidates:
    """`number` answers at temperature 1 to each of P problems, scored by `scorer` if there is one.

    The score goes by the settings: of `reward = steps` the least of an answer's steps, else what is
    thought of the whole. To be compiled, and mapped over seeds, by the caller.
    """
    checked, prompt = testing.verified(config), parts.shown(problem, config, problems)
    ask = lambda n, heat: parts.answer(  # noqa: E731
        problem, checked, model, problems, prompt, key, group=n, temperature=heat
    )
    played = ask(number, 1.0)
    rollouts = played.rollouts
    score = None if scorer is None else scored(config, scorer, played)
    own = learning.scores(start, parts.unconditioned(config, rollouts)).log_prob
    return Candidates(played, own, score, ask(1, 0.0).correct[:, 0])


def scored(config: Config, scorer: RewardModel, played: Played) -> Float[Array, "P n"]:
    """What a model of rewards thinks of answers: a logit, whatever it was trained by."""
    rollouts = played.rollouts
    logit = reward_model.readings(scorer, parts.unconditioned(config, rollouts))
    if config.reward != "steps":
        return reward_model.last(logit, rollouts)
    at = steps.ends(rollouts.seg, rollouts.length.astype(jnp.int32))
    return jnp.min(jnp.where(at, logit, jnp.inf), axis=-1)


def described(found: Candidates, vocabulary: int) -> dict[str, float | None]:
    """One seed's answers, on the host, in figures: those of `cairn.evaluation.behaviour`; `greedy`;
    `majority@k`; and with scores `rerank@k` and what the chosen one scores (`proxy@k`)."""
    here = jax.device_get(found)
    played = here.played
    rollouts, number = played.rollouts, played.correct.shape[1]
    told = figures(
        Answers(
            tokens=rollouts.tok,
            mask=rollouts.mask,
            correct=played.correct,
            quality=rollouts.quality,
            canonical=played.canonical,
            truncated=rollouts.truncated,
            logp=rollouts.logp_b,
            logp_start=here.logp_start,
        ),
        vocabulary,
    )
    told["greedy"] = float(here.greedy.mean())
    for k in powers(number)[1:]:
        told[f"majority@{k}"] = float(
            passing.majority_at(played.correct, played.canonical, k).mean()
        )
    if here.score is None:
        return told
    told["proxy@1"] = float(here.score.mean())
    rank = np.where(rollouts.truncated, -np.inf, here.score)  # without an end chosen by nobody
    for k in powers(number)[1:]:
        told[f"rerank@{k}"] = float(passing.best_of(played.correct, rank, k).mean())
        told[f"proxy@{k}"] = float(passing.best_of(here.score, rank, k).mean())
    return told


def best_of_n_divergence(n: int) -> float:
    """KL of the best of n from the model that wrote them, at most: log n - (n - 1) / n nats.

    Source: Stiennon et al. 2020, arXiv:2009.01325, appendix G.3; a bound: Beirami et al. 2024,
    arXiv:2401.01879.
    """
    return float(np.log(n) - (n - 1) / n)


def by_seed(found: Candidates) -> list[Candidates]:
    """Answers of several seeds, fetched from the device, one by one."""
    whole = jax.device_get(found._replace(played=found.played._replace(problems=None)))
    leaves, form = jax.tree.flatten(whole)
    return [jax.tree.unflatten(form, row) for row in zip(*leaves, strict=True)]
